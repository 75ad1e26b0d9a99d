//! Options and reports with different values: secrets in lists, ports, connections, deliveries, equal endpoints; what a
//! recording says at its end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use sniff::conn::Direction::{ToClient, ToServer};
use std::os::unix::fs::PermissionsExt;
use support::place::{Place, chunk, delta, talk};

const STREAM: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Two streams of two deltas on one connection; the target contains a key.
fn streams() -> Place {
    let ask = "POST /v1/chat/completions?key=ab0123456789 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}";
    let answer = format!("{STREAM}{}{}{}0\r\n\r\n", chunk(&delta("a")), chunk(&delta("b")), chunk("data: [DONE]\n\n"));
    let p = Place::new();
    let say = [
        (0, ToServer, ask.as_bytes()),
        (5, ToClient, answer.as_bytes()),
        (50, ToServer, ask.as_bytes()),
        (55, ToClient, answer.as_bytes()),
    ];
    p.record(&[&talk(0, &say)]);
    p
}

#[test]
fn a_list_shows_no_secret_that_was_stored() {
    let p = streams();
    for format in ["table", "json", "jsonl", "csv", "markdown"] {
        let out = p.out(&["list", "--format", format]);
        assert!(!out.contains("ab0123456789") && out.contains("redacted"), "{format}: {out}");
    }
}

#[test]
fn connections_have_each_count_in_its_column() {
    let p = streams();
    p.db()
        .execute("UPDATE connection SET exchanges = 11, packets = 22, client_bytes = 3300, server_bytes = 4400", [])
        .unwrap();
    let markdown = p.out(&["list", "--connections", "--format", "markdown"]);
    let [head, row] = [0, 2].map(|n| markdown.lines().nth(n).unwrap().split(" | ").collect::<Vec<_>>());
    for (title, value) in
        [("Exchanges", "11"), ("Packets", "22"), ("Sent", "3.30 kB"), ("Received", "4.40 kB"), ("Stream", "0")]
    {
        assert_eq!(row[head.iter().position(|t| *t == title).unwrap()], value, "{title}");
    }
}

#[test]
fn deliveries_are_judged_by_rules_of_delivery_alone() {
    let p = streams();
    for (rule, level, shown, first) in [
        ("DLV-001", "info", true, "2 streams, delivered well"),
        ("DLV-001", "warning", true, "1 of 2 streams delivered badly"),
        ("DLV-001", "error", true, "1 of 2 streams delivered badly"),
        ("SSE-002", "error", false, "2 streams, delivered well"),
    ] {
        let sql =
            "INSERT INTO finding (exchange_id, n, rule, level, count, message) VALUES (1, 0, ?1, ?2, 1, 'planted')";
        p.db().execute("DELETE FROM finding", []).unwrap();
        p.db().execute(sql, [rule, level]).unwrap();
        let text = p.out(&["report", "delivery"]);
        assert_eq!((text.contains("planted"), text.lines().next().unwrap()), (shown, first), "{rule} {level}");
    }
}

#[test]
fn check_looks_at_the_ports_that_are_named() {
    let p = streams();
    for (port, exchanges) in [("8000", 2), ("40000", 2), ("1,8000", 2), ("8001", 0)] {
        let o = p.run(&["check", "a.pcap", "--port", port, "--fail-on", "never", "--format", "json"]);
        let n =
            serde_json::from_slice::<serde_json::Value>(&o.stdout).map_or(0, |all| all["exchanges"].as_i64().unwrap());
        assert_eq!(n, exchanges, "{port}: {}", String::from_utf8_lossy(&o.stderr));
    }
}

#[test]
fn exchanges_of_one_connection_become_packets_of_several() {
    let p = streams();
    let file = p.run(&["export", "--format", "pcapng"]).stdout;
    p.write("out.pcapng", &file).want(0, &["-q", "--db", "again.db", "--read", "out.pcapng"]);
    let all = p.json(&["list", "--db", "again.db", "--format", "json"]);
    let ports: Vec<i64> = all.as_array().unwrap().iter().map(|x| x["client_port"].as_i64().unwrap()).collect();
    assert_eq!(ports, [40_000, 40_001]);
}

/// A field of a protobuf message: number, and bytes of less than 128.
fn field(number: u8, value: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, value.len() as u8], value].concat()
}

