//! Random bytes, and real packets with bytes flipped: no panic, at most one segment, never more bytes than there are.

use super::Feed;
use super::built::{ethernet, ipv4, ipv6};
use proptest::prelude::*;

const LINKS: [u32; 17] = [0, 1, 9, 12, 14, 50, 51, 101, 104, 108, 113, 228, 229, 239, 276, 147, 127];

fn check(link: u32, data: &[u8], wire_len: u32) -> Result<(), TestCaseError> {
    let mut feed = Feed::default();
    feed.push_cut(link, data, wire_len);
    prop_assert!(feed.out.len() <= 1);
    for s in &feed.out {
        prop_assert!(s.payload.len() <= data.len());
        prop_assert!(s.payload.len() as u64 + u64::from(s.missing) <= u64::from(wire_len.max(data.len() as u32)));
    }
    feed.stats();
    Ok(())
}

proptest! {
    #[test]
    fn random_bytes(link in 0usize..LINKS.len(), data in proptest::collection::vec(any::<u8>(), 0..200), more in 0u32..5000) {
        check(LINKS[link], &data, data.len() as u32 + more)?;
        check(LINKS[link], &data, more)?;
    }

    #[test]
    fn random_bytes_behind_an_ip_header(protocol in prop_oneof![Just(4u8), Just(6), Just(17), Just(41), Just(44), Just(47), Just(51), Just(0), any::<u8>()],
                                        data in proptest::collection::vec(any::<u8>(), 0..120), port in prop_oneof![Just(4789u16), Just(6081)]) {
        for mut ip in [ipv4(b""), ipv6(b"")] {
            let header = ip.len() - 20;
            ip.truncate(header);
            ip[if header == 20 { 9 } else { 6 }] = protocol;
            ip.extend(&data);
            let length = if header == 20 { ip.len() } else { data.len() } as u16;
            let at = if header == 20 { 2 } else { 4 };
            ip[at..at + 2].copy_from_slice(&length.to_be_bytes());
            if protocol == 17 && data.len() > 8 {
                ip[header + 2..header + 4].copy_from_slice(&port.to_be_bytes());
                ip[header + 4..header + 6].copy_from_slice(&(data.len() as u16).to_be_bytes());
            }
            check(101, &ip, ip.len() as u32)?;
        }
    }

    #[test]
    fn flipped_bytes(at in 0usize..80, to in any::<u8>(), at2 in 0usize..80, to2 in any::<u8>(), keep in 0usize..90) {
        for frame in [ethernet(0x0800, &ipv4(&[1; 30])), ethernet(0x8100, &[&[0, 5, 0x86, 0xdd][..], &ipv6(&[1; 30])].concat())] {
            let wire_len = frame.len() as u32;
            let mut frame = frame;
            let n = frame.len();
            frame[at % n] = to;
            frame[at2 % n] = to2;
            frame.truncate(keep.max(1));
            check(1, &frame, wire_len)?;
        }
    }
}

#[test]
fn headers_without_end_are_malformed() {
    // VLAN in VLAN in VLAN …, and IP in IP in IP …
    let tags = ethernet(0x8100, &[0, 1, 0x81, 0].repeat(300));
    let mut feed = Feed::default();
    feed.push(1, &tags);
    let mut ip = ipv4(b"");
    for _ in 0..60 {
        let mut outer = ipv4(&[]);
        outer.truncate(20);
        outer[9] = 4;
        outer.extend(&ip);
        let len = outer.len() as u16;
        outer[2..4].copy_from_slice(&len.to_be_bytes());
        ip = outer;
    }
    feed.push(101, &ip);
    assert_eq!((feed.out.len(), feed.stats().malformed), (0, 2));
}
