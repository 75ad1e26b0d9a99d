//! Decoders against what encoders made, cut anywhere, damaged anywhere.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod real;
mod values;

use super::{Decoder, Piece};
use crate::time::Timestamp;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use proptest::prelude::*;
use std::io::Write;

/// The output, with the number of the delivery that brought each byte, and the oddities.
#[derive(Debug, Default, PartialEq)]
struct Got {
    bytes: Vec<u8>,
    pieces: Vec<(i64, usize)>,
    odd: Vec<&'static str>,
}

fn decode<'a>(coding: &str, deliveries: impl IntoIterator<Item = &'a [u8]>) -> Got {
    let (mut decoder, mut got, mut at) = (Decoder::new(Some(coding)), Got::default(), 0);
    for bytes in deliveries {
        at += 1;
        let mut sink = |piece: Piece<'_>| {
            assert!(!piece.bytes.is_empty());
            got.bytes.extend_from_slice(piece.bytes);
            got.pieces.push((piece.at.0, piece.bytes.len()));
        };
        decoder.push(Timestamp(at), at as u64, bytes, &mut sink, &mut |o| got.odd.push(o.kind.0));
    }
    decoder.finish(Timestamp(at), &mut |o| got.odd.push(o.kind.0));
    got
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn raw_deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 3).unwrap()
}

/// The stream of RFC 7932 section 9.1 and 9.2 that holds one uncompressed meta-block and the empty last one.
fn stored_br(bytes: &[u8]) -> Vec<u8> {
    assert!((1..=1 << 16).contains(&bytes.len()));
    // WBITS 16: bit 0. ISLAST 0, MNIBBLES 4 (00), MLEN-1 in 16 bits, ISUNCOMPRESSED 1.
    let header = ((bytes.len() - 1) as u32) << 4 | 1 << 20;
    let mut out = header.to_le_bytes()[..3].to_vec();
    out.extend_from_slice(bytes);
    out.push(0b11);
    out
}

fn text() -> Vec<u8> {
    (0..400)
        .flat_map(|n| format!("data: {{\"n\":{n},\"text\":\"token {}\"}}\n\n", n * 7919 % 1000).into_bytes())
        .collect()
}

#[test]
fn whole_bodies() {
    let text = text();
    let short = &text[..5000];
    let table: [(&str, Vec<u8>); 9] = [
        ("gzip", gzip(&text)),
        ("X-GZip", gzip(&text)),
        ("deflate", zlib(&text)),
        ("deflate", raw_deflate(&text)),
        ("zstd", zstd(&text)),
        ("gzip, zstd", zstd(&gzip(&text))),
        ("identity, gzip ,identity,gzip, deflate", raw_deflate(&gzip(&gzip(&text)))),
        ("", text.clone()),
        ("identity", text.clone()),
    ];
    for (coding, coded) in &table {
        for size in [1, 2, 3, 7, 1000, usize::MAX] {
            let got = decode(coding, coded.chunks(size.min(coded.len())));
            assert!(got.odd.is_empty(), "{coding} {size} {:?}", got.odd);
            assert!(got.bytes == text, "{coding} by {size}");
        }
    }
    for coded in [("br", stored_br(short)), ("gzip, br", stored_br(&gzip(short))), ("br,gzip", gzip(&stored_br(short)))]
    {
        let got = decode(coded.0, coded.1.chunks(1));
        assert!(got.bytes == short && got.odd.is_empty(), "{} {:?}", coded.0, got.odd);
    }
}

#[test]
fn every_flush_comes_out_at_once() {
    let events: Vec<Vec<u8>> = text().split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    let mut gz = GzEncoder::new(Vec::new(), Compression::default());
    let mut df = DeflateEncoder::new(Vec::new(), Compression::default());
    let mut zs = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    let (mut pieces, mut late) = ([const { Vec::new() }; 3], 0);
    for event in &events {
        gz.write_all(event).unwrap();
        gz.flush().unwrap();
        pieces[0].push(std::mem::take(gz.get_mut()));
        df.write_all(event).unwrap();
        df.flush().unwrap();
        pieces[1].push(std::mem::take(df.get_mut()));
        zs.write_all(event).unwrap();
        zs.flush().unwrap();
        pieces[2].push(std::mem::take(zs.get_mut()));
    }
    for (coding, deliveries) in ["gzip", "deflate", "zstd"].into_iter().zip(&pieces) {
        let got = decode(coding, deliveries.iter().map(Vec::as_slice));
        for (n, event) in events.iter().enumerate() {
            let came: usize = got.pieces.iter().filter(|(at, _)| *at == n as i64 + 1).map(|(_, len)| len).sum();
            late += usize::from(came != event.len());
        }
        assert_eq!((late, got.odd), (0, vec!["body.incomplete"]), "{coding}");
    }
}

