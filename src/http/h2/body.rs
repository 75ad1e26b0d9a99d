//! DATA frames, and missing parts of them.

use super::frame::{Head, Why, flag, kind};
use super::stream::Progress;
use super::{BAD_FRAME, Conn, Here, Sink};
use crate::conn::Direction;
use crate::http::event::{EndSignal, HttpWhat, MessageEnd};

impl Conn {
    /// A DATA frame begins.
    pub(super) fn unit(&mut self, here: Here, head: Head, len: u64, sink: &mut Sink<'_>) {
        let id = head.stream;
        if here.dir == Direction::ToClient {
            self.window.spend(head.len, here.at);
        }
        let partial = self.partial;
        let Some(stream) = self.stream(id, here, partial, sink) else { return };
        if here.dir == Direction::ToClient {
            stream.window.spend(head.len, here.at);
        }
        match stream.progress(here.dir) {
            Progress::Ended => return self.odd(here, id, BAD_FRAME, "DATA after END_STREAM", sink),
            Progress::Open => {}
            Progress::Waiting | Progress::Interim => {
                stream.open(here.dir);
                if !partial {
                    self.odd(here, id, BAD_FRAME, "DATA without HEADERS", sink);
                }
            }
        }
        self.say(here, id, HttpWhat::UnitStart { len, line: b"" }, sink);
    }

    pub(super) fn unit_end(&mut self, here: Here, head: Head, sink: &mut Sink<'_>) {
        self.say(here, head.stream, HttpWhat::UnitEnd, sink);
        if head.has(flag::END_STREAM) {
            self.message_end(here, head.stream, MessageEnd::Complete, EndSignal::EndStream, sink);
        }
    }

    /// A frame was skipped.
    pub(super) fn skipped(&mut self, here: Here, head: Head, why: Why, sink: &mut Sink<'_>) {
        let field_block = matches!(head.kind, kind::HEADERS | kind::CONTINUATION | kind::PUSH_PROMISE);
        if why == Why::NotCaptured {
            self.partial = true;
            self.window_lost |= here.dir == Direction::ToServer;
            if field_block && head.stream != 0 && self.stream(head.stream, here, true, sink).is_some() {
                self.say(here, head.stream, HttpWhat::Gap(None), sink);
            }
        } else {
            self.odd(here, head.stream, BAD_FRAME, format!("frame type {} of {} bytes", head.kind, head.len), sink);
        }
        if field_block {
            self.lost_block(here, head, "part of a field block is missing", sink);
        }
    }

    /// Bytes of unknown content are missing: any open message of this direction may have lost some.
    pub(super) fn lost(&mut self, here: Here, sink: &mut Sink<'_>) {
        let i = here.dir.index();
        self.partial = true;
        self.window_lost |= here.dir == Direction::ToServer;
        self.blocks[i] = None;
        self.hpack[i].lost_block();
        let open: Vec<u32> = self.streams.keys().copied().collect();
        if !self.effort.spend(open.len()) {
            return self.lose_streams(here, open, sink);
        }
        for id in open {
            let Some(stream) = self.streams.get_mut(&id) else { continue };
            if stream.progress(here.dir) != Progress::Ended {
                stream.lose(here.dir);
            }
            let waits = here.dir == Direction::ToClient && stream.progress(here.dir) == Progress::Waiting;
            if !waits {
                self.say(here, id, HttpWhat::Gap(None), sink);
            }
        }
    }
}
