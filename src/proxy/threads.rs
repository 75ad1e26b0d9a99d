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
