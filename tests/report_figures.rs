//! Every figure of `report latency` and `report times` over all of captures/real, computed again from `list` and `show`
//! in JSON and from the truth files: counted and summed here, with nothing of the program's own arithmetic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;
use support::place::Place;

/// The captures that can be read, one session each, in this order.
fn captures() -> Vec<PathBuf> {
    let all = std::fs::read_dir(support::real()).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<PathBuf> = all.filter(|p| p.extension().is_some_and(|e| e == "pcap" || e == "pcapng")).collect();
    all.retain(|p| !p.file_name().unwrap().to_str().unwrap().starts_with("bad-"));
    all.sort();
    assert!(all.len() > 150, "{}", all.len());
    all
}

struct Recorded {
    place: Place,
    /// `list`, and of each exchange `show`.
    listed: Vec<Value>,
    shown: Vec<Value>,
}

fn recorded() -> &'static Recorded {
    static ONCE: OnceLock<Recorded> = OnceLock::new();
    ONCE.get_or_init(|| {
        let place = Place::new();
        for path in captures() {
            let keys = path.with_extension("keys");
            let keys = keys.exists().then(|| keys.to_str().unwrap().to_owned());
            let keys: Vec<&str> = keys.iter().flat_map(|keys| ["--keylog", keys]).collect();
            place.want(0, &[&["-q", "--read", path.to_str().unwrap()], &*keys].concat());
        }
        let listed = place.json(&["list", "--format", "json"]).as_array().unwrap().clone();
        let show = |e: &Value| place.json(&["show", &e["id"].to_string(), "--format", "json"]);
        let shown = listed.iter().map(show).collect();
        Recorded { place, listed, shown }
    })
}

fn ns(value: &Value) -> Option<i64> {
    value.as_i64()
}

/// Milliseconds between two instants, none if they are not in order.
fn between(later: Option<i64>, earlier: Option<i64>) -> Option<f64> {
    let span = later? - earlier?;
    (span >= 0).then_some(span as f64 / 1e6)
}

/// What was streamed: a body with records that is not one document.
fn streamed(e: &Value) -> bool {
    let framing = timed(e)["response"]["framing"].as_str();
    framing.is_some_and(|f| !["json", "text", "binary", "empty"].contains(&f))
}

/// The object whose `response` and `timing` describe the answer: that of a WebSocket stands apart.
fn timed(e: &Value) -> &Value {
    if e["websocket"].is_object() { &e["websocket"] } else { e }
}

/// Times of all deltas, and of the last byte of each chunk.
fn deltas(shown: &Value) -> Vec<i64> {
    let records = shown["records"].as_array().unwrap().iter();
    records.filter(|r| !r["delta"].is_null()).map(|r| r["t_ns"].as_i64().unwrap()).collect()
}

fn chunks(shown: &Value) -> Vec<i64> {
    shown["chunks"].as_array().unwrap().iter().map(|c| c["t_ns"].as_i64().unwrap()).collect()
}

fn gaps(times: &[i64]) -> Vec<f64> {
    (1..times.len()).filter_map(|i| between(Some(times[i]), Some(times[i - 1]))).collect()
}

/// The value that enough others do not exceed: counted by its definition.
fn rank(values: &[f64], thousandths: usize) -> Option<f64> {
    let enough = |v: f64| values.iter().filter(|other| **other <= v).count() * 1000 >= thousandths * values.len();
    values.iter().copied().filter(|v| enough(*v)).reduce(f64::min)
}

