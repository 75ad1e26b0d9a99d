//! Whatever the network does to a stream, its bytes come out; whatever the packets say, the rules of the waist hold.

use super::super::{Limits, Table};
use crate::conn::{ByteEvent, ConnFacts, End, What};
use crate::net::{Segment, flags};
use crate::time::{Span, Timestamp};
use proptest::prelude::*;
use std::collections::HashMap;
use std::net::SocketAddr;

const LEN: usize = 2_000;

/// The result of a direction: its bytes, with `None` for each missing one.
#[derive(Default)]
struct Heard {
    bytes: Vec<Option<u8>>,
    ends: Vec<End>,
    facts: Option<ConnFacts>,
}

impl Heard {
    fn take(&mut self, event: ByteEvent<'_>) {
        assert!(self.facts.is_none(), "nothing follows Closed");
        match event.what {
            What::Closed(facts) => self.facts = Some(*facts),
            _ if event.dir.index() == 0 => {}
            What::Data(bytes) => {
                assert!(!bytes.is_empty() && self.ends.is_empty());
                self.bytes.extend(bytes.iter().copied().map(Some));
            }
            What::Gap(n) => {
                assert!(n > 0 && self.ends.is_empty());
                self.bytes.extend(std::iter::repeat_n(None, n as usize));
            }
            What::End(end) => self.ends.push(end),
            _ => {}
        }
    }
}

