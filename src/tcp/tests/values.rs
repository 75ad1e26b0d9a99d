//! Limits and places at their border.

use super::{Limits, Talk};
use crate::net::flags;
use crate::tcp::waiting::NODE;

#[test]
fn the_first_byte_that_differs_is_the_place() {
    let mut talk = Talk::open();
    talk.data(0, "abc");
    talk.data(3, "def");
    talk.data(6, "ghi");
    talk.said();
    talk.data(0, "abXdefgXi");
    assert_eq!(talk.said(), ["0< tcp.overlap-differs @0"]);
    talk.data(3, "deXghX");
    assert_eq!(talk.said(), ["0< tcp.overlap-differs @3"]);
}

/// Two bytes that wait, with what keeping them takes: 130.
#[test]
fn memory_is_given_up_beyond_its_limit_and_not_at_it() {
    let said = |memory: usize| {
        let mut talk = Talk::open_with(Limits { memory, ..Limits::default() });
        talk.data(2, "cd");
        talk.said().len()
    };
    assert_eq!((said(NODE + 130), said(NODE + 129)), (0, 2));
}

#[test]
fn a_connection_that_is_over_makes_room_before_one_that_is_idle() {
    // Nothing waits for the start of a connection that is joined.
    let mut t = Talk::silent(Limits { connections: 2, early: crate::time::Span(0), ..Limits::default() });
    t.ports.0 = 40_001;
    t.data(0, "a");
    t.ports.0 = 40_002;
    t.data(0, "b");
    t.flagged(1, "", flags::RST);
    t.said();
    t.ports.0 = 40_003;
    t.data(0, "c");
    let said = t.said();
    assert_eq!(said[1..4], ["1> Capture #3", "1 closed", "2 open 40003 joined=true"], "{said:?}");
}

/// A SYN of another connection is confirmed by what follows it. Another SYN, one number on, is not that.
#[test]
fn a_second_stray_syn_confirms_no_connection() {
    let mut talk = Talk::open();
    talk.raw(true, 5000, 0, flags::SYN, b"", 0);
    talk.raw(true, 5001, 1, flags::SYN | flags::ACK, b"", 0);
    assert_eq!(talk.said(), Vec::<String>::new());
    talk.data(0, "a");
    assert_eq!(talk.said(), ["0< a #6"], "the live connection goes on");
    talk.raw(true, 5000, 0, flags::SYN, b"", 0);
    talk.raw(true, 5001, 1, flags::ACK, b"", 0);
    assert!(talk.said().iter().any(|line| line == "0 closed"));
}
