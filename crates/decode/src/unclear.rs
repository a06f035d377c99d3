//! Text in which numbers stand that only a person can name: it goes to the unread list, so that it is seen and mapped.
//! Sentences, states and what is said for people do not.

use crate::message::Message;
use crate::time::is_time;
use crate::{Content, labelled, number};

/// Lines that are looked at.
const LINES_MAX: usize = 10;
/// Most columns of a line. More: it is text.
const COLUMNS_MAX: usize = 64;
/// Longest cell that is a word or two, in bytes. Longer: the line is a sentence.
const WORD_BYTES_MAX: usize = 40;
/// Last levels that tell how a device is, in words that change with each firmware.
const CONDITIONS: &[&str] = &[
    "alert",
    "availability",
    "connected",
    "error",
    "errors",
    "firmware",
    "info",
    "ip",
    "lwt",
    "online",
    "status",
    "version",
    "warning",
    "warnings",
];

/// The reason for the unread list, where numbers stand in the text that say nothing about themselves.
pub(crate) fn read(message: &Message<'_>) -> Option<Content> {
    let text = message.text?;
    let condition = CONDITIONS.iter().any(|word| message.leaf().eq_ignore_ascii_case(word));
    if condition || labelled::is_talk(&message.levels) {
        return None;
    }
    if let Some(pairs) = labelled::pairs(text) {
        let unclear = labelled::clarity(&pairs) == labelled::Clarity::Unclear;
        return unclear
            .then(|| unreadable("the text has labels before its numbers, but none of a known quantity".into()));
    }
    let lines = text.lines().take(LINES_MAX).filter(|line| line.len() <= labelled::TEXT_BYTES_MAX);
    lines.filter_map(columns).next().map(|(numbers, cells)| {
        unreadable(format!("{numbers} of {cells} columns hold numbers, and nothing says what they are"))
    })
}

fn unreadable(detail: String) -> Content {
    Content::Unreadable { reason: "text_unclear", detail }
}

/// How many of how many columns are numbers, where a line is columns.
fn columns(line: &str) -> Option<(usize, usize)> {
    let separator = [';', '\t', '|', ','].into_iter().find(|separator| line.contains(*separator));
    let Some(separator) = separator else {
        let cells = plain_numbers(line)?.len();
        // Dates, ratios and telephone numbers have no fractions.
        return line.contains('.').then_some((cells, cells));
    };
    let (mut numbers, mut cells) = (0, 0);
    for cell in line.split(separator).map(str::trim) {
        let value = labelled::split(cell).map_or(cell, |(_, value)| value);
        let number = !is_time(value) && labelled::is_finite(value);
        let words = cell.len() <= WORD_BYTES_MAX && cell.split_whitespace().count() <= 2;
        if !(number || words || is_time(cell)) || cells == COLUMNS_MAX {
            return None;
        }
        numbers += usize::from(number);
        cells += 1;
    }
    // A comma also stands in sentences.
    let enough = if separator == ',' { 2 } else { 1 };
    (numbers >= enough && cells >= 2).then_some((numbers, cells))
}

/// Two numbers or more between blanks, `/` or `#`, and nothing else.
pub(crate) fn plain_numbers(line: &str) -> Option<Vec<&str>> {
    if line.len() > labelled::TEXT_BYTES_MAX
        || !line.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'))
    {
        return None;
    }
    let cells: Vec<&str> = match ['/', '#'].into_iter().find(|separator| line.contains(*separator)) {
        Some(separator) => line.split(separator).map(str::trim).collect(),
        None => line.split_whitespace().collect(),
    };
    let plain =
        |cell: &&str| number::single(cell).is_some_and(|(judged, unit)| judged.finite().is_some() && unit.is_none());
    ((2..=COLUMNS_MAX).contains(&cells.len()) && cells.iter().all(plain)).then_some(cells)
}
