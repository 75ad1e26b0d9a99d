//! The catalogue of rules against itself: every sample through the whole pipeline, every text there, the README's table up to date.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use sniff::conformance::{self, Finding, Level, RULES, Rule};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Good samples that provoke another rule at error level, because what they show is good for their rule only: (sample's rule, provoked rule).
const EXCEPTIONS: &[(&str, &str)] = &[
    // The server cuts: bad, and no loss of the capture.
    ("DLV-015", "HTTP-006"),
    // An answer that ends in an error is whole, and bad.
    ("OLLAMA-001", "OLLAMA-003"),
];

/// Families in the order of the layers, from transport to delivery.
const FAMILIES: &[&str] = &[
    "TCP", "HTTP", "SSE", "OAI-CHAT", "OAI-CMPL", "OAI-RESP", "ANT", "GEM", "COHERE", "NDJSON", "MPART", "OLLAMA", "AWS", "GRPC", "MCP",
    "A2A", "UI", "DASH", "TGI", "LLAMA", "DLV",
];

fn findings(sample: &str) -> Vec<Finding> {
    let found = conformance::sample::findings(sample);
    found.unwrap_or_else(|e| panic!("{e}\n{sample}"))
}

fn provoked(found: &[Finding], code: &str) -> bool {
    found.iter().any(|f| f.rule == code)
}

fn list(found: &[Finding]) -> String {
    found.iter().map(|f| format!("  {} {:?} {}\n", f.rule, f.level, f.message)).collect()
}

