//! Wherever deliveries are cut, the events are the same; whatever bytes come, nothing breaks.

use super::{On, trace, trace_of};
use crate::conn::End;
use crate::http::Conn;
use proptest::prelude::*;

/// A complete dialogue: which side, and what it sends.
fn dialogue() -> Vec<(bool, &'static [u8])> {
    let (client, server) = (true, false);
    vec![
        (
            client,
            b"\r\nPOST /v1/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \
            chunked\r\n\r\nA;ext=1\r\n0123456789\r\n0\r\n\r\nHEAD /y HTTP/1.1\r\n\r\n",
        ),
        (
            server,
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: \
            chunked\r\n\r\n3\r\nabc\r\n0a\r\n\r\n\r\n0\r\n\r\n!\r\n4\nwxyz\r\n",
        ),
        (server, b"0\r\nServer-Timing: a\r\nX:y\r\n\r\nHTTP/1.1 200\r\nContent-Length: 5\r\n\r\n"),
        (client, b"PUT /z HTTP/1.1\nContent-Length: 4\n folded\nContent-Length : 4\n\nbody"),
        (server, b"HTTP/1.1 203 Non Auth\r\nContent-Length: 7\r\n\r\nseven77"),
        (client, b"GET / HTTP/1.0\r\n\r\n"),
        (server, b"HTTP/1.0 200 OK\r\n\r\nHTTP/1.1 is not a head here\r\n\r\n"),
    ]
}

fn happens(pieces: impl Fn(&'static [u8]) -> Vec<&'static [u8]>) -> Vec<On> {
    let say = |client: bool, bytes: &[u8]| if client { On::C(bytes.to_vec()) } else { On::S(bytes.to_vec()) };
    let mut all: Vec<On> = dialogue()
        .into_iter()
        .flat_map(|(client, bytes)| pieces(bytes).into_iter().map(move |piece| say(client, piece)))
        .collect();
    all.extend([On::SEnd(End::Fin), On::CEnd(End::Fin), On::Closed]);
    all
}

#[test]
fn bytewise_equals_whole() {
    let whole = trace(&happens(|bytes| vec![bytes]));
    assert_eq!(whole.iter().filter(|l| l.ends_with("Complete")).count(), 8, "{whole:#?}");
    assert_eq!(trace(&happens(|bytes| bytes.chunks(1).collect())), whole);
}

fn wild() -> impl Strategy<Value = On> {
    let text = prop_oneof![
        Just(b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        Just(b"CONNECT a:1 HTTP/1.1\r\n\r\n".to_vec()),
        Just(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec()),
        Just(b"GET / HTTP/1.1\r\nUpgrade: x\r\n\r\n".to_vec()),
        Just(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec()),
        Just(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n".to_vec()),
        Just(b"HTTP/1.1 101 x\r\n\r\n".to_vec()),
        Just(b"HTTP/1.1 100 x\r\n\r\n".to_vec()),
        Just(b"5\r\nhello\r\n".to_vec()),
        Just(b"0\r\n\r\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"HTTP/1.1 9".to_vec()),
        Just(b"ffffffffffffffff\r\n".to_vec()),
        "[ -~\r\n]{1,20}".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 1..20),
    ];
    let end = prop_oneof![Just(End::Fin), Just(End::Reset), Just(End::Idle), Just(End::Capture)];
    prop_oneof![
        6 => (any::<bool>(), text).prop_map(|(client, bytes)| if client { On::C(bytes) } else { On::S(bytes) }),
        1 => (any::<bool>(), prop_oneof![1u64..12, Just(u64::MAX)]).prop_map(|(client, n)| if client { On::CGap(n) } else { On::SGap(n) }),
        1 => (any::<bool>(), end).prop_map(|(client, e)| if client { On::CEnd(e) } else { On::SEnd(e) }),
        1 => Just(On::Flip),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cut_anywhere_the_same_is_said(cuts in proptest::collection::vec(1usize..40, 1..60)) {
        let whole = trace(&happens(|bytes| vec![bytes]));
        let cut = happens(|bytes| {
            let (mut rest, mut pieces, mut cuts) = (bytes, Vec::new(), cuts.iter().cycle());
            while !rest.is_empty() {
                let (piece, later) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
                pieces.push(piece);
                rest = later;
            }
            pieces
        });
        prop_assert_eq!(trace(&cut), whole);
    }

    #[test]
    fn anything_goes_and_every_message_ends_once(joined: bool, mut all in proptest::collection::vec(wild(), 0..40)) {
        all.push(On::Closed);
        let lines = trace_of(&mut Conn::new(joined), &all, false);
        let key = |l: &str| l.split(' ').take(2).collect::<Vec<_>>().join(" ");
        let is_end = |l: &str| l.ends_with(" Complete") || l.contains(" CutBy");
        for (n, line) in lines.iter().enumerate() {
            if line.contains(" ! ") || (is_end(line) && !line.contains("data")) {
                continue;
            }
            let ends = lines[n..].iter().filter(|l| key(l) == key(line) && is_end(l) && !l.contains("data")).count();
            prop_assert_eq!(ends, 1, "{} in {:#?}", line, lines);
        }
    }
}
