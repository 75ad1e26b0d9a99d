//! Missing bytes, missing beginnings, wrong directions.

use super::On::{CGap, Closed, Flip, SEnd, SGap};
use super::{Trace, c, feed_at, joined, s, trace, trace_of};
use crate::conn::{End, UNKNOWN_GAP};
use crate::http::Conn;

const GET: &str = "GET / HTTP/1.1\r\n\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

#[test]
fn hole_inside_a_length() {
    let got = trace(&[
        c(GET),
        s("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab"),
        SGap(5),
        s("xyz"),
        c(GET),
        s("HTTP/1.1 204 x\r\n\r\n"),
    ]);
    assert_eq!(got[3..6], ["0 < data ab", "0 < gap 5", "0 < data xyz"]);
    assert_eq!(got[got.len() - 2..], ["1 < 204 1.1 None", "1 < Complete"]);
}

#[test]
fn hole_over_the_end_of_a_length() {
    let got = trace(&[
        c(GET),
        s("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab"),
        c(GET),
        SGap(60),
        s("lost"),
        c(GET),
        s("HTTP/1.1 204 x\r\n\r\n"),
    ]);
    let responses: Vec<_> = got.iter().filter(|l| l.contains('<')).collect();
    // The gap contained the second response: the third request gets the third response.
    assert_eq!(
        responses,
        ["0 < 200 1.1 Length(10)", "0 < data ab", "0 < gap 8", "0 < Complete", "2 < 204 1.1 None", "2 < Complete"]
    );
}

#[test]
fn holes_in_chunks() {
    let body = ["5\r\na", "e\r\n3\r\nxyz\r\n", "0\r\n\r\n"];
    let got = trace(&[c(GET), s(format!("{CHUNKED}{}", body[0])), SGap(3), s(body[1]), s(body[2])]);
    let expected = [
        "0 < unit 5",
        "0 < data a",
        "0 < gap 3",
        "0 < data e",
        "0 < unit end",
        "0 < unit 3",
        "0 < data xyz",
        "0 < unit end",
        "0 < Complete",
    ];
    assert_eq!(got[3..], expected);
    // The snap length cut the end of the chunk and its line end, exactly.
    let got = trace(&[c(GET), s(CHUNKED), s("5\r\na"), SGap(6), s("1\r\nb"), SGap(2), s("0\r\n\r\n")]);
    let expected = [
        "0 < unit 5",
        "0 < data a",
        "0 < gap 4",
        "0 < unit end",
        "0 < unit 1",
        "0 < data b",
        "0 < unit end",
        "0 < Complete",
    ];
    assert_eq!(got[3..], expected);
}

/// As a lost TLS record leaves them.
#[test]
fn holes_of_unknown_length() {
    let length = |rest: &[super::On]| {
        let mut all = vec![c(GET), s("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab"), SGap(UNKNOWN_GAP)];
        all.extend_from_slice(rest);
        trace(&all)[3..].to_vec()
    };
    let cut = length(&[s("xyz"), SGap(2), SEnd(End::Fin), Closed]);
    assert_eq!(
        cut,
        ["0 < data ab", "0 < gap", "0 < data xyz", "0 < gap", "0 < CutByCapture"],
        "it is unknown whether it was complete"
    );
    let whole = length(&[s("cdefghij")]);
    assert_eq!(whole, ["0 < data ab", "0 < gap", "0 < data cdefghij", "0 < Complete"]);
    let next = length(&[s("ij"), c(GET), s("HTTP/1.1 204 x\r\n\r\n")]);
    assert_eq!(next[2..4], ["0 < data ij", "1 > GET / 1.1 None"]);
    assert_eq!(next[5..], ["0 < CutByCapture", "1 < 204 1.1 None", "1 < Complete"]);

    let close = trace(&[c(GET), s("HTTP/1.1 200 OK\r\n\r\nab"), SGap(UNKNOWN_GAP), s("cd"), SEnd(End::Fin)]);
    assert_eq!(close[3..], ["0 < data ab", "0 < gap", "0 < data cd", "0 < Complete"]);

    let chunks = trace(&[c(GET), s(format!("{CHUNKED}5\r\na")), SGap(UNKNOWN_GAP), s("z\r\n2\r\nbc\r\n0\r\n\r\n")]);
    assert_eq!(
        chunks[3..7],
        ["0 < unit 5", "0 < data a", "0 < gap", "0 < data z"],
        "reading resumes at the next boundary"
    );
    assert_eq!(chunks.last().map(String::as_str), Some("0 < Complete"));

    // While everything is lost, and while an upgrade waits for its response: more such gaps.
    let lost = joined(&[
        SGap(UNKNOWN_GAP),
        s("x\r\n2\r\nbc\r\n"),
        SGap(UNKNOWN_GAP),
        SGap(UNKNOWN_GAP),
        s("2\r\nde\r\n0\r\n\r\n"),
    ]);
    assert!(lost.iter().any(|l| l.ends_with("data de")), "{lost:#?}");
    trace(&[
        c("GET / HTTP/1.1\r\nUpgrade: x\r\n\r\n"),
        super::On::CGap(UNKNOWN_GAP),
        c("more"),
        s("HTTP/1.1 200 OK\r\n\r\n"),
        Closed,
    ]);
}

