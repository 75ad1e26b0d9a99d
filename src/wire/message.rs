//! Messages with their own length in `.wire` lines, as bytes: AWS event streams and gRPC. Lengths and
//! checksums are computed.

use super::escape::unescape;
use super::parse::Wrong;

const MESSAGES: &str = "`aws NAME {…}` (+exception, +bad-crc) or `grpc text` (+gzip, +trailers, +end)";

/// `aws` or `grpc` with its flags.
pub(super) fn is_one(word: &str) -> bool {
    matches!(word.split('+').next(), Some("aws" | "grpc"))
}

/// The bytes of `aws[+FLAG…]` or `grpc[+FLAG…]` with this text.
pub(super) fn bytes(word: &str, text: &str) -> Result<Vec<u8>, Wrong> {
    let mut words = word.split('+');
    match words.next() {
        Some("aws") => aws(words, text),
        Some("grpc") => grpc(words, text),
        _ => Err((format!("{word:?} is not a message"), MESSAGES)),
    }
}

/// A message of an AWS event stream: the name of the event and its JSON. Big-endian: total length, length of
/// the headers, CRC-32 of both; the headers (name with a length of one byte, type 7, value with a length of
/// two); the payload; CRC-32 of everything before it.
fn aws<'a>(flags: impl Iterator<Item = &'a str>, text: &str) -> Result<Vec<u8>, Wrong> {
    let (mut kind, mut sum_differs) = ("event", 0);
    for flag in flags {
        match flag {
            "exception" => kind = "exception",
            "bad-crc" => sum_differs = 1,
            _ => return Err((format!("no flag of aws: {flag:?}"), MESSAGES)),
        }
    }
    let (name, payload) = text.split_once(' ').unwrap_or((text, ""));
    if name.is_empty() || name.starts_with('{') {
        return Err((
            "a message without the name of its event".into(),
            "it before the payload, as in `<aws messageStart {…}`",
        ));
    }
    let payload = unescape(payload)?;
    let mut headers = Vec::new();
    let named = format!(":{kind}-type");
    for (name, value) in [(named.as_str(), name), (":content-type", "application/json"), (":message-type", kind)] {
        headers.push(name.len() as u8);
        headers.extend_from_slice(name.as_bytes());
        headers.push(7);
        headers.extend_from_slice(&(value.len() as u16).to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    let mut out = (length(16 + headers.len() + payload.len())?).to_be_bytes().to_vec();
    out.extend_from_slice(&length(headers.len())?.to_be_bytes());
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out.extend_from_slice(&headers);
    out.extend_from_slice(&payload);
    let sum = crc32fast::hash(&out) ^ sum_differs;
    out.extend_from_slice(&sum.to_be_bytes());
    Ok(out)
}

/// A message of gRPC, gRPC-Web or Connect: a byte of flags, the length in four bytes, the text unchanged.
fn grpc<'a>(flags: impl Iterator<Item = &'a str>, text: &str) -> Result<Vec<u8>, Wrong> {
    let mut bits = 0u8;
    for flag in flags {
        bits |= match flag {
            // The text is compressed (the writer has done it).
            "gzip" => 0x01,
            // The end of a Connect stream.
            "end" => 0x02,
            // The trailers of gRPC-Web.
            "trailers" => 0x80,
            _ => return Err((format!("no flag of grpc: {flag:?}"), MESSAGES)),
        };
    }
    let data = unescape(text)?;
    Ok([&[bits][..], &length(data.len())?.to_be_bytes(), &data].concat())
}

fn length(n: usize) -> Result<u32, Wrong> {
    u32::try_from(n).map_err(|_| (format!("a message of {n} bytes"), "at most 4294967295 bytes"))
}
