//! Why nothing was recorded: looks, every 100 ms and only until something is, for connections of the command's
//! processes that do not go to the proxy.

use crate::report::text::clean;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const PAUSE: Duration = Duration::from_millis(100);
/// Connections that are named.
const NAMED: usize = 3;

/// A thread that looks.
pub(super) struct Around {
    found: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
}

impl Around {
    /// Starts to look. Where the system shows nothing of other processes, nothing is found.
    pub(super) fn watch(command: u32, proxy: SocketAddr) -> Around {
        let around = Around { found: Arc::default(), stop: Arc::default() };
        let (found, stop) = (around.found.clone(), around.stop.clone());
        let look = move || {
            while !stop.load(Ordering::Relaxed) {
                for (program, server) in past(command, proxy) {
                    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                    let text = format!("{program} to {server}");
                    if found.len() < NAMED && !found.contains(&text) {
                        found.push(text);
                    }
                }
                std::thread::sleep(PAUSE);
            }
        };
        // Without the thread the message is less exact.
        let _ = std::thread::Builder::new().name("sniff-around".into()).spawn(look);
        around
    }

    /// Something was recorded: there is no question any more.
    pub(super) fn enough(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// What was seen of connections that did not go to the proxy.
    pub(super) fn said(&self) -> Vec<String> {
        self.enough();
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lines = vec!["sniff: the command made no connection through the proxy".to_owned()];
        match found.is_empty() {
            true => lines.push("  No other connection of it was seen either, in a look every 100 ms.".into()),
            false => lines.push(format!("  It went past the proxy: {}.", clean(&found.join(", ")))),
        }
        lines
    }
}

/// The connections of the command's processes that do not go to the proxy, by the program's name.
fn past(command: u32, proxy: SocketAddr) -> Vec<(String, SocketAddr)> {
    let mut out = Vec::new();
    for process in family(command) {
        let sockets = sockets_of(process);
        let name = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
        // Without a name it has just ended.
        if sockets.is_empty() || name.trim().is_empty() {
            continue;
        }
        let tables =
            ["tcp", "tcp6"].map(|name| fs::read_to_string(format!("/proc/{process}/net/{name}")).unwrap_or_default());
        let all: Vec<Row> = tables.iter().flat_map(|t| t.lines().skip(1)).filter_map(row).collect();
        // What the command accepts is none of its own.
        let listens: HashSet<u16> = all.iter().filter(|r| r.state == LISTEN).map(|r| r.local.port()).collect();
        let own = all.iter().filter(|r| r.state != LISTEN && sockets.contains(&r.inode));
        out.extend(
            own.filter(|r| r.remote != proxy && r.remote.port() != 0 && !listens.contains(&r.local.port()))
                .map(|r| (name.trim().to_owned(), r.remote)),
        );
    }
    out
}

/// The process and all that descend from it.
fn family(command: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let parents: HashMap<u32, u32> = processes
        .filter_map(|entry| {
            let process = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
            // The name in parentheses may have blanks and parentheses.
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some((process, parent))
        })
        .collect();
    let is_of = |process: &u32| {
        let mut at = *process;
        // A chain is as long as there are processes, at most.
        for _ in 0..parents.len() {
            if at == command {
                return true;
            }
            match parents.get(&at) {
                Some(parent) => at = *parent,
                None => return false,
            }
        }
        false
    };
    parents.keys().copied().filter(is_of).collect()
}

/// The inodes of a process's sockets.
fn sockets_of(process: u32) -> HashSet<u64> {
    let files = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    let inode = |target: &str| target.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok();
    files.filter_map(|file| inode(fs::read_link(file.path()).ok()?.to_str()?)).collect()
}

/// A line of `/proc/net/tcp`, proc(5).
#[derive(Debug, PartialEq, Eq)]
struct Row {
    local: SocketAddr,
    remote: SocketAddr,
    state: u8,
    inode: u64,
}

/// The state of a socket that listens.
const LISTEN: u8 = 0x0a;

fn row(line: &str) -> Option<Row> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [_, local, remote, state, _, _, _, _, _, inode, ..] = words[..] else { return None };
    let state = u8::from_str_radix(state, 16).ok()?;
    Some(Row { local: address(local)?, remote: address(remote)?, state, inode: inode.parse().ok()? })
}

/// `0100007F:1F90`: words in the order of the machine, the port as a number.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| Some(u32::from_str_radix(ip.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    let ip = match ip.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let bytes = [word(0)?, word(8)?, word(16)?, word(24)?].concat();
            Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn lines_of_the_kernels_tables() {
        let line =
            "   0: 0100007F:B3F8 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 12345 1 0";
        let row4 = row(line).unwrap();
        assert_eq!((row4.remote, row4.state, row4.inode), ("127.0.0.1:8080".parse().unwrap(), 1, 12345));
        let mapped = address("0000000000000000FFFF00000100007F:0050").unwrap();
        assert_eq!(mapped, "127.0.0.1:80".parse().unwrap());
        assert_eq!(address("00000000000000000000000001000000:01BB").unwrap(), "[::1]:443".parse().unwrap());
        assert_eq!((row("sl local_address"), address("x:1")), (None, None));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_connection_of_this_process_is_seen() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap();
        let _open = std::net::TcpStream::connect(server).unwrap();
        let elsewhere = "127.0.0.1:1".parse().unwrap();
        let seen = |proxy| past(std::process::id(), proxy).iter().any(|(_, to)| *to == server);
        assert!(seen(elsewhere) && !seen(server));
    }
}
