//! What a probe found: each request with its exchange in the recording, judged by the rules and by the checks of the
//! probe.

use super::asking::{Done, Seen, Sent};
use super::client::Lost;
use crate::cli::policy::Judge;
use crate::conformance::policy::Subject;
use crate::conformance::probe::{self as checks, End};
use crate::conformance::rules::delivery::DLV_010;
use crate::dialect::asking::{Api, Ask};
use crate::report::clients;
use crate::report::probe::{Asked, Probe};
use crate::store::select::SessionIs;
use crate::store::{Reader, Selector};
use crate::summary::{FindingSummary, Summary};
use anyhow::Result;
use serde_json::Value;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::path::Path;

/// What a probe found.
pub(super) struct Found {
    pub(super) probe: Probe,
    /// The exchanges of requests that were tested, with the findings of the probe, and the requests' names.
    pub(super) exchanges: Vec<(&'static str, Summary)>,
    /// One of the requests that are in order was answered with success.
    pub(super) answered: bool,
}

/// What results are made from.
pub(super) struct About<'a> {
    pub(super) db: &'a Path,
    pub(super) session: i64,
    pub(super) api: &'static Api,
    pub(super) url: String,
    /// How long the client waited, in seconds.
    pub(super) patience: u64,
    /// The recording is kept, so that ids mean something.
    pub(super) kept: bool,
    pub(super) judge: &'a Judge,
}

/// Reads the recording, and judges.
///
/// # Errors
/// The recording cannot be read.
pub(super) fn found(about: &About<'_>, done: Done) -> Result<Found> {
    let reader = Reader::open(about.db)?;
    let selector = Selector { session: Some(SessionIs::Number(about.session)), ..Selector::default() };
    let mut recorded: HashMap<u16, Vec<Summary>> = HashMap::new();
    reader.each(&selector, &mut |mut s| {
        reader.hide(&mut s)?;
        recorded.entry(s.client_port).or_default().push(s);
        Ok(())
    })?;
    recorded.values_mut().for_each(|all| all.sort_by_key(|s| s.timing.t_request_start_ns));
    let mut out = (Vec::new(), Vec::new(), Vec::new());
    let mut answered = false;
    for sent in &done.sent {
        let summary = sent.at.and_then(|(port, n)| recorded.get(&port)?.get(n).cloned());
        let mut summary = summary.unwrap_or_default();
        let name = sent.ask.text().0;
        let (tested, note) = tested(sent, &summary);
        judge(about, sent, &mut summary);
        if !tested {
            summary.findings.clear();
        }
        let status = summary.response.as_ref().and_then(|r| r.status);
        answered |= sent.ask.is_good() && status.is_some_and(|s| (200..300).contains(&s));
        // A refusal is raised by every client, as it should be.
        let good = status.is_some_and(|s| (200..300).contains(&s));
        if tested && good && sent.ask.streams() && sent.ask != Ask::Cancel {
            out.2.extend(clients::stored(None, &reader, &summary, None)?.map(|case| (name, case)));
        }
        out.0.push(Asked {
            name,
            what: sent.ask.text().1,
            tested,
            note,
            status,
            verdict: summary.verdict.clone(),
            ttft_ms: summary.timing.ttft.map(|t| t.as_millis_f64()),
            exchange: Some(summary.id).filter(|id| about.kept && *id != 0),
            findings: summary.findings.clone(),
            zero_ns: summary.timing.t_request_end_ns,
        });
        if tested {
            out.1.push((name, summary));
        }
    }
    let probe = Probe::new(about.url.clone(), about.api.name, done.model, out.0, &out.2);
    Ok(Found { probe, exchanges: out.1, answered })
}

const OVER: &str = "the answer was over before the client closed";

/// Whether the answer says something about what was asked, and what is to be known about it.
fn tested(sent: &Sent, s: &Summary) -> (bool, Option<String>) {
    match &sent.seen {
        Seen::NotSent(why) => (false, Some((*why).to_owned())),
        Seen::Over => (false, Some(OVER.into())),
        Seen::Closed if s.verdict.as_deref() == Some("complete") => (false, Some(OVER.into())),
        Seen::Closed => (true, None),
        Seen::Lost(Lost::Silent) => (true, Some("no answer in time".into())),
        Seen::Lost(Lost::Dropped) => (true, Some("no answer".into())),
        Seen::Answer { status, message, gave_up, .. } => {
            let said = message.as_ref().map(|m| format!(": {m}")).unwrap_or_default();
            match status {
                // The endpoint is busy, or does not have what was asked for: both are its right.
                429 | 503 => (false, Some(format!("the endpoint is busy{said}"))),
                400..=499 if sent.ask.is_good() => (true, Some(format!("refused{said}"))),
                500..=599 => (true, message.clone()),
                _ if *gave_up && s.response.is_some() => {
                    (true, Some("the client gave up: nothing came any more".into()))
                }
                _ => (true, None),
            }
        }
    }
}

/// Adds the findings of the checks, and applies the policy.
fn judge(about: &About<'_>, sent: &Sent, s: &mut Summary) {
    let end = match &sent.seen {
        Seen::NotSent(_) => return,
        Seen::Lost(Lost::Silent) => End::Silent(about.patience),
        Seen::Lost(Lost::Dropped) => End::Dropped,
        Seen::Answer { .. } | Seen::Over | Seen::Closed => End::Answered,
    };
    let response = s.response.as_ref();
    let tokens = response.and_then(|r| r.usage.as_ref()).and_then(|usage| usage.get(about.api.tokens));
    let seen = checks::Seen {
        ask: sent.ask,
        end,
        status: response.and_then(|r| r.status),
        coding: response.and_then(|r| r.content_encoding.as_deref()),
        text: response.and_then(|r| r.text.as_deref()).unwrap_or_default(),
        calls: response.is_some_and(|r| r.tool_deltas > 0 || r.tool_arguments.as_ref().is_some_and(|a| !a.is_empty())),
        tokens: tokens.and_then(Value::as_u64),
        limit: about.api.least,
        closed_before: sent.closed_before,
    };
    let subject = Subject {
        dialect: response.and_then(|r| r.dialect.as_deref()),
        host: &s.host(),
        path: s.request.as_ref().map_or("", |r| r.path.as_str()),
        model: s.request.as_ref().and_then(|r| r.model.as_deref()).unwrap_or_default(),
    };
    let found: Vec<FindingSummary> = checks::judge(&seen)
        .iter()
        .map(FindingSummary::new)
        .filter_map(|f| {
            let level = about.judge.policy.level(&subject, &f.rule, f.level, &f.message)?;
            Some(FindingSummary { level, ..f })
        })
        .collect();
    if sent.ask == Ask::Cancel {
        // That the client left is what was asked.
        s.findings.retain(|f| f.rule != DLV_010.code);
    }
    s.findings.extend(found);
    s.findings.sort_by_key(|f| Reverse(f.level));
}
