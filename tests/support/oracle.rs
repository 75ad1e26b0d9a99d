//! Compares exchanges with what other programs read from the same capture (`NAME.tshark.json` of the public corpus,
//! described in its README).

use super::native;
use super::read::Seen;
use serde_json::Value;
use sniff::conn::Endpoints;
use sniff::exchange::{Body, Exchange, Request, Response};
use sniff::time::Timestamp;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// One exchange of the oracle.
pub struct Wanted {
    /// `h1.N`, `h2.N`: index in the oracle's list; `native.N`: index in the list of its second program.
    pub id: String,
    /// Number of the TCP stream.
    pub tcp: u64,
    pub request: Option<Value>,
    pub response: Option<Value>,
    /// HTTP/2 stream identifier.
    pub stream: Option<u64>,
    pub interim: Vec<u64>,
    pair: Pair,
    /// There is no response, and the oracle says that it did not look for one after a lost segment.
    not_judged: bool,
}

/// Both endpoints, in an order that does not depend on the direction.
type Pair = [(IpAddr, u16); 2];

/// Time of a message's first byte.
const FIRST: &[&str] = &["first_time", "head_first_time"];

/// The result of comparing one capture.
#[derive(Default)]
pub struct Compared {
    /// Exchanges of the oracle.
    pub all: usize,
    /// Exchanges of the oracle that agree in every field.
    pub equal: usize,
    /// Further exchanges that only sniff lists.
    pub extra: usize,
    /// (exchange, field) -> expected and found values.
    pub differences: BTreeMap<(String, String), String>,
}

/// Compares every exchange of the oracle with ours, matched within each pair of endpoints.
pub fn compare(oracle: &Value, seen: &Seen) -> Compared {
    let wanted = wanted(oracle);
    let mut free: Vec<&Exchange> = seen.exchanges.iter().collect();
    let mut out = Compared::default();
    for want in &wanted {
        out.all += 1;
        let mut diffs = Diffs(Vec::new());
        match best(want, &free) {
            Some(i) => want.against(free.remove(i), &seen.exchanges, &mut diffs),
            None => diffs.add("exchange", "one", "none"),
        }
        out.equal += usize::from(diffs.0.is_empty());
        out.differences.extend(diffs.0.into_iter().map(|(field, text)| ((want.id.clone(), field), text)));
    }
    for (n, extra) in free.iter().enumerate() {
        out.extra += 1;
        let request = extra.request.as_ref().map(|r| format!("{} {}", r.head.method, r.head.target));
        let status = extra.response.as_ref().and_then(|r| r.head.as_ref()).map(|h| h.status);
        let what = format!("{request:?} {status:?} between {:?}", extra.endpoints);
        out.differences.insert((format!("extra.{n}"), "exchange".into()), format!("want none, have {what}"));
    }
    out
}

/// Compares the oracle's data of the hellos of each TLS connection (`tls.N`: its number of the stream) with ours.
pub fn compare_tls(oracle: &Value, seen: &Seen) -> Compared {
    let (pairs, mut hellos) = (pairs(oracle), BTreeMap::<u64, [Option<&Value>; 2]>::new());
    for message in list(&oracle["tshark_native"]["tls"]) {
        let Some(stream) = message["tcp_stream"].as_str().and_then(|s| s.parse().ok()) else { continue };
        for kind in list(&message["types"]) {
            if let Some(at) = ["1", "2"].iter().position(|k| *kind == **k) {
                hellos.entry(stream).or_default()[at].get_or_insert(message);
            }
        }
    }
    let mut out = Compared { all: hellos.len(), ..Compared::default() };
    for (stream, [client, server]) in &hellos {
        let mut diffs = Diffs(Vec::new());
        let of = |c: &&sniff::internal::pipeline::Connection| pair_of(c.endpoints) == pairs[stream];
        let tls = seen.connections.iter().find(of).and_then(|c| c.tls.clone()).unwrap_or_default();
        let number = |s: &str| u16::from_str_radix(s.trim_start_matches("0x"), 16).ok();
        let version =
            first(server, "supported_version").or(first(server, "version")).and_then(number).map(|v| match v {
                0x0301..=0x0304 => format!("1.{}", v - 0x0301),
                other => format!("0x{other:04x}"),
            });
        diffs.stated("sni", first(client, "sni"), tls.sni.as_deref());
        diffs.stated("suite", first(server, "cipher").and_then(number), tls.suite);
        diffs.stated("version", version, tls.version);
        out.equal += usize::from(diffs.0.is_empty());
        out.differences.extend(diffs.0.into_iter().map(|(field, text)| ((format!("tls.{stream}"), field), text)));
    }
    out
}

