//! However the bytes are cut, they read the same; whatever they are, reading ends.

use super::*;
use crate::conn::UNKNOWN_GAP;
use crate::http::h1::tests::Trace;
use proptest::prelude::*;

/// A conversation with all kinds of frames, one delivery per element.
fn conversation() -> Vec<On> {
    let fields = block(&[(":method", "POST"), (":scheme", "https"), (":path", "/long"), ("x", "y")]);
    let (first, rest) = fields.split_at(7);
    let promise = [&2u32.to_be_bytes()[..], &block(&[(":method", "GET"), (":path", "/p")])].concat();
    vec![
        hello(&[
            frame(kind::HEADERS, 0, 1, first),
            frame(kind::CONTINUATION, MORE, 1, rest),
            data(flag::END_STREAM, 1, "{}"),
            get(3),
        ]),
        s([
            settings(&[(4, 70_000)]),
            headers(MORE, 1, &[(":status", "103")]),
            ok(1),
            frame(kind::DATA, flag::PADDED, 1, b"\x02abcxx"),
        ]
        .concat()),
        s([frame(kind::PUSH_PROMISE, MORE, 1, promise), ok(3), data(0, 3, "hello"), frame(0xbe, 0, 0, "?")].concat()),
        c([frame(kind::WINDOW_UPDATE, 0, 0, [0, 0, 1, 0]), frame(kind::RST_STREAM, 0, 2, [0, 0, 0, 8])].concat()),
        s([data(flag::END_STREAM, 3, ""), data(0, 1, "more"), headers(END, 1, &[("t", "v")])].concat()),
        c(get(5)),
        s([headers(END, 5, &[(":status", "204")]), frame(kind::GOAWAY, 0, 0, [0; 8])].concat()),
    ]
}

/// The trace, with things at the same times however they are cut.
fn read(parts: impl Fn(&[u8]) -> Vec<Vec<u8>>) -> Vec<String> {
    let mut trace = Trace::default();
    let mut conn = Conn::new(false);
    for on in conversation() {
        #[allow(clippy::type_complexity)] // a constructor and what it takes
        let (make, bytes): (fn(Vec<u8>) -> On, Vec<u8>) = match on {
            On::C(bytes) => (c, bytes),
            On::S(bytes) => (s, bytes),
            _ => continue,
        };
        for part in parts(&bytes).into_iter().filter(|p| !p.is_empty()) {
            feed(&mut conn, &[make(part)], &mut |event| trace.add(&event));
        }
    }
    trace.lines
}

#[test]
fn cut_at_every_byte() {
    let whole = read(|bytes| vec![bytes.to_vec()]);
    assert_eq!(whole.iter().filter(|l| l.ends_with("Complete")).count(), 7, "{whole:#?}");
    for size in 1..30 {
        assert_eq!(read(|bytes| bytes.chunks(size).map(<[u8]>::to_vec).collect()), whole, "pieces of {size}");
    }
    for at in 0..200 {
        let cut = read(|bytes| {
            let (a, b) = bytes.split_at(at.min(bytes.len()));
            vec![a.to_vec(), b.to_vec()]
        });
        assert_eq!(cut, whole, "cut at {at}");
    }
}

fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let frames = (0u8..12, any::<u8>(), 0u32..8, prop::collection::vec(any::<u8>(), 0..40))
        .prop_map(|(kind, flags, stream, payload)| frame(kind, flags, stream, payload));
    prop_oneof![3 => frames, 1 => prop::collection::vec(any::<u8>(), 0..60), 1 => Just(ok(1)), 1 => Just(get(3))]
}

proptest! {
    #[test]
    fn hostile_frames_end(
        parts in prop::collection::vec((0u8..4, hostile(), 0u64..60), 1..30),
        joined: bool,
    ) {
        let mut conn = super::super::Conn::new(joined, 0);
        let mut happens = if joined { Vec::new() } else { vec![hello(&[])] };
        for (what, bytes, n) in parts {
            happens.push(match what {
                _ if bytes.is_empty() => SGap(UNKNOWN_GAP),
                0 => c(bytes),
                1 | 2 => s(bytes),
                _ if n % 2 == 0 => CGap(n + 1),
                _ => SGap(n + 1),
            });
        }
        happens.push(Closed);
        // Per message: heads, then units and data, then one end, and nothing after it.
        let mut ended = std::collections::HashSet::new();
        for (n, on) in happens.iter().enumerate() {
            let event = event(on, n as i64 + 1);
            conn.push(&event, &mut |e| {
                use crate::http::event::HttpWhat;
                let key = (e.exchange, e.side);
                match e.what {
                    HttpWhat::Oddity(_) => {}
                    HttpWhat::End(..) => assert!(ended.insert(key), "{key:?} ended twice"),
                    _ => assert!(!ended.contains(&key), "{key:?} continues after its end: {:?}", e.what),
                }
            });
        }
    }
}

fn event(on: &On, at: i64) -> crate::conn::ByteEvent<'_> {
    use crate::conn::{ByteEvent, ConnId, Direction, What};
    let (dir, what) = match on {
        On::C(bytes) => (Direction::ToServer, What::Data(bytes)),
        On::S(bytes) => (Direction::ToClient, What::Data(bytes)),
        On::CGap(n) => (Direction::ToServer, What::Gap(*n)),
        On::SGap(n) => (Direction::ToClient, What::Gap(*n)),
        _ => (Direction::ToServer, What::Closed(Box::default())),
    };
    ByteEvent { at: crate::time::Timestamp(at), frame: 0, conn: ConnId(0), dir, what }
}
