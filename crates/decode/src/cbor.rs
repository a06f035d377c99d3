//! CBOR (RFC 8949) into JSON text, so that everything that is known about JSON messages holds for it as well.
//!
//! Only whole maps and lists count: random bytes begin like a small integer far too often. `NaN` and infinities become
//! the words that our JSON reader takes. Integer keys are the labels of `SenML` (RFC 8428, table 4) inside a list, and
//! decimal names elsewhere. Byte strings become empty texts: nobody can know what they hold.

use std::fmt::Write as _;

use crate::json::{DEPTH_MAX, NODES_MAX};

/// The JSON text, where all the bytes are one map or list.
pub(crate) fn to_json(bytes: &[u8]) -> Option<String> {
    bytes.first().filter(|first| (0x80..0xc0).contains(*first))?;
    let mut reader = Reader { rest: bytes, nodes: 0, json: String::with_capacity(bytes.len() * 2) };
    reader.value(0)?;
    reader.rest.is_empty().then_some(reader.json)
}

struct Reader<'a> {
    rest: &'a [u8],
    nodes: usize,
    json: String,
}

/// The length that says "until a break".
const INDEFINITE: u8 = 31;

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    /// Major type, the five bits behind it, and the number that they stand for (0 for indefinite).
    fn head(&mut self) -> Option<(u8, u8, u64)> {
        let first = *self.take(1)?.first()?;
        let (major, info) = (first >> 5, first & 31);
        let number = match info {
            0..24 => u64::from(info),
            24..28 => self.take(1 << (info - 24))?.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
            INDEFINITE => 0,
            _ => return None,
        };
        Some((major, info, number))
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        self.nodes += 1;
        if depth > DEPTH_MAX || self.nodes > NODES_MAX {
            return None;
        }
        let (major, info, number) = self.head()?;
        match (major, info) {
            (0 | 1, INDEFINITE) => None,
            (0, _) => write!(self.json, "{number}").ok(),
            (1, _) => write!(self.json, "{}", -1 - i128::from(number)).ok(),
            (2 | 3, INDEFINITE) => None,
            (2, _) => {
                self.take(usize::try_from(number).ok()?)?;
                self.json.push_str("\"\"");
                Some(())
            }
            (3, _) => self.text(number),
            (4, _) => self.items(depth, info, number, false),
            (5, _) => self.items(depth, info, number, true),
            (6, _) => self.value(depth + 1),
            _ => self.simple(info, number),
        }
    }

    fn text(&mut self, length: u64) -> Option<()> {
        let text = std::str::from_utf8(self.take(usize::try_from(length).ok()?)?).ok()?;
        self.json.push('"');
        for c in text.chars() {
            match c {
                '"' | '\\' => {
                    self.json.push('\\');
                    self.json.push(c);
                }
                c if c.is_control() => write!(self.json, "\\u{:04x}", u32::from(c)).ok()?,
                c => self.json.push(c),
            }
        }
        self.json.push('"');
        Some(())
    }

    fn items(&mut self, depth: usize, info: u8, count: u64, map: bool) -> Option<()> {
        self.json.push(if map { '{' } else { '[' });
        let mut done = 0;
        loop {
            if info == INDEFINITE {
                if self.rest.first() == Some(&0xff) {
                    self.take(1)?;
                    break;
                }
            } else if done == count {
                break;
            }
            if done > 0 {
                self.json.push(',');
            }
            if map {
                self.key(depth > 0)?;
                self.json.push(':');
            }
            self.value(depth + 1)?;
            done += 1;
        }
        self.json.push(if map { '}' } else { ']' });
        Some(())
    }

    fn key(&mut self, in_list: bool) -> Option<()> {
        let (major, info, number) = self.head()?;
        let label = match (major, info) {
            (_, INDEFINITE) => return None,
            (3, _) => return self.text(number),
            (0, _) => i64::try_from(number).ok()?,
            (1, _) => -1 - i64::try_from(number).ok()?,
            _ => return None,
        };
        let known = match label {
            -6 => "bs",
            -5 => "bv",
            -4 => "bu",
            -3 => "bt",
            -2 => "bn",
            -1 => "bver",
            0 => "n",
            1 => "u",
            2 => "v",
            3 => "vs",
            4 => "vb",
            5 => "s",
            6 => "t",
            7 => "ut",
            8 => "vd",
            _ => "",
        };
        if in_list && !known.is_empty() {
            write!(self.json, "\"{known}\"").ok()
        } else {
            write!(self.json, "\"{label}\"").ok()
        }
    }

    /// Truth values, null, and floats; a small float is written as shortly as its own precision allows.
    fn simple(&mut self, info: u8, bits: u64) -> Option<()> {
        let number = match info {
            20 | 21 => return write!(self.json, "{}", info == 21).ok(),
            22 | 23 => return write!(self.json, "null").ok(),
            25 => half(u16::try_from(bits).ok()?),
            26 => {
                let single = f32::from_bits(u32::try_from(bits).ok()?);
                if single.is_finite() {
                    return write!(self.json, "{single:?}").ok();
                }
                f64::from(single)
            }
            27 => f64::from_bits(bits),
            _ => return None,
        };
        if number.is_finite() {
            write!(self.json, "{number:?}").ok()
        } else {
            self.json.push_str(if number.is_nan() { "nan" } else { "inf" });
            Some(())
        }
    }
}

/// IEEE 754 binary16 (RFC 8949, appendix D).
fn half(bits: u16) -> f64 {
    let exponent = i32::from(bits >> 10 & 31);
    let fraction = f64::from(bits & 1023);
    let size = match exponent {
        0 => fraction * f64::powi(2.0, -24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (fraction + 1024.0) * f64::powi(2.0, exponent - 25),
    };
    if bits >> 15 == 1 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn maps_and_lists_become_json() {
        for (bytes, expected) in [
            (&[0xa1, 0x61, b'a', 0x01][..], r#"{"a":1}"#),
            (&[0xa1, 0x61, b'a', 0x38, 0x63], r#"{"a":-100}"#),
            (&[0xa1, 0x61, b'a', 0xf9, 0x3c, 0x00], r#"{"a":1.0}"#),
            (&[0xa1, 0x61, b'a', 0xfa, 0x41, 0x44, 0xcc, 0xcd], r#"{"a":12.3}"#),
            (&[0xa1, 0x61, b'a', 0xf9, 0x7e, 0x00], r#"{"a":nan}"#),
            (&[0xbf, 0x61, b'a', 0xf5, 0xff], r#"{"a":true}"#),
            (&[0x81, 0xa1, 0x00, 0x61, b'x'], r#"[{"n":"x"}]"#),
        ] {
            assert_eq!(to_json(bytes).as_deref(), Some(expected));
        }
        for bytes in [
            &[0x01][..],
            &[0xa1, 0x61, b'a'],
            &[0x80, 0x00],
            &[0x9f; 100],
            &[0x81; 100],
            &[0x9b, 255, 255, 255, 255, 255, 255, 255, 255],
        ] {
            assert_eq!(to_json(bytes), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Some(json) = to_json(&bytes) {
                prop_assert!(crate::json::parse(&json).is_ok(), "{json}");
            }
        }
    }
}
