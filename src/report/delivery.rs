//! `sniff report delivery`: in words, how each stream was delivered and what is wrong with the delivery.

use super::finding::{self, RenderOptions};
use super::list::{dialect, end, request_line};
use super::reports::{self, Collect, Report, Source};
use super::table::Table;
use super::text::{Style, clean, clip_middle, count, wrap};
use super::{Format, Terminal, hops, markdown};
use crate::conformance::hop::Side;
use crate::summary::{FindingSummary, Summary};
use anyhow::{Result, bail};
use serde::Serialize;
use std::io::Write;

/// One stream.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Delivered {
    /// Id of the exchange.
    pub exchange: i64,
    /// The request's method and target.
    pub request: String,
    /// The request's host.
    pub host: String,
    /// Dialect with its variant.
    pub dialect: String,
    /// The verdict: how the answer ended and whose doing it was.
    pub verdict: Option<String>,
    /// The facts on which the verdict rests.
    pub verdict_why: Vec<String>,
    /// How the stream was delivered, one sentence each.
    pub delivery: Vec<String>,
    /// Findings of the rules about delivery.
    pub findings: Vec<FindingSummary>,
    #[serde(skip)]
    zero_ns: Option<i64>,
    #[serde(skip)]
    end: super::table::Cell,
}

impl Delivered {
    /// The delivery of an exchange; none if its answer is not a stream.
    pub fn new(s: &Summary) -> Option<Delivered> {
        (!s.delivery.is_empty()).then(|| Delivered {
            exchange: s.id,
            request: request_line(s),
            host: s.authority(),
            dialect: dialect(s),
            verdict: s.verdict.clone(),
            verdict_why: s.verdict_why.clone(),
            delivery: s.delivery.clone(),
            findings: s.findings.iter().filter(|f| f.rule.starts_with("DLV-")).cloned().collect(),
            zero_ns: s.timing.t_request_end_ns,
            end: end(s),
        })
    }
}

/// All streams.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Delivery {
    streams: Vec<Delivered>,
    #[serde(skip)]
    sides: Vec<Side>,
}

impl Collect for Delivery {
    fn add(&mut self, s: &Summary, _: &dyn Source) -> Result<()> {
        self.sides.extend(hops::side(s));
        self.streams.extend(Delivered::new(s));
        Ok(())
    }

    fn shows_findings(&self) -> bool {
        true
    }

    fn write(mut self: Box<Self>, format: Format, terminal: &Terminal, out: &mut dyn Write) -> Result<()> {
        for (id, sentence) in hops::sentences(&self.sides) {
            self.streams.iter_mut().filter(|d| d.exchange == id).for_each(|d| d.delivery.push(sentence.clone()));
        }
        reports::write(&*self, format, terminal, out)
    }
}

impl Report for Delivery {
    fn text(&self, terminal: &Terminal) -> String {
        text(&self.streams, terminal)
    }

    fn table(&self) -> Result<Table> {
        bail!("report delivery has no CSV output: it is prose; report latency has the figures")
    }

    fn markdown(&self) -> Result<String> {
        Ok(markdown_text(&self.streams))
    }

    fn lines(&self, out: &mut dyn Write) -> Result<()> {
        reports::lines(&self.streams, out)
    }
}

fn text(all: &[Delivered], terminal: &Terminal) -> String {
    let mut out = String::new();
    for d in all {
        let request = clip_middle(&clean(&d.request), terminal.width.saturating_sub(30).max(30));
        let about = clean([d.host.as_str(), &d.dialect].map(str::trim).join("  ").trim());
        let title = Style::Bold.paint(&format!("#{}  {request}", d.exchange), terminal.color);
        out += &format!("{title}  {}\n", Style::Dim.paint(&about, terminal.color));
        for sentence in &d.delivery {
            bullet(&mut out, sentence, terminal);
        }
        let why = d.verdict_why.join("; ");
        bullet(&mut out, &format!("{}: {why}", d.end.text), terminal);
        let code_width = d.findings.iter().map(|f| f.rule.len()).max().unwrap_or(0);
        for f in &d.findings {
            out += &finding::text(f, RenderOptions { code_width, zero_ns: d.zero_ns, fix: true }, terminal);
        }
        out.push('\n');
    }
    out + &format!("{}\n", summary(all))
}

fn markdown_text(all: &[Delivered]) -> String {
    let mut out = format!("**{}**\n", markdown::escape(&summary(all)));
    for d in all {
        out += &format!(
            "\n#### #{} {} ({})\n\n",
            d.exchange,
            markdown::escape(&clean(&d.request)),
            markdown::escape(&clean(&d.dialect))
        );
        d.delivery.iter().for_each(|s| out += &format!("- {}\n", markdown::escape(&clean(s))));
        for f in &d.findings {
            out += &format!("- **{}**: {}\n", f.rule, markdown::escape(&clean(&f.message)));
        }
    }
    out
}

fn bullet(out: &mut String, sentence: &str, terminal: &Terminal) {
    let mut lines = wrap(&clean(sentence), terminal.width.saturating_sub(6).max(30)).into_iter();
    *out += &format!("  {} {}\n", Style::Dim.paint("·", terminal.color), lines.next().unwrap_or_default());
    lines.for_each(|l| *out += &format!("    {l}\n"));
}

fn summary(all: &[Delivered]) -> String {
    let bad =
        all.iter().filter(|d| d.findings.iter().any(|f| f.level > crate::conformance::Level::Info)).count() as u64;
    let streams = count(all.len() as u64, "stream", "streams");
    if bad == 0 { format!("{streams}, delivered well") } else { format!("{bad} of {streams} delivered badly") }
}
