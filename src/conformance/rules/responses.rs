//! Rules about OpenAI Responses streams.

use crate::conformance::case::many;
use crate::conformance::{Case, Finding, Level, Rule};
use crate::dialect::openai_responses::{self, kinds};
use crate::exchange::Response;
use crate::http::event::MessageEnd;

/// The rules of this family, in the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[
    &OAI_RESP_001,
    &OAI_RESP_002,
    &OAI_RESP_003,
    &OAI_RESP_004,
    &OAI_RESP_005,
    &OAI_RESP_006,
    &OAI_RESP_007,
    &OAI_RESP_008,
    &OAI_RESP_009,
    &OAI_RESP_010,
    &OAI_RESP_011,
];

/// One event says how it ended.
pub static OAI_RESP_001: Rule = Rule {
    code: "OAI-RESP-001",
    name: "missing-terminal-event",
    level: Level::Error,
    summary: "The stream ends with `response.completed`, `response.incomplete`, `response.failed` or `error`, with \
        nothing after it",
    why: "Usage, status and the whole output come with that event, and it is the only sign that the answer is whole: \
        the API has no `[DONE]`. Codex CLI says \"stream closed before response.completed\" and retries, \
        openai-python's helper raises, openai-node's returns a response that is still in progress.",
    source: "OpenAI OpenAPI document, ResponseStreamEvent; relays' issues ccLoad 59, CLIProxyAPI 1407, tingly-box 1384",
    breaks: &["Codex CLI", "openai-python helper", "openai-node helper"],
    fix: "Relays: pass the last event on before closing, and turn an upstream that breaks off into `response.failed`.",
    bad: &[
        "responses; text-of-response; last",
        "responses; text-of-response; completed Hi
         text-delta; last",
    ],
    good: &[
        "good-responses",
        r#"responses; created; numbered error 1 "code":"server_error","message":"overloaded","param":null
           last"#,
        "responses; created; item-added 1; part-added; text-delta; !rst >",
    ],
    // A client that gives up in the middle is reported as info.
    also: &[("DLV-010", Level::Info)],
    silenced_by: &["HTTP-006", "HTTP-007", "SSE-001"],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = stream(case) else { return };
        case.tell(kinds::AFTER_TERMINAL, None, push, |odd, n| {
            format!("{} after the terminal event: {}", many(n, "event", "events"), odd.found)
        });
        if response.end == MessageEnd::Complete {
            case.tell(kinds::NO_TERMINAL, None, push, |_, _| {
                "the stream ends without response.completed, response.incomplete, response.failed or error".into()
            });
        }
    },
    ..Rule::DEFAULT
};

/// It opens with the response.
pub static OAI_RESP_002: Rule = Rule {
    code: "OAI-RESP-002",
    name: "missing-response-created",
    level: Level::Error,
    summary: "The first event is `response.created`",
    why: "Helpers build the response from the object in that event and raise if anything else comes first. A stream \
        that is resumed with `starting_after` begins in the middle; the rule does not apply to it.",
    source: "OpenAI API reference, response.created: emitted when a response is created; openai-python and \
        openai-node stream helpers, tested",
    breaks: &["openai-python helper", "openai-node helper"],
    fix: "Send response.created with the response's id, status and an empty output before anything else, keep-alive \
        events included.",
    bad: &["responses; item-added 0; completed Hi
         last"],
    good: &[
        "good-responses",
        "get /v1/responses/resp_67c9fdcecf488190?stream=true&starting_after=2; wait 50ms; events-now
         text-delta; text-done; part-done; item-done; completed Hi
         last",
    ],
    needs_all_bytes: true,
    check: |case, push| {
        tell(case, &[kinds::NO_CREATED], push, |found, _| {
            format!("the stream does not begin with response.created: {found}")
        })
    },
    ..Rule::DEFAULT
};

/// Each payload says what it is.
pub static OAI_RESP_003: Rule = Rule {
    code: "OAI-RESP-003",
    name: "event-without-type",
    level: Level::Error,
    summary: "Every payload has its `type`",
    why: "Clients tell events apart by `type` in the JSON. They read the SSE event line for errors at most. Without \
        `type` every tested client yields nothing or raises.",
    source: "OpenAI OpenAPI document, ResponseStreamEvent: discriminator `type`",
    breaks: &["openai-python", "openai-node", "ai-sdk", "Codex CLI"],
    fix: "Write the event's name into the JSON as `type`, even where an `event:` line has it.",
    bad: &[r#"responses; created
           <chunk event: response.in_progress\ndata: {"sequence_number":1,"response":{"id":"resp_67c9fdcecf488190","output":[]}}\n\n
           <chunk event: response.completed\ndata: {"type":"response.completed","sequence_number":2,"response":{"id":"resp_67c9fdcecf488190","status":"completed","output":[]}}\n\n
           last"#],
    good: &["good-responses"],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, &[kinds::NO_TYPE], push, |_, n| format!("{} without `type`", many(n, "event", "events")))
    },
    ..Rule::DEFAULT
};

