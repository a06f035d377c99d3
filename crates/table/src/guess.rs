//! What the beginning of a file tells: how it is written and what its columns mean. A guess, for a person to correct.

use std::collections::HashMap;

use decode::{named_metric, normalise};
use model::{Kind, Unit};
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock_time::{written, written_clock};
use crate::mapping::{DeviceColumn, FieldColumn, LongColumns, Mapping, TimeColumn, TimeForm};
use crate::number::strict;
use crate::rows::Rows;

/// Rows that are looked at.
const ROWS_MAX: usize = 100;
/// Delimiters, the one first that hardly stands inside a cell.
const DELIMITERS: [char; 4] = ['\t', ';', '|', ','];
/// Columns of values that are proposed; the others are skipped and a person may choose.
const FIELDS_MAX: usize = 256;

const TIME_NAMES: &[&str] =
    &["time", "date", "datum", "zeit", "uhrzeit", "timestamp", "ts", "datetime", "when", "epoch"];
const DEVICE_NAMES: &[&str] =
    &["device", "sensor", "station", "node", "host", "location", "place", "room", "gerät", "raum", "ort"];
const METRIC_NAMES: &[&str] = &["metric", "parameter", "quantity", "variable", "field", "channel", "kanal", "name"];
const VALUE_NAMES: &[&str] = &["value", "wert", "reading", "messwert", "state"];
const UNIT_NAMES: &[&str] = &["unit", "units", "einheit"];

/// What a column seems to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColumnGuess {
    /// Time, or date.
    Time,
    /// The time of day beside a date.
    TimeOfDay,
    /// Device keys.
    Device,
    /// Values of one metric.
    Metric,
    /// Names of metrics, one value a row.
    MetricName,
    /// Values whose metric stands in another column.
    Value,
    /// Units of those.
    Unit,
    /// Nothing that is stored.
    Skip,
}

/// A column as it seems to be.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Guessed {
    /// What its header says; its number without one.
    pub name: String,
    /// What it seems to be.
    pub guess: ColumnGuess,
    /// For values: the metric.
    pub metric: Option<String>,
    /// For values: the unit that the name tells.
    pub unit: Option<String>,
}

/// What a file seems to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Guess {
    /// Its columns.
    pub columns: Vec<Guessed>,
    /// Its first rows without the header.
    pub rows: Vec<Vec<String>>,
    /// How it would be read; None where nothing says when a row was.
    pub mapping: Option<Mapping>,
    /// What a person has to look at, in sentences.
    pub problems: Vec<String>,
    /// What parts its cells.
    pub delimiter: char,
    /// Whether its first row names the columns.
    pub header: bool,
    /// Whether numbers have a comma.
    pub decimal_comma: bool,
}

struct Table {
    rows: Vec<Vec<String>>,
    utf8: bool,
    fault: Option<String>,
}

/// Looks at the beginning of a file. Where `device` names one, it is the device of a table without a column of devices. What is
/// told in `given` is not guessed.
#[must_use]
pub fn guess(start: &[u8], device: Option<&str>, delimiter: Option<char>) -> Guess {
    let (delimiter, table) = match delimiter {
        Some(delimiter) => (delimiter, table_of(start, delimiter)),
        None => best_delimiter(start),
    };
    let mut problems: Vec<String> =
        table.fault.iter().map(|fault| format!("Not all of it can be read: {fault}.")).collect();
    if !table.utf8 {
        problems.push("It is not written in UTF-8; letters beyond ASCII are taken as Latin-1.".to_owned());
    }
    let mut rows = table.rows;
    let header = has_header(&rows);
    let names: Vec<String> = match rows.first() {
        Some(first) if header => first.clone(),
        Some(first) => (1..=first.len()).map(|number| format!("column {number}")).collect(),
        None => Vec::new(),
    };
    if header {
        rows.remove(0);
    }
    if rows.is_empty() {
        problems.push("There is no row of values.".to_owned());
    }
    if names.len() == 1 {
        problems.push("There is one column only; perhaps the delimiter is another one.".to_owned());
    }
    let decimal_comma = delimiter != ',' && decimal_comma(&rows);
    let mut seen = Seen { names: &names, rows: &rows, decimal_comma, header, delimiter, problems };
    let (columns, mapping) = seen.columns(device);
    let problems = seen.problems;
    Guess { columns, rows, mapping, problems, delimiter, header, decimal_comma }
}

