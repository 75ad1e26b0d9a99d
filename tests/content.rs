//! Recordings without content: no word of a request or an answer is in the database, and figures and findings are
//! those of a whole recording.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use rusqlite::Connection;
use serde_json::Value;
use sniff::conn::Direction::{ToClient, ToServer};
use support::packets::{Talk, pcap};
use support::place::{Place, chunk, talk};

/// Words of which none may be found again; each stands at one place.
const WORDS: [&str; 22] = [
    "aardvark", "badgerly", "chinchil", "dromedar", "elephant", "flamingo", "giraffes", "hedgehog", "iguanodo",
    "jackrabb", "kookabur", "lemmings", "marmoset", "narwhale", "ocelotty", "pangolin", "quokkass", "reindeer",
    "salamand", "tarantul", "umbrella", "vicunass",
];

fn talks() -> Vec<Talk> {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v] = WORDS;
    let body =
        format!(r#"{{"model":"m-1","user":"{f}","stream":true,"messages":[{{"role":"user","content":"{a}"}}]}}"#);
    let ask = format!(
        "POST /v1/chat/completions?{b}={c} HTTP/1.1\r\nHost: {d}:pw@api.example\r\nUser-Agent: {e}\r\nX-{g}: {h}\r\n\
         Content-Type: application/json; boundary={i}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let head = format!(
        "HTTP/1.1 200 {j}\r\nContent-Type: text/event-stream; a={k}\r\nX-Said: {l}\r\nTransfer-Encoding: chunked\r\n\
         Trailer: X-End\r\n\r\n"
    );
    let events = [
        format!("event: {m}\ndata:{{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{n}\"}}}}]}}\n\n"),
        format!(": {o}\n\n{p}: 1\n\n"),
        format!(
            "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"reasoning_content\":\"{q}\"}},\"finish_reason\":\"{r}\"}}],\"usage\":{{\"completion_tokens\":3,\"note\":\"{s}\"}}}}\n\n"
        ),
        format!("data: {{\"error\":{{\"message\":\"{t}\"}}}}\n\n"),
    ];
    let mut steps = vec![(0, ToServer, ask.into_bytes()), (5, ToClient, head.into_bytes())];
    steps.extend((0..).zip(&events).map(|(n, event)| (10 + 7 * n, ToClient, chunk(event).into_bytes())));
    steps.push((60, ToClient, format!("0\r\nX-End: {u}\r\n\r\n").into_bytes()));
    let steps: Vec<_> = steps.iter().map(|(at, dir, bytes)| (*at, *dir, bytes.as_slice())).collect();
    // A request line that is quoted by a finding, and a body that ends too early.
    let odd = format!("GET /{0} {v} {v} HTTP/1.1\r\n{v}\r\nHost: h\r\n\r\n", "x");
    let short = format!("HTTP/1.1 500 No\r\nContent-Length: 999\r\n\r\n{v}");
    vec![talk(1, &steps), talk(2, &[(200, ToServer, odd.as_bytes()), (210, ToClient, short.as_bytes())])]
}

fn figures(s: &Value, hashes: bool) -> Value {
    let mut s = s.clone();
    let of = |name: &str| s[name].clone();
    let findings: Vec<Value> = of("findings")
        .as_array()
        .unwrap()
        .iter()
        .map(|f| ["rule", "level", "record", "offset", "count", "t_ns"].map(|k| f[k].clone()).to_vec().into())
        .collect();
    let mut kept = vec![of("timing"), of("tcp"), of("verdict"), findings.into()];
    let numbers = [
        "status",
        "wire_body_bytes",
        "decoded_bytes",
        "chunks",
        "records",
        "content_deltas",
        "reasoning_deltas",
        "framing",
        "dialect",
        "complete",
    ];
    kept.extend(numbers.map(|name| s["response"][name].clone()));
    kept.push(s["request"]["body_bytes"].clone());
    if hashes {
        kept.push(s["response"]["wire_body_sha256"].clone());
        kept.push(s["response"]["decoded_sha256"].clone());
        kept.push(s["request"]["model"].take());
    }
    kept.into()
}

