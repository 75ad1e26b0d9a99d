//! Rules about OpenAI chat completion streams, and about legacy completions.

mod end;
mod errors;
mod finish;
mod identity;
mod legacy;
mod shape;
mod text;
mod tools;
mod usage;

pub use end::*;
pub use errors::*;
pub use finish::*;
pub use identity::*;
pub use legacy::*;
pub use shape::*;
pub use text::*;
pub use tools::*;
pub use usage::*;

use crate::conformance::case::answered;
use crate::conformance::{Case, Finding, Rule};
use crate::dialect::openai_chat;
use crate::exchange::{Asked, Response};
use crate::http::event::MessageEnd;
use crate::oddity::{Kind, Oddity};

/// The rules of this family, in the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[
    &OAI_CHAT_001,
    &OAI_CHAT_002,
    &OAI_CHAT_003,
    &OAI_CHAT_004,
    &OAI_CHAT_005,
    &OAI_CHAT_006,
    &OAI_CHAT_007,
    &OAI_CHAT_008,
    &OAI_CHAT_009,
    &OAI_CHAT_010,
    &OAI_CHAT_011,
    &OAI_CHAT_012,
    &OAI_CHAT_013,
    &OAI_CHAT_014,
    &OAI_CHAT_015,
    &OAI_CHAT_016,
    &OAI_CHAT_017,
    &OAI_CHAT_018,
    &OAI_CHAT_019,
    &OAI_CHAT_020,
    &OAI_CHAT_021,
    &OAI_CHAT_022,
    &OAI_CHAT_023,
    &OAI_CHAT_024,
    &OAI_CHAT_025,
    &OAI_CHAT_026,
    &OAI_CHAT_027,
    &OAI_CHAT_028,
    &OAI_CHAT_029,
    &OAI_CHAT_030,
    &OAI_CHAT_031,
    &OAI_CHAT_032,
    &OAI_CHAT_033,
    &OAI_CHAT_034,
    &OAI_CHAT_035,
    &OAI_CHAT_036,
    &OAI_CHAT_037,
    &OAI_CHAT_038,
    &OAI_CHAT_039,
    &OAI_CHAT_040,
    &OAI_CHAT_041,
    &OAI_CHAT_042,
    &OAI_CHAT_043,
    &OAI_CMPL_001,
];

/// The server reports an error and ends: that is an end, although not a good one.
const ERROR_AND_END: &str = "error-and-end";

/// A chat stream whose end can be judged: the server ended it, or left it open after a finish reason until the client
/// gave up. A transport cut by the server is its own finding (HTTP-006, HTTP-007, DLV-010); a client that left early
/// and a recording that ended prove nothing.
fn ended_chat<'a>(case: &Case<'a>) -> Option<&'a Response> {
    let response = case.stream_of(&openai_chat::DIALECT)?;
    match response.end {
        MessageEnd::Complete => Some(response),
        MessageEnd::CutByClient
            if !response.answer.finish_reasons.is_empty() && !answered(response) && left_open(case, response) =>
        {
            Some(response)
        }
        MessageEnd::CutByClient | MessageEnd::CutByServer | MessageEnd::CutByCapture => None,
    }
}

/// [`Case::tell`] at the rule's own level, for chat streams only: the reader of single documents notices some of the
/// same.
fn tell(case: &Case<'_>, kind: Kind, push: &mut dyn FnMut(Finding), say: impl FnOnce(&Oddity, u64) -> String) {
    if case.stream_of(&openai_chat::DIALECT).is_some() {
        case.tell(kind, None, push, say);
    }
}

/// A finding about what is missing at the end: at the last record, or at the one before `[DONE]`.
fn at_end(response: &Response, message: String) -> Finding {
    let at = response.last_record_at.or(Some(response.last_at));
    let finding = Finding { at, ..Finding::at_end(response, message) };
    match response.answer.terminator.is_last_record {
        Some(true) => Finding { record: response.record_count.checked_sub(2), offset: None, excerpt: None, ..finding },
        _ => finding,
    }
}

/// [`Finding::at_last_delta`]; without deltas at the record before `[DONE]`.
fn at_last_delta(response: &Response, message: String) -> Finding {
    if response.deltas.is_empty() { at_end(response, message) } else { Finding::at_last_delta(response, message) }
}

/// Nothing came after the last record, until the client gave up on a body that was left open.
fn left_open(case: &Case<'_>, response: &Response) -> bool {
    case.gave_up_after(response.last_record_at)
}

/// What the request asks for; none if it is not known.
fn asked(case: &Case<'_>) -> Option<Asked> {
    case.exchange.request.as_ref().and_then(|r| r.asked)
}

/// The choice that a tool call belongs to, by its key in the answer: `INDEX`, or `CHOICE.INDEX`.
fn choice_of(call: &str) -> u32 {
    call.split_once('.').and_then(|(choice, _)| choice.parse().ok()).unwrap_or(0)
}
