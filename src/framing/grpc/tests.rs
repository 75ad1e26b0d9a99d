//! Frames of all three protocols, raw and in base64, whole and damaged.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::framing::tests::{Said, Step, body, run, steps};
use crate::framing::{Framing, LOST_SYNC};
use proptest::prelude::*;

const GRPC: Option<&str> = Some("application/grpc");
const TEXT: Option<&str> = Some("application/grpc-web-text+proto");

/// A frame as a writer makes it.
pub(in crate::framing) fn frame(flags: u8, payload: &[u8]) -> Vec<u8> {
    [&[flags][..], &(payload.len() as u32).to_be_bytes(), payload].concat()
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |bytes: &[u8]| {
        let mut all = [0; 4];
        all[1..=bytes.len()].copy_from_slice(bytes);
        let bits = u32::from_be_bytes(all);
        (0..4)
            .map(move |i| if i > bytes.len() { b'=' } else { alphabet[(bits >> (18 - 6 * i)) as usize & 63] })
            .collect::<Vec<_>>()
    };
    bytes.chunks(3).flat_map(group).collect()
}

fn seen(said: &Said) -> (Option<Framing>, Vec<&str>, Vec<&str>) {
    (said.framing, said.data(), said.kinds())
}

#[test]
fn messages_of_every_length() {
    let said = body(GRPC, &[frame(0, b"one"), frame(0, b""), frame(0, b"three")].concat());
    assert_eq!(seen(&said), (Some(Framing::Grpc), vec!["one", "", "three"], vec![]));
    assert_eq!((said.spans(), said.closed), (vec![(0, 8), (8, 13), (13, 23)], None));
    let said = body(Some("application/grpc+json; charset=utf-8"), &frame(0, b"{}"));
    assert_eq!(seen(&said), (Some(Framing::Grpc), vec!["{}"], vec![]));
}

/// gRPC Web: trailers are the last frame, flag 0x80; Connect: the end of the stream has flag 0x02.
#[test]
fn last_frames_are_no_messages() {
    let said = body(Some("application/grpc-web"), &[frame(0, b"one"), frame(0x80, b"grpc-status:0\r\n")].concat());
    assert_eq!((seen(&said), said.closed), ((Some(Framing::Grpc), vec!["one"], vec![]), Some(8)));
    let said = body(Some("application/connect+json"), &[frame(0, b"{}"), frame(2, b"{}")].concat());
    assert_eq!((seen(&said), said.closed), ((Some(Framing::Grpc), vec!["{}"], vec![]), Some(7)));
    let said = body(Some("application/grpc-web"), &[frame(0x80, b""), frame(0, b"late")].concat());
    assert_eq!(seen(&said), (Some(Framing::Grpc), vec!["late"], vec![AFTER_END.0]));
}

/// Each flush encoded by itself, as the protocol allows, and all at once.
#[test]
fn base64_in_pieces() {
    for payload in [&b"a"[..], b"ab", b"abc", b"abcd"] {
        let frames = [frame(0, payload), frame(0, b""), frame(0x80, b"grpc-status:0\r\n")];
        let text = std::str::from_utf8(payload).unwrap();
        let each = frames.iter().flat_map(|f| base64(f)).collect::<Vec<_>>();
        for bytes in [base64(&frames.concat()), each] {
            let said = body(TEXT, &bytes);
            assert_eq!(seen(&said), (Some(Framing::Grpc), vec![text, ""], vec![]), "{}", bytes.escape_ascii());
            assert!(said.closed.is_some() && said.spans()[0].1 <= said.spans()[1].0);
        }
    }
    // Seven digits for five bytes and a padding: the second message follows it.
    let said = body(TEXT, &[base64(&frame(0, b"")), base64(&frame(0, b"x"))].concat());
    assert_eq!(said.spans(), [(0, 7), (8, 16)]);
}

#[test]
fn compressed_messages_stay_so() {
    let said = body(GRPC, &[frame(1, b"squeezed"), frame(0, b"plain")].concat());
    assert_eq!(seen(&said), (Some(Framing::Grpc), vec!["squeezed", "plain"], vec![COMPRESSED.0]));
}

