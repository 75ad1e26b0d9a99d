//! `sniff proxy` as a process, peers on loopback around it, and what it recorded.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Far longer than needed: only a process that hangs reaches it.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running proxy with its own authority and database.
pub struct Door {
    child: Child,
    home: tempfile::TempDir,
    pub address: SocketAddr,
    /// Lines on its standard error.
    said: Arc<Mutex<Vec<String>>>,
}

impl Door {
    pub fn open(options: &[&str]) -> Door {
        let home = tempfile::tempdir().unwrap();
        Door::open_in(home, options)
    }

    /// Opens it in a folder that already has the files for the options.
    pub fn open_in(home: tempfile::TempDir, options: &[&str]) -> Door {
        Door::open_with(home, options, &[])
    }

    /// Opens it with environment variables too.
    pub fn open_with(home: tempfile::TempDir, options: &[&str], environment: &[(&str, &str)]) -> Door {
        let mut command = sniff(home.path());
        command.envs(environment.iter().copied());
        let listen: &[&str] = if options.contains(&"--listen") { &[] } else { &["--listen", "127.0.0.1:0"] };
        command.arg("proxy").args(listen).args(options);
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("sniff proxy starts");
        let said = Arc::new(Mutex::new(Vec::new()));
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let first = lines.next().and_then(Result::ok).unwrap_or_default();
        let address = first.split(" on http://").nth(1).and_then(|rest| rest.split(';').next()?.parse().ok());
        let Some(address) = address else {
            let _ = child.kill();
            panic!("sniff proxy said {first:?} {}", lines.map_while(Result::ok).collect::<Vec<_>>().join("\n"));
        };
        let theirs = said.clone();
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| theirs.lock().unwrap().push(line)));
        Door { child, home, address, said }
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Path of the authority's certificate.
    pub fn ca(&self) -> PathBuf {
        self.home().join("sniff/ca.pem")
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn said(&self, words: &str) -> bool {
        !self.lines(words).is_empty()
    }

    /// The lines of its standard error that contain these words.
    pub fn lines(&self, words: &str) -> Vec<String> {
        self.said.lock().unwrap().iter().filter(|line| line.contains(words)).cloned().collect()
    }

    /// Waits until a line contains these words.
    pub fn wait_for(&self, words: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.said(words) {
            assert!(Instant::now() < end, "never said {words:?}: {:#?}", self.said.lock().unwrap());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A connection to the proxy.
    pub fn connect(&self) -> TcpStream {
        patient(TcpStream::connect(self.address).unwrap())
    }

    /// Opens a tunnel; returns the answer to CONNECT, and the stream after it.
    pub fn tunnel(&self, to: &str) -> (String, TcpStream) {
        let mut stream = self.connect();
        write!(stream, "CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n").unwrap();
        (read_head(&mut stream), stream)
    }

    /// Peak resident memory in MiB.
    pub fn peak_memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() / 1024
    }

    /// Sends SIGINT, expects a normal end, and returns the recorded exchanges.
    pub fn close(self) -> Vec<Value> {
        self.close_keeping().0
    }

    /// The same, and the folder with the database.
    pub fn close_keeping(mut self) -> (Vec<Value>, tempfile::TempDir) {
        // SAFETY: kill(2) with the pid of a child that has not been waited for.
        unsafe { libc::kill(self.child.id() as i32, libc::SIGINT) };
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "ended with {status}: {:#?}", self.said.lock().unwrap());
                break;
            }
            assert!(Instant::now() < end, "does not stop on SIGINT");
            std::thread::sleep(Duration::from_millis(20));
        }
        let home = std::mem::replace(&mut self.home, tempfile::tempdir().unwrap());
        (listed(home.path()), home)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program, with its data in `home`, without the caller's proxies and secrets.
pub fn sniff(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sniff"));
    command.env("XDG_DATA_HOME", home).env("SNIFF_DB", home.join("sniff.db")).current_dir(home);
    for name in
        ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSLKEYLOGFILE", "SSL_CERT_FILE", "SNIFF_PROXY_AUTH"]
    {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    command
}

/// `sniff list` of the database in `home`.
pub fn listed(home: &Path) -> Vec<Value> {
    let out = sniff(home).args(["list", "--format", "jsonl"]).output().unwrap();
    String::from_utf8(out.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// `sniff show ID`.
pub fn shown(home: &Path, id: i64) -> Value {
    let out = sniff(home).args(["show", &id.to_string(), "--format", "json"]).output().unwrap();
    serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&out.stderr)))
}

/// A server that passes each connection to `serve` as long as the test runs. Returns its address.
pub fn server(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let serve = serve.clone();
            std::thread::spawn(move || serve(patient(stream)));
        }
    });
    address
}

/// Reads bytes up to the empty line.
pub fn read_head(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// Makes a close send RST.
pub fn reset(stream: TcpStream) {
    use std::os::fd::AsRawFd;
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    let (value, len) = (std::ptr::from_ref(&linger).cast(), size_of::<libc::linger>() as u32);
    // SAFETY: the descriptor is open, and pointer and length describe a live value.
    unsafe { libc::setsockopt(stream.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LINGER, value, len) };
}

fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}
