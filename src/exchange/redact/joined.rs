//! Finds a secret whose parts stand in several records: a stream that echoes a key delta by delta.

use super::known::Known;
use std::collections::{HashMap, VecDeque};
use std::ops::Range;

/// Longest name of a member that is kept apart from others, in bytes.
const NAME: usize = 64;
/// Most names of members that are followed.
const NAMES: usize = 64;

/// Reads a decoded body and joins the strings of equally named members, and the lines of plain `data:`.
///
/// ```text
/// Line ──"──▶ Text { name or value } ──"──▶ Line      (JSON, in lines or not)
/// Line ──data: and something else──▶ Plain ──line end──▶ Line
/// ```
#[derive(Debug, Default)]
pub(super) struct Joined {
    state: State,
    /// The bytes of the line so far, while they may be `data:`.
    line: usize,
    /// The last sign outside of strings.
    sign: u8,
    name: Vec<u8>,
    /// The digits so far of `\u`; the offset of the backslash.
    escape: Option<(u64, Vec<u8>)>,
    /// By name of the member: for each secret how much of it was seen, and where.
    seen: HashMap<Vec<u8>, Vec<Progress>>,
    secrets: Vec<(Vec<u8>, Vec<usize>)>,
    /// The beginning of a secret was seen in the strings of the current name.
    live: bool,
    at: u64,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Line,
    Name,
    Value,
    Plain,
}

/// The places of the bytes that match the beginning of a secret.
#[derive(Debug, Default, Clone)]
struct Progress(VecDeque<Range<u64>>);

impl Joined {
    /// Reads the next bytes, which begin at this offset, and adds the ranges of secrets that are whole.
    pub(super) fn push(&mut self, offset: u64, bytes: &[u8], known: &Known, out: &mut Vec<Range<u64>>) {
        self.learn(known);
        if self.secrets.is_empty() {
            return;
        }
        self.at = offset;
        for &byte in bytes {
            self.byte(byte, out);
            self.at += 1;
        }
    }

    /// Where the earliest secret begins that may continue in later bytes.
    pub(super) fn begun(&self) -> Option<u64> {
        let places = self.seen.values().flatten().filter(|p| p.0.len() >= 3);
        places.filter_map(|p| p.0.front().map(|r| r.start)).min()
    }

    fn learn(&mut self, known: &Known) {
        for secret in known.telling() {
            if self.secrets.len() < 8 && !self.secrets.iter().any(|(s, _)| s == secret.as_bytes()) {
                self.secrets.push((secret.into(), borders(secret.as_bytes())));
            }
        }
    }

    fn byte(&mut self, byte: u8, out: &mut Vec<Range<u64>>) {
        if byte == b'\n' {
            (self.state, self.line, self.escape, self.sign) = (State::Line, 0, None, byte);
            return;
        }
        match self.state {
            State::Line => self.outside(byte, out),
            State::Plain if byte == b'\r' => {}
            State::Plain => self.feed(byte, self.at..self.at + 1, out),
            State::Name | State::Value if self.escape.is_some() => self.escaped(byte, out),
            State::Name | State::Value if byte == b'\\' => self.escape = Some((self.at, Vec::new())),
            State::Name | State::Value if byte == b'"' => {
                self.state = State::Line;
                self.sign = byte;
            }
            State::Name if self.name.len() < NAME => self.name.push(byte),
            State::Name => {}
            State::Value => self.feed(byte, self.at..self.at + 1, out),
        }
    }

    fn outside(&mut self, byte: u8, out: &mut Vec<Range<u64>>) {
        const DATA: &[u8] = b"data:";
        let place = self.line;
        self.line = place.saturating_add(1);
        if place < DATA.len() && byte != DATA[place] {
            self.line = usize::MAX;
        }
        if place >= DATA.len() && place != usize::MAX {
            // The first byte after `data:` and a space decides.
            if place == DATA.len() && byte == b' ' {
                return;
            }
            self.line = usize::MAX;
            if !matches!(byte, b'{' | b'[' | b'"') {
                self.name = b"data".to_vec();
                self.begin(State::Plain);
                return self.feed(byte, self.at..self.at + 1, out);
            }
        }
        match byte {
            b'"' if matches!(self.sign, b':' | b'[') => self.begin(State::Value),
            b'"' => {
                self.state = State::Name;
                self.name.clear();
            }
            _ if byte.is_ascii_whitespace() => {}
            _ => self.sign = byte,
        }
    }

