//! Diagnosis of a stream's delivery: buffering, coalescing, pauses and their causes, time stamps that the
//! server sent. Pure functions of an exchange; `conformance` judges with them and `summary` prints them as
//! sentences.

pub mod across;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod words;

pub use words::{COLLECTED, words};

use crate::exchange::arrival::TOGETHER;
use crate::exchange::{Delta, Exchange, Response};
use crate::http::h2;
use crate::oddity::{Kind, Oddities, Oddity};
use crate::tcp;
use crate::time::{Span, Timestamp};

/// Oddities of lower layers that make a sender wait and have a duration: (kind, cause as a sentence).
pub const TRANSPORT_STALLS: &[(Kind, &str)] = &[
    (tcp::ZERO_WINDOW, "the client did not read: its TCP window was closed"),
    (tcp::RETRANSMISSION_STALL, "packets were lost and sent again"),
    (h2::FLOW_CONTROL_STALL, "the client's HTTP/2 flow-control window was closed"),
];

/// Numbers of deltas in each burst: deltas with less than [`TOGETHER`] between neighbours.
pub fn bursts(deltas: &[Delta]) -> Vec<usize> {
    deltas.chunk_by(|a, b| b.at.since(a.at) < TOGETHER).map(<[Delta]>::len).collect()
}

/// Deltas that were generated during a silence and came after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldBack {
    /// Bursts that they came in.
    pub bursts: usize,
    /// Deltas of the three largest bursts.
    pub in_three: usize,
    /// Time without deltas, from the request on.
    pub quiet: Span,
}

/// The deltas came faster than they can be generated, after a silence that was long enough to generate them.
pub fn held_back(x: &Exchange) -> Option<HeldBack> {
    /// No model generates tokens closer together than this and then waits.
    const FASTEST: Span = Span(200_000);
    /// The fastest services take at least this time for a token.
    const MADE_IN: Span = Span::from_millis(2);
    /// A user does not notice a shorter wait.
    const NOTICED: Span = Span::from_millis(300);
    let response = x.response.as_ref()?;
    let deltas = &response.deltas;
    let last = deltas.last()?;
    let began = x.request.as_ref().map_or(response.first_at, |r| r.last_at);
    let (mut sizes, mut inside) = (Vec::new(), 0);
    for burst in deltas.chunk_by(|a, b| b.at.since(a.at) < TOGETHER) {
        sizes.push(burst.len());
        inside += burst.last().map_or(0, |end| end.at.since(burst[0].at).0);
    }
    let (n, bursts) = (deltas.len() as i64, sizes.len());
    let quiet = Span(last.at.since(began).0 - inside);
    let packed = inside < FASTEST.0.saturating_mul(n - bursts as i64);
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    let in_three = sizes.iter().take(3).sum();
    let waited = quiet >= NOTICED && quiet.0 >= MADE_IN.0.saturating_mul(n);
    (packed && waited).then_some(HeldBack { bursts, in_three, quiet })
}

/// Median number of deltas that came together.
pub fn median_burst(deltas: &[Delta]) -> usize {
    let mut sizes = bursts(deltas);
    sizes.sort_unstable();
    sizes.get(sizes.len() / 2).copied().unwrap_or_default()
}

/// Average number of deltas in the deliveries that have any.
pub fn deltas_per_delivery(deltas: &[Delta]) -> Option<f64> {
    let deliveries = deltas.chunk_by(|a, b| a.at == b.at).count();
    (deliveries > 0).then(|| deltas.len() as f64 / deliveries as f64)
}

/// Output tokens per delta, with the token count that the stream reports. Reasoning that was not sent does not count.
pub fn tokens_per_delta(r: &Response) -> Option<f64> {
    let n = r.deltas.len();
    r.answer.streamed_tokens().filter(|_| n > 0).map(|tokens| tokens as f64 / n as f64)
}

/// A timer of TCP that spaces deltas: small segments wait for an acknowledgement (Nagle) that the receiver delays.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Delayed {
    /// The delay: 40 ms on Linux, 200 ms elsewhere.
    pub timer: Span,
    /// Number of pauses between deliveries of that length.
    pub gaps: usize,
    /// Number of all pauses between deliveries.
    pub of: usize,
}

/// The pattern of Nagle's algorithm with delayed acknowledgements: most pauses between deliveries are as long as the
/// timer, and deltas are coalesced. A model that generates a token every 40 ms does not coalesce.
pub fn delayed_acks(deltas: &[Delta]) -> Option<Delayed> {
    const LEAST: usize = 5;
    const COALESCED: f64 = 1.3;
    if deltas_per_delivery(deltas).is_none_or(|n| n < COALESCED) {
        return None;
    }
    let times: Vec<Timestamp> = deltas.chunk_by(|a, b| a.at == b.at).filter_map(|c| c.first()).map(|d| d.at).collect();
    let gaps: Vec<Span> = times.windows(2).map(|w| w[1].since(w[0])).collect();
    let near = |timer: Span| gaps.iter().filter(|g| (g.0 - timer.0).abs() <= timer.0 / 10).count();
    let all = [Span::from_millis(40), Span::from_millis(200)].map(|timer| Delayed {
        timer,
        gaps: near(timer),
        of: gaps.len(),
    });
    all.into_iter().max_by_key(|d| d.gaps).filter(|d| d.gaps >= LEAST && d.gaps * 5 >= d.of * 3)
}

