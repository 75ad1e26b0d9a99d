//! HTTP/2 frames (RFC 9113) of `.wire` lines: what follows `h2`, as bytes. Lengths and field blocks are computed.

use super::escape::unescape;
use super::message;
use super::parse::Wrong;

/// What a client sends first (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Names of HTTP/2's error codes (RFC 9113 section 7), from 0.
pub const ERRORS: &[&str] = &[
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
];

/// Names of settings (RFC 9113 section 6.5.2, RFC 8441 section 3), from 1; 7 is not assigned.
const SETTINGS: &[&str] = &[
    "HEADER_TABLE_SIZE",
    "ENABLE_PUSH",
    "MAX_CONCURRENT_STREAMS",
    "INITIAL_WINDOW_SIZE",
    "MAX_FRAME_SIZE",
    "MAX_HEADER_LIST_SIZE",
    "",
    "ENABLE_CONNECT_PROTOCOL",
];

const KINDS: &str = "`h2 preface`, `h2 settings NAME=N …`, `h2 headers STREAM name: value | …`, `h2 data STREAM \
    text`, `h2 rst STREAM CODE`, \
                     `h2 goaway LAST CODE text`, `h2 window_update STREAM N`, `h2 ping 8 bytes`, `h2 push STREAM \
                     PROMISED fields`, \
                     `h2 continuation STREAM fields` or `h2 frame TYPE FLAGS STREAM text`";

const END_STREAM: u8 = 0x01;
const ACK: u8 = 0x01;
const END_HEADERS: u8 = 0x04;
const PADDED: u8 = 0x08;

/// The bytes of `KIND[+FLAG…][/MESSAGE] …`.
pub(super) fn bytes(line: &str) -> Result<Vec<u8>, Wrong> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let (word, message) = word.split_once('/').map_or((word, None), |(word, message)| (word, Some(message)));
    let mut words = word.split('+');
    let kind = words.next().unwrap_or_default();
    if message.is_some() && kind != "data" {
        return Err((format!("a message in an h2 {kind} frame"), "it in a data frame, as in `<h2 data/grpc 1 text`"));
    }
    let flags = Flags::of(kind, words)?;
    match kind {
        "preface" if rest.is_empty() => Ok(PREFACE.to_vec()),
        "data" => {
            let (stream, text) = stream(rest)?;
            let data = match message {
                Some(message) => message::bytes(message, text)?,
                None => unescape(text)?,
            };
            frame(0, flags.bits, stream, &flags.padded(data))
        }
        "headers" => {
            let (stream, text) = stream(rest)?;
            frame(1, flags.bits | flags.end_headers(), stream, &flags.padded(fields(text)?))
        }
        "rst" => {
            let (stream, code) = stream(rest)?;
            frame(3, 0, stream, &error_code(code)?.to_be_bytes())
        }
        "settings" => frame(4, flags.bits, 0, &settings(rest)?),
        "push" => {
            let (stream_id, text) = stream(rest)?;
            let (promised, text) = stream(text)?;
            let payload = [&promised.to_be_bytes()[..], &fields(text)?].concat();
            frame(5, flags.bits | flags.end_headers(), stream_id, &flags.padded(payload))
        }
        "ping" => {
            let data = unescape(rest)?;
            match data.len() {
                8 => frame(6, flags.bits, 0, &data),
                n => Err((format!("a ping of {n} bytes"), "eight bytes")),
            }
        }
        "goaway" => {
            let (last, rest) = stream(rest)?;
            let (code, text) = rest.split_once(' ').unwrap_or((rest, ""));
            frame(7, 0, 0, &[&last.to_be_bytes()[..], &error_code(code)?.to_be_bytes(), &unescape(text)?].concat())
        }
        "window_update" => {
            let (stream_id, rest) = stream(rest)?;
            let (by, _) = stream(rest)?;
            frame(8, 0, stream_id, &by.to_be_bytes())
        }
        "continuation" => {
            let (stream, text) = stream(rest)?;
            frame(9, flags.end_headers(), stream, &fields(text)?)
        }
        "frame" => {
            let mut parts = rest.splitn(4, ' ');
            let mut byte = || parts.next().and_then(|n| n.parse::<u8>().ok());
            let (Some(kind), Some(bits)) = (byte(), byte()) else {
                return Err((
                    "a frame without type and flags".into(),
                    "both as numbers up to 255, as in `<h2 frame 10 0 1 text`",
                ));
            };
            let rest = parts.next().map_or(Ok(0), number)?;
            frame(kind, bits, rest, &unescape(parts.next().unwrap_or_default())?)
        }
        other => Err((format!("no h2 line: {other:?}"), KINDS)),
    }
}

/// The words after `+`.
struct Flags {
    bits: u8,
    /// The field block continues in a CONTINUATION frame.
    more: bool,
    padding: u8,
}

