//! One import from the first byte to the last outcome. Held in memory: a piece of the file, one row, and a few messages under way.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use decode::{Found, VALUES_MAX};
use futures_util::StreamExt;
use ingest::{IMPORT, TimePolicy};
use model::Topic;
use source::Outcome;
use table::{Mapping, Reader, Row, Rows};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::failed;
use super::jobs::{Import, ImportState, Job, counts};
use crate::delivery::{Fate, Parcel, Waiting, can_store, hand_over};
use crate::packed::UNPACKED_TABLE_BYTES_MAX;
use crate::problem::Problem;
use crate::refusals::refused_in_words;
use crate::state::ApiState;

/// Messages of an import that are under way. Beyond it the file is not read: with so few it fills neither the inlet nor a batch,
/// and devices go between.
const IN_FLIGHT_MAX: usize = 8;
/// Bytes that are read before what they hold is handed over.
const PIECE_BYTES: usize = 16 * 1024;
/// So long the sender may be silent. Then the import has failed.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// So long an import waits for what is under way: at its start for what an earlier one left, at its end for its own. Then it ends
/// without knowing what became of it.
const SETTLE_WITHIN: Duration = Duration::from_secs(30);
/// So long the rest of a table that is not wanted any more is taken in. Then the connection is closed.
const DRAIN_WITHIN: Duration = Duration::from_secs(30);
/// The least that must come while an import waits for its sender, in bytes of each [`PACE_OVER`]. Less: the import has failed, since
/// nobody else can bring a table meanwhile. So slow is no line, and no program that reads a file.
const PACE_BYTES_MIN: u64 = 1024;
/// Only the time that the import waits for its sender counts.
const PACE_OVER: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Why an import ended early.
enum Ended {
    Cancelled,
    /// The file cannot be read, or not any more.
    File(String),
    /// It was not stored.
    Store(String),
    Closing,
}

/// Rows that become one message.
struct Part {
    row: u64,
    text: String,
    found: Vec<Found>,
}

/// An import under way. Dropped before its end, the connection has ended.
pub struct Load {
    state: ApiState,
    job: Arc<Job>,
    reader: Reader,
    rows: Option<Rows>,
    header: bool,
    parts: Vec<Part>,
    in_flight: VecDeque<(u64, Waiting)>,
    stop: watch::Receiver<bool>,
    client: Arc<str>,
    topic: Topic,
}

impl Drop for Load {
    fn drop(&mut self) {
        let now = self.state.ingest.now().millis();
        if *self.stop.borrow() {
            // Who stopped it need not send the rest.
            return self.job.end(ImportState::Cancelled, None, now, None);
        }
        let sentence = "the connection ended before the file did; bring it again, nothing doubles";
        self.job.end(ImportState::Failed, Some(sentence.to_owned()), now, None);
    }
}

impl Load {
    /// Takes the place of the one import that may run.
    ///
    /// # Errors
    /// 422 for a mapping that cannot be used, 409 while another import runs, 507 while nothing can be stored.
    pub async fn begin(
        state: &ApiState,
        mapping: &Mapping,
        name: Option<String>,
        bytes_total: Option<u64>,
        peer: SocketAddr,
    ) -> Result<Self, Problem> {
        let now = state.ingest.now().millis();
        let latest = now.saturating_add(TimePolicy::default().time_skew_max_ms);
        let invalid = |error: table::MappingError| Problem::unprocessable("mapping_invalid", error.to_string());
        let reader = Reader::new(mapping, latest).map_err(invalid)?;
        can_store(state)?;
        let topic = Topic::parse(IMPORT).map_err(|error| Problem::bad_request("topic_invalid", error.to_string()))?;
        let job = state.imports.add(name, bytes_total, now)?;
        let delimiter = u8::try_from(mapping.delimiter).unwrap_or(b',');
        let load = Self {
            state: state.clone(),
            reader,
            rows: Some(Rows::parted_by(delimiter)),
            header: mapping.header,
            parts: Vec::new(),
            in_flight: VecDeque::new(),
            stop: job.stopped(),
            client: peer.ip().to_string().into(),
            topic,
            job,
        };
        if let Err(problem) = load.settle_before().await {
            let sentence = "it was not begun: what was stored before could not be settled";
            load.job.end(ImportState::Failed, Some(sentence.to_owned()), now, None);
            return Err(problem);
        }
        Ok(load)
    }

