//! Whole messages in every form that frames allow.

use super::*;

#[test]
fn a_request_and_its_answer() {
    let post =
        headers(MORE, 1, &[(":method", "POST"), (":scheme", "https"), (":path", "/v1"), (":authority", "api.example")]);
    let got = spoken(&[
        hello(&[post, data(flag::END_STREAM, 1, "{}")]),
        s([settings(&[]), ok(1), data(0, 1, "one"), data(0, 1, "two")].concat()),
        s(data(flag::END_STREAM, 1, "")),
    ]);
    let want = [
        "0 > POST /v1 2 H2",
        "0 > unit 2",
        "0 > data {}",
        "0 > unit end",
        "0 > Complete",
        "0 < 200 2 H2",
        "0 < unit 3",
        "0 < data one",
        "0 < unit end",
        "0 < unit 3",
        "0 < data two",
        "0 < unit end",
        "0 < unit 0",
        "0 < unit end",
        "0 < Complete",
    ];
    assert_eq!(got, want);
}

#[test]
fn padding_and_priority_are_no_content() {
    let fields = block(&[(":method", "GET"), (":scheme", "http"), (":path", "/")]);
    let padded = [&[4][..], &[0x80, 0, 0, 0, 15], &fields, &[0; 4]].concat();
    let got = spoken(&[
        hello(&[frame(kind::HEADERS, END | flag::PADDED | flag::PRIORITY, 1, padded)]),
        s([
            ok(1),
            frame(kind::DATA, flag::PADDED, 1, b"\x02abcxx"),
            frame(kind::DATA, flag::PADDED | flag::END_STREAM, 1, b"\x03xxx"),
        ]
        .concat()),
    ]);
    let want =
        ["0 < 200 2 H2", "0 < unit 3", "0 < data abc", "0 < unit end", "0 < unit 0", "0 < unit end", "0 < Complete"];
    assert_eq!(responses(&got), want);
    assert_eq!(got[0], "0 > GET / 2 None");
    // A pad length that the frame can't hold takes all of the frame, and nothing after it.
    let got = spoken(&[
        hello(&[get(1)]),
        s([ok(1), frame(kind::DATA, flag::PADDED, 1, b"\xffab"), data(END, 1, "c")].concat()),
    ]);
    assert_eq!(
        responses(&got)[1..],
        ["0 < unit 0", "0 < unit end", "0 < unit 1", "0 < data c", "0 < unit end", "0 < Complete"]
    );
    let got = spoken(&[hello(&[get(1)]), s(ok(1)), s(frame(kind::HEADERS, END | flag::PADDED, 1, b"\x09ab"))]);
    assert_eq!(responses(&got)[1..], ["0 < ! h2.bad-frame", "0 < Complete"]);
}

#[test]
fn a_head_in_parts() {
    let whole = block(&[(":method", "GET"), (":scheme", "http"), (":path", "/parts"), ("x-long", "0123456789")]);
    let (first, rest) = whole.split_at(9);
    let (second, third) = rest.split_at(20);
    let parts = [
        frame(kind::HEADERS, flag::END_STREAM, 1, first),
        frame(kind::CONTINUATION, 0, 1, second),
        frame(kind::CONTINUATION, flag::END_HEADERS, 1, third),
    ];
    let got = trace_of(&mut Conn::new(false), &[hello(&[]), c(&parts[0]), c(parts[1..].concat())], true);
    assert_eq!(got, ["@3 0 > GET /parts 2 None since 2", "@3 0 > Complete"], "a head is as old as its first frame");
    // A part without its beginning, and one of another stream.
    let got = spoken(&[hello(&[get(1), parts[2].clone()]), s(ok(1))]);
    assert_eq!(got[2..], ["0 > ! h2.bad-frame", "0 < 200 2 H2"]);
}

/// A connection error for the receiver (RFC 9113 section 6.2); a passive reader continues.
#[test]
fn a_head_between_the_parts_of_another() {
    let unfinished = frame(kind::HEADERS, 0, 1, block(&[(":method", "GET")]));
    let late = frame(kind::CONTINUATION, MORE, 1, block(&[(":path", "/1")]));
    let got = spoken(&[hello(&[unfinished, get(3), late, get(5)]), s([ok(3), ok(5)].concat())]);
    let want =
        ["0 > GET /3 2 None", "0 > Complete", "1 > GET /5 2 None", "1 > Complete", "0 < 200 2 H2", "1 < 200 2 H2"];
    assert_eq!(got, want);
}

