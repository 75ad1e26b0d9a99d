//! What `sniff db info` and `sniff db check` say of a database.

use serde::Serialize;

/// Size and contents of a database. Bytes are bytes of the disk; absent values are null in JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DatabaseInfo {
    /// The database's file.
    pub path: String,
    /// Bytes of this file.
    pub file_bytes: u64,
    /// Bytes of the write-ahead log beside it.
    pub wal_bytes: u64,
    /// Bytes of the file that hold nothing and are filled next.
    pub free_bytes: u64,
    /// Number of the newest migration that ran.
    pub schema_version: u64,
    /// Sessions.
    pub sessions: u64,
    /// Exchanges that are whole.
    pub exchanges: u64,
    /// What the file's bytes hold, tables with their indexes.
    pub groups: Vec<Group>,
    /// How fast the last session grew.
    pub growth: Option<Growth>,
    /// Bytes of the disk that the user may still fill.
    pub disk_free_bytes: u64,
    /// Seconds until the disk is full at that rate.
    pub full_in_seconds: Option<f64>,
}

/// The tables of one kind of content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// The kind.
    pub name: &'static str,
    /// Bytes of the file.
    pub bytes: u64,
}

/// How fast a session grew.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Growth {
    /// The session's number.
    pub session: i64,
    /// Bytes of the file that hold its rows, about.
    pub bytes: u64,
    /// How long it recorded, or how long what it read from a file had taken.
    pub seconds: f64,
    /// Their quotient.
    pub bytes_per_second: f64,
}

/// What is wrong with a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The check that found it: `integrity`, `owners` or `contents`.
    pub check: &'static str,
    /// What is wrong, for people.
    pub what: String,
}
