//! Bodies through `Stream`: a harness for the tests of all framings, and what holds for every one of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use proptest::prelude::*;
use std::path::PathBuf;

mod gaps;
mod json;
mod multipart;
mod values;

/// A record that outlives its sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owned {
    pub(super) n: u64,
    pub(super) span: (u64, u64),
    pub(super) data: String,
    pub(super) event: String,
    pub(super) id: String,
    pub(super) exception: bool,
    /// First and last byte; in [`run`] a byte's time is its delivery's number.
    pub(super) times: (i64, i64),
}

/// Everything that a body reported, without what was revised.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Said {
    pub(super) framing: Option<Framing>,
    pub(super) records: Vec<Owned>,
    pub(super) comments: Vec<(u64, String)>,
    pub(super) stray: Vec<String>,
    pub(super) text: Vec<u8>,
    pub(super) closed: Option<u64>,
    pub(super) odd: Vec<(&'static str, Option<u64>, Option<u64>, String)>,
    pub(super) retry: Option<u64>,
    pub(super) revised: u32,
}

impl Said {
    pub(super) fn data(&self) -> Vec<&str> {
        self.records.iter().map(|r| r.data.as_str()).collect()
    }

    pub(super) fn spans(&self) -> Vec<(u64, u64)> {
        self.records.iter().map(|r| r.span).collect()
    }

    pub(super) fn kinds(&self) -> Vec<&'static str> {
        self.odd.iter().map(|o| o.0).collect()
    }

    /// What must not depend on cuts: everything but times and the number of revisions; oddities in any order.
    fn timeless(mut self) -> Said {
        self.revised = 0;
        self.records.iter_mut().for_each(|r| r.times = (0, 0));
        self.odd.sort();
        self
    }

    fn take(&mut self, framed: Framed<'_>) {
        match framed {
            Framed::Record(r) => self.records.push(Owned {
                n: r.n,
                span: (r.start, r.end),
                data: String::from_utf8_lossy(r.data).into_owned(),
                event: r.event.to_owned(),
                id: r.id.to_owned(),
                exception: r.exception,
                times: (r.first_at.0, r.at.0),
            }),
            Framed::Comment { start, text, .. } => {
                self.comments.push((start, String::from_utf8_lossy(text).into_owned()))
            }
            Framed::Stray { text, .. } => self.stray.push(String::from_utf8_lossy(text).into_owned()),
            Framed::Text { bytes, .. } => self.text.extend_from_slice(bytes),
            Framed::Closed { offset, .. } => self.closed = Some(offset),
            Framed::Oddity(o) => self.odd.push((o.kind.0, o.offset, o.record, o.found.into_owned())),
            Framed::Revised(_) => *self = Said { revised: self.revised + 1, ..Said::default() },
        }
    }
}

/// What happens to a body.
#[derive(Debug, Clone)]
pub(super) enum Step<'a> {
    Bytes(&'a [u8]),
    Gap(Option<u64>),
}

