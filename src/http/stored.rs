//! Heads parsed from stored bytes by the parsers that read them from the wire.

use super::event::{Fields, RequestHead, ResponseHead, Transfer};
use super::{h1, h2};
use crate::time::Timestamp;

/// What is stored of a head besides its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept<'k> {
    /// Time of its first byte.
    pub first_at: Timestamp,
    /// HTTP/2 stream; `None` for HTTP/1.
    pub h2_stream: Option<u32>,
    /// How its body was delimited, as [`Transfer::as_str`] spells it.
    pub transfer: &'k str,
}

/// A request head from [`Fields::raw`]; `None` if the bytes are not a head.
pub fn request(raw: &[u8], kept: Kept<'_>) -> Option<RequestHead> {
    let Some(stream) = kept.h2_stream else {
        let head = h1::request_head(raw, kept.first_at)?;
        return Some(RequestHead { transfer: transfer(kept.transfer, h1::request_length(&head)), ..head });
    };
    Some(h2::block_of_lines(raw, kept.first_at).request(stream, kept.transfer == Transfer::None.as_str()))
}

/// A response head from [`Fields::raw`]; `None` if the bytes are not a head.
pub fn response(raw: &[u8], kept: Kept<'_>) -> Option<ResponseHead> {
    let Some(stream) = kept.h2_stream else {
        let head = h1::response_head(raw, kept.first_at)?;
        return Some(ResponseHead { transfer: transfer(kept.transfer, h1::response_length(&head)), ..head });
    };
    Some(h2::block_of_lines(raw, kept.first_at).response(stream, kept.transfer == Transfer::None.as_str()))
}

/// A trailer section from [`Fields::raw`].
pub fn trailers(raw: &[u8], h2_stream: Option<u32>) -> Fields {
    match h2_stream {
        None => h1::trailers(raw),
        Some(_) => h2::block_of_lines(raw, Timestamp::default()).list(),
    }
}

/// The name was decided at first reading, when the request was known too; the number comes from the head
/// itself.
fn transfer(name: &str, by_head: Transfer) -> Transfer {
    let length = match by_head {
        Transfer::Length(n) => n,
        _ => 0,
    };
    [Transfer::Chunked, Transfer::Length(length), Transfer::Close, Transfer::H2]
        .into_iter()
        .find(|t| t.as_str() == name)
        .unwrap_or(Transfer::None)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_head_gives_none_and_anything_else_comes_back() {
        let kept = Kept { first_at: Timestamp(3), h2_stream: None, transfer: "length" };
        assert_eq!(request(b"", kept), None);
        assert_eq!(response(b"\r\n\r\n", kept), None);
        let raw = b"HTTP/1.1 200 Fine\r\nX: a\r\ncontent-LENGTH: 7\r\n\r\n";
        let head = response(raw, kept).expect("a head");
        assert_eq!(
            (head.transfer, head.reason.as_slice(), head.fields.raw()),
            (Transfer::Length(7), &b"Fine"[..], &raw[..])
        );
        // A head whose end never came was kept by its complete lines.
        assert_eq!(
            request(b"GET / HTTP/1.0\r\nHost: h\r\n", Kept { transfer: "none", ..kept }).unwrap().authority.as_deref(),
            Some("h")
        );
        let lines = b":method: POST\r\n:path: /a: b\r\nx: y: z\r\n\r\n";
        let head = request(lines, Kept { h2_stream: Some(5), transfer: "h2", ..kept }).unwrap();
        assert_eq!(
            (head.target.as_str(), head.fields.text("x").as_deref(), head.fields.raw()),
            ("/a: b", Some("y: z"), &lines[..])
        );
    }
}
