//! The questions of an operator, each answered by one command: which server is slow, since when, who cut, what was sent
//! again, what differs before and after a change. Five minutes of mixed load on three servers are made here, with a log
//! of what each server did; the reports have to say what the log says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use serde_json::Value;
use sniff::conn::Direction::{ToClient, ToServer};
use std::sync::OnceLock;
use support::packets::{Talk, pcap};
use support::place::{MS, Place, T0, chunk, delta};

/// What a server did with a request.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Did {
    Answered,
    /// 429; the client asks again later.
    Refused,
    Cut,
    /// The client went away.
    Cancelled,
    /// A plain answer.
    Plain,
}

/// A line of a server's log. Times in ms after [`T0`].
#[derive(Debug, Clone, Copy)]
struct Line {
    port: u16,
    begun: i64,
    /// From the request to the first token, or to the answer.
    first: i64,
    did: Did,
    question: u32,
}

/// When the second server became slow, in ms: at 23:34:00.
const SLOW_SINCE: i64 = 164_000;
const END: i64 = 300_000;

/// Numbers that look random and are not.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, from: i64, to: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        from + ((self.0 >> 33) as i64) % (to - from)
    }
}

/// The logs of the three servers, in order of time.
fn logs() -> Vec<Line> {
    let mut dice = Dice(16);
    let mut all = Vec::new();
    let mut question = 0;
    for port in [8001, 8002, 8003] {
        let mut begun = dice.roll(0, 300);
        let mut n = 0;
        while begun < END {
            (n, question) = (n + 1, question + 1);
            let slow = port == 8002 && begun >= SLOW_SINCE;
            let first = if slow { dice.roll(900, 1400) } else { dice.roll(200, 350) };
            let line = Line { port, begun, first, did: Did::Answered, question };
            match (port, n % 10) {
                (8001, 3) => all.push(Line { did: Did::Cut, ..line }),
                (8001, 6) => all.push(Line { did: Did::Cancelled, ..line }),
                (8001, 9) => all.push(Line { did: Did::Plain, ..line }),
                // Refused, asked again a second later, and every fourth time once more.
                (8003, 0) => {
                    all.push(Line { did: Did::Refused, first: 5, ..line });
                    let twice = n % 40 == 0;
                    if twice {
                        all.push(Line { did: Did::Refused, first: 5, begun: begun + 1000, ..line });
                    }
                    all.push(Line { begun: begun + if twice { 2000 } else { 1000 }, ..line });
                }
                _ => all.push(line),
            }
            begun += dice.roll(800, 1200);
        }
    }
    all.sort_by_key(|line| line.begun);
    all
}

/// The packets of one exchange, each on a connection of its own.
fn talk(n: usize, line: &Line) -> Talk {
    let mut talk = Talk::open(T0 + line.begun * MS);
    let opened = std::mem::take(&mut talk.frames);
    (talk.client.port, talk.server.port) = (20_000 + n as u16, line.port);
    let (client, server) = (talk.client.port.to_be_bytes(), talk.server.port.to_be_bytes());
    talk.frames = opened
        .into_iter()
        .map(|(at, mut frame)| {
            // Ethernet has 14 bytes, IPv4 20.
            let from_server = frame[34..36] == 8000u16.to_be_bytes();
            let (source, target) = if from_server { (server, client) } else { (client, server) };
            frame[34..36].copy_from_slice(&source);
            frame[36..38].copy_from_slice(&target);
            (at, frame)
        })
        .collect();
    let stream = line.did != Did::Plain;
    let body = format!(
        "{{\"model\":\"m\",\"stream\":{stream},\"messages\":[{{\"role\":\"user\",\"content\":\"{:09}\"}}]}}",
        line.question
    );
    let ask = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: 10.0.0.2:{}\r\nContent-Type: application/json\r\nContent-Length: \
            {}\r\n\r\n{body}",
        line.port,
        body.len()
    );
    talk.data(ToServer, ask.as_bytes(), 1448);
    let at = |talk: &mut Talk, ms: i64, dir, text: &str| {
        talk.now = T0 + (line.begun + ms) * MS;
        talk.data(dir, text.as_bytes(), 1448);
    };
    let json = |body: &str| format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let whole = r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}]}"#;
    match line.did {
        Did::Refused => {
            let refusal = json(r#"{"error":{"message":"slow down","type":"rate_limit_error","code":"rate_limit"}}"#);
            at(&mut talk, line.first, ToClient, &format!("HTTP/1.1 429 Too Many Requests\r\n{refusal}"));
        }
        Did::Plain => at(&mut talk, line.first, ToClient, &format!("HTTP/1.1 200 OK\r\n{}", json(whole))),
        did => {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
            at(&mut talk, 10, ToClient, head);
            for n in 0..5 {
                at(&mut talk, line.first + 20 * n, ToClient, &chunk(&delta("word ")));
            }
            match did {
                Did::Cut => talk.fin(ToClient),
                Did::Cancelled => talk.fin(ToServer),
                _ => {
                    let stop = delta("").replace("\"finish_reason\":null", "\"finish_reason\":\"stop\"");
                    at(&mut talk, line.first + 100, ToClient, &chunk(&stop));
                    at(&mut talk, line.first + 101, ToClient, &(chunk("data: [DONE]\n\n") + "0\r\n\r\n"));
                }
            }
        }
    }
    talk.now += MS;
    if !matches!(line.did, Did::Cut) {
        talk.fin(ToClient);
    }
    if !matches!(line.did, Did::Cancelled) {
        talk.fin(ToServer);
    }
    talk
}

