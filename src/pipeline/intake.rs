//! Takes in one message body: deliveries, bytes, hashes, content coding.

use super::BodyPart;
use crate::body::{BOMB, Decoder, Piece};
use crate::conn::Stamp;
use crate::exchange::{Body, PieceInfo};
use crate::oddity::{Oddities, Oddity};
use sha2::{Digest, Sha256};

/// The open transfer unit.
#[derive(Clone, Copy)]
struct Unit {
    n: u64,
    /// Declared bytes that have not come yet; wrong once bytes are missing.
    left: u64,
    declared: u64,
    /// Its size line was kept.
    line: bool,
    empty: bool,
}

/// Longest gap in bytes (1 TiB); a longer one is stored with unknown length.
const MAX_GAP: u64 = 1 << 40;

/// Bytes of memory of a unit's line in addition to its own.
const LINE: usize = 48;
/// Decoded bytes above which a body may not be more than [`MOST_TIMES`] the size of what was sent.
const SLACK: u64 = 16 << 20;
/// Decoded bytes for each byte that was sent, at most. Deflate reaches 1032, which no text does.
const MOST_TIMES: u64 = 1000;

/// Takes the wire body in and gives the decoded body out.
pub(super) struct Intake {
    pub(super) body: Body,
    decoder: Decoder,
    /// [`super::Config::contents`]
    contents: bool,
    /// The wire bytes are hashed even if nothing else of them is kept: a request is recognised by its bytes.
    hashed: bool,
    /// Hash of the wire bytes emitted so far; bytes in `body` are added when they are emitted, so that the
    /// hash gets long runs.
    wire_hash: Sha256,
    /// Hash of the decoded bytes; `None` while they equal the wire bytes.
    decoded_hash: Option<Sha256>,
    offset: u64,
    unit: Option<Unit>,
    units: u64,
    holes: bool,
    /// It decodes to more than [`MOST_TIMES`] its size.
    swollen: bool,
    /// Bytes of `body.unit_lines`.
    lines: usize,
}

impl Intake {
    pub(super) fn new(content_encoding: Option<&str>, contents: bool) -> Self {
        let decoder = Decoder::new(content_encoding);
        let decoded_hash = (contents && !decoder.is_identity()).then(Sha256::new);
        let (body, wire_hash) = (Body::default(), Sha256::new());
        Intake {
            body,
            decoder,
            contents,
            hashed: contents,
            wire_hash,
            decoded_hash,
            offset: 0,
            unit: None,
            units: 0,
            holes: false,
            swollen: false,
            lines: 0,
        }
    }

    /// The same, with a hash of the wire bytes in any case.
    pub(super) fn hashed(self) -> Self {
        Intake { hashed: true, ..self }
    }

    /// Whether no bytes, gaps or units came.
    pub(super) fn is_untouched(&self) -> bool {
        self.body.wire_bytes == 0 && self.units == 0 && !self.holes
    }

    pub(super) fn unit_start(&mut self, len: u64, line: &[u8]) {
        let n = self.units;
        let keep = self.contents && !line.is_empty();
        self.unit = Some(Unit { n, left: len, declared: len, line: keep, empty: true });
        self.units += 1;
        self.body.units = Some(self.units);
        if keep {
            self.body.unit_lines.push((n, line.to_vec()));
            self.lines += line.len() + LINE;
        }
    }

    /// Begin the unit of the next bytes.
    pub(super) fn current_unit(&self) -> u64 {
        self.unit.as_ref().map_or(self.units, |u| u.n)
    }

    /// An empty unit (HTTP/2 allows it) is also a delivery, without bytes.
    pub(super) fn unit_end(&mut self, stamp: Stamp) {
        if self.contents && self.unit.is_some_and(|u| u.empty) {
            self.note_piece(stamp, 0, false);
        }
        self.unit = None;
    }

    /// Bytes of memory in use, about.
    pub(super) fn held(&self) -> usize {
        let Body { pieces, bytes, .. } = &self.body;
        bytes.capacity() + pieces.capacity() * size_of::<PieceInfo>() + self.lines + self.decoder.held()
    }

