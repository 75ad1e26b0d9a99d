//! Reads the key log file: once, or again and again while a live capture runs. Of its text a piece is in memory at a
//! time, of its secrets all.

use super::common::say;
use crate::tls::Keys;
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// Bytes that are read at once.
const PIECE: usize = 64 << 10;
/// Bytes without one secret after which a file is no key log: a device such as /dev/zero never ends.
const NOTHING: u64 = 64 << 20;

/// Follows one key log.
pub(super) struct Follow {
    keys: Keys,
    path: Option<PathBuf>,
    file: Option<File>,
    /// Bytes read so far.
    read: u64,
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
        let mut follow = Follow { keys: keys.clone(), path: path.map(Path::to_path_buf), file: None, read: 0 };
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
        let mut piece = vec![0; PIECE];
        loop {
            let n = match file.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(n) => n,
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) => return Err(e).with_context(|| format!("key log {}", path.display())),
            };
            self.keys.push(&piece[..n]);
            self.read += n as u64;
            if self.read >= NOTHING && self.keys.is_empty() {
                let (path, read) = (path.display(), NOTHING >> 20);
                bail!("key log {path}: its first {read} MiB contain no TLS secret; is it the right file?");
            }
        }
    }

    /// Reads the rest, and says nothing if there are no secrets.
    #[cfg(all(feature = "live", feature = "proxy", target_os = "linux"))]
    pub(super) fn finish_quietly(mut self) -> Result<()> {
        self.poll()?;
        self.keys.push_block(b"");
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_device_without_end_is_not_read_for_ever() {
        let e = Follow::start(Some(Path::new("/dev/zero")), &Keys::default()).err().unwrap();
        assert!(e.to_string().contains("/dev/zero: its first 64 MiB contain no TLS secret"), "{e:#}");
    }

    #[test]
    fn lines_longer_than_a_piece_and_at_its_border_are_read() {
        let path = std::env::temp_dir().join(format!("sniff-keylog-pieces-{}.txt", std::process::id()));
        let line = |n: u32| format!("CLIENT_RANDOM {n:064x} {}\n", "cd".repeat(48));
        // Comments shift the lines so that some of them lie across a border of pieces.
        let text: String = (0..5000).map(|n| format!("#{}\n{}", "x".repeat(n as usize % 7), line(n))).collect();
        assert!(text.len() > 8 * PIECE);
        std::fs::write(&path, text).unwrap();
        let keys = Keys::default();
        Follow::start(Some(&path), &keys).unwrap().finish().unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(keys.len(), 5000);
    }

    /// The last line of a file may lack its line end, and a long file is a key log if one secret is in it.
    #[test]
    fn the_last_line_and_what_follows_a_secret_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.txt");
        let line = format!("CLIENT_RANDOM {} {}", "ab".repeat(32), "cd".repeat(48));
        let read = |path: &Path| {
            let keys = Keys::default();
            Follow::start(Some(path), &keys).and_then(Follow::finish).map(|()| keys.len()).map_err(|e| e.to_string())
        };
        std::fs::write(&path, &line).unwrap();
        assert_eq!(read(&path), Ok(1));
        std::fs::write(&path, format!("{line}\n")).unwrap();
        File::options().write(true).open(&path).unwrap().set_len(NOTHING + 1).unwrap();
        assert_eq!(read(&path), Ok(1));
    }

    #[test]
    #[cfg(feature = "live")]
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
