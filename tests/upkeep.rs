//! The upkeep of a database from the command line: `sniff session` and `sniff db`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use serde_json::{Value, json};
use sniff::conn::Direction::{ToClient, ToServer};
use std::io::Read;
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

const DAY: i64 = 86_400_000_000_000;

#[test]
fn info_says_what_the_file_holds_and_how_fast_it_grows() {
    let p = sessions(3);
    let change = |sql: &str| p.db().execute_batch(sql).unwrap();
    change("UPDATE session SET ended_ns = started_ns + 100000000000");
    p.want(0, &["session", "rm", "1"]);
    let info = p.json(&["db", "info", "--format", "json"]);
    let number = |name: &str| info[name].as_u64().unwrap();
    let file = std::fs::metadata(p.path("sniff.db")).unwrap().len();
    assert_eq!((number("file_bytes"), number("wal_bytes")), (file, 0));
    assert_eq!((number("sessions"), number("exchanges")), (2, 2));
    let version = p.db().pragma_query_value(None, "user_version", |r| r.get::<_, i64>(0)).unwrap() as u64;
    assert_eq!(number("schema_version"), version);
    // Every page of the file belongs to a table, or is free.
    let groups: u64 = info["groups"].as_array().unwrap().iter().map(|g| g["bytes"].as_u64().unwrap()).sum();
    assert_eq!(groups + number("free_bytes"), file);
    // One of two sessions with equal exchanges, in 100 seconds. Some tables are empty.
    let growth = &info["growth"];
    let of = |name: &str| growth[name].as_f64().unwrap();
    assert_eq!((&growth["session"], of("seconds")), (&json!(3), 100.0));
    let other = info["groups"].as_array().unwrap().last().unwrap();
    let half = (groups - other["bytes"].as_u64().unwrap()) as f64 / 2.0;
    assert!((of("bytes") - half).abs() < half / 6.0, "{growth}, half is {half}");
    assert!((of("bytes_per_second") - of("bytes") / 100.0).abs() < 1.0);
    let full = info["full_in_seconds"].as_f64().unwrap() * of("bytes_per_second") / number("disk_free_bytes") as f64;
    assert!((full - 1.0).abs() < 0.001, "{full}");
    let table = p.out(&["db", "info"]);
    assert!(table.contains("session 3: ") && table.contains("in 100 seconds") && table.contains("full in"), "{table}");
    // A moment says nothing about the rate.
    change("UPDATE session SET ended_ns = started_ns");
    let info = p.json(&["db", "info", "--format", "json"]);
    assert_eq!((&info["growth"], &info["full_in_seconds"]), (&Value::Null, &Value::Null));
    assert!(p.want(2, &["db", "info", "--format", "csv"]).1.contains("json"));
}

#[test]
fn vacuum_gives_back_what_was_deleted() {
    let p = sessions(1);
    // Pages that no table needs any more.
    p.db().execute_batch("CREATE TABLE t AS SELECT zeroblob(1000000) AS x; DROP TABLE t;").unwrap();
    let size = || std::fs::metadata(p.path("sniff.db")).unwrap().len();
    let before = size();
    let list = p.out(&["list", "--format", "json"]);
    let said = p.want(0, &["db", "vacuum"]).1;
    assert!(before > 1_000_000 && size() < before - 900_000 && said.contains(" now"), "{before} {} {said}", size());
    assert_eq!(p.json(&["db", "info", "--format", "json"])["free_bytes"], 0);
    assert_eq!(p.out(&["list", "--format", "json"]), list);
    // It would lock a recording out.
    let recording = Recording::begin(&p);
    let said = p.want(2, &["db", "vacuum", "--force"]).1;
    assert!(said.contains("session 2 is still being recorded") && said.contains("locked out"), "{said}");
    drop(recording);
    p.want(0, &["db", "vacuum"]);
    // A reader that stays: the log cannot be emptied.
    let mut reader = p.db();
    let snapshot = reader.transaction().unwrap();
    let _: i64 = snapshot.query_row("SELECT count(*) FROM exchange", [], |r| r.get(0)).unwrap();
    let said = p.want(2, &["db", "vacuum"]).1;
    assert!(said.contains("still reads sniff.db-wal"), "{said}");
}

