//! Takes from the threads that read captured bytes what reading does not need: capabilities, other files, other
//! programs, new connections. A fault in a parser then ends there. SECURITY.md names the threads of each command.

use super::common::{Common, say};
use crate::store::Process;
use anyhow::{Context, Result};
use clap::Args;
use std::path::{Path, PathBuf};

/// The option of every command that reads captured bytes.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct SandboxArgs {
    /// Do not restrict the threads that read captured bytes
    #[arg(long, hide_short_help = true, help_heading = "Security")]
    no_sandbox: bool,
}

/// What a restricted thread may still use. Everything that is open already stays open.
#[derive(Debug, Clone)]
pub(super) struct Sandbox {
    wanted: bool,
    quiet: bool,
    /// Files and folders to read.
    read: Vec<PathBuf>,
    /// Folders in which files are created, written, renamed and removed.
    write: Vec<PathBuf>,
    network: Network,
}

/// What a restricted thread may do with sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Network {
    /// Receive packets on the sockets that are open.
    Receive,
    /// Accept and serve connections on the listener that is open.
    Serve,
}

/// Read by the C library and SQLite at any time: time zones, random numbers, limits of the container.
const SYSTEM: &[&str] = &["/etc/localtime", "/usr/share/zoneinfo", "/dev/urandom", "/dev/null", "/proc/self/cgroup"];

impl Sandbox {
    /// A thread that reads captured bytes and writes the file of the common options.
    pub(super) fn new(args: &SandboxArgs, common: &Common) -> Sandbox {
        let read = SYSTEM.iter().map(PathBuf::from).collect();
        let sandbox = Sandbox {
            wanted: !args.no_sandbox,
            quiet: common.quiet,
            read,
            write: Vec::new(),
            network: Network::Receive,
        };
        common.output.iter().fold(sandbox, |sandbox, path| sandbox.writes_beside(path))
    }

    /// A command that reads a database, and prints or writes beside it. It does not say what the system lacks: the
    /// recording has said it.
    pub(super) fn of_database(args: &SandboxArgs, common: &Common) -> Sandbox {
        // A session whose process is gone was killed.
        Process::look_around();
        Sandbox::new(args, common).writes_beside(&common.db).quiet()
    }

    /// It may read this file or folder.
    pub(super) fn reads(mut self, path: PathBuf) -> Sandbox {
        self.read.push(path);
        self
    }

    /// It may read what is in the file's folder: the file may be replaced, or created later.
    pub(super) fn reads_beside(mut self, path: &Path) -> Sandbox {
        self.read.extend(folders(path));
        self
    }

    /// It may write in the folder of this file: databases have files beside them, outputs are renamed when whole.
    pub(super) fn writes_beside(mut self, path: &Path) -> Sandbox {
        self.write.extend(folders(path));
        self
    }

    /// It serves connections.
    pub(super) fn serves(mut self) -> Sandbox {
        self.network = Network::Serve;
        self
    }

    /// The same without messages.
    pub(super) fn quiet(self) -> Sandbox {
        Sandbox { quiet: true, ..self }
    }

    /// Restricts the calling thread, and the threads that it starts from here on. What the system cannot do is said
    /// once, on standard error.
    pub(super) fn enter(&self) -> Result<()> {
        if !self.wanted {
            if !self.quiet {
                say("sniff: --no-sandbox: captured bytes are read with all rights of this process");
            }
            return Ok(());
        }
        let missing = system::restrict(self).context(
            "cannot restrict the threads that read captured bytes; --no-sandbox does without the restriction",
        )?;
        if !missing.is_empty() && !self.quiet {
            say(&format!("sniff: this system has no {}: captured bytes are read without", missing.join(" and no ")));
        }
        Ok(())
    }
}

/// The folder of a file, as given and, if the file is a symbolic link, where it points to.
fn folders(path: &Path) -> Vec<PathBuf> {
    let folder = |path: &Path| match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => PathBuf::from("."),
        Some(folder) => folder.to_path_buf(),
        None => path.to_path_buf(),
    };
    let real = std::fs::canonicalize(path).ok();
    [Some(folder(path)), real.as_deref().map(folder)].into_iter().flatten().collect()
}

#[cfg(target_os = "linux")]
mod system {
    use super::{Network, Sandbox};
    use anyhow::Result;
    use caps::CapSet;
    use landlock::{
        ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr,
        RulesetStatus, path_beneath_rules,
    };
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

