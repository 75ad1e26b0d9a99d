//! Which thread goes first where processors are few: the relay before everything that only looks on. Advice to the kernel, and nothing depends on it.

/// For the threads that relay: a short time slice, so that they are run soon after they wake (Linux 6.12 and later: an earlier deadline; sched(7)), but
/// long enough to serve all who wait; and the larger share, where that is allowed (CAP_SYS_NICE).
pub(super) fn go_first() {
    let slice = 1_000_000;
    if !system::ask(false, slice, -5) {
        system::ask(false, slice, 0);
    }
}

/// For the calling thread if it only looks on: it takes a smaller share where others want the processor, and interrupts nobody when it wakes.
///
/// No idle class: what it reads waits in bounded queues, and where the machine is full those would fill.
pub fn stand_back() {
    system::ask(true, 3_000_000, 5);
}

#[cfg(target_os = "linux")]
mod system {
    /// `sched_attr` of sched_setattr(2), first version.
    #[repr(C)]
    struct Attributes {
        size: u32,
        policy: u32,
        flags: u64,
        nice: i32,
        priority: u32,
        runtime: u64,
        deadline: u64,
        period: u64,
    }

    /// For the calling thread: waking up interrupts nobody, a slice in ns, a nice value added to what it has. False: not granted.
    pub(super) fn ask(batch: bool, runtime: u64, nicer: i32) -> bool {
        // SAFETY: sched_getscheduler(2) takes no pointers; 0 is the calling thread.
        if unsafe { libc::sched_getscheduler(0) } != libc::SCHED_OTHER {
            // Somebody has chosen otherwise.
            return true;
        }
        let policy = if batch { libc::SCHED_BATCH } else { libc::SCHED_OTHER };
        // SAFETY: getpriority(2) takes no pointers; sched_setattr(2) gets one to a live value whose first field is its size.
        unsafe {
            let nice = (libc::getpriority(libc::PRIO_PROCESS, 0) + nicer).clamp(-20, 19);
            let attributes = Attributes {
                size: size_of::<Attributes>() as u32,
                policy: policy as u32,
                flags: 0,
                nice,
                priority: 0,
                runtime,
                deadline: 0,
                period: 0,
            };
            libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) == 0
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    pub(super) fn ask(_: bool, _: u64, _: i32) -> bool {
        true
    }
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Policy and nice value of the calling thread, behind `change`.
    fn behind(change: fn()) -> (i32, i32) {
        let ways = move || {
            change();
            // SAFETY: both calls take numbers only.
            unsafe { (libc::sched_getscheduler(0), libc::getpriority(libc::PRIO_PROCESS, 0)) }
        };
        std::thread::spawn(ways).join().unwrap()
    }

    #[test]
    fn a_thread_changes_its_own_ways_only() {
        let usual = behind(|| {});
        let (policy, nice) = behind(stand_back);
        assert_eq!((policy, nice), (libc::SCHED_BATCH, (usual.1 + 5).min(19)));
        let (policy, nice) = behind(go_first);
        assert!(policy == usual.0 && nice <= usual.1, "{policy} {nice}");
        assert_eq!(behind(|| {}), usual);
    }
}
