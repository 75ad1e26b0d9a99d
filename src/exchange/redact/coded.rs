//! Secrets in bodies as they were sent, including those with a content coding.

use super::body::TextMask;
use super::forms;
use super::joined::Joined;
use super::known::Known;
use super::overwrite::overwrite;
use super::table::Names;
use super::{Redactor, Stretch};
use crate::body::Decoder;
use crate::time::Timestamp;
use std::ops::Range;

/// Most bytes of a part that wait for the next one, because a secret may continue in it (64 KiB).
const HELD: usize = 64 << 10;
/// Most bytes with a content coding that wait (1 MiB).
const HELD_CODED: usize = 1 << 20;

/// Walks through one body, part by part, and overwrites secrets in place: lengths, offsets and
/// boundaries do not change. It has a decoder of its own instead of `Body::decoded`, because the store writes a part
/// before the next one comes. The end of a part that may be the beginning of a secret waits for the next part.
///
/// Compressed bytes cannot be changed one by one. If they decode to a secret, the current part and all
/// later ones are blanked. They no longer decode; what was computed from them before (hashes, figures, texts)
/// stays.
#[derive(Debug)]
pub struct BodyMask {
    kind: Kind,
    names: TextMask,
    joined: Option<Joined>,
    /// Decoded bytes that wait, and the offset of the first of them.
    held: Vec<u8>,
    offset: u64,
    /// Parts with a content coding that wait.
    coded: Vec<Stretch>,
}

#[derive(Debug)]
enum Kind {
    Text,
    Coded(Box<Decoder>),
    /// All later bytes are blanked.
    Blank,
    /// The body cannot be decoded.
    Open,
}

/// What a body is compared with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) redactor: &'a Redactor,
    pub(super) known: &'a Known,
}

impl BodyMask {
    /// A mask for a body with these codings, in the order of `Content-Encoding`, in which names mean this.
    pub fn new(coding: Option<&str>, names: Names) -> BodyMask {
        let decoder = Decoder::new(coding);
        // What cannot be decoded is searched as it is: literals stand in it.
        let open = decoder.is_identity() || decoder.is_locked();
        let kind = if open { Kind::Text } else { Kind::Coded(Box::new(decoder)) };
        BodyMask { kind, names: TextMask::new(names), joined: None, held: Vec::new(), offset: 0, coded: Vec::new() }
    }

    /// From here on a secret may stand in several records.
    pub(super) fn follow(&mut self) {
        self.joined.get_or_insert_default();
    }

    /// The next bytes, in order. `last`: none follow that continue them. Adds to `out` what can be stored, and to
    /// `found` the secrets that were whole. True if a name gave any away: a part of such a one cannot be recognised.
    pub(super) fn push(
        &mut self,
        part: Stretch,
        last: bool,
        around: Around<'_>,
        found: &mut Vec<String>,
        out: &mut Vec<Stretch>,
    ) -> bool {
        match &mut self.kind {
            Kind::Text => self.text(part, last, around, found, out),
            Kind::Coded(_) => self.coded(part, last, around, found, out),
            Kind::Blank => {
                let blank = vec![b'*'; part.bytes.len()];
                out.push(Stretch { bytes: blank, ..part });
                false
            }
            Kind::Open => {
                out.push(part);
                false
            }
        }
    }

    /// The body has ended.
    pub(super) fn finish(&mut self, around: Around<'_>, found: &mut Vec<String>, out: &mut Vec<Stretch>) -> bool {
        let changed = match self.kind {
            Kind::Text if !self.held.is_empty() => {
                let offset = self.offset + self.held.len() as u64;
                self.text(Stretch { offset, bytes: Vec::new() }, true, around, found, out)
            }
            Kind::Coded(_) if !self.coded.is_empty() => {
                let (hits, _) = self.examine(true, around);
                self.release(!hits.is_empty(), out);
                false
            }
            _ => false,
        };
        self.names.finish(found);
        changed
    }

    /// Bytes are missing: what follows in a content coding cannot be decoded.
    pub(super) fn gap(&mut self) {
        if let Kind::Coded(_) = self.kind {
            self.kind = Kind::Open;
        }
    }

    fn text(
        &mut self,
        part: Stretch,
        last: bool,
        around: Around<'_>,
        found: &mut Vec<String>,
        out: &mut Vec<Stretch>,
    ) -> bool {
        if self.offset + self.held.len() as u64 != part.offset {
            self.let_go(self.held.len(), out);
        }
        let from = self.held.len();
        if self.held.is_empty() {
            (self.offset, self.held) = (part.offset, part.bytes);
        } else {
            self.held.extend_from_slice(&part.bytes);
        }
        let mut changed = false;
        if !self.names.is_over() {
            changed = self.names.apply(&mut self.held[from..], around.redactor, found);
        }
        let split = self.join(part.offset, from, around.known);
        let (hits, keep) = self.examine(last, around);
        for range in hits {
            overwrite(&mut self.held[range], around.redactor, false);
        }
        for range in split {
            self.held[range].fill(b'*');
        }
        self.let_go(self.held.len() - keep, out);
        changed
    }

