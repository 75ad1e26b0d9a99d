//! How a direction ends.

use crate::conn::{End, Stamp};

/// How a direction ends.
///
/// ```text
/// Open ──FIN, RST──► Closing ──everything before it delivered──► Over
///   └────────────────────── the table closes it ──────────────────┘
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Tail {
    /// No end seen.
    #[default]
    Open,
    /// The end was seen and is at `at`; bytes before it are still missing.
    Closing { at: u64, how: End, stamp: Stamp },
    /// `End` was emitted.
    Over(End),
}

impl Tail {
    /// `End` was emitted.
    pub(super) fn is_over(self) -> bool {
        matches!(self, Tail::Over(_))
    }

    /// The sender has reset the connection.
    pub(super) fn is_reset(self) -> bool {
        matches!(self, Tail::Over(End::Reset) | Tail::Closing { how: End::Reset, .. })
    }

    /// Position before which bytes are accepted; `next` is that of the next byte to deliver.
    pub(super) fn limit(self, next: u64) -> u64 {
        match self {
            Tail::Open => u64::MAX,
            Tail::Closing { at, .. } => at,
            Tail::Over(_) => next,
        }
    }

    /// Position and packet of an end that was seen and is not emitted.
    pub(super) fn pending(self) -> Option<(u64, Stamp)> {
        match self {
            Tail::Closing { at, stamp, .. } => Some((at, stamp)),
            Tail::Open | Tail::Over(_) => None,
        }
    }
}
