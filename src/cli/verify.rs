//! `sniff replay --verify`: plays each recording to a client of our own and says how true it came.

use super::Common;
use super::output::{Output, unless_closed};
use crate::exchange::Exchange;
use crate::replay::matching::{Asked, Repeat};
use crate::replay::serve::{self, Service, probe};
use crate::replay::verify::{Fidelity, compare};
use crate::replay::{Book, MatchBy, Pace, Script};
use crate::report::table::{Cell, Column, Table, render};
use crate::report::text::{Style, span};
use crate::report::{Format, json, jsonl};
use crate::time::Span;
use anyhow::Result;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Exit code 1 where bytes, boundaries, heads or ends differ.
pub(super) fn run(recordings: Vec<(Exchange, Script)>, pace: Pace, common: &Common) -> Result<u8> {
    const VALID: &[Format] = &[Format::Table, Format::Json, Format::Jsonl, Format::Csv, Format::Markdown];
    let format = common.format.as_deref().map_or(Ok(Format::Table), |f| Format::parse(f, VALID))?;
    let mut found = Vec::new();
    for (exchange, script) in recordings {
        found.push(one(&exchange, script, pace)?);
    }
    let mut out = Output::open(common)?;
    let table = table(&found);
    let written = match format {
        Format::Table => {
            let look = out.look;
            out.text(&format!("{}{}\n", render(&table, &look), Style::Dim.paint(NOTE, look.color)))
        }
        Format::Json => json::document(&found.iter().map(line).collect::<Vec<_>>(), out.writer()),
        Format::Jsonl => found.iter().try_for_each(|f| jsonl::line(&line(f), out.writer())),
        Format::Csv => crate::report::csv::table(&table, out.writer()),
        Format::Markdown => out.text(&crate::report::markdown::render(&table)),
    };
    unless_closed(written.and_then(|()| out.finish()))?;
    Ok(u8::from(!found.iter().all(Fidelity::is_equal)))
}

const NOTE: &str = "Late: a delivery's last byte behind its planned time, by the kernel's time stamps of a client on this machine.";

fn one(exchange: &Exchange, script: Script, pace: Pace) -> Result<Fidelity> {
    let mut book = Book::new(MatchBy::Sequence, Repeat::Last, Vec::new());
    book.add(Asked::default(), script.clone());
    let listener = serve::bind(&[(Ipv4Addr::LOCALHOST, 0).into()])?;
    let address = listener.local_addr()?;
    let service = Service::start(book, pace, None, Box::new(|_| ()))?;
    let stop = Arc::new(AtomicBool::new(false));
    let recorded: Vec<Span> = script.steps.iter().map(|s| s.at).collect();
    let lasts = pace.times(&recorded, 0).last().copied().unwrap_or_default();
    let heard = std::thread::scope(|scope| {
        let listening = scope.spawn(|| service.listen(&listener, &stop));
        let heard = probe::ask(address, exchange, lasts);
        stop.store(true, Ordering::Relaxed);
        // One more client, so that the stop is noticed at once.
        drop(std::net::TcpStream::connect(address));
        drop(listening.join());
        heard
    })?;
    service.finish();
    Ok(compare(&script, &pace, 0, heard.as_ref()))
}

fn table(found: &[Fidelity]) -> Table {
    let columns = vec![
        Column::right("ID"),
        Column::right("Bytes"),
        Column::left(""),
        Column::right("Units"),
        Column::left(""),
        Column::left("Head"),
        Column::left("End"),
        Column::right("Late p50"),
        Column::right("p99"),
        Column::right("max"),
    ];
    let same = |same: bool| match same {
        true => Cell::new("equal"),
        false => Cell::new("DIFFER").style(Style::Bold),
    };
    let of = |(heard, recorded): (u64, u64)| Cell::new(if heard == recorded { heard.to_string() } else { format!("{heard}/{recorded}") });
    let row = |f: &Fidelity| {
        let late = |p| Cell::new(span(f.error(p).map(Span)));
        let units = (f.units.0 as u64, f.units.1 as u64);
        vec![
            Cell::new(f.id.to_string()),
            of(f.bytes),
            same(f.bytes_equal),
            of(units),
            same(f.boundaries_equal),
            same(f.heads_equal),
            same(f.end_equal),
            late(50.0),
            late(99.0),
            late(100.0),
        ]
    };
    Table { columns, rows: found.iter().map(row).collect() }
}

fn line(f: &Fidelity) -> serde_json::Value {
    let us = |p| f.error(p).map(|ns| ns as f64 / 1e3);
    serde_json::json!({
        "exchange": f.id,
        "bytes": f.bytes.0,
        "bytes_equal": f.bytes_equal,
        "units": f.units.0,
        "boundaries_equal": f.boundaries_equal,
        "heads_equal": f.heads_equal,
        "end_equal": f.end_equal,
        "deliveries": f.errors.len(),
        "late_p50_us": us(50.0),
        "late_p99_us": us(99.0),
        "late_max_us": us(100.0),
    })
}
