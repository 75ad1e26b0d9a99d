//! Verdicts of the client models are kept in the database: by version, without secrets, and only where it can be
//! written.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use serde_json::Value;
use std::path::Path;
use support::place::Place;

/// Exchanges of several dialects, some of them no streams.
fn recorded() -> Place {
    let p = Place::new();
    let real = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/real");
    let files: Vec<String> = [
        "aimock-chat-openai-py",
        "aimock-anthropic-py",
        "aimock-429-curl",
        "aimock-chat-nonstream",
        "aimock-chat-truncated",
    ]
    .iter()
    .map(|name| real.join(format!("{name}.pcap")).display().to_string())
    .collect();
    let mut command = vec!["record", "-q"];
    command.extend(files.iter().flat_map(|f| ["--read", f.as_str()]));
    p.want(0, &command);
    p
}

fn report(p: &Place) -> Value {
    p.json(&["report", "clients", "--format", "json"])
}

#[test]
fn what_was_kept_is_read_and_another_version_computes_again() {
    let p = recorded();
    let first = report(&p);
    assert!(first.as_array().unwrap().len() >= 3, "{first}");
    let db = p.db();
    let count = |sql: &str| db.query_row(sql, [], |r| r.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM client_verdict"), count("SELECT count(*) FROM exchange WHERE done"));
    // Some are no streams: there is nothing to judge, and that is kept too.
    let judged = count("SELECT count(verdicts) FROM client_verdict");
    assert_eq!(judged, first.as_array().unwrap().len() as i64);
    assert!(judged < count("SELECT count(*) FROM client_verdict"));
    assert_eq!(report(&p), first);
    for format in ["table", "csv", "markdown", "jsonl"] {
        let of = || p.out(&["report", "clients", "--format", format]);
        let kept = of();
        db.execute("DELETE FROM client_verdict", []).unwrap();
        assert_eq!(of(), kept, "{format}");
    }
    // It is the kept ones that are shown …
    db.execute("UPDATE client_verdict SET verdicts = replace(verdicts, '\"fine\"', '\"hangs\"')", []).unwrap();
    let planted = report(&p);
    assert!(!planted.to_string().contains("\"fine\"") && planted.to_string().contains("\"hangs\""), "{planted}");
    // … but not in the answer to another question, and not those of another version.
    let check = p.run(&["check", "--clients", "--answer", "x", "--format", "json", "sniff.db"]);
    assert!(!String::from_utf8(check.stdout).unwrap().contains("\"hangs\""));
    db.execute("UPDATE client_verdict SET models = 'older'", []).unwrap();
    assert_eq!(report(&p), first);
    assert_eq!(count("SELECT count(*) FROM client_verdict WHERE models = 'older'"), 0);
    // What cannot be understood is computed again too.
    db.execute("UPDATE client_verdict SET verdicts = '{}'", []).unwrap();
    assert_eq!(report(&p), first);
    // They go with their exchange.
    p.want(0, &["session", "rm", "1"]);
    assert_eq!(count("SELECT count(*) FROM client_verdict"), count("SELECT count(*) FROM exchange"));
    p.want(0, &["db", "check"]);
}

/// A database that another process has locked is read as ever.
#[test]
fn a_database_that_cannot_be_written_is_reported_all_the_same() {
    let p = recorded();
    let db = p.db();
    db.execute_batch("BEGIN IMMEDIATE").unwrap();
    let locked = report(&p);
    db.execute_batch("ROLLBACK").unwrap();
    let count = || db.query_row("SELECT count(*) FROM client_verdict", [], |r| r.get::<_, i64>(0)).unwrap();
    assert_eq!(count(), 0);
    assert_eq!(report(&p), locked);
    assert!(count() > 0);
    // A place without the right to write: SQLite makes no files beside it.
    drop(db);
    let folder = p.path("read-only");
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy(p.path("sniff.db"), folder.join("sniff.db")).unwrap();
    let set = |path: &Path, mode| {
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    };
    set(&folder.join("sniff.db"), 0o444);
    set(&folder, 0o555);
    let there = folder.join("sniff.db").display().to_string();
    assert_eq!(p.json(&["report", "clients", "--format", "json", "--db", &there]), locked);
    set(&folder, 0o755);
}

/// What a reason quotes of an exchange is stored without its secrets.
#[test]
fn nothing_secret_is_kept() {
    let p = Place::new();
    let key = "sk-verysecretkey0123456789abcdef";
    let ask = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {key}\r\nContent-Type: \
         application/json\r\nContent-Length: 27\r\n\r\n{{\"model\":\"m\",\"stream\":true}}"
    );
    // The index of a choice is the key, which a reason quotes.
    let event = format!(
        "data: {{\"id\":\"c\",\"object\":\"{}\",\"choices\":[{{\"index\":0,\"delta\":{{}}}}]}}\n\n",
        &key[..24]
    );
    let answer =
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {}\r\n\r\n{event}", event.len());
    use sniff::conn::Direction::{ToClient, ToServer};
    let talk = support::place::talk(0, &[(0, ToServer, ask.as_bytes()), (5, ToClient, answer.as_bytes())]);
    p.record(&[&talk]);
    report(&p);
    let kept: String = p.db().query_row("SELECT verdicts FROM client_verdict", [], |r| r.get(0)).unwrap();
    assert!(!kept.contains(&key[..12]), "{kept}");
    assert!(kept.contains("chunks whose `object` is"), "it quotes: {kept}");
}
