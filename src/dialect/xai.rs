//! xAI's own API over gRPC: `xai_api.Chat/GetCompletionChunk`, and `GetCompletion`, whose answer is one message
//! (docs/dialects.md a.33).
//!
//! Source: the descriptors that xai-sdk 1.21.0 ships (`proto/v6/chat_pb2.py`, `sample_pb2.py`, `usage_pb2.py`), and
//! what its `chat.py` takes for the answer: outputs of the assistant; the last finish reason counts.

use super::answer::call_key;
use super::grpc::Outcome;
use super::protobuf::{Fields, Value};
use super::reader::Reader;
use super::remarks::Remarks;
use super::{Answer, Confidence, Dialect, End, Evidence, Meaning};
use crate::framing::{Framing, Record};
use crate::http::event::Fields as Section;
use crate::oddity::Kind;
use serde_json::{Map, json};
use std::collections::BTreeMap;

/// The call ended well, and no output had a finish reason.
pub const NO_FINISH_REASON: Kind = Kind("xai.no-finish-reason");

/// Tool calls that are followed.
const LIMIT: usize = 1024;
/// Bytes of a gRPC message before its payload.
const PREFIX: usize = 5;

/// `xai.chat`
pub static DIALECT: Dialect = Dialect {
    name: "xai.chat",
    content_types: &["application/grpc", "application/grpc+proto"],
    end: End::FinishReason,
    framing: Some(Framing::Grpc),
    shape: |evidence, _| match evidence.framing == Framing::Grpc && method(evidence).is_some() {
        true => Confidence::Certain,
        false => Confidence::No,
    },
    reader: |evidence| Box::new(Xai::new(evidence)),
    ..Dialect::USUAL
};

/// A method whose messages are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Method {
    /// `GetChatCompletionChunk`, one for each delta.
    #[default]
    Stream,
    /// `GetChatCompletionResponse`
    Whole,
}

fn method(evidence: &Evidence<'_>) -> Option<Method> {
    match evidence.path()?.rsplit_once('/')? {
        (service, "GetCompletionChunk") if service.ends_with("/xai_api.Chat") => Some(Method::Stream),
        (service, "GetCompletion") if service.ends_with("/xai_api.Chat") => Some(Method::Whole),
        _ => None,
    }
}

/// `xai_api.FinishReason`
const REASONS: &[&str] = &[
    "REASON_INVALID",
    "REASON_MAX_LEN",
    "REASON_MAX_CONTEXT",
    "REASON_STOP",
    "REASON_TOOL_CALLS",
    "REASON_TIME_LIMIT",
];
/// `ROLE_ASSISTANT` of `xai_api.MessageRole`; 0 is a role that is not given.
const ROLES: &[u64] = &[0, 2];
/// The numbers of `xai_api.SamplingUsage`.
const USAGE: &[(u64, &str)] = &[
    (1, "completion_tokens"),
    (2, "prompt_tokens"),
    (3, "total_tokens"),
    (4, "prompt_text_tokens"),
    (5, "prompt_image_tokens"),
    (6, "reasoning_tokens"),
    (7, "cached_prompt_text_tokens"),
    (8, "num_sources_used"),
    (11, "cost_in_usd_ticks"),
];

/// Reads messages.
#[derive(Debug, Default)]
struct Xai {
    method: Method,
    /// The request asks for several answers: outputs are choices. Otherwise they are steps of one answer, as of tools
    /// that the server runs.
    several: bool,
    /// The number of each tool call, by its id.
    calls: BTreeMap<String, String>,
    /// A message could not be read; it may be compressed.
    unread: bool,
    outcome: Outcome,
}

/// The numbers of the fields that differ between a chunk and a whole response.
struct Numbers {
    model: u64,
    usage: u64,
    message: u64,
    finish_reason: u64,
    index: u64,
    logprobs: u64,
}

impl Method {
    fn numbers(self) -> Numbers {
        match self {
            Method::Stream => Numbers { model: 4, usage: 6, message: 1, finish_reason: 3, index: 4, logprobs: 2 },
            Method::Whole => Numbers { model: 6, usage: 9, message: 3, finish_reason: 1, index: 2, logprobs: 4 },
        }
    }
}

impl Xai {
    fn new(evidence: &Evidence<'_>) -> Xai {
        let request = evidence.request_body.get(PREFIX..).unwrap_or_default();
        // `GetCompletionsRequest.n`
        let several = Fields(request).any(|(field, value)| matches!((field, value), (8, Value::Int(n)) if n > 1));
        let outcome = evidence.response.and_then(|head| Outcome::of(&head.fields)).unwrap_or_default();
        Xai { method: method(evidence).unwrap_or_default(), several, outcome, ..Xai::default() }
    }

