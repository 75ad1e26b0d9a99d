//! Node.js before 22.21 (and 23, and 24 before 24.5) cannot use a proxy by itself: a script of ours, which Node.js
//! loads before the program, has http, https and fetch go through it.

use anyhow::{Context, Result};
use std::ffi::OsString;
use std::fs;
use std::path::Path;

/// The script. It does nothing where Node.js can.
const SCRIPT: &str = include_str!("preload.cjs");

/// Writes the script into `folder`, and returns the value of `NODE_OPTIONS`, appended to the old value.
///
/// # Errors
/// The script cannot be written.
pub(super) fn options(folder: &Path, before: Option<OsString>) -> Result<OsString> {
    let script = folder.join("preload.cjs");
    fs::write(&script, SCRIPT).with_context(|| format!("cannot write {}", script.display()))?;
    let mut out = before.filter(|b| !b.is_empty()).map_or_else(OsString::new, |mut before| {
        before.push(" ");
        before
    });
    // Node.js takes quotes and backslashes in the variable as a shell does.
    let quoted = script.to_string_lossy().replace('\\', "\\\\").replace('"', "\\\"");
    out.push(format!("--require \"{quoted}\""));
    Ok(out)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_option_comes_after_those_that_were_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("preload.cjs");
        let own = format!("--require \"{}\"", path.display());
        let of = |before: Option<&str>| options(folder.path(), before.map(OsString::from)).unwrap();
        assert_eq!((of(None), of(Some(""))), (own.clone().into(), own.clone().into()));
        assert_eq!(of(Some("--max-old-space-size=512")), OsString::from(format!("--max-old-space-size=512 {own}")));
        assert_eq!(fs::read_to_string(path).unwrap(), SCRIPT);
    }
}
