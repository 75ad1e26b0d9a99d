//! From the facts to the verdict: a pure function, and the only place that decides how an answer ended.

use super::Verdict;
use super::facts::{Facts, Unseen};
use super::timeout::{Kind, Limit};
use crate::exchange::ending::Party;
use crate::http::event::MessageEnd;

/// The verdict on these facts; `status`: the response's, if one was seen.
pub fn decide(facts: &Facts, status: Option<u16>) -> Verdict {
    match facts.body {
        None => unanswered(facts),
        Some(end) => answered(facts, status, end),
    }
}

/// No byte of an answer came.
fn unanswered(facts: &Facts) -> Verdict {
    match (facts.race, facts.unseen) {
        // The client's own packets show that the request came too late: that needs no byte of the server.
        (Some(_), unseen) if unseen != Some(Unseen::OneSided) => Verdict::ServerTruncated,
        (_, Some(_)) => Verdict::CaptureIncomplete,
        (_, None) => cut(facts),
    }
}

/// An answer, or its beginning, came.
fn answered(facts: &Facts, status: Option<u16>, end: MessageEnd) -> Verdict {
    if matches!(status, Some(504 | 524)) {
        return Verdict::GatewayTimeout;
    }
    if facts.failed {
        return Verdict::ErrorInside200;
    }
    if facts.said_end {
        return Verdict::Complete;
    }
    if let Some(closed) = facts.closed {
        // A Close frame is the end of the conversation, not of an answer that was promised and has begun.
        return if closed.well && facts.kept() { Verdict::Complete } else { by(closed.by) };
    }
    if facts.unseen.is_some() {
        return Verdict::CaptureIncomplete;
    }
    match end {
        MessageEnd::Complete if facts.kept() => Verdict::Complete,
        MessageEnd::Complete => Verdict::ServerTruncated,
        _ => cut(facts),
    }
}

/// A party closed too early.
fn cut(facts: &Facts) -> Verdict {
    match (facts.by, facts.limit) {
        (Party::Server, Some(Limit { kind: Kind::Idle, .. })) => Verdict::GatewayTimeout,
        (party, _) => by(party),
    }
}

fn by(party: Party) -> Verdict {
    match party {
        Party::Client => Verdict::ClientCancelled,
        Party::Server => Verdict::ServerTruncated,
        Party::Capture => Verdict::CaptureIncomplete,
    }
}
