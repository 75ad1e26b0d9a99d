//! `sniff show ID`.

use super::Common;
use super::output::{Output, unless_closed};
use crate::report::show::{self, Rebuilt};
use crate::report::{Format, csv, json, jsonl};
use crate::store::Reader;
use anyhow::Result;
use clap::Args;

/// One exchange, chunk by chunk.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sniff show last
  sniff show 12 --reveal
  sniff show 12 --format json | jq .chunks
Formats: table, json, jsonl, csv (the timeline), markdown")]
pub(super) struct ShowArgs {
    /// Its number (see `sniff list`), the beginning of exactly one, or `last`
    #[arg(value_name = "ID")]
    id: String,
    /// Show secrets: authorization, cookies, keys
    #[arg(long)]
    reveal: bool,
}

pub(super) fn run(args: &ShowArgs, common: &Common) -> Result<u8> {
    let format = common.format.as_deref().map_or(Ok(Format::Table), |f| Format::parse(f, Format::ALL))?;
    let reader = Reader::open(&common.db)?;
    let id = reader.id(&args.id)?;
    let mut detail = reader.detail(id)?;
    let said = || -> Result<Rebuilt> { Ok(Rebuilt::new(&detail.summary, &reader.body(id, 0)?, &reader.body(id, 1)?)) };
    let said = if matches!(format, Format::Json | Format::Jsonl) { Rebuilt::default() } else { said()? };
    if !args.reveal {
        show::redact(&mut detail);
    }
    let mut out = Output::open(common)?;
    let written = match format {
        Format::Table => out.text(&show::text(&detail, &said, &out.look)),
        Format::Json => json::document(&detail, out.writer()),
        Format::Jsonl => jsonl::line(&detail, out.writer()),
        Format::Csv => csv::table(&show::timeline(&detail, &said), out.writer()),
        Format::Markdown => out.text(&show::markdown(&detail, &said)),
    };
    unless_closed(written.and_then(|()| out.finish()))?;
    Ok(0)
}
