//! `sniff redact`: a copy of a database or capture without secrets and words, whose times and findings are those of the
//! original.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use serde_json::Value;
use sniff::conn::Direction::{ToClient, ToServer};
use std::collections::BTreeSet;
use support::place::{Place, chunk, delta, talk};

/// Words that prompts or answers of the captures have, and protocols too: marks, types, codes, names of models.
const PROTOCOL: &[&str] = &[
    "DONE",
    "InternalServerError",
    "chatcmpl",
    "data",
    "done",
    "error",
    "exceeded",
    "limit",
    "message",
    "mini",
    "mock",
    "overloaded",
    "rate",
    "requests",
    "start",
    "text",
    "tokens",
    "type",
];

/// The letters of a word that filler has.
fn is_filler(word: &str) -> bool {
    word.chars().all(|c| "xzXZ".contains(c)) || ["true", "false", "null"].contains(&word)
}

fn words(text: &str, all: &mut BTreeSet<String>) {
    let words = text.split(|c: char| !c.is_ascii_alphabetic()).filter(|w| w.len() >= 4);
    all.extend(words.filter(|w| !is_filler(w)).map(str::to_owned));
}

/// The words of prompts: strings of a request's body under the names that prompts have.
fn prompts(value: &Value, within: bool, all: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if within => words(text, all),
        Value::Array(list) => list.iter().for_each(|v| prompts(v, within, all)),
        Value::Object(map) => {
            for (name, value) in map {
                let protocol = ["role", "type", "id", "model"].contains(&name.as_str());
                let begins = ["content", "text", "prompt", "input", "inputs", "system", "message", "query", "parts"];
                prompts(value, !protocol && (within || begins.contains(&name.as_str())), all);
            }
        }
        _ => {}
    }
}

/// The bodies of one side by exchange.
fn bodies(place: &Place, db: &str, side: u8) -> Vec<(i64, Vec<u8>)> {
    let db = rusqlite::Connection::open(place.path(db)).unwrap();
    let mut all: Vec<(i64, Vec<u8>)> = Vec::new();
    for (id, data) in support::stored::segments(&db, side) {
        match all.last_mut() {
            Some((last, bytes)) if *last == id => bytes.extend(data),
            _ => all.push((id, data)),
        }
    }
    all
}

fn findings(s: &Value) -> Vec<String> {
    let of = |f: &Value| ["rule", "level", "record", "offset", "count", "t_ns"].map(|k| f[k].to_string()).join(" ");
    s["findings"].as_array().unwrap().iter().map(of).collect()
}

#[test]
fn real_captures_keep_their_times_and_findings_and_lose_their_words() {
    let place = Place::new();
    let mut captures: Vec<String> = std::fs::read_dir(support::real())
        .unwrap()
        .map(|e| e.unwrap().path().to_str().unwrap().to_owned())
        .filter(|p| p.ends_with(".pcap") || p.ends_with(".pcapng"))
        .collect();
    captures.sort();
    let mut args = vec!["-q", "--db", "all.db", "--read"];
    args.extend(captures.iter().map(String::as_str));
    // Some of the files are damaged on purpose.
    place.run(&args);
    let (_, said) = place.want(0, &["redact", "--text", "all.db", "out.db"]);
    assert!(
        said.contains("secrets, prompts and answers are replaced") && said.contains("the content coding is undone"),
        "{said}"
    );
    let [before, after] = ["all.db", "out.db"].map(|db| place.json(&["list", "--db", db, "--format", "json"]));
    let (before, after) = (before.as_array().unwrap(), after.as_array().unwrap());
    assert_eq!(before.len(), after.len());
    let mut wrong = Vec::new();
    let mut said = BTreeSet::new();
    for (a, b) in before.iter().zip(after) {
        let coded = !a["response"]["content_encoding"].is_null();
        for what in ["timing", "tcp", "verdict", "client_port", "session"] {
            if a[what] != b[what] {
                wrong.push(format!("{} {what}: {} {}", a["id"], a[what], b[what]));
            }
        }
        if !coded && findings(a) != findings(b) {
            wrong.push(format!("{}: {:#?} {:#?}", a["id"], findings(a), findings(b)));
        }
        for name in
            ["records", "content_deltas", "reasoning_deltas", "tool_deltas", "decoded_bytes", "framing", "dialect"]
        {
            if a["response"][name] != b["response"][name] {
                wrong.push(format!("{} {name}: {} {}", a["id"], a["response"][name], b["response"][name]));
            }
        }
        for name in ["text", "reasoning_text", "error_in_stream"] {
            words(a["response"][name].as_str().unwrap_or_default(), &mut said);
            let mut left = BTreeSet::new();
            words(b["response"][name].as_str().unwrap_or_default(), &mut left);
            if !left.is_empty() {
                wrong.push(format!("{} {name}: {left:?}", b["id"]));
            }
        }
    }
    for (_, body) in bodies(&place, "all.db", 0) {
        if let Ok(value) = serde_json::from_slice::<Value>(&body) {
            prompts(&value, false, &mut said);
        }
    }
    assert!(said.len() > 100, "{}", said.len());
    let mut left = BTreeSet::new();
    for side in [0, 1] {
        for (id, body) in bodies(&place, "out.db", side) {
            // Names of members stay.
            let text = String::from_utf8_lossy(&body).replace("\":", "\u{0}");
            let mut here = BTreeSet::new();
            for part in text.split('\u{0}') {
                let is_name = part.len() < text.len() && !text.ends_with(part);
                let end = if is_name { part.rfind('"').unwrap_or(part.len()) } else { part.len() };
                words(&part[..end], &mut here);
            }
            for word in here.intersection(&said).filter(|w| !PROTOCOL.contains(&w.as_str())) {
                left.insert(format!("{word} ({side} {id})"));
            }
        }
    }
    assert!(
        wrong.is_empty() && left.is_empty(),
        "{} wrong:\n{}\n{} left: {left:?}",
        wrong.len(),
        wrong.join("\n"),
        left.len()
    );
    // The copy can be judged again, shown and replayed.
    place.want(0, &["check", "--fail-on", "never", "out.db"]);
    place.want(0, &["show", "--db", "out.db", "1"]);
}

