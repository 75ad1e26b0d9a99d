//! A sample as lines that a person reads: what was sent, by whom, and what happened between.

/// One line of a sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Who says it.
    pub(super) who: Who,
    /// The text; bytes that are no text as the escapes of `.wire`.
    pub(super) text: String,
}

/// Who says a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// The request.
    Client,
    /// The head of the response.
    Head,
    /// A line of the body.
    Body,
    /// Nobody: what happens.
    Note,
}

/// The lines of a transcript.
pub(super) fn of(sample: &str) -> Vec<Line> {
    let mut out = Lines::default();
    for line in sample.lines() {
        out.wire(line);
    }
    out.flush();
    out.lines
}

#[derive(Default)]
struct Lines {
    lines: Vec<Line>,
    /// A line of the body that has no end yet.
    open: String,
}

impl Lines {
    fn wire(&mut self, line: &str) {
        let Some(sigil) = line.chars().next() else { return };
        let rest = &line[sigil.len_utf8()..];
        match sigil {
            '#' => self.note(rest.trim()),
            '@' => self.later(rest.trim()),
            '!' => self.happens(rest),
            '>' | '<' => self.sent(sigil, rest),
            _ => {}
        }
    }

    fn sent(&mut self, sigil: char, rest: &str) {
        let (word, text) = rest.split_once(' ').unwrap_or((rest, ""));
        match (sigil, word) {
            ('>', _) => self.say(Who::Client, text),
            ('<', "") => self.say(Who::Head, text),
            ('<', "last") if text.is_empty() => self.note("the body ends"),
            ('<', "last") => self.note(&format!("the body ends, with the trailer {text}")),
            ('<', "json") => self.say(Who::Body, text),
            _ => self.body(text),
        }
    }

    /// Bytes of the body: the escape `\n` ends a line.
    fn body(&mut self, text: &str) {
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match (c, c == '\\') {
                (_, true) => match chars.next() {
                    Some('n') => {
                        let line = std::mem::take(&mut self.open);
                        self.lines.push(Line { who: Who::Body, text: line });
                    }
                    Some('\\') => self.open.push('\\'),
                    Some(other) => self.open.extend(['\\', other]),
                    None => self.open.push('\\'),
                },
                (c, false) => self.open.push(c),
            }
        }
    }

    fn say(&mut self, who: Who, text: &str) {
        if !text.is_empty() {
            self.flush();
            self.lines.push(Line { who, text: text.to_owned() });
        }
    }

    fn note(&mut self, text: &str) {
        self.flush();
        self.lines.push(Line { who: Who::Note, text: text.to_owned() });
    }

    /// A pause that is worth a word.
    fn later(&mut self, by: &str) {
        let Some(by) = by.strip_prefix('+') else { return };
        let whole = by.strip_suffix('s').filter(|n| n.bytes().all(|b| b.is_ascii_digit()));
        let millis = by.strip_suffix("ms").and_then(|n| n.parse::<u64>().ok()).filter(|n| *n >= 250);
        if let Some(seconds) = whole {
            self.note(&format!("{seconds} s later"));
        } else if let Some(millis) = millis {
            self.note(&format!("{millis} ms later"));
        }
    }

    fn happens(&mut self, what: &str) {
        let words = match what {
            "fin <" => "the server closes the connection",
            "rst <" => "the server resets the connection",
            "fin >" => "the client closes the connection",
            "rst >" => "the client resets the connection",
            "end" | "end <" => "the capture ends",
            "join" => "the capture begins here",
            _ => match what.strip_prefix("gap < ") {
                Some(n) => return self.note(&format!("{n} bytes were not captured")),
                None => return,
            },
        };
        self.note(words);
    }

    /// What has no line end is a line nevertheless.
    fn flush(&mut self) {
        if !self.open.is_empty() {
            let text = std::mem::take(&mut self.open);
            self.lines.push(Line { who: Who::Body, text });
        }
    }
}
