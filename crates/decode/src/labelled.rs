//! Values behind labels: `Temp: 23.5 C`, `T=23.4;H=55.5`, `temp: 22.5 hum: 40`.
//!
//! Such a text is the flat object that it means, if it is labels with values all over. Where a topic says that people are
//! spoken to or a device is told something, nothing is looked for in its texts.

use crate::name::metric_of;
use crate::number;
use crate::quantity::{Role, quantity_of, role_of};
use crate::time::is_time;

/// Longest text that is tried. Longer: it is text.
pub(crate) const TEXT_BYTES_MAX: usize = 1024;
/// Most labels of one text. More: it is text.
const PAIRS_MAX: usize = 64;
/// Longest label, and longest word that stands as a value, in bytes. Longer: it is none.
const LABEL_BYTES_MAX: usize = 40;
/// Most words of a label. More: it is a sentence.
const LABEL_WORDS_MAX: usize = 3;
/// What may stand between pairs, beside blanks; the first that makes pairs of everything counts.
const SEPARATORS: [char; 7] = [';', '\t', '|', '\n', ',', '&', '/'];
/// Levels of topics whose texts are for people.
const LOGS: &[&str] = &["log", "logs", "logger", "logging", "debug", "console", "syslog", "stdout", "stderr", "trace"];
/// Last levels by which a device is told something.
const COMMANDS: &[&str] = &["cmd", "cmnd", "command", "commands", "set", "get"];
/// Labels of what happened rather than what was measured.
const HAPPENINGS: &[&str] = &[
    "attempt", "attempts", "code", "debug", "err", "errno", "error", "exit", "gpio", "info", "line", "pin", "reason",
    "retries", "retry", "step", "try", "warning",
];

/// A label and what stands behind it.
pub(crate) type Pair<'t> = (&'t str, &'t str);

/// The label of a text and what stands behind it, both without quotes.
pub(crate) fn split(text: &str) -> Option<Pair<'_>> {
    let (label, value) = text.split_once([':', '='])?;
    Some((label_of(label)?, bare(value)))
}

fn bare(text: &str) -> &str {
    text.trim().trim_matches(['"', '\'']).trim()
}

fn label_of(text: &str) -> Option<&str> {
    let label = bare(text);
    let words = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | ' ' | '.');
    (label.len() <= LABEL_BYTES_MAX && label.starts_with(char::is_alphabetic) && label.chars().all(words))
        .then_some(label)
}

/// The labels of a text with their values, where it is nothing else.
pub(crate) fn pairs(text: &str) -> Option<Vec<Pair<'_>>> {
    if text.len() > TEXT_BYTES_MAX || !text.contains([':', '=']) {
        return None;
    }
    let parted = SEPARATORS.into_iter().filter(|separator| text.contains(*separator));
    let pairs = parted.filter_map(|separator| by_separator(text, separator)).next().or_else(|| by_blanks(text))?;
    let plain = |label: &str| label.split(' ').count() <= LABEL_WORDS_MAX && !label.trim_end_matches('.').contains('.');
    let whole = pairs.len() <= PAIRS_MAX && pairs.iter().all(|(label, value)| plain(label) && is_value(value));
    whole.then_some(pairs)
}

fn by_separator(text: &str, separator: char) -> Option<Vec<Pair<'_>>> {
    let end = |c: char| c == separator || c.is_whitespace();
    let parts = text.trim_matches(end).split(separator);
    parts.map(|part| split(part).filter(|(_, value)| is_value(value))).collect()
}

/// `temp: 22.5 C hum: 40`: the last word before a colon is the label of what stands behind it.
fn by_blanks(text: &str) -> Option<Vec<Pair<'_>>> {
    let mut pairs = Vec::new();
    let mut pieces = text.split([':', '=']).map(str::trim).peekable();
    let mut label = label_of(pieces.next()?)?;
    while let Some(piece) = pieces.next() {
        let mut value = piece;
        let mut next = "";
        if pieces.peek().is_some() {
            let at = piece.rfind(char::is_whitespace)?;
            (value, next) = (piece.get(..at)?, piece.get(at..)?);
        }
        pairs.push((label, bare(value.trim_end_matches([' ', '\t', ',', ';', '|']))));
        if pieces.peek().is_some() {
            label = label_of(next)?;
        }
    }
    Some(pairs)
}

/// A number with its unit, a failed read, a switch, a time, or one word.
fn is_value(text: &str) -> bool {
    let word = !text.is_empty()
        && text.len() <= LABEL_BYTES_MAX
        && !text.contains(|c: char| c.is_whitespace() || matches!(c, '=' | ';' | '|' | ','));
    word || number::single(text).is_some() || is_time(text)
}

