//! Secrets are replaced in every text that quotes them, and in no other.

use super::{record, sample, temp};
use crate::analyzer::{Analyzed, Output};
use crate::exchange::PieceInfo;
use crate::http::stored::{self, Kept};
use crate::oddity::{Excerpt, Of};
use crate::pipeline::{BodyPart, Part};
use crate::time::Timestamp;
use rusqlite::Connection;
use std::path::Path;

/// Secrets of a field of the request, of a field of the answer, of the request's body; and a short one of that body.
const ASKED: &str = "asked-0123456789";
const GIVEN: &str = "given-0123456789";
const BODY: &str = "body-0123456789";
const SHORT: &str = "qz7";

fn kept() -> Kept<'static> {
    Kept { first_at: Timestamp(100), h2_stream: None, transfer: "length" }
}

/// An exchange with these secrets, and fields of both heads that quote them.
fn told() -> Analyzed {
    let mut f = sample::finished(0, 100);
    let x = &mut f.exchange;
    let quotes = format!("X-Quotes: {BODY}, {BODY} and {ASKED}; {GIVEN}\r\nX-Short: {SHORT} {SHORT}\r\n");
    let request = x.request.as_mut().unwrap();
    let raw = format!("POST /v1 HTTP/1.1\r\nHost: h\r\nX-Api-Key: {ASKED}\r\n{quotes}\r\n");
    request.head = stored::request(raw.as_bytes(), kept()).unwrap();
    request.body.bytes = format!(r#"{{"api_key":"{BODY}","password":"{SHORT}"}}"#).into_bytes();
    request.body.pieces = vec![sample::piece(100, 0, 0, request.body.bytes.len() as u32)];
    let response = x.response.as_mut().unwrap();
    let raw = format!("HTTP/1.1 200 OK\r\nX-Auth-Token: {GIVEN}\r\n{quotes}\r\n");
    response.head = stored::response(raw.as_bytes(), kept());
    f
}

/// Makes the response's body hand out a secret.
fn handing_out(f: &mut Analyzed) {
    let body = &mut f.exchange.response.as_mut().unwrap().body;
    body.bytes = br#"{"access_token":"token-0123456789"}"#.to_vec();
    body.pieces = vec![sample::piece(120, 0, 0, body.bytes.len() as u32)];
}

fn texts(path: &Path, sql: &str) -> Vec<String> {
    let db = Connection::open(path).unwrap();
    let mut statement = db.prepare(sql).unwrap();
    statement.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect()
}

/// The mark of a field that is a secret.
fn mark(path: &Path, name: &str) -> String {
    texts(path, &format!("SELECT value FROM field WHERE name = '{name}'")).remove(0)
}

#[test]
fn fields_that_quote_a_secret_of_any_place() {
    let (_dir, path) = temp();
    record(&path, vec![Output::Exchange(Box::new(told()))]);
    let [asked, given] = ["X-Api-Key", "X-Auth-Token"].map(|name| mark(&path, name));
    assert!(asked.starts_with("[redacted, 16 bytes, ") && asked != given, "{asked} {given}");
    let quotes = format!("[redacted], [redacted] and {asked}; {given}");
    let fields = texts(&path, "SELECT value FROM field WHERE name = 'X-Quotes'");
    assert_eq!(fields, [quotes.clone(), quotes.clone()]);
    // A short secret is hidden at its own place only: elsewhere it may be any word.
    let short = format!("{SHORT} {SHORT}");
    assert_eq!(texts(&path, "SELECT value FROM field WHERE name = 'X-Short'"), [short.clone(), short.clone()]);
    let heads = texts(&path, "SELECT CAST(raw AS TEXT) FROM head WHERE kind = 'head' ORDER BY side");
    let lines = format!("X-Quotes: {quotes}\r\nX-Short: {short}\r\n\r\n");
    assert_eq!(heads[0], format!("POST /v1 HTTP/1.1\r\nHost: h\r\nX-Api-Key: {asked}\r\n{lines}"));
    assert_eq!(heads[1], format!("HTTP/1.1 200 OK\r\nX-Auth-Token: {given}\r\n{lines}"));
    let file = std::fs::read(&path).unwrap();
    for secret in [ASKED, GIVEN, BODY] {
        assert!(!file.windows(secret.len()).any(|w| w == secret.as_bytes()), "{secret}");
    }
}

#[test]
fn findings_that_quote_a_secret_and_words_that_contain_a_short_one() {
    let (_dir, path) = temp();
    let mut f = told();
    f.findings[0].message = format!("{ASKED}, {GIVEN}, {BODY}, {SHORT}; x{SHORT} {SHORT}x é{SHORT} ({SHORT}) {SHORT}");
    record(&path, vec![Output::Exchange(Box::new(f))]);
    let [asked, given] = ["X-Api-Key", "X-Auth-Token"].map(|name| mark(&path, name));
    let short = format!("x{SHORT} {SHORT}x é{SHORT} ([redacted]) [redacted]");
    let want = format!("{asked}, {given}, [redacted], [redacted]; {short}");
    assert_eq!(texts(&path, "SELECT message FROM finding"), [want]);
}

#[test]
fn excerpts_of_an_answer_that_hands_out_a_secret_are_empty() {
    let excerpt = |of| Excerpt {
        of,
        offset: 7,
        before: "n-012".into(),
        marked: "3456".into(),
        after: format!("789 {ASKED} after"),
    };
    for (hands_out, of, emptied) in
        [(true, Of::Body, true), (true, Of::Head, false), (false, Of::Body, false), (false, Of::Trailers, false)]
    {
        let (_dir, path) = temp();
        let mut f = told();
        if hands_out {
            handing_out(&mut f);
        }
        f.findings[0].excerpt = Some(Box::new(excerpt(of)));
        record(&path, vec![Output::Exchange(Box::new(f))]);
        let have: Excerpt = serde_json::from_str(&texts(&path, "SELECT excerpt FROM finding")[0]).unwrap();
        let want = match emptied {
            true => Excerpt { of, offset: 7, ..Excerpt::default() },
            false => Excerpt { after: format!("789 {} after", mark(&path, "X-Api-Key")), ..excerpt(of) },
        };
        assert_eq!(have, want, "{hands_out} {of:?}");
    }
}

#[test]
fn texts_of_an_answer_that_hands_out_a_secret() {
    let (_dir, path) = temp();
    let mut f = told();
    handing_out(&mut f);
    let answer = &mut f.exchange.response.as_mut().unwrap().answer;
    let text = || "it is token-0123456789.".to_owned();
    answer.texts.insert(0, text());
    (answer.reasoning_text, answer.error) = (text(), Some(text()));
    answer.tool_arguments.insert("call".into(), text());
    record(&path, vec![Output::Exchange(Box::new(f))]);
    for column in ["response_text", "response_reasoning_text", "response_error_in_stream"] {
        assert_eq!(texts(&path, &format!("SELECT {column} FROM exchange")), ["it is [redacted]."], "{column}");
    }
    let arguments = texts(&path, "SELECT response_tool_arguments FROM exchange").remove(0);
    assert!(arguments.contains("it is [redacted].") && !arguments.contains("token-0"), "{arguments}");
}

#[test]
fn a_secret_too_short_to_be_found_elsewhere_empties_excerpts_too() {
    let (_dir, path) = temp();
    let mut f = sample::finished(0, 100);
    let body = &mut f.exchange.response.as_mut().unwrap().body;
    body.bytes = br#"{"access_token":"ab"}"#.to_vec();
    body.pieces = vec![sample::piece(120, 0, 0, body.bytes.len() as u32)];
    f.findings[0].excerpt = Some(Box::new(Excerpt { marked: "ab".into(), ..Excerpt::default() }));
    record(&path, vec![Output::Exchange(Box::new(f))]);
    let have: Excerpt = serde_json::from_str(&texts(&path, "SELECT excerpt FROM finding")[0]).unwrap();
    assert_eq!(have, Excerpt::default());
}

#[test]
fn a_secret_that_a_finding_cuts_short_and_a_target_that_it_quotes() {
    let (_dir, path) = temp();
    let mut f = told();
    let target = "/v1/x?key=target-0123456789&a=b";
    let request = f.exchange.request.as_mut().unwrap();
    let raw = format!("GET {target} HTTP/1.1\r\nHost: h\r\nX-Api-Key: {ASKED}\r\n\r\n");
    request.head = stored::request(raw.as_bytes(), kept()).unwrap();
    let cut = &ASKED[..10];
    f.findings[0].message = format!("{target}: {cut}… {cut}. {cut}\" {cut}' {cut}` {cut}");
    record(&path, vec![Output::Exchange(Box::new(f))]);
    let asked = mark(&path, "X-Api-Key");
    let hidden = texts(&path, "SELECT request_path FROM exchange").remove(0);
    assert!(hidden.starts_with("/v1/x?key=[redacted-") && hidden.ends_with("&a=b"), "{hidden}");
    let want = format!("{hidden}: {asked}… {asked}. {asked}\" {asked}' {asked}` {asked}");
    assert_eq!(texts(&path, "SELECT message FROM finding"), [want]);
}

/// What follows missing bytes in a content coding cannot be decoded; it is stored as it came.
#[test]
fn a_body_after_a_gap_is_read_unless_it_is_coded() {
    let text = br#"{"model":"m","api_key":"sk-0123456789"}"#;
    // GZIP of a stored block: the bytes are in it unchanged.
    let len = (text.len() as u16).to_le_bytes();
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1, len[0], len[1], !len[0], !len[1]];
    let coded = [&head[..], text].concat();
    for (coding, gap, hidden) in [(Some("gzip"), false, true), (Some("gzip"), true, false), (None, true, true)] {
        let coded = if coding.is_some() { coded.clone() } else { text.to_vec() };
        let (_dir, path) = temp();
        let part = |from: usize, to: usize, lost: bool| {
            let mut pieces = vec![sample::piece(120, 0, from as u64, (to - from) as u32)];
            if lost {
                pieces.push(PieceInfo { gap: true, ..sample::piece(121, 0, to as u64, 0) });
            }
            let request = BodyPart { pieces, bytes: coded[from..to].to_vec(), unit_lines: Vec::new() };
            let codings = [coding.map(str::to_owned), None];
            Output::Part(Box::new(Part { codings, request, ..sample::part(0, vec![], b"") }))
        };
        let mut f = told();
        f.exchange.request.as_mut().unwrap().body = Default::default();
        record(&path, vec![part(0, 20, gap), part(20, coded.len(), false), Output::Exchange(Box::new(f))]);
        let db = Connection::open(&path).unwrap();
        let sql = "SELECT data FROM segment WHERE side = 0 ORDER BY off";
        let mut statement = db.prepare(sql).unwrap();
        let parts: Vec<Vec<u8>> = statement.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect();
        assert_eq!(parts[0], coded[..20], "{coding:?}, gap: {gap}");
        let second = String::from_utf8_lossy(&parts[1]).into_owned();
        assert_eq!(!second.contains("0123456789"), hidden, "{coding:?}, gap: {gap}: {second}");
        assert!(hidden || parts[1] == coded[20..]);
    }
}
