//! The interpretation of event streams against what browsers do, and the oddities.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::framing::tests::{Said, body, json, pieces, run};

const TYPE: Option<&str> = Some("text/event-stream");

/// Events as (type, data, last event id), the type as EventSource reports it.
fn events(said: &Said) -> Vec<(String, String, String)> {
    let name = |event: &str| if event.is_empty() { "message" } else { event }.to_owned();
    said.records.iter().map(|r| (name(&r.event), r.data.clone(), r.id.clone())).collect()
}

fn expected(events: &serde_json::Value) -> Vec<(String, String, String)> {
    let text = |e: &serde_json::Value, key: &str| e[key].as_str().expect("text").to_owned();
    events
        .as_array()
        .expect("events")
        .iter()
        .map(|e| (text(e, "event"), text(e, "data"), text(e, "last_event_id")))
        .collect()
}

#[test]
fn vectors_recorded_from_a_browser() {
    let vectors = json("captures/lab/sse_vectors.json");
    let vectors = vectors["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 65);
    for vector in vectors {
        let pieces = pieces(&vector["chunks_b64"]);
        let want = expected(&vector["expect"]);
        let sent = run(TYPE, &pieces.iter().map(Vec::as_slice).collect::<Vec<_>>());
        assert_eq!(events(&sent), want, "{} as sent", vector["name"]);
        let bytes = pieces.concat();
        assert_eq!(events(&run(TYPE, &[&bytes])), want, "{} whole", vector["name"]);
        assert_eq!(events(&run(TYPE, &bytes.chunks(1).collect::<Vec<_>>())), want, "{} byte by byte", vector["name"]);
        for cut in 1..bytes.len() {
            let (a, b) = bytes.split_at(cut);
            assert_eq!(events(&run(TYPE, &[a, b])), want, "{} cut at {cut}", vector["name"]);
        }
    }
}

#[test]
#[ignore = "needs public data"]
fn cases_of_other_libraries() {
    let cases = json("../shared/corpus/public/sse/sse-cases.json");
    let cases = cases["cases"].as_array().unwrap();
    assert!(cases.len() >= 153);
    let mut wrong = Vec::new();
    for case in cases {
        let pieces = pieces(&case["chunks_b64"]);
        let want = expected(&case["expected"]["events"]);
        let declared = case["content_type"].as_str();
        // A body that is not an event stream has records of its own kind, and no events.
        let events =
            |said: &Said| if said.framing == Some(crate::framing::Framing::Sse) { events(said) } else { Vec::new() };
        let bytes = pieces.concat();
        let said = run(declared, &pieces.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let retry = &case["expected"]["retry_ms"];
        let comments = &case["expected"]["comments"];
        let texts: Vec<_> = said.comments.iter().map(|(_, t)| t.strip_prefix(' ').unwrap_or(t)).collect();
        let right = events(&said) == want
            && events(&run(declared, &bytes.chunks(1).collect::<Vec<_>>())) == want
            && events(&run(declared, &[&bytes])) == want
            && (retry.is_null() || retry.as_u64() == said.retry)
            && (comments.is_null() || comments.as_array().unwrap().iter().map(|c| c.as_str().unwrap()).eq(texts));
        if !right {
            wrong.push(case["id"].as_str().unwrap().to_owned());
        }
    }
    // The one difference: the bytes are an event stream under `text/x-bogus`, which makes a browser fail the
    // connection. Here the bytes decide the framing, and the wrong type is a separate fact.
    assert_eq!(wrong, ["wpt/format-mime-valid-bogus"]);
}

#[track_caller]
fn odd(bytes: &[u8], kinds: &[Kind]) -> Said {
    let said = body(TYPE, bytes);
    let mut seen = said.kinds();
    let mut want: Vec<_> = kinds.iter().map(|k| k.0).collect();
    seen.sort_unstable();
    want.sort_unstable();
    assert_eq!(seen, want, "{}", bytes.escape_ascii());
    said
}

#[test]
fn a_clean_stream_says_nothing() {
    odd(
        "data: {\"a\":\"ä “quoted” 你好\"}\n\nevent: x\ndata: [DONE]\n\n: ping\n\nretry: 5\ndata: x\n\n".as_bytes(),
        &[],
    );
}

#[test]
fn every_oddity_by_itself() {
    odd(b"data:a\n\n", &[DATA_WITHOUT_SPACE]);
    odd(b"data:  a\n\n", &[EXTRA_SPACE]);
    odd(b"data:\ta\n\n", &[EXTRA_SPACE]);
    odd(b"data: a\n\n{\"error\":1}\n", &[NOT_A_FIELD_LINE]);
    odd(b"data: {\"a\":\n1}\n\n", &[RAW_NEWLINE]);
    odd(b"data: {}\ndata: [DONE]\n\n", &[MULTIPLE_DATA_LINES, MERGED_EVENTS]);
    odd(b"data: {}\ndata: {}\n", &[MERGED_EVENTS, WAITING_AT_END, PENDING_AT_END]);
    odd(b"id: 1\ndata: a\n\n\n", &[ID_FIELD, BLANK_WITH_ID]);
    odd(b"id: 1\ndata: a\n\n: ping\n\n", &[ID_FIELD, BLANK_WITH_ID]);
    odd(b"data: a\nerror: x\n\n", &[UNKNOWN_FIELD]);
    odd(b"data: a\n\n data: x\n\nDATA: x\n\ndata : x\n\n", &[FIELD_NAME_CASE; 3]);
    odd(b"data: a\n\nevent: ping\n\nid: 1\n\n", &[BLOCK_WITHOUT_DATA, BLOCK_WITHOUT_DATA, ID_FIELD]);
    odd(b"data:\n\n", &[EMPTY_DATA]);
    odd(b"data\n\n", &[EMPTY_DATA]);
    odd(b"data: a\ndata: b\n\n", &[MULTIPLE_DATA_LINES]);
    odd(b"\xef\xbb\xbfdata: a\n\n", &[BOM]);
    odd(b"data: a\n\n\xef\xbb\xbfdata: b\n\n", &[BOM_INSIDE]);
    odd(b"data: a\r\n\r\n", &[CRLF]);
    odd(b"data: a\r\r", &[CR]);
    odd(b"data: a\ndata: b\r\n\r\n", &[CRLF, LINE_ENDS, MULTIPLE_DATA_LINES]);
    odd(b"retry: 10x\ndata: a\n\n", &[BAD_RETRY]);
    for separator in ["\u{2028}", "\u{2029}", "\u{85}", "\x0b", "\x0c"] {
        odd(format!("data: a{separator}b\n\n").as_bytes(), &[RAW_LINE_SEPARATOR]);
        odd(format!("data: {separator}\n\n").as_bytes(), &[RAW_LINE_SEPARATOR]);
    }
}

#[test]
fn invalid_utf8_is_replaced_in_the_record_that_has_it() {
    let said = odd(b"data: \xc3(\n\ndata: \xc3\xa9\n\n", &[INVALID_UTF8]);
    assert_eq!(said.data(), ["\u{fffd}(", "é"]);
    assert_eq!((said.odd[0].1, said.odd[0].2), (Some(0), Some(0)));
}

#[test]
fn what_is_pending_at_the_end_is_shown() {
    // A whole line waits for its empty line; half a line waits for its own end.
    let said = odd(b"data: a\n\ndata: [DONE]\n", &[WAITING_AT_END, PENDING_AT_END]);
    for odd in &said.odd {
        assert_eq!((odd.1, odd.2, odd.3.as_str()), (Some(9), Some(1), "[DONE]"));
    }
    let said = odd(b"data: a\n\ndata: {\"error\":1}", &[PENDING_AT_END]);
    assert_eq!(said.odd[0].3, "{\"error\":1}");
    let said = odd(b"data: a\n\ndata: b\nda", &[PENDING_AT_END]);
    assert_eq!(said.odd[0].3, "b");
    odd(b"data: a\n\nevent: x\n", &[PENDING_AT_END]);
    // A comment is whole with or without a blank line.
    odd(b"data: a\n\n: ping\n", &[]);
    odd(b"data: a\n\n: pi", &[]);
    odd(b"data: a\n\n\n\n", &[]);
}

#[test]
fn long_lines() {
    let mut bytes = b"data: ".to_vec();
    bytes.extend(vec![b'x'; LONG]);
    bytes.extend(b"\n\n");
    let said = run(TYPE, &bytes.chunks(1460).collect::<Vec<_>>());
    assert_eq!((said.kinds(), said.records[0].data.len()), (vec![LONG_LINE.0], LONG));
}

#[test]
fn spans_are_those_of_the_blocks() {
    // As events[].start and end of the truth files: from the block's first line, its comments included, to the end of
    // the blank line.
    let said = odd(b"retry: 3000\n\n: c\nevent: t\ndata: a\n\n\n\ndata: b\n\n", &[BLOCK_WITHOUT_DATA]);
    assert_eq!(said.spans(), [(13, 35), (37, 46)]);
    assert_eq!(said.comments, [(13, " c".to_owned())]);
    let said = odd(b"\xef\xbb\xbfdata: a\r\n\r\ndata: b\r\n\r\n", &[BOM, CRLF]);
    assert_eq!(said.spans(), [(3, 14), (14, 25)]);
    let said = odd(b"data: a\r\rdata: b\r\r", &[CR]);
    assert_eq!(said.spans(), [(0, 9), (9, 18)]);
}

#[test]
fn the_line_end_that_dispatches_dates_the_record() {
    let said = run(TYPE, &[b"data: a", b"\n", b"\ndata: b\n\nda", b"ta: c\n\n"]);
    let times: Vec<_> = said.records.iter().map(|r| r.times).collect();
    assert_eq!(times, [(0, 2), (2, 2), (2, 3)]);
    // A CR at the end of a delivery is not held back for an LF that may come.
    let said = run(TYPE, &[b"data: a\r\n\r", b"\ndata: b\r\n\r\n"]);
    assert_eq!((said.records[0].times, said.records[0].span), ((0, 0), (0, 11)));
}

#[test]
fn a_whole_event_in_one_piece_is_not_copied() {
    let bytes = b"data: first\n\nevent: x\ndata: second\n\n";
    let range = bytes.as_ptr_range();
    let mut stream = crate::framing::Stream::new(None);
    let mut seen = 0;
    stream.push(crate::body::Piece { at: Timestamp(0), frame: 0, bytes }, &mut |f| {
        if let Framed::Record(r) = f {
            assert!(range.contains(&r.data.as_ptr()));
            seen += 1;
        }
    });
    assert_eq!(seen, 2);
}

#[test]
fn an_event_without_end_is_not_kept_without_bound() {
    let mut sse = Sse::default();
    let line = [b"data: ".to_vec(), vec![b'x'; 1 << 20], b"\n".to_vec()].concat();
    let mut kinds = Vec::new();
    let mut records = Vec::new();
    let mut offset = 0;
    for i in 0..80 {
        let last = [&line[..], b"\ndata: next\n\n"].concat();
        let bytes = if i < 79 { &line } else { &last };
        sse.push(Placed { at: Timestamp(i), frame: 0, offset, bytes }, &mut |f| match f {
            Framed::Oddity(o) => kinds.push(o.kind),
            Framed::Record(r) => records.push(r.data.to_vec()),
            _ => {}
        });
        offset += bytes.len() as u64;
    }
    assert!(kinds.contains(&TOO_LONG));
    assert_eq!(records, [b"next"]);
}

#[test]
fn the_last_retry_counts_and_a_bad_one_changes_nothing() {
    for (sent, want) in
        [("retry: 1\n\nretry: 2\n\n", Some(2)), ("retry: 3\n\nretry: x\n\n", Some(3)), ("retry:\n\n", None)]
    {
        assert_eq!(run(TYPE, &[sent.as_bytes(), b"data: a\n\n"]).retry, want, "{sent:?}");
    }
}

#[test]
fn a_document_without_fields_is_handed_on() {
    let pretty = "{\n  \"error\": {\n    \"code\": 503\n  }\n}\n";
    let stray = |body: &str| {
        let whole = run(TYPE, &[body.as_bytes()]);
        let bytes = run(TYPE, &body.as_bytes().chunks(1).collect::<Vec<_>>());
        assert_eq!(whole.stray, bytes.stray, "{body:?}");
        whole.stray
    };
    assert_eq!(stray(&format!("data: a\n\n{pretty}\n")), [pretty]);
    assert_eq!(stray(&format!("data: a\n\n{pretty}")), [pretty], "no blank line at the end");
    assert_eq!(stray("data: a\n\n{\"error\":1}"), ["{\"error\":1}\n"], "no line end");
    assert_eq!(stray("data: a\n\n{\"a\":1}\n{\"b\":2}\n\n"), ["{\"a\":1}\n{\"b\":2}\n"]);
    assert_eq!(stray("data: a\n\n{\"a\":1}\ndata: b\n\n"), ["{\"a\":1}\n"], "a field follows");
    // What is no document, and what belongs to an event.
    for body in ["data: a\n\noops\n\n", "data: a\n\n: {}\n\n", "data: {\"a\":\n{\"b\":1}}\n\n"] {
        assert!(stray(body).is_empty(), "{body:?}");
    }
    let long = format!("data: a\n\n{{{}\n\n", "x".repeat(1 << 20));
    assert_eq!(stray(&long)[0].len(), 64 << 10);
}
