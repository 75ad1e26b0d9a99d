//! JUnit XML for CI servers: a suite per file, a case per exchange, a failure if its findings reach the limit.

use super::Terminal;
use super::compliance::{Case, Compliance};
use super::finding::{self, RenderOptions};
use super::text::{clean, count};
use crate::conformance::Level;
use crate::summary::FindingSummary;
use std::fmt::Write;

/// The terminal for which the text inside a failure is formatted.
const TERMINAL: Terminal = Terminal { width: 120, color: false };

/// The whole document. Findings at or over `limit` are failures; the others are printed with their case.
pub fn text(c: &Compliance, limit: Option<Level>) -> String {
    let mut suites: Vec<(&str, Vec<&Case>)> = Vec::new();
    let mut all: Vec<&Case> = c.cases.iter().chain(&c.passed).collect();
    all.sort_by_key(|case| case.order);
    for case in all {
        let file = case.file.as_deref().unwrap_or("database");
        match suites.iter_mut().find(|(name, _)| *name == file) {
            Some((_, cases)) => cases.push(case),
            None => suites.push((file, vec![case])),
        }
    }
    let failed = |case: &&&Case| failures(case, limit).next().is_some();
    let failures: usize = suites.iter().map(|(_, cases)| cases.iter().filter(failed).count()).sum();
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"sniff check\" tests=\"{}\" \
            failures=\"{failures}\" errors=\"0\">\n",
        c.cases.len() + c.passed.len()
    );
    let [found, clean] = c.left_out;
    if found + clean > 0 {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "  <!-- not listed: {found} exchanges more with findings, {clean} more without -->");
    }
    for (file, cases) in suites {
        let failures = cases.iter().filter(failed).count();
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\">",
            xml(file),
            cases.len()
        );
        cases.iter().for_each(|case| out += &testcase(file, case, limit));
        out += "  </testsuite>\n";
    }
    out + "</testsuites>\n"
}

fn failures(case: &Case, limit: Option<Level>) -> impl Iterator<Item = &FindingSummary> {
    case.findings.iter().filter(move |f| limit.is_some_and(|l| f.level >= l))
}

fn testcase(file: &str, case: &Case, limit: Option<Level>) -> String {
    let status = case.status.map_or(String::new(), |s| format!(" {s}"));
    let name = format!("#{} {}{status}", case.exchange, case.request);
    let mut out = format!("    <testcase classname=\"{}\" name=\"{}\">\n", xml(file), xml(&name));
    let say = |fails: bool| -> String {
        let chosen = case.findings.iter().filter(|f| limit.is_some_and(|l| f.level >= l) == fails);
        chosen
            .map(|f| {
                finding::text(
                    f,
                    RenderOptions { code_width: f.rule.len(), zero_ns: case.zero_ns, fix: true },
                    &TERMINAL,
                )
            })
            .collect()
    };
    if let Some(first) = failures(case, limit).next() {
        let n = failures(case, limit).count() as u64;
        let more =
            if n > 1 { format!(" and {}", count(n - 1, "finding more", "findings more")) } else { String::new() };
        let message = format!("{}: {}{more}", first.rule, clean(&first.message));
        let _ = writeln!(
            out,
            "      <failure type=\"{}\" message=\"{}\">{}</failure>",
            xml(&first.rule),
            xml(&message),
            xml(&say(true))
        );
    }
    let rest = say(false);
    if !rest.is_empty() {
        let _ = writeln!(out, "      <system-out>{}</system-out>", xml(&rest));
    }
    out + "    </testcase>\n"
}

/// Text or an attribute's value with XML's escapes. Characters that XML 1.0 cannot hold become U+FFFD.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captured_text_stays_text() {
        assert_eq!(xml("<a b=\"&\">\u{1}\r\u{ffff}"), "&lt;a b=&quot;&amp;&quot;&gt;\u{fffd}\u{fffd}\u{fffd}");
    }
}