fn with_a_key() -> Place {
    let place = Place::new();
    let body = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"a zebrawood of quokkas"}]}"#;
    let ask = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: api.example\r\nAuthorization: Bearer key-0123456789abcdef\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let (one, two) =
        (chunk(&delta("Hippogriff salamanders, ")), chunk(&delta("key-0123456789abcdef was umbrellabird")));
    let steps = [
        (0, ToServer, ask.as_bytes()),
        (9, ToClient, head.as_bytes()),
        (20, ToClient, one.as_bytes()),
        (31, ToClient, two.as_bytes()),
        (40, ToClient, b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"),
    ];
    place.record(&[&talk(1, &steps)]);
    place
}

#[test]
fn a_copy_has_no_secret_and_with_text_no_word() {
    let place = with_a_key();
    place.want(0, &["redact", "sniff.db", "a.db"]);
    place.want(0, &["-q", "redact", "--text", "sniff.db", "b.db"]);
    let has = |db: &str, what: &str| {
        let bytes = support::stored::bytes(place.path(db));
        memchr::memmem::find(&bytes, what.as_bytes()).is_some()
    };
    assert!(has("sniff.db", "key-0123456789"));
    for db in ["a.db", "b.db"] {
        assert!(!has(db, "key-012345"), "{db}");
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(place.path(db)).unwrap().permissions().mode() & 0o777, 0o600);
    }
    for word in ["Hippogriff", "salamanders", "zebrawood", "quokkas", "umbrellabird"] {
        assert_eq!((has("a.db", word), has("b.db", word)), (true, false), "{word}");
    }
    let lens = |db: &str| bodies(&place, db, 1).iter().map(|(_, b)| b.len()).collect::<Vec<_>>();
    assert!(lens("a.db") == lens("sniff.db") && lens("b.db") == lens("sniff.db"));
    let chunks = |db: &str| place.json(&["show", "--db", db, "1", "--format", "json"])["chunks"].clone();
    assert_eq!(chunks("a.db"), chunks("b.db"));
    assert_eq!(chunks("sniff.db"), chunks("b.db"));
}

/// The exchanges of a file, in the order in which they began.
fn exchanges(place: &Place, file: &str, keys: &[&str]) -> Vec<Value> {
    let db = format!("{}.db", file.rsplit('/').next().unwrap());
    place.run(&[&["-q", "--db", &db, "--read", file], keys].concat());
    if !place.path(&db).exists() {
        return Vec::new();
    }
    let all = place.json(&["list", "--db", &db, "--format", "json"]);
    let mut all = all.as_array().unwrap().clone();
    all.sort_by_key(|x| x["timing"]["t_request_ns"].as_i64().or(x["timing"]["t_response_ns"].as_i64()));
    all
}

