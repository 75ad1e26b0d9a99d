//! The page of `sniff report html` in a browser: it asks for nothing, says nothing on its console, draws its pictures,
//! can be used with keys alone, and its figures are those of the reports, filtered or not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use serde_json::Value;
use sniff::conn::Direction::{ToClient, ToServer};
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use support::place::{Place, chunk, delta, talk};

/// One browser at a time: two take longer than one after the other, and wait for each other.
static BROWSER: Mutex<()> = Mutex::new(());

/// What the page does in Chromium; each filter is the fragment of an address.
fn opened(p: &Place, page: &str, filters: &[&str]) -> Value {
    support::installed("npm-page/node_modules/playwright-core");
    let _one = BROWSER.lock().unwrap_or_else(PoisonError::into_inner);
    let chromium = support::program("chromium").get_program().to_owned();
    // Node.js looks for modules beside the script.
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = root.join("target/npm-page/page.mjs");
    std::fs::copy(root.join("tests/support/page.mjs"), &script).unwrap();
    let chromium =
        std::env::split_paths(&std::env::var_os("PATH").unwrap()).map(|f| f.join(&chromium)).find(|f| f.is_file());
    let out =
        Command::new("node").arg(script).arg(p.path(page)).args(filters).env("CHROMIUM", chromium.unwrap()).output();
    let out = out.unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let said: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(said["console"], serde_json::json!([]), "messages on the console");
    assert_eq!(said["requests"], serde_json::json!([]), "requests");
    let serious = |v: &&Value| matches!(v["impact"].as_str(), Some("serious" | "critical"));
    let wrong: Vec<&Value> = said["axe"].as_array().unwrap().iter().filter(serious).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    said
}

/// Every figure of `report latency` that the page computes, against those that it computed.
fn agree(page: &Value, report: &Value, what: &str) {
    let figures = page.as_object().unwrap();
    assert_eq!(figures.len(), 7, "{what}");
    for (name, have) in figures {
        let want = report["overall"][name].as_object().unwrap();
        for (figure, want) in want {
            assert_eq!(have[figure].as_f64(), want.as_f64(), "{what}: {name} {figure}");
        }
    }
}

#[test]
fn a_page_of_real_recordings_is_whole_and_its_figures_are_the_reports() {
    let p = Place::new();
    let captures = [
        "llamacpp-sequential-4.pcap",
        "h1-parallel-50.pcap",
        "net-loss5-bigevents-client.pcap",
        "h2c-multiplex-5-httpx.pcap",
        "litellm-fwd-chat-both-legs.pcap",
        "nginx-incremental-buffering-on.pcap",
    ];
    for name in captures {
        p.want(0, &["-q", "--read", support::real().join(name).to_str().unwrap()]);
    }
    p.want(0, &["report", "html", "--slo", "ttft<100ms", "--with-text", "4096", "-o", "page.html"]);
    let list = p.json(&["list", "--format", "json"]);
    let host = format!("{}:{}", list[0]["server_ip"].as_str().unwrap(), list[0]["server_port"]);
    let filter = format!("server={host}");
    let said = opened(&p, "page.html", &[&filter, "model=m"]);
    agree(&said["figures"][""], &p.json(&["report", "latency", "--format", "json"]), "all");
    agree(&said["figures"][&filter], &p.json(&["report", "latency", "--format", "json", "--host", &host]), &filter);
    agree(&said["figures"]["model=m"], &p.json(&["report", "latency", "--format", "json", "--model", "m"]), "model=m");
    let html = std::fs::read_to_string(p.path("page.html")).unwrap();
    let block = html.split("id=\"document\">").nth(1).unwrap().split("</script>").next().unwrap();
    let document: Value = serde_json::from_str(block).unwrap();
    assert_eq!(document["latency"], p.json(&["report", "latency", "--slo", "ttft<100ms", "--format", "json"]));
    for part in ["parts_ms", "pauses_ms"] {
        let means = |of: &Value| of[part].as_array().unwrap().iter().map(|ms| ms.as_f64().unwrap()).collect::<Vec<_>>();
        assert_eq!(means(&said["spent"][""]), means(&document["spent"]["overall"]), "where the time went: {part}");
    }
    assert_eq!(said["selected"][""].as_array().unwrap().len(), list.as_array().unwrap().len());
    // Three of the spread, lanes and curve, and one of the exchange.
    let pictures = said["pictures"].as_array().unwrap();
    assert_eq!(pictures.len(), 6, "{pictures:?}");
    for picture in pictures {
        let name = picture["name"].as_str().unwrap();
        assert!(name.len() > 20 && picture["colours"].as_u64() > Some(4), "{picture}");
    }
    let bars = said["bars"].as_array().unwrap();
    assert!(
        !bars.is_empty() && bars.iter().all(|b| b["parts"].as_u64() > Some(0) && b["name"].is_string()),
        "{bars:?}"
    );
    let keys = &said["keyboard"];
    assert_eq!(
        (&keys["opened"], &keys["chosen"], &keys["back"]),
        (&"main".into(), &"1".into(), &true.into()),
        "{keys}"
    );
    let exchange = keys["exchange"].as_str().unwrap();
    assert!(["On one axis of time", "Heads", "Text"].iter().all(|title| exchange.contains(title)), "{exchange}");
}