    /// What an import before left under way is counted to that one.
    async fn settle_before(&self) -> Result<(), Problem> {
        let under_way = || self.state.ingest.flows().get(IMPORT).is_some_and(|flow| flow.in_flight > 0);
        let settled = timeout(SETTLE_WITHIN, async {
            while under_way() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
        settled.await.map_err(|_| Problem::not_stored("the import before this one is still being stored"))?;
        self.state.store.flush().await?;
        self.state.imports.settle_before(&self.job, &counts(&self.state));
        Ok(())
    }

    /// Reads the body to its end and answers when all of it is durable.
    ///
    /// # Errors
    /// 422 when the file could not be read to its end, 507 when some of it was not stored.
    pub async fn run(mut self, body: Body, packed: bool) -> Result<Import, Problem> {
        let mut chunks = body.into_data_stream();
        let read = self.read(&mut chunks, packed).await;
        let settled = timeout(SETTLE_WITHIN, self.settle_all()).await;
        let ended = read.and(settled.unwrap_or_else(|_| Err(Ended::Store(later()))));
        let durable = self.in_flight.is_empty() && self.state.store.flush().await.is_ok();
        let after = durable.then(|| counts(&self.state));
        let now = self.state.ingest.now().millis();
        let (state, detail, problem) = match ended {
            Ok(()) => (ImportState::Done, None, None),
            Err(Ended::Cancelled) => (ImportState::Cancelled, None, None),
            Err(Ended::File(sentence)) => {
                let problem = Problem::unprocessable("import_failed", sentence.clone());
                (ImportState::Failed, Some(sentence), Some(problem))
            }
            Err(Ended::Store(sentence)) => {
                let problem = Problem::not_stored(sentence.clone());
                (ImportState::Failed, Some(sentence), Some(problem))
            }
            Err(Ended::Closing) => {
                (ImportState::Failed, Some("the server was shut down".to_owned()), Some(Problem::closing()))
            }
        };
        self.job.end(state, detail, now, after);
        if let Err(error) = self.state.ingest.accept_imported().await {
            tracing::warn!(%error, "devices that a table brought could not all be accepted");
        }
        // No browser sends a packed table, and to unpack what nobody wants can take for ever.
        if !packed {
            drain(chunks).await;
        }
        match problem {
            Some(problem) => Err(problem),
            None => Ok(self.job.view(&counts(&self.state))),
        }
    }

    async fn read(&mut self, chunks: &mut BodyDataStream, packed: bool) -> Result<(), Ended> {
        let mut stop = self.stop.clone();
        let (mut pace, mut unpacked) = (Pace::default(), 0_u64);
        loop {
            let asked = Instant::now();
            let chunk = tokio::select! {
                chunk = timeout(SILENCE_MAX, chunks.next()) => chunk,
                _ = stop.wait_for(|stop| *stop) => return Err(Ended::Cancelled),
            };
            let silent = |_| {
                Ended::File(format!(
                    "nothing more came for {} s; bring it again, nothing doubles",
                    SILENCE_MAX.as_secs()
                ))
            };
            match chunk.map_err(silent)? {
                None => return self.finish().await,
                Some(Err(error)) => {
                    return Err(Ended::File(format!("the file broke off: {error}; bring it again, nothing doubles")));
                }
                Some(Ok(chunk)) => {
                    if !pace.keeps(chunk.len() as u64, asked.elapsed()) {
                        return Err(Ended::File(format!(
                            "it came slower than {PACE_BYTES_MIN} bytes in {} s (PACE_BYTES_MIN), and no other table can come \
                             meanwhile; bring it again, nothing doubles",
                            PACE_OVER.as_secs()
                        )));
                    }
                    unpacked += chunk.len() as u64;
                    if packed && unpacked > UNPACKED_TABLE_BYTES_MAX {
                        return Err(Ended::File(format!(
                            "unpacked it has more than {UNPACKED_TABLE_BYTES_MAX} bytes (UNPACKED_TABLE_BYTES_MAX); bring it in \
                             parts, or not packed"
                        )));
                    }
                    for piece in chunk.chunks(PIECE_BYTES) {
                        self.piece(piece).await?;
                    }
                }
            }
        }
    }

    async fn piece(&mut self, piece: &[u8]) -> Result<(), Ended> {
        let Some(mut rows) = self.rows.take() else { return Ok(()) };
        let mut first = Ok(());
        let read = rows.push(piece, |row| self.row(&row, &mut first));
        self.rows = Some(rows);
        self.job.took(piece.len() as u64);
        first.map_err(Ended::File)?;
        self.hand_over(usize::from(read.is_ok())).await?;
        read.map_err(|fault| Ended::File(fault.to_string()))
    }

    async fn finish(&mut self) -> Result<(), Ended> {
        let Some(rows) = self.rows.take() else { return Ok(()) };
        let mut first = Ok(());
        let read = rows.finish(|row| self.row(&row, &mut first));
        first.map_err(Ended::File)?;
        self.hand_over(0).await?;
        read.map_err(|fault| Ended::File(fault.to_string()))
    }

    /// One row; the first may end it all.
    fn row(&mut self, row: &Row<'_>, first: &mut Result<(), String>) {
        if std::mem::take(&mut self.header) {
            *first = self.reader.begin(row);
            return;
        }
        if first.is_err() {
            return;
        }
        let read = self.reader.read(row);
        if !read.found.is_empty() {
            self.job.found(&read.found);
            let joins = |part: &&mut Part| part.found.len() + read.found.len() <= VALUES_MAX;
            match self.parts.last_mut().filter(joins) {
                Some(part) => part.found.extend(read.found),
                None => self.parts.push(Part { row: row.number, text: row.text(), found: read.found }),
            }
        }
        self.job.read(row.number, read.refused);
    }

    /// Hands messages over, but for the last `kept`, which more rows may join.
    async fn hand_over(&mut self, kept: usize) -> Result<(), Ended> {
        let ready = self.parts.len().saturating_sub(kept);
        for mut part in self.parts.drain(..ready).collect::<Vec<_>>() {
            if failed::any(&part.found) {
                self.leave_out_failed(&mut part).await?;
                if part.found.is_empty() {
                    continue;
                }
            }
            while self.in_flight.len() >= IN_FLIGHT_MAX {
                self.settle_one(true).await?;
            }
            let parcel = Parcel {
                source: IMPORT,
                client: Arc::clone(&self.client),
                topic: self.topic.clone(),
                payload: Bytes::from(part.text),
                read: Some(part.found),
                repeat: None,
            };
            let outcome = hand_over(&self.state, parcel).await.map_err(|_| Ended::Closing)?;
            self.in_flight.push_back((part.row, outcome));
        }
        Ok(())
    }

    /// What failed and would take the place of a value is refused; that needs to know what is there.
    async fn leave_out_failed(&mut self, part: &mut Part) -> Result<(), Ended> {
        while !self.in_flight.is_empty() {
            self.settle_one(true).await?;
        }
        let left_out = failed::leave_out(&self.state, &mut part.found).await;
        let count = left_out.map_err(|error| Ended::Store(format!("what is stored could not be read: {error}")))?;
        if count > 0 {
            let of = format!("{count} failed reads from this row on stand where a value is stored, which stays");
            self.job.refuse(part.row, failed::FAILED_READ, count as u64, of);
        }
        Ok(())
    }

    async fn settle_all(&mut self) -> Result<(), Ended> {
        let mut ended = Ok(());
        while !self.in_flight.is_empty() {
            ended = ended.and(self.settle_one(false).await);
        }
        ended
    }

    /// Waits for the oldest message under way; a person may not want to wait.
    async fn settle_one(&mut self, stoppable: bool) -> Result<(), Ended> {
        let mut stop = self.stop.clone();
        let Some((row, waiting)) = self.in_flight.front_mut() else { return Ok(()) };
        let (row, Fate { outcome, account }) = tokio::select! {
            fate = waiting.told() => (*row, fate),
            _ = stop.wait_for(|stop| *stop), if stoppable => return Err(Ended::Cancelled),
        };
        self.in_flight.pop_front();
        match outcome {
            Outcome::Stored { readings } => {
                if let Some(words) = refused_in_words(&account.refused, readings) {
                    self.job.tell(row, format!("of a message that begins with this row: {words}"));
                }
                Ok(())
            }
            Outcome::Duplicate | Outcome::NoReading { .. } | Outcome::Unread => Ok(()),
            Outcome::Rejected(reason) => {
                self.job.tell(row, format!("all values from this row on were refused ({})", reason.as_str()));
                Ok(())
            }
            Outcome::Unknown => Err(Ended::Store(format!(
                "rows from {row} on were not all stored; bring the file again, nothing doubles"
            ))),
        }
    }
}

/// How fast a table comes.
#[derive(Debug, Default)]
struct Pace {
    waited: Duration,
    came: u64,
}

impl Pace {
    /// Whether so many bytes after such a wait are fast enough.
    fn keeps(&mut self, bytes: u64, waited: Duration) -> bool {
        self.waited += waited;
        self.came += bytes;
        if self.waited < PACE_OVER {
            return true;
        }
        let enough = self.came >= PACE_BYTES_MIN;
        *self = Self::default();
        enough
    }
}

/// A browser that is answered in the middle of what it sends takes the connection for broken and sends everything again. So
/// the rest is taken in and dropped.
async fn drain(mut chunks: BodyDataStream) {
    let dropped = timeout(DRAIN_WITHIN, async { while let Some(Ok(_)) = chunks.next().await {} }).await;
    if dropped.is_err() {
        tracing::info!("the rest of a table that was not wanted any more did not end in time");
    }
}

fn later() -> String {
    "what is under way is not stored yet; bring the file again, nothing doubles".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_now_and_then_is_no_pace_and_a_slow_line_is_one() {
        let (mut pace, second) = (Pace::default(), Duration::from_secs(1));
        assert!((0..59).all(|_| pace.keeps(1, second)), "not judged before a minute");
        assert!(!pace.keeps(1, second), "60 bytes in a minute");
        assert!((0..600).all(|_| pace.keeps(18, second)), "a line of 18 bytes a second is slow and goes on");
        assert!((0..600).all(|_| pace.keeps(1, Duration::ZERO)), "only waiting for the sender counts");
    }
}
