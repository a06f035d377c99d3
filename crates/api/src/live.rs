//! Stored readings as they come, over one WebSocket for each page.
//!
//! A connection keeps nothing but its cursor and its subscription; what it has missed it reads from the ring. The first
//! change after a quiet 100 ms goes out at once, later ones are merged into one message for each 100 ms.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use ingest::Since;
use model::{Kind, SeriesId};
use serde::{Deserialize, Serialize};
use store::Sequence;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use utoipa::ToSchema;
use windows::Calibrations;

use crate::books::{self, Book};
use crate::state::ApiState;
use crate::wire::Columns;

/// Series of one subscription at most; the rest is left out and said so.
const SERIES_MAX: usize = 1_000;
/// Bytes of a client's message at most; more closes the socket.
const REQUEST_BYTES_MAX: usize = 256 * 1024;
/// Merging time.
const PACE: Duration = Duration::from_millis(100);
/// Books are told this often at most.
const BOOKS_EVERY: Duration = Duration::from_secs(1);
/// So that proxies do not cut a quiet socket.
const PING_EVERY: Duration = Duration::from_secs(15);

/// What a client wants to hear; sending it again replaces the subscription.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Subscribe {
    subscribe: Vec<LiveSeries>,
    /// The cursor of the last message seen, to get what was missed.
    since: Option<String>,
}

/// A series by name; one that does not exist yet is heard once it does.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LiveSeries {
    device: String,
    metric: String,
}

/// Everything that changed since the message before.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Changes {
    /// Where the client stands now.
    cursor: String,
    /// By `device/metric`.
    series: BTreeMap<String, Columns>,
    /// Series of the subscription, as `device/metric`, that are no longer there: their device was deleted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gone: Vec<String>,
    /// The books over all sources, when they changed, once a second at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    books: Option<Book>,
    /// Grows when devices, metrics, names, calibrations or the inbox changed: ask for them again.
    #[serde(skip_serializing_if = "Option::is_none")]
    devices_version: Option<u64>,
    /// The client's cursor no longer holds: ask for the history again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    reset: bool,
    /// What was wrong with the client's message.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Upgrades to the live WebSocket.
#[utoipa::path(get, path = "/api/v1/live", responses((status = 101, description = "WebSocket: the client sends Subscribe, the server Changes", body = Changes)))]
pub async fn live(State(state): State<ApiState>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.max_message_size(REQUEST_BYTES_MAX).on_upgrade(move |socket| async move {
        let session = Session::new(state);
        // A socket that breaks needs no word: the client comes back with its cursor.
        let _ = session.run(socket).await;
    })
}

/// A series of the subscription: the names it was asked for by, and what makes values of what was sent.
struct Heard {
    names: Vec<String>,
    kind: Kind,
    calibrations: Calibrations,
}

struct Session {
    state: ApiState,
    wanted: Vec<LiveSeries>,
    series: HashMap<SeriesId, Heard>,
    cursor: Sequence,
    books: Option<Book>,
    devices_version: u64,
}

impl Session {
    fn new(state: ApiState) -> Self {
        let cursor = *state.ingest.live().newest().borrow();
        Self { state, wanted: Vec::new(), series: HashMap::new(), cursor, books: None, devices_version: 0 }
    }