/// Sequence numbers grow by one.
pub static OAI_RESP_004: Rule = Rule {
    code: "OAI-RESP-004",
    name: "sequence-number-gap",
    level: Level::Warning,
    summary: "`sequence_number` starts at 0 and grows by one with each event",
    why: "A client that lost its connection asks for the events after the last number it has (`starting_after`). If \
        numbers are missing or repeated it can't tell a lost event from one that never existed, and gets text twice \
        or not at all.",
    source: "OpenAI OpenAPI document, ResponseStreamEvent: sequence_number; API reference, starting_after",
    breaks: &["clients that resume", "background mode"],
    fix: "Count events where they are written, after every filter; a relay that adds or drops events must number them \
        again.",
    bad: &[
        "responses; created; part-added; completed Hi
         last",
        r#"responses
           <chunk event: response.created\ndata: {"type":"response.created","response":{"id":"resp_67c9fdcecf488190","output":[]}}\n\n
           completed Hi
           last"#,
    ],
    good: &["good-responses"],
    silenced_by: &["OAI-RESP-003"],
    needs_all_bytes: true,
    check: |case, push| {
        tell(case, &[kinds::SEQUENCE_GAP], push, |found, n| {
            format!("{} out of sequence: {found}", many(n, "number", "numbers"))
        });
        tell(case, &[kinds::NO_SEQUENCE_NUMBER], push, |_, n| {
            format!("{} without sequence_number", many(n, "event", "events"))
        });
    },
    ..Rule::DEFAULT
};

/// Items and parts are announced before their deltas.
pub static OAI_RESP_005: Rule = Rule {
    code: "OAI-RESP-005",
    name: "delta-without-item",
    level: Level::Error,
    summary: "A delta belongs to an item, and its text to a part, that was added before and is not done",
    why: "Helpers keep the output as a list and add a delta to `output[output_index].content[content_index]`. \
        Without output_item.added and content_part.added that place does not exist: IndexError in Python, TypeError \
        in JavaScript, and the AI SDK drops the text. Over a WebSocket these events are not due, and nothing is \
        missed.",
    source: "OpenAI API reference, streaming events: response.output_item.added, response.content_part.added",
    breaks: &["openai-python helper", "openai-node helper", "ai-sdk"],
    fix: "Send response.output_item.added and, for text, response.content_part.added before the first delta.",
    bad: &[
        "responses; created; loose-delta 1; last",
        "responses; created; item-added 1; loose-delta 2; last",
        // The text was done, and goes on.
        r#"responses; created; item-added 1; part-added; text-delta
           numbered response.output_text.done 4 "output_index":0,"content_index":0,"text":"Hi"
           numbered response.output_text.delta 5 "output_index":0,"content_index":0,"delta":"!"
           completed Hi!
           last"#,
    ],
    good: &["good-responses"],
    silenced_by: &["OAI-RESP-003"],
    needs_all_bytes: true,
    check: |case, push| {
        tell(case, &[kinds::DELTA_WITHOUT_ITEM, kinds::DELTA_WITHOUT_PART], push, |found, n| {
            format!("{} for an item or part that was not added: {found}", many(n, "delta", "deltas"))
        });
        tell(case, &[kinds::DELTA_AFTER_DONE], push, |found, n| {
            format!("{} after the done event of the same item or part: {found}", many(n, "delta", "deltas"))
        });
    },
    ..Rule::DEFAULT
};

