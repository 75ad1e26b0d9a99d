//! Secrets of every kind at every place, searched for in all that is written or printed; and answers without any, of
//! which no byte may change.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use rusqlite::Connection;
use sniff::conn::Direction::{ToClient, ToServer};
use sniff::internal::encoding::from_base64;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::packets::{Frame, Talk, pcap};

const T0: i64 = 1_795_390_276_000_000_000;

/// One connection with a secret, and what of it must not be found again.
struct Plant {
    place: String,
    talk: Talk,
    needles: Vec<String>,
}

/// Makes connections, each with a secret of its own.
#[derive(Default)]
struct Garden(Vec<Plant>);

impl Garden {
    /// The next secret, which has no form of its own, and its number within the capture.
    fn secret(&self) -> String {
        format!("A{:03}b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6", self.0.len())
    }

    fn talk(&self) -> Talk {
        let mut talk = Talk::open(T0 + self.0.len() as i64 * 10_000_000_000);
        for frame in &mut talk.frames {
            renumber(&mut frame.1, self.0.len());
        }
        talk
    }

    fn plant(&mut self, place: impl Into<String>, mut talk: Talk, needle: &str) {
        let n = self.0.len();
        talk.frames.iter_mut().for_each(|f| renumber(&mut f.1, n));
        self.0.push(Plant { place: place.into(), talk, needles: vec![needle[..12.min(needle.len())].to_owned()] });
    }

    /// An exchange over HTTP/1.1 with these bytes after each other, in packets of `mss` bytes.
    fn h1(&mut self, place: &str, request: &str, response: impl AsRef<[u8]>, mss: usize, needle: &str) {
        let mut talk = self.talk();
        talk.data(ToServer, request.as_bytes(), mss);
        talk.now += 1_000_000;
        talk.data(ToClient, response.as_ref(), mss);
        talk.fin(ToClient);
        talk.fin(ToServer);
        self.plant(place, talk, needle);
    }
}

/// Gives each connection a client port of its own.
fn renumber(frame: &mut [u8], n: usize) {
    let port = (20_000 + n as u16).to_be_bytes();
    for at in [34, 36] {
        if frame[at..at + 2] == 40_000u16.to_be_bytes() {
            frame[at..at + 2].copy_from_slice(&port);
        }
    }
}

fn post(target: &str, fields: &str, body: &str) -> String {
    let fields = format!("Host: api.example\r\nContent-Type: application/json\r\n{fields}");
    let len = body.len();
    format!("POST {target} HTTP/1.1\r\n{fields}Content-Length: {len}\r\n\r\n{body}")
}

fn get(target: &str, fields: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: api.example\r\n{fields}\r\n")
}

fn answer(fields: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn chunked(fields: &str, chunks: &[&str], after: &str) -> String {
    let chunks: String = chunks.iter().map(|c| format!("{:x}\r\n{c}\r\n", c.len())).collect();
    format!("HTTP/1.1 200 OK\r\n{fields}Transfer-Encoding: chunked\r\n\r\n{chunks}{after}")
}

fn json(body: &str) -> Vec<u8> {
    answer("Content-Type: application/json\r\n", body.as_bytes())
}

fn gzip(text: &str) -> Vec<u8> {
    let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    to.write_all(text.as_bytes()).unwrap();
    to.finish().unwrap()
}

const SSE: &str = "Content-Type: text/event-stream\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A request of a chat with this bearer.
fn ask(secret: &str) -> String {
    let body = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hello"}]}"#;
    post("/v1/chat/completions", &format!("Authorization: Bearer {secret}\r\n"), body)
}

/// HTTP/2 frame: type, flags, stream, payload (RFC 9113 section 4.1).
fn h2(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
    out.extend(payload);
    out
}

/// Fields as literals without indexing (RFC 7541 section 6.2.2).
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let text = |out: &mut Vec<u8>, s: &str| {
        assert!(s.len() < 127);
        out.push(s.len() as u8);
        out.extend(s.as_bytes());
    };
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(0);
        text(&mut out, name);
        text(&mut out, value);
    }
    out
}