#[test]
fn a_timeline_reads_the_answer_by_what_was_asked() {
    // gRPC-Web: only the request tells that `ModelStreamInfer` is the call that answers with tensors. It has a model's
    // name (field 1) and an input (field 5); the answers have a response (field 2) with a tensor (field 6).
    let frame = |flags: u8, message: &[u8]| [&[flags, 0, 0, 0, message.len() as u8], message].concat();
    let asked = frame(0, &[field(1, b"m"), field(5, b"")].concat());
    let said = |text: &str| {
        let tensor = [&(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
        let message = frame(0, &field(2, &field(6, &tensor)));
        [format!("{:x}\r\n", message.len()).as_bytes(), &message, b"\r\n"].concat()
    };
    let kind = "application/grpc-web+proto";
    let ask = format!(
        "POST /inference.GRPCInferenceService/ModelStreamInfer HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\n\
            Content-Length: {}\r\n\r\n",
        asked.len()
    );
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n");
    let p = Place::new();
    p.record(&[&talk(
        0,
        &[
            (0, ToServer, &[ask.as_bytes(), &asked].concat()),
            (10, ToClient, head.as_bytes()),
            (20, ToClient, &said("Hel")),
            (30, ToClient, &said("lo")),
            (40, ToClient, b"0\r\n\r\n"),
        ],
    )]);
    let csv = p.out(&["export", "1", "--format", "csv"]);
    let brings: Vec<&str> = csv.split_terminator("\r\n").filter_map(|row| row.split(',').nth(7)).collect();
    assert_eq!(brings, ["brings", "Hel", "lo"], "{csv}");
    let text = p.out(&["show", "1"]);
    let rows = text.lines().skip_while(|l| *l != "Chunks").skip(2).take(2);
    assert_eq!(rows.filter_map(|l| l.split_whitespace().last()).collect::<Vec<_>>(), ["Hel", "lo"], "{text}");
}

/// A transcript of this many requests, each with an answer that has no body, or a body of this length.
fn requests(n: usize, body: usize) -> String {
    let body = "x".repeat(body);
    let one = |n| {
        format!(
            "> GET /{n} HTTP/1.1\n> Host: h\n>\n\n< HTTP/1.1 200 OK\n< Content-Length: {}\n<\n<| {body}\n\n",
            body.len()
        )
    };
    (0..n).map(one).collect()
}

#[test]
fn a_file_has_a_hundred_lines_at_most_and_all_of_them_if_asked() {
    let p = Place::new();
    let lines = |n: usize, args: &[&str]| {
        p.write("a.wire", requests(n, 1));
        let err = p.want(0, &[args, &["--read", "a.wire"]].concat()).1;
        let count = |text: &str| err.lines().filter(|l| l.contains(text)).count();
        let more = err.lines().find(|l| l.starts_with('…')).map(str::to_owned);
        // One heading, and an empty line after the exchanges.
        assert_eq!((count("time (UTC)"), err.lines().filter(|l| l.is_empty()).count()), (1, 1), "{err}");
        (count(" GET /"), more)
    };
    assert_eq!(lines(100, &[]), (100, None));
    assert_eq!(lines(102, &[]), (100, Some("… and 2 more (sniff list has them all)".into())));
    assert_eq!(lines(102, &["-v"]), (102, None));
}

#[test]
fn the_last_lines_say_what_was_read_and_what_to_do_next() {
    let p = Place::new();
    p.write("none.wire", "> hello\n\n< you\n").write("one.wire", requests(1, 5));
    // Text and CRLF of both ends; nothing to list, so nothing is next.
    let want = "a transcript of 12 B, 1 connection, 0 exchanges\nsession 1 in sniff.db\n";
    assert_eq!(p.want(0, &["--read", "none.wire"]).1, want);
    let err = p.want(0, &["--read", "one.wire"]).1;
    assert!(err.ends_with("session 2 in sniff.db; next: sniff list --session 2\n"), "{err}");
}

#[test]
fn a_session_may_be_full_and_a_disk_may_not() {
    let p = Place::new();
    p.write("a.wire", requests(20, 100_000));
    let stored = |db: &str| p.json(&["list", "--db", db, "--format", "json"]).as_array().unwrap().len();
    let (_, err) = p.want(0, &["--db", "a.db", "--max-session", "64k", "--read", "a.wire"]);
    assert!(err.contains("in the database: the database has grown by 65.5 kB, the limit of --max-session"), "{err}");
    assert!((1..20).contains(&stored("a.db")));
    let (_, err) = p.want(2, &["--db", "b.db", "--reserve", "1000000G", "--read", "a.wire"]);
    assert!(err.contains("0 exchanges are in the database: the disk of the database has"), "{err}");
}

#[test]
fn one_file_that_cannot_be_read_fails_the_whole_wherever_it_stands() {
    let p = Place::new();
    p.write("a.wire", requests(1, 1));
    let listed = |db: &str| p.json(&["list", "--db", db, "--format", "json"]).as_array().unwrap().len();
    for (db, files) in [("a.db", ["absent.pcap", "a.wire"]), ("b.db", ["a.wire", "absent.pcap"])] {
        let (_, err) = p.want(2, &["--db", db, "--read", files[0], files[1]]);
        assert!(err.contains("sniff: error: cannot open absent.pcap") && listed(db) == 1, "{err}");
    }
    p.write("b.wire", requests(1, 1)).want(0, &["-q", "--db", "c.db", "--read", "a.wire", "b.wire"]);
    let db = rusqlite::Connection::open(p.path("c.db")).unwrap();
    let options = |id: i64| {
        let text: String = db.query_row("SELECT options FROM session WHERE id = ?1", [id], |r| r.get(0)).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["read"].clone()
    };
    assert_eq!([options(1), options(2)], ["a.wire", "b.wire"]);
}

#[test]
fn a_check_tells_what_it_read_though_it_could_not_read_all() {
    let p = Place::new();
    let bad = "> GET / HTTP/1.1\n> Host: h\n>\n\n< HTTP/1.1 200 OK\n< Content-Type: text/event-stream\n<\n\n\
        <| data:\n\n\n!fin <\n";
    p.write("a.wire", requests(1, 1)).write("bad.wire", bad);
    let (out, err) = p.want(2, &["check", "a.wire", "absent.pcap", "--format", "json"]);
    let all: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&all["exchanges"], err.contains("absent.pcap")), (&1.into(), true), "{out}{err}");
    // A file that could not be read weighs more than a finding.
    p.want(1, &["check", "bad.wire", "--fail-on", "info"]);
    let (out, _) = p.want(2, &["check", "bad.wire", "absent.pcap", "--fail-on", "info"]);
    assert!(!out.is_empty());
    assert_eq!(p.want(2, &["check", "absent.pcap"]).0, "", "nothing was read");
}

