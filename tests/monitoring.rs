//! What a recording reports while it runs, read by others: metrics by Prometheus' own Python library and by
//! OpenTelemetry's protobuf, beside `list --format json`; alerts on standard error.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use serde_json::Value;
use sniff::conn::Direction::{ToClient, ToServer};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use support::packets::pcap;
use support::place::{Place, chunk, delta, talk};

const PATIENCE: Duration = Duration::from_secs(60);
/// Names that break what does not escape them.
const HOSTILE: &str = "m\\\"}1\\n# TYPE x counter\\u0007\\u202e\\\\";

/// Streams with TTFTs of 100, 200, … ms; the last two fail: one is cut, one has a status.
fn capture(streams: usize) -> Vec<u8> {
    let mut frames = Vec::new();
    for n in 0..streams {
        let model = if n == 0 { HOSTILE.to_owned() } else { format!("m-{}", n % 3) };
        let body = format!("{{\"model\":\"{model}\",\"stream\":true}}");
        let asked = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nHost: api.example:8000\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        let usage = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[],\
                     \"usage\":{\"prompt_tokens\":3,\"completion_tokens\":7,\"total_tokens\":10}}\n\n";
        let (begun, ttft) = (n as i64 * 50, 100 * (n as i64 + 1));
        let (first, second) = (format!("{head}{}", chunk(&delta("a"))), chunk(&delta("b")));
        let end = format!("{}{}0\r\n\r\n", chunk(usage), chunk("data: [DONE]\n\n"));
        let refused = "HTTP/1.1 503 No\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
        let mut steps = vec![(begun, ToServer, asked.as_bytes())];
        if n + 1 == streams {
            steps.push((begun + 5, ToClient, refused.as_bytes()));
        } else {
            steps.push((begun + ttft, ToClient, first.as_bytes()));
            steps.push((begun + ttft + 30, ToClient, second.as_bytes()));
            if n + 2 < streams {
                steps.push((begun + ttft + 60, ToClient, end.as_bytes()));
            }
        }
        frames.extend(talk(n as u16, &steps).frames);
    }
    frames.sort_by_key(|(at, _)| *at);
    pcap(&frames)
}

/// A recording of packets that come on its standard input.
struct Recorder {
    child: Child,
    packets: Option<ChildStdin>,
    said: Receiver<String>,
}

impl Recorder {
    fn start(place: &Place, args: &[&str], env: &[(&str, &str)]) -> Recorder {
        let mut command = place.command(&[&["--read", "-"], args].concat());
        command.envs(env.iter().copied()).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let packets = child.stdin.take();
        Recorder { packets, said: lines(child.stderr.take().unwrap()), child }
    }

    /// The first line that has this.
    fn line(&self, words: &str) -> String {
        loop {
            let line = self.said.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no line with {words:?}"));
            if line.contains(words) {
                return line;
            }
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        let packets = self.packets.as_mut().unwrap();
        packets.write_all(bytes).unwrap();
        packets.flush().unwrap();
    }

    /// Ends the packets; returns the exit code and the rest of what was said.
    fn end(&mut self) -> (Option<i32>, Vec<String>) {
        drop(self.packets.take());
        let end = Instant::now() + PATIENCE;
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < end, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
        (self.child.wait().unwrap().code(), self.said.iter().collect())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (to, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let _ = to.send(line);
        }
    });
    lines
}

