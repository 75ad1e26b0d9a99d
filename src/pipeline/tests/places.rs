//! The bytes that an oddity shows, and what each record adds to an answer.

use super::super::contributions::Observer;
use super::super::evidence::Recent;
use super::{ASK, HEAD, exchange};
use crate::dialect::{Answer, Meaning};
use crate::framing::Record;
use crate::oddity::{Delivery, Kind, Oddity};
use crate::time::Timestamp;

fn oddity(kind: &'static str, found: &'static str) -> Oddity {
    Oddity::new(Kind(kind), Timestamp(0), found).offset(0)
}

/// Offset and text of the mark in this body.
fn marked(kind: &'static str, found: &'static str, body: &str) -> (u64, String) {
    let mut recent = Recent::default();
    recent.push(body.as_bytes());
    let mut oddity = oddity(kind, found);
    recent.show(&mut oddity);
    let excerpt = oddity.excerpt.unwrap();
    (excerpt.offset, excerpt.marked)
}

#[test]
fn the_mark_is_a_whole_token() {
    let body = r#"{"id":"a\\","finish_reason":"stop","n":12.5,"x":"ab\"c"}"#;
    for (kind, found, want) in [
        // The found text, as a string; a shortened one is marked whole.
        ("k.x", "stop", (28, "\"stop\"")),
        ("k.x", "\"a", (6, r#""a\\""#)),
        ("k.x", "\"ab", (48, r#""ab\"c""#)),
        ("k.x", "`12`", (39, "12.5")),
        // A short bare word may occur anywhere, so the key of the kind's name is marked.
        ("k.finish-reason-empty", "in", (12, "\"finish_reason\"")),
        // A word of one letter names no key.
        ("k.n-odd", "", (0, "{")),
    ] {
        assert_eq!(marked(kind, found, body), (want.0, want.1.to_owned()), "{kind} {found}");
    }
}

#[test]
fn an_oddity_of_an_earlier_record_shows_that_record() {
    let mut recent = Recent::default();
    recent.push(b"one\ntwo\n");
    let record = Record { n: 2, start: 4, end: 7, data: b"two", ..Record::default() };
    let shown = |of: u64| {
        let mut oddity = oddity("k.x", "").record(of);
        recent.show_in(&record, &mut oddity);
        oddity.excerpt.map(|e| (e.offset, e.marked + &e.after))
    };
    assert_eq!(shown(2), Some((4, "two".to_owned())));
    assert_eq!(shown(1), Some((0, "one".to_owned())));
}

#[test]
fn old_bytes_go_and_offsets_stay() {
    let mut recent = Recent::default();
    for n in 0..1000 {
        recent.push(format!("{n:09}\n").as_bytes());
    }
    let shown = |offset: u64| {
        let mut oddity = oddity("k.x", "").offset(offset);
        recent.show(&mut oddity);
        oddity.excerpt.map(|e| e.marked + &e.after)
    };
    assert_eq!(shown(9990), Some("000000999".to_owned()));
    // Four KiB are always there, and never more than eight.
    assert_eq!(shown(10_000 - 4096 + 6), Some("000000591".to_owned()));
    assert_eq!(shown(10_000 - 8192 - 2), None);
    recent.gap(Some(50));
    recent.push(b"behind\n");
    assert_eq!(recent.tail().map(|e| (e.offset, e.before.clone())), Some((10_056, "behind".to_owned())));
}

/// Bytes are missing between two records: the excerpt after them is the line that is meant.
#[test]
fn after_missing_bytes_the_excerpt_is_still_that_of_the_oddity() {
    let head = HEAD.replace("<\n\n", "< Content-Length: 60\n<\n\n");
    let body = "<| data: {}\\n\\n\n\n!gap < 20\n<| data: {}\\n\\n\n\n<| dada: what is this?\\n\n";
    let x = exchange(&[ASK, &head, body]);
    let (odd, _) = x.oddities.find(crate::framing::sse::UNKNOWN_FIELD).unwrap();
    let excerpt = odd.excerpt.as_ref().unwrap();
    assert_eq!((odd.offset, excerpt.offset), (Some(40), 40));
    assert_eq!(format!("{}{}", excerpt.marked, excerpt.after), "dada: what is this?");
}

#[test]
fn an_oddity_of_a_body_has_its_unit() {
    let head = HEAD.replace("<\n\n", "< Transfer-Encoding: chunked\n<\n\n");
    let x = exchange(&[ASK, &head, "<chunk data: {}\\n\\n\n\n<chunk data:{}\\n\\n\n<last\n"]);
    let (odd, _) = x.oddities.find(crate::framing::sse::DATA_WITHOUT_SPACE).unwrap();
    assert_eq!(odd.delivery, Some(Delivery { frame: 0, unit: Some(1) }));
}

#[test]
fn a_record_adds_what_no_earlier_one_has_added() {
    let mut observer = Observer::default();
    let mut answer = Answer::default();
    let content = Meaning { content: true, ..Meaning::default() };
    let mut read = |n: u64, meaning: Meaning, answer: &Answer| {
        observer.record(&Record { n, data: b"{}", ..Record::default() }, meaning, answer);
        observer.seen.get(n).unwrap().to_owned()
    };
    answer.texts.insert(0, "one".into());
    assert_eq!(read(0, content, &answer), "one");
    answer.texts.insert(0, "one two".into());
    answer.texts.insert(1, "other".into());
    assert_eq!(read(1, content, &answer), " twoother");
    answer.reasoning_text = "hm".into();
    answer.tool_arguments.insert("c".into(), "{\"a\"".into());
    assert_eq!(read(2, content, &answer), "hm{\"a\"");
    answer.tool_arguments.insert("c".into(), "{\"a\":1}".into());
    assert_eq!(read(3, content, &answer), ":1}");
    // What is no delta, or adds nothing, shows its own bytes.
    assert_eq!(read(4, content, &answer), "{}");
    answer.texts.insert(0, "one two three".into());
    assert_eq!(read(5, Meaning::default(), &answer), "{}");
}
