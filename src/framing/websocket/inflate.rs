//! permessage-deflate (RFC 7692 section 7): raw deflate, flushed after every message, without its last four
//! bytes.

use crate::framing::carry::MAX_RECORD;
use flate2::{Decompress, FlushDecompress, Status};

/// The end of a sync flush, which the sender omits.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// Bytes up to which the output is doubled; a longer one grows by a quarter.
const STEP: usize = 1 << 20;

/// One direction's decompressor.
#[derive(Debug)]
pub(super) struct Inflate {
    inner: Decompress,
    /// The next message may refer to this one.
    takeover: bool,
    /// A message could not be read, and later ones may refer to it.
    lost: bool,
}

/// Why there is no message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The data is damaged, or refers to a message that was not seen.
    Broken,
    /// More than a record may have.
    TooLong,
    /// More than there is room for.
    NoRoom,
}

impl Inflate {
    pub(super) fn new(takeover: bool) -> Self {
        Inflate { inner: Decompress::new(false), takeover, lost: false }
    }

    /// A message was not seen.
    pub(super) fn lose(&mut self) {
        self.lost = true;
    }

    /// Decompresses a message into `out`, step by step, up to `room` bytes.
    pub(super) fn message(&mut self, data: &[u8], out: &mut Vec<u8>, room: usize) -> Result<(), Fault> {
        if !self.takeover {
            self.inner.reset(false);
        } else if self.lost {
            return Err(Fault::Broken);
        }
        let undone = self.all(data, out, room).and_then(|()| self.all(&TAIL, out, room));
        self.lost |= undone.is_err();
        undone
    }

    fn all(&mut self, mut data: &[u8], out: &mut Vec<u8>, room: usize) -> Result<(), Fault> {
        loop {
            if out.len() == out.capacity() {
                let step = out.len().clamp(1024, STEP.max(out.len() / 4));
                // One byte more shows that there is more.
                out.reserve_exact(step.min(room.saturating_sub(out.len()).saturating_add(1)));
            }
            let (read, wrote) = (self.inner.total_in(), self.inner.total_out());
            let status = self.inner.decompress_vec(data, out, FlushDecompress::Sync).map_err(|_| Fault::Broken)?;
            let used = usize::try_from(self.inner.total_in() - read).unwrap_or(usize::MAX);
            data = data.get(used..).unwrap_or_default();
            if out.len() > MAX_RECORD {
                return Err(Fault::TooLong);
            }
            if out.len() > room {
                return Err(Fault::NoRoom);
            }
            match status {
                // A block marked as the last one: the sender started anew after it (RFC 7692 section
                // 7.2.3.4).
                Status::StreamEnd => self.inner.reset(false),
                _ if out.len() == out.capacity() => continue,
                _ if used == 0 && self.inner.total_out() == wrote && !data.is_empty() => return Err(Fault::Broken),
                _ => {}
            }
            if data.is_empty() {
                return Ok(());
            }
        }
    }
}
