//! One direction of a connection: its segments become bytes in order.
//!
//! Each part keeps its own state and knows nothing of the others; the flow connects them and emits the events.

use super::counters::FlowCounters;
use super::hole::Holes;
use super::out::Out;
use super::positions::{Positions, Syn};
use super::recent::Recent;
use super::seq::{Place, RESET_REACH, WINDOW, extend, place};
use super::stall::{SenderStall, Stall};
use super::tail::Tail;
use super::waiting::Waiting;
use super::{DATA_AFTER_FIN, DATA_AFTER_RESET, LATE, Limits, OUT_OF_WINDOW, OVERLAP_DIFFERS, URGENT};
use crate::conn::{End, Stamp, What};
use crate::net::{Segment, flags};
use crate::oddity::{Kind, Oddity};
use crate::time::Timestamp;
use std::ops::Range;

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Flow {
    pub(super) positions: Positions,
    tail: Tail,
    waiting: Waiting,
    holes: Holes,
    /// A gap that was not emitted yet, so that adjacent gaps become one.
    gap: Option<(Stamp, u64)>,
    /// Stamp of the bytes that were delivered last.
    last: Option<Stamp>,
    /// Device of the last segment that brought something new.
    device: Option<u32>,
    /// Checksums of the last deliveries.
    recent: Recent,
    /// What makes the sender wait.
    stall: SenderStall,
    pub(super) counters: FlowCounters,
}

impl Flow {
    /// `End` was emitted.
    pub(super) fn over(&self) -> bool {
        self.tail.is_over()
    }

    /// RST ended it.
    pub(super) fn was_reset(&self) -> bool {
        self.over() && self.tail.is_reset()
    }

    /// Bytes wait after a hole.
    pub(super) fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Bytes are missing before those, or the FIN, that wait.
    pub(super) fn has_hole(&self) -> bool {
        self.holes.is_open()
    }

    /// Approximate memory that segments can make this direction hold, in bytes. All else is of constant size.
    pub(super) fn held_bytes(&self) -> usize {
        self.waiting.held_bytes()
    }

    /// What waits is dropped, to save memory.
    pub(super) fn forget_waiting(&mut self) {
        self.counters.hole |= self.waits();
        self.waiting = Waiting::default();
    }

    /// SYN with this initial sequence number.
    pub(super) fn syn(&mut self, isn: u32) -> Syn {
        if self.over() && !self.positions.has_syn() {
            return Syn::Stranger;
        }
        let syn = self.positions.syn(isn, self.waiting.first().map(|(at, _)| at));
        if let Syn::Late(range) = &syn {
            self.holes.lose(range.clone());
        }
        syn
    }

    /// A SYN-ACK's acknowledgement: where this direction begins, unless something better is known.
    pub(super) fn begun_at(&mut self, ack: u32) {
        if self.waiting.is_empty() {
            self.positions.begun_at(ack);
        }
    }

    /// Whether `ack` acknowledges bytes of this direction that were seen, a FIN included, or are before `reach`.
    pub(super) fn expects(&self, ack: u32, reach: u64) -> bool {
        self.positions.expects(ack, self.waiting.end().or((reach > 0).then_some(reach)))
    }

    /// Whether a segment that needs everything of this direction before `position` should wait for it.
    pub(super) fn lacks(&self, position: u64) -> bool {
        !self.over() && self.positions.lacks(position, self.waiting.end())
    }

    /// A segment of the receiver of this direction, with an acknowledgement.
    pub(super) fn answered(&mut self, seg: &Segment<'_>) {
        if self.positions.acknowledge(seg.ack, self.waiting.end()) {
            if self.has_hole() {
                self.watch(seg.at);
            }
            if self.positions.acked() == self.positions.next() && seg.payload.is_empty() {
                self.stall.released(seg.at);
            }
        }
        if seg.flags & flags::SYN == 0 {
            self.stall.window(seg.window, seg.at);
        }
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
        self.positions.locate(seq, len, self.waits());
        let from = extend(seq, self.next());
        if len > 0 {
            if seg.flags & flags::URG != 0 {
                self.oddity(URGENT, from, "urgent data, left in its place", stamp, out);
            }
            self.payload(from, seg, stamp, limits, out);
        } else if from < self.next() {
            self.stall.asks();
        }
        if seg.flags & flags::FIN != 0 {
            self.fin(from + len, stamp, out);
        }
    }

