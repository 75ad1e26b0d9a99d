//! `sniff list`: what it selects, in which order, and how many; beside plain SQL and plain sorting.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use serde_json::Value;
use sniff::conn::Direction::{ToClient, ToServer};
use support::place::{Place, chunk, delta, talk};

/// Status and length of each answer, the model, the prompt as JSON writes it, a header field, and how long it took.
const ALL: [(u16, usize, &str, &str, &str, i64); 5] = [
    (200, 30, "m-b", "tell a story", "X-Trace: Alpha-1", 50),
    (404, 10, "m-a", "caf\\u00e9 \\\"au lait\\\"", "X-Trace: beta-2", 10),
    (503, 20, "m-c", "no", "X-Trace: gamma-3", 90),
    (429, 40, "m-a", "Wait", "X-Trace: delta-4", 20),
    (200, 50, "m-d", "stream", "X-Trace: epsilon-5", 70),
];

/// Five plain answers, a second apart, and a stream that is cut.
fn six() -> Place {
    let p = Place::new();
    let mut talks = Vec::new();
    let ask = |n: usize, model: &str, prompt: &str, field: &str| {
        let body = format!("{{\"model\":\"{model}\",\"messages\":[{{\"role\":\"user\",\"content\":\"{prompt}\"}}]}}");
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\nHost: h{n}.example\r\n{field}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    for (n, (status, length, model, prompt, field, ms)) in ALL.iter().enumerate() {
        let begun = n as i64 * 1000;
        let answer = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{}",
            "answer".repeat(20).get(..*length).unwrap()
        );
        let asked = ask(n, model, prompt, field);
        talks.push(talk(n as u16, &[(begun, ToServer, asked.as_bytes()), (begun + ms, ToClient, answer.as_bytes())]));
    }
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let cut = format!("{head}{}{}", chunk(&delta("Once")), chunk(&delta(" upon")));
    let asked = ask(5, "m-e", "and so on", "X-Trace: zeta-6");
    talks.push(talk(5, &[(5000, ToServer, asked.as_bytes()), (5040, ToClient, cut.as_bytes())]));
    p.record(&talks.iter().collect::<Vec<_>>());
    p
}

fn list(p: &Place, args: &[&str]) -> Vec<Value> {
    let all = p.json(&[&["list", "--format", "json"], args].concat());
    all.as_array().unwrap().clone()
}

fn ids(p: &Place, args: &[&str]) -> Vec<i64> {
    list(p, args).iter().map(|x| x["id"].as_i64().unwrap()).collect()
}

