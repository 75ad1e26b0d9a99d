//! The exchanges of the page column by column, with the texts that they name.

use crate::conformance::{Level, by_code};
use crate::delivery::{Cause, Stall};
use crate::exchange::ending::Ending;
use crate::exchange::{PieceInfo, RecordInfo};
use crate::metrics::clocks::Clocks;
use crate::report::groups::{By, Key, NONE, has_failed, is_streamed};
use crate::report::latency::objective;
use crate::report::reports::Options;
use crate::summary::{Header, Summary};
use crate::time::{Span, Timestamp};
use serde::Serialize;
use std::collections::HashMap;

/// What the page reads of an exchange beyond its summary.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Its clocks.
    pub clocks: Clocks,
    /// Its pauses.
    pub stalls: Vec<Stall>,
    /// Its records.
    pub records: Vec<RecordInfo>,
    /// The deliveries of its body.
    pub pieces: Vec<PieceInfo>,
    /// How it ended.
    pub ending: Option<Ending>,
}

/// Text of one exchange, without secrets: at most as many bytes of each body as `--with-text` says.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Text {
    /// Position of the exchange in the columns.
    pub exchange: usize,
    /// Fields of the request's head.
    pub request_head: Vec<Header>,
    /// Fields of the response's head.
    pub response_head: Vec<Header>,
    /// The beginning of the request's body, decoded; U+FFFD replaces what is no UTF-8.
    pub request: String,
    /// The beginning of the response's body, decoded, in base64.
    pub body: String,
    /// What records added to the answer: number of the record, and the words.
    pub said: Vec<(u64, String)>,
}

/// Texts that columns name by their position in a list.
#[derive(Debug, Default, Serialize)]
pub struct Names {
    /// Values of `exchanges.host`.
    pub host: List,
    /// Values of `exchanges.server`.
    pub server: List,
    /// Values of `exchanges.model`.
    pub model: List,
    /// Values of `exchanges.dialect`.
    pub dialect: List,
    /// Values of `exchanges.path`, without their queries.
    pub path: List,
    /// Values of `exchanges.client`.
    pub client: List,
    /// Values of `exchanges.method`.
    pub method: List,
    /// Values of `exchanges.verdict`.
    pub verdict: List,
    /// Values of `exchanges.finish_reason`.
    pub finish_reason: List,
    /// Values of `exchanges.version`.
    pub version: List,
    /// Values of `exchanges.told`: the signals that end answers.
    pub told: List,
    /// Values of `exchanges.by`: who ended it.
    pub by: List,
    /// Values of `findings.rule`: codes.
    pub rule: List,
    /// Values of `findings.message`.
    pub message: List,
}

/// Texts without repetition, in the order of their first use.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub struct List {
    all: Vec<String>,
    #[serde(skip)]
    known: HashMap<String, i32>,
}

impl List {
    /// The position of a text; -1 for none.
    fn of(&mut self, text: Option<&str>) -> i32 {
        let Some(text) = text else { return -1 };
        if let Some(known) = self.known.get(text) {
            return *known;
        }
        let n = self.all.len() as i32;
        self.known.insert(text.to_owned(), n);
        self.all.push(text.to_owned());
        n
    }
}

