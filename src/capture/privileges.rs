//! Drops the privileges that opening the devices needs, before anything parses captured bytes.

/// What [`drop_privileges`] did, for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// There were no privileges to drop.
    Nothing,
    /// Root became this user, to whom the database belongs then.
    ToUser {
        /// The user.
        uid: u32,
        /// The user's group.
        gid: u32,
    },
    /// The capabilities of the program file (`setcap`) were dropped.
    Capabilities,
}

/// A user whom root becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name, for the supplementary groups.
    pub name: Option<String>,
    /// The user's number.
    pub uid: u32,
    /// The number of the user's first group.
    pub gid: u32,
}

impl User {
    /// The user who called `sudo`, if this process is root by it.
    pub fn of_sudo() -> Option<User> {
        let id = |name: &str| std::env::var(name).ok()?.parse().ok();
        let (uid, gid) = (id("SUDO_UID")?, id("SUDO_GID")?);
        (is_root() && uid != 0).then(|| User { name: std::env::var("SUDO_USER").ok(), uid, gid })
    }

    /// `NAME` of /etc/passwd, or `UID:GID`.
    ///
    /// # Errors
    /// There is no such user.
    pub fn parse(text: &str) -> anyhow::Result<User> {
        if let Some((uid, gid)) = text.split_once(':') {
            let number = |n: &str| n.parse().map_err(|_| anyhow::anyhow!("{text}: expected NAME or UID:GID"));
            return Ok(User { name: None, uid: number(uid)?, gid: number(gid)? });
        }
        let passwd = std::fs::read_to_string("/etc/passwd")?;
        let found = passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next().filter(|name| *name == text)?;
            let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
            Some(User { name: Some(name.to_owned()), uid, gid })
        });
        found.ok_or_else(|| anyhow::anyhow!("/etc/passwd has no user {text}; UID:GID works for others"))
    }
}

/// Whether this process is root.
pub fn is_root() -> bool {
    // SAFETY: geteuid has no preconditions.
    unsafe { libc::geteuid() == 0 }
}

/// Drop the privileges that are not needed once the devices are open. Call before other threads start:
/// capabilities belong to a thread.
///
/// - Root, with a user to become: supplementary groups, group and user become those of the user. This drops every
///   capability too, irrevocably.
/// - Not root, with capabilities: the effective, permitted and inheritable sets are emptied, the ambient set with them.
/// - Root otherwise (a container, a service): nothing, because its files belong to root.
pub fn drop_privileges(user: Option<&User>) -> anyhow::Result<Dropped> {
    match (is_root(), user) {
        (true, Some(user)) if user.uid != 0 => {
            become_user(user).map(|()| Dropped::ToUser { uid: user.uid, gid: user.gid })
        }
        (true, _) => Ok(Dropped::Nothing),
        (false, _) => Ok(if drop_capabilities() { Dropped::Capabilities } else { Dropped::Nothing }),
    }
}

fn become_user(user: &User) -> anyhow::Result<()> {
    let User { name, uid, gid } = user;
    let failed =
        |what: &str| anyhow::anyhow!("cannot give up root for user {uid}: {what}: {}", std::io::Error::last_os_error());
    let groups = match name.as_deref().and_then(|name| std::ffi::CString::new(name).ok()) {
        // SAFETY: `name` is a string that ends with NUL and lives through the call.
        Some(name) => unsafe { libc::initgroups(name.as_ptr(), *gid as _) },
        // SAFETY: the pointer points to one group id, as the count says.
        None => unsafe { libc::setgroups(1, gid) },
    };
    if groups != 0 {
        return Err(failed("groups"));
    }
    // The group first: after `setuid` the process may not change it.
    // SAFETY: setgid and setuid have no preconditions.
    if unsafe { libc::setgid(*gid) } != 0 {
        return Err(failed("setgid"));
    }
    // SAFETY: as above.
    if unsafe { libc::setuid(*uid) } != 0 {
        return Err(failed("setuid"));
    }
    // SAFETY: as above. Root must not come back, so try it.
    if unsafe { libc::setuid(0) } == 0 {
        anyhow::bail!("cannot give up root for user {uid}: the process could become root again");
    }
    Ok(())
}

