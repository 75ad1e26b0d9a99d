//! The beginning of a record whose end has not arrived: one reusable, bounded buffer.

/// Longest beginning of one record that is kept.
pub(super) const MAX_RECORD: usize = 64 << 20;
/// A buffer larger than this is freed after use.
const KEEP_CAPACITY: usize = 1 << 20;

/// Bytes carried from piece to piece.
#[derive(Debug, Default)]
pub(super) struct Carry {
    buf: Vec<u8>,
    over: u64,
}

impl Carry {
    /// Nothing is carried.
    pub(super) fn is_empty(&self) -> bool {
        self.buf.is_empty() && self.over == 0
    }

    /// Number of bytes carried.
    pub(super) fn len(&self) -> usize {
        self.buf.len()
    }

    /// Bytes of memory in use.
    pub(super) fn held(&self) -> usize {
        self.buf.capacity()
    }

    /// The limit was exceeded; the bytes were dropped.
    pub(super) fn is_over(&self) -> bool {
        self.over > 0
    }

    /// Adds bytes. Beyond the limit everything carried is dropped and only counted.
    pub(super) fn keep(&mut self, bytes: &[u8]) {
        if self.over > 0 || self.buf.len().saturating_add(bytes.len()) > MAX_RECORD {
            self.over = self.over.saturating_add((self.buf.len() + bytes.len()) as u64);
            self.buf = Vec::new();
        } else {
            if self.buf.len() > KEEP_CAPACITY && self.buf.capacity() - self.buf.len() < bytes.len() {
                // Not doubled: a large buffer that is half empty is memory too.
                self.buf.reserve_exact(bytes.len().max(self.buf.len() / 4));
            }
            self.buf.extend_from_slice(bytes);
        }
    }

    /// The carried bytes followed by `tail`; `tail` itself if nothing is carried.
    pub(super) fn join<'a>(&'a mut self, tail: &'a [u8]) -> &'a [u8] {
        if self.is_empty() {
            return tail;
        }
        self.keep(tail);
        &self.buf
    }

    /// The carried bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buf
    }

    /// Drops the carried bytes.
    pub(super) fn clear(&mut self) {
        self.over = 0;
        clear(&mut self.buf);
    }

    /// Hands over the buffer in exchange for an empty one.
    pub(super) fn swap(&mut self, other: &mut Vec<u8>) {
        clear(other);
        self.over = 0;
        std::mem::swap(&mut self.buf, other);
    }
}

/// Empties a buffer and frees what one huge record needed.
pub(super) fn clear(buf: &mut Vec<u8>) {
    if buf.capacity() > KEEP_CAPACITY {
        *buf = Vec::new();
    } else {
        buf.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_without_a_copy_where_nothing_is_carried() {
        let mut carry = Carry::default();
        let tail = [1u8, 2];
        assert_eq!(carry.join(&tail).as_ptr(), tail.as_ptr());
        assert!(carry.is_empty());
        carry.keep(&[0]);
        assert_eq!(carry.join(&tail), [0, 1, 2]);
    }

    #[test]
    fn drops_what_passes_the_limit() {
        let mut carry = Carry::default();
        let block = vec![0u8; MAX_RECORD / 2];
        carry.keep(&block);
        carry.keep(&block);
        assert!(!carry.is_over());
        carry.keep(&[0]);
        assert!(carry.is_over() && carry.bytes().is_empty() && !carry.is_empty());
        carry.clear();
        assert!(carry.is_empty() && !carry.is_over());
    }
}
