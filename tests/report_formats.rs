//! Findings and figures in each output format: every level in the terms of each format, the exit codes, percentiles
//! that differ.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use serde_json::{Value, json};
use sniff::conn::Direction::{ToClient, ToServer};
use support::packets::Talk;
use support::place::{MS, Place, T0, chunk, delta, talk};

/// A request to this host for this model; two deltas that are `gap` ms apart, the first 20 ms after the request.
fn stream(client: u16, host: &str, model: &str, gap: i64) -> Talk {
    let begin = i64::from(client) * 1000;
    let body = format!("{{\"model\":\"{model}\",\"stream\":true}}");
    let fields = format!("Host: {host}\r\nContent-Type: application/json\r\nContent-Length: {}", body.len());
    let ask = format!("POST /v1/chat/completions HTTP/1.1\r\n{fields}\r\n\r\n{body}");
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let [one, two] = ["a", "b"].map(|t| chunk(&delta(t)));
    let end = chunk("data: [DONE]\n\n") + "0\r\n\r\n";
    let steps = [
        (0, &*ask, ToServer),
        (10, head, ToClient),
        (20, &one, ToClient),
        (20 + gap, &two, ToClient),
        (21 + gap, &end, ToClient),
    ];
    talk(client, &steps.map(|(ms, text, dir)| (begin + ms, dir, text.as_bytes())))
}

/// A finding with a different number in every place: record 11, byte 22, 33 times, packet 44, chunk 55, 66 ms after
/// the request (each plus 100·n).
fn finding(p: &Place, exchange: i64, n: i64, rule: &str, level: &str) {
    let more = 100 * n;
    let excerpt =
        json!({"of": "body", "offset": 22, "before": "be<fore ", "marked": "ma|rk", "after": " after"}).to_string();
    let sql = "INSERT INTO finding (exchange_id, n, rule, level, record, offset, t_ns, count, message, packet, chunk, excerpt)
        SELECT ?1, ?2, ?3, ?4, ?5, ?6, t_request_end_ns + ?7, ?8, ?9, ?10, ?11, ?12 FROM exchange WHERE id = ?1";
    let (message, excerpt) = (format!("{level} <here> & 100 %"), (n == 0).then_some(excerpt));
    let values = rusqlite::params![
        exchange,
        n,
        rule,
        level,
        11 + more,
        22 + more,
        (66 + more) * MS,
        33 + more,
        message,
        44 + more,
        55 + more,
        excerpt
    ];
    p.db().execute(sql, values).unwrap();
}

/// Three exchanges: one with a finding of each level, one with a warning and a note, one without findings.
fn judged() -> Place {
    let p = Place::new();
    p.record(&[
        &stream(0, "one.example", "m", 7),
        &stream(1, "two.example", "m", 7),
        &stream(2, "three.example", "m", 7),
    ]);
    p.db().execute("DELETE FROM finding", []).unwrap();
    finding(&p, 1, 0, "HTTP-006", "error");
    finding(&p, 1, 1, "SSE-002", "warning");
    finding(&p, 1, 2, "SSE-003", "info");
    finding(&p, 2, 0, "SSE-002", "warning");
    finding(&p, 2, 1, "SSE-003", "info");
    p
}

const PLACES: [&str; 3] = [
    "record 11, byte 22, chunk 55, packet 44, +66.0 ms",
    "record 111, byte 122, chunk 155, packet 144, +166 ms",
    "record 211, byte 222, chunk 255, packet 244, +266 ms",
];

#[test]
fn the_limit_decides_the_exit_code() {
    let p = judged();
    let only =
        |levels: &str| p.db().execute(&format!("DELETE FROM finding WHERE level NOT IN ({levels})"), []).unwrap();
    for (levels, codes) in [
        ("'error', 'warning', 'info'", [1, 1, 1, 0]),
        ("'warning', 'info'", [0, 1, 1, 0]),
        ("'info'", [0, 0, 1, 0]),
        ("''", [0; 4]),
    ] {
        only(levels);
        for (limit, code) in ["error", "warning", "info", "never"].into_iter().zip(codes) {
            p.want(code, &["check", "sniff.db", "--fail-on", limit]);
            p.want(code, &["report", "compliance", "--fail-on", limit]);
        }
        p.want(codes[0], &["check", "sniff.db"]);
        p.want(0, &["report", "compliance"]);
        // A file that cannot be read outweighs findings.
        p.want(2, &["check", "sniff.db", "absent.pcap", "--fail-on", "info"]);
    }
}

