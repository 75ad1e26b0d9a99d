//! What exchanges and connections hold in memory, and how they give way.
//!
//! The sums are kept up to date by difference: of an exchange when it was touched, of a connection after each event.

use super::reading::Reading;
use super::work::{Life, ResponseWork, Work};
use super::{Conn, Context, Pipeline};
use crate::budget::{Holder, LIMIT_REACHED};
use crate::conn::{ConnId, Stamp};
use crate::exchange::ExchangeId;
use crate::http::event::{EndSignal, MessageEnd, ResponseHead};
use crate::oddity::{Kind, Oddities, Oddity};
use crate::time::Timestamp;

/// More interim responses than are kept.
const MORE_INTERIM: Kind = Kind("pipeline.more-interim");

/// Interim heads of one exchange that are kept; later ones are counted.
const MAX_INTERIM: usize = 256;
/// Decoded bytes between two looks at what one event has made a reading hold.
const LOOK: usize = 1 << 20;
/// Size of an oddity with its texts, about.
const ODDITY: usize = 512;
/// What an allocation takes in addition to its own bytes, about.
const MALLOC: usize = 16;
/// Bytes of the first node of the open exchanges of a connection, and of a place in another.
const NODE: usize = 11 * ENTRY / 2 + MALLOC;
const ENTRY: usize = 2 * size_of::<(u64, Box<Work>)>();

/// Watches that one event does not make an exchange hold too much: few bytes may decode to very many.
pub(super) struct Surge<'w> {
    most: usize,
    since: usize,
    over: &'w mut bool,
}

impl Surge<'_> {
    /// `most`: bytes that the reading may hold. `over` is set once it holds more.
    pub(super) fn new(most: usize, over: &mut bool) -> Surge<'_> {
        Surge { most, since: 0, over }
    }

    /// Whether the next `len` bytes may be read.
    pub(super) fn has_room(&mut self, len: usize, reading: &Reading) -> bool {
        self.since += len;
        if self.since > LOOK {
            self.since = 0;
            *self.over |= reading.held() > self.most;
        }
        !*self.over
    }
}

impl ResponseWork {
    /// One more interim head.
    pub(super) fn interim(&mut self, head: ResponseHead, oddities: &mut Oddities, at: Timestamp) {
        if self.informational.len() < MAX_INTERIM {
            self.informational.push(head);
        } else {
            let found = format!("more than {MAX_INTERIM} interim responses");
            oddities.push(Oddity::new(MORE_INTERIM, at, found));
        }
    }
}

impl Work {
    /// This exchange is not followed any longer, for this reason.
    pub(super) fn give_up(&mut self, stamp: Stamp, why: Oddity) {
        self.exchange.oddities.push(why);
        self.ended.get_or_insert((MessageEnd::CutByCapture, EndSignal::NotCaptured, stamp));
    }

    /// Bytes of memory in use, about. Takes constant time.
    pub(super) fn held(&self) -> usize {
        let request = self.request.as_ref().map_or(0, |r| r.head.held() + r.kept.capacity() + r.intake.held());
        let response = self.response.as_ref().map_or(0, |r| {
            let interim = r.informational.first().map_or(0, |head| r.informational.len() * head.held());
            let heads = r.head.as_ref().map_or(0, ResponseHead::held) + r.trailers.held() + interim;
            heads + r.intake.held() + r.reading.held()
        });
        let socket = self.socket.as_ref().map_or(0, super::Socket::held);
        size_of::<Work>() + MALLOC + self.exchange.oddities.len() * ODDITY + request + response + socket
    }
}

impl Conn {
    /// An exchange was touched: its part of the sum changes.
    pub(super) fn settle(sum: &mut usize, work: &mut Work) {
        let now = work.held();
        *sum = *sum + now - work.counted;
        work.counted = now;
    }

    /// After an event: the sums, and whether the connection has to give way at once.
    pub(super) fn account(&mut self, cx: &mut Context<'_>) -> bool {
        let open = self.open.len() * ENTRY + if self.open.is_empty() { 0 } else { NODE };
        let now = size_of::<Conn>() + MALLOC + self.http.held() + self.noticed.held() + open + self.works;
        *cx.held = *cx.held + now - self.counted;
        self.counted = now;
        cx.config.budget.is_far_over(cx.below + *cx.held)
    }

    /// Gives up every exchange that is open, and all that was kept for the rest. What follows is read as on a
    /// connection that was joined in the middle.
    #[cold]
    pub(super) fn give_way(&mut self, stamp: Stamp, cx: &mut Context<'_>) {
        let (limit, held) = (cx.config.budget.limit() >> 20, self.counted >> 10);
        let why = format!("the connection held {held} KiB when all reached the limit of {limit} MiB (--memory)");
        let closings = self.closings(cx.now);
        self.works = 0;
        for mut work in std::mem::take(&mut self.open).into_values() {
            work.give_up(stamp, Oddity::new(LIMIT_REACHED, stamp.at, why.clone()));
            self.emit(work, &closings, cx.out);
        }
        self.http = self.http.joined_again();
        self.noticed = super::Noticed::default();
        self.account(cx);
    }

    /// The exchange begins: it gets its number within the session.
    pub(super) fn begin(work: &mut Work, next: &mut u64) -> Option<ExchangeId> {
        (work.life() == Life::Pending).then(|| {
            work.begin(ExchangeId(*next));
            *next += 1;
            work.exchange.id
        })
    }
}

impl Pipeline {
    /// Bytes of memory in use, about.
    #[inline]
    pub fn held(&self) -> usize {
        self.held + self.conns.capacity() * size_of::<Option<Box<Conn>>>()
    }

    /// The layers below hold this many bytes.
    #[inline]
    pub fn below(&mut self, bytes: usize) {
        self.below = bytes;
    }

    /// Number of events so far.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// What each connection holds, by number.
    pub fn holders(&self) -> Vec<Holder> {
        let holder = |c: &Conn| {
            let Conn { id: conn, counted: held, finished, opened, progress, .. } = *c;
            Holder { conn, held, finished, opened, progress }
        };
        self.conns.iter().flatten().map(|conn| holder(conn)).collect()
    }

    /// The memory of all is short: this connection gives way.
    pub fn give_way(&mut self, conn: ConnId) {
        let Some(slot) = conn.0.checked_sub(self.base).map(|i| i as usize) else { return };
        let Some(conn) = self.conns.get_mut(slot).and_then(Option::as_mut) else { return };
        let stamp = Stamp { at: conn.last_at, frame: 0 };
        let Pipeline { config, next_exchange, out, held, below, .. } = self;
        conn.give_way(
            stamp,
            &mut Context { config, next_exchange, now: self.now, out, held, below: *below, event: self.events },
        );
    }
}
