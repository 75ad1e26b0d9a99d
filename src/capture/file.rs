//! Capture files: pcap and pcapng, plain or compressed, from disk or a pipe. A packet is returned as soon as
//! its bytes are read.
//!
//! Damage before the first packet is an error, because the file gives nothing. After it, packets that were
//! read are kept, and a notice says where the damage is.

use super::buffer::Buffer;
use super::pcap::{self, Header};
use super::pcapng::{self, Sections};
use super::source::{Source, guess, is_text};
use super::step::{Found, Step};
use super::{Counts, Item, Packet};
use crate::oddity::excerpt;
use crate::time::Timestamp;
use anyhow::{Context, anyhow, bail};
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Notices of damage that are returned one by one; the others are counted in one notice at the end.
const NOTICES: u64 = 20;

/// Longest text that [`Reader::text`] returns, in bytes.
const TEXT: usize = 64 << 20;

/// A capture file being read.
pub struct Reader {
    name: String,
    /// Until the first byte is needed.
    source: Option<Source>,
    /// Until the format is known.
    fresh: bool,
    /// Compression of the file.
    compression: Option<&'static str>,
    buffer: Buffer,
    format: Format,
    /// The end was reached.
    over: bool,
    counts: Counts,
    frame: u64,
    /// Time of the last packet that had a time: simple packet blocks have none.
    last: Timestamp,
    notices: u64,
    read: Arc<AtomicU64>,
    total: Option<u64>,
    stop: Option<Arc<AtomicBool>>,
}

/// Format of the file.
enum Format {
    /// Nothing read yet.
    Unknown,
    /// Classic pcap.
    Pcap(Header),
    /// pcapng.
    Pcapng(Box<Sections>),
}

impl Reader {
    /// Open a file; `-` is standard input. Reads nothing yet, so that a silent pipe does not block the
    /// caller.
    pub fn open(path: &str) -> anyhow::Result<Reader> {
        let name = if path == "-" { "standard input" } else { path };
        Ok(Reader::over(Source::open(path)?, name))
    }

    /// Read from any source; messages call it `name`.
    pub fn new(read: Box<dyn Read + Send>, name: impl Into<String>) -> Reader {
        Reader::over(Source::new(read), name)
    }

    fn over(source: Source, name: impl Into<String>) -> Reader {
        Reader {
            name: name.into(),
            fresh: true,
            compression: None,
            buffer: Buffer::new(Box::new(std::io::empty())),
            format: Format::Unknown,
            over: false,
            counts: Counts::default(),
            frame: 0,
            last: Timestamp::default(),
            notices: 0,
            read: source.count.clone(),
            total: source.total,
            stop: None,
            source: Some(source),
        }
    }

    /// From now on the file counts as ended once `stop` is set, also while waiting for a pipe (seen within
    /// 100 ms). Call before the first [`Reader::next`].
    pub fn stop_when(&mut self, stop: Arc<AtomicBool>) {
        if let Some(source) = &mut self.source {
            source.stop = Some(stop.clone());
        }
        self.stop = Some(stop);
    }