struct Load {
    place: Place,
    logs: Vec<Line>,
}

fn load() -> &'static Load {
    static ONCE: OnceLock<Load> = OnceLock::new();
    ONCE.get_or_init(|| {
        let (place, logs) = (Place::new(), logs());
        let mut frames: Vec<_> = logs.iter().enumerate().flat_map(|(n, line)| talk(n, line).frames).collect();
        frames.sort_by_key(|(at, _)| *at);
        place.write("load.pcap", pcap(&frames)).want(0, &["-q", "--read", "load.pcap"]);
        // To look at the tables of this load.
        if let Ok(kept) = std::env::var("SNIFF_OPERATOR_LOAD") {
            std::fs::copy(place.path("load.pcap"), kept).unwrap();
        }
        Load { place, logs }
    })
}

fn of(port: u16) -> impl Iterator<Item = &'static Line> {
    load().logs.iter().filter(move |line| line.port == port)
}

fn group(report: &Value, port: u16, streamed: bool) -> &Value {
    let is = |g: &&Value| {
        g["server"] == format!("10.0.0.2:{port}") && (g["streamed"].is_null() || g["streamed"] == streamed)
    };
    report["groups"].as_array().unwrap().iter().find(is).expect("a group of the server")
}

#[test]
fn which_server_is_slow_and_since_when() {
    let load = load();
    assert!(load.logs.len() > 800, "{}", load.logs.len());
    let report = load.place.json(&["report", "latency", "--by", "server", "--every", "30s", "--format", "json"]);
    for port in [8001, 8002, 8003] {
        let streams = of(port).filter(|l| !matches!(l.did, Did::Refused | Did::Plain));
        let mut first: Vec<i64> = streams.map(|l| l.first).collect();
        first.sort_unstable();
        let g = group(&report, port, true);
        assert_eq!(g["ttft_ms"]["n"], first.len());
        assert_eq!(g["ttft_ms"]["p50"].as_f64(), Some(first[first.len().div_ceil(2) - 1] as f64));
        assert_eq!(g["ttft_ms"]["max"].as_f64(), first.last().map(|ms| *ms as f64));
        let change = &g["change"];
        assert_eq!(change.is_null(), port != 8002, "{change}");
    }
    let change = &group(&report, 8002, true)["change"];
    assert_eq!((&change["metric"], change["at_ns"].as_i64()), (&"ttft_ms".into(), Some(T0 + SLOW_SINCE * MS)));
    let median = |slow: bool| {
        let mut first: Vec<i64> = of(8002).filter(|l| (l.begun >= SLOW_SINCE) == slow).map(|l| l.first).collect();
        first.sort_unstable();
        first[first.len().div_ceil(2) - 1] as f64
    };
    assert_eq!((change["before"].as_f64(), change["after"].as_f64()), (Some(median(false)), Some(median(true))));
    let text = load.place.out(&["report", "latency", "--by", "server", "--every", "30s"]);
    assert!(text.contains("10.0.0.2:8002 · streamed is slower since 23:34:00 UTC: TTFT p50"), "{text}");
}

