//! Each way in says what came over it.

use serde_json::{Value, json};
use stories::{Operator, Story, expect};

fn way(operator: &Operator, name: &str) -> Value {
    let sources = operator.see("/sources");
    let items = sources["items"].as_array().unwrap();
    items.iter().find(|item| item["name"] == name).cloned().unwrap_or(Value::Null)
}

#[test]
fn every_way_in_tells_what_it_received_also_after_a_restart() {
    let mut story = Story::begin();
    let operator = story.operator();
    let names = |operator: &Operator| -> Vec<String> {
        let sources = operator.see("/sources");
        sources["items"].as_array().unwrap().iter().map(|item| item["kind"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&operator), ["embedded", "http", "import", "inbox"]);

    let mut device = story.device("esp32");
    for n in 0..20 {
        device.publish("esp32/dht/temperature", format!("{n}"));
    }
    assert_eq!(operator.post("/devices/attic/readings", &json!({"values": {"temperature": 21}})).status, 200);
    let mqtt = way(&operator, "mqtt");
    assert_eq!((&mqtt["state"], &mqtt["received"]), (&json!("listening"), &json!(20)));
    // A minute may have ended meanwhile: then a part of it counts.
    assert!(mqtt["per_minute"].as_u64().is_some_and(|count| (1..=20).contains(&count)), "{mqtt}");
    assert_eq!((&mqtt["in_flight"], &mqtt["lag_ms"], &mqtt["gaps"]), (&json!(0), &json!(0), &json!([])));
    assert!(mqtt["address"].as_str().unwrap().starts_with("mqtt://127.0.0.1:"), "{mqtt}");
    assert_eq!(way(&operator, "http")["received"], 1);
    assert_eq!(way(&operator, "import")["received"], 0);

    story.kill_and_restart();
    let mqtt = way(&story.operator(), "mqtt");
    assert_eq!((&mqtt["received"], &mqtt["per_minute"]), (&json!(20), &json!(0)));
    story.finish();
}

#[test]
fn a_broker_that_cannot_be_reached_is_a_way_in_that_fails() {
    let story = Story::begin();
    let operator = story.operator();
    // Nobody listens on port 1.
    let broker = json!({"name": "cellar", "host": "127.0.0.1", "port": 1, "filters": [{"filter": "#", "qos": 1}]});
    assert_eq!(operator.post("/brokers", &broker).status, 201);
    let cellar = expect("the source to fail", || {
        let cellar = way(&operator, "cellar");
        if cellar["state"] == "failing" { Ok(cellar) } else { Err(cellar) }
    });
    assert_eq!((&cellar["kind"], &cellar["address"]), (&json!("external"), &json!("mqtt://127.0.0.1:1")));
    assert!(cellar["detail"].as_str().is_some_and(|sentence| !sentence.is_empty()), "{cellar}");
    assert_eq!(operator.send("DELETE", "/brokers/cellar", &[], None).status, 204);
    assert_eq!(way(&operator, "cellar"), Value::Null);
    story.finish();
}
