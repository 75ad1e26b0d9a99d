//! Joins the page: template, style, scripts and data in one file that asks for nothing.
//!
//! The policy in its head (CSP 3) allows the one style and the one script by their hashes and nothing else: whatever
//! captured text does, it is neither run nor fetched. Data stand in blocks that no browser runs; `<`, `>` and `&` in
//! them are escaped as JSON escapes them, so that no text ends its block.

use super::Made;
use crate::encoding::to_base64;
use crate::report::json;
use anyhow::Result;
use sha2::{Digest, Sha256};
use std::io::{self, Write};

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = concat!(include_str!("css/base.css"), include_str!("css/parts.css"), include_str!("css/media.css"));

/// The parts of the one script, in their order. They share one function's scope.
const SCRIPTS: [&str; 12] = [
    include_str!("js/text.js"),
    include_str!("js/stats.js"),
    include_str!("js/data.js"),
    include_str!("js/state.js"),
    include_str!("js/draw.js"),
    include_str!("js/spent.js"),
    include_str!("js/spread.js"),
    include_str!("js/lanes.js"),
    include_str!("js/lists.js"),
    include_str!("js/exchange.js"),
    include_str!("js/bytes.js"),
    include_str!("js/main.js"),
];

/// Bytes of one line of a packed block.
const LINE: usize = 3 << 16;

/// Writes the page.
///
/// # Errors
/// The output fails.
pub fn write(made: &Made, out: &mut dyn Write) -> Result<()> {
    let script = format!("\"use strict\";\n(() => {{\n{}}})();\n", SCRIPTS.concat());
    let hash = |text: &str| format!("'sha256-{}'", to_base64(&Sha256::digest(text.as_bytes())));
    let policy = format!(
        "default-src 'none'; script-src {}; style-src {}; base-uri 'none'; form-action 'none'; \
            require-trusted-types-for 'script'; trusted-types 'none'",
        hash(&script),
        hash(STYLE)
    );
    // Each part of the template names what follows it.
    for part in TEMPLATE.split("{{") {
        let (name, text) = part.split_once("}}").unwrap_or(("", part));
        match name {
            "policy" => out.write_all(policy.as_bytes())?,
            "style" => out.write_all(STYLE.as_bytes())?,
            "script" => out.write_all(script.as_bytes())?,
            "document" => json::one(&made.document, &mut Escaped(out))?,
            "records" => packed(&made.records, out)?,
            "texts" => packed(&made.texts, out)?,
            _ => {}
        }
        out.write_all(text.as_bytes())?;
    }
    Ok(())
}

/// Base64 in lines, a part at a time.
fn packed(bytes: &[u8], out: &mut dyn Write) -> Result<()> {
    for part in bytes.chunks(LINE) {
        writeln!(out, "{}", to_base64(part))?;
    }
    Ok(())
}

/// JSON in which no character has a meaning for HTML.
struct Escaped<'w>(&'w mut dyn Write);

impl Write for Escaped<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        for part in bytes.split_inclusive(|b| b"<>&".contains(b)) {
            match part.split_last() {
                Some((last, before)) if b"<>&".contains(last) => {
                    self.0.write_all(before)?;
                    write!(self.0, "\\u{last:04x}")?;
                }
                _ => self.0.write_all(part)?,
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
