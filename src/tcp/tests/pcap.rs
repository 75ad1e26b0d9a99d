//! A small reader of little-endian pcap with Ethernet or raw IP, for the corpus only: headers complete, no fragments.

use crate::net::Segment;
use crate::time::Timestamp;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The TCP segments of a capture; none where it is of another sort.
pub(super) fn segments(file: &[u8]) -> Option<Vec<Segment<'_>>> {
    let word = |at: usize| file.get(at..at + 4).map(|b| u32::from_le_bytes(b.try_into().unwrap()));
    let scale = match word(0)? {
        0xa1b2_c3d4 => 1_000,
        0xa1b2_3c4d => 1,
        _ => return None,
    };
    let link = match word(20)? {
        1 => 14,
        101 | 228 | 229 => 0,
        _ => return None,
    };
    let (mut at, mut frame, mut out) = (24, 0, Vec::new());
    while let (Some(secs), Some(fraction), Some(len), Some(wire)) = (word(at), word(at + 4), word(at + 8), word(at + 12)) {
        let Some(packet) = file.get(at + 16..at + 16 + len as usize) else { break };
        at += 16 + len as usize;
        frame += 1;
        let time = Timestamp::from_parts(i64::from(secs), i64::from(fraction) * scale);
        let tags = packet[..packet.len().min(link)].ends_with(&[0x81, 0]);
        let header = link + if tags { 4 } else { 0 };
        out.extend(packet.get(header..).and_then(|ip| segment(ip, wire as usize - header, time, frame)));
    }
    Some(out)
}

fn segment(ip: &[u8], wire: usize, at: Timestamp, frame: u64) -> Option<Segment<'_>> {
    let short = |b: &[u8], at: usize| b.get(at..at + 2).map(|b| u16::from_be_bytes([b[0], b[1]]));
    let (header, total, src, dst, ident): (usize, usize, IpAddr, IpAddr, u32) = match ip.first()? >> 4 {
        4 if *ip.get(9)? == 6 => {
            let v4 = |at: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(ip.get(at..at + 4)?).ok()?));
            let total = match short(ip, 2)? {
                0 => wire,
                total => usize::from(total),
            };
            (usize::from(ip[0] & 15) * 4, total, v4(12)?.into(), v4(16)?.into(), u32::from(short(ip, 4)?))
        }
        6 if *ip.get(6)? == 6 => {
            let v6 = |at: usize| Some(Ipv6Addr::from(<[u8; 16]>::try_from(ip.get(at..at + 16)?).ok()?));
            (40, 40 + usize::from(short(ip, 4)?), v6(8)?.into(), v6(24)?.into(), 0)
        }
        _ => return None,
    };
    let tcp = ip.get(header..)?;
    let long = |at: usize| tcp.get(at..at + 4).map(|b| u32::from_be_bytes(b.try_into().unwrap()));
    let body = usize::from(*tcp.get(12)? >> 4) * 4;
    let size = total.checked_sub(header + body)?;
    let payload = tcp.get(body..).unwrap_or_default();
    let payload = &payload[..payload.len().min(size)];
    Some(Segment {
        at,
        frame,
        src: SocketAddr::new(src, short(tcp, 0)?),
        dst: SocketAddr::new(dst, short(tcp, 2)?),
        realm: 0,
        device: None,
        ident,
        seq: long(4)?,
        ack: long(8)?,
        flags: *tcp.get(13)?,
        window: short(tcp, 14)?,
        payload,
        missing: (size - payload.len()) as u32,
    })
}
