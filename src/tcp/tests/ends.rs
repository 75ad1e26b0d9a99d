//! FIN, RST, and the next connection with the same addresses.

use super::{CLIENT_ISN, SERVER_ISN, Talk};
use crate::net::flags::{ACK, FIN, RST, SYN};

#[test]
fn fin_with_data() {
    let mut t = Talk::open();
    t.flagged(0, "abc", FIN);
    t.flagged(0, "abc", FIN);
    assert_eq!(t.said(), ["0< abc #4", "0< Fin #4"]);
    let (said, facts) = t.finish();
    assert_eq!(said, ["0> Capture #5", "0 closed"]);
    assert_eq!((facts.server_fin, facts.client_fin, facts.retransmitted_segments), (true, false, 1));
}

#[test]
fn fin_before_late_data() {
    let mut t = Talk::open();
    t.flagged(4, "", FIN);
    t.data(2, "cd");
    assert!(t.said().is_empty());
    t.data(0, "ab");
    assert_eq!(t.said(), ["0< ab #6", "0< cd #6", "0< Fin #6"]);
}

#[test]
fn data_behind_the_fin_before_and_after_it() {
    let mut t = Talk::open();
    t.data(4, "XX");
    t.flagged(2, "cd", FIN);
    t.data(0, "ab");
    t.data(3, "dYY");
    assert_eq!(t.said(), ["0< tcp.data-after-fin @4", "0< ab #6", "0< cd #6", "0< Fin #6", "0< tcp.data-after-fin @4"]);
}

#[test]
fn lost_tail_before_the_fin_is_a_gap() {
    let mut t = Talk::open();
    t.data(0, "ab");
    t.flagged(7, "", FIN);
    t.ack(8);
    t.wait(1_500);
    t.ack(8);
    assert_eq!(t.said(), ["0< ab #4", "0< gap 5 #5", "0< Fin #5"]);
}

#[test]
fn reset_delivers_what_waits_and_ends_its_direction_only() {
    let mut t = Talk::open();
    t.data(0, "ab");
    t.data(4, "ef");
    t.flagged(6, "diagnostic", RST);
    t.raw(true, CLIENT_ISN + 1, SERVER_ISN.wrapping_add(3), ACK, b"on the way", 0);
    assert_eq!(t.said(), ["0< ab #4", "0> on the way #7"]);
    t.wait(2_000);
    t.tick();
    assert_eq!(t.said(), ["0< gap 2 #5", "0< ef #5", "0< Reset #6"]);
    let (said, facts) = t.finish();
    assert_eq!(said, ["0> Capture #7", "0 closed"]);
    assert_eq!((facts.server_rst, facts.client_rst, facts.server_bytes), (true, false, 4));
}

#[test]
fn reset_ends_at_once_where_nothing_waits() {
    let mut t = Talk::open();
    t.data(0, "ab");
    t.flagged(2, "", RST);
    t.data(2, "cd");
    assert_eq!(t.said(), ["0< ab #4", "0< Reset #5", "0< tcp.data-after-reset @2"]);
}

/// A third party sent the reset: its alleged sender continues, and the receiver acknowledges that.
#[test]
fn reset_that_the_receiver_ignores() {
    let mut t = Talk::open();
    t.data(0, "ab");
    t.flagged(2, "", RST);
    t.data(2, "cd");
    t.ack(4);
    t.data(4, "ef");
    assert_eq!(
        t.said(),
        [
            "0< ab #4",
            "0< Reset #5",
            "0< tcp.data-after-reset @2",
            "0> Capture #6",
            "0 closed",
            "1 open 40000 joined=true",
            "1< cd #6",
            "1< tcp.reset-ignored @0",
            "1< ef #8"
        ]
    );
}