/// All complaints of all rules at once: a change to a layer shows its whole effect.
fn each(check: impl Fn(&'static Rule, &mut Vec<String>)) {
    let mut wrong = Vec::new();
    for rule in RULES {
        check(rule, &mut wrong);
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_bad_sample_provokes_its_rule() {
    each(|rule, wrong| {
        for (n, sample) in rule.bad.iter().enumerate() {
            let found = findings(sample);
            if !provoked(&found, rule.code) {
                wrong.push(format!("bad sample {n} of {} does not provoke it, but\n{}{sample}", rule.code, list(&found)));
            }
        }
    });
}

#[test]
fn no_good_sample_provokes_its_rule_nor_an_error_of_another() {
    each(|rule, wrong| {
        for (n, sample) in rule.good.iter().enumerate() {
            let found = findings(sample);
            // HTTP-006 remarks on a client that closes behind a complete answer; a remark is not a verdict.
            let own = found.iter().any(|f| f.rule == rule.code && (rule.level == Level::Info || f.level > Some(Level::Info)));
            let error = found.iter().any(|f| f.level == Some(Level::Error) && !EXCEPTIONS.contains(&(rule.code, f.rule)));
            if own || error {
                wrong.push(format!("good sample {n} of {} provokes\n{}{sample}", rule.code, list(&found)));
            }
        }
    });
}

/// Good samples that provoke other rules all the same: (sample's rule, rules provoked). What is good for the one shows the other's case.
const GOOD_FOR_ITSELF: &[(&str, &[&str])] = &[
    ("HTTP-014", &["DLV-003"]),
    ("DLV-001", &["DLV-003"]),
    // A type in capitals is the right type, and unusual.
    ("HTTP-001", &["HTTP-005"]),
    // A capture that ends proves nothing against the server, and is remarked on.
    ("HTTP-006", &["DLV-015"]),
    ("GRPC-001", &["DLV-015"]),
    // A client that closes behind a complete answer, or gives one up in the middle, is remarked on.
    ("HTTP-021", &["HTTP-006"]),
    ("OAI-CHAT-001", &["DLV-010", "DLV-015"]),
    ("OAI-CHAT-005", &["DLV-010"]),
    ("OAI-RESP-001", &["DLV-010"]),
    ("ANT-001", &["DLV-010"]),
    ("GEM-001", &["DLV-010"]),
    ("GEM-003", &["DLV-010"]),
    ("COHERE-001", &["DLV-010"]),
    ("ANT-011", &["DLV-007"]),
    ("OLLAMA-001", &["DLV-010", "OLLAMA-003"]),
    ("OLLAMA-004", &["DLV-010"]),
    ("A2A-001", &["DLV-010"]),
    // Slow on purpose, or left open on purpose.
    ("DLV-005", &["DLV-007"]),
    ("DLV-006", &["DLV-009", "HTTP-021"]),
    ("DLV-007", &["SSE-021"]),
    ("DLV-009", &["HTTP-006"]),
    ("DLV-010", &["HTTP-006", "OAI-CHAT-001"]),
    ("DLV-015", &["DLV-010", "HTTP-006"]),
    // Comments are remarked on wherever they are.
    ("SSE-009", &["SSE-021"]),
    ("SSE-012", &["SSE-021"]),
    ("SSE-025", &["SSE-021"]),
    ("OAI-CHAT-004", &["SSE-021"]),
    // Usage that adds up was not asked for, or comes without the nulls before it.
    ("OAI-CHAT-011", &["OAI-CHAT-029"]),
    ("OAI-CHAT-028", &["OAI-CHAT-029"]),
    ("OAI-CHAT-031", &["OAI-CHAT-029"]),
    // MCP's own ways, which only it has.
    ("MCP-001", &["DLV-010", "MCP-003"]),
    // DashScope's own ways: unspaced fields, ids, and a status as comment.
    ("DASH-001", &["SSE-002", "SSE-014", "SSE-021"]),
    ("DASH-002", &["SSE-002", "SSE-014", "SSE-021"]),
];

#[test]
fn no_rule_fires_on_a_good_sample_of_another() {
    each(|rule, wrong| {
        let allowed = GOOD_FOR_ITSELF.iter().find(|(code, _)| *code == rule.code).map_or(&[][..], |(_, codes)| codes);
        let mut provoked = BTreeSet::new();
        for sample in rule.good {
            provoked.extend(findings(sample).iter().map(|f| f.rule));
        }
        let more: Vec<_> = provoked.iter().filter(|code| !allowed.contains(code)).collect();
        let less: Vec<_> = allowed.iter().filter(|code| !provoked.contains(*code)).collect();
        if !more.is_empty() || !less.is_empty() {
            wrong.push(format!("    (\"{}\", &{provoked:?}), // more {more:?}, less {less:?}", rule.code));
        }
    });
}

#[test]
fn findings_name_rule_level_and_message() {
    each(|rule, wrong| {
        for sample in rule.bad {
            for f in findings(sample) {
                if conformance::by_code(f.rule).is_none() || f.level.is_none() || f.message.is_empty() || f.count == 0 {
                    wrong.push(format!("{}: {f:?}", rule.code));
                }
            }
        }
    });
}

#[test]
fn every_text_is_there_and_ends_well() {
    each(|rule, wrong| {
        for (field, text) in [("summary", rule.summary), ("why", rule.why), ("source", rule.source), ("fix", rule.fix)] {
            if text.trim().len() < 10 || text.contains("  ") || text.contains('\n') {
                wrong.push(format!("{}: {field} is {text:?}", rule.code));
            }
        }
        if rule.bad.is_empty() || rule.good.is_empty() {
            wrong.push(format!("{}: needs a bad and a good sample", rule.code));
        }
        if rule.breaks.is_empty() && rule.level > Level::Info {
            wrong.push(format!("{}: who breaks on it?", rule.code));
        }
        if rule.summary.ends_with('.') || rule.summary.contains('\n') {
            wrong.push(format!("{}: the summary is one line without a full stop", rule.code));
        }
    });
}

#[test]
fn codes_and_names_are_unique_and_in_order() {
    let mut names = BTreeSet::new();
    let mut last = (0, 0);
    for rule in RULES {
        let (family, number) = rule.code.rsplit_once('-').expect("FAMILY-NNN");
        assert!(number.len() == 3, "{}", rule.code);
        let family = FAMILIES.iter().position(|f| *f == family).unwrap_or_else(|| panic!("unknown family of {}", rule.code));
        let here = (family, number.parse::<u32>().expect("digits"));
        assert!(here > last, "{} is out of order", rule.code);
        last = here;
        let kebab = rule.name.split('-').all(|w| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
        assert!(kebab, "{}: {} is not kebab-case", rule.code, rule.name);
        assert!(names.insert(rule.name), "{} twice", rule.name);
        for by in rule.silenced_by {
            assert!(conformance::by_code(by).is_some(), "{} is silenced by {by}, which does not exist", rule.code);
        }
    }
}

#[test]
fn the_table_in_the_readme_is_up_to_date() {
    const BEGIN: &str = "<!-- rules:begin -->\n";
    const END: &str = "<!-- rules:end -->";
    let path = root().join("README.md");
    let readme = std::fs::read_to_string(&path).expect("README.md");
    let begin = readme.find(BEGIN).expect("README.md lacks <!-- rules:begin -->") + BEGIN.len();
    let end = begin + readme[begin..].find(END).expect("README.md lacks <!-- rules:end -->");
    let want = format!("\n{}\n", conformance::catalogue_table());
    if readme[begin..end] == want {
        return;
    }
    assert!(std::env::var_os("BLESS").is_some(), "the table of rules in README.md is stale; run this test with BLESS=1");
    std::fs::write(&path, format!("{}{want}{}", &readme[..begin], &readme[end..])).expect("README.md written");
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