#[test]
fn levels_and_exceptions_apply_to_stored_findings() {
    let p = judged();
    let counts = |args: &[&str]| {
        let check = p.run(&[&["check", "sniff.db", "--format", "json", "--fail-on", "never"], args].concat());
        let report = p.run(&[&["report", "compliance", "--format", "json"], args].concat());
        let [check, report] = [check, report].map(|o| {
            let all: Value = serde_json::from_slice(&o.stdout).unwrap();
            ["errors", "warnings", "infos"].map(|k| all[k].as_i64().unwrap())
        });
        assert_eq!(check, report, "{args:?}");
        report
    };
    assert_eq!(counts(&[]), [1, 2, 2]);
    assert_eq!(counts(&["--allow", "SSE-002"]), [1, 0, 2]);
    assert_eq!(counts(&["--rule", "SSE-003=error"]), [3, 2, 0]);
    p.want(0, &["report", "compliance", "--fail-on", "error", "--allow", "HTTP-006"]);
    p.want(1, &["report", "compliance", "--fail-on", "error", "--rule", "HTTP-006=off", "--rule", "SSE-003=error"]);
    p.write("sniff.toml", "[levels]\nHTTP-006 = 'info'\n[[allow]]\nrules = ['SSE-003']\nhost = 'two.example'\n");
    assert_eq!(counts(&[]), [0, 2, 2]);
    p.want(0, &["report", "compliance", "--fail-on", "error"]);
}

#[test]
fn each_file_must_have_exchanges() {
    let p = judged();
    p.db().execute("VACUUM INTO ?1", [p.path("empty.db").to_str().unwrap()]).unwrap();
    let empty = rusqlite::Connection::open(p.path("empty.db")).unwrap();
    empty.execute_batch("PRAGMA foreign_keys = OFF; DELETE FROM exchange").unwrap();
    for files in [&["sniff.db", "empty.db"][..], &["empty.db", "sniff.db"], &["empty.db"]] {
        let (_, err) = p.want(2, &[&["check", "--fail-on", "never"], files].concat());
        assert!(err.contains("empty.db has no exchanges"), "{err}");
    }
}

#[test]
fn exchanges_of_a_capture_are_in_the_order_of_their_begin() {
    let p = Place::new();
    // The first one ends last.
    let slow = stream(0, "slow.example", "m", 9000);
    let mut frames: Vec<_> = [&slow, &stream(1, "h.example", "m", 7), &stream(2, "h.example", "m", 7)]
        .into_iter()
        .flat_map(|t| t.frames.clone())
        .collect();
    frames.sort_by_key(|(at, _)| *at);
    p.write("a.pcap", support::packets::pcap(&frames));
    let xml = p.run(&["check", "a.pcap", "--format", "junit", "--fail-on", "never"]).stdout;
    let xml = String::from_utf8(xml).unwrap();
    let names: Vec<&str> = xml.split(" name=\"#").skip(1).map(|n| &n[..1]).collect();
    assert_eq!(names, ["0", "1", "2"], "{xml}");
    // These packets have no checksums: with the option none of them counts.
    assert_eq!(p.out(&["check", "a.pcap", "--verify-checksums"]), "no exchanges: nothing to judge\n");
}

