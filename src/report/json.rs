//! JSON: one document. Lists are written element by element, one per line, so that memory stays small and `diff`
//! and `grep` still work.

use super::text::is_unseen;
use anyhow::Result;
use serde::Serialize;
use std::io::{self, Write};

/// Writes one value, indented.
pub fn document(value: &impl Serialize, out: &mut dyn Write) -> Result<()> {
    serde_json::to_writer_pretty(Harmless(out), value).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(())
}

/// Writes one value on the line at hand.
pub(super) fn one(value: &impl Serialize, out: &mut dyn Write) -> Result<()> {
    Ok(serde_json::to_writer(Harmless(out), value).map_err(io::Error::from)?)
}

/// The value as text on one line.
pub fn text(value: &serde_json::Value) -> String {
    let mut out = Vec::new();
    // Writing to a vector cannot fail.
    let _ = write!(Harmless(&mut out), "{value}");
    String::from_utf8_lossy(&out).into_owned()
}

/// JSON text with `\\u` escapes in place of the characters that JSON allows raw and a terminal obeys. Outside strings
/// JSON has none of them, so the value stays the same.
///
/// serde_json writes whole characters at once.
struct Harmless<'w>(&'w mut dyn Write);

impl Write for Harmless<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        // Most text is ASCII without DEL.
        if bytes.iter().all(|b| (b' '..0x7f).contains(b) || *b == b'\n') {
            return self.0.write_all(bytes);
        }
        let Ok(text) = std::str::from_utf8(bytes) else { return self.0.write_all(bytes) };
        let mut from = 0;
        for (at, c) in text.char_indices().filter(|(_, c)| is_unseen(*c) && *c != '\n') {
            self.0.write_all(&bytes[from..at])?;
            write!(self.0, "\\u{:04x}", c as u32)?;
            from = at + c.len_utf8();
        }
        self.0.write_all(&bytes[from..])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A list that is written element by element.
#[derive(Debug, Default)]
pub struct List {
    begun: bool,
}

impl List {
    /// Writes the next element.
    pub fn push(&mut self, value: &impl Serialize, out: &mut dyn Write) -> Result<()> {
        out.write_all(if self.begun { b",\n" } else { b"[\n" })?;
        self.begun = true;
        one(value, out)
    }

    /// Writes the end of the list.
    pub fn end(self, out: &mut dyn Write) -> Result<()> {
        out.write_all(if self.begun { b"\n]\n" } else { b"[]\n" })?;
        Ok(())
    }
}

/// An object one of whose members is a list that is written element by element. The other members follow it.
#[derive(Debug, Default)]
pub struct Members {
    begun: bool,
}

impl Members {
    /// Writes the next element of the list.
    ///
    /// # Errors
    /// The output fails.
    pub fn element(&mut self, list: &str, value: &impl Serialize, out: &mut dyn Write) -> Result<()> {
        match self.begun {
            true => out.write_all(b",\n")?,
            false => writeln!(out, "{{\n\"{list}\": [")?,
        }
        self.begun = true;
        one(value, out)
    }

    /// Writes the end of the list and the other members of `value`.
    ///
    /// # Errors
    /// The output fails.
    pub fn end(self, list: &str, value: &impl Serialize, out: &mut dyn Write) -> Result<()> {
        match self.begun {
            true => out.write_all(b"\n]")?,
            false => write!(out, "{{\n\"{list}\": []")?,
        }
        if let serde_json::Value::Object(rest) = serde_json::to_value(value)? {
            for (name, value) in rest.iter().filter(|(name, _)| *name != list) {
                write!(out, ",\n\"{name}\": ")?;
                one(value, out)?;
            }
        }
        Ok(out.write_all(b"\n}\n")?)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_escaped_and_the_value_stays() {
        let value =
            serde_json::json!({"a\u{9b}": ["\u{1b}[2J", "\u{7f}\u{85}", "ü\u{202e}\u{2066}\u{feff}漢", "\n\t"]});
        for pretty in [false, true] {
            let mut out = Vec::new();
            if pretty {
                document(&value, &mut out).unwrap()
            } else {
                one(&value, &mut out).unwrap()
            }
            let text = String::from_utf8(out).unwrap();
            assert!(text.chars().all(|c| !is_unseen(c) || c == '\n'), "{text:?}");
            assert!(text.contains("ü\\u202e\\u2066\\ufeff漢"), "{text}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
        }
    }
}
