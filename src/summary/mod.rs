//! What `list` prints about an exchange: the object of docs/contract.md, field by field, in its order. It is made
//! from an exchange or read back from the store.

pub mod across;
pub mod answers;
pub mod connection;
pub mod database;
pub mod session;
pub mod detail;
pub mod prompt;
pub mod ending;
pub mod taps;
mod hide;
mod make;
pub mod websocket;

pub use answers::AnswerSummary;
pub use websocket::WebSocketSummary;

use crate::conformance::Level;
use crate::oddity::Excerpt;
use crate::time::Span;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// One exchange, as `list --format json` prints it. Absent values are null.
///
/// For a WebSocket the fields of `response` and `timing` describe the conversation; the JSON separates it from HTTP
/// (see `websocket`).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(remote = "Self")]
pub struct Summary {
    /// Id in the database, over all sessions; without a database the number within the capture.
    pub id: i64,
    /// Number of the session.
    pub session: i64,
    /// Number of the TCP connection within the session, from 0.
    pub stream: u32,
    /// HTTP/2 stream identifier.
    pub h2_stream: Option<u32>,
    /// Whether the connection was TLS.
    pub tls: bool,
    /// Server name in the ClientHello (SNI).
    pub sni: Option<String>,
    /// Protocol that ALPN agreed on.
    pub alpn: Option<String>,
    /// The client's address.
    pub client_ip: IpAddr,
    /// The client's port.
    pub client_port: u16,
    /// The server's address.
    pub server_ip: IpAddr,
    /// The server's port.
    pub server_port: u16,
    /// `1.0`, `1.1` or `2`: of the response, else of the request.
    pub http_version: Option<String>,
    /// Whether the ClientHello has encrypted_client_hello (RFC 9849): `sni` may then be the outer name, which several
    /// servers share.
    pub ech: Option<bool>,
    /// The request, if it was captured.
    pub request: Option<RequestSummary>,
    /// The response, if any part of it was captured.
    pub response: Option<ResponseSummary>,
    /// The WebSocket that the exchange opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub websocket: Option<Box<WebSocketSummary>>,
    /// Counters of the TCP connection; null while it is open.
    pub tcp: Option<TcpSummary>,
    /// Times and spans.
    pub timing: Timing,
    /// How the answer ended: `complete`, `client-cancelled`, `server-truncated`, `gateway-timeout`, `error-in-200`,
    /// `capture-incomplete`; null if it was recorded by a version without verdicts.
    pub verdict: Option<String>,
    /// The facts on which the verdict rests, the most important first.
    pub verdict_why: Vec<String>,
    /// How a stream was delivered, one sentence each, and what other exchanges show about this one; empty if the
    /// answer is not a stream and nothing else is known.
    pub delivery: Vec<String>,
    /// The sentences of `delivery` that speak of other exchanges; they are not stored, but made when they are read.
    #[serde(skip)]
    pub across: Vec<String>,
    /// Findings, the worst first.
    pub findings: Vec<FindingSummary>,
    /// Findings that the user allows, if they were kept ([`crate::conformance::policy::Policy::keep`]).
    #[serde(skip)]
    pub suppressed: Vec<FindingSummary>,
}

/// The request of a [`Summary`].
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RequestSummary {
    /// Method as sent.
    pub method: String,
    /// `http` or `https`.
    pub scheme: String,
    /// The Host field or `:authority`.
    pub authority: Option<String>,
    /// Request target as sent.
    pub path: String,
    /// `Content-Type` as sent.
    pub content_type: Option<String>,
    /// `User-Agent` as sent.
    pub user_agent: Option<String>,
    /// Body bytes after transfer decoding.
    pub body_bytes: u64,
    /// SHA-256 of these bytes in hex; null for an empty body or one with missing bytes.
    pub body_sha256: Option<String>,
    /// `model` of a JSON body.
    pub model: Option<String>,
    /// `stream` of a JSON body.
    pub stream: Option<bool>,
    /// `method` of a request or notification in JSON-RPC.
    pub rpc_method: Option<String>,
    /// What that method is called on: the tool, the prompt, the address of the resource.
    pub rpc_name: Option<String>,
    /// Head fields; only if the command asks for them (`show`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<Vec<Header>>,
}

