//! `sniff report latency --like TOOL`: the figures that another tool would report of the same streams. `sniff report
//! reconcile --like TOOL`: why they differ from ours, record by record.

use super::groups::{By, Key, is_streamed};
use super::reports::{self, Collect, Options, Source};
use super::table::{COMFORT, Cell, Column, Table, render};
use super::text::{Style, clip, count, wrap};
use super::{Format, Terminal, markdown};
use crate::exchange::Exchange;
use crate::metrics;
use crate::metrics::like::{Chunk, Figure, Heard, Sum, Tool, counts, figures};
use crate::summary::Summary;
use crate::time::Timestamp;
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;

/// Exchanges that the terminal shows in full.
const SHOWN: usize = 10;

/// The figures of a stream, or why the tool would leave it out.
type Read = Result<Vec<Figure>, &'static str>;

/// Collects the streams.
#[derive(Debug)]
pub struct Like {
    tool: Tool,
    by: Vec<By>,
    /// Record by record, not summed up.
    reconcile: bool,
    groups: BTreeMap<Key, Group>,
    overall: Group,
    streams: Vec<Stream>,
}

/// Streams of one group.
#[derive(Debug, Default)]
struct Group {
    counted: u64,
    left_out: BTreeMap<&'static str, u64>,
    /// By name, in the order in which the tool has them.
    values: Vec<(&'static str, &'static str, Vec<f64>)>,
}

/// The report as data.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The tool.
    pub tool: &'static str,
    /// Unit of its figures.
    pub unit: &'static str,
    /// What exchanges are grouped by.
    pub by: Vec<&'static str>,
    /// Groups; that with the most streams first. Empty without `--by`.
    pub groups: Vec<Summed>,
    /// All streams.
    pub overall: Summed,
    /// Each stream, of `reconcile`; null otherwise.
    pub streams: Option<Vec<Stream>>,
    #[serde(skip)]
    keys: Vec<By>,
    #[serde(skip)]
    which: Tool,
}

/// The figures of one group.
#[derive(Debug, Serialize)]
pub struct Summed {
    /// What its exchanges have in common.
    #[serde(flatten)]
    pub key: Key,
    /// Streams that the tool would count.
    pub counted: u64,
    /// Exchanges that it would not, by the reason.
    pub left_out: BTreeMap<&'static str, u64>,
    /// Its figures.
    pub figures: Vec<Row>,
}

/// One figure of a group.
#[derive(Debug, Serialize)]
pub struct Row {
    /// The tool's name for it.
    pub name: &'static str,
    /// The nearest of ours.
    pub ours: &'static str,
    /// Its values, summed up in the tool's way.
    #[serde(flatten)]
    pub sum: Sum,
}

/// One stream, for `reconcile`.
#[derive(Debug, Clone, Serialize)]
pub struct Stream {
    /// Id of the exchange.
    pub exchange: i64,
    /// Why the tool would leave it out; null if it counts it.
    pub left_out: Option<&'static str>,
    /// Each figure beside ours, in ms.
    pub figures: Vec<Figure>,
    /// Records that one of us counts and the other does not.
    pub records: Vec<Counted>,
}

/// A record that one of us counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// Its number.
    pub record: u64,
    /// Its time.
    pub t_ns: Timestamp,
    /// Whether the tool counts it.
    pub theirs: bool,
    /// Whether it is a delta.
    pub ours: bool,
    /// Why.
    pub why: &'static str,
}

impl Like {
    /// An empty report.
    pub fn new(options: &Options, tool: Tool, reconcile: bool) -> Like {
        let (by, groups, overall) = (options.by.clone(), BTreeMap::new(), Group::default());
        Like { tool, by, reconcile, groups, overall, streams: Vec::new() }
    }

    /// The figures of one exchange, or why the tool would leave it out; and its records.
    fn read(&self, s: &Summary, source: &dyn Source) -> Result<(Read, Vec<Counted>)> {
        let none = |why| Ok((Err(why), Vec::new()));
        let response = s.response.as_ref();
        if response.and_then(|r| r.status).is_none_or(|status| !(200..300).contains(&status)) {
            return none("its status is no success");
        }
        if !is_streamed(s) || s.websocket.is_some() {
            return none("it was not streamed over HTTP");
        }
        if response.is_some_and(|r| !r.complete) {
            return none("it was cut");
        }
        if response.is_some_and(|r| r.error_in_stream.is_some()) && self.tool != Tool::Otel {
            return none("it has an error");
        }
        if !source.has_content(s.id)? {
            return none("its body was not stored");
        }
        let x = source.exchange(s.id)?;
        let (m, heard) = (metrics::of(&x), heard(&x));
        let differ = heard.iter().filter(|h| counts(self.tool, h) != h.meaning.is_delta());
        let counted = differ.map(|h| Counted {
            record: h.n,
            t_ns: h.at,
            theirs: counts(self.tool, h),
            ours: h.meaning.is_delta(),
            why: why(h),
        });
        Ok((figures(self.tool, &m, &heard, m.output_tokens), counted.collect()))
    }