/// Returns whether there were any.
#[cfg(target_os = "linux")]
fn drop_capabilities() -> bool {
    #[repr(C)]
    struct Header {
        version: u32,
        pid: i32,
    }
    #[repr(C)]
    #[derive(Clone, Copy, Default)]
    struct Set {
        effective: u32,
        permitted: u32,
        inheritable: u32,
    }
    let mut header = Header { version: 0x2008_0522, pid: 0 }; // _LINUX_CAPABILITY_VERSION_3: two sets of 32
    let mut sets = [Set::default(); 2];
    // SAFETY: the header and two sets are what version 3 reads and writes (capget(2)).
    let got = unsafe { libc::syscall(libc::SYS_capget, &mut header, sets.as_mut_ptr()) };
    if got != 0 || sets.iter().all(|s| s.permitted == 0) {
        return false;
    }
    let none = [Set::default(); 2];
    // SAFETY: the arguments are integers.
    unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) };
    // SAFETY: as for capget; capset only reads.
    unsafe { libc::syscall(libc::SYS_capset, &mut header, none.as_ptr()) == 0 }
}

/// Other systems have no such sets.
#[cfg(not(target_os = "linux"))]
fn drop_capabilities() -> bool {
    false
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    const CHILD: &str = "capture::privileges::tests::child";
    const IS_CHILD: &str = "SNIFF_TEST_CHILD";

    /// Not a test by itself: dropped privileges are gone for the whole process, so each test needs its own
    /// process.
    #[test]
    #[ignore = "run by other tests"]
    #[allow(clippy::print_stdout)] // read by its parent
    fn child() {
        if std::env::var_os(IS_CHILD).is_none() {
            return; // only the tests below run it in a process that it may change
        }
        let before = status();
        println!("{:?}", drop_privileges(User::of_sudo().as_ref()).unwrap());
        let after = status();
        println!("{} -> {}", before.join(" "), after.join(" "));
    }

    /// User ids, group ids, effective capabilities of this thread.
    fn status() -> Vec<String> {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let line = |key| {
            status
                .lines()
                .find_map(|l: &str| l.strip_prefix(key))
                .unwrap()
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(",")
        };
        vec![line("Uid:"), line("Gid:"), line("CapEff:")]
    }

    fn run(command: &mut Command) -> String {
        let out =
            command.args(["--exact", CHILD, "--nocapture", "--include-ignored"]).env(IS_CHILD, "1").output().unwrap();
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    fn this() -> std::path::PathBuf {
        std::env::current_exe().unwrap()
    }

    #[test]
    #[ignore = "needs root"]
    fn root_through_sudo_becomes_the_user() {
        let said =
            run(Command::new(this()).env("SUDO_UID", "65534").env("SUDO_GID", "65533").env("SUDO_USER", "nobody"));
        assert!(said.contains("ToUser { uid: 65534, gid: 65533 }"), "{said}");
        assert!(said.contains("-> 65534,65534,65534,65534 65533,65533,65533,65533 0000000000000000"), "{said}");
        let said = run(Command::new(this()).env_remove("SUDO_UID"));
        assert!(said.contains("Nothing"), "{said}");
    }

    #[test]
    #[ignore = "needs root"]
    fn capabilities_of_the_file_are_given_up() {
        let caps =
            ["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=+net_raw", "--ambient-caps=+net_raw"];
        // A copy that another user may run, wherever the project is.
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let copy = dir.path().join("tests");
        std::fs::copy(this(), &copy).unwrap();
        let said = run(Command::new("setpriv").args(caps).arg(copy));
        assert!(
            said.contains("Capabilities") && said.contains("0000000000002000 -> ") && said.contains("0000000000000000"),
            "{said}"
        );
    }
}
