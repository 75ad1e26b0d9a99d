//! One direction of a connection: its segments become bytes in order.

use super::hole::Hole;
use super::out::Out;
use super::recent::Recent;
use super::seq::{Place, extend, place};
use super::stall::SenderStall;
use super::start::Start;
use super::waiting::Waiting;
use super::{DATA_AFTER_FIN, DATA_AFTER_RESET, LATE, Limits, OUT_OF_WINDOW, OVERLAP_DIFFERS, URGENT};
use crate::conn::Stamp;
use crate::conn::{End, What};
use crate::net::{Segment, flags};
use crate::oddity::{Kind, Oddity};
use crate::time::Timestamp;
use std::ops::Range;

/// The largest window there is (RFC 7323 section 2.3): a segment or acknowledgement beyond it cannot belong
/// to the connection.
pub(super) const WINDOW: u64 = 1 << 30;

/// Largest distance in bytes between a RST and the sender's position at which the RST is accepted. Wide
/// enough for bytes in flight, narrow for a blind guess.
const RESET_REACH: u64 = 16 << 20;

/// How a direction ends.
///
/// ```text
/// Open ──FIN, RST──► Closing ──everything before it delivered──► Over
///   └────────────────────── the table closes it ──────────────────┘
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    /// No end seen.
    Open,
    /// The end was seen and is at `at`; bytes before it are still missing.
    Closing { at: u64, how: End, stamp: Stamp },
    /// `End` was emitted.
    Over(End),
}

/// What is counted per direction, see [`crate::conn::ConnFacts`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct FlowCounters {
    /// Segments with payload that was all delivered before.
    pub(super) retransmitted: u64,
    /// Segments with payload that came while a byte before them was missing.
    pub(super) out_of_order: u64,
    /// Bytes delivered.
    pub(super) bytes: u64,
    /// There was a gap.
    pub(super) hole: bool,
    /// The first FIN that was seen.
    pub(super) fin: Option<Timestamp>,
    /// The first RST that was seen.
    pub(super) rst: Option<Timestamp>,
}

/// One direction.
#[derive(Debug)]
pub(super) struct Flow {
    /// What is known of `first`.
    pub(super) start: Start,
    /// The SYN's sequence number.
    pub(super) isn: Option<u32>,
    /// Position of the first byte: offset 0.
    pub(super) first: u64,
    /// Position of the next byte to deliver.
    pub(super) next: u64,
    /// The peer has acknowledged everything before this position; 0 while unknown.
    pub(super) acked: u64,
    pub(super) tail: Tail,
    pub(super) waiting: Waiting,
    pub(super) hole: Option<Hole>,
    /// A gap that was not emitted yet, so that adjacent gaps become one.
    pub(super) gap: Option<(Stamp, u64)>,
    /// The last holes that were given up: bytes that come for them are late, not retransmitted.
    pub(super) lost: Vec<Range<u64>>,
    /// Device of the last segment that brought something new.
    device: Option<u32>,
    /// Checksums of the last deliveries.
    recent: Recent,
    /// What makes the sender wait.
    pub(super) stall: SenderStall,
    pub(super) counters: FlowCounters,
}

impl Flow {
    /// Nothing seen yet.
    pub(super) fn new() -> Self {
        Flow {
            start: Start::Unknown,
            isn: None,
            first: 0,
            next: 0,
            acked: 0,
            tail: Tail::Open,
            waiting: Waiting::default(),
            hole: None,
            gap: None,
            lost: Vec::new(),
            device: None,
            recent: Recent::default(),
            stall: SenderStall::default(),
            counters: FlowCounters::default(),
        }
    }

    /// `End` was emitted.
    pub(super) fn over(&self) -> bool {
        matches!(self.tail, Tail::Over(_))
    }

    /// RST ended it.
    pub(super) fn was_reset(&self) -> bool {
        self.tail == Tail::Over(End::Reset)
    }