#[test]
fn check_finds_what_is_missing() {
    for (damage, check, what) in [
        ("DELETE FROM segment WHERE side = 1", "contents", "side 1: 0 of "),
        ("UPDATE segment SET data = CAST(data || x'00' AS BLOB) WHERE side = 0", "contents", "side 0: 28 of 27"),
        ("UPDATE piece_run SET seq = seq + 1", "contents", "deliveries are missing or doubled: exchange 1, side 0"),
        ("UPDATE record_run SET n = 7", "contents", "records are missing or doubled: exchange 1, from 7"),
        ("DELETE FROM record_row WHERE id = 1", "contents", "rows of a run are missing: records of exchange 1"),
        ("DELETE FROM piece_row WHERE id = 1", "contents", "rows belong to no run, or to several: deliveries: "),
        ("UPDATE segment SET coding = 'lzma' WHERE side = 0", "contents", "side 0: a stored body has the coding lzma"),
        ("UPDATE sqlite_sequence SET seq = 0", "contents", "will be given again: exchange 1"),
        ("PRAGMA foreign_keys = OFF; DELETE FROM exchange", "owners", "segment: 2 rows belong to no exchange"),
        ("PRAGMA foreign_keys = OFF; DELETE FROM session", "owners", "exchange: 1 rows belong to no session"),
    ] {
        let p = sessions(1);
        assert_eq!(p.json(&["db", "check", "--format", "json"]), json!({"ok": true, "problems": []}));
        assert!(p.want(0, &["db", "check"]).1.contains("the database is whole"));
        p.db().execute_batch(damage).unwrap();
        let (out, _) = p.want(1, &["db", "check", "--format", "json"]);
        let found: Value = serde_json::from_str(&out).unwrap();
        let named = found["problems"]
            .as_array()
            .unwrap()
            .iter()
            .any(|problem| problem["check"] == check && problem["what"].as_str().unwrap().contains(what));
        assert!(found["ok"] == false && named, "{damage}: {found}");
        assert!(p.want(1, &["db", "check"]).0.contains(check));
    }
    // A page of a table, overwritten.
    let p = sessions(1);
    let sql = "SELECT rootpage FROM sqlite_master WHERE name = 'head'";
    let page: u64 = p.db().query_row(sql, [], |r| r.get::<_, i64>(0)).unwrap() as u64;
    let mut bytes = std::fs::read(p.path("sniff.db")).unwrap();
    let at = (page as usize - 1) * 16384;
    bytes[at + 8..at + 300].fill(0xff);
    p.write("sniff.db", &bytes);
    let (out, _) = p.want(1, &["db", "check"]);
    assert!(out.contains("integrity"), "{out}");
}

#[test]
fn prune_deletes_sessions_that_ended_long_ago() {
    let p = sessions(4);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as i64;
    let ended = |id: i64, days: i64| {
        let sql = "UPDATE session SET started_ns = ?2 - 1000, ended_ns = ?2 WHERE id = ?1";
        p.db().execute(sql, [id, now - days * DAY + DAY / 2]).unwrap();
    };
    (1..=4).for_each(|id| ended(id, 10 - id));
    let left = || ids(&p, &["session", "list"]);
    let (out, said) = p.want(0, &["db", "prune", "--older-than", "7d", "--dry-run", "--format", "json"]);
    let would: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(would.as_array().unwrap().iter().map(|s| s["id"].as_i64().unwrap()).collect::<Vec<_>>(), [1, 2]);
    assert!(said.contains("would delete 2 sessions with 2 exchanges") && left() == [1, 2, 3, 4], "{said}");
    let (out, said) = p.want(0, &["db", "prune", "--older-than", "7.4d"]);
    assert!(out.contains("ended") && said.contains("deleted 2 sessions with 2 exchanges"), "{out}{said}");
    assert_eq!((left(), ids(&p, &["list"])), (vec![3, 4], vec![3, 4]));
    // Without an end: one whose process cannot be seen stays, a killed one counts from the last that it did.
    let db = p.db();
    db.execute("UPDATE session SET ended_ns = NULL, pid = NULL WHERE id = 3", []).unwrap();
    db.execute("UPDATE session SET ended_ns = NULL, boot_id = 'an older boot' WHERE id = 4", []).unwrap();
    db.execute("UPDATE exchange SET t_response_end_ns = ?1", [now - DAY]).unwrap();
    let said = p.want(0, &["db", "prune", "--older-than", "2d"]).1;
    assert!(said.contains("deleted 0 sessions") && left() == [3, 4], "{said}");
    let said = p.want(0, &["db", "prune", "--older-than", "1h"]).1;
    assert!(said.contains("kept: session 3") && said.contains("deleted 1 session with 1 exchange"), "{said}");
    assert_eq!(left(), [3]);
    p.want(0, &["db", "prune", "--older-than", "1h", "--force"]);
    let recording = Recording::begin(&p);
    let said = p.want(0, &["db", "prune", "--older-than", "0s", "--force"]).1;
    assert!(said.contains("is still being recorded") && said.contains("deleted 0 sessions"), "{said}");
    drop(recording);
    assert!(p.want(2, &["db", "prune"]).1.contains("--older-than"));
}

