//! How segments can overlap and follow each other.

use super::{CLIENT_ISN, SERVER_ISN, Talk};
use crate::net::flags;

#[test]
fn in_order_over_the_wrap() {
    let mut t = Talk::open();
    t.data(0, "abcdefgh");
    t.data(8, "ijklmnop");
    t.data(16, "qr");
    assert_eq!(t.said(), ["0< abcdefgh #4", "0< ijklmnop #5", "0< qr #6"]);
    let (said, facts) = t.finish();
    assert_eq!(said, ["0> Capture #6", "0< Capture #6", "0 closed"]);
    assert_eq!((facts.packets, facts.server_bytes, facts.client_bytes, facts.hole), (6, 18, 0, false));
    assert!(facts.handshake_seen);
}

#[test]
fn hole_filled_gives_the_time_of_the_filler() {
    let mut t = Talk::open();
    t.data(2, "cd");
    t.data(6, "gh");
    t.data(0, "ab");
    t.data(4, "ef");
    assert_eq!(t.said(), ["0< ab #6", "0< cd #6", "0< ef #7", "0< gh #7"]);
    let facts = t.finish().1;
    assert_eq!((facts.out_of_order_segments, facts.retransmitted_segments, facts.hole), (2, 0, false));
}

#[test]
fn retransmission_whole_left_right_around() {
    let mut t = Talk::open();
    t.data(0, "abcd");
    t.data(0, "abcd");
    t.data(1, "bc");
    t.data(2, "cdef");
    t.data(0, "abcdefgh");
    assert_eq!(t.said(), ["0< abcd #4", "0< ef #7", "0< gh #8"]);
    assert_eq!(t.finish().1.retransmitted_segments, 2);
}

#[test]
fn filler_that_spans_what_waits() {
    let mut t = Talk::open();
    t.data(4, "ef");
    t.data(0, "abcdefghij");
    assert_eq!(t.said(), ["0< abcd #5", "0< ef #5", "0< ghij #5"]);
}

#[test]
fn waiting_pieces_overlap_left_and_right() {
    let mut t = Talk::open();
    t.data(4, "ef");
    t.data(3, "def");
    t.data(4, "efg");
    t.data(4, "ef");
    t.data(0, "abc");
    assert_eq!(t.said(), ["0< abc #8", "0< d #8", "0< ef #8", "0< g #8"]);
    let facts = t.finish().1;
    assert_eq!((facts.out_of_order_segments, facts.retransmitted_segments), (4, 0));
}

#[test]
fn overlap_that_differs_keeps_the_first_copy() {
    let mut t = Talk::open();
    t.data(4, "efgh");
    t.data(2, "cdeXgh");
    t.data(0, "abcdYf");
    assert_eq!(
        t.said(),
        ["0< tcp.overlap-differs @5", "0< tcp.overlap-differs @4", "0< ab #6", "0< cd #6", "0< efgh #6"]
    );
}

#[test]
fn overlap_with_delivered_bytes_keeps_them_and_is_noticed() {
    let mut talk = Talk::open();
    talk.data(0, "abc");
    talk.data(0, "abc");
    talk.data(0, "aXc");
    talk.data(0, "abXde");
    assert_eq!(talk.said(), ["0< abc #4", "0< tcp.overlap-differs @0", "0< tcp.overlap-differs @0", "0< de #7"]);
}

#[test]
fn urgent_data_stays_in_place() {
    let mut talk = Talk::open();
    talk.flagged(0, "abc", flags::URG);
    assert_eq!(talk.said(), ["0< tcp.urgent @0", "0< abc #4"]);
}

#[test]
fn keep_alive_is_no_retransmission() {
    let mut t = Talk::open();
    t.data(0, "abc");
    t.ack(3);
    t.data(2, "");
    t.data(2, "X");
    assert_eq!(t.said(), ["0< abc #4"]);
    assert_eq!(t.finish().1.retransmitted_segments, 0);
}

#[test]
fn one_byte_again_before_its_acknowledgement_is_a_retransmission() {
    let mut t = Talk::open();
    t.data(0, "a");
    t.data(0, "a");
    assert_eq!(t.finish().1.retransmitted_segments, 1);
}

#[test]
fn zero_window_probe_with_the_next_byte() {
    let mut t = Talk::open();
    t.data(0, "abc");
    t.data(3, "d");
    t.data(3, "def");
    assert_eq!(t.said(), ["0< abc #4", "0< d #5", "0< ef #6"]);
    assert_eq!(t.finish().1.retransmitted_segments, 0);
}

#[test]
fn data_in_syn_and_syn_ack() {
    let mut t = Talk::silent(super::Limits::default());
    t.raw(true, CLIENT_ISN, 0, flags::SYN, b"ab", 0);
    t.raw(true, CLIENT_ISN, 0, flags::SYN, b"ab", 0);
    t.raw(false, SERVER_ISN, CLIENT_ISN + 3, flags::SYN | flags::ACK, b"xy", 0);
    t.raw(true, CLIENT_ISN + 3, SERVER_ISN + 3, flags::ACK, b"cd", 0);
    assert_eq!(t.said(), ["0 open 40000 joined=false", "0> ab #1", "0< xy #3", "0> cd #4"]);
    assert_eq!(t.finish().1.retransmitted_segments, 1);
}

#[test]
fn snaplen_cut_becomes_one_gap() {
    let mut t = Talk::open();
    t.cut(0, "ab", 4);
    t.cut(6, "", 10);
    t.cut(16, "qr", 2);
    assert_eq!(t.said(), ["0< ab #4", "0< gap 14 #4", "0< qr #6"]);
    let (said, facts) = t.finish();
    assert_eq!(said, ["0> Capture #6", "0< gap 2 #6", "0< Capture #6", "0 closed"]);
    assert_eq!((facts.hole, facts.server_bytes), (true, 4));
}

#[test]
fn snaplen_cut_around_what_waits_and_behind_a_hole() {
    let mut t = Talk::open();
    t.data(4, "ef");
    t.cut(2, "c", 7);
    t.data(0, "ab");
    t.data(10, "kl");
    assert_eq!(t.said(), ["0< ab #6", "0< c #6", "0< gap 1 #6", "0< ef #6", "0< gap 4 #6", "0< kl #7"]);
}

#[test]
fn copies_from_another_device_are_not_counted() {
    let mut t = Talk::open();
    for (offset, text) in [(0, "ab"), (2, "cd"), (4, "ef")] {
        t.device = Some(1);
        t.data(offset, text);
        t.device = Some(2);
        t.data(offset, text);
    }
    // The other device comes first, once; and one real retransmission, seen on both.
    t.data(6, "gh");
    for device in [1, 1, 2] {
        t.device = Some(device);
        t.data(6, "gh");
    }
    // Out of order, seen on both.
    for device in [1, 2] {
        t.device = Some(device);
        t.data(10, "kl");
    }
    t.data(8, "ij");
    assert_eq!(t.said().len(), 6);
    let facts = t.finish().1;
    assert_eq!((facts.retransmitted_segments, facts.out_of_order_segments, facts.server_bytes), (1, 1, 12));
}

#[test]
fn far_ahead_is_ignored() {
    let mut t = Talk::open();
    t.data(1 << 31 >> 1 | 1, "far");
    t.data(0, "abc");
    assert_eq!(t.said(), ["0< tcp.out-of-window @1073741825", "0< abc #5"]);
    assert!(!t.finish().1.hole);
}
