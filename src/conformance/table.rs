//! The catalogue as a Markdown table: docs/rules.md holds it, and a test compares.

use super::{Level, RULES};
use std::fmt::Write;

/// All rules in the order of the catalogue: code, level, name, what is demanded, which clients break. Ends with a
/// line end.
pub fn catalogue_table() -> String {
    let mut out = String::from("| code | level | name | what is demanded | breaks |\n|---|---|---|---|---|\n");
    for rule in RULES {
        let level = match rule.level {
            Level::Info => "info",
            Level::Warning => "warning",
            Level::Error => "error",
        };
        let cell = |text: &str| text.replace('|', "\\|");
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "| {} | {level} | {} | {} | {} |",
            rule.code,
            rule.name,
            cell(rule.summary),
            cell(&rule.breaks.join(", "))
        );
    }
    out
}
