//! Writes exchanges as trace events (the JSON format of Chrome's tracing, which Perfetto UI and speedscope open): a
//! process for each server of a session, a thread for each connection, slices for exchanges, their phases and pauses,
//! instants for records, findings and ends of connections. There is no text of requests and answers in it.
//!
//! Times are microseconds since the first moment of all exchanges, so that a double keeps nanoseconds; the first moment
//! itself is in `otherData`.

use crate::conn::ClosedAt;
use crate::delivery::Stall;
use crate::exchange::redact;
use crate::metrics::clocks::Clocks;
use crate::report::list::call;
use crate::summary::detail::{Detail, Record};
use crate::summary::{RequestSummary, Summary};
use crate::time::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// One event. docs/contract.md names what is in `args`.
#[derive(Debug, Clone, Serialize)]
pub struct Event {
    name: String,
    cat: &'static str,
    ph: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ts: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dur: Option<f64>,
    pid: u64,
    tid: u64,
    /// Of an instant: how far its mark reaches. `t` is its thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    s: Option<&'static str>,
    args: Value,
}

/// What one exchange has to tell.
#[derive(Debug)]
pub struct Told {
    /// The exchange; its texts are not used.
    pub detail: Detail,
    /// Its clocks.
    pub clocks: Clocks,
    /// Its pauses.
    pub stalls: Vec<Stall>,
}

/// Where exchanges are drawn: which process and thread each has, and where time begins.
#[derive(Debug, Default)]
pub struct Tracks {
    begin: Option<Timestamp>,
    /// Session and server, in order of their first exchange.
    processes: Vec<(i64, String)>,
    /// Process, connection, and the end of the last exchange of each of its threads.
    connections: BTreeMap<(u64, u32), Vec<(u64, Timestamp)>>,
    threads: u64,
    exchanges: BTreeMap<i64, (u64, u64)>,
    named: Vec<Event>,
}

impl Tracks {
    /// Gives the exchange a track: its connection's, or one beside it if another exchange is open there. Exchanges come
    /// in the order of their begin.
    pub fn add(&mut self, s: &Summary) {
        let (from, to) = extent(s);
        self.begin = Some(self.begin.map_or(from, |begin| begin.min(from)));
        let process = (s.session, s.authority());
        let pid = match self.processes.iter().position(|p| *p == process) {
            Some(at) => at as u64 + 1,
            None => {
                let pid = self.processes.len() as u64 + 1;
                self.named.push(named("process_name", &format!("session {}: {}", process.0, process.1), pid, 0));
                self.processes.push(process);
                pid
            }
        };
        let lanes = self.connections.entry((pid, s.stream)).or_default();
        let free = lanes.iter().position(|(_, end)| *end <= from);
        let lane = free.unwrap_or(lanes.len());
        if free.is_none() {
            self.threads += 1;
            let beside = if lane == 0 { String::new() } else { format!(", at once {}", lane + 1) };
            let name = format!("connection {}{beside}", s.stream);
            self.named.push(named("thread_name", &name, pid, self.threads));
            lanes.push((self.threads, to));
        }
        lanes[lane].1 = to;
        self.exchanges.insert(s.id, (pid, lanes[lane].0));
    }

    /// The names of all tracks.
    pub fn names(&self) -> &[Event] {
        &self.named
    }

    /// What is beside the events.
    pub fn about(&self) -> Value {
        let begin = self.begin.unwrap_or_default();
        json!({
            "displayTimeUnit": "ms",
            "otherData": {
                "creator": concat!("sniff ", env!("CARGO_PKG_VERSION")),
                "begin": begin.to_string(),
                "begin_ns": begin.nanos().to_string(),
            },
        })
    }

