//! The same request sent again by the same host after a failure. A failure is an answer that was cut, an error, or a
//! whole answer with a finding of level error, which the client may have refused.

use super::{Outcome, Seen};
use crate::time::{Span, Timestamp};
use std::collections::HashMap;
use std::net::IpAddr;

/// A client that has not repeated its request by then has given up.
const PATIENCE: Span = Span::from_secs(300);
/// A client that refuses an answer sends its request again sooner.
const REFUSED: Span = Span::from_secs(60);
/// Failures of one request that wait for their repetition: those of parallel equal requests.
const WAITING: usize = 16;

/// An attempt that nothing has repeated yet.
struct Attempt<'a> {
    seen: &'a Seen,
    /// Its number, from 1.
    n: u64,
}

/// A request that was sent again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retry {
    /// Id of the attempt that failed.
    pub of: i64,
    /// Id of the next attempt.
    pub id: i64,
    /// Its number, from 2.
    pub attempt: u64,
    /// From the end of the one to the begin of the other.
    pub after: Span,
    /// How the first ended.
    pub outcome: Outcome,
}

/// One sentence for each attempt.
pub(super) fn say(all: &[&Seen], say: &mut impl FnMut(i64, String)) {
    links(all).iter().for_each(|retry| tell(retry, say));
}

/// Each request that was sent again, with the next attempt. The exchanges are in order of time.
pub(super) fn links(all: &[&Seen]) -> Vec<Retry> {
    let mut links = Vec::new();
    let mut open: HashMap<(IpAddr, u64), Vec<Attempt<'_>>> = HashMap::new();
    for seen in all {
        let (Some(asked), Some(begun)) = (seen.asked, seen.begun) else { continue };
        let attempts = open.entry((seen.ends.client.ip(), asked)).or_default();
        attempts.retain(|before| begun.since(before.seen.ended) <= patience(before.seen));
        let mut n = 1;
        if let Some(before) = take_last(attempts, begun) {
            n = before.n + 1;
            let Seen { id: of, outcome, ended, .. } = *before.seen;
            links.push(Retry { of, id: seen.id, attempt: n, after: begun.since(ended), outcome });
        }
        if patience(seen) > Span(0) && attempts.len() < WAITING {
            attempts.push(Attempt { seen, n });
        }
    }
    links
}

/// The attempt that ended last before `begun`.
fn take_last<'a>(attempts: &mut Vec<Attempt<'a>>, begun: Timestamp) -> Option<Attempt<'a>> {
    let ended = |attempt: &Attempt<'_>| attempt.seen.ended;
    let before = attempts.iter().enumerate().filter(|(_, attempt)| ended(attempt) <= begun);
    let (at, _) = before.max_by_key(|(_, attempt)| ended(attempt))?;
    Some(attempts.swap_remove(at))
}

/// How long a repetition may take to come; 0 if there is no reason for one.
fn patience(seen: &Seen) -> Span {
    match seen.outcome {
        Outcome::Cut(_) | Outcome::Failed => PATIENCE,
        Outcome::Doubtful => REFUSED,
        Outcome::Good | Outcome::Unknown => Span(0),
    }
}

fn tell(retry: &Retry, say: &mut impl FnMut(i64, String)) {
    let Retry { of, id, attempt, after, outcome } = retry;
    let (end, why) = match outcome {
        Outcome::Doubtful => {
            ("this whole answer", "a whole answer that the client may have refused (see its findings)")
        }
        _ => ("this one failed", "which failed"),
    };
    say(*of, format!("the client sent the same request again as #{id}, {after} after {end}"));
    say(*id, format!("attempt {attempt} of the same request: sent again {after} after the end of #{of}, {why}"));
}
