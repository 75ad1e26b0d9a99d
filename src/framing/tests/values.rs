//! Values at the border of what they mean, and what each is taken for on either side of it.

use super::super::multipart::begins;
use super::*;

const SSE: Option<&str> = Some("text/event-stream");
const GRPC: Option<&str> = Some("application/grpc");

#[test]
fn a_line_is_long_or_huge_beyond_its_bound() {
    let kinds = |value: usize| {
        let line = format!("data: {}\n\n", "x".repeat(value - 6));
        let pieces: Vec<&[u8]> = line.as_bytes().chunks(1 << 20).collect();
        let said = run(SSE, &pieces);
        assert_eq!(said.records.len(), 1);
        said.kinds()
    };
    assert_eq!(kinds(64 << 10), Vec::<&str>::new());
    assert_eq!(kinds((64 << 10) + 1), ["sse.long-line"]);
    assert_eq!(kinds(32 << 20), ["sse.long-line"]);
    assert_eq!(kinds((32 << 20) + 1), ["sse.huge-line"]);
}

/// U+0085 is two bytes, U+2028 three: what is shown begins with the character.
#[test]
fn a_raw_line_separator_is_shown_whole() {
    for c in ['\u{85}', '\u{2028}', '\u{2029}', '\u{b}', '\u{c}'] {
        let said = run(SSE, &[format!("data: ab{c}cd\n\n").as_bytes()]);
        let (kind, _, _, found) = &said.odd[0];
        let want = crate::oddity::excerpt(format!("{c}cd").as_bytes());
        assert_eq!((*kind, found), ("sse.raw-line-separator", &want), "{c:?}");
    }
}

#[test]
fn events_are_merged_if_each_line_is_a_payload() {
    let merged = |lines: &str| run(SSE, &[format!("{lines}\n").as_bytes()]).kinds().contains(&"sse.merged-events");
    assert!(merged("data: {\"a\":1}\ndata: {\"b\":2}\n"));
    assert!(merged("data: {\"a\":1}\ndata: [DONE]\n"));
    assert!(!merged("data: {\"a\":1}\ndata: some words\n"));
    assert!(!merged("data: {\ndata: \"a\":1}\n"));
}

#[test]
fn a_message_of_grpc_may_be_as_long_as_any_record() {
    let kinds = |len: u32| {
        let said = steps(GRPC, &[Step::Bytes(&[&[0][..], &len.to_be_bytes()].concat())], false);
        said.kinds()
    };
    assert_eq!(
        (kinds(64 << 20), kinds((64 << 20) + 1)),
        (vec!["grpc.truncated"], vec!["framing.record-too-long", "grpc.truncated"])
    );
}

#[test]
fn what_a_hole_drops_is_counted_with_its_head() {
    let said =
        steps(GRPC, &[Step::Bytes(b"\0\0\0\0\x09abc"), Step::Gap(Some(2)), Step::Bytes(b"fghi\0\0\0\0\x01x")], true);
    assert_eq!(said.data(), ["x"]);
    assert_eq!(said.odd[0].3, "2 bytes missing, 8 bytes of an unfinished record dropped");
}

/// RFC 2046 section 5.1.1: a boundary has at most 70 characters.
#[test]
fn a_boundary_has_a_longest_length() {
    let opens = |n: usize| begins(format!("--{}\r\nContent-Type: a/b\r\n\r\n", "b".repeat(n)).as_bytes());
    assert_eq!((opens(70), opens(71)), (Some(true), Some(false)));
}

/// After a hole an array goes on, or ends, where a line begins.
#[test]
fn after_a_hole_a_bracket_inside_a_line_closes_nothing() {
    let said = |rest: &str| {
        let said = steps(
            Some("application/json"),
            &[Step::Bytes(b"[{\"a\":1},\n{\"b"), Step::Gap(Some(20)), Step::Bytes(rest.as_bytes())],
            true,
        );
        (said.data().join(" "), said.closed.is_some())
    };
    assert_eq!(said("1,2],\"c\":3},\n{\"d\":4}\n]"), ("{\"a\":1} {\"d\":4}".to_owned(), true));
    assert_eq!(said("1,2],\"c\":3},\n{\"d\":4}"), ("{\"a\":1} {\"d\":4}".to_owned(), false));
    assert_eq!(said("1,2]"), ("{\"a\":1}".to_owned(), false));
}

/// RFC 7464 section 2.2: a text ends with a line feed; the text without one is named.
#[test]
fn a_text_of_a_sequence_without_its_line_end_is_the_one_before() {
    let said = run(None, &[b"\x1e{\"a\":1}\n\x1e{\"b\":2}\x1e{\"c\":3}"]);
    let places: Vec<_> = said.odd.iter().map(|o| (o.0, o.2)).collect();
    assert_eq!(places, [("json-seq.no-line-end", Some(1)), ("json-seq.no-line-end", Some(2))]);
}

/// A document of more than 64 KiB is taken for one, so another value after it is too much.
#[test]
fn a_value_after_a_document_begins_where_it_stands() {
    let long = format!("  {{\"a\":\"{}\"}}", "x".repeat(70_000));
    let said = run(Some("application/json"), &[long.as_bytes(), b"\n{\"b\":2}"]);
    let (of, len) = (|n: usize| (said.records[n].span, said.records[n].times), long.len() as u64);
    assert_eq!(said.kinds(), ["json.several-values"]);
    // The first record is the document, from the first byte of the body.
    assert_eq!((of(0), of(1)), (((0, len), (0, 0)), ((len + 1, len + 8), (1, 1))));
}

#[test]
fn only_a_mark_at_the_beginning_is_one() {
    let said = |body: &str| {
        let said = run(Some("application/x-ndjson"), &[body.as_bytes()]);
        (said.kinds(), said.records.iter().map(|r| r.data.clone()).collect::<Vec<_>>())
    };
    let (one, two) = ("{\"a\":1}".to_owned(), "{\"b\":2}".to_owned());
    assert_eq!(said("\u{feff}{\"a\":1}\n{\"b\":2}\n"), (vec!["ndjson.bom"], vec![one.clone(), two.clone()]));
    assert_eq!(said("{\"a\":1}\n\u{feff}{\"b\":2}\n"), (vec!["ndjson.not-json"], vec![one, format!("\u{feff}{two}")]));
}

/// One line of JSON after prose is enough where it was declared, and two where it was not.
#[test]
fn lines_of_json_after_prose() {
    let framing = |declared: Option<&str>, lines: usize| {
        run(declared, &[format!("hello there\n{}", "{\"a\":1}\n".repeat(lines)).as_bytes()]).framing
    };
    let declared = Some("application/x-ndjson");
    assert_eq!(
        (framing(declared, 1), framing(None, 1), framing(None, 2)),
        (Some(Framing::Ndjson), Some(Framing::Text), Some(Framing::Ndjson))
    );
}

/// Bytes that are no UTF-8 make a body binary if there are four of them, and a quarter of all so far, or of the whole.
#[test]
fn a_few_wrong_bytes_are_still_text() {
    let framing =
        |wrong: usize, plain: &str| run(None, &[&[&vec![0xff; wrong][..], plain.as_bytes()].concat()]).framing;
    let long = "and then some words that are plain text";
    assert_eq!(
        [0, 1, 3, 4].map(|n| framing(n, long)),
        [Some(Framing::Text); 3].into_iter().chain([Some(Framing::Binary)]).collect::<Vec<_>>()[..]
    );
    assert_eq!((framing(3, "words in text"), framing(3, "words")), (Some(Framing::Text), Some(Framing::Binary)));
}
