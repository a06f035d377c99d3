//! What a person asks of the ingest task, which alone gives out ids.

use model::{DeviceId, DeviceKey};
use store::{StoreError, UnreadId};
use tokio::sync::oneshot;

use crate::Retried;

/// Commands that wait. Full: the caller waits.
pub(crate) const COMMANDS_MAX: usize = 64;

pub(crate) enum Command {
    /// Make the device unless it exists. Answers once it is durable.
    AddDevice { key: DeviceKey, done: oneshot::Sender<Added> },
    /// Ingest an unread message again.
    Retry { id: UnreadId, done: oneshot::Sender<Result<Retried, StoreError>> },
}

/// What became of [`Command::AddDevice`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    New(DeviceId),
    Exists,
    Failed,
}
