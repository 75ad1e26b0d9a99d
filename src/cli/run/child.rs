//! The command as a child process: it receives our signals, and its end ends us.

use crate::cli::signals::is_ignored;
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicI32, Ordering};

/// Signals that are passed on.
const SIGNALS: &[i32] = &[
    libc::SIGINT,
    libc::SIGTERM,
    libc::SIGHUP,
    libc::SIGQUIT,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGALRM,
    libc::SIGWINCH,
    libc::SIGCONT,
];

/// The child's pid; 0 without a child.
static CHILD: AtomicI32 = AtomicI32::new(0);
/// A signal that was received before the child existed.
static EARLY: AtomicI32 = AtomicI32::new(0);

/// Passes signals to the child from here on. With nohup both ignore SIGHUP.
pub(super) fn forward_signals() {
    for &signal in SIGNALS.iter().filter(|&&signal| signal != libc::SIGHUP || !is_ignored(signal)) {
        // SAFETY: an all-zero sigaction is valid except for the handler and the flags that are set here; the
        // handler does only what is async-signal-safe: atomics and kill(2).
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = on_signal as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
            libc::sigemptyset(&raw mut action.sa_mask);
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        }
    }
}

extern "C" fn on_signal(signal: i32, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // The terminal sends Ctrl-C and size changes to the whole foreground group, so the child has received them
    // already.
    // SAFETY: with SA_SIGINFO the kernel passes a valid siginfo.
    let from_terminal = !info.is_null() && unsafe { (*info).si_code } > 0;
    match CHILD.load(Ordering::SeqCst) {
        0 => EARLY.store(signal, Ordering::SeqCst),
        _ if from_terminal => {}
        child => {
            // SAFETY: kill(2) accepts any pid; this child has not been waited for (see `ended`), so the pid is
            // still its own.
            unsafe { libc::kill(child, signal) };
        }
    }
}

/// What a new process does before it becomes the program: only what is async-signal-safe.
pub(super) type AtStart = Box<dyn FnMut() -> io::Result<()> + Send + Sync>;

/// The command while it runs.
pub(super) struct Running(Child);

impl Running {
    pub(super) fn start(command: &[OsString], environment: &[(String, OsString)]) -> Result<Running> {
        Running::start_with(command, environment, None)
    }

    /// The same; `at_start` runs in the new process before it becomes the program.
    pub(super) fn start_with(
        command: &[OsString],
        environment: &[(String, OsString)],
        at_start: Option<AtStart>,
    ) -> Result<Running> {
        let (program, arguments) = command.split_first().context("no command was given")?;
        let mut child = Command::new(program);
        child.args(arguments).envs(environment.iter().map(|(k, v)| (k, v)));
        if let Some(at_start) = at_start {
            // SAFETY: what is given makes system calls only, and allocates nothing (`passive::connects`).
            unsafe { child.pre_exec(at_start) };
        }
        let child = child.spawn().with_context(|| format!("cannot run {}", program.to_string_lossy()))?;
        CHILD.store(child.id() as i32, Ordering::SeqCst);
        match EARLY.swap(0, Ordering::SeqCst) {
            0 => {}
            // SAFETY: as above.
            signal => drop(unsafe { libc::kill(child.id() as i32, signal) }),
        }
        Ok(Running(child))
    }

    /// The child's process.
    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Waits for the child.
    pub(super) fn wait(&mut self) -> Result<u8> {
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// The child's exit status, once it has ended. Like a shell's: 128 plus the signal if a signal ended it.
    pub(super) fn ended(&mut self) -> Result<Option<u8>> {
        // SAFETY: siginfo is plain data; waitid(2) with WNOWAIT leaves the child to be waited for, so that the pid
        // stays its own until CHILD is cleared.
        let over = unsafe {
            let mut info: libc::siginfo_t = std::mem::zeroed();
            let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
            libc::waitid(libc::P_PID, self.0.id(), &raw mut info, flags) == 0 && info.si_pid() != 0
        };
        if !over {
            return Ok(None);
        }
        // A late signal has no receiver. -1 would mean every process, so CHILD becomes 0, which the handler checks
        // before kill.
        CHILD.store(0, Ordering::SeqCst);
        let status = self.0.wait().context("cannot wait for the command")?;
        Ok(Some(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)) as u8))
    }
}
