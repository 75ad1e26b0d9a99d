//! `sniff export`: writes exchanges in the formats of other tools.

use super::common::Common;
use super::output::{Output, unless_closed};
use super::sandbox::{Sandbox, SandboxArgs};
use super::selectors::SelectorArgs;
use crate::exchange::{Exchange, redact};
use crate::interchange::{curl, har, pcapng, records, trace, transcript, vcr, wiremock};
use crate::replay::Script;
use crate::report::show;
use crate::report::{csv, json, jsonl};
use crate::store::Reader;
use crate::wire;
use anyhow::{Result, anyhow, bail};
use clap::Args;

/// Export exchanges (HAR, pcapng, curl and more)
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sniff export last --format har -o last.har     for a browser's developer tools
  sniff export 12 --format wire                  as a fixture (captures/README.md)
  sniff export 12 --format pcapng | tshark -r -  as packets, whatever it was
  sniff export --session 3 --format wiremock -o mappings/llm.json
  sniff export --session 3 --format trace -o trace.json   for ui.perfetto.dev and speedscope
Formats: raw (the response body), har, jsonl (records), csv (the timeline), wire, pcapng, curl, vcr, wiremock,
trace (times, records and findings, without text)
Secrets are redacted unless --reveal is given.")]
pub(super) struct ExportArgs {
    /// Numbers of exchanges, or last [default: all that match the selectors]
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Include secrets: authorization, cookies, keys
    #[arg(long)]
    reveal: bool,
    /// Export incomplete exchanges too (wire, pcapng)
    #[arg(long)]
    allow_gaps: bool,
    #[command(flatten)]
    sandbox: SandboxArgs,
    #[command(flatten)]
    selectors: SelectorArgs,
}

/// Formats whose files contain one exchange.
const HOLDS_ONE: [&str; 3] = ["raw", "csv", "wire"];
/// Formats of requests and responses, which cannot represent a WebSocket's messages.
const NO_MESSAGES: [&str; 4] = ["raw", "curl", "vcr", "wiremock"];
const FORMATS: [&str; 10] = ["raw", "har", "jsonl", "csv", "wire", "pcapng", "curl", "vcr", "wiremock", "trace"];

pub(super) fn run(args: &ExportArgs, common: &Common) -> Result<u8> {
    let format = common.format.as_deref().unwrap_or("har").to_ascii_lowercase();
    if !FORMATS.contains(&format.as_str()) {
        bail!("unknown format {format:?}; expected one of {}", FORMATS.join(", "));
    }
    Sandbox::of_database(&args.sandbox, common).enter()?;
    let reader = Reader::open(&common.db)?;
    let ids = super::replay::selected(&reader, &args.ids, &args.selectors)?;
    match ids.len() {
        0 => bail!("no exchange is selected (sniff list shows what is recorded)"),
        n @ 2.. if HOLDS_ONE.contains(&format.as_str()) => {
            bail!("{format} holds one exchange, but {n} are selected; name one")
        }
        _ => {}
    }
    if format == "trace" {
        let mut out = Output::open(common)?;
        unless_closed(traced(&reader, &ids, args.reveal, &mut out).and_then(|()| out.finish()))?;
        return Ok(0);
    }
    let mut exchanges = super::replay::load(&reader, &ids)?;
    if NO_MESSAGES.contains(&format.as_str()) {
        without_sockets(&mut exchanges, args, common, &format)?;
    }
    if !args.reveal {
        exchanges = exchanges.iter().map(redact::exchange).collect();
    }
    let mut out = Output::private(common)?;
    let written = match format.as_str() {
        "har" => json::document(&har::archive(&exchanges), out.writer()),
        "wiremock" => json::document(&wiremock::mappings(&exchanges), out.writer()),
        "vcr" => out.text(&vcr::cassette(&exchanges)),
        "jsonl" => exchanges.iter().flat_map(records::lines).try_for_each(|l| jsonl::line(&l, out.writer())),
        "pcapng" => pcapng(args, &exchanges).and_then(|bytes| Ok(out.writer().write_all(&bytes)?)),
        "wire" => out.text(&wire::write(&conversation(args, one(&exchanges, &format)?)?)),
        "curl" => {
            let command = |x: &Exchange| {
                curl::command(x).map_err(|refused| match refused {
                    curl::Refused::NotCaptured => anyhow!("exchange {}: the request was not captured", x.id.0),
                    curl::Refused::OtherScheme => anyhow!(
                        "exchange {}: its target is neither http nor https, and curl might read files here for it; \
                        --format wire shows the request",
                        x.id.0
                    ),
                })
            };
            exchanges.iter().try_for_each(|x| out.text(&command(x)?))
        }
        "csv" => {
            let id = one(&exchanges, &format)?.id.0 as i64;
            let mut detail = reader.detail(id)?;
            let added = if args.reveal {
                reader.contributions(id)?
            } else {
                let stored = reader.exchange(id)?;
                super::show::hide(&stored, &mut detail);
                super::show::hidden_contributions(&stored)
            };
            csv::table(&show::timeline(&detail, &added), out.writer())
        }
        _ => {
            let response = one(&exchanges, &format)?.response.as_ref();
            let body = response.map(|r| &r.body).ok_or_else(|| anyhow!("the response was not captured"))?;
            Ok(out.writer().write_all(&body.bytes)?)
        }
    };
    unless_closed(written.and_then(|()| out.finish()))?;
    Ok(0)
}