    /// One of `outputs`.
    fn output(&mut self, output: &[u8], record: &Record<'_>, answer: &mut Answer) -> Meaning {
        let numbers = self.method.numbers();
        let (mut message, mut index, mut finish, mut meaning) = (&[][..], 0, 0, Meaning::default());
        for (field, value) in Fields(output) {
            match value {
                Value::Bytes(bytes) if field == numbers.message => message = bytes,
                Value::Bytes(_) if field == numbers.logprobs => answer.logprobs = true,
                Value::Int(n) if field == numbers.index => index = u32::try_from(n).unwrap_or(u32::MAX),
                Value::Int(n) if field == numbers.finish_reason => finish = n,
                _ => {}
            }
        }
        let role = Fields(message).find_map(|field| match field {
            (2, Value::Int(role)) => Some(role),
            _ => None,
        });
        let choice = if self.several { index } else { 0 };
        // What a tool returned is no answer.
        if ROLES.contains(&role.unwrap_or_default()) {
            self.message(message, choice, record, answer, &mut meaning);
        }
        if finish != 0 {
            let name = REASONS.get(finish as usize).map_or_else(|| finish.to_string(), |name| (*name).to_owned());
            answer.finish(choice, &name);
        }
        meaning
    }

    /// A `Delta`, or a `CompletionMessage`: both have the same fields.
    fn message(
        &mut self,
        message: &[u8],
        choice: u32,
        record: &Record<'_>,
        answer: &mut Answer,
        meaning: &mut Meaning,
    ) {
        for (field, bytes) in Fields::lengths(message) {
            match field {
                1 => meaning.content |= answer.add_text(choice, &String::from_utf8_lossy(bytes)),
                4 => meaning.reasoning |= answer.add_reasoning(&String::from_utf8_lossy(bytes)),
                3 => meaning.tool |= self.call(bytes, choice, answer),
                // Reasoning that only xAI can read.
                5 if !bytes.is_empty() => answer.reasons(record.at),
                _ => {}
            }
        }
    }

    /// A `ToolCall`, which comes whole, and again when its status changes. True: it is new.
    fn call(&mut self, call: &[u8], choice: u32, answer: &mut Answer) -> bool {
        let part = |message, wanted: u64| Fields::lengths(message).find(|(field, _)| *field == wanted).map(|(_, b)| b);
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        let id = text(part(call, 1));
        if !id.is_empty() && self.calls.contains_key(&id) || self.calls.len() >= LIMIT {
            return false;
        }
        let key = call_key(choice, self.calls.len() as u32);
        let function = part(call, 10).unwrap_or_default();
        answer.name_tool(&key, &text(part(function, 1)));
        answer.add_arguments(&key, &text(part(function, 2)));
        answer.kept_bytes += id.len();
        self.calls.insert(if id.is_empty() { key.clone() } else { id }, key);
        true
    }
}

/// A `SamplingUsage`. Its reasoning tokens are counted beside those of the completion.
fn usage(message: &[u8], answer: &mut Answer) {
    let mut numbers = Map::new();
    let (mut completion, mut reasoning) = (0, 0);
    for (field, value) in Fields(message) {
        let Value::Int(n) = value else { continue };
        match field {
            1 => completion = n,
            6 => reasoning = n,
            _ => {}
        }
        if let Some((_, name)) = USAGE.iter().find(|(number, _)| *number == field) {
            numbers.insert((*name).to_owned(), json!(n));
        }
    }
    if numbers.is_empty() {
        return;
    }
    // Those that were sent as deltas.
    let shown = if answer.reasoning_text.is_empty() { 0 } else { reasoning };
    answer.report_usage(Some(numbers.into()), completion.checked_add(shown));
}

