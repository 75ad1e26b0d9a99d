//! SOCKS5 (RFC 1928), CONNECT only, with the password method (RFC 1929) if the proxy requires credentials.

use super::auth::Credentials;
use super::stream::Wire;
use super::target::Authority;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// First byte of a SOCKS5 client.
pub(super) const VERSION: u8 = 5;

/// The reply after the attempt to reach upstream.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reply {
    Succeeded = 0,
    NotAllowed = 2,
    HostUnreachable = 4,
    ConnectionRefused = 5,
    CommandNotSupported = 7,
    AddressTypeNotSupported = 8,
}

/// Greeting, password and request: the server that the client asks for. None: the client was refused with a reply.
pub(super) async fn ask(wire: &mut Wire, credentials: Option<&Credentials>) -> io::Result<Option<Authority>> {
    let [_, methods] = exactly(wire).await?;
    let mut offered = vec![0; methods.into()];
    wire.read_exact(&mut offered).await?;
    let method = if credentials.is_some() { 2 } else { 0 };
    if !offered.contains(&method) {
        wire.write_all(&[VERSION, 0xff]).await?;
        return Ok(None);
    }
    wire.write_all(&[VERSION, method]).await?;
    if let Some(credentials) = credentials {
        let [_, len] = exactly(wire).await?;
        let mut words = vec![0; len.into()];
        wire.read_exact(&mut words).await?;
        let [len] = exactly(wire).await?;
        let mut password = vec![0; len.into()];
        wire.read_exact(&mut password).await?;
        words.push(b':');
        words.extend(password);
        let right = credentials.are(&words);
        wire.write_all(&[1, u8::from(!right)]).await?;
        if !right {
            return Ok(None);
        }
    }
    let [_, command, _, kind] = exactly(wire).await?;
    let host = match kind {
        1 => Ipv4Addr::from(exactly::<4>(wire).await?).to_string(),
        4 => Ipv6Addr::from(exactly::<16>(wire).await?).to_string(),
        3 => {
            let [len] = exactly(wire).await?;
            let mut name = vec![0; len.into()];
            wire.read_exact(&mut name).await?;
            String::from_utf8_lossy(&name).into_owned()
        }
        _ => {
            reply(wire, Reply::AddressTypeNotSupported).await?;
            return Ok(None);
        }
    };
    let port = u16::from_be_bytes(exactly(wire).await?);
    if command != 1 {
        reply(wire, Reply::CommandNotSupported).await?;
        return Ok(None);
    }
    let bracketed = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let authority = Authority::parse(&bracketed, port);
    if authority.is_none() {
        reply(wire, Reply::HostUnreachable).await?;
    }
    Ok(authority)
}

/// Sends the reply to the request; the address that a reply must have means nothing here.
pub(super) async fn reply(wire: &mut Wire, reply: Reply) -> io::Result<()> {
    wire.write_all(&[VERSION, reply as u8, 0, 1, 0, 0, 0, 0, 0, 0]).await
}

async fn exactly<const N: usize>(wire: &mut Wire) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    wire.read_exact(&mut bytes).await?;
    Ok(bytes)
}
