//! Workflow commands of GitHub Actions: each finding becomes an annotation of the run.

use super::compliance::Case;
use super::finding::place;
use super::text::clean;
use crate::conformance::{Level, by_code};
use crate::summary::FindingSummary;

/// One line per finding.
pub fn annotations(case: &Case) -> String {
    case.findings.iter().map(|f| annotation(case, f)).collect()
}

fn annotation(case: &Case, f: &FindingSummary) -> String {
    let command = match f.level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Info => "notice",
    };
    let name = by_code(&f.rule).map(|r| format!(" {}", r.name)).unwrap_or_default();
    let mut properties = Vec::new();
    properties.extend(case.file.as_ref().map(|file| format!("file={}", property(file))));
    properties.push(format!("title={}", property(&format!("{}{name}", f.rule))));
    let mut message = format!("#{} {}: {}", case.exchange, clean(&case.request), clean(&f.message));
    let place = place(f, case.zero_ns);
    if !place.is_empty() {
        message += &format!(" ({place})");
    }
    if let Some(n) = super::finding::times(f) {
        message += &format!(", {n} times");
    }
    if let Some(e) = &f.excerpt {
        message += &format!("\n{}{}{}", clean(&e.before), clean(&e.marked), clean(&e.after));
    }
    if let Some(fix) = &f.fix {
        message += &format!("\nfix: {fix}");
    }
    format!("::{command} {}::{}\n", properties.join(","), data(&message))
}

/// The message after `::`: one line in which nothing ends the command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property: commas and colons, which would end it, are escaped.
fn property(text: &str) -> String {
    data(&clean(text)).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_captured_can_end_the_command() {
        assert_eq!(data("100 %\r\n::error::x"), "100 %25%0D%0A::error::x");
        assert_eq!(property("a:b,c%\n"), "a%3Ab%2Cc%25\\n");
    }
}
