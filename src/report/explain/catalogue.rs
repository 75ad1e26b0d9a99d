//! The catalogue of rules: families as headings, one line per rule.

use crate::conformance::Rule;
use crate::report::Terminal;
use crate::report::table::{Cell, Column, Table};
use crate::report::text::{Style, clip, level, width};

/// What a family of rules is about, by the prefix of its codes. A family that is not listed is called by its
/// prefix.
const FAMILIES: &[(&str, &str)] = &[
    ("HTTP", "the transport"),
    ("SSE", "server-sent events"),
    ("OAI-CHAT", "OpenAI chat completions and compatible servers"),
    ("OAI-CMPL", "OpenAI legacy completions"),
    ("OAI-RESP", "OpenAI Responses"),
    ("ANT", "Anthropic Messages"),
    ("GEM", "Gemini"),
    ("NDJSON", "lines of JSON"),
    ("OLLAMA", "Ollama"),
    ("AWS", "AWS event streams, Bedrock"),
    ("GRPC", "gRPC, gRPC-Web, Connect"),
    ("MCP", "Model Context Protocol"),
    ("A2A", "Agent2Agent"),
    ("UI", "streams of the AI SDK"),
    ("DASH", "DashScope"),
    ("TGI", "Text Generation Inference"),
    ("LLAMA", "llama.cpp"),
    ("DLV", "delivery: when bytes arrived, and whether all arrived"),
];

/// The catalogue as a table, for CSV and Markdown.
pub fn table(rules: &[&'static Rule]) -> Table {
    let columns = vec![
        Column::left("Rule"),
        Column::left("Level"),
        Column::left("Name"),
        Column::left("Demands").min(24).spare(1),
    ];
    let row = |r: &&Rule| {
        vec![
            Cell::new(r.code),
            Cell::new(level(r.level)).style(Style::of(r.level)),
            Cell::new(r.name),
            Cell::new(r.summary),
        ]
    };
    Table { columns, rows: rules.iter().map(row).collect() }
}

/// The catalogue for a terminal.
pub fn text(rules: &[&'static Rule], terminal: &Terminal) -> String {
    let code = rules.iter().map(|r| width(r.code)).max().unwrap_or(0);
    let name = rules.iter().map(|r| width(r.name)).max().unwrap_or(0);
    let fixed = code + name + 2 * 3 + LEVEL + 2;
    let mut out = String::new();
    let mut last = "";
    for rule in rules {
        let family = rule.code.rsplit_once('-').map_or(rule.code, |(family, _)| family);
        if family != last {
            let title = FAMILIES.iter().find(|(f, _)| *f == family).map_or("", |(_, title)| title);
            let n = rules.iter().filter(|r| r.code.rsplit_once('-').is_some_and(|(f, _)| f == family)).count();
            let first = if last.is_empty() { "" } else { "\n" };
            let count = Style::Dim.paint(&format!("{title} ({n})"), terminal.color);
            out += &format!("{first}{}  {count}\n", Style::Bold.paint(family, terminal.color));
            last = family;
        }
        let shown = Style::of(rule.level).paint(&format!("{:<LEVEL$}", level(rule.level)), terminal.color);
        let line = format!("  {:<code$}  {shown}  {:<name$}", rule.code, rule.name);
        // If a line has no space for a sentence, the rule's name takes its place.
        match terminal.width.checked_sub(fixed).filter(|room| *room >= ROOM) {
            Some(room) => out += &format!("{line}  {}\n", clip(rule.summary, room)),
            None => out += &format!("{}\n", line.trim_end()),
        }
    }
    out + &format!(
        "\n{} rules; `sniff explain RULE` explains why it matters, which clients break, and how to fix it\n",
        rules.len()
    )
}

/// Columns of a level's name.
const LEVEL: usize = 7;
/// Fewest columns in which a sentence is readable.
const ROOM: usize = 36;
