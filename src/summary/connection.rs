//! What `list --connections` says of a TCP connection, also of those that hold no exchange: unread TLS above all.

use crate::pipeline;
use serde::Serialize;
use std::net::IpAddr;

/// One connection. Absent is null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConnectionSummary {
    /// The recording run; 0 without a database.
    pub session: i64,
    /// Number within the session.
    pub stream: u32,
    /// First packet, nanoseconds since 1970.
    pub opened_ns: i64,
    /// Last packet.
    pub closed_ns: i64,
    /// The end that asks.
    pub client_ip: IpAddr,
    /// Its port.
    pub client_port: u16,
    /// The end that answers.
    pub server_ip: IpAddr,
    /// Its port.
    pub server_port: u16,
    /// What it spoke, as far as it could be read: `http/1`, `http/2`, `tls`, `other`, `unknown`.
    pub speaks: String,
    /// It was TLS.
    pub tls: bool,
    /// Server name asked for.
    pub sni: Option<String>,
    /// Protocol agreed on; TLS 1.3 tells it only with keys.
    pub alpn: Option<String>,
    /// Protocols that the client offered.
    pub alpn_offered: Vec<String>,
    /// Version agreed on, as `1.3`.
    pub tls_version: Option<String>,
    /// Cipher suite agreed on, by its number.
    pub tls_suite: Option<u16>,
    /// Why the content could not be read, and what helps.
    pub unread: Option<String>,
    /// Exchanges read from it.
    pub exchanges: u64,
    /// Packets of it.
    pub packets: u64,
    /// Payload bytes client to server.
    pub client_bytes: u64,
    /// Payload bytes server to client.
    pub server_bytes: u64,
}

impl From<&pipeline::Connection> for ConnectionSummary {
    fn from(c: &pipeline::Connection) -> Self {
        let tls = c.tls.clone();
        let info = tls.clone().unwrap_or_default();
        ConnectionSummary {
            session: 0,
            stream: c.id.0,
            opened_ns: c.opened_at.nanos(),
            closed_ns: c.closed_at.nanos(),
            client_ip: c.endpoints.client.ip(),
            client_port: c.endpoints.client.port(),
            server_ip: c.endpoints.server.ip(),
            server_port: c.endpoints.server.port(),
            speaks: c.speaks.into(),
            tls: tls.is_some(),
            sni: info.sni,
            alpn: info.alpn,
            alpn_offered: c.offered.clone(),
            tls_version: info.version,
            tls_suite: info.suite,
            unread: info.unread.map(str::to_owned),
            exchanges: c.exchanges,
            packets: c.facts.packets,
            client_bytes: c.facts.client_bytes,
            server_bytes: c.facts.server_bytes,
        }
    }
}