impl Flags {
    fn of<'a>(kind: &str, words: impl Iterator<Item = &'a str>) -> Result<Flags, Wrong> {
        let mut flags = Flags { bits: 0, more: false, padding: 0 };
        for word in words {
            match (kind, word) {
                ("data" | "headers", "end") => flags.bits |= END_STREAM,
                ("headers" | "push" | "continuation", "more") => flags.more = true,
                ("settings" | "ping", "ack") => flags.bits |= ACK,
                ("data" | "headers" | "push", pad) if pad.starts_with("pad=") => {
                    let wrong =
                        || (format!("{pad:?} is not a padding"), "a number of bytes up to 255, as in `data+pad=10`");
                    flags.padding = pad["pad=".len()..].parse().map_err(|_| wrong())?;
                    flags.bits |= PADDED;
                }
                _ => {
                    return Err((
                        format!("no flag of h2 {kind}: {word:?}"),
                        "+end (data, headers), +more (headers, push, continuation), +ack (settings, ping), +pad=N \
                            (data, headers, push)",
                    ));
                }
            }
        }
        Ok(flags)
    }

    fn end_headers(&self) -> u8 {
        if self.more { 0 } else { END_HEADERS }
    }

    /// The payload with the padding that was asked for (RFC 9113 section 6.1).
    fn padded(&self, mut payload: Vec<u8>) -> Vec<u8> {
        if self.bits & PADDED != 0 {
            payload.insert(0, self.padding);
            payload.resize(payload.len() + usize::from(self.padding), 0);
        }
        payload
    }
}

/// A frame: 24 bits of length, type, flags, stream, payload.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Result<Vec<u8>, Wrong> {
    let length = u32::try_from(payload.len()).ok().filter(|n| *n < 1 << 24);
    let length = length.ok_or_else(|| (format!("a frame of {} bytes", payload.len()), "at most 16777215 bytes"))?;
    Ok([&length.to_be_bytes()[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat())
}

/// A stream's number and what follows it.
fn stream(rest: &str) -> Result<(u32, &str), Wrong> {
    let (word, text) = rest.split_once(' ').unwrap_or((rest, ""));
    Ok((number(word)?, text))
}

fn number(word: &str) -> Result<u32, Wrong> {
    let number = word.parse::<u32>().ok().filter(|n| *n < 1 << 31);
    number.ok_or_else(|| (format!("{word:?} is not a stream or window"), "a number from 0 to 2147483647"))
}

fn error_code(word: &str) -> Result<u32, Wrong> {
    let named = ERRORS.iter().position(|name| *name == word).map(|n| n as u32);
    named.or(word.parse().ok()).ok_or_else(|| {
        (format!("{word:?} is not an error code"), "a name such as CANCEL or INTERNAL_ERROR, or a number")
    })
}

fn settings(rest: &str) -> Result<Vec<u8>, Wrong> {
    let mut out = Vec::new();
    for pair in rest.split_ascii_whitespace() {
        let parsed = pair.split_once('=').and_then(|(name, value)| {
            let named = SETTINGS.iter().position(|known| *known == name).map(|n| n as u16 + 1);
            Some((named.or(name.parse().ok())?, value.parse::<u32>().ok()?))
        });
        let wrong =
            || (format!("{pair:?} is not a setting"), "NAME=N or NUMBER=N, as in `settings INITIAL_WINDOW_SIZE=65535`");
        let (name, value) = parsed.ok_or_else(wrong)?;
        out.extend_from_slice(&name.to_be_bytes());
        out.extend_from_slice(&value.to_be_bytes());
    }
    Ok(out)
}

/// `name: value | name: value` as literal fields that are not indexed, with new names (RFC 7541 section
/// 6.2.2), without Huffman coding.
fn fields(text: &str) -> Result<Vec<u8>, Wrong> {
    let mut out = Vec::new();
    for field in text.split(" | ").filter(|f| !f.is_empty()) {
        // The first character may be the colon of a pseudo-header.
        let colon = field.char_indices().skip(1).find(|(_, c)| *c == ':').map(|(at, _)| at);
        let wrong = || {
            (
                format!("{field:?} is not a field"),
                "`name: value`, several with ` | ` between them (`\\x7c` is a bar in a value)",
            )
        };
        let (name, value) = field.split_at(colon.ok_or_else(wrong)?);
        let value = &value[1..];
        out.push(0);
        for text in [name, value.strip_prefix(' ').unwrap_or(value)] {
            let bytes = unescape(text)?;
            length(bytes.len(), &mut out);
            out.extend_from_slice(&bytes);
        }
    }
    Ok(out)
}

/// An integer with a prefix of seven bits (RFC 7541 section 5.1); the eighth bit is 0: no Huffman code.
fn length(n: usize, out: &mut Vec<u8>) {
    let Some(mut rest) = n.checked_sub(127) else { return out.push(n as u8) };
    out.push(127);
    while rest >= 128 {
        out.push((rest % 128 + 128) as u8);
        rest /= 128;
    }
    out.push(rest as u8);
}