    fn escaped(&mut self, byte: u8, out: &mut Vec<Range<u64>>) {
        let Some((from, mut digits)) = self.escape.take() else { return };
        let range = from..self.at + 1;
        if digits.is_empty() && byte != b'u' {
            let plain = match byte {
                b'n' => b'\n',
                b't' => b'\t',
                b'r' => b'\r',
                other => other,
            };
            return self.decoded(plain, range, out);
        }
        digits.push(byte);
        if digits.len() < 5 {
            self.escape = Some((from, digits));
            return;
        }
        let code = std::str::from_utf8(&digits[1..]).ok().and_then(|d| u32::from_str_radix(d, 16).ok());
        let mut utf8 = [0; 4];
        for byte in code.and_then(char::from_u32).unwrap_or('\u{fffd}').encode_utf8(&mut utf8).bytes() {
            self.decoded(byte, range.clone(), out);
        }
    }

    fn decoded(&mut self, byte: u8, range: Range<u64>, out: &mut Vec<Range<u64>>) {
        match self.state {
            State::Value => self.feed(byte, range, out),
            _ if self.name.len() < NAME => self.name.push(byte),
            _ => {}
        }
    }

    /// The next byte of the joined text of this name, and its place.
    fn feed(&mut self, byte: u8, place: Range<u64>, out: &mut Vec<Range<u64>>) {
        // Almost every byte leaves here.
        if !self.live && !self.secrets.iter().any(|(s, _)| s.first() == Some(&byte)) {
            return;
        }
        if !self.seen.contains_key(&self.name) {
            if self.seen.len() >= NAMES {
                return;
            }
            self.seen.insert(self.name.clone(), Vec::new());
        }
        let Some(all) = self.seen.get_mut(&self.name) else { return };
        all.resize(self.secrets.len(), Progress::default());
        self.live = false;
        for ((secret, borders), Progress(places)) in self.secrets.iter().zip(all) {
            let mut n = places.len();
            while n > 0 && secret[n] != byte {
                n = borders[n - 1];
            }
            let matches = secret[n] == byte;
            places.drain(..places.len() - n);
            if matches {
                places.push_back(place.clone());
            }
            if places.len() == secret.len() {
                out.extend(places.drain(..));
            }
            self.live |= !places.is_empty();
        }
    }

    /// A string or line of the current name begins.
    fn begin(&mut self, state: State) {
        self.state = state;
        self.live = self.seen.get(&self.name).is_some_and(|all| all.iter().any(|p| !p.0.is_empty()));
    }
}

/// For each beginning of the secret, the length of its longest beginning that is also its end (Knuth, Morris, Pratt).
fn borders(secret: &[u8]) -> Vec<usize> {
    let mut all = vec![0; secret.len()];
    for i in 1..secret.len() {
        let mut n = all[i - 1];
        while n > 0 && secret[i] != secret[n] {
            n = all[n - 1];
        }
        all[i] = n + usize::from(secret[i] == secret[n]);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(body: &str, cut: usize) -> String {
        let mut known = Known::default();
        known.found("sk-0123456789");
        let (mut joined, mut found, mut out) = (Joined::default(), Vec::new(), body.as_bytes().to_vec());
        for (n, part) in body.as_bytes().chunks(cut).enumerate() {
            joined.push((n * cut) as u64, part, &known, &mut found);
        }
        found.into_iter().for_each(|r| out[r.start as usize..r.end as usize].fill(b'*'));
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn a_secret_in_the_strings_of_several_records() {
        for (body, wanted) in [
            (
                "data: {\"id\":\"s\",\"delta\":{\"text\":\"key sk-01\"}}\n\ndata: {\"id\":\"s\",\"delta\":{\"text\":\"2345\\u00367\"}}\n\ndata: {\"delta\":{\"text\":\"89.\"}}\n\n",
                "data: {\"id\":\"s\",\"delta\":{\"text\":\"key *****\"}}\n\ndata: {\"id\":\"s\",\"delta\":{\"text\":\"***********\"}}\n\ndata: {\"delta\":{\"text\":\"**.\"}}\n\n",
            ),
            ("data: key sk-\n\ndata:0123456789\n\n", "data: key ***\n\ndata:**********\n\n"),
            ("{\"t\":\"sk-sk-01\"}\n{\"t\":\"23456789\"}\n", "{\"t\":\"sk-*****\"}\n{\"t\":\"********\"}\n"),
            ("{\"t\":\"sk-01\"}\n{\"u\":\"23456789\"}\n", "{\"t\":\"sk-01\"}\n{\"u\":\"23456789\"}\n"),
        ] {
            for cut in [1, 7, 1000] {
                assert_eq!(hidden(body, cut), wanted);
            }
        }
    }
}
