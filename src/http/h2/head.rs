//! Field blocks as heads: pseudo-header fields taken out (RFC 9113 section 8.3), the rest kept in order.

use super::hpack::Field;
use crate::http::event::{Fields, RequestHead, ResponseHead, Transfer, Version};
use crate::time::Timestamp;

const UNKNOWN: &[u8] = Fields::UNREAD;

/// A decoded field block.
pub(in crate::http) struct Block {
    pub(super) fields: Vec<Field>,
    /// Time of the first byte of its HEADERS frame.
    pub(super) first_at: Timestamp,
}

impl Block {
    /// Parses the lines that [`Block::list`] wrote.
    pub(super) fn of_lines(raw: &[u8], first_at: Timestamp) -> Block {
        let mut fields = Vec::new();
        let mut rest = raw;
        while let Some(end) = memchr::memmem::find(rest, b"\r\n").filter(|end| *end > 0) {
            let line = &rest[..end];
            rest = &rest[end + 2..];
            // The colon of a pseudo-header field's name is its first byte.
            let colon = line.iter().skip(1).position(|b| *b == b':').map_or(line.len(), |at| at + 1);
            let (name, value) = (&line[..colon], line.get(colon + 2..).unwrap_or_default());
            let known = |part: &[u8]| part != UNKNOWN;
            fields.push(Field {
                name: name.to_vec(),
                value: value.to_vec(),
                unknown_name: !known(name),
                unknown_value: !known(value),
            });
        }
        Block { fields, first_at }
    }

    /// Value of a pseudo-header field; `?` if the field exists and its value is unknown.
    fn pseudo(&self, name: &str) -> Option<String> {
        let field = self.fields.iter().find(|f| f.name == name.as_bytes())?;
        Some(String::from_utf8_lossy(if field.unknown_value { UNKNOWN } else { &field.value }).into_owned())
    }

    /// The first field is, or may be, a pseudo-header field: those come first in every head and never in
    /// trailers (section 8.3).
    pub(super) fn starts_a_message(&self) -> bool {
        self.fields.first().is_some_and(|f| f.unknown_name || f.name.starts_with(b":"))
    }

    /// More fields followed that could not be read.
    pub(super) fn push_unread(&mut self) {
        self.fields.push(Field { name: Vec::new(), value: Vec::new(), unknown_name: true, unknown_value: true });
    }

    pub(super) fn has_unknown(&self) -> bool {
        self.fields.iter().any(|f| f.unknown_name || f.unknown_value)
    }

    pub(in crate::http) fn request(&self, stream: u32, ended: bool) -> RequestHead {
        let fields = self.list();
        RequestHead {
            first_at: self.first_at,
            method: self.pseudo(":method").unwrap_or_else(|| "?".into()),
            target: self.pseudo(":path").or_else(|| self.pseudo(":authority")).unwrap_or_else(|| "?".into()),
            version: Version::H2,
            scheme: self.pseudo(":scheme"),
            authority: self.pseudo(":authority").or_else(|| fields.text("host")),
            transfer: if ended { Transfer::None } else { Transfer::H2 },
            h2_stream: Some(stream),
            fields,
        }
    }

    pub(in crate::http) fn response(&self, stream: u32, ended: bool) -> ResponseHead {
        ResponseHead {
            first_at: self.first_at,
            status: self.pseudo(":status").and_then(|s| s.parse().ok()).unwrap_or(0),
            reason: Vec::new(),
            version: Version::H2,
            transfer: if ended { Transfer::None } else { Transfer::H2 },
            h2_stream: Some(stream),
            fields: self.list(),
        }
    }

    /// Every field as a `name: value` line. Pseudo-header fields are in the raw text but not in the list.
    pub(in crate::http) fn list(&self) -> Fields {
        let (mut raw, mut list) = (Vec::new(), Vec::new());
        for field in &self.fields {
            let name = if field.unknown_name { UNKNOWN } else { &field.name };
            let value = if field.unknown_value { UNKNOWN } else { &field.value };
            let start = raw.len() as u32;
            raw.extend_from_slice(name);
            let name_end = raw.len() as u32;
            raw.extend_from_slice(b": ");
            let value_start = raw.len() as u32;
            raw.extend_from_slice(value);
            let end = raw.len() as u32;
            raw.extend_from_slice(b"\r\n");
            if !name.starts_with(b":") {
                list.push((start..name_end, value_start..end));
            }
        }
        raw.extend_from_slice(b"\r\n");
        Fields::new(raw, list)
    }
}
