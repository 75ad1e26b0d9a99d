//! The laboratory's variants of streams as connections: what its server wrote, between a request and an end.

use serde_json::Value;
use sniff::conn::{Direction, End};
use sniff::internal::wire::{Event, START, Transcript, What};
use sniff::time::{Span, Timestamp};

/// One variant of `lab/variants.json`.
pub struct Variant {
    pub name: String,
    pub dialect: String,
    pub transcript: Transcript,
}

/// All variants.
pub fn read(path: &std::path::Path) -> Vec<Variant> {
    let file: Value = serde_json::from_slice(&std::fs::read(path).expect("variants.json")).expect("JSON");
    file["variants"].as_array().expect("variants").iter().map(one).collect()
}

fn one(v: &Value) -> Variant {
    let (name, dialect) = (text(&v["name"]), text(&v["dialect"]));
    let pieces: Vec<Vec<u8>> =
        v["pieces"].as_array().expect("pieces").iter().map(|p| base64(p.as_str().expect("base64"))).collect();
    let mut wire = Wire::default();
    wire.request(&dialect);
    wire.response(v, &pieces);
    Variant { name, dialect, transcript: Transcript { events: wire.events } }
}

fn text(v: &Value) -> String {
    v.as_str().expect("a string").to_owned()
}

/// Base64 (RFC 4648 section 4); the file is ours and well formed.
fn base64(text: &str) -> Vec<u8> {
    let value = |b: u8| match b {
        b'A'..=b'Z' => b - b'A',
        b'a'..=b'z' => b - b'a' + 26,
        b'0'..=b'9' => b - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        other => panic!("{other} in base64"),
    };
    let digits: Vec<u8> = text.bytes().filter(|b| *b != b'=').map(value).collect();
    let group = |g: &[u8]| {
        let bits = g.iter().enumerate().fold(0u32, |bits, (i, d)| bits | u32::from(*d) << (18 - 6 * i));
        bits.to_be_bytes()[1..g.len()].to_vec()
    };
    digits.chunks(4).flat_map(group).collect()
}

struct Wire {
    events: Vec<Event>,
    at: Timestamp,
    /// Time from one delivery to the next.
    step: Span,
}

impl Default for Wire {
    fn default() -> Self {
        Wire {
            events: vec![Event { at: START, dir: Direction::ToServer, what: What::Open { joined: false } }],
            at: START,
            step: Span::from_millis(10),
        }
    }
}

impl Wire {
    fn say(&mut self, dir: Direction, what: What) {
        self.at = self.at.plus(self.step);
        self.events.push(Event { at: self.at, dir, what });
    }

    fn send(&mut self, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.say(Direction::ToClient, What::Data(bytes));
        }
    }

    fn request(&mut self, dialect: &str) {
        let (path, body) = match dialect {
            "openai.chat" => ("/v1/chat/completions", r#"{"model":"m1","stream":true,"messages":[]}"#),
            "openai.responses" => ("/v1/responses", r#"{"model":"m1","stream":true,"input":"Hi"}"#),
            "anthropic.messages" => ("/v1/messages", r#"{"model":"m1","max_tokens":9,"stream":true,"messages":[]}"#),
            "gemini.generate" => ("/v1beta/models/m1:streamGenerateContent?alt=sse", r#"{"contents":[]}"#),
            "ollama.chat" => ("/api/chat", r#"{"model":"m1","messages":[]}"#),
            other => panic!("no request for {other}"),
        };
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: lab\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.say(Direction::ToServer, What::Data([head.as_bytes(), body.as_bytes()].concat()));
    }

    fn response(&mut self, v: &Value, pieces: &[Vec<u8>]) {
        let end = text(&v["body_end"]);
        let length: usize = pieces.iter().map(Vec::len).sum();
        let chunked = matches!(&*end, "chunked" | "trailers" | "chunkext" | "hang");
        let mut head = format!("HTTP/1.1 {} OK\r\n", v["status"]);
        if let Some(content_type) = v["content_type"].as_str() {
            head += &format!("Content-Type: {content_type}\r\n");
        }
        for field in v["headers"].as_array().expect("headers") {
            head += &format!("{}: {}\r\n", text(&field[0]), text(&field[1]));
        }
        head += &match &*end {
            _ if chunked => "Transfer-Encoding: chunked\r\n".to_owned(),
            "cl" => format!("Content-Length: {length}\r\n"),
            "cl_short" => format!("Content-Length: {}\r\n", length + 50),
            _ => "Connection: close\r\n".to_owned(),
        };
        self.send(format!("{head}\r\n").into_bytes());
        // However finely the answer is cut, it takes about the same time.
        self.step = Span(Span::from_millis(10).0.min(Span::from_millis(100).0 / pieces.len().max(1) as i64));
        for piece in pieces {
            let size = format!("{:x}\r\n", piece.len());
            self.send(if chunked { [size.as_bytes(), piece, b"\r\n"].concat() } else { piece.clone() });
        }
        match &*end {
            "hang" => {
                self.at = self.at.plus(Span::from_secs(30));
                self.say(Direction::ToServer, What::End(End::Fin));
            }
            "trailers" => self.send(b"0\r\nX-Checksum: 1\r\n\r\n".to_vec()),
            _ if chunked && v["no_last_chunk"] != true => self.send(b"0\r\n\r\n".to_vec()),
            _ => {}
        }
        self.say(Direction::ToClient, What::End(End::Fin));
        if end != "hang" {
            self.say(Direction::ToServer, What::End(End::Fin));
        }
    }
}
