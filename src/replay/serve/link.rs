//! One client's connection: what waits to be written, and the writing. The reading is in `requests`.

use super::super::h1::{After, Sent};
use super::super::h2;
use super::super::matching::Recording;
use super::{Seal, clock, socket};
use std::collections::VecDeque;
use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

/// A client that reads slowly is asked again after so long.
const RETRY: i64 = 500_000;

/// One connection. The reading thread and the pacer share it.
pub(super) struct Link {
    pub(super) socket: TcpStream,
    state: Mutex<State>,
    /// When the pacer comes next, ns; `i64::MAX` where it does not.
    comes: AtomicI64,
}

/// When a connection is to be visited again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// At this time, ns.
    At(i64),
    /// Soon: its reader holds it.
    Busy,
    /// Not before its client says something.
    Nothing,
}

struct State {
    talk: Talk,
    /// Bytes for the socket, and how many of them are gone.
    out: Vec<u8>,
    gone: usize,
    /// Due times of what is in `out`.
    went: Vec<i64>,
    /// What is in `out` was made ready for this time, ns; `i64::MIN` where it may go at once.
    held: i64,
    seal: Option<Box<dyn Seal>>,
    /// What is done when `out` is empty.
    then: After,
    over: bool,
}

enum Talk {
    Http1(VecDeque<Answer>),
    Http2(Box<h2::Server>),
}

/// An HTTP/1 answer under way.
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

    /// The pacer is to come at this time; false where it comes by then anyway.
    pub(super) fn wants(&self, at: i64) -> bool {
        self.comes.fetch_min(at, Ordering::AcqRel) > at
    }

    /// The pacer comes, as it was wanted at this time; false where that has been overtaken.
    pub(super) fn comes(&self, at: i64) -> bool {
        self.comes.compare_exchange(at, i64::MAX, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// TLS from here on.
    pub(super) fn seal_with(&self, seal: Box<dyn Seal>) {
        self.state().seal = Some(seal);
    }

    /// What the client's bytes hold; itself where there is no TLS. What TLS answers goes out.
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

    /// The client's next bytes, for what of HTTP/2 steers the writing. When to call [`Link::advance`].
    pub(super) fn steer(&self, bytes: &[u8]) -> Option<i64> {
        let mut state = self.state();
        if let Talk::Http2(server) = &mut state.talk {
            server.push(bytes);
        }
        state.due()
    }

    /// Bytes at once, before any answer: an interim head.
    pub(super) fn say(&self, bytes: &[u8]) {
        let mut state = self.state();
        if matches!(&state.talk, Talk::Http1(answers) if answers.is_empty()) {
            state.put(bytes);
            state.over |= state.write(&self.socket).is_err();
        }
    }

    /// Answer the request (HTTP/2: of this stream). `due`: when each write goes out, monotonic ns. When to call
    /// [`Link::advance`].
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

    /// DATA frames that had to be cut.
    pub(super) fn cut_frames(&self) -> u64 {
        match &self.state().talk {
            Talk::Http2(server) => server.cut,
            Talk::Http1(_) => 0,
        }
    }

    /// Make the write that is due at this time ready before it is: what it needs is then close at hand. It is to go out
    /// so much earlier as `lead`
    /// says, ns.
    pub(super) fn prepare(&self, at: i64, lead: i64) {
        let Ok(mut state) = self.state.try_lock() else { return };
        let free = !state.over && state.then == After::Next && state.out.is_empty();
        if free && state.due() == Some(at) {
            state.fill(at);
            state.held = at.saturating_sub(lead);
        }
        // Nothing is sent, but the way to the wire has been walked.
        let _ = socket::send(&self.socket, &[]);
    }

    /// Write what is due; when to come again. `wrote` gets how late each write was, and how long it took, ns.
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
                        // Nothing could be said after all: the client must speak first.
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

    /// The next write into `out`.
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
