//! Damage: whole packets are returned, damage is reported with its place, and nothing panics or grows without
//! bound.

use super::formats::{BIG, LITTLE, Order};
use super::{drain, read};
use crate::capture::Item;
use crate::capture::file::Reader;
use proptest::prelude::*;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn pcap(n: u32) -> Vec<u8> {
    let o = LITTLE;
    (0..n).fold(o.header(0xa1b2_c3d4, 1), |f, i| [f, o.record(i, 0, &[i as u8; 20], 0)].concat())
}

fn pcapng(o: Order, n: u64) -> Vec<u8> {
    let head = [o.section(), o.interface(1, 0, &[])].concat();
    (0..n).fold(head, |f, i| [f, o.enhanced(0, i, &[i as u8; 20], &[])].concat())
}

#[test]
fn a_file_cut_anywhere_gives_every_packet_before_the_cut() {
    // header and record lengths: 24 and 16 + 20; section and interface, then 32 + 20
    for (file, head, each) in [(pcap(4), 24, 36), (pcapng(BIG, 4), 48, 52)] {
        let whole = read(&file);
        assert_eq!((whole.packets.len(), whole.notices.len()), (4, 0));
        for cut in 1..file.len() {
            let part = read(&file[..cut]);
            let there = cut.saturating_sub(head) / each;
            assert_eq!(part.packets, whole.packets[..there], "{cut}");
            // a cut between two records, or between two blocks, is not visible as damage
            let seen = (cut < head && cut != 28) || !(cut.max(head) - head).is_multiple_of(each);
            assert_eq!(
                part.error.is_some() || part.notices.len() == 1,
                seen,
                "{cut} {:?} {:?}",
                part.error,
                part.notices
            );
            assert_eq!(part.error.is_some(), seen && there == 0, "{cut}");
        }
    }
}

#[test]
fn the_place_of_a_cut_is_told() {
    let file = pcap(3);
    let cut = read(&file[..file.len() - 5]);
    // 24 bytes of header and two records of 36
    assert!(
        cut.notices[0].contains("at byte 96: 31 of its 36 bytes") && cut.notices[0].contains("The 2 packets before it"),
        "{:?}",
        cut.notices
    );
}

#[test]
fn an_impossible_length_is_an_error_first_and_a_notice_later() {
    let o = LITTLE;
    let bad = [o.u32(1), o.u32(2), o.u32(1 << 31), o.u32(1 << 31)].concat();
    let first = read(&[o.header(0xa1b2_c3d4, 1), bad.clone()].concat());
    assert!(first.error.unwrap().contains("byte 24"));
    let later = read(&[pcap(2), bad].concat());
    assert_eq!((later.packets.len(), later.error), (2, None));
    assert!(later.notices[0].contains("byte 96"), "{:?}", later.notices);
}

#[test]
fn a_damaged_block_is_passed_over() {
    for o in [LITTLE, BIG] {
        let file = pcapng(o, 5);
        let start = 28 + 20; // section header and interface; each packet block is 52 bytes long
        let whole = read(&file);
        for (at, value) in [(4, 0u32), (4, 1 << 30), (4, 54), (48, 60)] {
            let mut bad = file.clone();
            bad[start + 52 + at..][..4].copy_from_slice(&o.u32(value));
            let all = read(&bad);
            assert_eq!(all.error, None);
            assert!(all.notices[0].contains("byte 100") && all.notices[0].contains("byte 152"), "{:?}", all.notices);
            let given: Vec<_> = all.packets.iter().map(|p| p.at).collect();
            let wanted: Vec<_> = [0, 2, 3, 4].map(|i: usize| whole.packets[i].at).to_vec();
            assert_eq!(given, wanted);
        }
    }
}

#[test]
fn a_record_with_an_impossible_length_is_passed_over_in_each_form() {
    for o in [LITTLE, BIG] {
        for (magic, extra) in [(0xa1b2_c3d4, 0), (0xa1b2_3c4d, 0), (0xa1b2_cd34, 8)] {
            let packet = |i: u32| o.record(1_700_000_000 + i, 5, &[0x45 + i as u8; 40], extra);
            let file = (0..6).fold(o.header(magic, 1), |f, i| [f, packet(i)].concat());
            let (whole, each) = (read(&file), packet(0).len());
            assert_eq!(whole.packets.len(), 6);
            for bad in 1..6 {
                for claim in [u32::MAX, 1 << 31, (1 << 20) + 1] {
                    let mut file = file.clone();
                    let at = 24 + bad * each;
                    file[at + 8..][..4].copy_from_slice(&o.u32(claim));
                    let all = read(&file);
                    let left: Vec<_> = (0..6).filter(|i| *i != bad).map(|i| whole.packets[i].at).collect();
                    assert_eq!(all.packets.iter().map(|p| p.at).collect::<Vec<_>>(), left, "{bad} {claim}");
                    assert_eq!((all.error, all.notices.len()), (None, 1));
                    let said = &all.notices[0];
                    assert!(said.contains(&format!("byte {at}")) && said.contains(&claim.to_string()), "{said}");
                    assert!(bad == 5 || said.contains(&format!("continues at byte {}", at + each)), "{said}");
                }
            }
        }
    }
}

