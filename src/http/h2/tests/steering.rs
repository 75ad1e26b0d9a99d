//! Settings and windows: when a server may not send, and when it may and does not.

use super::super::FLOW_CONTROL_STALL;
use super::*;
use crate::http::event::HttpWhat;

fn update(stream: u32, n: u32) -> Vec<u8> {
    frame(kind::WINDOW_UPDATE, 0, stream, n.to_be_bytes())
}

/// What is reported of windows when these things happen at these milliseconds.
fn stalls(conn: &mut Conn, happens: &[(i64, On)]) -> Vec<String> {
    let mut out = Vec::new();
    for (ms, on) in happens {
        use crate::conn::{ByteEvent, ConnId, Direction, What};
        let (dir, what) = match on {
            On::C(bytes) => (Direction::ToServer, What::Data(bytes)),
            On::S(bytes) => (Direction::ToClient, What::Data(bytes)),
            On::CGap(n) => (Direction::ToServer, What::Gap(*n)),
            _ => continue,
        };
        let at = crate::time::Timestamp(ms * 1_000_000);
        conn.push(&ByteEvent { at, frame: 0, conn: ConnId(0), dir, what }, &mut |event| match &event.what {
            HttpWhat::Oddity(o) if o.kind == FLOW_CONTROL_STALL => {
                assert!(o.found.ends_with(&o.span.unwrap().to_string()), "in the text and as a span");
                out.push(format!("{} {}", event.exchange, o.found));
            }
            _ => {}
        });
    }
    out
}

fn full(stream: u32, n: usize) -> On {
    s(data(0, stream, &"x".repeat(n)))
}

#[test]
fn a_stream_window_that_was_shut() {
    let small = c([&PREFACE[..], &settings(&[(4, 100)]), &get(1), &get(3)].concat());
    let happens =
        [(0, small), (1, s([ok(1), ok(3)].concat())), (2, full(1, 100)), (3, full(3, 10)), (52, c(update(1, 100)))];
    assert_eq!(stalls(&mut Conn::new(false), &happens), ["0 flow-control window shut for 50.0 ms"]);
}

#[test]
fn settings_open_and_shut_windows() {
    let happens = [
        (0, c([&PREFACE[..], &settings(&[(4, 100), (1, 0)]), &get(1)].concat())),
        (1, s(ok(1))),
        (2, full(1, 60)),
        (10, c(settings(&[(4, 50)]))), // 10 less than nothing
        (40, c(settings(&[(5, 20_000), (4, 70)]))),
    ];
    assert_eq!(stalls(&mut Conn::new(false), &happens), ["0 flow-control window shut for 30.0 ms"]);
}

#[test]
fn the_window_of_the_connection() {
    let mut happens = vec![
        (0, c([&PREFACE[..], &settings(&[(4, 1_000_000)]), &get(1), &get(3)].concat())),
        (1, s([ok(1), ok(3)].concat())),
    ];
    happens.extend((0..4).map(|n| (2 + n, full(1, 16_384))));
    happens.push((105, c(update(0, 100_000))));
    let got = stalls(&mut Conn::new(false), &happens);
    assert_eq!(got, ["0 flow-control window shut for 100 ms", "1 flow-control window shut for 100 ms"]);
}

/// The client reads no more and closes: the client held the answer up, not the server.
#[test]
fn a_window_that_never_opens() {
    let happens = [
        (0, c([&PREFACE[..], &settings(&[(4, 100)]), &get(1)].concat())),
        (1, s(ok(1))),
        (2, full(1, 100)),
        (502, c(frame(kind::RST_STREAM, 0, 1, 8u32.to_be_bytes()))),
    ];
    assert_eq!(stalls(&mut Conn::new(false), &happens), ["0 flow-control window shut for 500 ms"]);
    // An answer that just fits is whole.
    let whole = [
        (0, happens[0].1.clone()),
        (1, s(ok(1))),
        (2, s(data(flag::END_STREAM, 1, &"x".repeat(100)))),
        (900, c(get(3))),
    ];
    assert!(stalls(&mut Conn::new(false), &whole).is_empty());
}

/// A silent model is not a shut window, and no fault is reported for a window whose updates were not
/// captured.
#[test]
fn nothing_is_said_without_knowledge() {
    let slow = [
        (0, c([&PREFACE[..], &settings(&[(4, 100)]), &get(1)].concat())),
        (1, s(ok(1))),
        (2, full(1, 99)),
        (900, c(update(1, 99))),
        (901, full(1, 99)),
    ];
    assert!(stalls(&mut Conn::new(false), &slow).is_empty());
    let happens = |first: On| {
        [
            (0, first),
            (1, s(ok(1))),
            (2, full(1, 65_000)),
            (3, On::CGap(13)),
            (4, full(1, 65_000)),
            (900, c(update(1, 99_000))),
        ]
    };
    assert!(stalls(&mut Conn::new(false), &happens(hello(&[get(1)]))).is_empty());
    assert!(stalls(&mut Conn::new(true), &happens(c(get(1)))).is_empty());
}

/// Padding uses the window like data (RFC 9113 section 6.9.1): the stream's and the connection's.
#[test]
fn padding_shuts_windows_too() {
    let padded = |len: usize, padding: u8| {
        let payload = [&[padding][..], "x".repeat(len).as_bytes(), &vec![0; usize::from(padding)]].concat();
        s(frame(kind::DATA, 8, 1, payload))
    };
    let begin = |window: u32| c([&PREFACE[..], &settings(&[(4, window)]), &get(1)].concat());
    let stream = [(0, begin(300)), (1, s(ok(1))), (2, padded(99, 200)), (52, c(update(1, 100)))];
    assert_eq!(stalls(&mut Conn::new(false), &stream), ["0 flow-control window shut for 50.0 ms"]);
    // 65,535 of the connection: 65,000 of data in four frames, then 535 of which 300 are padding.
    let mut happens = vec![(0, begin(1_000_000)), (1, s(ok(1)))];
    happens.extend((0..4).map(|n| (2 + n, full(1, 16_250))));
    happens.extend([(10, padded(334, 200)), (90, c(update(0, 100_000)))]);
    assert_eq!(stalls(&mut Conn::new(false), &happens), ["0 flow-control window shut for 80.0 ms"]);
    let open = [(0, begin(301)), (1, s(ok(1))), (2, padded(99, 200)), (52, c(update(1, 100)))];
    assert!(stalls(&mut Conn::new(false), &open).is_empty(), "one byte is left");
}

/// Frames that concern every open stream: the number of events that they cause stays in proportion to their own.
#[test]
fn a_peer_that_repeats_what_concerns_all_streams_causes_no_more_than_its_share() {
    let open: Vec<Vec<u8>> = (0..4000).map(|i| get(1 + 2 * i)).collect();
    let goaway = frame(kind::GOAWAY, 0, 0, [0, 0, 0, 1, 0, 0, 0, 0]);
    let floods: [&dyn Fn() -> Vec<On>; 2] = [&|| vec![s(&goaway)], &|| vec![SGap(9), s(settings(&[]))]];
    for (which, flood) in floods.iter().enumerate() {
        let events = |times: u32| {
            let mut happens = vec![hello(&open), s(settings(&[]))];
            happens.extend((0..times).flat_map(|_| flood()));
            let mut count = 0_usize;
            feed(&mut Conn::new(false), &happens, &mut |_| count += 1);
            count
        };
        assert!(events(2000) <= events(1000) + 1000 * 64, "{which}: {} and {}", events(1000), events(2000));
    }
}
