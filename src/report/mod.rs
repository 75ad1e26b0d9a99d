//! What people and scripts read: one file per report and one per output format. Takes plain data, opens nothing.
//!
//! To add a report: one file that implements [`reports::Collect`] and [`reports::Report`], and one line in
//! [`reports::REPORTS`]. To add an output format: one file, one variant of [`Format`], one arm in
//! [`reports::write`].

pub mod bytes;
pub mod check;
pub mod clients;
pub mod compare;
pub mod compliance;
pub mod connections;
pub mod sessions;
pub mod csv;
pub mod database;
pub mod delivery;
pub mod diff;
pub mod endings;
pub mod errors;
pub mod explain;
pub mod finding;
pub mod github;
pub mod groups;
pub mod json;
pub mod jsonl;
pub mod junit;
pub mod latency;
pub mod like;
pub mod list;
pub mod live;
pub mod markdown;
pub mod page;
pub mod picture;
pub mod probe;
pub mod reports;
pub mod sarif;
pub mod show;
pub mod spark;
pub mod table;
pub mod text;
pub mod times;
pub mod zone;

/// Output formats. Each command supports some of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text for a terminal.
    Table,
    /// One JSON document.
    Json,
    /// One JSON object per line.
    Jsonl,
    /// CSV (RFC 4180).
    Csv,
    /// GitHub-flavoured Markdown, for documents and pull requests.
    Markdown,
}

impl Format {
    /// All formats, in the order in which help lists them.
    pub const ALL: &'static [Format] = &[Format::Table, Format::Json, Format::Jsonl, Format::Csv, Format::Markdown];

    /// The format's name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Table => "table",
            Format::Json => "json",
            Format::Jsonl => "jsonl",
            Format::Csv => "csv",
            Format::Markdown => "markdown",
        }
    }

    /// The format with this name among those that a command supports; the error lists these.
    pub fn parse(name: &str, valid: &[Format]) -> anyhow::Result<Format> {
        valid.iter().copied().find(|f| f.as_str().eq_ignore_ascii_case(name)).ok_or_else(|| {
            let names: Vec<&str> = valid.iter().map(|f| f.as_str()).collect();
            anyhow::anyhow!("unknown format {name:?}; expected one of {}", names.join(", "))
        })
    }
}

/// What the output device can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// Columns of the terminal.
    pub width: usize,
    /// Whether colours may be used.
    pub color: bool,
}