/// Writes trace events. They need no body, so that what was recorded without content has them too; only one exchange is
/// in memory at a time.
fn traced(reader: &Reader, ids: &[i64], reveal: bool, out: &mut Output) -> Result<()> {
    let mut tracks = trace::Tracks::default();
    let mut begun = Vec::with_capacity(ids.len());
    for &id in ids {
        begun.push((reader.summary(id)?.begun_ns(), id));
    }
    begun.sort_unstable();
    for (_, id) in &begun {
        let mut summary = reader.summary(*id)?;
        if !reveal {
            reader.hide(&mut summary)?;
        }
        tracks.add(&summary);
    }
    let mut events = json::Members::default();
    for name in tracks.names() {
        events.element("traceEvents", name, out.writer())?;
    }
    for (_, id) in begun {
        let (mut detail, clocks) = (reader.detail(id)?, reader.clocks(id)?);
        let stalls = reader.stalls(&detail.summary, &clocks)?;
        if !reveal {
            reader.hide(&mut detail.summary)?;
        }
        for event in tracks.events(&trace::Told { detail, clocks, stalls }) {
            events.element("traceEvents", &event, out.writer())?;
        }
    }
    events.end("traceEvents", &tracks.about(), out.writer())
}

/// Removes WebSockets, which these formats cannot represent.
///
/// # Errors
/// The command named one, or no other exchange is left.
fn without_sockets(exchanges: &mut Vec<Exchange>, args: &ExportArgs, common: &Common, format: &str) -> Result<()> {
    const CAN: &str = "har, jsonl and csv contain its messages";
    let mut left_out = Vec::new();
    exchanges.retain(|x| {
        left_out.extend(x.websocket.is_some().then_some(x.id.0));
        x.websocket.is_none()
    });
    match left_out.first() {
        Some(id) if !args.ids.is_empty() || exchanges.is_empty() => {
            bail!("exchange {id} is a WebSocket, and {format} cannot represent its messages; {CAN}")
        }
        Some(_) if !common.quiet => {
            for id in left_out {
                super::common::say(&format!("sniff: left out exchange {id}: it is a WebSocket; {CAN}"));
            }
        }
        _ => {}
    }
    Ok(())
}

fn one<'e>(exchanges: &'e [Exchange], format: &str) -> Result<&'e Exchange> {
    match exchanges {
        [one] => Ok(one),
        all => bail!("{format} holds one exchange, but {} are selected; name one", all.len()),
    }
}

fn conversation(args: &ExportArgs, exchange: &Exchange) -> Result<wire::Transcript> {
    let script = Script::new(exchange, args.allow_gaps).map_err(|why| anyhow!("exchange {}: {why}", exchange.id.0))?;
    Ok(transcript::of(exchange, &script))
}

fn pcapng(args: &ExportArgs, exchanges: &[Exchange]) -> Result<Vec<u8>> {
    let mut all: Vec<_> = exchanges.iter().map(|x| Ok((x.endpoints, conversation(args, x)?))).collect::<Result<_>>()?;
    // Each exchange becomes its own connection, with its own client port.
    pcapng::own_ports(&mut all);
    Ok(pcapng::file(all.iter().map(|(endpoints, transcript)| (*endpoints, transcript))))
}
