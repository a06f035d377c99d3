//! What is nearly JSON, for a rule whose author says that it is JSON: quotes of the other kind or none, a comma too many,
//! `True`, `False` and `None`. Text that ends early is not mended: nobody knows what is missing.

use crate::json;

/// The JSON that a text means. It is no longer than a few times the text, and may still be no JSON.
pub(super) fn mended(text: &str) -> Option<String> {
    let mut json = String::with_capacity(text.len() + 16);
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        match first {
            '"' | '\'' => rest = quoted(rest, first, &mut json)?,
            '{' | '[' | ':' | '}' | ']' => {
                json.push(first);
                rest = rest.get(1..)?;
            }
            ',' => {
                rest = rest.get(1..)?.trim_start();
                if !rest.starts_with(['}', ']']) {
                    json.push(',');
                }
            }
            _ => {
                let end = rest.find(['{', '}', '[', ']', ':', ',', '"', '\'']).unwrap_or(rest.len());
                let (word, behind) = rest.split_at_checked(end)?;
                push_word(word.trim_end(), behind.starts_with(':'), &mut json);
                rest = behind;
            }
        }
        rest = rest.trim_start();
    }
    Some(json)
}

/// A string as JSON writes it, and what stands behind it.
fn quoted<'t>(text: &'t str, quote: char, json: &mut String) -> Option<&'t str> {
    let mut own = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            c if c == quote => {
                push_string(&own, json);
                return text.get(at + 1..);
            }
            '\\' => match chars.next()?.1 {
                'n' => own.push('\n'),
                't' => own.push('\t'),
                other => own.push(other),
            },
            c => own.push(c),
        }
    }
    None
}

fn push_word(word: &str, key: bool, json: &mut String) {
    match word {
        "True" if !key => json.push_str("true"),
        "False" if !key => json.push_str("false"),
        "None" if !key => json.push_str("null"),
        value if !key && json::parse(value).is_ok() => json.push_str(value),
        text => push_string(text, json),
    }
}

fn push_string(text: &str, json: &mut String) {
    json.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                json.push('\\');
                json.push(c);
            }
            c if c < ' ' => json.push(' '),
            c => json.push(c),
        }
    }
    json.push('"');
}

#[cfg(test)]
mod tests {
    use super::mended;

    #[test]
    fn what_is_nearly_json_is_mended() {
        for (text, expected) in [
            ("{'temperature': 21.5}", r#"{"temperature":21.5}"#),
            ("{temperature: 23.5, 'h u': '61', x:05,}", r#"{"temperature":23.5,"h u":"61","x":"05"}"#),
            ("{'a': {'b': [1, None, True,]}}", r#"{"a":{"b":[1,null,true]}}"#),
            (r#"{'it\'s': "a \"b\""}"#, r#"{"it's":"a \"b\""}"#),
            ("{t: 23.5 °C, n: nan}", r#"{"t":"23.5 °C","n":nan}"#),
        ] {
            assert_eq!(mended(text).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(mended("{'temperature': 21.5, 'hum"), None);
    }
}
