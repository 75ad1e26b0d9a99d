//! Segments that stand in the capture before what they acknowledge.

use super::{AT_ONCE, CLIENT_ISN, Limits, SERVER_ISN, Talk};
use crate::net::flags::{ACK, FIN, RST, SYN};

/// A segment of either side by the offsets of its payload and of its acknowledgement.
fn sent(t: &mut Talk, to_server: bool, offset: u32, acked: u32, flags: u8, payload: &str) {
    let (own, other) = if to_server { (CLIENT_ISN, SERVER_ISN) } else { (SERVER_ISN, CLIENT_ISN) };
    let number = |isn: u32, offset: u32| isn.wrapping_add(1).wrapping_add(offset);
    t.raw(to_server, number(own, offset), number(other, acked), flags, payload.as_bytes(), 0);
}

#[test]
fn an_answer_before_its_question_waits_for_it() {
    let mut t = Talk::open();
    sent(&mut t, false, 0, 3, ACK, "tell");
    assert!(t.said().is_empty());
    sent(&mut t, true, 0, 0, ACK, "ask");
    assert_eq!(t.said(), ["0> ask #5", "0< tell #4"]);
}

/// Each waits for the one before it, and all stand in reverse.
#[test]
fn a_whole_conversation_in_reverse() {
    let mut t = Talk::open();
    sent(&mut t, false, 4, 7, FIN | ACK, "");
    sent(&mut t, true, 3, 4, ACK, "more");
    sent(&mut t, false, 0, 3, ACK, "tell");
    sent(&mut t, true, 0, 0, ACK, "ask");
    assert_eq!(t.said(), ["0> ask #7", "0< tell #6", "0> more #5", "0< Fin #4"]);
}

#[test]
fn bytes_are_not_older_than_what_they_answer() {
    let mut t = Talk::open();
    sent(&mut t, false, 0, 3, FIN | ACK, "tell");
    t.wait(7);
    sent(&mut t, true, 0, 0, ACK, "ask");
    let facts = t.finish().1;
    assert_eq!(facts.closed.server_fin.unwrap().0, 12_000_000, "the question came 12 ms after the start");
}

#[test]
fn fins_in_the_order_of_their_acknowledgements() {
    let mut t = Talk::open();
    sent(&mut t, true, 0, 1, FIN | ACK, "");
    sent(&mut t, false, 0, 0, FIN | ACK, "");
    assert_eq!(t.said(), ["0< Fin #5", "0> Fin #4"]);
}

#[test]
fn a_reset_waits_for_the_bytes_before_it() {
    let mut t = Talk::open();
    sent(&mut t, false, 4, 0, RST, "");
    sent(&mut t, false, 0, 0, ACK, "tell");
    assert_eq!(t.said(), ["0< tell #5", "0< Reset #4"]);
    let mut t = Talk::open();
    sent(&mut t, false, 0, 3, ACK, "tell");
    sent(&mut t, false, 4, 0, RST, "");
    sent(&mut t, true, 0, 0, ACK, "ask");
    assert_eq!(t.said(), ["0> ask #6", "0< tell #4", "0< Reset #5"], "it stays behind what its sender sent before");
}

#[test]
fn the_wait_is_short_and_happens_once() {
    let mut t = Talk::open();
    sent(&mut t, false, 0, 3, ACK, "tell");
    t.wait(48);
    t.tick();
    assert!(t.said().is_empty());
    t.wait(2);
    t.tick();
    assert_eq!(t.said(), ["0< tell #4"]);
    sent(&mut t, false, 4, 9, ACK, "more");
    assert_eq!(t.said(), ["0< more #5"], "the other direction is still silent");
    sent(&mut t, true, 9, 8, ACK, "now");
    sent(&mut t, false, 8, 20, ACK, "last");
    assert!(t.said().is_empty(), "it is back, and may bring what is acknowledged");
    sent(&mut t, true, 12, 8, ACK, "question");
    assert_eq!(t.said(), ["0< last #7"], "bytes behind a hole were seen, though they still wait");
}

#[test]
fn the_next_packet_ends_the_wait_as_time_does() {
    let mut t = Talk::open();
    sent(&mut t, false, 0, 3, ACK, "tell");
    t.wait(60);
    sent(&mut t, true, 0, 0, ACK, "ask");
    assert_eq!(t.said(), ["0< tell #4", "0> ask #5"]);
}

#[test]
fn the_end_of_the_capture_ends_the_wait() {
    let mut t = Talk::open();
    sent(&mut t, false, 0, 3, ACK, "tell");
    assert_eq!(t.finish().0, ["0< tell #4", "0> gap 3 #4", "0> Capture #4", "0< Capture #4", "0 closed"]);
}

#[test]
fn what_may_wait_is_bounded() {
    for (each, segments) in [(1, 513), (9_000, 114)] {
        let mut t = Talk::open();
        let payload = "x".repeat(each);
        for n in 0..segments {
            assert!(t.said().is_empty(), "{n} of {segments}");
            t.now -= 1_000_000;
            sent(&mut t, false, n * each as u32, 3, ACK, &payload);
        }
        assert_eq!(t.said().len(), segments as usize);
    }
    let mut t = Talk::silent(Limits::default());
    for port in 1..40 {
        t.ports.0 = 40_000 + port;
        t.now = 0;
        t.shake();
        t.now = 0;
        sent(&mut t, false, 0, 3, ACK, &"x".repeat(1_000_000 / 4));
        t.now = 0;
    }
    let taken = t.said().iter().filter(|line| line.contains("xxx")).count();
    assert_eq!(taken, 39 - 33, "8 MiB of all connections");
}

/// From before the capture nothing comes.
#[test]
fn a_capture_that_joins_waits_a_moment_and_orders_what_came() {
    let mut t = Talk::silent(Limits::default());
    sent(&mut t, false, 100, 203, ACK, "tell");
    sent(&mut t, true, 200, 100, ACK, "ask");
    sent(&mut t, true, 203, 104, ACK, "");
    assert_eq!(t.said(), ["0 open 40000 joined=true"]);
    t.wait(50);
    t.tick();
    assert_eq!(t.said(), ["0> ask #2", "0< tell #1"]);
    sent(&mut t, false, 104, 203, ACK, "more");
    assert_eq!(t.said(), ["0< more #4"]);
}

#[test]
fn a_handshake_behind_the_first_bytes_gives_the_roles() {
    let mut t = Talk::silent(Limits::default());
    t.ports = (80, 40_000);
    sent(&mut t, true, 0, 0, ACK, "ask");
    sent(&mut t, true, u32::MAX, 0, SYN, "");
    sent(&mut t, false, u32::MAX, 0, SYN | ACK, "");
    assert_eq!(t.said(), ["0 open 40000 joined=true", "0 flip", "0> ask #1"]);
}

#[test]
fn without_patience_nothing_waits() {
    let mut t = Talk::silent(AT_ONCE);
    t.shake();
    sent(&mut t, false, 0, 3, ACK, "tell");
    sent(&mut t, true, 0, 0, ACK, "ask");
    assert_eq!(t.said()[1..], ["0< tell #4", "0> ask #5"]);
}
