//! Packets built by etherparse: link types, tags, headers, cuts.

use super::{Feed, Owned, one};
use crate::net::Decoder;
use crate::net::flags::ACK;
use etherparse::PacketBuilder;

pub(super) const SRC: [u8; 4] = [192, 0, 2, 1];
pub(super) const DST: [u8; 4] = [192, 0, 2, 2];

/// An IPv4 packet with a TCP segment.
pub(super) fn ipv4(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    PacketBuilder::ipv4(SRC, DST, 64).tcp(4000, 80, 1000, 512).ack(7).psh().write(&mut out, payload).unwrap();
    out
}

/// An IPv6 packet with a TCP segment.
pub(super) fn ipv6(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    PacketBuilder::ipv6([0xfd; 16], [0xfe; 16], 64)
        .tcp(4000, 80, 1000, 512)
        .ack(7)
        .psh()
        .write(&mut out, payload)
        .unwrap();
    out
}

pub(super) fn ethernet(kind: u16, inside: &[u8]) -> Vec<u8> {
    [&[1; 12][..], &kind.to_be_bytes(), inside].concat()
}

fn payloads(all: &[Owned]) -> Vec<&[u8]> {
    all.iter().map(|s| &s.payload[..]).collect()
}

#[test]
fn every_field_of_a_segment() {
    let mut packet = ipv4(b"hello");
    packet[4..6].copy_from_slice(&0xabcdu16.to_be_bytes());
    let all = one(1, &ethernet(0x0800, &packet));
    let s = &all[0];
    assert_eq!((s.src.to_string(), s.dst.to_string()), ("192.0.2.1:4000".into(), "192.0.2.2:80".into()));
    assert_eq!((s.frame, s.realm, s.device, s.ident), (1, 0, Some(3), 0xabcd));
    assert_eq!((s.seq, s.flags, &s.payload[..], s.missing), (1000, ACK | 0x08, &b"hello"[..], 0));
}

#[test]
fn every_link_type_leads_to_the_segment() {
    let (v4, v6) = (ipv4(b"hi"), ipv6(b"hi"));
    let sll = |kind: u16, ip: &[u8]| [&[0, 4, 0, 1, 0, 6][..], &[9; 8], &kind.to_be_bytes(), ip].concat();
    let sll2 = |kind: u16, ip: &[u8]| {
        [&kind.to_be_bytes()[..], &[0, 0], &77u32.to_be_bytes(), &[0, 1, 4, 6], &[9; 8], ip].concat()
    };
    let pppoe = |ip: &[u8]| [&[0x11, 0, 0, 5][..], &(ip.len() as u16 + 2).to_be_bytes(), &[0, 0x21], ip].concat();
    let nflog =
        [&[2, 0, 0, 0][..], &[8, 0, 10, 0, 1, 2, 3, 4], &(v4.len() as u16 + 4).to_le_bytes(), &[9, 0], &v4].concat();
    let snap = [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0][..], &v4].concat();
    let cases: Vec<(u32, Vec<u8>, Option<u32>)> = vec![
        (1, ethernet(0x0800, &v4), Some(3)),
        (1, ethernet(0x86dd, &v6), Some(3)),
        (1, ethernet(snap.len() as u16, &snap), Some(3)),
        (0, [&2u32.to_le_bytes()[..], &v4].concat(), Some(3)),
        (0, [&2u32.to_be_bytes()[..], &v4].concat(), Some(3)),
        (0, [&30u32.to_le_bytes()[..], &v6].concat(), Some(3)),
        (0, [&30u32.to_be_bytes()[..], &v6].concat(), Some(3)),
        (108, [&2u32.to_be_bytes()[..], &v4].concat(), Some(3)),
        (12, v4.clone(), Some(3)),
        (14, v6.clone(), Some(3)),
        (101, v6.clone(), Some(3)),
        (228, v4.clone(), Some(3)),
        (229, v6.clone(), Some(3)),
        (113, sll(0x0800, &v4), None),
        (113, sll(0x86dd, &v6), None),
        (276, sll2(0x0800, &v4), Some(77)),
        (276, sll2(0x86dd, &v6), Some(77)),
        (9, [&[0xff, 3, 0, 0x21][..], &v4].concat(), Some(3)),
        (9, [&[0x57][..], &v6].concat(), Some(3)),
        (51, pppoe(&v4), Some(3)),
        (104, [&[0x0f, 0, 8, 0][..], &v4].concat(), Some(3)),
        (239, nflog, Some(3)),
    ];
    for (link, packet, device) in cases {
        let all = one(link, &packet);
        assert_eq!(payloads(&all), [b"hi"], "link {link}");
        assert_eq!(all[0].device, device, "link {link}");
    }
    let mut feed = Feed::default();
    feed.push(147, b"what");
    assert_eq!((feed.stats().unknown_link, feed.stats().unknown_link_type), (1, Some(147)));
}