#[test]
fn selectors_take_what_sql_takes() {
    let p = six();
    let db = p.db();
    let sql = |condition: &str| -> Vec<i64> {
        let sql = format!("SELECT id FROM v_exchanges e WHERE {condition} ORDER BY t_request_start_ns");
        let mut statement = db.prepare(&sql).unwrap();
        statement.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let with = |what: &str| format!("EXISTS (SELECT 1 FROM v_findings f WHERE f.exchange_id = e.id AND {what})");
    for (args, condition) in [
        (&["--status", "200"][..], "response_status = 200".to_owned()),
        (&["--status", "4xx"], "response_status BETWEEN 400 AND 499".into()),
        (&["--status", "5XX,404"], "response_status >= 500 OR response_status = 404".into()),
        (&["--status", "404-429"], "response_status IN (404, 429)".into()),
        (&["--status", "201"], "false".into()),
        (&["--verdict", "complete"], "verdict = 'complete'".into()),
        (&["--verdict", "server-*"], "verdict = 'server-truncated'".into()),
        (&["--level", "error"], with("level = 'error'")),
        (&["--level", "warning"], with("level IN ('error', 'warning')")),
        (&["--level", "info"], with("true")),
        (&["--rule", "*-001"], with("rule LIKE '%-001'")),
        (&["--rule", "no-such-rule"], "false".into()),
        (&["--status", "200", "--verdict", "complete"], "response_status = 200 AND verdict = 'complete'".into()),
    ] {
        assert_eq!(ids(&p, args), sql(&condition), "{args:?}");
    }
    // Each decides something here.
    for args in [["--status", "4xx"], ["--verdict", "server-*"], ["--level", "error"]] {
        assert!((1..6).contains(&ids(&p, &args).len()), "{args:?}");
    }
    // A rule is known by its code and by its name.
    let (code, n): (String, i64) = db
        .query_row("SELECT rule, count(DISTINCT exchange_id) FROM v_findings", [], |r| Ok((r.get(0)?, r.get(1)?)))
        .unwrap();
    let name = sniff::conformance::by_code(&code).unwrap().name;
    assert_eq!((ids(&p, &["--rule", name]), n > 0), (ids(&p, &["--rule", &code.to_lowercase()]), true));
    assert!(p.want(2, &["list", "--status", "2"]).1.contains("no status"));
    assert!(p.want(2, &["list", "--connections", "--status", "200"]).1.contains("belong to exchanges"));
}

#[test]
fn a_text_is_found_wherever_it_was_said() {
    let p = six();
    for (text, want) in [
        ("ALPHA-", &[1][..]),
        ("x-trace", &[1, 2, 3, 4, 5, 6]),
        ("story", &[1]),
        ("CAFÉ \"AU lait\"", &[2]),
        ("caf\\u00e9", &[2]),
        ("once upon", &[6]),
        ("h3.example", &[4]),
        ("nowhere", &[]),
    ] {
        assert_eq!(ids(&p, &["--grep", text]), want, "{text}");
    }
    assert_eq!(ids(&p, &["--grep", "x-trace", "--status", "200", "--limit", "2"]), [1, 5]);
}

#[test]
fn orders_are_those_of_a_sort() {
    let p = six();
    let all = list(&p, &[]);
    let number = |x: &Value, path: &str| x.pointer(path).and_then(Value::as_f64);
    let text = |x: &Value, path: &str| x.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut orders: Vec<(&str, Vec<Value>)> = Vec::new();
    for (name, path) in [
        ("ttft", "/timing/ttft_ms"),
        ("gap", "/timing/itl_max_ms"),
        ("duration", "/timing/duration_ms"),
        ("bytes", "/response/wire_body_bytes"),
        ("status", "/response/status"),
    ] {
        let mut sorted = all.clone();
        // The largest first, those without a value last, equal ones by id.
        sorted.sort_by(|a, b| number(b, path).unwrap_or(-1.0).total_cmp(&number(a, path).unwrap_or(-1.0)));
        orders.push((name, sorted));
    }
    for (name, path) in [("host", "/request/authority"), ("model", "/request/model")] {
        let mut sorted = all.clone();
        sorted.sort_by_key(|x| text(x, path));
        orders.push((name, sorted));
    }
    orders.extend([("time", all.clone()), ("id", all.clone())]);
    let id = |x: &Value| x["id"].as_i64().unwrap();
    for (name, sorted) in orders {
        let want: Vec<i64> = sorted.iter().map(id).collect();
        assert_eq!(ids(&p, &["--sort", name]), want, "{name}");
        assert_eq!(ids(&p, &["--sort", name, "--limit", "2"]), want[..2], "{name}");
        // What has no value stays last.
        let valued = if ["ttft", "gap"].contains(&name) { want.len() - 5 } else { want.len() };
        let mut back = ids(&p, &["--sort", name, "--reverse"]);
        back[..valued].reverse();
        if valued == want.len() && !["status", "model"].contains(&name) {
            assert_eq!(back, want, "{name}");
        }
    }
    assert_eq!(ids(&p, &["--sort", "findings", "--limit", "1"]), [6]);
    assert_eq!(ids(&p, &["--reverse", "--limit", "2"]), [6, 5]);
    assert_eq!(ids(&p, &["--limit", "0"]), [0i64; 0]);
}

#[test]
fn a_long_table_shows_the_newest_and_json_all() {
    let p = six();
    let db = p.db();
    let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
        INSERT INTO exchange (session, done, stream, client_ip, client_port, server_ip, server_port, tls,
            request_method, request_scheme, request_path, request_body_bytes, t_request_start_ns)
        SELECT session, 1, stream, client_ip, client_port, server_ip, server_port, tls, request_method, request_scheme,
            '/n/' || i, 0, t_request_start_ns + i * 1000000000 FROM exchange, n WHERE id = 1";
    db.execute(sql, []).unwrap();
    let (out, err) = p.want(0, &["list"]);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 1001);
    assert!(lines[1000].contains("/n/1200") && lines[1].contains("/n/201 "), "{}\n{}", lines[1], lines[1000]);
    assert!(err.contains("the last 1000 exchanges are shown"), "{err}");
    assert_eq!(p.want(0, &["list", "-q"]).1, "");
    let (out, err) = p.want(0, &["list", "--all"]);
    assert_eq!((out.lines().count(), err.contains("are shown")), (1207, false));
    assert_eq!(p.out(&["list", "--limit", "1100"]).lines().count(), 1101);
    assert_eq!(list(&p, &[]).len(), 1206);
    assert_eq!(p.out(&["list", "--format", "csv"]).lines().count(), 1207);
}

