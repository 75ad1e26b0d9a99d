//! Which line ends a body uses, and a CR whose LF may still come.

use super::{CR, CRLF, LINE_ENDS};
use crate::framing::{Framed, Sink};
use crate::oddity::{Kind, Oddity};
use crate::time::Timestamp;

/// One line end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Lf,
    CrLf,
    Cr,
    /// CR as the last byte of a piece: the next byte decides.
    Open,
}

/// A CR whose LF may still come.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    blank: bool,
    at: Timestamp,
    offset: u64,
}

/// The line ends so far.
#[derive(Debug, Default)]
pub(super) struct LineEnds {
    lf: bool,
    crlf: bool,
    cr: bool,
    mixed: bool,
    last_was_crlf: bool,
    /// Blank lines ended in CRLF; `None` before the first.
    blank_was_crlf: Option<bool>,
    open: Option<Waiting>,
}

impl LineEnds {
    /// The last byte was a CR.
    pub(super) fn behind_cr(&self) -> bool {
        self.open.is_some()
    }

    /// Whether the line end has two bytes; if the second may still come, as the lines before suggest.
    pub(super) fn is_wide(&self, end: End) -> bool {
        end == End::CrLf || end == End::Open && self.blank_was_crlf.unwrap_or(self.last_was_crlf)
    }

    /// A line end whose first byte is at `offset`, and whether the line is blank.
    pub(super) fn note(&mut self, end: End, blank: bool, at: Timestamp, offset: u64, sink: &mut Sink<'_>) {
        match end {
            End::Open => {
                self.open = Some(Waiting { blank, at, offset });
                return;
            }
            End::Lf => self.lf = true,
            End::CrLf if !self.crlf => {
                self.crlf = true;
                say(CRLF, at, offset, sink);
            }
            End::Cr if !self.cr => {
                self.cr = true;
                say(CR, at, offset, sink);
            }
            End::CrLf | End::Cr => {}
        }
        self.last_was_crlf = end == End::CrLf;
        if blank {
            self.blank_was_crlf = Some(self.last_was_crlf);
        }
        if !self.mixed && u8::from(self.lf) + u8::from(self.crlf) + u8::from(self.cr) > 1 {
            self.mixed = true;
            say(LINE_ENDS, at, offset, sink);
        }
    }

    /// The byte after an open CR has arrived; is it LF?
    pub(super) fn settle_cr(&mut self, lf: bool, sink: &mut Sink<'_>) {
        if let Some(Waiting { blank, at, offset }) = self.open.take() {
            self.note(if lf { End::CrLf } else { End::Cr }, blank, at, offset, sink);
        }
    }

    /// The byte after an open CR is missing.
    pub(super) fn forget_cr(&mut self) {
        self.open = None;
    }
}

fn say(kind: Kind, at: Timestamp, offset: u64, sink: &mut Sink<'_>) {
    let found = match kind {
        CRLF => "CRLF",
        CR => "CR",
        _ => "not the line end of earlier lines",
    };
    sink(Framed::Oddity(Oddity::new(kind, at, found).offset(offset)));
}
