//! One client's connection: what waits to be written, and the writes. `requests` reads from it.

use super::super::h1::{After, Sent};
use super::super::h2;
use super::super::matching::Recording;
use super::{Seal, clock, socket};
use std::collections::VecDeque;
use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

/// Time after which a write to a slow reader is tried again, ns.
const RETRY: i64 = 500_000;

/// One connection. The reading thread and the pacer share it.
pub(super) struct Link {
    pub(super) socket: TcpStream,
    state: Mutex<State>,
    /// When the pacer comes next, monotonic ns; `i64::MAX` if it does not.
    comes: AtomicI64,
}

/// When the pacer must visit a connection again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// At this time, monotonic ns.
    At(i64),
    /// Soon: its reading thread holds the lock.
    Busy,
    /// Not before the client sends something.
    Nothing,
}

struct State {
    talk: Talk,
    /// Bytes for the socket, and how many of them were written.
    out: Vec<u8>,
    gone: usize,
    /// Due times of the writes in `out`.
    went: Vec<i64>,
    /// The time for which `out` was prepared, monotonic ns; `i64::MIN` if it may be written at once.
    held: i64,
    seal: Option<Box<dyn Seal>>,
    /// What happens when `out` is empty.
    then: After,
    over: bool,
}

enum Talk {
    Http1(VecDeque<Answer>),
    Http2(Box<h2::Server>),
}

/// An HTTP/1 response that is being sent.
struct Answer {
    recording: Arc<Recording>,
    due: Vec<i64>,
    next: usize,
}

