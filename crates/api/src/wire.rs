//! Values and columns as they are written in answers.

use std::sync::Arc;

use model::{Reading, Value};
use serde::Serialize;
use utoipa::ToSchema;

/// A number, a boolean, a text, or `null` for a failed read.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Cell {
    /// A finite number.
    Number(f64),
    /// True or false.
    Bool(bool),
    /// Words.
    #[schema(value_type = String)]
    Text(Arc<str>),
    /// A failed read, or a number that JSON cannot write.
    Null(()),
}

impl From<&Value> for Cell {
    fn from(value: &Value) -> Self {
        match value {
            Value::Number(number) if number.is_finite() => Self::Number(*number),
            Value::Number(_) => Self::Null(()),
            Value::Bool(on) => Self::Bool(*on),
            Value::Text(text) => Self::Text(Arc::clone(text)),
        }
    }
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}

/// Readings as columns. `q` is there only if one of them is not good.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Columns {
    /// Epoch milliseconds, ascending or descending; may repeat.
    pub t: Vec<i64>,
    /// Values.
    pub v: Vec<Cell>,
    /// 0 good, 1 suspect, 2 bad.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q: Option<Vec<u8>>,
}

impl Columns {
    /// Adds one reading at the end.
    pub fn push(&mut self, reading: &Reading) {
        let quality = reading.judgement.quality();
        if quality > 0 && self.q.is_none() {
            self.q = Some(vec![0; self.t.len()]);
        }
        if let Some(q) = &mut self.q {
            q.push(quality);
        }
        self.t.push(reading.key.time.millis());
        self.v.push((&reading.value).into());
    }
}

impl<'a> FromIterator<&'a Reading> for Columns {
    fn from_iter<I: IntoIterator<Item = &'a Reading>>(readings: I) -> Self {
        let mut columns = Self::default();
        for reading in readings {
            columns.push(reading);
        }
        columns
    }
}
