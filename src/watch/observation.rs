//! What of an exchange is counted.

use super::series::{ADDRESS, Labels, OPERATION, PORT, REQUEST_MODEL, RESPONSE_MODEL};
use crate::conformance::Level;
use crate::dialect::operation;
use crate::framing::Framing;
use crate::metrics::Metrics;
use crate::summary::Summary;
use crate::time::{Span, Timestamp};

/// A rule that an exchange broke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) rule: String,
    pub(super) level: Level,
    /// Places in the exchange.
    pub(super) count: u64,
}

/// One exchange that was stored: its figures and names, without secrets and without content.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    pub(super) id: i64,
    /// When it ended, by the clock of its packets.
    pub(super) at: Timestamp,
    pub(super) verdict: Option<String>,
    pub(super) status: Option<u16>,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) request_model: Option<String>,
    pub(super) response_model: Option<String>,
    pub(super) dialect: Option<String>,
    pub(super) streamed: bool,
    pub(super) ttfb: Option<Span>,
    pub(super) ttft: Option<Span>,
    pub(super) ttft_content: Option<Span>,
    pub(super) itl_p50: Option<Span>,
    pub(super) itl_p99: Option<Span>,
    pub(super) itl_max: Option<Span>,
    pub(super) tpot: Option<Span>,
    pub(super) duration: Option<Span>,
    pub(super) output_tokens: Option<u64>,
    /// Spans between successive deltas, in ns.
    pub(super) gaps: Vec<i64>,
    pub(super) findings: Vec<Broken>,
}

impl Observation {
    /// What is counted of this exchange. The summary is without secrets.
    pub fn new(s: &Summary, metrics: &Metrics) -> Observation {
        let (response, t) = (s.response.as_ref(), &s.timing);
        let ended = t.t_response_end_ns.or(t.t_request_end_ns).or(s.begun_ns()).unwrap_or_default();
        let framing = response.map_or("", |r| &r.framing);
        let broken =
            |f: &crate::summary::FindingSummary| Broken { rule: f.rule.clone(), level: f.level, count: f.count };
        Observation {
            id: s.id,
            at: Timestamp(ended),
            verdict: s.verdict.clone(),
            status: response.and_then(|r| r.status),
            host: s.host(),
            port: s.server_port,
            request_model: s.request.as_ref().and_then(|r| r.model.clone()),
            response_model: response.and_then(|r| r.models.as_ref()?.first().cloned()),
            dialect: response.and_then(|r| r.dialect.clone()),
            streamed: Framing::ALL.iter().any(|f| f.is_stream() && f.as_str() == framing),
            ttfb: t.ttfb,
            ttft: t.ttft,
            ttft_content: t.ttft_content,
            itl_p50: t.itl_p50,
            itl_p99: t.itl_p99,
            itl_max: t.itl_max,
            tpot: t.tpot,
            duration: t.duration,
            output_tokens: metrics.output_tokens,
            gaps: metrics.itl.iter().map(|gap| gap.0).collect(),
            findings: s.findings.iter().map(broken).collect(),
        }
    }

    /// The verdict; `unknown` where there is none.
    pub(super) fn verdict(&self) -> &str {
        self.verdict.as_deref().unwrap_or("unknown")
    }

    /// Whether it failed: by its status, or by a verdict that blames one side.
    pub(super) fn failed(&self) -> bool {
        self.status.is_some_and(|s| s >= 400)
            || !matches!(self.verdict(), "complete" | "capture-incomplete" | "unknown")
    }

    /// What went wrong, for `error.type`: the status, else the verdict.
    pub(super) fn error(&self) -> Option<String> {
        let status = self.status.filter(|s| *s >= 400).map(|s| s.to_string());
        status.or_else(|| self.failed().then(|| self.verdict().to_owned()))
    }

    /// The server.
    pub(super) fn server(&self) -> Labels {
        Labels::of(&[(ADDRESS, &self.host), (PORT, &self.port.to_string())])
    }

    /// The labels of an answer that a model generated; none of other answers.
    pub(super) fn generation(&self) -> Option<Labels> {
        let operation = operation::of(self.dialect.as_deref()?)?;
        let mut labels = Labels::of(&[(OPERATION, operation.name), ("gen_ai.provider.name", operation.provider)]);
        let models = [(REQUEST_MODEL, &self.request_model), (RESPONSE_MODEL, &self.response_model)];
        for (name, model) in models {
            if let Some(model) = model {
                labels.push(name, model);
            }
        }
        labels.push(ADDRESS, &self.host);
        labels.push(PORT, &self.port.to_string());
        Some(labels)
    }
}