fn get(address: &str, path: &str) -> (String, String) {
    let mut client = TcpStream::connect(address).unwrap();
    write!(client, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut all = String::new();
    client.read_to_string(&mut all).unwrap();
    let (head, body) = all.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

fn python(script: &str) -> Command {
    let mut command = Command::new(support::installed("venv/monitoring/bin/python"));
    command.arg(format!("{}/tests/support/{script}", env!("CARGO_MANIFEST_DIR")));
    command
}

/// Name, labels and value of each sample, as Prometheus' own library reads them.
fn samples(text: &str) -> Vec<(String, BTreeMap<String, String>, f64)> {
    let mut child = python("metrics_parse.py").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success(), "the text is not in the format:\n{text}");
    let all: Value = serde_json::from_slice(&out.stdout).unwrap();
    let types = all["types"].as_object().unwrap();
    assert_eq!(types["gen_ai_server_time_to_first_token_seconds"], "histogram");
    assert_eq!(types["sniff_exchanges"], "counter");
    let sample = |s: &Value| {
        let labels = s[1].as_object().unwrap().iter().map(|(k, v)| (k.clone(), v.as_str().unwrap().to_owned()));
        (s[0].as_str().unwrap().to_owned(), labels.collect(), s[2].as_f64().unwrap())
    };
    all["samples"].as_array().unwrap().iter().map(sample).collect()
}

/// What the list says of the same figures.
struct Listed {
    exchanges: BTreeMap<(String, String), f64>,
    findings: BTreeMap<String, f64>,
    /// TTFTs in seconds, of streams without an error.
    ttfts: Vec<f64>,
    durations: Vec<f64>,
}

fn listed(place: &Place) -> Listed {
    let all = place.json(&["list", "--format", "json"]);
    let mut l = Listed { exchanges: BTreeMap::new(), findings: BTreeMap::new(), ttfts: vec![], durations: vec![] };
    for x in all.as_array().unwrap() {
        let (verdict, status) = (x["verdict"].as_str().unwrap(), x["response"]["status"].to_string());
        *l.exchanges.entry((verdict.to_owned(), status)).or_default() += 1.0;
        for finding in x["findings"].as_array().unwrap() {
            *l.findings.entry(finding["rule"].as_str().unwrap().to_owned()).or_default() +=
                finding["count"].as_f64().unwrap();
        }
        if x["response"]["dialect"] != "openai.chat" {
            continue;
        }
        l.durations.extend(x["timing"]["duration_ms"].as_f64().map(|ms| ms / 1000.0));
        if verdict == "complete" && x["response"]["status"] == 200 {
            l.ttfts.extend(x["timing"]["ttft_ms"].as_f64().map(|ms| ms / 1000.0));
        }
    }
    l
}

#[test]
fn prometheus_reads_the_figures_of_the_list() {
    let place = Place::new();
    let mut recorder = Recorder::start(&place, &["--metrics", "127.0.0.1:0"], &[]);
    let line = recorder.line("metrics on http://");
    let address = line.split_once("http://").unwrap().1.strip_suffix("/metrics").unwrap().to_owned();
    recorder.send(&capture(30));
    let end = Instant::now() + PATIENCE;
    let text = loop {
        let (head, body) = get(&address, "/metrics");
        assert!(head.starts_with("HTTP/1.1 200 OK") && head.contains("text/plain; version=0.0.4"), "{head}");
        let of =
            |line: &str| Some(line.strip_prefix("sniff_exchanges_total")?.rsplit_once(' ')?.1.parse::<f64>().unwrap());
        let seen: f64 = body.lines().filter_map(of).sum();
        if seen == 30.0 {
            break body;
        }
        assert!(Instant::now() < end, "{seen} exchanges");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(get(&address, "/").0.starts_with("HTTP/1.1 404 "), "a foreign path");
    let samples = samples(&text);
    let sum = |name: &str| samples.iter().filter(|(n, ..)| n == name).map(|(.., value)| value).sum::<f64>();
    let listed = listed(&place);
    assert_eq!(listed.ttfts.len(), 28);
    let mut exchanges = BTreeMap::new();
    for (_, labels, value) in samples.iter().filter(|(name, ..)| name == "sniff_exchanges_total") {
        let key = (labels["sniff_verdict"].clone(), labels["http_response_status_code"].clone());
        *exchanges.entry(key).or_default() += value;
        assert_eq!((&*labels["server_address"], &*labels["server_port"]), ("api.example", "8000"));
    }
    assert_eq!(exchanges, listed.exchanges);
    let mut findings = BTreeMap::new();
    for (_, labels, value) in samples.iter().filter(|(name, ..)| name == "sniff_findings_total") {
        *findings.entry(labels["sniff_rule"].clone()).or_default() += value;
    }
    assert_eq!(findings, listed.findings);
    for (family, values) in [
        ("gen_ai_server_time_to_first_token_seconds", &listed.ttfts),
        ("gen_ai_server_request_duration_seconds", &listed.durations),
    ] {
        assert_eq!(sum(&format!("{family}_count")), values.len() as f64, "{family}");
        assert!((sum(&format!("{family}_sum")) - values.iter().sum::<f64>()).abs() < 1e-6, "{family}");
        for (_, labels, _) in samples.iter().filter(|(name, ..)| *name == format!("{family}_bucket")) {
            let bound: f64 = labels["le"].replace("+Inf", "inf").parse().unwrap();
            let below = |(name, l, v): &&(String, BTreeMap<String, String>, f64)| {
                (*name == format!("{family}_bucket") && l["le"] == labels["le"]).then_some(*v)
            };
            let counted: f64 = samples.iter().filter_map(|s| below(&s)).sum();
            assert_eq!(counted, values.iter().filter(|v| **v <= bound).count() as f64, "{family} {bound}");
        }
    }
    assert_eq!(sum("gen_ai_client_token_usage_tokens_sum"), 28.0 * 7.0);
    assert_eq!(sum("sniff_delta_gap_seconds_count"), 29.0);
    let (_, failed, _) =
        samples.iter().find(|(n, l, _)| n.ends_with("duration_seconds_count") && l.contains_key("error_type")).unwrap();
    assert_eq!((&*failed["error_type"], &*failed["gen_ai_operation_name"]), ("server-truncated", "chat"));
    // The hostile name is one label and one only, without what a terminal obeys.
    let models: Vec<&String> = samples.iter().filter_map(|(_, l, _)| l.get("gen_ai_request_model")).collect();
    let hostile = models.iter().find(|model| model.starts_with("m\"")).unwrap();
    assert!(hostile.contains("# TYPE x counter") && !hostile.chars().any(char::is_control), "{hostile:?}");
    assert_eq!(recorder.end().0, Some(0));
}

#[test]
fn an_alert_is_said_when_it_begins_and_that_it_holds_at_the_end() {
    let place = Place::new();
    let args = [
        "-q",
        "--alert",
        "p99(ttft)>2s over 1m",
        "--alert",
        "count(verdict=truncated)>0",
        "--alert",
        "rate(errors)>90%",
    ];
    let mut recorder = Recorder::start(&place, &args, &[]);
    recorder.send(&capture(30));
    let first = recorder.line("p99(ttft)>2s over 1m begins: 2.");
    assert!(first.starts_with("sniff: alert: ") && first.contains("(worst: exchange "), "{first}");
    recorder.line("count(verdict=truncated)>0 begins: 1 exchange (last: exchange ");
    let (code, said) = recorder.end();
    assert_eq!(code, Some(0));
    assert_eq!(said.iter().filter(|line| line.contains("still holds")).count(), 2, "{said:?}");
    let worst = place.json(&["list", "--sort", "ttft", "--limit", "1", "--format", "json"])[0]["id"].to_string();
    assert!(
        said.iter().any(|l| l.contains("p99") && l.contains(&format!("worst: exchange {worst}, 2.90 s"))),
        "{said:?}"
    );
}

#[test]
fn what_cannot_be_monitored_is_said_before_anything_is_recorded() {
    let place = Place::new();
    place.write("a.pcap", capture(3));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (args, words) in [
        (&["--metrics", &*address][..], "cannot serve metrics on 127.0.0.1:"),
        (&["--metrics", "nowhere"], "--metrics"),
        (&["--metrics-series", "10"], "from 200 on"),
        (&["--alert", "p99(ttft)>2"], "has no unit"),
        (&["--otlp"], "OTEL_EXPORTER_OTLP_ENDPOINT"),
    ] {
        let (_, said) = place.want(2, &[&["--read", "a.pcap"], args].concat());
        assert!(said.contains(words), "{args:?}: {said}");
        assert!(!place.path("sniff.db").exists(), "{args:?}");
    }
}

/// A collector by the published protobuf, its address, and the messages that it receives.
#[cfg(feature = "otlp")]
struct Collector {
    child: Child,
    address: String,
    messages: Receiver<String>,
}

#[cfg(feature = "otlp")]
impl Collector {
    fn start(args: &[&str]) -> Collector {
        let mut child = python("otlp_receiver.py").args(args).stdout(Stdio::piped()).spawn().unwrap();
        let messages = lines(child.stdout.take().unwrap());
        let port = messages.recv_timeout(PATIENCE).unwrap();
        Collector { child, address: format!("http://127.0.0.1:{port}"), messages }
    }
}

#[cfg(feature = "otlp")]
impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(feature = "otlp")]
#[test]
fn a_collector_gets_the_figures_of_the_list() {
    let place = Place::new();
    let collector = Collector::start(&[]);
    let env = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector.address),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=blue"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=lab"),
        ("OTEL_SERVICE_NAME", "watcher"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "200"),
    ];
    let mut recorder = Recorder::start(&place, &["--otlp"], &env);
    recorder.line("metrics go to http://127.0.0.1:");
    recorder.send(&capture(30));
    collector.messages.recv_timeout(PATIENCE).expect("a message while it records");
    assert_eq!(recorder.end().0, Some(0));
    let mut last = Value::Null;
    while let Ok(line) = collector.messages.recv_timeout(Duration::from_secs(1)) {
        last = serde_json::from_str(&line).unwrap();
    }
    assert_eq!(last["path"], "/v1/metrics");
    assert_eq!(last["headers"]["x-tenant"], "blue");
    assert_eq!(last["headers"]["content-type"], "application/x-protobuf");
    assert_eq!(last["resource"]["service.name"], "watcher");
    assert_eq!(last["resource"]["deployment.environment.name"], "lab");
    assert_eq!((&last["scope"], &last["schema"]), (&"sniff".into(), &"https://opentelemetry.io/schemas/1.41.0".into()));
    let listed = listed(&place);
    let points = |name: &str| -> Vec<Value> {
        last["points"].as_array().unwrap().iter().filter(|p| p["name"] == name).cloned().collect()
    };
    let total = |name: &str, field: &str| points(name).iter().map(|p| p[field].as_f64().unwrap()).sum::<f64>();
    assert_eq!(total("sniff.exchanges", "value"), 30.0);
    assert_eq!(total("sniff.findings", "value"), listed.findings.values().sum::<f64>());
    assert_eq!(total("gen_ai.server.time_to_first_token", "count"), 28.0);
    let seconds = listed.ttfts.iter().sum::<f64>();
    assert!((total("gen_ai.server.time_to_first_token", "sum") - seconds).abs() < 1e-6);
    let first = &points("gen_ai.server.time_to_first_token")[0];
    assert_eq!((&first["unit"], &first["cumulative"]), (&"s".into(), &true.into()));
    assert_eq!((first["bounds"].as_array().unwrap().len(), &first["attributes"]["server.port"]), (16, &8000.into()));
    assert_eq!(points("sniff.exchanges.in_flight")[0]["value"], 0.0);
}

