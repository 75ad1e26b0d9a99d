//! Reads the key log file: once, or again and again while a live capture runs.

use super::common::say;
use crate::tls::Keys;
use anyhow::{Context, Result};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// Follows one key log.
pub(super) struct Follow {
    keys: Keys,
    path: Option<PathBuf>,
    file: Option<File>,
}

impl Follow {
    /// Opens the file of `path`, if one is given, and reads its secrets. A file of the environment
    /// (`SSLKEYLOGFILE`) may be missing: it may be meant for other programs.
    pub(super) fn start(path: Option<&Path>, keys: &Keys) -> Result<Follow> {
        Follow::open(path, keys, false)
    }

    /// The same for a live recording, which waits for a missing file: the program that writes it may start later.
    #[cfg(feature = "live")]
    pub(super) fn wait(path: Option<&Path>, keys: &Keys) -> Result<Follow> {
        Follow::open(path, keys, true)
    }

    /// Whether a file is given but does not exist yet.
    #[cfg(feature = "live")]
    pub(super) fn is_waiting(&self) -> bool {
        self.path.is_some() && self.file.is_none()
    }

    fn open(path: Option<&Path>, keys: &Keys, may_wait: bool) -> Result<Follow> {
        let mut follow = Follow { keys: keys.clone(), path: path.map(Path::to_path_buf), file: None };
        let Some(path) = path else { return Ok(follow) };
        keys.expect();
        let of_environment = std::env::var_os("SSLKEYLOGFILE").is_some_and(|v| v == *path);
        match File::open(path) {
            Ok(file) => follow.file = Some(file),
            Err(e) if e.kind() == ErrorKind::NotFound && (may_wait || of_environment) => {}
            Err(e) => return Err(e).with_context(|| format!("key log {}", path.display())),
        }
        follow.poll()?;
        Ok(follow)
    }

    /// Reads what was added since the last call.
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

    /// Reads the rest: the capture is a file, so its key log is complete. The capture itself may have more secrets.
    pub(super) fn finish(mut self) -> Result<()> {
        self.poll()?;
        if let Some(path) = &self.path {
            self.keys.push_block(b"");
            if self.keys.is_empty() {
                say(&format!("sniff: warning: the key log {} contains no TLS secrets", path.display()));
            }
        }
        Ok(())
    }
}

#[cfg(all(test, feature = "live"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_key_log_that_comes_later_is_read() {
        let path = std::env::temp_dir().join(format!("sniff-keylog-{}.txt", std::process::id()));
        assert!(Follow::start(Some(&path), &Keys::default()).is_err());
        let keys = Keys::default();
        let mut follow = Follow::wait(Some(&path), &keys).unwrap();
        follow.poll().unwrap();
        assert!(follow.is_waiting() && keys.is_empty());
        std::fs::write(&path, format!("CLIENT_RANDOM {} {}\n", "ab".repeat(32), "cd".repeat(48))).unwrap();
        follow.poll().unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(!follow.is_waiting() && !keys.is_empty());
        // If the path is a folder, the error is immediate.
        assert!(Follow::wait(Some(&std::env::temp_dir()), &keys).is_err());
    }
}
