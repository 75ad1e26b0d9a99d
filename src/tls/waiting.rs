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
        self.bytes + self.items.len() * size_of::<(Here, Item)>()
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
