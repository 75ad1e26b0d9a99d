//! The examples of RFC 6455 section 5.7 and RFC 7692 section 7.2.3, damage, and any cuts.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::conn::Direction::{ToClient, ToServer};
use proptest::prelude::*;

const DEFLATE: Option<&str> = Some("permessage-deflate");

/// What was heard: opcode and payload, or an oddity's kind.
type Said = Vec<(Option<Opcode>, Vec<u8>, &'static str)>;

fn read(extensions: Option<&str>, dir: Direction, pieces: &[&[u8]]) -> Said {
    let mut reader = Reader::new(extensions);
    let mut said = Said::new();
    let mut hear = |heard: Heard<'_>| match heard {
        Heard::Message(m) => said.push((Some(m.opcode), m.payload.to_vec(), "")),
        Heard::Oddity(o) => said.push((None, Vec::new(), o.kind.0)),
    };
    for (i, piece) in pieces.iter().enumerate() {
        reader.push(dir, Timestamp(i as i64), i as u64, piece, &mut hear);
    }
    reader.finish(dir, Timestamp(pieces.len() as i64), &mut hear);
    said
}

/// The same, after proof that cuts change nothing.
fn whole(extensions: Option<&str>, dir: Direction, bytes: &[u8]) -> Said {
    let said = read(extensions, dir, &[bytes]);
    assert_eq!(said, read(extensions, dir, &bytes.chunks(1).collect::<Vec<_>>()));
    said
}

fn text(payload: &str) -> (Option<Opcode>, Vec<u8>, &'static str) {
    (Some(Opcode::Text), payload.as_bytes().to_vec(), "")
}

fn odd(kind: Kind) -> (Option<Opcode>, Vec<u8>, &'static str) {
    (None, Vec::new(), kind.0)
}

#[test]
fn examples_of_rfc_6455_section_5_7() {
    assert_eq!(whole(None, ToClient, b"\x81\x05Hello"), [text("Hello")]);
    assert_eq!(whole(None, ToServer, b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), [text("Hello")]);
    assert_eq!(whole(None, ToClient, b"\x01\x03Hel\x80\x02lo"), [text("Hello")]);
    assert_eq!(whole(None, ToClient, b"\x89\x05Hello"), [(Some(Opcode::Ping), b"Hello".to_vec(), "")]);
    assert_eq!(whole(None, ToServer, b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), [(Some(Opcode::Pong), b"Hello".to_vec(), "")]);
    let bytes = [&b"\x82\x7e\x01\x00"[..], &[7; 256]].concat();
    assert_eq!(whole(None, ToClient, &bytes), [(Some(Opcode::Binary), vec![7; 256], "")]);
    let bytes = [&b"\x82\x7f\0\0\0\0\0\x01\0\0"[..], &[7; 65536]].concat();
    assert_eq!(whole(None, ToClient, &bytes), [(Some(Opcode::Binary), vec![7; 65536], "")]);
}

#[test]
fn control_frames_within_a_message_and_the_close() {
    let said = whole(None, ToClient, b"\x01\x03Hel\x89\x00\x80\x02lo\x88\x05\x03\xe8bye");
    assert_eq!(said, [(Some(Opcode::Ping), vec![], ""), text("Hello"), (Some(Opcode::Close), b"\x03\xe8bye".to_vec(), "")]);
    let mut code = None;
    Reader::new(None).push(ToClient, Timestamp(0), 0, b"\x88\x02\x03\xe8", &mut |heard| {
        if let Heard::Message(m) = heard {
            code = m.close_code();
        }
    });
    assert_eq!(code, Some(1000));
}