#[test]
fn tags_make_a_realm_and_labels_do_not() {
    let v4 = ipv4(b"hi");
    let tag = |id: u16, kind: u16, inside: &[u8]| [&id.to_be_bytes()[..], &kind.to_be_bytes(), inside].concat();
    let realm = |packet: Vec<u8>| one(1, &packet)[0].realm;
    let vlan = |id| realm(ethernet(0x8100, &tag(id, 0x0800, &v4)));
    let double = |outer, a, b| realm(ethernet(outer, &tag(a, 0x8100, &tag(b, 0x0800, &v4))));
    assert_eq!(vlan(0), 0, "a priority tag is not a VLAN");
    assert_eq!(vlan(5), vlan(0xe005), "priority bits are no id");
    assert!(vlan(5) != 0 && vlan(5) != vlan(6));
    assert_eq!(double(0x88a8, 1, 2), double(0x9100, 1, 2));
    assert!(double(0x88a8, 1, 2) != double(0x88a8, 2, 1));
    let labels = [&[0, 0x10, 0, 0x40][..], &[0, 0x20, 1, 0x40], &v4].concat();
    assert_eq!(realm(ethernet(0x8847, &labels)), 0);
}

/// A packet from its two ends.
type Tunnel<'a> = dyn Fn([u8; 4], [u8; 4]) -> Vec<u8> + 'a;

#[test]
fn tunnels_are_entered_and_equal_both_ways() {
    let inner = ethernet(0x0800, &ipv4(b"hi"));
    let udp = |src, dst, port, head: &[u8], inside: &[u8]| {
        let mut out = Vec::new();
        PacketBuilder::ipv4(src, dst, 9).udp(5000, port).write(&mut out, &[head, inside].concat()).unwrap();
        out
    };
    let ip = |src, dst, protocol: u8, inside: &[u8]| {
        let mut out = Vec::new();
        PacketBuilder::ipv4(src, dst, 9).write(&mut out, protocol.into(), inside).unwrap();
        out
    };
    let (a, b) = ([10, 0, 0, 1], [10, 0, 0, 2]);
    let both: [&Tunnel<'_>; 8] = [
        &(|s, d| udp(s, d, 4789, &[8, 0, 0, 0, 0, 0, 42, 0], &inner)),
        &(|s, d| udp(s, d, 6081, &[1, 0, 0x65, 0x58, 0, 0, 42, 0, 1, 2, 3, 4], &inner)),
        &(|s, d| ip(s, d, 4, &ipv4(b"hi"))),
        &(|s, d| ip(s, d, 41, &ipv6(b"hi"))),
        &(|s, d| ip(s, d, 47, &[&[0x20, 0, 8, 0, 1, 2, 3, 4][..], &ipv4(b"hi")].concat())),
        &(|s, d| ip(s, d, 47, &[&[0, 0, 0x65, 0x58][..], &inner].concat())),
        &(|s, d| udp(s, d, 2152, &[0x34, 0xff, 0, 58, 0, 0, 0, 7, 0, 0, 0, 0x85, 1, 0, 9, 0], &ipv4(b"hi"))),
        &(|s, d| udp(s, d, 4754, &[0, 0, 8, 0], &ipv4(b"hi"))),
    ];
    for (i, tunnel) in both.iter().enumerate() {
        let (there, back) = (one(101, &tunnel(a, b)), one(101, &tunnel(b, a)));
        assert_eq!(payloads(&there), [b"hi"], "{i}");
        assert!(there[0].realm != 0 && there[0].realm == back[0].realm, "{i}");
    }
}

#[test]
fn mpls_and_teredo_in_udp_are_entered() {
    let udp = |port, head: &[u8], inside: &[u8]| {
        let mut out = Vec::new();
        PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 9)
            .udp(5000, port)
            .write(&mut out, &[head, inside].concat())
            .unwrap();
        out
    };
    let authentication = [0, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 1, 2, 3, 4, 5, 6];
    for packet in [
        udp(6635, &[0, 0x10, 1, 0x40], &ipv4(b"hi")),
        udp(3544, &[], &ipv6(b"hi")),
        udp(3544, &authentication, &ipv6(b"hi")),
    ] {
        assert_eq!(payloads(&one(101, &packet)), [b"hi"]);
    }
}

#[test]
fn padding_is_not_payload() {
    for ip in [ipv4(b""), ipv4(b"x")] {
        let mut frame = ethernet(0x0800, &ip);
        frame.resize(64, 0xee); // padding of short frames, and a frame check sequence
        assert_eq!(one(1, &frame)[0].payload.len(), ip.len() - 40);
        assert_eq!(one(1, &frame)[0].missing, 0);
    }
}

