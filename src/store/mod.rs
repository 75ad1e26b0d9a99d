//! The store: one SQLite database with many sessions. Opens, migrates, writes and reads it. The only SQL outside
//! `migrations/`.
//!
//! ```text
//! caller ── Message ──► queue (bounded by bytes) ──► writer thread: batch = one transaction ──► file ◄── Reader, any
//! number, any process
//! ```
//! To add a column: a new file in `migrations/`, one line in [`migrate::MIGRATIONS`], one line in `columns`.

mod batch;
mod columns;
mod connections;
mod ending;
mod hide;
mod load;
mod message;
pub mod migrate;
mod queue;
pub mod read;
mod runs;
pub mod select;
#[cfg(test)]
mod tests;
pub mod write;

pub use message::{Hop, Written};
pub use read::Reader;
pub use select::Selector;
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

/// What is known about a recording when it begins.
#[derive(Debug, Clone)]
pub struct Session {
    /// Devices or file, as named on the command line.
    pub source: String,
    /// Time at which it began, by the recording machine's clock.
    pub started: Timestamp,
    /// The options of the recording, a JSON object.
    pub options: serde_json::Value,
}
