//! The headers of TCP (RFC 9293 section 3.1) and UDP (RFC 768).

use super::ip::Datagram;
use super::view::View;
use super::{Became, Outside, Segment, UdpDatagram};
use etherparse::TcpHeaderSlice;
use std::net::SocketAddr;

/// Pass the segment to `sink`. Its first 20 bytes must be there; options and payload may be cut.
#[inline]
pub(super) fn tcp(d: &Datagram<'_>, v: View<'_>, out: &Outside, sink: &mut dyn FnMut(&Segment<'_>)) -> Became {
    let Some(fixed) = v.data.first_chunk::<20>() else { return Became::Malformed };
    let header = usize::from(fixed[12] >> 4) * 4;
    if header < 20 || header > v.len() {
        return Became::Malformed;
    }
    let Some(payload) = v.skip_on_wire(header) else { return Became::Malformed };
    // Options may be cut off and are not read: pretend that the header is the fixed part alone, five words.
    let mut fixed = *fixed;
    fixed[12] = 0x50;
    let Ok(h) = TcpHeaderSlice::from_slice(&fixed) else { return Became::Malformed };
    sink(&Segment {
        at: out.at,
        frame: out.frame,
        src: SocketAddr::new(d.src, h.source_port()),
        dst: SocketAddr::new(d.dst, h.destination_port()),
        realm: out.realm,
        device: out.device,
        ident: d.ident,
        seq: h.sequence_number(),
        ack: h.acknowledgment_number(),
        flags: h.slice()[13],
        window: h.window_size(),
        payload: payload.data,
        missing: payload.cut,
    });
    Became::Tcp
}

/// Pass the datagram to `sink`, if its header is there.
pub(super) fn udp(d: &Datagram<'_>, v: View<'_>, out: &Outside, sink: &mut dyn FnMut(&UdpDatagram<'_>)) {
    let (Some(from), Some(to), Some(len)) = (v.u16(0), v.u16(2), v.u16(4)) else { return };
    // 0: a jumbogram (RFC 2675 section 4), or segments that the device will make (UDP segmentation offload).
    let whole = if len == 0 { v } else { v.limit(usize::from(len)) };
    let Some(payload) = whole.skip(8) else { return };
    sink(&UdpDatagram {
        at: out.at,
        src: SocketAddr::new(d.src, from),
        dst: SocketAddr::new(d.dst, to),
        realm: out.realm,
        payload: payload.data,
        missing: payload.cut,
    });
}
