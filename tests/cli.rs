//! The program as scripts use it: exit codes, messages, formats, a closed pipe, several processes that use one
//! database.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use serde_json::Value;
use sniff::conn::Direction::{ToClient, ToServer};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use support::packets::{Talk, pcap};

const T0: i64 = 1_795_390_276_000_000_000;

/// A temporary folder, and the program run in it.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> &Place {
        std::fs::write(self.path(name), bytes).unwrap();
        self
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sniff"));
        command.args(args).current_dir(self.0.path());
        for variable in ["SNIFF_DB", "SSLKEYLOGFILE", "COLUMNS", "NO_COLOR"] {
            command.env_remove(variable);
        }
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs the program, expects this exit code and returns both outputs.
    fn want(&self, code: i32, args: &[&str]) -> (String, String) {
        let o = self.run(args);
        let text = |b: &[u8]| String::from_utf8(b.to_vec()).unwrap();
        let (out, err) = (text(&o.stdout), text(&o.stderr));
        assert_eq!(o.status.code(), Some(code), "{args:?}\n{out}\n{err}");
        assert!(!err.contains("panicked"), "{err}");
        (out, err)
    }

    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.want(0, args).0).unwrap()
    }
}

const REQUEST: &str = "POST /v1/x?key=s3cret HTTP/1.1\r\nHost: api.example\r\nAuthorization: Bearer \
    abc\r\nContent-Type: application/json\r\n\
    Content-Length: 28\r\n\r\n{\"model\":\"m\",\"stream\":true }\n";
const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

fn chunk(data: &str) -> String {
    format!("{:x}\r\n{data}\r\n", data.len())
}

/// `n` streamed answers on one connection, one second apart; the server may cut the last one.
fn capture(n: usize, cut: bool) -> Vec<u8> {
    let mut talk = Talk::open(T0);
    for i in 0..n {
        talk.now = T0 + i as i64 * 1_000_000_000;
        talk.data(ToServer, REQUEST.as_bytes(), 1460);
        let mut say = |text: &str| {
            talk.now += 10_000_000;
            talk.data(ToClient, text.as_bytes(), 1460);
        };
        say(HEAD);
        say(&chunk("data: one\n\n"));
        say(&chunk("data: two\n\ndata: three\n\n"));
        if cut && i + 1 == n {
            say("ff\r\ndata: ne");
        } else {
            say("0\r\n\r\n");
        }
    }
    talk.fin(ToClient);
    talk.fin(ToServer);
    pcap(&talk.frames)
}

#[test]
fn record_then_list_in_every_format() {
    let p = Place::new();
    p.write("a.pcap", &capture(2, false));
    let (out, err) = p.want(0, &["--read", "a.pcap"]);
    assert_eq!(out, ""); // data only on standard output, and there is none
    assert!(
        err.contains("2 exchanges") && err.contains("session 1 in sniff.db") && err.contains("sniff list"),
        "{err}"
    );
    let list = p.json(&["list", "--format", "json"]);
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 2);
    let x = &list[0];
    assert_eq!((x["id"].as_i64(), x["session"].as_i64(), x["stream"].as_i64()), (Some(1), Some(1), Some(0)));
    assert_eq!((&x["client_ip"], &x["server_port"]), (&Value::from("10.0.0.1"), &Value::from(8000)));
    assert!(x["request"]["path"].as_str().unwrap().starts_with("/v1/x?key=[redacted"), "{x:#}");
    assert_eq!(x["response"]["chunks"], 2);
    assert_eq!(x["response"]["transfer"], "chunked");
    assert_eq!(x["response"]["framing"], "sse");
    assert_eq!(x["response"]["records"], 3);
    assert_eq!((&x["response"]["complete"], &x["response"]["cut_by"]), (&Value::from(true), &Value::Null));
    assert_eq!(x["tcp"]["handshake_seen"], true);
    let lines = p.want(0, &["list", "--format", "jsonl"]).0;
    assert_eq!(lines.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()).collect::<Vec<_>>(), *list);
    let csv = p.want(0, &["list", "--format", "csv"]).0;
    assert!(
        csv.starts_with("id,session,stream,h2_stream,tls,sni,alpn,client_ip,client_port,") && csv.lines().count() == 3
    );
    let markdown = p.want(0, &["list", "--format", "markdown"]).0;
    assert!(markdown.starts_with("| ID |") && markdown.lines().count() == 4);
    let table = p.want(0, &["list"]).0;
    assert!(
        table.lines().count() == 3
            && table.contains("POST /v1/x?key")
            && !table.contains("s3cret")
            && table.contains("api.example:8000")
            && !table.contains('\u{1b}'),
        "{table}"
    );
    assert!(p.want(0, &["list", "--color", "always"]).0.contains("\u{1b}["));
}

