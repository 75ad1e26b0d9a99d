//! Rules about MCP over streamable HTTP.

use crate::conformance::case::many;
use crate::conformance::{Case, Finding, Level, Rule};
use crate::dialect::{mcp, rpc};
use crate::http::event::{Known, MessageEnd};

use super::http::essence;

/// The rules of this family, in the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[&MCP_001, &MCP_002, &MCP_003, &MCP_004, &MCP_005];

/// The answer comes.
pub static MCP_001: Rule = Rule {
    code: "MCP-001",
    name: "missing-json-rpc-response",
    level: Level::Error,
    summary: "A request's stream ends with the JSON-RPC response that has its id, with nothing after it",
    why: "The client waits for that id until its timeout and drops everything else. An id of another type (\"7\" for \
        7) is another id. A server that gave its events ids may close before the response (2025-11-25): the client \
        comes back with Last-Event-ID. The rule does not apply to that.",
    source: "MCP specification 2025-11-25, transports: sending messages to the server; JSON-RPC 2.0 section 5",
    breaks: &["mcp python-sdk", "mcp typescript-sdk", "every client that waits"],
    fix: "Copy the id as it came, send the response on the stream of its request, then end the body.",
    bad: &["good-call; progress; last", r#"good-call; result "7"; last"#, "good-call; result 7; progress; last"],
    good: &[
        "good-call; progress; result 7; last",
        r#"good-call; <chunk id: 1\ndata:\n\n
           <chunk retry: 500\n\n
           last"#,
        "good-call; progress; !rst >",
    ],
    // A client that gives up in the middle is reported as info; an event with an empty data field is allowed in MCP
    // only.
    also: &[("DLV-010", Level::Info), ("MCP-003", Level::Info)],
    silenced_by: &["HTTP-006", "HTTP-007", "SSE-001"],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = case.stream_of(&mcp::DIALECT) else { return };
        case.tell(mcp::WRONG_ID, None, push, |odd, _| format!("a response without a request: id {}", odd.found));
        case.tell(mcp::AFTER_RESPONSE, None, push, |odd, n| {
            format!("{} after the response: {}", many(n, "message", "messages"), odd.found)
        });
        if response.end == MessageEnd::Complete {
            case.tell(mcp::NO_RESPONSE, None, push, |odd, _| {
                format!("the stream ends without the response ({})", odd.found)
            });
        }
    },
    ..Rule::DEFAULT
};

/// Both sides agree on what may come.
pub static MCP_002: Rule = Rule {
    code: "MCP-002",
    name: "mcp-content-negotiation",
    level: Level::Warning,
    summary: "The client accepts `application/json` and `text/event-stream`, and the answer is one of them",
    why: "The server chooses between the two with each request, so a client must list both, and servers refuse those \
        that do not (406). An answer of another type makes the Python SDK raise.",
    source: "MCP specification 2025-11-25, transports: sending messages to the server",
    breaks: &["mcp python-sdk", "strict servers"],
    fix: "Send `Accept: application/json, text/event-stream` with every POST; answer with exactly one of these types.",
    bad: &[
        "tools; > Accept: application/json
         call-f; result 7; last",
        r#"> POST /mcp HTTP/1.1
           > Host: api.example
           > Accept: application/json, text/event-stream
           >json {"jsonrpc":"2.0","id":7,"method":"ping"}
           wait 50ms; < HTTP/1.1 200 OK
           < Content-Type: text/plain
           < Content-Length: 36
           <
           <| {"jsonrpc":"2.0","id":7,"result":{}}"#,
    ],
    good: &["good-call; result 7; last"],
    needs_all_bytes: false,
    check: |case, push| {
        for message in negotiation(case).into_iter().flatten() {
            push(Finding::new(message));
        }
    },
    ..Rule::DEFAULT
};

