//! Memory for the bodies of requests that are being received: bounded for one request and over all of them. Clients of
//! a replay may be strangers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that a body may have beyond twice the longest recorded one: members that are not compared may be longer.
const SPARE: usize = 1 << 20;
/// Bytes of all bodies at once, unless one body alone may be longer.
const ALL: usize = 64 << 20;

/// The room for all bodies.
#[derive(Debug)]
pub(super) struct Room {
    /// Most bytes of one body; none: no body is kept.
    one: Option<usize>,
    all: usize,
    taken: AtomicUsize,
}

impl Room {
    /// Room for requests like those that were recorded: a body over twice the longest of them matches none. None:
    /// bodies count for nothing.
    pub(super) fn for_bodies_up_to(longest: Option<usize>) -> Room {
        let one = longest.map(|longest| longest.saturating_mul(2).saturating_add(SPARE));
        Room { one, all: ALL.max(one.unwrap_or(0)), taken: AtomicUsize::new(0) }
    }
}

/// The body of one request. Its room is free again when it is dropped.
#[derive(Debug)]
pub(super) struct Body {
    room: Arc<Room>,
    bytes: Vec<u8>,
    /// There was no room for all of it; nothing of it is kept.
    refused: bool,
}

impl Body {
    pub(super) fn new(room: &Arc<Room>) -> Body {
        Body { room: room.clone(), bytes: Vec::new(), refused: false }
    }

    /// Keeps these bytes too, if there is room.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let Some(one) = self.room.one.filter(|_| !self.refused) else { return };
        let taken = self.room.taken.fetch_add(bytes.len(), Ordering::Relaxed) + bytes.len();
        if self.bytes.len() + bytes.len() > one || taken > self.room.all {
            self.room.taken.fetch_sub(bytes.len() + self.bytes.len(), Ordering::Relaxed);
            (self.bytes, self.refused) = (Vec::new(), true);
            return;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The whole body, empty if bodies are not kept; none if there was no room for it.
    pub(super) fn whole(mut self) -> Option<Vec<u8>> {
        let bytes = std::mem::take(&mut self.bytes);
        self.room.taken.fetch_sub(bytes.len(), Ordering::Relaxed);
        (!self.refused).then_some(bytes)
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.room.taken.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_body_and_all_of_them_are_bounded() {
        let room = Arc::new(Room::for_bodies_up_to(Some(100)));
        let of = |len: usize| {
            let mut body = Body::new(&room);
            (0..len).step_by(1 << 16).for_each(|at| body.push(&vec![7; (len - at).min(1 << 16)]));
            body
        };
        let longest = SPARE + 200;
        assert_eq!(of(longest).whole().map(|b| b.len()), Some(longest));
        assert_eq!(of(longest + 1).whole(), None);
        let many: Vec<Body> = (0..ALL / SPARE).map(|_| of(SPARE)).collect();
        assert_eq!(room.taken.load(Ordering::Relaxed), ALL);
        assert_eq!(of(1).whole(), None);
        drop(many);
        let mut unkept = Body::new(&Arc::new(Room::for_bodies_up_to(None)));
        unkept.push(&[7; 9]);
        assert_eq!(unkept.whole(), Some(Vec::new()));
        assert_eq!((of(1).whole(), room.taken.load(Ordering::Relaxed)), (Some(vec![7]), 0));
    }
}