/// Whether a label is no name of a reading.
fn is_beside(label: &str) -> bool {
    matches!(role_of(label), Some(Role::Time | Role::Device | Role::DeviceName | Role::Meta))
}

/// Whether a label names a quantity that many devices measure.
fn is_known(label: &str) -> bool {
    let named = metric_of(label);
    named.unit.is_some() || quantity_of(&named.name).is_some()
}

/// Whether a text is a number that is one, perhaps with its unit.
pub(crate) fn is_finite(value: &str) -> bool {
    number::single(value).is_some_and(|(judged, _)| judged.finite().is_some())
}

/// What can be made of labels with values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clarity {
    /// A label names a quantity, or numbers stand behind several labels and nothing else does.
    Clear,
    /// There is a number, and only a person knows what of.
    Unclear,
    /// No number, or one that is part of a sentence.
    Words,
}

pub(crate) fn clarity(pairs: &[Pair<'_>]) -> Clarity {
    let told: Vec<_> = pairs.iter().filter(|(label, _)| !is_beside(label)).collect();
    let numbers = told.iter().filter(|(_, value)| is_finite(value)).count();
    let read = |value: &str| number::single(value).is_some();
    if told.iter().any(|(label, value)| is_known(label) && read(value)) || (numbers >= 2 && numbers == told.len()) {
        return Clarity::Clear;
    }
    let happened = |label: &str| HAPPENINGS.iter().any(|word| label.eq_ignore_ascii_case(word));
    let named = told
        .iter()
        .any(|(label, value)| is_finite(value) && !happened(label) && label.split(' ').count() < LABEL_WORDS_MAX);
    if named { Clarity::Unclear } else { Clarity::Words }
}

/// Whether texts on that topic are for people, or tell a device something.
pub(crate) fn is_talk(levels: &[&str]) -> bool {
    let is = |words: &[&str], level: &str| words.iter().any(|word| level.eq_ignore_ascii_case(word));
    levels.iter().any(|level| is(LOGS, level)) || levels.last().is_some_and(|leaf| is(COMMANDS, leaf))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_with_values_are_pairs_all_over() {
        for (text, expected) in [
            ("T=23.4;H=55.5", &[("T", "23.4"), ("H", "55.5")][..]),
            ("T=23,4; H=55,5;", &[("T", "23,4"), ("H", "55,5")]),
            ("temp:22.5C", &[("temp", "22.5C")]),
            ("Temp: 23,5", &[("Temp", "23,5")]),
            ("Temperature: 23.1 °C, Humidity: 40 %", &[("Temperature", "23.1 °C"), ("Humidity", "40 %")]),
            ("temp: 22.5 C hum : 40", &[("temp", "22.5 C"), ("hum", "40")]),
            ("T=23,4 H=55,5", &[("T", "23,4"), ("H", "55,5")]),
            ("'a': 1\n'b': 2", &[("a", "1"), ("b", "2")]),
            ("time=2026-11-29 12:00:00|Soil temp=4", &[("time", "2026-11-29 12:00:00"), ("Soil temp", "4")]),
            ("mac=AA:BB:CC:DD:EE:FF/rssi=-67", &[("mac", "AA:BB:CC:DD:EE:FF"), ("rssi", "-67")]),
        ] {
            assert_eq!(pairs(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "",
            "hello",
            ":",
            "=5",
            "a:",
            "2026-11-29 12:00 [INFO] free heap 23412",
            "12:30",
            "AA:BB:CC:DD:EE:FF",
            "a: b c",
            "http://10.0.0.1:80/x",
            "broker.lan:1883",
            "fe80::1",
            "WiFi connected, rssi: -67 dBm",
            "I (2345) main: heap=23412",
            "[D][sensor:094]: 'Temp': Sending state 23.4 °C",
            "T=23,4,H=55,5",
            "a=1;2",
        ] {
            assert_eq!(pairs(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_clear_needs_a_quantity_or_numbers_only() {
        for (text, expected) in [
            ("T=23.4;H=55.5", Clarity::Clear),
            ("temp:22.5C", Clarity::Clear),
            ("temp: nan", Clarity::Clear),
            ("rssi=-67;ip=10.0.0.1", Clarity::Clear),
            ("Level: 55", Clarity::Unclear),
            ("level=5;mode=auto", Clarity::Unclear),
            ("Error: 404", Clarity::Words),
            ("version: 2;ts: 1700000000", Clarity::Words),
            ("mode: auto", Clarity::Words),
            ("try again in: 5", Clarity::Words),
        ] {
            assert_eq!(clarity(&pairs(text).unwrap()), expected, "{text}");
        }
    }
}
