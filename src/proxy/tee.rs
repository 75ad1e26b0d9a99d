//! From the relay to the analysis: what happened, owned, through a queue bounded by bytes. A full queue never slows
//! traffic: the loss is counted and appears in the stream as a gap.
//!
//! Bytes are handed over before they are written on, so no answer of upstream can overtake its request. The time at
//! which they crossed the client's side is known later, so it goes into a separate list.

use super::clock::now;
use crate::conn::{ByteEvent, ConnFacts, ConnId, Direction, End, Endpoints, TlsFacts, What};
use crate::time::Timestamp;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Time that the reader waits for a batch: waking it for every chunk would take the processor from the relay.
const COMPANY: Duration = Duration::from_millis(8);
/// Bytes waiting at which the reader does not wait for a batch.
const ENOUGH: usize = 1 << 20;
/// Bytes that one entry counts in addition to its data (about its size).
const ENTRY: usize = 128;
/// Capacity in entries that a list keeps between two calls of `take`.
const KEPT: usize = 16 << 10;
/// Maximum of notices that wait.
const NOTICES: usize = 256;

/// One event of a connection, with its bytes.
#[derive(Debug)]
pub struct TeeEvent {
    /// Time on the upstream side.
    pub at: Timestamp,
    /// Number of the delivery, from 1 over the whole session; 0 for events that are not deliveries.
    pub frame: u64,
    /// The connection.
    pub conn: ConnId,
    /// The direction of the bytes or of the end.
    pub dir: Direction,
    /// What happened.
    pub what: TeeWhat,
}

/// The time at which a delivery crossed the client's side: it came from the client, or was written to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hop {
    /// Number of the delivery.
    pub frame: u64,
    /// Time on the client's side.
    pub at: Timestamp,
}

/// What happened.
#[derive(Debug)]
pub enum TeeWhat {
    /// The connection is open on both sides.
    Open(Box<Endpoints>),
    /// The upstream side speaks TLS, which the proxy decrypts.
    Tls(Box<TlsFacts>),
    /// The next bytes.
    Data(Vec<u8>),
    /// This many bytes were relayed and not analyzed.
    Gap(u64),
    /// This direction is over.
    End(End),
    /// Both directions are over.
    Closed(Box<ConnFacts>),
}

impl TeeEvent {
    /// This event as a byte event.
    pub fn event(&self) -> ByteEvent<'_> {
        let what = match &self.what {
            TeeWhat::Open(endpoints) => What::Open { endpoints: **endpoints, joined: false },
            TeeWhat::Tls(facts) => What::Tls(facts.clone()),
            TeeWhat::Data(bytes) => What::Data(bytes),
            TeeWhat::Gap(len) => What::Gap(*len),
            TeeWhat::End(end) => What::End(*end),
            TeeWhat::Closed(facts) => What::Closed(facts.clone()),
        };
        ByteEvent { at: self.at, frame: self.frame, conn: self.conn, dir: self.dir, what }
    }

    fn cost(&self) -> usize {
        ENTRY + if let TeeWhat::Data(bytes) = &self.what { bytes.len() } else { 0 }
    }
}

/// The queue's two ends: relays push through `Tap`s, one reader takes.
#[derive(Debug, Clone)]
pub struct Tee(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    room: usize,
    frames: AtomicU64,
    lost: AtomicU64,
    open: AtomicU32,
    /// The reader waits to be woken. It is written under the lock and read after the lock is released, so that a
    /// relay that has pushed sees it.
    asleep: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<TeeEvent>,
    hops: Vec<Hop>,
    notices: Vec<String>,
    bytes: usize,
    conns: u32,
}