    fn payload(&mut self, from: u64, seg: &Segment<'_>, stamp: Stamp, limits: &Limits, out: &mut Out<'_>) {
        if from == self.next() && seg.missing == 0 && self.waiting.is_empty() && self.tail == Tail::Open {
            self.device = seg.device;
            self.sends(stamp, out);
            self.deliver(seg.payload, stamp, out);
            return;
        }
        let (mut payload, mut missing) = (seg.payload, u64::from(seg.missing));
        let end = from + payload.len() as u64 + missing;
        if place(&(from..end), self.next()) == Place::Old {
            self.old(from..end, seg, stamp, out);
            return;
        }
        let limit = self.tail.limit(self.next());
        if end > limit {
            self.beyond_end(limit.max(from), stamp, out);
            let room = limit.saturating_sub(from);
            payload = &payload[..payload.len().min(room as usize)];
            missing = missing.min(room - payload.len() as u64);
            if room == 0 || from + payload.len() as u64 + missing <= self.next() {
                return;
            }
        }
        let again = self.recent.differs(from, payload).filter(|_| from < self.next());
        if let Some(position) = self.waiting.differs(from, payload).or(again) {
            let found = "bytes differ from the copy that came first, which is kept";
            self.oddity(OVERLAP_DIFFERS, position, found, stamp, out);
        }
        if from > self.next() {
            self.hold(from, payload, missing, seg.device, stamp, limits, out);
        } else {
            self.device = seg.device;
            if self.waiting.is_empty() {
                self.sends(stamp, out);
            } else {
                // If the receiver had the missing bytes already, only the capture had waited for them.
                let since = self.holes.unacknowledged_since();
                self.report(since.and_then(|since| Stall::filled(since, stamp.at)), stamp, out);
            }
            self.due(from, payload, missing, stamp, out);
            self.settle(stamp, out);
        }
    }

