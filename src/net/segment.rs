//! The TCP header (RFC 9293 section 3.1).

use super::ip::Datagram;
use super::view::View;
use super::{Became, Outside, Segment};
use std::net::SocketAddr;

/// Hand out the segment. Its first 20 bytes must be there; options and payload may be cut.
#[inline]
pub(super) fn tcp(d: &Datagram<'_>, v: View<'_>, out: &Outside, sink: &mut dyn FnMut(&Segment<'_>)) -> Became {
    let Some(h) = v.data.first_chunk::<20>() else { return Became::Malformed };
    let header = usize::from(h[12] >> 4) * 4;
    if header < 20 || header > v.len() {
        return Became::Malformed;
    }
    let Some(payload) = v.skip_on_wire(header) else { return Became::Malformed };
    let two = |at: usize| u16::from_be_bytes([h[at], h[at + 1]]);
    let four = |at: usize| u32::from_be_bytes([h[at], h[at + 1], h[at + 2], h[at + 3]]);
    sink(&Segment {
        at: out.at,
        frame: out.frame,
        src: SocketAddr::new(d.src, two(0)),
        dst: SocketAddr::new(d.dst, two(2)),
        realm: out.realm,
        device: out.device,
        ident: d.ident,
        seq: four(4),
        ack: four(8),
        flags: h[13],
        window: two(14),
        payload: payload.data,
        missing: payload.cut,
    });
    Became::Tcp
}
