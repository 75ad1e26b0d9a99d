//! The packed form, and that captured text cannot leave its block. tests/page.rs opens pages in a browser.

use super::*;
use crate::dialect::Meaning;
use crate::exchange::{PieceInfo, RecordInfo};
use crate::metrics::clocks::Clocks;
use crate::summary::RequestSummary;
use std::io::Read;

fn inflated(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::read::DeflateDecoder::new(bytes).read_to_end(&mut out).unwrap();
    out
}

#[test]
fn numbers_are_packed_as_the_document_says() {
    let at = |ns: i64| Timestamp(1_000 + ns);
    let record = |n: u64, ns, start, end, content| RecordInfo {
        n,
        at: at(ns),
        first_at: at(ns),
        frame: 0,
        start,
        end,
        event: None,
        meaning: Meaning { content, terminator: !content, ..Meaning::default() },
    };
    let piece = |ns, unit, len, gap| PieceInfo { at: at(ns), frame: 0, unit, offset: 0, len, gap };
    let facts = Facts {
        records: vec![record(0, 100, 0, 10, true), record(1, 90, 12, 212, false)],
        pieces: vec![piece(100, 0, 10, false), piece(300, 2, 5, true)],
        ..Facts::default()
    };
    let mut packed = Packed::default();
    packed.add(at(0), &facts).unwrap();
    // Two times (100, then 10 less), two kinds, thirteen bytes: times of deliveries, starts (0; 2 after the end),
    // lengths, lengths of deliveries with their bit, units.
    let want = [200, 1, 19, 1, 8, 13, 200, 1, 144, 3, 0, 4, 10, 200, 1, 20, 11, 0, 4];
    let bytes = packed.bytes();
    let have = inflated(&packed.finish().unwrap());
    assert_eq!((have.as_slice(), bytes), (&want[..], want.len() as u64));
}

/// Texts that would end a block of data, run, or turn the direction of what follows.
const HOSTILE: [&str; 5] = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "]]>&lt;\u{2028}\u{2029}",
    "\u{202e}evil\u{0}",
    "{{script}}",
];

#[test]
fn no_text_ends_its_block() {
    let mut page = Page::new(&Options::default());
    for text in HOSTILE {
        let mut s = Summary::template();
        let request = RequestSummary { model: Some(text.into()), path: text.into(), ..RequestSummary::default() };
        (s.request, s.verdict) = (Some(request), Some(text.into()));
        page.add(&s, &Facts { clocks: Clocks::default(), ..Facts::default() }, None).unwrap();
    }
    let made = page.make(Vec::new(), View::Latency, 0).unwrap();
    let mut out = Vec::new();
    write(&made, &mut out).unwrap();
    let html = String::from_utf8(out).unwrap();
    assert_eq!((html.matches("<script").count(), html.matches("</script").count()), (4, 4));
    assert!(!html.contains(['\u{2028}', '\u{202e}', '\0']) && !html.contains("alert(1)<"));
    let block = html.split("id=\"document\">").nth(1).unwrap().split("</script>").next().unwrap();
    let document: serde_json::Value = serde_json::from_str(block).unwrap();
    for (n, text) in HOSTILE.iter().enumerate() {
        assert_eq!(document["names"]["model"][n], *text);
    }
}

#[test]
fn parts_and_script_are_those_of_the_policy() {
    use crate::encoding::to_base64;
    use sha2::{Digest, Sha256};
    let made = Page::new(&Options::default()).make(Vec::new(), View::Overview, 0).unwrap();
    let mut out = Vec::new();
    write(&made, &mut out).unwrap();
    let html = String::from_utf8(out).unwrap();
    let between = |from: &str, to: &str| html.split(from).nth(1).unwrap().split(to).next().unwrap().to_owned();
    let policy = between("Content-Security-Policy\" content=\"", "\"");
    for (from, to, directive) in [("<script>", "</script>", "script-src"), ("<style>", "</style>", "style-src")] {
        let hash = to_base64(&Sha256::digest(between(from, to).as_bytes()));
        assert!(policy.contains(&format!("{directive} 'sha256-{hash}';")), "{policy}");
    }
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
}
