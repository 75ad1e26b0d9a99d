//! The source of a capture file's bytes: a path or standard input, plain or compressed. Bytes are counted,
//! and a waiting read can be stopped.

use anyhow::{Context, bail};
use std::fs::File;
use std::io::{self, BufReader, Cursor, IsTerminal, Read};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Uncounted bytes of a file or pipe.
pub(super) struct Source {
    read: Box<dyn Read + Send>,
    /// Bytes read so far, before decompression.
    pub(super) count: Arc<AtomicU64>,
    /// Size of a regular file.
    pub(super) total: Option<u64>,
    /// Descriptor to wait on, if reading may block.
    waits: Option<i32>,
    /// Set by the caller to end the source now.
    pub(super) stop: Option<Arc<AtomicBool>>,
}

impl Source {
    pub(super) fn new(read: Box<dyn Read + Send>) -> Self {
        Source { read, count: Arc::default(), total: None, waits: None, stop: None }
    }

    /// `-` is standard input.
    pub(super) fn open(path: &str) -> anyhow::Result<Self> {
        if path == "-" {
            let stdin = io::stdin();
            if stdin.is_terminal() {
                bail!("standard input is a terminal, not a capture; pipe one in: tcpdump -U -w - | sniff --read -");
            }
            // Not through `Stdin`: waiting on the descriptor would miss bytes in its buffer.
            let file = File::from(stdin.as_fd().try_clone_to_owned().context("cannot read standard input")?);
            let waits = Some(file.as_raw_fd());
            return Ok(Source { waits, ..Source::new(Box::new(file)) });
        }
        let file = File::open(path).with_context(|| format!("cannot open {path}"))?;
        let meta = file.metadata().with_context(|| format!("cannot read {path}"))?;
        if meta.is_dir() {
            bail!("{path} is a directory; name the capture files in it");
        }
        let regular = meta.is_file();
        let waits = (!regular).then(|| file.as_raw_fd());
        Ok(Source { total: regular.then_some(meta.len()), waits, ..Source::new(Box::new(file)) })
    }

    /// The bytes, decompressed if they begin with the magic number of gzip or zstd, and the name of that
    /// compression.
    pub(super) fn decompressed(mut self) -> io::Result<(Box<dyn Read + Send>, Option<&'static str>)> {
        let mut head = [0u8; 4];
        let mut n = 0;
        while n < head.len() {
            match self.read(&mut head[n..]) {
                Ok(0) => break,
                Ok(got) => n += got,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        let all = Cursor::new(head[..n].to_vec()).chain(self);
        Ok(match head[..n] {
            // several members one after the other are one file (RFC 1952 section 2.2)
            [0x1f, 0x8b, ..] => {
                (Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::with_capacity(1 << 17, all))), Some("gzip"))
            }
            // a zstd frame, or a skippable frame before one (RFC 8878 sections 3.1.1, 3.1.2)
            [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => {
                (Box::new(zstd::stream::read::Decoder::new(all)?), Some("zstd"))
            }
            _ => (Box::new(all), None),
        })
    }

    /// Wait for bytes; false if `stop` was set.
    fn ready(&self) -> io::Result<bool> {
        let Some(stop) = &self.stop else { return Ok(true) };
        loop {
            if stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
            let Some(fd) = self.waits else { return Ok(true) };
            let mut one = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
            // SAFETY: `one` is a valid array of one pollfd for the length of the call.
            match unsafe { libc::poll(&mut one, 1, 100) } {
                0 => {}
                1.. => return Ok(true),
                _ => {
                    let e = io::Error::last_os_error();
                    if e.kind() != io::ErrorKind::Interrupted {
                        return Err(e);
                    }
                }
            }
        }
    }
}

impl Read for Source {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if !self.ready()? {
            return Ok(0);
        }
        let n = self.read.read(into)?;
        self.count.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// What a file that is not a capture may be, and what to do.
pub(super) fn guess(head: &[u8]) -> Option<&'static str> {
    Some(match head {
        [0xfd, b'7', b'z', b'X', ..] => "it is xz compressed: xz -dc FILE | sniff --read -",
        [b'B', b'Z', b'h', ..] => "it is bzip2 compressed: bzip2 -dc FILE | sniff --read -",
        [0x04, 0x22, 0x4d, 0x18, ..] => "it is lz4 compressed: lz4 -dc FILE | sniff --read -",
        [b'P', b'K', 3, 4, ..] => "it is a zip archive: unpack it first",
        [b's', b'n', b'o', b'o', ..] => "it is a snoop capture: convert it with editcap -F pcapng FILE NEW",
        [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] => "it is compressed twice: decompress it once",
        _ if is_text(head) => "it looks like text, and not like a .wire transcript",
        _ => return None,
    })
}

/// Whether a file that begins with these bytes may be text.
pub(super) fn is_text(head: &[u8]) -> bool {
    !head.is_empty() && head.iter().all(|b| matches!(b, b'\t' | b'\r' | b'\n' | 0x20..=0x7e) || *b >= 0x80)
}