    /// Restricts this thread; returns what the kernel lacks.
    pub(super) fn restrict(sandbox: &Sandbox) -> Result<Vec<&'static str>> {
        drop_capabilities()?;
        let mut missing = Vec::new();
        if !files(sandbox)? {
            missing.push("Landlock");
        }
        if calls(sandbox.network).is_err() {
            missing.push("seccomp");
        }
        Ok(missing)
    }

    /// Empties every set of this thread. The bounding set first, for that needs a capability itself.
    fn drop_capabilities() -> Result<()> {
        for cap in caps::all() {
            // Without CAP_SETPCAP, or for a capability that this kernel does not know, the set stays: a process
            // without permitted capabilities and with no_new_privs gains none from it.
            let _ = caps::drop(None, CapSet::Bounding, cap);
        }
        for set in [CapSet::Ambient, CapSet::Inheritable, CapSet::Effective, CapSet::Permitted] {
            caps::clear(None, set)?;
        }
        Ok(())
    }

    /// Landlock, with no_new_privs. Returns whether the kernel has it.
    fn files(sandbox: &Sandbox) -> Result<bool> {
        let abi = ABI::V5;
        let status = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(abi))?
            .handle_access(AccessNet::from_all(abi))?
            .create()?
            .add_rules(path_beneath_rules(&sandbox.read, AccessFs::from_read(abi) & !AccessFs::Execute))?
            .add_rules(path_beneath_rules(
                &sandbox.write,
                (AccessFs::from_all(abi) & !AccessFs::Execute) & !AccessFs::IoctlDev,
            ))?
            .restrict_self()?;
        Ok(status.ruleset != RulesetStatus::NotEnforced)
    }

    /// The system calls of reading, SQLite and threads. Any other fails with EPERM.
    fn calls(network: Network) -> Result<()> {
        let mut allowed = USUAL.to_vec();
        if network == Network::Serve {
            allowed.extend(SERVING);
        }
        let rules = allowed.into_iter().map(|call| (call, Vec::new())).collect();
        let denied = SeccompAction::Errno(libc::EPERM as u32);
        let arch = std::env::consts::ARCH.try_into()?;
        let program: BpfProgram = SeccompFilter::new(rules, denied, SeccompAction::Allow, arch)?.try_into()?;
        Ok(seccompiler::apply_filter(&program)?)
    }

    /// What serving adds.
    const SERVING: &[i64] =
        &[libc::SYS_accept4, libc::SYS_sendto, libc::SYS_sendmsg, libc::SYS_setsockopt, libc::SYS_shutdown];

    const USUAL: &[i64] = &[
        // Files.
        libc::SYS_read,
        libc::SYS_readv,
        libc::SYS_pread64,
        libc::SYS_preadv,
        libc::SYS_write,
        libc::SYS_writev,
        libc::SYS_pwrite64,
        libc::SYS_pwritev,
        libc::SYS_lseek,
        libc::SYS_openat,
        libc::SYS_close,
        libc::SYS_fstat,
        libc::SYS_newfstatat,
        libc::SYS_statx,
        libc::SYS_statfs,
        libc::SYS_fstatfs,
        libc::SYS_faccessat,
        libc::SYS_faccessat2,
        libc::SYS_readlinkat,
        libc::SYS_getcwd,
        libc::SYS_fcntl,
        libc::SYS_flock,
        libc::SYS_ftruncate,
        libc::SYS_fallocate,
        libc::SYS_fadvise64,
        libc::SYS_fsync,
        libc::SYS_fdatasync,
        libc::SYS_unlinkat,
        libc::SYS_mkdirat,
        libc::SYS_renameat,
        libc::SYS_renameat2,
        libc::SYS_fchmod,
        libc::SYS_fchmodat,
        libc::SYS_fchown,
        libc::SYS_getdents64,
        libc::SYS_utimensat,
        libc::SYS_copy_file_range,
        libc::SYS_sendfile,
        libc::SYS_splice,
        libc::SYS_dup,
        libc::SYS_dup3,
        libc::SYS_pipe2,
        libc::SYS_ioctl,
        // Memory.
        libc::SYS_mmap,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_mprotect,
        libc::SYS_madvise,
        libc::SYS_msync,
        libc::SYS_mincore,
        libc::SYS_brk,
        libc::SYS_membarrier,
        // Threads, signals, the end.
        libc::SYS_futex,
        libc::SYS_clone,
        libc::SYS_clone3,
        libc::SYS_set_robust_list,
        libc::SYS_get_robust_list,
        libc::SYS_rseq,
        libc::SYS_set_tid_address,
        libc::SYS_gettid,
        libc::SYS_getpid,
        libc::SYS_getppid,
        libc::SYS_tgkill,
        libc::SYS_kill,
        libc::SYS_wait4,
        libc::SYS_waitid,
        libc::SYS_prctl,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_restart_syscall,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_setpriority,
        libc::SYS_getpriority,
        libc::SYS_sched_setscheduler,
        libc::SYS_sched_setattr,
        libc::SYS_exit,
        libc::SYS_exit_group,
        // Time and waiting.
        libc::SYS_clock_gettime,
        libc::SYS_clock_getres,
        libc::SYS_gettimeofday,
        libc::SYS_nanosleep,
        libc::SYS_clock_nanosleep,
        libc::SYS_ppoll,
        libc::SYS_pselect6,
        libc::SYS_epoll_create1,
        libc::SYS_epoll_ctl,
        libc::SYS_epoll_pwait,
        libc::SYS_epoll_pwait2,
        libc::SYS_eventfd2,
        libc::SYS_timerfd_create,
        libc::SYS_timerfd_settime,
        // Sockets that are open: packets of a device.
        libc::SYS_recvfrom,
        libc::SYS_recvmsg,
        libc::SYS_recvmmsg,
        libc::SYS_getsockopt,
        libc::SYS_getsockname,
        libc::SYS_getpeername,
        // What a process may know about itself.
        libc::SYS_getuid,
        libc::SYS_geteuid,
        libc::SYS_getgid,
        libc::SYS_getegid,
        libc::SYS_getrandom,
        libc::SYS_getrusage,
        libc::SYS_prlimit64,
        libc::SYS_uname,
        libc::SYS_sysinfo,
        // Older forms of the same, which this architecture still has.
        #[cfg(target_arch = "x86_64")]
        libc::SYS_open,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_stat,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_lstat,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_access,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_readlink,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_unlink,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_mkdir,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_rename,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_chmod,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_dup2,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_poll,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_select,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_epoll_wait,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_time,
    ];
}

