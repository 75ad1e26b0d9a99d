//! The layers before IP: link types of the capture, EtherTypes, tags and labels. Link types: the LINKTYPE_
//! registry of tcpdump.org.

use super::view::View;
use super::{Layer, Outside, wlan};

/// The first layer of a packet of link type `link`; `None` for an unsupported type.
#[inline]
pub(super) fn strip<'a>(link: u32, v: View<'a>, out: &mut Outside) -> Option<Layer<'a>> {
    let layer = match link {
        1 => Some(Layer::Ethernet(v)),
        0 => loopback(v, false),
        108 => loopback(v, true),
        12 | 14 | 101 | 228 | 229 => Some(Layer::Ip(v)), // RAW as BSD, OpenBSD and the registry number it; IPV4; IPV6
        113 => sll(v, out),
        276 => sll2(v, out),
        9 | 50 => Some(Layer::Ppp(v)),         // PPP, PPP in HDLC-like framing
        51 => Some(ethertype(0x8864, v, out)), // PPPoE without Ethernet
        // Cisco HDLC: address, control, EtherType
        104 => v.u16(2).zip(v.skip(4)).map(|(kind, rest)| Layer::Ether(kind, rest)),
        105 => wlan::data_frame(v, false),
        127 => wlan::radiotap(v),
        192 => wlan::ppi(v, out),
        239 => Some(nflog(v)),
        _ => return None,
    };
    Some(layer.unwrap_or(Layer::Malformed))
}

/// The layer after an Ethernet header (IEEE 802.3 clause 3).
#[inline]
pub(super) fn ethernet(v: View<'_>) -> Layer<'_> {
    match v.u16(12).zip(v.skip(14)) {
        Some((kind, rest)) => Layer::Ether(kind, rest),
        None => Layer::Malformed,
    }
}

/// The layer that an EtherType names.
#[inline]
pub(super) fn ethertype<'a>(kind: u16, v: View<'a>, out: &mut Outside) -> Layer<'a> {
    let inside = match kind {
        0x0800 | 0x86dd => Some(Layer::Ip(v)),
        0x8100 | 0x88a8 | 0x9100 | 0x9200 => vlan(v, out),
        0x8864 => pppoe(v, out),
        0x8847 | 0x8848 => mpls(v),
        0..0x0600 => Some(llc(v.limit(usize::from(kind)))),
        _ => Some(Layer::Other),
    };
    inside.unwrap_or(Layer::Malformed)
}

/// The layer after a PPP header: with or without address and control, with a protocol of one byte or two (RFC
/// 1661 section 2, RFC 1662 section 3.1).
pub(super) fn ppp(v: View<'_>) -> Layer<'_> {
    let v = if v.u16(0) == Some(0xff03) { v.skip(2).unwrap_or(v) } else { v };
    let found = match v.u8(0) {
        Some(short) if short & 1 == 1 => v.skip(1).map(|rest| (u16::from(short), rest)),
        _ => v.u16(0).zip(v.skip(2)),
    };
    match found {
        Some((0x0021 | 0x0057, rest)) => Layer::Ip(rest),
        Some((0x0281 | 0x0283, rest)) => Layer::Ether(0x8847, rest),
        Some(_) => Layer::Other,
        None => Layer::Malformed,
    }
}

/// BSD loopback: an address family of the capturing host, in its byte order (NULL) or in network order (LOOP).
fn loopback(v: View<'_>, network_order: bool) -> Option<Layer<'_>> {
    let family = v.u32(0)?;
    // families are small numbers: the order in which it is small is the right one
    let family = if !network_order && family > 0xffff { family.swap_bytes() } else { family };
    let rest = v.skip(4)?;
    Some(match family {
        // IPv4 everywhere; IPv6 on Linux, Windows, NetBSD and OpenBSD, FreeBSD, macOS
        2 | 10 | 23 | 24 | 28 | 30 => Layer::Ip(rest),
        _ => Layer::Other,
    })
}

/// Linux cooked, version 1: packet type, ARPHRD type, address length, address, protocol. It does not name the
/// interface.
fn sll<'a>(v: View<'a>, out: &mut Outside) -> Option<Layer<'a>> {
    out.device = None;
    cooked(v.u16(2)?, v.u16(14)?, v.skip(16)?)
}

