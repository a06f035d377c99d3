//! Everything in a directory as lines of JSON, and back: for other programs, and for whoever trusts text more than formats.
//!
//! The first line says what it is, the last one how many lines there are. Between them: devices, documents with their claims,
//! each series followed by its readings in order of key, hidden ranges, retention floors, unread messages. Numbers are
//! written so that they come back bit for bit; what JSON has no number for is a text inside an object.
//!
//! Left out is what only the server's own bookkeeping needs: the books and the marks that recognise repeats. Import counts
//! what it takes in under the source `import`. Both stream: neither holds more than a page of readings.

use std::collections::VecDeque;
use std::io::{self, BufRead, Write};
use std::path::Path;

use model::{
    Book, DeviceId, Judgement, Reading, ReadingKey, SeriesId, SourceName, TimeRange, TimeSource, Timestamp, Value,
};
use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};
use store::{
    Batch, BookDelta, Commit, CommitOutcome, DeviceRecord, Entry, ExpiryRecord, Gone, HiddenRecord, MessageRecord,
    Order, Readings, Restored, SeriesReading, SeriesRecord, StoreError, UnreadId, UnreadRecord,
};

use crate::care::CareError;
use crate::database::failed;
use crate::options::Options;
use crate::reading::{self, Request};
use crate::{EmbeddedStore, open};

/// The form of the lines.
const FORM: u32 = 1;
/// Readings that are read or appended at once.
const PAGE: usize = 2_000;
/// Bytes of text in readings that are appended at once.
const PAGE_TEXT_BYTES: usize = 256 * 1024;
/// Appends whose fate is not known yet; more wait.
const COMMITS_MAX: usize = 8;
/// Longest line of an import. A longer one is refused.
const LINE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Unread messages that are read at once.
const UNREAD_PAGE: usize = 100;

/// What was written or taken in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transferred {
    /// Lines, the first and the last one too.
    pub lines: u64,
    /// Readings among them.
    pub readings: u64,
    /// Readings that were not there before; an export says none.
    pub new_readings: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    SensoriumExport { form: u32, last_received: Option<Timestamp> },
    Device(DeviceRecord),
    Document { kind: String, id: String, version: u64, body: String, claims: Vec<(String, String)> },
    Series(SeriesRecord),
    Reading(ReadingLine),
    Hidden { series: SeriesId, range: TimeRange },
    Floor { series: SeriesId, before: Timestamp },
    Unread(UnreadRecord),
    End { lines: u64 },
}

#[derive(Serialize, Deserialize)]
struct ReadingLine {
    series: SeriesId,
    time: Timestamp,
    n: u32,
    value: ValueLine,
    judgement: Judgement,
    time_source: TimeSource,
    claimed_ms: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum ValueLine {
    Bool(bool),
    Number(f64),
    Text(String),
    /// `NaN`, `inf` or `-inf`.
    Other {
        number: String,
    },
}

impl From<&Value> for ValueLine {
    fn from(value: &Value) -> Self {
        match value {
            Value::Bool(on) => Self::Bool(*on),
            Value::Number(number) if number.is_finite() => Self::Number(*number),
            Value::Number(number) => Self::Other { number: number.to_string() },
            Value::Text(text) => Self::Text(text.to_string()),
        }
    }
}

impl ValueLine {
    fn value(self) -> Option<Value> {
        Some(match self {
            Self::Bool(on) => Value::Bool(on),
            Self::Number(number) => Value::Number(number),
            Self::Text(text) => Value::Text(text.into()),
            Self::Other { number } => Value::Number(number.parse().ok()?),
        })
    }
}

/// Writes everything in the directory `dir` to `out`. No server may have it open.
///
/// # Errors
/// A directory that cannot be opened or read, or `out`. What was written so far has no last line.
pub async fn export(dir: &Path, out: &mut impl Write) -> Result<Transferred, CareError> {
    if !dir.join("sensorium.db").exists() {
        return Err(CareError::Refused(format!("{} holds no data of Sensorium", dir.display())));
    }
    let store = open(dir, Options::default())?;
    // From here on everything is in the database.
    store.flush().await?;
    let restored = store.restored();
    let mut lines = Lines { out, done: Transferred::default() };
    lines.put(&Line::SensoriumExport { form: FORM, last_received: restored.last_received })?;
    restored.devices.iter().try_for_each(|device| lines.put(&Line::Device(device.clone())))?;
    for document in documents(&store)? {
        lines.put(&document)?;
    }
    for series in &restored.series {
        lines.put(&Line::Series(series.clone()))?;
        export_readings(&store, &restored, series.id, &mut lines).await?;
    }
    for (series, hidden) in &restored.hidden {
        hidden.ranges().iter().try_for_each(|range| lines.put(&Line::Hidden { series: *series, range: *range }))?;
    }
    for (series, before) in &restored.floors {
        lines.put(&Line::Floor { series: *series, before: *before })?;
    }
    for unread in unread(&store).await? {
        let record = store.unread_one(unread).await?;
        record.map_or(Ok(()), |record| lines.put(&Line::Unread(record)))?;
    }
    let count = lines.done.lines + 1;
    lines.put(&Line::End { lines: count })?;
    lines.out.flush().map_err(unwritable)?;
    let done = lines.done;
    store.close().await?;
    Ok(done)
}

fn unwritable(source: io::Error) -> CareError {
    CareError::Store(StoreError::Io { doing: "writing the export".to_owned(), source })
}

struct Lines<'a, W> {
    out: &'a mut W,
    done: Transferred,
}

