//! Who ended what: RST_STREAM, GOAWAY, the end of the connection.

use super::super::{GOAWAY, RESET};
use super::*;
use crate::conn::End;

fn rst(stream: u32, code: u32) -> Vec<u8> {
    frame(kind::RST_STREAM, 0, stream, code.to_be_bytes())
}

#[test]
fn reset_by_either_side() {
    let cancelled = [
        hello(&[get(1)]),
        s([ok(1), data(0, 1, "a")].concat()),
        c(rst(1, 8)),
        s(data(0, 1, "crossed on the way")),
        Closed,
    ];
    let got = spoken(&cancelled);
    assert_eq!(responses(&got)[4..], ["0 < CutByClient"]);
    assert_eq!(said(&cancelled, RESET), ["RST_STREAM by the client, code 8"]);
    let failed = [hello(&[get(1)]), s([ok(1), data(0, 1, "a"), rst(1, 2)].concat())];
    assert_eq!(responses(&spoken(&failed))[4..], ["0 < ! h2.rst-stream", "0 < CutByServer"]);
    assert_eq!(said(&failed, RESET), ["RST_STREAM by the server, code 2"]);
    // Before any answer: the exchange is over all the same.
    assert_eq!(spoken(&[hello(&[get(1)]), s(rst(1, 7))])[2..], ["0 < ! h2.rst-stream", "0 < CutByServer"]);
    // The answer is whole, only the upload is stopped (RFC 9113 section 8.1).
    let post = headers(MORE, 1, &[(":method", "POST"), (":path", "/")]);
    let got = spoken(&[hello(&[post]), s([ok(1), data(flag::END_STREAM, 1, "no"), rst(1, 0)].concat())]);
    assert_eq!(got[got.len() - 3..], ["0 < Complete", "0 < ! h2.rst-stream", "0 > CutByServer"]);
    // After the end of both: nothing.
    let whole = [hello(&[get(1)]), s([ok(1), data(flag::END_STREAM, 1, ""), rst(1, 0)].concat()), c(rst(1, 8))];
    assert_eq!(spoken(&whole).last().unwrap(), "0 < Complete");
}

#[test]
fn goaway_names_the_streams_it_leaves() {
    let goaway = |last: u32, code: u32| frame(kind::GOAWAY, 0, 0, [last.to_be_bytes(), code.to_be_bytes()].concat());
    let got = spoken(&[hello(&[get(1), get(3)]), s([ok(1), goaway(1, 0)].concat()), s(data(flag::END_STREAM, 1, "x"))]);
    assert_eq!(got.iter().filter(|l| l.contains("goaway")).collect::<Vec<_>>(), ["1 < ! h2.goaway"]);
    assert!(got.contains(&"0 < Complete".to_owned()));
    // A client that leaves states which of the server's streams it processed: none. Its own are not refused.
    assert!(said(&[hello(&[get(1)]), c(goaway(0, 0))], GOAWAY).is_empty());
    let broken = [hello(&[get(1)]), s([ok(1), goaway(1, 1)].concat())];
    assert_eq!(said(&broken, GOAWAY), ["GOAWAY by the server: last stream 1, code 1"]);
}

#[test]
fn the_connection_ends() {
    let open = || vec![hello(&[get(1), get(3)]), s([ok(1), data(0, 1, "a")].concat())];
    let after = |mut all: Vec<On>, ends: &[On]| {
        all.extend_from_slice(ends);
        let got = spoken(&all);
        assert!(!got.iter().any(|l| l.starts_with("1 <")), "the second has no answer to end");
        responses(&got).last().unwrap().to_string()
    };
    assert_eq!(after(open(), &[SEnd(End::Fin)]), "0 < CutByServer");
    assert_eq!(after(open(), &[CEnd(End::Reset)]), "0 < CutByClient");
    assert_eq!(after(open(), &[CEnd(End::Fin), SEnd(End::Fin), Closed]), "0 < CutByClient");
    assert_eq!(after(open(), &[Closed]), "0 < CutByCapture");
    assert_eq!(after(open(), &[SEnd(End::Idle), Closed]), "0 < CutByCapture");
    // A client that only stops sending may still be answered.
    let done = [CEnd(End::Fin), s(data(flag::END_STREAM, 1, "b")), Closed];
    assert_eq!(after(open(), &done), "0 < Complete");
    // The end of the answer may have been in what the capture lacks: then the capture is to blame.
    assert_eq!(after(open(), &[SGap(40), SEnd(End::Fin), Closed]), "0 < CutByCapture");
    // Interim heads are not an answer; they end when the connection ends.
    let got = spoken(&[hello(&[get(1)]), s(headers(MORE, 1, &[(":status", "100")])), SEnd(End::Fin)]);
    assert_eq!(responses(&got), ["0 < 100 2 H2", "0 < CutByServer"]);
}