/// Runs steps through a stream; the time of a step is its number.
pub(super) fn steps(declared: Option<&str>, steps: &[Step<'_>], complete: bool) -> Said {
    let mut stream = Stream::new(declared);
    let mut said = Said::default();
    for (i, step) in steps.iter().enumerate() {
        let at = Timestamp(i as i64);
        match step {
            Step::Bytes(bytes) => stream.push(Piece { at, frame: i as u64, bytes }, &mut |f| said.take(f)),
            Step::Gap(len) => stream.gap(at, *len, &mut |f| said.take(f)),
        }
    }
    stream.finish(Timestamp(steps.len() as i64), complete, &mut |f| said.take(f));
    said.framing = Some(stream.framing());
    said.retry = stream.retry();
    said
}

/// Runs pieces of a complete body.
pub(super) fn run(declared: Option<&str>, pieces: &[&[u8]]) -> Said {
    steps(declared, &pieces.iter().map(|p| Step::Bytes(p)).collect::<Vec<_>>(), true)
}

/// Runs a complete body in one piece, after a check that no single cut, and no cut at every byte, changes the result.
pub(super) fn body(declared: Option<&str>, bytes: &[u8]) -> Said {
    let whole = run(declared, &[bytes]);
    let each: Vec<_> = bytes.chunks(1).collect();
    assert_eq!(
        whole.clone().timeless(),
        run(declared, &each).timeless(),
        "cut at every byte: {}",
        bytes.escape_ascii()
    );
    for cut in 1..bytes.len().min(2000) {
        let (a, b) = bytes.split_at(cut);
        assert_eq!(
            whole.clone().timeless(),
            run(declared, &[a, b]).timeless(),
            "cut at {cut}: {}",
            bytes.escape_ascii()
        );
    }
    whole
}

/// A JSON file; the path is relative to the repository.
pub(super) fn json(path: &str) -> serde_json::Value {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    let bytes = std::fs::read(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    serde_json::from_slice(&bytes).expect("json")
}

/// Standard base64 with padding, as the vectors have it.
pub(super) fn base64(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut acc, mut bits) = (0u32, 0);
    for b in text.bytes().filter(|b| *b != b'=') {
        let six = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
            .iter()
            .position(|c| *c == b)
            .expect("base64");
        acc = acc << 6 | six as u32;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((acc >> bits) as u8);
        }
    }
    out
}

/// The pieces of a `chunks_b64` or `pieces` array.
pub(super) fn pieces(value: &serde_json::Value) -> Vec<Vec<u8>> {
    value.as_array().expect("pieces").iter().map(|p| base64(p.as_str().expect("base64"))).collect()
}

#[test]
fn lab_variants_are_the_same_under_every_cut() {
    let lab = json("captures/lab/variants.json");
    let variants = lab["variants"].as_array().unwrap();
    assert!(variants.len() >= 160);
    for variant in variants {
        let declared = variant["content_type"].as_str();
        let pieces = pieces(&variant["pieces"]);
        let whole = pieces.concat();
        let as_sent = run(declared, &pieces.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let expected = without_open_ends(run(declared, &[&whole]));
        assert_eq!(without_open_ends(as_sent), expected, "{}", variant["name"]);
        for size in [1, 2, 3, 7, 64] {
            let cut: Vec<_> = whole.chunks(size).collect();
            assert_eq!(without_open_ends(run(declared, &cut)), expected, "{} in {size}", variant["name"]);
        }
    }
}

/// Names of variants whose framing follows from the laboratory's list.
#[test]
fn lab_variants_are_classified() {
    let lab = json("captures/lab/variants.json");
    let expected = [
        ("o_base", "ndjson"),
        ("o_ctsse", "ndjson"),
        ("o_crlf", "ndjson"),
        ("o_bom", "ndjson"),
        ("o_blank", "ndjson"),
        ("o_bytes", "ndjson"),
        ("o_nonl_last", "ndjson"),
        ("o_sse", "sse"),
        ("o_rs", "json-seq"),
        ("o_pretty", "concat-json"),
        ("g_array", "json-array"),
        ("jsonarray", "json-array"),
        ("html_body", "text"),
        ("jsonseq", "json-seq"),
        ("ndjson", "ndjson"),
    ];
    let mut found = 0;
    for variant in lab["variants"].as_array().unwrap() {
        let pieces = pieces(&variant["pieces"]);
        let said = run(variant["content_type"].as_str(), &pieces.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let name = variant["name"].as_str().unwrap();
        if let Some((_, framing)) = expected.iter().find(|(n, _)| *n == name) {
            assert_eq!(said.framing.unwrap().as_str(), *framing, "{name}");
            found += 1;
        }
    }
    assert_eq!(found, expected.len());
}

/// Bytes that look like each framing, so that random cuts and damage reach every state.
fn alphabet() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        Just(b"data: ".to_vec()),
        Just(b"data:".to_vec()),
        Just(b"event: x".to_vec()),
        Just(b"id: 7".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\n\n".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b": c".to_vec()),
        Just(b"{\"a\":1}".to_vec()),
        Just(b"{\"a\":\"\\\"}\"".to_vec()),
        Just(b"[".to_vec()),
        Just(b"]".to_vec()),
        Just(b"{".to_vec()),
        Just(b"}".to_vec()),
        Just(b",".to_vec()),
        Just(b"12".to_vec()),
        Just(b" ".to_vec()),
        Just(b"\x1e".to_vec()),
        Just(b"\xef\xbb\xbf".to_vec()),
        Just("é\u{2028}".as_bytes().to_vec()),
        Just(b"\xe4\xb8".to_vec()),
        Just(aws::tests::message(&[], b"{}")),
        Just(b"\0\0\0\x10\0\0\0\0".to_vec()),
        Just(grpc::tests::frame(0, b"{}")),
        Just(grpc::tests::frame(0x80, b"a")),
        Just(b"AAAAAAJ7fQ==".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..4),
    ];
    proptest::collection::vec(token, 0..14).prop_map(|t| t.concat())
}

fn declared() -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![
        Just(None),
        Just(Some("text/event-stream; charset=utf-8")),
        Just(Some("application/x-ndjson")),
        Just(Some("application/json")),
        Just(Some("application/json-seq")),
        Just(Some("application/vnd.amazon.eventstream")),
        Just(Some("application/grpc")),
        Just(Some("application/grpc-web-text")),
        Just(Some("text/plain")),
    ]
}

