//! The record layer (RFC 8446 section 5.1): splits one direction's bytes into records, each with the time of
//! the packet that completed it.

/// Longest protected fragment (RFC 5246 section 6.2.3: 2^14 + 2048).
const MAX_FRAGMENT: usize = (1 << 14) + 2048;

/// Content types.
pub(super) mod content {
    pub(crate) const CHANGE_CIPHER_SPEC: u8 = 20;
    pub(crate) const ALERT: u8 = 21;
    pub(crate) const HANDSHAKE: u8 = 22;
    pub(crate) const APPLICATION_DATA: u8 = 23;
}

/// Length of the fragment, if these five bytes begin a record.
fn header(b: &[u8]) -> Option<usize> {
    let b = b.get(..5)?;
    let len = usize::from(b[3]) << 8 | usize::from(b[4]);
    ((20..=24).contains(&b[0]) && b[1] == 3 && b[2] <= 4 && len <= MAX_FRAGMENT).then_some(len)
}

/// What the reader found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// A whole record: content type, version, fragment.
    Record(u8, [u8; 2], &'a [u8]),
    /// A record with a fragment of this length lost bytes and was skipped; the next record follows directly.
    Damaged(usize),
    /// The record boundaries are lost; bytes are skipped until a header is found.
    Lost,
}

/// Splits one direction into records.
///
/// ```text
/// Held ──5 + n bytes──► (Record) ──► Held        gap inside a record: Damaged{left} ──► Held
///                                                 gap elsewhere, or no header: Lost ──header at a delivery's start──►
///                                                 Held
/// ```
#[derive(Debug, Default)]
pub(super) struct Reader {
    held: Vec<u8>,
    /// Bytes of a damaged record still to come.
    skip: usize,
    damaged: usize,
    lost: bool,
}

impl Reader {
    /// Bytes of memory in use.
    pub(super) fn held(&self) -> usize {
        self.held.capacity()
    }

