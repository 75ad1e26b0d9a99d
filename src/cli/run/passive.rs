//! `sniff run --passive -- CMD`: nothing is in the path. The command writes its TLS secrets to a key log, its packets
//! are captured on all devices, and only the connections that its processes make are read.

mod connects;
mod sockets;

use super::RunArgs;
use super::child::Running;
use crate::analyzer::{self, Chosen};
use crate::capture::live::{Live, LiveItem, Options};
use crate::capture::{Counts, Packet};
use crate::cli::common::{Common, report_text, say};
use crate::cli::keylog::Follow;
use crate::cli::record::status_line::StatusLine;
use crate::cli::record::{AtEnd, Full, Recording, Source};
use crate::cli::run_summary::Door;
use crate::cli::watch::Environment;
use crate::report::text::{clean, count};
use crate::store::select::SessionIs;
use crate::store::{Reader, Selector};
use crate::time::{Span, Timestamp};
use crate::tls::Keys;
use anyhow::{Context, Result, bail};
use connects::Connects;
use serde_json::json;
use sockets::Made;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const TICK: Duration = Duration::from_millis(20);
/// How long a packet waits before it is read: by then the helper has named its connection, and the command has written
/// its secrets.
const WAIT: Span = Span::from_millis(150);
/// Bytes of packets that may wait for it.
const WAITING: usize = 64 << 20;
/// Bytes that may wait for the disk.
const CAPACITY: usize = 32 << 20;
/// All devices in one.
const DEVICE: &str = "any";

/// Message after a command that made no connection.
const NOTHING: &str = "sniff: the command made no TCP connection";
/// What helps a program that gives no keys.
const NO_KEYS: &str = "\
\x20 Keys come from programs whose TLS reads SSLKEYLOGFILE (curl, Python's default contexts, browsers), and Node.js.
  Others, such as Go, Java and libraries with contexts of their own, need the proxy: sniff run without --passive";

pub(super) fn run(args: &RunArgs, common: &Common) -> Result<u8> {
    args.without_proxy()?;
    let opened = args.door.watch.open()?;
    // Before any thread: it is a process of its own.
    let mut connects = Connects::start()?;
    let mut live = Live::open(&[DEVICE.to_owned()], &Options::default())?;
    let folder = tempfile::Builder::new().prefix("sniff-").tempdir().context("cannot make a folder for the key log")?;
    let own = folder.path().join("keys.txt");
    let keylog = std::env::var_os("SSLKEYLOGFILE").filter(|name| !name.is_empty()).map_or(own, Into::into);
    let at_start = connects.at_start();
    let mut running = Running::start_with(&args.command, &environment(&keylog), Some(Box::new(at_start)))
        .context("--passive follows the connections of the command by seccomp, from Linux 5.6 on")?;
    connects.started();
    args.door.privileges.drop_root(&[], common)?;
    let (keys, chosen) = (Keys::default(), Chosen::default());
    let follow = Follow::wait(Some(&keylog), &keys)?;
    let judge = args.policy.judge()?;
    let thresholds = args.thresholds.limits(&judge.limits);
    let watching = opened.start(thresholds.stall, Environment::NeedsOption, common)?;
    let kept = analyzer::Options {
        budget: args.door.memory.budget(),
        only: Some(chosen.clone()),
        keys: keys.clone(),
        thresholds,
        policy: judge.policy,
        ..analyzer::Options::default()
    };
    let source = Source {
        name: args.command.join(OsStr::new(" ")).to_string_lossy().into_owned(),
        options: json!({ "passive": true, "iface": DEVICE }),
        capacity: args.door.memory.queue(CAPACITY),
        store_secrets: args.door.store_secrets,
        door: Door::Packets,
        bounds: args.door.storage.bounds(),
        at_end: AtEnd::GoOn,
        full: Full::LeaveOut,
        watch: watching.watch(),
    };
    args.door.privileges.make(&common.db)?;
    let recording = Recording::begin(source, kept, common, StatusLine::held(common))?;
    let sandbox = args.door.privileges.sandbox(common).reads_beside(&keylog);
    args.judge.files().into_iter().fold(sandbox, |sandbox, file| sandbox.writes_beside(file)).enter()?;
    let mut passive =
        Passive { recording, connects, chosen, follow, waiting: VecDeque::new(), bytes: 0, made: HashMap::new() };
    let (stop, mut status, mut failed) = (AtomicBool::new(false), None, None);
    live.run(&stop, TICK, &mut |item| {
        let done = match item {
            LiveItem::Packet(packet) => passive.packet(&packet),
            LiveItem::Notice(text) => {
                passive.recording.notice(&text);
                Ok(())
            }
            LiveItem::Counts(counts) => {
                passive.recording.watch().into_iter().for_each(|watch| watch.counted(&counts));
                Ok(())
            }
            LiveItem::Tick(now) => passive.read(now),
        };
        // The command goes on, whatever becomes of its recording.
        if let Err(e) = done {
            failed.get_or_insert(e);
        }
        if status.is_none() {
            status = running.ended().unwrap_or(Some(2));
            if status.is_some() {
                stop.store(true, Ordering::SeqCst);
            }
        }
    })?;
    let status = match status {
        Some(status) => status,
        None => running.wait()?,
    };
    let judged = failed.map_or_else(|| passive.finish(live.counts(), common), Err);
    watching.finish();
    let found = judged.and_then(|session| args.judge.code(session, common)).unwrap_or_else(|e| {
        say(&format!("sniff: error: {}", report_text(&e)));
        if args.judge.is_wanted() { 2 } else { 0 }
    });
    Ok(if status == 0 { found } else { status })
}

