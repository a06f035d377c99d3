//! Numbers as tables write them, made strict decimals.

use std::borrow::Cow;

/// A decimal with a point and without thousands; none where the cell is no number. Thousands are taken in groups of three only.
pub fn strict(cell: &str, decimal_comma: bool) -> Option<Cow<'_, str>> {
    let (mark, thousands) = if decimal_comma { (',', '.') } else { ('.', ',') };
    // A true minus, as spreadsheets write it.
    let cell = match cell.strip_prefix('\u{2212}') {
        Some(rest) => Cow::Owned(format!("-{rest}")),
        None => Cow::Borrowed(cell),
    };
    let digits = cell.trim_start_matches(['+', '-']);
    let legal = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | 'e' | 'E' | '+' | '-');
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == mark) || !digits.chars().all(legal) {
        return None;
    }
    let thousands_or_comma = cell.contains(',') || (decimal_comma && cell.contains('.'));
    if !thousands_or_comma {
        return Some(cell);
    }
    let (whole, behind) = digits.split_once(mark).unwrap_or((digits, ""));
    if behind.contains(['.', ',']) {
        return None;
    }
    if whole.contains(thousands) {
        let mut groups = whole.split(thousands);
        let first = groups.next()?.len();
        if !(1..=3).contains(&first)
            || !groups.all(|group| group.len() == 3 && group.bytes().all(|b| b.is_ascii_digit()))
        {
            return None;
        }
    }
    let plain: String = cell.chars().filter(|c| *c != thousands).collect();
    Some(Cow::Owned(plain.replace(mark, ".")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_writing_are_read_and_not_mixed_up() {
        let read = |cell, comma| strict(cell, comma).map(Cow::into_owned);
        for (cell, comma, expected) in [
            ("21.5", false, Some("21.5")),
            ("21,5", true, Some("21.5")),
            ("21,5", false, None),
            ("21.5", true, None),
            ("1,234.5", false, Some("1234.5")),
            ("1.234,5", true, Some("1234.5")),
            ("1,234", false, Some("1234")),
            ("1.234", true, Some("1234")),
            ("12,34", false, None),
            ("-0,5", true, Some("-0.5")),
            ("\u{2212}3,5", true, Some("-3.5")),
            (",5", true, Some(".5")),
            ("1e-3", true, Some("1e-3")),
            ("1,5,6", true, None),
            ("=1+1", false, None),
            ("12 apples", false, None),
            ("", false, None),
        ] {
            assert_eq!(read(cell, comma).as_deref(), expected, "{cell} {comma}");
        }
    }
}
