//! The reports of `sniff report`, and what each of them is: it takes exchanges one by one, and then writes itself in
//! any format.

use super::table::Table;
use super::{Format, Terminal, clients, compliance, csv, delivery, endings, json, jsonl, latency, markdown};
use crate::conformance::Level;
use crate::exchange::Exchange;
use crate::summary::Summary;
use crate::time::Span;
use anyhow::Result;
use serde::Serialize;
use std::io::Write;

/// All reports: a new one is a file that implements [`Collect`], and a line here.
pub const REPORTS: &[Entry] = &[
    Entry::new("latency", "Time to first byte and token, gaps, rates: by dialect, model and host", || {
        Box::<latency::Latency>::default()
    }),
    Entry::new("compliance", "What breaks which promise, worst first", || Box::<compliance::Compliance>::default()),
    Entry::new("clients", "Which real clients break on each answer, how, and why", || Box::<clients::Cases>::default()),
    Entry::new("delivery", "How each stream came: buffering, pauses and their causes, in words", || {
        Box::<delivery::Delivery>::default()
    }),
    Entry::new("endings", "How the answers of each server ended, by verdict", || Box::<endings::Endings>::default()),
];

/// A report by its name.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// As on the command line.
    pub name: &'static str,
    /// One line of help.
    pub about: &'static str,
    /// An empty one.
    pub start: fn() -> Box<dyn Collect>,
}

impl Entry {
    const fn new(name: &'static str, about: &'static str, start: fn() -> Box<dyn Collect>) -> Entry {
        Entry { name, about, start }
    }
}

/// What a report may ask for beyond summaries.
pub trait Source {
    /// Spans between successive deltas of an exchange.
    ///
    /// # Errors
    /// It cannot be read.
    fn intervals(&self, id: i64) -> Result<Vec<Span>>;

    /// The exchange, whole.
    ///
    /// # Errors
    /// It cannot be read, or is too large.
    fn exchange(&self, id: i64) -> Result<Exchange>;
}

/// A report being made.
pub trait Collect {
    /// The next exchange.
    ///
    /// # Errors
    /// Those of the source.
    fn add(&mut self, s: &Summary, source: &dyn Source) -> Result<()>;

    /// It shows findings, which are to be held to the policy first.
    fn shows_findings(&self) -> bool {
        false
    }

    /// A finding at or over this level is in it.
    fn reaches(&self, _: Level) -> bool {
        false
    }

    /// Everything was added: write it.
    ///
    /// # Errors
    /// The output fails, or the report does not have this format.
    fn write(self: Box<Self>, format: Format, terminal: &Terminal, out: &mut dyn Write) -> Result<()>;
}

/// Data that can be shown in every format; its JSON is what serde makes of it.
pub trait Report: Serialize {
    /// For a terminal.
    fn text(&self, terminal: &Terminal) -> String;

    /// Rows and columns.
    ///
    /// # Errors
    /// It has none.
    fn table(&self) -> Result<Table>;

    /// For documents.
    ///
    /// # Errors
    /// As [`Report::table`].
    fn markdown(&self) -> Result<String> {
        Ok(markdown::render(&self.table()?))
    }

    /// JSON lines.
    ///
    /// # Errors
    /// The output fails.
    fn lines(&self, out: &mut dyn Write) -> Result<()>;
}

/// In the format that was asked for.
///
/// # Errors
/// The output fails, or the report does not have this format.
pub fn write<R: Report + ?Sized>(report: &R, format: Format, terminal: &Terminal, out: &mut dyn Write) -> Result<()> {
    match format {
        Format::Table => Ok(out.write_all(report.text(terminal).as_bytes())?),
        Format::Json => json::document(&report, out),
        Format::Jsonl => report.lines(out),
        Format::Csv => csv::table(&report.table()?, out),
        Format::Markdown => Ok(out.write_all(report.markdown()?.as_bytes())?),
    }
}

/// JSON lines of a list.
///
/// # Errors
/// The output fails.
pub fn lines<T: Serialize>(list: impl IntoIterator<Item = T>, out: &mut dyn Write) -> Result<()> {
    list.into_iter().try_for_each(|element| jsonl::line(&element, out))
}
