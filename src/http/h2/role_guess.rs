//! Which end is the client of a connection that was joined under way? The first readable head decides; until
//! then everything is kept.

use super::frame::{Reader, Step, flag, kind};
use super::hpack;
use crate::conn::Stamp;
use crate::conn::{ByteEvent, Direction, What};
use crate::http::backlog::{Backlog, Item, LIMIT};

/// Keeps the events and looks for a head in them.
#[derive(Debug)]
pub(super) struct RoleGuess {
    readers: [Reader; 2],
    backlogs: [Backlog; 2],
    order: u64,
}

impl RoleGuess {
    pub(super) fn new() -> Self {
        let reader = || Reader::new(false, true);
        RoleGuess { readers: [reader(), reader()], backlogs: Default::default(), order: 0 }
    }

    /// Bytes of memory in use.
    pub(super) fn held(&self) -> usize {
        self.backlogs.iter().map(Backlog::memory).sum::<usize>() + self.readers.iter().map(Reader::held).sum::<usize>()
    }

    /// One more event. `Some` with the direction to the server once it is known; the guess is kept if too
    /// much was stored.
    pub(super) fn push(&mut self, event: &ByteEvent<'_>) -> Option<Direction> {
        let item = match &event.what {
            What::Data(bytes) => Item::Data(bytes),
            What::Gap(len) => Item::Gap(*len),
            What::End(how) => Item::End(*how),
            What::Closed(_) => return Some(Direction::ToServer),
            What::Open { .. } | What::Flip | What::Tls(_) | What::Oddity(_) => return None,
        };
        let i = event.dir.index();
        let stamp = Stamp::from(event);
        self.backlogs[i].push(self.order, stamp, item);
        self.order += 1;
        let mut found = None;
        match item {
            Item::Data(bytes) if bytes.starts_with(super::frame::PREFACE) => found = Some(event.dir),
            Item::Data(bytes) => self.readers[i].push(bytes, &mut |step| found = found.or(tells(event.dir, step))),
            Item::Gap(len) => self.readers[i].gap(len, &mut |_| {}),
            Item::End(_) => {}
        }
        let full = self.backlogs.iter().any(|h| h.held() > LIMIT) || self.order > LIMIT as u64 / 16;
        found.or_else(|| full.then_some(Direction::ToServer))
    }

    pub(super) fn into_backlogs(self) -> [Backlog; 2] {
        self.backlogs
    }
}

/// The direction to the server, if this frame shows it.
fn tells(dir: Direction, step: Step<'_>) -> Option<Direction> {
    let Step::Frame(head, payload) = step else { return None };
    match head.kind {
        kind::PUSH_PROMISE => Some(dir.other()),
        kind::HEADERS => {
            let padded = usize::from(head.has(flag::PADDED));
            let skip = padded + if head.has(flag::PRIORITY) { 5 } else { 0 };
            // Pseudo-header fields come first: an error after them (in padding, for example) does no harm
            // here.
            let (fields, _) = hpack::Decoder::new(true).decode(payload.get(skip..)?);
            fields.iter().take_while(|f| f.name.starts_with(b":")).find_map(|f| match f.name.as_slice() {
                b":status" => Some(dir.other()),
                b":method" | b":path" | b":scheme" | b":authority" => Some(dir),
                _ => None,
            })
        }
        _ => None,
    }
}
