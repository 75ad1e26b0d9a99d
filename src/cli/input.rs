//! What `check` and `record --read` read: a capture file, or a `.wire` transcript.

use crate::analyzer::{Analyzer, Output};
use crate::capture::{Counts, file};
use crate::conn::{ConnId, Direction};
use crate::wire::{self, Transcript, WireError};
use anyhow::{Result, anyhow, bail};

/// The ending of a transcript's file name. Other names are recognised by their first line.
const EXTENSION: &str = ".wire";

/// A file that was opened, by what it contains.
#[allow(clippy::large_enum_variant)] // there is one of a file
pub(super) enum Input {
    /// A capture: the reader gives its packets. Also a file that is neither: then the reader says so.
    Capture(file::Reader),
    /// A transcript: text that describes one connection.
    Transcript(Transcript),
}

impl Input {
    /// Looks at the beginning of a file that `reader` has opened. Reads a transcript completely; an error names
    /// its line.
    pub(super) fn of(mut reader: file::Reader, path: &str) -> Result<Input> {
        let name = if path == "-" { "standard input" } else { path };
        let named = path.to_ascii_lowercase().ends_with(EXTENSION);
        let Some(bytes) = reader.text()? else { return Ok(Input::Capture(reader)) };
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(_) if !named => return Ok(Input::Capture(reader)),
            Err(e) => {
                let line = memchr::memchr_iter(b'\n', &bytes[..e.valid_up_to()]).count() + 1;
                bail!("{name}: line {line}: bytes that are not UTF-8; write them as \\xHH");
            }
        };
        if !named && !wire::begins(text) {
            return Ok(Input::Capture(reader));
        }
        let transcript = wire::parse(text).map_err(|e: WireError| anyhow!("{name}: {e}"))?;
        if transcript.events.is_empty() {
            bail!("{name} describes no connection: it has no line that begins with > or <");
        }
        Ok(Input::Transcript(transcript))
    }
}

/// Passes a whole transcript to the analyzer, as connection 0.
pub(super) fn replay(transcript: &Transcript, analyzer: &mut Analyzer, sink: &mut dyn FnMut(Output)) {
    transcript.replay(ConnId(0), &mut |event| analyzer.event(&event, sink));
}

/// Counts of a transcript: it has bytes and no packets.
pub(super) fn counts(transcript: &Transcript) -> Counts {
    let bytes = transcript.bytes(Direction::ToServer) + transcript.bytes(Direction::ToClient);
    Counts { bytes, ..Counts::default() }
}
