//! `sniff proxy`: records what a proxy relays. The relay runs on its own threads; this thread reads, judges and
//! stores its tee.

pub(super) mod args;
pub(super) mod arguments;

use super::common::{Common, say};
use super::record::status_line::StatusLine;
use super::record::{AtEnd, Full, Recording, Source};
use super::run_summary::{Door, RunSummary};
use super::signals;
use super::values;
use super::watch::{Environment, Opened, Watching};
use crate::analyzer;
use crate::capture::Counts;
use crate::exchange::redact;
use crate::net::NetStats;
use crate::proxy::{Config, Hop as Crossing, Server, Tee, TeeEvent, TeeWhat, bind, lower_priority};
use crate::report::text::bytes;
use crate::store::Hop;
use anyhow::{Context, Result, bail};
use args::{DoorArgs, Plan, ProxyArgs};
use serde_json::json;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long the tee's reader waits before it checks whether to stop.
const TICK: Duration = Duration::from_millis(100);
/// Most body bytes and deliveries of one exchange in memory: with thousands of streams they use most of the memory.
const PARTS: (usize, usize) = (7 << 10, 128);

pub(super) fn run(args: &ProxyArgs, common: &Common) -> Result<u8> {
    arguments::hide("--auth");
    args.door.storage.look_around();
    let stop = signals::stop_flag();
    let listen: SocketAddr =
        args.listen.parse().with_context(|| format!("--listen {}: expected ADDRESS:PORT", args.listen))?;
    if !crate::proxy::is_private(listen.ip()) && args.door.auth.is_none() {
        bail!(
            "--listen {listen} can be reached from other machines: require credentials with --auth USER:PASSWORD (or \
                SNIFF_PROXY_AUTH)"
        );
    }
    // A password in the URL is neither stored nor shown.
    let upstream = args.upstream.as_deref().map(|url| redact::target(url).into_owned());
    let name = upstream.clone().unwrap_or_else(|| "proxy".into());
    let plan = Plan {
        environment: Environment::Counts,
        name,
        upstream: args.upstream.as_deref(),
        door: &args.door,
        policy: &args.policy,
        thresholds: &args.thresholds,
        authority: None,
    };
    allow_many_sockets();
    let listening = Listening::on(listen, &plan)?;
    args.door.privileges.drop_root(&[], common)?;
    let mut recording = ProxyRecording::open(listening, &plan, common, StatusLine::new(common, false))?;
    if !common.quiet {
        let what = upstream.as_ref().map_or("HTTP and HTTPS proxy".into(), |u| format!("reverse proxy of {u}"));
        say(&format!("sniff: {what} on http://{}; Ctrl-C ends it", recording.server.address()));
        if args.upstream.is_none() {
            say(&format!("sniff: clients must trust {} (sniff ca install-help)", recording.certificate.display()));
        }
    }
    recording.restrict(&args.door, &[], common)?;
    while !stop.load(Ordering::Relaxed) {
        recording.listen(TICK);
    }
    Ok(recording.close()?.code())
}

/// Each connection needs two sockets. The soft limit of 1024 descriptors exists for programs that use select(2),
/// which this program does not.
fn allow_many_sockets() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls get a pointer to a live value; if they fail, the old limit stays.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        }
    }
}

/// A proxy before it serves: its files are read and its address is taken, for which it may need root.
pub(super) struct Listening {
    listener: TcpListener,
    pub(super) address: SocketAddr,
    config: Config,
    pub(super) certificate: PathBuf,
    opened: Opened,
}

impl Listening {
    pub(super) fn on(listen: SocketAddr, plan: &Plan<'_>) -> Result<Listening> {
        let (config, certificate) = plan.config()?;
        let listener = bind(listen)?;
        let address = listener.local_addr().context("cannot read the local address")?;
        let opened = plan.door.watch.open()?;
        Ok(Listening { listener, address, config, certificate, opened })
    }
}

/// A proxy and the recording of its traffic.
pub(super) struct ProxyRecording<'a> {
    pub(super) server: Server,
    pub(super) certificate: PathBuf,
    tee: Tee,
    /// Events taken from the tee last.
    events: Vec<TeeEvent>,
    hops: Vec<Crossing>,
    recording: Recording<'a>,
    watching: Watching,
    counts: Counts,
    /// Bytes lost when the last notice about it was printed.
    lost: u64,
    /// Why recording has stopped. The proxy continues, because its clients need it.
    failed: Option<anyhow::Error>,
}