/// Bytes that no other place has, in every part of an exchange.
const PLANTED: [&str; 8] = [
    "QUASAR-PATH",
    "QUASAR-FIELD",
    "QUASAR-REQUEST",
    "QUASAR-ANSWER-FIELD",
    "QUASAR-TEXT",
    "QUASAR-EVENT",
    "QUASAR-EXTENSION",
    "QUASAR-TRAILER",
];

/// Exchange `n`, with the planted bytes under another first letter for each.
fn planted(n: u16, letter: &str) -> support::packets::Talk {
    let [path, field, request, answer, text, event, extension, trailer] =
        PLANTED.map(|bytes| bytes.replacen('Q', letter, 1));
    let body = format!("{{\"model\":\"m\",\"stream\":true,\"messages\":[{{\"content\":\"{request}\"}}]}}");
    let ask = format!(
        "POST /v1/{path} HTTP/1.1\r\nHost: api.example\r\nX-A: {field}\r\nContent-Type: \
            application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let head = format!(
        "HTTP/1.1 200 OK\r\nX-B: {answer}\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    let data = format!("event: {event}\n{}", delta(&text));
    let chunks: String = (0..40).map(|_| chunk(&data).replacen("\r\n", &format!(";x={extension}\r\n"), 1)).collect();
    let stream = format!("{head}{chunks}{}0\r\nX-C: {trailer}\r\n\r\n", chunk("data: [DONE]\n\n"));
    talk(n, &[(0, ToServer, ask.as_bytes()), (5, ToClient, stream.as_bytes())])
}

/// What the zstd frames in these bytes hold, wherever they stand: each is read as far as it goes.
fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    for at in memchr::memmem::find_iter(bytes, b"\x28\xb5\x2f\xfd") {
        let mut frame = zstd::stream::read::Decoder::new(&bytes[at..]).unwrap().single_frame();
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = frame.read(&mut buffer) {
            all.extend_from_slice(&buffer[..n]);
        }
    }
    all
}

/// How often each planted text of this letter is in the files of the database, the log and its index included.
fn found(p: &Place, letter: &str) -> Vec<usize> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(p.path("")).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("sniff.db") {
            // By another process: to close the file here would give up the locks of SQLite in this process.
            let bytes = std::process::Command::new("cat").arg(path).output().unwrap().stdout;
            let frames = unpacked(&bytes);
            files.extend([bytes, frames]);
        }
    }
    let count = |text: &str| {
        let text = text.replacen('Q', letter, 1);
        files.iter().map(|bytes| memchr::memmem::find_iter(bytes, text.as_bytes()).count()).sum()
    };
    PLANTED.map(count).to_vec()
}

