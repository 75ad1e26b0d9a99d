//! Reports with a different value in every column and figure: written into the database by SQL, read back through
//! each format.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use rusqlite::types::Value as Sql;
use serde_json::{Value, json};
use sniff::conn::Direction::{ToClient, ToServer};
use support::packets::Talk;
use support::place::{MS, Place, T0, chunk, delta, talk};

const ASK: &str = "POST /v1/chat/completions HTTP/1.1\r\nHost: api.example\r\nContent-Type: \
    application/json\r\nContent-Length: 27\r\n\r\n{\"model\":\"m\",\"stream\":true}";
const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Two deltas, `gap` ms apart.
fn stream(client: u16, begin: i64, gap: i64) -> Talk {
    let [one, two] = ["a", "b"].map(|t| chunk(&delta(t)));
    let end = chunk("data: [DONE]\n\n") + "0\r\n\r\n";
    let steps = [
        (0, ASK, ToServer),
        (10, HEAD, ToClient),
        (20, &one, ToClient),
        (20 + gap, &two, ToClient),
        (21 + gap, &end, ToClient),
    ];
    talk(client, &steps.map(|(ms, text, dir)| (begin + ms, dir, text.as_bytes())))
}

/// The cells of one line of CSV without quoted line ends.
fn cells(line: &str) -> Vec<String> {
    let (mut out, mut quoted) = (vec![String::new()], false);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => out.last_mut().unwrap().push(chars.next().unwrap()),
            '"' => quoted = !quoted,
            ',' if !quoted => out.push(String::new()),
            c => out.last_mut().unwrap().push(c),
        }
    }
    out
}

/// The path in JSON of a column of the view.
fn path_of(column: &str) -> Vec<String> {
    let groups = ["request", "response", "tcp"];
    let Some((group, rest)) = column.split_once('_').filter(|(g, _)| groups.contains(g)) else {
        let timing = column.starts_with("t_") || column.ends_with("_ms");
        return if timing { vec!["timing".into(), column.into()] } else { vec![column.into()] };
    };
    match rest.strip_prefix("terminator_") {
        Some(last) => vec![group.into(), "terminator".into(), last.into()],
        None => vec![group.into(), rest.into()],
    }
}

const FLAGS: [&str; 7] = [
    "tls",
    "ech",
    "request_stream",
    "response_terminator_seen",
    "response_terminator_own",
    "response_terminator_is_last_record",
    "response_complete",
];
const TCP_FLAGS: [&str; 6] = ["handshake_seen", "hole", "client_fin", "server_fin", "client_rst", "server_rst"];

/// Writes a different value into every column, and sets only this one of the flags. Returns (column of the view,
/// value in JSON).
fn plant(p: &Place, set: usize) -> Vec<(String, Value)> {
    let db = p.db();
    let names: Vec<String> =
        db.prepare("SELECT * FROM v_exchanges").unwrap().column_names().map(str::to_owned).collect();
    let mut wanted = Vec::new();
    for (i, name) in names.into_iter().enumerate() {
        let number = 1000 + i as i64;
        let tcp = name.strip_prefix("tcp_");
        let column = name.strip_suffix("_ms").map_or(name.clone(), |n| format!("{n}_ns"));
        let (sql, value): (Sql, Value) = match name.as_str() {
            "id" | "session" | "stream" => continue,
            "findings" => continue,
            "client_ip" | "server_ip" => (format!("10.1.2.{i}").into(), format!("10.1.2.{i}").into()),
            "response_informational" => ("[103,104]".to_owned().into(), json!([103, 104])),
            "verdict_why" | "delivery" | "response_models" => {
                (format!("[\"{name} ü\"]").into(), json!([format!("{name} ü")]))
            }
            "response_trailers"
            | "response_texts"
            | "response_tool_arguments"
            | "response_finish_reasons"
            | "response_usage" => (json!({&name: "1"}).to_string().into(), json!({&name: "1"})),
            n if FLAGS.contains(&n) => ((n == FLAGS[set]).into(), (n == FLAGS[set]).into()),
            _ if tcp.is_some_and(|t| TCP_FLAGS.contains(&t)) => {
                let set = tcp == TCP_FLAGS.get(set).copied();
                (set.into(), set.into())
            }
            n if n.starts_with("t_") => ((T0 + number).into(), (T0 + number).into()),
            n if n.ends_with("_ms") => ((number * MS / 4).into(), (number as f64 / 4.0).into()),
            "h2_stream" | "client_port" | "server_port" | "response_status" | "response_chunks"
            | "response_records" => (number.into(), number.into()),
            n if n.ends_with("_bytes") || n.ends_with("_deltas") || tcp.is_some() => (number.into(), number.into()),
            n => (format!("{n} ü").into(), format!("{n} ü").into()),
        };
        match tcp {
            Some(_) => {
                let column = column.trim_start_matches("tcp_");
                db.execute(&format!("UPDATE connection SET {column} = ?"), [sql]).unwrap()
            }
            None => db.execute(&format!("UPDATE exchange SET {column} = ?"), [sql]).unwrap(),
        };
        wanted.push((name, value));
    }
    wanted
}

