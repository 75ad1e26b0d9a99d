//! The samples of rules: from their scripts (`words.txt` documents the language) to transcripts, exchanges, findings.

mod script;
#[cfg(test)]
mod tests;

pub use script::SampleError;

use super::hop::Side;
use super::policy::Policy;
use super::{Finding, Limits, Rule, judge_with};
use crate::conn::ConnId;
use crate::exchange::Exchange;
use crate::wire::{self, Transcript};
use crate::{metrics, pipeline};

/// The line between two connections of one sample.
const NEXT: &str = "!next";

/// All findings on a sample.
pub fn findings(sample: &str) -> Result<Vec<Finding>, SampleError> {
    let exchanges = exchanges(sample)?;
    let sides: Vec<Side> = exchanges.iter().filter_map(|e| Side::new(e, &metrics::of(e))).collect();
    let judged = |e: &Exchange| {
        let metrics = metrics::of(e);
        let downstream = Side::new(e, &metrics);
        let upstream = downstream.and_then(|downstream| sides.iter().find(|side| downstream.has_inside(side)));
        judge_with(e, &metrics, &Limits::default(), &Policy::default(), upstream)
    };
    Ok(exchanges.iter().flat_map(judged).collect())
}

/// The first finding of this rule on a sample; `None` if it is not a transcript, or conforms.
pub fn finding(rule: &Rule, sample: &str) -> Option<Finding> {
    findings(sample).ok()?.into_iter().find(|f| f.rule == rule.code)
}

/// The `.wire` text of a sample.
pub fn text(sample: &str) -> Result<String, SampleError> {
    Ok(script::lines(sample)?.into_iter().map(|(_, line)| line + "\n").collect())
}

/// The transcripts of a sample, one for each connection.
pub fn transcripts(sample: &str) -> Result<Vec<Transcript>, SampleError> {
    let lines = script::lines(sample)?;
    let part = |lines: &[script::Line]| {
        let text: String = lines.iter().flat_map(|(_, line)| [line, "\n"]).collect();
        wire::parse(&text).map_err(|e| {
            let line = lines.get(e.line.saturating_sub(1)).map_or(1, |(line, _)| *line);
            SampleError { line, what: format!("{}; write {}", e.what, e.instead) }
        })
    };
    lines.split(|(_, line)| line == NEXT).map(part).collect()
}

/// The exchanges of a sample. The server of one connection is the client of the next connection.
pub fn exchanges(sample: &str) -> Result<Vec<Exchange>, SampleError> {
    let transcripts = transcripts(sample)?;
    let mut all: Vec<Exchange> = Vec::new();
    for (n, transcript) in transcripts.iter().enumerate() {
        let mut exchanges = pipeline::exchanges_of(|sink| transcript.replay(ConnId(n as u32), sink));
        for exchange in &mut exchanges {
            let server = exchange.endpoints.server;
            exchange.endpoints.server.set_port(server.port().saturating_add(n as u16));
            if n > 0 {
                exchange.endpoints.client.set_ip(server.ip());
            }
        }
        all.append(&mut exchanges);
    }
    Ok(all)
}
