//! `sniff replay --verify`: plays each recording to a built-in client and reports the fidelity: from a capture of
//! the loopback device if that is allowed, else from what the client received.

#[cfg(feature = "live")]
mod packets;

use super::common::Common;
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
#[cfg(feature = "live")]
use packets::LoopbackCapture;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};

/// Exit code 1 if bytes, boundaries, heads or ends differ.
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
            let terminal = out.terminal;
            out.text(&format!("{}{}\n", render(&table, &terminal), Style::Dim.paint(&By::note(&found), terminal.color)))
        }
        Format::Json => json::document(&found.iter().map(line).collect::<Vec<_>>(), out.writer()),
        Format::Jsonl => found.iter().try_for_each(|f| jsonl::line(&line(f), out.writer())),
        Format::Csv => crate::report::csv::table(&table, out.writer()),
        Format::Markdown => out.text(&crate::report::markdown::render(&table)),
    };
    unless_closed(written.and_then(|()| out.finish()))?;
    Ok(code(&found))
}

/// The exit code: 1 if one of them differs.
fn code(found: &[(Fidelity, By)]) -> u8 {
    u8::from(!found.iter().all(|(f, _)| f.is_equal()))
}

fn one(exchange: &Exchange, script: Script, pace: Pace) -> Result<(Fidelity, By)> {
    let mut book = Book::new(MatchBy::Sequence, Repeat::Last, Vec::new());
    book.add(Asked::default(), script.clone());
    let listener = serve::bind(&[(Ipv4Addr::LOCALHOST, 0).into()])?;
    let address = listener.local_addr()?;
    let service = Service::start(book, pace, None, Box::new(|_| ()))?;
    let recorded: Vec<Span> = script.steps.iter().map(|s| s.at).collect();
    let lasts = pace.times(&recorded, 0).last().copied().unwrap_or_default();
    let (stop, over) = (AtomicBool::new(false), AtomicBool::new(false));
    let capture = LoopbackCapture::open(address.port());
    let heard = std::thread::scope(|scope| {
        let listening = scope.spawn(|| service.listen(&listener, &stop));
        let (capture, why) = match capture {
            Ok(capture) => (Some(scope.spawn(|| capture.listen(&over))), None),
            Err(e) => (None, Some(format!("{e:#}"))),
        };
        let seen = probe::ask(address, exchange, lasts);
        over.store(true, Ordering::Relaxed);
        let captured = capture.and_then(|capture| capture.join().ok()).flatten();
        stop.store(true, Ordering::Relaxed);
        // One more connection, so that the listener notices the stop at once.
        drop(std::net::TcpStream::connect(address));
        drop(listening.join());
        anyhow::Ok(match captured {
            Some(captured) => (Some(captured), By::Capture),
            None => (seen?, By::Client(why.unwrap_or_else(|| "the capture is incomplete".into()))),
        })
    });
    service.finish();
    let (heard, by) = heard?;
    Ok((compare(&script, &pace, 0, heard.as_ref()), by))
}

/// For builds without live capture.
#[cfg(not(feature = "live"))]
enum LoopbackCapture {}

#[cfg(not(feature = "live"))]
impl LoopbackCapture {
    fn open(_: u16) -> Result<LoopbackCapture> {
        anyhow::bail!("this build has no live capture")
    }

    fn listen(self, _: &AtomicBool) -> Option<Exchange> {
        match self {}
    }
}

/// Who received a replay.
enum By {
    Capture,
    /// The client, because there was no capture, for this reason.
    Client(String),
}

impl By {
    /// How times were measured.
    fn note(all: &[(Fidelity, By)]) -> String {
        let why = all.iter().find_map(|(_, by)| if let By::Client(why) = by { Some(why) } else { None });
        let how = match why {
            None => "by a capture of the loopback device".to_owned(),
            Some(why) => format!("by the kernel's time stamps of the client on this machine (no capture: {why})"),
        };
        format!("Late: how far a delivery's last byte was from its planned time, {how}.")
    }
}

