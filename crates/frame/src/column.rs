//! The readings of one series: which keys have one, of what type, what we think of it, and the values by type.
//!
//! What a chart needs comes first, so that a chart decodes no more than that.

use std::sync::Arc;

use model::{Flaw, Judgement, ReadingKey, TimeSource, Value};

use crate::bits::{Bits, put_bits, take_bits};
use crate::cursor::Cursor;
use crate::numbers::{NumbersScratch, put_numbers, take_numbers};
use crate::packed::{put_packed, take_packed};
use crate::symbols::{Symbols, put_symbols, take_symbols};
use crate::texts::{put_texts, take_texts};
use crate::{Cell, Damage, EncodeError};

const NUMBER: u32 = 0;
const BOOL: u32 = 1;
const TEXT: u32 = 2;

/// Good is 0, so that a good column is one byte of zero; else the quality and the code of the flaw.
fn judgement_symbol(judgement: Judgement) -> u32 {
    match judgement {
        Judgement::Good => 0,
        Judgement::Suspect(flaw) => 0x100 | u32::from(flaw.code()),
        Judgement::Bad(flaw) => 0x200 | u32::from(flaw.code()),
    }
}

fn judgement(symbol: u32) -> Option<Judgement> {
    let flaw = Flaw::from_code(u8::try_from(symbol & 0xff).ok()?);
    match symbol >> 8 {
        0 if symbol == 0 => Some(Judgement::Good),
        1 => Some(Judgement::Suspect(flaw)),
        2 => Some(Judgement::Bad(flaw)),
        _ => None,
    }
}

/// Whether a chart may take a reading that is judged so.
fn is_bad(symbol: u32) -> bool {
    symbol >> 8 == 2
}

fn time_source_symbol(source: TimeSource) -> u32 {
    match source {
        TimeSource::Device => 0,
        TimeSource::Gateway => 1,
        TimeSource::Server => 2,
    }
}

fn time_source(symbol: u32) -> Option<TimeSource> {
    match symbol {
        0 => Some(TimeSource::Device),
        1 => Some(TimeSource::Gateway),
        2 => Some(TimeSource::Server),
        _ => None,
    }
}

