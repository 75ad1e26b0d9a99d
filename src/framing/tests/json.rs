//! The JSON framings and their boundaries to each other.

use super::*;
use crate::framing::Framing::{CodedLines, ConcatJson, Empty, Json, JsonArray, JsonSeq, Ndjson, Sse, Text};
use crate::framing::{concat, json, json_array, json_seq, ndjson};

const JSON: Option<&str> = Some("application/json");
const LINES: Option<&str> = Some("application/x-ndjson");

#[track_caller]
fn is(declared: Option<&str>, bytes: &[u8], framing: Framing, data: &[&str], kinds: &[Kind]) -> Said {
    let said = body(declared, bytes);
    assert_eq!(said.framing, Some(framing), "{}", bytes.escape_ascii());
    assert_eq!(said.data(), data);
    assert_eq!(said.kinds(), kinds.iter().map(|k| k.0).collect::<Vec<_>>());
    said
}

#[test]
fn one_document() {
    let said = is(JSON, b"{\"a\": [1, {}]}", Json, &["{\"a\": [1, {}]}"], &[]);
    assert_eq!(said.spans(), [(0, 14)]);
    // Keep-alive lines before the document are part of it.
    let said = is(JSON, b"\n\n\n{\"a\":1}\n", Json, &["{\"a\":1}"], &[]);
    assert_eq!(said.spans(), [(0, 10)]);
    is(JSON, b"\"text\"", Json, &["\"text\""], &[]);
    is(JSON, b"-1.5e3\n", Json, &["-1.5e3"], &[]);
    is(None, b"{\"a\":1}\n", Json, &["{\"a\":1}"], &[]);
    is(Some("text/event-stream"), b"{\"error\":{}}", Json, &["{\"error\":{}}"], &[]);
    is(JSON, b"[1,2]", Json, &["[1,2]"], &[]);
    is(JSON, b"[]", Json, &["[]"], &[]);
    is(JSON, b"\xef\xbb\xbf{}", Json, &["{}"], &[json::BOM]);
}

#[test]
fn damaged_documents() {
    is(JSON, b"{\"a\":[1", Json, &[], &[json::TRUNCATED]);
    is(None, b"{", Json, &[], &[json::TRUNCATED]);
    is(JSON, b"{\"a\" 1}", Json, &["{\"a\" 1}"], &[json::MALFORMED]);
    is(JSON, b"{\"a\":1}</html>", Json, &["{\"a\":1}"], &[json::TRAILING_BYTES]);
    is(JSON, b"  \n", Json, &[], &[json::TRUNCATED]);
    let huge = [b"{\"a\":\"".to_vec(), vec![b'x'; 70_000], b"\"}\n{}".to_vec()].concat();
    let said = run(JSON, &huge.chunks(1400).collect::<Vec<_>>());
    assert_eq!((said.framing, said.records.len(), said.kinds()), (Some(Json), 2, vec![json::SEVERAL_VALUES.0]));
    assert_eq!(said.records[0].span, (0, 70_008));
}

#[test]
fn a_document_is_told_at_its_last_byte() {
    let said = run(JSON, &[b"\n", b"{\"a\":", b"1}", b"\n"]);
    assert_eq!(said.records[0].times, (0, 2));
}

#[test]
fn empty_bodies() {
    is(JSON, b"", Empty, &[], &[]);
    is(None, b"", Empty, &[], &[]);
    is(Some("text/event-stream"), b"", Sse, &[], &[]);
    is(LINES, b"", Ndjson, &[], &[]);
}