    /// Bytes or gaps of this direction were delivered.
    pub(super) fn delivered(&self) -> bool {
        self.next != self.first
    }

    /// One segment of this direction. Its SYN, if any, was taken already by [`Flow::syn`].
    pub(super) fn segment(&mut self, seg: &Segment<'_>, limits: &Limits, out: &mut Out<'_>) {
        let stamp = Stamp { at: seg.at, frame: seg.frame };
        let seq = seg.seq.wrapping_add(u32::from(seg.flags & flags::SYN != 0));
        if seg.flags & flags::RST != 0 {
            // RFC 9293 section 3.10.7.4: what a RST carries is a diagnostic, not part of the stream.
            self.reset(seq, stamp, out);
            return;
        }
        let len = seg.payload.len() as u64 + u64::from(seg.missing);
        self.locate(seq, len);
        let from = extend(seq, self.next);
        if len > 0 {
            if seg.flags & flags::URG != 0 {
                self.oddity(URGENT, from, "urgent data, left in its place", stamp, out);
            }
            self.payload(from, seg, stamp, limits, out);
        } else if from < self.next {
            self.asks();
        }
        if seg.flags & flags::FIN != 0 {
            self.fin(from + len, stamp, out);
        }
    }

    fn payload(&mut self, from: u64, seg: &Segment<'_>, stamp: Stamp, limits: &Limits, out: &mut Out<'_>) {
        if from == self.next && seg.missing == 0 && self.waiting.is_empty() && self.tail == Tail::Open {
            self.device = seg.device;
            self.sends(stamp, out);
            self.deliver(seg.payload, stamp, out);
            return;
        }
        let (mut payload, mut missing) = (seg.payload, u64::from(seg.missing));
        let end = from + payload.len() as u64 + missing;
        if place(&(from..end), self.next) == Place::Old {
            self.old(from..end, seg, stamp, out);
            return;
        }
        let limit = match self.tail {
            Tail::Open => u64::MAX,
            Tail::Closing { at, .. } => at,
            Tail::Over(_) => self.next,
        };
        if end > limit {
            self.beyond_end(limit.max(from), stamp, out);
            let room = limit.saturating_sub(from);
            payload = &payload[..payload.len().min(room as usize)];
            missing = missing.min(room - payload.len() as u64);
            if room == 0 || from + payload.len() as u64 + missing <= self.next {
                return;
            }
        }
        let differs =
            self.waiting.differs(from, payload).or(self.recent.differs(from, payload).filter(|_| from < self.next));
        if let Some(position) = differs {
            self.oddity(
                OVERLAP_DIFFERS,
                position,
                "bytes differ from the copy that came first, which is kept",
                stamp,
                out,
            );
        }
        if from > self.next {
            self.hold(from, payload, missing, seg.device, stamp, limits, out);
        } else {
            self.device = seg.device;
            if self.waiting.is_empty() {
                self.sends(stamp, out);
            } else {
                self.filled(stamp, out);
            }
            self.due(from, payload, missing, stamp, out);
            self.settle(stamp, out);
        }
    }

    /// A segment wholly before the expected position: a copy by the capture, a keep-alive, a late segment, or
    /// a retransmission.
    fn old(&mut self, range: Range<u64>, seg: &Segment<'_>, stamp: Stamp, out: &mut Out<'_>) {
        let acknowledged = self.acked >= self.next || !self.delivered();
        let lost = self.lost.iter().find(|l| l.start < range.end && range.start < l.end);
        if self.is_copy(seg.device) {
            // The capture saw one segment twice: nothing happened on the wire.
        } else if range.end - range.start == 1 && range.end == self.next && acknowledged {
            // RFC 9293 section 3.8.4: a keep-alive may carry one byte that the peer has acknowledged already.
        } else if let Some(position) = lost.map(|l| l.start.max(range.start)) {
            self.oddity(LATE, position, "bytes came after the hole they belong in was given up", stamp, out);
        } else if range.start < self.first {
            self.oddity(LATE, self.first, "bytes from before the first ones seen came after them", stamp, out);
        } else {
            self.counters.retransmitted += 1;
            if let Some(position) = self.recent.differs(range.start, seg.payload) {
                self.oddity(OVERLAP_DIFFERS, position, "bytes differ from those delivered before", stamp, out);
            }
            if self.acked < range.end {
                self.sent_again(stamp, out);
            }
        }
    }

