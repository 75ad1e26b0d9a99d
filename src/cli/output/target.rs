//! The file of `-o`: written under another name beside its place, and renamed when it is complete.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A file that is not renamed yet. If it is dropped without [`Target::put_in_place`], it is removed and the old
/// file stays.
pub(super) struct Target {
    /// The temporary path.
    beside: PathBuf,
    /// The final path.
    place: PathBuf,
}

/// Opens a file for writing, with these permissions if it is new. There is no target if the path is written directly:
/// for a device or a pipe, or if no file can be created in the folder.
pub(super) fn open(path: &Path, mode: Option<u32>) -> io::Result<(File, Option<Target>)> {
    // A symbolic link stays a link: the file that it points to is replaced.
    let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let old = fs::metadata(&place).ok();
    if old.as_ref().is_some_and(|m| !m.is_file()) {
        return Ok((File::options().write(true).open(&place)?, None));
    }
    let Some(name) = place.file_name() else { return Err(ErrorKind::IsADirectory.into()) };
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}.part", std::process::id()));
    let beside = place.with_file_name(hidden);
    let file = match File::create_new(&beside) {
        Err(e) if e.kind() == ErrorKind::PermissionDenied && old.is_some() => return Ok((File::create(&place)?, None)),
        created => created?,
    };
    let target = Target { beside, place };
    if let (Some(mode), None) = (mode, &old) {
        file.set_permissions(fs::Permissions::from_mode(mode))?;
    }
    if let Some(old) = old {
        if old.permissions().readonly() {
            return Err(ErrorKind::PermissionDenied.into());
        }
        file.set_permissions(old.permissions())?;
    }
    Ok((file, Some(target)))
}

impl Target {
    /// Renames the complete file.
    pub(super) fn put_in_place(self) -> io::Result<()> {
        fs::rename(&self.beside, &self.place)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // After the renaming no file has this name, and the error does not matter.
        let _ = fs::remove_file(&self.beside);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn the_old_file_stays_until_the_new_one_is_whole() {
        let folder = std::env::temp_dir().join(format!("sniff-target-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let (path, link) = (folder.join("a.csv"), folder.join("link"));
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("a.csv", &link).unwrap();
        let names = || fs::read_dir(&folder).unwrap().count();

        let (mut file, target) = open(&path, None).unwrap();
        file.write_all(b"half").unwrap();
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), names()), ("old", 3));
        drop(target);
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), names()), ("old", 2));

        let (mut file, target) = open(&link, None).unwrap();
        file.write_all(b"new").unwrap();
        target.unwrap().put_in_place().unwrap();
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), names()), ("new", 2));
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);

        assert!(open(Path::new("/dev/null"), None).unwrap().1.is_none());
        assert!(open(&folder, None).is_err() && open(&folder.join("absent/x"), None).is_err());
        fs::remove_dir_all(&folder).unwrap();
    }
}
