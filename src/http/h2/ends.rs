//! How messages end: by END_STREAM, by RST_STREAM, with the connection.

use super::stream::Progress;
use super::{Conn, Here, Sink};
use crate::conn::{Direction, End};
use crate::http::event::{EndSignal, HttpEvent, HttpWhat, MessageEnd, Side};

/// Identifiers of ended streams that are remembered.
const CLOSED_KEPT: usize = 256;
/// Streams that are open at once; more is hostile (RFC 9113 section 6.5.2 suggests that a limit be no smaller than
/// 100).
const MAX_STREAMS: usize = 4096;

impl Conn {
    /// The message of one side is over.
    pub(super) fn message_end(&mut self, here: Here, id: u32, how: MessageEnd, told: EndSignal, sink: &mut Sink<'_>) {
        if here.dir == Direction::ToClient && how != MessageEnd::Complete {
            self.still_shut(here, id, sink);
        }
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let exchange = stream.number;
        // The request of a response that was joined under way is over as far as the capture shows.
        let unseen = here.dir == Direction::ToClient && stream.progress(Direction::ToServer) == Progress::Waiting;
        if unseen {
            stream.end(Direction::ToServer);
        }
        let said = stream.end(here.dir);
        let over = stream.is_over();
        if over {
            self.forget(id);
        }
        if said {
            sink(HttpEvent {
                at: here.at,
                frame: here.frame,
                exchange,
                side: Side::from(here.dir),
                what: HttpWhat::End(how, told),
            });
        }
    }

    /// The stream is over: late frames on it open nothing.
    fn forget(&mut self, id: u32) {
        self.streams.remove(&id);
        self.closed.push_back(id);
        if self.closed.len() > CLOSED_KEPT {
            self.closed.pop_front();
        }
    }

    /// Drops the oldest stream if too many are open.
    pub(super) fn make_room(&mut self, here: Here, sink: &mut Sink<'_>) {
        if self.streams.len() < MAX_STREAMS {
            return;
        }
        let oldest = self.streams.keys().next().copied();
        self.lose_streams(here, oldest, sink);
    }

    /// These streams are not followed any longer.
    pub(super) fn lose_streams(&mut self, here: Here, ids: impl IntoIterator<Item = u32>, sink: &mut Sink<'_>) {
        for id in ids {
            for dir in [Direction::ToServer, Direction::ToClient] {
                self.message_end(Here { dir, ..here }, id, MessageEnd::CutByCapture, EndSignal::NotCaptured, sink);
            }
        }
    }

    pub(super) fn end(&mut self, here: Here, how: End, sink: &mut Sink<'_>) {
        self.first_end.get_or_insert((here.dir, how));
        if here.dir == Direction::ToClient || !how.is_orderly() {
            self.close(here, sink);
        }
    }

    /// The connection is over: the end that closed first cut what is open, unless the capture lacks the bytes
    /// that show it.
    pub(super) fn close(&mut self, here: Here, sink: &mut Sink<'_>) {
        let by_close = match self.first_end {
            Some((dir, how)) if how.is_close() => (cut_by(dir), EndSignal::of(how)),
            Some((_, how)) => (MessageEnd::CutByCapture, EndSignal::of(how)),
            None => (MessageEnd::CutByCapture, EndSignal::CaptureEnd),
        };
        let open: Vec<u32> = self.streams.keys().copied().collect();
        for id in open {
            for dir in [Direction::ToServer, Direction::ToClient] {
                let Some(stream) = self.streams.get_mut(&id) else { continue };
                let (how, told) = match self.goaway.filter(|g| g.gives_up(id)) {
                    _ if stream.is_unsure(dir) => (MessageEnd::CutByCapture, EndSignal::NotCaptured),
                    Some(g) => (cut_by(g.dir), EndSignal::GoAway { last: g.last, code: g.code }),
                    None => by_close,
                };
                match stream.progress(dir) {
                    // No response began, so none ends, unless the server said that there will be none.
                    Progress::Waiting if !matches!(told, EndSignal::GoAway { .. }) => drop(stream.end(dir)),
                    _ => self.message_end(Here { dir, ..here }, id, how, told, sink),
                }
            }
            if self.streams.contains_key(&id) {
                self.forget(id);
            }
        }
    }
}

/// The end of a message that the sender of this direction cut.
pub(super) fn cut_by(dir: Direction) -> MessageEnd {
    match dir {
        Direction::ToServer => MessageEnd::CutByClient,
        Direction::ToClient => MessageEnd::CutByServer,
    }
}
