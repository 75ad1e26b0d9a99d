//! What was promised as the end of an answer: by its dialect, its declared type, and the request.

use super::facts::{marked, succeeded};
use crate::dialect::End;
use crate::exchange::{Exchange, Response, WebSocket};
use crate::framing::Framing;
use crate::http::event::Transfer;

/// The media type of server-sent events.
pub(super) const EVENT_STREAM: &str = "text/event-stream";

/// The strongest promise about the end of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// Only a body: its end is the answer's end.
    Nothing,
    /// Something: the request asks for a stream, or the answer declares an event stream. Blank space and comments are
    /// none of it.
    Answer,
    /// A JSON document: the head declares one.
    Document,
    /// A status in the trailers or in the last frame: calls of gRPC.
    Status,
    /// The dialect marks the end in its records.
    Marked(End),
}

impl Promise {
    /// The promise of this response.
    pub fn of(x: &Exchange, r: &Response) -> Promise {
        let status = r.head.as_ref().map(|h| h.status);
        // A refusal is no answer.
        if let Some(socket) = &x.websocket {
            return conversation(socket, r);
        }
        if !succeeded(status) {
            return Promise::Nothing;
        }
        if let Some(end) = marked(r) {
            return Promise::Marked(end);
        }
        if r.framing == Framing::Grpc {
            return Promise::Status;
        }
        // 202, 204 and 205 have no content to speak of (RFC 9110 section 15.3), unless a stream came.
        if matches!(status, Some(202 | 204 | 205)) {
            return Promise::Nothing;
        }
        let declared = declared(r);
        let request = x.request.as_ref();
        // A GET for an event stream subscribes: it has no last event, and may have none. HEAD asks for no body.
        let posted = request.is_none_or(|q| q.head.asks_with_body());
        let bodiless = r.head.as_ref().is_some_and(|h| h.transfer == Transfer::None);
        let asks = request.is_some_and(|q| q.stream == Some(true));
        if bodiless {
            Promise::Nothing
        } else if posted && (declared == EVENT_STREAM || asks) {
            Promise::Answer
        } else if is_json(&declared) && (r.body.wire_bytes > 0 || request.is_some_and(|q| q.model.is_some())) {
            Promise::Document
        } else {
            Promise::Nothing
        }
    }
}

/// Each answer of a conversation has an end of its own. Where none was asked for, and none came, none is due.
fn conversation(socket: &WebSocket, r: &Response) -> Promise {
    match r.answer.turns.is_empty() {
        true if socket.asks.is_empty() && r.deltas.is_empty() => Promise::Nothing,
        true => marked(r).map_or(Promise::Nothing, Promise::Marked),
        false => Promise::Marked(r.answer.end),
    }
}

/// The declared media type, without parameters, in lower case.
pub(super) fn declared(r: &Response) -> String {
    let value = r.head.as_ref().and_then(|h| h.fields.text("content-type")).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn is_json(declared: &str) -> bool {
    declared == "application/json" || declared.ends_with("+json")
}
