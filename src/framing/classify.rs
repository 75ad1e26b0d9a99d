//! Finds the framing from the first 64 KiB. The result depends on the bytes and the declared type alone,
//! never on cuts or times.
//!
//! The declared type only breaks ties: an empty body, a body cut before its framing shows, a bare JSON
//! scalar, a single JSON line.

use super::Framing;
use super::aws::{PRELUDE, Prelude};
use super::coded_lines;
use super::grpc;
use super::multipart;
use super::split::{Splitter, Step, begins_value, is_blank, is_value};
use super::watch::Watch;
use declared::Declared;
use utf8::Utf8;

mod declared;
mod utf8;

#[cfg(test)]
mod tests;

/// Bytes after which the class is final.
pub(super) const LIMIT: usize = 64 << 10;
const MARK: &[u8] = b"\xef\xbb\xbf";

/// The byte belongs to a byte order mark at the start of the body.
pub(super) fn is_mark(offset: u64, byte: u8) -> bool {
    usize::try_from(offset).ok().and_then(|i| MARK.get(i)) == Some(&byte)
}

/// ```text
/// Opening ─{ [ "…─▶ Value ─closed─▶ Behind ─value─▶ Settled (ndjson, concat-json)
///    │                └─broken──────────┴─else─▶ Prose ─SSE or JSON lines, binary─▶ Settled
///    ├─field name, RS, prelude─▶ Settled
///    └─else─▶ Prose
/// ```
#[derive(Debug)]
enum State {
    /// Undecided; `lead` bytes of mark and blank space.
    Opening { lead: usize },
    /// Inside the first JSON value.
    Value,
    /// After the first JSON value.
    Behind { line_feed: bool, comma: bool },
    /// Text, or the rest of bytes that are not JSON after all.
    Prose,
    /// Final.
    Settled,
}

/// Classifies one body.
#[derive(Debug)]
pub(super) struct Classifier {
    declared: Declared,
    state: State,
    class: Option<Framing>,
    /// Number of bytes read.
    pos: usize,
    /// The first byte that is neither mark nor blank space.
    first: Option<u8>,
    /// Any byte has arrived.
    any: bool,
    /// Where the first value begins.
    value_start: usize,
    split: Splitter,
    watch: Watch,
    utf8: Utf8,
}

impl Classifier {
    pub(super) fn new(content_type: Option<&str>) -> Self {
        let declared = Declared::of(content_type);
        Classifier {
            declared,
            state: State::Opening { lead: 0 },
            class: None,
            pos: 0,
            first: None,
            any: false,
            value_start: 0,
            split: Splitter::default(),
            watch: Watch::new(declared == Declared::Sse, declared == Declared::Ndjson),
            utf8: Utf8::default(),
        }
    }

    /// A classifier without a declared type.
    pub(super) fn settled(class: Framing) -> Self {
        Classifier { state: State::Settled, class: Some(class), ..Classifier::new(None) }
    }

    /// The class, once records can be read by it. It may change until it is settled.
    pub(super) fn class(&self) -> Option<Framing> {
        self.class
    }

    /// The class is final.
    pub(super) fn is_settled(&self) -> bool {
        matches!(self.state, State::Settled)
    }

    /// Takes the body from its start, up to [`LIMIT`] bytes of it; bytes that were read before are not read again.
    pub(super) fn push(&mut self, all: &[u8]) {
        let all = all.get(..LIMIT).unwrap_or(all);
        self.any |= !all.is_empty();
        while self.pos < all.len() {
            match self.state {
                State::Settled => return,
                State::Opening { lead } => {
                    if !self.open(all, lead) {
                        break;
                    }
                }
                State::Value => self.value(all),
                State::Behind { line_feed, comma } => self.behind(all, line_feed, comma),
                State::Prose => self.prose(all),
            }
        }
        if all.len() >= LIMIT {
            self.settle_as_is();
        }
    }

    /// Bytes are missing: what follows may begin anywhere.
    pub(super) fn gap(&mut self) {
        match (self.class, self.declared) {
            (_, Declared::Aws) if matches!(self.state, State::Opening { .. }) => self.settle(Framing::AwsEventStream),
            (_, Declared::Grpc) if matches!(self.state, State::Opening { .. }) => self.settle(Framing::Grpc),
            (None, Declared::Sse) => self.settle(Framing::Sse),
            (None, Declared::Ndjson) => self.settle(Framing::Ndjson),
            (None, Declared::JsonSeq) => self.settle(Framing::JsonSeq),
            (Some(Framing::JsonArray), _) => self.settle(Framing::JsonArray),
            (class, _) if !self.is_settled() => {
                let guess = self.guess();
                self.class = class.or(if guess == Framing::Empty { None } else { Some(guess) });
                self.enter_prose(self.pos);
                self.watch.lose_line();
            }
            _ => {}
        }
    }