    fn coded(
        &mut self,
        part: Stretch,
        last: bool,
        around: Around<'_>,
        found: &mut Vec<String>,
        out: &mut Vec<Stretch>,
    ) -> bool {
        let Kind::Coded(decoder) = &mut self.kind else { return false };
        let mut decoder = std::mem::replace(decoder, Box::new(Decoder::new(None)));
        // Whether a secret was found, and whether one of them began in the bytes of an earlier part.
        let (mut hit, mut earlier, mut named) = (false, false, false);
        let mut before = self.held.len();
        let mut look = |piece: crate::body::Piece<'_>| {
            let from = self.held.len();
            self.held.extend_from_slice(piece.bytes);
            if !self.names.is_over() {
                named |= self.names.apply(&mut self.held[from..], around.redactor, found);
            }
            let split = self.join(self.offset + from as u64, from, around.known);
            hit |= !split.is_empty();
            earlier |= split.iter().any(|r| r.start < before);
            let (hits, keep) = self.examine(false, around);
            hit |= !hits.is_empty();
            earlier |= hits.iter().any(|r| r.start < before);
            let gone = self.held.len() - keep;
            self.held.drain(..gone);
            self.offset += gone as u64;
            before = before.saturating_sub(gone);
        };
        decoder.push(Timestamp::default(), 0, &part.bytes, &mut look, &mut |_| {});
        hit |= named;
        if last {
            let (hits, _) = self.examine(true, around);
            hit |= !hits.is_empty();
            earlier |= hits.iter().any(|r| r.start < before);
        }
        if hit {
            self.names.finish(found);
            self.release(earlier, out);
            out.push(Stretch { bytes: vec![b'*'; part.bytes.len()], ..part });
            self.kind = Kind::Blank;
            return named;
        }
        self.kind = Kind::Coded(decoder);
        let waits: usize = self.coded.iter().map(|s| s.bytes.len()).sum();
        self.coded.push(part);
        if last || self.held.is_empty() || waits > HELD_CODED {
            self.release(false, out);
        }
        false
    }

    /// Secrets whose parts stand in several records, as ranges of what is held.
    fn join(&mut self, offset: u64, from: usize, known: &Known) -> Vec<Range<usize>> {
        let Some(joined) = &mut self.joined else { return Vec::new() };
        let mut found = Vec::new();
        joined.push(offset, &self.held[from..], known, &mut found);
        let place = |at: u64| usize::try_from(at.checked_sub(self.offset)?).ok();
        found.into_iter().filter_map(|r| Some(place(r.start)?..place(r.end)?)).collect()
    }

    /// The secrets in what is held that are whole, and how many of the last bytes have to wait.
    fn examine(&self, last: bool, around: Around<'_>) -> (Vec<Range<usize>>, usize) {
        let (bytes, mut found) = (&self.held, Vec::new());
        around.known.find(bytes, &mut found);
        forms::find(bytes, &mut found);
        if last {
            return (found, 0);
        }
        let mut keep = around.known.begun(bytes).max(forms::begun(bytes));
        while let Some(begin) =
            found.iter().filter(|r| r.end > bytes.len() - keep && r.start < bytes.len() - keep).map(|r| r.start).min()
        {
            keep = bytes.len() - begin;
        }
        if let Some(begun) = self.joined.as_ref().and_then(Joined::begun) {
            let begun = begun.checked_sub(self.offset).and_then(|at| usize::try_from(at).ok());
            keep = keep.max(begun.map_or(0, |at| bytes.len().saturating_sub(at)));
        }
        if keep > HELD {
            keep = 0;
        }
        found.retain(|r| r.end <= bytes.len() - keep);
        (found, keep)
    }

    /// Passes on the first `n` of the bytes that wait.
    fn let_go(&mut self, n: usize, out: &mut Vec<Stretch>) {
        let rest = self.held.split_off(n);
        let (offset, bytes) = (self.offset, std::mem::replace(&mut self.held, rest));
        self.offset += n as u64;
        if !bytes.is_empty() {
            out.push(Stretch { offset, bytes });
        }
    }

    /// Passes on the parts that wait, blank or as they came.
    fn release(&mut self, blank: bool, out: &mut Vec<Stretch>) {
        for mut part in self.coded.drain(..) {
            if blank {
                part.bytes.fill(b'*');
            }
            out.push(part);
        }
    }
}

#[cfg(test)]
mod tests;