/// MCP allows an event with empty data, which fails elsewhere.
pub static MCP_003: Rule = Rule {
    code: "MCP-003",
    name: "mcp-priming-event",
    level: Level::Info,
    summary: "An event with an id and empty data is allowed at the start, but only for clients that expect it",
    why: "A server of 2025-11-25 opens its stream with such an event so that the client can come back. It is still \
        an event: a client that hands every event's data to its JSON parser raises. From version 2026-07-28 on \
        streams can't be resumed, and the event is gone.",
    source: "MCP specification 2025-11-25, transports: the server SHOULD send an event with an id and an empty data \
        field",
    breaks: &["clients that parse every event"],
    fix: "Clients: skip events with empty data and keep their id. Servers of 2026-07-28: leave it out.",
    bad: &[r#"good-call; <chunk id: 1\ndata:\n\n
           result 7; last"#],
    good: &["good-call; result 7; last"],
    needs_all_bytes: false,
    check: |case, push| {
        if case.stream_of(&mcp::DIALECT).is_some() {
            case.tell(mcp::PRIMING, None, push, |odd, _| {
                format!("an event with empty data, {}, primes the stream", odd.found)
            });
        }
    },
    ..Rule::DEFAULT
};

/// A notification is accepted, not answered.
pub static MCP_004: Rule = Rule {
    code: "MCP-004",
    name: "answered-notification",
    level: Level::Warning,
    summary: "A POST of a notification is answered with status 202 and no body",
    why: "No response is due to a notification. With another status of success clients go to read a response or a \
        stream: some raise because the type is missing, others wait for events that never come.",
    source: "MCP specification 2025-11-25, transports: sending messages to the server, step 4",
    breaks: &["mcp python-sdk", "clients that read every answer"],
    fix: "Answer 202 with an empty body as soon as the notification is accepted.",
    bad: &[r#"tools; > Accept: application/json, text/event-stream
         >json {"jsonrpc":"2.0","method":"notifications/initialized"}
         wait 5ms; < HTTP/1.1 200 OK
         <json {"jsonrpc":"2.0","id":null,"result":{}}"#],
    good: &[
        "good-call; result 7; last",
        r#"tools; > Accept: application/json, text/event-stream
           >json {"jsonrpc":"2.0","method":"notifications/initialized"}
           wait 5ms; < HTTP/1.1 202 Accepted
           < Content-Length: 0
           <"#,
    ],
    needs_all_bytes: false,
    check: |case, push| {
        let notifies = case.exchange.request.as_ref().and_then(|r| r.asked).is_some_and(|asked| asked.notifies);
        let head = case.response().and_then(|r| r.head.as_ref());
        if let Some(head) = head.filter(|h| notifies && (200..300).contains(&h.status) && h.status != 202) {
            push(Finding {
                at: Some(head.first_at),
                ..Finding::new(format!("a notification was answered with status {}, not 202", head.status))
            });
        }
    },
    ..Rule::DEFAULT
};

/// What stands in the head is what stands in the body.
pub static MCP_005: Rule = Rule {
    code: "MCP-005",
    name: "mcp-header-mismatch",
    level: Level::Error,
    summary: "From version 2026-07-28 on `Mcp-Method`, `Mcp-Name` and `MCP-Protocol-Version` say what the body says",
    why: "Gateways route, count and allow by these fields and never read the body. If the two differ, the gateway has \
        allowed something else than what runs. A server has to refuse such a request with status 400 and error \
        -32020, also if a field is missing or comes twice.",
    source: "MCP specification 2026-07-28, streamable HTTP: request metadata headers, server validation; python-sdk \
        2.3.0 (mcp/shared/inbound.py)",
    breaks: &["mcp python-sdk", "mcp typescript-sdk", "gateways that route by header"],
    fix: "Write the fields from the body that is sent: `Mcp-Method` for every request, `Mcp-Name` for tools/call and \
        prompts/get (`params.name`) and resources/read (`params.uri`). What is not printable ASCII is sent as \
        `=?base64?…?=`.",
    bad: &[
        "tools-2026
         > Mcp-Method: tools/list
         > Mcp-Name: f
         call-f; result 7; last",
        "tools-2026
         > Mcp-Method: tools/call
         > Mcp-Name: =?base64?Zw==?=
         call-f; result 7; last",
        "tools-2026
         > X: y
         > Mcp-Name: f
         call-f; result 7; last",
        "tools-2026
         > Mcp-Method: tools/call
         > Mcp-Method: tools/call
         call-f; result 7; last",
    ],
    good: &[
        "good-call-2026; result 7; last",
        "tools-2026
         > Mcp-Method: tools/call
         > Mcp-Name: =?base64?Zg==?=
         call-f; result 7; last",
        // Earlier versions have no such fields.
        "tools; > Accept: application/json, text/event-stream
         > MCP-Protocol-Version: 2025-11-25
         > Mcp-Method: tools/list
         call-f; result 7; last",
        // A server that is silent for long decides late for events, and a client that closes has cancelled.
        "call-f-2026; wait 15s; events-now; wait 1s; result 7; last",
        "good-call-2026; progress; !fin >",
    ],
    needs_all_bytes: false,
    check: |case, push| case.tell(rpc::FIELDS_DISAGREE, None, push, |odd, _| odd.found.clone().into_owned()),
    ..Rule::DEFAULT
};

/// Messages about what is wrong with `Accept`, and with the answer's type.
fn negotiation(case: &Case<'_>) -> [Option<String>; 2] {
    let (Some(request), Some(response)) = (&case.exchange.request, case.response()) else { return [None, None] };
    if response.dialect != Some(mcp::DIALECT.name) || request.head.method != "POST" {
        return [None, None];
    }
    let accept = request
        .head
        .fields
        .all("accept")
        .map(String::from_utf8_lossy)
        .collect::<Vec<_>>()
        .join(", ")
        .to_ascii_lowercase();
    let read = request.head.fields.known("accept") != Known::Unread;
    let lacks = ["application/json", "text/event-stream"]
        .into_iter()
        .find(|kind| read && !accept.contains(kind) && !accept.contains("*/*"));
    let essence = response.head.as_ref().filter(|h| h.status == 200).and_then(essence);
    [
        lacks.map(|kind| format!("the request does not accept {kind}")),
        essence
            .filter(|t| !matches!(t.as_str(), "application/json" | "text/event-stream"))
            .map(|t| format!("the answer is {t}, neither application/json nor text/event-stream")),
    ]
}