impl<W: Write> Lines<'_, W> {
    fn put(&mut self, line: &Line) -> Result<(), CareError> {
        serde_json::to_writer(&mut *self.out, line).map_err(|error| unwritable(error.into()))?;
        self.done.lines += 1;
        self.out.write_all(b"\n").map_err(unwritable)
    }
}

/// Documents are small and people edit them, so all of them are held.
fn documents(store: &EmbeddedStore) -> Result<Vec<Line>, StoreError> {
    let database = store.database();
    database.read(|snapshot| {
        (|| {
            let mut claims =
                snapshot.prepare("SELECT space, key FROM claims WHERE kind = ?1 AND owner = ?2 ORDER BY 1, 2")?;
            let mut all = snapshot.prepare("SELECT kind, id, version, body FROM documents ORDER BY kind, id")?;
            let mut rows = all.query([])?;
            let mut lines = Vec::new();
            while let Some(row) = rows.next()? {
                let (kind, id): (String, String) = (row.get(0)?, row.get(1)?);
                let claims = claims.query_map([&kind, &id], |row| Ok((row.get(0)?, row.get(1)?)))?;
                let claims = claims.collect::<rusqlite::Result<_>>()?;
                let version = row.get::<_, i64>(2)?.cast_unsigned();
                lines.push(Line::Document { kind, id, version, body: row.get(3)?, claims });
            }
            Ok(lines)
        })()
        .map_err(failed("reading documents"))
    })
}

async fn unread(store: &EmbeddedStore) -> Result<Vec<UnreadId>, StoreError> {
    let (mut all, mut before) = (Vec::new(), None);
    loop {
        let page = store.unread(before, UNREAD_PAGE).await?;
        all.extend(page.iter().map(|record| record.id));
        before = page.last().map(|record| record.id);
        if page.len() < UNREAD_PAGE {
            all.sort_unstable();
            return Ok(all);
        }
    }
}

/// Hidden readings too: they are hidden again after an import.
async fn export_readings<W: Write>(
    store: &EmbeddedStore,
    restored: &Restored,
    series: SeriesId,
    lines: &mut Lines<'_, W>,
) -> Result<(), CareError> {
    let mut gone = Gone::default();
    if let Some((_, floor)) = restored.floors.iter().find(|(id, _)| *id == series) {
        gone.add(TimeRange { from: Timestamp::MIN, to: *floor });
    }
    let (range, order) = (TimeRange::ALL, Order::Ascending);
    let mut after = None;
    loop {
        let request = Request { series, range, order, after, limit: PAGE, gone: gone.clone() };
        let page = store.read_database(move |snapshot| reading::merged(snapshot, &request, Vec::new())).await?;
        for reading in &page {
            let &Reading { key, ref value, judgement, time_source, claimed_ms } = reading;
            let value = value.into();
            let line = ReadingLine { series, time: key.time, n: key.n, value, judgement, time_source, claimed_ms };
            lines.put(&Line::Reading(line))?;
            lines.done.readings += 1;
        }
        after = page.last().map(|reading| reading.key);
        if page.len() < PAGE {
            return Ok(());
        }
    }
}

