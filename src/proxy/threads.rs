//! Lowers the priority of threads that only analyze, if processors are few. Advice to the kernel; nothing depends on
//! it.
//!
//! The relay's threads keep their priority: in measurements, a larger share and a shorter slice for them cost a
//! single stream 80 µs per chunk, and gained nothing for 200 streams.

/// Lowers the priority of the calling thread, which only analyzes: it gets a smaller share of a busy processor, and
/// preempts no thread when it wakes.
///
/// It does not use the idle class: what the thread reads waits in bounded queues, which would fill on a busy machine.
pub fn lower_priority() {
    system::be_batch(3_000_000, 5);
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

    /// Sets the calling thread to SCHED_BATCH (waking up preempts no thread), with a slice of `runtime` ns and a nice
    /// value raised by `nicer`.
    pub(super) fn be_batch(runtime: u64, nicer: i32) {
        // SAFETY: sched_getscheduler(2) takes no pointers; 0 is the calling thread.
        if unsafe { libc::sched_getscheduler(0) } != libc::SCHED_OTHER {
            // The user has chosen another policy.
            return;
        }
        // SAFETY: getpriority(2) takes no pointers; sched_setattr(2) gets one to a live value whose first field is its
        // size.
        unsafe {
            let nice = (libc::getpriority(libc::PRIO_PROCESS, 0) + nicer).clamp(-20, 19);
            let attributes = Attributes {
                size: size_of::<Attributes>() as u32,
                policy: libc::SCHED_BATCH as u32,
                flags: 0,
                nice,
                priority: 0,
                runtime,
                deadline: 0,
                period: 0,
            };
            libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    pub(super) fn be_batch(_: u64, _: i32) {}
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Policy and nice value of the calling thread, after `change`.
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
        let (policy, nice) = behind(lower_priority);
        assert_eq!((policy, nice), (libc::SCHED_BATCH, (usual.1 + 5).min(19)));
        assert_eq!(behind(|| {}), usual);
    }
}
