//! Trace events of `sniff export --format trace`, read by what the format says of them: fields, nesting, times. The
//! figures are those that `list` has.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use serde_json::{Value, json};
use sniff::conn::Direction::{ToClient, ToServer};
use std::collections::{BTreeMap, BTreeSet};
use support::place::{MS, Place, chunk, delta, talk};

/// Real captures: one connection, many at once, streams of HTTP/2 at once, a loss, a cut, a WebSocket.
const CAPTURES: [&str; 7] = [
    "llamacpp-sequential-4.pcap",
    "h1-parallel-50.pcap",
    "h2c-multiplex-5-httpx.pcap",
    "net-loss5-bigevents-client.pcap",
    "h1-keepalive-httpx-4.pcap",
    "h1-header-oddities.pcap",
    "litellm-fwd-chat-both-legs.pcap",
];

struct Slice {
    name: String,
    cat: String,
    from: i64,
    to: i64,
    args: Value,
}

/// Whole nanoseconds: each time of the file is one, up to the rounding of a double.
fn nanos(micros: &Value) -> i64 {
    let ns = micros.as_f64().unwrap() * 1e3;
    assert!((ns - ns.round()).abs() < 1e-2, "{micros} is no whole number of nanoseconds");
    ns.round() as i64
}

/// The slices of each track, after every demand of the format on the file has been checked.
fn tracks(trace: &Value) -> BTreeMap<(u64, u64), Vec<Slice>> {
    let (mut slices, mut used) = (BTreeMap::<(u64, u64), Vec<Slice>>::new(), BTreeSet::new());
    let (mut processes, mut threads) = (BTreeSet::new(), BTreeSet::new());
    for event in trace["traceEvents"].as_array().unwrap() {
        let (pid, tid) = (event["pid"].as_u64().unwrap(), event["tid"].as_u64().unwrap());
        let text = |name: &str| event[name].as_str().unwrap_or_else(|| panic!("no {name}: {event}")).to_owned();
        assert!(event["args"].is_object() && !text("name").is_empty(), "{event}");
        match text("ph").as_str() {
            "M" => {
                assert!(event["args"]["name"].is_string(), "{event}");
                match text("name").as_str() {
                    "process_name" => assert!(processes.insert(pid), "two names: {event}"),
                    "thread_name" => assert!(threads.insert((pid, tid)), "two names: {event}"),
                    other => panic!("{other}"),
                }
                continue;
            }
            "X" => {
                let from = nanos(&event["ts"]);
                let slice = Slice {
                    name: text("name"),
                    cat: text("cat"),
                    from,
                    to: from + nanos(&event["dur"]),
                    args: event["args"].clone(),
                };
                assert!(slice.to >= from, "{event}");
                slices.entry((pid, tid)).or_default().push(slice);
            }
            "i" => assert_eq!((text("s").as_str(), nanos(&event["ts"]) >= 0), ("t", true), "{event}"),
            other => panic!("{other}: {event}"),
        }
        used.insert((pid, tid));
    }
    assert!(used.iter().all(|(pid, tid)| processes.contains(pid) && threads.contains(&(*pid, *tid))));
    for (track, all) in &mut slices {
        all.sort_by_key(|s| (s.from, std::cmp::Reverse(s.to)));
        // Each slice lies within the one that it began in, or after it.
        let mut open: Vec<(i64, &str)> = Vec::new();
        for slice in all.iter() {
            open.retain(|(to, _)| *to > slice.from);
            for (to, name) in &open {
                assert!(slice.to <= *to, "{track:?}: {} crosses the end of {name}", slice.name);
            }
            open.push((slice.to, &slice.name));
        }
    }
    slices
}

