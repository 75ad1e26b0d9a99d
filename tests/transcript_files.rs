//! `.wire` transcripts as files of `check` and `--read`: by name, by content, from standard input; errors name lines.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// An answer of two words without `[DONE]`, which its dialect promises.
const TOLD: &str = "\
# a comment
> POST /v1/chat/completions HTTP/1.1
> Host: api.example
>json {\"model\":\"m\",\"stream\":true}

@ +40ms
< HTTP/1.1 200 OK
< Content-Type: text/event-stream
< Transfer-Encoding: chunked
<
<chunk data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"two \"},\"finish_reason\":null}]}\\n\\n
@ +20ms
<chunk data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"words\"},\"finish_reason\":\"stop\"}]}\\n\\n
<last
";

fn sniff(dir: &Path, input: &[u8], args: &[&str]) -> (Option<i32>, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sniff"))
        .args(args)
        .current_dir(dir)
        .env_remove("SNIFF_DB")
        .env_remove("SNIFF_CONFIG")
        .env_remove("SSLKEYLOGFILE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses its arguments may have closed the pipe.
    let _ = child.stdin.take().unwrap().write_all(input);
    let o = child.wait_with_output().unwrap();
    (o.status.code(), String::from_utf8(o.stdout).unwrap(), String::from_utf8(o.stderr).unwrap())
}

/// The rules that `check` reports.
fn rules(dir: &Path, input: &[u8], file: &str) -> Vec<String> {
    let (code, out, err) = sniff(dir, input, &["check", "--format", "jsonl", "--fail-on", "never", file]);
    assert_eq!(code, Some(0), "{file}: {err}");
    let rule = |line: &str| serde_json::from_str::<Value>(line).unwrap()["rule"].as_str().unwrap().to_owned();
    out.lines().map(rule).collect()
}

#[test]
fn check_takes_transcripts_by_name_by_content_and_from_a_pipe() {
    let dir = tempfile::tempdir().unwrap();
    let zstd = zstd::encode_all(TOLD.as_bytes(), 0).unwrap();
    let files: [(&str, &[u8]); 5] = [
        ("a.wire", TOLD.as_bytes()),
        ("B.WIRE", TOLD.as_bytes()),
        ("no ending", TOLD.as_bytes()),
        ("mark.txt", &["\u{feff}".as_bytes(), &TOLD.replace('\n', "\r\n").into_bytes()].concat()),
        ("packed.wire.zst", &zstd),
    ];
    for (name, bytes) in files {
        std::fs::write(dir.path().join(name), bytes).unwrap();
        let rules = rules(dir.path(), b"", name);
        assert!(rules.iter().any(|r| r == "OAI-CHAT-001"), "{name}: {rules:?}");
    }
    assert!(rules(dir.path(), TOLD.as_bytes(), "-").iter().any(|r| r == "OAI-CHAT-001"));
}

#[test]
fn read_stores_the_exchange_of_a_transcript() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.wire"), TOLD).unwrap();
    let (code, _, err) = sniff(dir.path(), b"", &["--read", "a.wire"]);
    assert_eq!(code, Some(0), "{err}");
    let (_, out, _) = sniff(dir.path(), b"", &["list", "--format", "json"]);
    let all: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(all[0]["response"]["text"], "two words");
    assert_eq!(all[0]["timing"]["ttft_ms"], 40.0);
    assert_eq!(all.as_array().unwrap().len(), 1);
}

#[test]
fn a_wrong_transcript_is_refused_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let cases: [(&str, &[u8], &str); 6] = [
        ("line.wire", b"> GET / HTTP/1.1\n>\n\nfoo\n", "line.wire: line 4: a line that begins with 'f'"),
        ("by content", b"# a\n> GET / HTTP/1.1\n<lump a\n", "by content: line 3: \"lump\" after the arrow"),
        ("latin1.wire", b"> GET / HTTP/1.1\n> X: \xe9\n", "latin1.wire: line 2: bytes that are not UTF-8"),
        ("empty.wire", b"# nothing at all\n", "empty.wire describes no connection"),
        ("page.html", b"<!DOCTYPE html>\n<html></html>\n", "page.html is not a capture file"),
        ("notes.txt", b"# Notes\n\nSome words.\n", "notes.txt is not a capture file"),
    ];
    for (name, bytes, said) in cases {
        std::fs::write(dir.path().join(name), bytes).unwrap();
        for args in [&["check", name][..], &["--read", name]] {
            let (code, _, err) = sniff(dir.path(), b"", args);
            assert_eq!(code, Some(2), "{args:?}: {err}");
            assert!(err.contains(said), "{args:?}: {err}");
        }
    }
    assert!(!dir.path().join("sniff.db").exists(), "a file that was refused leaves no database");
}