#[test]
fn what_only_looks_like_records_is_not_read() {
    let o = LITTLE;
    let bad = [o.u32(1), o.u32(2), o.u32(1 << 31), o.u32(1 << 31)].concat();
    let good = pcap(3);
    // Zeros, and a record without successors whose time is years away.
    let far = o.record(900_000_000, 0, &[7; 20], 0);
    for noise in [vec![0; 5000], [far, vec![0xff; 900]].concat()] {
        let all = read(&[&good[..], &bad, &noise].concat());
        assert_eq!((all.packets.len(), all.notices.len(), all.error), (3, 1, None));
    }
}

#[test]
fn notices_of_a_hostile_file_are_few() {
    let o = LITTLE;
    let stray = (0..1000).map(|_| o.enhanced(9, 0, b"", &[])).collect::<Vec<_>>().concat();
    let all = read(&[pcapng(o, 1), stray].concat());
    assert_eq!((all.packets.len(), all.notices.len()), (1, 21));
    assert!(all.notices[20].contains("980 more"));
}

#[test]
fn a_section_of_an_unknown_version_is_passed_over() {
    let o = LITTLE;
    let mut strange = pcapng(o, 1);
    strange[12] = 9;
    let all = read(&[strange, pcapng(o, 1)].concat());
    assert_eq!((all.packets.len(), all.notices.len()), (1, 1));
}

#[test]
fn what_is_no_capture_is_named() {
    let says = |b: &[u8]| read(b).error.unwrap();
    assert!(says(b"GET / HTTP/1.1\r\n").contains("looks like text"));
    assert!(says(b"\xfd7zXZ\0\0\0").contains("xz -dc"));
    assert!(says(&[0x7f, b'E', b'L', b'F', 2, 1, 1, 0]).contains("\\x7fELF"));
    assert!(says(b"\xd4\xc3").contains("is not a capture file"));
}

#[test]
fn opening_says_what_is_wrong() {
    assert!(Reader::open("/nowhere/x.pcap").err().unwrap().to_string().contains("/nowhere/x.pcap"));
    assert!(Reader::open("/").err().unwrap().to_string().contains("directory"));
}

#[test]
fn told_to_stop_is_a_proper_end() {
    let mut reader = Reader::new(Box::new(std::io::Cursor::new(pcap(3))), "test");
    reader.stop_when(Arc::new(AtomicBool::new(true)));
    let all = drain(&mut reader);
    assert_eq!((all.packets.len(), all.notices.len(), all.error), (0, 0, None));
}

#[test]
fn a_silent_pipe_can_be_left() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe");
    let name = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    // SAFETY: `name` ends with NUL and lives through the call.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut pipe = std::fs::File::create(&path).unwrap();
            pipe.write_all(&pcap(1)).unwrap();
            pipe
        });
        let mut reader = Reader::open(path.to_str().unwrap()).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        reader.stop_when(stop.clone());
        assert!(matches!(reader.next(), Ok(Some(Item::Packet(_)))));
        let still_open = writer.join().unwrap();
        stop.store(true, Ordering::Relaxed);
        assert!(matches!(reader.next(), Ok(None)));
        drop(still_open);
    });
}

proptest! {
    #[test]
    fn random_bytes_behind_any_magic_never_panic(magic in 0usize..8, bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let magics: [&[u8]; 8] = [
            &[0xd4, 0xc3, 0xb2, 0xa1], &[0xa1, 0xb2, 0xc3, 0xd4], &[0x34, 0xcd, 0xb2, 0xa1], &[0x1f, 0x8b], &[0x28, 0xb5, 0x2f, 0xfd],
            &[10, 13, 13, 10, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0], &[10, 13, 13, 10], &[],
        ];
        read(&[magics[magic], &bytes].concat());
    }

    #[test]
    fn flipped_bytes_never_panic(at in 0usize..300, to in any::<u8>(), at2 in 0usize..300, to2 in any::<u8>()) {
        for mut file in [pcap(6), pcapng(LITTLE, 5)] {
            for (at, to) in [(at, to), (at2, to2)] {
                let n = file.len();
                file[at % n] = to;
            }
            let all = read(&file);
            prop_assert!(all.packets.len() <= 20);
        }
    }
}