#[test]
fn every_column_has_its_own_place_in_json_and_csv() {
    let p = Place::new();
    p.record(&[&stream(0, 0, 7)]);
    for set in 0..FLAGS.len() {
        let wanted = plant(&p, set);
        assert!(wanted.len() > 70, "{}", wanted.len());
        let json = &p.json(&["list", "--format", "json"])[0];
        let csv = p.out(&["list", "--format", "csv"]);
        let [names, row] = csv.split("\r\n").take(2).map(cells).collect::<Vec<_>>().try_into().unwrap();
        for (name, value) in wanted {
            let have = path_of(&name).iter().fold(json, |v, key| &v[key.as_str()]);
            assert_eq!(have, &value, "{name}");
            let cell = &row[names.iter().position(|n| *n == name).unwrap()];
            assert_eq!(*cell, value.as_str().map_or_else(|| value.to_string(), str::to_owned), "{name}");
        }
        let line: Value = serde_json::from_str(&p.out(&["list", "--format", "jsonl"])).unwrap();
        assert_eq!(&line, json);
        let shown = p.json(&["show", "1", "--reveal", "--format", "json"]);
        assert_eq!(
            (&shown["timing"], &shown["tcp"], &shown["verdict"]),
            (&json["timing"], &json["tcp"], &json["verdict"])
        );
    }
}

#[test]
fn an_exchange_without_request_response_or_connection_has_nulls_there_and_all_else_in_place() {
    for (gone, column) in [("request", "request_method"), ("response", "response_framing")] {
        let p = Place::new();
        p.record(&[&stream(0, 0, 7)]);
        let wanted = plant(&p, 0);
        p.db().execute(&format!("UPDATE exchange SET {column} = NULL"), []).unwrap();
        p.db().execute("DELETE FROM connection", []).unwrap();
        let json = &p.json(&["list", "--format", "json"])[0];
        assert_eq!((&json[gone], &json["tcp"]), (&Value::Null, &Value::Null));
        for (name, value) in wanted.iter().filter(|(n, _)| !n.starts_with(gone) && !n.starts_with("tcp_")) {
            assert_eq!(path_of(name).iter().fold(json, |v, key| &v[key.as_str()]), value, "{name}");
        }
    }
}