#[test]
fn a_quiet_check_says_nothing_of_damage() {
    let p = streams();
    let file = std::fs::read(p.path("a.pcap")).unwrap();
    p.write("cut.pcap", &file[..file.len() - 5]);
    let said = |args: &[&str]| p.want(0, &[&["check", "cut.pcap", "--fail-on", "never"], args].concat()).1;
    assert!(said(&[]).starts_with("sniff: warning: cut.pcap: the file ends inside packet"), "{}", said(&[]));
    assert_eq!(said(&["-q"]), "");
}

/// A reader that has gone before the first byte: the findings count all the same.
#[test]
fn a_closed_pipe_does_not_change_the_exit_code() {
    let p = Place::new();
    p.write("a.wire", requests(1, 3).replace("Content-Length: 3", "Content-Length: 30") + "!fin <\n");
    let code = |level: &str| {
        let mut child =
            p.command(&["check", "a.wire", "--fail-on", level]).stdout(std::process::Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        child.wait().unwrap().code()
    };
    assert_eq!((code("info"), code("never")), (Some(1), Some(0)));
}

/// Two streams of one connection: the first to begin is the last to end.
#[test]
fn a_check_has_exchanges_in_the_order_in_which_they_began() {
    let p = Place::new();
    let ask = |id: u32| format!(">h2 headers+end {id} :method: GET | :scheme: http | :path: /{id} | :authority: h\n");
    let answer = |id: u32| {
        let head = format!("@ +1ms\n<h2 headers {id} :status: 200 | content-type: text/event-stream\n");
        format!("{head}<h2 data+end {id} data: cut\\n\n")
    };
    let text = [">h2 preface\n>h2 settings\n".to_owned(), ask(1), ask(3), answer(3), answer(1)].concat();
    p.write("a.wire", text);
    let text = p.out(&["check", "a.wire", "--fail-on", "never", "--format", "jsonl"]);
    let line = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
    let found: Vec<_> = text.lines().map(|l| line(l)["request"].clone()).collect();
    assert_eq!(found, ["GET /1", "GET /3"], "{text}");
}

#[test]
fn the_width_is_that_of_the_environment_within_bounds() {
    let p = streams();
    let list = |columns: Option<&str>| {
        let mut command = p.command(&["list"]);
        command.envs(columns.map(|n| ("COLUMNS", n)));
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let [narrow, usual, wide] = ["80", "160", "200"].map(|n| list(Some(n)));
    assert!(narrow != usual);
    assert_eq!([list(Some("20")), list(Some("79")), list(Some("81"))][..2], [narrow.clone(), narrow.clone()]);
    assert_eq!([list(None), list(Some("many"))], [usual.clone(), usual]);
    assert_eq!(list(Some("5000")), wide);
}

/// Python's `pty` gives the program a terminal.
#[test]
fn a_terminal_has_colours_unless_the_user_or_the_terminal_has_none() {
    let p = streams();
    let colours = |set: &[(&str, &str)], args: &[&str]| {
        let run = p.command(&[]).get_program().to_owned();
        let mut command = support::program("python3");
        command.args(["-c", "import pty, sys; pty.spawn(sys.argv[1:])"]).arg(run).args(args);
        command.current_dir(p.path("")).env_remove("NO_COLOR").env("TERM", "xterm").envs(set.iter().copied());
        let out = command.stdin(std::process::Stdio::null()).output().unwrap();
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(text.contains("POST /v1/"), "{text}");
        text.contains("\x1b[")
    };
    assert!(colours(&[], &["list"]));
    assert!(colours(&[("NO_COLOR", "")], &["list"]), "an empty value is none (no-color.org)");
    assert!(!colours(&[("NO_COLOR", "1")], &["list"]));
    assert!(!colours(&[("TERM", "dumb")], &["list"]));
    assert!(!colours(&[], &["list", "--color", "never"]));
    assert!(colours(&[("NO_COLOR", "1")], &["list", "--color", "always"]));
}

#[test]
fn the_file_of_an_output_keeps_its_permissions_and_its_place() {
    let p = streams();
    let mode = |name: &str| std::fs::metadata(p.path(name)).unwrap().permissions().mode() & 0o777;
    let set = |name: &str, mode| std::fs::set_permissions(p.path(name), PermissionsExt::from_mode(mode)).unwrap();
    p.out(&["export", "1", "-o", "new.har"]);
    assert_eq!(mode("new.har"), 0o600, "bodies are for their owner");
    p.write("old.har", "old");
    set("old.har", 0o640);
    std::os::unix::fs::symlink("old.har", p.path("link.har")).unwrap();
    p.out(&["export", "1", "-o", "link.har"]);
    assert_eq!((mode("old.har"), std::fs::read_link(p.path("link.har")).unwrap()), (0o640, "old.har".into()));
    assert!(std::fs::read_to_string(p.path("old.har")).unwrap().contains("\"log\""));
    p.write("kept.har", "kept");
    set("kept.har", 0o444);
    p.want(2, &["export", "1", "-o", "kept.har"]);
    assert_eq!(std::fs::read_to_string(p.path("kept.har")).unwrap(), "kept");
    let names: Vec<_> = std::fs::read_dir(p.path("")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!names.iter().any(|n| n.to_string_lossy().ends_with(".part")), "{names:?}");
}

#[test]
fn a_client_port_is_changed_only_if_both_ends_are_taken() {
    let p = streams();
    let ports = |second_server: u16| {
        p.db().execute("UPDATE exchange SET client_port = 40000", []).unwrap();
        p.db().execute("UPDATE exchange SET server_port = ?1 WHERE id = 2", [second_server]).unwrap();
        let db = format!("again-{second_server}.db");
        p.write("out.pcapng", p.run(&["export", "--format", "pcapng"]).stdout);
        p.want(0, &["-q", "--db", &db, "--read", "out.pcapng"]);
        let all = p.json(&["list", "--db", &db, "--format", "json"]);
        let of = |x: &serde_json::Value| (x["client_port"].as_u64().unwrap(), x["server_port"].as_u64().unwrap());
        all.as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(ports(8000), [(40_000, 8000), (40_001, 8000)]);
    assert_eq!(ports(8001), [(40_000, 8000), (40_000, 8001)]);
}

#[test]
fn an_import_says_which_entries_it_leaves_out() {
    let p = streams();
    let mut archive = p.json(&["export", "--format", "har"]);
    archive["log"]["entries"][0]["response"]["status"] = 0.into();
    p.write("a.har", archive.to_string());
    let (_, err) = p.want(0, &["--db", "new.db", "import", "har", "a.har"]);
    assert_eq!(
        err.lines().collect::<Vec<_>>(),
        [
            "sniff: left out entry 0: it has no response",
            "1 exchange; session 1 in new.db; next: sniff list --db new.db --session 1"
        ]
    );
}

/// RFC 5480 and RFC 3279: the algorithm of the key in the certificate.
#[cfg(feature = "proxy")]
#[test]
fn an_authority_has_the_kind_of_key_that_was_asked_for() {
    let p = Place::new();
    let ca = |args: &[&str]| {
        let o = p.command(&[&["ca"], args].concat()).env("XDG_DATA_HOME", p.path("data")).output().unwrap();
        assert!(o.status.success(), "{}", String::from_utf8_lossy(&o.stderr));
        String::from_utf8(o.stdout).unwrap()
    };
    let kind = || {
        let pem = ca(&["export"]);
        let der = pem::parse(pem).unwrap().into_contents();
        let has = |oid: &[u8]| der.windows(oid.len()).any(|w| w == oid);
        (has(b"\x2a\x86\x48\xce\x3d\x02\x01"), has(b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"))
    };
    ca(&["path"]);
    assert_eq!(kind(), (true, false));
    ca(&["rotate", "--key", "rsa"]);
    assert_eq!(kind(), (false, true));
    ca(&["rotate"]);
    assert_eq!(kind(), (true, false));
}
