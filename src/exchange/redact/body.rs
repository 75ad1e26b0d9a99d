//! Secrets in bodies that are text, at the places known for them: JSON members, form fields and multipart
//! fields by name, and JSON strings that begin as keys do. Each is overwritten in place, so that lengths,
//! offsets and boundaries do not change.

use super::Redactor;
use super::overwrite::{overwrite, scheme};
use super::table::{self, Marks, Names, begins_as_key, holds_secret, is_collection};

/// Longest name, and longest line of a multipart head, that is examined, in bytes.
const WORD: usize = 256;
/// Longest name of a form field; longer bytes are not a form.
const FORM_NAME: usize = 64;
/// Longest boundary (RFC 2046 section 5.1.1), with its line end and dashes.
const BOUNDARY: usize = 74;
/// Bytes of a secret in several deliveries that are remembered, to find the places that quote it.
const REMEMBERED: usize = 4 << 10;

/// Walks through one decoded body, delivery by delivery, and overwrites secrets.
///
/// ```text
/// JSON       Between ──"──▶ Name ──"──▶ Named ──:──▶ Colon ──"──▶ Value (overwritten if it is a secret) ──"──▶ Between
/// form       FormName ──=──▶ FormValue ──&──▶ FormName
/// multipart  Boundary ──line end──▶ PartHead ──empty line──▶ PartValue ──boundary──▶ PartEnd ──line end──▶ PartHead
/// ```
#[derive(Debug, Clone, Default)]
pub(super) struct TextMask {
    state: State,
    /// The current name or line, in lower case; the beginning of a JSON value.
    word: Vec<u8>,
    /// The name or line was longer than that.
    long: bool,
    escaped: bool,
    /// The digits so far of `\u`.
    digits: Option<Vec<u8>>,
    /// Number of open objects and arrays, which of them has a secret's name, and which describes members of a schema.
    depth: u32,
    within: Option<(u32, Holder)>,
    schema: Option<u32>,
    names: Names,
    /// The current value is a secret only if it looks as if it was made by chance.
    if_random: bool,
    /// Multipart: line end, dashes and boundary.
    boundary: Vec<u8>,
    /// The bytes so far of a secret in several deliveries.
    secret: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    Object,
    Array,
    /// An object of which every string is a secret.
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// Nothing seen but white space.
    #[default]
    Start,
    /// JSON, outside of strings.
    Between,
    /// In a string that may be a member's name.
    Name,
    /// After that name.
    Named,
    /// After the colon.
    Colon,
    /// In a string value.
    Value { secret: bool },
    /// Form: in a name.
    FormName,
    /// Form: in a value.
    FormValue { secret: bool },
    /// Multipart: in the first line.
    Boundary,
    /// In the lines before a part's value.
    PartHead { secret: bool },
    /// In a part's value; the number of bytes of the boundary that were just seen.
    PartValue { secret: bool, seen: usize },
    /// After a boundary.
    PartEnd,
    /// Any other text: left unchanged.
    Other,
}

impl State {
    fn in_secret(self) -> bool {
        matches!(
            self,
            State::Value { secret: true } | State::FormValue { secret: true } | State::PartValue { secret: true, .. }
        )
    }
}

impl TextMask {
    /// A mask for a body in which names mean this.
    pub(super) fn new(names: Names) -> TextMask {
        TextMask { names, ..TextMask::default() }
    }

    /// Whether no later byte is examined.
    pub(super) fn is_over(&self) -> bool {
        self.state == State::Other
    }

    /// The body has ended, and with it a form's last value.
    pub(super) fn finish(&mut self, found: &mut Vec<String>) {
        self.remember(&[], true, found);
    }

    /// Process bytes of a secret; with the last of them call `found`.
    fn remember(&mut self, bytes: &[u8], whole: bool, found: &mut Vec<String>) {
        let room = REMEMBERED.saturating_sub(self.secret.len()).min(bytes.len());
        self.secret.extend_from_slice(&bytes[..room]);
        if whole && !self.secret.is_empty() {
            let secret = std::mem::take(&mut self.secret);
            let plain = secret.strip_prefix(scheme(&secret)).unwrap_or(&secret);
            found.extend(std::str::from_utf8(plain).ok().map(str::to_owned));
        }
    }