#[test]
fn sarif_has_each_level_and_place() {
    let log = judged().json(&["check", "sniff.db", "--format", "sarif", "--fail-on", "never"]);
    let run = &log["runs"][0];
    let results = run["results"].as_array().unwrap();
    let told: Vec<[&str; 3]> =
        results.iter().map(|r| ["ruleId", "level", "kind"].map(|k| r[k].as_str().unwrap_or_default())).collect();
    let (error, warning, note) = (["HTTP-006", "error", ""], ["SSE-002", "warning", ""], ["SSE-003", "note", ""]);
    assert_eq!(told, [error, warning, note, warning, note]);
    for (n, level) in ["error", "warning", "info"].into_iter().enumerate() {
        let (r, more) = (&results[n], 100 * n as i64);
        let text = format!("#1 POST /v1/chat/completions: {level} <here> & 100 % ({})", PLACES[n]);
        assert_eq!((&r["message"]["text"], &r["occurrenceCount"]), (&json!(text), &json!(33 + more)));
        let t_ns = T0 + (66 + more) * MS;
        let facts = json!({"exchange": 1, "record": 11 + more, "offset": 22 + more, "packet": 44 + more, "chunk": 55 + more, "t_ns": t_ns,
            "host": "one.example:8000", "status": 200, "dialect": "openai.chat", "verdict": "complete"});
        assert_eq!(r["properties"], facts);
        let logical = json!([{"name": "exchange 1", "kind": "object"}, {"name": format!("record {}", 11 + more), "kind": "element"}]);
        assert_eq!(r["locations"][0]["logicalLocations"], logical);
        let rule = &run["tool"]["driver"]["rules"][r["ruleIndex"].as_u64().unwrap() as usize];
        assert_eq!(rule["id"], r["ruleId"]);
    }
    assert_eq!(results[0]["locations"][0]["physicalLocation"]["region"]["snippet"]["text"], "be<fore ma|rk after");
    assert_eq!(results[1]["locations"][0]["physicalLocation"], json!({"artifactLocation": {"uri": "sniff.db"}}));
    // The rules' own levels, from the catalogue: an error, a warning and a note.
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    for rule in rules {
        let level = judged().json(&["explain", rule["id"].as_str().unwrap(), "--format", "json"])["level"]
            .as_str()
            .unwrap()
            .replace("info", "note");
        assert_eq!(rule["defaultConfiguration"]["level"], level);
    }
}

#[test]
fn annotations_have_each_level_and_place() {
    let out = judged().want(0, &["check", "sniff.db", "--format", "github", "--fail-on", "never"]).0;
    let lines: Vec<&str> = out.lines().collect();
    for (n, (command, level, title)) in [
        ("error", "error", "HTTP-006 missing-last-chunk"),
        ("warning", "warning", "SSE-002 data-without-space"),
        ("notice", "info", "SSE-003"),
    ]
    .into_iter()
    .enumerate()
    {
        let begin = format!("::{command} file=sniff.db,title={title}");
        let said = format!(
            "::#1 POST /v1/chat/completions: {level} <here> & 100 %25 ({}), {} times%0A",
            PLACES[n],
            33 + 100 * n
        );
        assert!(
            lines[n].starts_with(&begin) && lines[n].contains(&said) && lines[n].contains("%0Afix: "),
            "{begin}\n{said}\n{}",
            lines[n]
        );
    }
    assert!(lines[0].contains("%0Abe<fore ma|rk after%0Afix: "), "{}", lines[0]);
    assert_eq!(lines[3].split(' ').next(), Some("::warning"));
    assert_eq!(lines[5..], ["2 of 3 exchanges with 1 error, 2 warnings (2 info); worst: HTTP-006"]);
}