/// Takes in what [`export`] wrote. No server may have the directory open. What is there already is recognised, so an import
/// that was interrupted can be repeated.
///
/// # Errors
/// A line that is none, with its number; a device or series whose id means another one in this directory; a file without
/// its last line; the directory. Everything before it was taken in.
pub async fn import(dir: &Path, input: &mut impl BufRead) -> Result<Transferred, CareError> {
    let store = open(dir, Options::default())?;
    let mut taking = Taking::of(&store)?;
    let outcome = taking.all(input).await;
    taking.settle().await?;
    store.flush().await?;
    let new_readings = store.stats().readings.saturating_sub(taking.readings_before);
    let done = Transferred { new_readings, ..taking.done };
    store.close().await?;
    outcome.map(|()| done)
}

struct Taking<'a> {
    store: &'a EmbeddedStore,
    source: SourceName,
    restored: Restored,
    received: Timestamp,
    readings_before: u64,
    waiting: VecDeque<Commit>,
    page: Vec<SeriesReading>,
    page_text: usize,
    done: Transferred,
}

impl<'a> Taking<'a> {
    fn of(store: &'a EmbeddedStore) -> Result<Self, CareError> {
        let source = SourceName::parse("import").map_err(|error| CareError::Refused(error.to_string()))?;
        Ok(Self {
            store,
            source,
            restored: store.restored(),
            received: Timestamp::EPOCH,
            readings_before: store.stats().readings,
            waiting: VecDeque::new(),
            page: Vec::new(),
            page_text: 0,
            done: Transferred::default(),
        })
    }

    async fn all(&mut self, input: &mut impl BufRead) -> Result<(), CareError> {
        let mut text = Vec::new();
        loop {
            text.clear();
            let number = self.done.lines + 1;
            let refused = |what: String| CareError::Refused(format!("line {number}: {what}"));
            let mut bounded = io::Read::take(&mut *input, LINE_BYTES_MAX);
            let read = bounded.read_until(b'\n', &mut text);
            read.map_err(|source| StoreError::Io { doing: "reading the lines".to_owned(), source })?;
            if text.is_empty() {
                return Err(refused("the file ends here and should not: it was written by half".to_owned()));
            }
            let line: Line = serde_json::from_slice(&text).map_err(|error| refused(error.to_string()))?;
            self.done.lines += 1;
            match (number, line) {
                (1, Line::SensoriumExport { form: FORM, last_received }) => {
                    self.received = last_received.unwrap_or(Timestamp::EPOCH);
                }
                (1, _) => return Err(refused("this is no export that this version can read".to_owned())),
                (_, Line::End { lines }) if lines == number => return self.page().await,
                (_, Line::End { lines }) => return Err(refused(format!("there should be {lines} lines"))),
                (_, line) => self.one(line).await.map_err(|error| match error {
                    CareError::Refused(what) => refused(what),
                    other @ (CareError::Open(_) | CareError::Store(_) | CareError::File { .. }) => other,
                })?,
            }
        }
    }

    async fn one(&mut self, line: Line) -> Result<(), CareError> {
        if let Line::Reading(reading) = line {
            return self.reading(reading).await;
        }
        self.page().await?;
        match line {
            Line::Device(device) => self.device(device).await,
            Line::Series(series) => self.series(series).await,
            Line::Document { kind, id, version, body, claims } => {
                put_document(self.store, (&kind, &id), version, &body, &claims)
            }
            Line::Hidden { series, range } => {
                let record = HiddenRecord { series, range, hidden: true };
                self.append(vec![Entry::Hidden(record)]).await
            }
            Line::Floor { series, before } => {
                if self.restored.floors.iter().any(|(id, floor)| *id == series && *floor >= before) {
                    return Ok(());
                }
                let record = ExpiryRecord { series: vec![series], before };
                self.append(vec![Entry::Expired(record)]).await
            }
            Line::Unread(record) => {
                if self.store.unread_one(record.id).await?.is_some()
                    || self.restored.last_unread.is_some_and(|last| record.id <= last)
                {
                    return Ok(());
                }
                self.append(vec![Entry::Unread(UnreadRecord { repeat: None, ..record })]).await
            }
            Line::SensoriumExport { .. } | Line::End { .. } | Line::Reading(_) => {
                Err(CareError::Refused("it is in the wrong place".to_owned()))
            }
        }
    }

    async fn device(&mut self, device: DeviceRecord) -> Result<(), CareError> {
        let there = self.restored.devices.iter().find(|known| known.id == device.id || known.key == device.key);
        match there {
            Some(known) if known.id == device.id && known.key == device.key => Ok(()),
            Some(known) => Err(other_id("device", device.key.as_str(), device.id.0, known.key.as_str(), known.id)),
            None => {
                self.restored.devices.push(device.clone());
                self.append(vec![Entry::Device(device)]).await
            }
        }
    }