#[test]
fn lines() {
    let said = is(LINES, b"{\"a\":1}\n{\"b\":2}\r\n", Ndjson, &["{\"a\":1}", "{\"b\":2}"], &[]);
    assert_eq!(said.spans(), [(0, 8), (8, 17)]);
    is(None, b"{\"a\":1}\n{\"b\":2}\n", Ndjson, &["{\"a\":1}", "{\"b\":2}"], &[]);
    is(Some("text/event-stream"), b"{\"a\":1}\n{\"b\":2}\n", Ndjson, &["{\"a\":1}", "{\"b\":2}"], &[]);
    is(LINES, b"{\"a\":1}\n", Ndjson, &["{\"a\":1}"], &[]);
    is(LINES, b"{\"a\":1}", Ndjson, &["{\"a\":1}"], &[ndjson::NO_FINAL_NEWLINE]);
    is(LINES, b"1\n\"x\"\nnull\n", Ndjson, &["1", "\"x\"", "null"], &[]);
    is(LINES, b"[1]\n[2]\n", Ndjson, &["[1]", "[2]"], &[]);
    is(LINES, b"\n{}\n \n{}\n", Ndjson, &["{}", "{}"], &[ndjson::BLANK_LINE, ndjson::BLANK_LINE]);
    is(LINES, b"\xef\xbb\xbf{}\n{}\n", Ndjson, &["{}", "{}"], &[ndjson::BOM]);
    is(LINES, b"{}\n{} {}\n{]\n", Ndjson, &["{}", "{} {}", "{]"], &[ndjson::SEVERAL_VALUES, ndjson::NOT_JSON]);
    // The first line is cut off; the next ones show what it was meant to be.
    is(
        None,
        b"{\"a\":\n{\"b\":1}\n{\"c\":1}\n{\"d\":1}\n",
        Ndjson,
        &["{\"a\":", "{\"b\":1}", "{\"c\":1}", "{\"d\":1}"],
        &[ndjson::NOT_JSON],
    );
}

#[test]
fn a_cut_last_line_is_no_record() {
    let said = steps(LINES, &[Step::Bytes(b"{\"a\":1}\n{\"b\":")], false);
    assert_eq!((said.data(), said.kinds()), (vec!["{\"a\":1}"], vec![ndjson::PENDING_AT_END.0]));
}

#[test]
fn a_first_line_is_told_before_the_second_comes() {
    let mut stream = Stream::new(None);
    let mut said = Said::default();
    stream.push(Piece { at: Timestamp(1), frame: 1, bytes: b"{\"a\":1}\n" }, &mut |f| said.take(f));
    assert_eq!((stream.framing(), said.records.len()), (Json, 1));
    stream.push(Piece { at: Timestamp(2), frame: 2, bytes: b"{\"b\":2}\n" }, &mut |f| said.take(f));
    assert_eq!((stream.framing(), said.records.len(), said.revised), (Ndjson, 2, 1));
    assert_eq!((said.records[0].times, said.records[1].times), ((1, 1), (2, 2)));
}

#[test]
fn values_without_line_ends() {
    let said = is(JSON, b"{\"a\":1}{\"b\":2} {\"c\":3}", ConcatJson, &["{\"a\":1}", "{\"b\":2}", "{\"c\":3}"], &[]);
    assert_eq!(said.spans(), [(0, 7), (7, 14), (15, 22)]);
    is(LINES, b"{\n \"a\": 1\n}\n{\n \"b\": 2\n}\n", ConcatJson, &["{\n \"a\": 1\n}", "{\n \"b\": 2\n}"], &[]);
    is(JSON, b"{}{}\"x\"12 13", ConcatJson, &["{}", "{}", "\"x\"", "12", "13"], &[]);
    is(JSON, b"{}{}{\"a\":", ConcatJson, &["{}", "{}"], &[concat::TRUNCATED]);
    is(JSON, b"{}{\"a\":{\"b\":1}\n{\"c\":2}", ConcatJson, &["{}", "{\"c\":2}"], &[concat::MALFORMED]);
    is(JSON, b"{},\n{}", ConcatJson, &["{}", "{}"], &[concat::COMMA]);
    is(JSON, b"{}{}x}{\"a\":1}", ConcatJson, &["{}", "{}", "{\"a\":1}"], &[concat::JUNK]);
}

