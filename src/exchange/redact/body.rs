//! Secrets in bodies that are text, at the places known for them: JSON members, form fields and multipart
//! fields by name, and JSON strings that begin as keys do. Each is overwritten in place, so that lengths,
//! offsets and boundaries do not change.

use super::Redactor;
use super::known::{begins_as_key, holds_secret, is_secret, overwrite, scheme};

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
    /// Number of open objects and arrays, and which of them has a secret's name.
    depth: u32,
    within: Option<(u32, Holder)>,
    /// Multipart: line end, dashes and boundary.
    boundary: Vec<u8>,
    /// The bytes so far of a secret in several deliveries.
    secret: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    Object,
    Array,
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
            State::Name | State::Value { .. } if escaped => self.push(byte),
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
                    let secret = self.is_secret();
                    self.begin(State::Value { secret });
                }
                b'{' | b'[' => {
                    if self.within.is_none() && self.names_secret() {
                        let holder = if byte == b'{' { Holder::Object } else { Holder::Array };
                        self.within = Some((self.depth + 1, holder));
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
                    let secret = begins_as_key(&self.word);
                    self.state = State::Value { secret };
                }
            }
            State::FormName => match byte {
                b'=' => {
                    let secret = self.names_secret();
                    self.begin(State::FormValue { secret });
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
            b'"' if self.within == Some((self.depth, Holder::Array)) => self.begin(State::Value { secret: true }),
            b'"' => self.begin(State::Name),
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                if self.within.is_some_and(|(depth, _)| depth == self.depth) {
                    self.within = None;
                }
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
            Some(is_secret(name.trim_matches('"')))
        });
        self.begin(State::PartHead { secret: secret || named == Some(true) });
    }

    fn begin(&mut self, state: State) {
        self.state = state;
        self.word.clear();
        self.long = false;
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

    fn names_secret(&self) -> bool {
        !self.long && std::str::from_utf8(&self.word).is_ok_and(is_secret)
    }

    /// Whether the string of this name is a secret.
    fn is_secret(&self) -> bool {
        let holds = self.within == Some((self.depth, Holder::Object)) && holds_secret(&self.word);
        holds || self.names_secret()
    }
}

#[cfg(test)]
mod tests;