#[test]
fn junit_fails_from_the_limit_on_and_prints_the_rest() {
    let p = judged();
    for (limit, failures, first) in [
        ("error", [1, 0, 0], "HTTP-006: error &lt;here&gt; &amp; 100 %"),
        ("warning", [1, 1, 0], "HTTP-006: error &lt;here&gt; &amp; 100 % and 1 finding more"),
        ("info", [1, 1, 0], "HTTP-006: error &lt;here&gt; &amp; 100 % and 2 findings more"),
        ("never", [0, 0, 0], ""),
    ] {
        let o = p.run(&["check", "sniff.db", "--format", "junit", "--fail-on", limit]);
        let xml = String::from_utf8(o.stdout).unwrap();
        let n: i32 = failures.iter().sum();
        assert!(
            xml.contains(&format!("<testsuites name=\"sniff check\" tests=\"3\" failures=\"{n}\" errors=\"0\">")),
            "{xml}"
        );
        assert!(
            xml.contains(&format!(
                "<testsuite name=\"sniff.db\" tests=\"3\" failures=\"{n}\" errors=\"0\" skipped=\"0\">"
            )),
            "{xml}"
        );
        let cases: Vec<&str> = xml.split("<testcase ").skip(1).collect();
        for (n, (case, fails)) in cases.iter().zip(failures).enumerate() {
            assert!(
                case.starts_with(&format!("classname=\"sniff.db\" name=\"#{} POST /v1/chat/completions 200\">", n + 1)),
                "{case}"
            );
            assert_eq!(case.matches("<failure ").count(), fails as usize, "{limit}: {case}");
        }
        assert!(
            first.is_empty() || cases[0].contains(&format!("<failure type=\"HTTP-006\" message=\"{first}\">")),
            "{}",
            cases[0]
        );
        let printed = cases[0].split_once("<system-out>").map_or("", |(_, rest)| rest);
        let said = ["HTTP-006", "SSE-002", "SSE-003"].map(|rule| printed.contains(rule));
        let want = match limit {
            "error" => [false, true, true],
            "warning" => [false, false, true],
            "info" => [false; 3],
            _ => [true; 3],
        };
        assert_eq!(said, want, "{limit}: {printed}");
    }
}

#[test]
fn tables_and_documents_have_each_level_and_place() {
    let p = judged();
    let table = p.out(&["report", "compliance"]);
    let rows: Vec<Vec<&str>> = table.lines().skip(2).take(4).map(|l| l.split_whitespace().collect()).collect();
    assert_eq!(rows[1][..5], ["HTTP-006", "error", "1/3", "33", "#1"]);
    assert_eq!(rows[2][..5], ["SSE-002", "warning", "2/3", "166", "#1"]);
    assert_eq!(rows[3][..5], ["SSE-003", "info", "2/3", "366", "#1"]);
    for (n, (rule, level)) in
        [("HTTP-006", "error  "), ("SSE-002 ", "warning"), ("SSE-003 ", "info   ")].into_iter().enumerate()
    {
        let said = format!(
            "  {rule}  {level}  {} <here> & 100 % ({} times)\n    --> {}\n",
            level.trim(),
            33 + 100 * n,
            PLACES[n]
        );
        assert!(table.contains(&said), "{said}\n{table}");
        let markdown = p.out(&["report", "compliance", "--format", "markdown"]);
        let said = format!(
            "- **{}** {}, {} times: {} &lt;here&gt; &amp; 100 % ({})\n",
            rule.trim(),
            level.trim(),
            33 + 100 * n,
            level.trim(),
            PLACES[n]
        );
        assert!(markdown.contains(&said), "{said}\n{markdown}");
    }
    assert_eq!(table.lines().next(), Some("2 of 3 exchanges with 1 error, 2 warnings (2 info); worst: HTTP-006"));
    let all = p.json(&["report", "compliance", "--format", "json"]);
    assert_eq!(
        ["exchanges", "clean", "errors", "warnings", "infos"].map(|k| all[k].as_i64().unwrap()),
        [3, 1, 1, 2, 2]
    );
    let lines = p.out(&["check", "sniff.db", "--format", "jsonl", "--fail-on", "never"]);
    let second: Value = serde_json::from_str(lines.lines().nth(1).unwrap()).unwrap();
    let keys = [
        "file", "exchange", "host", "status", "dialect", "rule", "level", "record", "offset", "count", "t_ns",
        "packet", "chunk", "message",
    ];
    let want = json!([
        "sniff.db",
        1,
        "one.example:8000",
        200,
        "openai.chat",
        "SSE-002",
        "warning",
        111,
        122,
        133,
        T0 + 166 * MS,
        144,
        155,
        "warning <here> & 100 %"
    ]);
    assert_eq!(json!(keys.map(|k| second[k].clone())), want);
    let csv = p.out(&["report", "compliance", "--format", "csv"]);
    let rows: Vec<&str> = csv.split("\r\n").collect();
    assert_eq!(rows[0], "exchange,request,dialect,rule,level,record,offset,count,message");
    assert_eq!(rows[1], "1,POST /v1/chat/completions,openai.chat,HTTP-006,error,11,22,33,error <here> & 100 %");
    assert_eq!(rows[5], "2,POST /v1/chat/completions,openai.chat,SSE-003,info,111,122,133,info <here> & 100 %");
}