impl<'a> ProxyRecording<'a> {
    /// Opens the recording, then the proxy, which serves from here on.
    pub(super) fn open(
        listening: Listening,
        plan: &Plan<'_>,
        common: &'a Common,
        status: StatusLine,
    ) -> Result<ProxyRecording<'a>> {
        let Listening { listener, address, config, certificate, opened } = listening;
        let Plan { name, upstream, door, policy, thresholds, environment, .. } = plan;
        let budget = door.memory.budget();
        let room = door.memory.buffer(door.buffer)?;
        // The relay's threads fill it without asking: its room counts as used.
        budget.queue(room);
        let tee = Tee::new(room);
        // The recording is opened first: a client may use the proxy as soon as it serves.
        let upstream = upstream.map(redact::target);
        let options = json!({ "listen": address.to_string(), "upstream": upstream, "insecure": door.insecure,
            "passthrough": door.passthrough, "buffer": room });
        // The writer's queue has the same capacity as the tee.
        let (capacity, store_secrets) = (room, door.store_secrets);
        let (name, bounds) = (name.clone(), door.storage.bounds());
        let (at_end, full) = (AtEnd::GoOn, Full::LeaveOut);
        let judge = policy.judge()?;
        let (thresholds, policy) = (thresholds.limits(&judge.limits), judge.policy);
        let watching = opened.start(thresholds.stall, *environment, common)?;
        let (watch, door_is) = (watching.watch(), Door::Proxy);
        let source = Source { name, options, capacity, store_secrets, door: door_is, bounds, at_end, full, watch };
        let kept = analyzer::Options {
            budget,
            thresholds,
            policy,
            part_bytes: PARTS.0,
            part_items: PARTS.1,
            ..analyzer::Options::default()
        };
        door.privileges.make(&common.db)?;
        let recording = Recording::begin(source, kept, common, status)?;
        let server = Server::start(listener, config, tee.clone())?;
        Ok(ProxyRecording {
            server,
            certificate,
            tee,
            events: Vec::new(),
            hops: Vec::new(),
            recording,
            watching,
            counts: Counts::default(),
            lost: 0,
            failed: None,
        })
    }

    /// Restricts this thread and the writer, which read what was relayed, and lowers their priority: relaying comes
    /// first. They may still write these files. Call it last: threads and programs that start later would inherit both.
    ///
    /// # Errors
    /// The system refuses the restriction.
    pub(super) fn restrict(&self, door: &DoorArgs, files: &[&Path], common: &Common) -> Result<()> {
        let sandbox = door.privileges.sandbox(common);
        let sandbox = files.iter().fold(sandbox, |sandbox, file| sandbox.writes_beside(file));
        sandbox.enter()?;
        self.recording.on_the_writer(move || {
            // It went well on this thread, which has said what the system lacks.
            let _ = sandbox.quiet().enter();
            lower_priority();
        });
        lower_priority();
        Ok(())
    }

    /// Records the events of the relay; waits at most this long for them.
    pub(super) fn listen(&mut self, limit: Duration) {
        let mut events = std::mem::take(&mut self.events);
        for text in self.tee.take(&mut events, &mut self.hops, limit) {
            self.recording.notice(&text);
        }
        // The writer has said why.
        if self.failed.is_none()
            && let Err(e) = self.recording.check().and_then(|()| self.record(&events))
        {
            self.failed = Some(e);
        }
        self.events = events;
        let lost = self.tee.lost();
        self.recording.tick(values::now);
        if lost > self.lost
            && let Some(watch) = self.recording.watch()
        {
            watch.lost(lost);
        }
        // The notice is repeated whenever the number has doubled.
        if lost / 2 > self.lost || (lost > 0 && self.lost == 0) {
            let all = bytes(lost);
            self.recording.notice(&format!(
                "the recording is too slow: {all} so far were relayed but not recorded (use a larger \
                    --buffer or a faster disk)"
            ));
            self.lost = lost;
        }
    }

    fn record(&mut self, events: &[TeeEvent]) -> Result<()> {
        for one in events {
            if let TeeWhat::Data(bytes) = &one.what {
                self.counts.bytes += bytes.len() as u64;
            }
            self.recording.step(|analyzer, sink| analyzer.event(&one.event(), sink))?;
        }
        for hop in &self.hops {
            self.recording.hop(Hop { frame: hop.frame, client_at: hop.at })?;
        }
        Ok(())
    }

    /// Whether connections are open.
    pub(super) fn is_busy(&self) -> bool {
        self.tee.open() > 0
    }

    /// Closes the proxy, records its last events and returns the summary for the last lines.
    pub(super) fn close(mut self) -> Result<RunSummary> {
        self.server.stop();
        self.listen(Duration::ZERO);
        if let Some(e) = self.failed {
            return Err(e);
        }
        if self.tee.lost() > 0 {
            let all = bytes(self.tee.lost());
            self.recording.notice(&format!("{all} were relayed but not recorded: the recording was too slow"));
        }
        self.recording.net_finish()?;
        let summary = self.recording.finish(self.counts, &NetStats::default())?;
        self.watching.finish();
        Ok(summary)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_sockets_as_the_system_allows() {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the pointers are to a live value. A soft limit of 1024 is the usual one.
        unsafe {
            libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
            limit.rlim_cur = limit.rlim_max.min(1024);
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        }
        allow_many_sockets();
        // SAFETY: as above.
        unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
        assert_eq!(limit.rlim_cur, limit.rlim_max);
    }
}
