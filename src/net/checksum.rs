//! The internet checksum (RFC 1071), verified on request: the sum over everything it covers, itself included,
//! is all ones.

use super::ip::Datagram;
use super::view::View;
use etherparse::checksum::Sum16BitWords;
use std::net::IpAddr;

/// Whether the IPv4 header at the start of `data` has a right checksum. True if `data` does not begin with an
/// IPv4 header.
pub(super) fn ipv4(data: &[u8]) -> bool {
    let Some(first) = data.first().filter(|first| *first >> 4 == 4) else { return true };
    let header = data.get(..usize::from(first & 0x0f) * 4);
    header.is_none_or(|header| Sum16BitWords::new().add_slice(header).ones_complement() == 0)
}

/// Whether the segment's checksum is right. True if it cannot be verified because the capture or a length
/// field lacks part of the segment.
pub(super) fn tcp(d: &Datagram<'_>, v: View<'_>) -> bool {
    let Ok(len) = u16::try_from(v.data.len()) else { return true };
    if v.cut > 0 {
        return true;
    }
    let sum = match (d.src, d.dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => Sum16BitWords::new().add_4bytes(src.octets()).add_4bytes(dst.octets()),
        (IpAddr::V6(src), IpAddr::V6(dst)) => Sum16BitWords::new().add_16bytes(src.octets()).add_16bytes(dst.octets()),
        _ => return true,
    };
    sum.add_2bytes([0, 6]).add_2bytes(len.to_be_bytes()).add_slice(v.data).ones_complement() == 0
}
