//! What makes a sender wait, and for how long.

use super::Talk;

#[test]
fn closed_window_that_the_sender_had_waited_for() {
    let mut talk = Talk::open();
    talk.data(0, "abc");
    talk.window = 0;
    talk.ack(3);
    talk.window = 1000;
    talk.wait(499);
    talk.ack(3);
    talk.data(3, "def");
    assert_eq!(talk.said(), ["0< abc #4", "0< tcp.zero-window @3 for 501 ms", "0< def #7"]);
}

#[test]
fn closed_window_that_no_bytes_waited_for() {
    let mut talk = Talk::open();
    talk.data(0, "abc");
    talk.window = 0;
    talk.ack(3);
    talk.window = 1000;
    talk.ack(3);
    talk.wait(200);
    talk.data(3, "def");
    assert_eq!(talk.said(), ["0< abc #4", "0< def #7"]);
}

#[test]
fn a_sender_that_asks_has_something_to_send() {
    let mut talk = Talk::open();
    talk.data(0, "abc");
    talk.window = 0;
    talk.ack(3);
    talk.window = 1000;
    talk.wait(100);
    talk.data(2, ""); // Linux probes without payload, one byte before its position
    talk.ack(3);
    talk.wait(300);
    talk.data(3, "def");
    assert_eq!(talk.said(), ["0< abc #4", "0< tcp.zero-window @3 for 403 ms", "0< def #8"]);
    talk.window = 0;
    talk.ack(6);
    talk.window = 1000;
    talk.wait(1000);
    talk.data(5, "");
    let (said, _) = talk.finish();
    assert_eq!(said[1], "0< tcp.zero-window @6 for 1001 ms");
}

#[test]
fn bytes_that_were_late() {
    let mut talk = Talk::open();
    talk.data(3, "def");
    talk.wait(1);
    talk.data(0, "abc");
    assert_eq!(talk.said(), ["0< abc #5", "0< def #5"], "overtaken, no more");
    talk.data(9, "jkl");
    talk.wait(99);
    talk.data(6, "ghi");
    assert_eq!(talk.said(), ["0< tcp.retransmission-stall @6 for 100 ms", "0< ghi #7", "0< jkl #7"]);
}

#[test]
fn bytes_sent_again_for_want_of_an_acknowledgement() {
    let mut talk = Talk::open();
    talk.data(0, "abc");
    talk.wait(199);
    talk.data(0, "abc");
    assert_eq!(talk.said(), ["0< abc #4", "0< tcp.retransmission-stall @3 for 200 ms"]);
    talk.ack(3);
    talk.wait(199);
    talk.data(0, "abc");
    assert_eq!(talk.said(), [""; 0], "the receiver had them");
}

#[test]
fn nagle_meets_delayed_acknowledgements() {
    let mut talk = Talk::open();
    talk.data(0, "abc");
    talk.wait(39);
    talk.ack(3);
    talk.data(3, "def");
    assert_eq!(talk.said(), ["0< abc #4", "0< tcp.delayed-ack @3 for 40 ms", "0< def #6"]);
    talk.wait(39);
    talk.ack(6);
    talk.wait(20);
    talk.data(6, "ghi");
    assert_eq!(talk.said(), ["0< ghi #8"], "it had nothing to send when the acknowledgement came");
}

/// It is unknown whether the sender had more to send: silence is not an accusation.
#[test]
fn a_window_that_is_closed_at_the_end_is_reported_only_for_a_sender_that_probed() {
    let mut talk = Talk::open();
    talk.data(0, "abc");
    talk.window = 0;
    talk.ack(3);
    talk.window = 1000;
    talk.wait(2000);
    talk.flagged(3, "", crate::tcp::tests::flags::FIN);
    let (said, _) = talk.finish();
    assert!(said.iter().all(|line| !line.contains("zero-window")), "{said:?}");
}
