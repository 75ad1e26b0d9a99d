//! `sniff diff UP DOWN`: two taps of the same streams, as files, or as exchanges of the database.

use super::check::is_database;
use super::common::{Common, say};
use super::input::{self, Input};
use super::keylog::Follow;
use super::late_secrets::LateSecrets;
use super::limits::MemoryArgs;
use super::output::{Output, unless_closed};
use super::report::compare::selector;
use super::sandbox::{Sandbox, SandboxArgs};
use super::signals;
use crate::analyzer::{self, Analyzer};
use crate::capture::{Item, file};
use crate::clients::{MAX_BODY, MAX_PIECES};
use crate::exchange::Exchange;
use crate::pipeline::StoredExchange;
use crate::report::diff::{Pair, Report};
use crate::report::{Format, reports};
use crate::store::{Content, Reader, Selector};
use crate::summary::taps::{Tap, pairs};
use crate::tls::Keys;
use anyhow::{Result, bail};
use clap::Args;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// Compare two taps of the same streams
///
/// UP is nearer to the model, DOWN nearer to the client: both sides of a gateway. With one argument both are in it: a
/// capture of both sides, or what the proxy recorded.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sniff diff backend.pcap client.pcap        captures of both sides
  sniff diff gateway.pcap                    one capture that has both sides
  sniff diff 'host=10.0.0.5:8000' 'host=10.0.0.9:80'   in the database
  sniff diff 12 13                           two exchanges of it
  sniff diff 7                               the proxy's two hops
Formats: table, json, jsonl, csv, markdown")]
pub(super) struct DiffArgs {
    /// Capture, transcript, database, selectors as session=1, or an exchange's id
    #[arg(value_name = "UP")]
    up: String,
    /// The same, behind the hop
    #[arg(value_name = "DOWN")]
    down: Option<String>,
    /// TLS key log (NSS format)
    #[arg(long, value_name = "FILE", env = "SSLKEYLOGFILE")]
    keylog: Option<PathBuf>,
    #[command(flatten)]
    sandbox: SandboxArgs,
    #[command(flatten)]
    memory: MemoryArgs,
}

/// Exchanges that are loaded at most: all are held in memory.
const MOST: usize = 2000;

/// Where a tap is.
enum Place {
    Capture(String),
    Database(PathBuf, Box<Selector>),
    Exchange(String),
}

impl Place {
    fn of(text: &str, common: &Common) -> Result<Place> {
        if Path::new(text).is_file() || text == "-" {
            return Ok(match is_database(text) {
                true => Place::Database(text.into(), Box::default()),
                false => Place::Capture(text.into()),
            });
        }
        if text.bytes().all(|b| b.is_ascii_digit()) || text == "last" {
            return Ok(Place::Exchange(text.into()));
        }
        if !text.contains('=') {
            bail!("{text} is neither a file, nor an exchange's id, nor selectors such as session=1");
        }
        let (selector, db) = selector(text)?;
        Ok(Place::Database(db.unwrap_or_else(|| common.db.clone()), Box::new(selector)))
    }
}

pub(super) fn run(args: &DiffArgs, common: &Common) -> Result<u8> {
    let format = common.format.as_deref().map_or(Ok(Format::Table), |f| Format::parse(f, Format::ALL))?;
    let up = Place::of(&args.up, common)?;
    let down = args.down.as_deref().map(|text| Place::of(text, common)).transpose()?;
    let mut sandbox = Sandbox::of_database(&args.sandbox, common);
    for place in [Some(&up), down.as_ref()].into_iter().flatten() {
        sandbox = match place {
            Place::Capture(path) => sandbox.reads(path.into()),
            Place::Database(path, _) => sandbox.writes_beside(path),
            Place::Exchange(_) => sandbox,
        };
    }
    args.keylog.iter().fold(sandbox, |sandbox, path| sandbox.reads_beside(path)).enter()?;
    let report = match down {
        Some(down) => of_two(&taps(&up, args, common)?, &taps(&down, args, common)?),
        None => match &up {
            Place::Capture(_) => of_one(&taps(&up, args, common)?),
            _ => of_recording(&up, common)?,
        },
    };
    if report.pairs.is_empty() {
        bail!("no stream is at both taps: their requests and answers have nothing in common");
    }
    let mut out = Output::open(common)?;
    let terminal = out.terminal;
    unless_closed(reports::write(&report, format, &terminal, out.writer()).and_then(|()| out.finish()))?;
    Ok(0)
}

fn of_two(up: &[Tap], down: &[Tap]) -> Report {
    let found = pairs(up, down);
    let only = |taps: &[Tap], paired: &dyn Fn(usize) -> bool| {
        taps.iter().enumerate().filter(|(n, _)| !paired(*n)).map(|(_, tap)| tap.id).collect()
    };
    Report {
        pairs: found.iter().map(|(u, d)| Pair::new(&up[*u], &down[*d])).collect(),
        only_up: only(up, &|n| found.iter().any(|(u, _)| *u == n)),
        only_down: only(down, &|n| found.iter().any(|(_, d)| *d == n)),
    }
}

