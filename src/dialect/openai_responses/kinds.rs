//! What may be odd about a Responses stream. Source: OpenAI's OpenAPI document 2.3.0, `ResponseStreamEvent`.

use crate::oddity::Kind;

/// The payload is not JSON; the serde error with its position.
pub const NOT_JSON: Kind = Kind("responses.not-json");
/// The payload is JSON but no object.
pub const NOT_OBJECT: Kind = Kind("responses.not-object");
/// No `type` in the payload.
pub const NO_TYPE: Kind = Kind("responses.no-type");
/// The SSE event type is there and not the payload's `type`.
pub const EVENT_DIFFERS_FROM_TYPE: Kind = Kind("responses.event-differs-from-type");
/// A `type` that the document does not have.
pub const UNKNOWN_TYPE: Kind = Kind("responses.unknown-type");
/// The first event is not `response.created`.
pub const NO_CREATED: Kind = Kind("responses.no-created");
/// `sequence_number` is absent or no integer.
pub const NO_SEQUENCE_NUMBER: Kind = Kind("responses.no-sequence-number");
/// `sequence_number` does not grow by one from 0.
pub const SEQUENCE_GAP: Kind = Kind("responses.sequence-gap");
/// A delta for an item that was not added.
pub const DELTA_WITHOUT_ITEM: Kind = Kind("responses.delta-without-item");
/// A text delta for a part that was not added.
pub const DELTA_WITHOUT_PART: Kind = Kind("responses.delta-without-part");
/// A delta for a part or an item that a `.done` event has closed.
pub const DELTA_AFTER_DONE: Kind = Kind("responses.delta-after-done");
/// What a `.done` event, or the finished item, has is not what the deltas brought; without deltas it is taken.
pub const DONE_DIFFERS: Kind = Kind("responses.done-differs");
/// A message in the terminal event's output is not what the deltas brought.
pub const OUTPUT_DIFFERS: Kind = Kind("responses.output-differs");
/// `response.completed` came, and an item, a part or its text was not closed by its `.done` event.
pub const NOT_DONE: Kind = Kind("responses.not-done");
/// `response.completed` came with a response that has no `output` member.
pub const COMPLETED_WITHOUT_OUTPUT: Kind = Kind("responses.completed-without-output");
/// The terminal event's name is not the status of the response in it.
pub const STATUS_DIFFERS: Kind = Kind("responses.status-differs");
/// The body ended properly without completed, incomplete, failed or error.
pub const NO_TERMINAL: Kind = Kind("responses.no-terminal");
/// An event after the terminal one.
pub const AFTER_TERMINAL: Kind = Kind("responses.after-terminal");
/// Over a WebSocket: an answer goes on after the client has asked for the next one of its lane.
pub const ABANDONED_GOES_ON: Kind = Kind("responses.abandoned-goes-on");
/// `[DONE]`, which this dialect does not have.
pub const FOREIGN_TERMINATOR: Kind = Kind("responses.foreign-terminator");