    /// A segment without new bytes from another device than the last one with new bytes: the capture saw the
    /// packet twice. A sender that retransmits is seen again on the device that brought the first copy as
    /// well, and counted there.
    fn is_copy(&self, device: Option<u32>) -> bool {
        device.is_some() && self.device.is_some() && device != self.device
    }

    /// A segment that leaves a hole: its bytes wait.
    #[allow(clippy::too_many_arguments)] // one call, all of it needed
    fn hold(
        &mut self,
        from: u64,
        payload: &[u8],
        missing: u64,
        device: Option<u32>,
        stamp: Stamp,
        limits: &Limits,
        out: &mut Out<'_>,
    ) {
        if from - self.next > WINDOW {
            self.oddity(OUT_OF_WINDOW, from, "segment is further ahead than any window reaches", stamp, out);
            return;
        }
        let new = self.waiting.insert(from, payload, missing, stamp);
        if !new && self.is_copy(device) {
            return;
        }
        self.device = device;
        self.sends(stamp, out);
        self.counters.out_of_order += 1;
        self.watch(stamp.at);
        while self.waiting.bytes() > limits.hole_bytes || self.waiting.len() > limits.hole_segments {
            self.give_up(out);
        }
    }

    /// A segment with the expected byte: deliver its new bytes, and between them the waiting bytes, which
    /// came first.
    fn due(&mut self, from: u64, payload: &[u8], missing: u64, stamp: Stamp, out: &mut Out<'_>) {
        let cut = from + payload.len() as u64;
        let end = cut + missing;
        loop {
            let stop = self.waiting.first().map_or(end, |(at, _)| at.min(end));
            if self.next < stop.min(cut) {
                let part = (self.next - from) as usize..(stop.min(cut) - from) as usize;
                self.deliver(&payload[part], stamp, out);
            }
            if self.next < stop {
                self.skip(stop - self.next, stamp);
            }
            if !self.take(Some(stamp), out) {
                break;
            }
        }
    }

    /// Deliver the piece that waits at the expected position, if one does, with the stamp of the packet that
    /// filled the hole or its own stamp.
    pub(super) fn take(&mut self, filler: Option<Stamp>, out: &mut Out<'_>) -> bool {
        let Some(piece) = self.waiting.take(self.next) else { return false };
        let stamp = filler.unwrap_or(piece.stamp);
        self.deliver(&piece.bytes, stamp, out);
        self.skip(piece.missing, stamp);
        true
    }

    /// Deliver the next bytes.
    fn deliver(&mut self, bytes: &[u8], stamp: Stamp, out: &mut Out<'_>) {
        if bytes.is_empty() {
            return;
        }
        self.flush(out);
        self.start = Start::Fixed;
        self.recent.note(self.next, bytes);
        self.next += bytes.len() as u64;
        self.counters.bytes += bytes.len() as u64;
        out.emit(stamp, What::Data(bytes));
    }

    /// The next `len` bytes will never come.
    pub(super) fn skip(&mut self, len: u64, stamp: Stamp) {
        if len > 0 {
            self.start = Start::Fixed;
            self.next += len;
            self.counters.hole = true;
            self.gap = Some(self.gap.map_or((stamp, len), |(first, before)| (first, before + len)));
        }
    }

    /// Emit the pending gap before the next event.
    fn flush(&mut self, out: &mut Out<'_>) {
        if let Some((stamp, len)) = self.gap.take() {
            out.emit(stamp, What::Gap(len));
        }
    }

