//! Converts exchanges to HTTP/2: frames and field blocks of one connection, each with the time at which its bytes
//! arrived in HTTP/1.

use super::shape::fields;
use sniff::conn::Direction;
use sniff::exchange::{Body, Exchange};
use sniff::internal::http::event::{Fields, MessageEnd, Transfer};

/// What a peer sends: time, direction, content.
pub type Sent = (i64, Direction, Vec<u8>);

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = head(kind, flags, stream, payload.len());
    out.extend(payload);
    out
}

fn head(kind: u8, flags: u8, stream: u32, len: usize) -> Vec<u8> {
    let mut out = (len as u32).to_be_bytes()[1..].to_vec();
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
    out
}

/// HPACK (RFC 7541): literals that enter the dynamic table, and indices of its entries.
#[derive(Default)]
struct Encoder {
    /// The newest entry is first.
    table: Vec<(String, Vec<u8>)>,
}

impl Encoder {
    fn block(&mut self, fields: &[(String, Vec<u8>)]) -> Vec<u8> {
        let mut out = Vec::new();
        for field in fields {
            if let Some(at) = self.table.iter().position(|f| f == field) {
                integer(&mut out, 0x80, 7, 62 + at);
                continue;
            }
            out.push(0x40);
            for text in [field.0.as_bytes(), &field.1] {
                integer(&mut out, 0, 7, text.len());
                out.extend(text);
            }
            self.table.insert(0, field.clone());
            let size = |f: &(String, Vec<u8>)| f.0.len() + f.1.len() + 32;
            while self.table.iter().map(size).sum::<usize>() > 4096 {
                self.table.pop();
            }
        }
        out
    }
}

/// An integer (RFC 7541 section 5.1).
fn integer(out: &mut Vec<u8>, pattern: u8, bits: u32, mut n: usize) {
    let most = (1 << bits) - 1;
    if n < most {
        return out.push(pattern | n as u8);
    }
    out.push(pattern | most as u8);
    n -= most;
    while n >= 128 {
        out.push(n as u8 | 128);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Whether HTTP/2 can represent it: an HTTP/1 request with its response, without a change of protocol.
pub fn can_tell(e: &Exchange) -> bool {
    let status = e.response.as_ref().and_then(|r| r.head.as_ref()).map(|h| h.status);
    e.request.as_ref().is_some_and(|r| r.head.method != "CONNECT") && status != Some(101)
}

/// The same exchanges on one HTTP/2 connection, and whether the capture ended before them.
pub fn retell(exchanges: &[Exchange]) -> (Vec<Sent>, bool) {
    let start = exchanges.iter().filter_map(|e| Some(e.request.as_ref()?.head.first_at.nanos())).min().unwrap_or(0);
    let mut sent = vec![
        (start, Direction::ToServer, [PREFACE, &frame(SETTINGS, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff])].concat()),
        (start, Direction::ToServer, frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0, 0, 0])),
        (start, Direction::ToClient, frame(SETTINGS, 0, 0, &[])),
    ];
    let mut encoders = [Encoder::default(), Encoder::default()];
    for (n, e) in exchanges.iter().enumerate() {
        let mut stream = Stream { id: 2 * n as u32 + 1, encoders: &mut encoders, sent: &mut sent };
        stream.tell(e);
    }
    // In HTTP/1 both sides take turns; each direction keeps its order, as field blocks require.
    sent.sort_by_key(|(at, ..)| *at);
    let cut = |e: &Exchange| {
        let ends = [e.request.as_ref().map(|r| r.end), e.response.as_ref().map(|r| r.end)];
        ends.contains(&Some(MessageEnd::CutByCapture))
    };
    (sent, exchanges.iter().any(cut))
}

struct Stream<'a> {
    id: u32,
    encoders: &'a mut [Encoder; 2],
    sent: &'a mut Vec<Sent>,
}