#[test]
fn a_copy_of_a_capture_has_its_times_and_findings() {
    // Exchanges whose copy differs, and why.
    const DIFFER: [(&str, &str); 7] = [
        ("fmt-lost-packets", "the hole is within chunks, whose boundaries were not captured"),
        ("fmt-snaplen96", "nothing of the body was captured"),
        ("h2c-node-rst-by-server", "HTTP/1.1 has no RST_STREAM"),
        ("fmt-snaplen300", "of the request's head only the beginning was captured"),
        ("proxy-connect-tls", "a tunnel has no packets of its own"),
        ("websocket-realtime", "compressed messages are blanked"),
        ("fmt-midstream-keepalive", "neither request nor head of the first was captured"),
    ];
    let place = Place::new();
    let (mut wrong, mut compared) = (Vec::new(), 0);
    let all = std::fs::read_dir(support::real()).unwrap().map(|e| e.unwrap().path());
    for path in all.filter(|p| p.extension().is_some_and(|e| e == "pcap" || e == "pcapng")) {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let path = path.to_str().unwrap();
        let copy = format!("{name}-copy.pcapng");
        let keylog = path.rsplit_once('.').unwrap().0.to_owned() + ".keys";
        let keys: &[&str] = if std::fs::exists(&keylog).unwrap() { &["--keylog", &keylog] } else { &[] };
        let done = place.run(&[&["redact", "--text", path, &copy], keys].concat());
        let before = exchanges(&place, path, keys);
        // A capture cannot hold a response without a head whose request is missing too.
        if before.iter().all(|x| x["request"].is_null() && x["response"]["status"].is_null()) {
            assert_eq!(done.status.code(), Some(2), "{name}");
            assert!(!place.path(&copy).exists(), "{name}");
            continue;
        }
        assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stderr));
        let after = exchanges(&place, &copy, &[]);
        let mut differs = before.len() != after.len();
        for (a, b) in before.iter().zip(&after) {
            compared += 1;
            let coded = !a["response"]["content_encoding"].is_null();
            let mut times = [a["timing"].clone(), b["timing"].clone()];
            if coded {
                // The head of a coding has no text.
                times.iter_mut().for_each(|t| t["t_first_body_byte_ns"] = Value::Null);
            }
            differs |= times[0] != times[1] || a["verdict"] != b["verdict"] || !coded && findings(a) != findings(b);
        }
        if differs != DIFFER.iter().any(|(known, _)| *known == name) {
            wrong.push(format!("{name}: {} and {} exchanges, differ: {differs}", before.len(), after.len()));
        }
    }
    assert!(wrong.is_empty() && compared > 200, "{compared} compared, {} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_capture_is_copied_without_secrets_and_words() {
    let place = with_a_key();
    let packets = place.run(&["export", "--reveal", "--format", "pcapng"]).stdout;
    place.write("in.pcapng", packets);
    for (to, hidden) in [("a.pcapng", false), ("b.pcapng", true), ("c.db", true)] {
        let text: &[&str] = if hidden { &["--text"] } else { &[] };
        place.want(0, &[&["redact", "in.pcapng", to], text].concat());
        let bytes = match to.ends_with("db") {
            true => support::stored::bytes(place.path(to)),
            false => std::fs::read(place.path(to)).unwrap(),
        };
        let has = |what: &str| memchr::memmem::find(&bytes, what.as_bytes()).is_some();
        assert!(!has("key-012345"), "{to}");
        for word in ["Hippogriff", "salamanders", "zebrawood", "quokkas", "umbrellabird"] {
            assert_eq!(has(word), !hidden, "{word} in {to}");
        }
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(place.path(to)).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // The recording on the way is gone.
    let left = std::fs::read_dir(place.path(".")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    assert_eq!(left.filter(|name| name.starts_with('.')).collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn files_that_are_not_there_or_exist_are_refused() {
    let place = with_a_key();
    let (_, said) = place.want(2, &["redact", "none.pcap", "out.db"]);
    assert!(said.contains("cannot open none.pcap: there is no such file"), "{said}");
    place.write("a.txt", "no capture");
    assert!(place.want(2, &["redact", "a.txt", "out.db"]).1.contains("a.txt is not a capture file"));
    assert!(!place.path("out.db").exists());
    let before = std::fs::read(place.path("sniff.db")).unwrap();
    assert!(place.want(2, &["redact", "sniff.db", "sniff.db"]).1.contains("cannot make sniff.db"));
    assert_eq!(std::fs::read(place.path("sniff.db")).unwrap(), before);
}
