//! Bytes of a packet from some layer inwards, and the number of bytes after them that the capture lacks.

/// A layer's bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    /// The captured bytes.
    pub(super) data: &'a [u8],
    /// Number of further bytes that were on the wire and were not captured (snaplen).
    pub(super) cut: u32,
}

impl<'a> View<'a> {
    /// A packet of `wire_len` bytes of which `data` was captured.
    #[inline]
    pub(super) fn new(data: &'a [u8], wire_len: u32) -> Self {
        View { data, cut: wire_len.saturating_sub(data.len() as u32) }
    }

    /// Length on the wire, in bytes.
    #[inline]
    pub(super) fn len(self) -> usize {
        self.data.len() + self.cut as usize
    }

    /// Without the first `n` bytes, which must be there.
    #[inline]
    pub(super) fn skip(self, n: usize) -> Option<Self> {
        Some(View { data: self.data.get(n..)?, cut: self.cut })
    }

    /// Without the first `n` bytes on the wire, of which the capture may lack some.
    #[inline]
    pub(super) fn skip_on_wire(self, n: usize) -> Option<Self> {
        match self.data.get(n..) {
            Some(data) => Some(View { data, cut: self.cut }),
            None => Some(View { data: &[], cut: self.cut.checked_sub((n - self.data.len()) as u32)? }),
        }
    }

    /// The first `len` bytes: an inner length field removes trailing bytes (padding, FCS) and never adds
    /// bytes.
    #[inline]
    pub(super) fn limit(self, len: usize) -> Self {
        match self.data.get(..len) {
            Some(data) => View { data, cut: 0 },
            None => View { data: self.data, cut: self.cut.min((len - self.data.len()) as u32) },
        }
    }

    /// The byte at an offset.
    #[inline]
    pub(super) fn u8(self, at: usize) -> Option<u8> {
        self.data.get(at).copied()
    }

    /// Two bytes at an offset, network order.
    #[inline]
    pub(super) fn u16(self, at: usize) -> Option<u16> {
        Some(u16::from_be_bytes(*self.data.get(at..)?.first_chunk()?))
    }

    /// Four bytes at an offset, network order.
    #[inline]
    pub(super) fn u32(self, at: usize) -> Option<u32> {
        Some(u32::from_be_bytes(*self.data.get(at..)?.first_chunk()?))
    }
}
