//! TLS secrets that stand in a capture file after the packets that they decrypt.

use crate::capture::{Item, file};
use crate::tls::Keys;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Looks for later secrets when a packet needs them.
///
/// ```text
/// Fresh ──first packet──► Following ──a record lacks its secrets──► Searched
///   └──not pcapng, so without secrets────────────────────────────────► Searched
/// ```
/// Standard input and other pipes have no second pass: there records wait for later secrets within the limits of
/// `tls`, and `Following` is the last state.
pub(super) struct LateSecrets<'p> {
    path: &'p str,
    keys: Keys,
    stop: Arc<AtomicBool>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Fresh,
    Following,
    Searched,
}

impl<'p> LateSecrets<'p> {
    /// For the file that is being read. `keys` has what a key log brought.
    pub(super) fn new(path: &'p str, keys: &Keys, stop: &Arc<AtomicBool>) -> Self {
        LateSecrets { path, keys: keys.clone(), stop: stop.clone(), state: State::Fresh }
    }

    /// A packet of `reader` was read.
    pub(super) fn after_packet(&mut self, reader: &file::Reader) {
        match self.state {
            State::Fresh if reader.may_hold_secrets() => {
                self.keys.expect();
                self.state = State::Following;
            }
            State::Fresh => self.finish(),
            State::Following if self.keys.take_wanted() && Path::new(self.path).is_file() => {
                self.search();
                self.finish();
            }
            State::Following | State::Searched => {}
        }
    }

    fn finish(&mut self) {
        self.keys.finish();
        self.state = State::Searched;
    }

    /// Reads the whole file once more and takes its secrets. The first pass tells about damage.
    fn search(&self) {
        let Ok(mut again) = file::Reader::open(self.path) else { return };
        again.stop_when(self.stop.clone());
        while let Ok(Some(item)) = again.next() {
            if let Item::Secrets(lines) = item {
                self.keys.push_block(lines);
            }
        }
    }
}
