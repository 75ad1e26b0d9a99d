//! The verdict on one answer of a conversation.

use super::{Facts, Promise, Verdict, decide};
use crate::dialect::{End, Turn};

/// Status of an answer that the client, or who spoke to it, broke off.
const CANCELLED: &str = "cancelled";

/// How this answer of a WebSocket ended; `facts` are those of its exchange.
pub fn of_turn(turn: &Turn, facts: &Facts, status: Option<u16>) -> Verdict {
    if turn.error.is_some() {
        return Verdict::ErrorInside200;
    }
    match turn.finish.as_deref() {
        Some(CANCELLED) => return Verdict::ClientCancelled,
        _ if turn.ended.is_some() => return Verdict::Complete,
        // Its lane went on without it.
        _ if turn.abandoned => return Verdict::ClientCancelled,
        _ if turn.followed => return Verdict::ServerTruncated,
        _ => {}
    }
    let promise = Promise::Marked(End::FinishReason);
    decide(&Facts { said_end: false, failed: false, promise, ..facts.clone() }, status)
}
