//! From the relay to the analysis: what happened, owned, through a queue bounded by bytes. A full queue never slows traffic: the loss is counted
//! and stands in the stream as a gap.
//!
//! Bytes are handed over before they are written on, the client's side of the hop after it: so nothing that upstream said can overtake what it answers.

use super::clock::now;
use crate::conn::{ByteEvent, ConnFacts, ConnId, Direction, End, Endpoints, TlsFacts, What};
use crate::time::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Once woken, the reader waits so long for company: waking it for every chunk would take the processor from the relay.
const COMPANY: Duration = Duration::from_millis(4);
/// What one entry costs beside its bytes (about).
const ENTRY: usize = 128;
/// Notices that wait at most.
const NOTICES: usize = 256;

/// One thing that happened, owned.
#[derive(Debug)]
pub struct Told {
    /// When: on the upstream side.
    pub at: Timestamp,
    /// Number of the delivery, from 1 over the whole session; 0 for what is none.
    pub frame: u64,
    /// Which connection.
    pub conn: ConnId,
    /// Which way.
    pub dir: Direction,
    /// What.
    pub what: Heard,
}

/// What happened.
#[derive(Debug)]
pub enum Heard {
    /// The connection is there on both sides.
    Open(Endpoints),
    /// It is TLS on the upstream side, opened.
    Tls(Box<TlsFacts>),
    /// The next bytes.
    Data(Vec<u8>),
    /// So many bytes were relayed and not looked at.
    Gap(u64),
    /// This direction is over.
    End(End),
    /// Both are.
    Closed(Box<ConnFacts>),
    /// Delivery `frame` crossed the client's side of the hop at `at`: came in from it, or was handed to it.
    ClientHop,
}

impl Told {
    /// As the waist has it; none for what is no event of the waist.
    pub fn event(&self) -> Option<ByteEvent<'_>> {
        let what = match &self.what {
            Heard::Open(endpoints) => What::Open { endpoints: *endpoints, joined: false },
            Heard::Tls(facts) => What::Tls(facts.clone()),
            Heard::Data(bytes) => What::Data(bytes),
            Heard::Gap(len) => What::Gap(*len),
            Heard::End(end) => What::End(*end),
            Heard::Closed(facts) => What::Closed(facts.clone()),
            Heard::ClientHop => return None,
        };
        Some(ByteEvent { at: self.at, frame: self.frame, conn: self.conn, dir: self.dir, what })
    }

    fn cost(&self) -> usize {
        ENTRY + if let Heard::Data(bytes) = &self.what { bytes.len() } else { 0 }
    }
}

/// The queue's two ends: relays push through [`Tap`]s, one reader takes.
#[derive(Debug, Clone)]
pub struct Tee(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    room: usize,
    frames: AtomicU64,
    lost: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Told>,
    notices: Vec<String>,
    bytes: usize,
    conns: u32,
    open: u32,
    /// The reader waits to be woken.
    asleep: bool,
}

impl Tee {
    /// At most so many bytes wait.
    pub fn new(room: usize) -> Tee {
        let state = Mutex::default();
        Tee(Arc::new(Shared { state, changed: Condvar::new(), room, frames: AtomicU64::new(1), lost: AtomicU64::new(0) }))
    }

    /// A connection begins.
    pub(super) fn tap(&self, endpoints: Endpoints, looks: bool) -> Tap {
        let mut state = self.lock();
        let conn = ConnId(state.conns);
        state.conns += 1;
        state.open += 1;
        let facts = ConnFacts { handshake_seen: true, ..ConnFacts::default() };
        state.push(Told { at: now(), frame: 0, conn, dir: Direction::ToServer, what: Heard::Open(endpoints) });
        drop(state);
        Tap { tee: self.clone(), conn, looks, lost: [0; 2], ended: [false; 2], facts }
    }

    /// Something that a person should know.
    pub(super) fn notice(&self, text: String) {
        let mut state = self.lock();
        if state.notices.len() < NOTICES {
            state.notices.push(text);
        }
        self.wake(&state);
    }

