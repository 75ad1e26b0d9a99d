//! `sniff report errors`: what failed and why, who cut, which requests were sent again and whether they came through.

mod text;

use super::csv;
use super::groups::{By, Key, NONE, has_failed};
use super::reports::{self, Collect, Options, Source};
use super::table::Table;
use super::{Format, Terminal, markdown};
use crate::delivery::across::{self, Outcome, Seen};
use crate::metrics::percentile;
use crate::summary::{self, Summary};
use crate::time::{Span, Timestamp};
use anyhow::Result;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::net::SocketAddr;

/// The rules about the form of a refusal, and of an error in a stream.
const SHAPES: [&str; 2] = ["LLM-004", "LLM-002"];

/// Collects the failures.
#[derive(Debug)]
pub struct Errors {
    by: Vec<By>,
    groups: BTreeMap<Key, Group>,
    overall: Group,
    failures: Vec<(Key, Failure)>,
    /// Every exchange by its session, to find those that were sent again: other recordings are another story.
    seen: BTreeMap<i64, Vec<Seen>>,
    /// Those of them that failed.
    failed: HashMap<i64, bool>,
}

/// The report as data.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Groups; the one with the most failures first.
    pub groups: Vec<Group>,
    /// All exchanges as one group.
    pub overall: Group,
    /// What they are grouped by.
    pub by: Vec<&'static str>,
    /// Every exchange that failed, in order of time.
    pub failures: Vec<Failure>,
    #[serde(skip)]
    keys: Vec<By>,
}

/// The failures of one group.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Group {
    /// What its exchanges have in common.
    #[serde(flatten)]
    pub key: Key,
    /// Exchanges in the group.
    pub exchanges: u64,
    /// Those with an error status, or an end that is not complete. What the capture lacks is no failure.
    pub failed: u64,
    /// Failures by status; `none`: no response.
    pub statuses: BTreeMap<String, u64>,
    /// Failures by verdict.
    pub verdicts: BTreeMap<String, u64>,
    /// Failures by the party that cut the transfer: `client`, `server`.
    pub cuts: BTreeMap<String, u64>,
    /// Failures with an error in the answer's stream.
    pub errors_in_stream: u64,
    /// Failures whose error has not the form of the API that was asked.
    pub wrong_shapes: u64,
    /// Failures after which the same client sent the same request again.
    pub sent_again: u64,
    /// Failures of which a later attempt came through.
    pub recovered: u64,
    /// Median time until it was sent again, ms.
    pub sent_again_after_p50_ms: Option<f64>,
    #[serde(skip)]
    after: Vec<Span>,
}

/// One exchange that failed. Absent values are null.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Failure {
    /// Its id.
    pub exchange: i64,
    /// Its session.
    pub session: i64,
    /// When it began, ns since 1970 UTC.
    pub t_ns: Option<i64>,
    /// Address of the client.
    pub client: String,
    /// Address and port of the server.
    pub server: String,
    /// Model in the request.
    pub model: Option<String>,
    /// Target of the request.
    pub path: Option<String>,
    /// Status of the response.
    pub status: Option<u16>,
    /// Verdict.
    pub verdict: Option<String>,
    /// Who cut the transfer.
    pub cut_by: Option<String>,
    /// The error in the answer's stream.
    pub error_in_stream: Option<String>,
    /// The first reason of the verdict.
    pub why: Option<String>,
    /// What is wrong with the form of the error.
    pub wrong_shape: Option<String>,
    /// Number of the attempt, from 1.
    pub attempt: u64,
    /// Id of the attempt before it.
    pub retry_of: Option<i64>,
    /// Id of the next attempt.
    pub sent_again_as: Option<i64>,
    /// Until it was sent again, ms.
    pub sent_again_after_ms: Option<f64>,
    /// Whether a later attempt came through; null if it was not sent again.
    pub recovered: Option<bool>,
}

impl Errors {
    /// An empty report.
    pub fn new(options: &Options) -> Errors {
        Errors {
            by: if options.by.is_empty() { vec![By::Server] } else { options.by.clone() },
            groups: BTreeMap::new(),
            overall: Group::default(),
            failures: Vec::new(),
            seen: BTreeMap::new(),
            failed: HashMap::new(),
        }
    }