    /// FIN: Open → Closing.
    fn fin(&mut self, at: u64, stamp: Stamp, out: &mut Out<'_>) {
        self.counters.fin.get_or_insert(stamp.at);
        if self.tail != Tail::Open {
            return;
        }
        if at < self.next {
            self.oddity(DATA_AFTER_FIN, at, "FIN is before bytes that were delivered", stamp, out);
            return;
        }
        if at - self.next > WINDOW {
            self.oddity(OUT_OF_WINDOW, at, "FIN is further ahead than any window reaches", stamp, out);
            return;
        }
        if self.waiting.cut(at) {
            self.oddity(DATA_AFTER_FIN, at, "bytes after the FIN", stamp, out);
        }
        self.tail = Tail::Closing { at, how: End::Fin, stamp };
        self.settle(stamp, out);
    }

    /// RST: Open → Closing. The sender sends nothing more, so only the bytes that already wait can still be
    /// delivered.
    fn reset(&mut self, seq: u32, stamp: Stamp, out: &mut Out<'_>) {
        self.counters.rst.get_or_insert(stamp.at);
        if self.tail != Tail::Open {
            return;
        }
        let at = if self.start == Start::Unknown { self.next } else { extend(seq, self.next) };
        let furthest = self.waiting.end().unwrap_or(self.next).max(self.acked);
        // RFC 5961 section 3: a RST that is not where the receiver expects it may be forged.
        if self.delivered() && (at + RESET_REACH < self.next || at > furthest + RESET_REACH) {
            self.ignore_reset(at.max(self.first), stamp, out);
            return;
        }
        let at = self.waiting.end().unwrap_or(self.next);
        self.tail = Tail::Closing { at, how: End::Reset, stamp };
        self.settle(stamp, out);
    }

    /// A RST that no receiver would accept.
    pub(super) fn ignore_reset(&mut self, position: u64, stamp: Stamp, out: &mut Out<'_>) {
        self.counters.rst.get_or_insert(stamp.at);
        self.oddity(OUT_OF_WINDOW, position, "RST that the receiver would not accept, ignored", stamp, out);
    }

    /// After anything that may have moved the edge: emit `End` if everything before it was delivered, else
    /// watch the hole.
    pub(super) fn settle(&mut self, stamp: Stamp, out: &mut Out<'_>) {
        match self.tail {
            Tail::Closing { at, how: End::Fin, .. } if self.next >= at => self.end(End::Fin, stamp, out),
            Tail::Closing { how: End::Reset, .. } if self.waiting.is_empty() => {
                self.trail(stamp);
                self.end(End::Reset, stamp, out);
            }
            _ => self.watch(stamp.at),
        }
    }

    /// End this direction: the state becomes `Over`.
    pub(super) fn end(&mut self, how: End, stamp: Stamp, out: &mut Out<'_>) {
        self.flush(out);
        self.ends_shut(stamp, out);
        self.hole = None;
        self.tail = Tail::Over(how);
        out.emit(stamp, What::End(how));
    }

    fn beyond_end(&mut self, position: u64, stamp: Stamp, out: &mut Out<'_>) {
        let reset = matches!(self.tail, Tail::Over(End::Reset) | Tail::Closing { how: End::Reset, .. });
        let (kind, found) = match reset {
            true => (DATA_AFTER_RESET, "bytes of a sender that had reset the connection"),
            false => (DATA_AFTER_FIN, "bytes after the FIN"),
        };
        self.oddity(kind, position, found, stamp, out);
    }

    fn oddity(&mut self, kind: Kind, position: u64, found: &'static str, stamp: Stamp, out: &mut Out<'_>) {
        let oddity = Oddity::new(kind, stamp.at, found).offset(position.saturating_sub(self.first));
        out.emit(stamp, What::Oddity(oddity));
    }
}
