//! What `sniff proxy` adds to a stream beside a plain TCP relay (socat, HAProxy) and mitmproxy, all over TLS and in one
//! run.
//!
//! `cargo bench --bench proxy [-- STREAMS… | many | fast | slow] [WAY…]`: delays with this many streams at once (1 and
//! 200), 2,000 streams for a minute and the
//! memory that they take, throughput alone, delays alone; of these ways only (socat, sniff, …). Delay: from before the
//! server's write of a chunk to the kernel's time of its arrival at the client
//! (SO_TIMESTAMPNS), over what the plain relay has. CPU: user and system time of the program and its children, reading
//! and storing included.
//! Programs that are not installed are left out: socat, haproxy, target/venv/mitmproxy/bin/mitmdump.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

#[path = "../tests/support/door.rs"]
#[allow(dead_code, unreachable_pub)]
mod door;
#[path = "../tests/proxy/tls.rs"]
#[allow(dead_code, unused_imports, unreachable_pub)]
mod tls;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Pause between the chunks of a stream, as a language model makes them.
const PACE: Duration = Duration::from_millis(20);
const CHUNKS: usize = 400;
/// Bytes of a chunk, about.
const PAD: usize = 160;
const STREAM: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as i64
}

/// `/N/MS`: N chunks with their time of sending, one write each, a pause between them; `/block/N`: N chunks, as many to
/// a write as go into 64 KiB, as a
/// gateway in a hurry writes them; `/bulk/MIB`: this many MiB in one body.
fn serve(mut stream: StreamOwned<ServerConnection, TcpStream>) {
    let head = door::read_head(&mut stream);
    let Some(path) = head.split(' ').nth(1) else { return };
    let mut parts = path.split('/').skip(1);
    let (kind, size) =
        (parts.next().unwrap_or_default(), parts.next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0));
    if kind == "bulk" {
        let block = vec![b'x'; 1 << 16];
        let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", size << 20);
        for _ in 0..size << 4 {
            if stream.write_all(&block).is_err() {
                return;
            }
        }
    } else if kind == "block" {
        let _ = stream.write_all(STREAM);
        let event = format!("data: {{\"t\":{},\"pad\":\"{}\"}}\n\n", now(), "x".repeat(PAD));
        let chunk = format!("{:x}\r\n{event}\r\n", event.len());
        let fit = (1 << 16) / chunk.len();
        let block = chunk.repeat(fit);
        let mut left = size as usize;
        while left > 0 {
            let n = left.min(fit);
            if stream.write_all(&block.as_bytes()[..n * chunk.len()]).is_err() {
                return;
            }
            left -= n;
        }
        let _ = stream.write_all(b"0\r\n\r\n");
    } else {
        let _ = stream.write_all(STREAM);
        for _ in 0..kind.parse().unwrap_or(0) {
            let event = format!("data: {{\"t\":{},\"pad\":\"{}\"}}\n\n", now(), "x".repeat(PAD));
            if write!(stream, "{:x}\r\n{event}\r\n", event.len()).and_then(|()| stream.flush()).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(size));
        }
        let _ = stream.write_all(b"0\r\n\r\n");
    }
    stream.conn.send_close_notify();
    let _ = stream.flush();
}

/// A socket whose reads tell when the kernel had the bytes.
struct Stamped {
    tcp: TcpStream,
    at: i64,
}

impl Read for Stamped {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        #[repr(align(8))]
        struct Control([u8; 64]);
        let mut control = Control([0; 64]);
        // SAFETY: recvmsg(2) gets pointers to live buffers with their lengths; control messages are walked with the
        // macros made for it.
        unsafe {
            let mut part = libc::iovec { iov_base: buf.as_mut_ptr().cast(), iov_len: buf.len() };
            let mut message: libc::msghdr = std::mem::zeroed();
            (message.msg_iov, message.msg_iovlen) = (&raw mut part, 1);
            (message.msg_control, message.msg_controllen) = (control.0.as_mut_ptr().cast(), control.0.len() as _);
            let n = libc::recvmsg(self.tcp.as_raw_fd(), &raw mut message, 0);
            let Ok(n) = usize::try_from(n) else { return Err(std::io::Error::last_os_error()) };
            self.at = now();
            let head = libc::CMSG_FIRSTHDR(&raw const message);
            if !head.is_null() && (*head).cmsg_type == libc::SCM_TIMESTAMPNS {
                let t: libc::timespec = std::ptr::read_unaligned(libc::CMSG_DATA(head).cast());
                self.at = t.tv_sec * 1_000_000_000 + t.tv_nsec;
            }
            Ok(n)
        }
    }
}