/// Appends a column; `cells` has a place for each key.
pub(crate) fn put_column(out: &mut Vec<u8>, keys: &[ReadingKey], cells: &[Option<Cell>]) -> Result<(), EncodeError> {
    put_bits(out, &cells.iter().map(Option::is_some).collect::<Vec<_>>());
    let present: Vec<(&ReadingKey, &Cell)> =
        keys.iter().zip(cells).filter_map(|(key, cell)| Some((key, cell.as_ref()?))).collect();
    if present.is_empty() {
        return Ok(());
    }
    let (mut kinds, mut numbers, mut bools, mut texts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (_, cell) in &present {
        match &cell.value {
            Value::Number(number) => {
                kinds.push(NUMBER);
                numbers.push(*number);
            }
            Value::Bool(on) => {
                kinds.push(BOOL);
                bools.push(*on);
            }
            Value::Text(text) => {
                kinds.push(TEXT);
                texts.push(text);
            }
        }
    }
    put_symbols(out, &kinds)?;
    put_symbols(out, &present.iter().map(|(_, cell)| judgement_symbol(cell.judgement)).collect::<Vec<_>>())?;
    if !numbers.is_empty() {
        put_numbers(out, &numbers)?;
    }
    if !bools.is_empty() {
        put_bits(out, &bools);
    }
    if !texts.is_empty() {
        put_texts(out, &texts)?;
    }
    put_symbols(out, &present.iter().map(|(_, cell)| time_source_symbol(cell.time_source)).collect::<Vec<_>>())?;
    put_claimed(out, &present)
}

/// Claimed times as their distance from the key's, which is nearly constant for a clock that is wrong.
fn put_claimed(out: &mut Vec<u8>, present: &[(&ReadingKey, &Cell)]) -> Result<(), EncodeError> {
    put_bits(out, &present.iter().map(|(_, cell)| cell.claimed_ms.is_some()).collect::<Vec<_>>());
    let distance = |(key, cell): &(&ReadingKey, &Cell)| Some(cell.claimed_ms?.wrapping_sub(key.time.millis()));
    put_packed(out, &present.iter().filter_map(distance).collect::<Vec<_>>())
}

/// What stands before the values.
#[derive(Debug)]
struct Head {
    presence: Bits,
    present: usize,
    kinds: Symbols,
    judgements: Symbols,
}

impl Head {
    /// None for a column without readings.
    fn take(cursor: &mut Cursor<'_>, rows: usize) -> Result<Option<Self>, Damage> {
        let presence = take_bits(cursor, rows)?;
        let present = presence.count(rows);
        if present == 0 {
            return Ok(None);
        }
        let kinds = take_symbols(cursor, present)?;
        if !kinds.all(|kind| kind <= TEXT) {
            return Err(Damage::Content("an unknown type of value"));
        }
        let judgements = take_symbols(cursor, present)?;
        if !judgements.all(|symbol| judgement(symbol).is_some()) {
            return Err(Damage::Content("an unknown judgement"));
        }
        Ok(Some(Self { presence, present, kinds, judgements }))
    }

    /// Whether every key has a number that is not bad.
    fn all_numbers(&self) -> bool {
        self.presence == Bits::All
            && self.kinds == Symbols::Constant(NUMBER)
            && self.judgements.all(|symbol| !is_bad(symbol))
    }
}

/// What a chart takes of one column. Decoding into the same one again and again allocates nothing.
#[derive(Debug, Default)]
pub struct Charted {
    /// Milliseconds of the readings that count, ascending.
    pub times: Vec<i64>,
    /// Their numbers, one for each time: no NaN, true is 1 and false is 0.
    pub numbers: Vec<f64>,
    scratch: NumbersScratch,
}

impl Charted {
    /// Reads the numbers of a column. `self.times` holds the times of all keys and is left with those that count.
    pub(crate) fn take(&mut self, mut cursor: Cursor<'_>) -> Result<(), Damage> {
        self.numbers.clear();
        let Some(head) = Head::take(&mut cursor, self.times.len())? else {
            self.times.clear();
            return Ok(());
        };
        let count = head.kinds.count(NUMBER, head.present);
        let nan = count > 0 && take_numbers(&mut cursor, count, &mut self.numbers, &mut self.scratch)?;
        if head.all_numbers() && !nan {
            return Ok(());
        }
        let bool_count = head.kinds.count(BOOL, head.present);
        let bools = if bool_count > 0 { take_bits(&mut cursor, bool_count)? } else { Bits::None };
        self.keep_counted(&head, &bools);
        Ok(())
    }

    /// Drops absent, bad and NaN readings and texts, and puts booleans between the numbers.
    fn keep_counted(&mut self, head: &Head, bools: &Bits) {
        let mut numbers = std::mem::take(&mut self.numbers).into_iter();
        let mut place = 0;
        let mut bool_place = 0;
        let mut row = 0;
        self.times.retain(|_| {
            row += 1;
            if !head.presence.get(row - 1) {
                return false;
            }
            let number = match head.kinds.get(place) {
                NUMBER => numbers.next().filter(|number| !number.is_nan()),
                BOOL => {
                    bool_place += 1;
                    Some(f64::from(u8::from(bools.get(bool_place - 1))))
                }
                _ => None,
            };
            let number = number.filter(|_| !is_bad(head.judgements.get(place)));
            place += 1;
            self.numbers.extend(number);
            number.is_some()
        });
    }
}

/// Reads a column with everything; `keys` are those of the frame.
pub(crate) fn take_cells(cursor: Cursor<'_>, keys: &[ReadingKey]) -> Result<Vec<Option<Cell>>, Damage> {
    take_some_cells(cursor, keys.len(), 0, keys)
}

/// Reads the cells of `keys`, which stand from row `first` on in a frame of `rows` rows.
pub(crate) fn take_some_cells(
    mut cursor: Cursor<'_>,
    rows: usize,
    first: usize,
    keys: &[ReadingKey],
) -> Result<Vec<Option<Cell>>, Damage> {
    let Some(head) = Head::take(&mut cursor, rows)? else {
        cursor.end()?;
        return Ok(vec![None; keys.len()]);
    };
    let mut values = Values::take(&mut cursor, &head)?;
    let sources = take_symbols(&mut cursor, head.present)?;
    let claims = take_bits(&mut cursor, head.present)?;
    let mut distances = Vec::new();
    take_packed(&mut cursor, claims.count(head.present), &mut distances)?;
    cursor.end()?;
    let mut distances = distances.into_iter();
    let mut place = values.pass(&head, first);
    distances.by_ref().take((0..place).filter(|index| claims.get(*index)).count()).for_each(drop);
    let mut cell = |(row, key): (usize, &ReadingKey)| {
        if !head.presence.get(row) {
            return Ok(None);
        }
        let index = place;
        place += 1;
        let claimed_ms = if claims.get(index) {
            let distance: Option<i64> = distances.next();
            distance.map(|distance| distance.wrapping_add(key.time.millis()))
        } else {
            None
        };
        let cell = values.next(head.kinds.get(index)).zip(judgement(head.judgements.get(index)));
        let cell = cell.zip(time_source(sources.get(index)));
        let ((value, judgement), time_source) = cell.ok_or(Damage::Content("an unknown symbol"))?;
        Ok(Some(Cell { value, judgement, time_source, claimed_ms }))
    };
    (first..).zip(keys).map(&mut cell).collect()
}

/// The values of each type in order.
struct Values {
    numbers: std::vec::IntoIter<f64>,
    bools: Bits,
    bool_place: usize,
    texts: std::vec::IntoIter<Arc<str>>,
}

impl Values {
    fn take(cursor: &mut Cursor<'_>, head: &Head) -> Result<Self, Damage> {
        let count = |kind| head.kinds.count(kind, head.present);
        let mut numbers = Vec::new();
        if count(NUMBER) > 0 {
            take_numbers(cursor, count(NUMBER), &mut numbers, &mut NumbersScratch::default())?;
        }
        let bools = if count(BOOL) > 0 { take_bits(cursor, count(BOOL))? } else { Bits::None };
        let texts = if count(TEXT) > 0 { take_texts(cursor, count(TEXT))? } else { Vec::new() };
        Ok(Self { numbers: numbers.into_iter(), bools, bool_place: 0, texts: texts.into_iter() })
    }

    /// Leaves out what stands before `row`, and answers how many readings that are.
    fn pass(&mut self, head: &Head, row: usize) -> usize {
        if head.presence == Bits::All && head.kinds == Symbols::Constant(NUMBER) {
            if let Some(last) = row.checked_sub(1) {
                self.numbers.nth(last);
            }
            return row;
        }
        let place = (0..row).filter(|row| head.presence.get(*row)).count();
        (0..place).for_each(|index| _ = self.next(head.kinds.get(index)));
        place
    }

    fn next(&mut self, kind: u32) -> Option<Value> {
        match kind {
            NUMBER => self.numbers.next().map(Value::Number),
            BOOL => {
                self.bool_place += 1;
                Some(Value::Bool(self.bools.get(self.bool_place - 1)))
            }
            TEXT => self.texts.next().map(Value::Text),
            _ => None,
        }
    }
}
