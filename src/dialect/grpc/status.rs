//! How a call ended: `grpc-status` and `grpc-message` in a field section (gRPC over HTTP2, "Responses"), the same as
//! text in the last frame (gRPC-Web),
//! or Connect's end of the stream as JSON.

use super::{NO_STATUS, STATUS};
use crate::dialect::Answer;
use crate::dialect::remarks::Remarks;
use crate::http::event::Fields;
use crate::oddity::excerpt;
use serde_json::value::RawValue;

/// What is known of a call's end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::dialect) enum Outcome {
    /// Nothing said it.
    #[default]
    Unsaid,
    /// A last frame that can't be read.
    BadPayload,
    /// Status 0.
    Ok,
    /// Another one, in words.
    Failed(String),
}

/// Names of the status codes by number (gRPC core, "Status codes and their use in gRPC").
const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// Connect's last frame.
#[derive(serde::Deserialize)]
struct End<'a> {
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

impl Outcome {
    /// What a field section says; none where it says nothing.
    pub(in crate::dialect) fn of(fields: &Fields) -> Option<Outcome> {
        let status = fields.all("grpc-status").next()?;
        Some(Outcome::named(status, fields.all("grpc-message").next().unwrap_or_default()))
    }

    /// What the last frame of a body says.
    pub(in crate::dialect) fn of_frame(said: &[u8]) -> Outcome {
        if said.first() == Some(&b'{') {
            return match serde_json::from_slice(said) {
                Ok(End { error: None }) => Outcome::Ok,
                Ok(End { error: Some(error) }) => Outcome::Failed(error.get().to_owned()),
                Err(_) => Outcome::BadPayload,
            };
        }
        let value = |name: &str| {
            said.split(|b| *b == b'\n').find_map(|line| {
                let (found, value) = line.split_at_checked(line.iter().position(|b| *b == b':')?)?;
                found.trim_ascii().eq_ignore_ascii_case(name.as_bytes()).then(|| value[1..].trim_ascii())
            })
        };
        match value("grpc-status") {
            Some(status) => Outcome::named(status, value("grpc-message").unwrap_or_default()),
            None if std::str::from_utf8(said).is_ok() => Outcome::Unsaid,
            None => Outcome::BadPayload,
        }
    }

    /// Tells a failure, and a call that ended (`complete`) without its status.
    pub(in crate::dialect) fn tell(&self, complete: bool, answer: &mut Answer, remarks: &mut Remarks<'_>) {
        match self {
            Outcome::Failed(how) => {
                answer.fail(how);
                remarks.note(STATUS, || how.clone());
            }
            Outcome::Unsaid if complete => remarks.note(NO_STATUS, || "the stream is complete".to_owned()),
            Outcome::Unsaid | Outcome::BadPayload | Outcome::Ok => {}
        }
    }

    fn named(status: &[u8], message: &[u8]) -> Outcome {
        let code = std::str::from_utf8(status).ok().and_then(|s| s.parse::<usize>().ok());
        if code == Some(0) {
            return Outcome::Ok;
        }
        let mut said = format!("grpc-status {}", excerpt(status));
        if let Some(name) = code.and_then(|code| NAMES.get(code)) {
            said.push(' ');
            said.push_str(name);
        }
        if !message.is_empty() {
            said.push_str(": ");
            said.push_str(&String::from_utf8_lossy(&percent_decoded(message)));
        }
        Outcome::Failed(said)
    }
}

/// `grpc-message` with its `%HH` escapes decoded; anything else is unchanged.
fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let hex = |i: usize| text.get(i).and_then(|b| (*b as char).to_digit(16));
    let (mut out, mut i) = (Vec::with_capacity(text.len()), 0);
    while let Some(&b) = text.get(i) {
        match (b, hex(i + 1), hex(i + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high << 4 | low) as u8);
                i += 3;
            }
            _ => {
                out.push(b);
                i += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(said: &str) -> Outcome {
        Outcome::Failed(said.to_owned())
    }

    #[test]
    fn frames_of_grpc_web() {
        assert_eq!(Outcome::of_frame(b"grpc-status:0\r\n"), Outcome::Ok);
        assert_eq!(Outcome::of_frame(b"grpc-status: 0\r\ngrpc-message: \r\n"), Outcome::Ok);
        assert_eq!(
            Outcome::of_frame(b"Grpc-Message: no%20room%\r\nGrpc-Status: 8\r\n"),
            failed("grpc-status 8 RESOURCE_EXHAUSTED: no room%")
        );
        assert_eq!(Outcome::of_frame(b"grpc-status: 99\r\n"), failed("grpc-status 99"));
        assert_eq!(Outcome::of_frame(b"x: 1\r\n"), Outcome::Unsaid);
        assert_eq!(Outcome::of_frame(b"\x1f\x8b\x08"), Outcome::BadPayload);
    }

    #[test]
    fn end_of_a_connect_stream() {
        assert_eq!(Outcome::of_frame(b"{}"), Outcome::Ok);
        assert_eq!(Outcome::of_frame(br#"{"metadata":{"a":["b"]}}"#), Outcome::Ok);
        assert_eq!(Outcome::of_frame(br#"{"error":{"code":"unavailable"}}"#), failed(r#"{"code":"unavailable"}"#));
        assert_eq!(Outcome::of_frame(b"{"), Outcome::BadPayload);
    }
}
