//! Initial packets against the values of the RFCs, and sealed here: in pieces, out of order, damaged, in crowds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::initial::{Version, secrets};
use super::*;
use crate::encoding::to_hex;
use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey, quic};
use proptest::prelude::*;

const ID: &[u8] = b"\x83\x94\xc8\xf0\x3e\x51\x57\x08";

/// RFC 9001 appendix A.1, RFC 9369 appendix A.1.
#[test]
fn keys_are_those_of_the_standards() {
    let said = |version| secrets(version, ID).unwrap().map(|secret| to_hex(&secret));
    assert_eq!(
        said(Version::V1),
        ["1f369613dd76d5467730efcbe3b1a22d", "fa044b2f42a3fd3b46fb255c", "9f50449e04a0e810283a1e9933adedd2"]
    );
    assert_eq!(
        said(Version::V2),
        ["8b1a0bc121284290a29e0971b5cd045d", "91f73e2351d8fa91660e909f", "45b95e15235d6f45a6b19cbcb0294ba9"]
    );
}

/// RFC 9000 appendix A.1.
#[test]
fn numbers_have_one_to_eight_bytes() {
    for (bytes, want) in [
        (&b"\x25"[..], 37),
        (b"\x40\x25", 37),
        (b"\x7b\xbd", 15_293),
        (b"\x9d\x7f\x3e\x7d", 494_878_333),
        (b"\xc2\x19\x7c\x5e\xff\x14\xe8\x8c", 151_288_809_941_952_652),
    ] {
        let mut rest = bytes;
        assert_eq!((initial::varint(&mut rest), rest.len()), (Some(want), 0));
        let mut short = &bytes[..bytes.len() - 1];
        assert_eq!(initial::varint(&mut short), None);
    }
}

/// A ClientHello with this name, and padding in an unknown extension.
fn client_hello(name: &str, padding: usize) -> Vec<u8> {
    let vec16 = |body: &[u8]| [&(body.len() as u16).to_be_bytes()[..], body].concat();
    let sni = vec16(&[&[0][..], &vec16(name.as_bytes())].concat());
    let all = [&[0, 0][..], &vec16(&sni), &[0, 16], &vec16(b"\0\x03\x02h3"), &[0xfe, 0x77], &vec16(&vec![7; padding])];
    let body = [&[3, 3][..], &[9; 32], &[0], &vec16(&[0x13, 1]), &[1, 0], &vec16(&all.concat())].concat();
    [&[1][..], &(body.len() as u32).to_be_bytes()[1..], &body].concat()
}

/// A number in four bytes (RFC 9000 section 16).
fn number(n: usize) -> [u8; 4] {
    (n as u32 | 0x8000_0000).to_be_bytes()
}

fn crypto(hello: &[u8], from: usize, to: usize) -> Vec<u8> {
    [&[6][..], &number(from), &number(to - from), &hello[from..to]].concat()
}

/// An Initial packet of the client with these frames, padded to 1200 bytes.
fn sealed(version: Version, to: &[u8], packet: u8, frames: &[u8]) -> Vec<u8> {
    let [key, iv, header] = secrets(version, to).unwrap();
    let mut body = frames.to_vec();
    body.resize(body.len().max(1150), 0);
    let (first, name) = match version {
        Version::V1 => (0xc0, [0, 0, 0, 1]),
        Version::V2 => (0xd0, [0x6b, 0x33, 0x43, 0xcf]),
    };
    let mut head = [&[first][..], &name, &[to.len() as u8], to, &[0, 0]].concat();
    head.extend(number(1 + body.len() + 16));
    let number_at = head.len();
    head.push(packet);
    let mut nonce: [u8; 12] = iv.try_into().unwrap();
    nonce[11] ^= packet;
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).unwrap());
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(&head), &mut body).unwrap();
    let mut whole = [head, body].concat();
    let mask = quic::HeaderProtectionKey::new(&quic::AES_128, &header).unwrap();
    let mask = mask.new_mask(&whole[number_at + 4..number_at + 20]).unwrap();
    whole[0] ^= mask[0] & 0x0f;
    whole[number_at] ^= mask[1];
    whole
}