fn table_of(start: &[u8], delimiter: char) -> Table {
    let mut table = Table { rows: Vec::new(), utf8: true, fault: None };
    let mut rows = Rows::parted_by(u8::try_from(delimiter).unwrap_or(b','));
    let mut keep = |row: crate::rows::Row<'_>| {
        if table.rows.len() < ROWS_MAX {
            table.utf8 &= row.is_utf8();
            table.rows.push(row.cells().map(std::borrow::Cow::into_owned).collect());
        }
    };
    let read = rows.push(start, &mut keep).and_then(|()| rows.finish(&mut keep));
    table.fault = read.err().map(|fault| fault.to_string());
    table
}

/// The first whose rows all have the same number of cells, else the one with which most of them have.
fn best_delimiter(start: &[u8]) -> (char, Table) {
    let mut best: Option<(u64, char, Table)> = None;
    for delimiter in DELIMITERS {
        let table = table_of(start, delimiter);
        let mut widths: HashMap<usize, u64> = HashMap::new();
        for row in table.rows.iter().filter(|row| row.len() > 1) {
            *widths.entry(row.len()).or_default() += 1;
        }
        let alike = widths.values().copied().max().unwrap_or_default();
        let score = alike * 1000 / u64::try_from(table.rows.len().max(1)).unwrap_or(1);
        if best.as_ref().is_none_or(|(known, ..)| score > *known) {
            best = Some((score, delimiter, table));
        }
    }
    match best {
        Some((score, delimiter, table)) if score > 0 => (delimiter, table),
        Some(_) | None => (',', table_of(start, ',')),
    }
}

/// No cell of the first row is a number or a time, and some cell below is one.
fn has_header(rows: &[Vec<String>]) -> bool {
    let told = |cell: &String| {
        let number = strict(cell, false).is_some() || strict(cell, true).is_some();
        number || [TimeForm::Iso, TimeForm::Dmy, TimeForm::Mdy].iter().any(|form| written(cell, *form).is_some())
    };
    let Some((first, rest)) = rows.split_first() else { return false };
    !first.iter().any(told) && (rest.is_empty() || rest.iter().flatten().any(told))
}

fn decimal_comma(rows: &[Vec<String>]) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parted_by = |mark: char| {
        let decimal = |cell: &&String| {
            let bare = cell.trim_start_matches(['-', '+']);
            bare.split_once(mark).is_some_and(|(whole, behind)| digits(whole) && digits(behind))
        };
        rows.iter().flatten().filter(decimal).count()
    };
    parted_by(',') > parted_by('.')
}

/// The name of a column as our name for a metric, with the unit that stands in brackets or as a word of it.
pub fn named_column(name: &str) -> (String, Option<Unit>) {
    for (open, close) in [('(', ')'), ('[', ']')] {
        if let Some((front, behind)) = name.split_once(open)
            && let Some((inside, _)) = behind.split_once(close)
            && !front.trim().is_empty()
            && let Some(unit) = normalise(inside)
        {
            return (named_metric(front.trim()).metric, Some(unit));
        }
    }
    if let Some((front, last)) = name.trim().rsplit_once(' ')
        && let Some(unit) = decode::known_unit(last)
    {
        return (named_metric(front.trim()).metric, Some(unit));
    }
    let named = named_metric(name);
    (named.metric, named.unit)
}

struct Seen<'t> {
    names: &'t [String],
    rows: &'t [Vec<String>],
    decimal_comma: bool,
    header: bool,
    delimiter: char,
    problems: Vec<String>,
}