#[test]
fn real_recordings_become_lawful_traces_with_their_figures() {
    for name in CAPTURES {
        let p = Place::new();
        p.want(0, &["-q", "--read", support::real().join(name).to_str().unwrap()]);
        let list = p.json(&["list", "--format", "json"]);
        let trace = p.json(&["export", "--format", "trace"]);
        let slices = tracks(&trace);
        let all: Vec<&Slice> = slices.values().flatten().collect();
        let exchanges: Vec<&&Slice> = all.iter().filter(|s| s.cat == "exchange").collect();
        assert_eq!(exchanges.len(), list.as_array().unwrap().len(), "{name}");
        for s in list.as_array().unwrap() {
            let own = exchanges.iter().find(|x| x.args["exchange"] == s["id"]).unwrap_or_else(|| panic!("{name}: {s}"));
            let t = &s["timing"];
            let begin: i64 = trace["otherData"]["begin_ns"].as_str().unwrap().parse().unwrap();
            if let Some(at) = t["t_request_start_ns"].as_i64() {
                assert_eq!(begin + own.from, at, "{name}");
            }
            let track = slices.values().find(|all| all.iter().any(|x| std::ptr::eq(x, **own))).unwrap();
            let phase = |wanted: &str| {
                let of = |x: &&Slice| x.cat == "phase" && x.name == wanted && own.from <= x.from && x.to <= own.to;
                track.iter().filter(of).map(|x| x.to - x.from).next()
            };
            let ns = |name: &str| t[name].as_f64().map(|ms| (ms * 1e6).round() as i64);
            // What began before its request was whole has no TTFB, and no such phase.
            if let (Some(ttfb), false) = (ns("ttfb_ms"), t["t_request_start_ns"].is_null()) {
                assert_eq!(phase("head"), Some(ttfb), "{name} {}", s["id"]);
                if let (Some(ttft), true) = (ns("ttft_ms"), s["websocket"].is_null()) {
                    assert_eq!(phase("first-token"), Some(ttft - ttfb), "{name} {}", s["id"]);
                }
            }
            if let (Some(first), Some(last)) = (t["t_first_delta_ns"].as_i64(), t["t_last_delta_ns"].as_i64()) {
                assert_eq!(phase("tokens"), Some(last - first), "{name} {}", s["id"]);
            }
        }
    }
}

/// Two answers on two connections; the first one pauses 400 ms before its third delta. Neither has a terminator,
/// and the server closes.
fn paused() -> Place {
    let p = Place::new();
    let ask = "POST /v1/chat/completions?user=secret HTTP/1.1\r\nHost: api.example\r\n\
        Content-Length: 14\r\n\r\n{\"model\":\"m1\"}";
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let event = chunk(&delta("secret words"));
    let first = talk(
        0,
        &[
            (0, ToServer, ask.as_bytes()),
            (20, ToClient, head.as_bytes()),
            (50, ToClient, event.as_bytes()),
            (60, ToClient, event.as_bytes()),
            (460, ToClient, event.as_bytes()),
        ],
    );
    let second =
        talk(1, &[(5, ToServer, ask.as_bytes()), (30, ToClient, head.as_bytes()), (33, ToClient, event.as_bytes())]);
    p.record(&[&first, &second]);
    p
}

#[test]
fn pauses_findings_and_ends_have_their_place_and_nothing_of_the_text() {
    let p = paused();
    let text = p.out(&["export", "--format", "trace"]);
    assert!(!text.contains("secret"), "{text}");
    let trace: Value = serde_json::from_str(&text).unwrap();
    let slices = tracks(&trace);
    assert_eq!(slices.len(), 2);
    let pauses: Vec<&Slice> = slices.values().flatten().filter(|s| s.cat == "pause").collect();
    let [pause] = pauses.as_slice() else { panic!("{text}") };
    assert_eq!((pause.name.as_str(), pause.from, pause.to), ("pause: server", 60 * MS, 460 * MS));
    let events = trace["traceEvents"].as_array().unwrap();
    let of = |cat: &str| events.iter().filter(|e| e["cat"] == cat).collect::<Vec<_>>();
    let content: Vec<&Value> = of("record").into_iter().filter(|e| e["name"] == "content").collect();
    assert_eq!(content.len(), 4);
    assert_eq!(
        (&content[1]["ts"], &content[1]["args"]),
        (&json!(60_000.0), &json!({"record": 1, "bytes": delta("secret words").len()}))
    );
    let found = of("finding");
    let list = p.json(&["list", "--format", "json"]);
    let want: usize = list.as_array().unwrap().iter().map(|s| s["findings"].as_array().unwrap().len()).sum();
    assert!(want > 0 && found.len() == want, "{found:?}");
    assert!(found.iter().all(|f| f["args"]["message"].is_string() && f["args"]["level"].is_string()), "{found:?}");
    let ends: Vec<&Value> = of("end");
    assert!(ends.iter().any(|e| e["name"] == "FIN of the server"), "{ends:?}");
}

#[test]
fn what_was_recorded_without_content_has_a_trace_too() {
    let p = Place::new();
    let file = support::real().join("llamacpp-sequential-4.pcap");
    let file = file.to_str().unwrap();
    p.want(0, &["-q", "--content", "lengths", "--db", "lengths.db", "--read", file]);
    p.want(0, &["-q", "--read", file]);
    let times = |db: &str| {
        let trace = p.json(&["--db", db, "export", "--format", "trace"]);
        let events = trace["traceEvents"].as_array().unwrap().clone();
        let of = |e: &Value| json!([e["cat"], e["ph"], e["ts"], e["dur"]]);
        events.iter().filter(|e| e["cat"] != "finding").map(of).collect::<Vec<_>>()
    };
    assert_eq!(times("lengths.db"), times("sniff.db"));
}