/// Whether this object has the order statistics of these values.
fn check(what: &str, have: &Value, values: &[f64]) {
    assert_eq!(have["n"], values.len(), "{what}");
    for (name, thousandths) in [("p50", 500), ("p90", 900), ("p95", 950), ("p99", 990), ("p999", 999)] {
        assert_eq!(have[name].as_f64(), rank(values, thousandths), "{what} {name}");
    }
    assert_eq!(have["min"].as_f64(), values.iter().copied().reduce(f64::min), "{what}");
    assert_eq!(have["max"].as_f64(), values.iter().copied().reduce(f64::max), "{what}");
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let sd = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
    for (name, want, least) in [("mean", mean, 1), ("sd", sd, 2)] {
        let have = have[name].as_f64();
        assert_eq!(have.is_some(), values.len() >= least, "{what} {name}");
        assert!(have.is_none_or(|have| (have - want).abs() <= 1e-9 * want.abs().max(1.0)), "{what} {name}: {have:?}");
    }
}

/// The values of each metric of these exchanges.
fn values(of: &[usize]) -> BTreeMap<&'static str, Vec<f64>> {
    let r = recorded();
    let mut all: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for &i in of {
        let (e, shown) = (&r.listed[i], &r.shown[i]);
        let t = &timed(e)["timing"];
        let stream = streamed(e);
        let mut add = |name, values: Vec<f64>| all.entry(name).or_default().extend(values);
        let one = |v: Option<f64>| v.into_iter().collect::<Vec<_>>();
        for (name, for_all) in [
            ("ttfb_ms", true),
            ("ttft_ms", false),
            ("ttft_content_ms", false),
            ("tpot_ms", true),
            ("duration_ms", true),
        ] {
            add(name, one(t[name].as_f64().filter(|_| for_all || stream)));
        }
        // TPOT is a whole number of nanoseconds.
        let rate = t["tpot_ms"].as_f64().filter(|tpot| *tpot > 0.0).map(|tpot| 1e9 / (tpot * 1e6).round());
        add("tokens_per_s", one(rate));
        add("itl_ms", gaps(&deltas(shown)));
        add("chunk_gap_ms", if stream { gaps(&chunks(shown)) } else { Vec::new() });
        let last = ns(&t["t_last_delta_ns"]);
        add("tail_ms", one(between(ns(&t["t_response_end_ns"]), last).filter(|_| stream)));
    }
    all
}

fn check_group(what: &str, group: &Value, of: &[usize]) {
    let r = recorded();
    assert_eq!(group["exchanges"], of.len(), "{what}");
    for (name, values) in values(of) {
        check(&format!("{what} {name}"), &group[name], &values);
    }
    let counted = |f: &dyn Fn(&Value) -> Value| {
        let mut all: BTreeMap<String, u64> = BTreeMap::new();
        for &i in of {
            let of = f(&r.listed[i]);
            let name = of.as_str().map_or_else(|| of.to_string(), str::to_owned);
            *all.entry(if of.is_null() { "none".into() } else { name }).or_default() += 1;
        }
        json!(all)
    };
    assert_eq!(group["statuses"], counted(&|e| e["response"]["status"].clone()), "{what}");
    assert_eq!(group["verdicts"], counted(&|e| e["verdict"].clone()), "{what}");
    assert_eq!(group["finish_reasons"], counted(&|e| timed(e)["response"]["finish_reason"].clone()), "{what}");
    let failed = of.iter().filter(|i| {
        let e = &r.listed[**i];
        let verdict = e["verdict"].as_str().unwrap();
        e["response"]["status"].as_u64().is_some_and(|s| s >= 400)
            || !["complete", "capture-incomplete"].contains(&verdict)
    });
    assert_eq!(group["failed"], failed.count(), "{what}");
    let all = |f: fn(&Value) -> Option<i64>| of.iter().filter_map(move |i| f(&timed(&recorded().listed[*i])["timing"]));
    let begun =
        all(|t| ns(&t["t_request_start_ns"]).or(ns(&t["t_response_start_ns"])).or(ns(&t["t_first_body_byte_ns"])));
    let ended = all(|t| ns(&t["t_response_end_ns"]).or(ns(&t["t_request_end_ns"])));
    let wall = ended.max().zip(begun.min()).map(|(end, begin)| (end - begin) as f64 / 1e9).filter(|wall| *wall > 0.0);
    let close = |have: &Value, want: Option<f64>| {
        assert_eq!(have.is_null(), want.is_none(), "{what}: {have}");
        assert!(
            want.is_none_or(|want| (have.as_f64().unwrap() - want).abs() <= 1e-9 * want),
            "{what}: {have} {want:?}"
        );
    };
    let t = &group["throughput"];
    close(&t["wall_s"], wall);
    close(&t["requests_per_s"], wall.map(|wall| of.len() as f64 / wall));
    let tokens = t["output_tokens"].as_u64().unwrap();
    close(&t["output_tokens_per_s"], wall.filter(|_| t["with_usage"] != 0).map(|wall| tokens as f64 / wall));
    // Of the usage figures of some APIs, under their own names.
    let usage = of.iter().map(|i| &timed(&r.listed[*i])["response"]["usage"]);
    let known: u64 =
        usage.filter_map(|u| ["completion_tokens", "output_tokens"].iter().find_map(|name| u[name].as_u64())).sum();
    assert!(tokens >= known, "{what}: {tokens} {known}");
}

