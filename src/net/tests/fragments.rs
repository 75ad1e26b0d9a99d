//! Fragments: any order, copies, overlaps, bounds.

use super::built::{ipv4, ipv6};
use super::{Feed, one};
use crate::time::Timestamp;
use proptest::prelude::*;

/// The fragment of an IPv4 packet that carries payload bytes `from..to`.
fn cut4(whole: &[u8], from: usize, to: usize) -> Vec<u8> {
    let to = to.min(whole.len() - 20);
    let mut out = [&whole[..20], &whole[20 + from..20 + to]].concat();
    let len = out.len() as u16;
    let more = if to < whole.len() - 20 { 0x2000 } else { 0 };
    out[2..4].copy_from_slice(&len.to_be_bytes());
    out[6..8].copy_from_slice(&((from as u16 / 8) | more).to_be_bytes());
    out
}

/// The same for IPv6.
fn cut6(whole: &[u8], from: usize, to: usize, ident: u32) -> Vec<u8> {
    let to = to.min(whole.len() - 40);
    let more = u16::from(to < whole.len() - 40);
    let header = [&[6, 0][..], &(from as u16 | more).to_be_bytes(), &ident.to_be_bytes()].concat();
    let mut out = [&whole[..40], &header, &whole[40 + from..40 + to]].concat();
    let len = (out.len() - 40) as u16;
    out[4..6].copy_from_slice(&len.to_be_bytes());
    out[6] = 44;
    out
}

fn body(n: usize) -> Vec<u8> {
    (0..n).map(|i| i as u8).collect()
}

#[test]
fn both_versions_come_together_in_any_order() {
    let body = body(100);
    let (v4, v6) = (ipv4(&body), ipv6(&body));
    let ranges = [(0, 8), (8, 48), (48, 64), (64, 1000)];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]] {
        for version in [4, 6] {
            let mut feed = Feed::default();
            for i in order {
                let (from, to) = ranges[i];
                let packet = if version == 4 { cut4(&v4, from, to) } else { cut6(&v6, from, to, 9) };
                feed.push(101, &packet);
            }
            assert_eq!(feed.out.len(), 1);
            assert_eq!((feed.out[0].frame, &feed.out[0].payload), (4, &body));
            let stats = feed.stats();
            assert_eq!((stats.tcp, stats.fragments, stats.lost_fragments), (1, 3, 0));
        }
    }
}

#[test]
fn a_fragment_that_is_the_whole_is_no_fragment() {
    let packet = cut6(&ipv6(b"hi"), 0, 1000, 5);
    let all = one(101, &packet); // RFC 6946
    assert_eq!((&all[0].payload[..], all[0].ident), (&b"hi"[..], 5));
}

#[test]
fn the_first_copy_wins() {
    let (good, evil) = (ipv4(&[1; 60]), ipv4(&[2; 60]));
    let mut feed = Feed::default();
    feed.push(101, &cut4(&good, 24, 48))
        .push(101, &cut4(&evil, 16, 64))
        .push(101, &cut4(&good, 0, 32))
        .push(101, &cut4(&evil, 64, 1000));
    // the TCP header is bytes 0 to 20, so payload byte n is at n + 20 and bytes 16 to 24 came from the second
    // copy first: the end of the header and four bytes of payload
    assert_eq!(feed.out[0].payload, [vec![2; 4], vec![1; 24], vec![2; 32]].concat());
}

#[test]
fn other_identifications_and_senders_do_not_mix() {
    let whole = ipv4(&body(40));
    let (mut other_id, mut other_src) = (cut4(&whole, 24, 1000), cut4(&whole, 24, 1000));
    other_id[5] = 99;
    other_src[15] = 99;
    let mut feed = Feed::default();
    feed.push(101, &cut4(&whole, 0, 24)).push(101, &other_id).push(101, &other_src);
    assert_eq!((feed.out.len(), feed.stats().lost_fragments), (0, 3));
    feed.push(101, &cut4(&whole, 24, 1000));
    assert_eq!((feed.out.len(), feed.stats().lost_fragments), (1, 2));
}

#[test]
fn waiting_ends_by_packet_time() {
    let whole = ipv4(&body(40));
    let (first, last) = (cut4(&whole, 0, 24), cut4(&whole, 24, 1000));
    for (seconds, given) in [(59, 1), (62, 0), (-59, 1), (-62, 0)] {
        let mut feed = Feed::default();
        feed.push_at(Timestamp::from_parts(1000, 0), 101, &first, first.len() as u32);
        feed.push_at(Timestamp::from_parts(1000 + seconds, 0), 101, &last, last.len() as u32);
        assert_eq!(feed.out.len(), given, "{seconds}");
    }
}

#[test]
fn floods_are_bounded_and_counted() {
    let mut feed = Feed::default();
    let mut far = cut4(&ipv4(&body(40)), 0, 24);
    far[6..8].copy_from_slice(&(0x2000u16 | 8000).to_be_bytes()); // 64 000 bytes in
    for i in 0..5000u32 {
        far[12..16].copy_from_slice(&i.to_be_bytes());
        let at = Timestamp::from_parts(0, 0);
        feed.push_at(at, 101, &far, far.len() as u32);
    }
    assert_eq!((feed.stats().fragments, feed.stats().lost_fragments), (5000, 5000));
    // the youngest are kept: a last one that begins now comes together
    let whole = ipv4(&body(40));
    for packet in [cut4(&whole, 0, 24), cut4(&whole, 24, 1000)] {
        feed.push_at(Timestamp::from_parts(0, 0), 101, &packet, packet.len() as u32);
    }
    assert_eq!((feed.out.len(), feed.stats().lost_fragments), (1, 5000));
}

#[test]
fn impossible_fragments_are_malformed() {
    let mut feed = Feed::default();
    let mut beyond = cut4(&ipv4(&body(40)), 0, 24);
    beyond[6..8].copy_from_slice(&0x3fffu16.to_be_bytes()); // ends after 65 535
    let odd = cut4(&ipv4(&body(40)), 0, 25); // more fragments follow, and the length is not a multiple of 8
    feed.push(101, &beyond).push(101, &odd);
    assert_eq!(feed.stats().malformed, 2);
}

proptest! {
    #[test]
    fn any_order_with_copies_gives_the_whole(cuts in proptest::collection::btree_set(1usize..30, 0..8), order in any::<u64>(), copies in any::<u8>()) {
        let body = body(240);
        let whole = ipv4(&body);
        let mut edges: Vec<usize> = cuts.into_iter().map(|c| c * 8).collect();
        edges.insert(0, 0);
        edges.push(260);
        let mut parts: Vec<Vec<u8>> = edges.windows(2).map(|w| cut4(&whole, w[0], w[1])).collect();
        prop_assume!(parts.len() > 1);
        let last = parts.pop().unwrap();
        let copied: Vec<_> = parts.iter().enumerate().filter(|(i, _)| copies & (1 << (i % 8)) != 0).map(|(_, p)| p.clone()).collect();
        parts.extend(copied);
        let n = parts.len() as u64;
        parts.sort_by_key(|p| (p[7] as u64 ^ order).wrapping_mul(0x9e37_79b9_7f4a_7c15) % n);
        let mut feed = Feed::default();
        for p in &parts {
            feed.push(101, p);
        }
        prop_assert_eq!(feed.out.len(), 0);
        feed.push(101, &last);
        prop_assert_eq!(&feed.out[0].payload, &body);
    }
}
