//! Pages of all rules, and the marks of rules whose fault has a known place.

use super::*;
use crate::conformance::by_code;
use crate::report::Terminal;
use crate::report::text::width;

fn page(code: &str, columns: usize) -> String {
    text(by_code(code).unwrap(), &Terminal { width: columns, color: false })
}

/// The marked line and the line of carets below it.
fn marked(code: &str) -> (String, String) {
    let page = page(code, 100);
    let lines: Vec<&str> = page.lines().collect();
    let at = lines.iter().position(|l| l.contains('│') && l.contains('^')).expect("a mark");
    let behind = |l: &str| l.split_once("│ ").map_or(String::new(), |(_, text)| text.to_owned());
    (behind(lines[at - 1]), behind(lines[at]))
}

/// The text above the carets.
fn above(code: &str) -> String {
    let (line, mark) = marked(code);
    let from = mark.find('^').unwrap();
    let len = mark.chars().filter(|c| *c == '^').count();
    line.chars().skip(from).take(len).collect()
}

#[test]
fn every_page_has_its_parts_and_keeps_to_the_width() {
    for rule in RULES {
        for columns in [80, 160] {
            let page = page(rule.code, columns);
            for part in ["  why ", "  bad ", "  good ", "  fix ", "  source "] {
                assert!(page.contains(&format!("\n{part}")), "{}: no {part}\n{page}", rule.code);
            }
            // Only a word that is longer than the line, such as a path or a line of code, may be wider.
            let wide = page.lines().filter(|l| width(l) > columns).collect::<Vec<_>>();
            assert!(
                wide.iter().all(|l| l.trim().split(' ').any(|w| width(w) > columns / 2)),
                "{}: {wide:#?}",
                rule.code
            );
        }
    }
}

#[test]
fn the_mark_is_under_what_is_wrong() {
    assert_eq!(above("SSE-003"), " ");
    assert!(marked("SSE-013").0.starts_with("data:"));
    assert_eq!(above("HTTP-004"), "ISO-8859-1");
    assert_eq!(above("OAI-CHAT-007"), "\"\"");
    assert!(marked("SSE-002").0.starts_with("data:{"));
    assert_eq!(marked("SSE-002").1.find('^'), Some(5));
    // Frames of HTTP/2 and messages of binary framings are shown as lines that describe them.
    assert_eq!(above("HTTP-016"), "connection: keep-alive");
    assert_eq!(above("HTTP-015"), "the server resets the stream: INTERNAL_ERROR");
    assert_eq!(above("AWS-002"), r#"exception throttlingException {"message":"Too many requests"}"#);
    assert!(marked("AWS-001").0.starts_with("with a wrong checksum: contentBlockDelta {"));
    assert!(marked("GRPC-001").0.starts_with("grpc-status:14·"));
}

#[test]
fn causes_and_clients_name_what_exists() {
    use crate::conformance::causes::CAUSES;
    let mut named = std::collections::BTreeSet::new();
    for cause in CAUSES {
        assert!(!cause.fixes.is_empty() && cause.how.ends_with('.'), "{}", cause.title);
        for code in cause.rules {
            assert!(named.insert(*code), "{code} has two causes");
        }
    }
    assert_eq!(clients::named("openai-node 7").unwrap().versions, "7.57");
    assert_eq!(clients::named("openai-python (http2)").unwrap().versions, "2.54.0, 3.54.0");
    assert!(clients::named("openai-pythonic").is_none());
}
