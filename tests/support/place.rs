//! A temporary folder, the program run in it, and exchanges of known times and bytes to record there.

use super::packets::{Talk, pcap};
use serde_json::Value;
use sniff::conn::Direction::{ToClient, ToServer};
use std::path::PathBuf;
use std::process::{Command, Output};

/// Time of the first packet: 2026-11-22T23:31:16Z.
pub const T0: i64 = 1_795_390_276_000_000_000;
pub const MS: i64 = 1_000_000;

pub struct Place(tempfile::TempDir);

impl Place {
    pub fn new() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Place {
        std::fs::write(self.path(name), bytes).unwrap();
        self
    }

    /// `sniff` with these arguments, without what the environment would add.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sniff"));
        command.args(args).current_dir(self.0.path());
        for variable in ["SNIFF_DB", "SNIFF_CONFIG", "SSLKEYLOGFILE", "COLUMNS", "NO_COLOR"] {
            command.env_remove(variable);
        }
        command
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs the program, expects this exit code and returns both outputs.
    pub fn want(&self, code: i32, args: &[&str]) -> (String, String) {
        let o = self.run(args);
        let [out, err] = [o.stdout, o.stderr].map(|b| String::from_utf8(b).unwrap());
        assert_eq!(o.status.code(), Some(code), "{args:?}\n{out}\n{err}");
        assert!(!err.contains("panicked"), "{err}");
        (out, err)
    }

    /// Its standard output; the program must succeed.
    pub fn out(&self, args: &[&str]) -> String {
        self.want(0, args).0
    }

    pub fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.out(args)).unwrap()
    }

    /// Records these packets into `sniff.db`, without hiding secrets.
    pub fn record(&self, talks: &[&Talk]) -> &Place {
        let mut frames: Vec<_> = talks.iter().flat_map(|t| t.frames.clone()).collect();
        frames.sort_by_key(|(at, _)| *at);
        self.write("a.pcap", pcap(&frames)).want(0, &["-q", "--store-secrets", "--read", "a.pcap"]);
        self
    }

    /// The database, to change values in it or to read it.
    pub fn db(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path("sniff.db")).unwrap()
    }
}

/// Bytes at a time in ms after [`T0`]. Each client number is a separate connection.
pub type Step<'b> = (i64, sniff::conn::Direction, &'b [u8]);

/// One connection with these messages.
pub fn talk(client: u16, steps: &[Step<'_>]) -> Talk {
    let mut talk = Talk::open(T0 + steps.first().map_or(0, |s| s.0) * MS);
    // The handshake is sent again from this port.
    let opened = std::mem::take(&mut talk.frames);
    talk.client.port = 40_000 + client;
    talk.frames = opened.into_iter().map(|(at, frame)| (at, with_port(frame, talk.client.port))).collect();
    for (ms, dir, bytes) in steps {
        talk.now = T0 + ms * MS;
        talk.data(*dir, bytes, 1448);
    }
    talk.fin(ToClient);
    talk.fin(ToServer);
    talk
}

fn with_port(mut frame: Vec<u8>, port: u16) -> Vec<u8> {
    // Ethernet has 14 bytes, IPv4 20; the server's port is 8000.
    let at = if frame[34..36] == 8000u16.to_be_bytes() { 36 } else { 34 };
    frame[at..at + 2].copy_from_slice(&port.to_be_bytes());
    frame
}

/// A place where a request with this method, target, fields and body is recorded, with a short answer.
pub fn asked(start: &str, fields: &str, body: &[u8]) -> Place {
    let head = format!("{start} HTTP/1.1\r\nHost: api.example:8000\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
    let p = Place::new();
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    p.record(&[&talk(0, &[(0, ToServer, &[head.as_bytes(), body].concat()), (10, ToClient, answer)])]);
    p
}

pub fn chunk(data: &str) -> String {
    format!("{:x}\r\n{data}\r\n", data.len())
}

/// A delta of an OpenAI chat stream, as an event.
pub fn delta(text: &str) -> String {
    let choice = format!("{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}},\"finish_reason\":null}}");
    let id = "chatcmpl-152e4edf8b024db393e7";
    format!(
        "data: {{\"id\":\"{id}\",\"object\":\"chat.completion.chunk\",\"created\":1764124490,\"model\":\"m\",\"choices\":[{choice}]}}\n\n"
    )
}
