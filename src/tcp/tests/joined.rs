//! Connections whose start the capture lacks.

use super::{AT_ONCE, CLIENT_ISN, Limits, SERVER_ISN, Talk};
use crate::net::flags::{ACK, SYN};

#[test]
fn the_lower_port_is_the_server() {
    let mut t = Talk::silent(AT_ONCE);
    t.data(0, "abc");
    assert_eq!(t.said(), ["0 open 40000 joined=true", "0< abc #1"]);
    assert!(!t.finish().1.handshake_seen);
}

#[test]
fn equal_ports_make_the_first_sender_the_client() {
    let mut t = Talk::silent(AT_ONCE);
    t.ports = (80, 80);
    t.data(0, "abc");
    assert_eq!(t.said(), ["0 open 80 joined=true", "0> abc #1"]);
}

#[test]
fn syn_ack_alone_tells_both_starts_and_the_roles() {
    let mut t = Talk::silent(Limits::default());
    t.ports = (80, 40_000);
    t.raw(false, SERVER_ISN, CLIENT_ISN + 1, SYN | ACK, b"", 0);
    t.raw(true, CLIENT_ISN + 3, SERVER_ISN + 1, ACK, b"cd", 0);
    t.raw(true, CLIENT_ISN + 1, SERVER_ISN + 1, ACK, b"ab", 0);
    assert_eq!(t.said(), ["0 open 80 joined=false", "0> ab #3", "0> cd #3"]);
    assert!(!t.finish().1.handshake_seen);
}

#[test]
fn late_syn_flips_the_guess_and_settles_the_start() {
    let mut t = Talk::silent(Limits::default());
    t.ports = (80, 40_000);
    t.raw(true, CLIENT_ISN + 1, SERVER_ISN + 1, ACK, b"", 0);
    t.raw(true, CLIENT_ISN, 0, SYN, b"", 0);
    t.raw(false, SERVER_ISN, CLIENT_ISN + 1, SYN | ACK, b"", 0);
    t.data(0, "abc");
    assert_eq!(t.said(), ["0 open 40000 joined=true", "0 flip", "0< abc #4"]);
    let facts = t.finish().1;
    assert_eq!((facts.handshake_seen, facts.server_bytes), (true, 3));
}

#[test]
fn own_acknowledgement_shows_the_position_of_the_sender() {
    let mut t = Talk::silent(AT_ONCE);
    t.data(0, "");
    t.data(3, "def");
    t.data(0, "abc");
    assert_eq!(t.said(), ["0 open 40000 joined=true", "0< abc #3", "0< def #3"]);
}

#[test]
fn keep_alive_first() {
    let mut t = Talk::silent(AT_ONCE);
    t.data(9, "");
    t.ack(10);
    t.data(10, "abc");
    assert_eq!(t.said(), ["0 open 40000 joined=true", "0< abc #3"]);
}

#[test]
fn peers_acknowledgement_lags_behind_what_is_on_the_way() {
    let mut t = Talk::silent(AT_ONCE);
    t.ack(5);
    t.data(20, "abc");
    assert_eq!(t.said(), ["0 open 40000 joined=true", "0< abc #2"]);
    assert!(!t.finish().1.hole);
}

#[test]
fn earlier_bytes_first_where_nothing_was_delivered() {
    let mut t = Talk::silent(AT_ONCE);
    t.data(6, "");
    t.data(0, "abcdef");
    t.data(6, "ghi");
    assert_eq!(t.said(), ["0 open 40000 joined=true", "0< abcdef #2", "0< ghi #3"]);
}

#[test]
fn bytes_from_before_the_first_ones_are_late() {
    let mut t = Talk::silent(AT_ONCE);
    t.data(6, "ghi");
    t.data(0, "abcdef");
    assert_eq!(t.said(), ["0 open 40000 joined=true", "0< ghi #1", "0< tcp.late @0"]);
    assert_eq!(t.finish().1.retransmitted_segments, 0);
}

#[test]
fn acknowledged_and_never_seen_becomes_a_gap_at_the_end() {
    let mut t = Talk::open();
    t.data(0, "ab");
    t.ack(12);
    assert_eq!(t.said(), ["0< ab #4"]);
    let (said, facts) = t.finish();
    assert_eq!(said, ["0> Capture #5", "0< gap 10 #5", "0< Capture #5", "0 closed"]);
    assert!(facts.hole);
}

#[test]
fn one_number_acknowledged_and_never_seen_is_taken_for_a_fin() {
    let mut t = Talk::open();
    t.data(0, "ab");
    t.ack(3);
    assert!(!t.finish().1.hole);
}

#[test]
fn directions_in_different_realms_are_one_connection_if_they_answer_each_other() {
    let mut t = Talk::silent(Limits::default());
    t.realm = 7;
    t.raw(true, CLIENT_ISN, 0, SYN, b"", 0);
    t.realm = 0;
    t.raw(false, SERVER_ISN, CLIENT_ISN + 1, SYN | ACK, b"", 0);
    t.realm = 7;
    t.raw(true, CLIENT_ISN + 1, SERVER_ISN + 1, ACK, b"ask", 0);
    t.realm = 0;
    t.raw(false, SERVER_ISN + 1, CLIENT_ISN + 4, ACK, b"tell", 0);
    assert_eq!(t.said(), ["0 open 40000 joined=false", "0> ask #3", "0< tell #4"]);
    assert_eq!(t.table.len(), 1);
    assert!(t.finish().1.handshake_seen);
}

#[test]
fn equal_addresses_in_different_realms_stay_apart() {
    let mut t = Talk::silent(Limits::default());
    for (realm, isn) in [(1, 5000), (2, 5000), (3, 90_000)] {
        t.realm = realm;
        t.raw(true, isn, 0, SYN, b"", 0);
    }
    for realm in [1, 2] {
        t.realm = realm;
        t.raw(false, SERVER_ISN, 5001, SYN | ACK, b"", 0);
    }
    t.realm = 4;
    t.raw(false, SERVER_ISN, 77_000, SYN | ACK, b"", 0);
    assert_eq!(t.table.len(), 4, "{:?}", t.said());
}

#[test]
fn packets_of_one_end_only_are_said_at_the_end() {
    let mut t = Talk::silent(Limits::default());
    t.data(0, "abc");
    t.data(3, "def");
    assert!(t.finish().0.contains(&"0> tcp.one-sided @0".to_owned()));
    let mut t = Talk::open();
    t.data(0, "abc");
    assert!(!t.finish().0.iter().any(|line| line.contains("one-sided")), "the handshake has packets of both");
}
