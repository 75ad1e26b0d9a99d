//! What may be odd about a chat completion stream. Sources: OpenAI's OpenAPI document 2.3.0 unless another is named.

use crate::oddity::Kind;

/// The payload is not JSON; the serde error with its position.
pub const NOT_JSON: Kind = Kind("chat.not-json");
/// The payload is JSON but no object.
pub const NOT_OBJECT: Kind = Kind("chat.not-object");
/// An object without any field of a chunk, as `{}` or `{"type":"ping"}`; nothing else is said of it.
pub const NOT_A_CHUNK: Kind = Kind("chat.not-a-chunk");
/// A choice lacks the `finish_reason` key, which is required (null until the end).
pub const NO_FINISH_REASON_KEY: Kind = Kind("chat.no-finish-reason-key");
/// `finish_reason` is the empty string.
pub const FINISH_REASON_EMPTY: Kind = Kind("chat.finish-reason-empty");
/// `finish_reason` is none of stop, length, tool_calls, content_filter, function_call.
pub const FINISH_REASON_UNKNOWN: Kind = Kind("chat.finish-reason-unknown");
/// A second `finish_reason` for one choice.
pub const FINISH_REASON_REPEATED: Kind = Kind("chat.finish-reason-repeated");
/// Output of a choice after its `finish_reason`.
pub const CONTENT_AFTER_FINISH: Kind = Kind("chat.content-after-finish");
/// `id` is absent, null, empty or no string.
pub const ID_MISSING: Kind = Kind("chat.id-missing");
/// `id` is not the same in every chunk; said once, at the end, with the number of distinct ones.
pub const ID_CHANGES: Kind = Kind("chat.id-changes");
/// `id` can't be unique: fewer than 8 characters, or at most 3 digits after its prefix.
pub const ID_SHORT: Kind = Kind("chat.id-short");
/// Top-level fields that the document does not have; said once, at the end, with all names.
pub const UNKNOWN_FIELD: Kind = Kind("chat.unknown-field");
/// `total_tokens` is not the sum of its parts, or a part exceeds its whole.
pub const USAGE_ARITHMETIC: Kind = Kind("chat.usage-arithmetic");
/// A token count is not a non-negative integer.
pub const USAGE_TYPE: Kind = Kind("chat.usage-type");
/// `usage` inside a choice (Moonshot).
pub const USAGE_IN_CHOICE: Kind = Kind("chat.usage-in-choice");
/// Token counts only where one provider has them and others do not look: `x_groq.usage`, `timings`.
pub const USAGE_ELSEWHERE: Kind = Kind("chat.usage-elsewhere");
/// Several chunks in a row carry nothing: no text, reasoning, tool call, role, finish reason or usage. Said when the
/// run ends.
pub const EMPTY_DELTAS_RUN: Kind = Kind("chat.empty-deltas-run");
/// `[DONE]` with spaces, in another case or in quotes.
pub const TERMINATOR_SPELLING: Kind = Kind("chat.terminator-spelling");
/// A second terminator.
pub const DUPLICATE_TERMINATOR: Kind = Kind("chat.duplicate-terminator");
/// A record after the terminator.
pub const DATA_AFTER_TERMINATOR: Kind = Kind("chat.data-after-terminator");
/// An `event` field: readers that dispatch by event type see nothing of this record.
pub const EVENT_FIELD: Kind = Kind("chat.event-field");
/// `"error": null`, which some clients take for an error.
pub const ERROR_NULL: Kind = Kind("chat.error-null");
/// An error in another form than `{"error":{"message":…}}`.
pub const ERROR_SHAPE: Kind = Kind("chat.error-shape");
/// `choices` is absent or no array.
pub const CHOICES_MISSING: Kind = Kind("chat.choices-missing");
/// `choices` is empty in a chunk that carries neither usage nor filter results.
pub const CHOICES_EMPTY: Kind = Kind("chat.choices-empty");
/// An element of `choices` is not an object.
pub const CHOICE_TYPE: Kind = Kind("chat.choice-type");
/// A choice lacks an integer `index`.
pub const CHOICE_INDEX_MISSING: Kind = Kind("chat.choice-index-missing");
/// A choice lacks a `delta` object.
pub const DELTA_MISSING: Kind = Kind("chat.delta-missing");
/// In a stream a choice has `message`, as a plain answer has, and no `delta`.
pub const MESSAGE_FOR_DELTA: Kind = Kind("chat.message-for-delta");
/// A choice has the results of a content filter and no `delta`, as Azure's asynchronous filter sends them.
pub const ANNOTATION_WITHOUT_DELTA: Kind = Kind("chat.annotation-without-delta");
/// `content` is neither a string nor null.
pub const CONTENT_TYPE: Kind = Kind("chat.content-type");
/// `role` again in a later delta of a choice.
pub const ROLE_REPEATED: Kind = Kind("chat.role-repeated");
/// The first delta of a choice has no `role`.
pub const ROLE_MISSING: Kind = Kind("chat.role-missing");
/// `role` is the empty string or null.
pub const ROLE_EMPTY: Kind = Kind("chat.role-empty");
/// `object` is not `chat.completion.chunk`.
pub const OBJECT_WRONG: Kind = Kind("chat.object-wrong");
/// `model` is absent, empty or no string.
pub const MODEL_MISSING: Kind = Kind("chat.model-missing");
/// `model` is not the same in every chunk.
pub const MODEL_CHANGES: Kind = Kind("chat.model-changes");
/// `created` is not the same in every chunk.
pub const CREATED_CHANGES: Kind = Kind("chat.created-changes");
/// `created` is not an integer of seconds.
pub const CREATED_TYPE: Kind = Kind("chat.created-type");
/// A tool call fragment lacks an integer `index`.
pub const TOOL_INDEX_MISSING: Kind = Kind("chat.tool-index-missing");
/// The first fragment of a tool call lacks `id`, `type` or `function.name`.
pub const TOOL_START_INCOMPLETE: Kind = Kind("chat.tool-start-incomplete");
/// `function.name` again in a later fragment, which most clients append.
pub const TOOL_NAME_REPEATED: Kind = Kind("chat.tool-name-repeated");
/// Another tool call, with its own id and name, under an index that a call holds.
pub const TWO_CALLS: Kind = Kind("chat.two-calls-one-index");
/// The id of a tool call changes from fragment to fragment.
pub const TOOL_ID_CHANGES: Kind = Kind("chat.tool-id-changes");
/// A later fragment of a tool call has an empty `id` or `function.name`.
pub const TOOL_IDENTITY_EMPTY: Kind = Kind("chat.tool-identity-empty");
/// `function.arguments` is not a string.
pub const TOOL_ARGUMENTS_TYPE: Kind = Kind("chat.tool-arguments-type");
/// Which field carries reasoning; said once, at the end, with how often it was full and empty.
pub const REASONING_FIELD: Kind = Kind("chat.reasoning-field");
/// The chunk with the finish reason carries text or a tool call too.
pub const FINISH_WITH_DELTA: Kind = Kind("chat.finish-with-delta");
/// `"usage": null`; said once, at the end, with in how many chunks.
pub const USAGE_NULL: Kind = Kind("chat.usage-null");
/// Usage came in chunks that have choices; said once, at the end, with in how many.
pub const USAGE_WITH_CHOICES: Kind = Kind("chat.usage-with-choices");
/// More elements in one list than are looked at.
pub const LIST_LIMITED: Kind = Kind("chat.list-limited");
