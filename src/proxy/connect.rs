//! The way to upstream: names to addresses, through another proxy if the environment names one, TLS on top. A failure
//! knows which status or alert the client gets.

use super::Config;
use super::stream::{Side, Wire};
use super::target::{Authority, Parent, Scheme};
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{AlertDescription, Error as TlsError};
use tokio_rustls::{TlsConnector, TlsStream};

/// Time limit of one address if others are left to try.
const ATTEMPT: Duration = Duration::from_secs(10);
/// Time limit of a connection attempt or a handshake.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why upstream was not reached.
#[derive(Debug)]
pub(super) enum Failure {
    /// Its name has no address.
    NoAddress(String),
    Connect(io::Error),
    TimedOut,
    /// It is this proxy.
    Loop,
    /// An address of this machine or its link, which clients of other machines may not reach.
    NotAllowed(IpAddr),
    /// Another proxy on the way did not open a tunnel; what it answered.
    Parent(String),
    Tls(TlsError),
    Handshake(io::Error),
}

impl Failure {
    /// The status that the proxy answers with (RFC 9110 section 15.6).
    pub(super) fn status(&self) -> (u16, &'static str) {
        match self {
            Failure::TimedOut => (504, "Gateway Timeout"),
            Failure::Loop => (508, "Loop Detected"),
            Failure::NotAllowed(_) => (403, "Forbidden"),
            _ => (502, "Bad Gateway"),
        }
    }

    /// The TLS alert with which upstream itself would end the handshake.
    pub(super) fn alert(&self) -> u8 {
        match self {
            // The alert that upstream sent to the proxy is the one that the client would have got.
            Failure::Tls(TlsError::AlertReceived(alert)) => u8::from(*alert),
            _ => u8::from(AlertDescription::HandshakeFailure),
        }
    }

    /// Upstream's certificate is at fault.
    pub(super) fn is_untrusted(&self) -> bool {
        matches!(self, Failure::Tls(TlsError::InvalidCertificate(_)))
    }

    pub(super) fn is_refused(&self) -> bool {
        matches!(self, Failure::Connect(e) if e.kind() == io::ErrorKind::ConnectionRefused)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::NoAddress(why) => write!(f, "its name has no address ({})", plain(why)),
            Failure::Connect(e) => f.write_str(plain(&e.to_string())),
            Failure::TimedOut => write!(f, "no answer within {} s", PATIENCE.as_secs()),
            Failure::Loop => write!(f, "that is this proxy itself"),
            Failure::NotAllowed(ip) => {
                write!(f, "{ip} belongs to this machine or its link, and this proxy can be reached from other machines")
            }
            Failure::Parent(why) => write!(f, "the next proxy (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY) answered: {why}"),
            Failure::Tls(TlsError::InvalidCertificate(e)) => write!(f, "its certificate is not trusted: {e}"),
            Failure::Tls(e) => write!(f, "TLS failed: {e}"),
            Failure::Handshake(e) => write!(f, "the TLS handshake broke off: {}", plain(&e.to_string())),
        }
    }
}

/// The message without the number of the operating system's error.
fn plain(text: &str) -> &str {
    text.split(" (os error").next().unwrap_or(text)
}

/// A TCP connection to this server, directly or through another proxy, with the address of its peer.
pub(super) async fn tcp(config: &Config, scheme: Scheme, server: &Authority) -> Result<Wire, Failure> {
    match config.beyond.before(scheme, server) {
        // The user named the upstream; a client names any other server.
        None => dial(config, server, config.upstream.is_none()).await,
        Some(parent) => {
            let mut wire = dial(config, &parent.authority, false).await?;
            // Plain HTTP goes to the proxy unchanged; anything else needs a tunnel.
            if scheme == Scheme::Https {
                timeout(PATIENCE, tunnel(&mut wire, parent, server)).await.map_err(|_| Failure::TimedOut)??;
            }
            Ok(wire)
        }
    }
}

/// `by_client`: a client named the server, so it must be one that clients may reach.
async fn dial(config: &Config, server: &Authority, by_client: bool) -> Result<Wire, Failure> {
    let lookup = tokio::net::lookup_host((server.host.as_str(), server.port));
    let found = timeout(PATIENCE, lookup).await.map_err(|_| Failure::TimedOut)?;
    let addresses: Vec<SocketAddr> = found.map_err(|e| Failure::NoAddress(e.to_string()))?.collect();
    let mut last = Failure::NoAddress("none was found".into());
    for (n, address) in addresses.iter().enumerate() {
        if config.is_self(*address) {
            return Err(Failure::Loop);
        }
        // The address that is dialled is the one that was looked at: another answer of the name server changes nothing.
        if by_client && !config.may_reach(server, address.ip()) {
            last = Failure::NotAllowed(address.ip());
            continue;
        }
        let limit = if n + 1 < addresses.len() { ATTEMPT } else { PATIENCE };
        match timeout(limit, TcpStream::connect(address)).await {
            // An own address that only the kernel knows, of a proxy that listens on all of them.
            Ok(Ok(tcp)) if config.is_self_by_wildcard(&tcp) => return Err(Failure::Loop),
            Ok(Ok(tcp)) => return Ok(Wire::new(tcp)),
            Ok(Err(e)) => last = Failure::Connect(e),
            Err(_) => last = Failure::TimedOut,
        }
    }
    Err(last)
}

/// CONNECT at another proxy (RFC 9110 section 9.3.6).
async fn tunnel(wire: &mut Wire, parent: &Parent, server: &Authority) -> Result<(), Failure> {
    let credentials = parent.credentials.as_ref().map(|c| format!("Proxy-Authorization: {c}\r\n")).unwrap_or_default();
    let request = format!("CONNECT {server} HTTP/1.1\r\nHost: {server}\r\n{credentials}\r\n");
    wire.write_all(request.as_bytes()).await.map_err(Failure::Connect)?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        // Byte by byte: what follows the head belongs to the tunnel.
        let byte = wire.read_u8().await.map_err(|_| Failure::Parent("nothing".into()))?;
        head.push(byte);
        if head.len() > 64 << 10 {
            return Err(Failure::Parent("no end of its head".into()));
        }
    }
    let line = head.split(|&b| b == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line).into_owned();
    let status = line.split(' ').nth(1).unwrap_or_default();
    if status.len() == 3 && status.starts_with('2') { Ok(()) } else { Err(Failure::Parent(line)) }
}

/// TLS to upstream: verified under `name`, with the protocols that the client offers.
pub(super) async fn tls(
    config: &Config,
    wire: Wire,
    name: &str,
    port: u16,
    alpn: Vec<Vec<u8>>,
) -> Result<Side, Failure> {
    let server = ServerName::try_from(name.to_owned()).map_err(|e| Failure::NoAddress(e.to_string()))?;
    let client = if config.insecure.contain(name, port) { &config.roots.unverified } else { &config.roots.verified };
    let handshake = TlsConnector::from(client.clone()).with_alpn(alpn).connect(server, wire);
    match timeout(PATIENCE, handshake).await {
        Err(_) => Err(Failure::TimedOut),
        Ok(Ok(tls)) => Ok(Side::Tls(Box::new(TlsStream::Client(tls)))),
        Ok(Err(e)) => Err(match tls_error(&e) {
            Some(error) => Failure::Tls(error.clone()),
            None => Failure::Handshake(e),
        }),
    }
}

/// The TLS error inside an I/O error, if there is one.
pub(super) fn tls_error(e: &io::Error) -> Option<&TlsError> {
    e.get_ref()?.downcast_ref::<TlsError>()
}