#[test]
fn who_cut_and_what_was_sent_again() {
    let load = load();
    let report = load.place.json(&["report", "errors", "--by", "server", "--format", "json"]);
    let count = |port: u16, did: Did| of(port).filter(|l| l.did == did).count() as u64;
    for port in [8001, 8002, 8003] {
        let g = group(&report, port, true);
        let number = |value: &Value| value.as_u64().unwrap_or(0);
        assert_eq!(number(&g["exchanges"]), of(port).count() as u64);
        assert_eq!(number(&g["cuts"]["server"]), count(port, Did::Cut), "{port}");
        assert_eq!(number(&g["cuts"]["client"]), count(port, Did::Cancelled), "{port}");
        assert_eq!(number(&g["statuses"]["429"]), count(port, Did::Refused), "{port}");
        let failed = [Did::Cut, Did::Cancelled, Did::Refused].map(|did| count(port, did)).iter().sum::<u64>();
        assert_eq!(number(&g["failed"]), failed);
        assert_eq!(number(&g["sent_again"]), count(port, Did::Refused), "{port}");
        assert_eq!(number(&g["recovered"]), count(port, Did::Refused), "{port}");
    }
    // Each refusal names the next request with the same question.
    let listed = load.place.json(&["list", "--format", "json"]);
    let question = |id: &Value| {
        let e = listed.as_array().unwrap().iter().find(|e| e["id"] == *id).unwrap();
        (e["request"]["body_sha256"].clone(), e["timing"]["t_request_start_ns"].as_i64().unwrap())
    };
    let refusals = report["failures"].as_array().unwrap().iter().filter(|f| f["status"] == 429);
    for refusal in refusals {
        let (before, after) = (question(&refusal["exchange"]), question(&refusal["sent_again_as"]));
        assert_eq!((before.0, after.1 - before.1), (after.0, 1000 * MS));
        assert!((refusal["sent_again_after_ms"].as_f64().unwrap() - 995.0).abs() < 1e-6, "{refusal}");
        assert_eq!(refusal["recovered"], true);
    }
    let text = load.place.out(&["report", "errors"]);
    assert!(text.contains(", after 995 ms in the median; came through at last: "), "{text}");
}

#[test]
fn before_and_after_a_change() {
    let p = &load().place;
    let runs = ["host=10.0.0.2:8002 until=2026-11-22T23:34:00Z", "host=10.0.0.2:8002 since=2026-11-22T23:34:00Z"];
    let limit = ["--fail-on-regression", "ttft.p50>50%,ttft.p99>100ms"];
    let (out, _) = p.want(1, &[&["report", "compare", "--format", "json"][..], &runs, &limit].concat());
    let report: Value = serde_json::from_str(&out).unwrap();
    let metric = |report: &Value, name: &str| {
        report["metrics"].as_array().unwrap().iter().find(|m| m["metric"] == name).unwrap().clone()
    };
    let ttft = metric(&report, "ttft");
    let n = |slow: bool| of(8002).filter(|l| (l.begun >= SLOW_SINCE) == slow).count();
    assert_eq!(
        (&ttft["verdict"], &ttft["a"]["n"], &ttft["b"]["n"]),
        (&"slower".into(), &n(false).into(), &n(true).into())
    );
    assert_eq!(metric(&report, "itl_p50")["verdict"], "same");
    assert!(report["limits"].as_array().unwrap().iter().all(|l| l["broken"] == true), "{}", report["limits"]);
    // The same the other way round: faster, and no regression.
    let back = [&["report", "compare", "--format", "json", runs[1], runs[0]][..], &limit].concat();
    assert_eq!(metric(&p.json(&back), "ttft")["verdict"], "faster");
    // One server against itself, and two databases.
    let same = p.json(&[
        "report",
        "compare",
        "host=10.0.0.2:8003 until=2026-11-22T23:34:00Z",
        "host=10.0.0.2:8003 since=2026-11-22T23:34:00Z",
        "--format",
        "json",
    ]);
    assert!(same["metrics"].as_array().unwrap().iter().all(|m| m["verdict"] == "same"), "{same:#}");
    std::fs::copy(p.path("sniff.db"), p.path("b.db")).unwrap();
    let two = p.json(&["report", "compare", "--db", "sniff.db", "--db", "b.db", "--format", "json"]);
    assert_eq!((&two["a"]["exchanges"], &two["a"]["exchanges"]), (&two["b"]["exchanges"], &load().logs.len().into()));
    assert!(
        two["metrics"]
            .as_array()
            .unwrap()
            .iter()
            .all(|m| m["verdict"] == "same" && m["differences"]["p99"]["ms"] == 0.0)
    );
    let (_, err) = p.want(2, &["report", "compare", "session=1"]);
    assert!(err.contains("two runs"), "{err}");
    let (_, err) = p.want(2, &["report", "compare", "session=1", "colour=red"]);
    assert!(err.contains("colour"), "{err}");
    let text = p.out(&["report", "compare", runs[0], runs[1]]);
    assert!(text.lines().next().unwrap().starts_with("Slower: TTFT (p50 +"), "{text}");
}
