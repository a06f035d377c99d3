//! Lines of columns.

use std::borrow::Cow;

use crate::json::Json;
use crate::unclear::plain_numbers;

/// The cells of one line: parted by the first of `;`, tab, `|` and `,` that occurs outside quotes, and without any of them by
/// `/`, `#` or blanks where all cells are numbers. Brackets and braces around the line are no part of it: what is nearly
/// JSON has columns too.
pub(super) fn cells(line: &str) -> Json<'_> {
    let line = line.trim().trim_start_matches(['{', '[']).trim_end_matches(['}', ']']);
    let separator = [';', '\t', '|', ','].into_iter().find(|separator| pieces(line, *separator).nth(1).is_some());
    let cell = |text| Json::Text(Cow::Borrowed(bare(text)));
    Json::List(match separator {
        Some(separator) => pieces(line, separator).map(cell).collect(),
        None => plain_numbers(line).unwrap_or_else(|| vec![line]).into_iter().map(cell).collect(),
    })
}

/// The same as texts.
pub(super) fn texts(line: &str) -> Vec<String> {
    match cells(line) {
        Json::List(cells) => cells.iter().filter_map(|cell| cell.text().map(str::to_owned)).collect(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Nan | Json::Infinite | Json::Text(_) | Json::Object(_) => {
            Vec::new()
        }
    }
}

/// Without blanks and one pair of quotes around it.
fn bare(cell: &str) -> &str {
    let cell = cell.trim();
    cell.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(cell)
}

fn pieces(line: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    line.split(move |c: char| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
}
