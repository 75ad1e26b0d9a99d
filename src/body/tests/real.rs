//! Real captures of HTTP/1 against their truth: packets in order through `http` and the decoders.

use crate::body::Decoder;
use crate::conn::{ByteEvent, ConnId, Direction, End, What};
use crate::http::Conn;
use crate::http::event::{HttpWhat, MessageEnd, Side, Transfer};
use crate::time::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// One direction of a capture's connection: sequence numbers only, enough for loss-free and lightly shuffled captures.
#[derive(Default)]
struct Way {
    next: Option<u32>,
    waiting: BTreeMap<u32, (Vec<u8>, bool)>,
    over: bool,
}

struct Tcp {
    conn: Conn,
    client: (Vec<u8>, u16),
    ways: [Way; 2],
    order: usize,
}

/// Classic pcap, microseconds or nanoseconds, Ethernet, IPv4 or IPv6, TCP.
fn packets(file: &[u8]) -> Option<Vec<(i64, &[u8])>> {
    let word = |at: usize| file.get(at..at + 4).map(|b| u32::from_le_bytes(b.try_into().unwrap()));
    let scale = match word(0)? {
        0xa1b2_c3d4 => 1000,
        0xa1b2_3c4d => 1,
        _ => return None,
    };
    (word(20)? == 1).then_some(())?;
    let (mut at, mut all) = (24, Vec::new());
    while let (Some(secs), Some(frac), Some(len)) = (word(at), word(at + 4), word(at + 8)) {
        all.push((
            i64::from(secs) * 1_000_000_000 + i64::from(frac) * scale,
            file.get(at + 16..at + 16 + len as usize)?,
        ));
        at += 16 + len as usize;
    }
    Some(all)
}

struct Segment<'a> {
    ends: [(&'a [u8], u16); 2],
    seq: u32,
    flags: u8,
    payload: &'a [u8],
}

fn segment(frame: &[u8]) -> Option<Segment<'_>> {
    let half = |b: &[u8], at: usize| Some(u16::from_be_bytes([*b.get(at)?, *b.get(at + 1)?]));
    let vlan = if half(frame, 12)? == 0x8100 { 4 } else { 0 };
    let ip = frame.get(14 + vlan..)?;
    let (src, dst, tcp) = match half(frame, 12 + vlan)? {
        0x0800 if ip.get(9) == Some(&6) => {
            let total = half(ip, 2)? as usize;
            let whole = if total == 0 { ip } else { ip.get(..total)? };
            (ip.get(12..16)?, ip.get(16..20)?, whole.get((ip[0] & 15) as usize * 4..)?)
        }
        0x86dd if ip.get(6) == Some(&6) => (ip.get(8..24)?, ip.get(24..40)?, ip.get(40..40 + half(ip, 4)? as usize)?),
        _ => return None,
    };
    let seq = u32::from_be_bytes(tcp.get(4..8)?.try_into().ok()?);
    let payload = tcp.get((*tcp.get(12)? >> 4) as usize * 4..)?;
    Some(Segment { ends: [(src, half(tcp, 0)?), (dst, half(tcp, 2)?)], seq, flags: tcp[13], payload })
}

/// What the capture shows of one exchange.
#[derive(Default)]
struct Seen {
    facts: BTreeMap<&'static str, Value>,
    wire: Sha256,
    decoded: Sha256,
    decoder: Option<Decoder>,
    wire_len: u64,
    units: u64,
    /// HTTP ended with the head of a WebSocket.
    socket: bool,
}

impl Seen {
    fn take(&mut self, side: Side, at: Timestamp, what: HttpWhat<'_>) {
        match (side, what) {
            _ if self.socket => {}
            (Side::Request, HttpWhat::Request(head)) => {
                self.facts.insert("method", json!(head.method));
                self.facts.insert("path", json!(head.target));
            }
            (Side::Response, HttpWhat::Response(head)) if !head.is_interim() => {
                self.facts.insert("status", json!(head.status));
                self.facts.insert("transfer", json!(head.transfer.as_str()));
                self.facts.insert("t_response_start_ns", json!(head.first_at.0));
                if head.opens_websocket(None) {
                    self.socket = true;
                    self.end(MessageEnd::Complete);
                }
                if head.transfer != Transfer::None {
                    self.decoder = Some(Decoder::new(head.fields.text("content-encoding").as_deref()));
                }
            }
            (Side::Response, HttpWhat::UnitStart { .. }) => self.units += 1,
            (Side::Response, HttpWhat::Data(bytes)) => {
                self.wire.update(bytes);
                self.wire_len += bytes.len() as u64;
                if let Some(decoder) = &mut self.decoder {
                    decoder.push(at, 0, bytes, &mut |piece| self.decoded.update(piece.bytes), &mut |_| ());
                }
            }
            (Side::Response, HttpWhat::End(end, _)) => self.end(end),
            _ => {}
        }
    }

