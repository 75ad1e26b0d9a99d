//! The command as a child: signals that come to us go to it, its end becomes ours.

use anyhow::{Context, Result};
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
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

/// The child, once it is there.
static CHILD: AtomicI32 = AtomicI32::new(0);
/// A signal that came before the child.
static EARLY: AtomicI32 = AtomicI32::new(0);

/// From here on they are the child's.
pub(super) fn forward_signals() {
    for &signal in SIGNALS {
        // SAFETY: an all-zero sigaction is valid but for the handler and the flags that are set here; the handler only
        // does what may be done
        // in one: atomics and kill(2).
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
    // The terminal sends Ctrl-C and size changes to the whole foreground group, so the child has received them already.
    // SAFETY: with SA_SIGINFO the kernel hands a valid siginfo.
    let from_terminal = !info.is_null() && unsafe { (*info).si_code } > 0;
    match CHILD.load(Ordering::SeqCst) {
        0 => EARLY.store(signal, Ordering::SeqCst),
        _ if from_terminal => {}
        child => {
            // SAFETY: kill(2) takes any pid; this one has not been waited for (see `ended`), so it is still the
            // child's.
            unsafe { libc::kill(child, signal) };
        }
    }
}

/// The command while it runs.
pub(super) struct Running(Child);

impl Running {
    pub(super) fn start(command: &[OsString], environment: &[(String, OsString)]) -> Result<Running> {
        let (program, arguments) = command.split_first().context("no command was given")?;
        let mut child = Command::new(program);
        child.args(arguments).envs(environment.iter().map(|(k, v)| (k, v)));
        let child = child.spawn().with_context(|| format!("cannot run {}", program.to_string_lossy()))?;
        CHILD.store(child.id() as i32, Ordering::SeqCst);
        match EARLY.swap(0, Ordering::SeqCst) {
            0 => {}
            // SAFETY: as above.
            signal => drop(unsafe { libc::kill(child.id() as i32, signal) }),
        }
        Ok(Running(child))
    }

    /// Its exit status, once it has ended: as a shell says it, 128 and the signal where one ended it.
    pub(super) fn ended(&mut self) -> Result<Option<u8>> {
        // SAFETY: siginfo is plain data; waitid(2) with WNOWAIT leaves the child to be waited for, so that its pid
        // stays its own until CHILD is cleared.
        let over = unsafe {
            let mut info: libc::siginfo_t = std::mem::zeroed();
            let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
            libc::waitid(libc::P_PID, self.0.id(), &raw mut info, flags) == 0 && info.si_pid() != 0
        };
        if !over {
            return Ok(None);
        }
        // A late signal has no receiver. -1 would mean every process, so the number is set to 0, which is checked
        // before kill.
        CHILD.store(0, Ordering::SeqCst);
        let status = self.0.wait().context("cannot wait for the command")?;
        Ok(Some(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)) as u8))
    }
}