#[test]
fn csv_quotes_what_would_break_a_row() {
    let p = judged();
    for (model, cell) in [
        ("a\rb", "a\\u{d}b"),
        ("a\r\nb", "\"a\r\nb\""),
        ("a\nb", "\"a\nb\""),
        ("a,b", "\"a,b\""),
        ("a\"b", "\"a\"\"b\""),
        ("a b", "a b"),
    ] {
        p.db().execute("UPDATE exchange SET request_model = ?1", [model]).unwrap();
        let csv = p.out(&["list", "--format", "csv"]);
        assert!(csv.contains(&format!(",{cell},true,,,200,text/event-stream,")), "{model:?}: {csv:?}");
    }
}

/// Exchanges 1 to 150 of one model, 151 to 200 of another: each metric is a different multiple of the exchange's
/// number.
fn timed() -> Place {
    let p = Place::new();
    let all: Vec<Talk> =
        (1..=200).map(|n| stream(n, "h.example", if n <= 150 { "big" } else { "small" }, i64::from(n))).collect();
    p.record(&all.iter().collect::<Vec<_>>());
    let sql = "UPDATE exchange SET ttfb_ns = id * 2000000, ttft_ns = id * 3000000, tpot_ns = id * 5000000, duration_ns = id * 7000000,
        itl_p50_ns = 1, itl_p99_ns = 2, itl_max_ns = 3, ttft_content_ns = 4";
    p.db().execute(sql, []).unwrap();
    p
}

#[test]
fn latency_tells_each_percentile_of_each_metric() {
    let p = timed();
    let report = p.json(&["report", "latency", "--format", "json"]);
    // Nearest rank: of 150 values the 75th, 135th, 149th and last; of 50 the 25th, 45th, 50th; of 200 the 100th,
    // 180th, 198th.
    let spans = |n: i64, ranks: [i64; 4], by: i64, stats: &Value| {
        let [p50, p90, p99, max] = ranks.map(|r| (r * by) as f64);
        let want = json!({"n": n, "p50": p50, "p90": p90, "p99": p99, "max": max});
        let have = ["n", "p50", "p90", "p99", "max"].map(|k| (k, stats[k].clone()));
        assert_eq!(serde_json::Map::from_iter(have.map(|(k, v)| (k.to_owned(), v))), *want.as_object().unwrap());
        // The values are n successive numbers times `by`: the first, the middle, and √(n(n + 1)/12).
        let (last, count) = (ranks[3] as f64, n as f64);
        let mean = (last - (count - 1.0) / 2.0) * by as f64;
        let sd = (count * (count + 1.0) / 12.0).sqrt() * by as f64;
        for (name, want) in [("min", (last - count + 1.0) * by as f64), ("mean", mean), ("sd", sd)] {
            assert!((stats[name].as_f64().unwrap() - want).abs() < 1e-9, "{name}: {stats}, not {want}");
        }
    };
    let groups = [
        (
            &report["groups"][0],
            json!(["openai.chat", "big", "h.example:8000", 150]),
            150,
            [75, 135, 149, 150],
            [76, 16, 2, 1],
        ),
        (
            &report["groups"][1],
            json!(["openai.chat", "small", "h.example:8000", 50]),
            50,
            [175, 195, 200, 200],
            [176, 156, 151, 151],
        ),
        (&report["overall"], json!([null, null, null, 200]), 200, [100, 180, 198, 200], [101, 21, 3, 1]),
    ];
    for (group, names, n, ranks, slowest) in groups {
        assert_eq!(json!(["dialect", "model", "host", "exchanges"].map(|k| group[k].clone())), names);
        for (name, by) in [("ttfb_ms", 2), ("ttft_ms", 3), ("itl_ms", 1), ("tpot_ms", 5), ("duration_ms", 7)] {
            spans(n, ranks, by, &group[name]);
        }
        let rate = |id: i64| 1e9 / (id * 5_000_000) as f64;
        for (name, id) in ["p50", "p90", "p99", "max"].into_iter().zip(slowest) {
            let have = group["tokens_per_s"][name].as_f64().unwrap();
            assert!((have - rate(id)).abs() < 1e-9, "{name}: {have}");
        }
        assert_eq!(group["tokens_per_s"]["n"], n);
    }
}

