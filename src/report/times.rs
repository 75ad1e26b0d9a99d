//! `sniff report times`: each named time of each exchange, and the spans between them. docs/times.md defines each.

use super::groups::is_streamed;
use super::reports::{self, Collect, Report, Source};
use super::table::{Cell, Column, Table, render};
use super::text::{Style, count, wrap};
use super::{Format, Terminal};
use crate::metrics;
use crate::metrics::clocks::{Clocks, token_gaps, weighted};
use crate::metrics::percentile;
use crate::summary::{Summary, TcpSummary};
use crate::time::{Span, Timestamp};
use anyhow::Result;
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::io::Write;
use std::net::SocketAddr;

/// All exchanges, in order of time.
#[derive(Debug, Default)]
pub struct Times(Vec<Row>);

/// The times of one exchange.
#[derive(Debug)]
struct Row {
    exchange: i64,
    session: i64,
    server: String,
    model: Option<String>,
    streamed: bool,
    clocks: Clocks,
    /// Spans by their names in JSON.
    spans: Vec<(&'static str, Option<Span>)>,
    tokens_per_s: Option<f64>,
}

impl Row {
    fn new(s: &Summary, source: &dyn Source) -> Result<Row> {
        let (t, clocks) = (&s.timing, source.clocks(s.id)?);
        // Only the records themselves tell the tokens of the first delta.
        let told = t.tpot.is_some() && source.has_content(s.id)?;
        let net = if told { metrics::of(&source.exchange(s.id)?).tpot_net } else { None };
        let tokens = if net.is_some() { token_gaps(&source.told(s.id)?) } else { Vec::new() };
        let mut gaps = clocks.chunk_gaps();
        gaps.sort_unstable();
        let since = |at: Option<Timestamp>| at?.elapsed(clocks.request_end?);
        let trip = |of: fn(&TcpSummary) -> Option<Span>| s.tcp.as_ref().and_then(of);
        let less = |ttft: Span, trip: Span| (ttft >= trip).then(|| Span(ttft.0 - trip.0));
        let spans = vec![
            ("upload_ms", clocks.request_end.zip(clocks.request_start).and_then(|(end, start)| end.elapsed(start))),
            ("ttfb_ms", t.ttfb),
            ("ttfr_ms", t.ttfr),
            ("ttft_ms", t.ttft),
            ("ttft_content_ms", t.ttft_content),
            ("ttft_client_ms", t.ttft.zip(trip(|tcp| tcp.rtt_client)).map(|(ttft, trip)| Span(ttft.0 + trip.0))),
            ("ttft_server_ms", t.ttft.zip(trip(|tcp| tcp.rtt_server)).and_then(|(ttft, trip)| less(ttft, trip))),
            ("rtt_client_ms", trip(|tcp| tcp.rtt_client)),
            ("rtt_server_ms", trip(|tcp| tcp.rtt_server)),
            ("chunk_gap_p50_ms", percentile(&gaps, 50.0)),
            ("chunk_gap_p99_ms", percentile(&gaps, 99.0)),
            ("chunk_gap_max_ms", gaps.last().copied()),
            ("itl_p50_ms", t.itl_p50),
            ("itl_p99_ms", t.itl_p99),
            ("itl_max_ms", t.itl_max),
            ("tpot_ms", t.tpot),
            ("tpot_net_ms", net),
            ("token_gap_p50_ms", weighted(&tokens, 50.0)),
            ("token_gap_p99_ms", weighted(&tokens, 99.0)),
            ("token_gap_max_ms", tokens.last().map(|(gap, _)| *gap)),
            ("finish_ms", since(clocks.finish)),
            ("terminator_ms", since(clocks.terminator)),
            ("tail_ms", clocks.tail()),
            ("duration_ms", t.duration),
        ];
        Ok(Row {
            exchange: s.id,
            session: s.session,
            server: SocketAddr::new(s.server_ip, s.server_port).to_string(),
            model: s.request.as_ref().and_then(|r| r.model.clone()),
            streamed: is_streamed(s),
            clocks,
            spans,
            tokens_per_s: t.tpot.filter(|tpot| tpot.0 > 0).map(|tpot| 1e9 / tpot.0 as f64),
        })
    }
}

impl Serialize for Row {
    /// `exchange`, `session`, `server`, `model`, `streamed`, the clocks (ns since 1970 UTC), the spans (ms),
    /// `output_tokens`, `tokens_per_s`, `chunks`, `records`.
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(None)?;
        map.serialize_entry("exchange", &self.exchange)?;
        map.serialize_entry("session", &self.session)?;
        map.serialize_entry("server", &self.server)?;
        map.serialize_entry("model", &self.model)?;
        map.serialize_entry("streamed", &self.streamed)?;
        for (name, at) in self.clocks.named() {
            map.serialize_entry(name, &at)?;
        }
        for (name, span) in &self.spans {
            map.serialize_entry(name, &span.map(Span::as_millis_f64))?;
        }
        map.serialize_entry("output_tokens", &self.clocks.output_tokens)?;
        map.serialize_entry("tokens_per_s", &self.tokens_per_s)?;
        map.serialize_entry("chunks", &self.clocks.chunks.len())?;
        map.serialize_entry("records", &self.clocks.records.len())?;
        map.end()
    }
}

