//! Who a recording runs as, and to whom its database belongs.

use super::common::{Common, say};
use super::sandbox::{Sandbox, SandboxArgs};
use crate::capture::privileges::{Dropped, User, drop_privileges, is_root};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

/// Options of commands that write a database.
#[derive(Debug, Args)]
#[command(next_help_heading = "Security")]
pub(super) struct PrivilegeArgs {
    /// Root becomes this user, NAME or UID:GID [default: sudo's caller]
    #[arg(long, value_name = "USER", value_parser = User::parse, hide_short_help = true)]
    user: Option<User>,
    /// Permissions of a new database (0640: its group reads it)
    #[arg(long, value_name = "MODE", value_parser = mode, default_value = "0600", hide_short_help = true)]
    db_mode: u32,
    #[command(flatten)]
    sandbox: SandboxArgs,
}

impl Default for PrivilegeArgs {
    fn default() -> Self {
        PrivilegeArgs { user: None, db_mode: 0o600, sandbox: SandboxArgs::default() }
    }
}

fn mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).map_err(|_| "expected octal digits, such as 0640")?;
    match mode & 0o600 == 0o600 && mode <= 0o777 {
        true => Ok(mode),
        false => Err("expected 0600 with more rights for others, such as 0640".into()),
    }
}

impl PrivilegeArgs {
    /// Gives up root, if there is a user to become who can write the database and read the inputs. Call it when
    /// devices are open, and before other threads start.
    pub(super) fn drop_root(&self, inputs: &[PathBuf], common: &Common) -> Result<()> {
        let user = self.user.clone().or_else(User::of_sudo);
        if let Some(user) = user.as_ref().filter(|user| is_root() && user.uid != 0) {
            let unreadable = inputs.iter().find(|path| fs::metadata(path).is_ok_and(|m| !may(user, &m, 0o4)));
            match unreadable {
                Some(path) if self.user.is_some() => {
                    bail!("user {} cannot read {}", user.uid, path.display())
                }
                Some(path) => {
                    if common.verbose {
                        say(&format!("sniff: still root, for only root can read {}", path.display()));
                    }
                    return Ok(());
                }
                None => hand_over(&common.db, user)?,
            }
        }
        let dropped = drop_privileges(user.as_ref())?;
        if common.verbose && dropped != Dropped::Nothing {
            say("sniff: privileges dropped, what is open stays open");
        }
        Ok(())
    }

    /// The sandbox of the threads that read, and keep the database of the common options.
    pub(super) fn sandbox(&self, common: &Common) -> Sandbox {
        Sandbox::new(&self.sandbox, common).writes_beside(&common.db)
    }

    /// Makes the database's file, so that it has its permissions from its first byte; SQLite gives the files beside
    /// it the same. A database that exists keeps its own.
    pub(super) fn make(&self, db: &Path) -> Result<()> {
        let made = fs::OpenOptions::new().write(true).create_new(true).mode(self.db_mode).open(db);
        match made {
            // The umask may have taken rights that were asked for.
            Ok(file) => file.set_permissions(fs::Permissions::from_mode(self.db_mode))?,
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e).with_context(|| format!("cannot create the database {}", db.display())),
        }
        Ok(())
    }
}

/// Gives a database that root made earlier to this user, and makes sure that the user can write beside it.
fn hand_over(db: &Path, user: &User) -> Result<()> {
    let folder = db.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let meta = fs::metadata(folder).with_context(|| format!("cannot use the folder {}", folder.display()))?;
    if !may(user, &meta, 0o2) {
        bail!(
            "user {} cannot write in {}, where the database would be; use --db in a folder of that user, or --user root",
            user.uid,
            folder.display()
        );
    }
    for suffix in ["", "-wal", "-shm"] {
        let mut file = db.as_os_str().to_owned();
        file.push(suffix);
        // Not through a symbolic link: the folder is the user's, and the target of a link need not be.
        let is_roots = fs::symlink_metadata(&file).is_ok_and(|m| m.is_file() && m.uid() == 0 && m.nlink() == 1);
        if is_roots {
            chown(&file, Some(user.uid), Some(user.gid))
                .with_context(|| format!("cannot give {} away", db.display()))?;
        }
    }
    Ok(())
}

/// Whether the user has this right (4: read, 2: write), by owner, first group and the rest. Supplementary groups are
/// not asked: then the answer is no where it could be yes.
fn may(user: &User, meta: &Metadata, right: u32) -> bool {
    let shift = match (meta.uid() == user.uid, meta.gid() == user.gid) {
        (true, _) => 6,
        (false, true) => 3,
        (false, false) => 0,
    };
    meta.mode() >> shift & right == right
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn modes_leave_the_owner_his_rights() {
        assert_eq!((mode("0600"), mode("640"), mode("0664")), (Ok(0o600), Ok(0o640), Ok(0o664)));
        assert!(["0440", "8", "-1", "", "10600"].iter().all(|text| mode(text).is_err()));
    }

    #[test]
    fn a_new_database_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let args = |db_mode| PrivilegeArgs { db_mode, ..PrivilegeArgs::default() };
        for wanted in [0o600, 0o640, 0o666] {
            let db = folder.path().join(format!("{wanted:o}.db"));
            args(wanted).make(&db).unwrap();
            assert_eq!(fs::metadata(&db).unwrap().mode() & 0o777, wanted);
            args(0o606).make(&db).unwrap();
            assert_eq!(fs::metadata(&db).unwrap().mode() & 0o777, wanted, "an old one keeps its permissions");
        }
    }

    #[test]
    fn rights_by_owner_group_and_rest() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f");
        fs::write(&file, "").unwrap();
        let meta = || fs::metadata(&file).unwrap();
        let (uid, gid) = (meta().uid(), meta().gid());
        let user = |uid, gid| User { name: None, uid, gid };
        for (mode, want) in
            [(0o600, [true, false, false]), (0o060, [false, true, false]), (0o006, [false, false, true])]
        {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            let users = [user(uid, gid), user(uid + 1, gid), user(uid + 1, gid + 1)];
            for right in [0o4, 0o2] {
                assert_eq!(users.clone().map(|u| may(&u, &meta(), right)), want, "{mode:o} {right}");
            }
        }
    }
}
