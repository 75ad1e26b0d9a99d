//! JSON lines: one object per line.

use anyhow::Result;
use serde::Serialize;
use std::io::Write;

/// Writes one value and the line's end.
pub fn line(value: &impl Serialize, out: &mut dyn Write) -> Result<()> {
    super::json::one(value, out)?;
    writeln!(out)?;
    Ok(())
}
