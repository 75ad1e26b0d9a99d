//! pcapng: sections, interfaces, packets in three sorts of blocks, drop counts, TLS secrets. Source:
//! draft-ietf-opsawg-pcapng.
//!
//! A block that contradicts itself is skipped: reading continues at the next place that has a known block
//! type and a length that the block's trailer repeats.

use super::buffer::Buffer;
use super::step::{Found, Step};
use crate::time::Timestamp;

/// The bytes that a file begins with: the type of a Section Header Block.
pub(super) const MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
/// Section Header Block; reads the same in both byte orders.
const SHB: u32 = 0x0a0d_0d0a;
/// Interface Description Block.
const IDB: u32 = 1;
/// Packet Block, obsolete since 2004.
const PB: u32 = 2;
/// Simple Packet Block: no time, interface 0.
const SPB: u32 = 3;
/// Name Resolution Block.
const NRB: u32 = 4;
/// Interface Statistics Block.
const ISB: u32 = 5;
/// Enhanced Packet Block.
const EPB: u32 = 6;
/// systemd Journal Export Block; Wireshark counts it as a frame.
const JOURNAL: u32 = 9;
/// Decryption Secrets Block.
const DSB: u32 = 10;
/// Custom Blocks that may be copied, and that may not; Wireshark counts them as frames.
const CUSTOM: [u32; 2] = [0x0000_0bad, 0x4000_0bad];
/// `TLSK`: the secrets are TLS key log lines.
const TLS_KEYS: u32 = 0x544c_534b;

/// Longest block in bytes (also Wireshark's limit).
const MAX_BLOCK: usize = 16 << 20;
/// Most interfaces of one section.
const MAX_INTERFACES: usize = 1 << 16;

/// State of the sections read so far.
#[derive(Debug, Default)]
pub(super) struct Sections {
    big: bool,
    /// This section has an unknown version: its blocks are skipped.
    unknown: bool,
    interfaces: Vec<Interface>,
    /// Number of interfaces in earlier sections: device numbers run over the whole file.
    before: u32,
    /// Drops of earlier sections.
    kernel: Option<u64>,
    device: Option<u64>,
    /// Drops that packets themselves report (`epb_dropcount`, the drops field of Packet Blocks).
    reported: Option<u64>,
}

/// One interface of the section.
#[derive(Debug)]
struct Interface {
    link: u32,
    snaplen: u32,
    unit: Unit,
    /// Seconds to add to every time.
    offset: i64,
    kernel: Option<u64>,
    device: Option<u64>,
}

/// `if_tsresol`.
#[derive(Debug, Clone, Copy)]
enum Unit {
    /// A unit is this many nanoseconds.
    Nanos(u64),
    /// A nanosecond is this many units.
    PerNano(u128),
    /// A unit is 2^-n seconds.
    Binary(u8),
}

impl Sections {
    /// Packets dropped by the kernel and by the devices, if the file has these counts. The last statistics of
    /// an interface count.
    pub(super) fn dropped(&self) -> (Option<u64>, Option<u64>) {
        let kernel = self.interfaces.iter().fold(self.kernel, |sum, i| add(sum, i.kernel));
        let device = self.interfaces.iter().fold(self.device, |sum, i| add(sum, i.device));
        (kernel.max(self.reported), device)
    }

    /// The next block.
    pub(super) fn step(&mut self, buffer: &mut Buffer) -> Step {
        if !buffer.want(12) {
            return if buffer.seen().is_empty() { Step::End } else { Step::Cut { need: 12 } };
        }
        let (kind, len) = match self.head(buffer.seen()) {
            Ok(head) => head,
            Err(why) => return self.resume(buffer, why, None),
        };
        if !buffer.want(len) {
            return self.resume(buffer, "the file ends in it", Some(len));
        }
        let b = buffer.seen();
        let big = if kind == SHB { b[8] == 0x1a } else { self.big };
        if word(b, len - 4, big) as usize != len {
            return self.resume(buffer, "its two lengths differ", None);
        }
        self.big = big;
        if self.unknown && kind != SHB {
            buffer.take(len);
            return Step::Nothing;
        }
        let block = &b[8..len - 4];
        let step = match kind {
            SHB => self.section(block),
            IDB => self.interface(block),
            EPB => self.enhanced(block),
            SPB => self.simple(block),
            PB => self.obsolete(block),
            ISB => self.statistics(block),
            DSB if block.len() >= 8 && self.u32(block, 0) == TLS_KEYS => {
                Step::Secrets(8..8 + (self.u32(block, 4) as usize).min(block.len() - 8))
            }
            JOURNAL => Step::Numbered,
            k if CUSTOM.contains(&k) => Step::Numbered,
            _ => Step::Nothing,
        };
        let at = buffer.offset();
        let start = buffer.take(len).start + 8;
        match step {
            Step::Packet(f) => Step::Packet(Found { data: f.data.start + start..f.data.end + start, ..f }),
            Step::Secrets(r) => Step::Secrets(r.start + start..r.end + start),
            Step::Notice(text) => Step::Notice(format!("block at byte {at}: {text}")),
            other => other,
        }
    }