    /// A segment wholly before the expected position: a copy by the capture, a keep-alive, a late segment, or
    /// a retransmission.
    fn old(&mut self, range: Range<u64>, seg: &Segment<'_>, stamp: Stamp, out: &mut Out<'_>) {
        let acknowledged = self.positions.acked() >= self.next() || !self.positions.delivered();
        if self.is_copy(seg.device) {
            // The capture saw one segment twice: nothing happened on the wire.
        } else if range.end - range.start == 1 && range.end == self.next() && acknowledged {
            // RFC 9293 section 3.8.4: a keep-alive may carry one byte that the peer has acknowledged already.
        } else if let Some(position) = self.holes.late(&range) {
            self.oddity(LATE, position, "bytes came after the hole they belong in was given up", stamp, out);
        } else if self.positions.is_before_first(range.start) {
            self.oddity(LATE, range.start, "bytes from before the first ones seen came after them", stamp, out);
        } else {
            self.counters.retransmitted += 1;
            if let Some(position) = self.recent.differs(range.start, seg.payload) {
                self.oddity(OVERLAP_DIFFERS, position, "bytes differ from those delivered before", stamp, out);
            }
            if self.positions.acked() < range.end {
                self.report(self.stall.sent_again(stamp.at), stamp, out);
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
        if from - self.next() > WINDOW {
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
            if self.next() < stop.min(cut) {
                let part = (self.next() - from) as usize..(stop.min(cut) - from) as usize;
                self.deliver(&payload[part], stamp, out);
            }
            if self.next() < stop {
                self.skip(stop - self.next(), stamp);
            }
            if !self.take(Some(stamp), out) {
                break;
            }
        }
    }

    /// Deliver the piece that waits at the expected position, if one does, with the stamp of the packet that
    /// filled the hole or its own stamp.
    fn take(&mut self, filler: Option<Stamp>, out: &mut Out<'_>) -> bool {
        let Some(piece) = self.waiting.take(self.next()) else { return false };
        let stamp = filler.unwrap_or_else(|| self.not_before(piece.stamp));
        self.deliver(&piece.bytes, stamp, out);
        self.skip(piece.missing, stamp);
        true
    }

    /// This stamp, or that of the bytes before, if they became readable later: those waited for a hole that was filled.
    fn not_before(&self, stamp: Stamp) -> Stamp {
        self.last.filter(|last| last.at > stamp.at).unwrap_or(stamp)
    }

    /// Deliver the next bytes.
    fn deliver(&mut self, bytes: &[u8], stamp: Stamp, out: &mut Out<'_>) {
        if bytes.is_empty() {
            return;
        }
        self.flush(out);
        self.recent.note(self.next(), bytes);
        self.positions.advance(bytes.len() as u64);
        self.counters.bytes += bytes.len() as u64;
        self.last = Some(stamp);
        out.emit(stamp, What::Data(bytes));
    }

    /// The next `len` bytes will never come.
    fn skip(&mut self, len: u64, stamp: Stamp) {
        if len > 0 {
            self.positions.advance(len);
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
        if at < self.next() {
            self.oddity(DATA_AFTER_FIN, at, "FIN is before bytes that were delivered", stamp, out);
            return;
        }
        if at - self.next() > WINDOW {
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
        let (next, end) = (self.next(), self.waiting.end());
        let at = if self.positions.is_unknown() { next } else { extend(seq, next) };
        let furthest = self.positions.furthest(end);
        // RFC 5961 section 3: a RST that is not where the receiver expects it may be forged.
        if self.positions.delivered() && (at + RESET_REACH < next || at > furthest + RESET_REACH) {
            self.ignore_reset(at, stamp, out);
            return;
        }
        self.tail = Tail::Closing { at: end.unwrap_or(next), how: End::Reset, stamp };
        self.settle(stamp, out);
    }

    /// A RST that no receiver would accept.
    pub(super) fn ignore_reset(&mut self, position: u64, stamp: Stamp, out: &mut Out<'_>) {
        self.counters.rst.get_or_insert(stamp.at);
        self.oddity(OUT_OF_WINDOW, position, "RST that the receiver would not accept, ignored", stamp, out);
    }

    /// After anything that may have moved the edge: emit `End` if everything before it was delivered, else
    /// watch the hole.
    fn settle(&mut self, stamp: Stamp, out: &mut Out<'_>) {
        match self.tail {
            Tail::Closing { at, how: End::Fin, .. } if self.next() >= at => self.end(End::Fin, stamp, out),
            Tail::Closing { how: End::Reset, .. } if self.waiting.is_empty() => {
                self.skip(self.positions.unseen(), stamp);
                self.end(End::Reset, stamp, out);
            }
            _ => self.watch(stamp.at),
        }
    }

    /// End this direction: the state becomes `Over`.
    fn end(&mut self, how: End, stamp: Stamp, out: &mut Out<'_>) {
        self.flush(out);
        self.report(self.stall.at_end(stamp.at), stamp, out);
        self.holes.close();
        self.tail = Tail::Over(how);
        out.emit(stamp, What::End(how));
    }

    /// Position of the first bytes, or of the FIN, that cannot be delivered yet, and their packet.
    fn edge(&self) -> Option<(u64, Stamp)> {
        self.waiting.first().or(self.tail.pending().filter(|(at, _)| *at > self.next()))
    }

    /// After anything that may have changed what is missing.
    fn watch(&mut self, now: Timestamp) {
        let missing = self.edge().map(|(edge, _)| self.next()..edge);
        self.holes.watch(missing, self.positions.acked(), now);
    }

    /// Time at which the hole is given up. After a reset no retransmission will come.
    pub(super) fn deadline(&self, limits: &Limits) -> Option<Timestamp> {
        let patience = if self.tail.is_reset() { limits.hole_acked } else { limits.hole };
        self.holes.deadline(patience, limits.hole_acked)
    }

    /// Give up the holes whose time limit has passed.
    pub(super) fn expire(&mut self, now: Timestamp, limits: &Limits, out: &mut Out<'_>) {
        while self.deadline(limits).is_some_and(|at| at <= now) {
            self.give_up(out);
        }
    }

    /// The first hole becomes a gap. The bytes that waited after it are delivered with their own times: the receiver
    /// had them then, though not earlier than the bytes before the hole. Only the capture lacks what is missing.
    pub(super) fn give_up(&mut self, out: &mut Out<'_>) {
        let Some((edge, stamp)) = self.edge() else { return self.holes.close() };
        self.holes.lose(self.next()..edge);
        self.skip(edge - self.next(), self.not_before(stamp));
        while self.take(None, out) {}
        // The next hole or end gets the stamp of its own packet.
        let own = self.edge().or(self.tail.pending()).map_or(stamp, |(_, own)| own);
        self.settle(self.not_before(own), out);
    }

    /// Nothing more will come: deliver everything that waits with its gaps, then end the direction with `how`
    /// unless it ended already.
    pub(super) fn close(&mut self, how: End, stamp: Stamp, out: &mut Out<'_>) {
        while self.edge().is_some() {
            self.give_up(out);
        }
        if !self.over() {
            self.skip(self.positions.unseen(), stamp);
            self.end(how, stamp, out);
        }
    }

    fn beyond_end(&mut self, position: u64, stamp: Stamp, out: &mut Out<'_>) {
        let reset = (DATA_AFTER_RESET, "bytes of a sender that had reset the connection");
        let (kind, found) = if self.tail.is_reset() { reset } else { (DATA_AFTER_FIN, "bytes after the FIN") };
        self.oddity(kind, position, found, stamp, out);
    }

    fn next(&self) -> u64 {
        self.positions.next()
    }

    /// New bytes came, in order or not.
    fn sends(&mut self, stamp: Stamp, out: &mut Out<'_>) {
        let offset = self.positions.offset(self.next());
        self.stall.sends(stamp.at, |stall| out.emit(stamp, What::Oddity(stall.oddity(stamp.at, offset))));
    }

    /// Report what the sender waited for, if it did.
    fn report(&self, stall: Option<Stall>, stamp: Stamp, out: &mut Out<'_>) {
        let offset = self.positions.offset(self.next());
        stall.into_iter().for_each(|stall| out.emit(stamp, What::Oddity(stall.oddity(stamp.at, offset))));
    }

    fn oddity(&self, kind: Kind, position: u64, found: &'static str, stamp: Stamp, out: &mut Out<'_>) {
        out.emit(stamp, What::Oddity(Oddity::new(kind, stamp.at, found).offset(self.positions.offset(position))));
    }
}