/// Deltas that follow each other in one answer. What lies between two answers of a conversation is the user's time.
pub fn neighbours(deltas: &[Delta]) -> impl Iterator<Item = (&Delta, &Delta)> {
    deltas.windows(2).filter_map(|pair| {
        let [a, b] = pair else { return None };
        (a.meaning.turn == b.meaning.turn).then_some((a, b))
    })
}

/// A pause between deltas and what caused it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pause {
    /// Its length.
    pub span: Span,
    /// The delta that ended it.
    pub delta: Delta,
    /// Its cause.
    pub cause: Cause,
}

/// What made a stream pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// No lower layer explains it: the server sent nothing.
    Server,
    /// An oddity of [`TRANSPORT_STALLS`], with its sentence.
    Transport(&'static str),
    /// The capture lacks bytes of that time.
    Capture,
}

impl Cause {
    /// All names that [`Cause::name`] gives, in the order in which pictures stack them.
    pub const NAMES: [&'static str; 5] = ["server", "loss", "window", "h2-window", "capture"];

    /// The cause in one word, as JSON has it: `server`, `loss` (packets were sent again), `window` and `h2-window` (the
    /// client's windows of TCP and HTTP/2 were closed), `capture` (unknown, because the capture lacks bytes).
    pub fn name(self) -> &'static str {
        match self {
            Cause::Server => "server",
            Cause::Capture => "capture",
            Cause::Transport(words) => match TRANSPORT_STALLS.iter().position(|(_, w)| *w == words) {
                Some(0) => "window",
                Some(1) => "loss",
                _ => "h2-window",
            },
        }
    }

    /// The cause as a sentence.
    pub fn as_str(self) -> &'static str {
        match self {
            Cause::Server => "the server sent nothing: it was thinking, busy, or held back",
            Cause::Transport(words) => words,
            Cause::Capture => "unknown: the capture lacks bytes",
        }
    }
}

/// A shorter pause is named only if a lower layer explains it.
pub const PAUSE: Span = Span::from_millis(250);

/// A pause that pictures show: from one delta to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stall {
    /// Time of the delta before it.
    pub from: Timestamp,
    /// Time of the delta after it.
    pub to: Timestamp,
    /// What caused it.
    pub cause: Cause,
}

impl Stall {
    /// How long it lasted.
    pub fn span(&self) -> Span {
        self.to.since(self.from)
    }
}

/// The pauses of an answer from its deltas (time, answer of a conversation) in order: those of [`PAUSE`] or longer, and
/// shorter ones that a lower layer explains. They do not overlap.
pub fn stalls(deltas: impl Iterator<Item = (Timestamp, u16)>, oddities: &Oddities, gap: bool) -> Vec<Stall> {
    let (mut all, mut before): (Vec<Stall>, Option<(Timestamp, u16)>) = (Vec::new(), None);
    for (to, turn) in deltas {
        let pair = before.replace((to, turn)).filter(|(from, of)| *of == turn && to.elapsed(*from).is_some());
        let Some((from, _)) = pair.filter(|(from, _)| all.last().is_none_or(|last| last.to <= *from)) else { continue };
        let cause = cause_among(oddities, gap, from, to);
        let stall = Stall { from, to, cause };
        if stall.span() >= PAUSE || matches!(cause, Cause::Transport(_)) {
            all.push(stall);
        }
    }
    all
}

/// The longest pause between deltas, with its cause.
pub fn longest_pause(x: &Exchange) -> Option<Pause> {
    let r = x.response.as_ref()?;
    let (before, after) = neighbours(&r.deltas).max_by_key(|(a, b)| b.at.since(a.at))?;
    Some(Pause { span: after.at.since(before.at), delta: *after, cause: cause(x, before.at, after.at) })
}

/// The cause of a pause between two times: a transport stall that ended between them and lasted at least half
/// of the pause.
pub fn cause(x: &Exchange, from: Timestamp, to: Timestamp) -> Cause {
    cause_among(&x.oddities, x.gap, from, to)
}

fn cause_among(oddities: &Oddities, gap: bool, from: Timestamp, to: Timestamp) -> Cause {
    let pause = to.since(from);
    let explains = |o: &Oddity| from < o.at && o.at <= to && o.span.is_some_and(|s| s.0.saturating_mul(2) >= pause.0);
    let found = TRANSPORT_STALLS.iter().find(|(kind, _)| oddities.find(*kind).is_some_and(|(o, _)| explains(o)));
    match found {
        Some((_, words)) => Cause::Transport(words),
        None if gap => Cause::Capture,
        None => Cause::Server,
    }
}
