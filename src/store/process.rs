//! Which process records a session, and whether it still runs. Source: proc(5).

use std::collections::HashMap;
use std::sync::OnceLock;

/// A process, for as long as the machine runs: numbers of processes are used again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    pub(super) pid: i64,
    /// Clock ticks from the boot to its start.
    pub(super) start: i64,
    /// The boot.
    pub(super) boot: String,
    /// The namespace of its number.
    pub(super) space: String,
}

impl Process {
    /// This process; none where the system does not say. The first call reads it, so make that call before the
    /// thread loses the right to.
    pub fn current() -> Option<Process> {
        static CURRENT: OnceLock<Option<Process>> = OnceLock::new();
        let read = || {
            let (boot, space) = here()?;
            let pid = std::process::id();
            Some(Process { pid: pid.into(), start: start(&read(&format!("/proc/{pid}/stat"))?)?, boot, space })
        };
        CURRENT.get_or_init(read).clone()
    }

    /// Notes which processes run, for a thread that is about to lose the right to look.
    pub fn look_around() {
        AROUND.get_or_init(Around::look);
    }

    /// Whether it still runs; none if that cannot be known from here.
    pub(super) fn runs(&self) -> Option<bool> {
        let around = AROUND.get();
        let (boot, space) = around.map_or_else(here, |around| around.here.clone())?;
        if boot != self.boot {
            return Some(false);
        }
        if space != self.space {
            return None;
        }
        let started = match around {
            Some(around) => around.starts.get(&self.pid).copied(),
            None => read(&format!("/proc/{}/stat", self.pid)).and_then(|stat| start(&stat)),
        };
        Some(started == Some(self.start))
    }
}

/// What [`Process::look_around`] noted.
static AROUND: OnceLock<Around> = OnceLock::new();

struct Around {
    here: Option<(String, String)>,
    /// Starts by the number of the process.
    starts: HashMap<i64, i64>,
}

impl Around {
    fn look() -> Around {
        let numbers = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<i64>().ok());
        let starts = numbers.filter_map(|pid| Some((pid, start(&read(&format!("/proc/{pid}/stat"))?)?))).collect();
        Around { here: here(), starts }
    }
}

/// The boot, and the namespace of this process.
fn here() -> Option<(String, String)> {
    let space = std::fs::read_link("/proc/self/ns/pid").ok()?.to_string_lossy().into_owned();
    Some((read("/proc/sys/kernel/random/boot_id")?.trim().to_owned(), space))
}

fn read(path: &str) -> Option<String> {
    std::fs::read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// `starttime`, field 22 of /proc/PID/stat. The name in field 2 may hold spaces and brackets. A process that has
/// ended and waits for its parent has no start.
fn start(stat: &str) -> Option<i64> {
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?;
    if matches!(state, "Z" | "X" | "x") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn this_process_runs_and_others_of_its_number_do_not() {
        let this = Process::current().unwrap();
        assert_eq!(this.runs(), Some(true));
        assert_eq!(Process { start: this.start + 1, ..this.clone() }.runs(), Some(false));
        assert_eq!(Process { boot: "another".into(), ..this.clone() }.runs(), Some(false));
        assert_eq!(Process { space: "pid:[1]".into(), ..this.clone() }.runs(), None);
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let stat = read(&format!("/proc/{}/stat", child.id())).unwrap();
        let of_child = Process { pid: child.id().into(), start: start(&stat).unwrap(), ..this };
        assert_eq!(of_child.runs(), Some(true));
        child.kill().unwrap();
        // It has ended, though its parent has not asked for its status.
        while of_child.runs() == Some(true) {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        child.wait().unwrap();
        assert_eq!(of_child.runs(), Some(false));
    }

    #[test]
    fn a_name_may_hold_spaces_and_brackets() {
        let stat = "7 (a) S 1 (b) R 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 4242 21 22";
        assert_eq!(start(stat), Some(4242));
        assert_eq!(start("7 (x) Z 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20"), None);
        assert_eq!(start(""), None);
    }
}