/// The one thing that a cut may change: the end of an SSE record whose CR and LF were delivered apart, after lines that
/// ended otherwise.
fn without_open_ends(said: Said) -> Said {
    let mut said = said.timeless();
    if said.kinds().contains(&sse::LINE_ENDS.0) {
        said.records.iter_mut().for_each(|r| r.span.1 = 0);
    }
    said
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn any_cut_says_the_same(bytes in alphabet(), declared in declared(), cuts in proptest::collection::vec(0usize..80, 0..6)) {
        let mut cuts: Vec<_> = cuts.into_iter().map(|c| c.min(bytes.len())).collect();
        cuts.sort_unstable();
        let mut parts = Vec::new();
        let mut from = 0;
        for cut in cuts {
            parts.push(&bytes[from..cut]);
            from = cut;
        }
        parts.push(&bytes[from..]);
        let whole = without_open_ends(run(declared, &[&bytes]));
        prop_assert_eq!(&whole, &without_open_ends(run(declared, &parts)));
        prop_assert_eq!(&whole, &without_open_ends(run(declared, &bytes.chunks(1).collect::<Vec<_>>())));
    }

    #[test]
    fn records_are_in_order_and_within_the_body(bytes in alphabet(), declared in declared()) {
        let said = run(declared, &bytes.chunks(1).collect::<Vec<_>>());
        let mut behind = 0;
        for (n, record) in said.records.iter().enumerate() {
            prop_assert_eq!(record.n, n as u64);
            prop_assert!(record.span.0 >= behind && record.span.0 < record.span.1);
            prop_assert!(record.span.1 <= bytes.len() as u64 + 1);
            // One byte per delivery: the time of a byte is its offset. After a damaged prelude up to eleven bytes
            // have the time of the delivery that showed the next one.
            let damaged = said.kinds().contains(&aws::BAD_LENGTH.0);
            prop_assert!(record.times.0 == record.span.0 as i64 || damaged);
            prop_assert!(record.times.1 < record.span.1 as i64 && record.times.1 + 2 >= record.span.1 as i64);
            behind = record.span.1 - 1;
        }
    }

    #[test]
    fn gaps_and_any_bytes_never_panic(
        parts in proptest::collection::vec((alphabet(), proptest::option::of(proptest::option::of(0u64..u64::MAX))), 0..5),
        declared in declared(),
        complete in any::<bool>(),
    ) {
        let mut all = Vec::new();
        for (bytes, gap) in &parts {
            all.push(Step::Bytes(bytes));
            all.extend(gap.map(Step::Gap));
        }
        steps(declared, &all, complete);
    }
}