/// The whole is the sum of its parts.
pub static OAI_RESP_006: Rule = Rule {
    code: "OAI-RESP-006",
    name: "done-differs-from-deltas",
    level: Level::Warning,
    summary: "What `.done` events and the final output say equals the joined deltas",
    why: "Some clients show the deltas and keep the final object. If the two differ, the answer that the user read \
        is not the one that is stored and sent back with the next question.",
    source: "OpenAI API reference, streaming events: response.output_text.done, \
        response.function_call_arguments.done, response.completed",
    breaks: &["conversation stores", "agents"],
    fix: "Build the final output from the same buffer that the deltas are cut from.",
    bad: &[
        "responses; text-of-response; completed Hello
         last",
        r#"responses; created; item-added 1; part-added; text-delta
           numbered response.output_text.done 4 "output_index":0,"content_index":0,"text":"Hi!"
           completed Hi
           last"#,
        // Text came, and the final response has none of it.
        r#"responses; text-of-response
           numbered response.completed 7 "response":{$response,"status":"completed","model":"m","output":null,$usage}
           last"#,
        r#"responses; text-of-response
           numbered response.completed 7 "response":{$response,"status":"completed","model":"m","output":[],$usage}
           last"#,
        r#"responses; text-of-response
           numbered response.incomplete 7 "response":{$response,"status":"incomplete","model":"m","output":"",$usage}
           last"#,
    ],
    good: &[
        "good-responses",
        // A response that failed need not have what came before.
        r#"responses; text-of-response
           numbered response.failed 7 "response":{$response,"status":"failed","output":[],"error":{"code":"server_error"}}
           last"#,
    ],
    silenced_by: &["OAI-RESP-003"],
    needs_all_bytes: true,
    check: |case, push| {
        tell(case, &[kinds::DONE_DIFFERS, kinds::OUTPUT_DIFFERS], push, |found, _| {
            format!("not equal to the joined deltas: {found}")
        });
    },
    ..Rule::DEFAULT
};

/// No terminator of another API.
pub static OAI_RESP_007: Rule = Rule {
    code: "OAI-RESP-007",
    name: "done-on-responses",
    level: Level::Info,
    summary: "No `[DONE]`: the terminal event is the end",
    why: "`[DONE]` belongs to chat completions; gateways add it to everything. Tested clients tolerate it; one that \
        parses every payload as JSON does not.",
    source: "OpenAI OpenAPI document, ResponseStreamEvent, which has no such event; seen from LiteLLM 1.106",
    breaks: &["clients that parse every payload"],
    fix: "End the body after response.completed.",
    bad: &["responses; text-of-response; completed Hi
         done; last"],
    good: &["good-responses"],
    needs_all_bytes: false,
    check: |case, push| tell(case, &[kinds::FOREIGN_TERMINATOR], push, |_, _| "`[DONE]` in a Responses stream".into()),
    ..Rule::DEFAULT
};

/// The terminal event and the status in it agree.
pub static OAI_RESP_008: Rule = Rule {
    code: "OAI-RESP-008",
    name: "status-contradicts-event",
    level: Level::Warning,
    summary: "The terminal event and the status of its response agree: `response.completed` with `completed`",
    why: "Some clients decide by the event, others by the status. An answer that was cut at max_output_tokens and \
        comes under response.completed is whole for the first and incomplete for the second.",
    source: "OpenAI API reference, streaming events: response.completed, response.incomplete; Response: status",
    breaks: &["agents that look at the event", "clients that look at the status"],
    fix: "Choose the event by the status: incomplete makes response.incomplete, failed makes response.failed.",
    bad: &[r#"responses; text-of-response
           numbered response.completed 7 "response":{$response,"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[$message-of"text":"Hi"}]}],$usage}
           last"#],
    good: &["good-responses"],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, &[kinds::STATUS_DIFFERS], push, |found, _| {
            format!("event and status contradict each other: {found}")
        });
    },
    ..Rule::DEFAULT
};

/// Nothing of an answer that the client gave up comes as the next one.
pub static OAI_RESP_009: Rule = Rule {
    code: "OAI-RESP-009",
    name: "abandoned-response-goes-on",
    level: Level::Warning,
    summary: "Over a WebSocket, no answer goes on after the client asked for another in the same lane without building \
        on it",
    why: "The events of one lane come one after another, and deltas do not name their response. A client that gave \
        an answer up and asks again on the same connection reads the rest of the old answer, and its terminal event, \
        as the new one: wrong text, and an answer that ends before it began.",
    source: "openai-python 3.57.0, ResponsesServerEvent: stream_id; stippi/code-assistant issue 200",
    breaks: &["clients that give an answer up and keep the connection"],
    fix: "Clients: read the old answer to its end, use another stream_id, or close the connection; compare the \
        response's id. Servers: stop an answer when its lane is asked again.",
    bad: &["responses-socket; created-frame; wait 20ms; ask-frame; wait 20ms; text-frame; wait 20ms; completed-frame"],
    good: &[
        "responses-socket; created-frame; text-frame; completed-frame; wait 20ms; ask-frame",
        // It builds on the answer that goes on.
        "responses-socket; created-frame; wait 20ms; ask-next-frame; wait 20ms; text-frame; completed-frame",
    ],
    needs_all_bytes: true,
    check: |case, push| {
        tell(case, &[kinds::ABANDONED_GOES_ON], push, |found, n| {
            format!("{} of an answer that the client had given up: {found}", many(n, "event", "events"))
        });
    },
    ..Rule::DEFAULT
};

/// What was begun is done.
pub static OAI_RESP_010: Rule = Rule {
    code: "OAI-RESP-010",
    name: "item-not-done",
    level: Level::Warning,
    summary: "Items, parts and texts are closed by their `.done` events before `response.completed`",
    why: "Agents take a message or a call when its item is done: Codex CLI keeps what response.output_item.done has, \
        and shows nothing without it. Interfaces wait for the end of a part to format it.",
    source: "OpenAI API reference, streaming events: response.output_text.done, response.content_part.done, \
        response.output_item.done; opencode-llm-proxy issue 48, agentgateway pull request 2281",
    breaks: &["Codex CLI", "agents that act at output_item.done"],
    fix: "After the last delta send output_text.done, content_part.done and output_item.done, each with the whole \
        content.",
    bad: &[
        "responses; created; item-added 1; part-added; text-delta; text-done; completed Hi
         last",
        r#"responses; created; item-added 1; part-added; text-delta
           numbered response.output_item.done 4 "output_index":0,"item":$message-of"text":"Hi"}]}
           completed Hi
           last"#,
    ],
    good: &[
        "good-responses",
        // A response that failed leaves open what it was at.
        r#"responses; created; item-added 1; part-added; text-delta
           numbered response.failed 4 "response":{$response,"status":"failed","output":[],"error":{"code":"server_error"}}
           last"#,
    ],
    silenced_by: &["OAI-RESP-003"],
    needs_all_bytes: true,
    check: |case, push| {
        tell(case, &[kinds::NOT_DONE], push, |found, _| format!("the response was completed with parts open: {found}"));
    },
    ..Rule::DEFAULT
};

