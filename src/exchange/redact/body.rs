//! Secrets in request bodies, at the places known for them: JSON members and form fields by name. Each is overwritten in place, so that lengths, offsets
//! and boundaries stay what they were.

use super::{Redactor, SHORT};

/// Longest name that is looked at.
const NAME: usize = 48;

/// Parts of names, without their `-` and `_`, that give a secret away.
const PARTS: &[&str] = &["apikey", "accesskey", "secret", "password", "passwd", "credential"];
/// Ends of such names. (A word ending in `token` alone may be a vocabulary's: `eos_token`.)
const ENDS: &[&str] =
    &["accesstoken", "refreshtoken", "idtoken", "authtoken", "sessiontoken", "bearertoken", "authorizationtoken", "authorization"];
/// Such names, whole.
const WHOLE: &[&str] = &["cookie", "jwt", "privatekey", "clientassertion", "assertion"];

/// Walks through one request body, delivery by delivery, and overwrites secrets.
///
/// ```text
/// JSON   Between ──"──▶ Name ──"──▶ Named ──:──▶ Colon ──"──▶ Value (overwritten if the name was a secret's) ──"──▶ Between
/// form   Name ──=──▶ Value ──&──▶ Name
/// ```
#[derive(Debug, Clone, Copy)]
pub struct BodyMask {
    state: State,
    name: [u8; NAME],
    len: usize,
    escaped: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing seen but white space.
    Start,
    /// JSON, outside of strings.
    Between,
    /// In a string that may be a member's name.
    Name,
    /// Behind it.
    Named,
    /// Behind its colon.
    Colon,
    /// In a string value.
    Value { secret: bool },
    /// Form: in a name.
    FormName,
    /// Form: in a value.
    FormValue { secret: bool },
    /// Something else: left alone.
    Other,
}

impl Default for BodyMask {
    fn default() -> Self {
        BodyMask { state: State::Start, name: [0; NAME], len: 0, escaped: false }
    }
}

impl BodyMask {
    /// The next bytes, in order. True if any were overwritten.
    pub fn apply(&mut self, bytes: &mut [u8], redactor: &Redactor) -> bool {
        let mut changed = false;
        // Begin of the secret value at hand.
        let mut begin = 0;
        let mut split = true;
        for at in 0..bytes.len() {
            let byte = bytes[at];
            let secret = matches!(self.state, State::Value { secret: true } | State::FormValue { secret: true });
            if self.step(byte) && secret {
                changed |= overwrite(&mut bytes[begin..at], redactor, split);
            }
            let still = matches!(self.state, State::Value { secret: true } | State::FormValue { secret: true });
            if still && !secret {
                (begin, split) = (at + 1, false);
            }
        }
        if matches!(self.state, State::Value { secret: true } | State::FormValue { secret: true }) {
            // It goes on in the next delivery: no hash can be told of it.
            changed |= overwrite(&mut bytes[begin..], redactor, true);
        }
        changed
    }

    /// One byte. True: a value has ended with it.
    fn step(&mut self, byte: u8) -> bool {
        let escaped = std::mem::take(&mut self.escaped);
        match self.state {
            State::Start if byte.is_ascii_whitespace() => {}
            State::Start if matches!(byte, b'{' | b'[') => self.state = State::Between,
            State::Start if byte.is_ascii_alphanumeric() || b"_.%".contains(&byte) => {
                (self.state, self.len) = (State::FormName, 0);
                self.push(byte);
            }
            State::Start => self.state = State::Other,
            State::Between => {
                if byte == b'"' {
                    (self.state, self.len) = (State::Name, 0);
                }
            }
            State::Name | State::Value { .. } if escaped => self.push(byte),
            State::Name | State::Value { .. } if byte == b'\\' => self.escaped = true,
            State::Name if byte == b'"' => self.state = State::Named,
            State::Name => self.push(byte),
            State::Named => match byte {
                b':' => self.state = State::Colon,
                b'"' => (self.state, self.len) = (State::Name, 0),
                _ if byte.is_ascii_whitespace() => {}
                _ => self.state = State::Between,
            },
            State::Colon => match byte {
                b'"' => self.state = State::Value { secret: self.is_secret() },
                _ if byte.is_ascii_whitespace() => {}
                _ => self.state = State::Between,
            },
            State::Value { .. } if byte == b'"' => {
                self.state = State::Between;
                return true;
            }
            State::FormName => match byte {
                b'=' => self.state = State::FormValue { secret: self.is_secret() },
                b'&' => self.len = 0,
                _ if byte.is_ascii_alphanumeric() || b"_.%-+[]".contains(&byte) => self.push(byte),
                _ => self.state = State::Other,
            },
            State::FormValue { .. } if byte == b'&' => {
                (self.state, self.len) = (State::FormName, 0);
                return true;
            }
            State::Value { .. } | State::FormValue { .. } | State::Other => {}
        }
        false
    }

