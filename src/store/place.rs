//! The place of a database while a session is written: whether its files are still there, and how much room the disk
//! has.

use anyhow::{Context, Result, bail};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Device and inode of a file.
type Id = (u64, u64);

/// The database's file and its write-ahead log, as they were when the session began.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    log: PathBuf,
    id: Option<Id>,
    log_id: Option<Id>,
}

impl Place {
    /// The place of an open database.
    pub(super) fn of(path: &Path) -> Result<Place> {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let (path, log) = (path.to_path_buf(), PathBuf::from(log));
        Ok(Place { id: id(&path)?, log_id: id(&log)?, path, log })
    }

    /// The database's path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Fails if a file was deleted or replaced: no program can read what is written to the open one.
    pub(super) fn look(&mut self) -> Result<()> {
        let log = id(&self.log)?;
        if self.log_id.is_none() {
            // SQLite makes the log with the first transaction.
            self.log_id = log;
        }
        for (path, was, is) in [(&self.path, self.id, id(&self.path)?), (&self.log, self.log_id, log)] {
            if was != is {
                let what = if is.is_none() { "was deleted or moved" } else { "was replaced by another file" };
                bail!("{} {what} while it was recorded into: what was recorded since then is lost", path.display());
            }
        }
        Ok(())
    }

    /// Bytes that users may still write to the disk.
    pub(super) fn free(&self) -> Result<u64> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let disk =
            rustix::fs::statvfs(folder).with_context(|| format!("cannot ask for the room in {}", folder.display()))?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }
}

fn id(path: &Path) -> Result<Option<Id>> {
    match fs::metadata(path) {
        Ok(meta) => Ok(Some((meta.dev(), meta.ino()))),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e).with_context(|| format!("cannot look at {}", path.display())),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn files_that_go_are_missed() {
        let folder = tempfile::tempdir().unwrap();
        let [db, log, other] = ["a.db", "a.db-wal", "b"].map(|name| folder.path().join(name));
        let says = |place: &mut Place| place.look().unwrap_err().to_string();
        fs::write(&db, "").unwrap();
        let mut place = Place::of(&db).unwrap();
        place.look().unwrap();
        fs::write(&log, "").unwrap();
        place.look().unwrap();
        fs::remove_file(&log).unwrap();
        assert!(says(&mut place).contains("a.db-wal was deleted"));
        let mut place = Place::of(&db).unwrap();
        fs::write(&other, "").unwrap();
        fs::rename(&other, &db).unwrap();
        assert!(says(&mut place).contains("a.db was replaced"));
        fs::remove_file(&db).unwrap();
        assert!(says(&mut place).contains("a.db was deleted"));
        assert!(place.free().unwrap() > 0);
    }
}