/// A WebSocket frame; a client's is masked.
fn ws(text: &str, masked: bool, fin: bool, opcode: u8) -> Vec<u8> {
    let mut out = vec![if fin { 0x80 } else { 0 } | opcode];
    let bit = if masked { 0x80 } else { 0 };
    match text.len() {
        n @ ..126 => out.push(bit | n as u8),
        n => {
            out.push(bit | 126);
            out.extend((n as u16).to_be_bytes());
        }
    }
    let mask = if masked { [1, 2, 3, 4] } else { [0; 4] };
    if masked {
        out.extend(mask);
    }
    out.extend(text.bytes().enumerate().map(|(i, b)| b ^ mask[i % 4]));
    out
}

/// The bytes of a text as a client's frame masks them, for the search.
fn as_masked(text: &str, from: usize) -> Vec<u8> {
    text.bytes().enumerate().map(|(i, b)| b ^ [1, 2, 3, 4][(i + from) % 4]).collect()
}

fn heads(g: &mut Garden) {
    for field in [
        "Authorization: Bearer {}",
        "authorization: Basic {}",
        "X-Api-Key: {}",
        "Ocp-Apim-Subscription-Key: {}",
        "X-Functions-Key: {}",
        "Helicone-Auth: Bearer {}",
        "cf-aig-authorization: Bearer {}",
        "X-Forwarded-Authorization: Bearer {}",
        "X-Key: {}",
        "X-Session-Id: {}",
        "X-Whatever: Bearer {}",
        "X-Plain: sk-proj-{}",
        "Cookie: theme=dark; sid={}",
        "Authorization: Bearer abc\r\n {}",
        "Authorization : Bearer {}",
        "Authorization Bearer {}",
        "Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.{}",
        "Origin: https://user:{}@api.example",
        "Referer: https://api.example/?a=1&api_key={}",
    ] {
        let secret = g.secret();
        let line = field.replace("{}", &secret);
        g.h1(&format!("head of a request, {field}"), &get("/v1/models", &format!("{line}\r\n")), OK, 1448, &secret);
    }
    let secret = g.secret();
    let bare = format!("GET /v1/models HTTP/1.1\nHost: api.example\nAuthorization: Bearer {secret}\n\n");
    g.h1("head with bare line feeds", &bare, OK, 1448, &secret);
    for field in [
        "X-Auth-Token: {}",
        "Set-Cookie: sid={}; Path=/",
        "Location: /next?token={}",
        "Location: https://u:{}@h.example/",
        "Location: /done#access_token={}&x=1",
        "Refresh: 5; url=https://h.example/?access_token={}",
        "Link: </v1/next?api_key={}>; rel=\"next\"",
    ] {
        let secret = g.secret();
        let fields = format!("{}\r\n", field.replace("{}", &secret));
        g.h1(&format!("head of a response, {field}"), &get("/v1/x", ""), answer(&fields, b"ok"), 1448, &secret);
    }
    let secret = g.secret();
    let echo = answer(&format!("X-You-Sent: key {secret} of yours\r\n"), b"ok");
    g.h1("a response's head that echoes the bearer", &ask(&secret), echo, 1448, &secret);
    let secret = g.secret();
    let early = format!("HTTP/1.1 103 Early Hints\r\nX-Api-Key: {secret}\r\n\r\n{OK}");
    g.h1("an interim head", &get("/v1/x", ""), early, 1448, &secret);
}

fn targets(g: &mut Garden) {
    for target in [
        "/v1/x?subscription-key={}",
        "/v1/x?a=1#access_token={}",
        "/v1/x?k%65y={}",
        "/v1/x?api%5Fkey={}",
        "/v1/x;key={}",
        "/v1/x?jwt={}",
        "/v1/x?sas={}",
        "/v1/x?pwd={}",
        "/v1/x?pass={}",
        "/v1/x?next=%2Fy%3Fapi_key%3D{}%26z",
        "/bot123456789:{}abcdefgh/getMe",
        "http://user:{}@api.example/v1/x",
        "/v1/x?q=ghp_{}",
    ] {
        let secret = g.secret();
        g.h1(&format!("target, {target}"), &get(&target.replace("{}", &secret), ""), OK, 1448, &secret);
    }
    let secret = g.secret();
    let odd = format!("GET /v1/x?api_key={secret} and more HTTP/1.1\r\nHost: h\r\n\r\n");
    g.h1("a start line of four words", &odd, OK, 1448, &secret);
}

