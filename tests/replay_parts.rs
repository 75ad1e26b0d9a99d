//! What a replay is made of, part by part: which recording answers, which bytes go out, and an oracle that sees each
//! single difference.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use sniff::conn::ConnId;
use sniff::exchange::Exchange;
use sniff::internal::pipeline::exchanges_of;
use sniff::internal::replay::h2::Server;
use sniff::internal::replay::matching::{Asked, Found, Repeat, VOLATILE};
use sniff::internal::replay::verify::{Fidelity, compare};
use sniff::internal::replay::{Book, MatchBy, Pace, Script, h1};
use sniff::internal::wire;
use std::sync::Arc;

fn exchange(text: &str) -> Exchange {
    let transcript = wire::parse(text).unwrap();
    exchanges_of(|sink| transcript.replay(ConnId(0), sink)).remove(0)
}

fn script(text: &str) -> Script {
    Script::new(&exchange(text), false).unwrap()
}

const ASK: &str = "> GET / HTTP/1.1\n> Host: h\n>\n\n";
const HEAD: &str = "@ +5ms\n< HTTP/1.1 200 OK\n< X: 1\n< Trailer: T\n< Transfer-Encoding: chunked\n<\n\n";
const BODY: &str = "@ +5ms\n<chunk abcd\n\n@ +5ms\n<chunk ef\n\n";
const END: &str = "@ +5ms\n< 0\n< T: one\n< U: two\n<\n";

fn heard(head: &str, body: &str, end: &str) -> Fidelity {
    let recorded = script(&[ASK, HEAD, BODY, END].concat());
    compare(&recorded, &Pace::default(), 0, Some(&exchange(&[ASK, head, body, end].concat())))
}

#[test]
fn the_oracle_finds_its_own_recording_equal() {
    let f = heard(HEAD, BODY, END);
    assert!(f.is_equal(), "{f:?}");
    assert_eq!((f.bytes, f.units, f.errors.as_slice()), ((6, 6), (2, 2), &[0, 0][..]));
}

#[test]
fn the_oracle_sees_each_single_difference() {
    let flags = |f: &Fidelity| [f.bytes_equal, f.boundaries_equal, f.heads_equal, f.end_equal];
    for (what, head, body, end, want) in [
        ("one byte", HEAD, &*BODY.replace("abcd", "abcX"), END, [false, true, true, true]),
        ("a boundary", HEAD, &*BODY.replace("abcd", "abc").replace("ef", "def"), END, [true, false, true, true]),
        ("two chunks in one", HEAD, "@ +5ms\n<chunk abcdef\n\n", END, [true, false, true, true]),
        (
            "the spelling of a size",
            HEAD,
            "@ +5ms\n< 04\n< abcd\n\n@ +5ms\n<chunk ef\n\n",
            END,
            [true, false, true, true],
        ),
        ("a field's value", &*HEAD.replace("X: 1", "X: 2"), BODY, END, [true, true, false, true]),
        ("the case of a field's name", &*HEAD.replace("X: 1", "x: 1"), BODY, END, [true, true, false, true]),
        ("the reason phrase", &*HEAD.replace("OK", "Ok"), BODY, END, [true, true, false, true]),
        ("a trailer's value", HEAD, BODY, &*END.replace("one", "won"), [true, true, false, true]),
        ("a trailer less", HEAD, BODY, &*END.replace("< U: two\n", ""), [true, true, false, true]),
        ("no end", HEAD, BODY, "!fin <\n", [true, true, false, false]),
    ] {
        let f = heard(head, body, end);
        assert_eq!(flags(&f), want, "{what}: {f:?}");
        assert!(!f.is_equal(), "{what}");
    }
    let recorded = script(&[ASK, HEAD, BODY, END].concat());
    assert_eq!(
        flags(&compare(&recorded, &Pace::default(), 0, None)),
        [false, false, false, false],
        "nothing was received"
    );
}

#[test]
fn the_oracle_knows_how_it_was_to_end() {
    let cut = |end: &str| [ASK, HEAD, BODY, end].concat();
    let (fin, rst, leaves) = ("!fin <\n", "!rst <\n", "@ +9s\n!rst >\n");
    let (whole, [fin, rst, leaves]) = (cut(END), [fin, rst, leaves].map(cut));
    for (recorded, right, wrong) in
        [(&whole, &whole, &fin), (&fin, &fin, &whole), (&rst, &rst, &leaves), (&leaves, &leaves, &fin)]
    {
        let script = Script::new(&exchange(recorded), true).unwrap();
        let end = |heard| compare(&script, &Pace::default(), 0, Some(&exchange(heard))).end_equal;
        assert_eq!((end(right), end(wrong)), (true, false), "{:?}", script.ending);
    }
}

