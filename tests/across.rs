//! What several exchanges show together: cuts at one instant, both sides of a proxy, retries. Told by `check`, `list`,
//! `show` and `report delivery`, with the ids that these commands use.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use serde_json::Value;
use sniff::conn::Direction::{ToClient, ToServer};
use support::packets::Talk;
use support::place::{Place, chunk, delta, talk};

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

fn ask(prompt: &str) -> String {
    let body = format!("{{\"model\":\"m\",\"stream\":true,\"prompt\":\"{prompt}\"}}");
    let head = "POST /v1/chat/completions HTTP/1.1\r\nHost: api.example\r\nContent-Type: application/json\r\n";
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// A stream of three words from `begin` on, one each 30 ms, the first after `first` ms.
fn stream(client: u16, begin: i64, prompt: &str, first: i64, words: [&str; 3]) -> Talk {
    let [one, two, three] = words.map(|word| chunk(&delta(word)));
    let (ask, end) = (ask(prompt), chunk("data: [DONE]\n\n") + "0\r\n\r\n");
    let steps = [
        (0, ask.as_str(), ToServer),
        (first, HEAD, ToClient),
        (first, &one, ToClient),
        (first + 30, &two, ToClient),
        (first + 60, &three, ToClient),
        (first + 61, &end, ToClient),
    ];
    talk(client, &steps.map(|(ms, text, dir)| (begin + ms, dir, text.as_bytes())))
}

/// The server resets after the second word.
fn cut(client: u16, begin: i64, prompt: &str) -> Talk {
    let (ask, word) = (ask(prompt), chunk(&delta("half")));
    let steps = [(0, ask.as_str(), ToServer), (20, HEAD, ToClient), (50, &word, ToClient), (80, &word, ToClient)];
    let mut t = talk(client, &steps.map(|(ms, text, dir)| (begin + ms, dir, text.as_bytes())));
    t.frames.truncate(t.frames.len() - 2);
    t.server.seq = t.server.seq.wrapping_sub(1);
    t.client.seq -= 1;
    t.rst(ToClient);
    t
}

/// The same between the server of others and a server behind it.
fn behind(mut t: Talk) -> Talk {
    for (_, frame) in &mut t.frames {
        // Ethernet has 14 bytes, the addresses are the last 8 of IPv4.
        [29, 33].into_iter().for_each(|last| frame[last] += 1);
    }
    t
}

/// The lines across exchanges that each command tells, by exchange: `list`, `show` and `check` of the database.
fn told(p: &Place) -> Vec<(i64, Vec<String>)> {
    let lines = |v: &Value| -> Vec<String> {
        let all = v["delivery"].as_array().unwrap().iter().map(|l| l.as_str().unwrap().to_owned());
        all.filter(|line| line.contains('#')).collect()
    };
    let list = p.json(&["list", "--format", "json"]);
    let all = list.as_array().unwrap().iter().map(|x| (x["id"].as_i64().unwrap(), lines(x)));
    let all: Vec<(i64, Vec<String>)> = all.collect();
    for (id, said) in &all {
        assert_eq!(lines(&p.json(&["show", &id.to_string(), "--format", "json"])), *said);
        let report = p.out(&["report", "delivery", "--format", "json"]);
        assert!(said.iter().all(|line| report.contains(line.as_str())), "{report}");
    }
    let check: Value =
        serde_json::from_slice(&p.run(&["check", "--fail-on", "never", "--format", "json", "sniff.db"]).stdout)
            .unwrap();
    for case in check["cases"].as_array().unwrap() {
        let id = case["exchange"].as_i64().unwrap();
        let said: Vec<String> = serde_json::from_value(case["across"].clone()).unwrap();
        assert_eq!(&said, &all.iter().find(|(other, _)| *other == id).unwrap().1);
    }
    all
}

#[test]
fn a_restarted_server_is_one_cause() {
    let p = Place::new();
    p.record(&[&cut(1, 0, "one"), &cut(2, 3, "two"), &cut(3, 900, "three")]);
    let all = told(&p);
    let line = "cut at the same instant as #2, within 3.00 ms: the server 10.0.0.2:8000 left them all, so the cause is \
        there and not in one answer";
    assert_eq!(all[0].1, [line]);
    assert!(all[1].1[0].starts_with("cut at the same instant as #1, ") && all[2].1.is_empty(), "{all:?}");
    // A capture counts from 0.
    let (out, _) = p.want(1, &["check", "a.pcap"]);
    assert!(out.contains("cut at the same instant as #1, within 3.00 ms"), "{out}");
    let json: Value = serde_json::from_slice(&p.run(&["check", "--format", "json", "a.pcap"]).stdout).unwrap();
    let across = json["across"].as_array().unwrap();
    assert_eq!(across.iter().map(|a| &a["exchange"]).collect::<Vec<_>>(), [0, 1]);
    let said = across[0]["lines"][0].as_str().unwrap();
    assert!(said.starts_with("cut at the same instant as #1, within 3.00 ms"), "{said}");
}

#[test]
fn a_hop_is_named_by_the_ids_of_the_database() {
    let p = Place::new();
    p.record(&[&cut(9, 0, "another recording")]);
    let words = ["all", "the", "same"];
    p.record(&[&stream(1, 0, "q", 400, words), &behind(stream(2, 2, "q", 20, words))]);
    let all = told(&p);
    assert_eq!((all[0].0, all[0].1.len()), (1, 0));
    let line = "#3 is the upstream side of the same answer: TTFT 20.0 ms there, 400 ms here";
    assert!(all[1].1[0].starts_with(line), "{all:?}");
    assert_eq!(all[2].1, ["#2 is the downstream side of the same answer: 10.0.0.2:8000 passed it on"]);
}

/// DLV-011 names the other side by its addresses: the number of an exchange differs between capture and database.
#[test]
fn the_rule_about_hops_names_addresses() {
    let p = Place::new();
    let words = ["all", "the", "same"];
    let (near, far) = (stream(1, 0, "q", 400, words), behind(stream(2, 2, "q", 20, words)));
    let mut near = near;
    // The hop collected the deltas: they come within a millisecond.
    let last = near.frames.iter().map(|(at, _)| *at).max().unwrap();
    near.frames.iter_mut().skip(4).for_each(|(at, _)| *at = last);
    p.record(&[&near, &far]);
    let all = p.json(&["show", "1", "--format", "json"]);
    let finding = all["findings"].as_array().unwrap().iter().find(|f| f["rule"] == "DLV-011").expect("DLV-011");
    let message = finding["message"].as_str().unwrap();
    assert!(message.contains("upstream of the hop (10.0.0.2:40002 → 10.0.0.3:8000)"), "{message}");
}

#[test]
fn unrelated_answers_at_one_time_have_nothing_to_do_with_each_other() {
    let p = Place::new();
    p.record(&[
        &stream(1, 0, "q", 40, ["one", "two", "three"]),
        &behind(stream(2, 2, "q", 20, ["four", "five", "six"])),
        &stream(3, 4, "other", 40, ["Hello", "there", "you"]),
        &behind(stream(4, 6, "another", 20, ["Hello", "there", "you"])),
    ]);
    assert!(told(&p).iter().all(|(_, lines)| lines.is_empty()), "{:?}", told(&p));
}

#[test]
fn the_same_question_after_a_failure_is_a_retry_and_a_health_check_is_none() {
    let p = Place::new();
    p.record(&[&cut(1, 0, "q"), &stream(2, 1080, "q", 40, ["a", "b", "c"])]);
    let all = told(&p);
    assert_eq!(all[0].1, ["the client sent the same request again as #2, 1.00 s after this one failed"]);
    assert_eq!(all[1].1, ["attempt 2 of the same request: sent again 1.00 s after the end of #1, which failed"]);
    let p = Place::new();
    let ping = |client: u16, begin: i64, status: &str| {
        let ask = "POST /health HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"ok\":true}";
        let answer =
            format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{{\"ok\":true}}");
        talk(client, &[(begin, ToServer, ask.as_bytes()), (begin + 5, ToClient, answer.as_bytes())])
    };
    p.record(&[&ping(1, 0, "503 Unavailable"), &ping(2, 1000, "503 Unavailable"), &ping(3, 2000, "200 OK")]);
    assert!(told(&p).iter().all(|(_, lines)| lines.is_empty()), "{:?}", told(&p));
}
