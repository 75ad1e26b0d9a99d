//! Two sides joined: bytes go over as they come, ends and resets too, and a side that does not take more is not sent more.
//!
//! ```text
//! one direction:
//!   Reading ──bytes──▶ Writing ──all out──▶ Reading
//!      │ EOF
//!      ▼
//!   Ending ──FIN out──▶ Over                Writing ──the other side is gone──▶ Over
//! ```
//! Both run in one task, so that nothing is shared and nothing is locked. Whoever resets a side has the other one reset.

use super::clock::now;
use super::requests::{Editor, Step};
use super::stream::Side;
use super::tee::Tap;
use crate::conn::{Direction, End};
use std::io;
use std::task::{Context, Poll};
use tokio::io::ReadBuf;

/// Buffers begin at this size and grow while they are filled, so that thousands of quiet streams cost little and a fast one few calls.
const SMALL: usize = 4 << 10;
/// … up to this.
const LARGE: usize = 128 << 10;

/// Why a relay came to its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// Both directions ended, or a side was reset.
    Ended,
    /// The next request goes to another server; its head waits in the editor.
    Turned,
    /// The client sent what can't be passed on: the text says what. It should be told.
    Refused(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Reading,
    Writing,
    /// The source has ended. `Fin` of TLS: without close_notify.
    Ending(End),
    Over,
}

/// One direction.
struct Half {
    dir: Direction,
    stage: Stage,
    buf: Vec<u8>,
    /// Of `buf`: written so far, to write.
    sent: usize,
    len: usize,
    /// Number of the delivery in `buf`.
    frame: u64,
}

/// How a step of one direction went wrong.
enum Broken {
    /// Its source was reset.
    Source,
    /// Its sink was.
    Sink,
}

/// Relay until it is over. Requests pass through `editor`, where there is one.
pub(super) async fn relay(client: &mut Side, server: &mut Side, tap: &mut Tap, editor: Option<&mut Editor>) -> Over {
    let mut relay = Relay { client, server, tap, editor, up: Half::new(Direction::ToServer), down: Half::new(Direction::ToClient) };
    std::future::poll_fn(|cx| relay.poll(cx)).await
}

struct Relay<'r> {
    client: &'r mut Side,
    server: &'r mut Side,
    tap: &'r mut Tap,
    editor: Option<&'r mut Editor>,
    up: Half,
    down: Half,
}

impl Relay<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Over> {
        let Relay { client, server, tap, editor, up, down } = self;
        let step = up.poll(cx, client, server, tap, editor.as_deref_mut());
        let turned = match step {
            Poll::Ready(Err(Broken::Source)) => return self.reset(Direction::ToServer),
            Poll::Ready(Err(Broken::Sink)) => {
                // What it said before it went is still to be read, and the reset itself.
                up.stage = Stage::Over;
                None
            }
            Poll::Ready(Ok(over)) => over,
            Poll::Pending => None,
        };
        if let Some(over) = turned {
            return Poll::Ready(over);
        }
        match down.poll(cx, server, client, tap, None) {
            Poll::Ready(Err(Broken::Source)) => return self.reset(Direction::ToClient),
            Poll::Ready(Err(Broken::Sink)) => return self.reset(Direction::ToServer),
            Poll::Ready(Ok(_)) | Poll::Pending => {}
        }
        if up.stage == Stage::Over && down.stage == Stage::Over { Poll::Ready(Over::Ended) } else { Poll::Pending }
    }

    /// The sender of `dir` is gone: so are we, to the other side.
    fn reset(&mut self, dir: Direction) -> Poll<Over> {
        self.tap.end(dir, End::Reset);
        self.client.wire().reset_on_close();
        self.server.wire().reset_on_close();
        Poll::Ready(Over::Ended)
    }
}

impl Half {
    fn new(dir: Direction) -> Half {
        Half { dir, stage: Stage::Reading, buf: vec![0; SMALL], sent: 0, len: 0, frame: 0 }
    }

