//! One client's connection: what waits to be written, and the writing. The reading is in `requests`.

use super::super::h1::{After, Sent};
use super::super::h2;
use super::super::matching::Recording;
use super::{Seal, clock, socket};
use std::collections::VecDeque;
use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A client that reads slowly is asked again after so long.
const RETRY: i64 = 500_000;

/// One connection. The reading thread and the pacer share it.
pub(super) struct Link {
    pub(super) socket: TcpStream,
    state: Mutex<State>,
}

struct State {
    talk: Talk,
    /// Bytes for the socket, and how many of them are gone.
    out: Vec<u8>,
    gone: usize,
    /// Due times of what is in `out`.
    went: Vec<i64>,
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
        let state = State { talk, out: Vec::new(), gone: 0, went: Vec::new(), seal: None, then: After::Next, over: false };
        Link { socket, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Answer the request (HTTP/2: of this stream). `due`: when each write goes out, monotonic ns. When to call [`Link::advance`].
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

    /// Write what is due; when to come again. `late` gets how late each write was, ns.
    pub(super) fn advance(&self, late: &mut dyn FnMut(i64)) -> Option<i64> {
        let mut state = self.state();
        while !state.over {
            if state.gone < state.out.len() {
                return Some(clock::now().saturating_add(RETRY));
            }
            match state.then {
                After::Next => {}
                After::Close => {
                    if let Some(mut seal) = state.seal.take() {
                        seal.close();
                        let State { out, .. } = &mut *state;
                        seal.take(out);
                        let _ = state.write(&self.socket);
                    }
                    let _ = self.socket.shutdown(Shutdown::Write);
                    state.over = true;
                    return None;
                }
                After::Reset => {
                    socket::reset(&self.socket);
                    state.over = true;
                    return None;
                }
                After::Wait => return None,
            }
            let now = clock::now();
            match state.due() {
                Some(due) if due <= now => state.fill(now),
                due => return due,
            }
            match state.write(&self.socket) {
                Err(_) => state.over = true,
                Ok(()) => {
                    let written = clock::now();
                    state.went.drain(..).filter(|due| *due > i64::MIN).for_each(|due| late(written.saturating_sub(due)));
                }
            }
        }
        None
    }
}

impl State {
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
                if let (Some(Sent { bytes: write, .. }), Some(due)) = (writes.get(answer.next), answer.due.get(answer.next)) {
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
        self.gone = 0;
        Ok(())
    }
}
