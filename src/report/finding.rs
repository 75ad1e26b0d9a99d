//! A finding in the form of a compiler's message: what, where, the bytes with carets under the offending ones, what
//! to do.

use super::Terminal;
use super::text::{Style, clean, clip, level, width, wrap};
use crate::oddity::{Excerpt, Of};
use crate::summary::FindingSummary;
use crate::time::{Span, Timestamp};

/// How a finding is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RenderOptions {
    /// Columns for the rule's code, so that several findings align.
    pub code_width: usize,
    /// Time of the request's last byte, ns since 1970 UTC. Times are printed relative to it.
    pub zero_ns: Option<i64>,
    /// Print the fix.
    pub fix: bool,
}

/// The finding for a terminal, indented by two columns.
pub fn text(f: &FindingSummary, options: RenderOptions, terminal: &Terminal) -> String {
    let label = format!("{:<w$}  {:<7} ", f.rule, level(f.level), w = options.code_width);
    let indent = 2 + label.len() + 1;
    let times = times(f).map(|n| format!(" ({n} times)")).unwrap_or_default();
    let message = format!("{}{times}", clean(&f.message));
    let mut lines = wrap(&message, terminal.width.saturating_sub(indent).max(30)).into_iter();
    let style = Style::of(f.level);
    let mut out = format!("  {} {}\n", style.paint(&label, terminal.color), lines.next().unwrap_or_default());
    lines.for_each(|l| out += &format!("{:indent$}{l}\n", ""));
    let place = place(f, options.zero_ns);
    if !place.is_empty() {
        out += &format!("    {} {place}\n", Style::Dim.paint("-->", terminal.color));
    }
    let bar = Style::Dim.paint("     |", terminal.color);
    if let Some([line, carets]) = excerpt_lines(f, terminal.width.saturating_sub(8).max(30)) {
        let blank = carets.len() - carets.trim_start().len();
        let carets = format!("{:blank$}{}", "", style.paint(carets.trim_start(), terminal.color));
        out += &format!("{bar} {line}\n{bar} {carets}\n");
    }
    if let Some(fix) = f.fix.as_ref().filter(|_| options.fix) {
        let mut lines = wrap(fix, terminal.width.saturating_sub(12).max(30)).into_iter();
        out += &format!("     {} {}\n", Style::Dim.paint("= fix:", terminal.color), lines.next().unwrap_or_default());
        lines.for_each(|l| out += &format!("            {l}\n"));
    }
    out
}

/// The number of places, if it is more than one and the message does not contain it.
pub fn times(f: &FindingSummary) -> Option<u64> {
    let in_message = || f.message.split(|c: char| !c.is_ascii_digit()).any(|n| n.parse() == Ok(f.count));
    Some(f.count).filter(|n| *n > 1 && !in_message())
}

/// The place of a finding in one line: record, byte, packet, chunk and time, as far as they are known.
pub fn place(f: &FindingSummary, zero_ns: Option<i64>) -> String {
    let mut parts = Vec::new();
    parts.extend(f.excerpt.as_ref().and_then(|e| match e.of {
        Of::Body => None,
        Of::Head => Some("response head".to_owned()),
        Of::Trailers => Some("response trailers".to_owned()),
    }));
    parts.extend(f.record.map(|r| format!("record {r}")));
    parts.extend(f.offset.map(|o| format!("byte {o}")));
    parts.extend(f.chunk.map(|c| format!("chunk {c}")));
    parts.extend(f.packet.map(|p| format!("packet {p}")));
    if let (Some(t), Some(zero)) = (f.t_ns, zero_ns) {
        let since: Span = Timestamp(t).since(Timestamp(zero));
        parts.push(format!("{}{since}", if since.0 >= 0 { "+" } else { "" }));
    }
    parts.join(", ")
}

/// The excerpt and the line of carets under it, each within `max` columns.
pub fn excerpt_lines(f: &FindingSummary, max: usize) -> Option<[String; 2]> {
    let (line, before, marked) = f.excerpt.as_ref().and_then(|e| excerpt(e, max))?;
    Some([line, format!("{:before$}{}", "", "^".repeat(marked.max(1)))])
}

/// The line within `max` columns, the columns before the mark, and the columns of the mark.
fn excerpt(e: &Excerpt, max: usize) -> Option<(String, usize, usize)> {
    let (before, marked, after) = (clean(&e.before), clean(&e.marked), clean(&e.after));
    if before.is_empty() && marked.is_empty() && after.is_empty() {
        return None;
    }
    // The mark must be visible: the text before it is cut at its beginning.
    let room = max.saturating_sub(width(&marked).min(max / 2) + max / 6).max(max / 3);
    let before = if width(&before) > room { format!("…{}", tail(&before, room - 1)) } else { before };
    let marked_width = width(&marked).min(max.saturating_sub(width(&before)).max(1));
    Some((clip(&format!("{before}{marked}{after}"), max), width(&before), marked_width))
}