impl Reader for Xai {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, _remarks: &mut Remarks<'_>) -> Meaning {
        if !Fields::is_whole(record.data) {
            self.unread = true;
            return Meaning::default();
        }
        let (numbers, mut meaning) = (self.method.numbers(), Meaning::default());
        let mut used = None;
        for (field, bytes) in Fields::lengths(record.data) {
            match field {
                1 => answer.identify(None, std::str::from_utf8(bytes).ok()),
                2 => {
                    let one = self.output(bytes, record, answer);
                    meaning.content |= one.content;
                    meaning.reasoning |= one.reasoning;
                    meaning.tool |= one.tool;
                }
                _ if field == numbers.model => answer.identify(std::str::from_utf8(bytes).ok(), None),
                _ if field == numbers.usage => used = Some(bytes),
                _ => {}
            }
        }
        if let Some(used) = used {
            usage(used, answer);
        }
        meaning
    }

    fn last_frame(&mut self, said: &[u8]) {
        self.outcome = Outcome::of_frame(said);
    }

    fn trailers(&mut self, fields: &Section) {
        if let Some(outcome) = Outcome::of(fields) {
            self.outcome = outcome;
        }
    }

    fn finish(&mut self, complete: bool, answer: &mut Answer, remarks: &mut Remarks<'_>) {
        // What can't be read may have been the end.
        if self.unread {
            answer.end = End::Body;
        }
        self.outcome.tell(complete, answer, remarks);
        if self.outcome == Outcome::Ok && complete && !self.unread {
            let finished = !answer.finish_reasons.is_empty();
            remarks.note_if(!finished, NO_FINISH_REASON, || "the call ended with status 0".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::choose;
    use super::super::testing::{Read, evidence, head, record};
    use super::*;
    use proptest::prelude::*;

    const CALL: &str = "/xai_api.Chat/GetCompletionChunk";
    /// Values of xai-sdk's classes: `{outputs: {delta: {content: "Hi", role: ASSISTANT}}}`, the same of a tool, and
    /// `{outputs: {delta: {role: ASSISTANT}, finish_reason: REASON_STOP}}`.
    const TEXT: &[u8] = b"\x12\x08\n\x06\n\x02Hi\x10\x02";
    const OF_TOOL: &[u8] = b"\x12\x08\n\x06\n\x02Hi\x10\x05";
    const STOP: &[u8] = b"\x12\x06\n\x02\x10\x02\x18\x03";

    fn read(target: &str, messages: &[&[u8]], status: Option<&str>) -> Read {
        let first = Record { data: messages[0], ..record(0, "") };
        let evidence = Evidence { framing: Framing::Grpc, ..evidence(target, &first) };
        let (mut reader, mut read) = (DIALECT.read(&evidence), Read::default());
        for (n, data) in messages.iter().enumerate() {
            let record = Record { data, ..record(n as u64, "") };
            read.meanings.push(reader.read(&record, &mut read.answer, &mut |o| read.odd.push(o)));
        }
        if let Some(status) = status {
            reader.trailers(&head(&[("grpc-status", status)]).fields);
        }
        reader.finish(true, &mut read.answer, &mut |o| read.odd.push(o));
        read
    }

    #[test]
    fn the_finish_reason_is_due_and_the_status_too() {
        for (messages, status, kinds) in [
            (vec![TEXT, STOP], Some("0"), vec![]),
            (vec![TEXT], Some("0"), vec!["xai.no-finish-reason"]),
            (vec![TEXT, STOP], None, vec!["grpc.no-status"]),
            (vec![TEXT], Some("13"), vec!["grpc.status"]),
            // Perhaps compressed: nothing is known of the end.
            (vec![TEXT, b"\x1f\x8b\x08\0"], Some("0"), vec![]),
        ] {
            assert_eq!(read(CALL, &messages, status).kinds(), kinds, "{messages:?}");
        }
        let unread = read(CALL, &[TEXT, b"\x1f\x8b\x08\0"], Some("0"));
        assert_eq!((unread.answer.end, read(CALL, &[TEXT], None).answer.end), (End::Body, End::FinishReason));
    }

    #[test]
    fn what_tools_return_is_no_text_and_a_whole_response_has_other_numbers() {
        let both = read(CALL, &[TEXT, OF_TOOL, STOP], Some("0"));
        assert_eq!((both.text(), both.answer.content_deltas), ("Hi", 1));
        // `{outputs: {finish_reason: REASON_MAX_LEN, message: {content: "Hi", role: ASSISTANT}}, model: "m"}`
        let whole = read("/xai_api.Chat/GetCompletion", &[b"\x12\n\x08\x01\x1a\x06\n\x02Hi\x10\x022\x01m"], Some("0"));
        assert_eq!((whole.text(), whole.answer.model.as_deref()), ("Hi", Some("m")));
        assert_eq!(whole.answer.finish_reasons[&0], "REASON_MAX_LEN");
    }

    #[test]
    fn only_its_methods_are_its_own() {
        let named = |target: &str| {
            let first = Record { data: TEXT, ..record(0, "") };
            choose(&Evidence { framing: Framing::Grpc, ..evidence(target, &first) }).map(|(dialect, ..)| dialect.name)
        };
        assert_eq!(named(CALL), Some("xai.chat"));
        assert_eq!(named("/gateway/xai_api.Chat/GetCompletion"), Some("xai.chat"));
        for other in
            ["/xai_api.Chat/GetDeferredCompletion", "/my.xai_api.Chats/GetCompletion", "/chat.Chat/GetCompletion"]
        {
            assert_eq!(named(other), Some("grpc"), "{other}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(data in proptest::collection::vec(any::<u8>(), 0..200)) {
            read(CALL, &[&data, TEXT], Some("0"));
        }
    }
}
