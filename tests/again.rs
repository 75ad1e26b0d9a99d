//! Recorded exchanges are reproduced completely: from the store, and by a replay over a socket.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use sniff::analyzer::{Analyzed, Analyzer, Options, Output, Reassembly};
use sniff::conformance::{self, Limits};
use sniff::conn::ConnId;
use sniff::exchange::Body;
use sniff::exchange::{Exchange, ExchangeId};
use sniff::internal::http::event::{MessageEnd, Transfer, Version};
use sniff::internal::pipeline::exchanges_of;
use sniff::internal::replay::matching::{Asked, Repeat};
use sniff::internal::replay::{Book, MatchBy, Pace, Script};
use sniff::internal::store::{Reader, Secrets, Selector, Session, Writer};
use sniff::internal::wire;
use sniff::time::Timestamp;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use support::replay_server::Replay;

/// Every capture of the project: the cases and the real captures.
fn captures() -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = support::cases()
        .iter()
        .flat_map(|c| std::fs::read_dir(c).expect("case"))
        .map(|e| e.expect("entry").path())
        .collect();
    all.extend(std::fs::read_dir(support::real()).expect("captures/real").map(|e| e.expect("entry").path()));
    all.retain(|p| p.extension().is_some_and(|e| e == "wire" || e == "pcap" || e == "pcapng"));
    all.sort();
    assert!(all.len() > 20, "only {} captures", all.len());
    all
}

fn transcript(path: &Path) -> Option<wire::Transcript> {
    path.extension().filter(|e| *e == "wire")?;
    Some(wire::parse(&std::fs::read_to_string(path).expect("text")).expect("a transcript"))
}

fn exchanges(path: &Path) -> Vec<Exchange> {
    match transcript(path) {
        Some(transcript) => exchanges_of(|sink| transcript.replay(ConnId(0), sink)),
        None => support::read::read(path).exchanges,
    }
}

fn finished(exchange: Exchange) -> Output {
    Output::Exchange(Box::new(Analyzed::new(exchange, &Limits::default())))
}

/// Everything about an exchange except its number, which the database assigns anew.
fn all_of(exchange: &Exchange) -> String {
    format!("{:#?}", Exchange { id: ExchangeId(0), ..exchange.clone() })
}

/// Writes the messages to a database and reads the exchanges back.
fn through_the_store(messages: Vec<Output>) -> Vec<Exchange> {
    stored(messages, |reader, id| reader.exchange(id).unwrap())
}

/// Written, and what the reader gives for each exchange.
fn stored<T>(messages: Vec<Output>, get: impl Fn(&Reader, i64) -> T) -> Vec<T> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let session =
        Session { source: "test".into(), started: Timestamp(0), options: serde_json::json!({}), process: None };
    let mut writer = Writer::start(&path, session, Secrets::Keep).unwrap();
    messages.into_iter().for_each(|m| writer.send(m).unwrap());
    writer.finish(Timestamp(1), Default::default()).unwrap();
    let reader = Reader::open(&path).unwrap();
    let mut ids: Vec<i64> = reader.list(&Selector::default()).unwrap().iter().map(|s| s.id).collect();
    ids.sort_unstable();
    ids.into_iter().map(|id| get(&reader, id)).collect()
}

fn assert_same(name: &str, have: &[Exchange], wanted: &[Exchange]) {
    assert_eq!(have.len(), wanted.len(), "{name}");
    for (have, wanted) in have.iter().zip(wanted) {
        let (have, wanted) = (all_of(have), all_of(wanted));
        if have != wanted {
            let differ = have.lines().zip(wanted.lines()).enumerate().filter(|(_, (h, w))| h != w);
            let shown: Vec<String> =
                differ.take(8).map(|(n, (h, w))| format!("line {n}: have {h}\n  wanted {w}")).collect();
            panic!("{name}:\n{}", shown.join("\n"));
        }
    }
}

#[test]
fn the_store_gives_back_what_the_pipeline_made() {
    let mut seen = 0;
    for path in captures() {
        let wanted = exchanges(&path);
        let have = through_the_store(wanted.iter().cloned().map(finished).collect());
        assert_same(&path.display().to_string(), &have, &wanted);
        seen += wanted.len();
    }
    assert!(seen > 30, "only {seen} exchanges");
}

