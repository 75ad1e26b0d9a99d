//! Decodes content codings as the bytes arrive, so that a record has the time of the packet that completed
//! it.
//!
//! To add a coding: one file, one arm in `Decoder::new`.

mod br;
mod coding;
mod deflate;
mod dictionary;
mod gzip;
mod magic;
mod zstd;

#[cfg(test)]
mod tests;

use crate::oddity::{Kind, Oddity, excerpt};
use crate::time::Timestamp;
use coding::{Coding, Stage};
use magic::Magic;

/// An unknown coding: it, and the codings under it, are not decoded.
pub const UNKNOWN: Kind = Kind("body.unknown-coding");
/// The body is coded with a dictionary that is not here (dcb, dcz): it may be in order, and is not decoded.
pub const NEEDS_DICTIONARY: Kind = Kind("body.needs-dictionary");
/// A body that does not start as its declared coding does: it is read as not coded.
pub const NOT_CODED: Kind = Kind("body.not-coded");
/// The coded data is damaged; what follows can't be decoded.
pub const BROKEN: Kind = Kind("body.broken");
/// The decoded body begins as coded data does, and no (further) coding is declared: its name, and the bytes.
pub const UNDECLARED: Kind = Kind("body.undeclared-coding");
/// The body begins as gzip or zstd does after something took it for text: each byte that is not UTF-8 became U+FFFD.
pub const CODED_AS_TEXT: Kind = Kind("body.coded-as-text");
/// Bytes after the end of the coding.
pub const TRAILING: Kind = Kind("body.trailing");
/// The body ends before the coding does.
pub const INCOMPLETE: Kind = Kind("body.incomplete");
/// Far more output than a body of this length may have; what follows is not decoded.
pub const BOMB: Kind = Kind("body.bomb");
/// Missing bytes inside a coded body; what follows can't be decoded.
pub const GAP: Kind = Kind("body.gap");
/// Bytes that were not decoded; the text has their number.
pub const DROPPED: Kind = Kind("body.dropped");

/// Codings of one body that are decoded; real senders apply fewer.
const MAX_CODINGS: usize = 8;

/// Decoded bytes that one delivery made available.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Time of the delivery.
    pub at: Timestamp,
    /// Packet of the delivery; 0 without packets.
    pub frame: u64,
    /// Decoded bytes. Never empty.
    pub bytes: &'a [u8],
}

/// Decodes the codings of one body.
#[derive(Debug)]
pub struct Decoder {
    /// The coding applied last comes first.
    stages: Vec<Stage>,
    unknown: Option<String>,
    /// What the decoded body begins with.
    magic: Magic,
}

impl Decoder {
    /// For a `Content-Encoding` value as sent (a list, in the order of application; none: identity).
    pub fn new(content_encoding: Option<&str>) -> Self {
        let mut decoder = Decoder { stages: Vec::new(), unknown: None, magic: Magic::default() };
        for name in content_encoding.unwrap_or_default().rsplit(',').map(str::trim) {
            let coding: Box<dyn Coding> = match name.to_ascii_lowercase().as_str() {
                "" | "identity" => continue,
                "gzip" | "x-gzip" if decoder.has_room() => Box::new(gzip::Gzip::new()),
                "deflate" | "x-deflate" if decoder.has_room() => Box::new(deflate::Deflate::new()),
                "br" if decoder.has_room() => Box::new(br::Br::new()),
                "zstd" if decoder.has_room() => Box::new(zstd::Zstd::new()),
                "dcb" if decoder.has_room() => Box::new(dictionary::Dictionary::brotli()),
                "dcz" if decoder.has_room() => Box::new(dictionary::Dictionary::zstd()),
                _ => {
                    // The codings under an unknown one can't be decoded.
                    decoder.unknown = Some(excerpt(name.as_bytes()));
                    break;
                }
            };
            decoder.stages.push(Stage::new(coding));
        }
        decoder
    }

    /// No coding: `push` passes the bytes through, and decoded offsets and hashes equal those of the wire
    /// body.
    pub fn is_identity(&self) -> bool {
        self.stages.is_empty()
    }

    /// The coding that was applied last needs a dictionary that is not here: nothing is decoded.
    pub fn is_locked(&self) -> bool {
        self.stages.first().is_some_and(Stage::is_locked)
    }

    /// The next bytes of the wire body. All that can be decoded from them is emitted at once, in pieces of at
    /// most 32 KiB.
    pub fn push(
        &mut self,
        at: Timestamp,
        frame: u64,
        bytes: &[u8],
        sink: &mut dyn FnMut(Piece<'_>),
        odd: &mut dyn FnMut(Oddity),
    ) {
        self.say_unknown(at, odd);
        let magic = &mut self.magic;
        let mut sink = |bytes: &[u8]| {
            if !bytes.is_empty() {
                magic.push(bytes);
                sink(Piece { at, frame, bytes });
            }
        };
        run(&mut self.stages, true, at, bytes, &mut sink, odd);
        if let Some((kind, found)) = self.magic.found() {
            odd(Oddity::new(kind, at, found));
        }
    }

    /// Bytes are missing: a coded body can't be decoded beyond this point; an identity body continues.
    pub fn gap(&mut self, at: Timestamp, odd: &mut dyn FnMut(Oddity)) {
        if let Some(outermost) = self.stages.iter_mut().find(|stage| !stage.is_passing()) {
            outermost.gap(&mut said(true, at, odd));
        }
    }

    /// No more bytes: a coding that has not ended is an oddity.
    pub fn finish(&mut self, at: Timestamp, odd: &mut dyn FnMut(Oddity)) {
        self.say_unknown(at, odd);
        for (n, stage) in self.stages.iter_mut().enumerate() {
            stage.finish(&mut said(n == 0, at, odd));
        }
    }

    /// Bytes of memory in use, about.
    pub fn held(&self) -> usize {
        self.stages.iter().map(Stage::held).sum()
    }

    fn has_room(&self) -> bool {
        self.stages.len() < MAX_CODINGS
    }

    fn say_unknown(&mut self, at: Timestamp, odd: &mut dyn FnMut(Oddity)) {
        if let Some(name) = self.unknown.take() {
            odd(Oddity::new(UNKNOWN, at, name));
        }
    }
}

/// Passes bytes through all stages; only the outermost one's offsets are those of the wire body.
fn run(
    stages: &mut [Stage],
    outer: bool,
    at: Timestamp,
    bytes: &[u8],
    sink: &mut dyn FnMut(&[u8]),
    odd: &mut dyn FnMut(Oddity),
) {
    let Some((first, rest)) = stages.split_first_mut() else { return sink(bytes) };
    // Both the stage and the stages after it report: each gets the sink for oddities in turn.
    let odd = std::cell::RefCell::new(odd);
    first.push(
        bytes,
        &mut |bytes| run(rest, false, at, bytes, sink, &mut |oddity| (odd.borrow_mut())(oddity)),
        &mut said(outer, at, &mut |oddity| (odd.borrow_mut())(oddity)),
    );
}

fn said<'a>(outer: bool, at: Timestamp, odd: &'a mut dyn FnMut(Oddity)) -> impl FnMut(Kind, u64, String) + 'a {
    move |kind, offset, found| {
        let oddity = Oddity::new(kind, at, found);
        odd(if outer { oddity.offset(offset) } else { oddity });
    }
}
