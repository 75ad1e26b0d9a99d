//! The key log file: read as far as it goes, again and again while a live capture runs.

use super::say;
use crate::tls::Keys;
use anyhow::{Context, Result};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Follows one key log.
pub(super) struct Follow {
    keys: Keys,
    path: Option<PathBuf>,
    file: Option<File>,
}

impl Follow {
    /// The file that `path` names, if one is named, and everything that it holds so far. A file of the environment (`SSLKEYLOGFILE`) need not be
    /// there: its writer may not have started yet.
    pub(super) fn start(path: Option<&Path>, keys: &Keys) -> Result<Follow> {
        let mut follow = Follow { keys: keys.clone(), path: path.map(Path::to_path_buf), file: None };
        let Some(path) = path else { return Ok(follow) };
        keys.expect();
        let of_environment = std::env::var_os("SSLKEYLOGFILE").is_some_and(|v| v == *path);
        if !of_environment || path.exists() {
            follow.file = Some(File::open(path).with_context(|| format!("key log {}", path.display()))?);
        }
        follow.poll()?;
        Ok(follow)
    }

    /// What has been added since the last time.
    pub(super) fn poll(&mut self) -> Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        if self.file.is_none() {
            self.file = File::open(path).ok();
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        let mut added = Vec::new();
        file.read_to_end(&mut added).with_context(|| format!("key log {}", path.display()))?;
        if !added.is_empty() {
            self.keys.push(&added);
        }
        Ok(())
    }

    /// The capture is a file: whoever wrote the key log is done.
    pub(super) fn finish(mut self) -> Result<()> {
        self.poll()?;
        if let Some(path) = &self.path {
            self.keys.finish();
            if self.keys.is_empty() {
                say(&format!("sniff: warning: the key log {} holds no TLS secrets", path.display()));
            }
        }
        Ok(())
    }
}