impl Link {
    pub(super) fn new(socket: TcpStream) -> Link {
        let talk = Talk::Http1(VecDeque::new());
        let state = State {
            talk,
            out: Vec::new(),
            gone: 0,
            went: Vec::new(),
            held: i64::MIN,
            seal: None,
            then: After::Next,
            over: false,
        };
        Link { socket, state: Mutex::new(state), comes: AtomicI64::new(i64::MAX) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the pacer to come at this time; false if it comes by then anyway.
    pub(super) fn wants(&self, at: i64) -> bool {
        self.comes.fetch_min(at, Ordering::AcqRel) > at
    }

    /// The pacer comes for a visit that was planned for this time; false if an earlier visit replaced it.
    pub(super) fn comes(&self, at: i64) -> bool {
        self.comes.compare_exchange(at, i64::MAX, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Uses TLS from here on.
    pub(super) fn seal_with(&self, seal: Box<dyn Seal>) {
        self.state().seal = Some(seal);
    }

    /// The plain bytes in the client's bytes; without TLS they are the same. TLS's own answers are queued for
    /// writing.
    pub(super) fn open(&self, bytes: &[u8], plain: &mut Vec<u8>) -> io::Result<()> {
        let mut state = self.state();
        let State { seal, out, .. } = &mut *state;
        match seal {
            None => plain.extend_from_slice(bytes),
            Some(seal) => {
                let result = seal.open(bytes, plain);
                seal.take(out);
                state.write(&self.socket)?;
                result?;
            }
        }
        Ok(())
    }

    /// The client speaks HTTP/2.
    pub(super) fn speak_http2(&self) {
        self.state().talk = Talk::Http2(Box::default());
    }

    /// Takes the client's next bytes, for the HTTP/2 frames that limit writing. Returns when to call
    /// [`Link::advance`].
    pub(super) fn steer(&self, bytes: &[u8]) -> Option<i64> {
        let mut state = self.state();
        if let Talk::Http2(server) = &mut state.talk {
            server.push(bytes);
        }
        state.due()
    }

    /// Writes bytes at once, before any response: an interim head.
    pub(super) fn say(&self, bytes: &[u8]) {
        let mut state = self.state();
        if matches!(&state.talk, Talk::Http1(answers) if answers.is_empty()) {
            state.put(bytes);
            state.over |= state.write(&self.socket).is_err();
        }
    }

    /// Answers a request (HTTP/2: of this stream). `due`: when each write is to be sent, monotonic ns. Returns when
    /// to call [`Link::advance`].
    pub(super) fn answer(
        &self,
        stream: Option<u32>,
        recording: Arc<Recording>,
        times: impl Fn(&[crate::time::Span]) -> Vec<i64>,
    ) -> Option<i64> {
        let mut state = self.state();
        match (&mut state.talk, stream) {
            (Talk::Http2(server), Some(stream)) => {
                let recorded: Vec<_> = recording.script.steps.iter().map(|s| s.at).collect();
                let due = times(&recorded);
                server.answer(stream, recording.script.clone(), due);
            }
            (Talk::Http1(answers), _) => {
                let recorded: Vec<_> = recording.writes().0.iter().map(|w| w.at).collect();
                let due = times(&recorded);
                answers.push_back(Answer { recording, due, next: 0 });
            }
            (Talk::Http2(_), None) => {}
        }
        state.due()
    }

    /// Number of DATA frames that had to be cut.
    pub(super) fn cut_frames(&self) -> u64 {
        match &self.state().talk {
            Talk::Http2(server) => server.cut,
            Talk::Http1(_) => 0,
        }
    }

    /// Prepares the write that is due at this time, so that its code and data are in the caches. It is sent `lead`
    /// ns earlier.
    pub(super) fn prepare(&self, at: i64, lead: i64) {
        let Ok(mut state) = self.state.try_lock() else { return };
        let free = !state.over && state.then == After::Next && state.out.is_empty();
        if free && state.due() == Some(at) {
            state.fill(at);
            state.held = at.saturating_sub(lead);
        }
        // An empty send transmits nothing, but it warms the path to the network device.
        let _ = socket::send(&self.socket, &[]);
    }

    /// Writes what is due and returns when to come again. `wrote` is called with each write's lateness and
    /// duration, ns.
    pub(super) fn advance(&self, wrote: &mut dyn FnMut(i64, i64)) -> Next {
        match self.state.try_lock() {
            Ok(mut state) => state.advance(&self.socket, wrote),
            Err(TryLockError::Poisoned(state)) => state.into_inner().advance(&self.socket, wrote),
            Err(TryLockError::WouldBlock) => Next::Busy,
        }
    }
}

impl State {
    fn advance(&mut self, socket: &TcpStream, wrote: &mut dyn FnMut(i64, i64)) -> Next {
        while !self.over {
            let now = clock::now();
            if self.held > now {
                return Next::At(self.held);
            }
            if self.gone < self.out.len() {
                if self.held == i64::MIN {
                    return Next::At(now.saturating_add(RETRY));
                }
                self.held = i64::MIN;
            } else {
                match self.then {
                    After::Next => {}
                    After::Close => {
                        if let Some(mut seal) = self.seal.take() {
                            seal.close();
                            seal.take(&mut self.out);
                            let _ = self.write(socket);
                        }
                        let _ = socket.shutdown(Shutdown::Write);
                        self.over = true;
                        return Next::Nothing;
                    }
                    After::Reset => {
                        socket::reset(socket);
                        self.over = true;
                        return Next::Nothing;
                    }
                    After::Wait => return Next::Nothing,
                }
                match self.due() {
                    Some(due) if due <= now => {
                        self.fill(now);
                        // Nothing could be sent after all: the client must send first.
                        if self.out.is_empty() && self.went.is_empty() && self.then == After::Next {
                            return Next::Nothing;
                        }
                    }
                    Some(due) => return Next::At(due),
                    None => return Next::Nothing,
                }
            }
            let begun = clock::now();
            match self.write(socket) {
                Err(_) => self.over = true,
                Ok(()) => {
                    let written = clock::now();
                    let due = self.went.drain(..).filter(|due| *due > i64::MIN);
                    due.for_each(|due| wrote(written.saturating_sub(due), written - begun));
                }
            }
        }
        Next::Nothing
    }

    fn due(&self) -> Option<i64> {
        match &self.talk {
            Talk::Http1(answers) => answers.front().and_then(|a| a.due.get(a.next)).copied(),
            Talk::Http2(server) => server.due(),
        }
    }

    /// Encodes the next write into `out`.
    fn fill(&mut self, now: i64) {
        let mut bytes = Vec::new();
        match &mut self.talk {
            Talk::Http1(answers) => {
                let Some(answer) = answers.front_mut() else { return };
                let (writes, after) = answer.recording.writes();
                if let (Some(Sent { bytes: write, .. }), Some(due)) =
                    (writes.get(answer.next), answer.due.get(answer.next))
                {
                    bytes.extend_from_slice(write);
                    self.went.push(*due);
                }
                answer.next += 1;
                if answer.next >= writes.len() {
                    self.then = *after;
                    answers.pop_front();
                }
            }
            Talk::Http2(server) => {
                let advanced = server.advance(now, &mut bytes);
                self.went.extend(advanced.went);
                if advanced.close {
                    self.then = After::Close;
                }
            }
        }
        self.put(&bytes);
    }

    fn put(&mut self, bytes: &[u8]) {
        match &mut self.seal {
            None => self.out.extend_from_slice(bytes),
            Some(seal) => {
                seal.seal(bytes);
                seal.take(&mut self.out);
            }
        }
    }

    fn write(&mut self, socket: &TcpStream) -> io::Result<()> {
        while self.gone < self.out.len() {
            match socket::send(socket, &self.out[self.gone..])? {
                0 => return Ok(()),
                n => self.gone += n,
            }
        }
        self.out.clear();
        (self.gone, self.held) = (0, i64::MIN);
        Ok(())
    }
}
