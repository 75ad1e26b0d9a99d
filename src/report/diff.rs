//! `sniff diff`: what a hop did to streams, from both of its sides.

use super::reports;
use super::spark;
use super::table::{COMFORT, Cell, Column, Table, render};
use super::text::{Style, bytes, clean, clip, count, wrap};
use super::{Terminal, markdown};
use crate::metrics::stats::Stats;
use crate::summary::taps::{Fate, Passed, Tap, deliveries, held, most_held, passed};
use crate::time::{Span, Timestamp};
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;

/// A record that is shown for what became of it: a delay over this, or a change.
const LATE: Span = Span::from_millis(1);
/// The line with the picture of the held times.
const SPREAD: &str = "Spread";
/// Such records of a pair in the terminal.
const SHOWN: usize = 10;

/// All pairs of streams, and what has no other side.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// The pairs, in order of time.
    pub pairs: Vec<Pair>,
    /// Streams that only the first tap has: their ids.
    pub only_up: Vec<i64>,
    /// Streams that only the second tap has.
    pub only_down: Vec<i64>,
}

/// One stream at both taps.
#[derive(Debug, Clone, Serialize)]
pub struct Pair {
    /// Before the hop: nearer to the model.
    pub up: Side,
    /// Behind the hop: nearer to the client.
    pub down: Side,
    /// By how much longer the first token took behind the hop: TTFT − TTFT, so that the clocks of the taps do not
    /// matter.
    pub added_ttft_ms: Option<f64>,
    /// For how long records were held: time behind the hop − time before it, by both clocks as they are.
    pub held_ms: Stats,
    /// Number of the record before the hop that was held longest.
    pub longest_held: Option<u64>,
    /// Most bytes that had come in and not yet gone out.
    pub most_bytes_held: u64,
    /// Records by what became of them: `same`, `reordered`, `rewritten`, `merged`, `split`, `dropped`, `added`.
    pub records: BTreeMap<Fate, u64>,
    /// Each record.
    pub passed: Vec<Row>,
    #[serde(skip)]
    spread: String,
}

/// A stream at one tap.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Side {
    /// Id of the exchange, or its number in the capture.
    pub exchange: i64,
    /// Address of the client.
    pub client: String,
    /// Address of the server.
    pub server: String,
    /// TTFT there.
    pub ttft_ms: Option<f64>,
    /// Records.
    pub records: u64,
    /// Deliveries in which they came.
    pub deliveries: u64,
    /// Most records in one of them.
    pub most_in_one: u64,
}

/// One record on its way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Its number before the hop.
    pub up: Option<u64>,
    /// Its number behind it.
    pub down: Option<u64>,
    /// What became of it.
    pub fate: Fate,
    /// Its time before the hop, ns since 1970 UTC.
    pub t_up_ns: Option<Timestamp>,
    /// Its time behind it.
    pub t_down_ns: Option<Timestamp>,
    /// For how long it was held.
    pub held_ms: Option<f64>,
    #[serde(skip)]
    brings: String,
}

impl Pair {
    /// Compares both sides of one stream.
    pub fn new(up: &Tap, down: &Tap) -> Pair {
        let all = passed(&up.records, &down.records);
        let row = |p: &Passed| {
            let (u, d) = (p.up.map(|u| &up.records[u]), p.down.map(|d| &down.records[d]));
            Row {
                up: u.map(|r| r.n),
                down: d.map(|r| r.n),
                fate: p.fate,
                t_up_ns: u.map(|r| r.at),
                t_down_ns: d.map(|r| r.at),
                held_ms: u.zip(d).map(|(u, d)| held(u, d).as_millis_f64()),
                brings: u.or(d).map(|r| r.shown.clone()).unwrap_or_default(),
            }
        };
        let rows: Vec<Row> = all.iter().map(row).collect();
        let mut spans: Vec<f64> = rows.iter().filter_map(|row| row.held_ms).collect();
        spans.sort_by(f64::total_cmp);
        let longest = rows.iter().filter(|row| row.held_ms.is_some());
        let longest = longest.max_by(|a, b| a.held_ms.partial_cmp(&b.held_ms).unwrap_or(std::cmp::Ordering::Equal));
        let mut records = BTreeMap::new();
        rows.iter().for_each(|row| *records.entry(row.fate).or_default() += 1);
        Pair {
            added_ttft_ms: down.metrics.ttft.zip(up.metrics.ttft).map(|(d, u)| Span(d.0 - u.0).as_millis_f64()),
            held_ms: Stats::sorted(&spans),
            longest_held: longest.and_then(|row| row.up),
            most_bytes_held: most_held(&up.records, &down.records, &all),
            records,
            spread: spark::spread(&spans, 16),
            passed: rows,
            up: Side::new(up),
            down: Side::new(down),
        }
    }

    fn of(&self, fate: Fate) -> u64 {
        self.records.get(&fate).copied().unwrap_or(0)
    }
}

