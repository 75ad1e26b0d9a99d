//! Tunnels: IP, Ethernet or PPP inside IP. One function per protocol; each returns the inner layer and adds
//! the tunnel to the realm.

use super::ip::Datagram;
use super::view::View;
use super::{Layer, Outside, mix};
use std::net::IpAddr;

/// The inner layer, and the realm of its addresses.
type Inside<'a> = Option<(Layer<'a>, Outside)>;

/// Tunnels in UDP, recognised by their ports: VXLAN (RFC 7348; the second port is what Linux used before it),
/// Geneve (RFC 8926), GTP-U, Teredo (RFC 4380), MPLS (RFC 7510) and GRE (RFC 8086). Other UDP is not read.
pub(super) fn udp<'a>(d: &Datagram<'_>, v: View<'a>, out: Outside) -> Inside<'a> {
    let (from, to) = (v.u16(0)?, v.u16(2)?);
    let rest = v.limit(usize::from(v.u16(4)?)).skip(8)?;
    match (to, from) {
        (4789 | 8472, _) if rest.u8(0)? & 0x08 != 0 => {
            let network = rest.u32(4)? >> 8;
            Some((Layer::Ethernet(rest.skip(8)?), out.within(b'x', u64::from(network))))
        }
        (6081, _) if rest.u8(0)? >> 6 == 0 => {
            let options = usize::from(rest.u8(0)? & 0x3f) * 4;
            let (kind, network) = (rest.u16(2)?, rest.u32(4)? >> 8);
            Some((behind(kind, rest.skip(8 + options)?), out.within(b'n', u64::from(network))))
        }
        (2152, _) | (_, 2152) => Some((Layer::Ip(gtp(rest)?), out.within(b't', ends(d)))),
        (3544, _) | (_, 3544) => Some((Layer::Ip(teredo(rest)?), out)),
        (6635, _) => Some((Layer::Ether(0x8847, rest), out)),
        (4754, _) => gre(rest, out.within(b'g', ends(d))),
        _ => None,
    }
}

/// The user packet of a G-PDU (3GPP TS 29.281 section 5.1). Its tunnel identifiers differ by direction and
/// are not used.
fn gtp(v: View<'_>) -> Option<View<'_>> {
    let (flags, kind) = (v.u8(0)?, v.u8(1)?);
    // version 1, protocol type GTP, message type G-PDU
    if flags & 0xf0 != 0x30 || kind != 0xff {
        return None;
    }
    let mut v = v.limit(8 + usize::from(v.u16(2)?)).skip(8)?;
    if flags & 0x07 != 0 {
        let mut next = v.u8(3)?;
        v = v.skip(4)?; // sequence number, N-PDU number, type of the next extension header
        while next != 0 {
            // length in units of 4 octets, content, type of the next one
            let len = usize::from(v.u8(0)?) * 4;
            next = v.u8(len.checked_sub(1)?)?;
            v = v.skip(len)?;
        }
    }
    matches!(v.u8(0)? >> 4, 4 | 6).then_some(v)
}

/// The IPv6 packet after the authentication and origin indications (RFC 4380 section 5.1.1).
fn teredo(mut v: View<'_>) -> Option<View<'_>> {
    if v.u16(0)? == 1 {
        v = v.skip(13 + usize::from(v.u8(2)?) + usize::from(v.u8(3)?))?;
    }
    if v.u16(0)? == 0 {
        v = v.skip(8)?;
    }
    (v.u8(0)? >> 4 == 6).then_some(v)
}

/// GRE (RFC 2784, RFC 2890), its PPTP form (RFC 2637) and ERSPAN inside it.
pub(super) fn gre(v: View<'_>, out: Outside) -> Inside<'_> {
    let (bits, kind) = (v.u16(0)?, v.u16(2)?);
    let version = bits & 7;
    if version > 1 {
        return None;
    }
    let mut header = 4;
    // checksum, key, sequence number; acknowledgement number in version 1 only
    for (bit, len) in [(0x8000, 4), (0x2000, 4), (0x1000, 4), (0x0080, if version == 1 { 4 } else { 0 })] {
        if bits & bit != 0 {
            header += len;
        }
    }
    let rest = v.skip(header)?;
    let layer = match kind {
        0x88be if bits & 0x1000 != 0 => Layer::Ethernet(rest.skip(8)?), // ERSPAN type II
        0x22eb => Layer::Ethernet(rest.skip(if rest.u16(10)? & 1 != 0 { 20 } else { 12 })?), // ERSPAN type III
        _ => behind(kind, rest),
    };
    Some((layer, out))
}

/// A hash of both ends of a tunnel, the same for both directions.
pub(super) fn ends(d: &Datagram<'_>) -> u64 {
    let one = |ip: IpAddr| match ip {
        IpAddr::V4(a) => mix(4, b'4', u64::from(u32::from(a))),
        IpAddr::V6(a) => {
            let n = u128::from(a);
            mix(mix(6, b'6', n as u64), b'6', (n >> 64) as u64)
        }
    };
    one(d.src).wrapping_add(one(d.dst))
}

/// The layer that a protocol type of GRE or Geneve names: EtherTypes and a few additional numbers.
fn behind(kind: u16, v: View<'_>) -> Layer<'_> {
    match kind {
        0x6558 | 0x88be => Layer::Ethernet(v), // transparent Ethernet bridging; ERSPAN type I
        0x880b => Layer::Ppp(v),
        _ => Layer::Ether(kind, v),
    }
}