/// The response of a [`Summary`].
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ResponseSummary {
    /// Status code; null if the capture began inside the body.
    pub status: Option<u16>,
    /// `Content-Type` as sent.
    pub content_type: Option<String>,
    /// Transfer framing: `chunked`, `length`, `close`, `h2` or `none`.
    pub transfer: Option<String>,
    /// `Content-Encoding` as sent.
    pub content_encoding: Option<String>,
    /// Status codes of interim responses (1xx).
    pub informational: Vec<u16>,
    /// Body bytes after transfer decoding.
    pub wire_body_bytes: u64,
    /// SHA-256 of these bytes in hex; null if bytes are missing.
    pub wire_body_sha256: Option<String>,
    /// Body bytes after content decoding.
    pub decoded_bytes: u64,
    /// SHA-256 of these bytes in hex; null if bytes are missing.
    pub decoded_sha256: Option<String>,
    /// Number of HTTP/1.1 chunks without the last one, or of DATA frames; null for bodies without such units.
    pub chunks: Option<u64>,
    /// Trailer fields; values of equal names are joined with `, `.
    pub trailers: BTreeMap<String, String>,
    /// Framing of the records, found from the bytes.
    pub framing: String,
    /// Dialect; `none` for records of no known dialect; null without records.
    pub dialect: Option<String>,
    /// Variant of the dialect.
    pub variant: Option<String>,
    /// Number of records.
    pub records: u64,
    /// Number of records with text, or with output that has no letters.
    pub content_deltas: u64,
    /// Number of records with reasoning.
    pub reasoning_deltas: u64,
    /// Number of records with parts of tool calls.
    pub tool_deltas: u64,
    /// Text of the choice with the lowest index.
    pub text: Option<String>,
    /// Texts by choice, if there are several.
    pub texts: Option<BTreeMap<String, String>>,
    /// Reasoning text.
    pub reasoning_text: Option<String>,
    /// Arguments of tool calls, by call.
    pub tool_arguments: Option<BTreeMap<String, String>>,
    /// Finish reason of the choice with the lowest index.
    pub finish_reason: Option<String>,
    /// Finish reasons by choice, if there are several.
    pub finish_reasons: Option<BTreeMap<String, String>>,
    /// Token usage as sent.
    pub usage: Option<serde_json::Value>,
    /// The terminator.
    pub terminator: TerminatorSummary,
    /// Error object or error text in the stream.
    pub error_in_stream: Option<String>,
    /// Whether the transfer framing ended properly.
    pub complete: bool,
    /// Who cut it: `client`, `server` or `capture`; null if it is complete.
    pub cut_by: Option<String>,
    /// Models that the answer names, in the order in which they answered; null if it names none.
    pub models: Option<Vec<String>>,
    /// Head fields; only if the command asks for them (`show`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<Vec<Header>>,
}

/// The terminator of a [`ResponseSummary`]; see [`crate::dialect::Terminator`].
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TerminatorSummary {
    /// The terminator that the dialect requires.
    pub expected: Option<String>,
    /// Whether any terminator was received.
    pub seen: bool,
    /// The last terminator that was received.
    pub which: Option<String>,
    /// Whether the dialect's own terminator was received.
    pub own: bool,
    /// Whether it was the last record; false without records.
    pub is_last_record: Option<bool>,
}

/// Counters of the TCP connection; see [`crate::conn::ConnFacts`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs)] // field for field those of ConnFacts
pub struct TcpSummary {
    pub handshake_seen: bool,
    pub retransmitted_segments: u64,
    pub out_of_order_segments: u64,
    pub hole: bool,
    pub client_fin: bool,
    pub server_fin: bool,
    pub client_rst: bool,
    pub server_rst: bool,
    #[serde(rename = "rtt_client_ms", serialize_with = "millis")]
    pub rtt_client: Option<Span>,
    #[serde(rename = "rtt_server_ms", serialize_with = "millis")]
    pub rtt_server: Option<Span>,
}

