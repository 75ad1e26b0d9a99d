//! Missing bytes, missing beginnings, wrong directions.

use super::*;
use crate::conn::{End, UNKNOWN_GAP};

#[test]
fn inside_a_data_frame() {
    let frames = [ok(1), data(0, 1, "0123456789"), data(flag::END_STREAM, 1, "ab")].concat();
    let at = ok(1).len() + 9 + 4;
    let got = spoken(&[hello(&[get(1)]), s(&frames[..at]), SGap(3), s(&frames[at + 3..])]);
    let want = ["0 < unit 10", "0 < data 0123", "0 < gap 3", "0 < data 789", "0 < unit end", "0 < unit 2"];
    assert_eq!(responses(&got)[1..7], want);
    assert_eq!(got.last().unwrap(), "0 < Complete");
    // Up to the end of the last frame: nothing needs to follow for the answer to be over.
    let got = spoken(&[hello(&[get(1)]), s(&frames[..frames.len() - 1]), SGap(1), SEnd(End::Fin), Closed]);
    assert_eq!(responses(&got)[4..], ["0 < unit 2", "0 < data a", "0 < gap 1", "0 < unit end", "0 < Complete"]);
}

#[test]
fn across_frames() {
    for lost in [40, UNKNOWN_GAP] {
        let got = spoken(&[
            hello(&[get(1), get(3)]),
            s([ok(1), ok(3), data(0, 3, "done")].concat()),
            SGap(lost),
            s(b"the middle of something"),
            s([data(0, 1, "x"), data(flag::END_STREAM, 1, "y")].concat()),
            Closed,
        ]);
        let behind: Vec<_> = responses(&got).into_iter().skip(5).collect();
        let want = ["0 < gap", "1 < gap", "0 < unit 1", "0 < data x", "0 < unit end"];
        assert_eq!(behind[..5], want);
        assert_eq!(behind[behind.len() - 2..], ["0 < Complete", "1 < CutByCapture"]);
    }
}

/// The frame is known, its fields are not; later heads do not use what it put into the table.
#[test]
fn inside_a_head() {
    let indexed = |stream: u32| {
        let mut fields = block(&[(":status", "200")]);
        fields.extend([0x40, 1, b'a', 1, b'b']); // a: b, kept in the table
        frame(kind::HEADERS, MORE, stream, fields)
    };
    let leaning = |stream: u32| frame(kind::HEADERS, MORE, stream, [block(&[(":status", "200")]), vec![0xbe]].concat());
    let first = indexed(1);
    let got = spoken(&[
        hello(&[get(1), get(3), get(5)]),
        s(&first[..12]),
        SGap(4),
        s([&first[16..], &data(flag::END_STREAM, 1, "x"), &leaning(3), &indexed(5)].concat()),
    ]);
    let want = [
        "0 < gap",
        "0 < ! h2.bad-frame",
        "0 < unit 1",
        "0 < data x",
        "0 < unit end",
        "0 < Complete",
        "1 < 200 2 H2",
        "1 < ! h2.unknown-table-entry",
        "2 < 200 2 H2",
    ];
    assert_eq!(responses(&got), want);
}

#[test]
fn joined_in_the_middle() {
    let got = trace_of(
        &mut Conn::new(true),
        &[
            s([data(0, 7, "of an older answer"), data(0, 7, "more")].concat()),
            c(get(9)),
            s([
                headers(END, 7, &[("grpc-status", "0")]),
                frame(kind::HEADERS, MORE, 9, [0x88, 0xc5]),
                data(flag::END_STREAM, 9, "new"),
            ]
            .concat()),
        ],
        true,
    );
    let want = [
        "@1 0 < unit 18",
        "@1 0 < data of an older answer",
        "@1 0 < unit end",
        "@1 0 < unit 4",
        "@1 0 < data more",
        "@1 0 < unit end",
        "@2 1 > GET /9 2 None since 2",
        "@2 1 > Complete",
        "@3 0 < trailers grpc-status=0",
        "@3 0 < Complete",
        "@3 1 < 200 2 H2 since 3",
        "@3 1 < ! h2.unknown-table-entry",
        "@3 1 < unit 3",
        "@3 1 < data new",
        "@3 1 < unit end",
        "@3 1 < Complete",
    ];
    assert_eq!(got, want);
}

/// The sender of the first readable head is the client, also for what came before that head.
#[test]
fn joined_with_the_wrong_guess() {
    let happens = |server: fn(Vec<u8>) -> On, client: fn(Vec<u8>) -> On| {
        [
            server([data(0, 7, "a"), data(0, 7, "b")].concat()),
            client(get(9)),
            server([ok(9), data(flag::END_STREAM, 9, "x"), data(flag::END_STREAM, 7, "c")].concat()),
        ]
    };
    let (mut right, mut wrong) = (Conn::new(true), Conn::new(true));
    let want = trace_of(&mut right, &happens(s, c), true);
    assert_eq!(trace_of(&mut wrong, &happens(c, s), true), want);
    assert!(want.contains(&"@1 0 < data a".to_owned()) && want.last().unwrap() == "@3 0 < Complete", "{want:#?}");
    assert!(wrong.flipped() && !right.flipped());
    // Without any head the guess is kept.
    let mut none = Conn::new(true);
    let got = trace_of(&mut none, &[s([data(0, 7, "a"), data(0, 7, "b")].concat()), Closed], true);
    assert_eq!(got.last().unwrap(), "@2 0 < CutByCapture");
    assert_eq!(got.len(), 7);
}

#[test]
fn many_bytes_without_a_head_are_read_by_the_guess() {
    let mut conn = Conn::new(true);
    let part = s([data(0, 7, &"x".repeat(8000)), data(0, 7, "b")].concat());
    let got = trace_of(&mut conn, &vec![part; 10], true);
    assert_eq!(got.iter().filter(|l| l.contains("unit 8000")).count(), 10, "nothing is lost and nothing kept for long");
}
