//! Bodies with their content codings undone.

use super::{Body, PieceInfo, Request, Response};
use crate::body::{Decoder, NOT_CODED};
use crate::oddity::Oddity;
use std::ops::Range;

/// A body without its content codings.
#[derive(Debug, Clone, Default)]
pub struct Decoded {
    /// All bytes that could be decoded. Missing bytes leave no space.
    pub bytes: Vec<u8>,
    /// Why this is not the whole body, and the place in the coded body where decoding stopped: an unknown coding,
    /// damage, a gap inside a coding, an end before the coding's own. `None` if all of it was decoded.
    pub stopped: Option<Oddity>,
    /// The body does not begin as a coding that its head declares does, and `bytes` has it without that coding undone.
    /// A reader that undoes the coding raises.
    pub not_coded: Option<Oddity>,
    /// After each delivery: bytes of [`Body::bytes`] so far, and what they decode to.
    ends: Vec<(usize, usize)>,
    gaps: Vec<Gap>,
}

/// Missing bytes: their offsets, and how many are missing up to their end.
#[derive(Debug, Clone, Copy)]
struct Gap {
    start: u64,
    end: u64,
    missing: u64,
}

impl Decoded {
    /// What a range of [`Body::bytes`] that begins and ends with deliveries decodes to, as a range of `bytes`.
    pub fn delivered(&self, coded: &Range<usize>) -> Range<usize> {
        let at = |end: usize| {
            let i = self.ends.partition_point(|(coded, _)| *coded < end);
            self.ends.get(i).or(self.ends.last()).map_or(0, |(_, decoded)| *decoded)
        };
        (if coded.start == 0 { 0 } else { at(coded.start) })..at(coded.end)
    }

    /// The bytes at these offsets, in which missing bytes count, as in [`super::RecordInfo`]. Empty if some of them are
    /// missing.
    pub fn at(&self, start: u64, end: u64) -> &[u8] {
        let before = self.gaps.partition_point(|gap| gap.start <= start);
        let missing = match before.checked_sub(1).map(|i| &self.gaps[i]) {
            Some(gap) if gap.end > start => return &[],
            Some(gap) => gap.missing,
            None => 0,
        };
        if self.gaps.get(before).is_some_and(|gap| gap.start < end) {
            return &[];
        }
        let index = |offset: u64| usize::try_from(offset.checked_sub(missing)?).ok();
        index(start).zip(index(end)).and_then(|(start, end)| self.bytes.get(start..end)).unwrap_or_default()
    }
}

impl Body {
    /// Its deliveries in order, with the bytes of each; none for missing ones.
    pub fn deliveries(&self) -> impl Iterator<Item = (&PieceInfo, &[u8])> {
        let mut rest = self.bytes.as_slice();
        self.pieces.iter().map(move |piece| {
            let len = if piece.gap { 0 } else { rest.len().min(piece.len as usize) };
            let (bytes, after) = rest.split_at(len);
            rest = after;
            (piece, bytes)
        })
    }

    /// The body with these codings undone: [`crate::http::event::Fields::content_codings`] of its head.
    pub fn decoded(&self, codings: Option<&str>) -> Decoded {
        let mut decoder = Decoder::new(codings);
        let mut out = Decoded::default();
        let (mut coded, mut last) = (0, Default::default());
        let Decoded { bytes: decoded, stopped, not_coded, ends, gaps } = &mut out;
        let mut odd = |oddity: Oddity| {
            let slot = if oddity.kind == NOT_CODED { &mut *not_coded } else { &mut *stopped };
            slot.get_or_insert(oddity);
        };
        for (piece, bytes) in self.deliveries() {
            coded += bytes.len();
            last = piece.at;
            if piece.gap {
                let start = decoded.len() as u64 + gaps.last().map_or(0, |gap: &Gap| gap.missing);
                let end = start + u64::from(piece.len);
                gaps.push(Gap { start, end, missing: end - decoded.len() as u64 });
                decoder.gap(piece.at, &mut odd);
            } else {
                let mut take = |p: crate::body::Piece<'_>| decoded.extend_from_slice(p.bytes);
                decoder.push(piece.at, piece.frame, bytes, &mut take, &mut odd);
            }
            ends.push((coded, decoded.len()));
        }
        decoder.finish(last, &mut odd);
        out
    }
}