/// Both sides are among the same exchanges.
fn of_one(taps: &[Tap]) -> Report {
    let mut report = Report::default();
    for down in taps {
        // The nearest hop is the one that was asked first.
        let up = taps.iter().filter(|up| up.id != down.id && down.is_behind(up));
        if let Some(up) = up.min_by_key(|up| up.metrics.request_start) {
            report.pairs.push(Pair::new(up, down));
        }
    }
    report
}

/// The two hops of each exchange of the proxy; where there are none, both sides among the exchanges.
fn of_recording(place: &Place, common: &Common) -> Result<Report> {
    let (reader, ids) = ids(place, common)?;
    let mut report = Report::default();
    let mut all = Vec::new();
    for id in ids {
        let Some(tap) = stored(&reader, id)? else { continue };
        let frames = tap.records.iter().map(|r| r.frame);
        let (first, last) = (frames.clone().min().unwrap_or(0), frames.max().unwrap_or(0));
        if let Some(behind) = tap.behind_the_proxy(&reader.hops(id, first, last)?).filter(|b| !b.records.is_empty()) {
            report.pairs.push(Pair::new(&tap, &behind));
        }
        all.push(tap);
    }
    if report.pairs.is_empty() {
        report = of_one(&all);
    }
    Ok(report)
}

fn ids(place: &Place, common: &Common) -> Result<(Reader, Vec<i64>)> {
    let (path, selector) = match place {
        Place::Database(path, selector) => (path.as_path(), Some(selector)),
        Place::Exchange(_) | Place::Capture(_) => (common.db.as_path(), None),
    };
    let reader = Reader::open(path)?;
    let mut ids = Vec::new();
    match (place, selector) {
        (Place::Exchange(text), _) => ids.push(reader.id(text)?),
        (_, Some(selector)) => reader.each(selector, &mut |s| {
            ids.push(s.id);
            Ok(())
        })?,
        _ => {}
    }
    if ids.len() > MOST {
        bail!("{} exchanges are selected, and at most {MOST} are compared; select fewer", ids.len());
    }
    Ok((reader, ids))
}

fn stored(reader: &Reader, id: i64) -> Result<Option<Tap>> {
    if reader.content(id)? != Content::Full {
        return Ok(None);
    }
    Ok(tap(id, &reader.exchange(id)?))
}

fn tap(id: i64, exchange: &Exchange) -> Option<Tap> {
    let added = StoredExchange::from(exchange).contributions();
    Tap::new(id, exchange, &added).filter(|tap| !tap.records.is_empty())
}

fn taps(place: &Place, args: &DiffArgs, common: &Common) -> Result<Vec<Tap>> {
    let Place::Capture(path) = place else {
        let (reader, ids) = ids(place, common)?;
        let all = ids.into_iter().map(|id| stored(&reader, id)).collect::<Result<Vec<_>>>()?;
        return Ok(all.into_iter().flatten().collect());
    };
    let stop = signals::stop_flag();
    let mut reader = file::Reader::open(path)?;
    reader.stop_when(stop.clone());
    let keys = Keys::default();
    Follow::start(args.keylog.as_deref(), &keys)?.finish()?;
    let mut analyzer = Analyzer::new(analyzer::Options {
        budget: args.memory.budget(),
        keys: keys.clone(),
        part_bytes: MAX_BODY as usize,
        part_items: MAX_PIECES,
        ..analyzer::Options::default()
    });
    let mut taps = Vec::new();
    let mut sink = |output| {
        if let analyzer::Output::Exchange(f) = output
            && taps.len() < MOST
        {
            taps.extend(tap(f.exchange.id.0 as i64, &f.exchange));
        }
    };
    match Input::of(reader, path)? {
        Input::Transcript(transcript) => {
            keys.finish();
            input::replay(&transcript, &mut analyzer, &mut sink);
        }
        Input::Capture(mut reader) => {
            let mut secrets = LateSecrets::new(path, &keys, &stop);
            while !stop.load(Ordering::Relaxed) {
                match reader.next()? {
                    None => break,
                    Some(Item::Packet(packet)) => {
                        analyzer.packet(&packet, &mut sink);
                        secrets.after_packet(&reader);
                    }
                    Some(Item::Secrets(lines)) => keys.push_block(lines),
                    Some(Item::Notice(text)) if common.quiet => drop(text),
                    Some(Item::Notice(text)) => say(&format!("sniff: warning: {}", crate::report::text::clean(&text))),
                }
            }
        }
    }
    analyzer.finish(&mut sink);
    taps.sort_by_key(|tap: &Tap| (tap.metrics.request_start, tap.id));
    Ok(taps)
}
