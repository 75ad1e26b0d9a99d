//! Frames of one direction (RFC 9113 section 4), read as the bytes arrive. DATA is passed through in slices;
//! other frames are collected.
//!
//! ```text
//! Preface ──24 bytes──► Header ──DATA──► Data{left, pad} ──left = 0──► Header
//!                         │ └──other──► Collect{left} ──left = 0──► Header
//!                         └──too large, or a gap inside──► Skip{left} ──left = 0──► Header
//!        gap that no frame contains: Lost ──a delivery that reads as frames──► Header
//! ```

/// Client connection preface (section 3.4).
pub(crate) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Frame types (section 6) as numbers; unknown ones stay numbers.
pub(crate) mod kind {
    pub(crate) const DATA: u8 = 0;
    pub(crate) const HEADERS: u8 = 1;
    pub(crate) const RST_STREAM: u8 = 3;
    pub(crate) const SETTINGS: u8 = 4;
    pub(crate) const PUSH_PROMISE: u8 = 5;
    pub(crate) const GOAWAY: u8 = 7;
    pub(crate) const WINDOW_UPDATE: u8 = 8;
    pub(crate) const CONTINUATION: u8 = 9;
}

/// Flag bits.
pub(crate) mod flag {
    pub(crate) const END_STREAM: u8 = 0x1;
    pub(crate) const ACK: u8 = 0x1;
    pub(crate) const END_HEADERS: u8 = 0x4;
    pub(crate) const PADDED: u8 = 0x8;
    pub(crate) const PRIORITY: u8 = 0x20;
}

/// A frame header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Head {
    pub(crate) len: u32,
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
}

impl Head {
    fn parse(b: &[u8]) -> Option<Head> {
        let b: &[u8; 9] = b.get(..9)?.try_into().ok()?;
        let len = u32::from_be_bytes([0, b[0], b[1], b[2]]);
        let stream = u32::from_be_bytes([b[5], b[6], b[7], b[8]]) & 0x7fff_ffff;
        Some(Head { len, kind: b[3], flags: b[4], stream })
    }

    pub(crate) fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Fits the rules of its type. Distinguishes frames from other bytes if the beginning was not captured.
    fn plausible(self) -> bool {
        let zero = self.stream == 0;
        let sized = match self.kind {
            0 | 1 | 5 | 9 => !zero && self.len <= 16_384,
            2 => !zero && self.len == 5,
            3 => !zero && self.len == 4,
            4 => zero && self.len.is_multiple_of(6) && self.len <= 240,
            6 => zero && self.len == 8,
            7 => zero && (8..1024).contains(&self.len),
            8 => self.len == 4,
            _ => false,
        };
        sized && self.stream < 1 << 24
    }
}

/// These bytes, taken at the start of a delivery, read as frames to their end: complete frames, the last one
/// may be cut.
pub(crate) fn looks_like_frames(bytes: &[u8]) -> bool {
    let mut at = 0;
    let mut frames = 0;
    while let Some(head) = bytes.get(at..).and_then(Head::parse) {
        if !head.plausible() {
            return false;
        }
        frames += 1;
        at += 9 + head.len as usize;
    }
    frames > 0 && (at == bytes.len() || frames > 1)
}

/// What the reader reports.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    /// A frame begins (for every type, with the first byte of its header).
    Begin,
    /// The payload of a DATA frame begins: number of data bytes, without padding. For padded frames it comes
    /// once the pad length is known.
    DataStart(Head, u64),
    /// Bytes of a DATA frame.
    Data(Head, &'a [u8]),
    /// The DATA frame, padding included, is complete.
    DataEnd(Head),
    /// Any other frame, complete, with its payload.
    Frame(Head, &'a [u8]),
    /// This many data bytes of a DATA frame are missing (padding not counted). The frame continues after
    /// them.
    DataGap(Head, u64),
    /// A frame was skipped: it is larger than anything sensible, or bytes of it are missing.
    Skipped(Head, Why),
    /// Bytes are missing across a frame boundary: what comes next may begin anywhere.
    Lost,
}

/// Why a frame was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    TooLarge,
    NotCaptured,
}

/// Longest payload that is collected, in bytes (frames other than DATA).
const MAX_COLLECT: u32 = 1 << 20;

#[derive(Debug)]
enum State {
    Preface,
    Header,
    Data { head: Head, left: u32, pad: Pad },
    Collect { head: Head },
    Skip { head: Head, left: u32, why: Why },
    Lost,
}

/// Padding of a DATA frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pad {
    /// The pad length octet comes next.
    Unread,
    /// This many octets at the frame's end are padding.
    Known(u32),
}

/// Reader of one direction.
#[derive(Debug)]
pub(crate) struct Reader {
    state: State,
    held: Vec<u8>,
}

impl Default for Reader {
    /// A direction that begins with a frame.
    fn default() -> Self {
        Reader::new(false, false)
    }
}

impl Reader {
    /// `preface`: this direction begins with the client's preface. `joined`: it may begin anywhere.
    pub(crate) fn new(preface: bool, joined: bool) -> Self {
        let state = match (preface, joined) {
            (_, true) => State::Lost,
            (true, _) => State::Preface,
            _ => State::Header,
        };
        Reader { state, held: Vec::new() }
    }

    /// Bytes of memory in use.
    pub(crate) fn held(&self) -> usize {
        self.held.capacity()
    }

