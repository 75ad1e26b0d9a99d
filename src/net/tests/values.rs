//! Fields at the border of what they mean: cut packets and checksums, types that are lengths, flags of tunnels.

use super::built::{ethernet, ipv4};
use super::{Feed, one};
use crate::net::Decoder;

#[test]
fn a_checksum_over_bytes_that_were_not_captured_is_not_wrong() {
    let packet = ethernet(0x0800, &ipv4(b"hello"));
    let kept = |data: &[u8], wire_len: usize| {
        let mut feed = Feed { decoder: Decoder::new().verify_checksums(true), ..Feed::default() };
        feed.push_cut(1, data, wire_len as u32);
        (feed.out.len(), feed.stats().bad_checksum)
    };
    assert_eq!(kept(&packet, packet.len()), (1, 0));
    assert_eq!(kept(&packet[..packet.len() - 2], packet.len()), (1, 0));
    let mut wrong = packet.clone();
    *wrong.last_mut().unwrap() ^= 1;
    assert_eq!(kept(&wrong, wrong.len()), (0, 1));
    assert_eq!(kept(&wrong[..wrong.len() - 1], wrong.len()), (1, 0));
}

/// What the capture cut off a frame was its padding.
#[test]
fn missing_padding_is_no_missing_payload() {
    let packet = ethernet(0x0800, &ipv4(b"hi"));
    let mut feed = Feed::default();
    feed.push_cut(1, &packet, packet.len() as u32 + 10);
    assert_eq!((&feed.out[0].payload[..], feed.out[0].missing), (&b"hi"[..], 0));
}

/// LINKTYPE_LINUX_SLL: types below 0x0600 are numbers of their own (0x0004: LLC), not lengths as in Ethernet.
#[test]
fn a_small_type_of_a_cooked_packet_is_no_length() {
    let snap = [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0][..], &ipv4(b"hi")].concat();
    let sll = |kind: u16| [&[0, 4, 0, 1, 0, 6][..], &[9; 8], &kind.to_be_bytes(), &snap].concat();
    assert_eq!([4, 0x0300, 0x05ff].map(|kind| one(113, &sll(kind)).len()), [0, 0, 0]);
}

/// RFC 7348 section 5: the I flag says that there is a network identifier.
#[test]
fn a_vxlan_header_without_its_flag_is_none() {
    let inside = ethernet(0x0800, &ipv4(b"hi"));
    let udp = |flags: u8| {
        let vxlan = [&[flags, 0, 0, 0, 0, 0, 7, 0][..], &inside].concat();
        let mut out = Vec::new();
        etherparse::PacketBuilder::ipv4([1; 4], [2; 4], 64).udp(5000, 4789).write(&mut out, &vxlan).unwrap();
        one(12, &out).len()
    };
    assert_eq!((udp(0x08), udp(0), udp(0xf7)), (1, 0, 0));
}

/// Radiotap: the fields begin after the last presence word, the time stamp at a multiple of 8 from the header's begin.
#[test]
fn the_flags_of_radiotap_are_found_after_an_aligned_time() {
    let frame = {
        let snap = [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0][..], &ipv4(b"hi")].concat();
        [&[0x08, 0][..], &[0; 22], &snap].concat()
    };
    let packet = |words: usize, flags: u8| {
        let more = 1u32 << 31;
        let mut head: Vec<u8> = vec![0, 0, 0, 0];
        for n in 0..words {
            let present = if n == 0 { 3 } else { 0 } | if n + 1 < words { more } else { 0 };
            head.extend(u32::to_le_bytes(present));
        }
        head.resize(head.len().next_multiple_of(8) + 8, 0);
        head.push(flags);
        head[2] = head.len() as u8;
        one(127, &[&head[..], &frame].concat()).len()
    };
    for words in 1..4 {
        // 0x40: the frame failed its check.
        assert_eq!((packet(words, 0), packet(words, 0x40)), (1, 0), "{words}");
    }
}
