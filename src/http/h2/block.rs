//! Field blocks: HEADERS, PUSH_PROMISE and CONTINUATION joined, decoded, and reported as heads or trailers
//! (RFC 9113 sections 4.3, 6.2, 6.6, 6.10).

use super::frame::{Head, flag, kind};
use super::head::Block;
use super::stream::Progress;
use super::{BAD_BLOCK, BAD_FRAME, Conn, Here, MAX_BLOCK, Sink, UNKNOWN_ENTRY};
use crate::conn::Direction;
use crate::http::event::{EndSignal, HttpWhat, MessageEnd};
use crate::time::Timestamp;

/// A field block that is being collected.
#[derive(Debug)]
pub(super) struct Pending {
    stream: u32,
    promised: Option<u32>,
    end_stream: bool,
    /// Time of the first byte of its first frame.
    first_at: Timestamp,
    bytes: Vec<u8>,
}

impl Pending {
    /// Bytes of memory in use.
    pub(super) fn held(&self) -> usize {
        self.bytes.capacity()
    }
}

impl Conn {
    pub(super) fn headers(&mut self, here: Here, head: Head, payload: &[u8], sink: &mut Sink<'_>) {
        match unpad(head, payload).and_then(|p| if head.has(flag::PRIORITY) { p.get(5..) } else { Some(p) }) {
            Some(fragment) => self.start_block(here, head, None, fragment, sink),
            None => self.lost_block(here, head, "padding longer than the frame", sink),
        }
    }

    pub(super) fn push_promise(&mut self, here: Here, head: Head, payload: &[u8], sink: &mut Sink<'_>) {
        match unpad(head, payload).and_then(|p| p.split_first_chunk::<4>()) {
            Some((id, fragment)) => {
                self.start_block(here, head, Some(u32::from_be_bytes(*id) & 0x7fff_ffff), fragment, sink)
            }
            None => self.lost_block(here, head, "PUSH_PROMISE without a promised stream", sink),
        }
    }

    pub(super) fn continuation(&mut self, here: Here, head: Head, payload: &[u8], sink: &mut Sink<'_>) {
        match &mut self.blocks[here.dir.index()] {
            Some(block) if block.stream == head.stream && block.bytes.len() + payload.len() <= MAX_BLOCK => {
                block.bytes.extend_from_slice(payload);
                self.finish_block(here, head, sink);
            }
            _ => self.lost_block(here, head, "CONTINUATION without its HEADERS, or too long", sink),
        }
    }

    /// A frame with part of a field block that can't be used: from here on it is unknown what that part put
    /// into the table.
    pub(super) fn lost_block(&mut self, here: Here, head: Head, why: &'static str, sink: &mut Sink<'_>) {
        let i = here.dir.index();
        self.blocks[i] = None;
        self.hpack[i].lost_block();
        self.odd(here, head.stream, BAD_FRAME, why, sink);
        if head.kind == kind::HEADERS && head.has(flag::END_STREAM) && head.has(flag::END_HEADERS) {
            self.message_end(here, head.stream, MessageEnd::Complete, EndSignal::EndStream, sink);
        }
    }

    fn start_block(&mut self, here: Here, head: Head, promised: Option<u32>, fragment: &[u8], sink: &mut Sink<'_>) {
        let i = here.dir.index();
        if let Some(other) = self.blocks[i].take() {
            // Its end was never sent: a connection error for the receiver (section 6.2), a lost block for
            // this reader.
            self.hpack[i].lost_block();
            self.odd(
                here,
                other.stream,
                BAD_FRAME,
                format!("field block of stream {} without END_HEADERS", other.stream),
                sink,
            );
        }
        let end_stream = head.kind == kind::HEADERS && head.has(flag::END_STREAM);
        let first_at = self.begun[i];
        self.blocks[i] =
            Some(Pending { stream: head.stream, promised, end_stream, first_at, bytes: fragment.to_vec() });
        self.finish_block(here, head, sink);
    }

    fn finish_block(&mut self, here: Here, head: Head, sink: &mut Sink<'_>) {
        let i = here.dir.index();
        if !head.has(flag::END_HEADERS) {
            return;
        }
        let Some(pending) = self.blocks[i].take() else { return };
        let (fields, broken) = self.hpack[i].decode(&pending.bytes);
        let mut block = Block { fields, first_at: pending.first_at };
        if broken.is_some() && !block.fields.is_empty() {
            block.push_unread();
        }
        let (id, dir, ended) = match pending.promised {
            Some(id) => (id, Direction::ToServer, true), // the request that the server acts on
            None => (pending.stream, here.dir, pending.end_stream),
        };
        let here = Here { dir, ..here };
        if !self.head(here, id, &block, ended, sink) {
            return;
        }
        if broken.is_none() && block.has_unknown() {
            self.odd(here, id, UNKNOWN_ENTRY, "header fields from before the capture", sink);
        }
        if let Some(broken) = broken {
            self.hpack[i].lost_block();
            self.odd(
                here,
                id,
                BAD_BLOCK,
                format!("{} at byte {} of the field block", broken.what, broken.offset),
                sink,
            );
        }
        if ended {
            self.message_end(here, id, MessageEnd::Complete, EndSignal::EndStream, sink);
        }
    }

    /// A head or a trailer section. False if the stream is over.
    fn head(&mut self, here: Here, id: u32, block: &Block, ended: bool, sink: &mut Sink<'_>) -> bool {
        let partial = self.partial;
        let Some(stream) = self.stream(id, here, true, sink) else { return false };
        let progress = stream.progress(here.dir);
        if progress == Progress::Ended {
            self.odd(here, id, BAD_FRAME, "HEADERS after END_STREAM", sink);
            return false;
        }
        // If the head of a message was not captured, its trailers may be the first block that is.
        let trailers = progress == Progress::Open || (partial && !block.starts_a_message());
        let what = if trailers {
            stream.open(here.dir);
            HttpWhat::Trailers(block.list())
        } else if here.dir == Direction::ToServer {
            stream.open(here.dir);
            HttpWhat::Request(Box::new(block.request(id, ended)))
        } else {
            let head = block.response(id, ended);
            match head.is_interim() {
                true => stream.interim(here.dir),
                false => stream.open(here.dir),
            }
            HttpWhat::Response(Box::new(head))
        };
        self.say(here, id, what, sink);
        true
    }
}

/// Payload without the pad length octet and the padding; `None` if the padding is longer than the payload.
fn unpad(head: Head, payload: &[u8]) -> Option<&[u8]> {
    if !head.has(flag::PADDED) {
        return Some(payload);
    }
    let (pad, rest) = payload.split_first()?;
    rest.get(..rest.len().checked_sub(usize::from(*pad))?)
}
