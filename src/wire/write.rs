//! Writes a transcript as text that reads like the wire and parses to the same transcript.

use super::escape::escape;
use super::{Event, START, Transcript, What};
use crate::conn::{Direction, End};
use crate::time::Timestamp;

/// The text of a transcript: `parse` of it gives the same events.
pub fn write(transcript: &Transcript) -> String {
    let mut writer = Writer { out: String::new(), now: START, data_dir: None };
    let mut events = &transcript.events[..];
    if let [Event { at, what: What::Open { joined }, .. }, rest @ ..] = events {
        writer.start(*at);
        match (*joined, rest.first()) {
            (true, _) => writer.line("!join"),
            (false, Some(next)) if next.at != *at => writer.line("!syn"),
            (false, None) => writer.line("!syn"),
            (false, Some(_)) => {}
        }
        events = rest;
    } else if let [first, ..] = events {
        writer.start(first.at);
    }
    for event in events {
        writer.event(event);
    }
    if !ends(&transcript.events) && !transcript.events.is_empty() {
        writer.line("!stay");
    }
    writer.out
}

/// The text would imply no FIN: a reset, or both directions ended.
fn ends(events: &[Event]) -> bool {
    let ended = |dir| events.iter().any(|e| e.dir == dir && matches!(e.what, What::End(_)));
    events.iter().any(|e| e.what == What::End(End::Reset)) || (ended(Direction::ToServer) && ended(Direction::ToClient))
}

struct Writer {
    out: String,
    now: Timestamp,
    /// Direction of the delivery that the text so far ends with; a further one this way needs a blank line between.
    data_dir: Option<Direction>,
}

impl Writer {
    fn line(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    fn start(&mut self, at: Timestamp) {
        if at != START {
            self.line(&format!("@ {at}"));
            self.now = at;
        }
    }

    fn event(&mut self, event: &Event) {
        self.time(event.at);
        let arrow = match event.dir {
            Direction::ToServer => '>',
            Direction::ToClient => '<',
        };
        match &event.what {
            What::Data(bytes) => {
                if self.data_dir.is_some() {
                    self.out.push('\n');
                }
                self.data(arrow, bytes);
                self.data_dir = Some(event.dir);
                return;
            }
            What::Gap(len) => self.line(&format!("!gap {arrow} {len}")),
            What::Odd(kind) => self.line(&format!("!tcp {arrow} {}", kind.0.trim_start_matches("tcp."))),
            What::End(End::Fin | End::CloseNotify) => self.line(&format!("!fin {arrow}")),
            What::End(End::Reset) => self.line(&format!("!rst {arrow}")),
            What::End(End::Idle) => self.line(&format!("!idle {arrow}")),
            What::End(End::Capture) => self.line(&format!("!end {arrow}")),
            // A transcript cannot express a second opening; the first one counts.
            What::Open { .. } => {}
        }
        self.data_dir = None;
    }

    /// The step to `at` in the largest unit that holds it exactly.
    fn time(&mut self, at: Timestamp) {
        if at == self.now {
            return;
        }
        let step = i128::from(at.nanos()) - i128::from(self.now.nanos());
        if step.unsigned_abs() >= i64::MAX as u128 {
            self.line(&format!("@ {at}"));
        } else {
            let units = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];
            let (unit, size) = units.into_iter().find(|(_, size)| step % size == 0).unwrap_or(("ns", 1));
            self.line(&format!("@ {:+}{unit}", step / size));
        }
        self.now = at;
        self.data_dir = None;
    }

    /// Write one delivery: a line for each CRLF, then the rest without a line end.
    fn data(&mut self, arrow: char, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(at) = memchr::memmem::find(rest, b"\r\n") {
            self.out.push(arrow);
            if at > 0 {
                self.out.push(' ');
                escape(&rest[..at], &mut self.out);
            }
            self.out.push('\n');
            rest = &rest[at + 2..];
        }
        if !rest.is_empty() {
            self.out.push(arrow);
            self.out.push_str("| ");
            escape(rest, &mut self.out);
            self.out.push('\n');
        }
    }
}