    async fn run(mut self, mut socket: WebSocket) -> Result<(), axum::Error> {
        let mut newest = self.state.ingest.live().newest();
        let mut list = self.state.ingest.list_version();
        let mut ping = interval(PING_EVERY);
        ping.reset(); // The first one would come at once.
        let mut books = interval(BOOKS_EVERY);
        books.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut quiet_until = Instant::now();
        let mut due = true;
        send(&mut socket, &self.greeting()).await?;
        loop {
            tokio::select! {
                message = socket.recv() => match message {
                    Some(Ok(Message::Text(text))) => {
                        let answer = self.subscribe(&text);
                        send(&mut socket, &answer).await?;
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return Ok(()),
                    Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => {}
                },
                changed = newest.changed(), if !due => {
                    if changed.is_err() { return Ok(()); }
                    due = true;
                }
                changed = list.changed(), if !due => {
                    if changed.is_err() { return Ok(()); }
                    due = true;
                }
                () = sleep_until(quiet_until), if due => {
                    due = false;
                    let changes = self.changes();
                    if self.worth_sending(&changes) {
                        send(&mut socket, &changes).await?;
                        quiet_until = Instant::now() + PACE;
                    }
                }
                _ = books.tick() => {
                    if let Some(changes) = self.changed_books() {
                        send(&mut socket, &changes).await?;
                    }
                }
                _ = ping.tick() => socket.send(Message::Ping(bytes::Bytes::new())).await?,
            }
        }
    }

    fn worth_sending(&self, changes: &Changes) -> bool {
        !changes.series.is_empty() || changes.devices_version.is_some() || changes.reset || !changes.gone.is_empty()
    }

    fn cursor_text(&self) -> String {
        format!("0-{}-{}", self.state.about.boot, self.cursor.0)
    }

    /// The sequence of a cursor of this run.
    fn parse_cursor(&self, text: &str) -> Option<Sequence> {
        let sequence = text.strip_prefix("0-")?.strip_prefix(self.state.about.boot.as_str())?.strip_prefix('-')?;
        let sequence = Sequence(sequence.parse().ok()?);
        (sequence <= *self.state.ingest.live().newest().borrow()).then_some(sequence)
    }

    fn greeting(&mut self) -> Changes {
        let books = books::total(&self.state.ingest.books());
        self.books = Some(books.clone());
        self.devices_version = *self.state.ingest.list_version().borrow();
        Changes {
            cursor: self.cursor_text(),
            books: Some(books),
            devices_version: Some(self.devices_version),
            ..Changes::default()
        }
    }

    fn subscribe(&mut self, text: &str) -> Changes {
        let mut request: Subscribe = match serde_json::from_str(text) {
            Ok(request) => request,
            Err(error) => {
                let error = Some(error.to_string());
                return Changes { cursor: self.cursor_text(), error, ..Changes::default() };
            }
        };
        let asked = request.subscribe.len();
        request.subscribe.truncate(SERIES_MAX);
        self.wanted = request.subscribe;
        self.find_series();
        let mut reset = false;
        if let Some(since) = request.since {
            match self.parse_cursor(&since) {
                Some(sequence) => self.cursor = sequence,
                None => reset = true,
            }
        }
        let mut changes = self.changes();
        changes.reset |= reset;
        if asked > SERIES_MAX {
            changes.error =
                Some(format!("{asked} series are more than {SERIES_MAX}; the first {SERIES_MAX} are heard"));
        }
        changes
    }

    fn names(&self) -> BTreeSet<String> {
        self.series.values().flat_map(|heard| &heard.names).cloned().collect()
    }

    fn find_series(&mut self) {
        // After a merge two names may be one series.
        self.series.clear();
        for name in &self.wanted {
            if let Some(series) = self.state.ingest.series_followed(&name.device, &name.metric) {
                let heard = self.series.entry(series.id).or_insert_with(|| Heard {
                    names: Vec::new(),
                    kind: series.kind,
                    calibrations: self.state.ingest.calibrations(&series),
                });
                heard.names.push(format!("{}/{}", name.device, name.metric));
            }
        }
    }

    /// Everything behind the cursor, which moves to the newest.
    fn changes(&mut self) -> Changes {
        let mut changes = Changes::default();
        // The ring is read first: whatever is in it, the list of series already knows.
        let missed = self.state.ingest.live().since(self.cursor);
        let version = *self.state.ingest.list_version().borrow();
        if version != self.devices_version {
            self.devices_version = version;
            changes.devices_version = Some(version);
            let before = self.names();
            self.find_series();
            let after = self.names();
            changes.gone = before.difference(&after).cloned().collect();
        }
        match missed {
            Since::Gone => {
                self.cursor = *self.state.ingest.live().newest().borrow();
                changes.reset = true;
            }
            Since::Batches(batches) => {
                for entry in batches.iter().flat_map(|batch| &batch.readings) {
                    let Some(Heard { names, kind, calibrations }) = self.series.get(&entry.series) else { continue };
                    let mut reading = entry.reading.clone();
                    calibrations.reading(*kind, &mut reading);
                    for name in names {
                        changes.series.entry(name.clone()).or_default().push(&reading);
                    }
                }
                self.cursor = batches.last().map_or(self.cursor, |batch| batch.sequence);
            }
        }
        changes.cursor = self.cursor_text();
        changes
    }

    fn changed_books(&mut self) -> Option<Changes> {
        let books = books::total(&self.state.ingest.books());
        if self.books.as_ref() == Some(&books) {
            return None;
        }
        self.books = Some(books.clone());
        let mut changes = self.changes();
        changes.books = Some(books);
        Some(changes)
    }
}

async fn send(socket: &mut WebSocket, changes: &Changes) -> Result<(), axum::Error> {
    let text = serde_json::to_string(changes).map_err(axum::Error::new)?;
    socket.send(Message::text(text)).await
}
