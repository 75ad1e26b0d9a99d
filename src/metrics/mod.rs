//! Figures of an exchange: pure functions, exact, `None` if the capture lacks what they need.
//!
//! Capture clocks may step backwards. A span that would be negative is none, and so is one from or to a time outside of
//! the calendar; [`exchange::clock`](crate::exchange::clock) says by how much the clock stepped.

pub mod clocks;
pub mod like;
pub mod rank;
pub mod resample;
pub mod slo;
pub mod stats;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;

use crate::dialect::Turn;
use crate::exchange::{Exchange, Response};
use crate::time::{Span, Timestamp};

/// Times and spans of one exchange, as docs/contract.md (Times) defines them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics {
    /// First byte of the request.
    pub request_start: Option<Timestamp>,
    /// Last byte of the request.
    pub request_end: Option<Timestamp>,
    /// First byte of the final status line.
    pub response_start: Option<Timestamp>,
    /// First body byte.
    pub first_body_byte: Option<Timestamp>,
    /// Last byte of the first record.
    pub first_record: Option<Timestamp>,
    /// First delta.
    pub first_delta: Option<Timestamp>,
    /// Last delta.
    pub last_delta: Option<Timestamp>,
    /// Last byte of the response.
    pub response_end: Option<Timestamp>,
    /// Response's first byte − request's last byte.
    pub ttfb: Option<Span>,
    /// First delta of any kind − request's last byte.
    pub ttft: Option<Span>,
    /// First `content` delta − request's last byte.
    pub ttft_content: Option<Span>,
    /// ITL: spans between successive deltas, in order of arrival.
    pub itl: Vec<Span>,
    /// (last delta − first delta) ÷ tokens after the first delta, by the stream's own figures, in nanoseconds. None
    /// with fewer than two deltas.
    pub tpot: Option<Span>,
    /// The same where the stream itself tells the tokens of its first delta; none where they are assumed.
    pub tpot_net: Option<Span>,
    /// Response's last byte − request's last byte.
    pub duration: Option<Span>,
    /// Output tokens that the stream reports.
    pub output_tokens: Option<u64>,
    /// First sign of reasoning, shown or hidden.
    pub reasoning_sign: Option<Timestamp>,
    /// First sign of reasoning − request's last byte.
    pub ttfr: Option<Span>,
    /// How long the model was loaded, as the stream's records show it.
    pub load: Option<Span>,
    /// How long the prompt was read, likewise.
    pub prefill: Option<Span>,
    /// First delta − end of reading the prompt, likewise.
    pub first_token: Option<Span>,
    /// The response of JSON-RPC − request's last byte, where it came in this exchange.
    pub rpc_answer: Option<Span>,
}

/// The figures of one exchange.
pub fn of(exchange: &Exchange) -> Metrics {
    let request = exchange.request.as_ref();
    let mut m = Metrics {
        request_start: request.map(|r| r.head.first_at),
        request_end: request.map(|r| r.last_at),
        ..Metrics::default()
    };
    let Some(response) = exchange.response.as_ref() else { return m };
    let deltas = || response.deltas.iter().filter(|d| d.meaning.is_delta());
    // Without its head the capture joined the response in the middle: the first bytes seen are not its first
    // bytes.
    let whole = response.head.is_some();
    if whole {
        m.response_start = Some(response.first_at);
        m.first_body_byte = response.body.first_at;
        m.first_record = response.first_record_at;
        m.first_delta = deltas().next().map(|d| d.at);
        m.reasoning_sign = response.answer.reasoning_sign;
    }
    let stages = response.answer.stages;
    (m.load, m.prefill) = (stages.loading.took(), stages.prefill.took());
    m.first_token = stages.prefill.ended.and_then(|ended| m.first_delta?.elapsed(ended));
    m.last_delta = deltas().next_back().map(|d| d.at);
    m.response_end = Some(response.last_at);
    m.output_tokens = response.answer.output_tokens;
    let asks = exchange.websocket.as_ref().map_or(&[][..], |w| w.asks.as_slice());
    let since_request = |at: Option<Timestamp>| at?.elapsed(m.request_end?);
    let since_asked = |at: Option<Timestamp>| at?.elapsed(last_before(asks, at?).or(m.request_end)?);
    m.ttfb = since_request(m.response_start);
    let first_content = deltas().find(|d| d.meaning.content && whole).map(|d| d.at);
    m.ttft = since_asked(m.first_delta);
    m.ttft_content = since_asked(first_content);
    m.ttfr = since_asked(m.reasoning_sign);
    m.duration = since_request(m.response_end);
    m.rpc_answer = since_request(response.answer.rpc_answered);
    let one_answer = |a: Timestamp, b: Timestamp| last_before(asks, b).is_none_or(|asked| asked <= a);
    let pairs = deltas().zip(deltas().skip(1)).filter(|(a, b)| one_answer(a.at, b.at));
    m.itl = Vec::with_capacity(response.deltas.len().saturating_sub(1));
    m.itl.extend(pairs.filter_map(|(a, b)| b.at.elapsed(a.at)));
    let first_and_last = response.deltas.iter().filter(|d| d.meaning.is_delta()).take(2).count() == 2;
    // Hidden tokens took a part of the time between the deltas.
    m.tpot = tokens_after_the_first_delta(response)
        .filter(|_| !response.answer.hidden_later)
        .filter(|_| first_and_last)
        .and_then(|tokens| m.per_token(tokens))
        .filter(|_| m.first_delta.zip(m.last_delta).is_some_and(|(first, last)| one_answer(first, last)));
    m.tpot_net = m.tpot.filter(|_| after_its_own_figure(response).is_some());
    if !response.answer.turns.is_empty() {
        conversation(&mut m, response, whole, exchange.websocket.is_some());
    }
    m
}