fn confided(key: &str) -> String {
    format!(
        r#"{{"model":"m","tools":[{{"type":"mcp","headers":{{"Authorization":"Bearer {key}"}}}}],"api_key":"{key}"}}"#
    )
}

/// One request with secrets in every place where they are known to be; the answer quotes none of them.
fn confiding(key: &str) -> Vec<u8> {
    let body = confided(key);
    let head = format!(
        "POST /v1/x?key={key} HTTP/1.1\r\nHost: api.example\r\nAuthorization: Bearer {key}\r\nx-api-key: \
            {key}\r\nCookie: sid={key}\r\n\
         Proxy-Authorization: Basic {key}\r\nbroken {key} line\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut talk = Talk::open(T0);
    talk.data(ToServer, head.as_bytes(), 1448);
    // The key in the body is split over two packets.
    let (a, b) = body.as_bytes().split_at(body.len() - 9);
    talk.data(ToServer, a, 1448);
    talk.data(ToServer, b, 1448);
    talk.data(ToClient, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: sid=", 1448);
    talk.data(ToClient, format!("{key}; Path=/\r\n\r\nok").as_bytes(), 1448);
    pcap(&talk.frames)
}

#[test]
fn secrets_do_not_get_into_the_database() {
    let p = Place::new();
    for (name, key) in [("a", "sk-0123456789abcdef"), ("b", "sk-0123456789abcdef"), ("c", "sk-another0key0here")] {
        p.write(&format!("{name}.pcap"), &confiding(key)).want(0, &["-q", "--read", &format!("{name}.pcap")]);
    }
    let stored = support::stored::bytes(p.path("sniff.db"));
    for secret in ["sk-0123456789", "89abcdef", "sk-another", "key0here"] {
        let at = stored.windows(secret.len()).position(|w| w == secret.as_bytes());
        assert_eq!(
            at.map(|at| String::from_utf8_lossy(&stored[at.saturating_sub(60)..at + 30]).into_owned()),
            None,
            "{secret}"
        );
    }
    let mark = |id: &str| {
        let shown = p.json(&["show", id, "--reveal", "--format", "json"]);
        let headers = shown["request"]["headers"].as_array().unwrap().clone();
        headers.iter().find(|h| h["name"] == "x-api-key").unwrap()["value"].as_str().unwrap().to_owned()
    };
    assert!(mark("1").starts_with("[redacted, 19 bytes, "), "{}", mark("1"));
    assert_eq!(mark("1"), mark("2"), "equal keys can be told");
    assert_ne!(mark("1"), mark("3"));
    let db = rusqlite::Connection::open(p.path("sniff.db")).unwrap();
    let body: String = db
        .query_row("SELECT CAST(data AS TEXT) FROM segment WHERE exchange_id = 1 AND side = 0", [], |r| r.get(0))
        .unwrap();
    assert_eq!(body.len(), confided("sk-0123456789abcdef").len(), "bodies keep their length");
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["model"], "m", "and stay what they are: {body}");

    p.want(0, &["-q", "--db", "kept.db", "--store-secrets", "--read", "a.pcap"]);
    let kept = support::stored::bytes(p.path("kept.db"));
    assert!(kept.windows(13).any(|w| w == b"sk-0123456789"));
    let shown = p.json(&["show", "1", "--db", "kept.db", "--format", "json"]);
    let head = format!("{} {} {}", shown["request"]["path"], shown["request"]["headers"], shown["response"]["headers"]);
    // A line that is not a field is not secret by its name.
    assert!(!head.contains("sk-0123456789"), "shown without secrets nevertheless: {head}");
}

#[test]
fn the_flat_names_are_those_of_the_view() {
    let p = Place::new();
    p.write("a.pcap", &capture(1, false)).want(0, &["-q", "--read", "a.pcap"]);
    let header = p.want(0, &["list", "--format", "csv"]).0.lines().next().unwrap().to_owned();
    let db = rusqlite::Connection::open(p.path("sniff.db")).unwrap();
    let statement = db.prepare("SELECT * FROM v_exchanges").unwrap();
    assert_eq!(header, statement.column_names().collect::<Vec<_>>().join(","));
    let kinds: String =
        db.query_row("SELECT group_concat(n || ':' || len, ' ') FROM v_chunks", [], |r| r.get(0)).unwrap();
    assert_eq!(kinds, "0:11 1:24");
}

#[test]
fn quiet_says_nothing_and_show_hides_secrets() {
    let p = Place::new();
    p.write("a.pcap", &capture(1, false));
    assert_eq!(p.want(0, &["-q", "--store-secrets", "--read", "a.pcap"]).1, "");
    for format in ["table", "json", "jsonl", "csv", "markdown"] {
        let (out, _) = p.want(0, &["show", "1", "--format", format]);
        assert!(!out.contains("s3cret") && !out.contains("Bearer abc"), "{format}: {out}");
    }
    let shown = p.json(&["show", "last", "--reveal", "--format", "json"]);
    assert_eq!(shown["request"]["headers"][1], serde_json::json!({"name": "Authorization", "value": "Bearer abc"}));
    let chunks: Vec<_> = shown["chunks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| (c["n"].as_i64(), c["t_ns"].as_i64(), c["len"].as_i64()))
        .collect();
    assert_eq!(chunks, [(Some(0), Some(T0 + 20_000_000), Some(11)), (Some(1), Some(T0 + 30_000_000), Some(24))]);
    let records: Vec<_> =
        shown["records"].as_array().unwrap().iter().map(|r| (r["start"].as_i64(), r["end"].as_i64())).collect();
    assert_eq!(records, [(Some(0), Some(11)), (Some(11), Some(22)), (Some(22), Some(35))]);
    assert!(p.want(2, &["show", "99"]).1.contains("no exchange 99"));
}

#[test]
fn check_judges_and_leaves_nothing_behind() {
    let p = Place::new();
    p.write("good.pcap", &capture(1, false)).write("bad.pcap", &capture(2, true));
    let (out, _) = p.want(1, &["check", "bad.pcap"]);
    assert!(out.contains("HTTP-006") && out.contains("bad.pcap #1"), "{out}");
    p.want(0, &["check", "bad.pcap", "--fail-on", "never"]);
    p.want(0, &["check", "good.pcap"]);
    let report = p.json(&["check", "--fail-on", "never", "bad.pcap", "good.pcap", "--format", "json"]);
    assert_eq!(report["exchanges"], 3);
    assert!(report["cases"][0]["findings"][0]["rule"].is_string());
    let (out, err) = p.want(2, &["check", "good.pcap", "absent.pcap"]);
    assert!(err.contains("absent.pcap") && out.contains("1 exchange"), "{out}{err}");
    assert!(
        p.want(2, &["check", "good.pcap", "--format", "csv"])
            .1
            .contains("expected one of table, json, jsonl, markdown")
    );
    assert!(!p.path("sniff.db").exists());
}

#[test]
fn reports_and_their_exit_codes() {
    let p = Place::new();
    p.write("bad.pcap", &capture(3, true)).want(0, &["-q", "--read", "bad.pcap"]);
    let (out, _) = p.want(0, &["report", "compliance"]);
    assert!(out.contains("HTTP-006") && out.contains("1/3") && out.starts_with("1 of 3"), "{out}");
    p.want(1, &["report", "compliance", "--fail-on", "error"]);
    let latency = p.json(&["report", "latency", "--format", "json"]);
    assert_eq!(latency["overall"]["exchanges"], 3);
    for format in ["table", "jsonl", "csv", "markdown"] {
        assert!(p.want(0, &["report", "latency", "--format", format]).0.contains(match format {
            "jsonl" | "csv" => "ttfb_ms",
            _ => "TTFB",
        }));
        assert!(p.want(0, &["report", "compliance", "--format", format]).0.contains("HTTP"));
    }
}

#[test]
fn what_cannot_be_read_is_exit_two_with_the_reason() {
    let p = Place::new();
    let linktype = |n: u8| {
        let mut file = capture(1, false);
        file[20] = n;
        file
    };
    p.write("empty.pcap", &capture(0, false)[..24])
        .write("text.pcap", b"this is not a capture")
        .write("link.pcap", &linktype(147));
    let error = |args: &[&str], words: &str| {
        let (out, err) = p.want(2, args);
        assert!(err.contains(words) && out.is_empty(), "{args:?}: {err}");
    };
    error(&["--read", "empty.pcap"], "contains no packets");
    error(&["--read", "text.pcap"], "text.pcap");
    error(&["--read", "absent.pcap"], "absent.pcap");
    assert!(!p.path("sniff.db").exists(), "a file that gives nothing leaves no database");
    error(&["--read", "link.pcap"], "link type 147");
    error(&["list", "--db", "absent.db"], "no database absent.db");
    error(&["--read", "empty.pcap", "--iface", "lo"], "cannot be used with");
    error(&["list", "--frobnicate"], "--frobnicate");
    error(&["explain", "NOPE-999"], "no rule");
    p.write("a.pcap", &capture(1, false));
    error(&["--read", "a.pcap", "--db", "absent/x.db"], "absent/x.db");
    error(&["--read", "a.pcap", "--format", "json"], "afterwards: sniff list --format json");
    p.want(0, &["-q", "--read", "a.pcap"]);
    error(&["list", "--format", "html"], "expected one of table, json, jsonl, csv, markdown");
    error(&["list", "--since", "yesterday"], "expected a time");
    assert_eq!(p.run(&[]).status.code(), Some(2));
}

#[test]
fn a_truncated_file_is_a_warning() {
    let p = Place::new();
    let whole = capture(2, false);
    p.write("cut.pcap", &whole[..whole.len() - 20]);
    let (_, err) = p.want(0, &["--read", "cut.pcap"]);
    assert!(err.contains("warning") && err.contains("cut.pcap"), "{err}");
    assert_eq!(p.json(&["list", "--format", "json"]).as_array().unwrap().len(), 2);
}

#[test]
fn a_closed_pipe_is_success() {
    let p = Place::new();
    p.write("a.pcap", &capture(2000, true)).want(0, &["-q", "--read", "a.pcap"]);
    for args in [
        &["list"][..],
        &["list", "--format", "json"],
        &["report", "compliance", "--format", "jsonl"],
        &["explain", "--format", "json"],
    ] {
        let mut child = p.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        BufReader::with_capacity(16, child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn output_goes_to_a_file_and_the_database_comes_from_the_environment() {
    let p = Place::new();
    p.write("a.pcap", &capture(1, false));
    let recorded = p.command(&["-q", "--read", "a.pcap"]).env("SNIFF_DB", "other.db").status().unwrap();
    assert!(recorded.success() && p.path("other.db").exists() && !p.path("sniff.db").exists());
    let (out, _) = p.want(0, &["list", "--db", "other.db", "--format", "json", "-o", "list.json"]);
    assert_eq!(out, "");
    let list: Value = serde_json::from_slice(&std::fs::read(p.path("list.json")).unwrap()).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 1);
}

#[test]
fn a_command_that_fails_leaves_the_file_of_its_output_alone() {
    let p = Place::new();
    p.write("a.pcap", &capture(2, false)).want(0, &["-q", "--read", "a.pcap"]);
    for args in [
        &["check", "absent.pcap", "-o", "k.csv"][..],
        &["report", "delivery", "--format", "csv", "-o", "k.csv"],
        &["export", "--session", "1", "--format", "csv", "-o", "k.csv"],
        &["export", "--session", "1", "--format", "wire", "-o", "k.csv"],
        &["show", "1", "--play", "--speed", "0", "-o", "k.csv"],
    ] {
        p.write("k.csv", b"keep\n").want(2, args);
        assert_eq!(std::fs::read(p.path("k.csv")).unwrap(), b"keep\n", "{args:?}");
    }
    let (_, err) = p.want(2, &["export", "--session", "1", "--format", "csv"]);
    assert!(err.contains("csv holds one exchange, but 2 are selected"), "{err}");
    p.want(0, &["list", "--format", "csv", "-o", "k.csv"]);
    assert_eq!(std::fs::read_to_string(p.path("k.csv")).unwrap().lines().count(), 3);
    let left: Vec<_> = std::fs::read_dir(p.0.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .filter(|n| n.to_string_lossy().contains("part"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    // A path that cannot be replaced is written to directly.
    p.want(0, &["list", "-o", "/dev/null"]);
}

/// Capturing needs a privilege that this process drops. Users copy commands from the message.
#[test]
#[cfg(feature = "live")]
fn who_may_not_capture_is_told_what_to_type() {
    use std::os::unix::process::CommandExt;
    let p = Place::new();
    let mut command = p.command(&["--iface", "lo"]);
    // SAFETY: prctl(2) is async-signal-safe; without the privilege to drop any, there is nothing to drop.
    unsafe {
        command.pre_exec(|| {
            const CAP_NET_RAW: libc::c_ulong = 13;
            libc::prctl(libc::PR_CAPBSET_DROP, CAP_NET_RAW);
            Ok(())
        })
    };
    let out = command.output().unwrap();
    let err = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(2), "{err}");
    let lines: Vec<&str> = err.lines().collect();
    let program = env!("CARGO_BIN_EXE_sniff");
    assert!(lines[0].starts_with("sniff: error: capturing on lo is not permitted ("), "{err}");
    assert_eq!(lines[1], format!("  grant it once    sudo setcap cap_net_raw+ep {program}"));
    assert_eq!(lines[2], format!("  or run as root   sudo {program} --iface lo"));
    assert_eq!(lines.len(), 3, "{err}");
}

#[test]
#[ignore = "needs root"]
#[cfg(feature = "live")]
fn a_live_recording_waits_for_its_key_log_and_has_read_packets() {
    let p = Place::new();
    let out = p.run(&["--iface", "lo", "--filter", "tcp port 9", "--duration", "300ms", "--keylog", "later.txt"]);
    let err = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(0), "{err}");
    assert!(err.contains("the key log later.txt does not exist yet"), "{err}");
    assert!(err.contains("0 packets (0 B), 0 connections, 0 exchanges"), "{err}");
    // A file is read once, so the program does not wait for its key log.
    p.write("a.pcap", &capture(1, false));
    for args in [&["--read", "a.pcap", "--keylog", "later.txt"][..], &["check", "a.pcap", "--keylog", "later.txt"]] {
        assert!(p.want(2, args).1.contains("key log later.txt"), "{args:?}");
    }
}

#[test]
fn a_recording_that_cannot_carry_a_fault_is_played_unchanged() {
    let p = Place::new();
    let mut talk = Talk::open(T0);
    talk.data(ToServer, b"GET /plain HTTP/1.1\r\nHost: x\r\n\r\n", 1460);
    talk.data(ToClient, b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", 1460);
    p.write("stream.pcap", &capture(1, false)).write("plain.pcap", &pcap(&talk.frames));
    p.want(0, &["-q", "--read", "stream.pcap"]);
    p.want(0, &["-q", "--read", "plain.pcap"]);
    let (_, err) = p.want(2, &["replay", "2", "--fault", "stall=3:1500ms"]);
    assert!(
        err.contains("the fault fits no recording: stall=3:1500ms does not fit exchange 2: it has fewer records"),
        "{err}"
    );

    let mut server = p.command(&["replay", "--speed", "max", "--fault", "bom"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(server.stderr.take().unwrap());
    let mut line = || {
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        line
    };
    assert_eq!(line(), "sniff: bom does not fit exchange 2: it is not an event stream; it is played unchanged\n");
    let ready = line();
    let address = ready.split("http://").nth(1).unwrap().split_whitespace().next().unwrap();
    assert!(ready.contains("2 exchanges"), "{ready}");
    for (path, status) in [("/plain", "200"), ("/other", "404")] {
        let mut socket = std::net::TcpStream::connect(address).unwrap();
        socket.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
        let mut answer = [0; 12];
        socket.read_exact(&mut answer).unwrap();
        assert_eq!(std::str::from_utf8(&answer).unwrap(), format!("HTTP/1.1 {status}"));
    }
    // SAFETY: kill(2) with the pid of a child that has not been waited for.
    unsafe { libc::kill(server.id() as i32, libc::SIGINT) };
    assert!(server.wait().unwrap().success());
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("1 request without a recording") && !rest.contains(" late"), "{rest}");
}

#[test]
fn each_file_is_a_session_in_the_order_given() {
    let p = Place::new();
    p.write("b.pcap", &capture(2, false))
        .write("a.pcap", &capture(1, false))
        .write("text.pcap", b"this is not a capture");
    p.want(0, &["-q", "--read", "b.pcap", "a.pcap"]);
    p.want(0, &["-q", "--read", "a.pcap", "--read", "b.pcap"]);
    // The other files are read nevertheless.
    let (_, err) = p.want(2, &["-q", "--read", "text.pcap", "a.pcap"]);
    assert!(err.contains("text.pcap"), "{err}");
    let db = rusqlite::Connection::open(p.path("sniff.db")).unwrap();
    let sql = "SELECT group_concat(id || ' ' || source || ' ' || json_extract(options, '$.read') || ' ' || (SELECT \
        count(*) FROM exchange WHERE session = session.id), ', ') FROM session";
    let sessions: String = db.query_row(sql, [], |r| r.get(0)).unwrap();
    assert_eq!(
        sessions,
        "1 b.pcap b.pcap 2, 2 a.pcap a.pcap 1, 3 a.pcap a.pcap 1, 4 b.pcap b.pcap 2, 5 a.pcap a.pcap 1"
    );
}

#[test]
fn the_limits_of_a_session_are_json() {
    let p = Place::new();
    std::fs::write(p.path("sniff.toml"), "[limits]\nstall = \"7s\"\n").unwrap();
    p.write("a.pcap", &capture(1, false)).want(0, &["-q", "--read", "a.pcap", "--hole-acked", "250ms", "--tail", "3s"]);
    let db = rusqlite::Connection::open(p.path("sniff.db")).unwrap();
    let options: String = db.query_row("SELECT options FROM session", [], |r| r.get(0)).unwrap();
    let limits = &serde_json::from_str::<Value>(&options).unwrap()["limits"];
    let number = |name: &str| limits[name].as_f64();
    assert_eq!(
        (number("hole_acked_ms"), number("hole_bytes"), number("stall_ms"), number("tail_ms")),
        (Some(250.0), Some(4194304.0), Some(7000.0), Some(3000.0))
    );
    assert_eq!((&limits["verify_checksums"], limits.as_object().unwrap().len()), (&Value::from(false), 18));
}

#[test]
fn the_next_command_names_the_database() {
    let p = Place::new();
    p.write("a.pcap", &capture(1, false));
    let next = |args: &[&str]| p.want(0, args).1.trim_end().rsplit("next: ").next().unwrap().to_owned();
    assert_eq!(next(&["--read", "a.pcap"]), "sniff list --session 1");
    assert_eq!(next(&["--read", "a.pcap", "--db", "b.db"]), "sniff list --db b.db --session 1");
    p.want(0, &["export", "1", "-o", "a.har"]);
    assert_eq!(next(&["import", "har", "a.har"]), "sniff list --session 2");
    assert_eq!(next(&["import", "har", "a.har", "--db", "b.db"]), "sniff list --db b.db --session 2");
}

#[test]
fn a_newer_database_is_refused_untouched() {
    let p = Place::new();
    p.write("a.pcap", &capture(1, false)).want(0, &["-q", "--read", "a.pcap"]);
    rusqlite::Connection::open(p.path("sniff.db")).unwrap().pragma_update(None, "user_version", 999).unwrap();
    let before = std::fs::read(p.path("sniff.db")).unwrap();
    for args in [&["--read", "a.pcap"][..], &["list"], &["show", "1"], &["report", "latency"]] {
        let (_, err) = p.want(2, args);
        assert!(err.contains("newer sniff"), "{err}");
    }
    assert_eq!(std::fs::read(p.path("sniff.db")).unwrap(), before);
}

/// A recording from a pipe that stays open: other processes see its exchanges meanwhile, and a signal ends it
/// normally.
fn others_read_while(p: &Place, read: &str, open: impl FnOnce(&mut std::process::Child) -> Box<dyn Write>) {
    let file = capture(3, false);
    let mut child = p.command(&["-q", "--read", read]).stdin(Stdio::piped()).spawn().unwrap();
    let mut pipe = open(&mut child);
    pipe.write_all(&file[..file.len() - 100]).unwrap();
    pipe.flush().unwrap();
    let mut seen = 0;
    // Far more tries than needed: only a recording that hangs reaches the end.
    for _ in 0..400 {
        std::thread::sleep(std::time::Duration::from_millis(50));
        assert!(child.try_wait().unwrap().is_none(), "the recording ended by itself");
        let listed = p.run(&["list", "--format", "json"]).stdout;
        seen = serde_json::from_slice::<Value>(&listed).map_or(0, |v| v.as_array().map_or(0, Vec::len));
        if seen >= 2 {
            break;
        }
    }
    // SAFETY: kill(2) with the pid of a child that has not been waited for.
    unsafe { libc::kill(child.id() as i32, libc::SIGTERM) };
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(!p.path("sniff.db-wal").exists(), "the log is folded back");
    drop(pipe);
    assert!(seen >= 2, "no other reader could see the finished exchanges");
    assert!(p.json(&["list", "--format", "json"]).as_array().unwrap().len() >= 2);
}

#[test]
fn others_read_while_a_named_pipe_is_recorded_and_a_signal_ends_it() {
    let p = Place::new();
    assert!(Command::new("mkfifo").arg(p.path("fifo")).status().unwrap().success());
    let fifo = p.path("fifo");
    others_read_while(&p, "fifo", move |_| Box::new(std::fs::OpenOptions::new().write(true).open(fifo).unwrap()));
}

#[test]
fn others_read_while_standard_input_is_recorded_and_a_signal_ends_it() {
    others_read_while(&Place::new(), "-", |child| Box::new(child.stdin.take().unwrap()));
}

/// `proxy` and `run` read no packets: they do not have the options of reassembly, and to give one is an error that
/// says so.
#[test]
#[cfg(feature = "proxy")]
fn what_reads_no_packets_has_no_options_of_reassembly() {
    let p = Place::new();
    let bounds =
        ["hole-acked", "hole-timeout", "hole-bytes", "hole-segments", "idle", "connections", "verify-checksums"];
    let offers = |help: &str, option: &str| help.split_whitespace().any(|word| word == format!("--{option}"));
    for command in ["proxy", "run"] {
        let (help, _) = p.want(0, &[command, "--help"]);
        for option in bounds {
            assert!(!offers(&help, option), "{command} --help offers --{option}");
            let (_, said) = p.want(2, &[command, &format!("--{option}=1s"), "--", "true"]);
            assert!(said.contains(&format!("--{option}")), "{command}: {said}");
        }
        assert!(
            offers(&help, "stall") && offers(&help, "tokens-per-delta") && offers(&help, "memory"),
            "{command} keeps the thresholds of its rules, and the bound of what is held"
        );
    }
    for command in [&["--help"][..], &["check", "--help"]] {
        let (help, _) = p.want(0, command);
        assert!(bounds.iter().chain(&["memory"]).all(|option| offers(&help, option)), "{command:?}");
    }
}
