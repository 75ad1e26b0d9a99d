//! The oddities that rules listen for, by name. The layers that notice them declare the same names; a test of the whole proves that each exists.

use crate::oddity::Kind;

/// CRC-32 of a prelude is wrong.
pub const AWS_BAD_PRELUDE_CRC: Kind = Kind("aws.bad-prelude-crc");
/// CRC-32 of a message is wrong.
pub const AWS_BAD_MESSAGE_CRC: Kind = Kind("aws.bad-message-crc");
/// Lengths that contradict each other or the limits.
pub const AWS_BAD_LENGTH: Kind = Kind("aws.bad-length");

/// The first event is not `message_start`.
pub const ANTHROPIC_NO_MESSAGE_START: Kind = Kind("anthropic.no-message-start");
/// A second `message_start`.
pub const ANTHROPIC_MESSAGE_START_REPEATED: Kind = Kind("anthropic.message-start-repeated");
/// The stream ends without `message_stop`.
pub const ANTHROPIC_NO_MESSAGE_STOP: Kind = Kind("anthropic.no-message-stop");
/// Events behind `message_stop`.
pub const ANTHROPIC_AFTER_MESSAGE_STOP: Kind = Kind("anthropic.after-message-stop");

/// The stream ends without `"done":true`.
pub const OLLAMA_NO_DONE: Kind = Kind("ollama.no-done");
/// Lines behind `"done":true`.
pub const OLLAMA_AFTER_DONE: Kind = Kind("ollama.after-done");
/// `"done":true` without `done_reason`.
pub const OLLAMA_NO_DONE_REASON: Kind = Kind("ollama.no-done-reason");

/// A call that ended with another status than 0, or with an error.
pub const GRPC_STATUS: Kind = Kind("grpc.status");
/// A call without a status.
pub const GRPC_NO_STATUS: Kind = Kind("grpc.no-status");

/// All of them, for the test that each is declared by a layer.
pub const ALL: &[Kind] = &[
    AWS_BAD_PRELUDE_CRC,
    AWS_BAD_MESSAGE_CRC,
    AWS_BAD_LENGTH,
    ANTHROPIC_NO_MESSAGE_START,
    ANTHROPIC_MESSAGE_START_REPEATED,
    ANTHROPIC_NO_MESSAGE_STOP,
    ANTHROPIC_AFTER_MESSAGE_STOP,
    OLLAMA_NO_DONE,
    OLLAMA_AFTER_DONE,
    OLLAMA_NO_DONE_REASON,
    GRPC_STATUS,
    GRPC_NO_STATUS,
];
