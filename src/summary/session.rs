//! One session as `session list` shows it.

use serde::Serialize;

/// Whether a session has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It has its end.
    Ended,
    /// Its process still records.
    Running,
    /// It has no end, and its process is gone: exchanges that were open then are missing.
    Killed,
    /// It has no end because nothing more could be stored.
    Failed,
    /// It has no end, and its process cannot be seen from here.
    Unknown,
}

impl State {
    /// The name in outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Ended => "ended",
            State::Running => "running",
            State::Killed => "killed",
            State::Failed => "failed",
            State::Unknown => "unknown",
        }
    }
}

/// One session. Absent values are null in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SessionSummary {
    /// Its number.
    pub id: i64,
    /// What was recorded: devices, a file, a command.
    pub source: String,
    /// When it began, ns since 1970 UTC.
    pub started_ns: i64,
    /// When it ended, ns since 1970 UTC.
    pub ended_ns: Option<i64>,
    /// Whether it has ended.
    pub state: State,
    /// Why nothing more was stored before the end.
    pub stopped: Option<String>,
    /// Number of its process, if it is known.
    pub pid: Option<i64>,
    /// Exchanges that were stored whole.
    pub exchanges: u64,
    /// Packets read; null until the end.
    pub packets: Option<u64>,
    /// Bytes read; null until the end.
    pub bytes: Option<u64>,
    /// Version of the program that recorded.
    pub version: String,
    /// What the user calls it.
    pub name: Option<String>,
    /// What the user noted about it.
    pub note: Option<String>,
}