#[cfg(feature = "otlp")]
#[test]
fn a_collector_that_fails_costs_only_its_metrics() {
    let file = capture(30);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (refuses, hangs) = (Collector::start(&["500"]), Collector::start(&["200", "30"]));
    for endpoint in [format!("http://{closed}"), refuses.address.clone(), hangs.address.clone()] {
        let place = Place::new();
        let env = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint),
            ("OTEL_METRIC_EXPORT_INTERVAL", "100"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "1000"),
        ];
        let begun = Instant::now();
        let mut recorder = Recorder::start(&place, &["--otlp"], &env);
        recorder.send(&file);
        std::thread::sleep(Duration::from_secs(2));
        let (code, said) = recorder.end();
        assert_eq!(code, Some(0), "{endpoint}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{endpoint}: {:?}", begun.elapsed());
        let warned = said.iter().filter(|line| line.contains("metrics could not be sent")).count();
        assert_eq!(warned, 1, "{endpoint}: {said:?}");
        assert_eq!(place.json(&["list", "--format", "json"]).as_array().unwrap().len(), 30);
    }
}

#[cfg(feature = "otlp")]
#[test]
fn the_environment_alone_sends_nothing_of_a_file() {
    let collector = Collector::start(&[]);
    let place = Place::new();
    let mut recorder = Recorder::start(&place, &[], &[("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector.address)]);
    recorder.send(&capture(3));
    let (code, said) = recorder.end();
    assert!(code == Some(0) && !said.iter().any(|line| line.contains("metrics")), "{said:?}");
    let off = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector.address), ("OTEL_SDK_DISABLED", "true")];
    let mut recorder = Recorder::start(&place, &["--otlp"], &off);
    recorder.send(&capture(3));
    let (code, said) = recorder.end();
    assert!(code == Some(0) && said.iter().any(|line| line.contains("no metrics are sent")), "{said:?}");
    let grpc = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector.address), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")];
    let mut recorder = Recorder::start(&place, &["--otlp"], &grpc);
    let (code, said) = recorder.end();
    assert!(code == Some(2) && said.iter().any(|line| line.contains("http/protobuf only")), "{said:?}");
    assert!(collector.messages.recv_timeout(Duration::from_millis(500)).is_err(), "something was sent");
}
