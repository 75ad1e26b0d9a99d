//! Text on a terminal: width, cutting, colours, and escapes for captured text that could control the terminal.

use crate::conformance::Level;
use crate::time::Span;

/// Style of a text, if colours are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// No style.
    #[default]
    Plain,
    /// Less important text.
    Dim,
    /// Headings.
    Bold,
    /// Errors.
    Red,
    /// Warnings.
    Yellow,
    /// Success.
    Green,
    /// Notes.
    Blue,
}

impl Style {
    /// The style of a level.
    pub fn of(level: Level) -> Style {
        match level {
            Level::Error => Style::Red,
            Level::Warning => Style::Yellow,
            Level::Info => Style::Blue,
        }
    }

    /// `text` with the SGR sequences of this style, or unchanged without `color`.
    pub fn paint(self, text: &str, color: bool) -> String {
        let code = match self {
            _ if !color || text.is_empty() => return text.to_owned(),
            Style::Plain => return text.to_owned(),
            Style::Dim => "2",
            Style::Bold => "1",
            Style::Red => "31",
            Style::Yellow => "33",
            Style::Green => "32",
            Style::Blue => "34",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// A level's name.
pub fn level(level: Level) -> &'static str {
    level.as_str()
}

/// Captured text as one harmless line: control characters and direction marks become escapes.
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_unseen(c) => out.push_str(&format!("\\u{{{:x}}}", c as u32)),
            c => out.push(c),
        }
    }
    out
}

/// Columns that `text` takes on a terminal.
pub fn width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

/// At most `max` columns of `text`; `…` marks what was cut at the end.
pub fn clip(text: &str, max: usize) -> String {
    if width(text) <= max {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += char_width(c);
        if used + 1 > max {
            break;
        }
        out.push(c);
    }
    if max > 0 {
        out.push('…');
    }
    out
}

/// At most `max` columns of `text`, cut in the middle: both ends of a path matter most.
pub fn clip_middle(text: &str, max: usize) -> String {
    let total = width(text);
    if total <= max || max < 8 {
        return clip(text, max);
    }
    let tail_max = (max - 1) * 3 / 5;
    let mut tail: Vec<char> = Vec::new();
    let mut used = 0;
    for c in text.chars().rev() {
        used += char_width(c);
        if used > tail_max {
            break;
        }
        tail.push(c);
    }
    let tail: String = tail.into_iter().rev().collect();
    format!("{}{tail}", clip(text, max - width(&tail)))
}

/// `text` broken between words into lines of at most `max` columns; a longer word has its own line.
pub fn wrap(text: &str, max: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && width(&line) + 1 + width(word) > max {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// A span with its unit; empty if it is not known.
pub fn span(span: Option<Span>) -> String {
    span.map(|s| s.to_string()).unwrap_or_default()
}

/// A number of bytes with a unit: `812 B`, `20.1 kB`, `1.50 MB`.
pub fn bytes(n: u64) -> String {
    let (value, unit) = match n as f64 {
        v if v < 1e3 => return format!("{n} B"),
        v if v < 999_500.0 => (v / 1e3, "kB"),
        v if v < 999_500_000.0 => (v / 1e6, "MB"),
        v => (v / 1e9, "GB"),
    };
    let digits = usize::from(value < 99.95) + usize::from(value < 9.995);
    format!("{value:.digits$} {unit}")
}

/// Output tokens per second, computed from the time per token.
pub fn rate(tpot: Option<Span>) -> String {
    match tpot {
        Some(Span(ns)) if ns > 0 => {
            let rate = 1e9 / ns as f64;
            let digits = usize::from(rate < 99.95);
            format!("{rate:.digits$}/s")
        }
        _ => String::new(),
    }
}

/// A number with its noun: `1 error`, `2 errors`.
pub fn count(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// Whether a terminal or an editor would obey this character instead of showing it: controls (C0, DEL, C1), marks of
/// direction (Unicode TR 9), line and paragraph separators, characters without width.
pub fn is_unseen(c: char) -> bool {
    let direction =
        matches!(c, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let separator = matches!(c, '\u{2028}'..='\u{2029}');
    let no_width = matches!(c, '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{feff}');
    c.is_control() || direction || separator || no_width
}

/// Columns of a character, by the broad ranges of Unicode TR 11. Good for alignment, not for typesetting.
fn char_width(c: char) -> usize {
    match c as u32 {
        0 => 0,
        0x300..=0x36f | 0x20d0..=0x20ff | 0xfe00..=0xfe0f | 0x1ab0..=0x1aff => 0,
        0x1100..=0x115f
        | 0x2e80..=0x303e
        | 0x3041..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60 => 2,
        0xffe0..=0xffe6 | 0x1f300..=0x1f64f | 0x1f680..=0x1f6ff | 0x1f900..=0x1f9ff | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captured_text_cannot_steer_the_terminal() {
        assert_eq!(clean("a\x1b[31m\u{202e}b\r\n"), "a\\u{1b}[31m\\u{202e}b\\r\\n");
    }

    #[test]
    fn cutting_counts_columns() {
        assert_eq!(width("漢字é"), 5);
        assert_eq!(clip("漢字漢字", 5), "漢字…");
        assert_eq!(clip("abc", 3), "abc");
        assert_eq!(clip_middle("/v1/chat/completions/extended", 16), "/v1/ch…/extended");
        assert!(width(&clip_middle("/v1/漢漢漢漢漢漢漢漢漢漢", 12)) <= 12);
    }

    #[test]
    fn wrapping_keeps_every_word() {
        assert_eq!(wrap("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrap("overlong x", 3), ["overlong", "x"]);
    }

    #[test]
    fn sizes_keep_three_digits() {
        let said: Vec<String> = [999, 1000, 20_140, 999_499, 999_500, 1_500_000].map(bytes).into();
        assert_eq!(said, ["999 B", "1.00 kB", "20.1 kB", "999 kB", "1.00 MB", "1.50 MB"]);
    }
}
