//! What may be odd about an Anthropic stream. Source: Anthropic's "Streaming messages".

use crate::oddity::Kind;

/// The payload is not JSON; the serde error with its position.
pub const NOT_JSON: Kind = Kind("anthropic.not-json");
/// The payload is JSON but no object.
pub const NOT_OBJECT: Kind = Kind("anthropic.not-object");
/// No `type` in the payload.
pub const NO_TYPE: Kind = Kind("anthropic.no-type");
/// No SSE event type: the vendor's clients yield nothing.
pub const NO_EVENT: Kind = Kind("anthropic.no-event");
/// The SSE event type is not the payload's `type`.
pub const EVENT_DIFFERS_FROM_TYPE: Kind = Kind("anthropic.event-differs-from-type");
/// A `type` that the document does not have.
pub const UNKNOWN_TYPE: Kind = Kind("anthropic.unknown-type");
/// A delta type that the document does not have.
pub const UNKNOWN_DELTA: Kind = Kind("anthropic.unknown-delta");
/// A block of a type that the reference does not have.
pub const UNKNOWN_BLOCK: Kind = Kind("anthropic.unknown-block");
/// An event before `message_start`.
pub const NO_MESSAGE_START: Kind = Kind("anthropic.no-message-start");
/// A second `message_start`.
pub const MESSAGE_START_REPEATED: Kind = Kind("anthropic.message-start-repeated");
/// The body ended properly without `message_stop` and without an error.
pub const NO_MESSAGE_STOP: Kind = Kind("anthropic.no-message-stop");
/// An event after `message_stop`.
pub const AFTER_MESSAGE_STOP: Kind = Kind("anthropic.after-message-stop");
/// A delta for a block that is not open.
pub const DELTA_WITHOUT_BLOCK: Kind = Kind("anthropic.delta-without-block");
/// A block was stopped that was never started.
pub const STOP_WITHOUT_BLOCK: Kind = Kind("anthropic.stop-without-block");
/// A block was stopped that was stopped before.
pub const STOPPED_TWICE: Kind = Kind("anthropic.stopped-twice");
/// The index of a block that starts is not one more than that of the block before; the first is 0.
pub const BLOCK_INDEX: Kind = Kind("anthropic.block-index");
/// `content_block_start` has text, thinking or tool input, which belong into deltas.
pub const START_WITH_CONTENT: Kind = Kind("anthropic.start-with-content");
/// `stop_reason` is tool_use, and no block called a tool.
pub const TOOL_USE_WITHOUT_CALL: Kind = Kind("anthropic.tool-use-without-call");
/// A block called a tool, and `stop_reason` says that the turn is over.
pub const CALL_WITHOUT_TOOL_USE: Kind = Kind("anthropic.call-without-tool-use");
/// A block was started that is open.
pub const BLOCK_STARTED_TWICE: Kind = Kind("anthropic.block-started-twice");
/// `message_delta` or `message_stop` came while a block was open.
pub const BLOCK_NOT_STOPPED: Kind = Kind("anthropic.block-not-stopped");
/// A block event without an integer `index`.
pub const INDEX_MISSING: Kind = Kind("anthropic.index-missing");
/// A delta of a type that its block does not take: thinking in a text block.
pub const DELTA_OF_ANOTHER_TYPE: Kind = Kind("anthropic.delta-of-another-type");
/// `content_block_delta` without a `delta` object.
pub const DELTA_MISSING: Kind = Kind("anthropic.delta-missing");
/// `message_start` without `message` or its `usage`, or without a figure in it that clients add to.
pub const START_WITHOUT_USAGE: Kind = Kind("anthropic.start-without-usage");
/// `message_start` with no input tokens.
pub const NO_INPUT_TOKENS: Kind = Kind("anthropic.no-input-tokens");
/// `message_delta` without `usage`.
pub const NO_USAGE: Kind = Kind("anthropic.no-usage");
/// `message_stop` came, and `message_delta` did not.
pub const NO_MESSAGE_DELTA: Kind = Kind("anthropic.no-message-delta");
/// An error that clients do not see as one: no `event: error`, or not
/// `{"type":"error","error":{"type":…,"message":…}}`.
pub const ERROR_SHAPE: Kind = Kind("anthropic.error-shape");
/// The fragments of a tool's input do not join to JSON, though the answer was not cut short.
pub const INPUT_NOT_JSON: Kind = Kind("anthropic.input-not-json");
/// The same where the client asked for input as it comes, without a check.
pub const INPUT_UNCHECKED: Kind = Kind("anthropic.input-unchecked");
/// More than 30 seconds without an event.
pub const SILENCE: Kind = Kind("anthropic.silence");
/// `message_delta` without `stop_reason`.
pub const NO_STOP_REASON: Kind = Kind("anthropic.no-stop-reason");
/// `[DONE]`, which this dialect does not have.
pub const FOREIGN_TERMINATOR: Kind = Kind("anthropic.foreign-terminator");
