//! What a sender over HTTP is told about what it sent, packed or not, and where else it is said why something was not stored.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use simulator::api::segment;
use stories::{Answer, Operator, Story};

fn ingest(operator: &Operator, topic: &str, payload: &str) -> Answer {
    operator.send("POST", &format!("/ingest/{topic}"), &[], Some(payload.as_bytes()))
}

fn detail(answer: &Answer) -> &str {
    answer.body["detail"].as_str().unwrap_or_else(|| panic!("no reason is told: {answer:?}"))
}

fn many(count: usize) -> String {
    let values: Vec<String> = (0..count).map(|n| format!("\"level_{n}\":{n}")).collect();
    format!("{{{}}}", values.join(","))
}

#[test]
fn a_message_that_is_not_stored_or_not_whole_is_answered_with_why() {
    let story = Story::begin();
    let operator = story.operator();
    let unread = ingest(&operator, "a/b", r#"{"temperature":21."#);
    assert_eq!((unread.status, &unread.body["outcome"]), (200, &json!("unread")), "{unread:?}");
    assert_eq!(unread.body["reason"], "json_incomplete");
    assert!(detail(&unread).contains("at byte 17") && detail(&unread).contains("unread messages"), "{unread:?}");
    let text = ingest(&operator, "a/b", "hello there");
    assert_eq!((&text.body["outcome"], &text.body["reason"]), (&json!("no_reading"), &json!("text")), "{text:?}");
    assert!(detail(&text).contains("nothing to store"), "{text:?}");

    let cut = ingest(&operator, "big/board", &many(300));
    assert_eq!((cut.status, &cut.body["readings"]), (200, &json!(256)), "{cut:?}");
    assert_eq!(cut.body["rejected"], json!({"limit": 44}));
    assert!(detail(&cut).starts_with("44 of its 300 values were refused: one message may bring 256"), "{cut:?}");
    let plain = ingest(&operator, "a/b", r#"{"temperature":21.5}"#);
    assert_eq!(plain.body, json!({"outcome": "stored", "readings": 1}), "nothing to explain");

    let refused = ingest(&operator, "ghost/board", r#"{"id_number":9007199254740993,"level":9007199254740995}"#);
    assert_eq!(refused.problem(&[422]), "precision");
    assert_eq!(refused.body["rejected"]["precision"].as_u64(), Some(2), "{refused:?}");
    assert!(detail(&refused).contains("2 of its 2 values were refused: an integer beyond 2^53"), "{refused:?}");
    assert_eq!(operator.get("/devices/ghost%2Fboard").status, 404, "a device comes to be by a reading that is stored");
    let books = operator.settled_books();
    assert_eq!((books.messages.received, books.messages.stored, books.readings.decoded), (5, 2, 303));
    story.finish();
}

#[test]
fn what_was_left_out_of_a_message_is_said_where_people_look_for_it() {
    let story = Story::begin();
    let operator = story.operator();
    let mut board = story.device("board");
    board.publish("big/board", many(300));
    let trace = operator.see("/topics/trace?topic=big%2Fboard");
    let steps = trace["messages"][0]["steps"].as_array().unwrap();
    let said = |words: &str| steps.iter().any(|step| step.as_str().unwrap().contains(words));
    assert!(said("44 of its 300 values were refused: one message may bring 256"), "{trace}");
    let health = operator.see("/devices/big%2Fboard/health");
    let hints = health["hints"].as_array().unwrap();
    let hint = hints.iter().find(|hint| hint["code"] == "too_many_values").unwrap_or(&Value::Null);
    let sentence = "A message of it had 300 values, of which 44 were refused: one message may bring 256.";
    assert_eq!(hint["sentence"], sentence, "{health}");

    let config = r#"{"name":"Attic","unique_id":"attic_t","state_topic":"attic/t","unit_of_measurement":"°C",
        "device":{"identifiers":["attic1"],"name":"Attic board"}}"#;
    board.publish("homeassistant/sensor/attic/t/config", config);
    let trace = operator.see(&format!("/topics/trace?topic={}", segment("homeassistant/sensor/attic/t/config")));
    assert_eq!(trace["charted"], false);
    let why = trace["why"].as_str().unwrap();
    assert!(why.starts_with("It is not charted: it announces 1 value of device attic1"), "{why}");
    story.finish();
}

#[test]
fn a_refused_message_makes_no_device_and_is_acknowledged_and_counted() {
    let mut story = Story::begin();
    let mut board = story.device("board");
    board.publish("shed/level", "9007199254740993");
    assert_eq!(story.operator().see("/devices")["items"], json!([]), "nothing of it was stored");
    board.publish("shed/level", "21.5");
    let counted = |operator: &Operator| {
        let books = operator.settled_books();
        (books.messages.received, books.messages.stored, books.messages.rejected.values().sum::<u64>())
    };
    assert_eq!(counted(&story.operator()), (2, 1, 1));
    drop(board);
    story.kill_and_restart();
    let operator = story.operator();
    assert_eq!(counted(&operator), (2, 1, 1));
    let devices = operator.see("/devices");
    assert_eq!(devices["items"].as_array().map(Vec::len), Some(1), "{devices}");
    assert_eq!(operator.values("shed", "level"), [json!(21.5)]);
    story.finish();
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// One unpacked byte behind a header of 40,000.
fn padded_member() -> Vec<u8> {
    let mut header = vec![0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255];
    header.extend_from_slice(&40_000_u16.to_le_bytes());
    header.resize(header.len() + 40_000, b'x');
    [header, packed(b"\n")[10..].to_vec()].concat()
}

fn send(story: &Story, path: &str, encoding: &str, body: &[u8]) -> Answer {
    let url = format!("http://{}{path}", story.operator().http());
    story.operator().send_to("POST", &url, &[("content-encoding", encoding)], Some(body))
}

#[test]
fn every_way_in_over_http_takes_gzip_and_nothing_else() {
    let story = Story::begin();
    let operator = story.operator();
    let lines: String = (0..500).map(|n| format!("tank level={n} {}\n", 1_700_000_000 + n)).collect();
    let written = send(&story, "/api/v2/write?precision=s", "gzip", &packed(lines.as_bytes()));
    assert_eq!(written.status, 204, "as Telegraf sends it: {written:?}");
    assert_eq!(operator.readings("tank", "tank.level").len(), 500);
    // Two members one behind the other are one text.
    let two = [packed(b"tank level=1 1600000000\n"), packed(b"tank level=2 1600000001\n")].concat();
    assert_eq!(send(&story, "/write?precision=s", "x-gzip", &two).status, 204);
    assert_eq!(operator.readings("tank", "tank.level").len(), 502);
    let message = send(&story, "/api/v1/ingest/attic/temperature", "GZIP", &packed(b"21.5"));
    assert_eq!(message.body["readings"], 1, "{message:?}");
    let told = json!({"values": {"level": 3}}).to_string();
    let told = send(&story, "/api/v1/devices/shed/readings", "gzip", &packed(told.as_bytes()));
    assert_eq!(told.body["readings"], 1, "{told:?}");
    let table = "time,level\n1700000000000,1\n1700000001000,2\n";
    let mapping = json!({"time": {"column": 1, "form": "ms"}, "device": {"key": "well"}, "fields": [{"column": 2, "metric": "level"}]});
    let path = format!("/api/v1/imports?mapping={}", segment(&mapping.to_string()));
    let import = send(&story, &path, "gzip", &packed(table.as_bytes()));
    assert_eq!((import.status, &import.body["stored"]), (201, &json!(2)), "{import:?}");
    assert_eq!((&import.body["bytes"], &import.body["bytes_total"]), (&json!(table.len()), &Value::Null));
    let well = operator.see("/devices/well");
    assert_eq!((&well["new"], &well["status"]), (&json!(false), &json!("never_seen")), "{well}");
    let sentence = operator.see("/devices/well/health")["sentence"].clone();
    assert!(sentence.as_str().unwrap().contains("its newest reading, from a table, is "), "{sentence}");

    let before = operator.settled_books().messages.received;
    let bomb = packed(&vec![b'\n'; 64 * 1024 * 1024]);
    assert!(bomb.len() < 128 * 1024, "{} bytes", bomb.len());
    let hollow = packed(b"").repeat(100_000);
    let wide = padded_member().repeat(30);
    let import = send(&story, &path, "gzip", &hollow);
    assert_eq!(import.problem(&[422]), "import_failed");
    assert!(detail(&import).contains("unpack to nothing"), "{import:?}");
    for path in ["/write", "/api/v1/ingest/a/b", "/api/v1/devices/a/readings", "/api/v1/imports/preview"] {
        let refused = send(&story, path, "gzip", &bomb);
        assert_eq!(refused.problem(&[413]), "too_large", "{path}");
        assert!(detail(&refused).contains("BODY_BYTES_MAX"), "{refused:?}");
        let hollow = send(&story, path, "gzip", &hollow);
        assert_eq!(hollow.problem(&[400]), "body_invalid", "{path}: {hollow:?}");
        assert!(detail(&hollow).contains("unpack to nothing"), "{hollow:?}");
        let wide = send(&story, path, "gzip", &wide);
        assert_eq!(wide.problem(&[413]), "too_large", "{path}: {wide:?}");
        assert!(detail(&wide).contains("BODY_BYTES_MAX"), "{wide:?}");
        let broken = send(&story, path, "gzip", b"no gzip at all");
        assert_eq!(broken.problem(&[400]), "body_invalid", "{path}: {broken:?}");
        for other in ["br", "zstd", "deflate", "gzip, gzip"] {
            let unknown = send(&story, path, other, b"21.5");
            assert_eq!(unknown.problem(&[415]), "encoding_unknown", "{path} {other}");
            assert!(detail(&unknown).contains("gzip"), "{unknown:?}");
        }
    }
    assert_eq!(operator.settled_books().messages.received, before, "none of these was a message");
    story.finish();
}
