//! The live socket: what is stored shows up by itself, a short absence is made up for, a long one is admitted.

use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use stories::Story;
use tungstenite::protocol::WebSocket;
use tungstenite::{Message, client};

/// How long the server may be silent before the story fails.
const MESSAGE_WITHIN: Duration = Duration::from_secs(90);
const SERIES: &str = "esp32/dht/temperature";

/// An open page that shows one series.
pub(crate) struct Page {
    socket: WebSocket<TcpStream>,
    /// What it was told first, before it asked for anything.
    greeting: Value,
}

impl Page {
    /// Without `since` it hears what comes from its greeting on: whatever happens before its question is read is in the answer.
    pub(crate) fn open(story: &Story, since: &Value) -> Self {
        let http = story.server().http();
        let stream = TcpStream::connect(http).unwrap();
        stream.set_read_timeout(Some(MESSAGE_WITHIN)).unwrap();
        let (socket, _) = client(format!("ws://{http}/api/v1/live"), stream).unwrap();
        let mut page = Self { socket, greeting: Value::Null };
        page.greeting = page.hear();
        let since = if since.is_null() { &page.greeting["cursor"] } else { since }.clone();
        page.say(&json!({"subscribe": [{"device": "esp32/dht", "metric": "temperature"}], "since": since}));
        page
    }

    fn say(&mut self, message: &Value) {
        self.socket.send(Message::text(message.to_string())).unwrap();
    }

    fn hear(&mut self) -> Value {
        loop {
            if let Message::Text(text) = self.socket.read().expect("the server says something in time") {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }

    /// Waits for the word that the past cannot be made up for. Others may come before it.
    fn hear_reset(&mut self) -> Value {
        loop {
            let message = self.hear();
            if message["reset"] == true {
                return message;
            }
        }
    }

    /// Values of the series, message by message, until there are `count`; and the last cursor.
    pub(crate) fn hear_values(&mut self, count: usize) -> (Vec<Value>, Value) {
        let (mut values, mut cursor) = (Vec::new(), Value::Null);
        while values.len() < count {
            let message = self.hear();
            cursor = message["cursor"].clone();
            values.extend(message["series"][SERIES]["v"].as_array().cloned().unwrap_or_default());
        }
        (values, cursor)
    }
}

#[test]
fn a_publish_shows_up_in_the_open_page() {
    let story = Story::begin();
    let mut page = Page::open(&story, &Value::Null);
    let hello = page.greeting.clone();
    assert!(hello["cursor"].is_string() && hello["series"].is_object() && hello["books"].is_object(), "{hello}");
    let mut device = story.device("esp32");
    device.publish("esp32/dht/temperature", "23.75");
    assert_eq!(page.hear_values(1).0, [json!(23.75)]);
    device.publish("esp32/dht/humidity", "48"); // Not subscribed.
    device.publish("esp32/dht/temperature", "24.25");
    assert_eq!(page.hear_values(1).0, [json!(24.25)]);
    story.finish();
}

#[test]
fn a_burst_arrives_complete_and_in_order() {
    let story = Story::begin();
    let mut page = Page::open(&story, &Value::Null);
    let numbers: Vec<Value> = (0..2_000).map(|n| json!(f64::from(n) / 4.0)).collect();
    let messages = numbers.iter().map(|n| ("esp32/dht/temperature".to_owned(), n.to_string().into_bytes()));
    story.device("esp32").publish_all(messages);
    assert_eq!(page.hear_values(2_000).0, numbers);
    story.finish();
}

#[test]
fn a_page_that_was_away_for_a_moment_gets_what_it_missed() {
    let story = Story::begin();
    let mut device = story.device("esp32");
    device.publish("esp32/dht/temperature", "20");
    let mut page = Page::open(&story, &Value::Null);
    device.publish("esp32/dht/temperature", "21");
    let (_, cursor) = page.hear_values(1);
    drop(page);
    device.publish("esp32/dht/temperature", "22");
    device.publish("esp32/dht/temperature", "23");
    let mut page = Page::open(&story, &cursor);
    assert_eq!(page.hear_values(2).0, [json!(22.0), json!(23.0)]);
    story.finish();
}

#[test]
fn a_cursor_that_means_nothing_is_answered_by_a_reset() {
    let mut story = Story::begin();
    story.device("esp32").publish("esp32/dht/temperature", "20");
    let old = Page::open(&story, &Value::Null).greeting["cursor"].clone();
    for nonsense in [json!("nonsense"), json!("0-0-0"), json!("9-9-99999999999999999999"), json!("")] {
        let answer = Page::open(&story, &nonsense).hear_reset();
        assert!(answer["cursor"].is_string(), "since {nonsense}: {answer}");
    }
    story.restart();
    let answer = Page::open(&story, &old).hear_reset();
    assert!(answer["cursor"].is_string(), "a cursor of an earlier start: {answer}");
    story.finish();
}

#[test]
fn a_page_that_says_nonsense_loses_its_own_socket_only() {
    let story = Story::begin();
    let mut good = Page::open(&story, &Value::Null);
    for nonsense in ["", "{", "[]", r#"{"subscribe":5}"#, r#"{"colour":"red"}"#] {
        let mut page = Page::open(&story, &Value::Null);
        page.socket.send(Message::text(nonsense)).unwrap();
        // It may be told or closed, but not ignored for ever: a socket that stays open still works.
        story.device("esp32").publish("esp32/dht/temperature", "20");
        while let Ok(message) = page.socket.read() {
            if message.is_text() || message.is_close() {
                break;
            }
        }
        assert_eq!(good.hear_values(1).0, [json!(20.0)], "after {nonsense:?}");
    }
    story.finish();
}