impl Write for Stamped {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        self.tcp.write(buf)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        self.tcp.flush()
    }
}

/// One way to the server.
struct Way {
    name: &'static str,
    /// Where to connect.
    at: SocketAddr,
    /// Ask there for a tunnel.
    tunnel: bool,
    /// Whom to trust.
    ca: PathBuf,
    /// Its process; 0: there is none.
    pid: u32,
    _running: Option<Running>,
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Way {
    fn open(&self, server: SocketAddr) -> StreamOwned<ClientConnection, Stamped> {
        let mut tcp = TcpStream::connect(self.at).unwrap();
        tcp.set_nodelay(true).unwrap();
        if self.tunnel {
            write!(tcp, "CONNECT localhost:{0} HTTP/1.1\r\nHost: localhost:{0}\r\n\r\n", server.port()).unwrap();
            let head = door::read_head(&mut tcp);
            assert!(head.contains(" 200"), "{}: {head}", self.name);
        }
        let on = 1_i32;
        // SAFETY: pointer and length describe a live value.
        unsafe { libc::setsockopt(tcp.as_raw_fd(), libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, (&raw const on).cast(), 4) };
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&self.ca).unwrap()).unwrap();
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let conn = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap();
        StreamOwned::new(conn, Stamped { tcp, at: 0 })
    }

    /// Delays of all chunks of this many streams at once, in ns, sorted. `chunks` each, one every `pace`; the streams
    /// begin `apart` from each other.
    fn delays(
        &self,
        server: SocketAddr,
        streams: usize,
        (chunks, pace): (usize, Duration),
        apart: Duration,
    ) -> Vec<i64> {
        let one = |n: usize| {
            std::thread::sleep(apart * n as u32 + Duration::from_micros((n * 7919 % 20_000) as u64));
            let mut stream = self.open(server);
            write!(
                stream,
                "GET /{chunks}/{} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                pace.as_millis()
            )
            .unwrap();
            let (mut delays, mut text, mut part) = (Vec::with_capacity(chunks), String::new(), [0; 4096]);
            while let Ok(n @ 1..) = stream.read(&mut part) {
                text.push_str(&String::from_utf8_lossy(&part[..n]));
                while let Some(end) = text.find("\n\n") {
                    if let Some(t) =
                        text[..end].split("\"t\":").nth(1).and_then(|t| t.split(',').next()?.parse::<i64>().ok())
                    {
                        delays.push(stream.sock.at - t);
                    }
                    text.drain(..end + 2);
                }
            }
            assert_eq!(delays.len(), chunks, "{} lost chunks", self.name);
            // The first ones pay for connections and caches.
            delays.split_off(chunks / 10)
        };
        let mut all: Vec<i64> = std::thread::scope(|scope| {
            let running: Vec<_> = (0..streams).map(|n| scope.spawn(move || one(n))).collect();
            running.into_iter().flat_map(|t| t.join().expect("a stream broke")).collect()
        });
        all.sort_unstable();
        all
    }

    /// Seconds for this many answers of `path` at once, and for their CPU.
    fn timed(&self, server: SocketAddr, streams: usize, path: &str) -> (f64, f64) {
        let one = || {
            let mut stream = self.open(server);
            write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
            let (mut part, mut tail) = (vec![0; 1 << 16], Vec::new());
            let mut all = 0;
            while let Ok(n @ 1..) = stream.read(&mut part) {
                all += n;
                tail.extend_from_slice(&part[n.saturating_sub(8)..n]);
                tail.drain(..tail.len().saturating_sub(8));
            }
            let bulk = path.strip_prefix("/bulk/").and_then(|n| n.parse::<usize>().ok());
            assert!(
                bulk.map_or(tail.ends_with(b"\r\n0\r\n\r\n"), |mib| all > mib << 20),
                "{} cut {path} short",
                self.name
            );
        };
        let before = self.cpu();
        let begin = Instant::now();
        std::thread::scope(|scope| (0..streams).for_each(|_| drop(scope.spawn(one))));
        (begin.elapsed().as_secs_f64(), self.cpu_after(before))
    }

    /// Seconds of CPU that it and its children have used.
    fn cpu(&self) -> f64 {
        if self.pid == 0 {
            return f64::NAN;
        }
        let stat = |pid: u32| {
            let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let fields: Vec<u64> = text.rsplit(") ").next()?.split(' ').map(|f| f.parse().unwrap_or(0)).collect();
            // proc_pid_stat(5): 4 ppid, 14 to 17 utime, stime, cutime, cstime; here from 3 on.
            Some((fields[1] as u32, fields[11..15].iter().sum::<u64>()))
        };
        let all: Vec<u32> = std::fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter_map(|e| e.file_name().to_str()?.parse().ok())
            .collect();
        let parents: std::collections::HashMap<u32, (u32, u64)> =
            all.iter().filter_map(|&pid| Some((pid, stat(pid)?))).collect();
        let is_ours = |mut pid: u32| {
            while pid != self.pid && pid > 1 {
                pid = parents.get(&pid).map_or(0, |p| p.0);
            }
            pid == self.pid
        };
        let ticks: u64 = parents.iter().filter(|(pid, _)| is_ours(**pid)).map(|(_, p)| p.1).sum();
        // SAFETY: sysconf(3) takes a number.
        ticks as f64 / unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as f64
    }

    /// The same since then, once it has come to rest: what was read on the side counts too.
    fn cpu_after(&self, before: f64) -> f64 {
        let mut last = self.cpu();
        loop {
            std::thread::sleep(Duration::from_millis(700));
            let next = self.cpu();
            if next.is_nan() || next - last < 0.03 {
                return next - before;
            }
            last = next;
        }
    }
}

