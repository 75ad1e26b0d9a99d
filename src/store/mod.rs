//! The store: one SQLite database with many sessions. Opens, migrates, writes and reads it. The only SQL outside
//! `migrations/`.
//!
//! ```text
//! caller ── Message ──► queue (bounded by bytes) ──► writer thread: batch = one transaction ──► file ◄── Reader, any
//! number, any process
//! ```
//! To add a column: a new file in `migrations/`, one line in [`migrate::MIGRATIONS`], one line in `columns`.

mod across;
mod batch;
mod clocks;
mod columns;
mod connections;
mod content;
pub mod copy;
mod ending;
mod fault;
pub mod follow;
mod grep;
mod hide;
mod load;
mod message;
pub mod migrate;
mod open;
pub mod order;
mod place;
mod process;
mod progress;
mod queue;
pub mod ring;
pub mod read;
mod runs;
mod segment;
pub mod select;
mod session;
mod sessions;
#[cfg(test)]
mod tests;
pub mod upkeep;
mod verdicts;
pub mod write;

pub use content::Content;
pub use fault::text as error_text;
pub use follow::Follow;
pub use message::{Hop, Stop, Written};
pub use order::{Order, Sort};
pub use process::Process;
pub use progress::{Ended, Progress};
pub use read::Reader;
pub use ring::Gone;
pub use select::Selector;
pub use upkeep::Upkeep;
pub use write::Writer;

use crate::time::Timestamp;

/// What happens to keys, tokens and cookies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Secrets {
    /// A salted hash replaces each secret: equal secrets have equal hashes, and no secret can be read.
    #[default]
    Hide,
    /// Secrets are stored unchanged.
    Keep,
}

/// How safely, and how much, a session is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bounds {
    /// Each transaction survives a loss of power, not only the death of the process (`synchronous = FULL`).
    pub durable: bool,
    /// Bytes by which the database may grow; then nothing more is stored. None: no limit.
    pub session: Option<u64>,
    /// Bytes of the database's file and log together: the oldest exchanges go. At least [`ring::LEAST`]. None: no
    /// limit.
    pub max_db: Option<u64>,
    /// Bytes of the disk that stay free: with less nothing is stored. 0: no limit.
    pub reserve: u64,
    /// What of each exchange is stored.
    pub content: Content,
}

/// What is known about a recording when it begins.
#[derive(Debug, Clone)]
pub struct Session {
    /// Devices or file, as named on the command line.
    pub source: String,
    /// Time at which it began, by the recording machine's clock.
    pub started: Timestamp,
    /// The options of the recording, a JSON object.
    pub options: serde_json::Value,
    /// The process that records.
    pub process: Option<Process>,
}