/// What `show` prints of the records is the answer, piece by piece.
#[test]
fn the_contributions_of_the_deltas_add_up_to_the_answer() {
    let mut seen = 0;
    for path in captures() {
        let all = exchanges(&path);
        let added = stored(all.iter().cloned().map(finished).collect(), |reader, id| reader.contributions(id).unwrap());
        for (exchange, added) in all.iter().zip(added) {
            let Some(response) = &exchange.response else { continue };
            assert_eq!(added.len() as u64, response.record_count, "{}", path.display());
            let answer = &response.answer;
            let text_alone = answer.reasoning_text.is_empty() && answer.tool_arguments.is_empty();
            let Some(text) = answer.texts.values().next().filter(|_| text_alone && answer.texts.len() == 1) else {
                continue;
            };
            let text_of_deltas: String = response.deltas.iter().map(|d| added.get(d.record).unwrap()).collect();
            if response.framing.is_stream() {
                assert_eq!(text_of_deltas, *text, "{}", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 100, "only {seen} answers");
}

#[test]
fn an_exchange_written_in_parts_comes_back_whole() {
    let mut parts = 0;
    for path in captures() {
        let Some(transcript) = transcript(&path) else { continue };
        let mut analyzer = Analyzer::new(Options { part_bytes: 40, part_items: 2, ..Options::default() });
        let mut outputs = Vec::new();
        transcript.replay(ConnId(0), &mut |event| analyzer.event(&event, &mut |output| outputs.push(output)));
        analyzer.finish(&mut |output| outputs.push(output));
        parts += outputs.iter().filter(|m| matches!(m, Output::Part(_))).count();
        assert_same(&path.display().to_string(), &through_the_store(outputs), &exchanges(&path));
    }
    assert!(parts > 20, "only {parts} parts");
}

fn is_whole(exchange: &Exchange) -> bool {
    let Some(response) = &exchange.response else { return false };
    let whole = response.end == MessageEnd::Complete && response.head.as_ref().is_some_and(|h| h.status != 101);
    whole && !exchange.gap && exchange.request.as_ref().is_some_and(|r| r.head.method != "CONNECT")
}

/// Lengths of the transfer units; of the deliveries if there are no units.
fn units(body: &Body) -> Vec<u64> {
    let mut units: Vec<u64> = Vec::new();
    for run in body.pieces.chunk_by(|a, b| a.unit == b.unit) {
        units.push(run.iter().map(|p| u64::from(p.len)).sum());
    }
    units
}

/// What both sides of an HTTP/1 connection sent, as TCP delivered it: (client's bytes, server's bytes), by
/// connection.
fn streams(path: &Path) -> std::collections::BTreeMap<ConnId, [Vec<u8>; 2]> {
    let mut all: std::collections::BTreeMap<ConnId, [Vec<u8>; 2]> = Default::default();
    let mut keep = |event: sniff::conn::ByteEvent<'_>| {
        if let sniff::conn::What::Data(bytes) = event.what {
            all.entry(event.conn).or_default()[event.dir.index()].extend_from_slice(bytes);
        }
    };
    match transcript(path) {
        Some(transcript) => transcript.replay(ConnId(0), &mut keep),
        None => {
            let Ok(mut reader) = sniff::capture::file::Reader::open(&path.display().to_string()) else { return all };
            let mut reassembly = Reassembly::default();
            while let Ok(Some(item)) = reader.next() {
                if let sniff::capture::Item::Packet(packet) = item {
                    reassembly.packet(&packet, &mut keep);
                }
            }
            reassembly.finish(&mut keep);
        }
    }
    all
}

/// The server's side of every connection that was captured completely is reproduced byte for byte: status lines,
/// fields, chunk lines, extensions, trailers.
#[test]
fn http1_comes_again_byte_for_byte() {
    let mut compared = 0;
    for path in captures() {
        let exchanges = exchanges(&path);
        for (conn, [client, server]) in streams(&path) {
            let of_it: Vec<&Exchange> = exchanges.iter().filter(|e| e.conn == conn).collect();
            let http1 = |e: &&Exchange| {
                let head = e.response.as_ref().and_then(|r| r.head.as_ref());
                is_whole(e) && e.tls.is_none() && head.is_some_and(|h| h.version != Version::H2)
            };
            // A partial request, or a connection that is not HTTP, has no response to compare.
            let bytes: usize = of_it.iter().filter_map(|e| e.request.as_ref()).map(|r| r.head.fields.raw().len()).sum();
            if of_it.is_empty() || !of_it.iter().all(http1) || client.len() < bytes {
                continue;
            }
            let replay = Replay::of(of_it.iter().copied());
            let mut socket = TcpStream::connect(replay.address).unwrap();
            socket.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
            let mut writing = socket.try_clone().unwrap();
            let sent = std::thread::spawn(move || writing.write_all(&client));
            let mut have = vec![0; server.len()];
            let read = socket.read_exact(&mut have);
            let _ = sent.join();
            let differ = have.iter().zip(&server).position(|(a, b)| a != b);
            let shown = |b: &[u8]| differ.map(|at| sniff::internal::oddity::excerpt(&b[at.saturating_sub(20)..]));
            assert!(
                read.is_ok() && differ.is_none(),
                "{} {conn:?}: {read:?}\n{:?}\n{:?}",
                path.display(),
                shown(&have),
                shown(&server)
            );
            compared += 1;
        }
    }
    assert!(compared > 20, "only {compared} connections");
}

/// h11 and h2 of PyPI read each replay, whatever version it was recorded over.
#[test]
fn every_whole_exchange_comes_again_over_http1_and_http2() {
    let python = support::installed("venv/clients/bin/python");
    let all: Vec<(PathBuf, Exchange)> = captures()
        .into_iter()
        .flat_map(|p| exchanges(&p).into_iter().filter(is_whole).map(move |e| (p.clone(), e)))
        .collect();
    for protocol in ["h11", "h2"] {
        let replay = Replay::of(all.iter().map(|(_, e)| e));
        let asks: Vec<serde_json::Value> = all.iter().map(|(_, e)| ask(e)).collect();
        let mut client = Command::new(&python)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/replay_client.py"))
            .args([protocol, &replay.address.ip().to_string(), &replay.address.port().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        client.stdin.take().unwrap().write_all(serde_json::to_string(&asks).unwrap().as_bytes()).unwrap();
        let out = client.wait_with_output().unwrap();
        let answers: Vec<serde_json::Value> = serde_json::from_slice(&out.stdout).unwrap();
        assert_eq!(answers.len(), all.len());
        let mut wrong = Vec::new();
        for ((path, exchange), have) in all.iter().zip(&answers) {
            let differs = differences(exchange, have, protocol == "h2");
            wrong.extend((!differs.is_empty()).then(|| {
                format!("{} exchange {} over {protocol}: {}", path.display(), exchange.id.0, differs.join("; "))
            }));
        }
        assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), all.len(), wrong.join("\n"));
        eprintln!("{} exchanges over {protocol}", all.len());
    }
}

fn ask(exchange: &Exchange) -> serde_json::Value {
    let request = exchange.request.as_ref().unwrap();
    let body: String = request.body.bytes.iter().map(|b| format!("{b:02x}")).collect();
    let target = if request.head.target.starts_with('/') { request.head.target.as_str() } else { "/" };
    serde_json::json!({"method": request.head.method, "target": target, "body": body})
}

fn differences(exchange: &Exchange, have: &serde_json::Value, h2: bool) -> Vec<String> {
    let response = exchange.response.as_ref().unwrap();
    let head = response.head.as_ref().unwrap();
    let mut all = Vec::new();
    let mut equal = |what: &str, have: &serde_json::Value, wanted: serde_json::Value| {
        if *have != wanted {
            all.push(format!("{what}: {have} instead of {wanted}"));
        }
    };
    if have.get("failed").is_some() {
        return vec![have["failed"].to_string()];
    }
    equal("status", &have["status"], head.status.into());
    equal("end", &have["end"], "clean".into());
    let hash: String = response.body.wire_sha256.unwrap().iter().map(|b| format!("{b:02x}")).collect();
    equal("sha256", &have["sha256"], hash.into());
    let recorded_h2 = head.version == Version::H2;
    // Fields of the connection are removed if the version changes; a length is removed if chunks are sent.
    let of_the_connection =
        ["connection", "keep-alive", "transfer-encoding", "proxy-connection", "upgrade", "content-length"];
    let text = |b: &[u8]| b.iter().map(|b| char::from(*b)).collect::<String>();
    let list = |name: &[u8], value: &[u8]| {
        let name = text(name);
        let kept = h2 == recorded_h2 || !of_the_connection.contains(&name.to_ascii_lowercase().as_str());
        kept.then(|| serde_json::json!([if h2 { name.to_ascii_lowercase() } else { name }, text(value)]))
    };
    let wanted: Vec<_> = head.fields.iter().filter_map(|(n, v)| list(n, v)).collect();
    let kept = |f: &&serde_json::Value| {
        h2 == recorded_h2
            || !of_the_connection.contains(&f[0].as_str().unwrap_or_default().to_ascii_lowercase().as_str())
    };
    let got: Vec<_> = have["headers"].as_array().unwrap().iter().filter(kept).cloned().collect();
    equal("headers", &got.into(), wanted.into());
    let trailers: Vec<_> = response
        .trailers
        .iter()
        .map(|(n, v)| serde_json::json!([if h2 { text(n).to_ascii_lowercase() } else { text(n) }, text(v)]))
        .collect();
    equal("trailers", &have["trailers"], trailers.into());
    let lengths = |h: &serde_json::Value| {
        h.as_array().into_iter().flatten().filter_map(serde_json::Value::as_u64).filter(|n| *n > 0).collect::<Vec<_>>()
    };
    let has_units = matches!(head.transfer, Transfer::Chunked | Transfer::H2);
    // Without units HTTP/1 has no boundaries: the client reads what TCP delivers.
    if h2 || has_units {
        let wanted: Vec<u64> = units(&response.body).into_iter().filter(|n| *n > 0).collect();
        equal("units", &lengths(&have["units"]).into(), wanted.into());
    }
    all
}

/// Recorded exchanges whose truth says what a client makes of them: (SDK, capture, truth).
fn for_clients() -> Vec<(&'static str, PathBuf, PathBuf)> {
    let own = [
        ("openai", "dialect/openai-chat"),
        ("openai", "delivery/thirty-deltas"),
        ("openai", "body/gzip"),
        ("anthropic", "dialect/anthropic-messages"),
        ("ollama", "dialect/ollama-chat"),
    ];
    let mut all: Vec<_> = own
        .into_iter()
        .map(|(sdk, case)| {
            let dir = support::captures().join(case);
            let input = ["input.wire", "input.pcap"].map(|n| dir.join(n)).into_iter().find(|p| p.exists()).unwrap();
            (sdk, input, dir.join("expect.json"))
        })
        .collect();
    let real = [
        ("openai", "aimock-chat-openai-py"),
        ("anthropic", "aimock-anthropic-py"),
        ("ollama", "aimock-ollama-chat-py"),
    ];
    for (sdk, name) in real {
        let dir = support::real();
        all.push((sdk, dir.join(format!("{name}.pcap")), dir.join(format!("{name}.truth.json"))));
    }
    all
}

/// The client libraries read from a replay what they read from the original: the text, the finish reason and the
/// tokens of the truth.
#[test]
fn client_libraries_get_from_a_replay_what_they_got_from_the_server() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = support::installed("venv/clients/bin/python");
    support::installed("npm/node_modules/openai");
    let support = top.join("tests/support");
    for (sdk, capture, truth) in for_clients() {
        let exchange = exchanges(&capture).into_iter().find(is_whole).unwrap();
        let truth: serde_json::Value = serde_json::from_slice(&std::fs::read(&truth).unwrap()).unwrap();
        let truth =
            truth.pointer("/0/response").or(truth.pointer("/exchanges/0/response")).expect("a response in the truth");
        let mut commands = vec![(
            sdk,
            vec![python.display().to_string(), support.join("replay_sdk.py").display().to_string(), sdk.to_owned()],
        )];
        if sdk == "openai" {
            // Node.js looks for modules beside the script.
            let script = top.join("target/npm/replay_sdk.mjs");
            std::fs::copy(support.join("replay_sdk.mjs"), &script).unwrap();
            commands.push(("openai (npm)", vec!["node".to_owned(), script.display().to_string()]));
        }
        for (name, command) in commands {
            let replay = Replay::of([&exchange]);
            let out = Command::new(&command[0])
                .args(&command[1..])
                .arg(format!("http://{}", replay.address))
                .env("NO_PROXY", "*")
                .output()
                .unwrap();
            let got: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap_or_else(|e| {
                panic!("{name} {}: {e}: {}", capture.display(), String::from_utf8_lossy(&out.stderr))
            });
            assert_eq!(got["text"], truth["text"], "{name} {}", capture.display());
            if let Some(reason) = truth.get("finish_reason") {
                assert_eq!(got["finish"], *reason, "{name} {}", capture.display());
            }
            let tokens =
                ["completion_tokens", "output_tokens", "eval_count"].iter().find_map(|n| truth["usage"].get(n));
            if let Some(tokens) = tokens {
                assert_eq!(got["tokens"], *tokens, "{name} {}", capture.display());
            }
        }
    }
}

/// A client's recording of a replay, replayed and recorded again, has the same bytes and boundaries.
#[test]
fn a_replay_recorded_and_replayed_is_a_fixed_point() {
    let once = |exchange: &Exchange| {
        let replay = Replay::of([exchange]);
        sniff::internal::replay::serve::probe::ask(replay.address, exchange, sniff::time::Span(0))
            .unwrap()
            .expect("an answer")
    };
    let seen = |e: &Exchange| {
        let r = e.response.as_ref().unwrap();
        let head = r.head.as_ref().unwrap();
        let units = matches!(head.transfer, Transfer::Chunked | Transfer::H2)
            .then(|| (units(&r.body), r.body.unit_lines.clone()));
        (
            head.fields.clone(),
            r.body.bytes.clone(),
            units,
            r.trailers.clone(),
            r.end,
            e.request.as_ref().map(|r| r.body.bytes.clone()),
        )
    };
    let mut compared = 0;
    for path in captures() {
        for exchange in exchanges(&path).iter().filter(|e| is_whole(e)) {
            let heard = once(exchange);
            let again = once(&heard);
            assert!(
                seen(&heard) == seen(exchange) || exchange.tls.is_some(),
                "{} exchange {}",
                path.display(),
                exchange.id.0
            );
            assert!(seen(&again) == seen(&heard), "{} exchange {}", path.display(), exchange.id.0);
            compared += 1;
        }
    }
    assert!(compared > 100, "only {compared}");
}

/// Codes of all findings on an exchange.
fn codes(exchange: &Exchange) -> std::collections::BTreeSet<&'static str> {
    Analyzed::new(exchange.clone(), &Limits::default()).findings.iter().map(|f| f.rule).collect()
}