/// One list per fact. The names of figures are those of `list --format json`, in nanoseconds and without `_ms`.
#[derive(Debug, Default, Serialize)]
#[allow(missing_docs)] // docs/page.md names each
pub struct Columns {
    pub id: Vec<i64>,
    pub session: Vec<i64>,
    pub stream: Vec<u32>,
    pub h2_stream: Vec<Option<u32>>,
    pub host: Vec<i32>,
    pub server: Vec<i32>,
    pub model: Vec<i32>,
    pub dialect: Vec<i32>,
    pub path: Vec<i32>,
    pub client: Vec<i32>,
    pub method: Vec<i32>,
    pub version: Vec<i32>,
    pub status: Vec<Option<u16>>,
    pub verdict: Vec<i32>,
    pub finish_reason: Vec<i32>,
    pub told: Vec<i32>,
    pub by: Vec<i32>,
    pub tls: Vec<u8>,
    pub streamed: Vec<u8>,
    pub failed: Vec<u8>,
    /// Whether it is whole and meets every objective; 0 without `--slo`.
    pub good: Vec<u8>,
    pub begin: Vec<i64>,
    pub request_end: Vec<Option<i64>>,
    pub head: Vec<Option<i64>>,
    pub first_delta: Vec<Option<i64>>,
    pub last_delta: Vec<Option<i64>>,
    pub finish: Vec<Option<i64>>,
    pub terminator: Vec<Option<i64>>,
    pub end: Vec<Option<i64>>,
    pub ended_at: Vec<Option<i64>>,
    pub client_fin: Vec<Option<i64>>,
    pub client_rst: Vec<Option<i64>>,
    pub server_fin: Vec<Option<i64>>,
    pub server_rst: Vec<Option<i64>>,
    pub ttfb: Vec<Option<i64>>,
    pub ttft: Vec<Option<i64>>,
    pub ttft_content: Vec<Option<i64>>,
    pub tpot: Vec<Option<i64>>,
    pub tail: Vec<Option<i64>>,
    pub duration: Vec<Option<i64>>,
    pub output_tokens: Vec<Option<u64>>,
    pub bytes: Vec<u64>,
    pub records: Vec<usize>,
    pub deliveries: Vec<usize>,
}

impl Columns {
    pub(super) fn add(&mut self, s: &Summary, facts: &Facts, zero: Timestamp, names: &mut Names, options: &Options) {
        let (request, response, t) = (s.request.as_ref(), s.response.as_ref(), &s.timing);
        let key = Key::of(s, &By::ALL);
        let at = |time: Option<Timestamp>| time.map(|time| time.since(zero).0);
        let ns = |span: Option<Span>| span.map(|span| span.0);
        let (streamed, failed) = (is_streamed(s), has_failed(s));
        self.id.push(s.id);
        self.session.push(s.session);
        self.stream.push(s.stream);
        self.h2_stream.push(s.h2_stream);
        self.host.push(names.host.of(key.host.as_deref()));
        self.server.push(names.server.of(key.server.as_deref()));
        self.model.push(names.model.of(key.model.as_deref()));
        self.dialect.push(names.dialect.of(key.dialect.as_deref()));
        self.path.push(names.path.of(key.path.as_deref()));
        self.client.push(names.client.of(key.client.as_deref()));
        self.method.push(names.method.of(request.map(|r| r.method.as_str())));
        self.version.push(names.version.of(s.http_version.as_deref()));
        self.status.push(key.status);
        self.verdict.push(names.verdict.of(Some(s.verdict.as_deref().unwrap_or(NONE))));
        self.finish_reason.push(names.finish_reason.of(response.and_then(|r| r.finish_reason.as_deref())));
        let ending = facts.ending.as_ref();
        self.told.push(names.told.of(ending.and_then(|e| e.told).map(|told| told.as_str())));
        self.by.push(names.by.of(ending.map(|e| e.by.as_str())));
        self.tls.push(u8::from(s.tls));
        self.streamed.push(u8::from(streamed));
        self.failed.push(u8::from(failed));
        let met = options.slo.as_ref().is_some_and(|slo| slo.is_met(|name| objective(t, name)));
        self.good.push(u8::from(s.verdict.as_deref() == Some("complete") && !failed && met));
        let begin = s.begun_ns().or(t.t_request_end_ns).unwrap_or_default();
        self.begin.push(Timestamp(begin).since(zero).0);
        let c = &facts.clocks;
        self.request_end.push(at(c.request_end));
        self.head.push(at(c.head_start));
        self.first_delta.push(at(c.first_delta));
        self.last_delta.push(at(c.last_delta));
        self.finish.push(at(c.finish));
        self.terminator.push(at(c.terminator));
        self.end.push(at(c.end));
        self.ended_at.push(at(ending.map(|e| e.at)));
        self.client_fin.push(at(ending.and_then(|e| e.client.fin)));
        self.client_rst.push(at(ending.and_then(|e| e.client.rst)));
        self.server_fin.push(at(ending.and_then(|e| e.server.fin)));
        self.server_rst.push(at(ending.and_then(|e| e.server.rst)));
        self.ttfb.push(ns(t.ttfb));
        // What was not streamed has a TTFT, which is not comparable with those of streams.
        self.ttft.push(ns(t.ttft.filter(|_| streamed)));
        self.ttft_content.push(ns(t.ttft_content.filter(|_| streamed)));
        self.tpot.push(ns(t.tpot));
        self.tail.push(ns(c.tail().filter(|_| streamed)));
        self.duration.push(ns(t.duration));
        self.output_tokens.push(c.output_tokens);
        self.bytes.push(response.map_or(0, |r| r.wire_body_bytes));
        self.records.push(facts.records.len());
        self.deliveries.push(facts.pieces.len());
    }
}