/// Times in nanoseconds since 1970 UTC, spans in milliseconds; see [`crate::metrics::Metrics`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[allow(missing_docs)] // docs/contract.md (Times) defines each
pub struct Timing {
    pub t_request_start_ns: Option<i64>,
    pub t_request_end_ns: Option<i64>,
    pub t_response_start_ns: Option<i64>,
    pub t_first_body_byte_ns: Option<i64>,
    pub t_first_record_ns: Option<i64>,
    pub t_first_delta_ns: Option<i64>,
    pub t_last_delta_ns: Option<i64>,
    pub t_response_end_ns: Option<i64>,
    #[serde(rename = "ttfb_ms", serialize_with = "millis")]
    pub ttfb: Option<Span>,
    #[serde(rename = "ttft_ms", serialize_with = "millis")]
    pub ttft: Option<Span>,
    #[serde(rename = "ttft_content_ms", serialize_with = "millis")]
    pub ttft_content: Option<Span>,
    #[serde(rename = "itl_p50_ms", serialize_with = "millis")]
    pub itl_p50: Option<Span>,
    #[serde(rename = "itl_p99_ms", serialize_with = "millis")]
    pub itl_p99: Option<Span>,
    #[serde(rename = "itl_max_ms", serialize_with = "millis")]
    pub itl_max: Option<Span>,
    #[serde(rename = "tpot_ms", serialize_with = "millis")]
    pub tpot: Option<Span>,
    #[serde(rename = "duration_ms", serialize_with = "millis")]
    pub duration: Option<Span>,
    pub t_first_reasoning_sign_ns: Option<i64>,
    #[serde(rename = "ttfr_ms", serialize_with = "millis")]
    pub ttfr: Option<Span>,
    #[serde(rename = "load_ms", serialize_with = "millis")]
    pub load: Option<Span>,
    #[serde(rename = "prefill_ms", serialize_with = "millis")]
    pub prefill: Option<Span>,
    #[serde(rename = "first_token_ms", serialize_with = "millis")]
    pub first_token: Option<Span>,
    #[serde(rename = "rpc_answer_ms", serialize_with = "millis")]
    pub rpc_answer: Option<Span>,
    #[serde(rename = "rpc_first_delta_ms", serialize_with = "millis")]
    pub rpc_first_delta: Option<Span>,
}

/// One finding of a [`Summary`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FindingSummary {
    /// Code of the rule, for example `SSE-002`.
    pub rule: String,
    /// Level: the rule's default, unless a policy changed it.
    pub level: Level,
    /// Index of the record from 0, if the finding concerns one.
    pub record: Option<u64>,
    /// Byte offset in the decoded body, if the finding has a place there.
    pub offset: Option<u64>,
    /// What is wrong, one sentence.
    pub message: String,
    /// Number of places in this exchange; the place given here is the first one.
    pub count: u64,
    /// Time at which the fault became visible, ns since 1970 UTC.
    pub t_ns: Option<i64>,
    /// Number of the packet that showed the fault, from 1 as Wireshark counts.
    pub packet: Option<u64>,
    /// Index of the chunk that showed the fault, from 0.
    pub chunk: Option<u64>,
    /// The offending bytes with the bytes around them.
    pub excerpt: Option<Box<Excerpt>>,
    /// What to do about it, one line.
    pub fix: Option<String>,
}

/// One head field as sent; U+FFFD replaces bytes outside UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Header {
    /// Name, in the case in which it was sent.
    pub name: String,
    /// Value without surrounding whitespace.
    pub value: String,
}

impl ResponseSummary {
    /// The value of a head field, if the summary has head fields.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().flatten().find(|h| h.name.eq_ignore_ascii_case(name)).map(|h| h.value.as_str())
    }
}

impl Default for Summary {
    fn default() -> Self {
        let nowhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        Summary {
            id: 0,
            session: 0,
            stream: 0,
            h2_stream: None,
            tls: false,
            sni: None,
            alpn: None,
            client_ip: nowhere,
            client_port: 0,
            server_ip: nowhere,
            server_port: 0,
            http_version: None,
            ech: None,
            request: None,
            response: None,
            websocket: None,
            tcp: None,
            timing: Timing::default(),
            verdict: None,
            verdict_why: Vec::new(),
            delivery: Vec::new(),
            across: Vec::new(),
            findings: Vec::new(),
            suppressed: Vec::new(),
        }
    }
}

impl Summary {
    /// A summary in which every part is present and empty: its JSON shows all fields.
    pub fn template() -> Self {
        let (request, response, tcp) = (Some(Default::default()), Some(Default::default()), Some(Default::default()));
        Summary { request, response, tcp, ..Summary::default() }
    }

    /// Host in the request without its port, else the server's address. Policies match it.
    pub fn host(&self) -> String {
        let authority = self.named().unwrap_or_default();
        let port = format!(":{}", self.server_port);
        match authority.strip_suffix(&port).unwrap_or(authority) {
            "" => self.server_ip.to_string(),
            host => host.to_owned(),
        }
    }