fn rows(place: &Place, sql: &str) -> Vec<String> {
    let db = Connection::open(place.path("sniff.db")).unwrap();
    let mut statement = db.prepare(sql).unwrap();
    statement.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect()
}

const BOUNDARIES: &str = "SELECT exchange_id || ' ' || n || ' ' || t_ns || ' ' || offset || ' ' || len FROM v_chunks \
    UNION ALL SELECT exchange_id || ' ' || n || ' ' || t_ns || ' ' || start || ' ' || \"end\" || ' ' || kind FROM \
    v_records ORDER BY 1";

#[test]
fn no_word_is_stored_and_every_figure_is() {
    let talks = talks();
    let mut frames: Vec<_> = talks.iter().flat_map(|t| t.frames.clone()).collect();
    frames.sort_by_key(|(at, _)| *at);
    let full = Place::new();
    full.write("a.pcap", pcap(&frames)).want(0, &["-q", "--store-secrets", "--read", "a.pcap"]);
    let whole = full.json(&["list", "--format", "json"]);
    let bytes = support::stored::bytes(full.path("sniff.db"));
    for word in WORDS {
        assert!(memchr::memmem::find(&bytes, word.as_bytes()).is_some(), "{word} is there in a whole recording");
    }
    for (level, hashes) in [("none", false), ("lengths", true)] {
        for secrets in [None, Some("--store-secrets")] {
            let place = Place::new();
            place.write("a.pcap", pcap(&frames));
            // A reader of an old snapshot keeps the log beside the database.
            place.write("none.wire", "> GET / HTTP/1.1\n> Host: h\n>\n< HTTP/1.1 204 No Content\n<\n");
            place.want(0, &["-q", "--read", "none.wire"]);
            let reader = place.db();
            reader.execute_batch("BEGIN; SELECT count(*) FROM exchange;").unwrap();
            let args = ["--content", level, "--read", "a.pcap"];
            let args: Vec<&str> = args.into_iter().chain(secrets).collect();
            let (_, printed) = place.want(0, &args);
            let mut stored = vec![("standard error", printed.into_bytes())];
            stored.extend(["sniff.db", "sniff.db-wal"].map(|name| (name, std::fs::read(place.path(name)).unwrap())));
            drop(reader);
            place.want(0, &["list"]);
            stored.push(("sniff.db", support::stored::bytes(place.path("sniff.db"))));
            let ids: Vec<String> = rows(&place, "SELECT CAST(id AS TEXT) FROM exchange WHERE session = 2 ORDER BY id");
            for id in &ids {
                stored.push(("show", place.out(&["show", id]).into_bytes()));
                let (_, said) = place.want(2, &["export", id, "--format", "har"]);
                let wanted =
                    format!("exchange {id} was recorded with --content {level}: its bodies are not in the database");
                assert!(said.contains(&wanted), "{said}");
                assert!(place.want(2, &["replay", id, "--listen", "127.0.0.1:0"]).1.contains(&wanted));
            }
            for report in ["latency", "times", "errors", "compliance", "clients", "delivery", "endings"] {
                stored.push((report, place.out(&["report", report, "--format", "json"]).into_bytes()));
            }
            for (what, bytes) in &stored {
                let found: Vec<&str> =
                    WORDS.into_iter().filter(|w| memchr::memmem::find(bytes, w.as_bytes()).is_some()).collect();
                assert!(found.is_empty(), "{level}: {what} has {found:?}");
            }
            let have = place.json(&["list", "--session", "2", "--format", "json"]);
            for (have, want) in have.as_array().unwrap().iter().zip(whole.as_array().unwrap()) {
                assert_eq!(figures(have, hashes), figures(want, hashes), "{level}");
            }
            let boundaries = rows(&place, &BOUNDARIES.replace("exchange_id ||", "(exchange_id - 1) ||"));
            let wanted = if hashes { rows(&full, BOUNDARIES) } else { Vec::new() };
            assert_eq!(boundaries, wanted, "{level}");
        }
    }
}