/// RFC 7692 section 7.2.3: one frame, two fragments, the context of the first message used by the second, an uncompressed block, a last block.
#[test]
fn examples_of_rfc_7692_section_7_2_3() {
    let hello: &[u8] = b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00";
    assert_eq!(whole(DEFLATE, ToClient, hello), [text("Hello")]);
    assert_eq!(whole(DEFLATE, ToClient, b"\x41\x03\xf2\x48\xcd\x80\x04\xc9\xc9\x07\x00"), [text("Hello")]);
    let again = [hello, b"\xc1\x05\xf2\x00\x11\x00\x00"].concat();
    assert_eq!(whole(DEFLATE, ToClient, &again), [text("Hello"), text("Hello")]);
    let apart = [hello, hello].concat();
    for extensions in [DEFLATE, Some("permessage-deflate; server_no_context_takeover; client_max_window_bits=10")] {
        assert_eq!(whole(extensions, ToClient, &apart), [text("Hello"), text("Hello")]);
    }
    assert_eq!(whole(DEFLATE, ToClient, b"\xc1\x0b\x00\x05\x00\xfa\xffHello\x00"), [text("Hello")]);
    assert_eq!(
        whole(DEFLATE, ToClient, &[&b"\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\x00\x00"[..], hello].concat()),
        [text("Hello"), text("Hello")]
    );
    // Not every message need be compressed, and without the extension none is.
    assert_eq!(whole(DEFLATE, ToClient, b"\x81\x02Hi"), [text("Hi")]);
    assert_eq!(whole(None, ToClient, hello)[0], odd(RESERVED));
    // Without takeover the context is gone.
    assert_eq!(whole(Some("permessage-deflate; server_no_context_takeover"), ToClient, &again), [text("Hello"), odd(BROKEN)]);
}

#[test]
fn what_must_not_be() {
    assert_eq!(whole(None, ToServer, b"\x81\x02Hi"), [odd(MASK), text("Hi")]);
    assert_eq!(whole(None, ToClient, b"\x80\x02Hi\x81\x02Hi"), [odd(FRAGMENTS), text("Hi")]);
    assert_eq!(whole(None, ToClient, b"\x01\x02Hi\x81\x02Ho"), [odd(FRAGMENTS), text("Ho")]);
    assert_eq!(whole(None, ToClient, b"\x83\x02Hi\x81\x02Ho"), [odd(RESERVED), text("Ho")]);
    assert_eq!(whole(None, ToClient, b"\x09\x00"), [odd(CONTROL), (Some(Opcode::Ping), vec![], "")]);
    for cut in [&b"\x81"[..], b"\x81\x05Hel", b"\x01\x02Hi"] {
        assert_eq!(whole(None, ToClient, cut), [odd(TRUNCATED)]);
    }
}

#[test]
fn a_gap_within_a_frame_costs_that_message() {
    let mut reader = Reader::new(None);
    let mut said = Vec::new();
    let mut hear = |heard: Heard<'_>| match heard {
        Heard::Message(m) => said.push(String::from_utf8_lossy(m.payload).into_owned()),
        Heard::Oddity(o) => said.push(o.kind.0.to_owned()),
    };
    reader.push(ToClient, Timestamp(0), 0, b"\x81\x05H", &mut hear);
    reader.gap(ToClient, Timestamp(1), 3, &mut hear);
    reader.push(ToClient, Timestamp(2), 0, b"o\x81\x02Hi\x81\x05", &mut hear);
    reader.gap(ToClient, Timestamp(3), 9, &mut hear);
    reader.push(ToClient, Timestamp(4), 0, b"\x81\x02Ho", &mut hear);
    assert_eq!(said, ["ws.lost", "Hi", "ws.lost"]);
}

/// Frames that begin well, so that damage reaches every state.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        Just(b"\x81\x05Hello".to_vec()),
        Just(b"\x01\x03Hel".to_vec()),
        Just(b"\x80\x02lo".to_vec()),
        Just(b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00".to_vec()),
        Just(b"\x89\x81\x01\x02\x03\x04a".to_vec()),
        Just(b"\x82\x7e\0\x05".to_vec()),
        Just(b"\x82\x7f\xff\xff\xff\xff".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..5),
    ];
    proptest::collection::vec(token, 0..10).prop_map(|t| t.concat())
}

proptest! {
    #[test]
    fn any_cut_says_the_same(bytes in frames(), size in 1usize..9, deflate: bool, to_server: bool) {
        let (extensions, dir) = (DEFLATE.filter(|_| deflate), if to_server { ToServer } else { ToClient });
        prop_assert_eq!(read(extensions, dir, &[&bytes]), read(extensions, dir, &bytes.chunks(size).collect::<Vec<_>>()));
    }

    #[test]
    fn gaps_and_any_bytes_are_survived(parts in proptest::collection::vec((frames(), any::<u64>()), 0..5), deflate: bool) {
        let mut reader = Reader::new(DEFLATE.filter(|_| deflate));
        for (bytes, gap) in &parts {
            reader.push(ToClient, Timestamp(0), 0, bytes, &mut |_| {});
            reader.gap(ToClient, Timestamp(0), gap % 7, &mut |_| {});
            reader.gap(ToServer, Timestamp(0), *gap, &mut |_| {});
        }
        reader.finish(ToClient, Timestamp(0), &mut |_| {});
    }
}
