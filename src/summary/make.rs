//! Makes summaries from exchanges.

use super::{
    FindingSummary, RequestSummary, ResponseSummary, Summary, TcpSummary, TerminatorSummary, Timing, WebSocketSummary,
};
use crate::conformance::{Finding, Level};
use crate::conn::ConnFacts;
use crate::dialect::Terminator;
use crate::encoding::to_hex;
use crate::exchange::ending::Party;
use crate::exchange::{Exchange, Request, Response, redact};
use crate::http::event::{Fields, MessageEnd};
use crate::metrics::{Metrics, percentile};
use crate::time::Timestamp;
use crate::{delivery, verdict};
use std::collections::BTreeMap;

impl Summary {
    /// The summary of a finished exchange; `tcp` is present if its connection has ended.
    pub fn new(
        session: i64,
        id: i64,
        x: &Exchange,
        metrics: &Metrics,
        findings: &[Finding],
        tcp: Option<&ConnFacts>,
    ) -> Self {
        let request_head = x.request.as_ref().map(|r| &r.head);
        let response_head = x.response.as_ref().and_then(|r| r.head.as_ref());
        let judgement = verdict::of(x);
        let version = response_head.map(|h| h.version).or(request_head.map(|h| h.version));
        Summary {
            id,
            session,
            stream: x.conn.0,
            h2_stream: response_head.and_then(|h| h.h2_stream).or(request_head.and_then(|h| h.h2_stream)),
            tls: x.tls.is_some(),
            sni: x.tls.as_ref().and_then(|t| t.sni.clone()),
            alpn: x.tls.as_ref().and_then(|t| t.alpn.clone()),
            client_ip: x.endpoints.client.ip(),
            client_port: x.endpoints.client.port(),
            server_ip: x.endpoints.server.ip(),
            server_port: x.endpoints.server.port(),
            http_version: version.map(|v| v.as_str().into()),
            ech: x.tls.as_ref().and_then(|t| t.ech),
            request: x.request.as_ref().map(|r| RequestSummary::new(r, x.tls.is_some())),
            response: x.response.as_ref().map(ResponseSummary::new),
            websocket: x.websocket.as_deref().map(|w| Box::new(WebSocketSummary::new(w, x))),
            tcp: tcp.map(TcpSummary::new),
            timing: Timing::new(metrics),
            verdict: Some(judgement.verdict.as_str().into()),
            verdict_why: judgement.why,
            delivery: delivery::words(x),
            across: Vec::new(),
            findings: findings.iter().filter(|f| f.level.is_some()).map(FindingSummary::new).collect(),
            suppressed: findings.iter().filter(|f| f.level.is_none()).map(FindingSummary::new).collect(),
        }
    }
}

impl Summary {
    /// Replaces the secrets that a request's target may contain.
    pub fn redact(&mut self) {
        if let Some(r) = &mut self.request {
            r.path = redact::target(&r.path).into_owned();
        }
    }
}

impl RequestSummary {
    fn new(r: &Request, tls: bool) -> Self {
        let head = &r.head;
        RequestSummary {
            method: head.method.clone(),
            scheme: head.scheme.clone().unwrap_or_else(|| if tls { "https" } else { "http" }.into()),
            authority: head.authority.clone(),
            path: head.target.clone(),
            content_type: head.fields.text("content-type"),
            user_agent: head.fields.text("user-agent"),
            body_bytes: r.body.wire_bytes,
            body_sha256: r.body.wire_sha256.filter(|_| r.body.wire_bytes > 0).map(|hash| to_hex(&hash)),
            model: r.model.clone(),
            stream: r.stream,
            rpc_method: r.rpc.as_ref().and_then(|rpc| rpc.method.clone()),
            rpc_name: r.rpc.as_ref().and_then(|rpc| rpc.name.clone()),
            headers: None,
        }
    }
}