    /// Process the next bytes, in order. True if any were overwritten; `found` gets the secrets that are
    /// whole.
    pub(super) fn apply(&mut self, bytes: &mut [u8], redactor: &Redactor, found: &mut Vec<String>) -> bool {
        let mut changed = false;
        // Start of the current secret value; it continues from the previous delivery.
        let (mut begin, mut split) = (0, true);
        for at in 0..bytes.len() {
            if self.is_over() {
                return changed;
            }
            let was = self.state.in_secret();
            // After the value: its closing quote, the ampersand, the boundary.
            if let Some(behind) = self.step(bytes[at])
                && was
            {
                let end = (at + 1).saturating_sub(behind).max(begin);
                if self.if_random && !split && !table::is_random(&bytes[begin..end]) {
                    continue;
                }
                self.remember(&bytes[begin..end], true, found);
                changed |= overwrite(&mut bytes[begin..end], redactor, split);
            }
            if self.state.in_secret() && !was {
                (begin, split) = (at + 1, false);
            }
        }
        if self.state.in_secret() {
            // What may be the start of the boundary is not part of the value. The value continues in the next
            // delivery, so it has no hash.
            let seen = if let State::PartValue { seen, .. } = self.state { seen } else { 0 };
            let end = bytes.len().saturating_sub(seen).max(begin);
            self.remember(&bytes[begin..end], false, found);
            changed |= overwrite(&mut bytes[begin..end], redactor, true);
        }
        changed
    }

    /// Process one byte. If a value ended with it, returns how many of the last bytes are after the value.
    fn step(&mut self, byte: u8) -> Option<usize> {
        let escaped = std::mem::take(&mut self.escaped);
        match self.state {
            State::Start => self.start(byte),
            State::Between => self.between(byte),
            State::Name if escaped || self.digits.is_some() => self.escape(byte),
            State::Value { .. } if escaped => self.push(byte),
            State::Name | State::Value { .. } if byte == b'\\' => self.escaped = true,
            State::Name if byte == b'"' => self.state = State::Named,
            State::Name => self.push(byte),
            State::Named => match byte {
                b':' => self.state = State::Colon,
                b'"' => self.begin(State::Name),
                _ if byte.is_ascii_whitespace() => {}
                _ => self.between(byte),
            },
            State::Colon => match byte {
                b'"' => {
                    let marks = self.marks();
                    self.begin(State::Value { secret: marks != Marks::Nothing });
                    self.if_random = marks == Marks::IfRandom;
                }
                b'{' | b'[' => {
                    if self.within.is_none() && self.named() == Marks::Secret {
                        let holder = match byte {
                            b'[' => Holder::Array,
                            _ if is_collection(&self.word) => Holder::All,
                            _ => Holder::Object,
                        };
                        self.within = Some((self.depth + 1, holder));
                    }
                    if self.schema.is_none() && byte == b'{' && self.word == b"properties" {
                        self.schema = Some(self.depth + 1);
                    }
                    self.between(byte);
                }
                _ if byte.is_ascii_whitespace() => {}
                _ => self.between(byte),
            },
            State::Value { .. } if byte == b'"' => {
                self.state = State::Between;
                return Some(1);
            }
            State::Value { secret: true } => {}
            State::Value { secret: false } => {
                if self.word.len() < WORD && !self.long {
                    self.push(byte);
                    self.long = self.word.len() > 16;
                    // A generated text may begin so and go on in words: `forms` finds the key itself.
                    let secret = self.names != Names::Outermost && begins_as_key(&self.word);
                    self.state = State::Value { secret };
                }
            }
            State::FormName => match byte {
                b'=' => {
                    let marks = self.named();
                    self.begin(State::FormValue { secret: marks != Marks::Nothing });
                    self.if_random = marks == Marks::IfRandom;
                }
                b'&' => self.begin(State::FormName),
                _ if self.word.len() < FORM_NAME && (byte.is_ascii_alphanumeric() || b"_.%-+[]".contains(&byte)) => {
                    self.push(byte)
                }
                _ => self.state = State::Other,
            },
            State::FormValue { .. } if byte == b'&' => {
                self.begin(State::FormName);
                return Some(1);
            }
            State::Boundary if byte == b'\n' => self.begin_parts(),
            State::PartHead { secret } if byte == b'\n' => self.part_line(secret),
            State::Boundary | State::PartHead { .. } => self.push(byte),
            State::PartValue { secret, seen } => {
                let seen = match self.boundary.get(seen) {
                    Some(&next) if next == byte => seen + 1,
                    _ => usize::from(self.boundary.first() == Some(&byte)),
                };
                self.state = State::PartValue { secret, seen };
                if seen == self.boundary.len() {
                    self.begin(State::PartEnd);
                    return Some(seen);
                }
            }
            State::PartEnd if byte == b'\n' => self.begin(State::PartHead { secret: false }),
            State::FormValue { .. } | State::PartEnd | State::Other => {}
        }
        None
    }