    pub(super) fn push(&mut self, mut bytes: &[u8], sink: &mut dyn FnMut(Step<'_>)) {
        if self.skip > 0 {
            let take = self.skip.min(bytes.len());
            self.skip -= take;
            bytes = &bytes[take..];
            if self.skip == 0 {
                sink(Step::Damaged(self.damaged));
            }
        }
        if self.lost {
            if header(bytes).is_none() {
                return;
            }
            self.lost = false;
        }
        if !self.held.is_empty() {
            // Complete only the waiting record: the following bytes are read in place.
            let want = match header(&self.held) {
                Some(len) => 5 + len,
                None if self.held.len() >= 5 => return self.lose(sink),
                None => 5,
            };
            let take = want.saturating_sub(self.held.len()).min(bytes.len());
            self.held.extend_from_slice(&bytes[..take]);
            bytes = &bytes[take..];
            if self.held.len() < want {
                return;
            }
            if want == 5 {
                // The header is whole now; start again for the fragment.
                if header(&self.held).is_none() {
                    return self.lose(sink);
                }
                if header(&self.held) != Some(0) {
                    return self.push(bytes, sink);
                }
            }
            let held = std::mem::take(&mut self.held);
            sink(Step::Record(held[0], [held[1], held[2]], &held[5..]));
        }
        while !bytes.is_empty() {
            match header(bytes) {
                None if bytes.len() >= 5 => return self.lose(sink),
                Some(len) if bytes.len() >= 5 + len => {
                    sink(Step::Record(bytes[0], [bytes[1], bytes[2]], &bytes[5..5 + len]));
                    bytes = &bytes[5 + len..];
                }
                _ => {
                    self.held.extend_from_slice(bytes);
                    return;
                }
            }
        }
    }

    /// `len` bytes are missing.
    pub(super) fn gap(&mut self, len: u64, sink: &mut dyn FnMut(Step<'_>)) {
        let inside = match header(&self.held) {
            Some(fragment) if (5 + fragment - self.held.len()) as u64 >= len => {
                Some((fragment, 5 + fragment - self.held.len() - len as usize))
            }
            None if self.skip as u64 >= len => Some((self.damaged, self.skip - len as usize)),
            _ => None,
        };
        self.held.clear();
        match inside {
            Some((fragment, left)) => {
                self.damaged = fragment;
                self.skip = left;
                if left == 0 {
                    sink(Step::Damaged(fragment));
                }
            }
            None => self.lose(sink),
        }
    }

    fn lose(&mut self, sink: &mut dyn FnMut(Step<'_>)) {
        self.held.clear();
        self.skip = 0;
        self.lost = true;
        sink(Step::Lost);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut r = vec![kind, 3, 3];
        r.extend((body.len() as u16).to_be_bytes());
        r.extend(body);
        r
    }

    fn read(bytes: &[u8], size: usize) -> Vec<String> {
        let mut out = Vec::new();
        let mut reader = Reader::default();
        bytes.chunks(size).for_each(|b| reader.push(b, &mut |s| out.push(format!("{s:?}"))));
        out
    }

    #[test]
    fn cut_anywhere() {
        let bytes = [record(22, b"hello"), record(23, b""), record(23, &[7; 300]), record(21, &[1, 0])].concat();
        let whole = read(&bytes, usize::MAX);
        assert_eq!(whole.len(), 4);
        for size in 1..20 {
            assert_eq!(read(&bytes, size), whole, "pieces of {size}");
        }
    }

    #[test]
    fn a_gap_inside_a_record_costs_that_record_only() {
        let mut reader = Reader::default();
        let mut out = Vec::new();
        let first = record(23, &[7; 100]);
        reader.push(&first[..50], &mut |s| out.push(format!("{s:?}")));
        reader.gap(20, &mut |s| out.push(format!("{s:?}")));
        reader.push(&first[70..], &mut |s| out.push(format!("{s:?}")));
        reader.push(&record(23, b"x"), &mut |s| out.push(format!("{s:?}")));
        assert_eq!(out, ["Damaged(100)", "Record(23, [3, 3], [120])"]);
    }

    #[test]
    fn a_gap_across_records_is_a_loss_until_the_next_header() {
        let mut reader = Reader::default();
        let mut out = Vec::new();
        reader.push(&record(23, &[7; 100])[..50], &mut |s| out.push(format!("{s:?}")));
        reader.gap(200, &mut |s| out.push(format!("{s:?}")));
        reader.push(b"middle of something", &mut |s| out.push(format!("{s:?}")));
        reader.push(&record(23, b"x"), &mut |s| out.push(format!("{s:?}")));
        assert_eq!(out, ["Lost", "Record(23, [3, 3], [120])"]);
    }

    proptest! {
        #[test]
        fn hostile_bytes_end(parts in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..64), 0u64..100), 0..20)) {
            let mut reader = Reader::default();
            for (part, gap) in &parts {
                reader.push(part, &mut |_| {});
                reader.gap(*gap, &mut |_| {});
            }
        }
    }

    /// RFC 8446 section 5.1: the types, versions to 3.4 (as drafts of TLS 1.3 wrote it), and the longest fragment.
    #[test]
    fn what_a_header_may_say() {
        let len = |b: [u8; 5]| header(&b);
        assert_eq!([[20, 3, 0, 0, 1], [24, 3, 4, 0, 1]].map(len), [Some(1); 2]);
        assert_eq!(
            [[19, 3, 3, 0, 1], [25, 3, 3, 0, 1], [22, 2, 3, 0, 1], [22, 4, 0, 0, 1], [22, 3, 5, 0, 1]].map(len),
            [None; 5]
        );
        assert_eq!([[23, 3, 3, 0x48, 0], [23, 3, 3, 0x48, 1]].map(len), [Some((1 << 14) + 2048), None]);
        assert_eq!(header(&[22, 3, 3, 0]), None);
    }
}
