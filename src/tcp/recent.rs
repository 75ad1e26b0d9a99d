//! Checksums of the last deliveries, to notice when the same bytes come again with different content. The
//! bytes themselves are not kept.

/// Number of deliveries that are remembered.
const RUNS: usize = 16;

/// One delivery.
#[derive(Debug, Clone, Copy)]
struct Run {
    start: u64,
    len: usize,
    crc: u32,
}

/// The last deliveries of one direction.
#[derive(Debug, Default)]
pub(super) struct Recent {
    runs: Vec<Run>,
    /// Index at which the next delivery is stored.
    next: usize,
}

impl Recent {
    /// Remember that these bytes, which begin at position `start`, were delivered.
    pub(super) fn note(&mut self, start: u64, bytes: &[u8]) {
        let run = Run { start, len: bytes.len(), crc: crc32fast::hash(bytes) };
        match self.runs.get_mut(self.next) {
            Some(old) => *old = run,
            None => self.runs.push(run),
        }
        self.next = (self.next + 1) % RUNS;
    }

    /// The position of the first remembered delivery that is wholly within `bytes` and differs from them.
    /// `bytes` begin at position `start`.
    pub(super) fn differs(&self, start: u64, bytes: &[u8]) -> Option<u64> {
        let inside = |run: &&Run| {
            let from = usize::try_from(run.start.checked_sub(start)?).ok()?;
            bytes.get(from..from.checked_add(run.len)?).filter(|again| crc32fast::hash(again) != run.crc)
        };
        self.runs.iter().filter(|run| inside(run).is_some()).map(|run| run.start).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_deliveries_are_compared_wherever_they_lie() {
        let mut recent = Recent::default();
        recent.note(10, b"abc");
        recent.note(13, b"def");
        assert_eq!(recent.differs(10, b"abc"), None);
        assert_eq!(recent.differs(10, b"abX"), Some(10));
        assert_eq!(recent.differs(8, b"..abcdeXg"), Some(13));
        assert_eq!(recent.differs(11, b"XX"), None, "part of one can't be told");
    }

    #[test]
    fn only_the_last_are_remembered() {
        let mut recent = Recent::default();
        for i in 0..100 {
            recent.note(i, b"a");
        }
        assert_eq!((recent.runs.len(), recent.differs(0, b"X"), recent.differs(99, b"X")), (RUNS, None, Some(99)));
    }
}