    fn push(&mut self, byte: u8) {
        if self.state == State::Name || self.state == State::FormName {
            if let Some(slot) = self.name.get_mut(self.len) {
                *slot = byte.to_ascii_lowercase();
            }
            self.len += 1;
        }
    }

    fn is_secret(&self) -> bool {
        let Some(name) = self.name.get(..self.len) else { return false };
        let plain: Vec<u8> = name.iter().copied().filter(|b| !b"-_".contains(b)).collect();
        let Ok(name) = std::str::from_utf8(&plain) else { return false };
        WHOLE.contains(&name) || ENDS.iter().any(|e| name.ends_with(e)) || PARTS.iter().any(|p| name.contains(p))
    }
}

/// Overwrite a secret, its scheme (`Bearer `) apart. `split`: it is not whole here.
fn overwrite(value: &mut [u8], redactor: &Redactor, split: bool) -> bool {
    let scheme = [b"Bearer ".as_slice(), b"Basic "].into_iter().find(|s| value.starts_with(s)).map_or(0, <[u8]>::len);
    let secret = &mut value[scheme..];
    if secret.is_empty() || (!split && secret.len() < SHORT) || (secret.starts_with(b"[redacted") && !split) {
        return false;
    }
    let mark = if split { None } else { redactor.mark(secret) };
    let text = mark.map_or_else(|| "[redacted]".to_owned(), |mark| format!("[redacted:{mark}]"));
    secret.fill(b'*');
    if let Some(front) = secret.get_mut(..text.len()).filter(|_| !split) {
        front.copy_from_slice(text.as_bytes());
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str, size: usize) -> String {
        let (mut mask, mut out) = (BodyMask::default(), Vec::new());
        for part in text.as_bytes().chunks(size) {
            let mut part = part.to_vec();
            mask.apply(&mut part, &Redactor::default());
            out.extend(part);
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn members_with_such_names_are_overwritten_in_place() {
        let sent = r#"{"model":"m","tools":[{"type":"mcp","headers":{"Authorization":"Bearer sk-0123456789abcdef"},"authorization_token":"tok-0123456789"}],"messages":[{"content":"my \"api_key\": \"stays, it is text\""}],"eos_token":"</s></s></s>","api_key" : "a\"b0123456789","password":{"type":"string"}}"#;
        let have = masked(sent, usize::MAX);
        let wanted = r#"{"model":"m","tools":[{"type":"mcp","headers":{"Authorization":"Bearer [redacted]*********"},"authorization_token":"[redacted]****"}],"messages":[{"content":"my \"api_key\": \"stays, it is text\""}],"eos_token":"</s></s></s>","api_key" : "[redacted]****","password":{"type":"string"}}"#;
        assert_eq!(have, wanted);
        for size in [1, 3, 16] {
            let cut = masked(sent, size);
            assert_eq!(cut.len(), sent.len());
            for secret in ["0123456789abcdef", "tok-", "b0123"] {
                assert!(!cut.contains(secret), "pieces of {size}: {cut}");
            }
            assert!(cut.contains("stays, it is text") && cut.contains("</s></s></s>"), "pieces of {size}: {cut}");
        }
    }

    #[test]
    fn forms_too() {
        let sent = "grant_type=refresh_token&refresh_token=0123456789abc&client_id=me&client_secret=s3cr3t-s3cr3t";
        let wanted = "grant_type=refresh_token&refresh_token=[redacted]***&client_id=me&client_secret=*************";
        let have = masked(sent, usize::MAX);
        assert_eq!(have[..have.len() - 13], wanted[..wanted.len() - 13]);
        assert!(have.ends_with('*') && !have.contains("s3cr3t"), "{have}");
    }

    #[test]
    fn other_bodies_are_left_alone() {
        for sent in ["\u{1}\u{2}api_key=0123456789", "plain text with api_key: \"0123456789\"", "--boundary\r\npassword=0123456789"] {
            assert_eq!(masked(sent, usize::MAX), sent);
        }
    }
}
