//! The books on the wire.

use std::collections::BTreeMap;

use axum::extract::State;
use ingest::TotalBook;
use serde::Serialize;
use utoipa::ToSchema;

use crate::state::ApiState;

/// `received = stored + no_reading + duplicate + rejected + in_flight`.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct MessageBook {
    received: u64,
    stored: u64,
    no_reading: BTreeMap<String, u64>,
    duplicate: u64,
    rejected: BTreeMap<&'static str, u64>,
    in_flight: u64,
}

/// `decoded = stored + duplicate + replaced + unsettled + upserted + rejected`.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ReadingBook {
    decoded: u64,
    stored: u64,
    duplicate: u64,
    replaced: u64,
    unsettled: u64,
    /// Durable, by a store that does not look whether the key is new: stored, duplicate or replaced.
    upserted: u64,
    rejected: BTreeMap<&'static str, u64>,
}

/// Both sides.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Book {
    messages: MessageBook,
    readings: ReadingBook,
}

/// The book of one source.
#[derive(Debug, Serialize, ToSchema)]
pub struct SourceBook {
    source: String,
    #[serde(flatten)]
    book: Book,
}

/// What became of readings that were stored: `stored = readings + deleted + expired + absorbed`, once nothing is unsettled.
#[derive(Debug, Serialize, ToSchema)]
pub struct Holdings {
    /// Of all sources.
    stored: u64,
    /// There, hidden ones too.
    readings: u64,
    /// Their device was deleted.
    deleted: u64,
    /// They were older than what is kept.
    expired: u64,
    /// Two devices became one, and both had a reading of that time.
    absorbed: u64,
    /// They were damaged, and `sensorium repair` gave them up.
    lost: u64,
}

/// The books of all sources at one durable moment.
#[derive(Debug, Serialize, ToSchema)]
pub struct Books {
    sources: Vec<SourceBook>,
    total: Book,
    /// None where the store does not count what is there.
    holdings: Option<Holdings>,
    /// Whether the equations of messages and readings hold for every source, and that of the holdings.
    balanced: bool,
}

fn written(book: &model::Book, in_flight: u64) -> Book {
    let words = |rejected: &BTreeMap<model::RejectReason, u64>| {
        rejected.iter().map(|(reason, count)| (reason.as_str(), *count)).collect()
    };
    Book {
        messages: MessageBook {
            received: book.messages.received,
            stored: book.messages.stored,
            no_reading: book.messages.no_reading.clone(),
            duplicate: book.messages.duplicate,
            rejected: words(&book.messages.rejected),
            in_flight,
        },
        readings: ReadingBook {
            decoded: book.readings.decoded,
            stored: book.readings.stored,
            duplicate: book.readings.duplicate,
            replaced: book.readings.replaced,
            unsettled: book.readings.unsettled,
            upserted: book.readings.upserted,
            rejected: words(&book.readings.rejected),
        },
    }
}

/// The sum over all sources.
#[must_use]
pub fn total(books: &TotalBook) -> Book {
    written(&books.total, books.in_flight)
}

/// Every message and reading accounted for, per source and in all.
#[utoipa::path(get, path = "/api/v1/books", responses((status = 200, body = Books)))]
pub async fn books(State(state): State<ApiState>) -> axum::Json<Books> {
    let books = state.ingest.books();
    let sources = books.sources.iter().map(|(source, (book, in_flight))| SourceBook {
        source: source.as_str().to_owned(),
        book: written(book, *in_flight),
    });
    let holdings = books.held.map(|(readings, gone)| Holdings {
        stored: books.total.readings.stored,
        readings,
        deleted: gone.deleted,
        expired: gone.expired,
        absorbed: gone.absorbed,
        lost: gone.lost,
    });
    axum::Json(Books { sources: sources.collect(), total: total(&books), holdings, balanced: books.balanced })
}