#[test]
fn lost_chunks_are_resumed_at_a_boundary() {
    let got = trace(&[
        c(GET),
        s(CHUNKED),
        s("3\r\nabc\r\n"),
        SGap(20),
        s("5\r\nhello\r\n"),
        SGap(1),
        s("\r\nxxx"),
        s("x\r\n6\r\nworld!\r\n0\r\n\r\n"),
    ]);
    let expected = [
        "0 < unit 3",
        "0 < data abc",
        "0 < unit end",
        "0 < gap",
        "0 < unit 5",
        "0 < data hello",
        "0 < unit end",
        "0 < gap",
        // The end of a chunk whose size line is missing is still body.
        "0 < data \\r\\nxxxx",
        "0 < unit 6",
        "0 < data world!",
        "0 < unit end",
        "0 < Complete",
    ];
    assert_eq!(got[3..], expected);
}

#[test]
fn chunks_that_never_resume() {
    let got =
        trace(&[c(GET), s(CHUNKED), s("3\r\nabc\r\n"), SGap(20), s("data without a boundary"), SEnd(End::Fin), Closed]);
    assert_eq!(got[got.len() - 2..], ["0 < gap", "0 < CutByCapture"]);
    let got = trace(&[c(GET), s(CHUNKED), SGap(20), s("rest"), c(GET), s("HTTP/1.1 204 x\r\n\r\n")]);
    assert_eq!(got[got.len() - 3..], ["0 < CutByCapture", "1 < 204 1.1 None", "1 < Complete"]);
}

#[test]
fn hole_in_a_head() {
    let got = trace(&[
        c("POST / HTTP/1.1\r\nHos"),
        CGap(40),
        c("{}"),
        s("HTTP/1.1 200 OK\r\nContent-"),
        SGap(20),
        s("4\r\nabcd\r\n"),
        s("0\r\n\r\n"),
    ]);
    let expected = [
        "0 > POST / 1.1 None",
        "0 > ! h1.head-gap",
        "0 > gap",
        "0 < 200 1.1 Close",
        "0 < ! h1.head-gap",
        "0 < gap",
        "0 < unit 4",
        "0 < data abcd",
        "0 < unit end",
        "0 < Complete",
    ];
    assert_eq!(got, expected);
}

#[test]
fn joined_inside_a_response() {
    let got = joined(&[
        s("lo\r\n3\r\nabc\r\n"),
        c("GET /2 HTTP/1.1\r\n\r\n"),
        s("0\r\n\r\n"),
        s("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"),
        Closed,
    ]);
    let expected = [
        "0 < unit 3",
        "0 < data abc",
        "0 < unit end",
        "1 > GET /2 1.1 None",
        "1 > Complete",
        "0 < Complete",
        "1 < 200 1.1 Length(1)",
        "1 < data x",
        "1 < Complete",
    ];
    assert_eq!(got, expected);
}

