//! Finds where a JSON value ends (RFC 8259) without parsing it: depth, strings and escapes, byte by byte, over any
//! cuts.

use memchr::memchr3;

/// Where the scan stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// All bytes are consumed and the value continues.
    Open,
    /// The value ends before this index. 0: its last byte was in the bytes before (numbers and literals show their end
    /// by what follows).
    Closed(usize),
    /// This byte can't follow inside the value: another value begins at the place of `,` or the closing
    /// bracket.
    Broken(usize),
}

/// ```text
/// Idle ─{[─▶ Inside ◀──"──▶ Text ◀──\──▶ Escape
///   ├──"──▶ Text (depth 0)      depth back to 0 ─▶ Idle (closed)
///   └─else─▶ Scalar ─blank or bracket─▶ Idle (closed)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// Before a value; its first byte comes next.
    #[default]
    Idle,
    /// Between the tokens of an object or array.
    Inside,
    /// Inside a string.
    Text,
    /// After a backslash inside a string.
    Escape,
    /// Inside a top-level number or literal.
    Scalar,
}

/// The previous token, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Before {
    /// An opening bracket, comma or colon: a value may begin.
    #[default]
    Opener,
    /// A number or literal that may continue.
    Word,
    /// A finished value: only a comma, colon or closing bracket may follow.
    Value,
}

/// One value at a time.
#[derive(Debug, Clone, Default)]
pub(super) struct Splitter {
    state: State,
    depth: u32,
    before: Before,
    lenient: bool,
    /// A line feed is inside the value.
    pub(super) line_feed_inside: bool,
}

impl Splitter {
    /// A splitter that counts brackets only and never breaks.
    pub(super) fn lenient() -> Self {
        Splitter { lenient: true, ..Splitter::default() }
    }

    /// A value has begun and not ended.
    pub(super) fn is_open(&self) -> bool {
        self.state != State::Idle
    }

    /// The open value is a top-level number or literal: the end of input ends it.
    pub(super) fn is_scalar(&self) -> bool {
        self.state == State::Scalar
    }

    /// Drops the open value.
    pub(super) fn reset(&mut self) {
        *self = Splitter { lenient: self.lenient, ..Splitter::default() };
    }

    /// Consumes bytes of a value. If none is open, the first byte begins one.
    pub(super) fn scan(&mut self, bytes: &[u8]) -> Step {
        let mut i = 0;
        while let Some(&b) = bytes.get(i) {
            match self.state {
                State::Idle => self.begin(b),
                State::Text => {
                    // Most bytes of a value are in its strings: skip to the next byte that matters at memory
                    // speed.
                    match memchr3(b'"', b'\\', b'\n', &bytes[i..]) {
                        None => return Step::Open,
                        Some(n) => i += n,
                    }
                    match bytes[i] {
                        b'\n' => self.line_feed_inside = true,
                        b'\\' => self.state = State::Escape,
                        _ if self.depth == 0 => return self.close(i + 1),
                        _ => {
                            self.state = State::Inside;
                            self.before = Before::Value;
                        }
                    }
                }
                State::Escape => self.state = State::Text,
                State::Scalar => {
                    if ends_scalar(b) {
                        return self.close(i);
                    }
                }
                State::Inside => match self.inside(b) {
                    Inside::Goes => {}
                    Inside::Closes => return self.close(i + 1),
                    Inside::Breaks => return Step::Broken(i),
                },
            }
            i += 1;
        }
        Step::Open
    }

    fn begin(&mut self, b: u8) {
        self.reset();
        self.state = match b {
            b'{' | b'[' => {
                self.depth = 1;
                State::Inside
            }
            b'"' => State::Text,
            _ => State::Scalar,
        };
    }

    fn close(&mut self, end: usize) -> Step {
        self.state = State::Idle;
        Step::Closed(end)
    }

    fn inside(&mut self, b: u8) -> Inside {
        match b {
            b' ' | b'\t' | b'\r' | b'\n' => {
                self.line_feed_inside |= b == b'\n';
                if self.before == Before::Word {
                    self.before = Before::Value;
                }
            }
            b',' | b':' => self.before = Before::Opener,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                self.before = Before::Value;
                if self.depth == 0 {
                    return Inside::Closes;
                }
            }
            b'{' | b'[' | b'"' => {
                if self.before != Before::Opener && !self.lenient {
                    return Inside::Breaks;
                }
                if b == b'"' {
                    self.state = State::Text;
                } else {
                    self.depth = self.depth.saturating_add(1);
                    self.before = Before::Opener;
                }
            }
            _ => {
                if self.before == Before::Value && !self.lenient {
                    return Inside::Breaks;
                }
                self.before = Before::Word;
            }
        }
        Inside::Goes
    }
}

/// What one byte between tokens does.
enum Inside {
    Goes,
    Closes,
    Breaks,
}

/// Blank space of RFC 8259.
pub(super) fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\r' | b'\n')
}

/// A JSON value can begin with this byte.
pub(super) fn begins_value(b: u8) -> bool {
    matches!(b, b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n')
}

/// Exactly one JSON value with only blank space around it.
pub(super) fn is_value(bytes: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
}

fn ends_scalar(b: u8) -> bool {
    is_blank(b) || matches!(b, b',' | b':' | b'{' | b'}' | b'[' | b']' | b'"' | 0x1e)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(bytes: &[u8]) -> Step {
        Splitter::default().scan(bytes)
    }

    #[test]
    fn brackets_in_strings_do_not_count() {
        assert_eq!(ends(br#"{"a":"}]\"}"} {"#), Step::Closed(13));
        assert_eq!(ends(br#""a\\"x"#), Step::Closed(5));
        assert_eq!(ends(br#"{"a":["#), Step::Open);
    }

    #[test]
    fn scalars_end_by_what_follows() {
        assert_eq!(ends(b"12.5e3,"), Step::Closed(6));
        assert_eq!(ends(b"true"), Step::Open);
        let mut split = Splitter::default();
        assert_eq!(
            (split.scan(b"nul"), split.scan(b"l"), split.scan(b"\n")),
            (Step::Open, Step::Open, Step::Closed(0))
        );
    }

    #[test]
    fn a_cut_off_value_shows_by_the_next_one() {
        assert_eq!(ends(b"{\"a\":{\"b\":1}\n{\"c\":2}"), Step::Broken(13));
        assert_eq!(ends(b"{\"a\":\"x\n{\"b\":1}"), Step::Broken(10));
        let mut lenient = Splitter::lenient();
        assert_eq!(lenient.scan(b"{\"a\":{\"b\":1}\n{\"c\":2}}"), Step::Closed(21));
    }

    proptest::proptest! {
        #[test]
        fn any_cut_finds_the_same_end(bytes in "[\\[\\]{}\",:a1 \n\\\\]{1,40}", cut in 0usize..40) {
            let bytes = bytes.as_bytes();
            let cut = cut.min(bytes.len());
            let whole = ends(bytes);
            let mut split = Splitter::default();
            let cut_up = match split.scan(&bytes[..cut]) {
                Step::Open => match split.scan(&bytes[cut..]) {
                    Step::Open => Step::Open,
                    Step::Closed(n) => Step::Closed(n + cut),
                    Step::Broken(n) => Step::Broken(n + cut),
                },
                done => done,
            };
            proptest::prop_assert_eq!(whole, cut_up);
        }
    }
}
