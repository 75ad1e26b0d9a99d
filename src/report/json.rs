//! JSON: one document. Lists are written element by element, one per line, so that memory stays small and `diff`
//! and `grep` still work.

use anyhow::Result;
use serde::Serialize;
use std::io::Write;

/// Writes one value, indented.
pub fn document(value: &impl Serialize, out: &mut dyn Write) -> Result<()> {
    serde_json::to_writer_pretty(&mut *out, value).map_err(std::io::Error::from)?;
    writeln!(out)?;
    Ok(())
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
        serde_json::to_writer(&mut *out, value).map_err(std::io::Error::from)?;
        Ok(())
    }

    /// Writes the end of the list.
    pub fn end(self, out: &mut dyn Write) -> Result<()> {
        out.write_all(if self.begun { b"\n]\n" } else { b"[]\n" })?;
        Ok(())
    }
}