#[test]
fn latency_in_all_groups() {
    let r = recorded();
    let everything: Vec<usize> = (0..r.listed.len()).collect();
    let (stream, plain): (Vec<usize>, Vec<usize>) = everything.iter().partition(|i| streamed(&r.listed[**i]));
    type Of = fn(&Value) -> Value;
    let server: Of = |e| {
        let ip: std::net::IpAddr = e["server_ip"].as_str().unwrap().parse().unwrap();
        json!(std::net::SocketAddr::new(ip, e["server_port"].as_u64().unwrap() as u16).to_string())
    };
    let path: Of = |e| e["request"]["path"].as_str().map_or(Value::Null, |p| json!(p.split('?').next().unwrap()));
    let keys: [(&str, Of); 7] = [
        ("server", server),
        ("path", path),
        ("model", |e| e["request"]["model"].clone()),
        ("dialect", |e| timed(e)["response"]["dialect"].clone()),
        ("status", |e| e["response"]["status"].clone()),
        ("client", |e| e["client_ip"].clone()),
        ("session", |e| e["session"].clone()),
    ];
    for (by, of) in keys {
        let report = r.place.json(&["report", "latency", "--by", by, "--format", "json"]);
        let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for &i in &everything {
            let key = json!([of(&r.listed[i]), streamed(&r.listed[i])]).to_string();
            groups.entry(key).or_default().push(i);
        }
        let have = report["groups"].as_array().unwrap();
        assert_eq!(have.len(), groups.len(), "{by}");
        for group in have {
            let key = json!([group[by], group["streamed"]]).to_string();
            check_group(&format!("{by} {key}"), group, &groups[&key]);
        }
        if by == "server" {
            check_group("all", &report["overall"], &everything);
            check_group("streamed", &report["streamed"], &stream);
            check_group("plain", &report["plain"], &plain);
        }
    }
}

