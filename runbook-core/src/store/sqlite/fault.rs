//! What can go wrong with a statement, and what that means for the store.

use rusqlite::ErrorCode;

use crate::port::StoreError;

/// A failure inside the store.
#[derive(Debug)]
pub(super) enum Fault {
    /// The statements worked, and what they found is the error.
    Found(StoreError),
    /// A statement failed.
    Sql(rusqlite::Error),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Fault::Found(error)
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Fault::Sql(error)
    }
}

/// Whether `error` says that the content of the file is wrong, so that trying again is of no use.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    match error {
        rusqlite::Error::SqliteFailure(error, _) => match error.code {
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => true,
            // What may be there already is asked for first: the tables contradict each other.
            ErrorCode::ConstraintViolation => true,
            // The statements are fixed and tested: when one does not fit, the tables are not ours.
            _ => error.extended_code == rusqlite::ffi::SQLITE_ERROR,
        },
        rusqlite::Error::SqlInputError { .. } => true,
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::Utf8Error(..) => true,
        _ => false,
    }
}

/// Whether `error` says that another process was in the way.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// `value` as it is kept.
pub(super) fn to_json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|error| StoreError::Unavailable(format!("an entry has no JSON form: {error}")))
}

/// What `json` stands for; `what` names it in the error.
pub(super) fn of_json<T: serde::de::DeserializeOwned>(json: &str, what: &str) -> Result<T, StoreError> {
    serde_json::from_str(json).map_err(|error| StoreError::Damaged(format!("{what} cannot be read: {error}")))
}