/// The final response is whole.
pub static OAI_RESP_011: Rule = Rule {
    code: "OAI-RESP-011",
    name: "completed-without-output",
    level: Level::Warning,
    summary: "The response in `response.completed` has its `output`",
    why: "SDKs return that object as the answer. Without `output` their helpers fail when they look through it \
        (openai-python: 'NoneType' object is not iterable), and stores keep an empty answer.",
    source: "OpenAI OpenAPI document, Response: output is required; 9router issue 705",
    breaks: &["openai-python helper", "ai-sdk", "conversation stores"],
    fix: "Put the whole response into the event, with the items that were streamed as its output.",
    bad: &[r#"responses; text-of-response
           numbered response.completed 7 "response":{$response,"status":"completed","model":"m",$usage}
           last"#],
    good: &["good-responses"],
    silenced_by: &["OAI-RESP-003"],
    needs_all_bytes: true,
    check: |case, push| {
        tell(case, &[kinds::COMPLETED_WITHOUT_OUTPUT], push, |_, _| {
            "the response of response.completed has no output".into()
        });
    },
    ..Rule::DEFAULT
};

/// The response if it is a stream of this dialect, over HTTP or a WebSocket.
fn stream<'a>(case: &Case<'a>) -> Option<&'a Response> {
    case.stream_of(&openai_responses::DIALECT).or_else(|| case.conversation_of(&openai_responses::DIALECT))
}

/// A finding for the first of these kinds that was noticed, in streams of this dialect.
fn tell(
    case: &Case<'_>,
    any: &[crate::oddity::Kind],
    push: &mut dyn FnMut(Finding),
    say: impl FnOnce(&str, u64) -> String,
) {
    let seen = any.iter().find(|kind| case.exchange.oddities.find(**kind).is_some());
    if let (Some(kind), Some(_)) = (seen, stream(case)) {
        case.tell(*kind, None, push, |odd, n| say(&odd.found, n));
    }
}