/// An exchange whose row has a different value in every column of the table.
fn listed(p: &Place) {
    p.record(&[&stream(0, 0, 7)]);
    let sql = "UPDATE exchange SET client_ip = '10.9.8.7', client_port = 4321, server_port = 8443, request_authority = 'host.example:8443',
        request_method = 'PATCH', request_path = '/p|q?key=s3cretkey', response_status = 418, response_framing = 'ndjson', response_dialect = 'dia.lect',
        response_variant = 'vari', request_model = 'mod_el', ttft_ns = 11100000, itl_p50_ns = 2220000, itl_p99_ns = 33300000, itl_max_ns = 444000000,
        tpot_ns = 20000000, duration_ns = 5550000000, ttfb_ns = 6660000, verdict = 'gateway-timeout', verdict_why = '[\"because\"]'";
    p.db().execute_batch(sql).unwrap();
    finding(p, 1, 0, "HTTP-006", "error", "one");
    finding(p, 1, 1, "SSE-002", "warning", "two");
    finding(p, 1, 2, "SSE-003", "info", "three");
}

/// A finding with a different number in every place: record 11, byte 22, 33 times, packet 44, chunk 55, 66 ms after
/// the request (each plus 100·n).
fn finding(p: &Place, exchange: i64, n: i64, rule: &str, level: &str, message: &str) {
    let db = p.db();
    if n == 0 {
        db.execute("DELETE FROM finding WHERE exchange_id = ?1", [exchange]).unwrap();
    }
    let end: i64 =
        db.query_row("SELECT t_request_end_ns FROM exchange WHERE id = ?1", [exchange], |r| r.get(0)).unwrap();
    let excerpt =
        json!({"of": "body", "offset": 22, "before": "be<fore ", "marked": "mark", "after": " after"}).to_string();
    let excerpt = (n == 0).then_some(excerpt);
    let sql = "INSERT INTO finding (exchange_id, n, rule, level, record, offset, t_ns, count, message, packet, chunk, excerpt)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    let more = 100 * n;
    let values = rusqlite::params![
        exchange,
        n,
        rule,
        level,
        11 + more,
        22 + more,
        end + (66 + more) * MS,
        33 + more,
        message,
        44 + more,
        55 + more,
        excerpt
    ];
    db.execute(sql, values).unwrap();
}

#[test]
fn a_line_of_the_list_has_every_value_in_its_column() {
    let p = Place::new();
    listed(&p);
    let markdown = p.out(&["list", "--format", "markdown"]);
    let rows: Vec<Vec<&str>> = markdown.lines().map(|l| l.trim_matches(['|', ' ']).split(" | ").collect()).collect();
    let want = [
        ("ID", "1"),
        ("Time (UTC)", "23:31:16.000"),
        ("Client", "10.9.8.7:4321"),
        ("Host", "host.example:8443"),
        ("Request", "PATCH /p\\|q?key=\\[redacted\\]"),
        ("Status", "418"),
        ("Framing", "ndjson"),
        ("Dialect", "dia.lect"),
        ("Model", "mod\\_el"),
        ("TTFT", "11.1 ms"),
        ("Gap p50", "2.22 ms"),
        ("Gap p99", "33.3 ms"),
        ("Tokens", "50.0/s"),
        ("Duration", "5.55 s"),
        ("End", "gateway-timeout"),
        ("Findings", "HTTP-006 +1"),
    ];
    assert_eq!((rows.len(), &rows[0], &rows[2]), (3, &want.map(|w| w.0).to_vec(), &want.map(|w| w.1).to_vec()));
    let table = p.command(&["list"]).env("COLUMNS", "200").output().unwrap().stdout;
    let table = String::from_utf8(table).unwrap();
    let [head, row] = table.lines().collect::<Vec<_>>().try_into().unwrap();
    // Numbers end at the end of their titles, words begin at the beginning of theirs.
    for (title, value) in want {
        let value = value.replace('\\', "");
        let (t, v) = (head.find(title).unwrap(), row.find(value.as_str()).unwrap_or_else(|| panic!("{value}: {row}")));
        assert!(t == v || t + title.len() == v + value.len(), "{title}\n{table}");
    }
}