    /// The next bytes of the direction.
    pub(crate) fn push(&mut self, mut bytes: &[u8], sink: &mut dyn FnMut(Step<'_>)) {
        if matches!(self.state, State::Lost) {
            self.held.clear();
            if bytes.starts_with(PREFACE) {
                self.state = State::Preface;
            } else if looks_like_frames(bytes) {
                self.state = State::Header;
            } else {
                return;
            }
        }
        while !bytes.is_empty() {
            bytes = match self.state {
                State::Preface => self.preface(bytes),
                State::Header => self.header(bytes, sink),
                State::Data { head, left, pad } => self.data(head, left, pad, bytes, sink),
                State::Collect { head } => self.collect(head, bytes, sink),
                State::Skip { head, left, why } => self.skip(head, left, why, bytes, sink),
                State::Lost => return,
            };
        }
    }

    /// `len` bytes are missing. If one frame contains them, reading continues in step.
    pub(crate) fn gap(&mut self, len: u64, sink: &mut dyn FnMut(Step<'_>)) {
        match self.state {
            State::Data { head, left, pad: Pad::Known(padding) } if u64::from(left) >= len => {
                let data = u64::from(left.saturating_sub(padding)).min(len);
                if data > 0 {
                    sink(Step::DataGap(head, data));
                }
                let left = left - len as u32;
                self.state = State::Data { head, left, pad: Pad::Known(padding) };
                if left == 0 {
                    self.end_data(head, sink);
                }
            }
            State::Collect { head } if (head.len as usize - self.held.len()) as u64 >= len => {
                let left = head.len - self.held.len() as u32 - len as u32;
                self.held.clear();
                self.skipping(head, left, Why::NotCaptured, sink);
            }
            State::Skip { head, left, why } if u64::from(left) >= len => {
                self.skipping(head, left - len as u32, why, sink)
            }
            _ => {
                self.held.clear();
                self.state = State::Lost;
                sink(Step::Lost);
            }
        }
    }

    fn preface<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let take = (PREFACE.len() - self.held.len()).min(bytes.len());
        self.held.extend_from_slice(&bytes[..take]);
        if self.held.len() == PREFACE.len() {
            self.held.clear();
            self.state = State::Header;
        }
        &bytes[take..]
    }

    fn header<'a>(&mut self, bytes: &'a [u8], sink: &mut dyn FnMut(Step<'_>)) -> &'a [u8] {
        if self.held.is_empty() {
            sink(Step::Begin);
        }
        let (head, rest) = if self.held.is_empty() && bytes.len() >= 9 {
            (Head::parse(bytes), &bytes[9..])
        } else {
            let take = (9 - self.held.len()).min(bytes.len());
            self.held.extend_from_slice(&bytes[..take]);
            if self.held.len() < 9 {
                return &bytes[take..];
            }
            let head = Head::parse(&self.held);
            self.held.clear();
            (head, &bytes[take..])
        };
        let Some(head) = head else { return rest };
        match head.kind {
            kind::DATA => {
                let padded = head.has(flag::PADDED);
                let pad = if padded { Pad::Unread } else { Pad::Known(0) };
                if !padded || head.len == 0 {
                    sink(Step::DataStart(head, u64::from(head.len)));
                }
                self.state = State::Data { head, left: head.len, pad };
                if head.len == 0 {
                    self.end_data(head, sink);
                }
            }
            _ if head.len > MAX_COLLECT => self.state = State::Skip { head, left: head.len, why: Why::TooLarge },
            _ if head.len == 0 => sink(Step::Frame(head, &[])),
            _ => self.state = State::Collect { head },
        }
        rest
    }

    fn data<'a>(
        &mut self,
        head: Head,
        left: u32,
        pad: Pad,
        bytes: &'a [u8],
        sink: &mut dyn FnMut(Step<'_>),
    ) -> &'a [u8] {
        let Pad::Known(padding) = pad else {
            let n = u32::from(bytes[0]).min(left - 1);
            sink(Step::DataStart(head, u64::from(left - 1 - n)));
            self.state = State::Data { head, left: left - 1, pad: Pad::Known(n) };
            if left == 1 {
                self.end_data(head, sink);
            }
            return &bytes[1..];
        };
        let take = (left as usize).min(bytes.len());
        let payload = (left.saturating_sub(padding) as usize).min(take);
        if payload > 0 {
            sink(Step::Data(head, &bytes[..payload]));
        }
        let left = left - take as u32;
        self.state = State::Data { head, left, pad };
        if left == 0 {
            self.end_data(head, sink);
        }
        &bytes[take..]
    }

    fn end_data(&mut self, head: Head, sink: &mut dyn FnMut(Step<'_>)) {
        self.state = State::Header;
        sink(Step::DataEnd(head));
    }

    fn collect<'a>(&mut self, head: Head, bytes: &'a [u8], sink: &mut dyn FnMut(Step<'_>)) -> &'a [u8] {
        let want = head.len as usize - self.held.len();
        let take = want.min(bytes.len());
        if self.held.is_empty() && take == want {
            self.state = State::Header;
            sink(Step::Frame(head, &bytes[..take]));
            return &bytes[take..];
        }
        self.held.extend_from_slice(&bytes[..take]);
        if take == want {
            self.state = State::Header;
            sink(Step::Frame(head, &self.held));
            self.held.clear();
        }
        &bytes[take..]
    }

    fn skip<'a>(
        &mut self,
        head: Head,
        left: u32,
        why: Why,
        bytes: &'a [u8],
        sink: &mut dyn FnMut(Step<'_>),
    ) -> &'a [u8] {
        let take = (left as usize).min(bytes.len());
        self.skipping(head, left - take as u32, why, sink);
        &bytes[take..]
    }

    fn skipping(&mut self, head: Head, left: u32, why: Why, sink: &mut dyn FnMut(Step<'_>)) {
        self.state = State::Skip { head, left, why };
        if left == 0 {
            self.state = State::Header;
            sink(Step::Skipped(head, why));
        }
    }
}

#[cfg(test)]
mod tests;