    fn report(self) -> Report {
        let tool = self.tool;
        let sum = |key: Key, group: Group| {
            let scale = if tool == Tool::Otel { 1e-3 } else { 1.0 };
            let row = |(name, ours, values): (&'static str, &'static str, Vec<f64>)| {
                let values = values.into_iter().map(|v| v * scale).collect();
                Row { name, ours, sum: Sum::of(tool, name, values) }
            };
            let figures = group.values.into_iter().map(row).collect();
            Summed { key, counted: group.counted, left_out: group.left_out, figures }
        };
        let mut groups: Vec<Summed> = self.groups.into_iter().map(|(key, group)| sum(key, group)).collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.counted));
        if self.by.is_empty() {
            groups.clear();
        }
        Report {
            tool: tool.title(),
            unit: tool.unit(),
            by: self.by.iter().map(|by| by.as_str()).collect(),
            groups,
            overall: sum(Key::default(), self.overall),
            streams: self.reconcile.then_some(self.streams),
            keys: self.by,
            which: tool,
        }
    }
}

impl Group {
    fn add(&mut self, read: &Read) {
        let all = match read {
            Ok(all) => all,
            Err(why) => return *self.left_out.entry(why).or_default() += 1,
        };
        self.counted += 1;
        for figure in all {
            match self.values.iter_mut().find(|(name, ..)| *name == figure.name) {
                Some((.., values)) => values.extend(&figure.values),
                None => self.values.push((figure.name, figure.ours, figure.values.clone())),
            }
        }
    }
}

/// The records as the tools see them.
fn heard(x: &Exchange) -> Vec<Heard> {
    let Some(response) = &x.response else { return Vec::new() };
    let decoded = response.decoded();
    let record = |r: &crate::exchange::RecordInfo| {
        let chunk = std::str::from_utf8(decoded.at(r.start, r.end)).map(Chunk::read).unwrap_or_default();
        Heard { n: r.n, at: r.at, meaning: r.meaning, chunk }
    };
    response.records.iter().map(record).collect()
}

fn why(h: &Heard) -> &'static str {
    match (h.meaning.is_delta(), h.chunk) {
        (true, _) => "it has output, and not as the tool reads it",
        (false, Chunk::Choices(_)) => "it has choices and no output: a role, an empty delta, a finish reason",
        (false, Chunk::Other(_)) => "it has neither choices nor output: usage, an event of another kind",
        (false, _) => "it has no output",
    }
}

impl Collect for Like {
    fn add(&mut self, s: &Summary, source: &dyn Source) -> Result<()> {
        let (read, records) = self.read(s, source)?;
        for group in [self.groups.entry(Key::of(s, &self.by)).or_default(), &mut self.overall] {
            group.add(&read);
        }
        if self.reconcile {
            let left_out = read.as_ref().err().copied();
            self.streams.push(Stream { exchange: s.id, left_out, figures: read.unwrap_or_default(), records });
        }
        Ok(())
    }

    fn write(self: Box<Self>, format: Format, terminal: &Terminal, out: &mut dyn Write) -> Result<()> {
        reports::write(&self.report(), format, terminal, out)
    }
}

fn number(v: Option<f64>) -> String {
    v.map(|v| format!("{v:.3}")).unwrap_or_default()
}

impl reports::Report for Report {
    fn text(&self, terminal: &Terminal) -> String {
        let paint = |style: Style, text: &str| style.paint(text, terminal.color);
        let (all, left) = (&self.overall, self.overall.left_out.values().sum::<u64>());
        let mut first = format!("As {}: {}", self.tool, count(all.counted, "stream", "streams"));
        if left > 0 {
            let why: Vec<String> = all.left_out.iter().map(|(why, n)| format!("{n}: {why}")).collect();
            first += &format!("; left out {}", why.join(", "));
        }
        let lines = wrap(&first, terminal.width);
        let mut out: String = lines.iter().map(|line| format!("{}\n", paint(Style::Bold, line))).collect();
        if all.counted > 0 {
            out += &format!("\n{}", render(&self.rows(number), terminal));
        }
        let Some(streams) = &self.streams else { return out };
        for stream in streams.iter().filter(|stream| stream.left_out.is_none()).take(SHOWN) {
            out += &one(stream, terminal);
        }
        let shown = streams.iter().filter(|stream| stream.left_out.is_none()).count();
        if shown > SHOWN {
            let more = format!("{SHOWN} of {shown} streams are shown; --format json and csv have all");
            out += &format!("\n{}\n", paint(Style::Dim, &more));
        }
        out
    }

    fn table(&self) -> Result<Table> {
        let plain = |v: Option<f64>| v.map(|v| v.to_string()).unwrap_or_default();
        Ok(match &self.streams {
            Some(streams) => differences(streams, plain),
            None => self.rows(plain),
        })
    }

    fn markdown(&self) -> Result<String> {
        let table = self.streams.as_ref().map_or_else(|| self.rows(number), |streams| differences(streams, number));
        Ok(format!("As {}, in {}:\n\n{}", markdown::escape(self.tool), self.unit, markdown::render(&table)))
    }