/// The figures of a conversation: latencies are those of the answer that was the first to come, and spans lie between
/// deltas of one answer, whatever came of others meanwhile.
fn conversation(m: &mut Metrics, response: &Response, whole: bool, over_socket: bool) {
    let turns = &response.answer.turns;
    let first = |of: fn(&Turn) -> Option<Timestamp>| {
        let (at, turn) = turns.iter().filter_map(|turn| Some((of(turn)?, turn))).min_by_key(|(at, _)| *at)?;
        at.elapsed(turn.asked?).filter(|_| whole)
    };
    m.ttft = first(|turn| turn.first_delta);
    m.ttft_content = first(|turn| turn.first_content);
    // Over HTTP other exchanges asked: the request of this one only opened the stream.
    if !over_socket {
        m.ttfr = None;
    }
    let mut before: Vec<Option<Timestamp>> = vec![None; turns.len()];
    let deltas = response.deltas.iter().filter(|d| d.meaning.is_delta());
    m.itl.clear();
    m.itl.extend(deltas.filter_map(|d| {
        let last = before.get_mut(usize::from(d.meaning.turn))?.replace(d.at)?;
        d.at.elapsed(last)
    }));
    if before.iter().flatten().count() > 1 {
        (m.tpot, m.tpot_net) = (None, None);
    }
}

/// How long an answer of a conversation let its client wait, from the message that asked to its first delta of any
/// kind.
pub fn ttft_of(turn: &Turn) -> Option<Span> {
    turn.first_delta?.elapsed(turn.asked?)
}

/// Output tokens that came after the first delta: the stream's figure less that of the first delta's own record. Where
/// that has none, the first delta counts as one token, and reasoning that was not sent as none. None if none is left.
fn tokens_after_the_first_delta(response: &Response) -> Option<u64> {
    // How many tokens media took cannot be told apart.
    if response.answer.media > 0 {
        return None;
    }
    let assumed = || response.answer.output_tokens.and(response.answer.streamed_tokens())?.checked_sub(1);
    after_its_own_figure(response).or_else(assumed).filter(|after| *after > 0)
}

/// The same where the first delta's own record has a figure.
fn after_its_own_figure(response: &Response) -> Option<u64> {
    let (all, first) = (response.answer.output_tokens?, response.answer.first_delta_tokens?);
    all.checked_sub(first).filter(|after| first > 0 && *after > 0)
}

/// The last of ascending times that is not later than `at`. On a WebSocket an answer's latency counts from
/// the message that asked for it, and no span between deltas bridges two answers.
fn last_before(asks: &[Timestamp], at: Timestamp) -> Option<Timestamp> {
    asks.get(asks.partition_point(|asked| *asked <= at).checked_sub(1)?).copied()
}

impl Metrics {
    /// Median ITL; none with fewer than two deltas.
    pub fn itl_p50(&self) -> Option<Span> {
        let mut sorted = self.itl.clone();
        sorted.sort_unstable();
        percentile(&sorted, 50.0)
    }

    /// `tpot` with this many tokens after the first delta: needs both ends of the generation.
    fn per_token(&self, gaps: u64) -> Option<Span> {
        let generation = self.last_delta?.elapsed(self.first_delta?)?;
        Some(Span(i64::try_from(i128::from(generation.0) / i128::from(gaps)).unwrap_or_default()))
    }
}

/// The `p`th percentile of ascending values by nearest rank: the value at rank ⌈p/100 · n⌉, the first for `p`
/// ≤ 0, the last for `p` ≥ 100.
pub fn percentile<T: Copy>(sorted: &[T], p: f64) -> Option<T> {
    let last = sorted.len().checked_sub(1)?;
    // p · n before the division: both are small whole numbers, so that 99 % of 100 is rank 99 and not 100 for
    // a rounding error.
    let rank = (p * sorted.len() as f64 / 100.0).ceil() as usize;
    sorted.get(rank.saturating_sub(1).min(last)).copied()
}
