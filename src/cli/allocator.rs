//! How the allocator of the C library treats large blocks.

/// Blocks of this size and more are pages of their own, in bytes: what is freed goes back to the system, and a block
/// that grows is moved without a copy. The library raises its own bound with each such block that is freed, up to 32
/// MiB; then long texts lie in heaps of threads, and the holes between them are memory that no budget counts.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE: i32 = 1 << 20;
/// Free bytes at the end of the heap that are kept.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT: i32 = 4 << 20;

/// Has large blocks given back when they are freed. Call it before there are threads.
pub(super) fn give_back_at_once() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: mallopt takes two numbers, and no other thread runs yet. What it refuses stays as it was.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT);
    }
}