/// Two sockets for each stream.
fn allow_many_sockets() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls get a pointer to a live value.
    unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        limit.rlim_cur = limit.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
    }
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Start it and wait until it listens; none where it is not installed.
fn start(command: &mut Command, at: SocketAddr) -> Option<Running> {
    let running = Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?);
    let end = Instant::now() + Duration::from_secs(60);
    while TcpStream::connect(at).is_err() {
        if Instant::now() > end {
            eprintln!("left out: {command:?} does not listen");
            return None;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Some(running)
}

fn ways(server: SocketAddr, folder: &Path, door: &door::Door) -> Vec<Way> {
    let theirs = folder.join("upstream-ca.pem");
    let way = |name, at, tunnel, ca: &Path, running: Option<Running>| {
        let pid = running.as_ref().map_or(0, |r| r.0.id());
        Way { name, at, tunnel, ca: ca.to_owned(), pid, _running: running }
    };
    let mut all = vec![way("direct", server, false, &theirs, None)];
    let at = free();
    let mut socat = Command::new("socat");
    socat
        .arg(format!("TCP-LISTEN:{},fork,reuseaddr,nodelay,backlog=512", at.port()))
        .arg(format!("TCP:{server},nodelay"));
    all.extend(start(&mut socat, at).map(|r| way("socat", at, false, &theirs, Some(r))));
    let at = free();
    let config = format!(
        "defaults\n mode tcp\n timeout connect 5s\n timeout client 5m\n timeout server 5m\nlisten l\n bind {at}\n \
            server s {server}\n"
    );
    std::fs::write(folder.join("haproxy.cfg"), config).unwrap();
    let mut haproxy = Command::new("haproxy");
    haproxy.arg("-f").arg(folder.join("haproxy.cfg"));
    all.extend(start(&mut haproxy, at).map(|r| way("haproxy", at, false, &theirs, Some(r))));
    all.push(Way { pid: door.pid(), ..way("sniff proxy", door.address, true, &door.ca(), None) });
    let at = free();
    let mut mitm = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("target/venv/mitmproxy/bin/mitmdump"));
    mitm.args([
        "-q",
        "--ssl-insecure",
        "--set",
        "stream_large_bodies=1",
        "--listen-host",
        "127.0.0.1",
        "-p",
        &at.port().to_string(),
    ]);
    mitm.arg("--set").arg(format!("confdir={}", folder.display()));
    all.extend(
        start(&mut mitm, at).map(|r| way("mitmproxy", at, true, &folder.join("mitmproxy-ca-cert.pem"), Some(r))),
    );
    all
}

