//! The door in the path: a proxy that opens TLS, relays every byte unchanged, and hands a copy to the waist.
//!
//! ```text
//! accept ─▶ session: what does the client want? ─▶ connect: upstream ─▶ relay ◀─▶ relay
//!                                                                        │ copies, times
//!                                                                        ▼
//!                                                                       tee ─▶ analysis (another thread)
//! ```
//! Upstream is asked first, and the client is offered exactly what upstream chose. Nothing here reads HTTP but the
//! heads that must be edited: absolute
//! form and reverse mode. What is relayed never depends on what is read from it.

#[forbid(unsafe_code)]
mod answers;
#[forbid(unsafe_code)]
mod auth;
#[forbid(unsafe_code)]
pub mod ca;
#[forbid(unsafe_code)]
mod chunks;
#[forbid(unsafe_code)]
mod clock;
#[forbid(unsafe_code)]
mod connect;
#[forbid(unsafe_code)]
mod head;
#[forbid(unsafe_code)]
mod refuse;
#[forbid(unsafe_code)]
mod relay;
#[forbid(unsafe_code)]
mod requests;
#[forbid(unsafe_code)]
mod roots;
#[forbid(unsafe_code)]
mod session;
#[forbid(unsafe_code)]
mod shard;
#[forbid(unsafe_code)]
mod socks;
mod stream;
#[forbid(unsafe_code)]
mod target;
#[forbid(unsafe_code)]
mod tee;
mod threads;

pub use auth::Credentials;
pub use ca::Authority;
pub use requests::passed_on;
pub use roots::Roots;
pub use target::{Beyond, Hosts, Upstream};
pub use tee::{Hop, Tee, TeeEvent, TeeWhat};
pub use threads::lower_priority;

use anyhow::{Context, Result};
use shard::Shard;
use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Handle;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};

/// Notices of one kind and host are printed once; this is the maximum of different ones.
const SAID: usize = 1024;
/// Connections that may wait to be accepted: a thousand clients may come at once. The kernel may cap this
/// (`somaxconn`).
const BACKLOG: u32 = 4096;

/// The cryptography of the whole proxy.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// How the proxy behaves.
#[derive(Debug)]
pub struct Config {
    /// Reverse mode: everything goes there.
    pub upstream: Option<Upstream>,
    /// Signs certificates for clients.
    pub authority: Authority,
    /// Certificates that are trusted upstream.
    pub roots: Roots,
    /// Hosts whose certificates are not verified.
    pub insecure: Hosts,
    /// Hosts that are relayed without being decrypted.
    pub passthrough: Hosts,
    /// Other proxies on the way to the servers.
    pub beyond: Beyond,
    /// Required credentials; none: every client may use it.
    pub credentials: Option<Credentials>,
    /// Servers of this machine and its link that clients of other machines may reach.
    pub targets: Hosts,
    /// Requests whose end another reader may see elsewhere are refused.
    pub strict: bool,
    /// Addresses that it listens on; filled in by [`start`].
    pub listens: Vec<SocketAddr>,
}

impl Config {
    /// A connection to this address would come back to this proxy. The unspecified address leads to this machine.
    fn is_self(&self, address: SocketAddr) -> bool {
        let local = |ip: IpAddr| ip.is_unspecified() || is_private(ip);
        self.listens.iter().any(|own| {
            own.port() == address.port()
                && (own.ip() == address.ip()
                    || (own.ip().is_unspecified() && local(address.ip()))
                    || (address.ip().is_unspecified() && local(own.ip())))
        })
    }

    /// This connection has come back to this proxy, which listens on all addresses of the machine.
    fn is_self_by_wildcard(&self, tcp: &tokio::net::TcpStream) -> bool {
        let (Ok(here), Ok(there)) = (tcp.local_addr(), tcp.peer_addr()) else { return false };
        let all = |own: &SocketAddr| own.ip().is_unspecified() && own.port() == there.port();
        here.ip() == there.ip() && self.listens.iter().any(all)
    }

