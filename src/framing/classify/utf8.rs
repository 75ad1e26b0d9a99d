//! Decides whether bytes are text: counts what is not UTF-8, and controls that text does not contain.

/// Counts that do not depend on cuts.
#[derive(Debug, Default)]
pub(super) struct Utf8 {
    seen: u32,
    invalid: u32,
    /// Continuation bytes still expected.
    due: u8,
}

impl Utf8 {
    /// The next byte; true if the bytes can't be text any more.
    pub(super) fn byte(&mut self, b: u8) -> bool {
        self.seen += 1;
        let continues = (0x80..=0xbf).contains(&b);
        if self.due > 0 && continues {
            self.due -= 1;
            return false;
        }
        let cut_short = std::mem::take(&mut self.due) > 0;
        let wrong = match b {
            0xc2..=0xdf => self.owe(1),
            0xe0..=0xef => self.owe(2),
            0xf0..=0xf4 => self.owe(3),
            0x80.. => true,
            _ => false,
        };
        if cut_short || wrong {
            self.invalid += 1;
            return self.invalid >= 4 && self.invalid.saturating_mul(4) > self.seen;
        }
        // BEL to CR and ESC occur in text (logs, colours); the other controls don't.
        b < 0x20 && !(0x07..=0x0d).contains(&b) && b != 0x1b && b != 0x1e
    }

    /// A quarter or more of a short body is not UTF-8.
    pub(super) fn mostly_invalid_at_end(&self) -> bool {
        self.invalid > 0 && self.invalid.saturating_mul(4) >= self.seen
    }

    fn owe(&mut self, due: u8) -> bool {
        self.due = due;
        false
    }
}