    /// Type and length of the block that `b` (12 bytes or more) begins with, or why they are impossible.
    fn head(&self, b: &[u8]) -> Result<(u32, usize), &'static str> {
        let kind = self.u32(b, 0);
        let big = match kind {
            SHB => match [b[8], b[9], b[10], b[11]] {
                [0x1a, 0x2b, 0x3c, 0x4d] => true,
                [0x4d, 0x3c, 0x2b, 0x1a] => false,
                _ => return Err("a section header without byte-order magic"),
            },
            _ => self.big,
        };
        let len = word(b, 4, big) as usize;
        match len {
            _ if kind == SHB && len < 28 => Err("a section header that claims less than 28 bytes"),
            0..12 => Err("it claims less than 12 bytes"),
            _ if len > MAX_BLOCK => Err("it claims more than 16 MiB"),
            _ if !len.is_multiple_of(4) => Err("its length is not a multiple of 4"),
            _ => Ok((kind, len)),
        }
    }

    /// Find the next plausible block after a damaged one. `need`: bytes that the block needs and the file
    /// does not have.
    #[cold]
    fn resume(&mut self, buffer: &mut Buffer, why: &str, need: Option<usize>) -> Step {
        let from = buffer.offset();
        if need.is_some() && buffer.failure().is_some() {
            return Step::Cut { need: need.unwrap_or(0) };
        }
        let mut at = 1; // where to look, offset from the start of the damaged block until bytes are consumed
        loop {
            if !buffer.want(at + 12) {
                break;
            }
            if self.plausible(buffer, at) {
                buffer.take(at);
                let to = buffer.offset();
                return Step::Notice(format!(
                    "damaged block at byte {from}: {why}; {} bytes were skipped, reading continues at byte {to}",
                    to - from
                ));
            }
            at += 1;
            if need.is_none() && at >= 1 << 16 {
                buffer.take(at - 1);
                at = 1;
            }
        }
        match need {
            Some(need) => Step::Cut { need },
            None => {
                let rest = buffer.offset() + buffer.seen().len() as u64 - from;
                buffer.take(usize::MAX);
                Step::Impossible { at: from, what: format!("{why}; no block was found in the {rest} bytes from there") }
            }
        }
    }

    /// Whether a known block begins `at` bytes after the buffer's start, whole and with equal lengths.
    fn plausible(&self, buffer: &mut Buffer, at: usize) -> bool {
        let b = &buffer.seen()[at..];
        if !matches!(self.u32(b, 0), SHB | IDB | PB | SPB | NRB | ISB | EPB | DSB) {
            return false;
        }
        let Ok((kind, len)) = self.head(b) else { return false };
        let big = if kind == SHB { b[8] == 0x1a } else { self.big };
        len > 12 && buffer.want(at + len) && word(buffer.seen(), at + len - 4, big) as usize == len
    }

    fn section(&mut self, b: &[u8]) -> Step {
        let (kernel, device) =
            self.interfaces.iter().fold((self.kernel, self.device), |(k, d), i| (add(k, i.kernel), add(d, i.device)));
        (self.kernel, self.device) = (kernel, device);
        self.before = self.before.saturating_add(self.interfaces.len() as u32);
        self.interfaces.clear();
        let (major, minor) = (self.u16(b, 4), self.u16(b, 6));
        self.unknown = major != 1;
        match self.unknown {
            false => Step::Nothing,
            true => Step::Notice(format!(
                "a section of pcapng version {major}.{minor}; only 1.x is known, the section is skipped"
            )),
        }
    }

    fn interface(&mut self, b: &[u8]) -> Step {
        if b.len() < 8 {
            return Step::Notice("interface description of less than 8 bytes".into());
        }
        if self.interfaces.len() >= MAX_INTERFACES {
            return Step::Notice(format!("more than {MAX_INTERFACES} interfaces in one section"));
        }
        let link = u32::from(self.u16(b, 0));
        let mut new =
            Interface { link, snaplen: self.u32(b, 4), unit: Unit::Nanos(1000), offset: 0, kernel: None, device: None };
        self.options(&b[8..], |code, value| match (code, value) {
            (9, [resolution, ..]) => new.unit = Unit::new(*resolution),
            (14, value) => new.offset = self.u64(value).map_or(0, |v| v as i64),
            _ => {}
        });
        self.interfaces.push(new);
        Step::Nothing
    }

    #[inline]
    fn enhanced(&mut self, b: &[u8]) -> Step {
        if b.len() < 20 {
            return Step::Notice("enhanced packet of less than 20 bytes".into());
        }
        let (id, len) = (self.u32(b, 0), self.u32(b, 12) as usize);
        let Some(from) = self.interfaces.get(id as usize) else { return no_interface(id) };
        if len > b.len() - 20 {
            return too_long(len, b.len() - 20);
        }
        let ticks = u64::from(self.u32(b, 4)) << 32 | u64::from(self.u32(b, 8));
        let found = Found {
            at: Some(from.time(ticks)),
            link: from.link,
            device: self.before.saturating_add(id),
            wire_len: self.u32(b, 16),
            data: 20..20 + len,
        };
        let options = 20 + len.next_multiple_of(4);
        if options < b.len() {
            let mut lost = None;
            self.options(&b[options..], |code, value| {
                if code == 4 {
                    lost = self.u64(value);
                }
            });
            self.reported = add(self.reported, lost);
        }
        Step::Packet(found)
    }

    fn simple(&mut self, b: &[u8]) -> Step {
        if b.len() < 4 {
            return Step::Notice("simple packet of less than 4 bytes".into());
        }
        let Some(from) = self.interfaces.first() else { return no_interface(0) };
        let wire_len = self.u32(b, 0);
        let limit = if from.snaplen == 0 { u32::MAX } else { from.snaplen };
        let len = wire_len.min(limit) as usize;
        if len > b.len() - 4 {
            return too_long(len, b.len() - 4);
        }
        Step::Packet(Found { at: None, link: from.link, device: self.before, wire_len, data: 4..4 + len })
    }

    fn obsolete(&mut self, b: &[u8]) -> Step {
        if b.len() < 20 {
            return Step::Notice("packet of less than 20 bytes".into());
        }
        let (id, drops, len) = (u32::from(self.u16(b, 0)), self.u16(b, 2), self.u32(b, 12) as usize);
        let Some(from) = self.interfaces.get(id as usize) else { return no_interface(id) };
        if len > b.len() - 20 {
            return too_long(len, b.len() - 20);
        }
        let ticks = u64::from(self.u32(b, 4)) << 32 | u64::from(self.u32(b, 8));
        let found = Found {
            at: Some(from.time(ticks)),
            link: from.link,
            device: self.before.saturating_add(id),
            wire_len: self.u32(b, 16),
            data: 20..20 + len,
        };
        if drops != 0xffff {
            self.reported = add(self.reported, Some(drops.into()));
        }
        Step::Packet(found)
    }

    fn statistics(&mut self, b: &[u8]) -> Step {
        if b.len() < 12 {
            return Step::Notice("interface statistics of less than 12 bytes".into());
        }
        let (mut device, mut kernel) = (None, None);
        self.options(&b[12..], |code, value| match code {
            5 => device = self.u64(value),
            7 => kernel = self.u64(value),
            _ => {}
        });
        let id = self.u32(b, 0);
        let Some(of) = self.interfaces.get_mut(id as usize) else { return no_interface(id) };
        of.device = device.or(of.device);
        of.kernel = kernel.or(of.kernel);
        Step::Nothing
    }

    /// Call `each` with code and value of every option; stops at the end mark and at the first option that
    /// does not fit.
    fn options<'b>(&self, mut b: &'b [u8], mut each: impl FnMut(u16, &'b [u8])) {
        while b.len() >= 4 {
            let (code, len) = (self.u16(b, 0), usize::from(self.u16(b, 2)));
            let Some(value) = b.get(4..4 + len) else { return };
            if code == 0 {
                return;
            }
            each(code, value);
            b = b.get(4 + len.next_multiple_of(4)..).unwrap_or_default();
        }
    }

    #[inline]
    fn u32(&self, b: &[u8], at: usize) -> u32 {
        word(b, at, self.big)
    }

    #[inline]
    fn u16(&self, b: &[u8], at: usize) -> u16 {
        let two = [b[at], b[at + 1]];
        if self.big { u16::from_be_bytes(two) } else { u16::from_le_bytes(two) }
    }

    fn u64(&self, b: &[u8]) -> Option<u64> {
        let eight = *b.first_chunk()?;
        Some(if self.big { u64::from_be_bytes(eight) } else { u64::from_le_bytes(eight) })
    }
}

