//! A small tolerant reader of JSON text into a borrowed tree.
//!
//! It exists because `serde_json` loses a whole message over one bare `nan`, which devices do send. What it accepts is
//! exactly JSON (RFC 8259) plus `nan`, `inf` and `infinity` in any case and with a sign; numbers stay text, so that
//! nothing is rounded here. It never guesses: text that ends early or goes wrong is an error with its byte. Depth and
//! number of values are limited by name, so that neither the stack nor memory grows with what a stranger sends.

use std::borrow::Cow;

/// Deepest nesting that is read. Deeper: the whole message is unreadable, `too_deep`.
pub const DEPTH_MAX: usize = 32;
/// Most values and containers of one message. More: the whole message is unreadable, `too_many_values`.
pub const NODES_MAX: usize = 32_768;
/// Up to here duplicate keys are found by comparing all pairs, which is faster than hashing.
const PAIRWISE_KEYS_MAX: usize = 16;

/// One JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    /// As it was written.
    Number(&'a str),
    /// A bare `nan`.
    Nan,
    /// A bare `inf` or `infinity`, of either sign.
    Infinite,
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    /// In order of the text; of equal keys the last one only.
    Object(Object<'a>),
}

/// The members of an object.
pub(crate) type Object<'a> = Vec<(Cow<'a, str>, Json<'a>)>;

impl<'a> Json<'a> {
    /// The member of that name, where this is an object that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Json<'a>> {
        match self {
            Self::Object(members) => member(members, key),
            Self::Null
            | Self::Bool(_)
            | Self::Number(_)
            | Self::Nan
            | Self::Infinite
            | Self::Text(_)
            | Self::List(_) => None,
        }
    }

    /// The text, where it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null
            | Self::Bool(_)
            | Self::Number(_)
            | Self::Nan
            | Self::Infinite
            | Self::List(_)
            | Self::Object(_) => None,
        }
    }

    /// The items, where it is a list.
    pub(crate) fn list(&self) -> Option<&[Json<'a>]> {
        match self {
            Self::List(items) => Some(items),
            Self::Null
            | Self::Bool(_)
            | Self::Number(_)
            | Self::Nan
            | Self::Infinite
            | Self::Text(_)
            | Self::Object(_) => None,
        }
    }

    /// The members, where it is an object.
    pub(crate) fn object(&self) -> Option<&Object<'a>> {
        match self {
            Self::Object(members) => Some(members),
            Self::Null
            | Self::Bool(_)
            | Self::Number(_)
            | Self::Nan
            | Self::Infinite
            | Self::Text(_)
            | Self::List(_) => None,
        }
    }
}

/// The member of that name.
pub(crate) fn member<'o, 'a>(members: &'o Object<'a>, key: &str) -> Option<&'o Json<'a>> {
    members.iter().find(|(name, _)| name == key).map(|(_, value)| value)
}

/// Why a text is no JSON that we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The text ends inside; the index of its last byte.
    Incomplete(usize),
    /// The byte at this index cannot stand there.
    Invalid(usize),
    /// More than [`DEPTH_MAX`].
    TooDeep,
    /// More than [`NODES_MAX`].
    TooMany,
}

