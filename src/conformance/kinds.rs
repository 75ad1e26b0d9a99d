//! The oddities that rules listen for, by name. The layers that notice them declare the same names; a test of the whole proves that each exists.

use crate::oddity::Kind;

/// A `data` line without a space behind its colon.
pub const SSE_DATA_WITHOUT_SPACE: Kind = Kind("sse.data-without-space");
/// A block without its empty line at the end of the stream.
pub const SSE_PENDING_AT_END: Kind = Kind("sse.pending-at-end");
/// A line that is neither field nor comment.
pub const SSE_NOT_A_FIELD_LINE: Kind = Kind("sse.not-a-field-line");
/// A block with fields but without `data`: nothing is dispatched.
pub const SSE_BLOCK_WITHOUT_DATA: Kind = Kind("sse.block-without-data");
/// An event whose data is the empty string.
pub const SSE_EMPTY_DATA: Kind = Kind("sse.empty-data");
/// Bytes that are no UTF-8.
pub const SSE_INVALID_UTF8: Kind = Kind("sse.invalid-utf8");

/// A line that is no JSON value.
pub const NDJSON_NOT_JSON: Kind = Kind("ndjson.not-json");
/// Several JSON values on one line.
pub const NDJSON_SEVERAL_VALUES: Kind = Kind("ndjson.several-values");

/// CRC-32 of a prelude is wrong.
pub const AWS_BAD_PRELUDE_CRC: Kind = Kind("aws.bad-prelude-crc");
/// CRC-32 of a message is wrong.
pub const AWS_BAD_MESSAGE_CRC: Kind = Kind("aws.bad-message-crc");
/// Lengths that contradict each other or the limits.
pub const AWS_BAD_LENGTH: Kind = Kind("aws.bad-length");

/// A choice without the key `finish_reason`.
pub const CHAT_NO_FINISH_REASON_KEY: Kind = Kind("chat.no-finish-reason-key");
/// A second finish reason for one choice.
pub const CHAT_FINISH_REASON_REPEATED: Kind = Kind("chat.finish-reason-repeated");
/// An id too short to be unique.
pub const CHAT_ID_SHORT: Kind = Kind("chat.id-short");
/// Top-level fields that the published schema does not have; said once, with all names.
pub const CHAT_UNKNOWN_FIELD: Kind = Kind("chat.unknown-field");
/// Usage figures that cannot all be true.
pub const CHAT_USAGE_ARITHMETIC: Kind = Kind("chat.usage-arithmetic");
/// More than one chunk in a row that carries nothing.
pub const CHAT_EMPTY_DELTAS_RUN: Kind = Kind("chat.empty-deltas-run");
/// A second `[DONE]`.
pub const CHAT_DUPLICATE_TERMINATOR: Kind = Kind("chat.duplicate-terminator");
/// Records behind `[DONE]`.
pub const CHAT_DATA_AFTER_TERMINATOR: Kind = Kind("chat.data-after-terminator");

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
    SSE_DATA_WITHOUT_SPACE,
    SSE_PENDING_AT_END,
    SSE_NOT_A_FIELD_LINE,
    SSE_BLOCK_WITHOUT_DATA,
    SSE_EMPTY_DATA,
    SSE_INVALID_UTF8,
    NDJSON_NOT_JSON,
    NDJSON_SEVERAL_VALUES,
    AWS_BAD_PRELUDE_CRC,
    AWS_BAD_MESSAGE_CRC,
    AWS_BAD_LENGTH,
    CHAT_NO_FINISH_REASON_KEY,
    CHAT_FINISH_REASON_REPEATED,
    CHAT_ID_SHORT,
    CHAT_UNKNOWN_FIELD,
    CHAT_USAGE_ARITHMETIC,
    CHAT_EMPTY_DELTAS_RUN,
    CHAT_DUPLICATE_TERMINATOR,
    CHAT_DATA_AFTER_TERMINATOR,
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