/// The last `max` columns of a text.
fn tail(text: &str, max: usize) -> String {
    let mut kept: Vec<char> = Vec::new();
    let mut used = 0;
    for c in text.chars().rev() {
        used += width(c.encode_utf8(&mut [0; 4]));
        if used > max {
            break;
        }
        kept.push(c);
    }
    kept.into_iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::Level;

    fn finding(excerpt: Excerpt) -> FindingSummary {
        FindingSummary {
            rule: "SSE-002".into(),
            level: Level::Warning,
            record: Some(3),
            offset: Some(120),
            message: "no space after `data:`".into(),
            count: 9,
            t_ns: Some(5_000_000),
            packet: Some(14),
            chunk: Some(3),
            excerpt: Some(Box::new(excerpt)),
            fix: Some("Write a space.".into()),
        }
    }

    const OPTIONS: RenderOptions = RenderOptions { code_width: 7, zero_ns: Some(0), fix: true };

    #[test]
    fn reads_like_a_compilers_message() {
        let e =
            Excerpt { before: String::new(), marked: "data:".into(), after: "{\"id\":1}".into(), ..Excerpt::default() };
        let want = "  SSE-002  warning  no space after `data:` (9 times)\n    --> record 3, byte 120, chunk 3, \
            packet 14, +5.00 ms\n     | data:{\"id\":1}\n     | ^^^^^\n     = fix: Write a space.\n";
        assert_eq!(text(&finding(e), OPTIONS, &Terminal { width: 80, color: false }), want);
    }

    #[test]
    fn a_count_that_the_message_has_is_not_repeated() {
        let said = |message: &str, count| {
            let f = FindingSummary { message: message.into(), count, ..finding(Excerpt::default()) };
            text(&f, OPTIONS, &Terminal { width: 120, color: false })
                .lines()
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned()
        };
        assert_eq!(said("id is missing in 20 chunks", 20), "SSE-002  warning  id is missing in 20 chunks");
        assert_eq!(said("id is missing in 120 chunks", 20), "SSE-002  warning  id is missing in 120 chunks (20 times)");
        assert_eq!(said("id is missing", 1), "SSE-002  warning  id is missing");
    }

    #[test]
    fn the_caret_stands_under_the_mark_however_narrow_the_terminal_is() {
        let e = Excerpt { before: "漢".repeat(60), marked: "X".into(), after: "y".repeat(90), ..Excerpt::default() };
        for columns in [60, 80, 160] {
            let out = text(&finding(e.clone()), OPTIONS, &Terminal { width: columns, color: false });
            let lines: Vec<&str> = out.lines().collect();
            let line = lines.iter().position(|l| l.contains('X')).unwrap_or_default();
            let before = lines[line].split('X').next().unwrap_or_default();
            assert_eq!(lines[line + 1].find('^'), Some(width(before)), "{out}");
            assert!(lines.iter().all(|l| width(l) <= columns), "{out}");
        }
    }

    #[test]
    fn a_time_has_the_sign_of_its_side_of_the_request() {
        for (ms, told) in [(-3, "-3.00 ms"), (0, "+0 ns"), (3, "+3.00 ms")] {
            let f = FindingSummary { t_ns: Some(7_000_000 + ms * 1_000_000), ..finding(Excerpt::default()) };
            assert_eq!(place(&f, Some(7_000_000)), format!("record 3, byte 120, chunk 3, packet 14, {told}"));
            assert_eq!(place(&f, None), "record 3, byte 120, chunk 3, packet 14", "without a request");
        }
    }

    #[test]
    fn one_caret_is_under_the_place_where_something_is_missing() {
        for (before, marked, after, line, carets) in [
            ("abc", "", "", "abc", "   ^"),
            ("", "", "abc", "abc", "^"),
            ("ab", "", "c", "abc", "  ^"),
            ("ab", "c", "", "abc", "  ^"),
            ("a", "bc", "d", "abcd", " ^^"),
        ] {
            let e = Excerpt { before: before.into(), marked: marked.into(), after: after.into(), ..Excerpt::default() };
            assert_eq!(excerpt_lines(&finding(e), 40), Some([line.to_owned(), carets.to_owned()]), "{before}|{after}");
        }
        assert_eq!(excerpt_lines(&finding(Excerpt::default()), 40), None);
    }
}
