//! Base64 digit by digit (RFC 4648 section 4), as `application/grpc-web-text` has it: a sender may pad every
//! flush, so padding may be at any boundary of four digits.

use crate::time::Timestamp;

/// Decoder of digits.
#[derive(Debug, Default)]
pub(super) struct Digits {
    state: State,
    bits: u32,
    began: (u64, Timestamp),
}

/// ```text
/// Digits(0) ─▶ Digits(1) ─▶ Digits(2) ─▶ Digits(3) ─▶ Digits(0)
///                              └─=─▶ Padding ─=─▶ Digits(0) ◀─=─┘
/// ```
#[derive(Debug, Clone, Copy)]
enum State {
    /// Number of digits of a group of four.
    Digits(u8),
    /// Three digits of four, the last of them `=`.
    Padding,
    /// The input is not base64.
    Bad,
}

impl Default for State {
    fn default() -> Self {
        State::Digits(0)
    }
}

/// Result of one more digit.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Digit {
    /// Nothing yet.
    More,
    /// A byte.
    Byte {
        /// Value of the byte.
        byte: u8,
        /// Place and time of the first digit that has no bits in an earlier byte.
        began: (u64, Timestamp),
    },
    /// The input is not base64; nothing comes any more.
    Bad,
}

impl Digits {
    /// The next digit, with its place and time.
    pub(super) fn push(&mut self, digit: u8, here: (u64, Timestamp)) -> Digit {
        let (state, said) = match (self.state, value(digit)) {
            (State::Digits(n), Some(six)) => {
                self.bits = self.bits << 6 | u32::from(six);
                match n {
                    0 => {
                        self.began = here;
                        (State::Digits(1), Digit::More)
                    }
                    1 => (State::Digits(2), Digit::Byte { byte: (self.bits >> 4) as u8, began: self.began }),
                    2 => (State::Digits(3), Digit::Byte { byte: (self.bits >> 2) as u8, began: here }),
                    _ => (State::Digits(0), Digit::Byte { byte: self.bits as u8, began: here }),
                }
            }
            (State::Digits(2), None) if digit == b'=' => (State::Padding, Digit::More),
            (State::Digits(3) | State::Padding, None) if digit == b'=' => (State::Digits(0), Digit::More),
            _ => (State::Bad, Digit::Bad),
        };
        self.state = state;
        said
    }

    /// A digit is left over that does not complete a byte.
    pub(super) fn dangling(&self) -> bool {
        matches!(self.state, State::Digits(1))
    }
}

/// The value of one digit.
pub(super) fn value(digit: u8) -> Option<u8> {
    Some(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> Option<Vec<u8>> {
        let (mut digits, mut out) = (Digits::default(), Vec::new());
        for digit in text.bytes() {
            match digits.push(digit, (0, Timestamp::default())) {
                Digit::More => {}
                Digit::Byte { byte, .. } => out.push(byte),
                Digit::Bad => return None,
            }
        }
        Some(out)
    }

    #[test]
    fn vectors_of_rfc_4648_section_10_also_behind_one_another() {
        let vectors = [
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ];
        for (text, want) in vectors {
            assert_eq!(decode(text).as_deref(), Some(want.as_bytes()), "{text}");
            for (next, behind) in vectors {
                assert_eq!(
                    decode(&format!("{text}{next}")),
                    Some(format!("{want}{behind}").into_bytes()),
                    "{text}{next}"
                );
            }
        }
        for bad in ["=", "Z=", "Zg=a", "Zm9v=", "Zm 9", "Zg==="] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
