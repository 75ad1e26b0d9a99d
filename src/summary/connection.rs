//! One TCP or QUIC connection as `list --connections` shows it, also without exchanges: above all TLS that could not be
//! decrypted.

use crate::pipeline;
use serde::Serialize;
use std::net::IpAddr;

/// One TCP or QUIC connection. Absent values are null in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConnectionSummary {
    /// Number of the session; 0 without a database.
    pub session: i64,
    /// Number of the connection within the session: TCP from 0, QUIC from 2^31.
    pub stream: u32,
    /// Time of the first packet, ns since 1970 UTC.
    pub opened_ns: i64,
    /// Time of the last packet, ns since 1970 UTC.
    pub closed_ns: i64,
    /// The client's address.
    pub client_ip: IpAddr,
    /// The client's port.
    pub client_port: u16,
    /// The server's address.
    pub server_ip: IpAddr,
    /// The server's port.
    pub server_port: u16,
    /// The protocol, as far as it could be read: `http/1`, `http/2`, `tls`, `other`, `unknown`; `quic/1`,
    /// `quic/2`.
    pub speaks: String,
    /// Whether it was TLS.
    pub tls: bool,
    /// Server name in the ClientHello (SNI).
    pub sni: Option<String>,
    /// Whether the ClientHello has encrypted_client_hello (RFC 9849): `sni` may then be the outer name.
    pub ech: Option<bool>,
    /// Protocol that ALPN agreed on; with TLS 1.3 it is known only with keys.
    pub alpn: Option<String>,
    /// Protocols that the client offered.
    pub alpn_offered: Vec<String>,
    /// TLS version that was agreed on, for example `1.3`.
    pub tls_version: Option<String>,
    /// Cipher suite that was agreed on, by its number.
    pub tls_suite: Option<u16>,
    /// Why the content could not be read, and what helps.
    pub unread: Option<String>,
    /// Exchanges read from the connection.
    pub exchanges: u64,
    /// Packets of the connection.
    pub packets: u64,
    /// Payload bytes from client to server.
    pub client_bytes: u64,
    /// Payload bytes from server to client.
    pub server_bytes: u64,
}

impl ConnectionSummary {
    /// The server's name, if it is that of one server: an outer name of Encrypted Client Hello stands for many.
    pub fn own_name(&self) -> Option<&str> {
        self.sni.as_deref().filter(|_| self.ech != Some(true))
    }
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
            ech: info.ech,
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