    /// The events of one exchange that was added before, in order of time.
    pub fn events(&self, told: &Told) -> Vec<Event> {
        let Some((pid, tid)) = self.exchanges.get(&told.detail.summary.id).copied() else { return Vec::new() };
        let track = Track { pid, tid, zero: self.begin.unwrap_or_default() };
        let s = &told.detail.summary;
        let (from, to) = extent(s);
        let mut all = vec![track.slice(title(s), "exchange", from, to, about(s))];
        let inside = |at: Timestamp| from <= at && at <= to;
        for phase in told.clocks.phases().into_iter().filter(|p| inside(p.from) && inside(p.to)) {
            all.push(track.slice(phase.name.into(), "phase", phase.from, phase.to, json!({})));
            let within = |stall: &&Stall| phase.name == "tokens" && phase.from <= stall.from && stall.to <= phase.to;
            all.extend(told.stalls.iter().filter(within).map(|stall| {
                let args = json!({"cause": stall.cause.name(), "why": stall.cause.as_str()});
                track.slice(format!("pause: {}", stall.cause.name()), "pause", stall.from, stall.to, args)
            }));
        }
        all.extend(told.detail.records.iter().map(|r| track.record(r)));
        for f in &s.findings {
            let at = f.t_ns.map_or(to, Timestamp);
            let args = json!({"level": f.level, "message": f.message, "record": f.record, "offset": f.offset,
                "count": f.count, "packet": f.packet});
            all.push(track.instant(f.rule.clone(), "finding", at, args));
        }
        let marks = [("finish reason", told.clocks.finish), ("terminator", told.clocks.terminator)];
        let seen = marks.into_iter().filter_map(|(name, at)| Some((name, at?)));
        all.extend(seen.map(|(name, at)| track.instant(name.into(), "mark", at, json!({}))));
        let closed = told.detail.closed.unwrap_or_default();
        // A connection that carries others before and after is closed outside of this exchange.
        let ends = ends(&closed).into_iter().filter_map(|(name, at)| Some((name, at.filter(|at| inside(*at))?)));
        all.extend(ends.map(|(name, at)| track.instant(name.into(), "end", at, json!({}))));
        all
    }
}

/// How each side closed or reset the connection.
fn ends(closed: &ClosedAt) -> [(&'static str, Option<Timestamp>); 4] {
    [
        ("FIN of the client", closed.client_fin),
        ("FIN of the server", closed.server_fin),
        ("RST of the client", closed.client_rst),
        ("RST of the server", closed.server_rst),
    ]
}

/// The first and the last moment of an exchange.
fn extent(s: &Summary) -> (Timestamp, Timestamp) {
    let t = &s.timing;
    let from = s.begun_ns().or(t.t_request_end_ns).or(t.t_response_end_ns).unwrap_or_default();
    let to = t.t_response_end_ns.or(t.t_request_end_ns).unwrap_or(from);
    (Timestamp(from), Timestamp(to.max(from)))
}

fn title(s: &Summary) -> String {
    let status = s.response.as_ref().and_then(|r| r.status).map_or("no status".to_owned(), |n| n.to_string());
    let path = |r: &RequestSummary| redact::target(r.path.split('?').next().unwrap_or_default()).into_owned();
    let request = s.request.as_ref().map(|r| format!("{} {} ", r.method, path(r))).unwrap_or_default();
    format!("{request}{status}")
}

fn about(s: &Summary) -> Value {
    let (request, response, t) = (s.request.as_ref(), s.response.as_ref(), &s.timing);
    let ms = |span: Option<crate::time::Span>| span.map(crate::time::Span::as_millis_f64);
    json!({
        "exchange": s.id,
        "session": s.session,
        "h2_stream": s.h2_stream,
        "model": request.and_then(|r| r.model.clone()),
        "call": call(s),
        "dialect": response.and_then(|r| r.dialect.clone()),
        "status": response.and_then(|r| r.status),
        "verdict": s.verdict,
        "finish_reason": response.and_then(|r| r.finish_reason.clone()),
        "records": response.map(|r| r.records),
        "ttfb_ms": ms(t.ttfb),
        "ttft_ms": ms(t.ttft),
        "tpot_ms": ms(t.tpot),
        "duration_ms": ms(t.duration),
    })
}

fn named(what: &str, name: &str, pid: u64, tid: u64) -> Event {
    let args = json!({ "name": name });
    Event { name: what.into(), cat: "__metadata", ph: "M", ts: None, dur: None, pid, tid, s: None, args }
}

/// A thread, and where time begins.
#[derive(Clone, Copy)]
struct Track {
    pid: u64,
    tid: u64,
    zero: Timestamp,
}

impl Track {
    fn slice(self, name: String, cat: &'static str, from: Timestamp, to: Timestamp, args: Value) -> Event {
        let dur = Some(micros(to.since(from).0));
        Event { dur, ph: "X", s: None, ..self.instant(name, cat, from, args) }
    }

    fn instant(self, name: String, cat: &'static str, at: Timestamp, args: Value) -> Event {
        let ts = Some(micros(at.since(self.zero).0));
        Event { name, cat, ph: "i", ts, dur: None, pid: self.pid, tid: self.tid, s: Some("t"), args }
    }

    fn record(self, r: &Record) -> Event {
        let name = r.delta.as_deref().unwrap_or(&r.kind).to_owned();
        let args = json!({"record": r.n, "bytes": r.end.saturating_sub(r.start)});
        self.instant(name, "record", Timestamp(r.t_ns), args)
    }
}

fn micros(ns: i64) -> f64 {
    ns as f64 / 1e3
}