    fn end(&mut self, end: MessageEnd) {
        self.facts.insert("complete", json!(end == MessageEnd::Complete));
        let by = match end {
            MessageEnd::Complete => Value::Null,
            MessageEnd::CutByClient => json!("client"),
            MessageEnd::CutByServer => json!("server"),
            MessageEnd::CutByCapture => json!("capture"),
        };
        self.facts.insert("cut_by", by);
        self.facts.insert("wire_body_bytes", json!(self.wire_len));
        self.facts.insert("wire_body_sha256", json!(digest(&self.wire)));
        self.facts.insert("decoded_sha256", json!(digest(&self.decoded)));
        if self.facts.get("transfer") == Some(&json!("chunked")) {
            self.facts.insert("chunks", json!(self.units));
        }
    }
}

fn digest(hash: &Sha256) -> String {
    hash.clone().finalize().iter().map(|b| format!("{b:02x}")).collect()
}

fn exchanges(file: &[u8]) -> Option<Vec<Seen>> {
    let (mut conns, mut seen): (Vec<Tcp>, BTreeMap<(usize, u64), Seen>) = (Vec::new(), BTreeMap::new());
    let mut first = Vec::new();
    for (at, frame) in packets(file)? {
        let Some(s) = segment(frame) else { continue };
        let found = conns.iter().position(|c| s.ends.iter().any(|e| (e.0, e.1) == (&c.client.0[..], c.client.1)));
        let n = found.unwrap_or_else(|| {
            let order = conns.len();
            conns.push(Tcp {
                conn: Conn::new(false),
                client: (s.ends[0].0.to_vec(), s.ends[0].1),
                ways: Default::default(),
                order,
            });
            order
        });
        let tcp = &mut conns[n];
        let dir = if (s.ends[0].0, s.ends[0].1) == (&tcp.client.0[..], tcp.client.1) {
            Direction::ToServer
        } else {
            Direction::ToClient
        };
        let way = &mut tcp.ways[dir.index()];
        let order = tcp.order;
        let mut push = |what: What<'_>| {
            tcp.conn.push(&ByteEvent { at: Timestamp(at), frame: 0, conn: ConnId(0), dir, what }, &mut |event| {
                let key = (order, event.exchange);
                if !seen.contains_key(&key) {
                    first.push(key);
                }
                seen.entry(key).or_default().take(event.side, event.at, event.what);
            });
        };
        if s.flags & 2 != 0 {
            way.next = Some(s.seq.wrapping_add(1));
        }
        if s.flags & 4 != 0 {
            push(What::End(End::Reset));
            continue;
        }
        if !s.payload.is_empty() || s.flags & 1 != 0 {
            way.waiting.insert(s.seq, (s.payload.to_vec(), s.flags & 1 != 0));
        }
        while let Some((seq, (bytes, fin))) = way.waiting.pop_first() {
            let next = *way.next.get_or_insert(seq);
            let old = next.wrapping_sub(seq);
            if old > 1 << 31 {
                way.waiting.insert(seq, (bytes, fin));
                break;
            }
            if let Some(fresh) = bytes.get(old as usize..) {
                if !fresh.is_empty() {
                    push(What::Data(fresh));
                }
                way.next = Some(seq.wrapping_add(bytes.len() as u32));
                if fin && !way.over {
                    way.over = true;
                    push(What::End(End::Fin));
                }
            }
        }
    }
    for tcp in &mut conns {
        let order = tcp.order;
        let what = What::Closed(Box::default());
        tcp.conn.push(
            &ByteEvent { at: Timestamp(0), frame: 0, conn: ConnId(0), dir: Direction::ToServer, what },
            &mut |event| {
                seen.entry((order, event.exchange)).or_default().take(event.side, event.at, event.what);
            },
        );
    }
    Some(first.into_iter().filter_map(|key| seen.remove(&key)).collect())
}

#[test]
fn real_captures() {
    let list = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/captures/real")).unwrap();
    let (mut files, mut compared, mut wrong) = (0, 0, Vec::new());
    for path in list.flatten().map(|e| e.path()).filter(|p| p.to_string_lossy().ends_with(".pcap")) {
        let Ok(truth) = std::fs::read_to_string(path.with_extension("truth.json")) else { continue };
        let truth: Value = serde_json::from_str(&truth).unwrap();
        let plain = |e: &Value| e["tls"] == false && e["http_version"] != "2" && e["tcp"]["hole"] == false;
        let Some(expected) = truth["exchanges"].as_array().filter(|all| !all.is_empty() && all.iter().all(plain))
        else {
            continue;
        };
        let Some(got) = exchanges(&std::fs::read(&path).unwrap()) else { continue };
        files += 1;
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if got.len() != expected.len() {
            wrong.push(format!("{name}: {} exchanges, not {}", got.len(), expected.len()));
            continue;
        }
        for (n, (got, expected)) in got.iter().zip(expected).enumerate() {
            if expected["response"].is_object() && !got.facts.contains_key("cut_by") {
                wrong.push(format!("{name}/{n}: no response, or one without end"));
            }
            for (fact, value) in &got.facts {
                let places = [&expected["request"][fact], &expected["response"][fact], &expected["timing"][fact]];
                let truth = places.into_iter().find(|v| !v.is_null()).unwrap_or(&Value::Null);
                let absent = expected["response"].is_null() || (*fact == "decoded_sha256" && truth.is_null());
                if truth != value && !absent {
                    wrong.push(format!("{name}/{n} {fact}: {value}, not {truth}"));
                }
                compared += 1;
            }
        }
    }
    eprintln!("{compared} facts of {files} captures compared, {} differ", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
