//! Any bytes on any topic, by the decoders, by what devices announced, and by a rule. The topic is what stands before the first
//! zero byte. A panic, an endless run, or a value without bounds is a finding.

#![no_main]

use decode::announced;
use decode::rules::{Rule, RuleSpec};
use decode::{Content, VALUES_MAX, decode};
use libfuzzer_sys::fuzz_target;
use model::Topic;

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    let Some(topic) = data.get(..end).and_then(|topic| std::str::from_utf8(topic).ok()) else { return };
    let Ok(topic) = Topic::parse(topic) else { return };
    let payload = data.get(end + 1..).unwrap_or_default();
    match decode(&topic, payload, None).content {
        Content::Readings(found) => assert!(found.len() <= VALUES_MAX),
        Content::Announced(announcement) => {
            _ = announced::read(&topic, payload, &announcement.metrics);
            let states = announcement.metrics.iter().filter_map(|metric| Topic::parse(&metric.topic).ok());
            for state in states.take(4) {
                _ = announced::read(&state, br#"{"temperature":21.5,"state":"ON"}"#, &announcement.metrics);
            }
        }
        Content::NoReading { .. } | Content::Unreadable { .. } => {}
    }
    if let Ok(spec) = serde_json::from_slice::<RuleSpec>(payload)
        && let Ok(rule) = Rule::compile(&spec)
    {
        _ = rule.read(&topic, br#"{"a":{"b":[1,"2,5",null]},"t":1700000000}"#);
    }
});
