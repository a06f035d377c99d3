//! Which level of a topic is the device: for a suggestion, which a person looks at before it counts.

use crate::place::is_carrier;

/// The template of a topic, and the device key in its names where `{device}` alone is not the key. `read` is the device
/// that the usual decoding found, which stays if the topic holds it.
pub(super) fn template(topic: &str, read: Option<&str>, named_by_topic: bool) -> (String, Option<String>) {
    let levels: Vec<&str> = topic.split('/').collect();
    let kept = read.and_then(|read| {
        let count = read.split('/').count();
        (levels.get(..count)?.join("/") == read).then_some(count)
    });
    let Some(device) = device_level(&levels, kept, named_by_topic) else {
        return (literal(topic), None);
    };
    let written = |(at, level): (usize, &&str)| if at == device { "{device}".to_owned() } else { literal_level(level) };
    let whole: Vec<String> = levels.iter().enumerate().map(written).collect();
    let count = kept.filter(|count| *count > device).unwrap_or(device + 1);
    let key = whole.get(..count).unwrap_or_default().join("/");
    let plain = key == "{device}" || key.contains("{_}");
    (whole.join("/"), (!plain).then_some(key))
}

/// The template of that topic only, as far as it can be written.
pub(super) fn literal(topic: &str) -> String {
    topic.split('/').map(literal_level).collect::<Vec<_>>().join("/")
}

/// A level with braces cannot be written in a template.
fn literal_level(level: &str) -> String {
    if level.contains(['{', '}']) { "{_}".to_owned() } else { level.to_owned() }
}

/// The last level with a digit, else the one before the last of three, else the last one of the device that was read.
/// None where the topic would be left without any word.
fn device_level(levels: &[&str], kept: Option<usize>, named_by_topic: bool) -> Option<usize> {
    let carried = levels.last().is_some_and(|leaf| is_carrier(leaf)) || named_by_topic;
    let end = if carried { levels.len() - 1 } else { levels.len() };
    let candidates: Vec<usize> = (0..end).filter(|at| levels.get(*at).is_some_and(|level| !level.is_empty())).collect();
    let words = levels.iter().filter(|level| !level.is_empty()).count();
    if words < 2 {
        return None;
    }
    let has_digit = |at: &usize| levels.get(*at).is_some_and(|level| level.bytes().any(|byte| byte.is_ascii_digit()));
    let numbered = candidates.iter().copied().filter(|at| *at > 0).rfind(has_digit);
    let middle =
        || if !carried && candidates.len() >= 3 { candidates.get(candidates.len() - 2).copied() } else { None };
    let read = || kept.map(|count| count - 1).filter(|at| candidates.contains(at));
    numbered.or_else(middle).or_else(read).or_else(|| candidates.last().copied())
}
