//! The upkeep of a database from the command line: `sniff session` and `sniff db`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use serde_json::{Value, json};
use sniff::conn::Direction::{ToClient, ToServer};
use std::io::Write;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use support::place::{Place, chunk, delta, talk};

/// A place with as many sessions, each with one exchange: a stream.
fn sessions(n: u16) -> Place {
    let p = Place::new();
    for client in 0..n {
        let body = b"{\"model\":\"m\",\"stream\":true}";
        let ask = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nHost: h{client}.example\r\nContent-Type: \
                application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        let stream = format!("{head}{}{}0\r\n\r\n", chunk(&delta("a")), chunk("data: [DONE]\n\n"));
        p.record(&[&talk(
            client,
            &[(0, ToServer, &[ask.as_bytes(), body].concat()), (5, ToClient, stream.as_bytes())],
        )]);
    }
    p
}

/// A recording that goes on until it is dropped.
struct Recording(Child);

impl Recording {
    /// Records into `sniff.db` what comes over a pipe, and waits until its session is there.
    fn begin(p: &Place) -> Recording {
        let before = p.json(&["session", "list", "--format", "json"]).as_array().unwrap().len();
        let mut child = p.command(&["--read", "-", "-q"]).stdin(Stdio::piped()).spawn().unwrap();
        let capture = std::fs::read(p.path("a.pcap")).unwrap();
        child.stdin.as_mut().unwrap().write_all(&capture).unwrap();
        child.stdin.as_mut().unwrap().flush().unwrap();
        let begun = Instant::now();
        while p.json(&["session", "list", "--format", "json"]).as_array().unwrap().len() == before {
            assert!(begun.elapsed() < Duration::from_secs(30), "the session does not begin");
        }
        Recording(child)
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn ids(p: &Place, args: &[&str]) -> Vec<i64> {
    let all = p.json(&[args, &["--format", "json"]].concat());
    all.as_array().unwrap().iter().map(|s| s["id"].as_i64().unwrap()).collect()
}

#[test]
fn a_session_has_a_name_and_a_note() {
    let p = sessions(2);
    let (out, said) = p.want(0, &["session", "name", "last", "base line"]);
    assert_eq!((out.as_str(), said.trim()), ("", "session 2 is base line"));
    p.want(0, &["session", "note", "base line", "before the upgrade"]);
    let all = p.json(&["session", "list", "--format", "json"]);
    assert_eq!((&all[1]["name"], &all[1]["note"]), (&json!("base line"), &json!("before the upgrade")));
    assert_eq!((&all[0]["name"], &all[0]["note"]), (&Value::Null, &Value::Null));
    assert_eq!(p.json(&["list", "--sessions", "--format", "json"]), all);
    let table = p.out(&["session", "list"]);
    assert!(table.contains("base line") && table.contains("before the upgrade"), "{table}");
    assert!(p.out(&["session", "list", "--format", "csv"]).starts_with("session,name,"));
    // Wherever sessions are selected.
    for command in [&["list"][..], &["list", "--connections"], &["list", "--sessions"]] {
        let all = p.json(&[command, &["--session", "base line", "--format", "json"]].concat());
        let session = |x: &Value| x.get("session").unwrap_or(&x["id"]).clone();
        assert_eq!(all.as_array().unwrap().iter().map(session).collect::<Vec<_>>(), [json!(2)], "{command:?}");
    }
    let report = p.json(&["report", "latency", "--session", "base line", "--format", "json"]);
    assert_eq!(report["overall"]["exchanges"], 1);
    assert!(p.out(&["export", "--session", "base line", "--format", "curl"]).contains("h1.example"));
    p.want(1, &["check", "sniff.db", "--session", "base line"]);
    // A name that was mistyped selects nothing by mistake.
    for command in [&["list"][..], &["report", "latency"], &["check", "sniff.db"], &["session", "rm"]] {
        let name: &[&str] = if command[0] == "session" { &["baseline"] } else { &["--session", "baseline"] };
        let said = p.want(2, &[command, name].concat()).1;
        assert!(said.contains("no session has the name \"baseline\""), "{said}");
    }
    assert!(p.want(2, &["session", "name", "1", "base line"]).1.contains("session 2 has that name"));
    for wrong in ["7", "last", "a\tb"] {
        assert!(p.want(2, &["session", "name", "1", wrong]).1.contains("is no number"), "{wrong}");
    }
    p.want(0, &["session", "name", "2", ""]);
    p.want(0, &["session", "note", "2", ""]);
    let all = p.json(&["session", "list", "--format", "json"]);
    assert_eq!((&all[1]["name"], &all[1]["note"]), (&Value::Null, &Value::Null));
    assert!(p.want(2, &["session", "name", "3", "x"]).1.contains("there is no session 3"));
    assert!(p.want(2, &["session", "note", "1", "x", "--format", "json"]).1.contains("sniff session list"));
}

#[test]
fn sessions_are_deleted_all_or_none() {
    let p = sessions(3);
    let said = p.want(2, &["session", "rm", "1", "9"]).1;
    assert!(said.contains("there is no session 9") && ids(&p, &["list"]) == [1, 2, 3], "{said}");
    p.want(0, &["session", "name", "3", "three"]);
    let said = p.want(0, &["session", "rm", "1", "three", "last"]).1;
    assert!(said.contains("deleted session 1: 1 exchange") && said.contains("deleted session 3 (three)"), "{said}");
    assert_eq!(said.matches("deleted").count(), 2, "{said}");
    assert_eq!((ids(&p, &["list"]), ids(&p, &["session", "list"])), (vec![2], vec![2]));
    let orphans = "SELECT count(*) FROM pragma_foreign_key_check";
    assert_eq!(p.db().query_row(orphans, [], |r| r.get::<_, i64>(0)).unwrap(), 0);
}

#[test]
fn a_session_that_is_recorded_stays() {
    let p = sessions(1);
    let recording = Recording::begin(&p);
    for force in [&[][..], &["--force"]] {
        let said = p.want(2, &[&["session", "rm", "1", "2"], force].concat()).1;
        assert!(said.contains("session 2 is still being recorded by process"), "{said}");
    }
    assert_eq!(ids(&p, &["session", "list"]), [1, 2]);
    // Another one may go beside it.
    p.want(0, &["session", "rm", "1"]);
    drop(recording);
    p.want(0, &["session", "rm", "2"]);
    assert!(ids(&p, &["session", "list"]).is_empty());
    // Recorded where its process cannot be seen.
    let p = sessions(1);
    p.db().execute("UPDATE session SET ended_ns = NULL, pid = NULL", []).unwrap();
    assert!(p.want(2, &["session", "rm", "last"]).1.contains("--force if you know that it is not"));
    p.want(0, &["session", "rm", "last", "--force"]);
}
