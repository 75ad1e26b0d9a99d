//! Errors of SQLite in words: what happened to which database.

use anyhow::{Error, anyhow};
use rusqlite::{ErrorCode, ffi};
use std::path::Path;

/// The error with its causes on one line. A cause that only repeats SQLite's number for the one above is left out.
pub fn text(e: &Error) -> String {
    let mut said: Vec<String> = Vec::new();
    for cause in e.chain() {
        let words = match cause.downcast_ref::<rusqlite::Error>() {
            Some(rusqlite::Error::SqliteFailure(code, None)) => ffi::code_to_str(code.extended_code).to_owned(),
            _ if cause.is::<ffi::Error>() => continue,
            _ => cause.to_string(),
        };
        if said.last() != Some(&words) {
            said.push(words);
        }
    }
    said.join(": ")
}

/// The code of SQLite, if one is among the causes.
pub(super) fn code(e: &Error) -> Option<ErrorCode> {
    e.chain().find_map(|cause| cause.downcast_ref::<rusqlite::Error>()?.sqlite_error_code())
}

/// Whether another connection has a lock that this one needs.
pub(super) fn is_busy(e: &rusqlite::Error) -> bool {
    matches!(e.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// An error of writing, with the database and what the user can do.
pub(super) fn writing(e: Error, path: &Path) -> Error {
    let db = path.display();
    match code(&e) {
        Some(ErrorCode::DiskFull) => anyhow!("cannot write to the database {db}: the disk is full"),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            anyhow!("cannot write to the database {db}: another process has locked it for 10 seconds")
        }
        Some(_) => anyhow!("cannot write to the database {db}: {}", text(&e)),
        None => e,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlite_says_it_once() {
        let open = rusqlite::Connection::open("/nowhere/x.db").map(drop).map_err(Error::from);
        let e = open.map_err(|e| e.context("cannot open the database /nowhere/x.db"));
        let said = e.err().map(|e| text(&e)).unwrap_or_default();
        assert!(said.starts_with("cannot open the database /nowhere/x.db: unable to open database file"), "{said}");
        assert!(!said.contains("Error code") && said.matches("unable to open").count() == 1, "{said}");
        let bare = rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_FULL), None);
        assert_eq!(text(&Error::from(bare)), "database or disk is full");
    }
}
