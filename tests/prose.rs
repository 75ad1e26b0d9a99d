//! The language of the house: phrases that a reader stumbles over, lines that are too wide, references that lead nowhere.
#![allow(clippy::expect_used)]

use std::path::{Path, PathBuf};

/// Phrases that a reader stumbles over, what to write instead, and how many are left from before. No number may grow; whoever removes
/// some lowers it. docs/glossary.md has the words that are used.
const BANNED: &[(&str, &str, usize)] = &[
    ("so many", "\"this many\", or the number", 0),
    ("is told", "\"is reported\", \"learns\"", 0),
    ("are told", "\"are reported\"", 0),
    ("whoever", "name the caller, the client, the reader", 0),
    ("nobody", "\"no client\", \"no caller\" (left: names of users and files)", 8),
    ("somebody", "name them", 0),
    ("stands behind", "\"follows\"", 0),
    ("is remarked", "\"is reported\"", 0),
    ("for so long", "\"that long\", or the duration", 0),
    ("what there is", "\"what exists\"", 0),
    ("in the words of", "\"as … writes it\"", 1),
    ("from which on", "\"above which\"", 0),
    ("far side", "\"upstream\"", 0),
    ("is wanted", "\"is expected\"", 0),
    ("how true", "\"how faithful\"", 0),
    ("nothing but", "\"only\"", 0),
    (" comes of", "\"results from\"", 0),
];

/// Columns of a line of code or comment.
const WIDTH: usize = 120;

/// Wider lines that are left from before: tables of numbers, macros that the formatter leaves alone. It may not grow.
const WIDER: usize = 108;

/// Lines that may be wider: they hold one long literal that a break would make harder to read.
const WIDE: &[&str] = &["r\"", "r#\"", "r##\"", "b\"", "http://", "https://"];

/// Documents of other projects that rules and dialects cite as their source.
const FOREIGN: &[&str] =
    &["llama.cpp", "vllm", "openai", "anthropic", "ollama", "mcp", "gen-ai-metrics.md", "rust-analyzer"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Files of this kind below a folder of the project, with their paths in it.
fn files(folder: &str, kind: &str) -> Vec<(String, String)> {
    fn walk(dir: &Path, kind: &str, out: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(dir).expect("a folder of the project") {
            let path = entry.expect("entry").path();
            if path.is_dir() {
                walk(&path, kind, out);
            } else if path.extension().is_some_and(|e| e == kind) {
                out.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(folder), kind, &mut found);
    found.sort();
    let name = |p: &Path| p.strip_prefix(root()).expect("below root").to_string_lossy().into_owned();
    found.iter().map(|p| (name(p), std::fs::read_to_string(p).expect("utf-8"))).collect()
}

fn code() -> Vec<(String, String)> {
    ["src", "tests", "benches", "fuzz/fuzz_targets", "fuzz/bodies"].iter().flat_map(|f| files(f, "rs")).collect()
}

/// What people read: every line of the documents, and of the code the comments and the literals.
fn read_by_people() -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = files("docs", "md");
    // Facts about other programs, in their words; and tables that are made from the code, which is read itself.
    out.retain(|(name, _)| !["docs/dialects.md", "docs/rules.md", "docs/clients.md"].contains(&name.as_str()));
    for name in ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "CHANGELOG.md"] {
        out.push((name.into(), std::fs::read_to_string(root().join(name)).expect("a document")));
    }
    out.extend(code().into_iter().filter(|(name, _)| name != "tests/prose.rs"));
    out
}

/// The part of a line that is prose: a comment, or what is in quotes.
fn prose(line: &str) -> String {
    let trimmed = line.trim_start();
    if trimmed.starts_with("//") {
        return trimmed.to_lowercase();
    }
    match line.find('"') {
        Some(at) => line[at..].to_lowercase(),
        None => line.split_once("// ").map_or(String::new(), |(_, comment)| comment.to_lowercase()),
    }
}

/// Lines in which this phrase is.
fn phrases(name: &str, text: &str, phrase: &str) -> Vec<String> {
    let read = |line: &str| if name.ends_with(".md") { line.to_lowercase() } else { prose(line) };
    let found = text.lines().enumerate().filter(|(_, line)| read(line).contains(phrase));
    found.map(|(n, _)| format!("{name}:{}", n + 1)).collect()
}

#[test]
fn plain_words() {
    let texts = read_by_people();
    let mut wrong = Vec::new();
    for (phrase, instead, left) in BANNED {
        let found: Vec<String> = texts.iter().flat_map(|(name, text)| phrases(name, text, phrase)).collect();
        if found.len() > *left {
            wrong.push(format!(
                "\"{phrase}\" ({}, {left} may be left): write {instead}\n  {}",
                found.len(),
                found.join("\n  ")
            ));
        }
        if found.len() < *left {
            wrong.push(format!("\"{phrase}\": {} are left, write that into BANNED", found.len()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_scanner_of_phrases_finds_them_in_comments_literals_and_documents() {
    for (name, line) in [("a.rs", "// It is told x."), ("a.rs", "say(\"It is told\");"), ("a.md", "It is told")] {
        assert_eq!(phrases(name, line, "is told"), [format!("{name}:1")], "{line}");
    }
    assert!(phrases("a.rs", "let is_told = 1;", "is told").is_empty());
}

#[test]
fn lines_fit() {
    let mut wrong = Vec::new();
    for (name, text) in code() {
        for (n, line) in text.lines().enumerate() {
            let wide = line.chars().count() > WIDTH;
            if wide && !WIDE.iter().any(|w| line.contains(w)) && !is_sample(line) {
                wrong.push(format!("{name}:{}: {} columns", n + 1, line.chars().count()));
            }
        }
    }
    assert!(wrong.len() <= WIDER, "{} lines, {WIDER} at most\n{}", wrong.len(), wrong.join("\n"));
}

/// A line of a rule's sample or of recorded JSON inside a literal: it has no place to break.
fn is_sample(line: &str) -> bool {
    let line = line.trim_start();
    line.contains("{\\\"")
        || line.contains("{\"")
        || line.contains("{{\"")
        || line.contains("\\r\\n")
        || !line.trim_end_matches(['"', ',']).contains(' ')
}

/// Names of documents in a text.
fn documents(text: &str) -> Vec<String> {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '.' | '/' | '_' | '-');
    text.split(|c| !part(c))
        .filter(|w| w.ends_with(".md") && w.len() > 3)
        .map(|w| w.trim_start_matches("./").to_string())
        .collect()
}

fn dangling(name: &str, line: &str) -> Vec<String> {
    let lower = line.to_lowercase();
    if FOREIGN.iter().any(|f| lower.contains(f)) {
        return Vec::new();
    }
    let folder = Path::new(name).parent().unwrap_or(Path::new(""));
    let there = |d: &String| {
        root().join(d).exists() || root().join("docs").join(d).exists() || root().join(folder).join(d).exists()
    };
    documents(line).into_iter().filter(|d| !there(d)).collect()
}

#[test]
fn references_lead_somewhere() {
    let mut wrong = Vec::new();
    for (name, text) in read_by_people() {
        for (n, line) in text.lines().enumerate() {
            for document in dangling(&name, line) {
                wrong.push(format!("{name}:{}: {document} is not in the repository", n + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_dangling_reference_is_found() {
    assert_eq!(dangling("src/a.rs", "// see DIALECTS.md, section b"), ["DIALECTS.md"]);
    assert!(dangling("src/a.rs", "// see docs/dialects.md and CONTRIBUTING.md").is_empty());
}