#[test]
fn what_became_of_an_answer_is_told_in_a_word() {
    let p = Place::new();
    p.record(&[&stream(0, 0, 7)]);
    let end = || {
        let markdown = p.out(&["list", "--format", "markdown"]);
        markdown.lines().nth(2).unwrap().split(" | ").nth(14).unwrap().to_owned()
    };
    for (verdict, framing, complete, word) in [
        ("complete", "sse", 0, "complete"),
        ("client-cancelled", "sse", 1, "client-cancelled"),
        ("server-truncated", "sse", 1, "server-truncated"),
        ("gateway-timeout", "sse", 1, "gateway-timeout"),
        ("error-in-200", "sse", 1, "error-in-200"),
        ("capture-incomplete", "sse", 1, "capture-incomplete"),
        ("", "sse", 1, "-"),
        ("", "", 1, "-"),
        ("server-truncated", "", 1, "server-truncated"),
    ] {
        let sql =
            "UPDATE exchange SET verdict = nullif(?1, ''), response_framing = nullif(?2, ''), response_complete = ?3";
        p.db().execute(sql, rusqlite::params![verdict, framing, complete]).unwrap();
        assert_eq!(end(), word, "{verdict} {framing} {complete}");
    }
}

#[test]
fn show_tells_every_fact_on_its_line() {
    let p = Place::new();
    listed(&p);
    let sql = "UPDATE exchange SET request_body_bytes = 1500, request_content_type = 'type/asked', response_content_type = 'type/got',
        response_transfer = 'chunked', response_chunks = 3, response_wire_body_bytes = 2500000, response_decoded_bytes = 3500, response_records = 9,
        response_usage = '{\"u\":5}', response_finish_reason = 'length', response_terminator_which = NULL, response_terminator_expected = '[DONE]',
        dialect_why = 'by path', delivery = '[\"slowly\",\"late\"]', h2_stream = 77;
        UPDATE connection SET handshake_seen = 0, retransmitted_segments = 12, out_of_order_segments = 13, hole = 1, client_rst = 0, server_rst = 1,
        rtt_client_ns = 1500000, rtt_server_ns = 32000000";
    p.db().execute_batch(sql).unwrap();
    let text = p.out(&["show", "1"]);
    for line in [
        "PATCH /p|q?key=[redacted]  →  418",
        "exchange 1, session 1, stream 0.77  10.9.8.7:4321 → 10.0.0.2:8443  host.example:8443  HTTP/1.1  \
            gateway-timeout",
        "Request   type/asked, 1.50 kB, model mod_el, stream: true",
        "Response  type/got, chunked in 3 units, 2.50 MB, 3.50 kB decoded",
        "Framing   ndjson, 9 records, dia.lect (vari) (by path), [DONE] never came, finish reason length",
        "Usage     {\"u\":5}",
        "Verdict   gateway-timeout: because",
        "Delivery  slowly; late",
        "Begin     2026-11-22T23:31:16.000000000Z",
        "Timing    TTFB 6.66 ms, TTFT 11.1 ms, duration 5.55 s, TPOT 20.0 ms, tokens 50.0/s, gaps p50 2.22 ms, p99 \
            33.3 ms, max 444 ms",
        "TCP       start not captured, 12 retransmitted, 13 out of order, bytes missing from the capture, reset by \
            server, RTT to client 1.50 ms, RTT to server 32.0 ms",
    ] {
        assert!(text.lines().any(|l| l == line), "{line}\n{text}");
    }
    let chunks: Vec<Vec<&str>> =
        text.lines().skip_while(|l| *l != "Chunks").skip(2).take(3).map(|l| l.split_whitespace().collect()).collect();
    let (a, done) = (delta("a").len().to_string(), "14");
    assert_eq!(chunks[0][..6], ["0", "+20.000", "ms", a.as_str(), "0", "content"]);
    assert_eq!(chunks[1][..8], ["1", "+27.000", "ms", "7.00", "ms", a.as_str(), "1", "content"]);
    assert_eq!(chunks[2][..7], ["2", "+28.000", "ms", "1.00", "ms", done, "2"]);
}

