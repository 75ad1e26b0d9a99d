//! SARIF 2.1.0 (the OASIS standard; numbers are its sections): findings for code scanning and for tools that
//! collect results.

use super::compliance::{Case, Compliance};
use super::finding::place;
use super::text::clean;
use crate::conformance::probe::CHECKS;
use crate::conformance::{Level, RULES, Rule};
use crate::summary::FindingSummary;
use serde_json::{Value, json};

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json";

/// The whole document.
pub fn document(c: &Compliance) -> Value {
    let allowed = || c.suppressed.iter().flat_map(|case| case.findings.iter().map(move |f| (case, f)));
    let broken = |r: &&Rule| c.rules.iter().any(|b| b.rule == r.code) || allowed().any(|(_, f)| f.rule == r.code);
    let rules: Vec<&Rule> = RULES.iter().chain(CHECKS).copied().filter(broken).collect();
    let mut results: Vec<Value> =
        c.cases.iter().flat_map(|case| case.findings.iter().map(|f| result(case, f, &rules))).collect();
    results.extend(allowed().map(|(case, f)| {
        let mut result = result(case, f, &rules);
        // 3.35: the option or sniff.toml is outside of what was analysed.
        result["suppressions"] = json!([{ "kind": "external", "status": "accepted" }]);
        result
    }));
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "sniff",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().map(|r| rule(r)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

/// A reportingDescriptor (3.49) for one rule.
fn rule(r: &Rule) -> Value {
    let breaks = if r.breaks.is_empty() { String::new() } else { format!("\n\nBreaks: {}", r.breaks.join(", ")) };
    json!({
        "id": r.code,
        "name": pascal(r.name),
        "shortDescription": { "text": r.summary },
        "fullDescription": { "text": r.why },
        "help": { "text": format!("{}\n\nFix: {}\n\nSource: {}{breaks}", r.why, r.fix, r.source) },
        "defaultConfiguration": { "level": level(r.level) },
    })
}

/// A result (3.27) for one finding. Its offsets count in the decoded body, which is not a file, so words and
/// properties describe the place.
fn result(case: &Case, f: &FindingSummary, rules: &[&Rule]) -> Value {
    let place = place(f, case.zero_ns);
    let at = if place.is_empty() { String::new() } else { format!(" ({place})") };
    let text = format!("#{} {}: {}{at}", case.exchange, clean(&case.request), clean(&f.message));
    let mut logical = vec![json!({ "name": format!("exchange {}", case.exchange), "kind": "object" })];
    logical.extend(f.record.map(|n| json!({ "name": format!("record {n}"), "kind": "element" })));
    let mut physical = json!({ "artifactLocation": { "uri": uri(case.file.as_deref().unwrap_or("sniff.db")) } });
    if let Some(e) = &f.excerpt {
        let snippet = format!("{}{}{}", clean(&e.before), clean(&e.marked), clean(&e.after));
        physical["region"] = json!({ "startLine": 1, "snippet": { "text": snippet } });
    }
    let mut out = json!({
        "ruleId": f.rule,
        "level": level(f.level),
        "message": { "text": text },
        "occurrenceCount": f.count,
        "locations": [{ "physicalLocation": physical, "logicalLocations": logical }],
        "partialFingerprints": { "request/v1": format!("{} {} {}", f.rule, case.host, clean(&case.request)) },
        "properties": {
            "exchange": case.exchange, "record": f.record, "offset": f.offset, "packet": f.packet, "chunk": f.chunk, "t_ns": f.t_ns,
            "host": case.host, "status": case.status, "dialect": case.dialect, "verdict": case.verdict,
        },
    });
    if let Some(index) = rules.iter().position(|r| r.code == f.rule) {
        out["ruleIndex"] = index.into();
    }
    out
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Info => "note",
    }
}

/// Converts a rule's name to the form that SARIF recommends: `missing-done` becomes `MissingDone`.
fn pascal(name: &str) -> String {
    let upper =
        |w: &str| w.chars().next().map(|c| c.to_ascii_uppercase().to_string() + &w[c.len_utf8()..]).unwrap_or_default();
    name.split('-').map(upper).collect()
}

/// A path as a URI reference (RFC 3986).
fn uri(path: &str) -> String {
    let mut out = String::from(if path.starts_with('/') { "file://" } else { "" });
    for b in path.bytes() {
        match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => out.push(b as char),
            _ => out += &format!("%{b:02X}"),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_places_as_the_standard_wants_them() {
        assert_eq!(pascal("missing-done"), "MissingDone");
        assert_eq!(uri("/tmp/a b#1.pcap"), "file:///tmp/a%20b%231.pcap");
        assert_eq!(uri("dir/ü.pcap"), "dir/%C3%BC.pcap");
    }
}
