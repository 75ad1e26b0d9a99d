//! IEEE 802.11 as monitors capture it: data frames in clear, and the headers that drivers put before them
//! (radiotap, PPI).
//!
//! Protected frames, fragments and aggregates (A-MSDU) are unsupported and count as other.

use super::view::View;
use super::{Layer, Outside, link};

/// Radiotap (radiotap.org): version 0, length, presence words, fields. All little-endian.
pub(super) fn radiotap(v: View<'_>) -> Option<Layer<'_>> {
    let len = usize::from(le16(v, 2)?);
    let frame = v.skip(len)?;
    if v.u8(0)? != 0 || len < 8 {
        return None;
    }
    let flags = flags(v, len).unwrap_or(0);
    if flags & 0x40 != 0 {
        return Some(Layer::Other); // bad checksum: the frame is damaged
    }
    data_frame(frame, flags & 0x20 != 0)
}

/// Per-Packet Information: version, flags, length, link type of what follows.
pub(super) fn ppi<'a>(v: View<'a>, out: &mut Outside) -> Option<Layer<'a>> {
    let (len, link) = (usize::from(le16(v, 2)?), u32::from(le16(v, 4)?));
    let frame = v.skip(len)?;
    match link {
        192 => None,
        _ => link::strip(link, frame, out).or(Some(Layer::Other)),
    }
}

/// A data frame without a capture header (IEEE 802.11 section 9.3.2). `padded`: the MAC header is padded to a
/// multiple of 4.
pub(super) fn data_frame(v: View<'_>, padded: bool) -> Option<Layer<'_>> {
    const DATA: u8 = 0x08;
    let (kind, flags) = (v.u8(0)?, v.u8(1)?);
    let (quality, empty) = (kind & 0x80 != 0, kind & 0x40 != 0);
    let (both_ds, more, protected, order) = (flags & 3 == 3, flags & 4 != 0, flags & 0x40 != 0, flags & 0x80 != 0);
    if kind & 0x0f != DATA || empty || protected {
        return Some(Layer::Other);
    }
    let mut len = if both_ds { 30 } else { 24 };
    let aggregate = quality && v.u8(len)? & 0x80 != 0;
    if more || v.u8(22)? & 0x0f != 0 || aggregate {
        return Some(Layer::Other);
    }
    if quality {
        len += if order { 6 } else { 2 }; // QoS control, HT control
    }
    if padded {
        len = len.next_multiple_of(4);
    }
    Some(link::llc(v.skip(len)?))
}

/// The flags field: the second field, after the 8 bytes of the TSFT if that is present.
fn flags(v: View<'_>, len: usize) -> Option<u8> {
    let present = v.u8(4)?;
    let mut at = 4;
    // bit 31: one more presence word follows
    while v.u8(at + 3)? & 0x80 != 0 {
        at += 4;
        if at >= len {
            return None;
        }
    }
    at += 4;
    if present & 1 != 0 {
        at = at.next_multiple_of(8) + 8;
    }
    if present & 2 != 0 && at < len { v.u8(at) } else { None }
}

fn le16(v: View<'_>, at: usize) -> Option<u16> {
    v.u16(at).map(u16::swap_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(layer: Option<Layer<'_>>) -> Option<(u16, usize)> {
        match layer {
            Some(Layer::Ether(kind, rest)) => Some((kind, rest.len())),
            _ => None,
        }
    }

    fn frame(kind: u8, flags: u8, header: usize) -> Vec<u8> {
        let mut f = vec![0; header];
        (f[0], f[1]) = (kind, flags);
        f.extend([0xaa, 0xaa, 3, 0, 0, 0, 8, 0, 0x45]);
        f
    }

    #[test]
    fn data_frames_in_clear_are_read_and_others_are_not() {
        let read = |f: &[u8], padded| inside(data_frame(View::new(f, f.len() as u32), padded));
        assert_eq!(read(&frame(0x08, 1, 24), false), Some((0x0800, 1)));
        assert_eq!(read(&frame(0x88, 2, 26), false), Some((0x0800, 1)), "with QoS control");
        assert_eq!(read(&frame(0x88, 2, 28), true), Some((0x0800, 1)), "padded");
        assert_eq!(read(&frame(0x88, 0x82, 30), false), Some((0x0800, 1)), "with HT control");
        assert_eq!(read(&frame(0x08, 3, 30), false), Some((0x0800, 1)), "four addresses");
        assert_eq!(read(&frame(0x08, 0x41, 24), false), None, "protected");
        assert_eq!(read(&frame(0x48, 1, 24), false), None, "no data");
        assert_eq!(read(&frame(0x80, 0, 24), false), None, "beacon");
        assert_eq!(read(&frame(0x08, 5, 24), false), None, "fragment");
        assert_eq!(read(&[8], false), None);
    }

    #[test]
    fn radiotap_tells_padding_and_damage() {
        let with = |present: u8, fields: &[u8], f: &[u8]| {
            let mut all = vec![0, 0, 8 + fields.len() as u8, 0, present, 0, 0, 0];
            all.extend(fields);
            all.extend(f);
            all
        };
        let read = |f: &[u8]| inside(radiotap(View::new(f, f.len() as u32)));
        assert_eq!(read(&with(0, &[], &frame(0x08, 1, 24))), Some((0x0800, 1)));
        assert_eq!(read(&with(2, &[0x20], &frame(0x88, 1, 28))), Some((0x0800, 1)));
        let behind_tsft = [1, 2, 3, 4, 5, 6, 7, 8, 0x20];
        assert_eq!(read(&with(3, &behind_tsft, &frame(0x88, 1, 28))), Some((0x0800, 1)));
        assert_eq!(read(&with(2, &[0x40], &frame(0x08, 1, 24))), None, "bad checksum");
        assert_eq!(read(&[0, 0, 200, 0, 0, 0, 0, 0]), None);
    }
}