/// Of each row of the timeline: chunk, record, kind and text.
fn timeline(p: &Place) -> Vec<[String; 4]> {
    let csv = p.out(&["export", "1", "--format", "csv"]);
    let rows: Vec<Vec<String>> = csv.split_terminator("\r\n").map(cells).collect();
    let at = |title: &str| rows[0].iter().position(|t| t == title).unwrap_or_else(|| panic!("{title}: {csv}"));
    let columns = ["#", "record", "kind", "brings"].map(at);
    rows[1..].iter().map(|row| columns.map(|i| row[i].clone())).collect()
}

#[test]
fn a_record_is_in_the_row_of_the_chunk_that_completed_it() {
    use std::io::Write;
    // The second event is in two chunks, the third chunk completes it and has the third event as well.
    let second = delta("b");
    let (begin, rest) = second.split_at(40);
    let parts = [delta("a"), begin.to_owned(), format!("{rest}{}", delta("c")), "data: [DONE]\n\n".to_owned()];
    let want = [
        ["0", "0", "content", "a"],
        ["1", "", "", ""],
        ["2", "1", "content", "b"],
        ["", "2", "content", "c"],
        ["3", "3", "terminator", "[DONE]"],
    ];
    for coded in [false, true] {
        let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        let mut sent = Vec::new();
        for part in &parts {
            let bytes = match coded {
                true => {
                    to.write_all(part.as_bytes()).unwrap();
                    to.flush().unwrap();
                    std::mem::take(to.get_mut())
                }
                false => part.clone().into_bytes(),
            };
            sent.push([format!("{:x}\r\n", bytes.len()).as_bytes(), &bytes, b"\r\n"].concat());
        }
        let head = HEAD.replace("Transfer", if coded { "Content-Encoding: gzip\r\nTransfer" } else { "Transfer" });
        let mut steps = vec![(0, ToServer, ASK.as_bytes()), (10, ToClient, head.as_bytes())];
        steps.extend(sent.iter().zip(2..).map(|(bytes, n)| (10 * n, ToClient, bytes.as_slice())));
        steps.push((90, ToClient, b"0\r\n\r\n"));
        let p = Place::new();
        p.record(&[&talk(0, &steps)]);
        assert_eq!(timeline(&p), want, "coded: {coded}");
    }
}

#[test]
fn a_body_is_modelled_up_to_the_limit() {
    let p = Place::new();
    p.record(&[&stream(0, 0, 7)]);
    for (bytes, modelled) in [(8 << 20, true), ((8 << 20) + 1, false)] {
        p.db().execute("UPDATE exchange SET response_wire_body_bytes = ?1", [bytes]).unwrap();
        // What was kept is of the body as it was.
        p.db().execute("DELETE FROM client_verdict", []).unwrap();
        let text = p.out(&["report", "clients"]);
        assert_eq!(!text.contains("not modelled"), modelled, "{bytes}: {text}");
    }
}

/// Six exchanges whose figures differ by what is counted: exchanges, findings or places.
fn figures() -> Place {
    let p = Place::new();
    let all: Vec<Talk> = (0..6).map(|n| stream(n, i64::from(n) * 1000, 7)).collect();
    p.record(&all.iter().collect::<Vec<_>>());
    p.db().execute("DELETE FROM finding", []).unwrap();
    for (exchange, n, rule, level) in [
        (1, 9, "SSE-005", "warning"),
        (2, 0, "SSE-002", "warning"),
        (2, 1, "SSE-002", "warning"),
        (2, 2, "SSE-003", "info"),
        (3, 0, "SSE-002", "warning"),
        (3, 1, "SSE-003", "info"),
        (3, 2, "SSE-003", "info"),
        (3, 3, "SSE-003", "info"),
        (4, 0, "HTTP-006", "error"),
        (5, 0, "SSE-003", "info"),
    ] {
        finding(&p, exchange, n, rule, level, "planted");
    }
    p
}

