//! Tunnels: IP, Ethernet or PPP inside IP. One function per protocol; each says what is inside and marks the realm.

use super::ip::Datagram;
use super::view::View;
use super::{Layer, Outside, mix};
use std::net::IpAddr;

/// The inner layer, and what its addresses are worth.
type Inside<'a> = Option<(Layer<'a>, Outside)>;

/// VXLAN (RFC 7348) on its port and on the one that Linux used before it; Geneve (RFC 8926). Other UDP is not read.
pub(super) fn udp(v: View<'_>, out: Outside) -> Inside<'_> {
    let port = v.u16(2)?;
    let rest = v.limit(usize::from(v.u16(4)?)).skip(8)?;
    match port {
        4789 | 8472 if rest.u8(0)? & 0x08 != 0 => {
            let network = rest.u32(4)? >> 8;
            Some((Layer::Ethernet(rest.skip(8)?), out.within(b'x', u64::from(network))))
        }
        6081 if rest.u8(0)? >> 6 == 0 => {
            let options = usize::from(rest.u8(0)? & 0x3f) * 4;
            let (kind, network) = (rest.u16(2)?, rest.u32(4)? >> 8);
            Some((behind(kind, rest.skip(8 + options)?), out.within(b'n', u64::from(network))))
        }
        _ => None,
    }
}

/// GRE (RFC 2784, RFC 2890), its PPTP form (RFC 2637) and ERSPAN on it.
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

/// Both ends of a tunnel, the same for either direction.
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

/// Behind a protocol type, as GRE and Geneve number it: EtherTypes, with some of their own.
fn behind(kind: u16, v: View<'_>) -> Layer<'_> {
    match kind {
        0x6558 | 0x88be => Layer::Ethernet(v), // transparent Ethernet bridging; ERSPAN type I
        0x880b => Layer::Ppp(v),
        _ => Layer::Ether(kind, v),
    }
}
