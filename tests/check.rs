//! `sniff check` as CI servers use it: JUnit and SARIF read by other programs, annotations, policies, databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use serde_json::Value;
use sniff::conn::Direction::{ToClient, ToServer};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use support::packets::{Talk, pcap};

const T0: i64 = 1_795_390_276_000_000_000;

struct Place(tempfile::TempDir);

impl Place {
    /// A folder with a conforming stream (`good.pcap`) and a faulty one whose name and texts would break out of a
    /// badly escaped format (`bad, 1%.pcap`).
    fn new() -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
        let word = |id: &str| {
            chunk(&format!(
                "data: {{\"id\":\"{id}\",\"object\":\"chat.completion.chunk\",\"created\":1764124490,\"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{{\"role\":\"assistant\",\"content\":\"a\"}},\"finish_reason\":null}}]}}\n\n"
            ))
        };
        let stop = chunk(
            "data: {\"id\":\"chatcmpl-152e4edf8b024db393e7\",\"object\":\"chat.completion.chunk\",\"created\":1764124490,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
        );
        let done = chunk("data: [DONE]\n\n");
        let good = format!("{}{stop}{done}0\r\n\r\n", word("chatcmpl-152e4edf8b024db393e7"));
        let hostile = chunk("<![CDATA[ ]]> & \u{1} ::error::%0A ``` \u{ffff}\n\n");
        let bad = format!("{}{hostile}{stop}{done}0\r\n\r\n", word("chat"));
        place.capture("good.pcap", "text/event-stream", &good);
        place.capture("bad, 1%.pcap", "application/x-ndjson", &bad);
        place
    }

    fn capture(&self, name: &str, content_type: &str, body: &str) {
        let mut talk = Talk::open(T0);
        let ask = "POST /v1/chat/completions HTTP/1.1\r\nHost: api.example\r\nContent-Type: \
            application/json\r\nContent-Length: 27\r\n\r\n{\"model\":\"m\",\"stream\":true}";
        talk.data(ToServer, ask.as_bytes(), 1400);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n");
        talk.data(ToClient, format!("{head}{body}").as_bytes(), 1400);
        talk.fin(ToClient);
        talk.fin(ToServer);
        std::fs::write(self.path(name), pcap(&talk.frames)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn want(&self, code: i32, args: &[&str]) -> (String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sniff"));
        for variable in ["SNIFF_DB", "SNIFF_CONFIG", "SSLKEYLOGFILE", "COLUMNS"] {
            command.env_remove(variable);
        }
        let o = command.args(args).current_dir(self.0.path()).output().unwrap();
        let (out, err) = (String::from_utf8(o.stdout).unwrap(), String::from_utf8(o.stderr).unwrap());
        assert_eq!(o.status.code(), Some(code), "{args:?}\n{out}\n{err}");
        (out, err)
    }

    fn json(&self, code: i32, args: &[&str]) -> Value {
        serde_json::from_str(&self.want(code, args).0).unwrap()
    }
}

#[test]
fn junit_is_read_by_an_xml_parser() {
    let p = Place::new();
    p.want(1, &["check", "--format", "junit", "-o", "out.xml", "good.pcap", "bad, 1%.pcap"]);
    let script = "import sys, json, xml.etree.ElementTree as E\nr = E.parse(sys.argv[1]).getroot()\n\
        print(json.dumps([[s.get('name'), s.get('tests'), s.get('failures'), [c.find('failure') is not None for c in \
        s]] for s in r]))";
    let out = Command::new("python3")
        .args(["-c", script, "out.xml"])
        .current_dir(p.0.path())
        .stderr(Stdio::inherit())
        .output()
        .expect("python3");
    let suites: Value = serde_json::from_slice(&out.stdout).expect("parsed");
    assert_eq!(suites, serde_json::json!([["good.pcap", "1", "0", [false]], ["bad, 1%.pcap", "1", "1", [true]]]));
}

#[test]
fn schemas_of_others_take_what_is_written() {
    support::installed("venv/schemas/ready");
    let venv = support::installed("venv/schemas");
    let p = Place::new();
    let cases: Vec<String> = support::cases()
        .iter()
        .flat_map(|c| ["input.pcap", "input.pcapng"].map(|f| c.join(f)))
        .filter(|f| f.exists())
        .map(|f| f.display().to_string())
        .collect();
    let names: Vec<&str> = ["good.pcap", "bad, 1%.pcap"].into_iter().chain(cases.iter().map(String::as_str)).collect();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/schemas.py");
    let judge = |form: &str, file: &str| {
        let o = Command::new(venv.join("bin/python"))
            .arg(script)
            .arg(&venv)
            .args([form, file])
            .current_dir(p.0.path())
            .output()
            .unwrap();
        (o.status.success(), String::from_utf8_lossy(&o.stdout).into_owned() + &String::from_utf8_lossy(&o.stderr))
    };
    for form in ["sarif", "junit"] {
        p.want(1, &[&["check", "--format", form, "-o", form], names.as_slice()].concat());
        let (valid, wrong) = judge(form, form);
        assert!(valid, "{form}: {wrong}");
    }
    // The validators reject a broken file.
    let text = std::fs::read_to_string(p.path("sarif")).unwrap();
    std::fs::write(p.path("sarif"), text.replace("\"level\": \"error\"", "\"level\": \"fatal\"")).unwrap();
    assert!(!judge("sarif", "sarif").0);
    let text = std::fs::read_to_string(p.path("junit")).unwrap();
    std::fs::write(p.path("junit"), text.replacen("<testsuite name=", "<testsuite title=", 1)).unwrap();
    assert!(!judge("junit", "junit").0);
}

#[test]
fn sarif_has_what_the_standard_requires() {
    let p = Place::new();
    let log = p.json(1, &["check", "--format", "sarif", "good.pcap", "bad, 1%.pcap"]);
    assert_eq!((log["version"].as_str(), log["runs"].as_array().map(Vec::len)), (Some("2.1.0"), Some(1)));
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert!(run["tool"]["driver"]["name"].is_string() && !results.is_empty());
    let mut escaped = 0;
    for r in results {
        // 3.27.5 ruleId, 3.27.6 ruleIndex, 3.27.10 level, 3.27.11 message
        let index = r["ruleIndex"].as_u64().unwrap() as usize;
        assert_eq!(rules[index]["id"], r["ruleId"]);
        assert!(["error", "warning", "note"].contains(&r["level"].as_str().unwrap()));
        assert!(r["message"]["text"].as_str().is_some_and(|t| !t.is_empty()));
        let uri = r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap();
        assert!(["good.pcap", "bad%2C%201%25.pcap"].contains(&uri), "{uri}"); // notes there are in the good one too
        assert!(uri != "good.pcap" || r["level"] == "note");
        escaped += usize::from(uri.contains('%'));
        assert!(r["occurrenceCount"].as_u64() >= Some(1));
    }
    assert!(escaped > 0);
    for rule in rules {
        assert!(["shortDescription", "fullDescription", "help"].iter().all(|k| rule[k]["text"].is_string()), "{rule}");
    }
}

#[test]
fn annotations_are_one_line_each_and_nothing_captured_ends_them() {
    let p = Place::new();
    let (out, _) = p.want(1, &["check", "--format", "github", "bad, 1%.pcap"]);
    let lines: Vec<&str> = out.lines().collect();
    let (last, commands) = lines.split_last().unwrap();
    assert!(last.contains("1 of 1 exchange"), "{out}");
    for line in commands {
        let rest = ["::error ", "::warning ", "::notice "].iter().find_map(|c| line.strip_prefix(c));
        let (properties, message) = rest.and_then(|r| r.split_once("::")).unwrap_or_else(|| panic!("{line}"));
        assert!(properties.starts_with("file=bad%2C 1%25.pcap,title=") && !message.is_empty(), "{line}");
    }
}

#[test]
fn options_and_file_change_levels() {
    let p = Place::new();
    let rules = |args: &[&str]| {
        let all = p.json(0, &[&["check", "--fail-on", "never", "--format", "json", "bad, 1%.pcap"], args].concat());
        all["rules"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| format!("{} {}", r["rule"].as_str().unwrap(), r["level"].as_str().unwrap()))
            .collect::<Vec<_>>()
    };
    let usual = rules(&[]);
    assert!(usual.contains(&"OAI-CHAT-020 warning".into()) && usual.contains(&"HTTP-001 error".into()), "{usual:?}");
    assert!(!rules(&["--allow", "id-not-unique"]).iter().any(|r| r.starts_with("OAI-CHAT-020")));
    assert!(rules(&["--rule", "OAI-CHAT-020=error"]).contains(&"OAI-CHAT-020 error".into()));
    let file = "[levels]\nid-not-unique = \"info\"\n[[allow]]\nrules = [\"HTTP-001\"]\nhost = \"*.example\"\nreason = \
        \"known\"\n";
    std::fs::write(p.path("sniff.toml"), file).unwrap();
    let of_file = rules(&[]);
    assert!(
        of_file.contains(&"OAI-CHAT-020 info".into()) && !of_file.iter().any(|r| r.starts_with("HTTP-001")),
        "{of_file:?}"
    );
    assert!(rules(&["--rule", "OAI-CHAT-020=error"]).contains(&"OAI-CHAT-020 error".into()), "an option wins");
    std::fs::write(p.path("wrong.toml"), "[levels]\n\nno-such = \"off\"\n").unwrap();
    let (_, err) = p.want(2, &["check", "--config", "wrong.toml", "good.pcap"]);
    assert!(err.contains("wrong.toml:3:1:") && err.contains("no-such"), "{err}");
    assert!(p.want(2, &["check", "--profile", "x", "good.pcap"]).1.contains("strict-openai"));
}

#[test]
fn a_database_without_exchanges_is_not_green() {
    let p = Place::new();
    // Packets, but no HTTP.
    let mut talk = Talk::open(T0);
    talk.data(ToServer, b"\x00\x01\x02", 1400);
    std::fs::write(p.path("none.pcap"), pcap(&talk.frames)).unwrap();
    p.want(0, &["-q", "--read", "none.pcap", "--db", "x.db"]);
    let (out, err) = p.want(2, &["check", "x.db", "--format", "junit", "-o", "x.xml"]);
    assert!(out.is_empty() && err.contains("x.db has no exchanges") && !p.path("x.xml").exists(), "{out}{err}");

    p.want(0, &["-q", "--read", "bad, 1%.pcap", "--db", "x.db"]);
    p.want(0, &["-q", "--read", "good.pcap", "--db", "x.db"]);
    p.want(1, &["check", "x.db"]);
    p.want(1, &["check", "x.db", "--session", "2"]);
    let last = p.json(0, &["check", "x.db", "--session", "last", "--format", "json"]);
    assert_eq!(last["exchanges"], 1);
    assert!(p.want(2, &["check", "x.db", "--session", "1"]).1.contains("x.db has no exchanges of session 1"));
    assert!(p.want(2, &["check", "good.pcap", "--session", "1"]).1.contains("--session selects from a database"));
}

#[test]
fn rules_that_are_allowed_come_in_one_list_or_in_several() {
    let p = Place::new();
    let rules = |args: &[&str]| {
        let all = p.json(0, &[&["check", "--fail-on", "never", "--format", "json", "bad, 1%.pcap"], args].concat());
        all["rules"].as_array().unwrap().iter().map(|r| r["rule"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let usual = rules(&[]);
    let two = ["HTTP-001", "OAI-CHAT-020"];
    assert!(two.iter().all(|r| usual.iter().any(|u| u == r)), "{usual:?}");
    let rest: Vec<_> = usual.iter().filter(|u| !two.contains(&u.as_str())).cloned().collect();
    assert_eq!(rules(&["--allow", "HTTP-001,id-not-unique"]), rest);
    assert_eq!(rules(&["--allow", "HTTP-001", "--allow", "id-not-unique"]), rest);
}

/// What is allowed is listed by the formats that have a place for it, and counts nowhere.
#[test]
fn allowed_findings_are_suppressed_and_not_lost() {
    let p = Place::new();
    p.want(0, &["-q", "--read", "bad, 1%.pcap", "--db", "x.db"]);
    for file in ["bad, 1%.pcap", "x.db"] {
        let allow = ["--allow", "HTTP-001,HTTP-002"];
        let usual = p.json(1, &["check", file, "--format", "json"]);
        assert!(usual.get("suppressed").is_none());
        let all = p.json(0, &[&["check", file, "--format", "json"], &allow[..]].concat());
        let rules = |list: &Value| -> Vec<String> {
            let findings = list.as_array().unwrap().iter().flat_map(|case| case["findings"].as_array().unwrap());
            findings.map(|f| f["rule"].as_str().unwrap().to_owned()).collect()
        };
        let hidden = rules(&all["suppressed"]);
        assert!(hidden.contains(&"HTTP-001".into()) && hidden.iter().all(|r| r.starts_with("HTTP-00")), "{hidden:?}");
        let counted = rules(&all["cases"]);
        assert!(
            !counted.iter().any(|r| hidden.contains(r)) && counted.len() + hidden.len() == rules(&usual["cases"]).len()
        );
        assert_eq!(all["errors"], 0);

        p.want(0, &[&["check", file, "--format", "sarif", "-o", "x.sarif"], &allow[..]].concat());
        let sarif: Value = serde_json::from_slice(&std::fs::read(p.path("x.sarif")).unwrap()).unwrap();
        let results = sarif["runs"][0]["results"].as_array().unwrap();
        let of = |rule: &str| results.iter().find(|r| r["ruleId"] == rule).unwrap();
        assert_eq!(of("HTTP-001")["suppressions"], serde_json::json!([{ "kind": "external", "status": "accepted" }]));
        assert!(of("HTTP-001")["ruleIndex"].is_u64(), "its rule is described");
        assert!(of(&counted[0]).get("suppressions").is_none());
        let (junit, _) = p.want(0, &[&["check", file, "--format", "junit"], &allow[..]].concat());
        assert!(!junit.contains("HTTP-001"), "{junit}");
    }
}

#[test]
fn a_database_is_checked_as_the_capture_was() {
    let p = Place::new();
    p.want(0, &["-q", "--read", "bad, 1%.pcap", "--db", "x.db"]);
    let codes = |v: &Value| v["rules"].as_array().unwrap().iter().map(|r| r["rule"].to_string()).collect::<Vec<_>>();
    let capture = p.json(1, &["check", "--format", "json", "bad, 1%.pcap"]);
    let database = p.json(1, &["check", "--format", "json", "x.db"]);
    assert_eq!(codes(&capture), codes(&database));
    let excerpt = |v: &Value| {
        v["cases"][0]["findings"].as_array().unwrap().iter().map(|f| f["excerpt"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(excerpt(&capture), excerpt(&database));
    p.want(0, &["check", "--fail-on", "never", "x.db"]);
}