/// The first of a hello's values.
fn first<'v>(hello: &Option<&'v Value>, field: &str) -> Option<&'v str> {
    list(&hello.as_ref()?[field]).first()?.as_str()
}

/// The endpoints of every stream.
fn pairs(oracle: &Value) -> BTreeMap<u64, Pair> {
    let mut pairs: BTreeMap<u64, Pair> = BTreeMap::new();
    for stream in list(&oracle["streams"]) {
        let end = |key: &str| stream[key].as_str().and_then(endpoint);
        if let (Some(number), Some(client), Some(server)) =
            (stream["tcp_stream"].as_u64(), end("client"), end("server"))
        {
            pairs.insert(number, pair(client, server));
        }
    }
    pairs
}

/// The oracle's exchanges. The halves of one that was upgraded to HTTP/2 are joined: stream 1 answers the request
/// that asked for the upgrade (RFC 7540 section 3.2).
fn wanted(oracle: &Value) -> Vec<Wanted> {
    let pairs = pairs(oracle);
    let lost = list(&oracle["doubts"]).iter().any(|d| d.as_str().is_some_and(|d| d.starts_with("lost segments")));
    let mut all: Vec<Wanted> = Vec::new();
    let mut upgraded: BTreeMap<u64, usize> = BTreeMap::new();
    for (n, exchange) in list(&oracle["http1"]).iter().enumerate() {
        let response = some(&exchange["response"]);
        let stream = exchange["tcp_stream"].as_u64().expect("tcp_stream");
        let interim = response.map(|r| list(&r["interim"])).unwrap_or_default();
        let interim = interim.iter().filter_map(|i| i.as_u64().or_else(|| i["status"].as_u64())).collect();
        if response.is_some_and(|r| r["status"] == 101) {
            upgraded.insert(stream, all.len());
        }
        let (request, response) = (some(&exchange["request"]).cloned(), response.cloned());
        let not_judged = lost && response.is_none();
        all.push(Wanted {
            id: format!("h1.{n}"),
            tcp: stream,
            pair: pairs[&stream],
            request,
            response,
            stream: None,
            interim,
            not_judged,
        });
    }
    for (n, exchange) in list(&oracle["http2"]).iter().enumerate() {
        let stream = exchange["tcp_stream"].as_u64().expect("tcp_stream");
        let (request, response) = (some(&exchange["request"]).cloned(), some(&exchange["response"]).cloned());
        if exchange["stream_id"] == 1
            && request.is_none()
            && let Some(first) = upgraded.get(&stream)
        {
            all[*first].response = response;
            continue;
        }
        let (id, not_judged) = (exchange["stream_id"].as_u64(), lost && response.is_none());
        all.push(Wanted {
            id: format!("h2.{n}"),
            tcp: stream,
            pair: pairs[&stream],
            request,
            response,
            stream: id,
            interim: Vec::new(),
            not_judged,
        });
    }
    native::correct(&oracle["tshark_native"]["http1"], &mut all, |id, tcp| Wanted {
        id,
        tcp,
        pair: pairs[&tcp],
        request: None,
        response: None,
        stream: None,
        interim: Vec::new(),
        not_judged: false,
    });
    all
}

