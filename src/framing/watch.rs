//! Reads text line by line for signs that it is a stream after all: an SSE block, JSON lines. Only the first
//! 64 KiB of a body pass through here.

use super::Framing;

/// How the current line begins, as far as known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// Nothing yet, or the beginning of a name: the bytes so far are in `Watch::name`.
    Begins,
    /// `data:`.
    Data,
    /// Another field of SSE with its colon, or a comment.
    Field,
    /// `{`.
    Object,
    /// Anything else.
    Other,
}

/// The lines so far.
#[derive(Debug)]
pub(super) struct Watch {
    /// The header says SSE: one field line is enough.
    sse_declared: bool,
    /// JSON lines in a row that prove NDJSON.
    json_lines: u32,
    line: Line,
    name: [u8; 6],
    len: usize,
    last: u8,
    after_cr: bool,
    /// Every line since the blank line is a field or comment.
    block_clean: bool,
    block_has_data: bool,
    json_run: u32,
}

impl Watch {
    /// Starts at the beginning of a line.
    pub(super) fn new(sse_declared: bool, ndjson_declared: bool) -> Self {
        Watch {
            sse_declared,
            json_lines: if ndjson_declared { 1 } else { 2 },
            line: Line::Begins,
            name: [0; 6],
            len: 0,
            last: 0,
            after_cr: false,
            block_clean: true,
            block_has_data: false,
            json_run: 0,
        }
    }

    /// The next byte is in the middle of a line.
    pub(super) fn lose_line(&mut self) {
        self.line = Line::Other;
        self.block_clean = false;
        self.json_run = 0;
    }

    /// The next byte; returns the framing once the body shows it.
    pub(super) fn byte(&mut self, b: u8) -> Option<Framing> {
        let behind_cr = std::mem::replace(&mut self.after_cr, b == b'\r');
        match b {
            b'\n' if behind_cr => None,
            b'\n' | b'\r' => self.line_end(),
            _ => {
                if self.line == Line::Begins {
                    self.begin(b);
                }
                if b != b' ' && b != b'\t' {
                    self.last = b;
                }
                let field = matches!(self.line, Line::Data | Line::Field);
                (field && self.sse_declared && b == b':').then_some(Framing::Sse)
            }
        }
    }

    fn begin(&mut self, b: u8) {
        if let Some(slot) = self.name.get_mut(self.len) {
            // If it is declared an event stream, it is one even with misspelled field names, so that they can
            // be reported.
            *slot = if self.sse_declared { b.to_ascii_lowercase() } else { b };
        }
        self.len += 1;
        let name = self.name.get(..self.len).unwrap_or_default();
        self.line = match name {
            b"data:" => Line::Data,
            b":" | b"event:" | b"id:" | b"retry:" => Line::Field,
            b"{" => Line::Object,
            _ if [&b"data:"[..], b"event:", b"id:", b"retry:"]
                .iter()
                .any(|n| n.starts_with(name) && !name.is_empty()) =>
            {
                Line::Begins
            }
            _ => Line::Other,
        };
    }

    fn line_end(&mut self) -> Option<Framing> {
        let (line, len, last) = (self.line, self.len, self.last);
        (self.line, self.len, self.last) = (Line::Begins, 0, 0);
        match line {
            Line::Begins if len == 0 => {
                let dispatched = self.block_clean && self.block_has_data;
                (self.block_clean, self.block_has_data) = (true, false);
                return dispatched.then_some(Framing::Sse);
            }
            Line::Data => self.block_has_data = true,
            Line::Field => {}
            Line::Object | Line::Other | Line::Begins => self.block_clean = false,
        }
        self.json_run = if line == Line::Object && last == b'}' { self.json_run + 1 } else { 0 };
        (self.json_run >= self.json_lines).then_some(Framing::Ndjson)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> Option<Framing> {
        let mut watch = Watch::new(false, false);
        text.bytes().find_map(|b| watch.byte(b))
    }

    #[test]
    fn a_whole_block_is_needed_where_nothing_is_declared() {
        assert_eq!(seen("junk\n\ndata: a\n"), None);
        assert_eq!(seen("junk\n\ndata: a\n\n"), Some(Framing::Sse));
        assert_eq!(seen("junk\r\n\r\nevent: x\r\ndata: a\r\n\r\n"), Some(Framing::Sse));
        assert_eq!(seen("a: b\ndata: x\n\n"), None);
        let mut declared = Watch::new(true, false);
        assert_eq!(b"junk\nid:".iter().find_map(|b| declared.byte(*b)), Some(Framing::Sse));
        let mut misspelled = Watch::new(true, false);
        assert_eq!(b"Data: a".iter().find_map(|b| misspelled.byte(*b)), Some(Framing::Sse));
        assert_eq!(seen("Data: a\n\nData: b\n\n"), None);
    }

    #[test]
    fn two_json_lines_in_a_row() {
        assert_eq!(seen("junk\n{\"a\":1}\n"), None);
        assert_eq!(seen("junk\n{\"a\":1}\n{\"b\":\n{\"c\":2}\n"), None);
        assert_eq!(seen("junk\n{\"a\":1}\r\n{\"b\":2} \r\n"), Some(Framing::Ndjson));
    }
}
