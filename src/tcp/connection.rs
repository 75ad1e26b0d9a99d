//! Two directions, who is the client, and whether a SYN opens the next connection of the same addresses.

use super::counters;
use super::early::{Early, Needs};
use super::flow::Flow;
use super::ignored_reset::IgnoredReset;
use super::kept::Kept;
use super::key::Key;
use super::out::Out;
use super::positions::Syn;
use super::round_trip::RoundTrip;
use super::seq::{RESET_REACH, extend};
use super::{LINGER, Limits, ONE_SIDED, RESET_IGNORED};
use crate::conn::{ByteEvent, ConnFacts, ConnId, Direction, End, Endpoints, Stamp, What};
use crate::net::{Segment, flags};
use crate::oddity::Oddity;
use crate::time::Timestamp;

/// A SYN that does not belong to this connection. It opens the next connection with the same addresses,
/// unless it is a stray: the segment that answers or continues it decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rival {
    side: usize,
    isn: u32,
    /// SYN without ACK: its sender is the client.
    opener: bool,
}

impl Rival {
    fn confirmed_by(self, side: usize, seg: &Segment<'_>) -> bool {
        let expected = self.isn.wrapping_add(1);
        let (acks, syn) = (seg.flags & flags::ACK != 0, seg.flags & flags::SYN != 0);
        acks && if side == self.side { !syn && seg.seq == expected } else { seg.ack == expected }
    }
}

/// What became of a segment.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The segment belongs to this connection.
    Taken,
    /// The segment belongs to the next connection with the same addresses, whose SYN may have been seen
    /// before.
    Successor(Option<Rival>),
    /// The receiver ignored the reset that ended this connection. The connection continues with the segments
    /// after the reset, then with this one.
    Revival(Box<IgnoredReset>),
}

/// Memory that segments make one connection, or all of a table, hold, in bytes. All else that a connection
/// needs is of constant size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Held {
    /// Bytes that wait after holes.
    pub(super) waiting: usize,
    /// Segments that came after a reset.
    pub(super) after_reset: usize,
    /// Segments that came before what they acknowledge.
    pub(super) early: usize,
}

impl Held {
    /// Bytes of all.
    pub(super) fn all(self) -> usize {
        self.waiting + self.after_reset + self.early
    }

