//! Options of how safely, and how much, is stored.

use crate::cli::values;
use crate::store::ring::LEAST;
use crate::store::{Bounds, Content, Process};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

/// Options of every command that records.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Storage")]
pub(in crate::cli) struct StorageArgs {
    /// What was printed survives a loss of power too (slower)
    #[arg(long, hide_short_help = true)]
    pub(in crate::cli) durable: bool,
    /// Store no more once the database has grown by this much
    #[arg(long, value_name = "SIZE", value_parser = values::size, hide_short_help = true)]
    pub(in crate::cli) max_session: Option<usize>,
    /// Keep the database below this: the oldest exchanges go
    ///
    /// The database and its log together, from 16M on. The recording goes on.
    #[arg(long, value_name = "SIZE", value_parser = max_db, hide_short_help = true)]
    pub(in crate::cli) max_db: Option<usize>,
    /// Store no more while the disk has less than this free
    #[arg(long, value_name = "SIZE", value_parser = values::size, default_value = "1G", hide_short_help = true)]
    pub(in crate::cli) reserve: usize,
    /// What to store of bodies and texts: full, lengths or none
    ///
    /// lengths: times, boundaries, lengths and hashes, and findings without words; no prompt, answer or value of a
    /// field. none: the same without a row for each delivery and record, without hashes and models.
    #[arg(long, value_name = "LEVEL", value_parser = level(), default_value = "full", hide_short_help = true)]
    pub(in crate::cli) content: Content,
}

/// The levels of `--content`, by name.
fn level() -> impl TypedValueParser<Value = Content> {
    PossibleValuesParser::new([Content::None, Content::Lengths, Content::Full].map(Content::as_str))
        .try_map(|name| Content::parse(&name).ok_or("unknown level"))
}

/// A size for a whole database.
fn max_db(text: &str) -> Result<usize, String> {
    match values::size(text)? {
        bytes if bytes as u64 >= LEAST => Ok(bytes),
        _ => Err("the least is 16M: the tables and the log need room too".into()),
    }
}

impl Default for StorageArgs {
    fn default() -> Self {
        StorageArgs { durable: false, max_session: None, max_db: None, reserve: 1 << 30, content: Content::Full }
    }
}

impl StorageArgs {
    pub(in crate::cli) fn bounds(&self) -> Bounds {
        let session = self.max_session.map(|bytes| bytes as u64);
        let max_db = self.max_db.map(|bytes| bytes as u64);
        Bounds { durable: self.durable, session, max_db, reserve: self.reserve as u64, content: self.content }
    }

    /// Notes what this thread soon loses the right to look at: which process records, and, with a limit of the
    /// database, which of the others do.
    pub(in crate::cli) fn look_around(&self) {
        Process::current();
        if self.max_db.is_some() {
            Process::look_around();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        storage: StorageArgs,
    }

    #[test]
    fn each_bound_has_its_option() {
        let of = |options: &str| {
            let b = Line::try_parse_from(["sniff"].into_iter().chain(options.split_whitespace())).unwrap();
            let b = b.storage.bounds();
            (b.durable, b.session, b.reserve, b.max_db)
        };
        assert_eq!(of(""), (false, None, 1 << 30, None));
        assert_eq!(of("--durable"), (true, None, 1 << 30, None));
        assert_eq!(of("--max-session 2k --reserve 3k"), (false, Some(2048), 3072, None));
        assert_eq!(of("--max-db 16M"), (false, None, 1 << 30, Some(16 << 20)));
        assert!(max_db("16777215").is_err_and(|e| e.contains("least")) && max_db("x").is_err());
        let usual = StorageArgs::default().bounds();
        assert_eq!((usual.durable, usual.session, usual.reserve), (false, None, 1 << 30));
    }
}
