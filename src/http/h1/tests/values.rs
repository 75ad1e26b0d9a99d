//! Values at the border of what they mean, and what each is taken for on either side of it.

use super::On::{CEnd, Closed, SEnd, SGap};
use super::{Trace, c, feed, feed_at, joined, s, trace, trace_of};
use crate::conn::End;
use crate::http::event::{Fields, HttpWhat, Known};
use crate::http::{Conn, Speaks};

const GET: &str = "GET / HTTP/1.1\r\n\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const NEXT: &str = "HTTP/1.1 204 x\r\n\r\n";

/// Behind the last chunk two bytes are the end of the trailers; more are another response.
#[test]
fn a_hole_behind_the_last_chunk_may_have_held_a_response() {
    let answered = |gap| {
        let got = trace(&[c(GET), s(format!("{CHUNKED}0\r\n")), c(GET), SGap(gap), c(GET), s(NEXT)]);
        got.iter().find(|l| l.contains("204")).cloned().unwrap()
    };
    assert_eq!(answered(2), "1 < 204 1.1 None");
    assert_eq!(answered(40), "2 < 204 1.1 None");
}

#[test]
fn a_hole_that_ends_inside_a_line_end_leaves_the_rest_of_it() {
    let got = trace(&[c(GET), s(format!("{CHUNKED}5\r\nabc")), SGap(3), s("\n0\r\n\r\n")]);
    assert_eq!(got[3..], ["0 < unit 5", "0 < data abc", "0 < gap 2", "0 < unit end", "0 < Complete"]);
}

#[test]
fn a_size_line_is_kept_unless_it_is_the_usual_one() {
    let line = |size: &str| {
        let got = trace(&[c(GET), s(format!("{CHUNKED}{size}\r\nabcdefghij\r\n"))]);
        got.iter().find(|l| l.contains("unit 10")).cloned().unwrap()
    };
    assert_eq!(line("a"), "0 < unit 10");
    assert_eq!(["A", "0a", "a;x=1"].map(line), ["A", "0a", "a;x=1"].map(|l| format!("0 < unit 10 [{l}]")));
}

/// The client has closed. What still comes within a second was on its way.
#[test]
fn a_client_that_closed_may_still_be_listening() {
    let ended = |after: u64| {
        let mut trace = Trace::default();
        let mut conn = Conn::new(false);
        let head = "HTTP/1.1 200 OK\r\n\r\na";
        for (at, on) in
            [(1, c(GET)), (2, s(head)), (3, CEnd(End::Fin)), (3 + after, s("b")), (4 + after, SEnd(End::Fin))]
        {
            feed_at(&mut conn, at, &on, &mut |event| trace.add(&event));
        }
        trace.lines.last().cloned().unwrap()
    };
    let second = 1_000_000_000;
    assert_eq!((ended(second), ended(second + 1)), ("0 < CutByClient".into(), "0 < Complete".into()));
}

#[test]
fn a_status_has_three_digits() {
    let odd =
        |status: &str| trace(&[c(GET), s(format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n"))])[3..].to_vec();
    assert_eq!(odd("999"), ["0 < Complete"]);
    assert_eq!(odd("1000"), ["0 < ! h1.start-line", "0 < Complete"]);
}

/// RFC 9112 section 6.1: HTTP/1.0 has no transfer codings.
#[test]
fn chunks_in_a_version_that_has_none() {
    let odd = |version: &str| trace(&[c(GET), s(CHUNKED.replace("1.1", version))])[3..].to_vec();
    assert_eq!((odd("1.1"), odd("1.0")), (vec![], vec!["0 < ! h1.transfer-encoding".to_owned()]));
}

#[test]
fn a_reason_begins_behind_one_space() {
    let reason = |line: &str| {
        let mut found = None;
        let happens = [c(GET), s(format!("{line}\r\nContent-Length: 0\r\n\r\n"))];
        feed(&mut Conn::new(false), &happens, &mut |event| {
            if let HttpWhat::Response(head) = event.what {
                found = Some((head.status, String::from_utf8_lossy(&head.reason).into_owned()));
            }
        });
        found
    };
    for line in ["HTTP/1.1 200 Fine so", "HTTP/1.1  200 Fine so", "HTTP/1.1\t200 Fine so"] {
        assert_eq!(reason(line), Some((200, "Fine so".to_owned())), "{line:?}");
    }
    assert_eq!(reason("HTTP/1.1  200  Fine"), Some((200, " Fine".to_owned())));
}

/// What is no response is passed over line by line, but not for ever: then only the begin of a delivery is one.
#[test]
fn after_eight_strange_lines_the_place_is_lost() {
    let found = |lines: usize| {
        let noise = "what is this\r\n".repeat(lines);
        trace(&[c(GET), s(format!("{noise}{NEXT}"))]).iter().any(|l| l.contains("204"))
    };
    assert_eq!((found(8), found(9)), (true, false));
}

#[test]
fn a_connection_joined_at_its_last_chunk() {
    let got = joined(&[s(format!("0\r\n\r\n{NEXT}"))]);
    assert_eq!(got, ["0 < Complete", "1 < 204 1.1 None", "1 < Complete"]);
}

/// A line that begins as the header of a proxy, and is longer than one may be.
#[test]
fn a_long_line_is_no_header_of_a_proxy() {
    let mut conn = Conn::new(false);
    let line = format!("PROXY {}", "x".repeat(9000));
    assert!(trace_of(&mut conn, &[c(&line)], false).is_empty());
    assert_eq!(conn.speaks(), Speaks::Other);
}

#[test]
fn a_reset_ends_a_websocket_at_once() {
    let upgrade = "GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    let switch = "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    let ends = |what: &[super::On]| {
        let got = trace(&[&[c(upgrade), s(switch)], what].concat());
        got[3..].to_vec()
    };
    let both = |end: &str| vec![format!("0 > {end}"), format!("0 < {end}")];
    assert_eq!(ends(&[SEnd(End::Reset)]), both("CutByServer"));
    assert_eq!(ends(&[SEnd(End::Fin)]), Vec::<String>::new());
    assert_eq!(ends(&[SEnd(End::Fin), Closed]), both("CutByServer"));
    assert_eq!(ends(&[SEnd(End::Fin), CEnd(End::Fin)]), both("CutByServer"));
}

#[test]
fn a_field_that_was_not_read_may_be_any() {
    let of = |raw: &str| {
        let mut list = Vec::new();
        let mut at = 0;
        for line in raw.split_inclusive("\r\n").filter(|l| l.contains(':')) {
            let colon = line.find(':').unwrap();
            let end = line.len() - 2;
            list.push((at as u32..(at + colon) as u32, (at + colon + 2) as u32..(at + end) as u32));
            at += line.len();
        }
        Fields::new(raw.as_bytes().to_vec(), list)
    };
    let known = |raw: &str| match of(raw).known("host") {
        Known::Sent(value) => format!("sent {}", String::from_utf8_lossy(value)),
        Known::Absent => "absent".to_owned(),
        Known::Unread => "unread".to_owned(),
    };
    assert_eq!(known("Host: a\r\n\r\n"), "sent a");
    assert_eq!(known("Other: a\r\n\r\n"), "absent");
    assert_eq!(known("Host: ?\r\n\r\n"), "unread");
    assert_eq!(known("Other: a\r\n?: b\r\n\r\n"), "unread");
    assert_eq!((known(""), known("\r\n")), ("unread".to_owned(), "unread".to_owned()));
}
