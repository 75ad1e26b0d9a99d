//! Opens a database for reading, also where nothing can be written: a folder without that right, a read-only disk, a
//! database of root.
//!
//! SQLite reads a database in WAL mode with the help of two files beside it, which it makes if they are missing. Where
//! it cannot, the database can be read by itself, as long as it is all there: no log beside it holds anything newer.

use super::{fault, migrate};
use anyhow::{Context, Result, bail};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long to wait for another process that writes.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Opens a database that exists; returns its version too.
pub(super) fn open(path: &Path) -> Result<(Connection, usize)> {
    let cannot = || format!("cannot open the database {}", path.display());
    // Without SQLITE_OPEN_URI: a path is a path.
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).with_context(cannot)?;
    db.busy_timeout(PATIENCE)?;
    let e = match migrate::check(&db, path) {
        Ok(version) => return Ok((db, version)),
        Err(e) => e,
    };
    match fault::code(&e) {
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen) => {}
        Some(ErrorCode::DatabaseBusy) => {
            bail!("cannot read {}: another process has locked it for 10 seconds", path.display())
        }
        _ => return Err(e),
    }
    if holds_something(&beside(path, "-wal"))? {
        bail!(
            "cannot read {db}: its newest rows are in {db}-wal, which takes the right to write in this folder; copy \
                both files to a folder of yours, or read them as the user who records",
            db = path.display()
        );
    }
    let flags = flags | OpenFlags::SQLITE_OPEN_URI;
    let db = Connection::open_with_flags(immutable(path), flags).with_context(cannot)?;
    let version = migrate::check(&db, path)?;
    Ok((db, version))
}

/// What does not fit into memory when it is sorted waits in the folder of the database: a command in a sandbox can
/// write in no other. Where that folder takes nothing, SQLite looks for one itself.
pub(super) fn sort_beside(db: &Connection, path: &Path) {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    if let Some(folder) = path.parent().and_then(Path::to_str) {
        let _ = db.pragma_update(None, "temp_store_directory", folder);
    }
}

/// The file of that name beside a database.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Whether the file exists and is not empty.
fn holds_something(path: &Path) -> Result<bool> {
    match std::fs::metadata(path) {
        Ok(meta) => Ok(meta.len() > 0),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e).with_context(|| format!("cannot look at {}", path.display())),
    }
}

/// The URI by which SQLite takes a file for one that does not change.
fn immutable(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let mut uri = String::from("file://");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => uri.push(char::from(*byte)),
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri + "?immutable=1"
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sorted_waits_beside_the_database() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let db = Connection::open(&path).unwrap();
        sort_beside(&db, &path);
        let set: String = db.query_row("PRAGMA temp_store_directory", [], |r| r.get(0)).unwrap();
        // Another test may have opened its own meanwhile: the setting is of the process.
        assert!(Path::new(&set).is_absolute() && Path::new(&set).parent() == folder.path().parent(), "{set}");
    }

    #[test]
    fn an_empty_log_holds_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let log = beside(&folder.path().join("a.db"), "-wal");
        assert!(log.ends_with("a.db-wal") && !holds_something(&log).unwrap(), "there is none");
        std::fs::write(&log, "").unwrap();
        assert!(!holds_something(&log).unwrap());
        std::fs::write(&log, "x").unwrap();
        assert!(holds_something(&log).unwrap());
    }

    /// RFC 8089: the path is part of a URI, so what has a meaning in one is escaped.
    #[test]
    fn any_path_can_be_opened_as_it_is() {
        assert_eq!(immutable(Path::new("/a b/c?d#e%.db")), "file:///a%20b/c%3Fd%23e%25.db?immutable=1");
    }
}
