//! Messages of the event stream specification, and damaged ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::framing::Framing;
use crate::framing::tests::{Step, body, steps};

const TYPE: Option<&str> = Some("application/vnd.amazon.eventstream");

/// A message as a writer makes it.
pub(in crate::framing) fn message(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut out = ((MIN_MESSAGE + headers.len() + payload.len()) as u32).to_be_bytes().to_vec();
    out.extend((headers.len() as u32).to_be_bytes());
    out.extend(crc32fast::hash(&out).to_be_bytes());
    out.extend([headers, payload].concat());
    out.extend(crc32fast::hash(&out).to_be_bytes());
    out
}

fn text(name: &str, value: &str) -> Vec<u8> {
    let mut out = vec![name.len() as u8];
    out.extend(name.bytes());
    out.push(7);
    out.extend((value.len() as u16).to_be_bytes());
    out.extend(value.bytes());
    out
}

/// The specification's examples for its implementers: an empty message, and one with payload only.
#[test]
fn published_examples() {
    let empty = [0, 0, 0, 0x10, 0, 0, 0, 0, 0x05, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff];
    let said = body(None, &empty);
    assert_eq!((said.framing, said.data(), said.kinds()), (Some(Framing::AwsEventStream), vec![""], vec![]));
    let mut payload = vec![0, 0, 0, 0x1d, 0, 0, 0, 0, 0xfd, 0x52, 0x8c, 0x5a];
    payload.extend(b"{'foo':'bar'}");
    payload.extend([0xc3, 0x65, 0x39, 0x36]);
    let said = body(None, &payload);
    assert_eq!((said.data(), said.spans(), said.kinds()), (vec!["{'foo':'bar'}"], vec![(0, 29)], vec![]));
}

#[test]
fn event_and_exception() {
    let event = message(&[text(":message-type", "event"), text(":event-type", "chunk")].concat(), b"{}");
    let exception =
        message(&[text(":message-type", "exception"), text(":exception-type", "throttlingException")].concat(), b"x");
    let error = message(&[text(":message-type", "error"), text(":error-code", "500")].concat(), b"");
    let said = body(TYPE, &[event, exception, error].concat());
    let seen: Vec<_> = said.records.iter().map(|r| (r.event.as_str(), r.exception)).collect();
    assert_eq!(seen, [("chunk", false), ("throttlingException", true), ("500", true)]);
}

#[test]
fn all_ten_types() {
    let mut block = Vec::new();
    let values: [(u8, &[u8]); 10] = [
        (0, b""),
        (1, b""),
        (2, b"\xff"),
        (3, b"\xff\xfe"),
        (4, b"\0\0\x01\0"),
        (5, b"\0\0\0\0\0\0\0\x07"),
        (6, b"\0\x02\x01\x02"),
        (7, b"\0\x02hi"),
        (8, b"\0\0\0\0\0\0\0\x09"),
        (9, b"0123456789abcdef"),
    ];
    for (kind, value) in values {
        block.extend([&[1, b'a' + kind, kind][..], value].concat());
    }
    let read: Vec<_> = Headers::new(&block).map(|h| h.expect("readable").1).collect();
    let expected = [
        Value::Bool(true),
        Value::Bool(false),
        Value::Byte(-1),
        Value::Short(-2),
        Value::Int(256),
        Value::Long(7),
        Value::Bytes(&[1, 2]),
        Value::Text("hi"),
        Value::Timestamp(9),
        Value::Uuid(*b"0123456789abcdef"),
    ];
    assert_eq!(read, expected);
    assert_eq!(Headers::new(&[1, b'a', 10]).collect::<Vec<_>>(), [Err(0)]);
    assert_eq!(Headers::new(&block[..block.len() - 1]).filter(Result::is_err).count(), 1);
}

#[test]
fn checksums_that_do_not_fit() {
    let good = message(&text(":event-type", "a"), b"payload");
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    let said = body(TYPE, &[&bad[..], &good].concat());
    assert_eq!((said.data(), said.kinds()), (vec!["payload"; 2], vec![BAD_MESSAGE_CRC.0]));
    let mut bad = good.clone();
    bad[9] ^= 1;
    let said = body(TYPE, &[&bad[..], &good].concat());
    assert_eq!((said.data(), said.kinds()), (vec!["payload"; 2], vec![BAD_PRELUDE_CRC.0, BAD_MESSAGE_CRC.0]));
}

#[test]
fn lengths_that_can_not_be() {
    let good = message(&text(":event-type", "a"), b"payload");
    let said = body(TYPE, &[&good[..], b"\xff\xff\xff\xff\0\0\0\0abcdefgh", &good].concat());
    assert_eq!((said.data(), said.kinds()), (vec!["payload"; 2], vec![BAD_PRELUDE_CRC.0, BAD_LENGTH.0]));
    assert_eq!(said.spans()[1].0, good.len() as u64 + 16);
}

#[test]
fn a_cut_message_is_no_record() {
    let good = message(&[], b"payload");
    let said = steps(TYPE, &[Step::Bytes(&good), Step::Bytes(&good[..20])], false);
    assert_eq!((said.data(), said.kinds()), (vec!["payload"], vec![TRUNCATED.0]));
}

/// After a gap only a prelude whose checksum matches begins a message: payloads contain plausible lengths too.
#[test]
fn reading_goes_on_at_a_prelude_that_proves_itself() {
    let good = message(&text(":event-type", "a"), b"payload");
    let sane = [&[0, 0, 0, 40, 0, 0, 0, 0][..], b"nope"].concat();
    let said = steps(TYPE, &[Step::Bytes(&good), Step::Gap(Some(5)), Step::Bytes(&[&sane[..], &good].concat())], true);
    assert_eq!(said.data(), ["payload"; 2]);
    let begin = (good.len() + 5 + sane.len()) as u64;
    assert_eq!(said.spans()[1], (begin, begin + good.len() as u64));
}
