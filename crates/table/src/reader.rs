//! Rows to readings, or a reason why not.

use std::borrow::Cow;

use decode::{Found, Told, ToldValue, normalise, told};
use model::{DeviceKey, Kind, MetricName, Timestamp, Unit};

use crate::clock_time::ClockTime;
use crate::columns::{Columns, Field, Values, Whose, checked};
use crate::guess::named_column;
use crate::mapping::{Mapping, MappingError};
use crate::number::strict;
use crate::rows::Row;

/// Longest word that is tried as a failed read or as a switch.
const WORD_BYTES_MAX: usize = 32;

/// Reads the rows of one table in their order.
pub struct Reader {
    columns: Columns,
    clock: ClockTime,
    decimal_comma: bool,
    /// Cells of the first row; a later row has as many.
    width: Option<usize>,
    /// Times later than this lie ahead.
    latest_ms: i64,
}

/// What a row says.
#[derive(Debug, Default)]
pub struct Read {
    /// Its readings; an empty cell is none.
    pub found: Vec<Found>,
    /// What cannot be stored of it.
    pub refused: Vec<Refused>,
}

/// A row, or a cell of it, that cannot be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// `columns`, `time`, `ahead`, `device`, `metric`, `number`, or a reason of the books.
    pub reason: &'static str,
    /// One sentence for a person.
    pub detail: String,
}

