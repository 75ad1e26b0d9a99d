//! Rules about AWS event streams (`application/vnd.amazon.eventstream`).

use crate::conformance::{Level, Rule};
use crate::dialect::bedrock;
use crate::framing::aws;
use crate::http::event::MessageEnd;

/// The rules of this family, in the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[&AWS_001, &AWS_002, &AWS_003];

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
    summary: "A ConverseStream ends with `metadata`, after `messageStop`",
    why: "Usage and latency come only with that message. SDKs do not need it, but usage accounts do.",
    source: "Bedrock Runtime API reference, ConverseStreamOutput: metadata",
    breaks: &["usage accounts"],
    fix: "Read on after messageStop to the end of the body; a gateway must send metadata last.",
    bad: &["converse; bedrock-start; bedrock-delta; bedrock-stop; last"],
    good: &["good-converse"],
    silenced_by: &["AWS-001", "HTTP-006", "HTTP-007"],
    needs_all_bytes: true,
    check: |case, push| {
        if case.stream().is_some_and(|r| r.end == MessageEnd::Complete) {
            case.tell(bedrock::NO_METADATA, None, push, |_, _| {
                "the stream ends after messageStop without metadata".into()
            });
        }
    },
    ..Rule::DEFAULT
};
