//! The text format of Prometheus, version 0.0.4.

use super::families::FAMILIES;
use super::series::{Labels, Series, Value};
use std::fmt::Write;

/// All series. Each family has its help and type, and its series in the order of their labels.
pub(super) fn of(series: &Series) -> String {
    let mut out = String::new();
    for family in FAMILIES {
        let mut rows = series.of(family).peekable();
        if rows.peek().is_none() {
            continue;
        }
        let name = family.spelled();
        let kind = family.kind.as_str();
        // Writing to memory cannot fail.
        let _ = writeln!(out, "# HELP {name} {}\n# TYPE {name} {kind}", family.help);
        for (labels, value) in rows {
            match value {
                Value::Number(number) => {
                    let _ = writeln!(out, "{name}{} {number}", braces(labels, None));
                }
                Value::Histogram(histogram) => {
                    let mut count = 0;
                    let bounds = family.bounds().iter().map(f64::to_string).chain(["+Inf".to_owned()]);
                    for (bound, n) in bounds.zip(&histogram.counts) {
                        count += n;
                        let _ = writeln!(out, "{name}_bucket{} {count}", braces(labels, Some(&bound)));
                    }
                    let own = braces(labels, None);
                    let sum = family.sum(histogram.sum);
                    let _ = writeln!(out, "{name}_sum{own} {sum}\n{name}_count{own} {count}");
                }
            }
        }
    }
    out
}

/// The labels in braces, with the bound of a bucket; nothing if there are none.
fn braces(labels: &Labels, bound: Option<&str>) -> String {
    let own = labels.iter().map(|(name, value)| (name.replace('.', "_"), value));
    let all: Vec<String> = own
        .chain(bound.map(|bound| ("le".to_owned(), bound)))
        .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
        .collect();
    if all.is_empty() { String::new() } else { format!("{{{}}}", all.join(",")) }
}

/// The value of a label as the format wants it.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
