//! What a person asks of the ingest task, which alone gives out ids.

use model::{DeviceId, DeviceKey};
use source::Outcome;
use store::{Entry, StoreError, UnreadId};
use tokio::sync::oneshot;

/// Commands that wait. Full: the caller waits.
pub(crate) const COMMANDS_MAX: usize = 64;

pub(crate) enum Command {
    /// Make the device unless it exists. Answers once it is durable.
    AddDevice { key: DeviceKey, done: oneshot::Sender<Added> },
    /// Ingest an unread message again.
    Retry { id: UnreadId, done: oneshot::Sender<Result<Retried, StoreError>> },
    /// Decide about readings that are there, by an entry that is alone in its batch. Answers once it is durable.
    Decide { entry: Entry, done: oneshot::Sender<Decided> },
}

/// What became of [`Command::AddDevice`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    New(DeviceId),
    Exists,
    Failed,
}

/// What became of [`Command::Decide`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decided {
    /// It is durable, and everything shown follows it.
    Done,
    /// Certainly not stored, and why.
    Refused(&'static str),
    /// It may or may not be stored.
    Unknown,
}

/// What came of ingesting an unread message again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retried {
    /// It left the list.
    Done(Outcome),
    /// It still cannot be read.
    StillUnread,
    /// It is not in the list.
    NotFound,
}
