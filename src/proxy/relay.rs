//! Joins two sides: bytes, ends and resets pass as they come. If one side does not take more, the relay stops reading
//! the other.
//!
//! ```text
//! one direction:
//!   Reading ──bytes──▶ Writing ──all out──▶ Reading
//!      │ EOF   └──the next request is another server's──▶ Turning ──all answered──▶ (the relay is over)
//!      ▼
//!   Ending ──FIN out──▶ Over                Writing ──the other side is gone──▶ Over
//! ```
//! Both directions run in one task, so that nothing is shared and nothing is locked. A reset of one side resets the
//! other.

use super::clock::now;
use super::requests::{Editor, Step};
use super::stream::Side;
use super::tee::Tap;
use crate::conn::{Direction, End};
use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::ReadBuf;
use tokio::time::Sleep;

/// Bytes relayed at once. All relays of a thread share the buffer, so that thousands of quiet streams hold no memory.
const AT_ONCE: usize = 128 << 10;
/// Bytes after which a relay yields to other connections.
const TURN: usize = 512 << 10;

/// Time between two looks at a side that has ended its direction and is written to no more: if it is gone, so is the
/// other side. Half-closed connections are lawful and may be silent for hours.
const LOOK: Duration = Duration::from_secs(5);

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; AT_ONCE].into());
}

/// Why a relay ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// Both directions ended, or a side was reset.
    Ended,
    /// The next request goes to another server; its head waits in the editor.
    Turned,
    /// The client sent what can't be passed on; the text is the answer to the client.
    Refused(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Reading,
    Writing,
    /// The next request waits until this server has answered all that it was asked.
    Turning,
    /// The source has ended. `Fin` of TLS: without close_notify.
    Ending(End),
    Over,
}

/// One direction.
struct Half {
    dir: Direction,
    stage: Stage,
    /// Bytes that the sink has not taken yet.
    rest: Vec<u8>,
    /// Number of bytes of `rest` that are written.
    sent: usize,
    /// Number of the delivery that is being written.
    frame: u64,
}

/// Which side of a direction failed.
enum Broken {
    /// Its source was reset.
    Source,
    /// Its sink was reset.
    Sink,
}

/// Relays until both directions are over. Requests pass through `editor` if there is one.
pub(super) async fn relay(client: &mut Side, server: &mut Side, tap: &mut Tap, editor: Option<&mut Editor>) -> Over {
    let (up, down) = (Half::new(Direction::ToServer), Half::new(Direction::ToClient));
    let mut relay = Relay { client, server, tap, editor, up, down, look: None };
    std::future::poll_fn(|cx| relay.poll(cx)).await
}

struct Relay<'r> {
    client: &'r mut Side,
    server: &'r mut Side,
    tap: &'r mut Tap,
    editor: Option<&'r mut Editor>,
    up: Half,
    down: Half,
    /// The next look at the side that has ended, while the other has not.
    look: Option<Pin<Box<Sleep>>>,
}

impl Relay<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Over> {
        let Relay { client, server, tap, editor, up, down, .. } = self;
        let step = up.poll(cx, client, server, tap, editor.as_deref_mut());
        let turned = match step {
            Poll::Ready(Err(Broken::Source)) => return self.reset(Direction::ToServer),
            Poll::Ready(Err(Broken::Sink)) => {
                // What it sent before it closed is still to be read, and the reset itself.
                up.stage = Stage::Over;
                None
            }
            Poll::Ready(Ok(over)) => over,
            Poll::Pending => None,
        };
        if let Some(over) = turned {
            return Poll::Ready(over);
        }
        match down.poll(cx, server, client, tap, editor.as_deref_mut()) {
            Poll::Ready(Err(Broken::Source)) => return self.reset(Direction::ToClient),
            Poll::Ready(Err(Broken::Sink)) => return self.reset(Direction::ToServer),
            Poll::Ready(Ok(_)) | Poll::Pending => {}
        }
        match (up.stage, down.stage) {
            (Stage::Over | Stage::Turning, Stage::Over) => Poll::Ready(Over::Ended),
            (Stage::Turning, Stage::Reading) if editor.as_deref().is_some_and(Editor::may_turn) => {
                Poll::Ready(Over::Turned)
            }
            (Stage::Over, _) => self.watch(cx, Direction::ToServer),
            (_, Stage::Over) => self.watch(cx, Direction::ToClient),
            _ => Poll::Pending,
        }
    }

    /// Waits for the other direction while the sender of `ended` is there.
    fn watch(&mut self, cx: &mut Context<'_>, ended: Direction) -> Poll<Over> {
        let look = self.look.get_or_insert_with(|| Box::pin(tokio::time::sleep(LOOK)));
        while look.as_mut().poll(cx).is_ready() {
            let side = if ended == Direction::ToServer { &*self.client } else { &*self.server };
            if side.wire().is_gone() {
                return self.reset(ended);
            }
            look.as_mut().reset(tokio::time::Instant::now() + LOOK);
        }
        Poll::Pending
    }

    /// The sender of `dir` is gone: closes the other side with a reset too.
    fn reset(&mut self, dir: Direction) -> Poll<Over> {
        self.tap.end(dir, End::Reset);
        self.client.wire().reset_on_close();
        self.server.wire().reset_on_close();
        Poll::Ready(Over::Ended)
    }
}

impl Half {
    fn new(dir: Direction) -> Half {
        Half { dir, stage: Stage::Reading, rest: Vec::new(), sent: 0, frame: 0 }
    }

