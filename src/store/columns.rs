//! An exchange's row: which column holds what, there and back again. Writing and reading use the same list in the same order.

use crate::exchange::Exchange;
use crate::http::event::MessageEnd;
use crate::summary::{RequestSummary, ResponseSummary, Summary, TcpSummary, TerminatorSummary, Timing, cut_by};
use crate::time::Span;
use rusqlite::types::{FromSql, Value};
use rusqlite::{Result, Row};
use serde_json::json;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

/// Columns of `exchange` that a [`Summary`] fills, in the order of [`values`] and [`summary`].
pub(super) const SUMMARY: &[&str] = &[
    "id",
    "session",
    "stream",
    "h2_stream",
    "tls",
    "sni",
    "alpn",
    "client_ip",
    "client_port",
    "server_ip",
    "server_port",
    "http_version",
    "request_method",
    "request_scheme",
    "request_authority",
    "request_path",
    "request_content_type",
    "request_user_agent",
    "request_body_bytes",
    "request_body_sha256",
    "request_model",
    "request_stream",
    "response_framing",
    "response_status",
    "response_content_type",
    "response_transfer",
    "response_content_encoding",
    "response_informational",
    "response_wire_body_bytes",
    "response_wire_body_sha256",
    "response_decoded_bytes",
    "response_decoded_sha256",
    "response_chunks",
    "response_trailers",
    "response_dialect",
    "response_variant",
    "response_records",
    "response_content_deltas",
    "response_reasoning_deltas",
    "response_tool_deltas",
    "response_text",
    "response_texts",
    "response_reasoning_text",
    "response_tool_arguments",
    "response_finish_reason",
    "response_finish_reasons",
    "response_usage",
    "response_terminator_expected",
    "response_terminator_seen",
    "response_terminator_which",
    "response_terminator_own",
    "response_terminator_is_last_record",
    "response_error_in_stream",
    "response_complete",
    "response_cut_by",
    "t_request_start_ns",
    "t_request_end_ns",
    "t_response_start_ns",
    "t_first_body_byte_ns",
    "t_first_record_ns",
    "t_first_delta_ns",
    "t_last_delta_ns",
    "t_response_end_ns",
    "ttfb_ns",
    "ttft_ns",
    "ttft_content_ns",
    "itl_p50_ns",
    "itl_p99_ns",
    "itl_max_ns",
    "tpot_ns",
    "duration_ns",
    "websocket",
    "verdict",
    "verdict_why",
    "delivery",
];

/// Columns beyond the summary, in the order of [`extra`].
pub(super) const EXTRA: &[&str] = &[
    "done",
    "gap",
    "dialect_why",
    "comments",
    "output_tokens",
    "request_transfer",
    "request_complete",
    "request_units",
    "request_cut_by",
    "tls_version",
    "tls_suite",
];

/// Columns of `connection` that become [`Summary::tcp`].
pub(super) const TCP: &[&str] =
    &["handshake_seen", "retransmitted_segments", "out_of_order_segments", "hole", "client_fin", "server_fin", "client_rst", "server_rst"];

