//! The diagnosis in words, for people.

use super::{Cause, PAUSE, delayed_acks, deltas_per_delivery, longest_pause, median_burst, tokens_per_delta};
use crate::dialect::{Dialect, by_name};
use crate::exchange::arrival::BLOCKS;
use crate::exchange::clock::{SKEW, STEPPED_BACK};
use crate::exchange::{Exchange, Response};
use crate::time::Span;

/// Text and times of records that no dialect claims mean less than they seem to.
const UNCLAIMED: &str = "no known dialect claims these records: the text is their data joined, and the TTFT is the \
    time of the first record, not known to be a token";

/// What is said of an answer that was there before its first byte was sent. Nothing else may call it delivered well.
pub const COLLECTED: &str = "the answer was collected before it was sent";

/// How the stream was delivered, as sentences, the most important first. Empty if the answer is not a stream
/// or has fewer than two deltas.
pub fn words(x: &Exchange) -> Vec<String> {
    let Some(r) = x.response.as_ref().filter(|r| r.framing.is_stream()) else { return Vec::new() };
    let mut out = Vec::new();
    if r.record_count > 0 && r.dialect.and_then(by_name).is_some_and(Dialect::is_none) {
        out.push(UNCLAIMED.to_owned());
    }
    if let Some((odd, _)) = x.oddities.find(STEPPED_BACK).filter(|(o, _)| o.span.is_some_and(|s| s > SKEW)) {
        out.push(odd.found.clone().into_owned());
        return out;
    }
    if r.deltas.len() < 2 {
        return out;
    }
    together(r, &mut out);
    pauses(x, &mut out);
    head(x, r, &mut out);
    if let Some(d) = delayed_acks(&r.deltas) {
        out.push(format!(
            "{} of {} pauses between deliveries last {}: small segments wait for delayed acknowledgements (Nagle; \
                TCP_NODELAY is off)",
            d.gaps, d.of, d.timer
        ));
    }
    if let Some(n) = tokens_per_delta(r).filter(|n| *n >= 1.5) {
        out.push(format!("{n:.1} tokens per delta: the ITL is not the time per token"));
    }
    if let Some(n) =
        r.answer.first_delta_tokens.filter(|n| *n >= 2 && r.answer.output_tokens.is_some_and(|all| *n < all))
    {
        out.push(format!("the first delta ends with token {n}, by its own usage: TPOT counts the tokens after it"));
    }
    if let (Some(all), Some(streamed)) = (r.answer.output_tokens, r.answer.streamed_tokens())
        && streamed < all
    {
        out.push(format!("{} of {all} tokens are reasoning that was not sent: TPOT leaves them out", all - streamed));
    }
    cuts(r, &mut out);
    server_clock(r, &mut out);
    out
}

/// Token by token, or several at once?
fn together(r: &Response, out: &mut Vec<String>) {
    let (n, per, burst) = (r.deltas.len(), deltas_per_delivery(&r.deltas).unwrap_or_default(), median_burst(&r.deltas));
    let (first, last) = (r.deltas[0].at, r.deltas[n - 1].at);
    let spread = last.since(first);
    if n > 5 && spread < Span::from_millis(5) {
        out.push(format!("all {n} deltas came within {spread}: {COLLECTED}"));
        return;
    }
    out.push(match burst {
        0 | 1 if per < 1.05 => format!("{n} deltas, one by one"),
        0 | 1 => format!("{n} deltas, {per:.1} per delivery on average"),
        _ => format!("{n} deltas in bursts of {burst} (median)"),
    });
    if let Some(size) = r.body.arrival.block() {
        let count = BLOCKS.into_iter().zip(r.body.arrival.blocks).find(|(s, _)| *s == size).map_or(0, |(_, n)| n);
        out.push(format!(
            "{count} of {} bursts are about {} KiB: something on the way fills a buffer before it sends",
            r.body.arrival.bursts,
            size >> 10
        ));
    }
}

fn pauses(x: &Exchange, out: &mut Vec<String>) {
    if let Some(p) = longest_pause(x).filter(|p| p.span >= PAUSE || matches!(p.cause, Cause::Transport(_))) {
        out.push(format!("longest pause {} before record {}: {}", p.span, p.delta.record, p.cause.as_str()));
    }
}

/// The head's time against the first token's.
fn head(x: &Exchange, r: &Response, out: &mut Vec<String>) {
    let (Some(request), Some(first), Some(_)) = (&x.request, r.deltas.first(), &r.head) else { return };
    let (head, token) = (r.first_at.since(request.last_at), first.at.since(request.last_at));
    if token < Span::from_millis(50) {
        return;
    }
    // From outside one can't see whether a head just before the first delta waited for that delta.
    out.push(format!("head after {head}, first delta after {token}"));
}

fn cuts(r: &Response, out: &mut Vec<String>) {
    let a = &r.body.arrival;
    if a.split_records + a.split_characters + a.split_line_ends > 0 {
        let mut parts = vec![format!("{} of {} records came in several deliveries", a.split_records, r.record_count)];
        parts.extend((a.split_characters > 0).then(|| format!("{} cuts inside a character", a.split_characters)));
        parts.extend((a.split_line_ends > 0).then(|| format!("{} between CR and LF", a.split_line_ends)));
        out.push(parts.join(", "));
    }
}

/// What the server's own time stamps show for the same time.
fn server_clock(r: &Response, out: &mut Vec<String>) {
    let clock = &r.answer.server_clock;
    if let Some(spread) = clock.lag_spread.filter(|s| *s >= Span::from_millis(50)) {
        out.push(format!(
            "compared with the server's own time stamps, deltas came up to {spread} later than the fastest one"
        ));
    }
    if let Some(said) = clock.reading.filter(|s| *s >= Span::from_millis(50)) {
        out.push(format!("the server says that it read the prompt for {said}"));
    }
    if let (Some(said), Some(first), Some(last)) = (clock.generating, r.deltas.first(), r.deltas.last()) {
        out.push(format!(
            "the server says that it generated for {said}; the deltas came over {}",
            last.at.since(first.at)
        ));
    }
}