/// Thousands of connections with segments after their reset do not fill the memory.
#[test]
fn what_comes_behind_resets_is_bounded() {
    let mut t = Talk::silent(super::Limits::default());
    let much = "x".repeat(60_000);
    for port in 0..400 {
        t.ports.0 = 10_000 + port;
        t.shake();
        t.flagged(0, "", RST);
        t.data(0, &much);
    }
    // The last ones are not kept, the first are.
    for (port, revived) in [(10_399, false), (10_000, true)] {
        t.said();
        t.ports.0 = port;
        t.ack(60_000);
        assert_eq!(t.said().iter().any(|line| line.contains("joined=true")), revived, "{port}");
    }
}

/// No receiver acknowledges what was in flight when the reset was sent.
#[test]
fn bytes_behind_a_believed_reset_begin_nothing() {
    let mut t = Talk::open();
    t.data(0, "ab");
    t.ack(2);
    t.flagged(2, "", RST);
    t.data(2, "cd");
    t.ack(2);
    t.raw(true, CLIENT_ISN + 1, SERVER_ISN.wrapping_add(5), RST | ACK, b"", 0);
    assert_eq!(t.said(), ["0< ab #4", "0< Reset #6", "0< tcp.data-after-reset @2", "0> Reset #9"]);
}

#[test]
fn reset_from_nowhere_is_ignored() {
    let mut t = Talk::open();
    t.data(0, "ab");
    t.flagged(500_000_000, "", RST);
    t.data(2, "cd");
    assert_eq!(t.said(), ["0< ab #4", "0< tcp.out-of-window @500000000", "0< cd #6"]);
    assert!(t.finish().1.server_rst);
}

#[test]
fn refused_connection() {
    let mut t = Talk::silent(super::Limits::default());
    t.raw(true, CLIENT_ISN, 0, SYN, b"", 0);
    t.raw(false, 0, CLIENT_ISN + 1, RST | ACK, b"", 0);
    // The client tries again from the same port, with another number.
    t.raw(true, CLIENT_ISN + 77, 0, SYN, b"", 0);
    t.raw(false, 0, CLIENT_ISN + 78, RST | ACK, b"", 0);
    assert_eq!(
        t.said(),
        [
            "0 open 40000 joined=false",
            "0< Reset #2",
            "0> Capture #2",
            "0 closed",
            "1 open 40000 joined=false",
            "1< Reset #4"
        ]
    );
    assert!(!t.log.facts[0].1.handshake_seen);
}

#[test]
fn refusal_that_does_not_acknowledge_the_syn_is_ignored() {
    let mut t = Talk::silent(super::Limits::default());
    t.raw(true, CLIENT_ISN, 0, SYN, b"", 0);
    t.raw(false, 0, CLIENT_ISN, RST | ACK, b"", 0);
    t.raw(false, 0, 0, RST, b"", 0);
    t.raw(false, SERVER_ISN, CLIENT_ISN + 1, SYN | ACK, b"", 0);
    t.data(0, "ab");
    assert_eq!(
        t.said(),
        ["0 open 40000 joined=false", "0< tcp.out-of-window @0", "0< tcp.out-of-window @0", "0< ab #5"]
    );
}

#[test]
fn accepted_after_a_refusal_is_the_next_connection() {
    let mut t = Talk::silent(super::Limits::default());
    t.raw(true, CLIENT_ISN, 0, SYN, b"", 0);
    t.raw(false, 0, CLIENT_ISN + 1, RST | ACK, b"", 0);
    t.raw(false, SERVER_ISN, CLIENT_ISN + 1, SYN | ACK, b"", 0);
    t.data(0, "ab");
    assert_eq!(
        t.said(),
        [
            "0 open 40000 joined=false",
            "0< Reset #2",
            "0> Capture #2",
            "0 closed",
            "1 open 40000 joined=false",
            "1< ab #4"
        ]
    );
}

#[test]
fn port_reuse_after_both_fins() {
    let mut t = Talk::open();
    t.raw(true, CLIENT_ISN + 1, SERVER_ISN + 1, FIN | ACK, b"", 0);
    t.flagged(0, "", FIN);
    t.raw(true, 5_000, 0, SYN, b"", 0);
    t.raw(false, 9_000, 5_001, SYN | ACK, b"", 0);
    t.raw(false, 9_001, 5_001, ACK, b"new", 0);
    assert_eq!(t.said(), ["0> Fin #4", "0< Fin #5", "0 closed", "1 open 40000 joined=false", "1< new #8"]);
}

