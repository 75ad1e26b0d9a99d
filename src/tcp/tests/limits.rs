//! Limits of waiting and memory.

use super::{Limits, Talk};
use crate::net::flags::{ACK, FIN, SYN};
use crate::tcp::waiting::NODE;
use crate::time::Span;

#[test]
fn acknowledged_hole_is_given_up_after_its_time_with_own_times() {
    let mut t = Talk::open();
    t.data(2, "cd");
    t.ack(4);
    t.wait(900);
    t.data(4, "ef");
    assert!(t.said().is_empty());
    t.wait(200);
    t.ack(6);
    assert_eq!(t.said(), ["0< gap 2 #4", "0< cd #4", "0< ef #6"]);
    t.data(0, "ab");
    assert_eq!(t.said(), ["0< tcp.late @0"]);
    let facts = t.finish().1;
    assert_eq!((facts.hole, facts.retransmitted_segments, facts.out_of_order_segments), (true, 0, 2));
}

/// Bytes behind a hole that was filled are readable since the filler came; those behind the next hole, which is given
/// up, were not readable before them, though their packets came earlier.
#[test]
fn bytes_behind_a_lost_hole_are_not_before_those_that_waited() {
    let mut t = Talk::open();
    t.data(2, "cd");
    t.data(6, "gh");
    t.ack(4);
    t.wait(500);
    t.data(0, "ab");
    assert_eq!(t.said(), ["0< ab #7", "0< cd #7"]);
    t.ack(8);
    t.wait(60_000);
    t.tick();
    assert_eq!(t.said(), ["0< gap 2 #7", "0< gh #7"]);
}

#[test]
fn acknowledged_hole_may_still_be_filled() {
    let mut t = Talk::open();
    t.data(2, "cd");
    t.ack(4);
    t.wait(900);
    t.data(0, "ab");
    assert_eq!(t.said(), ["0< ab #6", "0< cd #6"]);
}

#[test]
fn unacknowledged_hole_waits_long() {
    let mut t = Talk::open();
    t.data(2, "cd");
    t.wait(59_000);
    t.tick();
    assert!(t.said().is_empty());
    t.wait(1_000);
    t.tick();
    assert_eq!(t.said(), ["0< gap 2 #4", "0< cd #4"]);
}

#[test]
fn two_holes_end_one_after_the_other() {
    let mut t = Talk::open();
    t.data(2, "cd");
    t.wait(30_000);
    t.data(6, "gh");
    t.wait(30_000);
    t.tick();
    assert_eq!(t.said(), ["0< gap 2 #4", "0< cd #4"]);
    t.wait(30_000);
    t.tick();
    assert_eq!(t.said(), ["0< gap 2 #5", "0< gh #5"]);
}

#[test]
fn bytes_and_segments_behind_a_hole() {
    let mut t = Talk::open_with(Limits { hole_bytes: 4, ..Limits::default() });
    t.data(2, "cdef");
    t.data(10, "k");
    assert_eq!(t.said(), ["0< gap 2 #4", "0< cdef #4"]);
    let mut t = Talk::open_with(Limits { hole_segments: 2, ..Limits::default() });
    t.data(6, "g");
    t.data(4, "e");
    t.data(2, "c");
    assert_eq!(t.said(), ["0< gap 2 #6", "0< c #6"]);
}

#[test]
fn memory_of_all_gives_up_the_oldest_hole() {
    let mut t = Talk::open_with(Limits { memory: 300 + 2 * NODE, ..Limits::default() });
    t.data(2, "cd");
    t.ports.0 = 40_001;
    t.shake();
    t.data(2, "CD");
    t.said();
    t.data(6, "GH");
    assert_eq!(t.said(), ["0< gap 2 #4", "0< cd #4"]);
    t.finish();
}

#[test]
fn longest_idle_connection_makes_room() {
    let mut t = Talk::silent(Limits { connections: 2, ..Limits::default() });
    for port in [1, 2, 1, 3] {
        t.ports.0 = 40_000 + port;
        t.data(0, "");
    }
    assert_eq!(
        t.said(),
        [
            "0 open 40001 joined=true",
            "1 open 40002 joined=true",
            "1> Capture #2",
            "1< Capture #2",
            "1 closed",
            "2 open 40003 joined=true"
        ]
    );
    assert_eq!(t.table.len(), 2);
}

#[test]
fn idle_connection_ends_as_time_passes() {
    let mut t = Talk::open_with(Limits { idle: Span::from_secs(10), ..Limits::default() });
    t.wait(6_000);
    t.data(0, "ab");
    t.ports.0 = 40_001;
    t.wait(6_000);
    t.data(0, "");
    t.data(0, "");
    assert_eq!(t.said(), ["0< ab #4", "1 open 40001 joined=true"]);
    t.wait(6_000);
    t.data(0, "");
    t.data(0, "");
    assert_eq!(t.said(), ["0> Idle #4", "0< Idle #4", "0 closed"]);
}

#[test]
fn one_packet_with_a_wrong_clock_ends_nothing() {
    let mut t = Talk::open();
    let now = t.now;
    t.wait(86_400_000);
    t.data(0, "ab");
    t.now = now;
    t.data(2, "cd");
    t.wait(-86_400_000);
    t.data(4, "ef");
    assert_eq!(t.said(), ["0< ab #4", "0< cd #5", "0< ef #6"]);
    // Idle time is counted from where the clock is now.
    t.wait(601_000);
    t.tick();
    assert_eq!(t.said(), ["0> Idle #6", "0< Idle #6", "0 closed"]);
}

#[test]
fn extreme_times() {
    let mut t = Talk::open();
    for now in [i64::MIN, i64::MAX - 1_000_000, 0, i64::MIN, i64::MAX - 1_000_000, i64::MAX - 1_000_000] {
        t.now = now;
        t.data(4, "ef");
    }
    t.finish();
}

#[test]
fn closed_lingers_for_what_still_comes() {
    let mut t = Talk::open();
    t.flagged(0, "ab", FIN);
    t.raw(true, super::CLIENT_ISN + 1, super::SERVER_ISN + 4, FIN | ACK, b"", 0);
    t.wait(4_000);
    t.flagged(0, "ab", FIN);
    t.wait(4_000);
    t.tick();
    assert_eq!(t.said(), ["0< ab #4", "0< Fin #4", "0> Fin #5"]);
    t.wait(1_500);
    t.tick();
    assert_eq!(t.said(), ["0 closed"]);
    assert_eq!(t.log.facts[0].1.retransmitted_segments, 1);
    t.raw(true, 7, 0, SYN, b"", 0);
    assert_eq!(t.said(), ["1 open 40000 joined=false"]);
}

#[test]
fn a_table_can_go_to_another_thread() {
    fn sends<T: Send>(_: &T) {}
    sends(&Talk::open().table);
}