/// Each fault is found by the rule that it is named after, and by no other rule except those that follow from it.
#[test]
fn each_fault_provokes_its_rule() {
    let clean = exchanges(&support::captures().join("delivery/thirty-deltas/input.wire")).remove(0);
    let before = codes(&clean);
    // Findings that come with another one: a body that is cut has no terminator either, and so on.
    let with: &[(&str, &[&str], &[&str])] = &[
        ("drop-terminator", &["OAI-CHAT-001"], &["DLV-010"]),
        ("duplicate-terminator", &["OAI-CHAT-003"], &[]),
        ("truncate=3000", &["HTTP-006"], &["OAI-CHAT-001", "OAI-CHAT-005", "OAI-CHAT-028", "SSE-001", "DLV-010"]),
        ("reset=3000", &["HTTP-006"], &["OAI-CHAT-001", "OAI-CHAT-005", "OAI-CHAT-028", "SSE-001", "DLV-010"]),
        ("stall=9:15s", &["DLV-005"], &[]),
        ("coalesce=3", &["DLV-003"], &["DLV-004"]),
        ("split=bytes:7", &["DLV-004"], &[]),
        ("split-utf8", &["DLV-004"], &[]),
        ("buffer", &["DLV-001"], &["DLV-003"]),
        ("content-type=application/x-ndjson", &["HTTP-001"], &["HTTP-002"]),
        ("no-space", &["SSE-002"], &[]),
        ("crlf", &["SSE-017"], &[]),
        ("bom", &["SSE-015"], &[]),
        ("inject-error", &["OAI-CHAT-027"], &["HTTP-006", "DLV-010", "OAI-CHAT-001", "OAI-CHAT-005", "OAI-CHAT-028"]),
        ("keepalive-comments", &["SSE-021"], &[]),
        ("hang", &["HTTP-021"], &["DLV-009", "HTTP-006", "DLV-010"]),
    ];
    let named: Vec<&str> = with.iter().map(|(f, ..)| f.split('=').next().unwrap()).collect();
    assert_eq!(named, sniff::internal::replay::fault::ALL.iter().map(|n| n.name).collect::<Vec<_>>());
    for (fault, wanted, allowed) in with {
        let script = Script::new(&clean, false).unwrap();
        let script = sniff::internal::replay::fault::apply(script, &clean, &[fault.parse().unwrap()]).unwrap();
        let mut transcript = sniff::internal::interchange::transcript::of(&clean, &script);
        if *fault == "hang" {
            // The client waits for a while before it closes.
            transcript.events.last_mut().unwrap().at =
                transcript.events.last().unwrap().at.plus(sniff::time::Span::from_secs(10));
        }
        let bent = exchanges_of(|sink| transcript.replay(ConnId(0), sink)).remove(0);
        let after = codes(&bent);
        for code in wanted.iter().filter(|c| conformance::by_code(c).is_some()) {
            assert!(after.contains(code), "{fault}: {code} is not among {after:?}");
        }
        let new: Vec<_> = after.difference(&before).filter(|c| !wanted.contains(c) && !allowed.contains(c)).collect();
        assert!(new.is_empty(), "{fault}: {new:?} beside {wanted:?}");
    }
}

