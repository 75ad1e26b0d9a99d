//! One stream that was captured twice: on both sides of a proxy, or of an address translation.

use super::{Print, Seen, is_behind};
use crate::time::Span;
use std::collections::HashMap;

/// Exchanges with equal answers that are looked at as the other side of one.
const CANDIDATES: usize = 32;
/// The two sides of an address translation differ by no more than this.
const TRANSLATED: Span = Span::from_millis(50);
/// A hop may take this long to pass data on.
const LATE: Span = Span::from_millis(20);

/// One sentence for each side.
pub(super) fn say(all: &[&Seen], say: &mut impl FnMut(i64, String)) {
    let mut by_answer: HashMap<u64, Vec<&Seen>> = HashMap::new();
    for seen in all {
        if let Some(answer) = seen.print.text.or(seen.print.body) {
            by_answer.entry(answer).or_default().push(seen);
        }
    }
    for sides in by_answer.into_values().filter(|sides| sides.len() > 1) {
        let translated = |i: usize| {
            let near = sides[i + 1..].iter().take(CANDIDATES);
            near.copied().filter(|other| is_translated(sides[i], other)).take(2).collect::<Vec<_>>()
        };
        for (i, seen) in sides.iter().enumerate() {
            // Several proxies may be in a row. The next one in order of the requests is the nearest hop.
            let later = sides[i + 1..].iter().take(CANDIDATES);
            if let Some(far) = later.copied().find(|far| is_inside(seen, far)) {
                hop(seen, far, say);
            } else if let [other] = translated(i)[..] {
                translation(seen, other, say);
            }
        }
    }
}

/// `far` is the upstream side of the hop whose downstream side is `near`: the same bytes, asked during this exchange
/// by the server that answers here.
fn is_inside(near: &Seen, far: &Seen) -> bool {
    let (Some(begun), Some(later)) = (near.begun, far.begun) else { return false };
    begun < later && later < near.ended && is_behind(&near.ends, &far.ends) && near.print.is_same(&far.print)
}

/// The same bytes at the same time, with one end the same and the other translated. Two clients that ask one server
/// the same have ports of their own.
fn is_translated(a: &Seen, b: &Seen) -> bool {
    let near = |x: crate::time::Timestamp, y: crate::time::Timestamp| y.since(x).0.abs() <= TRANSLATED.0;
    let (Some(one), Some(two)) = (a.begun, b.begun) else { return false };
    let source = a.ends.server == b.ends.server
        && a.ends.client.ip() != b.ends.client.ip()
        && a.ends.client.port() == b.ends.client.port();
    let target = a.ends.client == b.ends.client && a.ends.server != b.ends.server;
    let Print { request, body, .. } = a.print;
    let bytes = request.is_some() && request == b.print.request && body == b.print.body && a.print.is_same(&b.print);
    (source || target) && bytes && near(one, two) && near(a.ended, b.ended)
}

fn hop(near: &Seen, far: &Seen, say: &mut impl FnMut(i64, String)) {
    say(far.id, format!("#{} is the downstream side of the same answer: {} passed it on", near.id, near.ends.server));
    let figures = match (near.pace, far.pace) {
        (Some((ttft, gap)), Some((ttft_there, gap_there))) => {
            let late = is_late(ttft, ttft_there);
            let verdict = match () {
                () if late && holds_back(gap, gap_there) => {
                    ": the hop holds deltas back and sends them together (DLV-011)"
                }
                () if late => ": the hop holds the first delta back",
                () => "",
            };
            let added = Span(ttft.0.saturating_sub(ttft_there.0).max(0));
            format!(": TTFT {ttft_there} there, {ttft} here (+{added}), gap p50 {gap_there} there, {gap} here{verdict}")
        }
        _ => String::new(),
    };
    say(near.id, format!("#{} is the upstream side of the same answer{figures}", far.id));
}

fn translation(a: &Seen, b: &Seen, say: &mut impl FnMut(i64, String)) {
    let path = |seen: &Seen| format!("{} → {}", seen.ends.client, seen.ends.server);
    for (this, other) in [(a, b), (b, a)] {
        let there = path(other);
        say(
            this.id,
            format!("#{} is the same stream, captured on the other side of an address translation: {there}", other.id),
        );
    }
}

/// The first delta comes much later on this side.
pub fn is_late(ttft: Span, upstream: Span) -> bool {
    ttft.0 > upstream.0.saturating_mul(2).saturating_add(LATE.0)
}

/// The gaps are much shorter on this side: deltas were collected.
pub fn holds_back(gap: Span, upstream: Span) -> bool {
    gap.0.saturating_mul(2) < upstream.0
}