    /// The next wire bytes; `sink` gets what they decode to, and whether that is too much to be kept.
    pub(super) fn data(
        &mut self,
        stamp: Stamp,
        bytes: &[u8],
        oddities: &mut Oddities,
        sink: &mut dyn FnMut(Piece<'_>, bool),
    ) {
        let len = bytes.len() as u64;
        self.body.first_at.get_or_insert(stamp.at);
        self.body.wire_bytes += len;
        self.body.arrival.push(stamp.at, stamp.frame, bytes);
        if let Some(unit) = &mut self.unit {
            unit.left = unit.left.saturating_sub(len);
        }
        if self.contents {
            self.note_piece(stamp, len, false);
            self.body.bytes.extend_from_slice(bytes);
        } else {
            self.unit_of_delivery();
            if self.hashed {
                self.wire_hash.update(bytes);
            }
        }
        let Intake { decoder, decoded_hash, body, swollen, .. } = self;
        let before = *swollen;
        let mut pass = |piece: Piece<'_>| {
            body.decoded_bytes += piece.bytes.len() as u64;
            *swollen |= body.decoded_bytes > SLACK && body.decoded_bytes / MOST_TIMES > body.wire_bytes;
            if let Some(hash) = decoded_hash {
                hash.update(piece.bytes);
            }
            sink(piece, *swollen);
        };
        decoder.push(stamp.at, stamp.frame, bytes, &mut pass, &mut |o| oddities.push(o));
        if *swollen && !before {
            let found = format!("over {MOST_TIMES} bytes from each that was sent; later records are counted, not kept");
            oddities.push(Oddity::new(BOMB, stamp.at, found).offset(body.wire_bytes));
        }
    }

    /// Take note of bytes that were not captured.
    pub(super) fn gap(&mut self, stamp: Stamp, len: Option<u64>, oddities: &mut Oddities) {
        self.holes = true;
        if self.contents {
            self.note_piece(stamp, len.filter(|n| *n <= MAX_GAP).unwrap_or(0), true);
        } else {
            self.unit_of_delivery();
        }
        self.decoder.gap(stamp.at, &mut |o| oddities.push(o));
    }

    /// No more bytes: the hashes are known unless bytes are missing.
    pub(super) fn finish(&mut self, stamp: Stamp, oddities: &mut Oddities) {
        self.decoder.finish(stamp.at, &mut |o| oddities.push(o));
        // The declared size of a cut unit is only in its size line.
        if let Some(Unit { n, left: 1.., declared, line: false, .. }) = self.unit.take().filter(|_| self.contents) {
            self.body.unit_lines.push((n, format!("{declared:x}").into_bytes()));
        }
        if self.holes || !self.hashed {
            return;
        }
        self.wire_hash.update(&self.body.bytes);
        let wire: [u8; 32] = std::mem::take(&mut self.wire_hash).finalize().into();
        self.body.wire_sha256 = Some(wire);
        if !self.contents {
            return;
        }
        self.body.decoded_sha256 = Some(self.decoded_hash.take().map_or(wire, |h| h.finalize().into()));
    }

    /// Take out what waits.
    pub(super) fn take(&mut self) -> BodyPart {
        if !self.holes {
            self.wire_hash.update(&self.body.bytes);
        }
        self.lines = 0;
        BodyPart {
            pieces: std::mem::take(&mut self.body.pieces),
            bytes: std::mem::take(&mut self.body.bytes),
            unit_lines: std::mem::take(&mut self.body.unit_lines),
        }
    }

    /// The unit of a delivery: the open one; without transfer units every delivery counts as one, kept or not.
    fn unit_of_delivery(&mut self) -> u64 {
        match &mut self.unit {
            Some(unit) => {
                unit.empty = false;
                unit.n
            }
            None if self.body.units.is_none() => {
                self.units += 1;
                self.units - 1
            }
            None => self.units,
        }
    }

    /// Offsets and lengths are stored as at most 4 GiB each; longer gaps become several.
    fn note_piece(&mut self, stamp: Stamp, len: u64, gap: bool) {
        let unit = self.unit_of_delivery();
        let mut left = len;
        loop {
            let part = left.min(u64::from(u32::MAX)) as u32;
            self.body.pieces.push(PieceInfo {
                at: stamp.at,
                frame: stamp.frame,
                unit,
                offset: self.offset,
                len: part,
                gap,
            });
            self.offset += u64::from(part);
            left -= u64::from(part);
            if left == 0 {
                return;
            }
        }
    }
}