/// A stream with a fault of each kind, normalized again, has only the findings that it had without the fault.
#[test]
fn normalised_streams_conform() {
    for case in [
        "seed/iflow",
        "seed/litserve-before-fix",
        "seed/kimi-like",
        "dialect/openai-chat-no-done",
        "dialect/openai-chat-no-end",
    ] {
        let dir = support::captures().join(case);
        let input = ["input.wire", "input.pcap"].map(|n| dir.join(n)).into_iter().find(|p| p.exists()).unwrap();
        for exchange in exchanges(&input) {
            let Ok(script) = Script::new(&exchange, true) else { continue };
            let script =
                sniff::internal::replay::normalize::openai(script, &exchange).unwrap_or_else(|e| panic!("{case}: {e}"));
            let transcript = sniff::internal::interchange::transcript::of(&exchange, &script);
            let right = exchanges_of(|sink| transcript.replay(ConnId(0), sink)).remove(0);
            let text = |e: &Exchange| e.response.as_ref().unwrap().answer.texts.get(&0).cloned();
            assert_eq!(text(&right), text(&exchange), "{case}");
            let dialect =
                |code: &&&str| code.starts_with("OAI") || code.starts_with("SSE") || code.starts_with("HTTP-00");
            let left: Vec<_> = codes(&right).into_iter().collect();
            // Some facts depend on the server only: the ids of many answers, and the content of usage.
            let left: Vec<_> = left
                .iter()
                .filter(dialect)
                .filter(|c| {
                    !["OAI-CHAT-031", "OAI-CHAT-028", "OAI-CHAT-029", "OAI-CHAT-035", "OAI-CHAT-020"].contains(c)
                })
                .collect();
            assert!(left.is_empty(), "{case}: {left:?}");
        }
    }
}