#[test]
fn latency_over_time() {
    let r = recorded();
    let report = r.place.json(&["report", "latency", "--every", "1m", "--by", "client", "--format", "json"]);
    let intervals = report["overall"]["intervals"].as_array().unwrap();
    let minute = 60_000_000_000;
    let begun = |i: &usize| {
        let t = &r.listed[*i]["timing"];
        ["t_request_start_ns", "t_response_start_ns", "t_first_body_byte_ns"].iter().find_map(|n| ns(&t[n]))
    };
    let mut seen = 0;
    for (n, interval) in intervals.iter().enumerate() {
        let [from, to] = ["from_ns", "to_ns"].map(|k| interval[k].as_i64().unwrap());
        assert!(from % minute == 0 && to == from + minute, "{interval}");
        assert!(n == 0 || intervals[n - 1]["to_ns"] == from, "no interval is left out");
        let of: Vec<usize> =
            (0..r.listed.len()).filter(|i| begun(i).is_some_and(|at| (from..to).contains(&at))).collect();
        seen += of.len();
        assert_eq!((interval["exchanges"].as_u64(), of.is_empty()), (Some(of.len() as u64), of.is_empty()));
        assert!((interval["requests_per_s"].as_f64().unwrap() - of.len() as f64 / 60.0).abs() < 1e-9);
        for (name, values) in values(&of) {
            check(&format!("{from} {name}"), &interval[name], &values);
        }
    }
    assert_eq!(seen, (0..r.listed.len()).filter(|i| begun(i).is_some()).count());
    // CSV has a row for each of them, with the time of its begin.
    let csv = r.place.out(&["report", "latency", "--every", "1m", "--by", "client", "--format", "csv"]);
    assert!(csv.starts_with("client,from,metric,n,p50,"), "{csv}");
    let rows: Vec<&str> = csv.lines().filter(|row| row.starts_with("(all),20") && row.contains(",ttfb_ms,")).collect();
    let with_values: Vec<&Value> = intervals.iter().filter(|i| i["ttfb_ms"]["n"] != 0).collect();
    assert_eq!(rows.len(), with_values.len());
    for (row, interval) in rows.iter().zip(with_values) {
        let cells: Vec<&str> = row.split(',').collect();
        let from = chrono::DateTime::parse_from_rfc3339(cells[1]).unwrap().timestamp_nanos_opt();
        assert_eq!((from, cells[3]), (interval["from_ns"].as_i64(), &*interval["ttfb_ms"]["n"].to_string()), "{row}");
        assert_eq!(cells[4].parse::<f64>().ok(), interval["ttfb_ms"]["p50"].as_f64(), "{row}");
    }
}

#[test]
fn goodput_against_objectives() {
    let r = recorded();
    let slo = "ttft<150ms,duration<0.3s,itl_p99<40ms";
    let report = r.place.json(&["report", "latency", "--slo", slo, "--format", "json"]);
    let good = r.listed.iter().filter(|e| {
        let t = &timed(e)["timing"];
        let below = |name: &str, limit: f64| t[name].as_f64().is_some_and(|v| v < limit);
        let refused = e["response"]["status"].as_u64().is_some_and(|status| status >= 400);
        let whole = e["verdict"] == "complete" && !refused;
        whole && below("ttft_ms", 150.0) && below("duration_ms", 300.0) && below("itl_p99_ms", 40.0)
    });
    let (good, t) = (good.count(), &report["overall"]["throughput"]);
    assert!((10..r.listed.len() - 10).contains(&good), "{good}");
    assert_eq!((&t["good"], &report["slo"]), (&json!(good), &json!(slo)));
    let per_s = good as f64 / t["wall_s"].as_f64().unwrap();
    assert!((t["goodput_per_s"].as_f64().unwrap() - per_s).abs() < 1e-9);
    assert!((t["good_share"].as_f64().unwrap() - good as f64 / r.listed.len() as f64).abs() < 1e-12);
    let (_, err) = r.place.want(2, &["report", "latency", "--slo", "speed<5ms"]);
    assert!(err.contains("is no figure of an exchange"), "{err}");
}

