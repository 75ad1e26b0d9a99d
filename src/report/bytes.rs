//! Bodies for people: the request's text, and bytes as a dump.

use super::Terminal;
use super::text::{Style, clean, wrap};
use crate::summary::detail::Detail;
use crate::summary::prompt::is_of_prompt;
use std::fmt::Write;

/// Lines that one message or body takes, unless all is asked for.
const MOST: usize = 12;
/// Bytes in one line of a dump.
const ROW: usize = 16;

/// The bytes of the two bodies as they were sent, with what could not be kept or captured left out: (offset, bytes).
#[derive(Debug, Clone, Default)]
pub struct Bodies {
    /// Of the request.
    pub request: Vec<(u64, Vec<u8>)>,
    /// Of the response.
    pub response: Vec<(u64, Vec<u8>)>,
}

/// The prompt, and what else the request's body has.
pub fn request(d: &Detail, all: bool, terminal: &Terminal) -> String {
    let mut out = String::new();
    if let Some(prompt) = d.prompt.as_ref().filter(|p| !p.is_empty()) {
        title(&mut out, "Prompt", terminal);
        let widest = prompt.iter().map(|s| s.role.chars().count()).max().unwrap_or(0).min(16);
        for said in prompt {
            let role = format!("{:<widest$}", clean(&said.role));
            lines(&mut out, &Style::Dim.paint(&role, terminal.color), widest, &said.text, all, terminal);
        }
    }
    let Some(body) = d.request_body.as_ref().filter(|body| !body.is_empty()) else { return out };
    match serde_json::from_str::<serde_json::Value>(body) {
        Ok(serde_json::Value::Object(of)) if d.prompt.as_ref().is_some_and(|p| !p.is_empty()) => {
            let rest: serde_json::Map<_, _> = of.into_iter().filter(|(name, _)| !is_of_prompt(name)).collect();
            if !rest.is_empty() {
                title(&mut out, "Request body, without the prompt", terminal);
                lines(&mut out, "", 0, &super::json::text(&rest.into()), all, terminal);
            }
        }
        _ => {
            title(&mut out, "Request body", terminal);
            lines(&mut out, "", 0, body, all, terminal);
        }
    }
    out
}

fn title(out: &mut String, title: &str, terminal: &Terminal) {
    *out += &format!("\n{}\n", Style::Bold.paint(title, terminal.color));
}

/// A text behind a label of this width, with its own line ends.
fn lines(out: &mut String, label: &str, width: usize, text: &str, all: bool, terminal: &Terminal) {
    let indent = if width == 0 { 2 } else { width + 4 };
    let room = terminal.width.saturating_sub(indent).max(30);
    let mut shown: Vec<String> = Vec::new();
    for line in text.lines() {
        let wrapped = wrap(&clean(line), room);
        shown.extend(if wrapped.is_empty() { vec![String::new()] } else { wrapped });
    }
    let shown: Vec<String> = shown.iter().flat_map(|line| broken(line, room)).collect();
    let most = if all { usize::MAX } else { MOST };
    for (n, line) in shown.iter().take(most).enumerate() {
        let label = if n == 0 && width > 0 { format!("  {label}  ") } else { " ".repeat(indent) };
        *out += &format!("{}\n", format!("{label}{line}").trim_end());
    }
    if shown.len() > most {
        let more = format!("… {} more lines (--all)", shown.len() - most);
        *out += &format!("{}{}\n", " ".repeat(indent), Style::Dim.paint(&more, terminal.color));
    }
}

/// A line of words, of which one may be longer than the room.
fn broken(line: &str, room: usize) -> Vec<String> {
    let chars: Vec<char> = line.chars().collect();
    if chars.len() <= room {
        return vec![line.to_owned()];
    }
    chars.chunks(room).map(|c| c.iter().collect()).collect()
}

/// Both bodies as dumps: the request's in one, the response's chunk by chunk.
pub fn dump(d: &Detail, bodies: &Bodies, terminal: &Terminal) -> String {
    let mut out = String::new();
    if !bodies.request.is_empty() {
        title(&mut out, "Request body", terminal);
        bodies.request.iter().for_each(|(offset, bytes)| rows(&mut out, *offset, bytes));
    }
    let zero = d.summary.timing.t_request_end_ns.or(d.chunks.first().map(|c| c.t_ns)).unwrap_or_default();
    for chunk in &d.chunks {
        let at = super::show::moment(chunk.t_ns, zero);
        let lost = if chunk.gap { ", bytes are missing" } else { "" };
        title(&mut out, &format!("Chunk {}  {at}  {} bytes{lost}", chunk.n, chunk.len), terminal);
        for (offset, bytes) in &bodies.response {
            let (from, to) = (chunk.offset.max(*offset), (chunk.offset + chunk.len).min(offset + bytes.len() as u64));
            if from < to {
                rows(&mut out, from, &bytes[(from - offset) as usize..(to - offset) as usize]);
            }
        }
    }
    out
}

/// `00000010  64 61 74 61 3a 20 5b 44  4f 4e 45 5d 0a 0a        |data: [DONE]..|`
fn rows(out: &mut String, offset: u64, bytes: &[u8]) {
    for (n, row) in bytes.chunks(ROW).enumerate() {
        // Writing to a String cannot fail.
        let _ = write!(out, "{:08x} ", offset + (n * ROW) as u64);
        for i in 0..ROW {
            let gap = if i % 8 == 0 { " " } else { "" };
            let _ = match row.get(i) {
                Some(byte) => write!(out, "{gap}{byte:02x} "),
                None => write!(out, "{gap}   "),
            };
        }
        let text: String = row.iter().map(|b| if (b' '..0x7f).contains(b) { char::from(*b) } else { '.' }).collect();
        let _ = writeln!(out, " |{text}|");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `hexdump -C` writes it.
    #[test]
    fn a_dump_has_offset_bytes_and_text() {
        let mut out = String::new();
        rows(&mut out, 0x10, b"data: {\"a\":\"\xe5\xa4\xa9\"}\n\n");
        let want = "00000010  64 61 74 61 3a 20 7b 22  61 22 3a 22 e5 a4 a9 22  |data: {\"a\":\"...\"|\n\
                    00000020  7d 0a 0a                                          |}..|\n";
        assert_eq!(out, want);
    }

    #[test]
    fn long_texts_are_cut_by_lines_and_no_line_is_too_long() {
        let terminal = Terminal { width: 40, color: false };
        let text = format!("{}\n\n{}", "word ".repeat(20), "x".repeat(500));
        for (all, last) in [(false, "more lines (--all)"), (true, "xxx")] {
            let mut out = String::new();
            lines(&mut out, "user", 4, &text, all, &terminal);
            assert!(out.lines().all(|l| l.chars().count() <= 40), "{out}");
            assert!(out.lines().last().is_some_and(|l| l.contains(last)), "{out}");
            assert!(out.starts_with("  user  word word"), "{out}");
        }
    }
}