/// What goes into the [`SUMMARY`] columns.
pub(super) fn values(s: &Summary) -> Vec<Value> {
    let mut v = Vec::with_capacity(SUMMARY.len() + EXTRA.len());
    v.extend([s.id.into(), s.session.into(), s.stream.into(), opt(s.h2_stream), s.tls.into(), text(&s.sni), text(&s.alpn)]);
    v.extend([s.client_ip.to_string().into(), s.client_port.into(), s.server_ip.to_string().into(), s.server_port.into()]);
    v.push(text(&s.http_version));
    match &s.request {
        None => v.extend(std::iter::repeat_n(Value::Null, 10)),
        Some(r) => {
            v.extend([r.method.clone().into(), r.scheme.clone().into(), text(&r.authority), r.path.clone().into()]);
            v.extend([text(&r.content_type), text(&r.user_agent), int(r.body_bytes), text(&r.body_sha256), text(&r.model), opt(r.stream)]);
        }
    }
    match &s.response {
        None => v.extend(std::iter::repeat_n(Value::Null, 33)),
        Some(r) => {
            v.extend([r.framing.clone().into(), opt(r.status), text(&r.content_type), text(&r.transfer), text(&r.content_encoding)]);
            v.extend([json!(r.informational).to_string().into(), int(r.wire_body_bytes), text(&r.wire_body_sha256), int(r.decoded_bytes)]);
            v.extend([text(&r.decoded_sha256), r.chunks.map_or(Value::Null, int), json!(r.trailers).to_string().into()]);
            v.extend([text(&r.dialect), text(&r.variant), int(r.records), int(r.content_deltas), int(r.reasoning_deltas)]);
            v.extend([int(r.tool_deltas), text(&r.text), map(&r.texts), text(&r.reasoning_text), map(&r.tool_arguments)]);
            v.extend([text(&r.finish_reason), map(&r.finish_reasons), opt(r.usage.as_ref().map(ToString::to_string))]);
            let t = &r.terminator;
            v.extend([text(&t.expected), t.seen.into(), text(&t.which), t.own.into(), opt(t.is_last_record)]);
            v.extend([text(&r.error_in_stream), r.complete.into(), text(&r.cut_by)]);
        }
    }
    let t = &s.timing;
    v.extend([t.t_request_start_ns, t.t_request_end_ns, t.t_response_start_ns, t.t_first_body_byte_ns].map(opt));
    v.extend([t.t_first_record_ns, t.t_first_delta_ns, t.t_last_delta_ns, t.t_response_end_ns].map(opt));
    v.extend([t.ttfb, t.ttft, t.ttft_content, t.itl_p50, t.itl_p99, t.itl_max, t.tpot, t.duration].map(|s| opt(s.map(|s| s.0))));
    v.push(opt(s.websocket.as_ref().map(|w| json!(w).to_string())));
    v.extend([text(&s.verdict), json!(s.verdict_why).to_string().into(), json!(s.delivery).to_string().into()]);
    v
}

/// What goes into the [`EXTRA`] columns of a finished exchange.
pub(super) fn extra(x: &Exchange) -> [Value; 11] {
    let (request, response, tls) = (x.request.as_ref(), x.response.as_ref(), x.tls.as_ref());
    [
        true.into(),
        x.gap.into(),
        opt(response.map(|r| r.dialect_why.clone())),
        response.map_or(Value::Null, |r| int(r.comments)),
        response.and_then(|r| r.answer.output_tokens).map_or(Value::Null, int),
        opt(request.map(|r| r.head.transfer.as_str().to_owned())),
        opt(request.map(|r| r.end == MessageEnd::Complete)),
        request.and_then(|r| r.body.units).map_or(Value::Null, int),
        opt(request.and_then(|r| cut_by(r.end)).map(str::to_owned)),
        opt(tls.and_then(|t| t.version.clone())),
        opt(tls.and_then(|t| t.suite)),
    ]
}

/// A summary (findings apart) from a row that begins with [`SUMMARY`] and goes on with [`TCP`].
pub(super) fn summary(row: &Row<'_>) -> Result<Summary> {
    let mut c = Cursor { row, next: 0 };
    Ok(Summary {
        id: c.take()?,
        session: c.take()?,
        stream: c.take()?,
        h2_stream: c.take()?,
        tls: c.take()?,
        sni: c.take()?,
        alpn: c.take()?,
        client_ip: c.ip()?,
        client_port: c.take()?,
        server_ip: c.ip()?,
        server_port: c.take()?,
        http_version: c.take()?,
        request: request(&mut c)?,
        response: response(&mut c)?,
        timing: timing(&mut c)?,
        websocket: c.json()?,
        verdict: c.take()?,
        verdict_why: c.json()?.unwrap_or_default(),
        delivery: c.json()?.unwrap_or_default(),
        tcp: tcp(&mut c)?,
        findings: Vec::new(),
    })
}

fn request(c: &mut Cursor<'_, '_>) -> Result<Option<RequestSummary>> {
    let Some(method) = c.take()? else {
        c.next += 9;
        return Ok(None);
    };
    Ok(Some(RequestSummary {
        method,
        scheme: c.take()?,
        authority: c.take()?,
        path: c.take()?,
        content_type: c.take()?,
        user_agent: c.take()?,
        body_bytes: c.uint()?,
        body_sha256: c.take()?,
        model: c.take()?,
        stream: c.take()?,
        headers: None,
    }))
}

