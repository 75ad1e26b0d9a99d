//! Decisions come as early as the bytes allow.
#![allow(clippy::unwrap_used)]

use super::*;

/// After how many bytes there is a class, and which.
fn decided(declared: Option<&str>, bytes: &[u8]) -> Option<(usize, Framing)> {
    let mut classifier = Classifier::new(declared);
    (1..=bytes.len()).find_map(|n| {
        classifier.push(&bytes[..n]);
        classifier.class().map(|class| (n, class))
    })
}

#[test]
fn early() {
    assert_eq!(decided(None, b"data: {"), Some((5, Framing::Sse)));
    assert_eq!(decided(None, b"\r\n\n: ping"), Some((4, Framing::Sse)));
    assert_eq!(decided(None, b"\xef\xbb\xbfid: 1"), Some((6, Framing::Sse)));
    assert_eq!(decided(None, b"retry: 1"), Some((6, Framing::Sse)));
    assert_eq!(decided(None, b"date: 1"), Some((4, Framing::Text)));
    assert_eq!(decided(None, b" data: 1"), Some((2, Framing::Text)));
    assert_eq!(decided(None, b"[\n {"), Some((4, Framing::JsonArray)));
    assert_eq!(decided(None, b"{\"a\":1}\n"), Some((7, Framing::Json)));
    assert_eq!(decided(Some("application/x-ndjson"), b"{\"a\":1}\n"), Some((8, Framing::Ndjson)));
    assert_eq!(decided(None, b"\x1e{"), Some((1, Framing::JsonSeq)));
    assert_eq!(decided(None, b"Hello"), Some((1, Framing::Text)));
    assert_eq!(decided(None, b"{\"a\":1"), None);
}

#[test]
fn a_list_of_types_counts_by_its_last() {
    assert_eq!(Declared::of(Some("application/json, Text/Event-Stream; charset=utf-8")), Declared::Sse);
    assert_eq!(Declared::of(Some("application/problem+json")), Declared::Json);
}

#[test]
fn nothing_is_revised_beyond_the_limit() {
    let mut bytes = vec![b'x'; LIMIT - 1];
    bytes.extend_from_slice(b"\n\ndata: a\n\n");
    let mut classifier = Classifier::new(Some("text/event-stream"));
    classifier.push(&bytes);
    assert!(classifier.is_settled());
    assert_eq!(classifier.class(), Some(Framing::Text));
}