#[test]
fn joined_bytes_before_the_first_request_answer_none_that_follows() {
    // The boundary is proven only after the request came.
    let got = joined(&[s("3\r\nab"), c("GET /2 HTTP/1.1\r\n\r\n"), s("c\r\n0\r\n\r\n"), s("HTTP/1.1 204 x\r\n\r\n")]);
    let expected = [
        "0 > GET /2 1.1 None",
        "0 > Complete",
        "1 < unit 3",
        "1 < data abc",
        "1 < unit end",
        "1 < Complete",
        "0 < 204 1.1 None",
        "0 < Complete",
    ];
    assert_eq!(got, expected);
}

#[test]
fn joined_without_chunks_waits_for_a_head() {
    let got = joined(&[
        c("rest of a request"),
        s("rest of a response"),
        c("GET / HTTP/1.1\r\n\r\n"),
        s("HTTP/1.1 204 x\r\n\r\n"),
    ]);
    assert_eq!(got, ["0 > GET / 1.1 None", "0 > Complete", "0 < 204 1.1 None", "0 < Complete"]);
}

#[test]
fn wrong_direction() {
    let mut conn = Conn::new(true);
    let got = trace_of(
        &mut conn,
        &[c("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"), s(GET), c("HTTP/1.1 204 x\r\n\r\n")],
        false,
    );
    assert!(conn.flipped());
    let expected = [
        "0 < 200 1.1 Length(1)",
        "0 < data x",
        "0 < Complete",
        "1 > GET / 1.1 None",
        "1 > Complete",
        "1 < 204 1.1 None",
        "1 < Complete",
    ];
    assert_eq!(got, expected);
    // The layer below finds out too: from here on the directions are swapped, the roles stay.
    let got = trace_of(&mut conn, &[Flip, c("GET /2 HTTP/1.1\r\n\r\n")], false);
    assert!(!conn.flipped());
    assert_eq!(got, ["2 > GET /2 1.1 None", "2 > Complete"]);
}

#[test]
fn holes_inside_holes_stay_bounded() {
    let mut happens = vec![c(GET), s(CHUNKED)];
    for _ in 0..5000 {
        happens.push(SGap(100));
        happens.push(s("a\r\n"));
    }
    happens.push(s("x"));
    trace(&happens);
    let mut happens = vec![c(GET), s(CHUNKED), SGap(9), s("ffff\r\n")];
    for _ in 0..3000 {
        happens.extend([s("1\r\nx\r\n"), SGap(3), s("x\r\n")]);
    }
    trace(&happens);
}

#[test]
fn answers_held_up_behind_a_hole_go_to_the_requests_of_their_time() {
    let (mut conn, mut trace) = (Conn::new(false), Trace::default());
    let ok = "HTTP/1.1 204 x\r\n\r\n";
    // The first response was not captured. What follows it comes when the hole is given up, with the times of
    // its own packets.
    let happens = [(1, c(GET)), (3, c(GET)), (5, c(GET)), (2, SGap(9)), (4, s(ok)), (6, s(ok))];
    for (at, on) in happens {
        feed_at(&mut conn, at, &on, &mut |event| trace.add(&event));
    }
    let answers: Vec<_> = trace.lines.iter().filter(|l| l.contains("204")).collect();
    assert_eq!(answers, ["1 < 204 1.1 None", "2 < 204 1.1 None"]);
}

#[test]
fn an_interim_head_ends_with_the_hole_where_the_next_head_is_cut() {
    let ask = || c("GET / HTTP/1.1\r\n\r\n");
    let got = trace(&[ask(), ask(), s("HTTP/1.1 100 x\r\n\r\n"), SGap(1), s("HTTP/1.1 200"), s("\r\n"), Closed]);
    let ends: Vec<_> = got.iter().filter(|l| l.contains("< CutBy")).collect();
    assert_eq!(ends, ["0 < CutByCapture", "1 < CutByCapture"], "{got:#?}");
}
