//! `sniff report delivery`: in words, how each stream was delivered and what is wrong with the delivery.

use super::finding::{self, RenderOptions};
use super::list::{dialect, end, request_line};
use super::reports::{self, Collect, Report, Source, WORST, more};
use super::table::Table;
use super::text::{Style, clean, clip_middle, count, wrap};
use super::{Format, Terminal, markdown};
use crate::conformance::Level;
use crate::delivery::COLLECTED;
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
        (s.delivery.len() > s.across.len()).then(|| Delivered {
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

impl Delivered {
    /// How bad the delivery was: findings by level from error on, and whether the answer is whole.
    fn weight(&self) -> ([usize; 3], bool) {
        let of = |level| self.findings.iter().filter(|f| f.level == level).count();
        ([Level::Error, Level::Warning, Level::Info].map(of), self.verdict.as_deref() != Some("complete"))
    }
}

/// All streams.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Delivery {
    streams: Vec<Delivered>,
    #[serde(skip)]
    all: bool,
}

impl Collect for Delivery {
    fn add(&mut self, s: &Summary, _: &dyn Source) -> Result<()> {
        self.streams.extend(Delivered::new(s));
        Ok(())
    }

    fn shows_findings(&self) -> bool {
        true
    }

    fn show_all(&mut self) {
        self.all = true;
    }

    fn write(self: Box<Self>, format: Format, terminal: &Terminal, out: &mut dyn Write) -> Result<()> {
        reports::write(&*self, format, terminal, out)
    }
}

impl Report for Delivery {
    fn text(&self, terminal: &Terminal) -> String {
        text(&self.streams, if self.all { usize::MAX } else { WORST }, terminal)
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

/// At most `most` streams, the worst, in the order of all.
fn text(all: &[Delivered], most: usize, terminal: &Terminal) -> String {
    let mut shown: Vec<(usize, &Delivered)> = all.iter().enumerate().collect();
    if all.len() > most {
        shown.sort_by_cached_key(|(n, d)| (std::cmp::Reverse(d.weight()), *n));
        shown.truncate(most);
        shown.sort_by_key(|(n, _)| *n);
    }
    let mut out = format!("{}\n\n", summary(all));
    for (_, d) in shown {
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
    out += &more(all.len(), most, "stream, which is no worse", "streams, none of them worse", terminal);
    out.trim_end().to_owned() + "\n"
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
    let badly = |d: &&Delivered| d.findings.iter().any(|f| f.level > Level::Info);
    let collected = |d: &&Delivered| d.delivery.iter().any(|words| words.contains(COLLECTED));
    let bad = all.iter().filter(badly).count();
    let at_once = all.iter().filter(|d| !badly(d)).filter(collected).count();
    let streams = count(all.len() as u64, "stream", "streams");
    match (bad, at_once) {
        (0, 0) => format!("{streams}, delivered well"),
        (bad, 0) => format!("{bad} of {streams} delivered badly"),
        (0, n) if n == all.len() => format!("{streams}, collected before sending"),
        (0, n) => format!("{streams}, {n} of them collected before sending"),
        (bad, n) => format!("{bad} of {streams} delivered badly, {n} collected before sending"),
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;
    use crate::conformance::sample;
    use crate::metrics;

    /// The last line of the report on these answers.
    fn last_line(samples: &[&str]) -> String {
        let judged = |sample: &str| {
            let exchange = sample::exchanges(sample).expect("a sample").remove(0);
            let (metrics, findings) = (metrics::of(&exchange), sample::findings(sample).expect("a sample"));
            Delivered::new(&Summary::new(1, 1, &exchange, &metrics, &findings, None)).expect("a stream")
        };
        summary(&samples.iter().map(|s| judged(s)).collect::<Vec<_>>())
    }

    #[test]
    fn what_was_collected_is_not_delivered_well() {
        let well = "chat; role; word; word; stop; done; last";
        let held = r#"ask; events
            <chunk data: $word\n\ndata: $word\n\ndata: $word\n\ndata: $word\n\ndata: $word\n\ndata: $word\n\n
            stop; done; last"#;
        let stalled = "chat; role; word; word; wait 20s; word; word; stop; done; last";
        assert_eq!(last_line(&[well]), "1 stream, delivered well");
        assert_eq!(last_line(&[held]), "1 stream, collected before sending");
        assert_eq!(last_line(&[well, held]), "2 streams, 1 of them collected before sending");
        assert_eq!(last_line(&[well, stalled]), "1 of 2 streams delivered badly");
        assert_eq!(last_line(&[held, stalled]), "1 of 2 streams delivered badly, 1 collected before sending");
    }
}
