//! Secrets in the messages of a WebSocket: frames are unmasked, read, and masked again (RFC 6455 section 5.3). A
//! compressed message that has a secret is blanked, and what depends on it too.

use super::body::TextMask;
use super::coded::Around;
use super::overwrite::overwrite;
use super::table::Names;
use super::{Stretch, forms};
use crate::framing::websocket::{Fault, FrameHead, Inflater, Sender};
use std::ops::Range;

/// Most bytes that wait for the end of a message (256 KiB).
const HELD: usize = 256 << 10;
/// Most bytes that a message is inflated to. One of more is blanked: it is not searched.
const SEARCHED: usize = 8 << 20;

/// Walks through one direction, part by part.
#[derive(Debug)]
pub(super) struct SocketMask {
    names: Names,
    inflate: Option<Inflater>,
    /// Bytes from the beginning of a message on that wait for its end, and the offset of the first of them.
    held: Vec<u8>,
    offset: u64,
    /// Nothing marks the beginning of a frame any longer.
    lost: bool,
    /// A message was blanked that later ones refer to.
    blank: bool,
}

/// The payload of one message: its places in what is held, with the masks of their frames.
#[derive(Debug, Default)]
struct Message {
    places: Vec<(Range<usize>, Option<[u8; 4]>)>,
    compressed: bool,
}

impl SocketMask {
    pub(super) fn new(sender: Sender, extensions: Option<&str>, names: Names) -> SocketMask {
        let inflate = Inflater::new(sender, extensions);
        SocketMask { names, inflate, held: Vec::new(), offset: 0, lost: false, blank: false }
    }

    /// Bytes are missing.
    pub(super) fn gap(&mut self) {
        self.lost = true;
    }

    /// As [`super::BodyMask::push`].
    pub(super) fn push(
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
        if self.held.is_empty() {
            (self.offset, self.held) = (part.offset, part.bytes);
        } else {
            self.held.extend_from_slice(&part.bytes);
        }
        let (mut changed, mut whole) = (false, 0);
        while let Some((message, end)) = self.message(whole, last) {
            changed |= self.hide(&message, around, found);
            whole = end;
        }
        // Without frames the bytes are read as they are.
        if self.lost || last || self.held.len() - whole > HELD {
            let rest = self.plain(whole..self.held.len(), around);
            rest.into_iter().for_each(|r| {
                overwrite(&mut self.held[r], around.redactor, false);
            });
            self.lost |= !last && self.held.len() > whole;
            whole = self.held.len();
        }
        self.let_go(whole, out);
        changed
    }

    pub(super) fn finish(&mut self, around: Around<'_>, found: &mut Vec<String>, out: &mut Vec<Stretch>) -> bool {
        let offset = self.offset + self.held.len() as u64;
        self.push(Stretch { offset, bytes: Vec::new() }, true, around, found, out)
    }

    /// The next message from this place on, and its end. A control frame is a message of its own, also between the
    /// fragments of another, which then is cut in two. `last`: a message may have lost its end.
    fn message(&self, mut at: usize, last: bool) -> Option<(Message, usize)> {
        let mut message = Message::default();
        if self.lost || at >= self.held.len() {
            return None;
        }
        while let Some((head, len)) = FrameHead::read(&self.held[at..]) {
            let from = at + len;
            let end = usize::try_from(head.len).ok().and_then(|n| from.checked_add(n));
            let whole = end.filter(|end| *end <= self.held.len());
            let Some(to) = whole.or(last.then_some(self.held.len())) else { break };
            if head.control && !message.places.is_empty() {
                return Some((message, at));
            }
            message.compressed |= head.rsv1;
            message.places.push((from..to, head.mask));
            at = to;
            if head.fin || head.control || whole.is_none() {
                return Some((message, at));
            }
        }
        (last && !message.places.is_empty()).then_some((message, at))
    }

    fn hide(&mut self, message: &Message, around: Around<'_>, found: &mut Vec<String>) -> bool {
        let mut payload = Vec::new();
        for (range, mask) in &message.places {
            payload.extend(unmasked(&self.held[range.clone()], *mask));
        }
        let squeezed = message.compressed && self.inflate.is_some();
        let (mut text, mut unsearched) = (payload, false);
        if squeezed {
            let mut plain = Vec::new();
            match self.inflate.as_mut().map(|inflate| inflate.message(&text, &mut plain, SEARCHED)) {
                // What cannot be read cannot be searched.
                Some(Err(Fault::Broken)) if !self.blank => return false,
                Some(Err(_)) => unsearched = true,
                Some(Ok(())) | None => {}
            }
            text = plain;
        }
        let mut names = TextMask::new(self.names);
        let named = names.apply(&mut text, around.redactor, found);
        let mut changed = named || unsearched;
        names.finish(found);
        let mut hits = Vec::new();
        around.known.find(&text, &mut hits);
        forms::find(&text, &mut hits);
        for range in hits {
            changed |= overwrite(&mut text[range], around.redactor, false);
        }
        if squeezed {
            changed |= self.blank;
            self.blank |= changed && self.inflate.as_ref().is_some_and(Inflater::takes_over);
            if changed {
                message.places.iter().for_each(|(range, _)| self.held[range.clone()].fill(b'*'));
            }
        } else if changed {
            let mut from = 0;
            for (range, mask) in &message.places {
                let to = from + range.len();
                let again: Vec<u8> = unmasked(&text[from..to], *mask).collect();
                self.held[range.clone()].copy_from_slice(&again);
                from = to;
            }
        }
        named
    }

    fn plain(&self, range: Range<usize>, around: Around<'_>) -> Vec<Range<usize>> {
        let (bytes, mut found) = (&self.held[range.clone()], Vec::new());
        around.known.find(bytes, &mut found);
        forms::find(bytes, &mut found);
        found.into_iter().map(|r| r.start + range.start..r.end + range.start).collect()
    }

    fn let_go(&mut self, n: usize, out: &mut Vec<Stretch>) {
        let rest = self.held.split_off(n);
        let (offset, bytes) = (self.offset, std::mem::replace(&mut self.held, rest));
        self.offset += n as u64;
        if !bytes.is_empty() {
            out.push(Stretch { offset, bytes });
        }
    }
}

/// The bytes with a frame's mask applied, which takes it away or puts it on.
fn unmasked(bytes: &[u8], mask: Option<[u8; 4]>) -> impl Iterator<Item = u8> + '_ {
    bytes.iter().enumerate().map(move |(i, b)| b ^ mask.map_or(0, |m| m[i % 4]))
}