impl Request {
    /// The body with the codings undone that the head names.
    pub fn decoded(&self) -> Decoded {
        self.body.decoded(self.head.fields.content_codings().as_deref())
    }
}

impl Response {
    /// The body with the codings undone that the head names.
    pub fn decoded(&self) -> Decoded {
        self.body.decoded(self.head.as_ref().and_then(|h| h.fields.content_codings()).as_deref())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Deliveries of these bytes; a number is how many are missing.
    fn body(deliveries: &[Result<&[u8], u32>]) -> Body {
        let mut body = Body::default();
        for delivery in deliveries {
            let len = delivery.map_or_else(|missing| missing, |bytes| bytes.len() as u32);
            let (at, frame, unit, offset) = Default::default();
            body.pieces.push(PieceInfo { at, frame, unit, offset, len, gap: delivery.is_err() });
            body.bytes.extend_from_slice(delivery.unwrap_or_default());
        }
        body
    }

    #[test]
    fn offsets_count_what_is_missing() {
        let decoded = body(&[Ok(b"one"), Err(4), Ok(b"two"), Err(2), Err(1), Ok(b"three")]).decoded(None);
        assert_eq!((decoded.bytes.as_slice(), &decoded.stopped), (&b"onetwothree"[..], &None));
        let at = |start, end| std::str::from_utf8(decoded.at(start, end)).map(str::to_owned);
        let known = [(0, 3, "one"), (7, 10, "two"), (13, 18, "three"), (14, 16, "hr"), (3, 3, "")];
        let missing = [(2, 4, ""), (2, 8, ""), (3, 5, ""), (6, 8, ""), (9, 14, ""), (12, 14, ""), (17, 19, "")];
        for (start, end, text) in known.into_iter().chain(missing) {
            assert_eq!(at(start, end).as_deref(), Ok(text), "{start}..{end}");
        }
    }

    #[test]
    fn deliveries_are_found_in_what_they_decode_to() {
        // RFC 1952: a header of 10 bytes; RFC 1951: a stored block that is the last, of 5 bytes.
        let parts: [&[u8]; 4] = [b"\x1f\x8b\x08\0\0\0\0\0\0\xff", b"\x01\x05\0\xfa\xffhe", b"", b"llo"];
        let decoded = body(&parts.map(Ok)).decoded(Some("gzip"));
        assert_eq!(decoded.bytes, b"hello");
        let ranges = [(0..10, 0..0), (10..17, 0..2), (17..17, 2..2), (17..20, 2..5), (0..20, 0..5)];
        for (coded, want) in ranges {
            assert_eq!(decoded.delivered(&coded), want, "{coded:?}");
        }
        let stopped = decoded.stopped.unwrap();
        assert_eq!((stopped.kind, stopped.offset), (crate::body::INCOMPLETE, Some(20)), "without its checksum");
        let plain = body(&[Ok(b"data: plain\n\n")]).decoded(Some("gzip"));
        assert_eq!((plain.bytes.as_slice(), &plain.stopped), (&b"data: plain\n\n"[..], &None));
        assert_eq!(plain.not_coded.unwrap().kind, NOT_CODED, "read as it came");
    }

    #[test]
    fn decoding_stops_at_missing_bytes() {
        let decoded = body(&[Ok(b"\x1f\x8b\x08\0\0\0\0\0\0\xff"), Err(7), Ok(b"llo")]).decoded(Some("gzip"));
        let stopped = decoded.stopped.unwrap();
        assert_eq!((decoded.bytes.len(), stopped.kind, stopped.offset), (0, crate::body::GAP, Some(10)));
    }
}