impl Serialize for Times {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(s)
    }
}

impl Collect for Times {
    fn add(&mut self, s: &Summary, source: &dyn Source) -> Result<()> {
        self.0.push(Row::new(s, source)?);
        Ok(())
    }

    fn write(self: Box<Self>, format: Format, terminal: &Terminal, out: &mut dyn Write) -> Result<()> {
        match format {
            Format::Csv => self.csv(out),
            _ => reports::write(&*self, format, terminal, out),
        }
    }
}

impl Times {
    /// One line per exchange, with the fields of JSON.
    fn csv(&self, out: &mut dyn Write) -> Result<()> {
        let Some(first) = self.0.first() else { return Ok(()) };
        let writer = super::csv::Writer::new(first, out)?;
        self.0.iter().try_for_each(|row| writer.row(row, out))
    }
}

/// What the columns of the table count from.
const NOTE: &str = "Each time counts from the last byte of the request. Reasoning: its first sign, shown or hidden. \
    Token: the first delta of any kind; text: the first with visible text. Finish: the finish reason. JSON and CSV \
    have the instants too, and all spans.";

impl Report for Times {
    fn text(&self, terminal: &Terminal) -> String {
        let streamed = self.0.iter().filter(|row| row.streamed).count();
        let all = count(self.0.len() as u64, "exchange", "exchanges");
        let first = Style::Bold.paint(&format!("{all}, {streamed} streamed"), terminal.color);
        let note: Vec<String> =
            wrap(NOTE, terminal.width).iter().map(|line| Style::Dim.paint(line, terminal.color)).collect();
        format!("{first}\n\n{}\n{}\n", render(&self.columns(), terminal), note.join("\n"))
    }

    fn table(&self) -> Result<Table> {
        Ok(self.columns())
    }

    fn lines(&self, out: &mut dyn Write) -> Result<()> {
        reports::lines(&self.0, out)
    }
}

impl Times {
    fn columns(&self) -> Table {
        let columns = vec![
            Column::right("ID"),
            Column::left("Server").min(14).middle().spare(2),
            Column::left("Model").min(6).middle().spare(5),
            Column::right("Head"),
            Column::right("Record").spare(6),
            Column::right("Reasoning").spare(7),
            Column::right("Token"),
            Column::right("Text").spare(4),
            Column::right("At server").spare(10),
            Column::right("Last token").spare(1),
            Column::right("Finish").spare(8),
            Column::right("Terminator").spare(9),
            Column::right("End"),
            Column::right("Tail").spare(3),
        ];
        let row = |row: &Row| {
            let c = &row.clocks;
            let since = |at: Option<Timestamp>| at.and_then(|at| at.elapsed(c.request_end?));
            let span = |span: Option<Span>| Cell::new(super::text::span(span));
            let mut cells = vec![
                Cell::new(row.exchange.to_string()),
                Cell::new(&row.server),
                Cell::new(row.model.as_deref().unwrap_or_default()),
            ];
            let at_server = row.spans.iter().find(|(name, _)| *name == "ttft_server_ms").and_then(|(_, span)| *span);
            let all = [
                c.head_start,
                c.first_record,
                c.reasoning_sign,
                c.first_delta,
                c.first_content,
                c.last_delta,
                c.finish,
                c.terminator,
                c.end,
            ];
            cells.extend(all.map(|at| span(since(at))));
            cells.push(span(c.tail()));
            cells.insert(8, span(at_server));
            cells
        };
        Table { columns, rows: self.0.iter().map(row).collect() }
    }
}