impl RunArgs {
    /// # Errors
    /// An option of the proxy, which `--passive` has not.
    fn without_proxy(&self) -> Result<()> {
        let door = &self.door;
        let given = [
            (!door.upstream_ca.is_empty(), "--upstream-ca"),
            (!door.insecure.is_empty(), "--insecure"),
            (!door.passthrough.is_empty(), "--passthrough"),
            (!door.allow_target.is_empty(), "--allow-target"),
            (door.strict, "--strict"),
        ];
        match given.iter().find(|(given, _)| *given) {
            Some((_, name)) => bail!("{name} is for the proxy, and --passive has none"),
            None => Ok(()),
        }
    }
}

/// What makes the command write its TLS secrets there.
fn environment(keylog: &Path) -> Vec<(String, OsString)> {
    let mut node = std::env::var_os("NODE_OPTIONS").unwrap_or_default();
    if !node.is_empty() {
        node.push(" ");
    }
    node.push("--tls-keylog=");
    node.push(keylog);
    vec![("SSLKEYLOGFILE".into(), keylog.into()), ("NODE_OPTIONS".into(), node)]
}

/// A packet that waits.
struct Waiting {
    packet: Packet<'static>,
    data: Vec<u8>,
}

/// The recording, and what has not been read yet.
struct Passive<'a> {
    recording: Recording<'a>,
    connects: Connects,
    chosen: Chosen,
    follow: Follow,
    waiting: VecDeque<Waiting>,
    /// Bytes of the packets that wait.
    bytes: usize,
    /// The connections that were made, and by which program, by both addresses.
    made: HashMap<(SocketAddr, SocketAddr), String>,
}

impl Passive<'_> {
    fn packet(&mut self, packet: &Packet<'_>) -> Result<()> {
        let Packet { at, frame, link, device, wire_len, data } = *packet;
        self.bytes += data.len();
        let packet = Packet { at, frame, link, device, wire_len, data: &[] };
        self.waiting.push_back(Waiting { packet, data: data.to_vec() });
        if self.bytes > WAITING { self.read(Timestamp(i64::MAX)) } else { Ok(()) }
    }

    /// Reads the packets that have waited long enough at `now`.
    fn read(&mut self, now: Timestamp) -> Result<()> {
        for Made { local, remote, name } in self.connects.take() {
            self.chosen.add(local, remote);
            self.made.insert((local, remote), Made { local, remote, name }.program());
        }
        self.follow.poll()?;
        let until = Timestamp(now.0.saturating_sub(WAIT.0));
        while let Some(next) = self.waiting.front().filter(|w| w.packet.at < until) {
            self.bytes -= next.data.len();
            let packet = Packet { data: &next.data, ..next.packet };
            self.recording.step(|analyzer, sink| analyzer.packet(&packet, sink))?;
            self.waiting.pop_front();
        }
        if now.0 < i64::MAX {
            self.recording.step(|analyzer, sink| analyzer.advance(until, sink))?;
        }
        Ok(())
    }

    /// Reads the rest, says which programs gave no keys, and returns the number of the session.
    fn finish(mut self, counts: Counts, common: &Common) -> Result<i64> {
        self.read(Timestamp(i64::MAX))?;
        let Passive { mut recording, follow, made, .. } = self;
        follow.finish_quietly()?;
        let net = recording.net_finish()?;
        let session = recording.finish(counts, &net)?.session;
        if common.quiet {
            return Ok(session);
        }
        if made.is_empty() {
            say(NOTHING);
        }
        let reader = Reader::open(&common.db)?;
        let all = reader.connections(&Selector { session: Some(SessionIs::Number(session)), ..Selector::default() })?;
        let mut without: BTreeMap<String, u64> = BTreeMap::new();
        for c in all.iter().filter(|c| c.tls && c.unread.is_some()) {
            let (client, server) =
                (SocketAddr::new(c.client_ip, c.client_port), SocketAddr::new(c.server_ip, c.server_port));
            let program = made.get(&(client, server)).map_or("a program", String::as_str);
            let name = c.own_name().map_or_else(|| server.to_string(), str::to_owned);
            *without.entry(format!("{} to {}", clean(program), clean(&name))).or_default() += 1;
        }
        for (who, n) in &without {
            say(&format!("sniff: no keys: {who} ({})", count(*n, "connection", "connections")));
        }
        if !without.is_empty() {
            say(NO_KEYS);
        }
        Ok(session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_names_the_key_log() {
        let env = environment(Path::new("/t/keys.txt"));
        let value = |name: &str| env.iter().find(|(n, _)| n == name).map(|(_, v)| v.to_string_lossy().into_owned());
        assert_eq!(value("SSLKEYLOGFILE").as_deref(), Some("/t/keys.txt"));
        assert!(value("NODE_OPTIONS").is_some_and(|v| v.ends_with("--tls-keylog=/t/keys.txt")));
    }
}