impl Seen<'_> {
    fn cells(&self, column: usize) -> impl Iterator<Item = &str> {
        let cells = self.rows.iter().filter_map(move |row| row.get(column));
        cells.map(String::as_str).filter(|cell| !cell.is_empty())
    }

    fn all(&self, column: usize, is: impl Fn(&str) -> bool) -> bool {
        self.cells(column).next().is_some() && self.cells(column).all(is)
    }

    fn is_called(&self, column: usize, words: &[&str]) -> bool {
        let name = self.names.get(column).map_or("", String::as_str).to_lowercase();
        name.split(|c: char| !c.is_alphanumeric()).any(|word| words.contains(&word))
    }

    fn is_number(&self, column: usize) -> bool {
        let readable = |cell: &str| strict(cell, self.decimal_comma).is_some();
        // A few failed reads make no column of words.
        let (numbers, all) = (self.cells(column).filter(|cell| readable(cell)).count(), self.cells(column).count());
        all > 0 && numbers * 10 >= all * 5
    }

    fn columns(&mut self, device: Option<&str>) -> (Vec<Guessed>, Option<Mapping>) {
        let count = self.names.len();
        let mut guesses = vec![ColumnGuess::Skip; count];
        let time = self.time_column();
        if let Some((column, of_day, _)) = time {
            set(&mut guesses, column, ColumnGuess::Time);
            of_day.into_iter().for_each(|column| set(&mut guesses, column, ColumnGuess::TimeOfDay));
        }
        let free = |guesses: &[ColumnGuess], column: usize| guesses.get(column) == Some(&ColumnGuess::Skip);
        let find = |guesses: &[ColumnGuess], words: &[&str], number: bool| {
            (0..count).find(|column| {
                free(guesses, *column) && self.is_called(*column, words) && self.is_number(*column) == number
            })
        };
        let named = find(&guesses, METRIC_NAMES, false).zip(find(&guesses, VALUE_NAMES, true));
        let long = named.map(|(metric, value)| {
            set(&mut guesses, metric, ColumnGuess::MetricName);
            set(&mut guesses, value, ColumnGuess::Value);
            let unit = find(&guesses, UNIT_NAMES, false);
            unit.into_iter().for_each(|column| set(&mut guesses, column, ColumnGuess::Unit));
            LongColumns { metric: number(metric), value: number(value), unit: unit.map(number) }
        });
        let whose = find(&guesses, DEVICE_NAMES, false);
        whose.into_iter().for_each(|column| set(&mut guesses, column, ColumnGuess::Device));
        if long.is_none() {
            (0..count).filter(|column| self.is_value(*column)).for_each(|column| {
                if free(&guesses, column) {
                    set(&mut guesses, column, ColumnGuess::Metric);
                }
            });
        }
        let columns: Vec<Guessed> = self.guessed(&guesses);
        let mapping = self.mapping(time, whose, device, long, &columns);
        (columns, mapping)
    }

    /// Numbers, or words of a switch.
    fn is_value(&self, column: usize) -> bool {
        let switch =
            |cell: &str| ["on", "off", "true", "false", "open", "closed"].contains(&cell.to_lowercase().as_str());
        self.is_number(column) || self.all(column, switch)
    }

    fn guessed(&mut self, guesses: &[ColumnGuess]) -> Vec<Guessed> {
        let mut taken: Vec<String> = Vec::new();
        let mut columns = Vec::with_capacity(guesses.len());
        for (name, guess) in self.names.iter().zip(guesses) {
            let (mut metric, mut unit) = (None, None);
            if *guess == ColumnGuess::Metric {
                let (mut own, told) = named_column(name);
                let base = own.clone();
                let mut twin = 2;
                while taken.contains(&own) {
                    own = format!("{base}_{twin}");
                    twin += 1;
                }
                taken.push(own.clone());
                metric = Some(own);
                unit = told.map(|unit| unit.as_str().to_owned());
            }
            columns.push(Guessed { name: name.clone(), guess: *guess, metric, unit });
        }
        columns
    }

    fn mapping(
        &mut self,
        time: Option<(usize, Option<usize>, TimeForm)>,
        whose: Option<usize>,
        device: Option<&str>,
        long: Option<LongColumns>,
        columns: &[Guessed],
    ) -> Option<Mapping> {
        let fields = (0..).zip(columns).filter_map(|(at, column)| {
            let (metric, unit) = (column.metric.clone()?, column.unit.clone());
            Some(FieldColumn { column: number(at), metric, unit, kind: None::<Kind> })
        });
        let fields: Vec<FieldColumn> = fields.take(FIELDS_MAX).collect();
        if long.is_none() && fields.is_empty() {
            self.problems.push("No column looks like values; choose which are.".to_owned());
        }
        if whose.is_none() && device.is_none() {
            self.problems.push("No column names a device; say whose readings these are.".to_owned());
        }
        let Some((column, of_day, form)) = time else {
            self.problems.push("No column looks like a time; choose the one that says when each row was.".to_owned());
            return None;
        };
        let key = whose.is_none().then(|| device.map(str::to_owned)).flatten();
        Some(Mapping {
            delimiter: self.delimiter,
            header: self.header,
            decimal_comma: self.decimal_comma,
            time: TimeColumn { column: number(column), of_day: of_day.map(number), form, zone: None },
            device: DeviceColumn { column: whose.map(number), key },
            fields,
            long,
        })
    }

    /// The column of times, perhaps the one of times of day, and how they are written.
    fn time_column(&mut self) -> Option<(usize, Option<usize>, TimeForm)> {
        let mut candidates: Vec<usize> = (0..self.names.len()).collect();
        candidates.sort_by_key(|column| !self.is_called(*column, TIME_NAMES));
        let (column, form) = candidates.into_iter().find_map(|column| Some((column, self.form_of(column)?)))?;
        let has_clock = self.cells(column).any(|cell| written(cell, form).is_some() && cell.contains(':'));
        let numbered = matches!(form, TimeForm::S | TimeForm::Ms | TimeForm::Us | TimeForm::Ns);
        let of_day = (!numbered && !has_clock)
            .then(|| {
                (0..self.names.len())
                    .find(|other| *other != column && self.all(*other, |cell| written_clock(cell).is_some()))
            })
            .flatten();
        let offset = |cell: &str| written(cell, form).is_some_and(|(_, offset)| offset.is_some());
        if !numbered && (of_day.is_some() || !self.all(column, offset)) {
            self.problems.push("Its times say no zone; choose the one of the clock that wrote them.".to_owned());
        }
        if form == TimeForm::Dmy && self.all(column, |cell| written(cell, TimeForm::Mdy).is_some()) {
            self.problems.push("Day and month cannot be told apart; the day is taken to stand first.".to_owned());
        }
        Some((column, of_day, form))
    }

    fn form_of(&self, column: usize) -> Option<TimeForm> {
        for form in [TimeForm::Iso, TimeForm::Dmy, TimeForm::Mdy] {
            if self.all(column, |cell| written(cell, form).is_some()) {
                return Some(form);
            }
        }
        let count = |cell: &str| cell.split('.').next().and_then(|whole| whole.parse::<u64>().ok()).unwrap_or_default();
        // 2001 to 2100 in each unit: nothing else that is measured lies there by chance in a column called so, or in the first.
        let named = column == 0 || self.is_called(column, TIME_NAMES);
        let forms = [(TimeForm::S, 1), (TimeForm::Ms, 1_000), (TimeForm::Us, 1_000_000), (TimeForm::Ns, 1_000_000_000)];
        let fits = |per: u64| self.all(column, |cell| (978_307_200..4_102_444_800).contains(&(count(cell) / per)));
        forms.into_iter().find(|(_, per)| named && fits(*per)).map(|(form, _)| form)
    }
}

fn set(guesses: &mut [ColumnGuess], column: usize, guess: ColumnGuess) {
    if let Some(place) = guesses.get_mut(column) {
        *place = guess;
    }
}

fn number(column: usize) -> u32 {
    u32::try_from(column + 1).unwrap_or(u32::MAX)
}