    /// Everything that waits, in order, and what a person should know. Waits until there is something, at most so long.
    pub fn take(&self, limit: Duration) -> (Vec<Told>, Vec<String>) {
        let mut state = self.lock();
        if state.waiting.is_empty() && state.notices.is_empty() {
            state.asleep = true;
            let quiet = |s: &mut State| s.waiting.is_empty() && s.notices.is_empty();
            state = self.0.changed.wait_timeout_while(state, limit, quiet).unwrap_or_else(PoisonError::into_inner).0;
            state.asleep = false;
            if !state.waiting.is_empty() {
                drop(state);
                std::thread::sleep(COMPANY);
                state = self.lock();
            }
        }
        state.bytes = 0;
        (std::mem::take(&mut state.waiting), std::mem::take(&mut state.notices))
    }

    /// Connections that are open.
    pub fn open(&self) -> u32 {
        self.lock().open
    }

    /// Bytes that were relayed and not looked at, because the analysis was behind.
    pub fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }

    fn wake(&self, state: &State) {
        if state.asleep {
            self.0.changed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock is held leaves whole entries behind.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(&mut self, told: Told) {
        self.bytes += told.cost();
        self.waiting.push(told);
    }
}

/// One connection's end of the tee.
#[derive(Debug)]
pub(super) struct Tap {
    tee: Tee,
    conn: ConnId,
    /// False: bytes are counted, not looked at.
    looks: bool,
    /// Bytes since the last delivery that was taken, by direction.
    lost: [u64; 2],
    ended: [bool; 2],
    facts: ConnFacts,
}

impl Tap {
    pub(super) fn tls(&self, facts: TlsFacts) {
        self.say(now(), 0, Direction::ToServer, Heard::Tls(Box::new(facts)));
    }

    /// These bytes are about to be written on. The number of the delivery; 0 where there was no room for it.
    pub(super) fn data(&mut self, dir: Direction, at: Timestamp, bytes: &[u8]) -> u64 {
        match dir {
            Direction::ToServer => self.facts.client_bytes += bytes.len() as u64,
            Direction::ToClient => self.facts.server_bytes += bytes.len() as u64,
        }
        if !self.looks {
            return 0;
        }
        let lost = &mut self.lost[dir.index()];
        let told = |frame, what| Told { at, frame, conn: self.conn, dir, what };
        // Copied before the lock is taken: the lock is for pushing only.
        let data = told(self.tee.0.frames.fetch_add(1, Ordering::Relaxed), Heard::Data(bytes.to_vec()));
        let frame = data.frame;
        let mut state = self.tee.lock();
        if state.bytes + data.cost() > self.tee.0.room {
            *lost += bytes.len() as u64;
            self.tee.0.lost.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            return 0;
        }
        if *lost > 0 {
            state.push(told(0, Heard::Gap(std::mem::take(lost))));
            self.facts.hole = true;
        }
        state.push(data);
        frame
    }

    /// Delivery `frame` crossed the client's side.
    pub(super) fn crossed(&self, dir: Direction, frame: u64, at: Timestamp) {
        if frame > 0 {
            self.say(at, frame, dir, Heard::ClientHop);
        }
    }

    /// This direction is over; what comes later of it counts no more.
    pub(super) fn end(&mut self, dir: Direction, end: End) {
        if std::mem::replace(&mut self.ended[dir.index()], true) {
            return;
        }
        let (at, facts) = (now(), &mut self.facts);
        let closed = match (dir, end) {
            // Nobody says close_notify and stays.
            (Direction::ToServer, End::Fin | End::CloseNotify) => Some((&mut facts.client_fin, &mut facts.closed.client_fin)),
            (Direction::ToClient, End::Fin | End::CloseNotify) => Some((&mut facts.server_fin, &mut facts.closed.server_fin)),
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
            self.say(at, 0, dir, Heard::Gap(lost));
        }
        self.say(at, 0, dir, Heard::End(end));
    }

    fn say(&self, at: Timestamp, frame: u64, dir: Direction, what: Heard) {
        let mut state = self.tee.lock();
        state.push(Told { at, frame, conn: self.conn, dir, what });
        self.tee.wake(&state);
    }
}

impl Drop for Tap {
    /// The connection is over, however that came: a direction that has no end yet was cut here.
    fn drop(&mut self) {
        for dir in [Direction::ToServer, Direction::ToClient] {
            self.end(dir, End::Capture);
        }
        self.say(now(), 0, Direction::ToServer, Heard::Closed(Box::new(self.facts)));
        self.tee.lock().open -= 1;
    }
}
