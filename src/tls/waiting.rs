//! Records and events that wait for secrets, in the order of arrival.

use super::Keys;
use super::here::Here;
use crate::conn::End;
use std::collections::VecDeque;

/// Protected bytes of one connection that may wait.
const MAX_BYTES: usize = 4 << 20;
/// Items of one connection that may wait.
const MAX_ITEMS: usize = 1 << 16;

/// A record that waits, or an event after the first record that waits.
pub(super) enum Item {
    Record { kind: u8, version: [u8; 2], body: Vec<u8> },
    Damaged(usize),
    Lost,
    End(End),
}

/// The queue of one connection. Its bytes count towards the limit of the session.
pub(super) struct Queue {
    keys: Keys,
    items: VecDeque<(Here, Item)>,
    bytes: usize,
    /// Per direction: the newest item is a loss, because there was no room for what came then.
    full: [bool; 2],
}

impl Queue {
    pub(super) fn new(keys: Keys) -> Queue {
        Queue { keys, items: VecDeque::new(), bytes: 0, full: [false; 2] }
    }

    /// Bytes of memory in use, about.
    pub(super) fn held(&self) -> usize {
        self.bytes + self.items.capacity() * size_of::<(Here, Item)>()
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Add an item, or in its place a loss if there is no room. False if nothing was kept, because the queue is
    /// empty and has no room.
    pub(super) fn push_or_lose(&mut self, here: Here, item: Item) -> bool {
        let i = here.dir.index();
        if !self.full[i] && self.push(here, item) {
            return true;
        }
        if self.items.is_empty() {
            return false;
        }
        if !std::mem::replace(&mut self.full[i], true) {
            self.items.push_back((here, Item::Lost));
        }
        true
    }

    /// Add an item; false if there is no room.
    fn push(&mut self, here: Here, item: Item) -> bool {
        let bytes = size(&item);
        if self.items.len() >= MAX_ITEMS || self.bytes + bytes > MAX_BYTES || !self.keys.reserve(bytes) {
            return false;
        }
        self.bytes += bytes;
        self.items.push_back((here, item));
        true
    }

    /// Remove the oldest item.
    pub(super) fn pop(&mut self) -> Option<(Here, Item)> {
        let (here, item) = self.items.pop_front()?;
        self.release(size(&item));
        if matches!(item, Item::Lost) {
            self.full[here.dir.index()] = false;
        }
        Some((here, item))
    }

    /// Put an item back that could not be used yet.
    pub(super) fn put_back(&mut self, here: Here, item: Item) {
        let bytes = size(&item);
        // Another connection may have taken the room that was just released: then this item is dropped.
        if self.keys.reserve(bytes) {
            self.bytes += bytes;
            self.items.push_front((here, item));
        }
    }

    fn release(&mut self, bytes: usize) {
        self.bytes -= bytes;
        self.keys.release(bytes);
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.keys.release(self.bytes);
    }
}

fn size(item: &Item) -> usize {
    match item {
        Item::Record { body, .. } => body.len(),
        Item::Damaged(_) | Item::Lost | Item::End(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conn::Direction;
    use crate::time::Timestamp;

    fn here(dir: Direction) -> Here {
        Here { at: Timestamp(0), frame: 0, dir }
    }

    fn record() -> Item {
        Item::Record { kind: 23, version: [3, 3], body: vec![0; 1 << 20] }
    }

    /// What comes out: `r` a record, `l` a loss, with the direction.
    fn pop(queue: &mut Queue) -> Option<(char, Direction)> {
        let (here, item) = queue.pop()?;
        Some((if matches!(item, Item::Lost) { 'l' } else { 'r' }, here.dir))
    }

    /// Four MiB wait. What comes then is one loss of its direction, until that loss has come out.
    #[test]
    fn a_full_queue_loses_what_comes_and_goes_on_after_it() {
        use Direction::{ToClient, ToServer};
        let keys = Keys::default();
        let mut queue = Queue::new(keys.clone());
        for _ in 0..6 {
            assert!(queue.push_or_lose(here(ToClient), record()));
        }
        assert!(queue.push_or_lose(here(ToServer), record()));
        let (kept, lost) = (Some(('r', ToClient)), |dir| Some(('l', dir)));
        assert_eq!([(); 4].map(|()| pop(&mut queue)), [kept; 4]);
        assert!(queue.push_or_lose(here(ToClient), record()), "it is behind a loss that has not come out");
        assert_eq!([(); 3].map(|()| pop(&mut queue)), [lost(ToClient), lost(ToServer), None]);
        assert!(queue.push_or_lose(here(ToClient), record()));
        assert_eq!([(); 2].map(|()| pop(&mut queue)), [kept, None]);
        assert!(keys.reserve(MAX_BYTES), "what came out is free again");
    }
}