impl Side {
    fn new(tap: &Tap) -> Side {
        let (n, most) = deliveries(&tap.records);
        Side {
            exchange: tap.id,
            client: tap.ends.client.to_string(),
            server: tap.ends.server.to_string(),
            ttft_ms: tap.metrics.ttft.map(Span::as_millis_f64),
            records: tap.records.len() as u64,
            deliveries: n,
            most_in_one: most,
        }
    }
}

fn ms(value: Option<f64>) -> String {
    value.map(|v| Span((v * 1e6).round() as i64).to_string()).unwrap_or_default()
}

impl reports::Report for Report {
    fn text(&self, terminal: &Terminal) -> String {
        let paint = |style: Style, text: &str| style.paint(text, terminal.color);
        let mut out = format!("{}\n", paint(Style::Bold, &self.summary()));
        if self.pairs.len() > 1 {
            out += &format!("\n{}", render(&self.streams(), terminal));
        }
        for pair in self.pairs.iter().take(SHOWN) {
            out += &one(pair, terminal);
        }
        if self.pairs.len() > SHOWN {
            let more = format!("{SHOWN} of {} pairs are shown; --format json has all", self.pairs.len());
            out += &format!("\n{}\n", paint(Style::Dim, &more));
        }
        for (what, ids) in [("first", &self.only_up), ("second", &self.only_down)] {
            let ids: Vec<String> = ids.iter().take(20).map(|id| format!("#{id}")).collect();
            if !ids.is_empty() {
                out += &format!("\nonly at the {what} tap: {}\n", ids.join(", "));
            }
        }
        out
    }

    fn table(&self) -> Result<Table> {
        let titles =
            ["up_exchange", "down_exchange", "up_record", "down_record", "fate", "t_up_ns", "t_down_ns", "held_ms"];
        let rows = self.pairs.iter().flat_map(|pair| {
            pair.passed.iter().map(|row| {
                let number = |n: Option<String>| Cell::new(n.unwrap_or_default());
                vec![
                    Cell::new(pair.up.exchange.to_string()),
                    Cell::new(pair.down.exchange.to_string()),
                    number(row.up.map(|n| n.to_string())),
                    number(row.down.map(|n| n.to_string())),
                    Cell::new(word(row.fate)),
                    number(row.t_up_ns.map(|t| t.nanos().to_string())),
                    number(row.t_down_ns.map(|t| t.nanos().to_string())),
                    number(row.held_ms.map(|ms| ms.to_string())),
                ]
            })
        });
        Ok(Table { columns: titles.map(Column::left).to_vec(), rows: rows.collect() })
    }

    fn markdown(&self) -> Result<String> {
        Ok(format!("**{}**\n\n{}", markdown::escape(&self.summary()), markdown::render(&self.streams())))
    }

    fn lines(&self, out: &mut dyn Write) -> Result<()> {
        reports::lines(&self.pairs, out)
    }
}

impl Report {
    fn summary(&self) -> String {
        if self.pairs.is_empty() {
            return "No stream was seen at both taps".into();
        }
        let sum = |of: &dyn Fn(&Pair) -> u64| self.pairs.iter().map(of).sum::<u64>();
        let held: f64 = self.pairs.iter().filter_map(|p| p.held_ms.max).fold(0.0, f64::max);
        let mut parts = vec![format!("{} at both taps", count(self.pairs.len() as u64, "stream", "streams"))];
        parts.push(format!("a record was held for {} at most", ms(Some(held))));
        for fate in [Fate::Dropped, Fate::Added, Fate::Reordered, Fate::Rewritten, Fate::Merged, Fate::Split] {
            let n = sum(&|pair| pair.of(fate));
            if n > 0 {
                parts.push(format!("{n} {}", word(fate)));
            }
        }
        parts.join(", ")
    }

    /// One row per pair.
    fn streams(&self) -> Table {
        let columns = vec![
            Column::right("Up"),
            Column::right("Down"),
            Column::left("Server up").min(14).middle().spare(COMFORT),
            Column::left("Server down").min(14).middle(),
            Column::right("Added TTFT"),
            Column::right("Held p50"),
            Column::right("Held max"),
            Column::right("Bytes held").spare(2),
            Column::right("Deliveries").spare(1),
            Column::right("Dropped"),
            Column::right("Rewritten").spare(COMFORT + 1),
            Column::right("Reordered").spare(COMFORT + 2),
        ];
        let row = |p: &Pair| {
            let number = |n: u64| Cell::new(if n == 0 { String::new() } else { n.to_string() });
            vec![
                Cell::new(format!("#{}", p.up.exchange)),
                Cell::new(format!("#{}", p.down.exchange)),
                Cell::new(&p.up.server),
                Cell::new(&p.down.server),
                Cell::new(ms(p.added_ttft_ms)),
                Cell::new(ms(p.held_ms.p50)),
                Cell::new(ms(p.held_ms.max)),
                Cell::new(bytes(p.most_bytes_held)),
                Cell::new(format!("{} → {}", p.up.deliveries, p.down.deliveries)),
                number(p.of(Fate::Dropped)).style(Style::Red),
                number(p.of(Fate::Rewritten) + p.of(Fate::Merged) + p.of(Fate::Split)),
                number(p.of(Fate::Reordered)),
            ]
        };
        Table { columns, rows: self.pairs.iter().map(row).collect() }
    }
}