/// The pauses of all exchanges, one list per fact.
#[derive(Debug, Default, Serialize)]
pub struct Pauses {
    /// Position of the exchange.
    pub exchange: Vec<usize>,
    /// Time of the delta before.
    pub from: Vec<i64>,
    /// Time of the delta after.
    pub to: Vec<i64>,
    /// Position of the cause in [`Cause::NAMES`].
    pub cause: Vec<usize>,
}

impl Pauses {
    pub(super) fn add(&mut self, exchange: usize, stalls: &[Stall], zero: Timestamp) {
        for stall in stalls {
            self.exchange.push(exchange);
            self.from.push(stall.from.since(zero).0);
            self.to.push(stall.to.since(zero).0);
            self.cause.push(cause(stall.cause));
        }
    }
}

/// The position of a cause in the list of their names.
pub(super) fn cause(cause: Cause) -> usize {
    Cause::NAMES.iter().position(|name| *name == cause.name()).unwrap_or_default()
}

/// The findings of all exchanges, one list per fact.
#[derive(Debug, Default, Serialize)]
pub struct Findings {
    /// Position of the exchange.
    pub exchange: Vec<usize>,
    /// Position of the rule's code in `names.rule`.
    pub rule: Vec<i32>,
    /// Level.
    pub level: Vec<Level>,
    /// When the fault became visible.
    pub at: Vec<Option<i64>>,
    /// Number of the record.
    pub record: Vec<Option<u64>>,
    /// Offset in the decoded body.
    pub offset: Vec<Option<u64>>,
    /// Number of places.
    pub count: Vec<u64>,
    /// Position of the sentence in `names.message`.
    pub message: Vec<i32>,
}

impl Findings {
    pub(super) fn add(&mut self, exchange: usize, s: &Summary, zero: Timestamp, names: &mut Names) {
        for f in &s.findings {
            self.exchange.push(exchange);
            self.rule.push(names.rule.of(Some(&f.rule)));
            self.level.push(f.level);
            self.at.push(f.t_ns.map(|at| Timestamp(at).since(zero).0));
            self.record.push(f.record);
            self.offset.push(f.offset);
            self.count.push(f.count);
            self.message.push(names.message.of(Some(&f.message)));
        }
    }
}

/// A rule as the catalogue has it.
#[derive(Debug, Serialize)]
pub struct Rule {
    /// Its name; none if the catalogue does not have it.
    pub name: Option<&'static str>,
    /// What it demands.
    pub summary: Option<&'static str>,
}

/// The rules of `names.rule`, in the same order.
pub(super) fn rules(names: &Names) -> Vec<Rule> {
    let rule = |code: &String| {
        let known = by_code(code);
        Rule { name: known.map(|r| r.name), summary: known.map(|r| r.summary) }
    };
    names.rule.all.iter().map(rule).collect()
}
