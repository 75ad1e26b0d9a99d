//! Which connections a command makes: the kernel stops each connect(2) of its processes and asks a helper process,
//! which notes both addresses of the socket and has the call go on (seccomp_unotify(2)). So no connection is missed,
//! however short it is, and children and static programs count too.
//!
//! ```text
//! command ──connect──▶ kernel ──asks──▶ helper ──"go on"──▶ kernel
//!                                          └──addresses──▶ recording (a pipe)
//! ```
//! The helper keeps the rights of the caller and reads no captured byte. Of root it is a process, forked before
//! anything else runs, because the recording gives root up. Of others it is a thread: many systems let only an ancestor
//! look at a process (Yama).

use super::sockets::{self, Made};
use crate::capture::privileges::is_root;
use anyhow::{Context, Result};
use std::fs::File;
use std::io::{self, Read, Write};
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

/// How long a socket may take to get its addresses. The kernel gives them when the call goes on.
const SOON: Duration = Duration::from_millis(50);

#[cfg(target_arch = "x86_64")]
const ARCH: u32 = 0xC000_003E; // AUDIT_ARCH_X86_64
#[cfg(target_arch = "aarch64")]
const ARCH: u32 = 0xC000_00B7; // AUDIT_ARCH_AARCH64

/// The helper, and the pipe on which it says what it noted.
pub(in crate::cli::run) struct Connects {
    from: File,
    /// The command's end of the socket that leads to the helper, until the command has started.
    door: Option<OwnedFd>,
    rest: Vec<u8>,
}

impl Connects {
    /// Starts the helper. No other thread may run yet.
    ///
    /// # Errors
    /// The system has no room for another process.
    pub(in crate::cli::run) fn start() -> Result<Connects> {
        let (door, own) = pair().context("cannot make a socket for the helper")?;
        let (from, to) = pipe().context("cannot make a pipe for the helper")?;
        let started = Connects { from: File::from(from), door: Some(door), rest: Vec::new() };
        if !is_root() {
            std::thread::Builder::new()
                .name("sniff-connects".into())
                .spawn(move || help(&own, File::from(to)))
                .context("cannot start the helper")?;
            return Ok(started);
        }
        // SAFETY: no other thread runs, so the child may do what any program does.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()).context("cannot start the helper"),
            0 => {
                drop(started);
                alone();
                help(&own, File::from(to));
                // SAFETY: ends the helper without the parent's exit handlers.
                unsafe { libc::_exit(0) }
            }
            _ => Ok(started),
        }
    }

    /// What the command does before it becomes the program: from here on its connections are noted.
    pub(in crate::cli::run) fn at_start(&self) -> impl FnMut() -> io::Result<()> + Send + Sync + 'static + use<> {
        let door = self.door.as_ref().map_or(-1, AsRawFd::as_raw_fd);
        move || install(door)
    }

    /// The command has started.
    pub(in crate::cli::run) fn started(&mut self) {
        self.door = None;
    }

    /// The connections that were noted since the last call.
    pub(in crate::cli::run) fn take(&mut self) -> Vec<Made> {
        let mut piece = [0; 64 * Made::LEN];
        // Nothing more is there, or the helper has gone.
        while let Ok(n @ 1..) = self.from.read(&mut piece) {
            self.rest.extend_from_slice(&piece[..n]);
        }
        let whole = self.rest.len() / Made::LEN * Made::LEN;
        let made = self.rest[..whole].chunks_exact(Made::LEN).filter_map(Made::read).collect();
        self.rest.drain(..whole);
        made
    }
}

fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut fds = [-1; 2];
    // SAFETY: the call writes two descriptors, which are ours from here on.
    unsafe {
        match libc::socketpair(libc::AF_UNIX, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0, fds.as_mut_ptr()) {
            0 => Ok((OwnedFd::from_raw_fd(fds[0]), OwnedFd::from_raw_fd(fds[1]))),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// A pipe that is read without waiting.
fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut fds = [-1; 2];
    // SAFETY: as above; fcntl gets a descriptor that is open.
    unsafe {
        if libc::pipe2(fds.as_mut_ptr(), libc::O_CLOEXEC) != 0 {
            return Err(io::Error::last_os_error());
        }
        libc::fcntl(fds[0], libc::F_SETFL, libc::O_NONBLOCK);
        Ok((OwnedFd::from_raw_fd(fds[0]), OwnedFd::from_raw_fd(fds[1])))
    }
}

/// The filter of the command: connect(2) asks, everything else goes on.
fn filter() -> [libc::sock_filter; 6] {
    let load = |k| libc::sock_filter { code: (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16, jt: 0, jf: 0, k };
    let unless = |k, jf| libc::sock_filter { code: (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16, jt: 0, jf, k };
    let answer = |k| libc::sock_filter { code: (libc::BPF_RET | libc::BPF_K) as u16, jt: 0, jf: 0, k };
    [
        load(4), // the architecture
        unless(ARCH, 3),
        load(0), // the call
        unless(libc::SYS_connect as u32, 1),
        answer(libc::SECCOMP_RET_USER_NOTIF),
        answer(libc::SECCOMP_RET_ALLOW),
    ]
}

/// Runs in the command's process before its program: only what is async-signal-safe.
fn install(door: RawFd) -> io::Result<()> {
    let mut filter = filter();
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the program lives through the call.
    let ask = || unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
            &raw const program,
        )
    };
    let mut listener = ask();
    if listener < 0 && io::Error::last_os_error().raw_os_error() == Some(libc::EACCES) {
        // Without CAP_SYS_ADMIN the kernel asks for this: set-user-ID programs give no rights then.
        // SAFETY: plain numbers.
        unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
        listener = ask();
    }
    if listener < 0 {
        return Err(io::Error::last_os_error());
    }
    let sent = sockets::send(door, listener as RawFd);
    // SAFETY: the descriptor is ours; the helper has its own by now.
    unsafe { libc::close(listener as RawFd) };
    sent
}

/// The helper as a process of its own: the terminal's signals are for the command, and the helper ends after it.
fn alone() {
    for signal in
        [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT, libc::SIGPIPE, libc::SIGUSR1, libc::SIGUSR2]
    {
        // SAFETY: plain numbers.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    // A caller that waits for the end of our output must not wait for the helper.
    for standard in 0..3 {
        // SAFETY: the helper prints nothing and reads nothing from them.
        unsafe { libc::close(standard) };
    }
}

/// Waits for the listener of the command, and answers until the last of its processes has ended.
fn help(own: &OwnedFd, mut to: File) {
    let Ok(listener) = sockets::receive(own.as_raw_fd()) else { return };
    loop {
        let mut poll = libc::pollfd { fd: listener.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one descriptor, as the count says.
        let n = unsafe { libc::poll(&raw mut poll, 1, -1) };
        if n < 0 && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted {
            continue;
        }
        if n < 0 || poll.revents & libc::POLLIN == 0 {
            return;
        }
        // SAFETY: the kernel wants it empty and fills it.
        let mut asked: libc::seccomp_notif = unsafe { zeroed() };
        // SAFETY: the pointer is to a live value of the size that the request names.
        if unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV as _, &raw mut asked) } != 0 {
            continue; // the process has gone
        }
        let [socket, address, len] = [asked.data.args[0], asked.data.args[1], asked.data.args[2]];
        let remote = sockets::address_of(asked.pid, address, len);
        let copy = remote.and_then(|_| sockets::copy(asked.pid, socket as RawFd));
        let name = sockets::name_of(asked.pid);
        // SAFETY: plain data.
        let mut answer: libc::seccomp_notif_resp = unsafe { zeroed() };
        (answer.id, answer.flags) = (asked.id, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32);
        // SAFETY: as above. A process that has gone needs no answer.
        unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND as _, &raw mut answer) };
        let (Some(remote), Some(copy)) = (remote, copy) else { continue };
        let end = Instant::now() + SOON;
        let local = loop {
            match sockets::local(&copy) {
                Some(local) => break Some(local),
                None if Instant::now() > end => break None,
                None => std::thread::sleep(Duration::from_micros(50)),
            }
        };
        // The copy must not keep the connection open.
        drop(copy);
        if let Some(local) = local {
            // Without a reader the command still goes on.
            let _ = to.write_all(&Made { local, remote, name }.bytes());
        }
    }
}

const _: () = assert!(Made::LEN <= libc::PIPE_BUF, "a note is written whole");
const _: () = assert!(size_of::<libc::seccomp_notif>() == 80, "what the ioctl's number says");