#[test]
fn the_oracle_measures_how_late_each_delivery_came() {
    let late = BODY.replacen("@ +5ms\n<chunk ef", "@ +12ms\n<chunk ef", 1);
    let f = heard(HEAD, &late, END);
    assert_eq!(f.errors, [0, 7_000_000]);
    assert_eq!((f.error(50.0), f.error(99.0)), (Some(0), Some(7_000_000)));
    assert!(f.is_equal(), "times are not compared");
}

/// Recordings `a`, `b`, … of these requests.
fn book(by: MatchBy, repeat: Repeat, asked: &[(&str, &str, &str)]) -> Book {
    let mut book = Book::new(by, repeat, VOLATILE.iter().copied().chain(["ignored"]).map(Into::into).collect());
    for (n, asked) in asked.iter().enumerate() {
        let text = format!("{ASK}< HTTP/1.1 200 OK\n< Content-Length: 1\n<\n<| {}\n", char::from(b'a' + n as u8));
        book.add(ask(*asked), script(&text));
    }
    book
}

fn ask((method, target, body): (&str, &str, &str)) -> Asked {
    Asked { method: method.into(), target: target.into(), body: body.into() }
}

/// The body of the answer, with the number of times that it was given before; `-` without an answer.
fn answers(book: &mut Book, asked: &[(&str, &str, &str)]) -> String {
    let answer = |asked: &(&str, &str, &str)| match book.find(&ask(*asked)) {
        Found::Answer(recording, n) => format!("{}{n}", String::from_utf8_lossy(&recording.script.body)),
        Found::Nothing(_) => "-".into(),
    };
    asked.iter().map(answer).collect::<Vec<_>>().join(" ")
}

#[test]
fn recordings_of_one_request_answer_in_turn() {
    let one = ("POST", "/x", "{}");
    let asked = [one, ("POST", "/other", "{}"), one];
    for (by, repeat, want) in [
        (MatchBy::Body, Repeat::Last, "a0 c0 c1 c2 c3"),
        (MatchBy::Body, Repeat::Loop, "a0 c0 a1 c1 a2"),
        (MatchBy::Body, Repeat::Once, "a0 c0 - - -"),
        (MatchBy::Sequence, Repeat::Last, "a0 b0 c0 c1 c2"),
        (MatchBy::Sequence, Repeat::Loop, "a0 b0 c0 a1 b1"),
        (MatchBy::Sequence, Repeat::Once, "a0 b0 c0 - -"),
    ] {
        assert_eq!(answers(&mut book(by, repeat, &asked), &[one; 5]), want, "{by:?} {repeat:?}");
    }
}

