//! How a lightweight transaction ends: applied, not applied, or unknown.

use scylla::errors::{DbError, ExecutionError};
use scylla::response::query_result::QueryResult;
use scylla::value::{CqlValue, Row};

use crate::open_error::db_error;

/// How a lightweight transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decided {
    /// Its condition held and it is carried out.
    Applied,
    /// Its condition did not hold.
    Not,
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