fn word(fate: Fate) -> &'static str {
    match fate {
        Fate::Same => "same",
        Fate::Reordered => "reordered",
        Fate::Rewritten => "rewritten",
        Fate::Merged => "merged",
        Fate::Split => "split",
        Fate::Dropped => "dropped",
        Fate::Added => "added",
    }
}

/// One pair in full.
fn one(pair: &Pair, terminal: &Terminal) -> String {
    let paint = |style: Style, text: &str| style.paint(text, terminal.color);
    let side = |s: &Side| format!("#{} {} → {}", s.exchange, s.client, s.server);
    let mut out =
        format!("\n{}\n", paint(Style::Bold, &format!("{}   behind it {}", side(&pair.up), side(&pair.down))));
    let (up, down) = (&pair.up, &pair.down);
    let mut lines = Vec::new();
    let sign = if pair.added_ttft_ms.is_some_and(|ms| ms > 0.0) { "+" } else { "" };
    lines.push(("TTFT", format!("{} → {} ({sign}{})", ms(up.ttft_ms), ms(down.ttft_ms), ms(pair.added_ttft_ms))));
    let h = &pair.held_ms;
    let longest = pair.longest_held.map_or(String::new(), |n| format!(" (record {n})"));
    lines
        .push(("Held", format!("p50 {}, p90 {}, p99 {}, max {}{longest}", ms(h.p50), ms(h.p90), ms(h.p99), ms(h.max))));
    if !pair.spread.is_empty() {
        lines.push((SPREAD, pair.spread.clone()));
    }
    lines.push(("Bytes held", format!("{} at most", bytes(pair.most_bytes_held))));
    let came =
        |s: &Side| format!("{} records in {} deliveries, {} in one at most", s.records, s.deliveries, s.most_in_one);
    lines.push(("Came", format!("{} → {}", came(up), came(down))));
    let fates: Vec<String> = pair.records.iter().map(|(fate, n)| format!("{n} {}", word(*fate))).collect();
    lines.push(("Records", fates.join(", ")));
    if h.min.is_some_and(|min| min < -LATE.as_millis_f64()) {
        let text = format!(
            "the clocks of the taps differ by {} at least: held times are off by that",
            ms(h.min.map(f64::abs))
        );
        lines.push(("Clocks", text));
    }
    for (title, text) in lines {
        // A picture is not broken where it has a gap.
        let broken = if title == SPREAD { vec![text] } else { wrap(&text, terminal.width.saturating_sub(14)) };
        for (n, line) in broken.iter().enumerate() {
            let title = if n == 0 { title } else { "" };
            out += &format!("  {}  {line}\n", paint(Style::Dim, &format!("{title:<10}")));
        }
    }
    let mut worst: Vec<&Row> = pair
        .passed
        .iter()
        .filter(|row| row.fate != Fate::Same || row.held_ms.is_some_and(|ms| ms > LATE.as_millis_f64()))
        .collect();
    let rank = |row: &Row| (row.fate == Fate::Same, -(row.held_ms.unwrap_or(0.0) * 1e6) as i64);
    worst.sort_by_key(|row| rank(row));
    let all = worst.len();
    worst.truncate(SHOWN);
    if !worst.is_empty() {
        let columns = vec![
            Column::right("Record up"),
            Column::right("Down"),
            Column::right("Held"),
            Column::left("Fate"),
            Column::left("Brings").min(20),
        ];
        let row = |row: &&Row| {
            let number = |n: Option<u64>| Cell::new(n.map(|n| n.to_string()).unwrap_or_default());
            let fate = Cell::new(word(row.fate));
            let fate = if row.fate == Fate::Dropped { fate.style(Style::Red) } else { fate };
            let brings = clip(&clean(&row.brings), 60);
            vec![number(row.up), number(row.down), Cell::new(ms(row.held_ms)), fate, Cell::new(brings)]
        };
        let table = Table { columns, rows: worst.iter().map(row).collect() };
        let inner = Terminal { width: terminal.width - 2, ..*terminal };
        render(&table, &inner).lines().for_each(|line| out += &format!("  {line}\n"));
        if all > SHOWN {
            out += &format!("  {}\n", paint(Style::Dim, &format!("the worst {SHOWN} of {all}; --format csv has all")));
        }
    }
    out
}