/// `wire` exports are read back as the exchanges that they come from.
#[test]
fn transcripts_read_back() {
    let mut compared = 0;
    for path in captures() {
        for exchange in exchanges(&path).iter().filter(|e| is_whole(e)) {
            let script = Script::new(exchange, false).unwrap();
            let transcript = sniff::internal::interchange::transcript::of(exchange, &script);
            let text = wire::write(&transcript);
            let back = exchanges_of(|sink| wire::parse(&text).unwrap().replay(ConnId(0), sink)).remove(0);
            let (have, wanted) = (back.response.as_ref().unwrap(), exchange.response.as_ref().unwrap());
            assert_eq!(have.body.bytes, wanted.body.bytes, "{}", path.display());
            assert_eq!((have.end, &have.answer.texts), (wanted.end, &wanted.answer.texts), "{}", path.display());
            // Several deliveries at the same time are one write.
            let times = |r: &sniff::exchange::Response| {
                let mut all = std::collections::BTreeMap::new();
                r.body.pieces.iter().for_each(|p| *all.entry(p.at).or_insert(0) += p.len);
                all.retain(|_, len| *len > 0);
                (all, r.last_at)
            };
            assert_eq!(times(have), times(wanted), "{} exchange {}", path.display(), exchange.id.0);
            compared += 1;
        }
    }
    assert!(compared > 20, "only {compared}");
}