    /// In a sum: `now` takes the place of `before`.
    pub(super) fn replace(&mut self, before: Held, now: Held) {
        self.waiting = self.waiting - before.waiting + now.waiting;
        self.after_reset = self.after_reset - before.after_reset + now.after_reset;
        self.early = self.early - before.early + now.early;
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: ConnId,
    pub(super) key: Key,
    /// Its key in the realm of the other direction, if the two realms differ.
    pub(super) alias: Option<Key>,
    /// Which sides have sent something.
    heard: [bool; 2],
    pub(super) flows: [Flow; 2],
    /// Per direction: number of its present hole in the order in which the holes of the whole table opened; 0
    /// without a hole.
    pub(super) hole_no: [u64; 2],
    /// The part of the table's sum that is of this connection.
    pub(super) counted: Held,
    /// Time at which the table looks at this connection next.
    pub(super) due: Timestamp,
    pub(super) last: Stamp,
    /// Which side is the client.
    client: usize,
    /// A SYN or SYN-ACK settled which side is the client.
    settled: bool,
    syn: bool,
    syn_ack: bool,
    rival: Option<Rival>,
    /// The segments that came after a reset.
    ignored: Option<Box<IgnoredReset>>,
    /// The segments that came before what they acknowledge.
    early: Option<Box<Early>>,
    /// The capture has no handshake yet, and began a moment ago: every segment waits.
    young: bool,
    packets: u64,
    round_trip: RoundTrip,
}

impl Connection {
    /// The first segment of a connection; emits `Open`.
    pub(super) fn open(
        id: ConnId,
        key: Key,
        side: usize,
        seg: &Segment<'_>,
        rival: Option<Rival>,
        sink: &mut dyn FnMut(ByteEvent<'_>),
    ) -> Self {
        let last = Stamp { at: seg.at, frame: seg.frame };
        let guess = if seg.src.port() < seg.dst.port() { 1 - side } else { side };
        let mut conn = Connection {
            id,
            key,
            alias: None,
            heard: [false; 2],
            flows: Default::default(),
            hole_no: [0; 2],
            counted: Held::default(),
            due: Timestamp(i64::MAX),
            last,
            client: guess,
            settled: false,
            syn: false,
            syn_ack: false,
            rival: None,
            ignored: None,
            early: None,
            young: !is_syn(seg) && rival.is_none(),
            packets: 0,
            round_trip: RoundTrip::default(),
        };
        if let Some(rival) = rival {
            conn.flows[rival.side].syn(rival.isn);
            conn.heard[rival.side] = true;
            conn.handshake(rival.side, rival.opener);
            conn.packets = 1;
        }
        if is_syn(seg) {
            conn.handshake(side, seg.flags & flags::ACK == 0);
        }
        let (client, server) = if conn.client == side { (seg.src, seg.dst) } else { (seg.dst, seg.src) };
        conn.say(last, What::Open { endpoints: Endpoints { client, server }, joined: !conn.settled }, sink);
        conn
    }

    /// Whether a segment waits, because something that it acknowledges was not seen yet.
    #[inline]
    pub(super) fn is_early(&self, side: usize, seg: &Segment<'_>) -> bool {
        let ahead = seg.ack.wrapping_sub(self.flows[1 - side].positions.next() as u32) as i32 > 0;
        (ahead || self.young || seg.flags & flags::RST != 0) && self.needs(side, seg).is_some()
    }

    /// What a segment waits for.
    #[cold]
    fn needs(&self, side: usize, seg: &Segment<'_>) -> Option<Needs> {
        if seg.flags & flags::SYN != 0 || self.rival.is_some_and(|rival| rival.confirmed_by(side, seg)) {
            return None;
        }
        if self.young {
            return Some(Needs::default());
        }
        let [own, other] = [side, 1 - side].map(|side| &self.flows[side]);
        let (acks, reset) = (seg.flags & flags::ACK != 0, seg.flags & flags::RST != 0);
        let answers = extend(seg.ack, other.positions.next());
        let after = extend(seg.seq, own.positions.next());
        let waits = self.early.as_ref().is_some_and(|early| !early.is_empty(side));
        let answers = if acks && other.lacks(answers) { answers } else { 0 };
        let near = after <= own.positions.next() + RESET_REACH;
        let after = if reset && near && (waits || own.lacks(after)) { after } else { 0 };
        (answers > 0 || after > 0).then_some(Needs { own: after, other: answers })
    }

    /// A segment waits. Returns whether no more may wait.
    #[cold]
    pub(super) fn wait(&mut self, side: usize, seg: &Segment<'_>) -> bool {
        let needs = self.needs(side, seg).unwrap_or_default();
        self.heard[side] = true;
        self.last = Stamp { at: seg.at, frame: seg.frame };
        let early = self.early.get_or_insert_default();
        early.push(side, needs, seg);
        if self.young && seg.flags & flags::RST == 0 {
            let (len, positions) = (seg.payload.len() as u64 + u64::from(seg.missing), &mut self.flows[side].positions);
            positions.locate(seg.seq, len, early.reach(side) > 0);
            if len > 0 {
                early.reaches(side, extend(seg.seq, positions.next()) + len);
            }
        }
        early.is_full()
    }

    /// Every segment waits until [`Connection::grow_up`].
    #[inline]
    pub(super) fn is_young(&self) -> bool {
        self.young
    }

    /// From now on only those segments wait that are early. Returns those that waited, in order of arrival.
    pub(super) fn grow_up(&mut self) -> Vec<(usize, Kept)> {
        self.young = false;
        std::iter::from_fn(|| self.next_early(true)).collect()
    }

    /// Segments wait.
    #[inline]
    pub(super) fn has_early(&self) -> bool {
        self.early.is_some()
    }

    /// The next segment that waited; with `all` whether or not what it needs was seen.
    pub(super) fn next_early(&mut self, all: bool) -> Option<(usize, Kept)> {
        let early = self.early.as_mut()?;
        let flows = &self.flows;
        let next = if all { early.pop_any() } else { early.pop(|side, position| !flows[side].lacks(position)) };
        if early.is_empty(0) && early.is_empty(1) {
            self.early = None;
        }
        next
    }

    /// What the segments wait for did not come: it counts as seen.
    pub(super) fn excuse(&mut self) {
        let furthest = self.early.as_ref().map_or([0; 2], |early| early.furthest());
        for (flow, position) in self.flows.iter_mut().zip(furthest) {
            flow.positions.excuse(position);
        }
    }

    /// Time at which the segments wait no longer.
    pub(super) fn patience(&self, limits: &Limits) -> Option<Timestamp> {
        self.early.as_ref()?.deadline(limits.early)
    }

    /// One segment, sent by `side`.
    pub(super) fn segment(
        &mut self,
        side: usize,
        seg: &Segment<'_>,
        limits: &Limits,
        sink: &mut dyn FnMut(ByteEvent<'_>),
    ) -> Verdict {
        if let Some(rival) = self.rival
            && rival.confirmed_by(side, seg)
        {
            return Verdict::Successor(Some(rival));
        }
        let acks = seg.flags & flags::ACK != 0;
        if is_syn(seg) {
            match self.flows[side].syn(seg.seq) {
                Syn::Stranger if self.dead() => return Verdict::Successor(None),
                Syn::Stranger => {
                    self.rival = Some(Rival { side, isn: seg.seq, opener: !acks });
                    return Verdict::Taken;
                }
                Syn::Ours | Syn::Late(_) => self.greet(side, seg, sink),
            }
        }
        let reset = seg.flags & flags::RST != 0;
        if let Some(ignored) = self.ignored.take_if(|d| acks && !reset && d.is_taken_by(side, seg.ack)) {
            return Verdict::Revival(ignored);
        }
        if self.flows[side].was_reset() && !reset && !seg.payload.is_empty() {
            match &mut self.ignored {
                Some(ignored) => ignored.push(side, seg),
                slot => *slot = IgnoredReset::new(side, self.flows[side].positions.next(), seg).map(Box::new),
            }
        }
        self.packets += 1;
        self.round_trip.segment(side, seg);
        self.heard[side] = true;
        self.last = Stamp { at: seg.at, frame: seg.frame };
        let mut out = out(self.id, self.client, side, sink);
        let refusal = reset && self.flows[side].positions.is_unknown();
        if refusal && !self.flows[1 - side].positions.believes_refusal(acks.then_some(seg.ack)) {
            self.flows[side].ignore_reset(0, self.last, &mut out);
            return Verdict::Taken;
        }
        self.flows[side].segment(seg, limits, &mut out);
        if acks && !reset {
            self.flows[1 - side].answered(seg);
        }
        if self.flows.iter().any(Flow::has_hole) {
            self.expire(seg.at, limits, sink);
        }
        Verdict::Taken
    }

    /// Continue a connection after its ignored reset, with the same client.
    pub(super) fn led_by(&mut self, client: usize, sink: &mut dyn FnMut(ByteEvent<'_>)) {
        self.settled = true;
        if std::mem::replace(&mut self.client, client) != client {
            self.say(self.last, What::Flip, sink);
        }
    }

    /// Report that `side` continued after its reset. Comes after the bytes, so that the exchange that they
    /// belong to is known.
    pub(super) fn report_ignored_reset(&self, side: usize, sink: &mut dyn FnMut(ByteEvent<'_>)) {
        let found = "its receiver went on as if it had not come";
        let oddity = Oddity::new(RESET_IGNORED, self.last.at, found).offset(0);
        out(self.id, self.client, side, sink).emit(self.last, What::Oddity(oddity));
    }

    /// Which side is the client.
    pub(super) fn client(&self) -> usize {
        self.client
    }

    /// Both sides have sent something.
    pub(super) fn whole(&self) -> bool {
        self.heard == [true; 2]
    }

    /// Whether this segment of `side` is the other half of this connection: nothing of `side` was seen yet,
    /// and the segment acknowledges what the other side sent.
    pub(super) fn is_answered_by(&self, side: usize, seg: &Segment<'_>) -> bool {
        let reach = self.early.as_ref().map_or(0, |early| early.reach(1 - side));
        !self.heard[side] && seg.flags & flags::ACK != 0 && self.flows[1 - side].expects(seg.ack, reach)
    }

    /// A SYN or SYN-ACK of this connection: it settles which side is the client, unless bytes were delivered
    /// already.
    fn greet(&mut self, side: usize, seg: &Segment<'_>, sink: &mut dyn FnMut(ByteEvent<'_>)) {
        let opener = seg.flags & flags::ACK == 0;
        if !opener {
            self.flows[1 - side].begun_at(seg.ack);
        }
        let before = self.client;
        self.handshake(side, opener);
        if self.client != before {
            self.say(Stamp { at: seg.at, frame: seg.frame }, What::Flip, sink);
        }
    }

    fn handshake(&mut self, side: usize, opener: bool) {
        if !self.settled && !self.flows.iter().any(|f| f.positions.delivered() || f.over()) {
            self.client = if opener { side } else { 1 - side };
        }
        self.settled = true;
        self.syn |= opener;
        self.syn_ack |= !opener;
    }

    /// Give up the holes whose time limit has passed.
    pub(super) fn expire(&mut self, now: Timestamp, limits: &Limits, sink: &mut dyn FnMut(ByteEvent<'_>)) {
        for (side, flow) in self.flows.iter_mut().enumerate() {
            flow.expire(now, limits, &mut out(self.id, self.client, side, sink));
        }
    }

    /// Give up the hole of one side now.
    pub(super) fn give_up(&mut self, side: usize, sink: &mut dyn FnMut(ByteEvent<'_>)) {
        self.flows[side].give_up(&mut out(self.id, self.client, side, sink));
    }

    /// Time of the next timeout of a hole, of what is early, or of the connection, if no packet comes before.
    pub(super) fn deadline(&self, limits: &Limits) -> Timestamp {
        let holes = self.flows.iter().filter_map(|f| f.deadline(limits)).min();
        let end = self.closing(limits);
        let end = self.patience(limits).map_or(end, |at| at.min(end));
        holes.map_or(end, |at| at.min(end))
    }

    /// Time at which the connection is closed, if no packet comes before.
    pub(super) fn closing(&self, limits: &Limits) -> Timestamp {
        self.last.at.plus(if self.over() { LINGER.min(limits.idle) } else { limits.idle })
    }

    /// What this connection holds.
    pub(super) fn held(&self) -> Held {
        Held {
            waiting: self.flows.iter().map(Flow::held_bytes).sum(),
            after_reset: self.ignored.as_ref().map_or(0, |ignored| ignored.held_bytes()),
            early: self.early.as_ref().map_or(0, |early| early.held_bytes()),
        }
    }

    /// Drop all that waits, to save memory.
    pub(super) fn forget_waiting(&mut self) {
        self.flows.iter_mut().for_each(Flow::forget_waiting);
        (self.ignored, self.early) = (None, None);
    }

    /// Drop the segments after a reset, to save memory.
    pub(super) fn forget_after_reset(&mut self) {
        self.ignored = None;
    }

    /// Both directions ended, or one reset both.
    pub(super) fn over(&self) -> bool {
        self.flows.iter().all(Flow::over) || self.flows.iter().any(Flow::was_reset)
    }

    /// Whether a SYN with another number surely opens another connection: this one is over or never began.
    fn dead(&self) -> bool {
        let began = self.syn && self.syn_ack || self.flows.iter().any(|f| f.positions.delivered());
        self.over() || !began
    }

    /// Deliver what waits, end both directions (with `how`, unless they ended already), emit `Closed`.
    pub(super) fn close(mut self, how: End, limits: &Limits, sink: &mut dyn FnMut(ByteEvent<'_>)) {
        while let Some((side, kept)) = self.next_early(true) {
            let last = self.last;
            self.segment(side, &kept.segment(), limits, sink);
            self.last = last;
        }
        if !self.whole() && self.flows.iter().any(|f| f.positions.delivered()) {
            let found = "packets of one end only were captured";
            self.say(self.last, What::Oddity(Oddity::new(ONE_SIDED, self.last.at, found).offset(0)), sink);
        }
        for side in [self.client, 1 - self.client] {
            self.flows[side].close(how, self.last, &mut out(self.id, self.client, side, sink));
        }
        let (client, server) = (&self.flows[self.client].counters, &self.flows[1 - self.client].counters);
        let facts = ConnFacts {
            handshake_seen: self.syn && self.syn_ack,
            packets: self.packets,
            rtt_client: self.round_trip.to(self.client),
            rtt_server: self.round_trip.to(1 - self.client),
            ..counters::facts(client, server)
        };
        self.say(self.last, What::Closed(Box::new(facts)), sink);
    }

    fn say(&self, stamp: Stamp, what: What<'_>, sink: &mut dyn FnMut(ByteEvent<'_>)) {
        out(self.id, self.client, self.client, sink).emit(stamp, what);
    }
}

/// The sink for events of `side`.
fn out(conn: ConnId, client: usize, side: usize, sink: &mut dyn FnMut(ByteEvent<'_>)) -> Out<'_> {
    Out { conn, dir: if side == client { Direction::ToServer } else { Direction::ToClient }, sink }
}

fn is_syn(seg: &Segment<'_>) -> bool {
    seg.flags & (flags::SYN | flags::RST) == flags::SYN
}
