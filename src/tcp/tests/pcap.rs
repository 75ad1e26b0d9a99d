//! A small reader of little-endian pcap and pcapng with Ethernet or raw IP, for the corpus only: headers
//! complete, no fragments.

use crate::net::Segment;
use crate::time::Timestamp;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The TCP segments of a capture; none where it is of another sort.
pub(super) fn segments(file: &[u8]) -> Option<Vec<Segment<'_>>> {
    let mut out = Vec::new();
    match word(file, 0)? {
        0xa1b2_c3d4 => classic(file, 1_000, &mut out)?,
        0xa1b2_3c4d => classic(file, 1, &mut out)?,
        0x0a0d_0d0a => blocks(file, &mut out)?,
        _ => return None,
    }
    Some(out)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4).map(|b| u32::from_le_bytes(b.try_into().unwrap()))
}

/// Length of the link header.
fn link(number: u32) -> Option<usize> {
    match number {
        1 => Some(14),
        101 | 228 | 229 => Some(0),
        _ => None,
    }
}

fn classic<'f>(file: &'f [u8], scale: i64, out: &mut Vec<Segment<'f>>) -> Option<()> {
    let link = link(word(file, 20)?)?;
    let (mut at, mut frame) = (24, 0);
    while let (Some(secs), Some(fraction), Some(len), Some(wire)) =
        (word(file, at), word(file, at + 4), word(file, at + 8), word(file, at + 12))
    {
        let Some(packet) = file.get(at + 16..at + 16 + len as usize) else { break };
        at += 16 + len as usize;
        frame += 1;
        let time = Timestamp::from_parts(i64::from(secs), i64::from(fraction) * scale);
        out.extend(strip(packet, link, wire as usize, time, frame));
    }
    Some(())
}

/// One section, one interface.
fn blocks<'f>(file: &'f [u8], out: &mut Vec<Segment<'f>>) -> Option<()> {
    let (mut at, mut frame, mut interface, mut scale) = (0, 0, None, 1_000);
    while let (Some(kind), Some(len)) = (word(file, at), word(file, at + 4)) {
        let Some(body) = file.get(at + 8..at + len.max(12) as usize - 4) else { break };
        at += len.max(12) as usize;
        match kind {
            1 if interface.is_some() => return None,
            1 => {
                interface = Some(link(word(body, 0)? & 0xffff)?);
                // Option if_tsresol, where it is nanoseconds: code 9, length 1, value 9.
                scale = if body[8..].windows(5).any(|w| w == [9, 0, 1, 0, 9]) { 1 } else { 1_000 };
            }
            6 => {
                frame += 1;
                let time = i64::from(word(body, 4)?) << 32 | i64::from(word(body, 8)?);
                let packet = body.get(20..20 + word(body, 12)? as usize)?;
                out.extend(strip(packet, interface?, word(body, 16)? as usize, Timestamp(time * scale), frame));
            }
            _ => {}
        }
    }
    Some(())
}

fn strip(packet: &[u8], link: usize, wire: usize, at: Timestamp, frame: u64) -> Option<Segment<'_>> {
    let tagged = packet[..packet.len().min(link)].ends_with(&[0x81, 0]);
    let header = link + if tagged { 4 } else { 0 };
    segment(packet.get(header..)?, wire - header, at, frame)
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