impl Stream<'_> {
    fn tell(&mut self, e: &Exchange) {
        let r = e.request.as_ref().unwrap();
        let mut head = vec![
            (":method".to_owned(), r.head.method.clone().into_bytes()),
            (":scheme".to_owned(), b"http".to_vec()),
            (":path".to_owned(), r.head.target.clone().into_bytes()),
        ];
        head.extend(r.head.authority.clone().map(|a| (":authority".to_owned(), a.into_bytes())));
        head.extend(fields(&r.head.fields, r.head.transfer));
        let whole = r.end == MessageEnd::Complete;
        self.message(
            Direction::ToServer,
            r.head.transfer,
            r.head.first_at.nanos(),
            &head,
            &r.body,
            &[],
            whole,
            r.last_at.nanos(),
        );
        let mut last = r.last_at.nanos();
        let mut ends = vec![r.end];
        if let Some(r) = &e.response {
            for interim in &r.informational {
                let fields = [(":status".to_owned(), interim.status.to_string().into_bytes())];
                self.head(Direction::ToClient, r.first_at.nanos(), &fields, false);
            }
            if let Some(h) = &r.head {
                let mut head = vec![(":status".to_owned(), h.status.to_string().into_bytes())];
                head.extend(fields(&h.fields, h.transfer));
                let trailers = fields(&r.trailers, h.transfer);
                let whole = r.end == MessageEnd::Complete;
                self.message(
                    Direction::ToClient,
                    h.transfer,
                    h.first_at.nanos(),
                    &head,
                    &r.body,
                    &trailers,
                    whole,
                    r.last_at.nanos(),
                );
            }
            last = last.max(r.last_at.nanos());
            ends.push(r.end);
        }
        for (how, dir, code) in
            [(MessageEnd::CutByServer, Direction::ToClient, 2), (MessageEnd::CutByClient, Direction::ToServer, 8)]
        {
            if ends.contains(&how) {
                self.sent.push((last, dir, frame(RST_STREAM, 0, self.id, &[0, 0, 0, code])));
            }
        }
    }

    #[allow(clippy::too_many_arguments)] // the parts of a message, once
    fn message(
        &mut self,
        dir: Direction,
        transfer: Transfer,
        at: i64,
        head: &[(String, Vec<u8>)],
        body: &Body,
        trailers: &[(String, Vec<u8>)],
        whole: bool,
        end: i64,
    ) {
        let last = body.pieces.last().map(|p| p.unit);
        let ends = whole && last.is_none() && trailers.is_empty();
        // An empty body is a body: only a message that cannot have one ends with its head.
        self.head(dir, at, head, ends && transfer == Transfer::None);
        if ends && transfer != Transfer::None {
            self.sent.push((end, dir, frame(DATA, END_STREAM, self.id, &[])));
        }
        let mut rest = &body.bytes[..];
        for (i, piece) in body.pieces.iter().enumerate() {
            let (bytes, more) = rest.split_at(piece.len as usize);
            rest = more;
            let mut out = Vec::new();
            if i == 0 || body.pieces[i - 1].unit != piece.unit {
                let unit = body.pieces.iter().filter(|p| p.unit == piece.unit);
                let ends = whole && trailers.is_empty() && last == Some(piece.unit);
                let len = unit.map(|p| p.len as usize).sum();
                out = self::head(DATA, if ends { END_STREAM } else { 0 }, self.id, len);
            }
            out.extend(bytes);
            self.sent.push((piece.at.nanos(), dir, out));
        }
        if whole && !trailers.is_empty() {
            self.head(dir, end, trailers, true);
        }
    }

    /// A field block, in two frames if it is long enough.
    fn head(&mut self, dir: Direction, at: i64, fields: &[(String, Vec<u8>)], end: bool) {
        let block = self.encoders[dir.index()].block(fields);
        let flags = if end { END_STREAM } else { 0 };
        let (first, second) = block.split_at(block.len().min(40));
        self.sent.push((
            at,
            dir,
            frame(HEADERS, flags | if second.is_empty() { END_HEADERS } else { 0 }, self.id, first),
        ));
        if !second.is_empty() {
            self.sent.push((at, dir, frame(CONTINUATION, END_HEADERS, self.id, second)));
        }
    }
}