impl ResponseSummary {
    fn new(r: &Response) -> Self {
        let field = |name| r.head.as_ref().and_then(|h| h.fields.text(name));
        let a = &r.answer;
        let several = |map: &BTreeMap<u32, String>| {
            (map.len() > 1).then(|| map.iter().map(|(k, v)| (k.to_string(), v.clone())).collect())
        };
        ResponseSummary {
            status: r.head.as_ref().map(|h| h.status),
            content_type: field("content-type"),
            transfer: r.head.as_ref().map(|h| h.transfer.as_str().into()),
            content_encoding: field("content-encoding"),
            informational: r.informational.iter().map(|h| h.status).collect(),
            wire_body_bytes: r.body.wire_bytes,
            wire_body_sha256: r.body.wire_sha256.map(|hash| to_hex(&hash)),
            decoded_bytes: r.body.decoded_bytes,
            decoded_sha256: r.body.decoded_sha256.map(|hash| to_hex(&hash)),
            chunks: r.body.units,
            trailers: joined(&r.trailers),
            framing: r.framing.as_str().into(),
            dialect: r.dialect.map(Into::into),
            variant: a.variant.map(Into::into),
            records: r.record_count,
            content_deltas: a.content_deltas,
            reasoning_deltas: a.reasoning_deltas,
            tool_deltas: a.tool_deltas,
            text: a.texts.values().next().cloned(),
            texts: several(&a.texts),
            reasoning_text: Some(a.reasoning_text.clone()).filter(|t| !t.is_empty()),
            tool_arguments: Some(a.tool_arguments.clone()).filter(|t| !t.is_empty()),
            finish_reason: a.finish_reasons.values().next().cloned(),
            finish_reasons: several(&a.finish_reasons),
            usage: a.usage.clone(),
            terminator: TerminatorSummary::new(&a.terminator),
            error_in_stream: a.error.clone(),
            complete: r.end == MessageEnd::Complete,
            cut_by: Party::cutting(r.end).map(|by| by.as_str().into()),
            models: a.model.is_some().then(|| a.model.iter().chain(&a.successors).cloned().collect()),
            headers: None,
        }
    }
}

impl TerminatorSummary {
    fn new(t: &Terminator) -> Self {
        let expected = t.expected.map(Into::into);
        // Without records no record was the last one: the corpus has false there too.
        let is_last_record = Some(t.is_last_record.unwrap_or(false));
        TerminatorSummary { expected, seen: t.seen, which: t.which.clone(), own: t.own, is_last_record }
    }
}

impl TcpSummary {
    /// The facts that `list` shows.
    pub fn new(f: &ConnFacts) -> Self {
        TcpSummary {
            handshake_seen: f.handshake_seen,
            retransmitted_segments: f.retransmitted_segments,
            out_of_order_segments: f.out_of_order_segments,
            hole: f.hole,
            client_fin: f.client_fin,
            server_fin: f.server_fin,
            client_rst: f.client_rst,
            server_rst: f.server_rst,
            rtt_client: f.rtt_client,
            rtt_server: f.rtt_server,
        }
    }
}

impl Timing {
    fn new(m: &Metrics) -> Self {
        let ns = |t: Option<Timestamp>| t.map(Timestamp::nanos);
        let mut itl = m.itl.clone();
        itl.sort_unstable();
        Timing {
            t_request_start_ns: ns(m.request_start),
            t_request_end_ns: ns(m.request_end),
            t_response_start_ns: ns(m.response_start),
            t_first_body_byte_ns: ns(m.first_body_byte),
            t_first_record_ns: ns(m.first_record),
            t_first_delta_ns: ns(m.first_delta),
            t_last_delta_ns: ns(m.last_delta),
            t_response_end_ns: ns(m.response_end),
            ttfb: m.ttfb,
            ttft: m.ttft,
            ttft_content: m.ttft_content,
            itl_p50: percentile(&itl, 50.0),
            itl_p99: percentile(&itl, 99.0),
            itl_max: itl.last().copied(),
            tpot: m.tpot,
            duration: m.duration,
            t_first_reasoning_sign_ns: ns(m.reasoning_sign),
            ttfr: m.ttfr,
            load: m.load,
            prefill: m.prefill,
            first_token: m.first_token,
            rpc_answer: m.rpc_answer,
            // It comes in another exchange, and is found where several are read.
            rpc_first_delta: None,
        }
    }
}

impl FindingSummary {
    /// The fix that the rule with this code recommends.
    pub fn fix_of(rule: &str) -> Option<String> {
        crate::conformance::by_code(rule).map(|r| r.fix.to_owned())
    }

    /// The summary of a finding.
    pub fn new(f: &Finding) -> Self {
        FindingSummary {
            rule: f.rule.into(),
            level: f.level.or_else(|| crate::conformance::by_code(f.rule).map(|r| r.level)).unwrap_or(Level::Warning),
            record: f.record,
            offset: f.offset,
            message: f.message.clone(),
            count: f.count,
            t_ns: f.at.map(Timestamp::nanos),
            packet: f.frame,
            chunk: f.chunk,
            excerpt: f.excerpt.clone(),
            fix: f.fix.map(str::to_owned).or_else(|| FindingSummary::fix_of(f.rule)),
        }
    }
}

fn joined(fields: &Fields) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in fields.iter() {
        let value = String::from_utf8_lossy(value);
        all.entry(String::from_utf8_lossy(name).into_owned())
            .and_modify(|v| {
                v.push_str(", ");
                v.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    all
}
