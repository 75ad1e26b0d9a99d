//! Values at the border of what they mean: what is no coding after all, whose offset an oddity has, bounds.

use super::super::coding::allowed;
use super::{Decoder, Piece, decode, gzip, raw_deflate, stored_br, zlib};
use crate::time::Timestamp;

/// Kinds and offsets of what is odd in this body.
fn odd(coding: &str, bytes: &[u8]) -> Vec<(&'static str, Option<u64>)> {
    let (mut decoder, mut all) = (Decoder::new(Some(coding)), Vec::new());
    decoder.push(Timestamp(1), 1, bytes, &mut |_: Piece<'_>| (), &mut |o| all.push((o.kind.0, o.offset)));
    decoder.finish(Timestamp(2), &mut |o| all.push((o.kind.0, o.offset)));
    all
}

/// 0x66 and 0x6f begin a block of the reserved type (RFC 1951 section 3.2.3), so the text is refused at once.
#[test]
fn text_that_was_not_coded_is_passed_on_whole() {
    for body in ["for you", "only this"] {
        for pieces in [vec![body.as_bytes()], body.as_bytes().chunks(1).collect()] {
            let got = decode("deflate", pieces);
            assert_eq!((got.bytes, got.odd), (body.as_bytes().to_vec(), vec!["body.not-coded"]), "{body}");
        }
    }
}

/// What tells a text from damage are the bytes up to the first that cannot be decoded, however much comes at once.
#[test]
fn a_long_text_that_was_not_coded_is_told_by_its_first_bytes() {
    let kinds = |n: usize| odd("br", "H".repeat(n).as_bytes()).iter().map(|o| o.0).collect::<Vec<_>>();
    for n in [4096, 4097, 70_000] {
        assert_eq!(kinds(n), ["body.not-coded"], "{n}");
    }
}

/// RFC 1950 section 2.2: a window of more than 32 KiB (CINFO over 7) is not allowed, so these bytes begin no zlib
/// stream. As raw DEFLATE they are a stored block (RFC 1951 section 3.2.4) whose first five unused bits are set.
#[test]
fn a_window_that_zlib_has_not_is_raw_deflate() {
    assert_eq!(u16::from_be_bytes([0x88, 0x1c]) % 31, 0);
    let body = [&[0x88, 0x1c, 0, !0x1c, 0xff][..], &[b'x'; 0x1c], &[1, 0, 0, 0xff, 0xff]].concat();
    let got = decode("deflate", [&body[..]]);
    assert_eq!((got.bytes, got.odd), (vec![b'x'; 0x1c], vec![]));
}

/// An offset is one of the bytes that were sent; what an inner coding finds has none.
#[test]
fn only_the_outer_coding_knows_where_it_is() {
    assert_eq!(odd("gzip", b"no gzip"), [("body.not-coded", Some(0))]);
    assert_eq!(odd("gzip, br", &stored_br(b"no gzip")), [("body.not-coded", None)]);
    assert_eq!(odd("br, gzip", &gzip(&stored_br(b"ok"))), []);
}

#[test]
fn each_name_of_a_coding_is_known() {
    let body = b"what was sent";
    for (name, coded) in
        [("x-gzip", gzip(body)), ("X-GZIP", gzip(body)), ("x-deflate", zlib(body)), ("x-deflate", raw_deflate(body))]
    {
        let got = decode(name, [&coded[..]]);
        assert_eq!((got.bytes, got.odd), (body.to_vec(), vec![]), "{name}");
    }
}

#[test]
fn a_body_may_grow_by_a_factor_up_to_a_gibibyte() {
    assert_eq!([0, 1, 1 << 10].map(allowed), [16 << 20, (16 << 20) + 2048, 18 << 20]);
    assert_eq!([1 << 20, u64::MAX].map(allowed), [1 << 30; 2]);
}