#[test]
fn nothing_is_left_of_a_forgotten_exchange() {
    let p = Place::new();
    p.record(&[&planted(0, "A"), &planted(1, "B"), &planted(2, "C")]);
    // One was deleted before, one has copies in the free space of pages, and the log has all of them once more.
    p.record(&[&planted(0, "D")]);
    let other = p.db();
    other.execute_batch("PRAGMA wal_autocheckpoint = 0; PRAGMA foreign_keys = ON").unwrap();
    other.execute("DELETE FROM session WHERE id = 2", []).unwrap();
    other.execute_batch("UPDATE exchange SET response_text = 'x', request_path = '/', done = 1").unwrap();
    for letter in ["A", "B", "C", "D"] {
        assert!(found(&p, letter).iter().all(|n| *n > 0), "{letter}: {:?}", found(&p, letter));
    }
    let said = p.want(0, &["db", "forget", "2"]).1;
    assert!(said.contains("1 exchange deleted"), "{said}");
    // The other connection is still open, so the log is still there, and empty.
    assert_eq!(std::fs::metadata(p.path("sniff.db-wal")).unwrap().len(), 0);
    for letter in ["B", "D"] {
        assert_eq!(found(&p, letter), [0; 8], "{letter}");
    }
    for letter in ["A", "C"] {
        assert!(found(&p, letter)[1..].iter().all(|n| *n > 0), "{letter}: {:?}", found(&p, letter));
    }
    assert_eq!(ids(&p, &["list"]), [1, 3]);
    assert_eq!(p.json(&["list", "--connections", "--format", "json"]).as_array().unwrap().len(), 2);
    p.want(0, &["db", "check"]);
    assert!(p.out(&["show", "3", "--format", "csv"]).contains("CUASAR-TEXT"));
    drop(other);
    p.want(0, &["db", "forget", "last", "1"]);
    assert_eq!((found(&p, "A"), found(&p, "C")), (vec![0; 8], vec![0; 8]));
    assert_eq!(p.json(&["db", "info", "--format", "json"])["exchanges"], 0);
}

#[test]
fn forgetting_is_refused_where_it_cannot_be_kept() {
    let p = Place::new();
    p.record(&[&planted(0, "A"), &planted(1, "B")]);
    assert!(p.want(2, &["db", "forget", "1", "7"]).1.contains("there is no exchange 7"));
    assert_eq!(ids(&p, &["list"]), [1, 2], "all or none");
    for wrong in ["x", ""] {
        assert!(p.want(2, &["db", "forget", wrong]).1.contains("not an exchange's id"), "{wrong}");
    }
    // A reader that stays.
    let mut reader = p.db();
    reader.execute_batch("UPDATE session SET note = 'x'").unwrap();
    let snapshot = reader.transaction().unwrap();
    let _: i64 = snapshot.query_row("SELECT count(*) FROM exchange", [], |r| r.get(0)).unwrap();
    p.want(0, &["session", "note", "1", "y"]);
    let said = p.want(2, &["db", "forget", "1"]).1;
    assert!(said.contains("nothing was deleted: another process reads sniff.db"), "{said}");
    drop(snapshot);
    drop(reader);
    let recording = Recording::begin(&p);
    let said = p.want(2, &["db", "forget", "1", "--force"]).1;
    assert!(said.contains("session 2 is still being recorded") && said.contains("log cannot be emptied"), "{said}");
    assert!(ids(&p, &["list", "--session", "1"]) == [1, 2] && found(&p, "A").iter().all(|n| *n > 0));
    drop(recording);
}

#[test]
fn a_recording_with_a_limit_says_what_it_cost() {
    let p = Place::new();
    // 30 MB of bodies that do not compress, over 16 MiB of database.
    let body = |n: u16| {
        let mut x = u64::from(n) + 1;
        let mut next = || {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            format!("{x:016x}")
        };
        (0..25_000).map(|_| next()).collect::<String>()
    };
    let mut frames = Vec::new();
    for n in 0..75 {
        let (ask, answer) = ("GET / HTTP/1.1\r\nHost: h.example\r\n\r\n", body(n));
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", answer.len());
        let at = i64::from(n) * 100;
        let answer = [head, answer].concat();
        frames.extend(talk(n, &[(at, ToServer, ask.as_bytes()), (at + 5, ToClient, answer.as_bytes())]).frames);
    }
    frames.sort_by_key(|(at, _)| *at);
    p.write("a.pcap", support::packets::pcap(&frames));
    let said = p.want(0, &["--max-db", "16M", "--read", "a.pcap"]).1;
    let size = std::fs::metadata(p.path("sniff.db")).unwrap().len();
    let left = ids(&p, &["list"]);
    let deleted = format!("{} older exchanges were deleted (--max-db)", 75 - left.len());
    assert!(size <= 16 << 20 && left.last() == Some(&75) && left.len() > 10, "{size} {left:?}");
    assert!(said.contains(&deleted), "{said}");
    p.want(0, &["db", "check"]);
    let options: String = p.db().query_row("SELECT options FROM session", [], |r| r.get(0)).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&options).unwrap()["max_db"], 16 << 20);
    assert!(p.want(2, &["--max-db", "1M", "--read", "a.pcap"]).1.contains("the least is 16M"));
}