#[test]
fn latency_as_text_table_and_lines() {
    let p = timed();
    let big = [
        ["TTFB", "150", "150 ms", "270 ms", "298 ms", "300 ms"],
        ["TTFT", "150", "225 ms", "405 ms", "447 ms", "450 ms"],
        ["ITL", "150", "75.0 ms", "135 ms", "149 ms", "150 ms"],
        ["TPOT", "150", "375 ms", "675 ms", "745 ms", "750 ms"],
        ["Duration", "150", "525 ms", "945 ms", "1.04 s", "1.05 s"],
        ["Tokens/s", "150", "2.6", "12.5", "100.0", "200.0"],
    ];
    let text = p.out(&["report", "latency"]);
    let lines: Vec<Vec<String>> = text
        .lines()
        .map(|l| l.split("  ").map(str::trim).filter(|c| !c.is_empty()).map(str::to_owned).collect())
        .collect();
    assert_eq!(lines[0], ["200 exchanges, 200 streamed in 3 min 19 s, 0 failed (0.0 %)"]);
    let at = |name: &str| lines.iter().position(|l| l.first().is_some_and(|cell| cell == name)).expect(name);
    let block = at("openai.chat · big · h.example:8000 · streamed");
    assert_eq!(lines[block][1], "150 exchanges, 1.01/s");
    assert_eq!(lines[block + 1], ["status 200 ×150 · verdict complete ×150 · finish reason none ×150"]);
    let titles = &lines[block + 2];
    let figure = |row: &[String], title: &str| row[1 + titles.iter().position(|t| t == title).expect(title)].clone();
    for (n, want) in big.iter().enumerate() {
        let row = lines[block + 3..].iter().find(|l| l[0] == want[0]).expect(want[0]);
        let have = ["n", "p50", "p90", "p99", "max"].map(|title| figure(row, title));
        assert_eq!(have[..], want[1..], "{n}");
    }
    let total = at("All exchanges");
    let row = lines[total..].iter().find(|l| l[0] == "TTFB").unwrap();
    let have = ["n", "p50", "p90", "p99", "max"].map(|title| figure(row, title));
    assert_eq!(have, ["200", "200 ms", "360 ms", "396 ms", "400 ms"]);
    assert!(at("openai.chat · small · h.example:8000 · streamed") > block);
    let narrow = String::from_utf8(p.command(&["report", "latency"]).env("COLUMNS", "80").output().unwrap().stdout);
    assert!(narrow.unwrap().lines().all(|l| l.chars().count() <= 80));
    let csv = p.out(&["report", "latency", "--format", "csv"]);
    let rows: Vec<&str> = csv.split("\r\n").collect();
    assert_eq!(rows[0], "dialect,model,host,metric,n,p50,p90,p99,max,min,mean,sd,p95,p99.9,streamed");
    // Numbers: ms, and tokens per second.
    let cells: Vec<&str> = rows[1].split(',').collect();
    assert_eq!(
        cells[..10],
        ["openai.chat", "big", "h.example:8000", "ttfb_ms", "150", "150", "270", "298", "300", "2"]
    );
    assert_eq!(cells.last(), Some(&"true"));
    let total = rows.iter().find(|row| row.starts_with("(all),(all),(all),ttfb_ms")).unwrap();
    assert!(total.starts_with("(all),(all),(all),ttfb_ms,200,200,360,396,400,2,"), "{total}");
    let markdown = p.out(&["report", "latency", "--format", "markdown"]);
    let rows: Vec<&str> = markdown.lines().collect();
    let head =
        "| Dialect | Model | Host | Metric | n | p50 | p90 | p99 | max | min | mean | sd | p95 | p99.9 | Streamed |";
    assert_eq!(rows[0], head);
    for want in big {
        let row = format!("| openai.chat | big | h.example:8000 | {} |", want.join(" | "));
        assert!(rows.iter().any(|have| have.starts_with(&row)), "{row}\n{markdown}");
    }
}