/// Other systems have no such means.
#[cfg(not(target_os = "linux"))]
mod system {
    pub(super) fn restrict(_: &super::Sandbox) -> anyhow::Result<Vec<&'static str>> {
        Ok(vec!["Landlock", "seccomp"])
    }
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used, clippy::print_stdout)]
mod tests {
    use super::*;
    use std::process::Command;

    const IS_CHILD: &str = "SNIFF_TEST_SANDBOX";

    fn sandbox(folder: &Path) -> Sandbox {
        let sandbox = Sandbox { wanted: true, quiet: false, read: vec![], write: vec![], network: Network::Receive };
        sandbox.writes_beside(&folder.join("a.db"))
    }

    /// Not a test by itself: what it gives up is gone for the process, so it needs its own. Its parent reads it.
    #[test]
    #[ignore = "run by other tests"]
    fn child() {
        let Some(folder) = std::env::var_os(IS_CHILD) else { return };
        let folder = PathBuf::from(folder);
        std::fs::write(folder.join("secret"), "x").unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let there = listener.local_addr().unwrap();
        let tried = std::thread::spawn(move || {
            sandbox(&folder.join("in")).enter().unwrap();
            let mut escapes = Vec::new();
            let mut tries = |name: &'static str, went: bool| went.then(|| escapes.push(name));
            tries("open", std::fs::File::open("/etc/passwd").is_ok());
            tries("open beside", std::fs::File::open(folder.join("secret")).is_ok());
            tries("create", std::fs::File::create(folder.join("new")).is_ok());
            tries("connect", std::net::TcpStream::connect(there).is_ok());
            tries("execve", Command::new("/bin/true").status().is_ok());
            tries("bind", std::net::TcpListener::bind("127.0.0.1:0").is_ok());
            // SAFETY: the arguments are integers; a descriptor that was made would be closed with the process.
            tries("raw socket", unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW, 0) } >= 0);
            // SAFETY: PTRACE_TRACEME reads no memory.
            tries("ptrace", unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) } == 0);
            // SAFETY: the argument is an integer. The C library's setuid would ask the other threads too.
            tries("setuid", unsafe { libc::syscall(libc::SYS_setuid, 12345) } == 0);
            // What it must still be able to do.
            std::fs::write(folder.join("in/a.db-wal"), "x").unwrap();
            std::fs::remove_file(folder.join("in/a.db-wal")).unwrap();
            let inner = std::thread::spawn(|| std::fs::File::open("/etc/passwd").is_ok());
            if inner.join().unwrap() {
                escapes.push("a thread of it");
            }
            let status = std::fs::File::open("/proc/thread-self/status").is_ok();
            (escapes, status)
        });
        println!("escapes: {:?}", tried.join().unwrap());
    }

    #[test]
    fn the_folder_of_a_file_is_where_it_stands_and_where_it_points_to() {
        assert_eq!(folders(Path::new("sniff-test-none.db")), [Path::new(".")]);
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| std::fs::canonicalize(place.path()).unwrap().join(name);
        std::fs::create_dir(at("in")).unwrap();
        std::fs::write(at("in/a.db"), "").unwrap();
        std::os::unix::fs::symlink(at("in/a.db"), at("link.db")).unwrap();
        assert_eq!(folders(&at("link.db")), [at(""), at("in")].map(|p| p.components().collect::<PathBuf>()));
    }

    #[test]
    fn a_restricted_thread_cannot_escape() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("in")).unwrap();
        let out = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "cli::sandbox::tests::child", "--nocapture", "--include-ignored"])
            .env(IS_CHILD, folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&out.stdout);
        assert!(said.contains("escapes: ([], false)"), "{said}\n{}", String::from_utf8_lossy(&out.stderr));
    }
}