    fn start(&mut self, byte: u8) {
        match byte {
            _ if byte.is_ascii_whitespace() => {}
            b'{' | b'[' => self.between(byte),
            // A generated text may look like anything.
            _ if self.names == Names::Outermost => self.state = State::Other,
            b'-' => {
                self.begin(State::Boundary);
                self.word.push(byte);
            }
            _ if byte.is_ascii_alphanumeric() || b"_.%".contains(&byte) => {
                self.begin(State::FormName);
                self.push(byte);
            }
            _ => self.state = State::Other,
        }
    }

    /// JSON, outside of strings.
    fn between(&mut self, byte: u8) {
        self.state = State::Between;
        match byte {
            b'"' if self.within == Some((self.depth, Holder::Array)) => {
                self.begin(State::Value { secret: true });
            }
            b'"' => self.begin(State::Name),
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.within = self.within.filter(|(depth, _)| *depth != self.depth);
                self.schema = self.schema.filter(|depth| *depth != self.depth);
                self.depth = self.depth.saturating_sub(1);
            }
            _ => {}
        }
    }

    /// The first line of a multipart body is its boundary.
    fn begin_parts(&mut self) {
        let line = self.word.trim_ascii_end();
        if self.long || !line.starts_with(b"--") || !(3..=BOUNDARY).contains(&line.len()) {
            self.state = State::Other;
            return;
        }
        self.boundary = [b"\r\n", line].concat();
        self.begin(State::PartHead { secret: false });
    }

    /// Process a whole line of a part's head.
    fn part_line(&mut self, secret: bool) {
        let line = String::from_utf8_lossy(self.word.trim_ascii_end()).into_owned();
        if line.is_empty() {
            return self.begin(State::PartValue { secret, seen: 0 });
        }
        let named = line.strip_prefix("content-disposition:").and_then(|rest| {
            let name = rest.split(';').find_map(|p| p.trim().strip_prefix("name="))?;
            Some(table::member(name.trim_matches('"'), self.names) != Marks::Nothing)
        });
        self.begin(State::PartHead { secret: secret || named == Some(true) });
    }

    fn begin(&mut self, state: State) {
        self.state = state;
        self.word.clear();
        (self.long, self.if_random, self.digits) = (false, false, None);
    }

    /// One byte of an escape in a name (RFC 8259 section 7).
    fn escape(&mut self, byte: u8) {
        match self.digits.take() {
            None if byte == b'u' => self.digits = Some(Vec::new()),
            None => self.push(byte),
            Some(mut digits) => {
                digits.push(byte);
                if digits.len() < 4 {
                    self.digits = Some(digits);
                    return;
                }
                let code = std::str::from_utf8(&digits).ok().and_then(|d| u32::from_str_radix(d, 16).ok());
                let mut utf8 = [0; 4];
                let c = code.and_then(char::from_u32).unwrap_or('\u{fffd}');
                c.encode_utf8(&mut utf8).bytes().for_each(|b| self.push(b));
            }
        }
    }

    fn push(&mut self, byte: u8) {
        match self.state {
            State::Value { secret: true } => {}
            // Boundaries differ by case.
            State::Boundary if self.word.len() < WORD => self.word.push(byte),
            _ if self.word.len() < WORD => self.word.push(byte.to_ascii_lowercase()),
            _ => self.long = true,
        }
    }

    /// What the current name says.
    fn named(&self) -> Marks {
        if self.long || self.schema.is_some() || (self.names == Names::Outermost && self.depth > 1) {
            return Marks::Nothing;
        }
        std::str::from_utf8(&self.word)
            .map_or(Marks::Nothing, |name| table::member(&table::decoded(name).to_lowercase(), self.names))
    }

    /// Whether the string of this name is a secret.
    fn marks(&self) -> Marks {
        match self.within {
            Some((depth, Holder::Object)) if depth == self.depth && holds_secret(&self.word) => Marks::Secret,
            Some((depth, Holder::All)) if depth <= self.depth => Marks::Secret,
            _ => self.named(),
        }
    }
}

#[cfg(test)]
mod tests;