    /// As far as it goes without waiting. `Ready(Ok)`: this direction is over, or the relay as a whole.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Side,
        to: &mut Side,
        tap: &mut Tap,
        mut editor: Option<&mut Editor>,
    ) -> Poll<Result<Option<Over>, Broken>> {
        loop {
            match self.stage {
                Stage::Reading => {
                    // What an editor still holds comes before what the client sends next.
                    let n = match editor.as_deref().filter(|e| e.has_input()) {
                        Some(_) => 0,
                        None => match self.read(cx, from) {
                            Poll::Pending => return Poll::Pending,
                            Poll::Ready(Ok(0)) => {
                                let tls = matches!(from, Side::Tls(_));
                                self.stage = Stage::Ending(if tls { End::CloseNotify } else { End::Fin });
                                continue;
                            }
                            Poll::Ready(Ok(n)) => n,
                            Poll::Ready(Err(e)) if e.kind() == io::ErrorKind::UnexpectedEof => {
                                self.stage = Stage::Ending(End::Fin);
                                continue;
                            }
                            Poll::Ready(Err(_)) => return Poll::Ready(Err(Broken::Source)),
                        },
                    };
                    match editor.as_deref_mut().map(|e| e.push(&self.buf[..n])) {
                        None => self.len = n,
                        Some(Step::Pass(bytes)) => {
                            self.len = bytes.len();
                            if self.buf.len() < bytes.len() {
                                self.buf.resize(bytes.len(), 0);
                            }
                            self.buf[..bytes.len()].copy_from_slice(&bytes);
                        }
                        Some(Step::More) => continue,
                        Some(Step::Turn) => return Poll::Ready(Ok(Some(Over::Turned))),
                        Some(Step::Refuse(why)) => return Poll::Ready(Ok(Some(Over::Refused(why)))),
                    }
                    self.hand_over(from, tap);
                }
                Stage::Writing if self.sent < self.len => match to.poll_write(cx, &self.buf[self.sent..self.len]) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(n)) if n > 0 => self.sent += n,
                    Poll::Ready(_) => return Poll::Ready(Err(Broken::Sink)),
                },
                Stage::Writing => match to.poll_flush(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Err(_)) => return Poll::Ready(Err(Broken::Sink)),
                    Poll::Ready(Ok(())) => {
                        if self.dir == Direction::ToClient {
                            tap.crossed(self.dir, self.frame, now());
                        }
                        if self.len == self.buf.len() && self.buf.len() < LARGE {
                            self.buf.resize(self.buf.len() * 2, 0);
                        }
                        self.stage = Stage::Reading;
                    }
                },
                Stage::Ending(how) => {
                    tap.end(self.dir, how);
                    // A plain side has nothing but its FIN; so has TLS whose other side was cut.
                    let clean = how == End::CloseNotify || matches!(from, Side::Plain(_));
                    if to.poll_end(cx, clean).is_pending() {
                        return Poll::Pending;
                    }
                    self.stage = Stage::Over;
                }
                Stage::Over => return Poll::Ready(Ok(None)),
            }
        }
    }

    fn read(&mut self, cx: &mut Context<'_>, from: &mut Side) -> Poll<io::Result<usize>> {
        let mut buf = ReadBuf::new(&mut self.buf);
        from.poll_read(cx, &mut buf).map_ok(|()| buf.filled().len())
    }

    /// To the analysis first, then on. Answers are dated by their arrival, requests by their leaving: both as upstream has them.
    fn hand_over(&mut self, from: &Side, tap: &mut Tap) {
        let bytes = &self.buf[..self.len];
        match self.dir {
            Direction::ToClient => self.frame = tap.data(self.dir, from.at(), bytes),
            Direction::ToServer => {
                self.frame = tap.data(self.dir, now(), bytes);
                tap.crossed(self.dir, self.frame, from.at());
            }
        }
        self.sent = 0;
        self.stage = Stage::Writing;
    }
}