#[test]
fn port_reuse_of_a_live_connection_waits_for_the_answer() {
    let mut t = Talk::open();
    t.data(0, "old");
    t.raw(true, 5_000, 0, SYN, b"", 0);
    assert_eq!(t.said(), ["0< old #4"]);
    t.raw(false, 9_000, 5_001, SYN | ACK, b"", 0);
    t.raw(true, 5_001, 9_001, ACK, b"new", 0);
    assert_eq!(t.said(), ["0> Capture #4", "0< Capture #4", "0 closed", "1 open 40000 joined=false", "1> new #7"]);
    let facts = t.finish().1;
    assert_eq!((facts.handshake_seen, facts.packets), (true, 3));
}

#[test]
fn port_reuse_seen_from_one_side_only() {
    let mut t = Talk::open();
    t.raw(true, CLIENT_ISN + 1, SERVER_ISN + 1, ACK, b"old", 0);
    t.raw(true, 5_000, 0, SYN, b"", 0);
    t.raw(true, 5_001, 9_001, ACK, b"new", 0);
    assert_eq!(
        t.said(),
        ["0> old #4", "0> Capture #4", "0< Capture #4", "0 closed", "1 open 40000 joined=false", "1> new #6"]
    );
}

#[test]
fn stray_syn_does_not_end_a_live_connection() {
    let mut t = Talk::open();
    t.data(0, "ab");
    t.raw(true, 5_000, 0, SYN, b"", 0);
    t.ack(2);
    t.data(2, "cd");
    assert_eq!(t.said(), ["0< ab #4", "0< cd #7"]);
}

#[test]
fn simultaneous_open() {
    let mut t = Talk::silent(super::Limits::default());
    t.raw(true, CLIENT_ISN, 0, SYN, b"", 0);
    t.raw(false, SERVER_ISN, 0, SYN, b"", 0);
    t.raw(true, CLIENT_ISN, SERVER_ISN + 1, SYN | ACK, b"", 0);
    t.raw(false, SERVER_ISN, CLIENT_ISN + 1, SYN | ACK, b"", 0);
    t.data(0, "ab");
    assert_eq!(t.said(), ["0 open 40000 joined=false", "0< ab #5"]);
}

#[test]
fn split_handshake() {
    let mut t = Talk::silent(super::Limits::default());
    t.raw(true, CLIENT_ISN, 0, SYN, b"", 0);
    t.raw(false, 4, CLIENT_ISN + 1, ACK, b"", 0);
    t.raw(false, SERVER_ISN, 0, SYN, b"", 0);
    t.raw(true, CLIENT_ISN, SERVER_ISN + 1, SYN | ACK, b"", 0);
    t.raw(false, SERVER_ISN + 1, CLIENT_ISN + 1, ACK, b"", 0);
    t.data(0, "ab");
    assert_eq!(t.said(), ["0 open 40000 joined=false", "0< ab #6"]);
    assert_eq!(t.finish().0, ["0> Capture #6", "0< Capture #6", "0 closed"]);
}

#[test]
fn half_closed_connection_goes_on_streaming() {
    let mut t = Talk::open();
    t.raw(true, CLIENT_ISN + 1, SERVER_ISN.wrapping_add(1), FIN | ACK, b"", 0);
    t.data(0, "abc");
    // One side is over, the connection is not: it is kept for the whole idle time, also when only time passes.
    t.wait(10_000);
    t.tick();
    t.wait(589_000);
    t.tick();
    t.data(3, "def");
    assert_eq!(t.said(), ["0> Fin #4", "0< abc #5", "0< def #6"]);
    t.wait(601_000);
    t.tick();
    assert_eq!(t.said(), ["0< Idle #6", "0 closed"]);
}