    /// No more bytes.
    pub(super) fn finish(&mut self) {
        if self.may_be_binary() && self.utf8.mostly_invalid_at_end() {
            self.class = Some(Framing::Binary);
        }
        self.settle_as_is();
    }

    /// The class if no more bytes come.
    pub(super) fn guess(&self) -> Framing {
        if let Some(class) = self.class {
            return class;
        }
        match (&self.state, self.declared) {
            (_, Declared::Sse) if !matches!(self.state, State::Value) => Framing::Sse,
            (State::Value, Declared::Ndjson) if self.split.line_feed_inside => Framing::Json,
            (_, Declared::Ndjson) => Framing::Ndjson,
            (State::Opening { .. }, Declared::JsonSeq) => Framing::JsonSeq,
            (State::Opening { .. }, Declared::Aws) => Framing::AwsEventStream,
            (State::Opening { .. }, Declared::Grpc) => Framing::Grpc,
            (State::Opening { .. }, _) if !self.any => Framing::Empty,
            (State::Opening { .. }, Declared::Json) | (State::Value | State::Behind { .. }, _) => Framing::Json,
            _ => match self.first {
                Some(b'{') => Framing::Json,
                Some(0 | 1) => Framing::Binary,
                _ => Framing::Text,
            },
        }
    }

    fn settle(&mut self, class: Framing) {
        self.class = Some(class);
        self.state = State::Settled;
    }

    fn settle_as_is(&mut self) {
        self.settle(self.guess());
    }

    /// Decides from the first bytes. False: it needs more bytes.
    fn open(&mut self, all: &[u8], lead: usize) -> bool {
        if self.declared == Declared::Grpc && lead == 0 {
            match grpc::begins(all) {
                Some(true) => {
                    self.settle(Framing::Grpc);
                    return true;
                }
                Some(false) => self.declared = Declared::Other, // the body is not what was declared
                None => return false,
            }
        }
        let mut lead = lead;
        if lead == 0 && MARK.starts_with(all.get(..3).unwrap_or(all)) {
            if all.len() < MARK.len() {
                return false;
            }
            lead = MARK.len();
        }
        while all.get(lead).copied().is_some_and(is_blank) {
            lead += 1;
        }
        self.state = State::Opening { lead };
        let rest = all.get(lead..).unwrap_or_default();
        let Some(&first) = rest.first() else { return false };
        self.first = Some(first);
        let line_start = lead == 0 || matches!(all[lead - 1], b'\n' | b'\r' | 0xbf);
        let json_declared = matches!(self.declared, Declared::Json | Declared::Ndjson);
        if lead == 0 && !json_declared {
            match coded_lines::begins(rest) {
                Some(true) => {
                    self.settle(Framing::CodedLines);
                    return true;
                }
                Some(false) => {}
                None => return false,
            }
        }
        match first {
            0x1e => self.settle(Framing::JsonSeq),
            0 | 1 => return self.prelude(rest, lead),
            b'{' | b'[' => return self.bracket(rest, lead, first),
            _ if self.declared == Declared::Aws && rest.len() < PRELUDE => return false,
            _ if self.declared == Declared::Aws && Prelude::read(rest).is_some_and(|p| p.is_sane()) => {
                self.settle(Framing::AwsEventStream);
            }
            b':' | b'd' | b'e' | b'i' | b'r' if line_start => return self.field_name(rest, lead),
            b'-' if line_start && !json_declared => match multipart::begins(rest) {
                Some(true) => self.settle(Framing::Multipart),
                Some(false) => self.enter_prose(lead),
                None => return false,
            },
            _ if begins_value(first) && json_declared => self.enter_value(lead),
            _ => self.enter_prose(lead),
        }
        true
    }

    fn prelude(&mut self, rest: &[u8], lead: usize) -> bool {
        let Some(prelude) = Prelude::read(rest) else { return false };
        if prelude.is_sane() && (prelude.valid || self.declared == Declared::Aws) {
            self.settle(Framing::AwsEventStream);
        } else {
            self.enter_prose(lead);
        }
        true
    }