    /// Adds one exchange.
    pub fn count(&mut self, s: &Summary) {
        let (key, failed) = (Key::of(s, &self.by), has_failed(s));
        let failure = failed.then(|| Failure::new(s));
        for group in [self.groups.entry(key.clone()).or_default(), &mut self.overall] {
            group.exchanges += 1;
            failure.iter().for_each(|failure| group.count(failure));
        }
        let t = &s.timing;
        let ended = t.t_response_end_ns.or(t.t_request_end_ns).or(s.begun_ns()).unwrap_or_default();
        self.seen.entry(s.session).or_default().push(summary::across::seen(s, Timestamp(ended)));
        self.failed.insert(s.id, failed);
        self.failures.extend(failure.map(|failure| (key, failure)));
    }

    /// Computes the figures.
    pub fn report(mut self) -> Report {
        let mut next = HashMap::new();
        let mut before = HashMap::new();
        for retry in self.seen.values().flat_map(|session| across::retries(session)) {
            if matches!(retry.outcome, Outcome::Failed | Outcome::Cut(_)) {
                next.insert(retry.of, retry);
                before.insert(retry.id, retry);
            }
        }
        let failed = |id: i64| self.failed.get(&id).copied().unwrap_or(true);
        for (key, failure) in &mut self.failures {
            if let Some(retry) = before.get(&failure.exchange) {
                (failure.attempt, failure.retry_of) = (retry.attempt, Some(retry.of));
            }
            let Some(retry) = next.get(&failure.exchange) else { continue };
            failure.sent_again_as = Some(retry.id);
            failure.sent_again_after_ms = Some(retry.after.as_millis_f64());
            let mut last = retry.id;
            while let Some(retry) = next.get(&last).filter(|_| failed(last)) {
                last = retry.id;
            }
            failure.recovered = Some(!failed(last));
            for group in self.groups.get_mut(key).into_iter().chain([&mut self.overall]) {
                group.sent_again += 1;
                group.recovered += u64::from(failure.recovered == Some(true));
                group.after.push(retry.after);
            }
        }
        let mut groups: Vec<Group> = self.groups.into_iter().map(|(key, group)| Group { key, ..group }).collect();
        groups.sort_by_key(|group| std::cmp::Reverse((group.failed, group.exchanges)));
        groups.iter_mut().chain([&mut self.overall]).for_each(|group| {
            group.after.sort_unstable();
            group.sent_again_after_p50_ms = percentile(&group.after, 50.0).map(Span::as_millis_f64);
        });
        Report {
            groups,
            overall: self.overall,
            by: self.by.iter().map(|by| by.as_str()).collect(),
            failures: self.failures.into_iter().map(|(_, failure)| failure).collect(),
            keys: self.by,
        }
    }
}

impl Group {
    fn count(&mut self, f: &Failure) {
        self.failed += 1;
        let status = f.status.map_or(NONE.into(), |status| status.to_string());
        *self.statuses.entry(status).or_default() += 1;
        *self.verdicts.entry(f.verdict.clone().unwrap_or_else(|| NONE.into())).or_default() += 1;
        if let Some(by) = &f.cut_by {
            *self.cuts.entry(by.clone()).or_default() += 1;
        }
        self.errors_in_stream += u64::from(f.error_in_stream.is_some());
        self.wrong_shapes += u64::from(f.wrong_shape.is_some());
    }

    fn of_statuses(&self, from: u16, to: u16) -> u64 {
        let inside = |status: &str| status.parse::<u16>().is_ok_and(|status| (from..to).contains(&status));
        self.statuses.iter().filter(|(status, _)| inside(status)).map(|(_, n)| n).sum()
    }
}

impl Failure {
    fn new(s: &Summary) -> Failure {
        let (q, r) = (s.request.as_ref(), s.response.as_ref());
        let shape = s.findings.iter().find(|f| SHAPES.contains(&f.rule.as_str()));
        // Who ended an exchange that has no transfer to cut, the verdict says.
        let by_verdict = match s.verdict.as_deref() {
            Some("client-cancelled") => Some("client".to_owned()),
            Some("server-truncated" | "gateway-timeout") if r.is_none_or(|r| r.status.is_none()) => {
                Some("server".to_owned())
            }
            _ => None,
        };
        Failure {
            exchange: s.id,
            session: s.session,
            t_ns: s.begun_ns(),
            client: s.client_ip.to_string(),
            server: SocketAddr::new(s.server_ip, s.server_port).to_string(),
            model: q.and_then(|q| q.model.clone()),
            path: q.map(|q| q.path.clone()),
            status: r.and_then(|r| r.status),
            verdict: s.verdict.clone(),
            cut_by: by_verdict.or_else(|| r.and_then(|r| r.cut_by.clone())),
            error_in_stream: r.and_then(|r| r.error_in_stream.clone()),
            why: s.verdict_why.first().cloned(),
            wrong_shape: shape.map(|f| f.message.clone()),
            attempt: 1,
            ..Failure::default()
        }
    }
}

