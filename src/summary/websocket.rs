//! An exchange that became a WebSocket, as JSON. HTTP ended with the 101, so `response` and `timing` describe a
//! response without a body, and `websocket` describes what followed, with the same fields.

use super::{AnswerSummary, answers};
use super::{RequestSummary, ResponseSummary, Summary, TerminatorSummary, Timing};
use crate::exchange::{Exchange, WebSocket};
use crate::framing::Framing;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

/// SHA-256 of no bytes.
const NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// What a WebSocket adds to a [`Summary`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct WebSocketSummary {
    /// Time at which the response's head was complete, ns since 1970 UTC.
    pub t_open_ns: i64,
    /// Number of messages from the client.
    pub client_messages: u64,
    /// Code of the client's Close frame; 1005 if the frame has no code.
    pub client_close: Option<u16>,
    /// Code of the server's Close frame, likewise.
    pub server_close: Option<u16>,
    /// Bytes that the client sent after its request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_bytes: Option<u64>,
    /// The answers, if their dialect tells them apart.
    #[serde(default)]
    pub answers: Vec<AnswerSummary>,
    /// What the server sent after the 101. Only in JSON; otherwise it is in [`Summary::response`].
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub response: Option<ResponseSummary>,
    /// Times and spans of the conversation; latencies count from the client's message that asked.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub timing: Option<Timing>,
}

impl WebSocketSummary {
    pub(super) fn new(w: &WebSocket, x: &Exchange) -> Self {
        WebSocketSummary {
            t_open_ns: w.opened_at.nanos(),
            client_messages: w.client_messages,
            client_close: w.client_close,
            server_close: w.server_close,
            answers: answers::of(x),
            ..WebSocketSummary::default()
        }
    }
}

impl Serialize for Summary {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match &self.websocket {
            Some(websocket) => Summary::serialize(&told_apart(self, websocket), s),
            None => Summary::serialize(self, s),
        }
    }
}

/// The summary with HTTP in the fields of HTTP and the conversation in `websocket`.
fn told_apart(s: &Summary, websocket: &WebSocketSummary) -> Summary {
    let mut s = s.clone();
    let said = WebSocketSummary {
        client_bytes: s.request.as_ref().map(|r| r.body_bytes),
        response: s.response.clone(),
        timing: Some(s.timing),
        ..websocket.clone()
    };
    s.websocket = Some(Box::new(said));
    s.request = s.request.map(|r| RequestSummary { body_bytes: 0, body_sha256: None, ..r });
    s.response = s.response.map(|r| ResponseSummary {
        status: r.status,
        content_type: r.content_type,
        transfer: r.transfer,
        content_encoding: r.content_encoding,
        informational: r.informational,
        wire_body_sha256: Some(NOTHING.into()),
        decoded_sha256: Some(NOTHING.into()),
        framing: Framing::Empty.as_str().into(),
        terminator: TerminatorSummary { is_last_record: Some(false), ..TerminatorSummary::default() },
        complete: true,
        headers: r.headers,
        ..ResponseSummary::default()
    });
    let (t, end) = (s.timing, websocket.t_open_ns);
    s.timing = Timing {
        t_request_start_ns: t.t_request_start_ns,
        t_request_end_ns: t.t_request_end_ns,
        t_response_start_ns: t.t_response_start_ns,
        t_response_end_ns: Some(end),
        ttfb: t.ttfb,
        duration: t.t_request_end_ns.and_then(|asked| Timestamp(end).elapsed(Timestamp(asked))),
        ..Timing::default()
    };
    s
}
