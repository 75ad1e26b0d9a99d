//! What every subcommand uses: the global options, and messages on standard error.

use crate::report::Format;
use crate::report::zone::Zone;
use clap::builder::TypedValueParser;
use clap::{ArgAction, Args, ValueEnum};
use std::io::Write;
use std::path::PathBuf;

/// The options that every command has.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub(super) struct Common {
    /// Database file
    #[arg(long, global = true, env = "SNIFF_DB", default_value = "sniff.db", value_name = "PATH",
        value_parser = clap::builder::OsStringValueParser::new().try_map(|name| super::values::database(&name)))]
    pub(super) db: PathBuf,
    /// Output format, as table, json, jsonl, csv, markdown
    #[arg(long, global = true, value_name = "FORMAT")]
    pub(super) format: Option<String>,
    /// Write data to this file instead of standard output
    #[arg(long, short, global = true, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value = "auto", value_name = "WHEN")]
    pub(super) color: Color,
    /// Times in tables in UTC, not in the zone of this machine
    #[arg(long, global = true, hide_short_help = true)]
    pub(super) utc: bool,
    /// Print errors only
    #[arg(long, short, global = true, conflicts_with = "verbose", hide_short_help = true)]
    pub(super) quiet: bool,
    /// Print more messages
    #[arg(long, short, global = true)]
    pub(super) verbose: bool,
    /// Print help (-h: the usual options, --help: all of them)
    #[arg(long, short, global = true, action = ArgAction::Help)]
    pub(super) help: Option<bool>,
}

impl Common {
    /// The zone of the times that this format shows: only tables for people have another than UTC.
    pub(super) fn zone(&self, format: Format) -> Zone {
        if self.utc || format != Format::Table { Zone::Utc } else { Zone::of_machine(super::values::now()) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    Always,
    Never,
}

/// The error with its causes on one line; control characters and bytes of hostile file names are escaped.
pub(super) fn report_text(e: &anyhow::Error) -> String {
    crate::report::text::clean(&crate::store::error_text(e))
}

/// Writes a line to standard error; a closed pipe is ignored.
pub(super) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
