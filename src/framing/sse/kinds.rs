//! The oddities of event streams.

use crate::oddity::Kind;

/// No space after `data:`. Legal, and not expected by many clients.
pub const DATA_WITHOUT_SPACE: Kind = Kind("sse.data-without-space");
/// A second space, or a tab, after `data:`: it belongs to the value.
pub const EXTRA_SPACE: Kind = Kind("sse.extra-space");
/// The body ends without the blank line that would dispatch what is pending. `found`: its data, the unfinished line
/// included.
pub const PENDING_AT_END: Kind = Kind("sse.pending-at-end");
/// The body ends after a whole `data:` line that waits for its empty line.
pub const WAITING_AT_END: Kind = Kind("sse.waiting-at-end");
/// A line that is neither field nor comment; the standard ignores it.
pub const NOT_A_FIELD_LINE: Kind = Kind("sse.not-a-field-line");
/// Such a line after data of its event: the rest of a payload that a raw line end broke. It is lost.
pub const RAW_NEWLINE: Kind = Kind("sse.raw-newline");
/// A field that the standard does not know; it is ignored.
pub const UNKNOWN_FIELD: Kind = Kind("sse.unknown-field");
/// A field name that is known except for its case or blank space around it; it is ignored.
pub const FIELD_NAME_CASE: Kind = Kind("sse.field-name-case");
/// A block of fields without `data`: nothing is dispatched.
pub const BLOCK_WITHOUT_DATA: Kind = Kind("sse.block-without-data");
/// An event whose data is the empty string.
pub const EMPTY_DATA: Kind = Kind("sse.empty-data");
/// An event of more than one data line.
pub const MULTIPLE_DATA_LINES: Kind = Kind("sse.multiple-data-lines");
/// An event of which each data line is its own payload: its blank lines are missing.
pub const MERGED_EVENTS: Kind = Kind("sse.merged-events");
/// Data that is not UTF-8; invalid bytes were replaced by U+FFFD.
pub const INVALID_UTF8: Kind = Kind("sse.invalid-utf8");
/// A byte order mark at the start; it is dropped.
pub const BOM: Kind = Kind("sse.bom");
/// A byte order mark at the start of a later line, which is therefore ignored.
pub const BOM_INSIDE: Kind = Kind("sse.bom-inside");
/// A line ended by CRLF (reported once).
pub const CRLF: Kind = Kind("sse.crlf");
/// A line ended by CR alone (reported once).
pub const CR: Kind = Kind("sse.cr");
/// More than one kind of line end in one body (reported once).
pub const LINE_ENDS: Kind = Kind("sse.line-ends");
/// U+2028, U+2029, U+0085, VT or FF in data: not a line end here, but one for many line splitters.
pub const RAW_LINE_SEPARATOR: Kind = Kind("sse.raw-line-separator");
/// A line over 64 KiB.
pub const LONG_LINE: Kind = Kind("sse.long-line");
/// A line over 32 MiB.
pub const HUGE_LINE: Kind = Kind("sse.huge-line");
/// A `retry` that is not all digits; it is ignored.
pub const BAD_RETRY: Kind = Kind("sse.bad-retry");
/// An `id` field (reported once).
pub const ID_FIELD: Kind = Kind("sse.id-field");
/// A blank line without any field before it, while an event id is set: nothing is dispatched, but some readers
/// dispatch an event.
pub const BLANK_WITH_ID: Kind = Kind("sse.blank-with-id");
