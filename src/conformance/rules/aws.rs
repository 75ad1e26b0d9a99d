//! Rules about AWS event streams (`application/vnd.amazon.eventstream`).

use crate::conformance::case::many;
use crate::conformance::{Finding, Level, Rule};
use crate::dialect::bedrock;
use crate::framing::aws;
use crate::http::event::MessageEnd;

/// The rules of this family, in the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[&AWS_001, &AWS_002, &AWS_003, &AWS_004, &AWS_005];

/// Frames are whole and sound.
pub static AWS_001: Rule = Rule {
    code: "AWS-001",
    name: "corrupt-frame",
    level: Level::Error,
    summary: "Every message has valid lengths and the right CRC-32, of its prelude and of the whole",
    why: "SDKs check both sums and abort the stream at the first wrong one. A wrong sum means that something on the \
        way changed or cut the bytes, or that a gateway built its frames wrongly. After a wrong length nothing more \
        can be read.",
    source: "Smithy specification, Amazon event stream: wire format",
    breaks: &["boto3", "AWS SDKs"],
    fix: "Compute the prelude's CRC over the first 8 bytes and the message's over everything before it; don't let a \
        proxy touch the body.",
    bad: &["converse; bedrock-start; <chunk/aws+bad-crc contentBlockDelta $bedrock-delta
         bedrock-delta; bedrock-stop; bedrock-metadata; last"],
    good: &["good-converse"],
    needs_all_bytes: true,
    check: |case, push| {
        if case.stream().is_none() {
            return;
        }
        case.tell(aws::BAD_PRELUDE_CRC, None, push, |odd, _| format!("wrong CRC of a prelude: {}", odd.found));
        case.tell(aws::BAD_MESSAGE_CRC, None, push, |odd, _| format!("wrong CRC of a message: {}", odd.found));
        case.tell(aws::BAD_LENGTH, None, push, |odd, _| format!("impossible length: {}", odd.found));
        case.tell(aws::BAD_HEADER, None, push, |odd, _| format!("headers that can't be read: {}", odd.found));
        if case.stream().is_some_and(|r| r.end == MessageEnd::Complete) {
            case.tell(aws::TRUNCATED, None, push, |odd, _| format!("the body ends inside a message: {}", odd.found));
        }
        case.tell(bedrock::NOT_BASE64, None, push, |odd, _| format!("`bytes` is not base64: {}", odd.found));
    },
    ..Rule::DEFAULT
};

/// No exception.
pub static AWS_002: Rule = Rule {
    code: "AWS-002",
    name: "exception-frame",
    level: Level::Error,
    summary: "No message is an exception or an error (`:message-type`)",
    why: "The status was 200 when the stream began. What goes wrong later (throttling, a model that times out) comes \
        as a message of type exception. SDKs raise there. A client that reads only the payloads takes half an answer \
        for the whole.",
    source: "Bedrock Runtime API reference, ResponseStream and ConverseStreamOutput: exceptions; Smithy, Amazon event \
        stream: exceptions",
    breaks: &["readers of payloads that ignore headers"],
    fix: "Retry throttlingException and modelTimeoutException with a pause; show the others to the user.",
    bad: &[r#"converse; bedrock-start; bedrock-delta
           <chunk/aws+exception throttlingException {"message":"Too many requests"}
           last"#],
    good: &["good-converse"],
    silenced_by: &["AWS-001"],
    needs_all_bytes: false,
    check: |case, push| {
        if case.stream().is_some() {
            case.tell(bedrock::EXCEPTION, None, push, |odd, _| format!("the stream failed: {}", odd.found));
        }
    },
    ..Rule::DEFAULT
};

/// The last message has the token counts.
pub static AWS_003: Rule = Rule {
    code: "AWS-003",
    name: "missing-metadata",
    level: Level::Warning,
    summary: "A ConverseStream ends with `metadata`, after `messageStop` (an error if that lacks too)",
    why: "Usage and latency come only with that message. SDKs do not need it, but usage accounts do.",
    source: "Bedrock Runtime API reference, ConverseStreamOutput: metadata",
    breaks: &["usage accounts"],
    fix: "Read on after messageStop to the end of the body; a gateway must send metadata last.",
    bad: &[
        "converse; bedrock-start; bedrock-delta; bedrock-stop; last",
        "converse; bedrock-start; bedrock-delta; last",
    ],
    good: &["good-converse"],
    silenced_by: &["AWS-001", "HTTP-006", "HTTP-007"],
    needs_all_bytes: true,
    check: |case, push| {
        if case.stream().is_some_and(|r| r.end == MessageEnd::Complete) {
            case.tell(bedrock::NO_MESSAGE_STOP, Some(Level::Error), push, |_, _| {
                "the stream ends without messageStop: nothing says that the answer is whole".into()
            });
            case.tell(bedrock::NO_METADATA, None, push, |_, _| {
                "the stream ends after messageStop without metadata".into()
            });
        }
    },
    ..Rule::DEFAULT
};

/// A chunk wraps the model's event.
pub static AWS_004: Rule = Rule {
    code: "AWS-004",
    name: "chunk-without-bytes",
    level: Level::Error,
    summary: "A `chunk` of InvokeModelWithResponseStream has the model's event as base64 in `bytes`",
    why: "SDKs decode `bytes` and hand it to the program, which finds nothing there: KeyError in Python, undefined in \
        JavaScript. A gateway or mock that puts the event itself into the chunk was tested with a reader of its own.",
    source: "Bedrock Runtime API reference, PayloadPart: bytes",
    breaks: &["boto3", "AWS SDKs"],
    fix: "Write `{\"bytes\":\"…\"}` with the event's JSON in base64.",
    bad: &[r#"invoke; <chunk/aws chunk {"generation":"Hi","stop_reason":"stop"}
         last"#],
    good: &[
        "good-converse",
        r#"invoke; <chunk/aws chunk {"bytes":"eyJnZW5lcmF0aW9uIjoiIiwic3RvcF9yZWFzb24iOiJzdG9wIn0="}
           last"#,
    ],
    silenced_by: &["AWS-001"],
    also: &[("LLM-011", Level::Warning)],
    needs_all_bytes: false,
    check: |case, push| {
        if case.stream().is_some() {
            case.tell(bedrock::NO_BYTES, None, push, |odd, n| {
                format!("{} without `bytes`: {}", many(n, "chunk", "chunks"), odd.found)
            });
        }
    },
    ..Rule::DEFAULT
};

/// The finish reason agrees with the calls.
pub static AWS_005: Rule = Rule {
    code: "AWS-005",
    name: "bedrock-tool-use-without-call",
    level: Level::Warning,
    summary: "A ConverseStream stops with tool_use if, and only if, it called a tool",
    why: "Agents decide by the reason. If it announces a call and none came, they have nothing to run; if it says that \
        the turn is over, a call that came is never made.",
    source: "Bedrock Runtime API reference, MessageStopEvent: stopReason",
    breaks: &["agents"],
    fix: "Set the stop reason from the blocks that were sent.",
    bad: &[
        r#"converse; bedrock-start; bedrock-delta; <chunk/aws messageStop {"stopReason":"tool_use"}
           bedrock-metadata; last"#,
        r#"converse; bedrock-start
           <chunk/aws contentBlockStart {"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"t","name":"f"}}}
           <chunk/aws contentBlockDelta {"contentBlockIndex":0,"delta":{"toolUse":{"input":"{}"}}}
           bedrock-stop; bedrock-metadata; last"#,
    ],
    good: &["good-converse"],
    silenced_by: &["HTTP-006", "HTTP-007", "SSE-001"],
    needs_all_bytes: true,
    check: |case, push| {
        if let Some((response, reason)) = case.reason_without_call(&bedrock::DIALECT, &["tool_use"]) {
            push(Finding::at_end(response, format!("the answer finished with {reason}, and no tool call came")));
        }
        if let Some((response, reason)) = case.call_without_reason(&bedrock::DIALECT, &["end_turn", "stop_sequence"]) {
            push(Finding::at_end(response, format!("a tool was called, and the answer finished with {reason}")));
        }
    },
    ..Rule::DEFAULT
};