impl Interface {
    #[inline]
    fn time(&self, ticks: u64) -> Timestamp {
        let nanos = match self.unit {
            Unit::Nanos(n) => i64::try_from(u128::from(ticks) * u128::from(n)),
            Unit::PerNano(n) => i64::try_from(u128::from(ticks) / n),
            Unit::Binary(n) => i64::try_from((u128::from(ticks) * 1_000_000_000) >> n),
        };
        Timestamp::from_parts(self.offset, nanos.unwrap_or(i64::MAX))
    }
}

impl Unit {
    fn new(resolution: u8) -> Self {
        let n = resolution & 0x7f;
        match (resolution & 0x80 != 0, n) {
            (true, _) => Unit::Binary(n),
            (false, 0..=9) => Unit::Nanos(10u64.pow(9 - u32::from(n))),
            (false, _) => Unit::PerNano(10u128.saturating_pow(u32::from(n) - 9)),
        }
    }
}

fn no_interface(id: u32) -> Step {
    Step::Notice(format!("it names interface {id}, which the section does not describe; skipped"))
}

fn too_long(len: usize, room: usize) -> Step {
    Step::Notice(format!("a packet that claims {len} bytes, but the block has room for {room}; skipped"))
}

fn add(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.saturating_add(b)),
        (a, b) => a.or(b),
    }
}

/// Four bytes at an offset that the caller has checked.
#[inline]
fn word(b: &[u8], at: usize, big: bool) -> u32 {
    let four = [b[at], b[at + 1], b[at + 2], b[at + 3]];
    if big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
}
