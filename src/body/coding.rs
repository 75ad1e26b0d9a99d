//! One content coding being decoded: the trait of all decoders, and the states around it that are the same
//! for all.

use super::{BOMB, BROKEN, DROPPED, GAP, INCOMPLETE, NEEDS_DICTIONARY, NOT_CODED, TRAILING};
use crate::oddity::{Kind, excerpt};

/// Maximum of bytes in one output piece.
const PIECE: usize = 32 * 1024;
/// Output that is always allowed, in bytes …
const SLACK: u64 = 16 << 20;
/// … and that each input byte adds; deflate can't exceed 1032.
const RATIO: u64 = 2048;
/// No decoded body grows beyond this.
const MOST: u64 = 1 << 30;

/// A decoder.
pub(super) trait Coding: std::fmt::Debug + Send {
    /// Name as in the field.
    fn name(&self) -> &'static str;

    /// Number of bytes that show whether, and in which variant, the body is coded.
    fn probe(&self) -> usize {
        0
    }

    /// Inspects those bytes, which `step` gets as well, and starts afresh. False: the body is not coded this
    /// way.
    fn begin(&mut self, first: &[u8]) -> bool {
        let _ = first;
        true
    }

    /// It needs a dictionary that is not here.
    fn is_locked(&self) -> bool {
        false
    }

    /// Bytes of memory of a decoder: what it always has, and the most that its window adds as output is made.
    fn weight(&self) -> (usize, usize);

    /// Another frame or member may follow after the end.
    fn repeats(&self) -> bool {
        false
    }

    /// Consumes input, produces output.
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Progress;
}

/// Result of a step.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) used: usize,
    pub(super) made: usize,
    pub(super) status: Status,
}

/// State after a step.
#[derive(Debug)]
pub(super) enum Status {
    Going,
    /// The coding has ended.
    Ended,
    /// The input needs what is not here: the text says what.
    Locked(String),
    /// The input is not valid.
    Broken(String),
}

/// ```text
///   Probing ──is coded──▶ Running ──end──▶ Probing (again) or Over
///      │ is not              │ broken, locked, gap, bomb
///      ▼                     ▼
///   Passing                Dropping
/// ```
#[derive(Debug)]
enum State {
    /// The first bytes of the body, or (`again`) those after an end.
    Probing { seen: Vec<u8>, again: bool },
    /// Decoding.
    Running,
    /// Not coded at all: bytes pass unchanged.
    Passing,
    /// After the end.
    Over,
    /// Nothing can be decoded any more.
    Dropping,
}

/// Sink of a stage's oddities: kind, offset in its input, what was found.
pub(super) type Odd<'a> = dyn FnMut(Kind, u64, String) + 'a;

/// A coding and its place in the list of codings.
#[derive(Debug)]
pub(super) struct Stage {
    coding: Box<dyn Coding>,
    state: State,
    buffer: Vec<u8>,
    taken: u64,
    given: u64,
    dropped: u64,
    /// The input so far, while it is text and nothing was decoded from it: it may turn out not to be coded.
    text: Option<Vec<u8>>,
}

impl Stage {
    pub(super) fn new(coding: Box<dyn Coding>) -> Self {
        let state = State::Probing { seen: Vec::new(), again: false };
        Stage { coding, state, buffer: Vec::new(), taken: 0, given: 0, dropped: 0, text: Some(Vec::new()) }
    }

    /// Sends all that can be decoded from these bytes to `sink`, in pieces of at most 32 KiB if it was coded.
    pub(super) fn push(&mut self, mut input: &[u8], sink: &mut dyn FnMut(&[u8]), odd: &mut Odd<'_>) {
        while !input.is_empty() {
            let used = match &mut self.state {
                State::Probing { seen, .. } if seen.len() < self.coding.probe() => {
                    let n = (self.coding.probe() - seen.len()).min(input.len());
                    seen.extend_from_slice(&input[..n]);
                    if seen.len() == self.coding.probe() {
                        self.probed(sink, odd);
                    }
                    n
                }
                State::Probing { .. } => {
                    self.probed(sink, odd);
                    0
                }
                State::Running => self.advance(input, sink, odd),
                State::Passing => {
                    sink(input);
                    input.len()
                }
                State::Over => {
                    odd(TRAILING, self.taken, excerpt(&input[..input.len().min(20)]));
                    self.state = State::Dropping;
                    0
                }
                State::Dropping => {
                    self.dropped += input.len() as u64;
                    input.len()
                }
            };
            input = &input[used..];
        }
    }

