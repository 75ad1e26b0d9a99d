//! Multipart bodies, after RFC 2046 section 5.1 and the incremental delivery of GraphQL over HTTP.

use super::*;
use crate::framing::multipart;

const MIXED: Option<&str> = Some("multipart/mixed; boundary=\"-\"");

#[track_caller]
fn is(bytes: &[u8], data: &[&str], kinds: &[Kind]) -> Said {
    let said = body(MIXED, bytes);
    assert_eq!(said.framing, Some(Framing::Multipart), "{}", bytes.escape_ascii());
    assert_eq!(said.data(), data);
    assert_eq!(said.kinds(), kinds.iter().map(|k| k.0).collect::<Vec<_>>());
    said
}

#[test]
fn parts_are_records() {
    // Servers of GraphQL begin with an empty line and take `-` for a boundary.
    let text = b"\r\n---\r\nContent-Type: application/json; \
        charset=utf-8\r\n\r\n{\"hasNext\":true}\r\n---\r\ncontent-type: \
        application/json\r\n\r\n{\"hasNext\":false}\r\n-----\r\n";
    let said = is(text, &["{\"hasNext\":true}", "{\"hasNext\":false}"], &[]);
    assert_eq!(said.spans(), [(7, 74), (79, 132)]);
    // The RFC's own example: the line end before a delimiter is the delimiter's, one more is the part's.
    let text = b"--simple boundary\r\nContent-type: text/plain\r\n\r\nDoes not end.\r\n--simple \
        boundary\r\nContent-type: text/plain; charset=us-ascii\r\n\r\nDoes end.\r\n\r\n--simple boundary--\r\nEpilogue";
    is(text, &["Does not end.", "Does end.\r\n"], &[]);
    // Lines of the content that begin alike, empty parts, LF alone.
    is(b"--b\nContent-Type: a/b\n\n--bb\n--b \nContent-Type: a/b\n\n\n--b--", &["--bb", ""], &[]);
}

#[test]
fn a_part_that_tells_its_length_may_hold_anything() {
    let text = b"--frame\r\nContent-Type: a/b\r\nContent-Length: 8\r\n\r\n--frame\n\r\n--frame\r\nContent-Length: \
            0\r\n\r\n\r\n--frame--\r\n";
    is(text, &["--frame\n", ""], &[]);
}

#[test]
fn ends_that_are_none() {
    let one = b"--b\r\nContent-Type: a/b\r\n\r\nx\r\n";
    is(one, &["x\r\n"], &[multipart::NO_CLOSE]);
    is(b"--b\r\nContent-Type: a/b\r\n\r\nx\r\n--b\r\nContent-Ty", &["x"], &[multipart::NO_CLOSE]);
}

#[test]
fn text_with_dashes_is_text() {
    for text in
        ["---\ntitle: x\n\nbody", "-- a comment\nselect 1;\n\n", "--", "--b\n\nContent-Type: a/b\n\n", "- one\n- two\n"]
    {
        assert_eq!(body(Some("text/plain"), text.as_bytes()).framing, Some(Framing::Text), "{text}");
    }
}
