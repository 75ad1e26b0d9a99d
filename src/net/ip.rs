//! IPv4 (RFC 791), IPv6 (RFC 8200) and the headers between them and the transport.

use super::view::View;
use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice};
use std::net::IpAddr;

/// One IP packet, or one fragment of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Datagram<'a> {
    pub(super) src: IpAddr,
    pub(super) dst: IpAddr,
    /// IPv4 identification or that of the IPv6 fragment header; 0 is unknown.
    pub(super) ident: u32,
    /// Protocol of `payload`: transport or extension header.
    pub(super) protocol: u8,
    /// Place of the fragment, if it is one.
    pub(super) fragment: Option<Part>,
    pub(super) payload: View<'a>,
}

/// Place of a fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    /// Bytes before it.
    pub(super) offset: usize,
    /// More fragments follow.
    pub(super) more: bool,
}

/// Parse one IP packet; `None` if its header cannot be read.
#[inline]
pub(super) fn parse(v: View<'_>) -> Option<Datagram<'_>> {
    match v.u8(0)? >> 4 {
        4 => v4(v),
        6 => v6(v),
        _ => None,
    }
}

/// From protocol `protocol` over Authentication and IPv6 extension headers to the transport. [`parse`] has
/// already stopped at a fragment header.
#[inline]
pub(super) fn skip_extensions(mut protocol: u8, mut v: View<'_>) -> Option<(u8, View<'_>)> {
    while let Some(len) = extension(protocol, v)? {
        protocol = v.u8(0)?;
        v = v.skip(len)?;
    }
    Some((protocol, v))
}

#[inline]
fn v4(v: View<'_>) -> Option<Datagram<'_>> {
    let h = Ipv4HeaderSlice::from_slice(v.data).ok()?;
    let header = h.slice().len();
    let total = usize::from(h.total_len());
    if header < 20 || (total != 0 && total < header) {
        return None;
    }
    // 0: segmentation offload with a packet longer than the field can express; the link layer gives the
    // length (BIG TCP, TSO captured before the device)
    let v = if total == 0 { v } else { v.limit(total) };
    let part = Part { offset: usize::from(h.fragments_offset().byte_offset()), more: h.more_fragments() };
    Some(Datagram {
        src: h.source_addr().into(),
        dst: h.destination_addr().into(),
        ident: u32::from(h.identification()),
        protocol: h.protocol().0,
        fragment: (part.offset != 0 || part.more).then_some(part),
        payload: v.skip(header)?,
    })
}

#[inline]
fn v6(v: View<'_>) -> Option<Datagram<'_>> {
    let h = Ipv6HeaderSlice::from_slice(v.data).ok()?;
    let len = usize::from(h.payload_length());
    let mut protocol = h.next_header().0;
    let mut payload = v.skip(40)?;
    if len != 0 {
        payload = payload.limit(len);
    } else if protocol == 0 {
        // without the option the link layer gives the length, as for IPv4
        payload = jumbo(payload).map_or(payload, |len| payload.limit(len));
    }
    let mut ident = 0;
    let mut fragment = None;
    loop {
        if protocol == 44 {
            let place = payload.u16(2)?;
            let part = Part { offset: usize::from(place & 0xfff8), more: place & 1 != 0 };
            ident = payload.u32(4)?;
            protocol = payload.u8(0)?;
            payload = payload.skip(8)?;
            if part.offset != 0 || part.more {
                fragment = Some(part);
                break;
            }
            continue; // atomic fragment (RFC 6946)
        }
        let Some(n) = extension(protocol, payload)? else { break };
        protocol = payload.u8(0)?;
        payload = payload.skip(n)?;
    }
    Some(Datagram { src: h.source_addr().into(), dst: h.destination_addr().into(), ident, protocol, fragment, payload })
}

/// Length of the extension header at the start of `v`. `Some(None)`: `protocol` is not an extension header.
/// `None`: its bytes are missing.
#[inline]
fn extension(protocol: u8, v: View<'_>) -> Option<Option<usize>> {
    Some(match protocol {
        // hop-by-hop, routing, destination options, mobility, HIP, shim6
        0 | 43 | 60 | 135 | 139 | 140 => Some((usize::from(v.u8(1)?) + 1) * 8),
        51 => Some((usize::from(v.u8(1)?) + 2) * 4), // RFC 4302 section 2.2
        _ => None,
    })
}

/// The Jumbo Payload option of a hop-by-hop header (RFC 2675 section 2).
fn jumbo(v: View<'_>) -> Option<usize> {
    let end = (usize::from(v.u8(1)?) + 1) * 8;
    let mut at = 2;
    while at < end {
        match v.u8(at)? {
            0 => at += 1, // Pad1
            0xc2 if v.u8(at + 1)? == 4 => return v.u32(at + 2).map(|n| n as usize),
            _ => at += 2 + usize::from(v.u8(at + 1)?),
        }
    }
    None
}