    /// Bytes of memory in use, about.
    pub(super) fn held(&self) -> usize {
        let (always, window) = self.coding.weight();
        let seen = if let State::Probing { seen, .. } = &self.state { seen.capacity() } else { 0 };
        always
            + window.min(self.given as usize)
            + self.buffer.capacity()
            + seen
            + self.text.as_ref().map_or(0, Vec::capacity)
    }

    /// It needs a dictionary that is not here.
    pub(super) fn is_locked(&self) -> bool {
        self.coding.is_locked()
    }

    /// The body turned out not to be coded.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self.state, State::Passing)
    }

    /// Bytes of the input are missing.
    pub(super) fn gap(&mut self, odd: &mut Odd<'_>) {
        match self.state {
            State::Probing { .. } | State::Running => {
                odd(GAP, self.taken, format!("{} can't be decoded after missing bytes", self.coding.name()));
                self.state = State::Dropping;
            }
            State::Passing | State::Over | State::Dropping => {}
        }
    }

    /// No more input.
    pub(super) fn finish(&mut self, odd: &mut Odd<'_>) {
        match &self.state {
            State::Probing { seen, .. } if seen.is_empty() => {}
            State::Probing { seen, again: true } => {
                self.dropped += seen.len() as u64;
                odd(TRAILING, self.taken, excerpt(seen));
            }
            State::Probing { seen, again: false } => {
                self.dropped += seen.len() as u64;
                odd(INCOMPLETE, self.taken, self.coding.name().to_owned());
            }
            State::Running => odd(INCOMPLETE, self.taken, self.coding.name().to_owned()),
            State::Passing | State::Over | State::Dropping => {}
        }
        self.state = State::Dropping;
        if self.dropped > 0 {
            odd(DROPPED, self.taken, format!("{} bytes were not decoded", self.dropped));
            self.dropped = 0;
        }
    }

    fn probed(&mut self, sink: &mut dyn FnMut(&[u8]), odd: &mut Odd<'_>) {
        let State::Probing { seen, again } = std::mem::replace(&mut self.state, State::Running) else { return };
        if self.coding.begin(&seen) {
            let mut rest = &seen[..];
            while !rest.is_empty() && matches!(self.state, State::Running) {
                rest = &rest[self.advance(rest, sink, odd)..];
            }
            match self.is_passing() {
                true if !rest.is_empty() => sink(rest),
                true => {}
                false => self.dropped += rest.len() as u64,
            }
        } else if again {
            odd(TRAILING, self.taken, excerpt(&seen));
            self.dropped += seen.len() as u64;
            self.state = State::Dropping;
        } else {
            odd(NOT_CODED, self.taken, starts_differently(self.coding.name(), &seen));
            sink(&seen);
            self.state = State::Passing;
        }
    }

    /// Decodes; returns the number of bytes consumed. While the body may be text, byte by byte: where the decoder meets
    /// the damage, and what came before, then does not depend on how the body was cut.
    fn advance(&mut self, input: &[u8], sink: &mut dyn FnMut(&[u8]), odd: &mut Odd<'_>) -> usize {
        let input = if self.keep_text(input[0]) { &input[..1] } else { input };
        let n = self.run(input, sink, odd);
        self.taken += n as u64;
        if self.pass_text(sink) { input.len() } else { n }
    }

    /// Keeps the next byte of text from which nothing was decoded yet, up to 4 KiB. False: this is no such text.
    fn keep_text(&mut self, next: u8) -> bool {
        const MOST: usize = 4096;
        let Some(text) = &mut self.text else { return false };
        let is_text = matches!(next, b'\t' | b'\n' | b'\r' | 0x20..=0x7e | 0x80..);
        if is_text && text.len() < MOST {
            text.push(next);
            return true;
        }
        self.text = None;
        false
    }

    /// The data is damaged. Text of which nothing could be decoded was never coded.
    fn break_off(&mut self, offset: u64, why: &str, odd: &mut Odd<'_>) {
        match self.text.as_deref().filter(|text| is_utf8_so_far(text)) {
            Some(text) => {
                odd(NOT_CODED, 0, starts_differently(self.coding.name(), &text[..text.len().min(20)]));
                self.state = State::Passing;
            }
            None => {
                odd(BROKEN, offset, format!("{}: {why}", self.coding.name()));
                self.state = State::Dropping;
            }
        }
    }

    /// Passes the text on that turned out not to be coded, with the input at hand. False: it is coded.
    fn pass_text(&mut self, sink: &mut dyn FnMut(&[u8])) -> bool {
        if !self.is_passing() {
            return false;
        }
        sink(&self.text.take().unwrap_or_default());
        true
    }

    /// Decodes until the input is used up or the state changes; returns the number of bytes consumed.
    fn run(&mut self, input: &[u8], sink: &mut dyn FnMut(&[u8]), odd: &mut Odd<'_>) -> usize {
        self.buffer.resize(PIECE, 0);
        let mut used = 0;
        loop {
            let Progress { used: took, made, status } = self.coding.step(&input[used..], &mut self.buffer);
            used += took;
            let offset = self.taken + used as u64;
            let allowed = allowed(offset);
            let made = made.min(self.buffer.len());
            if made > 0 {
                self.given += made as u64;
                self.text = None;
                if self.given > allowed {
                    odd(BOMB, offset, format!("over {allowed} bytes from {offset}"));
                    self.state = State::Dropping;
                    return used;
                }
                sink(&self.buffer[..made]);
            }
            match status {
                Status::Ended => {
                    self.state = if self.coding.repeats() {
                        State::Probing { seen: Vec::new(), again: true }
                    } else {
                        State::Over
                    };
                    return used;
                }
                Status::Locked(what) => {
                    odd(NEEDS_DICTIONARY, 0, what);
                    self.text = None;
                    self.state = State::Dropping;
                    return used;
                }
                Status::Broken(why) => {
                    self.break_off(offset, &why, odd);
                    return used;
                }
                Status::Going if took == 0 && made == 0 && used < input.len() => {
                    // No progress and input left: a decoder that needs nothing more is broken.
                    self.break_off(offset, "stuck", odd);
                    return used;
                }
                Status::Going if used == input.len() && made < self.buffer.len() => return used,
                Status::Going => {}
            }
        }
    }
}

