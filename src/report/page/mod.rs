//! `sniff report html`: one page that opens without a network, with the figures of `report latency` and what a reader
//! wants to look at behind them.
//!
//! The page is made of files of its own beside this one (`page.html`, `css/`, `js/`), which are joined when the
//! program is built, and of one JSON document: [`Document`]. docs/page.md has its shape.

mod columns;
mod html;
mod pack;
mod spent;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub use columns::{Facts, Text};
pub use html::write;

use super::latency::{self, Latency};
use super::reports::Options;
use crate::conformance::Level;
use crate::summary::Summary;
use crate::summary::session::SessionSummary;
use crate::time::Timestamp;
use anyhow::Result;
use columns::{Columns, Findings, Names, Pauses, Rule};
use pack::Packed;
use serde::Serialize;
use spent::{Spending, Spent};

/// Number of the document's shape. Fields are added; a field that changes its meaning makes another number.
pub const SHAPE: u32 = 1;

/// What the page shows first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum View {
    /// All of it, from the top.
    #[default]
    Overview,
    /// Times: where they went and how they are spread.
    Latency,
    /// Findings.
    Findings,
}

impl View {
    /// Its name in the fragment of the page's address.
    pub fn as_str(self) -> &'static str {
        match self {
            View::Overview => "overview",
            View::Latency => "latency",
            View::Findings => "findings",
        }
    }
}

/// Collects exchanges for the page.
#[derive(Debug)]
pub struct Page {
    latency: Latency,
    spending: Spending,
    columns: Columns,
    names: Names,
    findings: Findings,
    pauses: Pauses,
    records: Packed,
    texts: Vec<Text>,
    begin: Option<Timestamp>,
    options: Options,
}

/// All that the page shows, as data. Times are nanoseconds since `begin_ns`, spans are nanoseconds where their name
/// does not say otherwise; what is not known is null, and -1 where a column holds numbers of names.
#[derive(Debug, Serialize)]
pub struct Document {
    /// [`SHAPE`].
    pub shape: u32,
    /// The program and its version.
    pub made_by: &'static str,
    /// What is shown first.
    pub view: &'static str,
    /// Zero of all times, ns since 1970 UTC as a decimal number in a text: a double does not hold it.
    pub begin_ns: String,
    /// The objectives of `--slo`, each as figure, `<` or `>`, and limit in ms or tokens per second.
    pub objectives: Vec<(&'static str, &'static str, f64)>,
    /// The sessions that have an exchange here.
    pub sessions: Vec<SessionSummary>,
    /// `report latency --format json` of the same exchanges.
    pub latency: latency::Report,
    /// Where the time of each of its groups went, in the same order, and of all.
    pub spent: SpentBy,
    /// Texts that columns name by their numbers.
    pub names: Names,
    /// One list per fact, of which each has a value per exchange.
    pub exchanges: Columns,
    /// The pauses of answers.
    pub pauses: Pauses,
    /// The findings.
    pub findings: Findings,
    /// The rules that they name.
    pub rules: Vec<Rule>,
    /// Most bytes of each body in `texts`; 0: the page has no text.
    pub text_bytes: u64,
    /// Bytes of the packed records before they were compressed.
    pub packed_bytes: u64,
}

/// Where the time went: see [`Spent`].
#[derive(Debug, Serialize)]
pub struct SpentBy {
    /// By group.
    pub groups: Vec<Spent>,
    /// Of all.
    pub overall: Spent,
}

/// The document, and what is beside it in compressed form.
#[derive(Debug)]
pub struct Made {
    /// The document.
    pub document: Document,
    /// Records and deliveries of all exchanges, compressed; docs/page.md has their form.
    pub records: Vec<u8>,
    /// Texts as JSON, compressed; empty without any.
    pub texts: Vec<u8>,
}

impl Page {
    /// An empty page.
    pub fn new(options: &Options) -> Page {
        let latency = Latency::new(options);
        Page {
            spending: Spending::new(latency.by()),
            latency,
            columns: Columns::default(),
            names: Names::default(),
            findings: Findings::default(),
            pauses: Pauses::default(),
            records: Packed::default(),
            texts: Vec::new(),
            begin: None,
            options: options.clone(),
        }
    }

    /// Adds an exchange, whose secrets are hidden already.
    ///
    /// # Errors
    /// Compression fails.
    pub fn add(&mut self, s: &Summary, facts: &Facts, text: Option<Text>) -> Result<()> {
        let begin = Timestamp(s.begun_ns().or(s.timing.t_request_end_ns).unwrap_or_default());
        let zero = *self.begin.get_or_insert(begin);
        let n = self.columns.id.len();
        self.latency.count(s, &facts.clocks.arrivals());
        self.spending.add(s, &facts.clocks, &facts.stalls);
        self.columns.add(s, facts, zero, &mut self.names, &self.options);
        self.findings.add(n, s, zero, &mut self.names);
        self.pauses.add(n, &facts.stalls, zero);
        self.records.add(begin, facts)?;
        self.texts.extend(text.map(|text| Text { exchange: n, ..text }));
        Ok(())
    }

    /// Whether it contains a finding at or over this level.
    pub fn reaches(&self, level: Level) -> bool {
        self.findings.level.iter().any(|l| *l >= level)
    }

    /// The whole page as data. `text_bytes` is what the texts were limited to.
    ///
    /// # Errors
    /// Compression fails, or `--every` would cut the time into too many intervals.
    pub fn make(self, mut sessions: Vec<SessionSummary>, view: View, text_bytes: u64) -> Result<Made> {
        sessions.retain(|s| self.columns.session.contains(&s.id));
        let latency = self.latency.report()?;
        let spent = self.spending.by(&latency);
        let packed_bytes = self.records.bytes();
        let texts = if self.texts.is_empty() { Vec::new() } else { pack::json(&self.texts)? };
        let document = Document {
            shape: SHAPE,
            made_by: concat!("sniff ", env!("CARGO_PKG_VERSION")),
            view: view.as_str(),
            begin_ns: self.begin.unwrap_or_default().nanos().to_string(),
            objectives: self.options.slo.as_ref().map(|slo| slo.objectives().collect()).unwrap_or_default(),
            sessions,
            latency,
            spent,
            rules: columns::rules(&self.names),
            names: self.names,
            exchanges: self.columns,
            pauses: self.pauses,
            findings: self.findings,
            text_bytes,
            packed_bytes,
        };
        Ok(Made { document, records: self.records.finish()?, texts })
    }
}
