//! How messages end when connections do.

use super::On::{CEnd, Closed, SEnd};
use super::{On, c, s, trace};
use crate::conn::End::{Capture, Fin, Idle, Reset};

/// The last line about the response whose head and first byte were seen.
fn end_of(framing: &str, happens: &[On]) -> String {
    let mut all = vec![c("GET / HTTP/1.1\r\n\r\n"), s(format!("HTTP/1.1 200 OK\r\n{framing}\r\n"))];
    all.extend_from_slice(happens);
    all.push(Closed);
    let lines = trace(&all);
    let ends: Vec<_> =
        lines.iter().filter(|l| l.starts_with("0 <") && (l.contains("Cut") || l.contains("Complete"))).collect();
    assert_eq!(ends.len(), 1, "exactly one end: {lines:?}");
    lines.last().cloned().unwrap()
}

const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";
const LENGTH: &str = "Content-Length: 100\r\n";

#[test]
fn who_cut_a_body_with_an_announced_end() {
    for (framing, byte) in [(CHUNKED, "9\r\nx"), (LENGTH, "x")] {
        let table: [(&[On], &str); 11] = [
            (&[SEnd(Fin), CEnd(Fin)], "0 < CutByServer"),
            (&[SEnd(Reset)], "0 < CutByServer"),
            (&[CEnd(Fin), SEnd(Fin)], "0 < CutByClient"),
            (&[CEnd(Fin), SEnd(Reset)], "0 < CutByClient"),
            (&[CEnd(Reset)], "0 < CutByClient"),
            (&[CEnd(Fin)], "0 < CutByClient"),
            (&[CEnd(Fin), SEnd(Capture)], "0 < CutByClient"),
            (&[SEnd(Capture), CEnd(Capture)], "0 < CutByCapture"),
            (&[SEnd(Idle)], "0 < CutByCapture"),
            (&[CEnd(Capture)], "0 < CutByCapture"),
            (&[], "0 < CutByCapture"),
        ];
        for (happens, expected) in table {
            let mut all = vec![s(byte)];
            all.extend_from_slice(happens);
            assert_eq!(end_of(framing, &all), expected, "{framing} {happens:?}");
        }
    }
}

#[test]
fn half_close_is_no_cut() {
    assert_eq!(end_of(CHUNKED, &[s("2\r\n"), CEnd(Fin), s("ab\r\n0\r\n\r\n"), SEnd(Fin)]), "0 < Complete");
    assert_eq!(end_of("Content-Length: 2\r\n", &[s("a"), CEnd(Fin), s("b")]), "0 < Complete");
}

#[test]
fn close_delimited() {
    assert_eq!(end_of("", &[s("x"), SEnd(Fin), CEnd(Fin)]), "0 < Complete");
    // The client closes first, in the middle of the body: the server's close answers that.
    assert_eq!(end_of("", &[s("x"), CEnd(Fin), SEnd(Fin)]), "0 < CutByClient");
    assert_eq!(end_of("", &[s("x"), SEnd(Reset)]), "0 < CutByServer");
    assert_eq!(end_of("", &[s("x"), CEnd(Reset)]), "0 < CutByClient");
    assert_eq!(end_of("", &[s("x"), SEnd(Idle)]), "0 < CutByCapture");
    assert_eq!(end_of("", &[s("x")]), "0 < CutByCapture");
}

#[test]
fn requests_end_too() {
    let put = "PUT / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc";
    assert_eq!(trace(&[c(put), CEnd(Fin), Closed]).last().unwrap(), "0 > CutByClient");
    assert_eq!(trace(&[c(put), SEnd(Reset), CEnd(Reset), Closed]).last().unwrap(), "0 > CutByServer");
    assert_eq!(trace(&[c(put), Closed]).last().unwrap(), "0 > CutByCapture");
    assert_eq!(
        trace(&[c("GET / HTTP/1.1\r\nHo"), CEnd(Fin), Closed]),
        ["0 > GET / 1.1 None", "0 > ! h1.head-cut", "0 > CutByClient"]
    );
    assert_eq!(trace(&[c("GET / HTT"), CEnd(Fin), Closed]), ["0 > ! h1.head-cut"], "not even a line");
}

#[test]
fn a_head_cut_short_is_said() {
    let got = trace(&[c("GET / HTTP/1.1\r\n\r\n"), s("HTTP/1.1 200 OK\r\nConte"), SEnd(Fin), Closed]);
    // Its complete lines are reported.
    assert_eq!(got[2..], ["0 < 200 1.1 Close", "0 < ! h1.head-cut", "0 < CutByServer"]);
    let got = trace(&[c("GET / HTTP/1.1\r\n\r\n"), s("HTTP/1.1 100 Continue\r\n\r\n"), CEnd(Reset), Closed]);
    assert_eq!(got[2..], ["0 < 100 1.1 None", "0 < CutByClient"]);
}
