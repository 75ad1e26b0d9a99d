//! One connection from the waist up: a transcript, or deliveries of both directions with gaps and ends.

use sniff::conn::{Direction, End};
use sniff::exchange::Exchange;
use sniff::internal::pipeline::exchanges_of;
use sniff::internal::wire::{self, Event, START, Transcript, What};
use sniff::time::Timestamp;

/// A conversation is read and judged.
pub fn run(data: &[u8]) {
    for exchange in &exchanges(&of(data)) {
        let metrics = sniff::metrics::of(exchange);
        let _ = sniff::conformance::judge(exchange, &metrics, &Default::default());
    }
}

/// The exchanges of a conversation, whole.
pub fn exchanges(conversation: &Transcript) -> Vec<Exchange> {
    exchanges_of(|sink| conversation.replay(sniff::conn::ConnId(0), sink))
}

/// The conversation that the input says: as a `.wire` transcript, or in control bytes. The first says whether it was
/// joined in the middle. Then one stands before each delivery: direction, gap, end, and how many bytes follow.
pub fn of(data: &[u8]) -> Transcript {
    if let Some(transcript) = std::str::from_utf8(data).ok().and_then(|text| wire::parse(text).ok()) {
        return transcript;
    }
    let mut events = Vec::new();
    let mut say = |dir, what| {
        let at = Timestamp(START.0 + 1_000_000 * events.len() as i64);
        events.push(Event { at, dir, what });
    };
    say(Direction::ToServer, What::Open { joined: data.first().is_some_and(|b| b & 1 == 1) });
    let mut rest = data.get(1..).unwrap_or_default();
    while let Some((control, tail)) = rest.split_first() {
        let dir = if control & 0x80 == 0 { Direction::ToServer } else { Direction::ToClient };
        let (part, tail) = tail.split_at((usize::from(control & 0x3f) * 4).min(tail.len()));
        rest = tail;
        match (control & 0x40 != 0, part.is_empty()) {
            (true, true) => say(dir, What::End(End::Fin)),
            (true, false) => say(dir, What::Gap(part.len() as u64)),
            (false, false) => say(dir, What::Data(part.to_vec())),
            (false, true) => {}
        }
    }
    Transcript { events }
}
