//! The Model Context Protocol over streamable HTTP (docs/dialects.md a.22), of 2025 (resumable streams) and of
//! 2026-07-28 (without), and the older transport of 2024-11-05: one long stream that a GET opens, which begins with the
//! address for POSTs (`event: endpoint`) and has the responses to all of them.
//!
//! Source: MCP specification, transports. JSON-RPC messages; a POST's stream ends with the response that has the
//! request's id. There are no tokens:
//! what counts is the time to the first message and to the response.

use super::json::{self, Raw, Repair, Text};
use super::payload::{BadPayload, object, unknown};
use super::reader::Reader;
use super::remarks::Remarks;
use super::rpc::{self, Elsewhere};
use super::{Answer, Confidence, Dialect, End, Evidence, Meaning, StreamsBy};
use crate::framing::{Framing, Record};
use crate::oddity::{Kind, excerpt};
use std::collections::BTreeSet;

/// The payload is not JSON; the serde error with its position.
pub const NOT_JSON: Kind = Kind("mcp.not-json");
/// The payload is JSON but no object.
pub const NOT_OBJECT: Kind = Kind("mcp.not-object");
/// Neither a request, a notification nor a response.
pub const UNKNOWN_TYPE: Kind = Kind("mcp.unknown-type");
/// An event with an id and empty data, to begin a stream that can be resumed.
pub const PRIMING: Kind = Kind("mcp.priming");
/// A response whose id is not that of the request.
pub const WRONG_ID: Kind = Kind("mcp.wrong-id");
/// The body ended properly before the response, and no event had an id to resume from.
pub const NO_RESPONSE: Kind = Kind("mcp.no-response");
/// A message after the response.
pub const AFTER_RESPONSE: Kind = Kind("mcp.after-response");
/// `[DONE]`, which this dialect does not have.
pub const FOREIGN_TERMINATOR: Kind = Kind("mcp.foreign-terminator");

/// Requests of one batch that are followed.
const IDS_LIMIT: usize = 256;
/// What ends the stream of a request.
const RESPONSE: &str = "response";

/// `mcp`
pub static DIALECT: Dialect = Dialect {
    name: "mcp",
    content_types: &["text/event-stream", "application/json"],
    generates: false,
    end: End::Terminator(RESPONSE),
    streams_by: StreamsBy::Server,
    crlf: true,
    profile: Some("mcp"),
    fields: &["mcp-session-id", "mcp-protocol-version", "mcp-method"],
    paths: |_, path| path.ends_with("/mcp"),
    shape: |evidence, shape| match () {
        () if is_endpoint(evidence.record) && evidence.framing == Framing::Sse => Confidence::Likely,
        () if !shape.has("jsonrpc") => Confidence::No,
        () if evidence.framing == Framing::Sse || asks_for_both(evidence) => Confidence::Likely,
        // JSON-RPC is spoken by many others
        () => Confidence::No,
    },
    reader: |evidence| {
        let ids = ids(evidence.request_body);
        let document = evidence.framing == Framing::Json;
        let connection = rpc::connection_of(evidence);
        Box::new(Mcp { document, known: !ids.is_empty(), ids, connection, ..Mcp::default() })
    },
    ..Dialect::USUAL
};

/// The first event of the older transport: its data is the address for POSTs, not JSON.
fn is_endpoint(record: &Record<'_>) -> bool {
    record.event == "endpoint" && (record.data.starts_with(b"/") || record.data.starts_with(b"http"))
}

/// The request's `Accept` lists both types, as the specification demands of clients.
fn asks_for_both(evidence: &Evidence<'_>) -> bool {
    let accept = evidence.request.and_then(|r| r.fields.text("accept")).unwrap_or_default();
    accept.contains("application/json") && accept.contains("text/event-stream")
}

/// One JSON-RPC message.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    id: Raw<'a>,
    #[serde(borrow)]
    method: Text<'a>,
    #[serde(borrow)]
    result: Raw<'a>,
    #[serde(borrow)]
    error: Raw<'a>,
}