    /// A client may have this proxy connect to this address of `server`. If other machines can reach the proxy, its own
    /// machine and link are out of bounds but for the targets that the user allows.
    fn may_reach(&self, server: &target::Authority, address: IpAddr) -> bool {
        let exposed = self.listens.iter().any(|own| !is_private(own.ip()));
        !exposed || !is_near(address) || self.targets.contain(&server.host, server.port)
    }
}

/// Loopback, the unspecified address and link-local ones, also in IPv6's forms of IPv4 addresses: what only this
/// machine and its link reach (RFC 6890).
fn is_near(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_link_local() || ip.octets()[0] == 0,
        IpAddr::V6(ip) => {
            let v4 = ip.to_ipv4().filter(|_| !ip.is_loopback() && !ip.is_unspecified());
            ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_unicast_link_local()
                || v4.is_some_and(|v4| is_near(IpAddr::V4(v4)))
        }
    }
}

/// A proxy that runs until it is dropped.
#[derive(Debug)]
pub struct Server {
    shards: Vec<Shard>,
    address: SocketAddr,
}

/// What all sessions share.
#[derive(Debug)]
struct Around {
    config: Config,
    tee: Tee,
    said: Mutex<HashSet<String>>,
}

impl Around {
    /// Prints each text once.
    fn notice(&self, text: String) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() < SAID && said.insert(text.clone()) {
            self.tee.notice(text);
        }
    }
}

impl Server {
    /// Serves what [`bind`] listens for, on its own threads.
    pub fn start(listener: std::net::TcpListener, mut config: Config, tee: Tee) -> Result<Server> {
        let shards = Shard::start_all().context("cannot start threads")?;
        let address = listener.local_addr().context("cannot read the local address")?;
        let listener = {
            let _runtime = shards.first().map(|s| s.handle().enter());
            listener.set_nonblocking(true)?;
            TcpListener::from_std(listener)?
        };
        config.listens.push(address);
        let around = Arc::new(Around { config, tee, said: Mutex::default() });
        let handles: Vec<Handle> = shards.iter().map(|s| s.handle().clone()).collect();
        if let Some(first) = shards.first() {
            first.handle().spawn(accept(listener, handles, around));
        }
        Ok(Server { shards, address })
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts no more connections and ends the open ones.
    pub fn stop(&mut self) {
        // Sessions are dropped where they wait, which reports their end to the tee.
        self.shards.clear();
    }
}

/// Listens on this address; clients wait until [`Server::start`].
pub fn bind(listen: SocketAddr) -> Result<std::net::TcpListener> {
    let bound = || {
        // Only while the socket is made: `Server::start` hands it to the runtime that accepts.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let _runtime = runtime.enter();
        listener(listen)?.into_std()
    };
    bound().with_context(|| format!("cannot listen on {listen}"))
}

fn listener(listen: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if listen.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(listen)?;
    socket.listen(BACKLOG)
}

async fn accept(listener: TcpListener, shards: Vec<Handle>, around: Arc<Around>) {
    let mut next = shards.iter().cycle();
    loop {
        match listener.accept().await {
            Ok((tcp, peer)) => {
                let (Ok(tcp), Some(shard)) = (tcp.into_std(), next.next()) else { continue };
                shard.spawn(session::serve(tcp, peer, around.clone()));
            }
            Err(e) => {
                // Most likely no descriptors are left: open connections will end and free theirs.
                around.notice(format!("cannot accept connections: {e}"));
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
}

/// The proxy may listen on this address without credentials.
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.to_ipv4_mapped().is_some_and(|ip| ip.is_loopback()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn near_addresses() {
        for (address, near) in [
            ("127.0.0.1", true),
            ("127.8.9.1", true),
            ("0.0.0.0", true),
            ("0.1.2.3", true),
            ("169.254.169.254", true),
            ("::1", true),
            ("::", true),
            ("fe80::1", true),
            ("::ffff:127.0.0.1", true),
            ("::ffff:169.254.169.254", true),
            ("::127.0.0.1", true),
            ("10.0.0.1", false),
            ("192.0.2.1", false),
            ("::ffff:192.0.2.1", false),
            ("2001:db8::1", false),
            ("fd00::1", false),
        ] {
            assert_eq!(is_near(address.parse().unwrap()), near, "{address}");
        }
    }
}