#[test]
fn a_streamed_array() {
    let bytes = b"[{\n  \"a\": \"]\"\n}\n,\r\n{\n  \"b\": [{}]\n}\n]\n";
    let said = is(JSON, bytes, JsonArray, &["{\n  \"a\": \"]\"\n}", "{\n  \"b\": [{}]\n}"], &[]);
    assert_eq!((said.spans(), said.closed), (vec![(1, 15), (19, 34)], Some(35)));
    is(JSON, b"[{},1,\"a\",[{}]]", JsonArray, &["{}", "1", "\"a\"", "[{}]"], &[]);
    let said = is(JSON, b"[{\"a\":1}", JsonArray, &["{\"a\":1}"], &[json_array::NOT_CLOSED]);
    assert_eq!(said.closed, None);
    is(JSON, b"[{\"a\":1},{\"b\"", JsonArray, &["{\"a\":1}"], &[json_array::NOT_CLOSED]);
    is(JSON, b"[{}]x", JsonArray, &["{}"], &[json_array::TRAILING_BYTES]);
    is(None, b"[{\"a\":1}]\n[{\"b\":1}]\n", Ndjson, &["[{\"a\":1}]", "[{\"b\":1}]"], &[]);
    let said = run(JSON, &[b"[", b"{\"a\":1", b"}", b"\n", b"]"]);
    assert_eq!(said.records[0].times, (1, 2));
}

#[test]
fn text_sequences() {
    let seq = Some("application/json-seq");
    let said = is(seq, b"\x1e{\"a\":1}\n\x1e{\"b\":2}\n", JsonSeq, &["{\"a\":1}", "{\"b\":2}"], &[]);
    assert_eq!(said.spans(), [(0, 8), (9, 17)]);
    is(None, b"\x1e{\n\"a\": 1}\n\x1e\x1e[2]\n", JsonSeq, &["{\n\"a\": 1}", "[2]"], &[]);
    // RFC 7464, section 2.4: a number or literal proves itself whole by what follows it.
    is(seq, b"\x1etrue\n\x1e12\n\x1e12", JsonSeq, &["true", "12"], &[json_seq::TRUNCATED]);
    is(seq, b"\x1e12\x1e{}\n", JsonSeq, &["{}"], &[json_seq::TRUNCATED]);
    is(seq, b"\x1e{\"a\":\"x\x1e{}\n", JsonSeq, &["{}"], &[json_seq::TRUNCATED]);
    is(seq, b"\x1e{}\x1e{}\n", JsonSeq, &["{}", "{}"], &[json_seq::NO_LINE_END]);
    is(seq, b"\x1ehello\n\x1e{x}\n\x1e{}\n", JsonSeq, &["{}"], &[json_seq::BAD_TEXT, json_seq::BAD_TEXT]);
}

#[test]
fn text_and_what_it_may_turn_into() {
    let said = is(None, "Plain text stream ✓\n".as_bytes(), Text, &[], &[]);
    assert_eq!(said.text, "Plain text stream ✓\n".as_bytes());
    is(Some("text/html"), b"<html><body>502 Bad Gateway</body></html>", Text, &[], &[]);
    is(None, b"0:\"Hello\"\n0:\" there\"\n", CodedLines, &["\"Hello\"", "\" there\""], &[]);
    is(None, b"0:Hello\n", Text, &[], &[]);
    is(None, b"[DONE]\n", Text, &[], &[]);
    is(None, b"[info] listening\n", Text, &[], &[]);
    is(Some("text/plain"), b"data", Text, &[], &[]);
    is(None, b"dat", Text, &[], &[]);
    is(None, b"junk\n{\"a\":1}\n{\"b\":1}\n", Ndjson, &["junk", "{\"a\":1}", "{\"b\":1}"], &[ndjson::NOT_JSON]);
    is(Some("image/png"), b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Framing::Binary, &[], &[]);
    is(None, b"\xff\xd8\xff\xe0\xff", Framing::Binary, &[], &[]);
    is(None, b"na\xefve caf\xe9, r\xe9sum\xe9 and more of the same in Latin-1", Text, &[], &[]);
    is(Some("text/plain; charset=koi8-r"), b"\xf0\xf2\xe9\xf7\xe5\xf4", Text, &[], &[]);
}