/// Our exchange that corresponds: within the same endpoints the first with the same stream, request and status;
/// else the one with most of these.
fn best(want: &Wanted, free: &[&Exchange]) -> Option<usize> {
    let ranked = free.iter().enumerate().filter(|(_, e)| ends(e) == want.pair);
    let score = |e: &Exchange| {
        let stream = e.request.as_ref().and_then(|r| r.head.h2_stream);
        let stream = stream.or(e.response.as_ref().and_then(|r| r.head.as_ref()?.h2_stream));
        let target = e.request.as_ref().map(|r| r.head.target.as_str())
            == want.request.as_ref().and_then(|r| text(r, &["target", ":path"]));
        let status = e.response.as_ref().and_then(|r| r.head.as_ref()).map(|h| u64::from(h.status));
        let first = e.request.as_ref().map(|r| r.head.first_at) == want.request.as_ref().and_then(|r| time(r, FIRST));
        let same_stream = want.stream.is_none() || stream.map(u64::from) == want.stream;
        (same_stream, target, first, status == want.response.as_ref().and_then(status_of))
    };
    let (at, (same_stream, target, first, status)) =
        ranked.map(|(i, e)| (i, score(e))).max_by(|(i, a), (j, b)| a.cmp(b).then(j.cmp(i)))?;
    (same_stream && (target || first || status)).then_some(at)
}

/// The fields that differ.
struct Diffs(Vec<(String, String)>);

impl Diffs {
    fn add(&mut self, field: &str, want: impl std::fmt::Debug, have: impl std::fmt::Debug) {
        self.0.push((field.into(), format!("want {want:?}, have {have:?}")));
    }

    fn equal<T: PartialEq + std::fmt::Debug>(&mut self, field: &str, want: T, have: T) {
        if want != have {
            self.add(field, want, have);
        }
    }

    /// A field is compared if the oracle states it.
    fn stated<T: PartialEq + std::fmt::Debug>(&mut self, field: &str, want: Option<T>, have: Option<T>) {
        if want.is_some() {
            self.equal(field, want, have);
        }
    }
}

impl Wanted {
    /// A response that belongs to another request in the oracle is one difference, `pairing`; its own fields are
    /// then compared.
    fn against(&self, have: &Exchange, all: &[Exchange], diffs: &mut Diffs) {
        let first = self.response.as_ref().and_then(|r| time(r, FIRST));
        let theirs =
            |e: &&Exchange| e.response.as_ref().is_some_and(|r| Some(r.first_at) == first) && ends(e) == self.pair;
        let other = match (&have.response, first) {
            (Some(r), Some(first)) if r.first_at != first => all.iter().find(theirs),
            _ => None,
        };
        if other.is_some() {
            diffs.add("pairing", "this response", "another one");
        }
        let answered = other.unwrap_or(have);
        match (&self.request, &have.request) {
            (Some(want), Some(sent)) => request(want, sent, have.websocket.is_some(), diffs),
            (want, have) => diffs.equal("request", want.is_some(), have.is_some()),
        }
        match (&self.response, &answered.response) {
            (None, _) if self.not_judged => {}
            (Some(want), Some(have)) => response(want, have, &self.interim, diffs),
            (want, have) => diffs.equal("response", want.is_some(), have.is_some()),
        }
    }
}

/// To the oracle, what a client sends over a WebSocket is not a body of the request.
fn request(want: &Value, have: &Request, socket: bool, diffs: &mut Diffs) {
    diffs.stated("request.method", text(want, &["method", ":method"]), Some(have.head.method.as_str()));
    diffs.stated("request.target", text(want, &["target", ":path"]), Some(have.head.target.as_str()));
    diffs.stated("request.first", time(want, FIRST), Some(have.head.first_at));
    if !socket {
        body("request", want, &have.body, diffs);
    }
    diffs.stated("request.end", ended(want), Some(have.last_at));
}

fn response(want: &Value, have: &Response, interim: &[u64], diffs: &mut Diffs) {
    diffs.stated("response.status", status_of(want), have.head.as_ref().map(|h| u64::from(h.status)));
    diffs.equal("response.interim", interim.to_vec(), have.informational.iter().map(|h| u64::from(h.status)).collect());
    diffs.stated("response.first", time(want, FIRST), Some(have.first_at));
    body("response", want, &have.body, diffs);
    diffs.stated("response.end", ended(want), Some(have.last_at));
    pieces(want, &have.body, diffs);
}

