//! Streams of gRPC messages, of gRPC-Web and Connect too: how the call ended, and what can be read without the schema.
//! One schema is known, that of the
//! KServe/Triton inference protocol, whose answers carry text as BYTES tensors; of any other, a message that is nothing
//! but one text in field 1.
//!
//! Source: KServe "Open Inference Protocol" v2, `grpc_service.proto`:
//! `ModelStreamInferResponse { string error_message = 1; ModelInferResponse
//! infer_response = 2; }`, `ModelInferResponse { model_name = 1; …; outputs = 5 { contents = 5 { bytes_contents = 8 }
//! }; raw_output_contents = 6; }`.

use super::protobuf::{Fields, varint};
use super::reader::Reader;
use super::remarks::Remarks;
use super::{Answer, Confidence, Dialect, Evidence, Meaning};
use crate::framing::{Framing, Record};
use crate::http::event::Fields as Section;
use crate::oddity::Kind;
pub(super) use status::Outcome;

mod status;

/// The call ended with another status than 0 (gRPC, gRPC-Web), or with an error (Connect).
pub const STATUS: Kind = Kind("grpc.status");
/// The body is complete, but no status says how the call ended.
pub const NO_STATUS: Kind = Kind("grpc.no-status");

/// `grpc`
pub static DIALECT: Dialect = Dialect {
    name: "grpc",
    content_types: &[
        "application/grpc",
        "application/grpc+proto",
        "application/grpc+json",
        "application/grpc-web",
        "application/grpc-web+proto",
        "application/grpc-web+json",
        "application/grpc-web-text",
        "application/grpc-web-text+proto",
        "application/connect+proto",
        "application/connect+json",
    ],
    generates: false,
    framing: Some(Framing::Grpc),
    shape: |evidence, _| if evidence.framing == Framing::Grpc { Confidence::Likely } else { Confidence::No },
    reader: |evidence| {
        let streamed = evidence.path().is_some_and(|path| path.ends_with("/ModelStreamInfer"));
        let inferring = streamed || evidence.path().is_some_and(|path| path.ends_with("/ModelInfer"));
        let known = inferring && asks_to_infer(evidence);
        // A call that fails at once has its status in the head, and no trailers.
        let outcome = evidence.response.and_then(|head| Outcome::of(&head.fields)).unwrap_or_default();
        Box::new(Grpc { known, streamed, outcome })
    },
    ..Dialect::USUAL
};

/// Reads messages.
struct Grpc {
    /// The method is one whose messages are known.
    known: bool,
    /// The answer is wrapped in `ModelStreamInferResponse`.
    streamed: bool,
    /// How the call ended.
    outcome: Outcome,
}

impl Reader for Grpc {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, _remarks: &mut Remarks<'_>) -> Meaning {
        let mut meaning = Meaning::default();
        if !self.known {
            // Without the schema a message is a delta whatever its fields are: proto3 leaves out those that are zero,
            // so its outline says nothing about what it carries.
            if let Some(text) = only_text(record.data) {
                answer.add_text(0, text);
            }
            meaning.content = true;
            return meaning;
        }
        if !self.streamed {
            meaning.content = inferred(record.data, answer);
            return meaning;
        }
        for (field, value) in Fields::lengths(record.data) {
            match field {
                1 if !value.is_empty() => {
                    answer.fail(&String::from_utf8_lossy(value));
                    meaning.error = true;
                }
                2 => meaning.content |= inferred(value, answer),
                _ => {}
            }
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
        self.outcome.tell(complete, answer, remarks);
    }
}

/// The request, where it was seen, is one of this protocol: a model alone is nothing to infer from.
/// (`ModelInferRequest { model_name = 1; …; inputs = 5; outputs = 6; raw_input_contents = 7; }`; other services use the
/// method's name too.)
fn asks_to_infer(evidence: &Evidence<'_>) -> bool {
    match evidence.request_body.get(5..) {
        Some(message) if !message.is_empty() => Fields::lengths(message).any(|(field, _)| field >= 5),
        _ => true,
    }
}

/// The text of a message that has only field 1, and in it what is text and no message.
fn only_text(message: &[u8]) -> Option<&str> {
    let alone = |bytes: &[u8]| {
        let mut rest = bytes.strip_prefix(&[0x0a])?;
        let length = varint(&mut rest)?;
        (length == rest.len() as u64).then_some(bytes.len() - rest.len())
    };
    let text = message.get(alone(message)?..)?;
    let text = std::str::from_utf8(text).ok().filter(|_| alone(text).is_none())?;
    (!text.chars().any(|c| c.is_control() && !c.is_whitespace())).then_some(text)
}