/// Percentiles of the truth files, which other programs made from the same packets.
#[test]
fn latency_of_the_truth_files() {
    let r = recorded();
    let report = r.place.json(&["report", "latency", "--by", "session", "--format", "json"]);
    let groups = report["groups"].as_array().unwrap();
    let mut compared = 0;
    for (session, path) in (1..).zip(captures()) {
        let truth = path.with_extension("truth.json");
        let truth: Value = serde_json::from_str(&std::fs::read_to_string(truth).unwrap()).unwrap();
        let of_truth = truth["exchanges"].as_array().unwrap();
        if truth["lossy"] == true
            || of_truth.iter().any(|e| !e["tunnel_to"].is_null() || e["response"]["status"] == 101)
        {
            continue;
        }
        let plain = ["json", "text", "binary", "empty"];
        for stream in [true, false] {
            let of = of_truth
                .iter()
                .filter(|e| e["response"]["framing"].as_str().is_some_and(|f| plain.contains(&f) != stream));
            let of: Vec<&Value> = of.collect();
            let Some(group) = groups.iter().find(|g| g["session"] == session && g["streamed"] == stream) else {
                assert!(of.is_empty(), "{path:?}");
                continue;
            };
            for (name, only_streams) in [("ttfb_ms", false), ("ttft_ms", true)] {
                let t = of.iter().map(|e| &e["timing"]);
                let all = t.filter_map(|t| match name {
                    "ttfb_ms" => between(ns(&t["t_response_start_ns"]), ns(&t["t_request_end_ns"])),
                    _ => between(ns(&t["t_first_delta_ns"]), ns(&t["t_request_end_ns"])),
                });
                let all: Vec<f64> = all.collect();
                if only_streams && !stream || group[name]["n"] != all.len() {
                    continue;
                }
                check(&format!("{path:?} {name}"), &group[name], &all);
                compared += all.len();
            }
        }
    }
    assert!(compared > 300, "{compared}");
}

#[test]
fn times_of_each_exchange() {
    let r = recorded();
    let times = r.place.json(&["report", "times", "--format", "json"]);
    let times = times.as_array().unwrap();
    assert_eq!(times.len(), r.listed.len());
    for (have, (e, shown)) in times.iter().zip(r.listed.iter().zip(&r.shown)) {
        let (id, t) = (&e["id"], &timed(e)["timing"]);
        assert_eq!((&have["exchange"], &have["session"]), (id, &e["session"]));
        assert_eq!((&have["model"], &have["streamed"]), (&e["request"]["model"], &json!(streamed(e))));
        for name in [
            "t_request_start_ns",
            "t_request_end_ns",
            "t_response_start_ns",
            "t_first_body_byte_ns",
            "t_first_record_ns",
            "t_first_reasoning_sign_ns",
            "t_first_delta_ns",
            "t_last_delta_ns",
            "t_response_end_ns",
            "ttfb_ms",
            "ttfr_ms",
            "ttft_ms",
            "ttft_content_ms",
            "itl_p50_ms",
            "itl_p99_ms",
            "itl_max_ms",
            "tpot_ms",
            "duration_ms",
        ] {
            assert_eq!(have[name], t[name], "{id} {name}");
        }
        assert_eq!(have["t_finish_ns"], shown["ending"]["finish_ns"], "{id}");
        assert_eq!(have["t_terminator_ns"], shown["ending"]["terminator_ns"], "{id}");
        let chunks = chunks(shown);
        assert_eq!(
            (&have["chunks"], &have["records"]),
            (&json!(chunks.len()), &json!(shown["records"].as_array().unwrap().len()))
        );
        let gaps = gaps(&chunks);
        for (name, thousandths) in [("chunk_gap_p50_ms", 500), ("chunk_gap_p99_ms", 990), ("chunk_gap_max_ms", 1000)] {
            assert_eq!(have[name].as_f64(), rank(&gaps, thousandths), "{id} {name}");
        }
        let [asked, end] = ["t_request_end_ns", "t_response_end_ns"].map(|name| ns(&t[name]));
        for (name, later, earlier) in [
            ("upload_ms", asked, ns(&t["t_request_start_ns"])),
            ("finish_ms", ns(&have["t_finish_ns"]), asked),
            ("terminator_ms", ns(&have["t_terminator_ns"]), asked),
            ("tail_ms", end, ns(&t["t_last_delta_ns"])),
        ] {
            assert_eq!(have[name].as_f64(), between(later, earlier), "{id} {name}");
        }
        let text = shown["records"].as_array().unwrap().iter().find(|r| r["delta"] == "content");
        let joined = t["t_response_start_ns"].is_null();
        assert_eq!(
            have["t_first_content_ns"],
            text.filter(|_| !joined).map_or(Value::Null, |r| r["t_ns"].clone()),
            "{id}"
        );
        // The head ends after it begins, and before the body does.
        let head = ns(&have["t_head_end_ns"]);
        assert_eq!(head.is_some(), !joined, "{id}");
        assert!(head.is_none_or(|head| head >= ns(&have["t_response_start_ns"]).unwrap()), "{id}");
        assert!(head.zip(ns(&have["t_first_body_byte_ns"])).is_none_or(|(head, body)| head <= body), "{id}");
    }
}