    /// Host and port of the server as in a URL. The port is left out if it is the scheme's default (RFC 9110
    /// section 4.2: http 80, https 443). Reports show it and group by it: several servers on one address stay
    /// separate.
    pub fn authority(&self) -> String {
        let named = self.named().unwrap_or_default();
        let (host, port) = match named.rsplit_once(':').filter(|(host, _)| host.ends_with(']') || !host.contains(':')) {
            Some((host, port)) => (host, port.parse().unwrap_or(self.server_port)),
            None => (named, self.server_port),
        };
        let own =
            if self.request.as_ref().map_or(self.tls, |r| r.scheme.eq_ignore_ascii_case("https")) { 443 } else { 80 };
        match host {
            "" if port == own => self.server_ip.to_string(),
            "" => SocketAddr::new(self.server_ip, port).to_string(),
            host if port == own => host.to_owned(),
            host => format!("{host}:{port}"),
        }
    }

    /// The server's name in the request, else in the TLS handshake. An outer name of Encrypted Client Hello stands for
    /// many servers, so that nothing is grouped by it.
    fn named(&self) -> Option<&str> {
        let own = self.sni.as_deref().filter(|_| self.ech != Some(true));
        self.request.as_ref().and_then(|r| r.authority.as_deref()).or(own)
    }

    /// The model of the request, else the first that the answer names.
    pub fn model(&self) -> Option<&str> {
        let answered = || self.response.as_ref().and_then(|r| r.models.as_ref()?.first());
        self.request.as_ref().and_then(|r| r.model.as_ref()).or_else(answered).map(String::as_str)
    }

    /// The earliest known time, ns since 1970 UTC.
    pub fn begun_ns(&self) -> Option<i64> {
        self.timing.t_request_start_ns.or(self.timing.t_response_start_ns).or(self.timing.t_first_body_byte_ns)
    }
}

#[allow(clippy::ref_option)] // the shape that serde asks for
fn millis<S: Serializer>(span: &Option<Span>, s: S) -> Result<S::Ok, S::Error> {
    span.map(Span::as_millis_f64).serialize(s)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(scheme: &str, authority: Option<&str>, server: &str) -> String {
        let server: SocketAddr = server.parse().unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)));
        let request =
            RequestSummary { scheme: scheme.into(), authority: authority.map(Into::into), ..RequestSummary::default() };
        Summary { server_ip: server.ip(), server_port: server.port(), request: Some(request), ..Summary::template() }
            .authority()
    }

    /// An outer name of Encrypted Client Hello stands for many servers: the address stands for one.
    #[test]
    fn an_outer_name_names_no_server() {
        for (ech, name) in [(None, "sni.example"), (Some(false), "sni.example"), (Some(true), "192.0.2.1")] {
            let ip = [192, 0, 2, 1].into();
            let (tls, sni) = (true, Some("sni.example".to_owned()));
            let s = Summary { server_ip: ip, server_port: 443, tls, sni, ech, ..Summary::default() };
            assert_eq!((s.authority(), s.host()), (name.to_owned(), name.to_owned()), "{ech:?}");
        }
    }

    #[test]
    fn a_port_shows_unless_it_is_the_schemes_own() {
        assert_eq!(at("http", Some("127.0.0.1:18501"), "127.0.0.1:18501"), "127.0.0.1:18501");
        assert_eq!(at("http", Some("api.example"), "192.0.2.1:18502"), "api.example:18502");
        assert_eq!(at("http", Some("api.example:80"), "192.0.2.1:80"), "api.example");
        assert_eq!(at("https", Some("api.example:443"), "192.0.2.1:443"), "api.example");
        assert_eq!(at("https", Some("api.example"), "192.0.2.1:443"), "api.example");
        assert_eq!(at("https", Some("api.example"), "192.0.2.1:80"), "api.example:80");
        assert_eq!(at("http", None, "192.0.2.1:8000"), "192.0.2.1:8000");
        assert_eq!(at("http", None, "192.0.2.1:80"), "192.0.2.1");
        assert_eq!(at("http", None, "[::1]:8000"), "[::1]:8000");
        assert_eq!(at("http", Some("[::1]"), "[::1]:8000"), "[::1]:8000");
        assert_eq!(at("http", Some("[::1]:8000"), "[::1]:8000"), "[::1]:8000");
        // Through a forward proxy the request names the origin server.
        assert_eq!(at("http", Some("api.example:9000"), "192.0.2.1:3128"), "api.example:9000");
    }
}