fn stream() -> Vec<u8> {
    (0..LEN as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

/// Ranges that cover the stream, some twice or overlapping, each with a place in the order of arrival.
fn pieces() -> impl Strategy<Value = Vec<(usize, usize, usize)>> {
    let cuts = prop::collection::vec((1_usize..200, 0_usize..60, 0_usize..8, any::<bool>(), 0_usize..20), 40..80);
    cuts.prop_map(|cuts| {
        let (mut at, mut all) = (0, Vec::new());
        for (n, (len, overlap, delay, twice, later)) in cuts.into_iter().enumerate() {
            let end = (at + len).min(LEN);
            all.push((at.saturating_sub(overlap), end, n + delay));
            if twice {
                all.push((at, end, n + later));
            }
            at = end;
        }
        all.push((at, LEN, usize::MAX));
        all.sort_by_key(|p| p.2);
        all
    })
}

fn segment(seq: u32, flags: u8, payload: &[u8], n: usize, to_server: bool) -> Segment<'_> {
    let (client, server) = (SocketAddr::from(([10, 0, 0, 1], 40_000)), SocketAddr::from(([10, 0, 0, 2], 80)));
    let (src, dst) = if to_server { (client, server) } else { (server, client) };
    Segment {
        at: Timestamp(n as i64 * 1_000),
        frame: n as u64,
        src,
        dst,
        realm: 0,
        device: None,
        ident: 0,
        seq,
        ack: 1,
        flags,
        window: 0,
        payload,
        missing: 0,
    }
}

/// Send these ranges of the stream after a handshake, then a FIN, and listen.
fn send(isn: u32, pieces: &[(usize, usize, usize)], limits: Limits) -> Heard {
    let (bytes, mut heard, mut table) = (stream(), Heard::default(), Table::new(limits));
    let mut sink = |event: ByteEvent<'_>| heard.take(event);
    table.push(&segment(0, flags::SYN, b"", 1, true), &mut sink);
    table.push(&segment(isn, flags::SYN | flags::ACK, b"", 2, false), &mut sink);
    for (n, &(from, to, _)) in pieces.iter().enumerate() {
        let seq = isn.wrapping_add(1).wrapping_add(from as u32);
        table.push(&segment(seq, flags::ACK, &bytes[from..to], n + 3, false), &mut sink);
    }
    let fin = isn.wrapping_add(1).wrapping_add(LEN as u32);
    table.push(&segment(fin, flags::FIN | flags::ACK, b"", pieces.len() + 3, false), &mut sink);
    table.finish(&mut sink);
    heard
}

/// Sequence numbers that wrap somewhere in the stream, or not.
fn isn() -> impl Strategy<Value = u32> {
    prop_oneof![any::<u32>(), (u32::MAX - LEN as u32)..=u32::MAX]
}

proptest! {
    #[test]
    fn every_byte_comes_out_once(isn in isn(), pieces in pieces()) {
        let heard = send(isn, &pieces, Limits::default());
        prop_assert_eq!(heard.bytes, stream().into_iter().map(Some).collect::<Vec<_>>());
        prop_assert_eq!(heard.ends, [End::Fin]);
        let facts = heard.facts.unwrap();
        prop_assert!(!facts.hole);
        prop_assert_eq!(facts.server_bytes, LEN as u64);
    }

    #[test]
    fn gaps_are_exactly_what_was_lost(isn in isn(), pieces in pieces(), kept in prop::collection::vec(prop::bool::weighted(0.7), 200)) {
        let pieces: Vec<_> = pieces.into_iter().zip(kept).filter_map(|(p, keep)| keep.then_some(p)).collect();
        let mut expected = vec![None; LEN];
        for &(from, to, _) in &pieces {
            expected[from..to].iter_mut().zip(&stream()[from..to]).for_each(|(e, b)| *e = Some(*b));
        }
        let heard = send(isn, &pieces, Limits::default());
        prop_assert_eq!(heard.facts.unwrap().hole, expected.contains(&None));
        prop_assert_eq!(heard.bytes, expected);
        prop_assert_eq!(heard.ends, [End::Fin]);
    }

    #[test]
    fn tight_limits_keep_every_byte_in_its_place(isn in isn(), pieces in pieces(), bytes in 0_usize..500, segments in 0_usize..6, memory in 0_usize..1_500) {
        let limits = Limits { hole_bytes: bytes, hole_segments: segments, memory, ..Limits::default() };
        let heard = send(isn, &pieces, limits);
        prop_assert_eq!(heard.bytes.len(), LEN);
        prop_assert!(heard.bytes.iter().zip(stream()).all(|(h, b)| h.is_none_or(|h| h == b)));
        prop_assert_eq!(heard.ends, [End::Fin]);
    }

    /// Any segments at all: no panic, no underflow, and per connection `Open`, then one `End` per direction
    /// after its bytes, then `Closed`.
    #[test]
    fn the_waist_holds_for_nonsense(segments in prop::collection::vec((any::<bool>(), near(), near(), 0_u8..64, 0_usize..20, prop_oneof![Just(0_u32), 0_u32..30, any::<u32>()], any::<i16>(), 0_u32..3), 1..120)) {
        let limits = Limits { hole_bytes: 40, hole_segments: 5, memory: 1_000, idle: Span(30_000_000), hole: Span(9_000_000), hole_acked: Span(3_000_000), early: Span(2_000_000), connections: 2 };
        let (mut table, bytes, mut now) = (Table::new(limits), stream(), 0_i64);
        let mut live: HashMap<u32, [bool; 2]> = HashMap::new();
        let mut sink = |event: ByteEvent<'_>| {
            let id = event.conn.0;
            let side = event.dir.index();
            match event.what {
                What::Open { .. } => assert!(live.insert(id, [false; 2]).is_none()),
                What::Data(bytes) => assert!(!bytes.is_empty() && !live[&id][side]),
                What::Gap(n) => assert!(n > 0 && !live[&id][side]),
                What::End(_) => assert!(!std::mem::replace(&mut live.get_mut(&id).unwrap()[side], true)),
                What::Closed(_) => assert_eq!(live.remove(&id), Some([true; 2])),
                What::Flip | What::Tls(_) => assert_eq!(live.get(&id), Some(&[false; 2])),
                What::Oddity(_) => assert!(live.contains_key(&id)),
            }
        };
        for (n, (to_server, seq, ack, flags, len, missing, step, device)) in segments.into_iter().enumerate() {
            now += i64::from(step) * 1_000;
            let mut s = segment(seq, flags, &bytes[..len], n, to_server);
            (s.at, s.ack, s.missing, s.device) = (Timestamp(now), ack, missing, (device > 0).then_some(device));
            if device == 2 {
                s.realm = u64::from(seq % 4);
            }
            table.push(&s, &mut sink);
            prop_assert!(table.len() <= 2);
        }
        table.finish(&mut sink);
        prop_assert!(live.is_empty());
    }
}

/// Sequence numbers that meet each other, and some that do not.
fn near() -> impl Strategy<Value = u32> {
    prop_oneof![8 => (0_u32..60).prop_map(|n| n.wrapping_sub(30)), 1 => any::<u32>()]
}