    fn bracket(&mut self, rest: &[u8], lead: usize, first: u8) -> bool {
        // `pos` remembers how far blank space after the bracket was skipped.
        self.pos = self.pos.max(lead + 1);
        while rest.get(self.pos - lead).copied().is_some_and(is_blank) {
            self.pos += 1;
        }
        let Some(&next) = rest.get(self.pos - lead) else { return false };
        match (first, next) {
            (b'{', b'"' | b'}') => self.enter_value(lead),
            (b'[', b'{') => {
                self.class = Some(Framing::JsonArray);
                self.enter_value(lead);
            }
            (b'[', b']') => self.enter_value(lead),
            (b'[', b) if begins_value(b) => self.enter_value(lead),
            _ => self.enter_prose(lead),
        }
        true
    }

    fn field_name(&mut self, rest: &[u8], lead: usize) -> bool {
        for name in [&b":"[..], b"data:", b"event:", b"id:", b"retry:"] {
            let bare = name.strip_suffix(b":").unwrap_or_default();
            let ended = matches!(rest.get(bare.len()), Some(b'\n' | b'\r')) && rest.starts_with(bare);
            if rest.starts_with(name) || ended && self.declared == Declared::Sse {
                self.settle(Framing::Sse);
                return true;
            }
            if name.starts_with(rest) {
                return false;
            }
        }
        self.enter_prose(lead);
        true
    }

    fn enter_value(&mut self, start: usize) {
        self.state = State::Value;
        (self.pos, self.value_start) = (start, start);
    }

    fn enter_prose(&mut self, from: usize) {
        self.class.get_or_insert(Framing::Text);
        self.state = State::Prose;
        self.pos = from;
    }

    fn value(&mut self, all: &[u8]) {
        let rest = all.get(self.pos..).unwrap_or_default();
        match self.split.scan(rest) {
            Step::Open => self.pos += rest.len(),
            Step::Broken(n) => {
                // The JSON is broken. The rest shows whether lines of JSON or an event stream follow.
                self.class.get_or_insert(Framing::Json);
                self.enter_prose(self.pos + n);
            }
            Step::Closed(n) => {
                self.pos += n;
                let value = all.get(self.value_start..self.pos).unwrap_or_default();
                if self.class.is_none() && value.first() != Some(&b'{') && !is_value(value) {
                    return self.enter_prose(self.value_start);
                }
                if self.declared != Declared::Ndjson {
                    self.class.get_or_insert(Framing::Json);
                }
                self.state = State::Behind { line_feed: false, comma: false };
            }
        }
    }

    fn behind(&mut self, all: &[u8], line_feed: bool, comma: bool) {
        let Some(&b) = all.get(self.pos) else { return };
        let one_line = !self.split.line_feed_inside;
        match b {
            b'\n' if self.declared == Declared::Ndjson && one_line && !comma => self.settle(Framing::Ndjson),
            b'\n' => self.state = State::Behind { line_feed: true, comma },
            b',' => self.state = State::Behind { line_feed, comma: true },
            b if is_blank(b) => {}
            b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' => {
                self.settle(if line_feed && one_line && !comma { Framing::Ndjson } else { Framing::ConcatJson });
            }
            _ if self.declared == Declared::Ndjson => return self.settle(Framing::Ndjson),
            _ => {
                if !matches!(all.get(self.pos.saturating_sub(1)), Some(b'\n' | b'\r')) {
                    self.watch.lose_line();
                }
                return self.enter_prose(self.pos);
            }
        }
        self.pos += 1;
    }

    /// A body declared as text stays text, whatever its encoding.
    fn may_be_binary(&self) -> bool {
        self.class == Some(Framing::Text) && !matches!(self.declared, Declared::Text | Declared::Sse | Declared::Ndjson)
    }

    fn prose(&mut self, all: &[u8]) {
        let (text, may_be_binary) = (self.class == Some(Framing::Text), self.may_be_binary());
        while let Some(&b) = all.get(self.pos) {
            self.pos += 1;
            if text && self.utf8.byte(b) && may_be_binary {
                return self.settle(Framing::Binary);
            }
            if let Some(class) = self.watch.byte(b) {
                return self.settle(class);
            }
        }
    }
}
