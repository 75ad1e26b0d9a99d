//! `sniff check --clients` and `sniff report clients`: exchanges through the models of real clients.

use super::output::Output;
use crate::clients::{self, MAX_BODY, Stream, Unfit, Verdict};
use crate::exchange::Exchange;
use crate::report::clients::{Case, markdown_text, table, text};
use crate::report::{Format, csv, json, jsonl};
use crate::store::Reader;
use crate::summary::Summary;
use anyhow::Result;

/// What clients make of an exchange; none where that is no question: it is no stream, or nobody here speaks its dialect.
/// `answer`: the text that is known to be right, if it is known.
pub(super) fn judge(exchange: &Exchange, answer: Option<&str>) -> Option<Result<Vec<Verdict>, String>> {
    match Stream::of(exchange) {
        Ok(stream) => Some(clients::judge_against(&stream, answer)).filter(|all| !all.is_empty()).map(Ok),
        Err(Unfit::NotStreamed | Unfit::Foreign) => None,
        Err(unfit) => Some(Err(unfit.text())),
    }
}

/// The same with what the reports say of the exchange.
pub(super) fn case(file: Option<&str>, summary: &Summary, exchange: &Exchange, answer: Option<&str>) -> Option<Case> {
    judge(exchange, answer).map(|judged| Case::new(file, summary, judged))
}

/// The same for an exchange of a database, loaded for this alone unless it is too large.
pub(super) fn stored(file: Option<&str>, reader: &Reader, summary: &Summary, answer: Option<&str>) -> Result<Option<Case>> {
    match summary.response.as_ref().map_or(0, |r| r.wire_body_bytes) {
        n if n > MAX_BODY => Ok(Some(Case::new(file, summary, Err(Unfit::TooLarge(n).text())))),
        _ => Ok(case(file, summary, &reader.exchange(summary.id)?, answer)),
    }
}

/// In the format that was asked for.
pub(super) fn write(cases: &[Case], format: Format, out: &mut Output) -> Result<()> {
    match format {
        Format::Json => json::document(&cases, out.writer()),
        Format::Jsonl => cases.iter().try_for_each(|c| jsonl::line(c, out.writer())),
        Format::Csv => csv::table(&table(cases), out.writer()),
        Format::Markdown => out.text(&markdown_text(cases)),
        _ => out.text(&text(cases, &out.look)),
    }
}
