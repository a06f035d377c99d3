//! `a=1&b=2`, as web forms and some weather stations send it.

/// Most pairs of one message. More: it is read as no form.
const PAIRS_MAX: usize = crate::json::NODES_MAX;

/// The decoded pairs, where the whole text is such a form.
pub(crate) fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let blank = |c: char| c.is_whitespace();
    if !text.contains('=') || text.contains(blank) {
        return None;
    }
    let mut pairs = Vec::new();
    for pair in text.split('&') {
        let (key, value) = pair.split_once('=')?;
        // These part columns, or an address from what it is asked.
        if key.is_empty() || key.contains([';', '|', '?']) || pairs.len() == PAIRS_MAX {
            return None;
        }
        pairs.push((decoded(key)?, decoded(value)?));
    }
    Some(pairs)
}

/// `+` is a blank, `%41` a byte. None if the bytes are no UTF-8.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match (byte, tail) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) => {
                let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                bytes.push(digit(*high)? * 16 + digit(*low)?);
                rest = after;
            }
            (byte, _) => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_pairs_all_over() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(pairs("a=1&b=x+y%41"), Some(vec![pair("a", "1"), pair("b", "x yA")]));
        for no in ["a", "a=1&b", "=1", "a=1 b=2", "", "a=%ff", "a;b=1", "http://x/?a=1"] {
            assert_eq!(pairs(no), None, "{no}");
        }
    }
}