/// A `ModelInferResponse`: the text of its BYTES tensors.
fn inferred(message: &[u8], answer: &mut Answer) -> bool {
    let mut content = false;
    for (field, value) in Fields::lengths(message) {
        match field {
            1 => answer.identify(std::str::from_utf8(value).ok(), None),
            3 => answer.identify(None, std::str::from_utf8(value).ok()),
            5 => {
                let contents = Fields::lengths(value).filter(|(field, _)| *field == 5);
                for (_, text) in
                    contents.flat_map(|(_, contents)| Fields::lengths(contents)).filter(|(field, _)| *field == 8)
                {
                    content |= answer.add_text(0, &String::from_utf8_lossy(text));
                }
            }
            6 => content |= tensor(value, answer),
            _ => {}
        }
    }
    content
}

/// A raw BYTES tensor: each element follows its length (four bytes, little endian). Tensors of other types do not fit
/// and are left alone.
fn tensor(raw: &[u8], answer: &mut Answer) -> bool {
    let mut texts = Vec::new();
    let mut rest = raw;
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let Some((text, behind)) = behind.split_at_checked(u32::from_le_bytes(*length) as usize) else { return false };
        let Ok(text) = std::str::from_utf8(text) else { return false };
        texts.push(text);
        rest = behind;
    }
    rest.is_empty() && texts.into_iter().fold(false, |any, text| answer.add_text(0, text) | any)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{evidence, record};
    use super::*;
    use proptest::prelude::*;

    /// A field that happens to be zero is not on the wire. The time to the first message must not depend on it.
    #[test]
    fn every_message_is_a_delta() {
        for message in [&b""[..], b"\x0a\x02Hi", b"\x0a\x02Hi\x10\x01", b"\x10\x01"] {
            let answer = read("/chat.Chat/Complete", message);
            assert_eq!(answer.content_deltas, 1, "{}", message.escape_ascii());
        }
    }

    /// One record read as an answer of this method.
    fn read(target: &str, data: &[u8]) -> Answer {
        let first = Record { data, ..record(0, "") };
        let evidence = super::super::Evidence { framing: Framing::Grpc, ..evidence(target, &first) };
        let mut answer = Answer::default();
        DIALECT.read(&evidence).read(&first, &mut answer, &mut |_| {});
        answer
    }

    /// `infer_response
    /// { model_name: "m" outputs { name: "o" datatype: "BYTES" shape: 1 } raw_output_contents: "\x02\0\0\0Hi" }`
    const STREAMED: &[u8] = b"\x12\x19\x0a\x01m\x2a\x0c\x0a\x01o\x12\x05BYTES\x1a\x00\x32\x06\x02\0\0\0Hi";

    #[test]
    fn text_of_raw_and_typed_tensors() {
        let answer = read("/inference.GRPCInferenceService/ModelStreamInfer", STREAMED);
        assert_eq!(
            (answer.texts.get(&0).map(String::as_str), answer.model.as_deref(), answer.content_deltas),
            (Some("Hi"), Some("m"), 1)
        );
        let typed = b"\x2a\x06\x2a\x04\x42\x02Hi";
        assert_eq!(read("/inference.GRPCInferenceService/ModelInfer", typed).texts[&0], "Hi");
        assert_eq!(
            read("/inference.GRPCInferenceService/ModelStreamInfer", b"\x0a\x02no").error.as_deref(),
            Some("no")
        );
        assert!(read("/other.Service/Method", STREAMED).texts.is_empty(), "no schema, no guess");
    }

    #[test]
    fn a_message_that_is_a_text() {
        let text = |data: &'static [u8]| read("/greet.Greeter/SayHello", data).texts.get(&0).cloned();
        assert_eq!(text(b"\x0a\x0bHello wor\nd").as_deref(), Some("Hello wor\nd"));
        for other in [
            &b""[..],
            b"\x0a\x02Hi\x10\x01",
            b"\x12\x02Hi",
            b"\x0a\x04\x0a\x02Hi",
            b"\x0a\x02\x08\x01",
            b"\x0a\x01\xff",
            b"\x0a\x05Hi",
        ] {
            assert_eq!(text(other), None, "{}", other.escape_ascii());
        }
    }

    /// The method's name alone does not make it KServe's: a request without inputs shows another schema.
    #[test]
    fn another_service_of_the_same_name() {
        let first = Record { data: b"\x0a\x02Hi", ..record(0, "") };
        let errors = |request_body| {
            let target = "/inference.GRPCInferenceService/ModelStreamInfer";
            let evidence = super::super::Evidence { framing: Framing::Grpc, request_body, ..evidence(target, &first) };
            let mut answer = Answer::default();
            DIALECT.read(&evidence).read(&first, &mut answer, &mut |_| {});
            (answer.error, answer.texts.get(&0).cloned())
        };
        assert_eq!(errors(b"\0\0\0\0\x07\x0a\x05hello"), (None, Some("Hi".to_owned())));
        assert_eq!(errors(b"\0\0\0\0\x05\x0a\x01m\x2a\x00"), (Some("Hi".to_owned()), None));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(data in proptest::collection::vec(any::<u8>(), 0..200)) {
            read("/inference.GRPCInferenceService/ModelStreamInfer", &data);
        }
    }
}