/// What would run, fetch, or end its place, if it were taken for markup.
const HOSTILE: &str = "<img src=x onerror=ran=1></script><script>ran=1</script><!--\u{202e}\u{2028}]]>&lt;'\"`${ran=1}";

#[test]
fn captured_text_is_text_wherever_it_stands() {
    let p = Place::new();
    let in_json = serde_json::to_string(HOSTILE).unwrap();
    let body =
        format!("{{\"model\":{in_json},\"stream\":true,\"messages\":[{{\"role\":\"user\",\"content\":{in_json}}}]}}");
    let head_safe: String = HOSTILE.chars().filter(|c| c.is_ascii() && *c != ' ').collect();
    let ask = format!(
        "POST /v1/{head_safe}/chat/completions?x={head_safe} HTTP/1.1\r\nHost: {head_safe}.example\r\n\
            X-{head_safe}: {HOSTILE}\r\n\
            User-Agent: {HOSTILE}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = format!(
        "HTTP/1.1 200 {HOSTILE}\r\nContent-Type: text/event-stream\r\nX-Answer: {HOSTILE}\r\n\
            Transfer-Encoding: chunked\r\n\r\n"
    );
    let word = chunk(&delta(&in_json[1..in_json.len() - 1]));
    let named =
        chunk(&format!("event: {HOSTILE}\ndata: {{\"error\":{{\"message\":{in_json},\"type\":{in_json}}}}}\n\n"));
    let steps = [
        (0, ToServer, ask.as_bytes()),
        (20, ToClient, answer.as_bytes()),
        (40, ToClient, word.as_bytes()),
        (60, ToClient, word.as_bytes()),
        (400, ToClient, named.as_bytes()),
    ];
    p.record(&[&talk(0, &steps), &talk(1, &steps)]);
    p.want(0, &["session", "name", "1", "</script><script>ran=1</script>"]);
    p.want(0, &["report", "html", "--with-text", "100000", "-o", "page.html"]);
    let said = opened(&p, "page.html", &[]);
    assert_eq!(said["ran"], serde_json::json!({"flag": null, "scripts": 2, "images": 0, "frames": 0}));
    assert_eq!(said["dialogs"], 0);
    let all = format!("{}{}", said["text"].as_str().unwrap(), said["keyboard"]["exchange"].as_str().unwrap());
    assert!(all.contains("<img src=x onerror=ran=1>") && all.contains("\\u{202e}"), "{all}");
    assert!(!all.contains(['\u{202e}', '\u{2028}']), "{all}");
}

#[test]
fn a_page_without_text_has_none() {
    let p = Place::new();
    let ask = "POST /v1/chat/completions?key=PRIVATE HTTP/1.1\r\nHost: h.example\r\nX-PRIVATE: PRIVATE\r\n\
        Content-Length: 7\r\n\r\nPRIVATE";
    let head =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Answer: PRIVATE\r\nTransfer-Encoding: chunked\r\n\r\n";
    let word = chunk(&delta("PRIVATE"));
    p.record(&[&talk(
        0,
        &[(0, ToServer, ask.as_bytes()), (9, ToClient, head.as_bytes()), (12, ToClient, word.as_bytes())],
    )]);
    for args in [
        &["report", "html"][..],
        &["report", "latency", "--format", "html"],
        &["report", "compliance", "--format", "html"],
    ] {
        let page = p.out(args);
        assert!(page.contains("h.example") && !page.contains("PRIVATE"), "{args:?}");
        assert!(page.contains("<script type=\"text/plain\" id=\"texts\"></script>"), "{args:?}");
    }
    assert!(p.out(&["report", "latency", "--format", "html"]).contains("\"view\":\"latency\""));
    p.want(2, &["report", "html", "--format", "json"]);
    p.want(2, &["report", "errors", "--format", "html"]);
    p.want(2, &["report", "latency", "--with-text", "9"]);
}