/// The ends of cut streams, as a client sees them: FIN, RST, and a connection that stays open.
#[test]
fn ends_are_the_recorded_ones() {
    let end = |case: &str| {
        let exchange = exchanges(&support::captures().join("http1").join(case).join("input.wire")).remove(0);
        let script = Script::new(&exchange, false).unwrap();
        let mut book = Book::new(MatchBy::Sequence, Repeat::Last, Vec::new());
        book.add(Asked::default(), script);
        let replay = Replay::start(book, Pace { speed: f64::INFINITY, ..Pace::default() });
        let mut socket = TcpStream::connect(replay.address).unwrap();
        socket.set_read_timeout(Some(std::time::Duration::from_secs(2))).unwrap();
        socket.write_all(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").unwrap();
        let mut all = Vec::new();
        let mut buffer = [0; 4096];
        let end = loop {
            match socket.read(&mut buffer) {
                Ok(0) => break "fin",
                Ok(n) => all.extend_from_slice(&buffer[..n]),
                Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => break "rst",
                Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                    break "open";
                }
                Err(e) => panic!("{case}: {e}"),
            }
        };
        assert!(!all.ends_with(b"0\r\n\r\n"), "{case} has a last chunk");
        end
    };
    assert_eq!((end("cut-by-server"), end("reset-by-server"), end("cut-by-client")), ("fin", "rst", "open"));
}

