//! Missing bytes: what is lost, where reading goes on, how offsets go on.

use super::*;

const SSE: Option<&str> = Some("text/event-stream");
const JSON: Option<&str> = Some("application/json");

fn holed(declared: Option<&str>, a: &[u8], gap: Option<u64>, b: &[u8]) -> Said {
    let said = steps(declared, &[Step::Bytes(a), Step::Gap(gap), Step::Bytes(b)], true);
    // Cuts after the gap change nothing.
    let mut each = vec![Step::Bytes(a), Step::Gap(gap)];
    each.extend(b.chunks(1).map(Step::Bytes));
    assert_eq!(said.clone().timeless(), steps(declared, &each, true).timeless());
    said
}

#[test]
fn whole_events_around_lost_packets_are_kept() {
    let said = holed(SSE, b"data: 1\n\n", Some(9), b"data: 3\n\n");
    assert_eq!((said.data(), said.spans(), said.kinds()), (vec!["1", "3"], vec![(0, 9), (18, 27)], vec![]));
}

#[test]
fn an_event_that_lost_its_beginning_is_no_record() {
    let said = holed(SSE, b"data: 1\n\nda", Some(9), b"ta: 2\n\ndata: 3\n\n");
    assert_eq!((said.data(), said.spans()), (vec!["1", "3"], vec![(0, 9), (27, 36)]));
    assert_eq!(said.kinds(), [LOST_SYNC.0, LOST_SYNC.0]);
    // Blocks of this stream begin with `event`: one that begins with `data` has lost something.
    let said = holed(SSE, b"event: a\ndata: 1\n\n", Some(5), b"data: 2\n\nevent: c\ndata: 3\n\n");
    assert_eq!(said.data(), ["1", "3"]);
    // The gap ends between the two line feeds.
    let said = holed(SSE, b"data: 1\n\ndata: 2", Some(1), b"\ndata: 3\n\n");
    assert_eq!(said.data(), ["1", "3"]);
}

#[test]
fn a_stream_joined_in_the_middle_shows_itself() {
    let said = body(None, b"lo\"}}]}\n\ndata: {\"a\":1}\n\ndata: [DONE]\n\n");
    assert_eq!((said.framing, said.data()), (Some(Framing::Sse), vec!["{\"a\":1}", "[DONE]"]));
    let said = steps(None, &[Step::Gap(None), Step::Bytes(b"lo\"}\n{\"a\":1}\n{\"b\":1}\n")], true);
    assert_eq!((said.framing, said.data()), (Some(Framing::Ndjson), vec!["{\"a\":1}", "{\"b\":1}"]));
}

#[test]
fn lines_go_on_behind_the_next_line_feed() {
    let lines = Some("application/x-ndjson");
    let said = holed(lines, b"{\"a\":1}\n{\"b\":", Some(100), b"2}\n{\"c\":3}\n");
    assert_eq!((said.data(), said.spans()), (vec!["{\"a\":1}", "{\"c\":3}"], vec![(0, 8), (116, 124)]));
    let said = holed(lines, b"{\"a\":1}\n", Some(8), b"{\"c\":{\"d\":3}}\n");
    assert_eq!(said.data(), ["{\"a\":1}", "{\"c\":{\"d\":3}}"]);
    // The rest of a line that begins like one.
    let said = holed(lines, b"{\"a\":1}\n{\"b\":", Some(8), b"{\"d\":3}}\n{\"e\":1}\n");
    assert_eq!(said.data(), ["{\"a\":1}", "{\"e\":1}"]);
}

#[test]
fn values_and_elements_go_on_where_one_must_begin() {
    let said = holed(JSON, b"{\"a\":1}{\"b\":2}{\"c", Some(5), b"\":{\"x\":1}}{\"d\":4}");
    assert_eq!(said.data(), ["{\"a\":1}", "{\"b\":2}", "{\"d\":4}"]);
    let said = holed(JSON, b"[{\n \"a\": 1\n}\n,\n{\n", Some(5), b" \"x\": {}\n}\n,\n{\n \"c\": 1\n}\n]");
    assert_eq!(said.data(), ["{\n \"a\": 1\n}", "{\n \"c\": 1\n}"]);
    assert!(said.closed.is_some());
    let said = holed(Some("application/json-seq"), b"\x1e{\"a\":1}\n\x1e{\"b", Some(5), b"1}\n\x1e{\"c\":1}\n");
    assert_eq!(said.data(), ["{\"a\":1}", "{\"c\":1}"]);
    let said = holed(JSON, b"{\"a\":", Some(5), b"1}");
    assert_eq!((said.data(), said.kinds()), (vec![], vec![LOST_SYNC.0]));
}

#[test]
fn messages_go_on_at_the_next_valid_prelude() {
    let (a, b) = (aws::tests::message(&[], b"one"), aws::tests::message(&[], b"two"));
    let said = holed(
        Some("application/vnd.amazon.eventstream"),
        &[&a[..], &a[..10]].concat(),
        Some(3),
        &[&a[13..], &b].concat(),
    );
    let end = (2 * a.len() + b.len()) as u64;
    assert_eq!((said.data(), said.spans()[1]), (vec!["one", "two"], (end - b.len() as u64, end)));
}