#[test]
fn members_and_frames_follow_one_another() {
    let both = [gzip(b"one, "), gzip(b""), gzip(b"two")].concat();
    assert_eq!(decode("gzip", both.chunks(1)).bytes, b"one, two");
    assert!(decode("gzip", both.chunks(1)).odd.is_empty());
    let both = [zstd(b"one, "), vec![0x5a, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9], zstd(b"two")].concat();
    assert_eq!(
        decode("zstd", both.chunks(3)),
        Got { odd: vec![], ..decode("zstd", [&both[..]]) }.with_pieces_of(decode("zstd", both.chunks(3)))
    );
    assert_eq!(decode("zstd", both.chunks(3)).bytes, b"one, two");
}

impl Got {
    fn with_pieces_of(mut self, other: Got) -> Got {
        self.pieces = other.pieces;
        self
    }
}

#[test]
fn what_is_wrong_is_said() {
    let coded = gzip(b"hello");
    let cut = &coded[..coded.len() - 3];
    assert_eq!(decode("gzip", [cut]).odd, ["body.incomplete"]);
    assert_eq!(decode("gzip", [cut]).bytes, b"hello");
    assert_eq!(decode("gzip", [&coded[..1]]).odd, ["body.incomplete", "body.dropped"]);
    let trailing = [&coded[..], b"garbage"].concat();
    for size in [1, 100] {
        let got = decode("gzip", trailing.chunks(size));
        assert_eq!((&got.bytes[..], &got.odd[..]), (&b"hello"[..], &["body.trailing", "body.dropped"][..]));
    }
    let mut damaged = gzip(&text());
    damaged[400] ^= 0xff;
    let got = decode("gzip", [&damaged[..]]);
    assert!(text().starts_with(&got.bytes[..200]));
    assert!(got.odd.contains(&"body.broken"), "{:?}", got.odd);
    // A window of 2^41 bytes (RFC 8878 section 3.1.1.1.2).
    let odd = decode("zstd", [&b"\x28\xb5\x2f\xfd\x00\xf8\x01\x00\x00"[..], b"more"]).odd;
    assert_eq!(odd, ["body.broken", "body.dropped"]);
    assert_eq!(decode("br", [&b"\xff\xff\xff\xff\xff\xff"[..]]).odd[0], "body.broken");
    // Declared as coded, but not coded.
    let got = decode("gzip", [&b"{\"a\""[..], b":1}"]);
    assert_eq!((&got.bytes[..], &got.odd[..]), (&b"{\"a\":1}"[..], &["body.not-coded"][..]));
    // An unknown coding inside: the coding around it is decoded.
    assert_eq!(decode("compress, gzip", [&coded[..]]).odd, ["body.unknown-coding"]);
    assert_eq!(decode("compress, gzip", [&coded[..]]).bytes, b"hello");
    assert_eq!(decode("gzip, compress", [&coded[..]]).bytes, coded);
    assert!(Decoder::new(Some("compress")).is_identity() && !Decoder::new(Some("br")).is_identity());
    for empty in ["gzip", "br", "zstd", "deflate", ""] {
        assert_eq!(decode(empty, []), Got::default());
    }
}

/// RFC 9842 sections 4 and 5: magic bytes and a hash of the dictionary. Without it nothing is decoded, however the body
/// is cut; what does not begin so is not coded.
#[test]
fn a_coding_with_a_dictionary_is_named_and_not_decoded() {
    for (coding, magic) in
        [("dcb", &b"\xffDCB"[..]), ("dcz", b"\x5e\x2a\x4d\x18\x20\0\0\0"), (" DCZ", b"\x5e\x2a\x4d\x18\x20\0\0\0")]
    {
        let body = [magic, &[0xab; 32], b"data: literal\n\n"].concat();
        for size in [1, 7, 40, 1000] {
            let got = decode(coding, body.chunks(size));
            assert_eq!(
                (got.bytes, got.odd),
                (Vec::new(), vec!["body.needs-dictionary", "body.dropped"]),
                "{coding} by {size}"
            );
        }
        let mut said = Vec::new();
        Decoder::new(Some(coding)).push(Timestamp(1), 1, &body, &mut |_| {}, &mut |o| said.push(o.found));
        assert!(said[0].ends_with(&"ab".repeat(32)), "{said:?}");
        assert_eq!(decode(coding, [&body[..20]]).odd, ["body.incomplete", "body.dropped"]);
        let plain = b"data: {\"id\":1,\"choices\":[]}\n\ndata: [DONE]\n\n";
        let got = decode(coding, [&plain[..]]);
        assert_eq!((&got.bytes[..], &got.odd[..]), (&plain[..], &["body.not-coded"][..]));
    }
}

/// What shows that a body is text and not coded comes before the damage, however it is cut.
#[test]
fn text_under_a_coding_is_told_by_what_came_before_the_damage() {
    let text = b"data: {\"n\":1}\n\n".repeat(400);
    let with_delete = [&b"data: one\n\n"[..], b"\x7f", &text[..]].concat();
    let binary = [&b"\x00\x01"[..], &text[..]].concat();
    for coding in ["br", "deflate", "br, deflate"] {
        for body in [&text, &with_delete, &binary] {
            let once = decode(coding, [&body[..]]);
            for size in [1, 2, 5, 100, 5000] {
                let cut = decode(coding, body.chunks(size));
                assert_eq!((&cut.bytes, &cut.odd), (&once.bytes, &once.odd), "{coding} by {size}");
            }
        }
        assert_eq!(decode(coding, [&with_delete[..]]).bytes, with_delete, "{coding}");
        assert_eq!(decode(coding, [&text[..]]).odd[0], "body.not-coded", "{coding}");
    }
}