/// Over TLS, with the version that the client chooses: curl reads the recorded body over HTTP/1.1 and HTTP/2.
#[test]
#[cfg(feature = "proxy")]
fn tls_by_alpn() {
    let exchange = exchanges(&support::captures().join("delivery/thirty-deltas/input.wire")).remove(0);
    let dir = tempfile::tempdir().unwrap();
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    let pem = |label: &str, der: &[u8]| {
        let text = base64(der);
        format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
    };
    std::fs::write(&cert, pem("CERTIFICATE", own.cert.der())).unwrap();
    std::fs::write(&key, pem("PRIVATE KEY", &own.signing_key.serialize_der())).unwrap();
    let seal = sniff::internal::replay::serve::tls::with_files(&cert, &key).unwrap();
    let mut book = Book::new(MatchBy::Sequence, Repeat::Last, Vec::new());
    book.add(Asked::default(), Script::new(&exchange, false).unwrap());
    let replay = Replay::sealed(book, Pace { speed: f64::INFINITY, ..Pace::default() }, Some(seal));
    for (option, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let url = format!("https://localhost:{}/v1/chat/completions", replay.address.port());
        let args = ["-s", "-S", "--noproxy", "*", option, "-d", "{}", "-w", "%{stderr}%{http_version}", &url];
        let out = support::program("curl").arg("--cacert").arg(&cert).args(args).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&out.stderr), version);
        assert_eq!(out.stdout, exchange.response.as_ref().unwrap().body.bytes, "{version}");
    }
}

#[cfg(feature = "proxy")]
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = |group: &[u8]| {
        let bits = (0..3).fold(0u32, |bits, i| bits << 8 | u32::from(group.get(i).copied().unwrap_or(0)));
        (0..4)
            .map(move |i| if i <= group.len() { char::from(DIGITS[(bits >> (18 - 6 * i) & 63) as usize]) } else { '=' })
            .collect::<String>()
    };
    let text: String = bytes.chunks(3).map(digits).collect();
    text.as_bytes().chunks(64).map(|l| String::from_utf8_lossy(l).into_owned()).collect::<Vec<_>>().join("\n")
}

/// Bytes that are missing from a capture are not invented.
#[test]
fn gaps_are_refused_with_the_reason_or_played_as_they_are() {
    for case in ["gap-in-chunks", "gap-in-length-body"] {
        let exchange = exchanges(&support::captures().join("http1").join(case).join("input.wire")).remove(0);
        let why = Script::new(&exchange, false).expect_err(case).to_string();
        assert!(why.contains("missing") && why.contains("--allow-gaps"), "{why}");
        let script = Script::new(&exchange, true).unwrap();
        assert_eq!(script.body, exchange.response.as_ref().unwrap().body.bytes, "{case}");
    }
}

const EXPORTED: [&str; 4] =
    ["dialect/openai-chat", "http1/chunk-extensions-trailers", "dialect/ollama-chat", "framing/json-document"];

