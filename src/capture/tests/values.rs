//! Fields at the border of what they mean: versions, numbered blocks, counts of lost packets, damage.

use super::drain;
use super::formats::{BIG, LITTLE, Order};
use super::read;
use crate::capture::file::Reader;
use std::io;

#[test]
fn an_unknown_version_of_pcap_is_read_and_said() {
    let of = |major: u16| {
        let mut file = LITTLE.header(0xa1b2_c3d4, 1);
        file[4..6].copy_from_slice(&LITTLE.u16(major));
        let all = read(&[file, LITTLE.record(1, 2, b"ab", 0)].concat());
        (all.packets.len(), all.notices)
    };
    assert_eq!(of(2), (1, vec![]));
    assert_eq!(of(3), (1, vec!["test: pcap version 3.4 is unknown; read as 2.4".to_owned()]));
}

/// Wireshark numbers journal and custom blocks like packets.
#[test]
fn blocks_that_others_number_are_numbered() {
    let o = BIG;
    let packet = |n: u64| o.enhanced(0, n, b"x", &[]);
    let custom = |kind: u32| o.block(kind, &[&o.u32(32_473)[..], b"data"].concat());
    let file = [
        o.section(),
        o.interface(1, 0, &[]),
        packet(1),
        o.block(9, b"A=b\n"),
        packet(2),
        custom(0x0bad),
        custom(0x4000_0bad),
        packet(3),
        o.block(77, b"????"),
        packet(4),
    ];
    let frames: Vec<u64> = read(&file.concat()).packets.iter().map(|p| p.frame).collect();
    assert_eq!(frames, [1, 3, 6, 7]);
}

/// Packets that the kernel and the device dropped, as the file counts them.
fn dropped(blocks: &[Vec<u8>]) -> (Option<u64>, Option<u64>) {
    let o = LITTLE;
    let file = [&o.section()[..], &o.interface(1, 0, &[]), &blocks.concat()].concat();
    let mut reader = Reader::new(Box::new(io::Cursor::new(file)), "test");
    assert_eq!(drain(&mut reader).notices, Vec::<String>::new());
    (reader.counts().dropped_kernel, reader.counts().dropped_device)
}

#[test]
fn the_last_statistics_that_have_a_count_have_it() {
    let o = LITTLE;
    let statistics = |options: &[u8]| o.block(5, &[&[0; 12][..], options].concat());
    let (device, kernel) = (|n: u64| o.option(5, &n.to_le_bytes()), |n: u64| o.option(7, &n.to_le_bytes()));
    assert_eq!(dropped(&[]), (None, None));
    assert_eq!(dropped(&[statistics(&kernel(3)), statistics(&device(4))]), (Some(3), Some(4)));
    assert_eq!(dropped(&[statistics(&kernel(3)), statistics(&kernel(5))]), (Some(5), None));
}

/// The obsolete packet block: 0xffff drops means that the number is unknown.
#[test]
fn an_unknown_number_of_drops_is_no_number() {
    let o = LITTLE;
    let old = |drops: u16| {
        let head = [&o.u16(0)[..], &o.u16(drops), &o.u32(0), &o.u32(1), &o.u32(2), &o.u32(2), b"xy"].concat();
        o.block(2, &head)
    };
    assert_eq!(dropped(&[old(0xffff)]), (None, None));
    assert_eq!(dropped(&[old(0xffff), old(0xfffe), old(1)]), (Some(0xffff), None));
}

#[test]
fn without_a_snap_length_a_simple_packet_is_whole() {
    let o = BIG;
    let seen = |snaplen: u32| {
        let simple = o.block(3, &[&o.u32(5)[..], b"abcde"].concat());
        let all = read(&[o.section(), o.interface(1, snaplen, &[]), simple].concat());
        assert_eq!(all.notices, Vec::<String>::new());
        all.packets[0].data.clone()
    };
    assert_eq!((seen(0), seen(4), seen(9)), (b"abcde".to_vec(), b"abcd".to_vec(), b"abcde".to_vec()));
}

/// After a damaged record, what is followed by records of another time, or is longer than the wire had, is none.
#[test]
fn records_after_damage_fit_their_neighbours() {
    let o: Order = LITTLE;
    let day = 86_400;
    let good = |n: u32| o.record(1_700_000_000 + n, 0, &[1; 20], 0);
    let chain = |secs: u32| (0..4).map(|_| o.record(secs, 0, &[2; 20], 0)).collect::<Vec<_>>().concat();
    let longer = {
        let mut one = o.record(1_700_000_001, 0, &[3; 20], 0);
        one[12..16].copy_from_slice(&o.u32(19));
        one.repeat(4)
    };
    let bad = [o.u32(1), o.u32(2), o.u32(1 << 31), o.u32(1 << 31)].concat();
    let read = |noise: &[u8]| {
        let all = read(&[&o.header(0xa1b2_c3d4, 1)[..], &good(0), &bad, noise].concat());
        assert_eq!(all.error, None);
        all.packets.len() - 1
    };
    assert_eq!(read(&chain(1_700_000_001)), 4);
    assert_eq!(read(&chain(1_700_000_000 + 7 * day)), 4);
    assert_eq!(read(&chain(1_700_000_001 + 7 * day)), 0);
    assert_eq!(read(&chain(1_700_000_000 - 7 * day)), 4);
    assert_eq!(read(&chain(1_699_999_999 - 7 * day)), 0);
    assert_eq!(read(&longer), 0);
}

/// RFC 8878 section 3.1.2: a skippable frame may stand before the frames with the content; it has one of 16 magic
/// numbers.
#[test]
fn a_skippable_frame_may_come_first() {
    let file = [LITTLE.header(0xa1b2_c3d4, 1), LITTLE.record(1, 2, b"ab", 0)].concat();
    let content = zstd::stream::encode_all(&file[..], 3).unwrap();
    for n in 0..16 {
        let skipped = [&[0x50 + n, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"any", &content].concat();
        let all = read(&skipped);
        assert_eq!((all.packets.len(), all.error), (1, None), "{n}");
    }
    assert!(read(&[&[0x60, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"any", &content].concat()).error.is_some());
}