/// The ids (as JSON text) of the requests in this body: of one message, or of a batch (until 2025-06-18).
fn ids(body: &[u8]) -> BTreeSet<String> {
    let Ok(text) = std::str::from_utf8(body) else { return BTreeSet::new() };
    let mut repair = Repair::default();
    let one = json::parse::<Message<'_>>(text, &mut repair).map(|m| vec![m]);
    let messages = one.or_else(|_| serde_json::from_str::<Vec<Message<'_>>>(text)).unwrap_or_default();
    let requests = messages.iter().filter(|m| m.method.present()).filter_map(|m| m.id.json());
    requests.take(IDS_LIMIT).map(str::to_owned).collect()
}

/// Reads messages.
#[derive(Debug, Default)]
struct Mcp {
    document: bool,
    /// Ids of requests without a response.
    ids: BTreeSet<String>,
    /// The request was seen, and asks for something.
    known: bool,
    /// Events have ids: the server may close and the client come back.
    resumable: bool,
    /// Every request has its response.
    answered: bool,
    /// Hash of the session's id.
    connection: Option<u64>,
}

impl Mcp {
    fn message(
        &mut self,
        message: &Message<'_>,
        record: &Record<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        remarks.note_if(self.answered, AFTER_RESPONSE, || excerpt(record.data));
        if message.method.present() {
            return Meaning::default();
        }
        if message.result.json().is_none() && message.error.json().is_none() {
            return unknown(record, answer, remarks, UNKNOWN_TYPE);
        }
        let mut meaning = Meaning::default();
        let id = message.id.json().unwrap_or("null");
        let mine = self.ids.remove(id);
        remarks.note_if(self.known && !mine && !self.answered, WRONG_ID, || excerpt(id.as_bytes()));
        match (mine, self.connection) {
            (true, _) => answer.rpc_answered = Some(record.at),
            // A stream that a GET opened has responses to the requests of other exchanges.
            (false, Some(connection)) if !self.known => {
                let key = rpc::key(connection, id);
                answer.answers_elsewhere(Elsewhere { key, at: record.at, first_delta: None });
            }
            (false, _) => {}
        }
        if let Some(error) = message.error.told() {
            answer.fail(&error);
            meaning.error = true;
        }
        if self.known && self.ids.is_empty() && !self.answered {
            self.answered = true;
            if !self.document {
                answer.terminator.saw(RESPONSE, true);
                meaning.terminator = true;
            }
        }
        meaning
    }
}

const BAD_PAYLOAD: BadPayload =
    BadPayload { not_json: NOT_JSON, not_object: NOT_OBJECT, foreign_done: Some(FOREIGN_TERMINATOR) };

impl Reader for Mcp {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        self.resumable |= !record.id.is_empty();
        if is_endpoint(record) {
            return Meaning::default();
        }
        if record.data.is_empty() {
            remarks.note_if(!record.id.is_empty(), PRIMING, || format!("id {}", excerpt(record.id.as_bytes())));
            return Meaning::default();
        }
        object(record, answer, remarks, BAD_PAYLOAD, |text, repair, answer, remarks| {
            if text.trim_start().starts_with('[')
                && let Ok(batch) = serde_json::from_str::<Vec<Message<'_>>>(text)
            {
                return Ok(batch.iter().fold(Meaning::default(), |all, message| {
                    let meaning = self.message(message, record, answer, remarks);
                    Meaning { terminator: all.terminator | meaning.terminator, error: all.error | meaning.error, ..all }
                }));
            }
            Ok(self.message(&json::parse::<Message<'_>>(text, repair)?, record, answer, remarks))
        })
    }

    fn end(&self) -> Option<End> {
        // If the request was not captured, what it waits for is unknown.
        (!self.known).then_some(End::Body)
    }

    fn finish(&mut self, complete: bool, answer: &mut Answer, remarks: &mut Remarks<'_>) {
        // A stream whose events have ids may end before the response: the client comes back for it.
        if self.resumable {
            answer.end = End::Body;
        }
        let missing = complete && self.known && !self.answered && !self.resumable && !self.document;
        remarks.note_if(missing, NO_RESPONSE, || format!("id {}", self.ids.iter().next().map_or("", String::as_str)));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{chosen, evidence, head, read_asked, record};
    use super::super::{Confidence, choose};
    use super::*;

    const REQUEST: &[u8] = br#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"f"}}"#;
    const PROGRESS: &str = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}"#;
    const RESULT: &str = r#"{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"Hi"}]}}"#;

    #[test]
    fn the_response_with_the_requests_id_ends_the_stream() {
        let read = read_asked(&DIALECT, Framing::Sse, REQUEST, &[("message", PROGRESS), ("message", RESULT)]);
        let t = &read.answer.terminator;
        assert_eq!(
            (t.expected, t.own, t.is_last_record, read.answer.content_deltas),
            (Some("response"), true, Some(true), 0)
        );
        assert!(read.kinds().is_empty());
        for (events, kinds) in [
            (vec![PROGRESS], vec!["mcp.no-response"]),
            (vec![RESULT, PROGRESS], vec!["mcp.after-response"]),
            (vec![r#"{"jsonrpc":"2.0","id":"7","result":{}}"#], vec!["mcp.no-response", "mcp.wrong-id"]),
            (
                vec!["{", "7", "{}", "[DONE]", RESULT],
                vec!["mcp.foreign-terminator", "mcp.not-json", "mcp.not-object", "mcp.unknown-type"],
            ),
        ] {
            let named: Vec<_> = events.iter().map(|e| ("message", *e)).collect();
            assert_eq!(read_asked(&DIALECT, Framing::Sse, REQUEST, &named).kinds(), kinds, "{events:?}");
        }
    }

    #[test]
    fn the_older_transport_begins_with_an_address() {
        for address in ["/messages?sessionId=1", "http://127.0.0.1:3000/messages"] {
            let first = Record { event: "endpoint", ..record(0, address) };
            let chosen = choose(&Evidence { method: Some("GET"), ..evidence("/sse", &first) });
            assert_eq!(chosen.map(|(dialect, sure, _)| (dialect.name, sure)), Some(("mcp", Confidence::Likely)));
            let read = read_asked(&DIALECT, Framing::Sse, b"", &[("endpoint", address), ("message", RESULT)]);
            assert_eq!((read.kinds(), read.answer.terminator.expected), (vec![], None));
        }
    }

    #[test]
    fn without_the_request_nothing_is_missed() {
        let read = read_asked(&DIALECT, Framing::Sse, b"", &[("message", PROGRESS)]);
        assert_eq!((read.answer.terminator.expected, read.kinds().len()), (None, 0));
    }

    #[test]
    fn batches_and_errors() {
        let asked = br#"[{"jsonrpc":"2.0","id":1,"method":"a"},{"jsonrpc":"2.0","method":"note"},{"jsonrpc":"2.0","id":"x","method":"b"}]"#;
        let both = r#"[{"jsonrpc":"2.0","id":1,"result":{}},{"jsonrpc":"2.0","id":"x","error":{"code":-32601,"message":"no"}}]"#;
        let read = read_asked(&DIALECT, Framing::Sse, asked, &[("", both)]);
        assert!(read.answer.terminator.own && read.answer.error.is_some_and(|e| e.contains("-32601")));
    }

    #[test]
    fn recognised_by_header_or_path_and_not_by_json_rpc_alone() {
        assert_eq!(chosen("/mcp", Framing::Sse, ""), Some("mcp"));
        assert_eq!(chosen("/x", Framing::Sse, RESULT), Some("mcp"));
        assert_eq!(chosen("/eth", Framing::Json, r#"{"jsonrpc":"2.0","id":1,"result":"0x1"}"#), None);
        let (record, head) = (record(0, RESULT), head(&[("Mcp-Session-Id", "s")]));
        let got = choose(&Evidence { response: Some(&head), ..evidence("/rpc", &record) });
        let got = got.map(|(dialect, sure, why)| (dialect.name, sure, why));
        assert_eq!(got, Some(("mcp", Confidence::Certain, "header mcp-session-id, keys id, jsonrpc, result".into())));
    }
}
