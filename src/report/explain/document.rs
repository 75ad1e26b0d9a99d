//! One rule in Markdown.

use super::excerpt::{self, Excerpt};
use super::lines::Who;
use super::{breakers, related};
use crate::conformance::{Rule, causes};
use crate::report::markdown::escape;
use crate::report::text::level;

/// Columns of a line of a sample.
const COLUMNS: usize = 110;

/// The page of one rule in Markdown.
pub fn markdown(rule: &'static Rule) -> String {
    let mut out = format!(
        "## {} {} ({})\n\n{}\n\n{}\n",
        rule.code,
        rule.name,
        level(rule.level),
        escape(rule.summary),
        escape(rule.why)
    );
    let (bad, good) = excerpt::of(rule);
    for (title, excerpt) in [("Bad", bad), ("Good", good)] {
        if !excerpt.lines.is_empty() {
            out += &format!("\n{title}:\n\n````\n{}````\n", plain(&excerpt));
        }
    }
    let breaks: Vec<String> = breakers(rule)
        .iter()
        .map(|b| match (b.versions, b.known) {
            (Some(versions), Some(known)) => format!("{} ({versions}, {})", b.name, known.as_str()),
            (None, Some(known)) => format!("{} ({})", b.name, known.as_str()),
            _ => b.name.to_owned(),
        })
        .collect();
    paragraph(&mut out, "Breaks", &breaks.join("; "));
    if let Some(cause) = causes::of(rule.code) {
        paragraph(&mut out, "How it comes about", &format!("{}. {}", cause.title, cause.how));
    }
    paragraph(&mut out, "Fix", rule.fix);
    if let Some(cause) = causes::of(rule.code) {
        out.push('\n');
        for (stack, code) in cause.fixes {
            out += &format!("- {}: `` {code} ``\n", escape(stack));
        }
    }
    paragraph(&mut out, "Source", rule.source);
    let related: Vec<String> = related(rule).iter().map(|r| format!("{} {}", r.code, r.name)).collect();
    paragraph(&mut out, "Related", &related.join(", "));
    out
}

fn paragraph(out: &mut String, title: &str, body: &str) {
    if !body.is_empty() {
        *out += &format!("\n**{title}:** {}\n", escape(body));
    }
}

fn plain(excerpt: &Excerpt) -> String {
    let mut out = String::new();
    for (i, shown) in excerpt.lines.iter().enumerate() {
        if let Some((_, said)) = excerpt.missing.as_ref().filter(|(at, _)| *at == i) {
            out += &format!("^ {said}\n");
        }
        let side = if shown.line.who == Who::Client { "> " } else { "" };
        let (text, mark) = shown.within(COLUMNS);
        out += &format!("{side}{text}\n");
        if let Some(mark) = mark {
            out += &format!("{}{mark}\n", " ".repeat(side.len()));
        }
    }
    out
}