/// A chat stream as a client reads it: the time of each event, and its JSON (null: not of a chat client's form).
struct Chat {
    start: i64,
    end: i64,
    events: Vec<(i64, String, Value)>,
}

/// The streams of chat chunks, by the number of the exchange in `listed`; what other clients would refuse is left out.
fn chats() -> Vec<(usize, Chat)> {
    let r = recorded();
    let mut all = Vec::new();
    for (i, e) in r.listed.iter().enumerate() {
        let t = &e["timing"];
        let is_chat = e["response"]["framing"] == "sse" && e["response"]["complete"] == true;
        let (Some(start), Some(end)) = (ns(&t["t_request_start_ns"]), ns(&t["t_response_end_ns"])) else { continue };
        let refused = e["response"]["status"] != 200 || !e["response"]["error_in_stream"].is_null();
        if !is_chat || refused || !e["websocket"].is_null() {
            continue;
        }
        let lines = r.place.out(&["export", &e["id"].to_string(), "--format", "jsonl"]);
        let event = |line: &str| {
            let record: Value = serde_json::from_str(line).unwrap();
            let raw = record["raw"].as_str().unwrap().trim().to_owned();
            let data =
                raw.strip_prefix("data: ").map_or(Value::Null, |d| serde_json::from_str(d).unwrap_or(Value::Null));
            (record["t_ns"].as_i64().unwrap(), raw, data)
        };
        let events: Vec<(i64, String, Value)> = lines.lines().map(event).collect();
        let readable = |(_, raw, data): &(i64, String, Value)| {
            raw == "data: [DONE]" || data["object"] == "chat.completion.chunk" && data["choices"].is_array()
        };
        if events.iter().all(readable) && events.iter().any(|(_, _, data)| !data["choices"][0].is_null()) {
            all.push((i, Chat { start, end, events }));
        }
    }
    assert!(all.len() > 40, "{}", all.len());
    all
}

/// What each tool's code does with a stream, told by its author: name of the figure, and its values in ms.
type Told = Vec<(&'static str, Vec<f64>)>;

fn ms(later: i64, earlier: i64) -> f64 {
    (later - earlier) as f64 / 1e6
}

/// vLLM, `async_request_openai_chat_completions` and `calculate_metrics`.
fn as_vllm(chat: &Chat) -> Told {
    let (mut ttft, mut itl, mut latest, mut tokens) = (None, Vec::new(), chat.start, None);
    for (at, raw, data) in &chat.events {
        if raw.starts_with(':') || raw == "data: [DONE]" {
            continue;
        }
        if data["choices"].as_array().is_some_and(|choices| !choices.is_empty()) {
            match ttft {
                None => ttft = Some(ms(*at, chat.start)),
                Some(_) => itl.push(ms(*at, latest)),
            }
            latest = *at;
        } else if data["usage"].is_object() {
            tokens = data["usage"]["completion_tokens"].as_u64();
        }
    }
    let (ttft, latency) = (ttft.unwrap(), ms(latest, chat.start));
    let mut told = vec![("ttft", vec![ttft]), ("itl", itl), ("e2el", vec![latency])];
    if let Some(tokens) = tokens.filter(|tokens| *tokens > 1) {
        told.push(("tpot", vec![(latency - ttft) / (tokens - 1) as f64]));
    }
    told
}

fn truthy(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false)) && *value != json!("") && *value != json!([])
}