#[test]
fn each_member_of_a_request_counts_as_the_option_says() {
    let recorded =
        ("POST", "/v1/x?b=2&a=1", r#"{"model":"m","n":1,"user":"u","ignored":1,"deep":{"id":"i","k":[1,2]}}"#);
    //                                              body   path   exact  sequence
    for (what, asked, want) in [
        ("the same", recorded, [true, true, true, true]),
        ("method", ("PUT", recorded.1, recorded.2), [false, false, false, true]),
        ("path", ("POST", "/v1/y?b=2&a=1", recorded.2), [false, false, false, true]),
        ("a parameter's value", ("POST", "/v1/x?b=2&a=9", recorded.2), [false, true, false, true]),
        ("a parameter more", ("POST", "/v1/x?b=2&a=1&c=3", recorded.2), [false, true, false, true]),
        ("the order of parameters", ("POST", "/v1/x?a=1&b=2", recorded.2), [true, true, false, true]),
        ("a key in the query", ("POST", "/v1/x?b=2&a=1&key=abcdefgh", recorded.2), [true, true, false, true]),
        ("absolute form", ("POST", "http://h/v1/x?b=2&a=1", recorded.2), [true, true, false, true]),
        (
            "a volatile member",
            (recorded.0, recorded.1, &*recorded.2.replace("\"u\"", "\"w\"")),
            [true, true, false, true],
        ),
        (
            "a volatile member deeper",
            (recorded.0, recorded.1, &*recorded.2.replace("\"i\"", "\"j\"")),
            [true, true, false, true],
        ),
        (
            "an ignored member",
            (recorded.0, recorded.1, &*recorded.2.replace("\"ignored\":1", "\"ignored\":2")),
            [true, true, false, true],
        ),
        ("a member", (recorded.0, recorded.1, &*recorded.2.replace("\"m\"", "\"n\"")), [false, true, false, true]),
        ("a number", (recorded.0, recorded.1, &*recorded.2.replace("\"n\":1", "\"n\":2")), [false, true, false, true]),
        ("an element", (recorded.0, recorded.1, &*recorded.2.replace("[1,2]", "[2,1]")), [false, true, false, true]),
        ("a member less", (recorded.0, recorded.1, &*recorded.2.replace("\"n\":1,", "")), [false, true, false, true]),
        ("white space", (recorded.0, recorded.1, &*recorded.2.replace(':', ": ")), [true, true, false, true]),
        ("no JSON", (recorded.0, recorded.1, "x"), [false, true, false, true]),
    ] {
        let by = [MatchBy::Body, MatchBy::Path, MatchBy::Exact, MatchBy::Sequence];
        let have = by.map(|by| answers(&mut book(by, Repeat::Last, &[recorded]), &[asked]) == "a0");
        assert_eq!(have, want, "{what}");
    }
}

#[test]
fn a_recording_of_http_2_goes_out_as_http_1_with_chunks_and_no_length() {
    let text = std::fs::read_to_string(support::captures().join("http1/chunk-extensions-trailers/input.wire")).unwrap();
    let mut script = script(&text);
    let raw = b":status: 200\r\ncontent-length: 10\r\nx: y\r\n\r\n".to_vec();
    script.head.version = sniff::internal::http::event::Version::H2;
    script.head.transfer = sniff::internal::http::event::Transfer::H2;
    script.head.fields = sniff::internal::http::event::Fields::new(raw, vec![(14..28, 30..32), (34..35, 37..38)]);
    let (sent, _) = h1::encode(&script);
    let bytes = sent.iter().flat_map(|s| s.bytes.clone()).collect::<Vec<_>>();
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.starts_with("HTTP/1.1 200 OK\r\nx: y\r\ntransfer-encoding: chunked\r\n\r\n"), "{text}");
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    [&(payload.len() as u32).to_be_bytes()[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn settings(id: u16, value: u32) -> Vec<u8> {
    frame(4, 0, 0, &[&id.to_be_bytes()[..], &value.to_be_bytes()].concat())
}

/// (type, flags, length) of the frames that belong to stream 1.
fn frames(out: &[u8]) -> Vec<(u8, u8, usize)> {
    let (mut all, mut rest) = (Vec::new(), out);
    while let [a, b, c, kind, flags, s0, s1, s2, s3, payload @ ..] = rest {
        let len = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        if u32::from_be_bytes([*s0, *s1, *s2, *s3]) == 1 {
            all.push((*kind, *flags, len));
        }
        rest = &payload[len.min(payload.len())..];
    }
    all
}

#[test]
fn windows_of_http_2_hold_back_and_let_go() {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let answer = format!("{ASK}< HTTP/1.1 200 OK\n< Content-Length: 20\n<\n\n@ +1ms\n<| abcdefghijklmnopqrst\n");
    let script = Arc::new(script(&answer));
    let due = vec![0; script.steps.len()];
    let start = |first: &[u8]| {
        let mut server = Server::default();
        server.push(&[PREFACE, first, &frame(1, 5, 1, &[0x82])].concat());
        server.answer(1, script.clone(), due.clone());
        server
    };
    let next = |server: &mut Server| {
        let mut out = Vec::new();
        server.advance(0, &mut out);
        frames(&out)
    };
    let sum = |frames: &[(u8, u8, usize)]| frames.iter().filter(|f| f.0 == 0).map(|f| f.2).sum::<usize>();
    // Opened with a window of zero: SETTINGS change the windows of existing streams (RFC 9113 section 6.9.2).
    let mut server = start(&settings(4, 0));
    let first = next(&mut server);
    assert_eq!((first[0].0, sum(&first)), (1, 0));
    server.push(&settings(4, 7));
    assert_eq!(sum(&next(&mut server)), 7);
    server.push(&settings(4, 3));
    assert_eq!(sum(&next(&mut server)), 0, "four less than nothing");
    server.push(&frame(8, 0, 1, &9u32.to_be_bytes()));
    assert_eq!(sum(&next(&mut server)), 5);
    server.push(&frame(8, 0, 1, &100u32.to_be_bytes()));
    assert_eq!(sum(&next(&mut server)), 8);
    assert!(server.is_idle());
    // Everything at once if no limit applies.
    let mut server = start(&settings(4, 65_535));
    let all = next(&mut server);
    assert_eq!((sum(&all), server.is_idle(), server.cut), (20, true, 0));
    assert_eq!(all.last().map(|f| f.1 & 1), Some(1), "END_STREAM");
    // A stream that the client resets gets no more frames.
    let mut server = start(&settings(4, 7));
    next(&mut server);
    server.push(&[frame(3, 0, 1, &8u32.to_be_bytes()), frame(8, 0, 1, &100u32.to_be_bytes())].concat());
    assert_eq!((sum(&next(&mut server)), server.is_idle()), (0, true));
}