    /// Relays as far as possible without waiting. `Ready(Ok)`: this direction is over, or the relay as a whole.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Side,
        to: &mut Side,
        tap: &mut Tap,
        mut editor: Option<&mut Editor>,
    ) -> Poll<Result<Option<Over>, Broken>> {
        let mut moved = 0;
        loop {
            match self.stage {
                Stage::Reading => {
                    let editor = editor.as_deref_mut();
                    match SCRATCH.with_borrow_mut(|scratch| self.pass(cx, scratch, from, to, tap, editor)) {
                        Poll::Ready(Ok(Passed::Bytes(n))) => moved += n,
                        Poll::Ready(Ok(Passed::End(how))) => self.stage = Stage::Ending(how),
                        Poll::Ready(Ok(Passed::Over(over))) => return Poll::Ready(Ok(Some(over))),
                        Poll::Ready(Err(broken)) => return Poll::Ready(Err(broken)),
                        Poll::Pending => return Poll::Pending,
                    }
                    if moved > TURN {
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                }
                Stage::Writing => {
                    let rest = std::mem::take(&mut self.rest);
                    let wrote = self.write(cx, &rest, to, tap);
                    self.rest = rest;
                    match wrote {
                        Poll::Pending => return Poll::Pending,
                        Poll::Ready(Err(broken)) => return Poll::Ready(Err(broken)),
                        Poll::Ready(Ok(())) => (self.rest, self.stage) = (Vec::new(), Stage::Reading),
                    }
                }
                Stage::Ending(how) => {
                    tap.end(self.dir, how);
                    // A plain side ends with a FIN only; so does TLS whose other side was cut.
                    let clean = how == End::CloseNotify || matches!(from, Side::Plain(_));
                    if to.poll_end(cx, clean).is_pending() {
                        return Poll::Pending;
                    }
                    self.stage = Stage::Over;
                }
                Stage::Turning => return Poll::Pending,
                Stage::Over => return Poll::Ready(Ok(None)),
            }
        }
    }

    /// Passes the next bytes to the analysis and to the sink. What the sink does not take at once waits as the rest.
    fn pass(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut [u8],
        from: &mut Side,
        to: &mut Side,
        tap: &mut Tap,
        mut editor: Option<&mut Editor>,
    ) -> Poll<Result<Passed, Broken>> {
        let up = self.dir == Direction::ToServer;
        // What the editor still holds comes before what the client sends next.
        let n = match editor.as_deref().filter(|e| up && e.has_input()) {
            Some(_) => 0,
            None => match ready!(read(cx, from, scratch)) {
                Ok(0) => {
                    let tls = matches!(from, Side::Tls(_));
                    return Poll::Ready(Ok(Passed::End(if tls { End::CloseNotify } else { End::Fin })));
                }
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Poll::Ready(Ok(Passed::End(End::Fin))),
                Err(_) => return Poll::Ready(Err(Broken::Source)),
            },
        };
        let edited;
        if let Some(editor) = editor.as_deref_mut().filter(|_| !up) {
            editor.answered(&scratch[..n]);
        }
        let bytes = match editor.filter(|_| up).map(|e| e.push(&scratch[..n])) {
            None => &scratch[..n],
            Some(Step::Pass(bytes)) => {
                edited = bytes;
                &edited
            }
            Some(Step::More) => return Poll::Ready(Ok(Passed::Bytes(0))),
            Some(Step::Turn) => {
                self.stage = Stage::Turning;
                return Poll::Ready(Ok(Passed::Bytes(0)));
            }
            Some(Step::Refuse(why)) => return Poll::Ready(Ok(Passed::Over(Over::Refused(why)))),
        };
        // To the analysis first. Answers have the time of their arrival, requests the time at which they leave: both
        // are times of upstream's side.
        self.frame = match self.dir {
            Direction::ToClient => tap.data(self.dir, from.at(), None, bytes),
            Direction::ToServer => tap.data(self.dir, now(), Some(from.at()), bytes),
        };
        self.sent = 0;
        match self.write(cx, bytes, to, tap) {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(Passed::Bytes(bytes.len()))),
            Poll::Ready(Err(broken)) => Poll::Ready(Err(broken)),
            Poll::Pending => {
                self.rest = bytes[self.sent..].to_vec();
                (self.sent, self.stage) = (0, Stage::Writing);
                Poll::Pending
            }
        }
    }

    /// Writes `bytes` from `sent` on, until the sink has all of them.
    fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8], to: &mut Side, tap: &mut Tap) -> Poll<Result<(), Broken>> {
        while self.sent < bytes.len() {
            match ready!(to.poll_write(cx, &bytes[self.sent..])) {
                Ok(n) if n > 0 => self.sent += n,
                _ => return Poll::Ready(Err(Broken::Sink)),
            }
        }
        if ready!(to.poll_flush(cx)).is_err() {
            return Poll::Ready(Err(Broken::Sink));
        }
        tap.crossed(self.dir, self.frame);
        Poll::Ready(Ok(()))
    }
}

/// Result of one read of the source.
enum Passed {
    Bytes(usize),
    End(End),
    Over(Over),
}

/// Reads the bytes that came together: bytes with one time are one delivery.
fn read(cx: &mut Context<'_>, from: &mut Side, scratch: &mut [u8]) -> Poll<io::Result<usize>> {
    let mut buf = ReadBuf::new(scratch);
    ready!(from.poll_read(cx, &mut buf))?;
    while !buf.filled().is_empty() && buf.remaining() > 0 && from.has_more() {
        let before = buf.filled().len();
        match from.poll_read(cx, &mut buf) {
            Poll::Ready(Ok(())) if buf.filled().len() > before => {}
            // An end or an error comes again with the next read.
            _ => break,
        }
    }
    Poll::Ready(Ok(buf.filled().len()))
}