fn response(c: &mut Cursor<'_, '_>) -> Result<Option<ResponseSummary>> {
    let Some(framing) = c.take()? else {
        c.next += 32;
        return Ok(None);
    };
    Ok(Some(ResponseSummary {
        framing,
        status: c.take()?,
        content_type: c.take()?,
        transfer: c.take()?,
        content_encoding: c.take()?,
        informational: c.json()?.unwrap_or_default(),
        wire_body_bytes: c.uint()?,
        wire_body_sha256: c.take()?,
        decoded_bytes: c.uint()?,
        decoded_sha256: c.take()?,
        chunks: c.take::<Option<i64>>()?.map(|n| n as u64),
        trailers: c.json()?.unwrap_or_default(),
        dialect: c.take()?,
        variant: c.take()?,
        records: c.uint()?,
        content_deltas: c.uint()?,
        reasoning_deltas: c.uint()?,
        tool_deltas: c.uint()?,
        text: c.take()?,
        texts: c.json()?,
        reasoning_text: c.take()?,
        tool_arguments: c.json()?,
        finish_reason: c.take()?,
        finish_reasons: c.json()?,
        usage: c.json()?,
        terminator: TerminatorSummary { expected: c.take()?, seen: c.take()?, which: c.take()?, own: c.take()?, is_last_record: c.take()? },
        error_in_stream: c.take()?,
        complete: c.take()?,
        cut_by: c.take()?,
        headers: None,
    }))
}

fn timing(c: &mut Cursor<'_, '_>) -> Result<Timing> {
    let mut at = [None; 8];
    for t in &mut at {
        *t = c.take()?;
    }
    let mut spans = [None; 8];
    for s in &mut spans {
        *s = c.take::<Option<i64>>()?.map(Span);
    }
    Ok(Timing {
        t_request_start_ns: at[0],
        t_request_end_ns: at[1],
        t_response_start_ns: at[2],
        t_first_body_byte_ns: at[3],
        t_first_record_ns: at[4],
        t_first_delta_ns: at[5],
        t_last_delta_ns: at[6],
        t_response_end_ns: at[7],
        ttfb: spans[0],
        ttft: spans[1],
        ttft_content: spans[2],
        itl_p50: spans[3],
        itl_p99: spans[4],
        itl_max: spans[5],
        tpot: spans[6],
        duration: spans[7],
    })
}

fn tcp(c: &mut Cursor<'_, '_>) -> Result<Option<TcpSummary>> {
    let Some(handshake_seen) = c.take()? else { return Ok(None) };
    Ok(Some(TcpSummary {
        handshake_seen,
        retransmitted_segments: c.uint()?,
        out_of_order_segments: c.uint()?,
        hole: c.take()?,
        client_fin: c.take()?,
        server_fin: c.take()?,
        client_rst: c.take()?,
        server_rst: c.take()?,
    }))
}

/// Takes a row's columns one after the other.
struct Cursor<'r, 's> {
    row: &'r Row<'s>,
    next: usize,
}

impl Cursor<'_, '_> {
    fn take<T: FromSql>(&mut self) -> Result<T> {
        self.next += 1;
        self.row.get(self.next - 1)
    }

    /// Counts are stored as SQLite's signed integers.
    fn uint(&mut self) -> Result<u64> {
        self.take::<i64>().map(|n| n as u64)
    }

    fn ip(&mut self) -> Result<IpAddr> {
        Ok(self.take::<String>()?.parse().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
    }

    fn json<T: serde::de::DeserializeOwned>(&mut self) -> Result<Option<T>> {
        let text: Option<String> = self.take()?;
        Ok(text.and_then(|t| serde_json::from_str(&t).ok()))
    }
}

pub(super) fn int(n: u64) -> Value {
    Value::Integer(n as i64)
}

pub(super) fn opt<T: Into<Value>>(value: Option<T>) -> Value {
    value.map_or(Value::Null, Into::into)
}

fn text(value: &Option<String>) -> Value {
    opt(value.clone())
}

fn map(value: &Option<BTreeMap<String, String>>) -> Value {
    opt(value.as_ref().map(|m| json!(m).to_string()))
}