impl Tee {
    /// `room`: maximum of bytes that wait.
    pub fn new(room: usize) -> Tee {
        Tee(Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            room,
            frames: AtomicU64::new(1),
            lost: AtomicU64::new(0),
            open: AtomicU32::new(0),
            asleep: AtomicBool::new(false),
        }))
    }

    /// A connection begins.
    pub(super) fn tap(&self, endpoints: Endpoints, looks: bool) -> Tap {
        let mut state = self.lock();
        let conn = ConnId(state.conns);
        state.conns += 1;
        self.0.open.fetch_add(1, Ordering::Relaxed);
        let facts = ConnFacts { handshake_seen: true, ..ConnFacts::default() };
        let what = TeeWhat::Open(Box::new(endpoints));
        state.push(TeeEvent { at: now(), frame: 0, conn, dir: Direction::ToServer, what });
        drop(state);
        Tap { tee: self.clone(), conn, looks, lost: [0; 2], ended: [false; 2], facts }
    }

    /// Queues a notice for the user.
    pub(super) fn notice(&self, text: String) {
        let mut state = self.lock();
        if state.notices.len() < NOTICES {
            state.notices.push(text);
        }
        drop(state);
        self.wake();
    }

    /// Moves everything that waits into `told`, in order, and the crossings into `hops` (both are emptied first).
    /// Returns the notices for the user. Waits until there is something, at most `limit`.
    pub fn take(&self, told: &mut Vec<TeeEvent>, hops: &mut Vec<Hop>, limit: Duration) -> Vec<String> {
        told.clear();
        told.shrink_to(KEPT);
        hops.clear();
        hops.shrink_to(KEPT);
        let mut state = self.lock();
        let quiet = |s: &mut State| s.waiting.is_empty() && s.hops.is_empty() && s.notices.is_empty();
        if quiet(&mut state) {
            self.0.asleep.store(true, Ordering::Relaxed);
            state = self.0.changed.wait_timeout_while(state, limit, quiet).unwrap_or_else(PoisonError::into_inner).0;
            self.0.asleep.store(false, Ordering::Relaxed);
        }
        if !state.waiting.is_empty() && state.bytes < ENOUGH {
            drop(state);
            std::thread::sleep(COMPANY.min(limit));
            state = self.lock();
        }
        state.bytes = 0;
        std::mem::swap(&mut state.waiting, told);
        std::mem::swap(&mut state.hops, hops);
        std::mem::take(&mut state.notices)
    }

    /// Number of open connections.
    pub fn open(&self) -> u32 {
        self.0.open.load(Ordering::Relaxed)
    }

    /// Bytes that were relayed but not analyzed, because the analysis was too slow.
    pub fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }

    /// Wakes the reader. Called after a push, without the lock: the woken thread takes the lock first.
    fn wake(&self) {
        if self.0.asleep.load(Ordering::Relaxed) {
            self.0.changed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock is held leaves whole entries behind.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(&mut self, told: TeeEvent) {
        self.bytes += told.cost();
        self.waiting.push(told);
    }
}

/// One connection's end of the tee.
#[derive(Debug)]
pub(super) struct Tap {
    tee: Tee,
    conn: ConnId,
    /// False: bytes are counted, not analyzed.
    looks: bool,
    /// Bytes since the last delivery that was taken, by direction.
    lost: [u64; 2],
    ended: [bool; 2],
    facts: ConnFacts,
}

impl Tap {
    pub(super) fn tls(&self, facts: TlsFacts) {
        self.say(now(), Direction::ToServer, TeeWhat::Tls(Box::new(facts)));
    }

    /// These bytes are about to be written on; `crossed` is the time at which they came from the client, if they did.
    /// Returns the number of the delivery; 0 if the queue had no room for it.
    pub(super) fn data(&mut self, dir: Direction, at: Timestamp, crossed: Option<Timestamp>, bytes: &[u8]) -> u64 {
        match dir {
            Direction::ToServer => self.facts.client_bytes += bytes.len() as u64,
            Direction::ToClient => self.facts.server_bytes += bytes.len() as u64,
        }
        if !self.looks {
            return 0;
        }
        let shared = &self.tee.0;
        let frame = shared.frames.fetch_add(1, Ordering::Relaxed);
        // Copied before the lock is taken: the lock is for pushing only.
        let data = TeeEvent { at, frame, conn: self.conn, dir, what: TeeWhat::Data(bytes.to_vec()) };
        let lost = &mut self.lost[dir.index()];
        let mut state = self.tee.lock();
        if state.bytes + data.cost() > shared.room {
            *lost += bytes.len() as u64;
            shared.lost.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            return 0;
        }
        if *lost > 0 {
            state.push(TeeEvent { at, frame: 0, conn: self.conn, dir, what: TeeWhat::Gap(std::mem::take(lost)) });
            self.facts.hole = true;
        }
        state.push(data);
        state.hops.extend(crossed.map(|at| Hop { frame, at }));
        frame
    }

    /// Delivery `frame` has been written on.
    pub(super) fn crossed(&self, dir: Direction, frame: u64) {
        if frame > 0 && dir == Direction::ToClient {
            let at = now();
            self.tee.lock().hops.push(Hop { frame, at });
        }
        // Only now: the delivery must be on its way before the reader is woken.
        self.tee.wake();
    }

    /// This direction is over; later bytes of it do not count.
    pub(super) fn end(&mut self, dir: Direction, end: End) {
        if std::mem::replace(&mut self.ended[dir.index()], true) {
            return;
        }
        let (at, facts) = (now(), &mut self.facts);
        let closed = match (dir, end) {
            // A peer that sends close_notify does not stay.
            (Direction::ToServer, End::Fin | End::CloseNotify) => {
                Some((&mut facts.client_fin, &mut facts.closed.client_fin))
            }
            (Direction::ToClient, End::Fin | End::CloseNotify) => {
                Some((&mut facts.server_fin, &mut facts.closed.server_fin))
            }
            (Direction::ToServer, End::Reset) => Some((&mut facts.client_rst, &mut facts.closed.client_rst)),
            (Direction::ToClient, End::Reset) => Some((&mut facts.server_rst, &mut facts.closed.server_rst)),
            (_, End::Idle | End::Capture) => None,
        };
        if let Some((flag, time)) = closed {
            (*flag, *time) = (true, Some(at));
        }
        let lost = std::mem::take(&mut self.lost[dir.index()]);
        if lost > 0 {
            self.facts.hole = true;
            self.say(at, dir, TeeWhat::Gap(lost));
        }
        self.say(at, dir, TeeWhat::End(end));
    }

    fn say(&self, at: Timestamp, dir: Direction, what: TeeWhat) {
        self.tee.lock().push(TeeEvent { at, frame: 0, conn: self.conn, dir, what });
        self.tee.wake();
    }
}

impl Drop for Tap {
    /// The connection is over: a direction that has no end yet was cut here.
    fn drop(&mut self) {
        for dir in [Direction::ToServer, Direction::ToClient] {
            self.end(dir, End::Capture);
        }
        self.say(now(), Direction::ToServer, TeeWhat::Closed(Box::new(self.facts)));
        self.tee.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
