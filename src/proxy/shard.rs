//! A thread that relays, with its own runtime. A connection stays on its thread: no data moves between threads, and no
//! other thread is woken.

use std::io;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// More threads than this gain nothing: one thread moves gigabytes per second.
const MOST: usize = 8;
/// Threads for name lookups, each thread's own. They end after this idle time.
const LOOKUPS: usize = 32;
const LOOKUPS_STAY: Duration = Duration::from_secs(2);
/// Time that a name lookup may still take after all else has ended.
const LAST: Duration = Duration::from_millis(500);

/// One relaying thread. When it is dropped, its connections end at once.
#[derive(Debug)]
pub(super) struct Shard {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Shard {
    /// Starts one thread for each processor, up to [`MOST`].
    pub(super) fn start_all() -> io::Result<Vec<Shard>> {
        let n = std::thread::available_parallelism().map_or(1, |n| n.get()).min(MOST);
        (0..n).map(|_| Shard::start()).collect()
    }

    fn start() -> io::Result<Shard> {
        let mut builder = Builder::new_current_thread();
        builder.enable_all().thread_name("lookup").max_blocking_threads(LOOKUPS).thread_keep_alive(LOOKUPS_STAY);
        let (told, hears) = mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let work = move || {
            let runtime = match builder.build() {
                Ok(runtime) => runtime,
                Err(e) => return drop(told.send(Err(e))),
            };
            let _ = told.send(Ok(runtime.handle().clone()));
            // Dropping the sender stops it too.
            let _ = runtime.block_on(stopped);
            runtime.shutdown_timeout(LAST);
        };
        let thread = std::thread::Builder::new().name("relay".into()).spawn(work)?;
        let handle = hears.recv().map_err(io::Error::other)??;
        Ok(Shard { handle, stop: Some(stop), thread: Some(thread) })
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Shard {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
