//! Who ended the answer, and is it whole? One verdict per exchange from all evidence: FIN, RST, END_STREAM,
//! RST_STREAM, GOAWAY, close_notify, zero chunk, Content-Length, terminator, finish reason, silence.
//!
//! ```text
//! Exchange ─► Facts (promise, what came, who closed, what was not seen) ─► decide ─► Verdict
//!                                                                     └─► reasons: sentences
//! ```

mod decide;
mod facts;
mod promise;
mod reasons;
mod timeout;
mod turn;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub use decide::decide;
#[cfg(test)]
pub use facts::Closed;
pub use facts::{Facts, Race, Unseen, unread_coding};
pub use promise::Promise;
pub use timeout::{Kind, Limit};
use turn::of_turn;

use crate::dialect::Turn;
use crate::exchange::Exchange;

/// How the answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is whole. (An answer whose terminator or last finish reason came is whole, whatever the transport
    /// did after it.)
    Complete,
    /// The client left before the answer was whole.
    ClientCancelled,
    /// The server, or a gateway in its place, ended it before it was whole.
    ServerTruncated,
    /// An intermediary gave up: 504, or a cut after a silence as long as a known limit.
    GatewayTimeout,
    /// A success status with an error in the body.
    ErrorInside200,
    /// The capture lacks the evidence.
    CaptureIncomplete,
}

impl Verdict {
    /// All verdicts, from best to worst.
    pub const ALL: &'static [Verdict] = &[
        Verdict::Complete,
        Verdict::CaptureIncomplete,
        Verdict::ClientCancelled,
        Verdict::ErrorInside200,
        Verdict::GatewayTimeout,
        Verdict::ServerTruncated,
    ];

    /// For the store and machines.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Complete => "complete",
            Verdict::ClientCancelled => "client-cancelled",
            Verdict::ServerTruncated => "server-truncated",
            Verdict::GatewayTimeout => "gateway-timeout",
            Verdict::ErrorInside200 => "error-in-200",
            Verdict::CaptureIncomplete => "capture-incomplete",
        }
    }
}

/// A verdict with its reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// The time-out that was reached, of the party that ended the answer.
    pub limit: Option<Limit>,
    /// Its reasons, one line each, the most important first.
    pub why: Vec<String>,
}

/// The verdict on an exchange.
pub fn of(x: &Exchange) -> Judgement {
    let facts = Facts::of(x);
    let verdict = on(x, &facts);
    let counts = matches!(verdict, Verdict::GatewayTimeout | Verdict::ServerTruncated | Verdict::ClientCancelled);
    let limit = match facts.waited {
        Some(waited) => facts::waited_for(waited),
        None => facts.limit.filter(|_| counts && !answered_504(x)),
    };
    Judgement { verdict, limit, why: reasons::of(x, &facts, verdict, limit) }
}

/// The verdict without its reasons, by facts that were made of the same exchange.
pub fn on(x: &Exchange, facts: &Facts) -> Verdict {
    decide(facts, status(x))
}

/// The verdicts on the answers of a conversation, in their order.
pub fn of_turns(x: &Exchange) -> Vec<Verdict> {
    let turns: &[Turn] = x.response.as_ref().map_or(&[], |r| &r.answer.turns);
    if turns.is_empty() {
        return Vec::new();
    }
    let facts = Facts::of(x);
    turns.iter().map(|turn| of_turn(turn, &facts, status(x))).collect()
}

fn status(x: &Exchange) -> Option<u16> {
    x.response.as_ref()?.head.as_ref().map(|h| h.status)
}

/// The status names the time-out: no other is looked for.
fn answered_504(x: &Exchange) -> bool {
    matches!(status(x), Some(504 | 524))
}