fn table(found: &[(Fidelity, By)]) -> Table {
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
    let of = |(heard, recorded): (u64, u64)| {
        Cell::new(if heard == recorded { heard.to_string() } else { format!("{heard}/{recorded}") })
    };
    let row = |(f, _): &(Fidelity, By)| {
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

fn line((f, by): &(Fidelity, By)) -> serde_json::Value {
    let us = |p| f.error(p).map(|ns| ns as f64 / 1e3);
    serde_json::json!({
        "exchange": f.id,
        "bytes": f.bytes.0,
        "bytes_equal": f.bytes_equal,
        "units": f.units.0,
        "boundaries_equal": f.boundaries_equal,
        "heads_equal": f.heads_equal,
        "end_equal": f.end_equal,
        "heard_by": if matches!(by, By::Capture) { "capture" } else { "client" },
        "deliveries": f.errors.len(),
        "late_p50_us": us(50.0),
        "late_p99_us": us(99.0),
        "late_max_us": us(100.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Terminal;

    fn fidelity() -> Fidelity {
        Fidelity {
            id: 7,
            bytes: (11, 11),
            bytes_equal: true,
            units: (3, 3),
            boundaries_equal: true,
            heads_equal: true,
            end_equal: true,
            // Early counts as much as late: 1 to 100 µs.
            errors: (1..=100).map(|n| if n % 2 == 0 { n * 1000 } else { -n * 1000 }).collect(),
        }
    }

    #[test]
    fn a_line_has_each_figure_under_its_own_name() {
        let told = |f: Fidelity, by: By| line(&(f, by));
        let all = serde_json::json!({
            "exchange": 7, "bytes": 11, "bytes_equal": true, "units": 3, "boundaries_equal": true, "heads_equal": true,
            "end_equal": true, "heard_by": "capture", "deliveries": 100, "late_p50_us": 50.0, "late_p99_us": 99.0,
            "late_max_us": 100.0,
        });
        assert_eq!(told(fidelity(), By::Capture), all);
        assert_eq!(told(fidelity(), By::Client("no device".into()))["heard_by"], "client");
        for (name, other) in [
            ("bytes_equal", Fidelity { bytes_equal: false, ..fidelity() }),
            ("boundaries_equal", Fidelity { boundaries_equal: false, ..fidelity() }),
            ("heads_equal", Fidelity { heads_equal: false, ..fidelity() }),
            ("end_equal", Fidelity { end_equal: false, ..fidelity() }),
        ] {
            let mut want = all.clone();
            want[name] = false.into();
            assert_eq!(told(other, By::Capture), want, "{name}");
        }
        let silent = told(Fidelity { errors: Vec::new(), ..fidelity() }, By::Capture);
        assert_eq!((&silent["deliveries"], &silent["late_max_us"]), (&0.into(), &serde_json::Value::Null));
    }

    #[test]
    fn what_differs_shows_what_was_received_of_what_was_recorded() {
        let other =
            Fidelity { bytes: (5, 11), bytes_equal: false, units: (2, 3), boundaries_equal: false, ..fidelity() };
        let rows = |f: Fidelity| {
            let terminal = Terminal { width: 160, color: false };
            let text = render(&table(&[(f, By::Capture)]), &terminal);
            text.lines().last().unwrap_or_default().split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(rows(fidelity()), "7 11 equal 3 equal equal equal 50.0 µs 99.0 µs 100 µs");
        assert_eq!(rows(other), "7 5/11 DIFFER 2/3 DIFFER equal equal 50.0 µs 99.0 µs 100 µs");
    }

    #[test]
    fn one_difference_is_enough_to_fail() {
        let (fine, other) =
            (|| (fidelity(), By::Capture), || (Fidelity { end_equal: false, ..fidelity() }, By::Capture));
        assert_eq!(code(&[fine(), fine()]), 0);
        assert_eq!(code(&[fine(), other()]), 1);
        assert_eq!(code(&[other(), fine()]), 1);
    }

    #[test]
    fn the_note_says_how_times_were_measured() {
        let by = |all: Vec<By>| By::note(&all.into_iter().map(|by| (fidelity(), by)).collect::<Vec<_>>());
        assert!(by(vec![By::Capture]).ends_with("by a capture of the loopback device."));
        assert!(by(vec![By::Capture, By::Client("why".into())]).ends_with("(no capture: why)."));
    }
}