fn main() {
    let streams: Vec<usize> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let is = |word: &str| std::env::args().any(|a| a == word);
    let streams = if streams.is_empty() && !is("many") && !is("fast") { vec![1, 200] } else { streams };
    allow_many_sockets();
    let identity = tls::Identity::new();
    let folder = identity.folder();
    let config = identity.server(&[]);
    let server = door::server(move |tcp| serve(StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), tcp)));
    let door = door::Door::open_in(identity.folder(), &["--upstream-ca", "upstream-ca.pem"]);
    let mut sent = 0;
    if is("many") {
        // Every chunk of every one must arrive, or `delays` says so; all 2,000 run at once for the last minute.
        let way =
            Way { name: "sniff proxy", at: door.address, tunnel: true, ca: door.ca(), pid: door.pid(), _running: None };
        let (all, cpu) =
            (way.delays(server, 2000, (160, Duration::from_millis(500)), Duration::from_millis(10)), way.cpu());
        let at = |p: usize| all[all.len() * p / 100] as f64 / 1e3;
        println!(
            "\n2,000 streams for a minute: all {} chunks came; {} MiB at most; {cpu:.1} s of CPU",
            2000 * 160,
            door.peak_memory()
        );
        println!("delays in µs: p50 {:.0}, p90 {:.0}, p99 {:.0}", at(50), at(90), at(99));
        return recorded(door, 2000 * 160);
    }
    let mut ways = ways(server, folder.path(), &door);
    let named = |way: &Way| way.name.split(' ').any(is);
    if ways.iter().any(named) {
        ways.retain(named);
    }
    for n in &streams {
        println!("\nDelay of a chunk, {n} at once, {CHUNKS} chunks each, one every {} ms (µs)", PACE.as_millis());
        println!(
            "{:<14}{:>9}{:>9}{:>9}{:>9}{:>16}   over the plain relay: p50, p99",
            "", "p50", "p90", "p99", "max", "CPU ms/1000"
        );
        let mut relay: Option<[f64; 2]> = None;
        for way in &ways {
            let before = way.cpu();
            let all = way.delays(server, *n, (CHUNKS, PACE), Duration::ZERO);
            let cpu = way.cpu_after(before) * 1e6 / (n * CHUNKS) as f64;
            let at = |p: usize| all[(all.len() * p / 100).min(all.len() - 1)] as f64 / 1e3;
            let over = relay
                .filter(|_| way.tunnel)
                .map(|r| format!("   {:+.0}, {:+.0}", at(50) - r[0], at(99) - r[1]))
                .unwrap_or_default();
            println!("{:<14}{:>9.0}{:>9.0}{:>9.0}{:>9.0}{cpu:>16.1}{over}", way.name, at(50), at(90), at(99), at(100));
            if way.name == "socat" || way.name == "haproxy" {
                relay = Some(relay.map_or([at(50), at(99)], |r| [r[0].min(at(50)), r[1].min(at(99))]));
            }
            sent += if way.name == "sniff proxy" { n * CHUNKS } else { 0 };
        }
    }
    for (title, unit, streams, kind, each) in [
        ("one stream, a write for each chunk", "chunks", 1, "chunks", 20_000),
        ("one stream, chunks written in blocks", "chunks", 1, "block", 200_000),
        ("50 streams at once, a write for each chunk", "chunks", 50, "chunks", 1000),
        ("50 streams at once, chunks written in blocks", "chunks", 50, "block", 10_000),
        ("one stream, one body", "MiB", 1, "bulk", 512),
        ("50 streams at once, one body each", "MiB", 50, "bulk", 16),
    ]
    .into_iter()
    .filter(|_| !is("slow"))
    {
        let path = if kind == "chunks" { format!("/{each}/0") } else { format!("/{kind}/{each}") };
        let all = (streams * each) as f64;
        let per = if unit == "MiB" { "CPU ms/MiB" } else { "CPU ms/1000" };
        println!("\nThroughput, {title}\n{:<14}{:>14}{per:>14}", "", format!("{unit}/s"));
        let mut ours = (0.0, 0.0);
        for way in &ways {
            let (seconds, cpu) = way.timed(server, streams, &path);
            let (rate, cpu) = (all / seconds, cpu * 1e3 / all * if unit == "MiB" { 1.0 } else { 1e3 });
            let over = match way.name {
                "mitmproxy" => {
                    format!("   sniff proxy: {:.1} times as much, at 1/{:.1} of the CPU", ours.0 / rate, cpu / ours.1)
                }
                _ => String::new(),
            };
            println!("{:<14}{rate:>14.0}{cpu:>14.3}{over}", way.name);
            if way.name == "sniff proxy" {
                ours = (rate, cpu);
                sent += if unit == "chunks" { streams * each } else { 0 };
            }
        }
    }
    println!("\nsniff proxy: {} MiB at most", door.peak_memory());
    recorded(door, sent);
}

/// What became of all that, in the recording: what is not in it must have been said.
fn recorded(door: door::Door, sent: usize) {
    std::thread::sleep(Duration::from_secs(2));
    let said = door.lines("not recorded");
    let list = door.close();
    let chunks: u64 = list.iter().filter_map(|e| e["response"]["chunks"].as_u64()).sum();
    let holes = list.iter().filter(|e| e["tcp"]["hole"] == true).count();
    println!(
        "chunks sent {sent}, recorded {chunks}; connections with a hole: {holes} of {}; said: {said:?}",
        list.len()
    );
    assert!(chunks as usize >= sent || (holes > 0 && !said.is_empty()), "a loss that was not reported");
}