/// Reads one whole text.
pub(crate) fn parse(text: &str) -> Result<Json<'_>, Fault> {
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0, nodes: 0 };
    let value = reader.value(0)?;
    reader.skip_blanks();
    if reader.at < reader.bytes.len() { Err(Fault::Invalid(reader.at)) } else { Ok(value) }
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// What is wrong here: the text ended, or this byte is none that may follow.
    fn fault(&self) -> Fault {
        if self.at >= self.bytes.len() {
            Fault::Incomplete(self.bytes.len().saturating_sub(1))
        } else {
            Fault::Invalid(self.at)
        }
    }

    fn value(&mut self, depth: usize) -> Result<Json<'a>, Fault> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(Fault::TooMany);
        }
        self.skip_blanks();
        match self.peek() {
            Some(b'"') => self.string().map(Json::Text),
            Some(b'0'..=b'9') => self.number(),
            Some(b'-') => self.signed(),
            Some(b'{' | b'[') if depth >= DEPTH_MAX => Err(Fault::TooDeep),
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.list(depth + 1),
            Some(b't') => self.word(b"true", Json::Bool(true)),
            Some(b'f') => self.word(b"false", Json::Bool(false)),
            Some(b'n' | b'N' | b'i' | b'I') => self.odd_word(),
            _ => Err(self.fault()),
        }
    }

    fn signed(&mut self) -> Result<Json<'a>, Fault> {
        match self.bytes.get(self.at + 1) {
            Some(b'n' | b'N' | b'i' | b'I') => {
                self.at += 1;
                let odd = self.odd_word()?;
                if odd == Json::Null { Err(Fault::Invalid(self.at.saturating_sub(4))) } else { Ok(odd) }
            }
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &[u8], value: Json<'a>) -> Result<Json<'a>, Fault> {
        for expected in word {
            if self.peek() != Some(*expected) {
                return Err(self.fault());
            }
            self.at += 1;
        }
        Ok(value)
    }

    /// `null`, `nan`, `inf`, `infinity`.
    fn odd_word(&mut self) -> Result<Json<'a>, Fault> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphabetic()) {
            self.at += 1;
        }
        let word = self.bytes.get(start..self.at).unwrap_or_default();
        if word == b"null" {
            return Ok(Json::Null);
        }
        if word.eq_ignore_ascii_case(b"nan") {
            return Ok(Json::Nan);
        }
        if word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"infinity") {
            return Ok(Json::Infinite);
        }
        let cut = self.at >= self.bytes.len()
            && [&b"null"[..], b"nan", b"NaN", b"infinity", b"Infinity"].iter().any(|whole| whole.starts_with(word));
        if cut { Err(self.fault()) } else { Err(Fault::Invalid(start)) }
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start { Err(self.fault()) } else { Ok(()) }
    }

    fn number(&mut self) -> Result<Json<'a>, Fault> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        self.text.get(start..self.at).map(Json::Number).ok_or(Fault::Invalid(start))
    }

    /// The part of a string up to the next quote or backslash.
    fn plain(&mut self) -> Result<&'a str, Fault> {
        let start = self.at;
        let rest = self.bytes.get(start..).unwrap_or_default();
        let length = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
        self.at = start + length.unwrap_or(rest.len());
        match self.peek() {
            Some(b'"' | b'\\') => self.text.get(start..self.at).ok_or(Fault::Invalid(start)),
            Some(_) | None => Err(self.fault()),
        }
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        self.at += 1;
        let plain = self.plain()?;
        if self.peek() == Some(b'"') {
            self.at += 1;
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = String::from(plain);
        while self.peek() == Some(b'\\') {
            self.at += 1;
            text.push(self.escape()?);
            text.push_str(self.plain()?);
        }
        self.at += 1;
        Ok(Cow::Owned(text))
    }

    fn escape(&mut self) -> Result<char, Fault> {
        let escaped = self.peek().ok_or_else(|| self.fault())?;
        let plain = match escaped {
            b'"' | b'\\' | b'/' => char::from(escaped),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.at += 1;
                return self.unicode();
            }
            _ => return Err(self.fault()),
        };
        self.at += 1;
        Ok(plain)
    }

    /// Four hexadecimal digits, or eight in two escapes for a character beyond U+FFFF. Half of such a pair is invalid.
    fn unicode(&mut self) -> Result<char, Fault> {
        let start = self.at;
        let first = self.hex4()?;
        if !(0xD800..0xDC00).contains(&first) {
            return char::from_u32(first).ok_or(Fault::Invalid(start));
        }
        for expected in *b"\\u" {
            if self.peek() != Some(expected) {
                return Err(self.fault());
            }
            self.at += 1;
        }
        let second = self.hex4()?;
        if !(0xDC00..0xE000).contains(&second) {
            return Err(Fault::Invalid(start));
        }
        char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)).ok_or(Fault::Invalid(start))
    }

    fn hex4(&mut self) -> Result<u32, Fault> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16)).ok_or_else(|| self.fault())?;
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }

    fn list(&mut self, depth: usize) -> Result<Json<'a>, Fault> {
        self.at += 1;
        let mut items = Vec::new();
        self.skip_blanks();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Json::List(items));
        }
        loop {
            items.push(self.value(depth)?);
            if self.separator(b']')? {
                return Ok(Json::List(items));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json<'a>, Fault> {
        self.at += 1;
        let mut members: Object<'a> = Vec::new();
        self.skip_blanks();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Json::Object(members));
        }
        loop {
            self.skip_blanks();
            if self.peek() != Some(b'"') {
                return Err(self.fault());
            }
            let key = self.string()?;
            self.skip_blanks();
            if self.peek() != Some(b':') {
                return Err(self.fault());
            }
            self.at += 1;
            let value = self.value(depth)?;
            members.push((key, value));
            if self.separator(b'}')? {
                keep_last(&mut members);
                return Ok(Json::Object(members));
            }
        }
    }

    /// Behind an item: whether the container ends here. Otherwise a comma was passed.
    fn separator(&mut self, end: u8) -> Result<bool, Fault> {
        self.skip_blanks();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(false)
            }
            Some(byte) if byte == end => {
                self.at += 1;
                Ok(true)
            }
            Some(_) | None => Err(self.fault()),
        }
    }
}

/// Of equal keys the last one stays.
fn keep_last(members: &mut Object<'_>) {
    if members.len() <= PAIRWISE_KEYS_MAX {
        let mut index = 0;
        while let Some(((key, _), rest)) = members.get(index..).and_then(<[_]>::split_first) {
            if rest.iter().any(|(other, _)| other == key) {
                members.remove(index);
            } else {
                index += 1;
            }
        }
        return;
    }
    let mut seen = std::collections::HashSet::new();
    let last: Vec<bool> = members.iter().rev().map(|(key, _)| seen.insert(key.clone())).collect();
    let mut last = last.into_iter().rev();
    members.retain(|_| last.next().unwrap_or(true));
}

#[cfg(test)]
mod tests;
