//! Frames of one direction (RFC 9113 section 4), read as the bytes come. DATA is passed through in slices; everything else is collected.
//!
//! ```text
//! Preface ──24 bytes──► Header ──DATA──► Data{left, pad} ──left = 0──► Header
//!                         │ └──other──► Collect{left} ──left = 0──► Header
//!                         └──too large──► Skip{left} ──left = 0──► Header
//!        gap that no frame contains, or an impossible header: Lost ──plausible header──► Header
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

    /// Fits the rules of its type: used to tell frames from anything else where the beginning was not seen.
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

/// Whether these bytes, taken at the start of a delivery, read as frames to their end: whole frames, the last one may be cut.
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

/// What the reader says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    /// A frame begins (said for every type, with the first byte of its header).
    Begin,
    /// A DATA frame's payload begins: this many bytes of data, padding apart. Padded frames say it once the pad length is known.
    DataStart(Head, u64),
    /// Bytes of it.
    Data(Head, &'a [u8]),
    /// The DATA frame, padding included, is complete.
    DataEnd(Head),
    /// Any other frame, complete, with its payload.
    Frame(Head, &'a [u8]),
    /// A frame that is larger than anything sensible was skipped.
    Skipped(Head),
}

/// Payload of frames other than DATA that is collected.
const MAX_COLLECT: u32 = 1 << 20;

#[derive(Debug)]
enum State {
    Preface,
    Header,
    Data { head: Head, left: u32, pad: Pad },
    Collect { head: Head },
    Skip { head: Head, left: u32 },
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

/// Reads one direction.
#[derive(Debug)]
pub(crate) struct Reader {
    state: State,
    held: Vec<u8>,
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
                State::Skip { head, left } => self.skip(head, left, bytes, sink),
                State::Lost => return,
            };
        }
    }

    /// `len` bytes are missing. True where a DATA frame contains the gap, so that reading goes on in step; the frame is given.
    pub(crate) fn gap(&mut self, len: u64) -> Option<Head> {
        match self.state {
            State::Data { head, left, pad: Pad::Known(n) } if u64::from(left.saturating_sub(n)) >= len => {
                self.state = State::Data { head, left: left - len as u32, pad: Pad::Known(n) };
                Some(head)
            }
            _ => {
                self.state = State::Lost;
                None
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
                if !padded {
                    sink(Step::DataStart(head, u64::from(head.len)));
                }
                self.state = State::Data { head, left: head.len, pad };
                if head.len == 0 {
                    self.end_data(head, sink);
                }
            }
            _ if head.len > MAX_COLLECT => self.state = State::Skip { head, left: head.len },
            _ if head.len == 0 => sink(Step::Frame(head, &[])),
            _ => self.state = State::Collect { head },
        }
        rest
    }

    fn data<'a>(&mut self, head: Head, left: u32, pad: Pad, bytes: &'a [u8], sink: &mut dyn FnMut(Step<'_>)) -> &'a [u8] {
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

    fn skip<'a>(&mut self, head: Head, left: u32, bytes: &'a [u8], sink: &mut dyn FnMut(Step<'_>)) -> &'a [u8] {
        let take = (left as usize).min(bytes.len());
        let left = left - take as u32;
        self.state = State::Skip { head, left };
        if left == 0 {
            self.state = State::Header;
            sink(Step::Skipped(head));
        }
        &bytes[take..]
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let mut f = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        f.extend([kind, flags]);
        f.extend(stream.to_be_bytes());
        f.extend(payload);
        f
    }

    fn read(bytes: &[u8], size: usize) -> Vec<String> {
        let mut reader = Reader::new(true, false);
        let mut out: Vec<String> = Vec::new();
        for part in bytes.chunks(size) {
            reader.push(part, &mut |step| match step {
                Step::Begin => {}
                Step::Data(h, b) => match out.last_mut() {
                    Some(last) if last.starts_with("data ") => last.push_str(&String::from_utf8_lossy(b)),
                    _ => out.push(format!("data {} {}", h.stream, String::from_utf8_lossy(b))),
                },
                other => out.push(format!("{other:?}")),
            });
        }
        out
    }

    fn sample() -> Vec<u8> {
        let mut all = PREFACE.to_vec();
        all.extend(frame(kind::SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]));
        all.extend(frame(kind::DATA, 0, 1, b"hello"));
        all.extend(frame(kind::DATA, flag::PADDED, 1, b"\x03abcxyz"));
        all.extend(frame(kind::DATA, flag::END_STREAM, 1, b""));
        all.extend(frame(0xbe, 0, 0, b"unknown"));
        all
    }

    #[test]
    fn cut_anywhere_reads_the_same() {
        let whole = read(&sample(), usize::MAX);
        assert_eq!(whole.len(), 10, "{whole:#?}");
        assert!(whole.contains(&"data 1 abc".to_string()), "padding is no data: {whole:#?}");
        for size in 1..40 {
            assert_eq!(read(&sample(), size), whole, "pieces of {size}");
        }
    }

    #[test]
    fn frames_are_told_from_other_bytes() {
        assert!(looks_like_frames(&sample()[24..]) || !looks_like_frames(b"HTTP/1.1 200 OK\r\n\r\n"));
        assert!(looks_like_frames(&frame(kind::DATA, 0, 5, b"{}")));
        assert!(!looks_like_frames(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
        assert!(!looks_like_frames(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"));
    }

    #[test]
    fn a_gap_inside_data_keeps_step() {
        let mut reader = Reader::new(false, false);
        let bytes = frame(kind::DATA, 0, 1, b"0123456789");
        reader.push(&bytes[..11], &mut |_| {});
        assert_eq!(reader.gap(4).map(|h| h.stream), Some(1));
        let mut ended = false;
        reader.push(&bytes[15..], &mut |s| ended |= matches!(s, Step::DataEnd(_)));
        assert!(ended);
        assert_eq!(reader.gap(1), None, "between frames: lost");
    }

    proptest! {
        #[test]
        fn hostile_bytes_end(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 0..20), joined: bool) {
            let mut reader = Reader::new(false, joined);
            for part in &parts {
                reader.push(part, &mut |_| {});
                let _ = reader.gap(3);
            }
        }
    }
}
