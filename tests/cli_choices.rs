//! Choices on the command line: selectors, formats, exit codes; each with a value that applies and one that does
//! not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use serde_json::Value;
use sniff::conn::Direction::{ToClient, ToServer};
use std::process::Stdio;
use support::place::{MS, Place, T0, chunk, delta, talk};

/// Session 1 has exchange 1, a JSON answer of `one.example`; session 2 has exchange 2, a stream of `two.example`,
/// an hour later.
fn two() -> Place {
    let p = Place::new();
    let ask = |host: &str, path: &str, model: &str| {
        let body = format!("{{\"model\":\"{model}\"}}");
        format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let json = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    p.record(&[&talk(
        0,
        &[(0, ToServer, ask("one.example", "/v1/one", "m-one").as_bytes()), (5, ToClient, json.as_bytes())],
    )]);
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let stream = format!("{head}{}{}{}0\r\n\r\n", chunk(&delta("a")), chunk(&delta("b")), chunk("data: [DONE]\n\n"));
    let hour = 3_600_000;
    p.record(&[&talk(
        1,
        &[
            (hour, ToServer, ask("two.example", "/v1/chat/completions", "m-two").as_bytes()),
            (hour + 5, ToClient, stream.as_bytes()),
        ],
    )]);
    p
}

fn ids(p: &Place, args: &[&str]) -> Vec<i64> {
    let all = p.json(&[&["list", "--format", "json"], args].concat());
    all.as_array().unwrap().iter().map(|x| x["id"].as_i64().unwrap()).collect()
}

#[test]
fn each_selector_takes_one_and_leaves_the_other() {
    let p = two();
    assert_eq!(ids(&p, &[]), [1, 2]);
    for (args, want) in [
        (&["--session", "1"][..], &[1][..]),
        (&["--session", "2"], &[2]),
        (&["--session", "last"], &[2]),
        (&["--session", "3"], &[]),
        (&["--since", "2026-11-23T00:31:16Z"], &[2]),
        (&["--since", "2026-11-23T00:31:16.000000001Z"], &[]),
        (&["--until", "2026-11-23T00:31:16Z"], &[1]),
        (&["--until", "2026-11-23T00:31:16.000000001Z"], &[1, 2]),
        (&["--since", "2026-11-22T23:31:16Z", "--until", "2026-11-23"], &[1]),
        (&["--host", "one.example"], &[1]),
        (&["--host", "TWO.*"], &[2]),
        (&["--host", "one"], &[]),
        (&["--path", "/v1/ch"], &[2]),
        (&["--path", "*one"], &[1]),
        (&["--path", "one"], &[]),
        (&["--model", "m-one"], &[1]),
        (&["--model", "m-?wo"], &[2]),
        (&["--model", "m-"], &[]),
        (&["--dialect", "openai.chat"], &[2]),
        (&["--dialect", "openai"], &[]),
        (&["--framing", "sse"], &[2]),
        (&["--framing", "JSON"], &[1]),
        (&["--streaming"], &[2]),
        (&["--streaming=true"], &[2]),
        (&["--streaming=false"], &[1]),
        (&["--host", "one.example", "--streaming"], &[]),
    ] {
        assert_eq!(ids(&p, args), want, "{args:?}");
        // The other commands have the same selectors.
        let all = p.json(&[&["report", "latency", "--format", "json"], args].concat());
        assert_eq!(all["overall"]["exchanges"], want.len(), "{args:?}");
        if let [_] = want {
            let lines = p.out(&[&["export", "--format", "curl"], args].concat());
            assert_eq!(
                (lines.contains("one.example"), lines.contains("two.example")),
                (want == [1], want == [2]),
                "{args:?}"
            );
        }
    }
    let (_, err) = p.want(2, &["list", "--session", "first"]);
    assert!(err.contains("`last`"), "{err}");
}

#[test]
fn connections_are_chosen_by_session_times_and_host_alone() {
    let p = two();
    let streams = |args: &[&str]| {
        let all = p.json(&[&["list", "--connections", "--format", "json"], args].concat());
        all.as_array().unwrap().iter().map(|c| c["session"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    for (args, want) in [
        (&[][..], &[1, 2][..]),
        (&["--session", "last"], &[2]),
        (&["--session", "1"], &[1]),
        (&["--since", "2026-11-23"], &[2]),
        (&["--until", "2026-11-23"], &[1]),
        // Open at that time: opened with its first packet, closed 5 ms later.
        (&["--since", "2026-11-23T00:31:16.005Z"], &[2]),
        (&["--since", "2026-11-23T00:31:16.006Z"], &[]),
        (&["--until", "2026-11-22T23:31:16.001Z"], &[1]),
        (&["--until", "2026-11-22T23:31:16Z"], &[]),
        (&["--host", "10.0.0.2"], &[1, 2]),
        (&["--host", "10.0.0.3"], &[]),
    ] {
        assert_eq!(streams(args), want, "{args:?}");
    }
    for option in [
        &["--path", "/"][..],
        &["--model", "m"],
        &["--rpc-method", "m"],
        &["--rpc-name", "n"],
        &["--dialect", "d"],
        &["--framing", "sse"],
        &["--streaming"],
    ] {
        p.want(2, &[&["list", "--connections"], option].concat());
    }
}

#[test]
fn every_command_has_its_formats_and_no_others() {
    let p = two();
    let all = [
        "table", "json", "jsonl", "csv", "markdown", "junit", "sarif", "github", "raw", "har", "wire", "pcapng",
        "curl", "vcr", "wiremock", "xml",
    ];
    for (args, formats) in [
        (&["list"][..], "table json jsonl csv markdown"),
        (&["list", "--connections"], "table json jsonl csv markdown"),
        (&["show", "2"], "table json jsonl csv markdown"),
        (&["report", "latency"], "table json jsonl csv markdown"),
        (&["report", "compliance"], "table json jsonl csv markdown"),
        (&["report", "delivery"], "table json jsonl markdown"),
        (&["report", "endings"], "table json jsonl csv markdown"),
        (&["report", "clients"], "table json jsonl csv markdown"),
        (&["explain"], "table json jsonl csv markdown"),
        (&["explain", "SSE-001"], "table json jsonl csv markdown"),
        (&["check", "sniff.db", "--fail-on", "never"], "table json jsonl markdown junit sarif github"),
        (&["export", "2"], "raw har jsonl csv wire pcapng curl vcr wiremock"),
    ] {
        let mut said = Vec::new();
        for format in all {
            let o = p.run(&[args, &["--format", format]].concat());
            let fits = formats.split(' ').any(|f| f == format);
            assert_eq!(
                o.status.code(),
                Some(if fits { 0 } else { 2 }),
                "{args:?} {format}: {}",
                String::from_utf8_lossy(&o.stderr)
            );
            assert_ne!(o.stdout.is_empty(), fits, "{args:?} {format}");
            match format {
                _ if !fits => {}
                "json" | "har" | "wiremock" | "sarif" => drop(serde_json::from_slice::<Value>(&o.stdout).unwrap()),
                "jsonl" => String::from_utf8(o.stdout.clone())
                    .unwrap()
                    .lines()
                    .for_each(|l| drop(serde_json::from_str::<Value>(l).unwrap())),
                _ => {}
            }
            if fits {
                said.push(o.stdout);
            }
        }
        let n = said.len();
        said.sort();
        said.dedup();
        assert_eq!(said.len(), n, "{args:?}: two formats are equal");
    }
}

#[test]
fn an_id_is_a_number_the_beginning_of_one_or_the_last() {
    let p = two();
    let shown = |id: &str| p.json(&["show", id, "--format", "json"])["id"].as_i64().unwrap();
    assert_eq!(["1", "2", "last", "LAST"].map(shown), [1, 2, 2, 2]);
    for wrong in ["3", "0", "x", "", "-1"] {
        p.want(2, &["show", wrong]);
    }
    p.db()
        .execute_batch(
            "PRAGMA foreign_keys = OFF; UPDATE exchange SET id = 15 WHERE id = 1; UPDATE exchange SET id = \
            16 WHERE id = 2",
        )
        .unwrap();
    assert!(p.want(2, &["show", "1"]).1.contains("15, 16"));
    p.db().execute_batch("PRAGMA foreign_keys = OFF; UPDATE exchange SET id = 25 WHERE id = 16").unwrap();
    assert_eq!(p.json(&["show", "2", "--format", "json"])["id"], 25);
}

#[test]
fn times_are_understood_in_each_form() {
    let p = two();
    for (time, want) in [
        ("2026-11-23T00:31:15Z", &[2][..]),
        ("2026-11-23T01:31:15+01:00", &[2]),
        ("2026-11-23 00:31:15", &[2]),
        ("2026-11-23T00:31", &[2]),
        ("2026-11-23 00:32", &[]),
        ("2026-11-23", &[2]),
        ("2026-11-24", &[]),
        ("2026-11-22", &[1, 2]),
    ] {
        assert_eq!(ids(&p, &["--since", time]), want, "{time}");
    }
    // Begun two hours ago; selected by an instant and by a duration.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as i64;
    p.db().execute("UPDATE exchange SET t_request_start_ns = ?1", [now - 7_200_000 * MS]).unwrap();
    for (ago, inside) in
        [("1h", false), ("119m", false), ("121m", true), ("3h", true), ("7100s", false), ("7300s", true), ("1d", true)]
    {
        assert_eq!(ids(&p, &["--since", ago]).len(), if inside { 2 } else { 0 }, "{ago}");
        assert_eq!(ids(&p, &["--until", ago]).len(), if inside { 0 } else { 2 }, "{ago}");
    }
    assert!(T0 < now);
}

#[test]
fn several_programs_open_a_new_database_at_once() {
    for round in 0..8 {
        let p = Place::new();
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        p.record(&[&talk(0, &[(0, ToServer, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"), (5, ToClient, answer)])]);
        let programs: Vec<_> = (0..4)
            .map(|_| p.command(&["-q", "--db", "new.db", "--read", "a.pcap"]).stderr(Stdio::piped()).spawn().unwrap())
            .collect();
        for program in programs {
            let o = program.wait_with_output().unwrap();
            assert!(o.status.success(), "round {round}: {}", String::from_utf8_lossy(&o.stderr));
        }
        let all = p.json(&["list", "--db", "new.db", "--format", "json"]);
        let mut sessions: Vec<i64> = all.as_array().unwrap().iter().map(|x| x["session"].as_i64().unwrap()).collect();
        sessions.sort_unstable();
        assert_eq!(sessions, [1, 2, 3, 4], "round {round}");
    }
}

#[test]
fn what_is_said_besides_the_list_is_said_for_tables_alone_and_never_quietly() {
    let p = two();
    p.db().execute("UPDATE connection SET tls = 1, unread = 'no secrets: get them' WHERE session_id = 1", []).unwrap();
    let said = |args: &[&str]| p.want(0, &[&["list"], args].concat()).1;
    assert_eq!(said(&[]), "not read: 1 TLS connection: 10.0.0.2:8000\n  no secrets: get them\n");
    for args in
        [&["-q"][..], &["--format", "json"], &["--format", "jsonl"], &["--format", "csv"], &["--format", "markdown"]]
    {
        assert_eq!(said(args), "", "{args:?}");
    }
    let none = ["--host", "none.example"];
    assert_eq!(p.want(0, &[&["list"], &none[..]].concat()), (String::new(), "no exchange matches\n".into()));
    assert_eq!(p.want(0, &[&["list", "-q"], &none[..]].concat()), (String::new(), String::new()));
}

#[test]
fn a_source_belongs_to_a_recording() {
    let p = two();
    for source in [["--read", "a.pcap"], ["--iface", "lo"]] {
        let (out, err) = p.want(2, &[&source[..], &["-q", "list"]].concat());
        assert!(out.is_empty() && err.contains("--iface and --read belong to `sniff record`"), "{err}");
    }
}

#[test]
fn a_client_is_explained_by_its_name_and_by_its_title() {
    let p = Place::new();
    let client = sniff::internal::clients::catalogue().find(|c| c.title != c.name).unwrap();
    let by_title = p.out(&["explain", client.title]);
    assert!(by_title.contains(client.title), "{by_title}");
    for name in [client.title.to_uppercase(), client.name.to_owned(), client.name.to_uppercase()] {
        assert_eq!(p.out(&["explain", &name]), by_title, "{name}");
    }
    assert!(p.want(2, &["explain", "sse-00"]).1.contains("perhaps SSE-001, SSE-002"));
}

#[test]
fn a_key_log_of_the_environment_may_be_missing_and_a_named_one_may_not() {
    let p = two();
    for args in [&["check", "a.pcap", "--fail-on", "never"][..], &["-q", "--db", "new.db", "--read", "a.pcap"]] {
        let o = p.command(args).env("SSLKEYLOGFILE", "absent.log").output().unwrap();
        assert!(o.status.success(), "{args:?}: {}", String::from_utf8_lossy(&o.stderr));
        let (_, err) = p.want(2, &[args, &["--keylog", "absent.log"]].concat());
        assert!(err.contains("key log absent.log"), "{err}");
    }
}

#[test]
fn a_stream_is_played_at_the_factor_of_its_speed() {
    use std::time::{Duration, Instant};
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let ask = "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}";
    let [one, two] = ["a", "b"].map(|t| chunk(&delta(t)));
    let p = Place::new();
    let steps = [(0, ToServer, ask), (5, ToClient, head), (10, ToClient, &one), (4000, ToClient, &two)];
    p.record(&[&talk(0, &steps.map(|(at, dir, text)| (at, dir, text.as_bytes())))]);
    let play = |speed: &str| {
        let begun = Instant::now();
        assert_eq!(p.out(&["show", "1", "--play", "--speed", speed]), "ab\n");
        begun.elapsed()
    };
    let quick = play("40");
    assert!(quick >= Duration::from_millis(100) && quick < Duration::from_secs(4), "{quick:?}");
    for wrong in ["0", "-1", "nan"] {
        p.want(2, &["show", "1", "--play", &format!("--speed={wrong}")]);
    }
}

#[test]
fn a_named_exchange_that_cannot_be_played_is_an_error() {
    let p = two();
    // Without a response nothing can be played. The port is taken, so the program never serves.
    p.db().execute("DELETE FROM head WHERE exchange_id = 1 AND side = 1", []).unwrap();
    p.db().execute("UPDATE exchange SET response_framing = NULL, response_status = NULL WHERE id = 1", []).unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let (_, err) = p.want(2, &["replay", "1", "2", "--listen", &listen]);
    assert!(err.contains("exchange 1 cannot be played") || err.contains("exchange 0 cannot be played"), "{err}");
    let (_, err) = p.want(2, &["replay", "--listen", &listen]);
    assert!(err.contains("left out exchange"), "{err}");
}

#[test]
fn sessions_are_chosen_by_number_and_times_alone() {
    let p = two();
    let sessions = |args: &[&str]| {
        let all = p.json(&[&["list", "--sessions", "--format", "json"], args].concat());
        all.as_array().unwrap().iter().map(|s| s["id"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    for (args, want) in [
        (&[][..], &[1, 2][..]),
        (&["--session", "2"], &[2]),
        (&["--session", "last"], &[2]),
        (&["--until", "2026-01-01"], &[]),
    ] {
        assert_eq!(sessions(args), want, "{args:?}");
    }
    for option in [
        &["--host", "h"][..],
        &["--path", "/"],
        &["--model", "m"],
        &["--dialect", "d"],
        &["--framing", "sse"],
        &["--streaming"],
    ] {
        assert!(p.want(2, &[&["list", "--sessions"], option].concat()).1.contains("belong to exchanges"), "{option:?}");
    }
}

#[test]
fn sessions_without_an_end_are_named_beside_tables_and_never_quietly() {
    let p = two();
    p.db().execute("UPDATE session SET ended_ns = NULL", []).unwrap();
    let named = |args: &[&str]| p.want(0, args).1.contains("sessions 1, 2");
    for command in [&["list"][..], &["list", "--connections"], &["report", "latency"], &["report", "compliance"]] {
        assert!(named(command), "{command:?}");
        for quiet in [&["-q"][..], &["--format", "json"], &["--format", "csv"], &["--format", "markdown"]] {
            assert!(!named(&[command, quiet].concat()), "{command:?} {quiet:?}");
        }
    }
}

#[test]
fn only_a_report_that_shows_findings_reads_the_rules() {
    let p = two();
    p.write("sniff.toml", "[levels\n");
    p.want(0, &["report", "latency"]);
    for report in ["compliance", "delivery"] {
        assert!(p.want(2, &["report", report]).1.contains("sniff.toml:1:8"), "{report}");
    }
}

/// The findings of a database are judged anew: each condition is compared with its own value of the exchange.
#[test]
fn exceptions_of_the_file_apply_to_what_is_stored() {
    let p = two();
    let plant =
        "INSERT INTO finding (exchange_id, n, rule, level, count, message) VALUES (1, 0, 'SSE-002', 'error', 1, 'x')";
    p.db().execute("DELETE FROM finding", []).unwrap();
    p.db().execute(plant, []).unwrap();
    for (condition, fits) in [
        ("host = 'one.example'", true),
        ("path = '/v1/one'", true),
        ("model = 'm-one'", true),
        ("host = 'one.example'\npath = '/v1/one'\nmodel = 'm-one'", true),
        ("host = 'two.example'", false),
        ("path = '/v1/two'", false),
        ("path = 'POST'", false),
        ("model = 'm-two'", false),
        ("model = ''", false),
    ] {
        p.write("sniff.toml", format!("[[allow]]\n{condition}\n"));
        p.want(if fits { 0 } else { 1 }, &["check", "sniff.db"]);
        p.want(if fits { 0 } else { 1 }, &["report", "compliance", "--fail-on", "error"]);
    }
}

/// Exchange 1 is a WebSocket, exchange 2 is not.
#[test]
fn a_websocket_is_left_out_of_what_cannot_hold_it_unless_it_was_named() {
    let p = Place::new();
    let ask = "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    let open = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    p.record(&[
        &talk(0, &[(0, ToServer, ask.as_bytes()), (5, ToClient, open.as_bytes()), (9, ToClient, &[0x81, 1, b'a'])]),
        &talk(1, &[(100, ToServer, b"GET /plain HTTP/1.1\r\nHost: a\r\n\r\n"), (105, ToClient, answer)]),
    ]);
    let socket: i64 =
        p.db().query_row("SELECT id FROM exchange WHERE websocket IS NOT NULL", [], |r| r.get(0)).unwrap();
    for format in ["curl", "vcr", "wiremock"] {
        let (out, err) = p.want(0, &["export", "--format", format]);
        assert!(out.contains("/plain") && !out.contains("/chat"), "{format}: {out}");
        assert!(err.contains(&format!("left out exchange {socket}: it is a WebSocket")), "{format}: {err}");
        assert_eq!(p.want(0, &["-q", "export", "--format", format]).1, "");
        let named = p.want(2, &["export", "1", "2", "--format", format]).1;
        assert!(named.contains("cannot represent its messages"), "{format}: {named}");
        p.want(2, &["export", "--path", "/chat", "--format", format]);
    }
}