/// Whether a chunk has output for AIPerf and GuideLLM, and whether that is more than reasoning.
fn output(data: &Value) -> (bool, bool) {
    let delta = &data["choices"][0]["delta"];
    let reasoning = truthy(&delta["reasoning_content"]) || truthy(&delta["reasoning"]);
    let visible = truthy(&delta["content"]) || truthy(&delta["tool_calls"]);
    (reasoning || visible, visible)
}

fn outputs(chat: &Chat) -> (Vec<i64>, Option<i64>, Option<u64>) {
    let times = chat.events.iter().filter(|(_, _, data)| output(data).0).map(|(at, ..)| *at).collect();
    let visible = chat.events.iter().find(|(_, _, data)| output(data).1).map(|(at, ..)| *at);
    let tokens = chat.events.iter().filter_map(|(_, _, data)| data["usage"]["completion_tokens"].as_u64()).next_back();
    (times, visible, tokens)
}

/// AIPerf, `metrics/types`, with the server's token counts.
fn as_aiperf(chat: &Chat) -> Option<Told> {
    let (times, visible, tokens) = outputs(chat);
    let (first, last) = (*times.first()?, *times.last()?);
    let (ttft, latency) = (ms(first, chat.start), ms(last, chat.start));
    let mut told = vec![("time_to_first_token", vec![ttft]), ("request_latency", vec![latency])];
    told.extend(visible.map(|at| ("time_to_first_output_token", vec![ms(at, chat.start)])));
    if times.len() > 1 {
        told.push(("time_to_second_token", vec![ms(times[1], first)]));
        told.push(("inter_chunk_latency", times.windows(2).map(|w| ms(w[1], w[0])).collect()));
    }
    if let Some(tokens) = tokens.filter(|tokens| *tokens >= 2) {
        told.push(("inter_token_latency", vec![(latency - ttft) / (tokens - 1) as f64]));
    }
    Some(told)
}

/// GuideLLM, `schemas/base/request_stats.py` on the iterations of `backends/openai/http.py`.
fn as_guidellm(chat: &Chat) -> Option<Told> {
    let (times, visible, tokens) = outputs(chat);
    let (first, last) = (*times.first()?, *times.last()?);
    let tokens = tokens.unwrap_or(times.len() as u64) as f64;
    let done = chat.events.iter().find(|(_, raw, _)| raw == "data: [DONE]").map_or(chat.end, |(at, ..)| *at);
    let mut told = vec![
        ("time_to_first_token_ms", vec![ms(first, chat.start)]),
        ("request_latency_ms", vec![ms(done, chat.start)]),
    ];
    told.extend(visible.map(|at| ("time_to_first_output_token_ms", vec![ms(at, chat.start)])));
    if tokens > 0.0 {
        told.push(("time_per_output_token_ms", vec![ms(last, chat.start) / tokens]));
    }
    if tokens > 1.0 {
        told.push(("inter_token_latency_ms", vec![ms(last, first) / (tokens - 1.0)]));
    }
    Some(told)
}

/// OpenTelemetry, the definitions of `gen-ai-metrics.md`: chunks are what a client's SDK hands over.
fn as_otel(chat: &Chat) -> Told {
    let chunks: Vec<i64> = chat.events.iter().filter(|(_, raw, _)| raw != "data: [DONE]").map(|(at, ..)| *at).collect();
    vec![
        ("gen_ai.client.operation.duration", vec![ms(chat.end, chat.start)]),
        ("gen_ai.client.operation.time_to_first_chunk", vec![ms(chunks[0], chat.start)]),
        ("gen_ai.client.operation.time_per_output_chunk", chunks.windows(2).map(|w| ms(w[1], w[0])).collect()),
    ]
}