    fn lines(&self, out: &mut dyn Write) -> Result<()> {
        match &self.streams {
            Some(streams) => reports::lines(streams, out),
            None => reports::lines(self.groups.iter().chain([&self.overall]), out),
        }
    }
}

impl Report {
    /// One row per group and figure.
    fn rows(&self, value: impl Fn(Option<f64>) -> String) -> Table {
        let mut columns: Vec<Column> = self.keys.iter().map(|by| by.column().min(8).middle()).collect();
        columns.push(Column::left(if self.which == Tool::Otel { "Figure (s)" } else { "Figure (ms)" }));
        columns.push(Column::right("n"));
        let spare = [COMFORT + 1, COMFORT + 2, COMFORT + 3, 0, 2, 1, 0, 1];
        for (title, spare) in ["mean", "sd", "min", "p50", "p90", "p95", "p99", "max"].into_iter().zip(spare) {
            columns.push(Column::right(title).spare(spare));
        }
        columns.push(Column::left("Ours").spare(COMFORT));
        let mut table = Table { columns, rows: Vec::new() };
        for group in self.groups.iter().chain([&self.overall]) {
            for row in &group.figures {
                let all = std::ptr::eq(group, &self.overall);
                let key = if all { vec!["(all)".into(); self.keys.len()] } else { group.key.cells(&self.keys) };
                let s = &row.sum;
                let mut cells: Vec<Cell> = key.iter().map(Cell::new).collect();
                cells.extend([Cell::new(row.name), Cell::new(s.n.to_string())]);
                let figures = [s.mean, s.sd, s.min, s.p50, s.p90, s.p95, s.p99, s.max];
                cells.extend(figures.map(|v| Cell::new(value(v))));
                cells.push(Cell::new(row.ours));
                table.rows.push(cells);
            }
        }
        table
    }
}

/// One row per stream, figure and reason.
fn differences(streams: &[Stream], value: impl Fn(Option<f64>) -> String) -> Table {
    let columns = vec![
        Column::right("Exchange"),
        Column::left("Figure"),
        Column::right("Theirs_ms"),
        Column::left("Ours"),
        Column::right("Ours_ms"),
        Column::right("Part_ms"),
        Column::left("Why"),
    ];
    let mut rows = Vec::new();
    for stream in streams {
        for figure in stream.figures.iter().filter(|figure| figure.our_value.is_some()) {
            let theirs = figure.values.first().copied();
            let row = |part: Option<f64>, why: &str| {
                vec![
                    Cell::new(stream.exchange.to_string()),
                    Cell::new(figure.name),
                    Cell::new(value(theirs)),
                    Cell::new(figure.ours),
                    Cell::new(value(figure.our_value)),
                    Cell::new(value(part)),
                    Cell::new(why),
                ]
            };
            match figure.parts.as_slice() {
                [] => rows.push(row(None, "equal")),
                parts => rows.extend(parts.iter().map(|part| row(Some(part.ms), part.why))),
            }
        }
    }
    Table { columns, rows }
}

/// One stream: each figure beside ours, and the records that only one of us counts.
fn one(stream: &Stream, terminal: &Terminal) -> String {
    let paint = |style: Style, text: &str| style.paint(text, terminal.color);
    let mut out = format!("\n{}\n", paint(Style::Bold, &format!("#{}", stream.exchange)));
    let columns = vec![
        Column::left("Figure (ms)"),
        Column::right("Theirs").spare(2),
        Column::right("Ours").spare(1),
        Column::right("Differs by"),
        Column::left("Because it").min(38),
    ];
    let mut rows = Vec::new();
    for figure in &stream.figures {
        let (Some(ours), Some(theirs)) = (figure.our_value, figure.values.first()) else { continue };
        let cell = |v: f64| Cell::new(number(Some(v)));
        let because: Vec<(String, &str)> = match figure.parts.as_slice() {
            [] => vec![(String::new(), "is equal")],
            parts => parts.iter().map(|part| (format!("{:+.3}", part.ms), part.why)).collect(),
        };
        for (n, (by, why)) in because.into_iter().enumerate() {
            let first = n == 0;
            let or_empty = |cell: Cell| if first { cell } else { Cell::default() };
            let name = or_empty(Cell::new(figure.name));
            rows.push(vec![name, or_empty(cell(*theirs)), or_empty(cell(ours)), Cell::new(by), Cell::new(why)]);
        }
    }
    let inner = Terminal { width: terminal.width - 2, ..*terminal };
    render(&Table { columns, rows }, &inner).lines().for_each(|line| out += &format!("  {line}\n"));
    for (theirs, title) in [(true, "only they count record"), (false, "only we count record")] {
        let of: Vec<&Counted> = stream.records.iter().filter(|r| r.theirs == theirs).collect();
        let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        of.iter().for_each(|r| reasons.entry(r.why).or_default().push(r.record.to_string()));
        for (why, records) in reasons {
            let line = format!("{title} {}: {why}", clip(&records.join(", "), 40));
            wrap(&line, inner.width).iter().for_each(|line| out += &format!("  {}\n", paint(Style::Dim, line)));
        }
    }
    out
}
