//! The reports of `sniff report` and their common interface: a report takes exchanges one by one and then writes
//! itself in any format.

use super::table::Table;
use super::text::Style;
use super::{
    Format, Terminal, clients, compliance, csv, delivery, endings, errors, groups::By, json, jsonl, latency, like,
    markdown, times,
};
use crate::conformance::Level;
use crate::exchange::Exchange;
use crate::metrics::clocks::{Arrivals, Clocks};
use crate::metrics::like::Tool;
use crate::metrics::slo::Slo;
use crate::summary::Summary;
use crate::time::{Span, Timestamp};
use anyhow::Result;
use serde::Serialize;
use std::io::Write;

/// All reports. A new report is a file that implements [`Collect`] and a line here.
pub const REPORTS: &[Entry] = &[
    Entry::new("latency", "Time to first byte and token, gaps, rates, goodput: by group, and over time", |options| {
        match options.like {
            Some(tool) => Box::new(like::Like::new(options, tool, false)),
            None => Box::new(latency::Latency::new(options)),
        }
    }),
    Entry::new("reconcile", "Why the figures of another tool (--like) differ from ours, record by record", |options| {
        Box::new(like::Like::new(options, options.like.unwrap_or(Tool::Aiperf), true))
    }),
    Entry::new("times", "Each named time of each exchange, and the spans between them", |_| {
        Box::<times::Times>::default()
    }),
    Entry::new("errors", "What failed, who cut, what was sent again and came through: by group", |options| {
        Box::new(errors::Errors::new(options))
    }),
    Entry::new("compliance", "Which rules are broken, worst first", |_| Box::<compliance::Compliance>::default()),
    Entry::new("clients", "Which real clients break on each answer, how, and why", |_| {
        Box::<clients::Cases>::default()
    }),
    Entry::new("delivery", "How each stream was delivered: buffering, pauses and their causes, in words", |_| {
        Box::<delivery::Delivery>::default()
    }),
    Entry::new("endings", "How the answers of each server ended, by verdict", |_| Box::<endings::Endings>::default()),
];

/// What the command line says to a report; each report takes what it knows.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What exchanges are grouped by, in this order; empty: what the report chooses.
    pub by: Vec<By>,
    /// Length of the intervals into which the time is cut.
    pub every: Option<Span>,
    /// What an exchange has to meet to be good.
    pub slo: Option<Slo>,
    /// The tool whose figures are reported.
    pub like: Option<Tool>,
}

/// An entry of the list of reports.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Name on the command line.
    pub name: &'static str,
    /// One line of help.
    pub about: &'static str,
    /// Makes an empty report.
    pub start: fn(&Options) -> Box<dyn Collect>,
}

impl Entry {
    const fn new(name: &'static str, about: &'static str, start: fn(&Options) -> Box<dyn Collect>) -> Entry {
        Entry { name, about, start }
    }
}

/// What a report may read beyond summaries.
pub trait Source {
    /// When the deltas and chunks of an exchange came.
    ///
    /// # Errors
    /// They cannot be read.
    fn arrivals(&self, id: i64) -> Result<Arrivals>;

    /// The named clocks of an exchange, its records and its chunks.
    ///
    /// # Errors
    /// They cannot be read.
    fn clocks(&self, id: i64) -> Result<Clocks>;

    /// The whole exchange.
    ///
    /// # Errors
    /// It cannot be read, or it is too large.
    fn exchange(&self, id: i64) -> Result<Exchange>;

    /// Of each delta whose own record reports usage: its time, and the output tokens so far. Empty where the bodies
    /// were not stored.
    ///
    /// # Errors
    /// It cannot be read.
    fn told(&self, id: i64) -> Result<Vec<(Timestamp, u64)>>;

    /// Whether the bodies of an exchange were stored (`--content`).
    ///
    /// # Errors
    /// The source cannot be read.
    fn has_content(&self, id: i64) -> Result<bool>;

    /// What was kept of the verdicts on an exchange, by models of this version: what [`crate::clients::pack`] wrote, or
    /// none where there is nothing to judge. The outer option is none if nothing was kept.
    ///
    /// # Errors
    /// The source cannot be read.
    fn kept_verdicts(&self, id: i64, models: &str) -> Result<Option<Option<String>>> {
        let _ = (id, models);
        Ok(None)
    }

    /// Keeps such verdicts, if the source can.
    fn keep_verdicts(&self, id: i64, models: &str, verdicts: Option<String>) {
        let _ = (id, models, verdicts);
    }
}

/// A report that collects exchanges.
pub trait Collect {
    /// Adds the next exchange.
    ///
    /// # Errors
    /// The source cannot be read.
    fn add(&mut self, s: &Summary, source: &dyn Source) -> Result<()>;

    /// Whether it shows findings. The caller applies the policy to them first.
    fn shows_findings(&self) -> bool {
        false
    }

    /// All of it is shown, not the worst only. Called before the first exchange is added.
    fn show_all(&mut self) {}

    /// Whether it contains a finding at or over this level.
    fn reaches(&self, _: Level) -> bool {
        false
    }

    /// Writes the report, after all exchanges were added.
    ///
    /// # Errors
    /// The output fails, or the report does not have this format.
    fn write(self: Box<Self>, format: Format, terminal: &Terminal, out: &mut dyn Write) -> Result<()>;
}

/// Data that every format can show. Its JSON is what serde derives.
pub trait Report: Serialize {
    /// The text for a terminal.
    fn text(&self, terminal: &Terminal) -> String;

    /// Rows and columns, for CSV.
    ///
    /// # Errors
    /// The report has no table.
    fn table(&self) -> Result<Table>;

    /// The report as Markdown.
    ///
    /// # Errors
    /// As [`Report::table`].
    fn markdown(&self) -> Result<String> {
        Ok(markdown::render(&self.table()?))
    }

    /// The report as JSON lines.
    ///
    /// # Errors
    /// The output fails.
    fn lines(&self, out: &mut dyn Write) -> Result<()>;
}

/// Exchanges that a terminal shows of a report, unless all are asked for: the worst.
pub const WORST: usize = 10;

/// A line about those of `all` that are not shown; empty if all are.
pub fn more(all: usize, most: usize, one: &str, many: &str, terminal: &Terminal) -> String {
    match all.saturating_sub(most) {
        0 => String::new(),
        left => {
            let line = format!("… {left} more {}: --all, or --format json", if left == 1 { one } else { many });
            format!("{}\n", Style::Dim.paint(&line, terminal.color))
        }
    }
}

/// Writes `report` in the given format.
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

/// Writes a list as JSON lines.
///
/// # Errors
/// The output fails.
pub fn lines<T: Serialize>(list: impl IntoIterator<Item = T>, out: &mut dyn Write) -> Result<()> {
    list.into_iter().try_for_each(|element| jsonl::line(&element, out))
}