#[test]
fn only_what_is_declared_and_begins_with_a_frame() {
    let bytes = frame(0, b"one");
    assert_eq!(body(None, &bytes).framing, Some(Framing::Binary));
    assert_eq!(body(Some("application/json"), &bytes).records, []);
    for (answer, framing) in [
        (&b"<html>no healthy upstream</html>"[..], Framing::Text),
        (b"upstream connect error", Framing::Text),
        (b"Aggregate failure", Framing::Text),
        (b"gone", Framing::Text),
        (b"{\"error\":1}", Framing::Json),
        (b"", Framing::Grpc),
    ] {
        assert_eq!(body(GRPC, answer).framing, Some(framing), "{}", answer.escape_ascii());
        assert_eq!(body(TEXT, answer).framing, Some(framing), "{}", answer.escape_ascii());
    }
}

#[test]
fn bodies_that_end_early() {
    for cut in [1, 4, 5, 7] {
        let bytes = [frame(0, b"one"), frame(0, b"two")[..cut].to_vec()].concat();
        assert_eq!(seen(&body(GRPC, &bytes)), (Some(Framing::Grpc), vec!["one"], vec![TRUNCATED.0]), "{cut}");
    }
    assert_eq!(seen(&body(GRPC, &[0, 0])), (Some(Framing::Grpc), vec![], vec![TRUNCATED.0]));
    let digits = base64(&frame(0, b"one")); // eight bytes: eleven digits and a padding
    assert_eq!(seen(&body(TEXT, &digits[..11])), (Some(Framing::Grpc), vec!["one"], vec![]));
    assert_eq!(seen(&body(TEXT, &digits[..10])), (Some(Framing::Grpc), vec![], vec![TRUNCATED.0]));
    assert_eq!(seen(&body(TEXT, &[&digits[..], b"A"].concat())), (Some(Framing::Grpc), vec!["one"], vec![TRUNCATED.0]));
}

#[test]
fn what_can_not_be() {
    let said = body(GRPC, &[frame(0, b"one"), frame(0x10, b"two"), frame(0, b"three")].concat());
    assert_eq!(seen(&said), (Some(Framing::Grpc), vec!["one"], vec![BAD_FLAGS.0]));
    let said = body(GRPC, b"\0\xff\xff\xff\xffabc");
    assert_eq!(seen(&said), (Some(Framing::Grpc), vec![], vec![TOO_LONG.0, TRUNCATED.0]));
    let said = body(TEXT, &[&base64(&frame(0, b"one"))[..], b"*AAA"].concat());
    assert_eq!(seen(&said), (Some(Framing::Grpc), vec!["one"], vec![BAD_BASE64.0]));
}

#[test]
fn a_gap_within_a_message_costs_only_that_message() {
    let bytes = [frame(0, b"one"), frame(0, b"two and a half"), frame(0, b"three")].concat();
    let holed = |from: usize, len: u64, to: usize| {
        steps(GRPC, &[Step::Bytes(&bytes[..from]), Step::Gap(Some(len)), Step::Bytes(&bytes[to..])], true)
    };
    let said = holed(15, 4, 19);
    assert_eq!(
        (seen(&said), said.spans()[1].1),
        ((Some(Framing::Grpc), vec!["one", "three"], vec![LOST_SYNC.0]), bytes.len() as u64)
    );
    // After its end nothing shows where the next one begins.
    let said = holed(15, 14, 29);
    assert_eq!(seen(&said), (Some(Framing::Grpc), vec!["one"], vec![LOST_SYNC.0]));
}

proptest! {
    /// A message has the time of the delivery of its last byte, in base64 too.
    #[test]
    fn times_are_those_of_the_deliveries(payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..9), 1..5), together: bool) {
        let frames: Vec<_> = payloads.iter().map(|p| frame(0, p)).collect();
        let text = if together { base64(&frames.concat()) } else { frames.iter().flat_map(|f| base64(f)).collect() };
        let said = run(TEXT, &text.chunks(1).collect::<Vec<_>>());
        prop_assert_eq!(said.records.len(), payloads.len());
        for record in &said.records {
            prop_assert_eq!(record.times, (record.span.0 as i64, record.span.1 as i64 - 1));
        }
    }
}
