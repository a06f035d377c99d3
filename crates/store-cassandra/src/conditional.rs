//! How a lightweight transaction ends: applied, not applied, or unknown.

use std::time::Duration;

use scylla::errors::{DbError, ExecutionError};
use scylla::response::query_result::QueryResult;
use scylla::value::{CqlValue, Row};

use store::StoreError;
use tokio::time::{Instant, sleep};

use crate::cluster::failed;
use crate::open_error::db_error;

/// For how long a decision whose outcome is unknown is asked after and tried again. Then the caller hears that it is not known.
const DECIDE_FOR: Duration = Duration::from_secs(20);

/// The pause before it is tried again at first; it doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(20);

/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// How a lightweight transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decided {
    /// Its condition held and it is carried out.
    Applied,
    /// Its condition did not hold.
    Not,
}

/// The same of one that may have failed on the way.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Its condition held and it is carried out.
    Applied,
    /// Its condition did not hold.
    Not,
    /// Nobody knows.
    Unknown(String),
}

/// The outcome of a request with a condition.
///
/// # Errors
/// It was refused for certain.
pub(crate) fn outcome(doing: &str, result: Result<QueryResult, ExecutionError>) -> Result<Outcome, StoreError> {
    match result {
        Ok(result) => match decided(doing, result)? {
            Decided::Applied => Ok(Outcome::Applied),
            Decided::Not => Ok(Outcome::Not),
        },
        Err(error) if unknown(&error) => Ok(Outcome::Unknown(error.to_string())),
        Err(error) => Err(failed(doing, error)),
    }
}

/// Counts the attempts of one decision, which may be several requests each.
pub(crate) struct Attempts {
    doing: &'static str,
    until: Instant,
    pause: Duration,
    unknown: Option<String>,
}

impl Attempts {
    pub(crate) fn new(doing: &'static str) -> Self {
        Self { doing, until: Instant::now() + DECIDE_FOR, pause: PAUSE_MIN, unknown: None }
    }

    /// Whether an attempt was applied. One whose outcome is unknown is remembered.
    ///
    /// # Errors
    /// It was refused for certain, and so was every one before it.
    pub(crate) fn applied(&mut self, outcome: Result<Outcome, StoreError>) -> Result<bool, StoreError> {
        match outcome {
            Ok(Outcome::Applied) => Ok(true),
            Ok(Outcome::Not) => Ok(false),
            Ok(Outcome::Unknown(why)) => {
                self.unknown = Some(why);
                Ok(false)
            }
            Err(_) if self.in_doubt() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether an attempt may have been carried out unseen.
    pub(crate) fn in_doubt(&self) -> bool {
        self.unknown.is_some()
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// It has been tried for long enough.
    pub(crate) async fn again(&mut self) -> Result<(), StoreError> {
        if Instant::now() >= self.until {
            return Err(self.not_known());
        }
        // Two that are in each other's way do not come back at one moment.
        sleep(self.pause.mul_f64(0.5 + fastrand::f64())).await;
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        Ok(())
    }

    /// The error that says so, never that nothing happened.
    pub(crate) fn not_known(&self) -> StoreError {
        let why = match &self.unknown {
            Some(why) => format!("whether it happened is not known: {why}"),
            None => format!("others were in the way for {} s", DECIDE_FOR.as_secs()),
        };
        failed(self.doing, std::io::Error::other(why))
    }
}

/// What Cassandra answers to a condition.
///
/// # Errors
/// The answer is none to a condition.
pub(crate) fn applied(result: QueryResult) -> Result<Decided, String> {
    let rows = result.into_rows_result().map_err(|error| error.to_string())?;
    let row = rows.first_row::<Row>().map_err(|error| error.to_string())?;
    match row.columns.first() {
        Some(Some(CqlValue::Boolean(true))) => Ok(Decided::Applied),
        Some(Some(CqlValue::Boolean(false))) => Ok(Decided::Not),
        _ => Err("no answer to a condition".to_owned()),
    }
}

/// The same as an error of the store.
///
/// # Errors
/// As [`applied`].
pub(crate) fn decided(doing: &str, result: QueryResult) -> Result<Decided, StoreError> {
    applied(result).map_err(|why| failed(doing, std::io::Error::other(why)))
}

/// Whether the request may have been carried out all the same. Sure not to be is only what was refused for its text, its rights or
/// for want of a connection to send it on; a coordinator that fails in between may have had it accepted.
pub(crate) fn unknown(error: &ExecutionError) -> bool {
    match db_error(error) {
        Some((error, _)) => !matches!(
            error,
            DbError::SyntaxError
                | DbError::Invalid
                | DbError::AlreadyExists { .. }
                | DbError::AuthenticationError
                | DbError::Unauthorized
                | DbError::ConfigError
                | DbError::ProtocolError
                | DbError::IsBootstrapping
        ),
        None => !matches!(
            error,
            ExecutionError::BadQuery(_)
                | ExecutionError::EmptyPlan
                | ExecutionError::PrepareError(_)
                | ExecutionError::ConnectionPoolError(_)
                | ExecutionError::SchemaAgreementError(_)
        ),
    }
}
