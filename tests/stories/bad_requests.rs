//! Requests that are wrong are answered by a problem that a program can tell by its code.

use serde_json::json;
use stories::{Socket, Story};

#[test]
fn wrong_query_parameters_are_refused_with_a_code() {
    let story = Story::begin();
    let operator = story.operator();
    story.device("esp32").publish("esp32/dht/temperature", "23.75");
    let series = "device=esp32%2Fdht&metric=temperature";
    let wrong = [
        format!("/readings?{series}&limit=0"),
        format!("/readings?{series}&limit=10001"),
        format!("/readings?{series}&limit=many"),
        format!("/readings?{series}&order=up"),
        format!("/readings?{series}&from=yesterday"),
        format!("/readings?{series}&from=2024-13-01T00:00:00Z"),
        format!("/readings?{series}&cursor=nonsense"),
        format!("/readings?{series}&colour=red"),
        "/readings?metric=temperature".into(),
        "/readings?device=esp32%2Fdht".into(),
        format!("/windows?{series}"),
        format!("/windows?{series}&from=0&to=1000&width=0"),
        format!("/windows?{series}&from=0&to=1000&width=4001"),
        format!("/windows?{series}&from=0&to=1000&width=-5"),
        format!("/windows?{series}&from=0&to=1000&step_ms=7"),
        format!("/windows?{series}&from=0&to=99999999999999999999"),
        "/latest?device=esp32%2Fdht&unit=F".into(),
        "/devices?limit=0".into(),
        "/devices?status=asleep".into(),
        "/devices?cursor=nonsense".into(),
        "/inbox/messages?limit=x".into(),
        "/inbox/messages?cursor=nonsense".into(),
    ];
    for path in wrong {
        let code = operator.get(&path).problem(&[400, 422]);
        assert!(!code.is_empty(), "{path}");
    }
    story.finish();
}

#[test]
fn what_is_not_there_is_said_to_be_not_there() {
    let story = Story::begin();
    let operator = story.operator();
    story.device("esp32").publish("esp32/dht/temperature", "23.75");
    assert_eq!(operator.get("/devices/nobody").problem(&[404]), "device_unknown");
    assert_eq!(operator.get("/readings?device=nobody&metric=temperature").problem(&[404]), "device_unknown");
    let _ = operator.get("/readings?device=%ff%fe&metric=temperature").problem(&[400, 404]);
    let _ = operator.get("/windows?device=nobody&metric=temperature&from=0&to=1000").problem(&[404]);
    let _ = operator.get("/nothing-of-the-kind").problem(&[404]);
    let _ = operator.post("/inbox/messages/999999/retry", &json!({})).problem(&[404]);
    let _ = operator.send("DELETE", "/readings", &[], None).problem(&[404, 405]);
    let _ =
        operator.send("PATCH", "/devices/nobody", &[("content-type", "application/json")], Some(b"{}")).problem(&[404]);
    story.finish();
}

#[test]
fn bodies_with_unknown_fields_or_no_sense_are_refused() {
    let story = Story::begin();
    let operator = story.operator();
    story.device("esp32").publish("esp32/dht/temperature", "23.75");
    let json = [("content-type", "application/json")];
    let range = r#""from":0,"to":1000,"width":10"#;
    let many: Vec<String> = (0..201).map(|n| format!(r#"{{"device":"d{n}","metric":"m"}}"#)).collect();
    let wrong: [(&str, &str, String); 9] = [
        ("POST", "/devices", r#"{"key":"a","colour":"red"}"#.into()),
        ("POST", "/devices", r#"{"key":"a","topics":["a/#/b"]}"#.into()),
        ("POST", "/devices", r#"{"key":"#.into()),
        ("POST", "/devices", r#"{"key":5}"#.into()),
        ("POST", "/devices", r#"{"key":"a\u0000b"}"#.into()),
        ("PATCH", "/devices/esp32%2Fdht", r#"{"name":"x","colour":"red"}"#.into()),
        ("POST", "/windows", format!(r#"{{"series":[],{range},"colour":"red"}}"#)),
        ("POST", "/windows", format!(r#"{{"series":[{}],{range}}}"#, many.join(","))),
        ("POST", "/windows", "[]".into()),
    ];
    for (method, path, body) in wrong {
        let answer = operator.send(method, path, &json, Some(body.as_bytes()));
        assert!(!answer.problem(&[400, 422]).is_empty(), "{method} {path} {body}");
    }
    let topic = operator.send("POST", "/ingest/a/%23/b", &[], Some(b"1"));
    let _ = topic.problem(&[400, 422]);
    assert_eq!(operator.see("/devices")["items"].as_array().map(Vec::len), Some(1), "nothing was made on the way");

    let taken = operator.post("/devices", &json!({"key": "esp32/dht"}));
    assert_eq!(taken.problem(&[409]), "device_exists");
    story.finish();
}

/// Status line and body of a request written by hand.
fn raw(story: &Story, head: &str) -> String {
    let mut socket = Socket::open(story.server().http());
    socket.send(format!("{head}\r\nConnection: close\r\n\r\n").as_bytes());
    String::from_utf8_lossy(&socket.expect_closed("Connection: close")).into_owned()
}

#[test]
fn a_page_of_another_site_cannot_use_this_server() {
    let story = Story::begin();
    let http = story.server().http();
    let port = http.port();
    for path in ["/api/v1/devices", "/api/v1/about", "/health", "/metrics", "/"] {
        let own = raw(&story, &format!("GET {path} HTTP/1.1\r\nHost: {http}"));
        assert!(own.starts_with("HTTP/1.1 200"), "{path}: {own}");
        let foreign_hosts = ["evil.test", "192.0.2.7:80", "localhost.evil.test", "127.0.0.1.evil.test"];
        for host in foreign_hosts {
            let answer = raw(&story, &format!("GET {path} HTTP/1.1\r\nHost: {host}"));
            assert!(answer.starts_with("HTTP/1.1 403"), "{path} with Host {host}: {answer}");
        }
        let origins = ["http://evil.test".into(), "null".into(), format!("http://localhost:{}", port ^ 1)];
        for origin in origins {
            let answer = raw(&story, &format!("GET {path} HTTP/1.1\r\nHost: {http}\r\nOrigin: {origin}"));
            assert!(answer.starts_with("HTTP/1.1 403"), "{path} with Origin {origin}: {answer}");
        }
    }
    let same = raw(
        &story,
        &format!("GET /api/v1/about HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: http://localhost:{port}"),
    );
    assert!(same.starts_with("HTTP/1.1 200"), "{same}");
    let upgrade = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    let socket = format!("GET /api/v1/live HTTP/1.1\r\nHost: {http}\r\nOrigin: http://evil.test\r\n{upgrade}");
    let answer = raw(&story, &socket);
    assert!(answer.starts_with("HTTP/1.1 403"), "a live socket for another site: {answer}");
    story.finish();
}

#[test]
fn what_is_not_http_is_no_trouble_for_others() {
    let story = Story::begin();
    for bytes in [&b"\x10\x10\x00\x04MQTT\x04\x02\x00\x00\x00\x04rude"[..], &[0xff; 512], b"GET\r\n\r\n"] {
        let mut rude = Socket::open(story.server().http());
        rude.send(bytes);
        rude.finish();
        let said = rude.expect_closed("bytes that are no HTTP");
        assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&said));
    }
    assert_eq!(story.operator().get("/about").status, 200);
    story.finish();
}