    async fn series(&mut self, series: SeriesRecord) -> Result<(), CareError> {
        let same = |known: &SeriesRecord| known.device == series.device && known.metric == series.metric;
        let there = self.restored.series.iter().find(|known| known.id == series.id || same(known));
        match there {
            Some(known) if known.id == series.id && same(known) => Ok(()),
            Some(known) => {
                let known_id = DeviceId(known.id.0);
                Err(other_id("series", series.metric.as_str(), series.id.0, known.metric.as_str(), known_id))
            }
            None => {
                self.restored.series.push(series.clone());
                self.append(vec![Entry::Series(series)]).await
            }
        }
    }

    async fn reading(&mut self, line: ReadingLine) -> Result<(), CareError> {
        let ReadingLine { series, time, n, value, judgement, time_source, claimed_ms } = line;
        let no_value = || CareError::Refused("it has no value".to_owned());
        let value = value.value().ok_or_else(no_value)?;
        self.page_text += if let Value::Text(text) = &value { text.len() } else { 0 };
        let reading = Reading { key: ReadingKey { time, n }, value, judgement, time_source, claimed_ms };
        self.page.push(SeriesReading { series, reading });
        self.done.readings += 1;
        if self.page.len() >= PAGE || self.page_text >= PAGE_TEXT_BYTES { self.page().await } else { Ok(()) }
    }

    /// Appends the readings that wait.
    async fn page(&mut self) -> Result<(), CareError> {
        let readings = std::mem::take(&mut self.page);
        self.page_text = 0;
        if readings.is_empty() {
            return Ok(());
        }
        let (source, received) = (self.source.clone(), self.received);
        let mut book = Book::default();
        (book.messages.received, book.messages.stored) = (1, 1);
        book.readings.decoded = readings.len() as u64;
        let delta = BookDelta { source: source.clone(), book };
        let message = MessageRecord { source, received, readings, repeat: None };
        self.append(vec![Entry::Message(message), Entry::Book(delta)]).await
    }

    async fn append(&mut self, entries: Vec<Entry>) -> Result<(), CareError> {
        self.waiting.push_back(self.store.append(Batch { entries }).await);
        if self.waiting.len() > COMMITS_MAX { self.settle_one().await } else { Ok(()) }
    }

    async fn settle_one(&mut self) -> Result<(), CareError> {
        let Some(commit) = self.waiting.pop_front() else { return Ok(()) };
        match commit.await {
            CommitOutcome::Durable(_) => Ok(()),
            CommitOutcome::NotStored(why) => Err(CareError::Refused(format!("the store does not take it: {why}"))),
            CommitOutcome::Unknown => Err(StoreError::Closed.into()),
        }
    }

    async fn settle(&mut self) -> Result<(), CareError> {
        while !self.waiting.is_empty() {
            self.settle_one().await?;
        }
        Ok(())
    }
}

fn other_id(what: &str, name: &str, id: u32, known: &str, known_id: DeviceId) -> CareError {
    let known_id = known_id.0;
    CareError::Refused(format!(
        "{what} {name} has id {id} here, and the directory has {known} with id {known_id}: import into another directory"
    ))
}

/// As it was, with its version. One that is there and newer stays.
fn put_document(
    store: &EmbeddedStore,
    (kind, id): (&str, &str),
    version: u64,
    body: &str,
    claims: &[(String, String)],
) -> Result<(), CareError> {
    let database = store.database();
    let mut connection = database.writer();
    let written = (|| {
        let writing = connection.transaction()?;
        let version_there = "SELECT version FROM documents WHERE kind = ?1 AND id = ?2";
        let there: Option<i64> = writing.query_row(version_there, [kind, id], |row| row.get(0)).optional()?;
        if there.is_some_and(|there| there.cast_unsigned() >= version) {
            return Ok(());
        }
        writing.execute(
            "INSERT OR REPLACE INTO documents (kind, id, version, body) VALUES (?1, ?2, ?3, ?4)",
            params![kind, id, version.cast_signed(), body],
        )?;
        for (space, key) in claims {
            writing.execute(
                "INSERT OR IGNORE INTO claims (space, key, kind, owner) VALUES (?1, ?2, ?3, ?4)",
                [space, key, kind, id],
            )?;
        }
        writing.commit()
    })();
    Ok(written.map_err(failed("writing a document"))?)
}
