//! The TCP header (RFC 9293 section 3.1).

use super::ip::Datagram;
use super::view::View;
use super::{Became, Outside, Segment};
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