#[test]
fn interim_heads_trailers_and_no_body() {
    let got = spoken(&[
        hello(&[headers(END, 1, &[(":method", "HEAD"), (":path", "/")]), get(3)]),
        s(headers(MORE, 3, &[(":status", "103"), ("link", "</a>")])),
        s(headers(END, 1, &[(":status", "200"), ("content-length", "77")])),
        s([ok(3), data(0, 3, "x"), headers(END, 3, &[("grpc-status", "0")])].concat()),
    ]);
    let want = [
        "1 < 103 2 H2",
        "0 < 200 2 None",
        "0 < Complete",
        "1 < 200 2 H2",
        "1 < unit 1",
        "1 < data x",
        "1 < unit end",
        "1 < trailers grpc-status=0",
        "1 < Complete",
    ];
    assert_eq!(responses(&got), want);
}

#[test]
fn a_promised_answer() {
    let promise = [&4u32.to_be_bytes()[..], &block(&[(":method", "GET"), (":path", "/style.css")])].concat();
    let got = spoken(&[
        hello(&[get(1)]),
        s([ok(1), frame(kind::PUSH_PROMISE, flag::END_HEADERS, 1, promise), data(flag::END_STREAM, 1, "")].concat()),
        s([headers(MORE, 4, &[(":status", "200")]), data(flag::END_STREAM, 4, "css")].concat()),
    ]);
    let pushed: Vec<_> = got.iter().filter(|l| l.starts_with("1 ")).collect();
    let want = [
        "1 > GET /style.css 2 None",
        "1 > Complete",
        "1 < 200 2 H2",
        "1 < unit 3",
        "1 < data css",
        "1 < unit end",
        "1 < Complete",
    ];
    assert_eq!(pushed, want);
}

#[test]
fn streams_side_by_side() {
    let got = spoken(&[
        hello(&[get(1), get(3), get(5)]),
        s([ok(3), ok(1), data(0, 3, "a"), data(0, 1, "b"), data(flag::END_STREAM, 3, "c")].concat()),
        s([data(flag::END_STREAM, 1, "d"), ok(5), data(flag::END_STREAM, 5, "e")].concat()),
    ]);
    for (exchange, body) in [(0, ["b", "d"]), (1, ["a", "c"])] {
        let lines: Vec<_> = got.iter().filter(|l| l.starts_with(&format!("{exchange} < data"))).collect();
        assert_eq!(lines, body.map(|b| format!("{exchange} < data {b}")).iter().collect::<Vec<_>>());
    }
    assert_eq!(got.iter().filter(|l| l.ends_with("Complete")).count(), 6);
}

#[test]
fn frames_that_belong_nowhere() {
    let got = spoken(&[
        hello(&[get(1), frame(0xbe, 0xff, 77, "unknown"), frame(6, 0, 0, [0; 8]), frame(2, 0, 1, [0; 5])]),
        s([
            ok(1),
            data(0, 0, "on stream 0"),
            data(0, 9, "on a stream that was not opened"),
            data(flag::END_STREAM, 1, "x"),
        ]
        .concat()),
        s([data(0, 1, "after the end"), ok(1), frame(kind::RST_STREAM, 0, 1, [0; 4])].concat()),
        c([data(0, 1, "after the end"), get(1)].concat()),
    ]);
    assert_eq!(got.len(), 7, "{got:#?}");
    // While the other side is open, an answer that continues after its end is reported.
    let open = headers(MORE, 1, &[(":method", "POST"), (":path", "/")]);
    let got = spoken(&[hello(&[open]), s([ok(1), data(flag::END_STREAM, 1, "x"), data(0, 1, "y"), ok(1)].concat())]);
    let late = ["0 < Complete", "0 < ! h2.bad-frame", "0 < ! h2.bad-frame"];
    assert_eq!(responses(&got)[4..], late);
}

#[test]
fn a_field_block_that_breaks() {
    let broken = [block(&[(":status", "200")]), vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff]].concat();
    let got = spoken(&[
        hello(&[get(1)]),
        s([frame(kind::HEADERS, MORE, 1, broken), data(flag::END_STREAM, 1, "x")].concat()),
    ]);
    assert_eq!(responses(&got)[..3], ["0 < 200 2 H2", "0 < ! h2.bad-field-block", "0 < unit 1"]);
}
