//! How much work the frames of a connection may cause beyond their own size.
//!
//! SETTINGS, WINDOW_UPDATE, GOAWAY and missing bytes concern every open stream. A peer that opens thousands of streams
//! and repeats such a frame would make each of its few bytes cost thousands of steps. So steps are earned: some at the
//! start, more with each frame.

/// Steps that are there at the start, and the most that can be saved: 64 frames that concern 4096 streams.
const MOST: u32 = 1 << 18;
/// Steps that each frame earns.
const PER_FRAME: u32 = 64;

/// The steps that are left.
#[derive(Debug)]
pub(super) struct Effort(u32);

impl Default for Effort {
    fn default() -> Self {
        Effort(MOST)
    }
}

impl Effort {
    /// A frame came.
    pub(super) fn earn(&mut self) {
        self.0 = self.0.saturating_add(PER_FRAME).min(MOST);
    }

    /// Take `n` steps. False if they are not there.
    pub(super) fn spend(&mut self, n: usize) -> bool {
        let left = u32::try_from(n).ok().and_then(|n| self.0.checked_sub(n));
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }
}
