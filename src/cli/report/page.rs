//! `sniff report html`: the page of the selected exchanges, and `--format html` of the reports that are parts of it.

use super::ReportArgs;
use crate::cli::common::Common;
use crate::cli::output::{Output, unless_closed};
use crate::cli::progress::Progress;
use crate::cli::sandbox::Sandbox;
use crate::cli::show;
use crate::encoding::to_base64;
use crate::exchange::redact;
use crate::pipeline::StoredExchange;
use crate::report::page::{self, Facts, Page, Text, View};
use crate::store::{Content, Reader};
use crate::summary::Summary;
use anyhow::{Result, bail};

/// Its name on the command line.
pub(super) const NAME: &str = "html";
/// One line of help.
pub(super) const ABOUT: &str = "One page for a browser: figures, lanes, each exchange on its axis of time";

/// The part of the page that is the report of this name.
pub(super) fn view(report: &str) -> Option<View> {
    match report {
        "latency" => Some(View::Latency),
        "compliance" => Some(View::Findings),
        _ => None,
    }
}

pub(super) fn run(args: &ReportArgs, common: &Common, view: View) -> Result<u8> {
    if args.like.is_some() {
        bail!("the page has our own figures; --like prints a table, json, jsonl, csv or markdown");
    }
    let judge = args.policy.judge()?;
    Sandbox::of_database(&args.sandbox, common).enter()?;
    let reader = Reader::open(&common.db)?;
    let mut out = if args.with_text > 0 { Output::private(common)? } else { Output::open(common)? };
    let mut page = Page::new(&args.options());
    let mut progress = Progress::new(common);
    reader.each(&args.selectors.selector(), &mut |mut s| {
        progress.step();
        judge.relevel(&mut s);
        reader.hide(&mut s)?;
        let clocks = reader.clocks(s.id)?;
        let facts = Facts {
            stalls: reader.stalls(&s, &clocks)?,
            records: reader.records(s.id)?,
            pieces: reader.pieces(s.id)?,
            ending: reader.ending(s.id)?,
            clocks,
        };
        let text = text(&reader, &s, args.with_text)?;
        page.add(&s, &facts, text)
    })?;
    drop(progress);
    let reached = args.fail_on.level().is_some_and(|level| page.reaches(level));
    let sessions = reader.sessions(&crate::store::Selector::default())?;
    let made = page.make(sessions, view, args.with_text)?;
    unless_closed(page::write(&made, out.writer()).and_then(|()| out.finish()))?;
    Ok(u8::from(reached))
}

/// Heads, and the beginnings of both bodies, all without secrets.
fn text(reader: &Reader, s: &Summary, most: u64) -> Result<Option<Text>> {
    if most == 0 || reader.content(s.id)? != Content::Full {
        return Ok(None);
    }
    let (mut detail, stored) = (reader.detail(s.id)?, reader.exchange(s.id)?);
    show::hide(&stored, &mut detail);
    let x = redact::exchange(&stored);
    let added = StoredExchange::from(&x).contributions();
    let request = x.request.as_ref().map(|r| r.decoded()).unwrap_or_default();
    let response = x.response.as_ref().map(|r| r.decoded()).unwrap_or_default();
    let end = usize::try_from(most).unwrap_or(usize::MAX).min(request.bytes.len());
    // Offsets of records are those of the body up to its first missing bytes; a WebSocket's are in its messages.
    let known = most.min(response.bytes.len() as u64);
    let body = if x.websocket.is_some() { &[][..] } else { response.at(0, known) };
    let whole = detail.records.iter().filter(|r| r.end <= most);
    let said = whole.filter_map(|r| Some((r.n, added.get(r.n)?.to_owned())));
    Ok(Some(Text {
        exchange: 0,
        request: String::from_utf8_lossy(&request.bytes[..end]).into_owned(),
        body: to_base64(body),
        said: said.collect(),
        request_head: detail.summary.request.and_then(|r| r.headers).unwrap_or_default(),
        response_head: detail.summary.response.and_then(|r| r.headers).unwrap_or_default(),
    }))
}
