//! SIGINT, SIGTERM and SIGHUP end a recording normally. They set a flag; the third SIGINT or SIGTERM ends the process
//! at once.
//!
//! SIGHUP comes when the terminal or the connection to it is gone. Who started the program with that signal ignored
//! (nohup) wants it to continue.

use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();
/// Address of the flag, the only thing that the signal handler touches.
static TARGET: AtomicPtr<AtomicBool> = AtomicPtr::new(std::ptr::null_mut());
static SEEN: AtomicU32 = AtomicU32::new(0);

/// The flag that a signal sets; the first call installs the handlers.
pub(super) fn stop_flag() -> Arc<AtomicBool> {
    FLAG.get_or_init(|| {
        let flag = Arc::new(AtomicBool::new(false));
        // It is never freed: the handler may run as long as the process does.
        TARGET.store(Arc::into_raw(flag.clone()).cast_mut(), Ordering::SeqCst);
        for signal in [libc::SIGINT, libc::SIGTERM] {
            install(signal);
        }
        if !is_ignored(libc::SIGHUP) {
            install(libc::SIGHUP);
        }
        flag
    })
    .clone()
}

/// Whether this signal is ignored, which a process inherits from the one that started it.
pub(super) fn is_ignored(signal: i32) -> bool {
    // SAFETY: without a new action sigaction(2) only writes the present one into a live value, for which all-zero
    // bytes are valid.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &raw mut action) == 0 && action.sa_sigaction == libc::SIG_IGN
    }
}

fn install(signal: i32) {
    // SAFETY: an all-zero sigaction is valid (no flags, so that blocking calls return; empty mask); the handler
    // does only what is async-signal-safe: atomics and _exit.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_signal as *const () as usize;
        libc::sigemptyset(&raw mut action.sa_mask);
        libc::sigaction(signal, &raw const action, std::ptr::null_mut());
    }
}

extern "C" fn on_signal(signal: i32) {
    let flag = TARGET.load(Ordering::SeqCst);
    if !flag.is_null() {
        // SAFETY: the pointer is into an Arc that is never freed.
        unsafe { (*flag).store(true, Ordering::SeqCst) };
    }
    // A shell and the kernel may both report the lost terminal; neither means that the user is impatient.
    if signal != libc::SIGHUP && SEEN.fetch_add(1, Ordering::SeqCst) >= 2 {
        // SAFETY: _exit may be called in a signal handler.
        unsafe { libc::_exit(130) };
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stdout)]
mod tests {
    use super::*;
    use std::process::Command;

    const IS_CHILD: &str = "SNIFF_TEST_SIGNALS";

    /// Not a test by itself: signals are those of the whole process, so it needs its own. Its parent reads it.
    #[test]
    #[ignore = "run by other tests"]
    fn child() {
        let Some(plan) = std::env::var_os(IS_CHILD) else { return };
        // SAFETY: raise and signal have no preconditions; SIG_IGN and SIG_DFL are no functions.
        let raise = |signal| assert_eq!(unsafe { libc::raise(signal) }, 0);
        // Whatever the tests themselves inherited.
        let hup = if plan == "nohup" { libc::SIG_IGN } else { libc::SIG_DFL };
        // SAFETY: as above.
        unsafe { libc::signal(libc::SIGHUP, hup) };
        let flag = stop_flag();
        let told = |signal: i32| {
            raise(signal);
            println!("after {signal}: {}", flag.swap(false, Ordering::SeqCst));
        };
        for signal in [libc::SIGHUP, libc::SIGHUP, libc::SIGHUP, libc::SIGTERM, libc::SIGINT, libc::SIGINT] {
            told(signal);
        }
    }

    /// What the child says after each signal, and its exit code.
    fn run(plan: &str) -> (Vec<String>, Option<i32>) {
        let out = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "cli::signals::tests::child", "--nocapture", "--include-ignored"])
            .env(IS_CHILD, plan)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        (text.lines().filter_map(|l| Some(l.split_once("after ")?.1.to_owned())).collect(), out.status.code())
    }

    #[test]
    fn two_signals_ask_for_the_end_and_a_third_takes_it() {
        let hup = |set: bool| format!("{}: {set}", libc::SIGHUP);
        let stop = [format!("{}: true", libc::SIGTERM), format!("{}: true", libc::SIGINT)];
        // A lost terminal asks as often as it likes; with nohup it does not ask.
        assert_eq!(run(""), ([&[hup(true), hup(true), hup(true)][..], &stop].concat(), Some(130)));
        assert_eq!(run("nohup"), ([&[hup(false), hup(false), hup(false)][..], &stop].concat(), Some(130)));
    }
}
