//! Formats built by hand: what each field means, and that packets come out as soon as their bytes are there.

use super::{All, Drip, drain, read};
use crate::capture::Item;
use crate::capture::file::Reader;
use crate::time::Timestamp;
use std::io::{self, Read, Write};

/// Writes numbers in one byte order.
#[derive(Clone, Copy)]
pub(super) struct Order(pub(super) bool);

impl Order {
    pub(super) fn u16(self, n: u16) -> [u8; 2] {
        if self.0 { n.to_be_bytes() } else { n.to_le_bytes() }
    }

    pub(super) fn u32(self, n: u32) -> [u8; 4] {
        if self.0 { n.to_be_bytes() } else { n.to_le_bytes() }
    }

    fn u64(self, n: u64) -> [u8; 8] {
        if self.0 { n.to_be_bytes() } else { n.to_le_bytes() }
    }

    /// A pcap file header.
    pub(super) fn header(self, magic: u32, link: u32) -> Vec<u8> {
        let o = self;
        [&o.u32(magic)[..], &o.u16(2), &o.u16(4), &[0; 8], &o.u32(65_535), &o.u32(link)].concat()
    }

    /// A pcap record; `extra` bytes more in its header.
    pub(super) fn record(self, secs: u32, fraction: u32, data: &[u8], extra: usize) -> Vec<u8> {
        let o = self;
        let len = o.u32(data.len() as u32);
        [&o.u32(secs)[..], &o.u32(fraction), &len, &o.u32(data.len() as u32 + 7), &vec![0xee; extra], data].concat()
    }

    /// A pcapng block.
    pub(super) fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let pad = vec![0; body.len().next_multiple_of(4) - body.len()];
        let len = self.u32(12 + (body.len() + pad.len()) as u32);
        [&self.u32(kind)[..], &len, body, &pad, &len].concat()
    }

    pub(super) fn section(self) -> Vec<u8> {
        let o = self;
        o.block(0x0a0d_0d0a, &[&o.u32(0x1a2b_3c4d)[..], &o.u16(1), &o.u16(0), &[0xff; 8]].concat())
    }

    pub(super) fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let pad = vec![0; value.len().next_multiple_of(4) - value.len()];
        [&self.u16(code)[..], &self.u16(value.len() as u16), value, &pad].concat()
    }

    pub(super) fn interface(self, link: u16, snaplen: u32, options: &[u8]) -> Vec<u8> {
        self.block(1, &[&self.u16(link)[..], &[0, 0], &self.u32(snaplen), options].concat())
    }

    pub(super) fn enhanced(self, interface: u32, ticks: u64, data: &[u8], options: &[u8]) -> Vec<u8> {
        let o = self;
        let len = o.u32(data.len() as u32);
        let pad = vec![0; data.len().next_multiple_of(4) - data.len()];
        let head = [o.u32(interface), o.u32((ticks >> 32) as u32), o.u32(ticks as u32), len, o.u32(1500)].concat();
        o.block(6, &[&head, data, &pad, options].concat())
    }
}

pub(super) const LITTLE: Order = Order(false);
pub(super) const BIG: Order = Order(true);

#[test]
fn every_pcap_flavour_gives_the_same_packets() {
    for order in [LITTLE, BIG] {
        for (magic, fraction, extra) in [(0xa1b2_c3d4, 5, 0), (0xa1b2_3c4d, 5000, 0), (0xa1b2_cd34, 5, 8)] {
            // four bits of FCS length are above the link type
            let file = [
                order.header(magic, 0x4000_0001),
                order.record(3, fraction, b"abc", extra),
                order.record(4, 0, b"", extra),
            ]
            .concat();
            let all = read(&file);
            assert_eq!((all.error, all.notices.len(), all.packets.len()), (None, 0, 2));
            let p = &all.packets[0];
            assert_eq!((p.at, p.frame, p.link, p.device, p.wire_len), (Timestamp(3_000_005_000), 1, 1, 0, 10));
            assert_eq!(p.data, b"abc");
            assert_eq!((all.packets[1].frame, all.packets[1].data.len()), (2, 0));
        }
    }
}

#[test]
fn pcapng_times_follow_resolution_and_offset() {
    // draft-ietf-opsawg-pcapng section 4.2: bit 7 clear 10^-n, set 2^-n; the offset is whole seconds, signed
    let cases: [(&[u8], u64, i64); 6] = [
        (&[], 1_500_000, 1_500_000_000),
        (&[9], 1_500_000_000, 1_500_000_000),
        (&[3], 1500, 1_500_000_000),
        (&[0], 2, 2_000_000_000),
        (&[12], 1_500_000_000_000, 1_500_000_000),
        (&[0x80 | 10], 1536, 1_500_000_000),
    ];
    for order in [LITTLE, BIG] {
        for (resolution, ticks, nanos) in cases {
            for offset in [0i64, 100, -1] {
                let mut options = order.option(14, &order.u64(offset as u64));
                if !resolution.is_empty() {
                    options.extend(order.option(9, resolution));
                }
                let file =
                    [order.section(), order.interface(1, 0, &options), order.enhanced(0, ticks, b"x", &[])].concat();
                let all = read(&file);
                assert_eq!(all.packets[0].at.nanos(), nanos + offset * 1_000_000_000, "{resolution:?} {offset}");
            }
        }
    }
}