#[test]
fn tables_have_local_time_and_data_utc() {
    let p = six();
    let shown = |args: &[&str], zone: &str| {
        let mut command = p.command(args);
        String::from_utf8(command.env("TZ", zone).output().unwrap().stdout).unwrap()
    };
    let line = |text: &str, n: usize| text.lines().nth(n).unwrap().to_owned();
    let local = shown(&["list"], "JST-9");
    assert!(line(&local, 0).contains("Time  ") && line(&local, 1).contains("08:31:16.000"), "{local}");
    for (args, zone) in [(&["list", "--utc"][..], "JST-9"), (&["list"], "UTC"), (&["list"], "")] {
        let utc = shown(args, zone);
        assert!(line(&utc, 0).contains("Time (UTC)") && line(&utc, 1).contains("23:31:16.000"), "{utc}");
    }
    for command in [&["list"][..], &["list", "--connections"], &["list", "--sessions"], &["show", "1"]] {
        for format in ["json", "csv", "markdown"] {
            let of = |zone| shown(&[command, &["--format", format]].concat(), zone);
            assert_eq!(of("JST-9"), of("UTC"), "{command:?} {format}");
        }
    }
    let connections = shown(&["list", "--connections", "--format", "csv"], "JST-9");
    let (names, first) = (line(&connections, 0), line(&connections, 1));
    assert!(names.ends_with(",opened_at,sent_bytes,received_bytes"), "{names}");
    let json = p.json(&["list", "--connections", "--format", "json"]);
    let want = format!(",2026-11-22T23:31:16.000000000Z,{},{}", json[0]["client_bytes"], json[0]["server_bytes"]);
    assert!(first.ends_with(&want), "{first}");
    let timeline = p.out(&["show", "6", "--format", "csv"]);
    assert!(line(&timeline, 0).ends_with(",time_ms,gap_ms,chunk_bytes"), "{timeline}");
    let json = p.json(&["show", "6", "--format", "json"]);
    let (chunk, zero) = (&json["chunks"][1], json["timing"]["t_request_end_ns"].as_i64().unwrap());
    let ms = |from: &Value| (chunk["t_ns"].as_i64().unwrap() - from.as_i64().unwrap()) as f64 / 1e6;
    let want = [ms(&zero.into()), ms(&json["chunks"][0]["t_ns"]), chunk["len"].as_f64().unwrap()];
    let row = line(&timeline, 2);
    let have: Vec<f64> = row.rsplit(',').take(3).map(|cell| cell.parse().unwrap()).collect();
    assert_eq!(have.into_iter().rev().collect::<Vec<_>>(), want, "{timeline}");
    let sessions = shown(&["list", "--sessions", "--format", "csv"], "JST-9");
    assert!(line(&sessions, 0).ends_with(",started_at,ended_at,packet_bytes"), "{sessions}");
}

/// At 80 columns a line still says when, where and which model.
#[test]
fn a_narrow_table_keeps_time_server_and_model() {
    let p = six();
    let narrow = |args: &[&str]| {
        let mut command = p.command(args);
        String::from_utf8(command.env("COLUMNS", "80").output().unwrap().stdout).unwrap()
    };
    let table = narrow(&["list"]);
    for word in ["Time", "Host", "Model", "h2.", "le:8000", "m-c", "503", "23:31:18"] {
        assert!(table.contains(word), "{word}\n{table}");
    }
    for command in [&["list"][..], &["list", "--connections"], &["report", "compliance"], &["show", "6"]] {
        let text = narrow(command);
        let wide: Vec<&str> = text.lines().filter(|l| l.chars().count() > 80).collect();
        assert!(wide.is_empty(), "{command:?}: {wide:#?}");
    }
}