#[test]
fn missing_bytes_end_the_decoding() {
    let coded = gzip(&text());
    let (mut decoder, mut len, mut odd) = (Decoder::new(Some("gzip")), 0, Vec::new());
    decoder.push(Timestamp(1), 1, &coded[..300], &mut |p| len += p.bytes.len(), &mut |o| odd.push(o.kind.0));
    assert!(len > 0);
    let before = len;
    decoder.gap(Timestamp(2), &mut |o| odd.push(o.kind.0));
    decoder.push(Timestamp(3), 3, &coded[310..], &mut |p| len += p.bytes.len(), &mut |o| odd.push(o.kind.0));
    decoder.finish(Timestamp(3), &mut |o| odd.push(o.kind.0));
    assert_eq!((len, &odd[..]), (before, &["body.gap", "body.dropped"][..]));
}

#[test]
fn bombs_stop() {
    let zeros = vec![0u8; 1 << 26];
    let bomb = zstd(&zeros);
    let (mut most, mut total, mut odd) = (0, 0, Vec::new());
    let mut decoder = Decoder::new(Some("zstd"));
    let mut sink = |piece: Piece<'_>| {
        most = most.max(piece.bytes.len());
        total += piece.bytes.len();
    };
    decoder.push(Timestamp(1), 1, &bomb, &mut sink, &mut |o| odd.push(o.kind.0));
    assert!(bomb.len() < 10_000 && most <= 65_536 && total < 1 << 26, "{} {most} {total}", bomb.len());
    assert_eq!(odd, ["body.bomb"]);
    // Well within what deflate achieves with uniform text.
    assert_eq!(decode("gzip", [&gzip(&zeros)[..]]).bytes.len(), zeros.len());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn anything_goes(coding in "(gzip|deflate|br|zstd|identity|x)(,(gzip|deflate|br|zstd)){0,2}", bytes: Vec<u8>, head in 0usize..5, size in 1usize..9) {
        let heads: [&[u8]; 5] = [b"", b"\x1f\x8b\x08\0\0\0\0\0\0\x03", b"\x78\x9c", b"\x28\xb5\x2f\xfd\x04\x58", b"\x0b\x02\x80"];
        let whole = [heads[head], &bytes].concat();
        let cut = decode(&coding, whole.chunks(size));
        let once = decode(&coding, [&whole[..]]);
        if cut.odd.contains(&"body.broken") {
            // What a decoder had ready before it met the damage may come out or not.
            prop_assert!(once.odd.contains(&"body.broken"));
            prop_assert!(cut.bytes.starts_with(&once.bytes) || once.bytes.starts_with(&cut.bytes));
        } else {
            prop_assert_eq!(cut, once.with_pieces_of(decode(&coding, whole.chunks(size))));
        }
    }

    #[test]
    fn damaged_anywhere(at: prop::sample::Index, bit in 0u8..8, which in 0usize..4) {
        let (coding, mut coded) = [("gzip", gzip(&text())), ("deflate", raw_deflate(&text())), ("zstd", zstd(&text())), ("br", stored_br(&text()))][which].clone();
        let n = coded.len();
        coded[at.index(n)] ^= 1 << bit;
        let got = decode(coding, coded.chunks(100));
        prop_assert!(got.bytes.len() <= 16 << 20);
    }
}

/// 3000 events of 108 bytes each: about a thousand times the input, and ten times what a decoder returns at once.
#[test]
fn one_delivery_that_becomes_more_than_a_buffer_comes_out_whole() {
    let event = format!("data: {:100}\n\n", "{\"n\":\"word\"}");
    let plain = event.repeat(3000).into_bytes();
    // Encoded with Node 22.
    let br = [
        0x5b, 0x9f, 0xf1, 0x84, 0xdf, 0x91, 0x60, 0xc7, 0x20, 0x6b, 0x68, 0x1e, 0x3e, 0x81, 0xb0, 0x52, 0x04, 0x44,
        0xa1, 0xdc, 0xf6, 0x4a, 0xa7, 0xaf, 0x05, 0xd1, 0xe5, 0x32, 0xcc, 0x34, 0x02, 0x16, 0xe8, 0xb0, 0x07, 0x94,
        0x83, 0x8e, 0x4e, 0xee, 0xe8, 0x04, 0x35,
    ];
    for (coding, bytes) in
        [("br", br.to_vec()), ("zstd", zstd(&plain)), ("gzip", gzip(&plain)), ("deflate", zlib(&plain))]
    {
        let got = decode(coding, [bytes.as_slice()]);
        assert_eq!(
            (got.bytes.len(), got.bytes == plain, got.odd),
            (plain.len(), true, vec![]),
            "{coding} of {} bytes",
            bytes.len()
        );
        assert!(got.pieces.iter().all(|(delivery, _)| *delivery == 1), "{coding}");
    }
}
