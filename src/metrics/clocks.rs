//! The named clocks of one exchange, and the spans between them that its other figures lack. docs/times.md defines
//! each.

use crate::dialect::Meaning;
use crate::time::{Span, Timestamp};

/// When what happened in one exchange; none where the capture or the stream has no such moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clocks {
    /// First byte of the request.
    pub request_start: Option<Timestamp>,
    /// Last byte of the request.
    pub request_end: Option<Timestamp>,
    /// First byte of the final status line.
    pub head_start: Option<Timestamp>,
    /// Last byte of the final head.
    pub head_end: Option<Timestamp>,
    /// First byte of the body.
    pub first_byte: Option<Timestamp>,
    /// Last byte of the first record.
    pub first_record: Option<Timestamp>,
    /// First sign of reasoning, shown or hidden.
    pub reasoning_sign: Option<Timestamp>,
    /// First delta of any channel.
    pub first_delta: Option<Timestamp>,
    /// First delta with text.
    pub first_content: Option<Timestamp>,
    /// Last delta.
    pub last_delta: Option<Timestamp>,
    /// Last finish reason.
    pub finish: Option<Timestamp>,
    /// First terminator of the dialect.
    pub terminator: Option<Timestamp>,
    /// Last byte of the response.
    pub end: Option<Timestamp>,
    /// Every record: the time of its last byte, and what it carries.
    pub records: Vec<(Timestamp, Meaning)>,
    /// Every chunk: the time of its last byte.
    pub chunks: Vec<Timestamp>,
    /// Output tokens that the stream reports.
    pub output_tokens: Option<u64>,
}

/// When the parts of one response came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arrivals {
    /// Every delta: the time of its last byte.
    pub deltas: Vec<Timestamp>,
    /// Every chunk, likewise.
    pub chunks: Vec<Timestamp>,
    /// Output tokens that the stream reports.
    pub output_tokens: Option<u64>,
}

/// One phase of an exchange: `request` (it is sent), `head` (its answer is waited for), `first-token`, `tokens`, and
/// `tail` (after the last delta); an answer without deltas has `body` in place of the last three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phase {
    /// Its name.
    pub name: &'static str,
    /// Its begin.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
}

impl Phase {
    /// How long it took.
    pub fn span(&self) -> Span {
        self.to.since(self.from)
    }
}

impl Clocks {
    /// Each clock by its name in JSON.
    pub fn named(&self) -> [(&'static str, Option<Timestamp>); 13] {
        [
            ("t_request_start_ns", self.request_start),
            ("t_request_end_ns", self.request_end),
            ("t_response_start_ns", self.head_start),
            ("t_head_end_ns", self.head_end),
            ("t_first_body_byte_ns", self.first_byte),
            ("t_first_record_ns", self.first_record),
            ("t_first_reasoning_sign_ns", self.reasoning_sign),
            ("t_first_delta_ns", self.first_delta),
            ("t_first_content_ns", self.first_content),
            ("t_last_delta_ns", self.last_delta),
            ("t_finish_ns", self.finish),
            ("t_terminator_ns", self.terminator),
            ("t_response_end_ns", self.end),
        ]
    }

    /// Where the time of the exchange went: its phases in order, without gaps between them. A moment that the capture
    /// does not have, or that lies before the one before it, begins no phase.
    pub fn phases(&self) -> Vec<Phase> {
        let rest = if self.first_delta.is_some() { "tail" } else { "body" };
        let ends = [
            ("request", self.request_end),
            ("head", self.head_start),
            ("first-token", self.first_delta),
            ("tokens", self.last_delta.filter(|_| self.first_delta.is_some())),
            (rest, self.end),
        ];
        let begin = [self.request_start, self.request_end, self.head_start].into_iter().flatten().next();
        let (mut all, mut at) = (Vec::new(), begin);
        for (name, end) in ends {
            let (Some(from), Some(to)) = (at, end) else { continue };
            if to.elapsed(from).is_some() {
                all.push(Phase { name, from, to });
                at = Some(to);
            }
        }
        all
    }

    /// When the deltas and chunks came.
    pub fn arrivals(&self) -> Arrivals {
        let deltas = self.records.iter().filter(|(_, meaning)| meaning.is_delta()).map(|(at, _)| *at);
        Arrivals { deltas: deltas.collect(), chunks: self.chunks.clone(), output_tokens: self.output_tokens }
    }

    /// From the last delta to the last byte: what a client waits after the last token.
    pub fn tail(&self) -> Option<Span> {
        self.end?.elapsed(self.last_delta?)
    }

    /// From one chunk to the next, whatever they carry.
    pub fn chunk_gaps(&self) -> Vec<Span> {
        gaps(&self.chunks)
    }
}

/// The time that each token took, from a delta whose tokens the stream tells to the next: the tokens that came with a
/// delta share the time since the one before. Ascending, each with how many tokens took so long.
pub fn token_gaps(told: &[(Timestamp, u64)]) -> Vec<(Span, u64)> {
    let of = |pair: &[(Timestamp, u64)]| {
        let tokens = pair[1].1.checked_sub(pair[0].1).filter(|tokens| *tokens > 0)?;
        let took = pair[1].0.elapsed(pair[0].0)?;
        Some((Span(took.0 / i64::try_from(tokens).ok()?), tokens))
    };
    let mut all: Vec<_> = told.windows(2).filter_map(of).collect();
    all.sort_unstable();
    all
}

/// The `p`th percentile by nearest rank of ascending values that each count several times.
pub fn weighted(sorted: &[(Span, u64)], p: f64) -> Option<Span> {
    let all: u128 = sorted.iter().map(|(_, n)| u128::from(*n)).sum();
    let rank = (p * all as f64 / 100.0).ceil() as u128;
    let mut before = 0;
    let found = sorted.iter().find(|(_, n)| {
        before += u128::from(*n);
        before >= rank
    });
    found.or(sorted.last()).map(|(span, _)| *span)
}

/// The spans between successive times; none where the clock stepped back.
pub fn gaps(times: &[Timestamp]) -> Vec<Span> {
    times.windows(2).filter_map(|pair| pair[1].elapsed(pair[0])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(all: &[(i64, u64)]) -> Vec<(Timestamp, u64)> {
        all.iter().map(|(ms, tokens)| (Timestamp(ms * 1_000_000), *tokens)).collect()
    }

    #[test]
    fn tokens_of_one_delta_share_the_time_since_the_delta_before() {
        // 3 tokens in 60 ms, 1 in 10 ms, none in the next record, then 2 in 80 ms.
        let gaps = token_gaps(&told(&[(0, 1), (60, 4), (70, 5), (75, 5), (155, 7)]));
        assert_eq!(gaps, [(Span::from_millis(10), 1), (Span::from_millis(20), 3), (Span::from_millis(40), 2)]);
        let at = |p| weighted(&gaps, p);
        // Six values: 10, 20, 20, 20, 40, 40.
        assert_eq!(
            [at(16.0), at(50.0), at(66.0), at(67.0), at(100.0)].map(|s| s.map(|s| s.0 / 1_000_000)),
            [Some(10), Some(20), Some(20), Some(40), Some(40)]
        );
        assert_eq!(weighted(&[], 50.0), None);
    }

    #[test]
    fn a_count_that_falls_and_a_clock_that_steps_back_give_no_gap() {
        assert_eq!(token_gaps(&told(&[(0, 9), (10, 4), (5, 6)])), []);
        assert_eq!(token_gaps(&told(&[(0, 1), (10, u64::MAX)])).len(), 0, "more tokens than a span can be shared by");
    }
}