/// The prompt, the rest of the body, and every byte: beside what was sent.
#[test]
fn show_has_the_request_and_its_bytes() {
    let p = six();
    let shown = p.json(&["show", "2", "--format", "json"]);
    let body = "{\"model\":\"m-a\",\"messages\":[{\"role\":\"user\",\"content\":\"caf\\u00e9 \\\"au lait\\\"\"}]}";
    assert_eq!(shown["request_body"], body);
    assert_eq!(shown["prompt"], serde_json::json!([{"role": "user", "text": "café \"au lait\""}]));
    assert!(shown["request_body_base64"].is_null());
    let text = p.out(&["show", "2"]);
    assert!(text.contains("Prompt\n  user  café \"au lait\"\n"), "{text}");
    assert!(text.contains("Request body, without the prompt\n  {\"model\":\"m-a\"}\n"), "{text}");
    // The dump, put together again.
    let text = p.out(&["show", "6", "--hex"]);
    let dumped = |title: &str| -> Vec<u8> {
        let title = format!("\n{title}");
        let sections = text.split(title.as_str()).skip(1).map(|s| s.split("\n\n").next().unwrap());
        let rows = sections.flat_map(|s| s.lines().skip(1));
        rows.flat_map(|row| row[10..58].split_whitespace().map(|b| u8::from_str_radix(b, 16).unwrap())).collect()
    };
    assert_eq!(dumped("Chunk "), format!("{}{}", delta("Once"), delta(" upon")).into_bytes());
    let body = p.json(&["show", "6", "--format", "json"])["request_body"].as_str().unwrap().to_owned();
    assert_eq!(String::from_utf8(dumped("Request body")).unwrap(), body);
    assert!(p.want(2, &["show", "6", "--hex", "--format", "json"]).1.contains("--format raw"));
}

/// Secrets of a recording that kept them are hidden in bodies too, unless they are asked for.
#[test]
fn a_body_is_shown_without_secrets() {
    let key = "sk-verysecretkey0123456789abcdef";
    let body = format!("{{\"api_key\":\"{key}\",\"prompt\":\"my key is {key}\"}}");
    let p = support::place::asked("POST /v1/completions", "", body.as_bytes());
    for args in [&["show", "1"][..], &["show", "1", "--hex"], &["show", "1", "--format", "json"]] {
        let (hidden, revealed) = (p.out(args), p.out(&[args, &["--reveal"]].concat()));
        let has = |text: &str| text.contains("verysecret") || text.replace(['\n', '|'], "").contains("ysecretkey0123");
        assert!(!has(&hidden), "{hidden}");
        assert!(has(&revealed), "{revealed}");
    }
}

/// The summary comes first, and of many exchanges the ten worst; JSON has all.
#[test]
fn reports_begin_with_the_summary_and_show_the_worst() {
    let p = six();
    let db = p.db();
    // Twelve copies of the first exchange, each with one finding more than the one before.
    let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12)
        INSERT INTO exchange (session, done, stream, client_ip, client_port, server_ip, server_port, tls,
            request_method, request_scheme, request_path, request_body_bytes, t_request_start_ns, verdict, delivery)
        SELECT session, 1, stream, client_ip, client_port, server_ip, server_port, tls, request_method, request_scheme,
            '/copy/' || i, 0, t_request_start_ns + i, 'complete', '[\"came at once\"]' FROM exchange, n WHERE id = 1";
    db.execute(sql, []).unwrap();
    db.execute("DELETE FROM finding", []).unwrap();
    let sql = "INSERT INTO finding (exchange_id, n, rule, level, count, message)
        SELECT e.id, m.id, 'DLV-00' || (m.id % 5 + 1), 'error', 1, 'late ' || e.id FROM exchange e, exchange m
        WHERE e.request_path LIKE '/copy/%' AND m.id <= e.id - 6";
    db.execute(sql, []).unwrap();
    for (report, summary, more) in [
        ("compliance", "12 of 18 exchanges with 78 errors", "… 2 more exchanges have findings: --all"),
        ("delivery", "12 of 13 streams delivered badly", "… 3 more streams, none of them worse: --all"),
    ] {
        let text = p.out(&["report", report]);
        assert!(text.starts_with(summary), "{report}\n{text}");
        assert!(text.trim_end().lines().last().unwrap().starts_with(more), "{report}\n{text}");
        let shown = |text: &str| -> Vec<i64> {
            let titles = text.lines().filter_map(|l| l.strip_prefix('#')?.split_whitespace().next()?.parse().ok());
            titles.collect()
        };
        let mut worst = shown(&text);
        worst.sort_unstable();
        assert_eq!(worst, (9..=18).collect::<Vec<_>>(), "{report}");
        let all = p.out(&["report", report, "--all"]);
        assert!(shown(&all).len() >= 12 && !all.contains("more"), "{all}");
        let json = p.json(&["report", report, "--format", "json"]);
        let cases = if report == "compliance" { &json["cases"] } else { &json };
        assert_eq!(cases.as_array().unwrap().len(), shown(&all).len());
    }
}