#[test]
fn figures_of_other_tools() {
    let r = recorded();
    let chats = chats();
    for tool in ["vllm", "aiperf", "guidellm", "otel"] {
        let report = r.place.json(&["report", "reconcile", "--like", tool, "--format", "json"]);
        let streams = report["streams"].as_array().unwrap();
        assert_eq!(streams.len(), r.listed.len());
        let mut compared = 0;
        for (i, chat) in &chats {
            let told = match tool {
                "vllm" => Some(as_vllm(chat)),
                "aiperf" => as_aiperf(chat),
                "guidellm" => as_guidellm(chat),
                _ => Some(as_otel(chat)),
            };
            let stream = &streams[*i];
            let id = &r.listed[*i]["id"];
            assert_eq!((&stream["exchange"], stream["left_out"].is_null()), (id, told.is_some()), "{tool} {id}");
            let figures = stream["figures"].as_array().unwrap();
            let told = told.unwrap_or_default();
            assert!(tool == "otel" || figures.len() == told.len(), "{tool} {id}: {figures:?} {told:?}");
            for (name, values) in told {
                let figure = figures.iter().find(|f| f["name"] == name).unwrap_or_else(|| panic!("{tool} {id} {name}"));
                let have: Vec<f64> = figure["values"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
                assert_eq!(have.len(), values.len(), "{tool} {id} {name}");
                for (have, want) in have.iter().zip(&values) {
                    assert!((have - want).abs() < 1e-6, "{tool} {id} {name}: {have} {want}");
                }
                compared += 1;
            }
        }
        assert!(compared > 100, "{tool}: {compared}");
        let mut values: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for figure in streams.iter().flat_map(|stream| stream["figures"].as_array().unwrap()) {
            let all = figure["values"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap());
            values.entry(figure["name"].as_str().unwrap()).or_default().extend(all);
            // What is given as reasons adds up to the difference.
            let parts: f64 = figure["parts"].as_array().unwrap().iter().map(|p| p["ms"].as_f64().unwrap()).sum();
            if let Some(ours) = figure["our_value"].as_f64() {
                let differs = figure["values"][0].as_f64().unwrap() - ours;
                assert!((differs - parts).abs() < 1e-5, "{tool} {figure}");
            }
        }
        let summed = r.place.json(&["report", "latency", "--like", tool, "--format", "json"]);
        let scale = if tool == "otel" { 1e-3 } else { 1.0 };
        for figure in summed["overall"]["figures"].as_array().unwrap() {
            let mut of: Vec<f64> = values[figure["name"].as_str().unwrap()].iter().map(|v| v * scale).collect();
            of.sort_by(f64::total_cmp);
            let n = of.len() as f64;
            let (mean, at) = (of.iter().sum::<f64>() / n, 0.9 * (n - 1.0));
            // NumPy's default: a share of the way from one value to the next.
            let linear = of[at.floor() as usize] + at.fract() * (of[at.ceil() as usize] - of[at.floor() as usize]);
            let p90 = if tool == "vllm" || tool == "aiperf" { linear } else { rank(&of, 900).unwrap() };
            let sd = (of.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
            for (name, want) in [("mean", mean), ("sd", sd), ("p90", p90), ("max", of[of.len() - 1])] {
                let have = figure[name].as_f64().unwrap();
                assert!((have - want).abs() < 1e-9 * want.abs().max(1.0), "{tool} {figure} {name} {want}");
            }
            assert_eq!(figure["n"], of.len());
            if tool == "otel" {
                let all = figure["buckets"].as_array().unwrap().iter().map(|b| b[1].as_u64().unwrap()).sum::<u64>();
                assert_eq!(all, of.len() as u64);
            }
        }
    }
    let (_, err) = r.place.want(2, &["report", "reconcile"]);
    assert!(err.contains("--like"), "{err}");
}
