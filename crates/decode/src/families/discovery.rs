//! Home Assistant's discovery: `<prefix>/<component>/[<node>/]<object>/config`, and Tasmota's own:
//! `tasmota/discovery/<address>/config`. They describe series and devices and hold no values.

use crate::message::Message;
use crate::{Content, announced};

/// Members that a discovery message has and a configuration of anything else has not, in full and short form.
const MARKS: &[&str] = &[
    "state_topic",
    "stat_t",
    "command_topic",
    "cmd_t",
    "json_attributes_topic",
    "json_attr_t",
    "components",
    "cmps",
    "topic",
    "unique_id",
    "uniq_id",
    "temperature_state_topic",
    "current_temperature_topic",
    "curr_temp_t",
];

pub(crate) fn read(message: &Message<'_>) -> Option<Content> {
    if let ["tasmota", "discovery", _, leaf @ ("config" | "sensors")] = message.levels.as_slice() {
        let told = announced::read_tasmota(message).filter(|_| *leaf == "config").map(Content::from);
        return Some(told.unwrap_or(Content::NoReading { kind: "discovery", availability: None }));
    }
    if message.leaf() != "config" || !(4..=5).contains(&message.levels.len()) {
        return None;
    }
    let members = message.value()?.object()?;
    let marked = members.iter().any(|(key, _)| MARKS.contains(&key.as_ref()));
    let known = marked || message.level(0) == Some("homeassistant");
    announced::read_config(message).filter(|_| known).map(Content::from)
}
