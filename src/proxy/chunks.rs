//! Finds the end of a chunked body (RFC 9112 section 7.1) and keeps nothing of it.

/// A place inside a chunked body. The default is its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunks {
    /// In a size line: the size so far, and whether its digits are over.
    Size { size: u64, digits_over: bool },
    /// Bytes left of a chunk and of the line end after it.
    Data(u64),
    /// In the trailer section, at the start of a line or inside one.
    Trailer { line_is_empty: bool },
}

impl Default for Chunks {
    fn default() -> Chunks {
        Chunks::Size { size: 0, digits_over: false }
    }
}

impl Chunks {
    /// Reads `bytes` as far as this body reaches: bytes used, and the place reached; none if the body is over.
    pub(super) fn walk(mut self, bytes: &[u8]) -> Result<(usize, Option<Chunks>), &'static str> {
        let mut at = 0;
        while at < bytes.len() {
            match &mut self {
                Chunks::Data(left) => {
                    let n = (*left).min((bytes.len() - at) as u64);
                    *left -= n;
                    at += n as usize;
                    if *left == 0 {
                        self = Chunks::default();
                    }
                    continue;
                }
                Chunks::Size { size, digits_over } => match (bytes[at], *digits_over) {
                    (b'\n', _) if *size == 0 => self = Chunks::Trailer { line_is_empty: true },
                    (b'\n', _) => self = Chunks::Data(size.saturating_add(2)),
                    (byte, false) => match char::from(byte).to_digit(16) {
                        Some(digit) if *size >> 56 == 0 => *size = *size << 4 | u64::from(digit),
                        Some(_) => return Err("a chunk is too long"),
                        None => *digits_over = true,
                    },
                    (_, true) => {}
                },
                Chunks::Trailer { line_is_empty } => match bytes[at] {
                    b'\n' if *line_is_empty => return Ok((at + 1, None)),
                    b'\n' => *line_is_empty = true,
                    b'\r' => {}
                    _ => *line_is_empty = false,
                },
            }
            at += 1;
        }
        Ok((at, Some(self)))
    }
}