    /// The next packet, secret or notice; `None` at the end. An error names the fault, its byte offset, and
    /// what to do.
    #[allow(clippy::should_implement_trait)] // borrows from the reader, which an Iterator cannot
    pub fn next(&mut self) -> anyhow::Result<Option<Item<'_>>> {
        if std::mem::take(&mut self.fresh) {
            let begun = self.begin();
            self.over |= begun.is_err();
            if let Some(notice) = begun? {
                return Ok(Some(Item::Notice(notice)));
            }
        }
        loop {
            match self.step() {
                Step::Packet(found) => return Ok(Some(Item::Packet(self.packet(found)))),
                Step::Secrets(range) => return Ok(Some(Item::Secrets(self.buffer.get(range)))),
                Step::Numbered => self.frame += 1,
                Step::Nothing => {}
                Step::Notice(text) => {
                    self.notices += 1;
                    if self.notices <= NOTICES {
                        return Ok(Some(Item::Notice(format!("{}: {text}", self.name))));
                    }
                }
                Step::End => {
                    if std::mem::replace(&mut self.over, true) {
                        return Ok(None);
                    }
                    if let Some(why) = self.failed() {
                        return self.end_badly(&format!("{why} after byte {}", self.buffer.offset()));
                    }
                    if self.notices > NOTICES {
                        let rest = self.notices - NOTICES;
                        return Ok(Some(Item::Notice(format!("{}: {rest} more places with damage", self.name))));
                    }
                    return Ok(None);
                }
                Step::Cut { need } => {
                    self.over = true;
                    if self.stopped() {
                        return Ok(None); // the operator's own cut
                    }
                    let (at, have) = (self.buffer.offset(), self.buffer.seen().len());
                    let why = self.failed().unwrap_or_else(|| "the file ends".into());
                    let frame = self.frame + 1;
                    return self.end_badly(&format!(
                        "{why} inside packet {frame} at byte {at}: {have} of its {need} bytes are there"
                    ));
                }
                Step::Impossible { at, what } => {
                    self.over = true;
                    return self.end_badly(&format!("damaged at byte {at} (packet {}): {what}", self.frame + 1));
                }
            }
        }
    }

    /// Whether the file may hold TLS secrets: it is pcapng. Known after the first [`Reader::next`].
    pub fn may_hold_secrets(&self) -> bool {
        matches!(self.format, Format::Pcapng(_))
    }

    /// Packets so far, and the drops that the file reports.
    pub fn counts(&self) -> Counts {
        let mut counts = self.counts;
        if let Format::Pcapng(sections) = &self.format {
            (counts.dropped_kernel, counts.dropped_device) = sections.dropped();
        }
        counts
    }

    /// Bytes read so far, before decompression, and the size of the file if it is a regular file.
    pub fn progress(&self) -> (u64, Option<u64>) {
        (self.read.load(Ordering::Relaxed), self.total)
    }

    /// The whole content, decompressed, if it is text and no capture. `None` for anything else and for text of
    /// more than 64 MiB: [`Reader::next`] reads it or says why not. Call before the first [`Reader::next`]; it
    /// waits for the first bytes.
    pub fn text(&mut self) -> anyhow::Result<Option<&[u8]>> {
        self.start()?;
        self.buffer.want(16);
        let head = self.buffer.seen();
        if head.first_chunk().is_none_or(|magic| is_capture(*magic)) || !is_text(&head[..head.len().min(16)]) {
            return Ok(None);
        }
        let mut size = 1 << 20;
        while self.buffer.want(size) {
            if size > TEXT {
                return Ok(None);
            }
            size *= 2;
        }
        Ok(self.buffer.failure().is_none().then(|| self.buffer.seen()))
    }

    /// Begin to read the source.
    fn start(&mut self) -> anyhow::Result<()> {
        let Some(source) = self.source.take() else { return Ok(()) };
        let (read, compression) = source.decompressed().with_context(|| format!("cannot read {}", self.name))?;
        self.buffer = Buffer::new(read);
        self.compression = compression;
        Ok(())
    }

    /// Detect the format. Returns a notice if the version is unknown.
    fn begin(&mut self) -> anyhow::Result<Option<String>> {
        self.start()?;
        let name = match self.compression {
            Some(c) => format!("{} (inside {c})", self.name),
            None => self.name.clone(),
        };
        self.buffer.want(4);
        if let Some(e) = self.buffer.failure() {
            bail!("{name}: {e}; nothing could be read");
        }
        let Some(&head) = self.buffer.seen().first_chunk::<4>() else {
            if self.buffer.seen().is_empty() {
                if self.stopped() {
                    self.over = true;
                    return Ok(None);
                }
                bail!(
                    "{name} is empty (0 bytes). Was the capture stopped before anything was written? tcpdump -U \
                        writes at once"
                );
            }
            return Err(self.no_capture(&name));
        };
        if head == pcapng::MAGIC {
            self.format = Format::Pcapng(Box::default());
            return Ok(None);
        }
        if Header::magic(head).is_none() {
            return Err(self.no_capture(&name));
        }
        self.buffer.want(pcap::HEADER);
        let Some(header) = Header::parse(self.buffer.seen()) else {
            let have = self.buffer.seen().len();
            bail!(
                "{name} ends at byte {have} inside the pcap file header of {} bytes: there are no packets in it; copy \
                    or capture it again",
                pcap::HEADER
            );
        };
        self.buffer.take(pcap::HEADER);
        self.format = Format::Pcap(header);
        let (major, minor) = header.version;
        Ok((major != 2).then(|| format!("{name}: pcap version {major}.{minor} is unknown; read as 2.4")))
    }

    fn no_capture(&mut self, name: &str) -> anyhow::Error {
        self.buffer.want(16);
        let head = &self.buffer.seen()[..self.buffer.seen().len().min(16)];
        let hint = guess(head)
            .unwrap_or("a capture begins with a pcap or pcapng magic number, plain or compressed with gzip or zstd");
        anyhow!("{name} is not a capture file: it begins with \"{}\" at byte 0; {hint}", excerpt(head))
    }

    #[inline]
    fn step(&mut self) -> Step {
        match &mut self.format {
            _ if self.over => Step::End,
            Format::Pcap(header) => header.step(&mut self.buffer),
            Format::Pcapng(sections) => sections.step(&mut self.buffer),
            Format::Unknown => Step::End,
        }
    }

    #[inline]
    fn packet(&mut self, found: Found) -> Packet<'_> {
        self.frame += 1;
        self.last = found.at.unwrap_or(self.last);
        let data = self.buffer.get(found.data);
        self.counts.packets += 1;
        self.counts.bytes += data.len() as u64;
        Packet {
            at: self.last,
            frame: self.frame,
            link: found.link,
            device: found.device,
            wire_len: found.wire_len,
            data,
        }
    }

    /// The error of the source as text.
    fn failed(&self) -> Option<String> {
        self.buffer.failure().map(|e| format!("reading failed ({e})"))
    }

    fn stopped(&self) -> bool {
        self.stop.as_ref().is_some_and(|s| s.load(Ordering::Relaxed))
    }

    /// A premature end: an error if there was no packet, else a notice.
    fn end_badly(&self, what: &str) -> anyhow::Result<Option<Item<'_>>> {
        let name = &self.name;
        match self.frame {
            0 => Err(anyhow!("{name}: {what}. There is no packet before it; copy or capture it again")),
            n => Ok(Some(Item::Notice(format!("{name}: {what}. The {n} packets before it were read")))),
        }
    }
}

/// Whether a capture file begins with these bytes.
fn is_capture(magic: [u8; 4]) -> bool {
    magic == pcapng::MAGIC || Header::magic(magic).is_some()
}
