//! One line of an event stream: which field it is (WHATWG HTML, section 9.2.6), and what is odd about its name and
//! its value.

use super::{BOM_INSIDE, FIELD_NAME_CASE, NOT_A_FIELD_LINE, UNKNOWN_FIELD};
use crate::oddity::Kind;
use memchr::{memchr, memchr2, memchr3_iter};

/// Maximum of bytes of an `event` or `id` that are kept.
const MAX_NAME: usize = 64 << 10;

/// A field with a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Data,
    Event,
    Id,
    Retry,
}

/// A line without its end, never blank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// Begins with a colon; its text follows.
    Comment,
    /// A field whose value begins at this index.
    Field {
        /// Which field.
        field: Field,
        /// Index of the value, after the colon and at most one space.
        value: usize,
        /// The line has a colon.
        colon: bool,
    },
    /// Ignored by the standard.
    Other(Kind),
}

impl Line {
    pub(super) fn read(line: &[u8]) -> Line {
        if line.starts_with(b"data:") {
            return Line::Field { field: Field::Data, value: value_at(line, 5), colon: true };
        }
        if line.starts_with(b":") {
            return Line::Comment;
        }
        let colon = memchr(b':', line);
        let name = line.get(..colon.unwrap_or(line.len())).unwrap_or_default();
        let field = match name {
            b"data" => Field::Data,
            b"event" => Field::Event,
            b"id" => Field::Id,
            b"retry" => Field::Retry,
            _ => return Line::Other(oddness(name, colon.is_some())),
        };
        let value = colon.map_or(line.len(), |c| value_at(line, c + 1));
        Line::Field { field, value, colon: colon.is_some() }
    }
}

/// Exactly one space after the colon is not part of the value.
fn value_at(line: &[u8], behind_colon: usize) -> usize {
    behind_colon + usize::from(line.get(behind_colon) == Some(&b' '))
}

fn oddness(name: &[u8], colon: bool) -> Kind {
    let bare = name.trim_ascii();
    let known = [&b"data"[..], b"event", b"id", b"retry"].iter().any(|k| k.eq_ignore_ascii_case(bare));
    if name.starts_with(b"\xef\xbb\xbf") {
        BOM_INSIDE
    } else if known {
        FIELD_NAME_CASE
    } else if colon
        && !name.is_empty()
        && name.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    {
        UNKNOWN_FIELD
    } else {
        NOT_A_FIELD_LINE
    }
}

/// The first character that other line splitters take for a line end.
pub(super) fn line_separator(data: &[u8]) -> Option<usize> {
    let control = memchr2(0x0b, 0x0c, data);
    // U+2028 and U+2029 are E2 80 A8 and A9, U+0085 is C2 85.
    let wide = memchr3_iter(0xa8, 0xa9, 0x85, data).find_map(|n| match data[n] {
        0x85 => data.get(..n)?.ends_with(b"\xc2").then(|| n - 1),
        _ => data.get(..n)?.ends_with(b"\xe2\x80").then(|| n - 2),
    });
    control.into_iter().chain(wide).min()
}

/// Keeps the value of an `event` or `id`.
pub(super) fn set(target: &mut String, text: &[u8]) {
    target.clear();
    target.push_str(&String::from_utf8_lossy(text.get(..text.len().min(MAX_NAME)).unwrap_or_default()));
}