#[test]
fn offloaded_packets_are_as_long_as_the_link_says() {
    let body = vec![7; 40_000];
    let mut v4 = ipv4(&body);
    v4[2..4].fill(0);
    let mut v6 = ipv6(&body);
    v6[4..6].fill(0);
    for ip in [v4, v6] {
        assert_eq!(payloads(&one(101, &ip)), [&body[..]]);
        let mut feed = Feed::default();
        feed.push_cut(101, &ip[..1000], ip.len() as u32);
        assert_eq!(feed.out[0].payload.len() + feed.out[0].missing as usize, 40_000);
    }
}

#[test]
fn a_jumbogram_is_as_long_as_its_option_says() {
    let body = vec![7; 70_000];
    let plain = ipv6(&body[..8]);
    let tcp = [&plain[40..60], &body].concat(); // RFC 2675: next header, length 0, option 0xc2 of 4 bytes
    let mut packet = [&plain[..40], &[6, 0, 0xc2, 4], &(tcp.len() as u32 + 8).to_be_bytes(), &tcp, b"trailer"].concat();
    packet[4..6].fill(0);
    packet[6] = 0;
    assert_eq!(payloads(&one(101, &packet)), [&body[..]]);
}

#[test]
fn a_cut_packet_counts_what_is_missing() {
    for ip in [ipv4(&[5; 500]), ipv6(&[5; 500])] {
        let tcp = ip.len() - 520;
        let frame = ethernet(if tcp == 20 { 0x0800 } else { 0x86dd }, &ip);
        for keep in 0..=frame.len() {
            let mut feed = Feed::default();
            feed.push_cut(1, &frame[..keep], frame.len() as u32);
            match keep.checked_sub(14 + tcp + 20) {
                Some(payload) => {
                    assert_eq!((feed.out[0].payload.len(), feed.out[0].missing as usize), (payload, 500 - payload))
                }
                None => assert_eq!((feed.out.len(), feed.stats().malformed), (0, 1), "{keep}"),
            }
        }
    }
}

#[test]
fn cut_options_leave_the_payload_missing() {
    let mut ip = Vec::new();
    let options = [etherparse::TcpOptionElement::Timestamp(1, 2)];
    PacketBuilder::ipv4(SRC, DST, 64).tcp(1, 2, 3, 4).options(&options).unwrap().write(&mut ip, b"payload").unwrap();
    for keep in 40..=52 {
        let mut feed = Feed::default();
        feed.push_cut(101, &ip[..keep], ip.len() as u32);
        assert_eq!((feed.out[0].payload.len(), feed.out[0].missing), (0, 7), "{keep}");
    }
}

#[test]
fn a_length_beyond_the_wire_misses_nothing() {
    let mut ip = ipv4(b"hello");
    ip[2..4].copy_from_slice(&1500u16.to_be_bytes());
    let all = one(101, &ip);
    assert_eq!((&all[0].payload[..], all[0].missing), (&b"hello"[..], 0));
}

#[test]
fn extension_headers_are_walked() {
    let plain = ipv6(b"hi");
    // destination options of 8 bytes, routing of 16, an Authentication Header of 12, then TCP
    let extensions = [&[43u8, 0, 1, 4, 0, 0, 0, 0][..], &[51, 1, 0, 0], &[0; 12], &[6, 1], &[0; 10]].concat();
    let mut packet = [&plain[..40], &extensions, &plain[40..]].concat();
    let len = (packet.len() - 40) as u16;
    packet[4..6].copy_from_slice(&len.to_be_bytes());
    packet[6] = 60;
    assert_eq!(payloads(&one(101, &packet)), [b"hi"]);
}

#[test]
fn wrong_checksums_are_dropped_where_asked_for() {
    for (kind, ip) in [(0x0800, ipv4(b"hi")), (0x86dd, ipv6(b"hi"))] {
        let mut payload = ip.clone();
        *payload.last_mut().unwrap() ^= 1;
        let mut time_to_live = ip.clone();
        time_to_live[8] ^= 1;
        // The header of IPv6 has no checksum; its byte 8 is of the source address, which the one of TCP covers.
        for (verify, packet, kept) in [
            (true, &ip, 1),
            (true, &payload, 0),
            (true, &time_to_live, 0),
            (false, &payload, 1),
            (false, &time_to_live, 1),
        ] {
            let mut feed = Feed { decoder: Decoder::new().verify_checksums(verify), ..Feed::default() };
            feed.push(1, &ethernet(kind, packet));
            assert_eq!((feed.out.len() as u64, feed.stats().bad_checksum), (kept, 1 - kept), "{kind:#x} {verify}");
        }
    }
}