/// `curl` exports send the same request; `har` exports are read back with their chunks and times.
#[test]
fn exports_are_what_other_tools_take() {
    use sniff::internal::interchange::{curl, har};
    for case in EXPORTED {
        let exchange = exchanges(&support::captures().join(case).join("input.wire")).remove(0);
        let response = exchange.response.as_ref().unwrap();
        let archive = serde_json::to_vec(&har::archive(std::slice::from_ref(&exchange))).unwrap();
        let back = sniff::internal::interchange::har::exchanges(&archive).unwrap();
        assert!(back.left_out.is_empty(), "{case}: {:?}", back.left_out);
        let back = back.exchanges[0].response.as_ref().unwrap();
        assert_eq!((&back.body.bytes, &back.answer.texts), (&response.body.bytes, &response.answer.texts), "{case}");
        if response.body.units.is_some() {
            let times = |b: &Body| b.pieces.iter().map(|p| p.at.nanos() / 10).collect::<Vec<_>>();
            assert_eq!(
                (units(&back.body), times(&back.body)),
                (units(&response.body), times(&response.body)),
                "{case}"
            );
        }
        let replay = Replay::of([&exchange]);
        let command = curl::command(&exchange).unwrap().replace(
            exchange.request.as_ref().unwrap().head.authority.as_deref().unwrap(),
            &replay.address.to_string(),
        );
        let out = Command::new("sh").args(["-c", &command]).env("NO_PROXY", "*").output().unwrap();
        assert_eq!(out.stdout, response.body.bytes, "{case}: {command}\n{}", String::from_utf8_lossy(&out.stderr));
    }
}

/// tshark dissects `pcapng` exports to the same body.
#[test]
#[ignore = "needs tshark"]
fn packets_are_what_tshark_takes() {
    use sniff::internal::interchange::pcapng;
    for case in EXPORTED {
        let exchange = exchanges(&support::captures().join(case).join("input.wire")).remove(0);
        let response = exchange.response.as_ref().unwrap();
        let script = Script::new(&exchange, false).unwrap();
        let transcript = sniff::internal::interchange::transcript::of(&exchange, &script);
        let dir = tempfile::tempdir().unwrap();
        let (file, objects) = (dir.path().join("a.pcapng"), dir.path().join("objects"));
        std::fs::write(&file, pcapng::file([(exchange.endpoints, &transcript)])).unwrap();
        let status = Command::new("tshark")
            .arg("-r")
            .arg(&file)
            .arg("-q")
            .arg(format!("--export-objects=http,{}", objects.display()))
            .output()
            .unwrap();
        assert!(status.status.success(), "{case}: {}", String::from_utf8_lossy(&status.stderr));
        let found: Vec<Vec<u8>> =
            std::fs::read_dir(&objects).unwrap().map(|e| std::fs::read(e.unwrap().path()).unwrap()).collect();
        assert!(found.contains(&response.body.bytes), "{case}: tshark sees other bodies");
    }
}

/// The program itself: readiness on standard error, a 404 that gives the reason, exit code 0 after SIGINT.
#[test]
fn the_command_serves_and_ends() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("a.db");
    let sniff = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sniff"));
        command.arg("--db").arg(&db).args(args);
        command
    };
    let input = support::captures().join("seed/iflow/input.pcap");
    assert!(sniff(&["-q", "--read"]).arg(&input).status().unwrap().success());
    let verified = sniff(&["replay", "last", "--verify", "--speed", "max", "--format", "json"]).output().unwrap();
    let verified: serde_json::Value = serde_json::from_slice(&verified.stdout).unwrap();
    for equal in ["bytes_equal", "boundaries_equal", "heads_equal", "end_equal"] {
        assert_eq!(verified[0][equal], true, "{equal}");
    }
    let mut server =
        sniff(&["replay", "last", "--speed", "max", "--fault", "bom"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = std::io::BufReader::new(server.stderr.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut said, &mut line).unwrap();
    let address =
        line.split("http://").nth(1).and_then(|l| l.split_whitespace().next()).unwrap_or_else(|| panic!("{line}"));
    let mut socket = TcpStream::connect(address).unwrap();
    socket.write_all(b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = vec![0; 2048];
    let n = socket.read(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer[..n]);
    assert!(
        answer.starts_with("HTTP/1.1 404")
            && answer.contains("nearest is exchange 1")
            && answer.contains("path: recorded"),
        "{answer}"
    );
    // SAFETY: the process is our child and has not been waited for.
    unsafe { libc::kill(server.id() as i32, libc::SIGINT) };
    assert!(server.wait().unwrap().success());
}