fn trailers(g: &mut Garden) {
    for line in ["X-Auth-Token: {}", "x-api-key: {}", "X-Said: Bearer {}"] {
        let secret = g.secret();
        let after = format!("0\r\n{}\r\n\r\n", line.replace("{}", &secret));
        g.h1(&format!("trailer, {line}"), &get("/v1/x", ""), chunked("", &["ok"], &after), 1448, &secret);
    }
    let secret = g.secret();
    let after = format!("0\r\nX-Said: wrong key {secret}\r\n\r\n");
    g.h1("trailer that echoes the bearer", &ask(&secret), chunked(SSE, &["data: {}\n\n"], &after), 1448, &secret);
    for (place, line) in [("extension", "2;token={}"), ("extension", "2;a=\"sk-proj-{}\"")] {
        let secret = g.secret();
        let body = format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}\r\nok\r\n0\r\n\r\n",
            line.replace("{}", &secret)
        );
        g.h1(&format!("{place} of a chunk, {line}"), &get("/v1/x", ""), body, 1448, &secret);
        let secret = g.secret();
        let body = format!(
            "POST /v1/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{}\r\nok\r\n0\r\n\r\n",
            line.replace("{}", &secret)
        );
        g.h1(&format!("{place} of a request's chunk, {line}"), &body, OK, 1448, &secret);
    }
}

