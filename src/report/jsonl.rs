//! JSON lines: one object per line.

use anyhow::Result;
use serde::Serialize;
use std::io::Write;

/// Writes one value and the line's end.
pub fn line(value: &impl Serialize, out: &mut dyn Write) -> Result<()> {
    serde_json::to_writer(&mut *out, value).map_err(std::io::Error::from)?;
    writeln!(out)?;
    Ok(())
}