impl Collect for Errors {
    fn add(&mut self, s: &Summary, _: &dyn Source) -> Result<()> {
        self.count(s);
        Ok(())
    }

    fn write(self: Box<Self>, format: Format, terminal: &Terminal, out: &mut dyn Write) -> Result<()> {
        let report = self.report();
        match format {
            Format::Csv => {
                let writer = csv::Writer::new(&Failure::default(), out)?;
                report.failures.iter().try_for_each(|failure| writer.row(failure, out))
            }
            _ => reports::write(&report, format, terminal, out),
        }
    }
}

impl reports::Report for Report {
    fn text(&self, terminal: &Terminal) -> String {
        text::text(self, terminal)
    }

    fn table(&self) -> Result<Table> {
        Ok(text::failures(self.failures.iter()))
    }

    fn markdown(&self) -> Result<String> {
        let groups = markdown::render(&text::groups(self));
        let summary = text::summary(self).iter().map(|line| markdown::escape(line)).collect::<Vec<_>>();
        Ok(format!("{}\n\n{groups}\n{}", summary.join("\n\n"), markdown::render(&self.table()?)))
    }

    fn lines(&self, out: &mut dyn Write) -> Result<()> {
        reports::lines(&self.failures, out)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A request with this body that began at this second and ended half a second later.
    fn exchange(id: i64, body: &str, second: i64, status: u16, verdict: &str) -> Summary {
        let mut s = Summary { id, session: 1, ..Summary::template() };
        s.server_port = 8000;
        let q = s.request.as_mut().unwrap();
        (q.method, q.path, q.model) = ("POST".into(), "/v1".into(), Some("m".into()));
        (q.body_sha256, q.body_bytes) = (Some(body.into()), 300);
        s.response.as_mut().unwrap().status = Some(status);
        s.verdict = Some(verdict.into());
        s.timing.t_request_start_ns = Some(second * 1_000_000_000);
        s.timing.t_response_end_ns = Some(second * 1_000_000_000 + 500_000_000);
        s
    }

    #[test]
    fn attempts_are_linked_to_their_end() {
        let mut errors = Errors::new(&Options::default());
        for s in [
            exchange(1, "a", 0, 429, "complete"),
            exchange(2, "b", 1, 503, "complete"),
            exchange(3, "a", 2, 429, "complete"),
            exchange(4, "a", 5, 200, "complete"),
            exchange(5, "c", 6, 200, "client-cancelled"),
            exchange(6, "b", 7, 500, "complete"),
            Summary { session: 2, ..exchange(7, "c", 8, 200, "complete") },
        ] {
            errors.count(&s);
        }
        let r = errors.report();
        let of = |f: &Failure| (f.exchange, f.attempt, f.retry_of, f.sent_again_as, f.sent_again_after_ms, f.recovered);
        let want = [
            (1, 1, None, Some(3), Some(1500.0), Some(true)),
            (2, 1, None, Some(6), Some(5500.0), Some(false)),
            (3, 2, Some(1), Some(4), Some(2500.0), Some(true)),
            (5, 1, None, None, None, None),
            (6, 2, Some(2), None, None, None),
        ];
        assert_eq!(r.failures.iter().map(of).collect::<Vec<_>>(), want);
        let all = &r.overall;
        assert_eq!((all.exchanges, all.failed, all.sent_again, all.recovered), (7, 5, 3, 2));
        assert_eq!(all.sent_again_after_p50_ms, Some(2500.0));
        assert_eq!((all.of_statuses(400, 500), all.of_statuses(500, 600)), (2, 2));
        assert_eq!(all.cuts, BTreeMap::from([("client".to_owned(), 1)]));
        assert_eq!((r.groups.len(), r.groups[0].failed), (1, 5));
    }
}