fn datagram(ms: i64, client: u16, payload: &[u8]) -> UdpDatagram<'_> {
    let (src, dst) = (([10, 0, 0, 1], client).into(), ([10, 0, 0, 2], 443).into());
    UdpDatagram { at: Timestamp(ms * 1_000_000), src, dst, realm: 0, payload, missing: 0 }
}

/// All connections of these datagrams of one client.
fn seen(datagrams: &[Vec<u8>]) -> Vec<Quic> {
    let (mut flows, mut out) = (Flows::default(), Vec::new());
    for (n, payload) in datagrams.iter().enumerate() {
        flows.push(&datagram(n as i64, 5000, payload), &mut |q| out.push(q));
    }
    flows.finish(&mut |q| out.push(q));
    assert_eq!((flows.flows.len(), flows.gathered), (0, 0), "what was held is given back");
    out
}

#[test]
fn a_flow_without_traffic_ends_and_later_ones_are_others() {
    let (mut flows, mut out) = (Flows::default(), Vec::new());
    let hello = client_hello("api.example", 0);
    let first = sealed(Version::V1, ID, 0, &crypto(&hello, 0, hello.len()));
    let at = |s: i64, from, payload| UdpDatagram { at: Timestamp(s * 1_000_000_000), ..datagram(0, from, payload) };
    flows.push(&at(0, 1, &first), &mut |q| out.push(q));
    flows.push(&at(60, 1, b"\x40 protected"), &mut |q| out.push(q));
    // The server's answer, of any kind, is of this flow; a stranger's datagram is of none.
    let answer = UdpDatagram { src: at(0, 1, b"").dst, dst: at(0, 1, b"").src, ..at(100, 1, b"12345") };
    flows.push(&answer, &mut |q| out.push(q));
    flows.push(&at(219, 2, b"\x40 protected"), &mut |q| out.push(q));
    assert!(out.is_empty());
    flows.advance(Timestamp(220_000_000_000), &mut |q| out.push(q));
    let [quic] = &out[..] else { panic!("{out:?}") };
    assert_eq!((quic.id.0, quic.sni.as_deref(), quic.speaks), (FIRST, Some("api.example"), "quic/1"));
    assert_eq!((quic.facts.packets, quic.facts.client_bytes), (3, first.len() as u64 + 11));
    assert_eq!((quic.facts.server_bytes, quic.closed_at), (5, Timestamp(100_000_000_000)));
    assert_eq!(quic.offered, ["h3"]);
    flows.push(&at(300, 1, &first), &mut |q| out.push(q));
    flows.finish(&mut |q| out.push(q));
    assert_eq!((out.len(), out[1].id.0), (2, FIRST + 1));
}

/// Whatever many peers send: the bound holds, every flow is reported once, and the newest ones are whole.
#[test]
fn a_crowd_of_flows_has_one_bound() {
    let hello = client_hello("api.example", 0);
    // One byte at the end of the longest hello: as much memory as a datagram can take.
    let far = sealed(Version::V1, ID, 0, &[&[6][..], &number((16 << 10) - 1), &number(1), b"x"].concat());
    let whole = sealed(Version::V1, ID, 0, &crypto(&hello, 0, hello.len()));
    for budget in [None, Some(1 << 20)] {
        let (mut flows, mut ended, mut most) = (budget.map_or_else(Flows::default, Flows::new), Vec::new(), 0);
        let bound = budget.map_or(MOST_HELD, |budget| budget / 16);
        for n in 0..6000u16 {
            let payload = if n % 100 == 99 { &whole } else { &far };
            flows.push(&datagram(i64::from(n), 1000 + n, payload), &mut |q| ended.push(q));
            most = most.max(flows.held());
            assert!(flows.flows.len() <= MOST && flows.order.len() == flows.flows.len());
        }
        assert!(most <= bound, "{most} bytes over {bound}");
        flows.finish(&mut |q| ended.push(q));
        let mut ids: Vec<u32> = ended.iter().map(|q| q.id.0 - FIRST).collect();
        ids.sort_unstable();
        assert!(ids.iter().copied().eq(0..6000), "each once");
        assert_eq!(ended.iter().filter(|q| q.sni.is_some()).count(), 60);
    }
}