/// Valid UTF-8, of which the last character may be cut.
fn is_utf8_so_far(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).map_or_else(|e| e.error_len().is_none(), |_| true)
}

/// Bytes that a body may have become after this many coded ones.
pub(super) fn allowed(coded: u64) -> u64 {
    MOST.min(SLACK.saturating_add(coded.saturating_mul(RATIO)))
}

fn starts_differently(coding: &str, seen: &[u8]) -> String {
    format!("{coding} starts differently: {}", excerpt(seen))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a whole buffer of each input byte.
    #[derive(Debug)]
    struct Swells;

    impl Coding for Swells {
        fn name(&self) -> &'static str {
            "swells"
        }

        fn weight(&self) -> (usize, usize) {
            (0, 0)
        }

        fn step(&mut self, _input: &[u8], output: &mut [u8]) -> Progress {
            Progress { used: 1, made: output.len(), status: Status::Going }
        }
    }

    #[test]
    fn a_bomb_is_cut_at_16_mib_and_2048_bytes_for_each_that_came() {
        let (mut stage, mut given, mut odd) = (Stage::new(Box::new(Swells)), 0, Vec::new());
        stage.push(&[0; 600], &mut |bytes| given += bytes.len(), &mut |kind, at, found| odd.push((kind, at, found)));
        // 546 · 32768 ≤ 16777216 + 546 · 2048, and 547 are too many.
        assert_eq!(given, 546 * PIECE);
        assert_eq!(odd, [(BOMB, 547, "over 17897472 bytes from 547".to_owned())]);
    }
}