/// The time of the last byte, if the message has its own end.
fn ended(want: &Value) -> Option<Timestamp> {
    let has_end = want["end"] != "close" && want["complete"] != false && want["end"] != "upgrade";
    if has_end { time(want, &["end_time"]) } else { None }
}

fn body(side: &str, want: &Value, have: &Body, diffs: &mut Diffs) {
    if want["end"] == "gap" || want["end"] == "parse-error" {
        return; // the oracle stopped there
    }
    let hex = |hash: Option<[u8; 32]>| hash.map(|h| h.iter().map(|b| format!("{b:02x}")).collect::<String>());
    diffs.stated(&format!("{side}.body"), text(want, &["body_sha256"]).map(str::to_owned), hex(have.wire_sha256));
    if want["decode_complete"] != false {
        diffs.stated(
            &format!("{side}.decoded"),
            text(want, &["decoded_sha256"]).map(str::to_owned),
            hex(have.decoded_sha256),
        );
    }
}

/// Which packets carried which bytes: HTTP/1 bytes by packet; HTTP/2 by DATA frame, with the packet of its last
/// byte.
fn pieces(want: &Value, have: &Body, diffs: &mut Diffs) {
    if want["end"] == "gap" {
        return;
    }
    let triple = |v: &Value| -> Vec<u64> { list(v).iter().filter_map(Value::as_u64).collect() };
    if let Some(frames) = some(&want["body_frames"]) {
        let want: Vec<(u64, u64)> = list(frames).iter().map(&triple).map(|f| (f[0], f[1])).collect();
        let mut got: Vec<(u64, u64)> = Vec::new();
        for piece in &have.pieces {
            match got.last_mut() {
                Some((frame, len)) if *frame == piece.frame => *len += u64::from(piece.len),
                _ => got.push((piece.frame, u64::from(piece.len))),
            }
        }
        diffs.equal("response.pieces", want, got);
    }
    if let Some(frames) = some(&want["data_frames"]) {
        let want: Vec<(u64, u64)> =
            list(frames).iter().map(triple).filter(|f| f[2] > 0).map(|f| (f[1], f[2])).collect();
        let mut got: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
        for piece in have.pieces.iter().filter(|p| p.len > 0) {
            let unit = got.entry(piece.unit).or_default();
            *unit = (piece.frame, unit.1 + u64::from(piece.len));
        }
        diffs.equal("response.pieces", want, got.into_values().collect());
    }
}

fn status_of(response: &Value) -> Option<u64> {
    response["status"].as_u64().or_else(|| response[":status"].as_str()?.parse().ok())
}

fn text<'v>(v: &'v Value, names: &[&str]) -> Option<&'v str> {
    names.iter().find_map(|name| v[*name].as_str())
}

/// Seconds and nanoseconds as a decimal string.
fn time(v: &Value, names: &[&str]) -> Option<Timestamp> {
    let (seconds, nanos) = text(v, names)?.split_once('.')?;
    let seconds: i64 = seconds.parse().ok()?;
    let nanos: i64 = format!("{nanos:0<9}").parse().ok()?;
    Some(Timestamp(seconds * 1_000_000_000 + nanos))
}

fn some(v: &Value) -> Option<&Value> {
    (!v.is_null()).then_some(v)
}

fn list(v: &Value) -> &[Value] {
    v.as_array().map_or(&[], Vec::as_slice)
}

fn endpoint(s: &str) -> Option<(IpAddr, u16)> {
    let (ip, port) = s.rsplit_once(':')?;
    Some((ip.trim_matches(['[', ']']).parse().ok()?, port.parse().ok()?))
}

fn ends(e: &Exchange) -> Pair {
    pair_of(e.endpoints)
}

fn pair_of(Endpoints { client, server }: Endpoints) -> Pair {
    pair((client.ip(), client.port()), (server.ip(), server.port()))
}

fn pair(a: (IpAddr, u16), b: (IpAddr, u16)) -> Pair {
    if a <= b { [a, b] } else { [b, a] }
}