fn bodies(g: &mut Garden) {
    for body in [
        r#"{"token":"{}"}"#,
        r#"{"key":"{}"}"#,
        r#"{"pwd":"{}"}"#,
        r#"{"api\u005fkey":"{}"}"#,
        r#"{"API_KEY":"{}"}"#,
        r#"{"secrets":{"a":"{}"}}"#,
        r#"{"headers":{"x":"Bearer {}"}}"#,
        r#"{"messages":[{"content":"is sk-proj-{} mine?"}]}"#,
        r#"{"messages":[{"content":"is xoxb-{} mine?"}]}"#,
        r#"{"x":"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.{}"}"#,
        r#"key=0&api_key={}"#,
        r#"a=1&api%5fkey={}&b=2"#,
        "--b0\r\nContent-Disposition: form-data; name=\"api_key\"\r\n\r\n{}\r\n--b0--\r\n",
    ] {
        for mss in [3, 1448] {
            let secret = g.secret();
            let request = post("/v1/anything", "", &body.replace("{}", &secret));
            g.h1(&format!("body of a request in packets of {mss}, {body}"), &request, OK, mss, &secret);
        }
    }
    for (target, body) in [
        ("/v1/realtime/sessions", r#"{"client_secret":{"value":"{}","expires_at":1}}"#),
        ("/oauth/token", r#"{"access_token":"{}","token_type":"Bearer"}"#),
        ("/v1/keys", r#"{"data":{"key":"{}"}}"#),
        ("/v1/x", r#"{"api_key":"{}"}"#),
    ] {
        for mss in [3, 1448] {
            let secret = g.secret();
            let request = post(target, "", "{}");
            g.h1(
                &format!("answer of {target} in packets of {mss}"),
                &request,
                json(&body.replace("{}", &secret)),
                mss,
                &secret,
            );
        }
        let secret = g.secret();
        let coded = gzip(&body.replace("{}", &secret));
        let fields = "Content-Type: application/json\r\nContent-Encoding: gzip\r\n";
        g.h1(&format!("answer of {target} under gzip"), &post(target, "", "{}"), answer(fields, &coded), 1448, &secret);
    }
    // The credential of the request, wherever it comes back.
    for mss in [3, 1448] {
        let secret = g.secret();
        let error = json(&format!(r#"{{"error":{{"message":"Incorrect API key provided: {secret}."}}}}"#));
        g.h1(&format!("error that echoes the bearer, packets of {mss}"), &ask(&secret), error, mss, &secret);
        let secret = g.secret();
        let error = json(&format!(r#"{{"error":"Incorrect API key provided: {}..."}}"#, &secret[..20]));
        g.h1(&format!("error that echoes its beginning, packets of {mss}"), &ask(&secret), error, mss, &secret);
    }
    let secret = g.secret();
    let login = post("/v1/x", "", &format!(r#"{{"password":"{secret}"}}"#));
    g.h1(
        "answer that echoes a password of the body",
        &login,
        json(&format!(r#"{{"no":"{secret} is wrong"}}"#)),
        1448,
        &secret,
    );
    let secret = g.secret();
    let coded = gzip(&format!(r#"{{"error":"wrong key {secret}"}}"#));
    let fields = "Content-Type: application/json\r\nContent-Encoding: gzip\r\n";
    g.h1("error under gzip", &ask(&secret), answer(fields, &coded), 1448, &secret);
}

fn streams(g: &mut Garden) {
    let delta =
        |text: &str| format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n");
    for (place, event) in [
        ("data", "data: {\"error\":\"no {}\"}\n\n"),
        ("name of an event", "event: {}\ndata: {}\n\n"),
        ("comment", ": {}\n\n"),
        ("data without its space", "data:no {}\n\n"),
        ("an unknown field", "x-{}: 1\ndata: 1\n\n"),
        ("an id", "id: {}\ndata: 1\n\n"),
        ("a broken record", "data: {\"a\":\"{}\n\n"),
        ("a long line", "data:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee {}\n\n"),
        ("bare JSON", "{\"error\":{\"message\":\"bad key {}\"}}\n\n"),
    ] {
        let secret = g.secret();
        let event = event.replace("{}", &secret);
        g.h1(
            &format!("SSE, {place}"),
            &ask(&secret),
            chunked(SSE, &[&event, "data: [DONE]\n\n"], "0\r\n\r\n"),
            1448,
            &secret,
        );
        let secret = g.secret();
        let event = event_of(place, &secret);
        let (a, b) = event.split_at(event.find(&secret).unwrap() + 7);
        g.h1(&format!("SSE in two chunks, {place}"), &ask(&secret), chunked(SSE, &[a, b], "0\r\n\r\n"), 5, &secret);
        let secret = g.secret();
        let key = format!("ghp_{secret}");
        let event = event_of(place, &key);
        g.h1(
            &format!("SSE, a key of known form, {place}"),
            &ask("none"),
            chunked(SSE, &[&event], "0\r\n\r\n"),
            1448,
            &secret,
        );
    }
    // In the text of several records.
    let secret = g.secret();
    let events: Vec<String> = secret.as_bytes().chunks(7).map(|c| delta(std::str::from_utf8(c).unwrap())).collect();
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    g.h1("SSE, over records", &ask(&secret), chunked(SSE, &events, "0\r\n\r\n"), 1448, &secret[7..14]);
    let needles = secret.as_bytes().chunks(7).filter(|c| c.len() == 7).map(|c| String::from_utf8_lossy(c).into_owned());
    g.0.last_mut().unwrap().needles = needles.take(1).collect();
    // The same in an exchange that leaves in parts.
    let secret = g.secret();
    let filler: String = (0..9000).map(|i| delta(&format!("w{i} "))).collect();
    let split: String = secret.as_bytes().chunks(9).map(|c| delta(std::str::from_utf8(c).unwrap())).collect();
    let body = format!("{filler}{split}{filler}data: {{\"error\":\"{secret}\"}}\n\n");
    g.h1("SSE of a megabyte, over records", &ask(&secret), answer(SSE, body.as_bytes()), 1448, &secret[..9]);
    let secret = g.secret();
    let coded = gzip(&delta(&format!("key {secret}")));
    let fields = format!("{SSE}Content-Encoding: gzip\r\n");
    g.h1("SSE under gzip", &ask(&secret), answer(&fields, &coded), 1448, &secret);
    let secret = g.secret();
    let lines = format!("{{\"response\":\"the key {secret}\",\"done\":false}}\n{{\"response\":\"\",\"done\":true}}\n");
    let fields = "Content-Type: application/x-ndjson\r\n";
    g.h1("NDJSON", &ask(&secret), answer(fields, lines.as_bytes()), 1448, &secret);
}

fn event_of(place: &str, secret: &str) -> String {
    match place {
        "name of an event" => format!("event: {secret}\ndata: 1\n\n"),
        "comment" => format!(": {secret}\n\n"),
        "an id" => format!("id: {secret}\ndata: 1\n\n"),
        _ => format!("data: {{\"error\":\"key {secret}\"}}\n\n"),
    }
}

fn sockets(g: &mut Garden) {
    let open = |secret: &str| {
        format!(
            "GET /v1/realtime HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer {secret}\r\n\r\n"
        )
    };
    let switch = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: \
                  s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    for (place, from, message, fin) in [
        ("message of a client, by name", ToServer, r#"{"type":"session.update","api_key":"{}"}"#, true),
        ("message of a client, by form", ToServer, r#"{"text":"my ghp_{}"}"#, true),
        ("message of a client, the bearer", ToServer, r#"{"text":"key {}"}"#, true),
        (
            "message of a server, by name",
            ToClient,
            r#"{"type":"session.created","client_secret":{"value":"{}"}}"#,
            true,
        ),
        ("message of a server, the bearer", ToClient, r#"{"type":"error","message":"bad key {}"}"#, true),
        ("fragments of a server", ToClient, r#"{"type":"error","message":"bad key {}"}"#, false),
    ] {
        let secret = g.secret();
        let own = if place.ends_with("bearer") || !fin { secret.as_str() } else { "none" };
        let mut talk = g.talk();
        talk.data(ToServer, open(own).as_bytes(), 1448);
        talk.data(ToClient, switch.as_bytes(), 1448);
        let text = message.replace("{}", &secret);
        let masked = from == ToServer;
        if fin {
            talk.data(from, &ws(&text, masked, true, 1), 11);
        } else {
            let (a, b) = text.split_at(text.find(&secret).unwrap() + 9);
            talk.data(from, &ws(a, masked, false, 1), 1448);
            talk.data(from, &ws(b, masked, true, 0), 1448);
        }
        talk.fin(ToClient);
        talk.fin(ToServer);
        let at = text.find(&secret).unwrap();
        g.plant(format!("WebSocket, {place}"), talk, &secret);
        if masked {
            // A frame's mask hides nothing: the search looks for the masked bytes too.
            let bytes = as_masked(&secret[..12], at);
            g.0.last_mut().unwrap().needles.push(String::from_utf8(bytes).unwrap());
        }
    }
    let secret = g.secret();
    let mut talk = g.talk();
    talk.data(ToServer, open(&secret).as_bytes(), 1448);
    talk.data(ToClient, switch.as_bytes(), 1448);
    talk.data(ToClient, &ws(&format!("\u{3}\u{e8}bad key {secret}"), false, true, 8), 1448);
    talk.fin(ToClient);
    talk.fin(ToServer);
    g.plant("WebSocket, reason of a close", talk, &secret);
}

fn streams_of_h2(g: &mut Garden) {
    for (place, path, field, body, trailer) in [
        ("field", "/v1/x", ("x-api-key", "{}"), "ok", None),
        ("path", "/v1/x?api_key={}", ("a", "b"), "ok", None),
        ("data", "/v1/x", ("authorization", "Bearer {}"), "data: {\"error\":\"wrong key {}\"}\n\n", None),
        ("trailer", "/v1/x", ("a", "b"), "ok", Some(("x-api-key", "{}"))),
        ("trailer that echoes", "/v1/x", ("authorization", "Bearer {}"), "ok", Some(("grpc-message", "key {}"))),
    ] {
        let secret = g.secret();
        let with = |text: &str| text.replace("{}", &secret);
        let mut talk = g.talk();
        let (path, value) = (with(path), with(field.1));
        let request =
            block(&[(":method", "GET"), (":scheme", "http"), (":path", &path), (":authority", "h"), (field.0, &value)]);
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        talk.data(ToServer, &[&preface[..], &h2(4, 0, 0, b""), &h2(1, 5, 1, &request)].concat(), 1448);
        let head = block(&[(":status", "200"), ("content-type", "text/event-stream")]);
        let (body, end) = (with(body), u8::from(trailer.is_none()));
        let (a, b) = body.as_bytes().split_at(body.find(&secret).map_or(1, |at| at + 8));
        let mut sent = [h2(4, 0, 0, b""), h2(1, 4, 1, &head), h2(0, 0, 1, a), h2(0, end, 1, b)].concat();
        if let Some((name, value)) = trailer {
            sent.extend(h2(1, 5, 1, &block(&[(name, &with(value))])));
        }
        talk.data(ToClient, &sent, 13);
        talk.fin(ToClient);
        talk.fin(ToServer);
        g.plant(format!("HTTP/2, {place}"), talk, &secret);
    }
}

fn sniff(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sniff"));
    let command = command.args(args).current_dir(folder).env_remove("SNIFF_DB").env_remove("SSLKEYLOGFILE");
    command.output().unwrap()
}

/// What a command printed, or wrote to its file.
fn said(folder: &Path, args: &[&str]) -> (String, Vec<u8>) {
    let out = sniff(folder, args);
    assert!(out.status.code().is_some_and(|c| c < 2), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    (args.join(" "), [out.stdout, out.stderr].concat())
}

/// All that is printed or exported about a database. `shows`: the commands that show its exchanges.
fn printed(folder: &Path, db: &str, ids: &[i64]) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for args in [
        &["list", "--format", "json"][..],
        &["list"],
        &["list", "--connections", "--format", "json"],
        &["report", "compliance", "--format", "json"],
        &["report", "compliance"],
        &["report", "clients", "--format", "json"],
        &["report", "delivery", "--format", "json"],
        &["report", "endings", "--format", "json"],
        &["export", "--format", "har"],
        &["export", "--format", "jsonl"],
        &["export", "--format", "trace"],
    ] {
        all.push(said(folder, &[args, &["--db", db]].concat()));
    }
    let (what, page) = said(folder, &["report", "html", "--with-text", "1000000", "--db", db]);
    let texts = texts_of(&page);
    assert!(!texts.is_empty(), "the page has no text");
    all.push((what, [page, texts].concat()));
    for id in ids {
        let id = id.to_string();
        for args in [
            &["show", &id, "--format", "json"][..],
            &["show", &id],
            &["show", &id, "--play", "--speed", "1000000"],
            &["export", &id, "--format", "csv"],
            &["export", &id, "--format", "wire", "--allow-gaps"],
            &["export", &id, "--format", "curl"],
            &["export", &id, "--format", "vcr"],
            &["export", &id, "--format", "wiremock"],
            &["export", &id, "--format", "pcapng", "--allow-gaps"],
        ] {
            // Some formats cannot hold some exchanges.
            let out = sniff(folder, &[args, &["--db", db]].concat());
            all.push((args.join(" "), [out.stdout, out.stderr].concat()));
        }
    }
    all
}

/// The texts of a page, which are compressed in it.
fn texts_of(page: &[u8]) -> Vec<u8> {
    let page = String::from_utf8_lossy(page);
    let block = page.split("id=\"texts\">").nth(1).unwrap().split("</script>").next().unwrap();
    let packed: Vec<u8> = block.lines().flat_map(|line| from_base64(line).unwrap()).collect();
    let mut out = Vec::new();
    flate2::read::DeflateDecoder::new(packed.as_slice()).read_to_end(&mut out).unwrap();
    // Bodies are in base64 within it.
    let all: Vec<serde_json::Value> = serde_json::from_slice(&out).unwrap();
    let bodies = all.iter().filter_map(|text| from_base64(text["body"].as_str()?));
    out.extend(bodies.flatten().collect::<Vec<u8>>());
    out
}

fn find(all: &[(String, Vec<u8>)], plants: &[Plant]) -> Vec<String> {
    let mut found = Vec::new();
    for plant in plants {
        for (what, bytes) in all {
            let has = plant.needles.iter().any(|n| memchr::memmem::find(bytes, n.as_bytes()).is_some());
            if has {
                found.push(format!("{}: {what}", plant.place));
            }
        }
    }
    found
}

#[test]
fn no_planted_secret_is_found_again() {
    let mut g = Garden::default();
    for plant in [heads, targets, trailers, bodies, streams, sockets, streams_of_h2] {
        plant(&mut g);
    }
    let mut frames: Vec<Frame> = g.0.iter().flat_map(|p| p.talk.frames.clone()).collect();
    frames.sort_by_key(|(at, _)| *at);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("a.pcap"), pcap(&frames)).unwrap();
    // A reader that keeps an old snapshot: the log stays beside the database, and is searched too.
    std::fs::write(folder.join("none.wire"), "> GET / HTTP/1.1\n> Host: h\n>\n< HTTP/1.1 204 No Content\n<\n").unwrap();
    said(folder, &["-q", "--read", "none.wire"]);
    let reader = Connection::open(folder.join("sniff.db")).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM exchange;").unwrap();
    let mut all = vec![said(folder, &["-v", "--read", "a.pcap"])];
    for name in ["sniff.db", "sniff.db-wal"] {
        all.push((name.to_owned(), std::fs::read(folder.join(name)).unwrap()));
    }
    drop(reader);
    let db = Connection::open(folder.join("sniff.db")).unwrap();
    let ids: Vec<i64> = db
        .prepare("SELECT id FROM exchange WHERE done ORDER BY id")
        .unwrap()
        .query_map([], |r| r.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert!(ids.len() > g.0.len(), "{} exchanges of {} connections", ids.len(), g.0.len());
    all.push(("sniff.db".to_owned(), support::stored::bytes(folder.join("sniff.db"))));
    let some: Vec<i64> = ids.iter().copied().step_by(5).collect();
    all.extend(printed(folder, "sniff.db", &some));
    for format in ["table", "json", "jsonl", "markdown", "junit", "sarif", "github"] {
        all.push(said(folder, &["check", "a.pcap", "--format", format]));
    }
    all.push(said(folder, &["check", "--clients", "a.pcap", "--format", "json"]));
    // What was stored with its secrets is exported and shown without them.
    said(folder, &["-q", "--db", "kept.db", "--store-secrets", "--read", "a.pcap"]);
    let kept = support::stored::bytes(folder.join("kept.db"));
    let lost: Vec<&str> =
        g.0.iter()
            .filter(|p| memchr::memmem::find(&kept, p.needles[0].as_bytes()).is_none())
            .map(|p| p.place.as_str())
            .collect();
    assert!(lost.len() * 10 < g.0.len(), "the search finds what is there: {lost:#?}");
    let kept: Vec<i64> = (1..=g.0.len() as i64).step_by(5).collect();
    all.extend(
        printed(folder, "kept.db", &kept).into_iter().map(|(what, bytes)| (format!("{what} of kept.db"), bytes)),
    );
    // Joined, what the records bring is the text: a secret may lie over several.
    for id in (1..=ids.len()).map(|id| id.to_string()) {
        let out = sniff(folder, &["show", &id, "--play", "--speed", "1000000", "--db", "kept.db"]);
        all.push((format!("show {id} --play of kept.db"), [out.stdout, out.stderr].concat()));
    }
    all.push(said(folder, &["check", "kept.db", "--format", "json"]));
    let found = find(&all, &g.0);
    assert!(found.is_empty(), "{} plants, found again {}:\n{}", g.0.len(), found.len(), found.join("\n"));
}

/// What is stored of the answers of a session: body, text and hashes by exchange.
fn answers(db: &Path) -> BTreeMap<i64, (Vec<u8>, String)> {
    let db = Connection::open(db).unwrap();
    let mut all: BTreeMap<i64, (Vec<u8>, String)> = BTreeMap::new();
    let sql = "SELECT id, coalesce(response_text, '') || '|' || coalesce(response_texts, '') || '|' || \
        coalesce(response_reasoning_text, '') || '|' || coalesce(response_tool_arguments, '') || '|' || \
        coalesce(response_decoded_sha256, '') || '|' || coalesce(response_usage, '') || '|' || \
        coalesce(response_error_in_stream, '') || '|' || coalesce(verdict_why, '') || '|' || coalesce(delivery, '') \
        FROM exchange WHERE done";
    let mut rows = db.prepare(sql).unwrap();
    for row in rows.query_map([], |r| Ok((r.get(0)?, r.get(1)?))).unwrap() {
        let (id, text) = row.unwrap();
        all.insert(id, (Vec::new(), text));
    }
    for (id, data) in support::stored::segments(&db, 1) {
        all.entry(id).or_default().0.extend(data);
    }
    all
}

/// Every capture of the repository that has packets or a transcript.
fn captures() -> Vec<PathBuf> {
    let mut all = Vec::new();
    let mut folders = vec![support::captures()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let kind = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
            if path.is_dir() {
                folders.push(path);
            } else if ["pcap", "pcapng", "wire"].contains(&kind) {
                all.push(path);
            }
        }
    }
    all.sort();
    all
}

#[test]
fn answers_without_secrets_do_not_change() {
    let folder = tempfile::tempdir().unwrap();
    let all = captures();
    assert!(all.len() > 300, "{}", all.len());
    let names: Vec<&str> = all.iter().map(|p| p.to_str().unwrap()).collect();
    for (db, more) in [("hidden.db", None), ("kept.db", Some("--store-secrets"))] {
        let args: Vec<&str> =
            ["-q", "--db", db].into_iter().chain(more).chain(["--read"]).chain(names.iter().copied()).collect();
        // Some of the captures are damaged on purpose, and the exit code says so.
        sniff(folder.path(), &args);
    }
    let [hidden, kept] = ["hidden.db", "kept.db"].map(|db| answers(&folder.path().join(db)));
    assert_eq!(hidden.len(), kept.len());
    let mut changed = Vec::new();
    for (id, (body, text)) in &kept {
        let (hidden_body, hidden_text) = &hidden[id];
        if (body, text) != (hidden_body, hidden_text) {
            let at = body.iter().zip(hidden_body).position(|(a, b)| a != b).unwrap_or(0);
            let around =
                |b: &[u8]| String::from_utf8_lossy(&b[at.saturating_sub(60)..b.len().min(at + 60)]).into_owned();
            let texts = if text == hidden_text { String::new() } else { format!("\n  {text}\n  {hidden_text}") };
            changed.push(format!("{id}: {}\n  {}{texts}", around(body), around(hidden_body)));
        }
    }
    assert!(changed.is_empty(), "{} of {}:\n{}", changed.len(), kept.len(), changed.join("\n"));
}

/// The bytes around what was noticed: the exchange itself quotes them, not only its findings.
#[test]
fn excerpts_of_oddities_have_no_secret_and_no_word() {
    use sniff::exchange::redact::{Filler, exchange, share};
    let text = "> POST /v1/chat/completions HTTP/1.1\n> Host: a.example\n> Authorization: Bearer \
        sk-proj-Fz7Qx9Lm2Kc4Vb8Nw3Rt6Yp1\n>json {\"model\":\"m\",\"stream\":true}\n\n< HTTP/1.1 200 OK\n< Content-Type: \
        text/plain\n< Transfer-Encoding: chunked\n<\n\n<chunk {\"token\":\"sk-proj-Fz7Qx9Lm2Kc4Vb8Nw3Rt6Yp1\", \
        \"wonderful\": \"answers\"}\n<last\n";
    let transcript = sniff::internal::wire::parse(text).unwrap();
    let all = sniff::internal::pipeline::exchanges_of(|sink| {
        transcript.replay(sniff::conn::ConnId(0), &mut |event| sink(event))
    });
    let excerpts = |x: &sniff::exchange::Exchange| {
        x.oddities.iter().filter_map(|(o, _)| o.excerpt.as_ref()).map(|e| format!("{e:?}")).collect::<String>()
    };
    let before = excerpts(&all[0]);
    assert!(before.contains("sk-proj-Fz7Q") && before.contains("wonderful"), "{before}");
    let hidden = excerpts(&exchange(&all[0]));
    assert!(!hidden.contains("sk-proj-Fz7Q") && hidden.contains("wonderful"), "{hidden}");
    let filled = excerpts(&share(&all[0], Some(&Filler::new())).0);
    assert!(!filled.contains("sk-proj-Fz7Q") && !filled.contains("answers"), "{filled}");
}