#[test]
fn exchanges_findings_and_places_are_counted_apart() {
    let p = figures();
    let all = p.json(&["report", "compliance", "--format", "json"]);
    let counts = ["exchanges", "clean", "errors", "warnings", "infos"].map(|k| all[k].as_i64().unwrap());
    assert_eq!(counts, [6, 2, 1, 4, 5], "an exchange with notes alone is clean");
    // The worst level first, then the rule that most exchanges break, however many the places.
    let rules: Vec<Value> = all["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| {
            json!([r["rule"], r["level"], r["exchanges"], r["places"], r["first"]["exchange"], r["first"]["record"]])
        })
        .collect();
    let want = [
        json!(["HTTP-006", "error", 1, 33, 4, 11]),
        json!(["SSE-002", "warning", 2, 33 + 133 + 33, 2, 11]),
        json!(["SSE-005", "warning", 1, 933, 1, 911]),
        json!(["SSE-003", "info", 3, 233 + 133 + 233 + 333 + 33, 2, 211]),
    ];
    assert_eq!(rules, want);
    // The exchange with most errors first, then with most warnings, then with most notes.
    let cases: Vec<i64> = all["cases"].as_array().unwrap().iter().map(|c| c["exchange"].as_i64().unwrap()).collect();
    assert_eq!(cases, [4, 2, 3, 1, 5]);
    let csv = p.out(&["report", "compliance", "--format", "csv"]);
    let rows: Vec<&str> = csv.split("\r\n").skip(1).filter_map(|row| row.split(',').next()).collect();
    assert_eq!(rows, ["4", "2", "2", "2", "3", "3", "3", "3", "1", "5", ""]);
    let verdict = "4 of 6 exchanges with 1 error, 4 warnings (5 info); worst: HTTP-006";
    let markdown = p.out(&["report", "compliance", "--format", "markdown"]);
    assert_eq!(markdown.lines().next().unwrap(), format!("**{verdict}**"));
    let titles: Vec<&str> = markdown.lines().filter(|l| l.starts_with("#### ")).map(|l| &l[..7]).collect();
    assert_eq!(titles, ["#### #4", "#### #2", "#### #3", "#### #1", "#### #5"]);
    let text = p.out(&["report", "compliance"]);
    assert_eq!(text.lines().next(), Some(verdict));
    let rows: Vec<Vec<&str>> = text.lines().skip(3).take(4).map(|l| l.split_whitespace().take(4).collect()).collect();
    let want = [
        ["HTTP-006", "error", "1/6", "33"],
        ["SSE-002", "warning", "2/6", "199"],
        ["SSE-005", "warning", "1/6", "933"],
        ["SSE-003", "info", "3/6", "965"],
    ];
    assert_eq!(rows, want);
}

#[test]
fn a_fix_is_printed_once_after_the_last_finding_of_its_rule() {
    let text = figures().out(&["report", "compliance"]);
    let kinds = |exchange: &str| -> Vec<String> {
        // Before the first of them is the summary.
        let case = text.split("\n#").skip(1).find(|case| case.starts_with(exchange)).unwrap();
        let case = case.split("\n\n").next().unwrap();
        case.lines()
            .filter(|l| l.starts_with("  SSE") || l.starts_with("  HTTP") || l.contains("= fix:"))
            .map(|l| l.split_whitespace().next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(kinds("1 "), ["SSE-005", "="]);
    assert_eq!(kinds("2 "), ["SSE-002", "SSE-002", "=", "SSE-003", "="]);
    assert_eq!(kinds("3 "), ["SSE-002", "=", "SSE-003", "SSE-003", "SSE-003", "="]);
    assert_eq!(kinds("4 "), ["HTTP-006", "="]);
}
