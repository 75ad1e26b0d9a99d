//! The examples of RFC 6455 section 5.7 and RFC 7692 section 7.2.3, damage, and any cuts.
#![allow(clippy::unwrap_used)]

use super::Sender::{Client, Server};
use super::*;
use crate::body::Piece;
use crate::framing::tests::Step;
use crate::framing::{Framed, LOST_SYNC, Stream};
use crate::time::Timestamp;
use proptest::prelude::*;

const DEFLATE: Option<&str> = Some("permessage-deflate");

/// What was said: `text`, `binary`, `close`, `control` (ping or pong), or an oddity's kind, with the payload.
type Said = Vec<(&'static str, Vec<u8>)>;

fn read(extensions: Option<&str>, sender: Sender, pieces: &[&[u8]]) -> Said {
    let steps: Vec<_> = pieces.iter().map(|p| Step::Bytes(p)).collect();
    steps_of(extensions, sender, &steps)
}

fn steps_of(extensions: Option<&str>, sender: Sender, steps: &[Step<'_>]) -> Said {
    let mut stream = Stream::websocket(sender, extensions);
    let mut said = Said::new();
    let mut hear = |framed: Framed<'_>| match framed {
        Framed::Record(r) => said.push((if r.event == "binary" { "binary" } else { "text" }, r.data.to_vec())),
        Framed::Comment { text, .. } => said.push(("control", text.to_vec())),
        Framed::Closed { said: last, .. } => said.push(("close", last.to_vec())),
        Framed::Oddity(o) => said.push((o.kind.0, Vec::new())),
        Framed::Text { .. } | Framed::Stray { .. } | Framed::Revised(_) => said.push(("never", Vec::new())),
    };
    for (i, step) in steps.iter().enumerate() {
        let at = Timestamp(i as i64);
        match step {
            Step::Bytes(bytes) => stream.push(Piece { at, frame: 0, bytes }, &mut hear),
            Step::Gap(len) => stream.gap(at, *len, &mut hear),
        }
    }
    stream.finish(Timestamp(steps.len() as i64), true, &mut hear);
    said
}

/// [`said`] for the whole, after a check that cuts change nothing.
fn whole(extensions: Option<&str>, sender: Sender, bytes: &[u8]) -> Said {
    let said = read(extensions, sender, &[bytes]);
    assert_eq!(said, read(extensions, sender, &bytes.chunks(1).collect::<Vec<_>>()));
    said
}

fn text(payload: &str) -> (&'static str, Vec<u8>) {
    ("text", payload.as_bytes().to_vec())
}

fn odd(kind: Kind) -> (&'static str, Vec<u8>) {
    (kind.0, Vec::new())
}

#[test]
fn examples_of_rfc_6455_section_5_7() {
    assert_eq!(whole(None, Server, b"\x81\x05Hello"), [text("Hello")]);
    assert_eq!(whole(None, Client, b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), [text("Hello")]);
    assert_eq!(whole(None, Server, b"\x01\x03Hel\x80\x02lo"), [text("Hello")]);
    assert_eq!(whole(None, Server, b"\x89\x05Hello"), [("control", b"Hello".to_vec())]);
    assert_eq!(whole(None, Client, b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), [("control", b"Hello".to_vec())]);
    let bytes = [&b"\x82\x7e\x01\x00"[..], &[7; 256]].concat();
    assert_eq!(whole(None, Server, &bytes), [("binary", vec![7; 256])]);
    let bytes = [&b"\x82\x7f\0\0\0\0\0\x01\0\0"[..], &[7; 65536]].concat();
    assert_eq!(whole(None, Server, &bytes), [("binary", vec![7; 65536])]);
}

#[test]
fn control_frames_within_a_message_and_the_close() {
    let said = whole(None, Server, b"\x01\x03Hel\x89\x00\x80\x02lo\x88\x05\x03\xe8bye");
    assert_eq!(said, [("control", vec![]), text("Hello"), ("close", b"\x03\xe8bye".to_vec())]);
    assert_eq!(close_code(b"\x03\xe8bye"), Some(1000));
    assert_eq!(whole(None, Server, b"\x88\x00\x89\x00"), [("close", vec![]), odd(AFTER_CLOSE), ("control", vec![])]);
}

/// RFC 7692 section 7.2.3: one frame, two fragments, the context of the first message used by the second, an
/// uncompressed block, a last block.
#[test]
fn examples_of_rfc_7692_section_7_2_3() {
    let hello: &[u8] = b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00";
    assert_eq!(whole(DEFLATE, Server, hello), [text("Hello")]);
    assert_eq!(whole(DEFLATE, Server, b"\x41\x03\xf2\x48\xcd\x80\x04\xc9\xc9\x07\x00"), [text("Hello")]);
    let again = [hello, b"\xc1\x05\xf2\x00\x11\x00\x00"].concat();
    assert_eq!(whole(DEFLATE, Server, &again), [text("Hello"), text("Hello")]);
    let apart = [hello, hello].concat();
    for extensions in [DEFLATE, Some("permessage-deflate; server_no_context_takeover; client_max_window_bits=10")] {
        assert_eq!(whole(extensions, Server, &apart), [text("Hello"), text("Hello")]);
    }
    assert_eq!(whole(DEFLATE, Server, b"\xc1\x0b\x00\x05\x00\xfa\xffHello\x00"), [text("Hello")]);
    assert_eq!(
        whole(DEFLATE, Server, &[&b"\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\x00\x00"[..], hello].concat()),
        [text("Hello"), text("Hello")]
    );
    // Not every message need be compressed, and without the extension none is.
    assert_eq!(whole(DEFLATE, Server, b"\x81\x02Hi"), [text("Hi")]);
    assert_eq!(whole(None, Server, hello)[0], odd(RESERVED));
    // Without takeover the context is gone.
    assert_eq!(
        whole(Some("permessage-deflate; server_no_context_takeover"), Server, &again),
        [text("Hello"), odd(BROKEN)]
    );
}

#[test]
fn what_must_not_be() {
    assert_eq!(whole(None, Client, b"\x81\x02Hi"), [odd(MASK), text("Hi")]);
    assert_eq!(whole(None, Server, b"\x80\x02Hi\x81\x02Hi"), [odd(FRAGMENTS), text("Hi")]);
    assert_eq!(whole(None, Server, b"\x01\x02Hi\x81\x02Ho"), [odd(FRAGMENTS), text("Ho")]);
    assert_eq!(whole(None, Server, b"\x83\x02Hi\x81\x02Ho"), [odd(RESERVED), text("Ho")]);
    assert_eq!(whole(None, Server, b"\x09\x00"), [odd(CONTROL), ("control", vec![])]);
    for cut in [&b"\x81"[..], b"\x81\x05Hel", b"\x01\x02Hi"] {
        assert_eq!(whole(None, Server, cut), [odd(TRUNCATED)]);
    }
}

#[test]
fn a_gap_within_a_frame_costs_that_message() {
    let steps = [
        Step::Bytes(b"\x81\x05H"),
        Step::Gap(Some(3)),
        Step::Bytes(b"o\x81\x05"),
        Step::Gap(Some(5)),
        Step::Bytes(b"\x81\x02Hi\x81\x05"),
        Step::Gap(Some(9)),
        Step::Bytes(b"\x81\x02Ho"),
    ];
    assert_eq!(steps_of(None, Server, &steps), [odd(LOST_SYNC), odd(LOST_SYNC), text("Hi"), odd(LOST_SYNC)]);
}

#[test]
fn a_record_lies_where_its_frames_lie() {
    let mut stream = Stream::websocket(Server, None);
    let mut at = Vec::new();
    for (i, byte) in b"\x89\x00\x01\x03Hel\x80\x02lo\x82\x00".iter().enumerate() {
        let piece = Piece { at: Timestamp(i as i64), frame: i as u64 + 1, bytes: &[*byte] };
        stream.push(piece, &mut |framed| {
            if let Framed::Record(r) = framed {
                at.push((r.n, r.start, r.end, r.first_at.0, r.at.0, r.frame));
            }
        });
    }
    assert_eq!(at, [(0, 2, 11, 2, 10, 11), (1, 11, 13, 11, 12, 13)]);
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
    fn any_cut_says_the_same(bytes in frames(), size in 1usize..9, deflate: bool, client: bool) {
        let (extensions, sender) = (DEFLATE.filter(|_| deflate), if client { Client } else { Server });
        prop_assert_eq!(read(extensions, sender, &[&bytes]), read(extensions, sender, &bytes.chunks(size).collect::<Vec<_>>()));
    }

    #[test]
    fn gaps_and_any_bytes_are_survived(parts in proptest::collection::vec((frames(), proptest::option::of(any::<u64>())), 0..5), deflate: bool) {
        let steps: Vec<_> = parts.iter().flat_map(|(bytes, gap)| [Step::Bytes(bytes), Step::Gap(gap.map(|g| g % 7)), Step::Gap(*gap)]).collect();
        for sender in [Client, Server] {
            steps_of(DEFLATE.filter(|_| deflate), sender, &steps);
        }
    }
}

/// RFC 6455 section 5.5: a control frame has at most 125 bytes. What is longer is no ping and closes nothing.
#[test]
fn a_control_frame_that_is_too_long_says_nothing() {
    let frame = |first: u8, len: u8| {
        let head = if len < 126 { vec![first, len] } else { vec![first, 126, 0, len] };
        [&head[..], &vec![b'x'; usize::from(len)], b"\x81\x01a"].concat()
    };
    assert_eq!(whole(None, Server, &frame(0x89, 125)), [("control", vec![b'x'; 125]), text("a")]);
    assert_eq!(whole(None, Server, &frame(0x89, 126)), [odd(CONTROL), text("a")]);
    assert_eq!(whole(None, Server, &frame(0x88, 126)), [odd(CONTROL), text("a")]);
}

/// RFC 7692 section 7.1.1: without `no_context_takeover` a message may refer to any before it, so after a lost one no
/// compressed message can be trusted. What is not compressed can.
#[test]
fn after_a_lost_message_no_compressed_one_is_read() {
    let hello = b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00";
    let after = |extensions: &'static str| {
        let steps = [
            Step::Bytes(&hello[..4]),
            Step::Gap(Some(3)),
            Step::Bytes(&hello[7..]),
            Step::Bytes(hello),
            Step::Bytes(b"\x81\x01a"),
        ];
        steps_of(Some(extensions), Server, &steps)
    };
    assert_eq!(after("permessage-deflate"), [odd(LOST_SYNC), odd(BROKEN), text("a")]);
    let anew = "permessage-deflate; server_no_context_takeover";
    assert_eq!(after(anew), [odd(LOST_SYNC), text("Hello"), text("a")]);
}
