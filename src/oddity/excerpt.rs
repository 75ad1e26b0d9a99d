//! Excerpts: a few bytes around the place of an oddity, made printable while they are available, so that a
//! report can show them later.

use super::printable;

/// Most bytes shown before the mark.
const BEFORE: usize = 40;
/// Most bytes shown from the mark on.
const AFTER: usize = 100;

/// One line of captured bytes with a mark in it.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Excerpt {
    /// Where the bytes are from.
    pub of: Of,
    /// Offset of the first marked byte in the decoded body (of a head or trailers: in that section).
    pub offset: u64,
    /// The text before the mark on its line, printable; begins with `…` if it was cut.
    pub before: String,
    /// The offending bytes, printable; empty if something is missing between `before` and `after`.
    pub marked: String,
    /// The text after the mark on its line; ends with `…` if it was cut.
    pub after: String,
}

/// The source of an excerpt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Of {
    /// The decoded body of the response.
    #[default]
    Body,
    /// The head of the response.
    Head,
    /// The trailer section of the response.
    Trailers,
}

impl Excerpt {
    /// An excerpt of `bytes`, which begin at offset `start`, with `len` bytes marked from index `at` on. Its
    /// line is that of the first marked byte.
    pub fn around(bytes: &[u8], start: u64, at: usize, len: usize) -> Excerpt {
        let at = at.min(bytes.len());
        let line = bytes[..at].iter().rposition(|&b| b == b'\n').map_or(0, |i| i + 1);
        let begin = character(bytes, line.max(at.saturating_sub(BEFORE)));
        let stop = character(bytes, bytes.len().min(at + AFTER));
        // A marked line end is shown; otherwise the line stops before it.
        let end =
            bytes[at..stop].iter().skip(len.max(1)).position(|&b| b == b'\n').map_or(stop, |i| at + i + len.max(1));
        let mark_end = at.saturating_add(len).min(end).max(at);
        let cut = |is: bool| if is { "…" } else { "" };
        Excerpt {
            of: Of::Body,
            offset: start.saturating_add(at as u64),
            before: format!("{}{}", cut(begin > line), printable(&bytes[begin.min(at)..at])),
            marked: printable(&bytes[at..mark_end]),
            after: format!("{}{}", printable(&bytes[mark_end..end]), cut(end == stop && stop < bytes.len())),
        }
    }

    /// An excerpt of the field `name` in a head as sent (`raw`) with its value marked; `None` if the head has
    /// no such line.
    pub fn of_field(raw: &[u8], name: &str) -> Option<Excerpt> {
        let mut line_start = 0;
        for line in raw.split_inclusive(|&b| b == b'\n') {
            let (field, value) =
                line.iter().position(|&b| b == b':').map_or((line, 0), |colon| (&line[..colon], colon + 1));
            if value > 0 && field.eq_ignore_ascii_case(name.as_bytes()) {
                let from = value + line[value..].iter().take_while(|b| b.is_ascii_whitespace()).count();
                let len = line[from.min(line.len())..].trim_ascii_end().len();
                let text = line.trim_ascii_end();
                return Some(Excerpt { of: Of::Head, ..Excerpt::around(text, line_start, from.min(text.len()), len) });
            }
            line_start += line.len() as u64;
        }
        None
    }
}

/// The first index from `i` on that does not cut a UTF-8 character.
fn character(bytes: &[u8], i: usize) -> usize {
    let continued = bytes.get(i..).unwrap_or_default().iter().take(3).take_while(|b| **b & 0xc0 == 0x80).count();
    i + continued
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parts(e: &Excerpt) -> (u64, &str, &str, &str) {
        (e.offset, &e.before, &e.marked, &e.after)
    }

    #[test]
    fn the_line_around_the_mark() {
        let body = b"data: {\"a\":1}\n\ndata:{\"id\":\"x\"}\n\n";
        assert_eq!(parts(&Excerpt::around(body, 0, 15, 5)), (15, "", "data:", "{\"id\":\"x\"}"));
        assert_eq!(parts(&Excerpt::around(body, 100, 21, 4)), (121, "data:{", "\"id\"", ":\"x\"}"));
        assert_eq!(parts(&Excerpt::around(body, 0, 14, 1)), (14, "", "\\n", "data:{\"id\":\"x\"}"));
        assert_eq!(parts(&Excerpt::around(body, 0, body.len(), 0)), (32, "", "", ""));
    }

    #[test]
    fn long_lines_are_cut_on_both_sides_between_characters() {
        let body = "✓".repeat(200);
        let e = Excerpt::around(body.as_bytes(), 0, 300, 3);
        assert!(e.before.starts_with('…') && e.after.ends_with('…'), "{e:?}");
        assert_eq!(e.marked, "✓");
        assert!(!e.before.contains("\\x") && !e.after.contains("\\x"), "{e:?}");
    }

    #[test]
    fn bytes_that_are_no_text_are_spelled_out() {
        assert_eq!(parts(&Excerpt::around(b"a\xffb", 0, 1, 1)), (1, "a", "\\xff", "b"));
    }

    #[test]
    fn a_field_of_a_head() {
        let raw = b"HTTP/1.1 200 OK\r\nServer: x\r\ncontent-type:  text/plain \r\n\r\n";
        let e = Excerpt::of_field(raw, "Content-Type").unwrap();
        assert_eq!((e.of, parts(&e)), (Of::Head, (43, "content-type:  ", "text/plain", "")));
        assert_eq!(Excerpt::of_field(raw, "nothing"), None);
        assert_eq!(Excerpt::of_field(b"X:\r\n", "x").unwrap().marked, "");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_and_places(bytes: Vec<u8>, at: usize, len: usize) {
            let e = Excerpt::around(&bytes, u64::MAX - 3, at % 300, len % 300);
            proptest::prop_assert!(e.marked.chars().count() <= 4 * AFTER + 8);
        }
    }
}