impl Refused {
    fn new(reason: &'static str, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

impl Reader {
    /// Reads by this mapping; times later than `latest_ms` (UTC milliseconds) are refused.
    ///
    /// # Errors
    /// The member that is wrong.
    pub fn new(mapping: &Mapping, latest_ms: i64) -> Result<Self, MappingError> {
        let (columns, clock) = checked(mapping)?;
        Ok(Self { columns, clock, decimal_comma: mapping.decimal_comma, width: None, latest_ms })
    }

    /// Takes the number of columns from the first row, whether it names them or not.
    ///
    /// # Errors
    /// The table has fewer columns than the mapping needs; a sentence.
    pub fn begin(&mut self, first: &Row<'_>) -> Result<(), String> {
        let (width, last) = (first.len(), self.columns.last);
        if u32::try_from(width).is_ok_and(|width| width < last) {
            return Err(format!("the mapping needs column {last}, and the table has {width}"));
        }
        self.width = Some(width);
        Ok(())
    }

    /// Reads one row of values.
    pub fn read(&mut self, row: &Row<'_>) -> Read {
        let width = *self.width.get_or_insert(row.len());
        // Some write a delimiter behind the last cell as well.
        let trailing = row.len() == width + 1 && row.cells().last().is_some_and(|cell| cell.is_empty());
        if row.len() != width && !trailing {
            let detail = format!("it has {} cells, and the first row has {width}", row.len());
            return Read { found: Vec::new(), refused: vec![Refused::new("columns", detail)] };
        }
        match self.row(row) {
            Ok(read) => read,
            Err(refused) => Read { found: Vec::new(), refused: vec![refused] },
        }
    }

    fn row(&mut self, row: &Row<'_>) -> Result<Read, Refused> {
        let cell = |column: u32| row.cell(column).unwrap_or_default();
        let device = match &self.columns.whose {
            Whose::Key(key) => key.clone(),
            Whose::Column(column) => {
                DeviceKey::parse(&cell(*column)).map_err(|error| Refused::new("device", error.to_string()))?
            }
        };
        let mut time = cell(self.columns.time);
        if let Some(of_day) = self.columns.of_day {
            time = format!("{time} {}", cell(of_day)).into();
        }
        match &self.columns.values {
            Values::Fields(fields) => {
                let at = instant(&mut self.clock, self.latest_ms, &time, device.as_str())?;
                Ok(wide(row, fields, device.as_str(), at, self.decimal_comma))
            }
            Values::Long { metric, value, unit } => {
                let name = cell(*metric);
                let name = metric_name(&name)?;
                let at = instant(&mut self.clock, self.latest_ms, &time, &format!("{device}\0{}", name.0))?;
                let own = unit.map(cell).filter(|unit| !unit.is_empty());
                let unit = own.and_then(|unit| normalise(&unit)).or(name.1);
                let (field, text) = (Field { column: *value, metric: name.0, unit, kind: None }, cell(*value));
                let mut read = Read::default();
                match cell_of(&text, &field, self.decimal_comma) {
                    Ok(None) => {}
                    Ok(Some(cell)) => read.keep(device.as_str(), &[value_of(&field, &cell)], at),
                    Err(refused) => read.refused.push(refused),
                }
                Ok(read)
            }
        }
    }
}

impl Read {
    /// Keeps what can be stored and says what cannot.
    fn keep(&mut self, device: &str, values: &[ToldValue<'_>], at: i64) {
        match told(device, values, Some(at)) {
            Ok(found) => {
                for value in found {
                    match &value.value {
                        Ok(_) => self.found.push(value),
                        Err(reason) => {
                            let detail = format!("the value of {} is refused ({})", value.metric, reason.as_str());
                            self.refused.push(Refused::new(reason.as_str(), detail));
                        }
                    }
                }
            }
            Err(metric) => {
                // One word that says nothing must not take its neighbours with it.
                let (bad, rest): (Vec<_>, Vec<_>) = values.iter().copied().partition(|value| value.metric == metric);
                for value in bad {
                    self.refused.push(Refused::new("number", unreadable(&value)));
                }
                self.keep(device, &rest, at);
            }
        }
    }
}

fn unreadable(value: &ToldValue<'_>) -> String {
    match value.told {
        Told::Number(text) | Told::Word(text) | Told::Text(text) => {
            format!("{text:?} for {} is no number", value.metric)
        }
        Told::Bool(_) | Told::Null => format!("the value of {} is no number", value.metric),
    }
}

/// A cell with something in it.
enum Cell<'c> {
    Number(Cow<'c, str>),
    Word(&'c str),
    Text(&'c str),
}

fn wide(row: &Row<'_>, fields: &[Field], device: &str, at: i64, decimal_comma: bool) -> Read {
    let mut read = Read::default();
    let texts: Vec<_> = fields.iter().map(|field| row.cell(field.column).unwrap_or_default()).collect();
    let mut cells = Vec::with_capacity(fields.len());
    for (field, text) in fields.iter().zip(&texts) {
        match cell_of(text, field, decimal_comma) {
            Ok(cell) => cells.extend(cell.map(|cell| (field, cell))),
            Err(refused) => read.refused.push(refused),
        }
    }
    let values: Vec<ToldValue<'_>> = cells.iter().map(|(field, cell)| value_of(field, cell)).collect();
    read.keep(device, &values, at);
    read
}

/// None for an empty cell.
fn cell_of<'c>(text: &'c str, field: &Field, decimal_comma: bool) -> Result<Option<Cell<'c>>, Refused> {
    if text.is_empty() {
        return Ok(None);
    }
    if field.kind == Some(Kind::Text) {
        return Ok(Some(Cell::Text(text)));
    }
    if let Some(number) = strict(text, decimal_comma) {
        return Ok(Some(Cell::Number(number)));
    }
    if text.len() <= WORD_BYTES_MAX && text.starts_with(|c: char| c.is_alphabetic() || c == '-') {
        return Ok(Some(Cell::Word(text)));
    }
    let shown: String = text.chars().take(WORD_BYTES_MAX).collect();
    Err(Refused::new("number", format!("{shown:?} in column {} is no number", field.column)))
}

fn value_of<'a>(field: &'a Field, cell: &'a Cell<'_>) -> ToldValue<'a> {
    let told = match cell {
        Cell::Number(number) => Told::Number(number),
        Cell::Word(word) => Told::Word(word),
        Cell::Text(text) => Told::Text(text),
    };
    ToldValue { metric: &field.metric, told, unit: field.unit.as_ref(), kind: field.kind }
}

/// The time of a row, inside the years that can be written and not ahead of our clock.
fn instant(clock: &mut ClockTime, latest_ms: i64, text: &str, whose: &str) -> Result<i64, Refused> {
    let ms = clock.read(text, whose).map_err(|sentence| Refused::new("time", sentence))?;
    Timestamp::from_millis(ms).map_err(|error| Refused::new("time", error.to_string()))?;
    if ms > latest_ms {
        let shown: String = text.chars().take(WORD_BYTES_MAX).collect();
        return Err(Refused::new("ahead", format!("{shown:?} lies ahead of the server's clock")));
    }
    Ok(ms)
}

/// The metric that a cell names, with the unit that it says. A name of ours stays as it is.
fn metric_name(cell: &str) -> Result<(String, Option<Unit>), Refused> {
    let invalid = |error: model::InvalidName| Refused::new("metric", error.to_string());
    MetricName::parse(cell).map_err(invalid)?;
    let ours = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.');
    if cell.chars().all(ours) {
        return Ok((cell.to_owned(), None));
    }
    let named = named_column(cell);
    MetricName::parse(&named.0).map_err(invalid)?;
    Ok(named)
}