#[test]
fn sections_may_differ_in_byte_order_and_devices_count_on() {
    let section = |o: Order| {
        [o.section(), o.interface(1, 0, &[]), o.interface(101, 0, &[]), o.enhanced(1, 7, b"abcde", &[])].concat()
    };
    let all = read(&[section(LITTLE), section(BIG)].concat());
    assert_eq!((all.error, all.notices), (None, vec![]));
    let seen: Vec<_> = all.packets.iter().map(|p| (p.frame, p.device, p.link, &p.data[..])).collect();
    assert_eq!(seen, [(1, 1, 101, &b"abcde"[..]), (2, 3, 101, b"abcde")]);
}

#[test]
fn simple_and_obsolete_packets_secrets_and_drops() {
    let o = BIG;
    let simple = o.block(3, &[&o.u32(900)[..], b"abcd"].concat());
    let head = [&o.u16(0)[..], &o.u16(3), &o.u32(0), &o.u32(2_000_000), &o.u32(2), &o.u32(60), b"xy"].concat();
    let old = o.block(2, &head);
    let secrets = o.block(10, &[&o.u32(0x544c_534b)[..], &o.u32(5), b"A B C"].concat());
    let other = o.block(10, &[&o.u32(0x5747_4b4c)[..], &o.u32(5), b"A B C"].concat());
    let statistics =
        |n: u64| o.block(5, &[&[0; 12][..], &o.option(5, &o.u64(n)), &o.option(7, &o.u64(n + 10))].concat());
    let dropped = o.enhanced(0, 3_000_000, b"z", &o.option(4, &o.u64(40)));
    let file = [
        o.section(),
        o.interface(1, 4, &[]),
        secrets,
        other,
        old,
        simple,
        o.block(77, b"??"),
        dropped,
        statistics(1),
        statistics(2),
    ]
    .concat();
    let mut reader = Reader::new(Box::new(io::Cursor::new(file)), "test");
    let all = drain(&mut reader);
    assert_eq!((all.error, all.notices, all.secrets), (None, vec![], vec![b"A B C".to_vec()]));
    let seen: Vec<_> = all.packets.iter().map(|p| (p.at.nanos(), p.wire_len, &p.data[..])).collect();
    // the simple packet is cut by the interface's snap length and has the time of the packet before
    assert_eq!(seen, [(2_000_000_000, 60, &b"xy"[..]), (2_000_000_000, 900, b"abcd"), (3_000_000_000, 1500, b"z")]);
    let counts = reader.counts();
    assert_eq!((counts.packets, counts.bytes), (3, 7));
    // 2 and 12 by the last statistics; 43 by the packets themselves
    assert_eq!((counts.dropped_device, counts.dropped_kernel), (Some(2), Some(43)));
}

/// Gives what it has, then fails the test.
struct Patient(io::Cursor<Vec<u8>>);

impl Read for Patient {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.0.read(into)? {
            0 => panic!("asked for more although the packet was whole"),
            n => Ok(n),
        }
    }
}

fn two_formats() -> [Vec<u8>; 2] {
    let o = LITTLE;
    let pcap = [o.header(0xa1b2_c3d4, 1), o.record(1, 2, b"hello", 0)].concat();
    let pcapng = [o.section(), o.interface(1, 0, &[]), o.enhanced(0, 5, b"hello", &[])].concat();
    [pcap, pcapng]
}

#[test]
fn a_packet_is_handed_out_before_the_next_read() {
    for file in two_formats() {
        let mut reader = Reader::new(Box::new(Patient(io::Cursor::new(file))), "pipe");
        assert!(matches!(reader.next(), Ok(Some(Item::Packet(p))) if p.data == b"hello"));
    }
}

#[test]
fn pieces_of_any_size_give_the_same() {
    for file in two_formats() {
        let whole = read(&file);
        assert_eq!(whole.packets.len(), 1);
        for n in 1..file.len() {
            assert_eq!(drain(&mut Reader::new(Box::new(Drip { bytes: file.clone(), at: 0, n }), "test")), whole);
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

#[test]
fn compressed_in_several_members_is_one_file() {
    for file in two_formats() {
        let (a, b) = file.split_at(file.len() / 2);
        let zstd = |b: &[u8]| zstd::encode_all(b, 1).unwrap();
        for packed in [[gzip(a), gzip(b)].concat(), [zstd(a), zstd(b)].concat()] {
            assert_eq!(read(&packed).packets, read(&file).packets);
            // cut inside: whole packets are returned, and the cut is reported
            let cut = read(&packed[..packed.len() - 3]);
            assert!(cut.error.is_some() || !cut.notices.is_empty());
        }
    }
}

#[test]
fn a_cut_gzip_keeps_the_packets_before_the_cut() {
    let o = LITTLE;
    let (before, behind) =
        ([o.header(0xa1b2_c3d4, 1), o.record(1, 2, b"hello", 0)].concat(), o.record(2, 0, b"world", 0));
    let mut packed = [gzip(&before), gzip(&behind)].concat();
    packed.truncate(packed.len() - 12);
    let All { packets, notices, error, .. } = read(&packed);
    assert_eq!((packets.len(), notices.len(), error), (1, 1, None));
}

#[test]
fn progress_counts_bytes_of_the_file() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let packed = gzip(&two_formats()[0]);
    file.write_all(&packed).unwrap();
    let mut reader = Reader::open(file.path().to_str().unwrap()).unwrap();
    let size = packed.len() as u64;
    assert_eq!(reader.progress(), (0, Some(size)));
    drain(&mut reader);
    assert_eq!(reader.progress(), (size, Some(size)));
}
