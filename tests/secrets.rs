//! What must not be written to disk: secrets in bodies, also under content codings, searched for in the bytes of
//! the database.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use sniff::conn::Direction::{ToClient, ToServer};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use support::packets::{Talk, pcap};

const T0: i64 = 1_795_390_276_000_000_000;

/// One exchange as packets; bodies in pieces of `mss` bytes.
fn exchange(request: (&str, &[u8]), response: (&str, &[u8]), mss: usize) -> Vec<u8> {
    let mut talk = Talk::open(T0);
    let head =
        |line: &str, fields: &str, body: &[u8]| format!("{line}\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
    talk.data(
        ToServer,
        head("POST /v1/x HTTP/1.1", &format!("Host: api.example\r\n{}", request.0), request.1).as_bytes(),
        1448,
    );
    talk.data(ToServer, request.1, mss);
    talk.data(ToClient, head("HTTP/1.1 200 OK", response.0, response.1).as_bytes(), 1448);
    talk.data(ToClient, response.1, mss);
    pcap(&talk.frames)
}

fn sniff(folder: &Path, args: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sniff"));
    let out =
        command.args(args).current_dir(folder).env_remove("SNIFF_DB").env_remove("SSLKEYLOGFILE").output().unwrap();
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
}

/// The database's bytes, and the stored body of one side.
fn recorded(capture: &[u8], side: u8) -> (Vec<u8>, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.pcap"), capture).unwrap();
    sniff(folder.path(), &["-q", "--read", "a.pcap"]);
    let path = folder.path().join("sniff.db");
    let db = rusqlite::Connection::open(&path).unwrap();
    let parts: Vec<Vec<u8>> = support::stored::segments(&db, side).into_iter().map(|(_, data)| data).collect();
    (support::stored::bytes(path), parts.concat())
}

fn has(bytes: &[u8], secret: &str) -> bool {
    bytes.windows(secret.len()).any(|w| w == secret.as_bytes())
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    to.write_all(text).unwrap();
    to.finish().unwrap()
}

fn deflate(text: &[u8]) -> Vec<u8> {
    let mut to = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    to.write_all(text).unwrap();
    to.finish().unwrap()
}

const JSON: &str = "Content-Type: application/json\r\n";
const OK: (&str, &[u8]) = ("", b"{}");

#[test]
fn answers_that_hand_out_keys() {
    for (body, secrets, kept) in [
        (
            r#"{"object":"realtime.session","client_secret":{"value":"0123456789-ephemeral","expires_at":1}}"#,
            &["0123456789-eph"][..],
            "realtime.session",
        ),
        (
            r#"{"value":"ek_0123456789abcdef","expires_at":1,"session":{"type":"realtime"}}"#,
            &["0123456789abc"],
            "expires_at",
        ),
        (
            r#"{"access_token":"at-0123456789","refresh_token":"rt-0123456789","id_token":"it-0123456789","token_type":"Bearer"}"#,
            &["at-0123", "rt-0123", "it-0123"],
            "Bearer",
        ),
        (r#"{"data":[{"api_key":"k-zyx987"},{"api_key":"pq5"}],"id":"key_1"}"#, &["k-zyx987", "\"pq5\""], "key_1"),
        ("access_token=at-0123456789&scope=repo", &["at-0123"], "scope=repo"),
    ] {
        for mss in [7, 1448] {
            let (db, stored) = recorded(&exchange((JSON, b"{}"), (JSON, body.as_bytes()), mss), 1);
            assert_eq!(stored.len(), body.len(), "offsets stay");
            assert!(has(&stored, kept), "{}", String::from_utf8_lossy(&stored));
            for secret in secrets {
                assert!(!has(&db, secret), "{secret} in pieces of {mss}: {}", String::from_utf8_lossy(&stored));
            }
        }
    }
}

#[test]
fn answers_without_keys_are_stored_as_they_came() {
    for body in [
        r#"{"id":"c1","choices":[{"message":{"content":"the \"api_key\": \"is-not-one-here\""}}],"usage":{"total_tokens":3}}"#,
        "data: {\"access_token\":\"an event stream is not searched\"}\n\n",
        "plain text, password = none",
        "\u{1f}\u{8b}no gzip at all",
    ] {
        assert_eq!(recorded(&exchange((JSON, b"{}"), ("", body.as_bytes()), 1448), 1).1, body.as_bytes());
    }
}

#[test]
fn multipart_fields_and_short_values() {
    let part =
        |name: &str, value: &str| format!("--b0\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let body =
        [part("model", "whisper-1"), part("api_key", "multi-0123456789"), part("password", "qz7"), "--b0--\r\n".into()]
            .concat();
    for mss in [5, 1448] {
        let fields = "Content-Type: multipart/form-data; boundary=b0\r\n";
        let (db, stored) = recorded(&exchange((fields, body.as_bytes()), OK, mss), 0);
        assert_eq!(stored.len(), body.len());
        assert!(
            has(&stored, "whisper-1") && has(&stored, "--b0--") && has(&stored, "name=\"password\"\r\n\r\n***\r\n--b0"),
            "{}",
            String::from_utf8_lossy(&stored)
        );
        assert!(!has(&db, "multi-0") && !has(&db, "23456789") && !has(&db, "\nqz7\r"), "pieces of {mss}");
    }
    let (_, stored) = recorded(&exchange((JSON, br#"{"api_key":"qz7","model":"m"}"#), OK, 1448), 0);
    assert_eq!(stored, br#"{"api_key":"***","model":"m"}"#);
}

#[test]
fn under_a_content_coding_the_whole_is_blanked_and_only_then() {
    let secret = br#"{"model":"m","api_key":"sk-0123456789abcdef"}"#;
    let plain = br#"{"model":"m","messages":[{"role":"user","content":"hello"}]}"#;
    for (coding, sent, kept) in [
        ("gzip", gzip(secret), gzip(plain)),
        ("deflate", deflate(secret), deflate(plain)),
        ("zstd", zstd::encode_all(&secret[..], 3).unwrap(), zstd::encode_all(&plain[..], 3).unwrap()),
    ] {
        let fields = format!("{JSON}Content-Encoding: {coding}\r\n");
        for (mss, side) in [(1448, 0), (1448, 1), (9, 0), (9, 1)] {
            let of = |body: &[u8]| match side {
                0 => recorded(&exchange((&fields, body), OK, mss), 0),
                _ => recorded(&exchange((JSON, b"{}"), (&fields, body), mss), 1),
            };
            let (db, stored) = of(&sent);
            assert_eq!(stored, vec![b'*'; sent.len()], "{coding} side {side}");
            assert!(!has(&db, "sk-0123456789"), "{coding} side {side}");
            assert_eq!(of(&kept).1, kept, "{coding} side {side}: without a secret it stays");
        }
    }
}

/// A finding that quotes a secret of a head, cut at the excerpt's end, contains only the mark.
#[test]
fn an_excerpt_that_ends_within_a_secret() {
    const KEY: &str = "sk-0123456789abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for before in ["", "x", "wrong key "] {
        let long = format!("{before}{KEY}");
        let body = format!("data:{long}\n\ndata:{{\"error\":\"{}{long}\"}}\n\n", "e".repeat(60));
        let events = "Content-Type: text/event-stream\r\n";
        let ask = format!("{JSON}Authorization: Bearer {KEY}\r\n");
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.pcap"), exchange((&ask, b"{}"), (events, body.as_bytes()), 1448)).unwrap();
        sniff(folder.path(), &["-q", "--read", "a.pcap"]);
        let db = rusqlite::Connection::open(folder.path().join("sniff.db")).unwrap();
        let texts: String = db
            .query_row(
                "SELECT (SELECT group_concat(found) FROM oddity) || (SELECT group_concat(message || coalesce(excerpt, \
                    '')) FROM finding)",
                [],
                |r| r.get(0),
            )
            .unwrap();
        assert!(texts.contains("data:") && texts.contains("[redacted"), "something quotes it: {texts}");
        assert!(!texts.contains("sk-012345"), "{texts}");
    }
}

#[test]
fn long_bodies_that_leave_in_parts() {
    // Larger than what an exchange holds back: the secrets are in the first, a middle and the last part.
    let filler =
        |n: usize| (0..n).map(|i| format!("{{\"n\":{i},\"text\":\"{:x}\"}},", i * 2_654_435_761)).collect::<String>();
    let body = format!(
        "{{\"access_token\":\"first-01234567\",\"a\":[{f}1],\"client_secret\":{{\"value\":\"middle-01234567\"}},\"b\":[{f}1],\"api_key\":\"last-01234567\"}}",
        f = filler(20_000)
    );
    assert!(body.len() > 1 << 20);
    let (db, stored) = recorded(&exchange((JSON, b"{}"), (JSON, body.as_bytes()), 1448), 1);
    assert_eq!(stored.len(), body.len());
    for secret in ["first-0123", "middle-0123", "last-0123"] {
        assert!(!has(&db, secret), "{secret}");
    }
    let coded = gzip(body.as_bytes());
    let fields = format!("{JSON}Content-Encoding: gzip\r\n");
    let (_, stored) = recorded(&exchange((JSON, b"{}"), (&fields, &coded), 1448), 1);
    assert_eq!(stored.len(), coded.len());
    assert!(stored.iter().all(|&b| b == b'*'), "the first part holds a secret: it and all after it are blank");
}
