//! `sniff show ID`.

use super::common::Common;
use super::output::{self, Output, unless_closed};
use super::sandbox::{Sandbox, SandboxArgs};
use crate::exchange::redact::{self, Masks, Redactor, stretches};
use crate::exchange::{Body, Exchange};
use crate::pipeline::{Contributions, StoredExchange};
use crate::report::bytes::Bodies;
use crate::report::picture::Drawn;
use crate::report::show::{self, Shown};
use crate::report::text::{Style, clean};
use crate::report::{Format, csv, json, jsonl};
use crate::store::{Content, Reader};
use crate::summary::detail::Detail;
use anyhow::{Result, bail};
use clap::Args;
use std::time::{Duration, Instant};

/// Show one exchange, chunk by chunk
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sniff show last
  sniff show 12 --reveal
  sniff show 12 --hex                  what was sent, byte for byte
  sniff show 12 --play                 the text at its recorded pace
  sniff show 12 --format json | jq .chunks
Formats: table, json, jsonl, csv (the timeline), markdown")]
pub(super) struct ShowArgs {
    /// Number of the exchange (see sniff list), or last
    #[arg(value_name = "ID")]
    id: String,
    /// Show secrets: authorization, cookies, keys
    #[arg(long)]
    reveal: bool,
    /// Long texts to their end, not their first lines only
    #[arg(long)]
    all: bool,
    /// Bodies as bytes, chunk by chunk
    #[arg(long, conflicts_with = "play")]
    hex: bool,
    /// Print the text at the pace at which it arrived
    #[arg(long)]
    play: bool,
    /// Factor of the pace, with --play
    #[arg(long, value_name = "X", default_value_t = 1.0, requires = "play")]
    speed: f64,
    #[command(flatten)]
    sandbox: SandboxArgs,
}

pub(super) fn run(args: &ShowArgs, common: &Common) -> Result<u8> {
    let format = common.format.as_deref().map_or(Ok(Format::Table), |f| Format::parse(f, Format::ALL))?;
    Sandbox::of_database(&args.sandbox, common).enter()?;
    let reader = Reader::open(&common.db)?;
    let id = reader.id(&args.id)?;
    let mut detail = reader.detail(id)?;
    let wanted = !(args.play && args.reveal) && reader.content(id)? == Content::Full;
    let stored = if wanted { Some(reader.exchange(id)?) } else { None };
    let mut bodies = Bodies::default();
    if let Some(x) = stored.as_ref().filter(|_| !args.play) {
        bodies = read_bodies(&mut x.clone(), args.reveal, &mut detail);
    }
    if let Some(x) = stored.as_ref().filter(|_| !args.reveal) {
        hide(x, &mut detail);
    }
    let added = match (format, stored) {
        (Format::Json | Format::Jsonl, _) if !args.play => Contributions::default(),
        (_, Some(x)) if !args.reveal => hidden_contributions(&x),
        _ => reader.contributions(id)?,
    };
    if args.hex && format != Format::Table {
        bail!("--hex prints tables only; export --format raw has the bytes");
    }
    let mut out = Output::open(common)?;
    if args.play {
        unless_closed(play(&detail, &added, args.speed, &mut out).and_then(|()| out.finish()))?;
        return Ok(0);
    }
    let written = match format {
        Format::Table => {
            let dump = args.hex.then_some(&bodies);
            let clocks = reader.clocks(id)?;
            let stalls = reader.stalls(&detail.summary, &clocks)?;
            let drawn = Drawn { clocks, stalls, ascii: !output::is_utf8() };
            let shown = Shown { zone: common.zone(format), all: args.all, dump, drawn: Some(&drawn) };
            out.text(&show::text(&detail, &added, &shown, &out.terminal))
        }
        Format::Json => json::document(&detail, out.writer()),
        Format::Jsonl => jsonl::line(&detail, out.writer()),
        Format::Csv => csv::table(&show::timeline(&detail, &added), out.writer()),
        Format::Markdown => out.text(&show::markdown(&detail, &added)),
    };
    unless_closed(written.and_then(|()| out.finish()))?;
    Ok(0)
}

/// The bytes of both bodies, without secrets unless they are to be revealed. The request's, decoded, goes into the
/// detail.
fn read_bodies(exchange: &mut Exchange, reveal: bool, detail: &mut Detail) -> Bodies {
    let own = |body: Option<&Body>| {
        let body = body.cloned().unwrap_or_default();
        let stretches = stretches(&body.pieces).into_iter();
        stretches.filter_map(|(at, range)| Some((at, body.bytes.get(range)?.to_vec()))).collect::<Vec<_>>()
    };
    let [request, response] = match reveal {
        true => [own(exchange.request.as_ref().map(|r| &r.body)), own(exchange.response.as_ref().map(|r| &r.body))],
        false => Masks::default()
            .exchange(exchange, &Redactor::default())
            .map(|side| side.into_iter().map(|s| (s.offset, s.bytes)).collect()),
    };
    if let Some(r) = &mut exchange.request {
        r.body.bytes = request.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect();
        detail.set_request_body(r.decoded().bytes);
    }
    Bodies { request, response }
}

/// What each record brings, without secrets: it is read again from the answer without them, because one that lies over
/// several records is in none of them.
pub(super) fn hidden_contributions(x: &Exchange) -> Contributions {
    StoredExchange::from(&redact::exchange(x)).contributions()
}

/// Replaces the secrets of this exchange, which the database may have been recorded with, in what is shown of it.
pub(super) fn hide(x: &Exchange, detail: &mut Detail) {
    let (mut masks, redactor) = (Masks::default(), Redactor::default());
    masks.exchange(&mut x.clone(), &redactor);
    detail.summary.hide(&masks, &redactor);
    show::redact(detail);
    detail.oddities.iter_mut().for_each(|o| masks.known().quote(&mut o.found));
    let (request, response) = (detail.summary.request.as_mut(), detail.summary.response.as_mut());
    let headers = [request.and_then(|r| r.headers.as_mut()), response.and_then(|r| r.headers.as_mut())];
    headers.into_iter().flatten().flatten().for_each(|h| masks.known().value(&mut h.value));
    for event in detail.records.iter_mut().filter_map(|r| r.event.as_mut()) {
        masks.known().text(event);
    }
}

/// Prints the text of each delta at its time. The wait before the first one is the time to first token.
fn play(detail: &Detail, added: &Contributions, speed: f64, out: &mut Output) -> Result<()> {
    let Some(first) = detail.records.first() else { bail!("exchange {} has no records to play", detail.summary.id) };
    if speed.is_nan() || speed <= 0.0 {
        bail!("--speed must be greater than 0");
    }
    let from = detail.summary.timing.t_request_end_ns.unwrap_or(first.t_ns);
    let began = Instant::now();
    for record in &detail.records {
        let (Some(delta), Some(words)) = (&record.delta, added.get(record.n)) else { continue };
        let at = Duration::from_nanos(((record.t_ns - from).max(0) as f64 / speed) as u64);
        std::thread::sleep(at.saturating_sub(began.elapsed()));
        // Line ends and tabs belong to the text; other control characters are escaped.
        let words = words.split_inclusive(['\n', '\t']).map(|w| {
            let end = if w.ends_with(['\n', '\t']) { w.len() - 1 } else { w.len() };
            format!("{}{}", clean(&w[..end]), &w[end..])
        });
        let style = if delta == "content" { Style::Plain } else { Style::Dim };
        out.text(&style.paint(&words.collect::<String>(), out.terminal.color))?;
        out.writer().flush()?;
    }
    out.text("\n")
}