/// Only the client's Initial packets are read; the server's, and those of later versions, are not.
#[test]
fn other_datagrams_are_no_connection() {
    let initial = sealed(Version::V1, ID, 0, &[0]);
    for (at, byte) in [(0, 0x40), (0, 0xe0), (1, 1), (4, 2)] {
        let mut other = initial.clone();
        other[at] = byte;
        assert_eq!(seen(&[other]), [], "byte {at}");
    }
    assert_eq!(seen(&[Vec::new(), vec![0xc0], b"\xc0\0\0\0".to_vec()]), []);
    // Cut by the capture: named without a server name.
    let [cut] = &seen(&[initial[..100].to_vec()])[..] else { panic!("one connection") };
    assert_eq!((cut.speaks, &cut.sni, cut.ech), ("quic/1", &None, None));
}

proptest! {
    /// The hello in pieces: over several packets, out of order, twice, with other frames between, after a packet that
    /// cannot be decrypted.
    #[test]
    fn a_hello_in_pieces_is_read(
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        order in any::<u64>(),
        per_packet in 1..4usize,
        padding in 0..3000usize,
        v2 in any::<bool>(),
    ) {
        let version = if v2 { Version::V2 } else { Version::V1 };
        let hello = client_hello("pieces.example", padding);
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(hello.len())).chain([0, hello.len()]).collect();
        at.sort_unstable();
        let mut pieces: Vec<(usize, usize)> = at.windows(2).map(|w| (w[0], (w[1] + 3).min(hello.len()))).collect();
        let mut random = order | 1;
        let mut next = |n: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random as usize % n
        };
        (1..pieces.len()).for_each(|i| pieces.swap(i, next(i + 1)));
        pieces.push(pieces[0]);
        let mut datagrams: Vec<Vec<u8>> = pieces
            .chunks(per_packet)
            .enumerate()
            .map(|(n, some)| {
                let frames: Vec<Vec<u8>> = some
                    .iter()
                    .flat_map(|(from, to)| {
                        let (padding, ack) = (vec![1, 0, 0], b"\x02\x05\x00\x01\x00\x00\x00".to_vec());
                        [crypto(&hello, *from, *to), padding, ack]
                    })
                    .collect();
                sealed(version, ID, n as u8, &frames.concat())
            })
            .collect();
        let mut damaged = datagrams[0].clone();
        damaged[600] ^= 1;
        datagrams.insert(0, damaged);
        let [quic] = &seen(&datagrams)[..] else { return Err(TestCaseError::fail("not one connection")) };
        prop_assert_eq!(quic.sni.as_deref(), Some("pieces.example"));
        prop_assert_eq!((quic.ech, quic.speaks), (Some(false), version.speaks()));
    }

    /// Any frames under the right keys, and any damage to a datagram.
    #[test]
    fn hostile_datagrams_end(
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..6),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut datagrams: Vec<Vec<u8>> =
            frames.iter().enumerate().map(|(n, frames)| sealed(Version::V1, ID, n as u8, frames)).collect();
        let first = &mut datagrams[0];
        damage.iter().for_each(|(at, byte)| { let at = at.index(first.len()); first[at] = *byte; });
        first.truncate(cut.index(first.len()) + 1);
        datagrams.extend(frames);
        prop_assert!(seen(&datagrams).len() <= 1);
    }
}