/// Linux cooked, version 2: protocol, reserved, interface index, ARPHRD type, packet type, address length, address.
fn sll2<'a>(v: View<'a>, out: &mut Outside) -> Option<Layer<'a>> {
    out.device = Some(v.u32(4)?);
    cooked(v.u16(8)?, v.u16(0)?, v.skip(20)?)
}

/// Whether the protocol field is an EtherType depends on the ARPHRD type.
fn cooked(arphrd: u16, protocol: u16, rest: View<'_>) -> Option<Layer<'_>> {
    Some(match arphrd {
        824 | 803 => Layer::Other, // netlink, radiotap
        _ if protocol < 0x0600 => Layer::Other,
        _ => Layer::Ether(protocol, rest),
    })
}

/// IEEE 802.1Q and 802.1ad. Id 0 is a priority without a VLAN.
#[inline]
fn vlan<'a>(v: View<'a>, out: &mut Outside) -> Option<Layer<'a>> {
    let id = v.u16(0)? & 0x0fff;
    if id != 0 {
        *out = out.within(b'v', u64::from(id));
    }
    Some(Layer::Ether(v.u16(2)?, v.skip(4)?))
}

/// PPPoE session stage (RFC 2516 section 4): version and type 1, code 0, session, length.
fn pppoe<'a>(v: View<'a>, out: &mut Outside) -> Option<Layer<'a>> {
    let (code, session, len) = (v.u16(0)?, v.u16(2)?, v.u16(4)?);
    if code != 0x1100 {
        return Some(Layer::Malformed);
    }
    *out = out.within(b'p', u64::from(session));
    Some(Layer::Ppp(v.skip(6)?.limit(usize::from(len))))
}

/// MPLS labels down to the bottom of the stack (RFC 3032 section 2.1); the first nibble after them shows the
/// protocol (RFC 4928 section 3).
fn mpls(mut v: View<'_>) -> Option<Layer<'_>> {
    loop {
        let bottom = v.u32(0)? & 0x100 != 0;
        v = v.skip(4)?;
        if bottom {
            break;
        }
    }
    Some(match v.u8(0)? >> 4 {
        4 | 6 => Layer::Ip(v),
        0 => Layer::Ethernet(v.skip(4)?), // pseudowire control word (RFC 4385)
        _ => Layer::Ethernet(v),
    })
}

/// LLC with SNAP (RFC 1042): the one form that carries IP when a length, or nothing, takes the place of an
/// EtherType.
pub(super) fn llc(v: View<'_>) -> Layer<'_> {
    match (v.data, v.u16(6), v.skip(8)) {
        ([0xaa, 0xaa, 0x03, 0, 0, 0, ..], Some(kind), Some(rest)) => Layer::Ether(kind, rest),
        ([0xaa, 0xaa, 0x03, 0, 0, 0, ..], _, _) => Layer::Malformed,
        _ => Layer::Other,
    }
}

/// Linux netfilter log: family, version, resource, then TLVs in host order; type 9 is the packet.
fn nflog(v: View<'_>) -> Layer<'_> {
    if v.u8(1) != Some(0) {
        return Layer::Malformed;
    }
    let mut rest = v.skip(4);
    while let Some(v) = rest {
        let &[l0, l1, t0, t1, ..] = v.data else { break };
        // a length is at least 4 and the types are below 256, so one byte of the type is 0
        let (len, kind) = if t1 == 0 { (u16::from_le_bytes([l0, l1]), t0) } else { (u16::from_be_bytes([l0, l1]), t1) };
        let len = usize::from(len);
        if len < 4 {
            break;
        }
        if kind == 9 {
            return v.limit(len).skip(4).map_or(Layer::Malformed, Layer::Ip);
        }
        rest = v.skip(len.next_multiple_of(4));
    }
    Layer::Malformed
}
