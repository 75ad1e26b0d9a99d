//! Checks the documents: every command block runs, or one table has the reason why not and its `sniff` lines are
//! parsed; links lead somewhere.
#![allow(clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::Command;

/// Blocks of `sh` that are not run: the document, the beginning of the block, the reason.
const NOT_RUN: &[(&str, &str, &str)] = &[
    ("README.md", "cargo install", "installs into the user's home; tests/run.sh builds the same package"),
    (
        "README.md",
        "sniff --iface lo",
        "captures until it is ended, and starts programs of the reader; tests/live.rs and tests/proxy record",
    ),
    ("README.md", "sniff replay last", "serves until it is ended; tests/replay.rs serves recordings"),
    ("README.md", "sniff run --fail-on error", "needs a project with pytest; tests/proxy/run.rs runs commands"),
    ("docs/cli.md", "sniff list --follow", "goes on until it is ended; tests/follow.rs follows recordings"),
    ("docs/config.md", "sniff run --db run.db", "needs a project with pytest; tests/proxy/run.rs runs commands"),
    ("docs/doors.md", "sudo setcap", "changes the rights of a file; tests/live.rs captures"),
    ("docs/doors.md", "docker run", "needs a container engine and an image"),
    ("docs/laboratory.md", "cargo test", "runs tests, and this is one"),
    ("docs/probe.md", "sniff probe http://127.0.0.1:8000", "needs three endpoints; tests/probe.rs probes"),
    (
        "docs/proxy.md",
        "sniff run -- python",
        "needs a program of the reader, then serves until it is ended; tests/proxy runs all three",
    ),
    ("docs/replay.md", "sniff replay last", "serves until it is ended; tests/replay.rs serves recordings"),
];

/// One fenced block.
struct Block {
    document: String,
    line: usize,
    language: String,
    text: String,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// README, CONTRIBUTING and everything in docs/, by their paths in the repository.
fn documents() -> Vec<(String, String)> {
    let mut names = vec![
        "README.md".to_string(),
        "CONTRIBUTING.md".to_string(),
        "ARCHITECTURE.md".to_string(),
        "captures/README.md".to_string(),
    ];
    for entry in std::fs::read_dir(root().join("docs")).expect("docs/") {
        let name = entry.expect("entry").file_name().to_string_lossy().into_owned();
        if name.ends_with(".md") {
            names.push(format!("docs/{name}"));
        }
    }
    names.sort();
    names.into_iter().map(|n| (n.clone(), std::fs::read_to_string(root().join(&n)).expect("a document"))).collect()
}

fn blocks() -> Vec<Block> {
    let mut out = Vec::new();
    for (document, text) in documents() {
        let mut open: Option<Block> = None;
        for (n, line) in text.lines().enumerate() {
            match (&mut open, line.strip_prefix("```")) {
                (Some(_), Some(_)) => out.extend(open.take()),
                (Some(block), None) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                (None, Some(language)) => {
                    open = Some(Block {
                        document: document.clone(),
                        line: n + 1,
                        language: language.to_string(),
                        text: String::new(),
                    });
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{document}: a block is not closed");
    }
    out
}

fn not_run(block: &Block) -> bool {
    NOT_RUN.iter().any(|(document, begin, _)| *document == block.document && block.text.starts_with(begin))
}

/// A folder in which the documents' relative paths work, with `sniff` on the PATH.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        let dir = tempfile::tempdir().expect("a folder");
        for name in ["captures", "tests", "migrations"] {
            std::os::unix::fs::symlink(root().join(name), dir.path().join(name)).expect("a link");
        }
        Place { dir }
    }

    /// Standard output and standard error in one text, as a terminal would show them; and whether the command
    /// succeeded.
    fn run(&self, command: &str) -> (String, bool) {
        let program = Path::new(env!("CARGO_BIN_EXE_sniff"));
        let path =
            format!("{}:{}", program.parent().expect("a folder").display(), std::env::var("PATH").unwrap_or_default());
        let out = Command::new("timeout")
            .args(["60", "sh", "-c", &format!("exec 2>&1; {command}")])
            .current_dir(self.dir.path())
            .env("PATH", path)
            .env("COLUMNS", "100")
            .env("HOME", self.dir.path())
            .env_remove("SNIFF_DB")
            .env_remove("SNIFF_CONFIG")
            .env_remove("SSLKEYLOGFILE")
            .output()
            .expect("sh");
        (String::from_utf8_lossy(&out.stdout).into_owned(), out.status.success())
    }
}

/// The words of `sniff` commands in a shell line: after `&&`, `|` and variables, without redirections.
fn sniff_commands(text: &str) -> Vec<Vec<String>> {
    let mut out = Vec::new();
    for line in text.lines() {
        let line = line.trim().trim_start_matches("$ ");
        let words = words(line);
        for command in words.split(|w| matches!(w.as_str(), "&&" | "|" | "||" | ";")) {
            let command: Vec<String> =
                command.iter().skip_while(|w| w.contains('=') && !w.starts_with('-')).cloned().collect();
            let at = if command.first().is_some_and(|w| w == "sudo") { 1 } else { 0 };
            let Some(name) = command.get(at) else { continue };
            if name == "sniff" || name.ends_with("/sniff") {
                out.push(command[at..].to_vec());
            }
        }
    }
    out
}

/// The words of a shell line, with quotes and comments as far as documents use them.
fn words(line: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, c) if c.is_whitespace() => out.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    out.extend(word);
    out
}

#[test]
fn every_sniff_command_parses() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for block in blocks().iter().filter(|b| b.language == "sh" || b.language == "console") {
        for command in sniff_commands(&block.text) {
            seen += 1;
            if let Err(e) = sniff::internal::cli::parses(&command) {
                wrong.push(format!("{}:{}: `{}`: {e}", block.document, block.line, command.join(" ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 20, "only {seen} commands found: does the scanner still work?");
    assert!(sniff::internal::cli::parses(&["sniff".into(), "--no-such-option".into()]).is_err());
}

/// The content of a console block: commands, each with the lines that follow it.
fn sessions(text: &str) -> Vec<(String, Vec<String>)> {
    let mut out: Vec<(String, Vec<String>)> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("$ "), out.last_mut()) {
            (Some(command), _) => out.push((command.to_string(), Vec::new())),
            (None, Some((_, lines))) => lines.push(line.to_string()),
            (None, None) => panic!("a console block begins with a command: {line}"),
        }
    }
    out
}

/// `…` alone on a line matches any lines. Only at such a line may the shown output end early.
fn agrees(shown: &[String], real: &[&str]) -> bool {
    match shown.split_first() {
        None => real.iter().all(|l| l.trim().is_empty()),
        Some((line, rest)) if line.trim() == "…" => (0..=real.len()).any(|n| agrees(rest, &real[n..])),
        Some((line, rest)) if line.trim().is_empty() && real.first().is_none_or(|l| !l.trim().is_empty()) => {
            agrees(rest, real)
        }
        Some((line, rest)) => real.first().is_some_and(|l| l.trim_end() == line.trim_end()) && agrees(rest, &real[1..]),
    }
}

#[test]
fn console_blocks_show_what_is_printed() {
    let mut wrong = Vec::new();
    for (document, _) in documents() {
        let place = Place::new();
        for block in blocks().iter().filter(|b| b.document == document && b.language == "console") {
            for (command, shown) in sessions(&block.text) {
                let (real, _) = place.run(&command);
                let lines: Vec<&str> = real.lines().collect();
                if !agrees(&shown, &lines) {
                    wrong.push(format!("{document}:{}: `{command}` prints\n{real}", block.line));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn shell_blocks_run() {
    let mut wrong = Vec::new();
    let mut ran = 0;
    for (document, _) in documents() {
        let place = Place::new();
        // The documents assume that a database exists.
        let (said, ok) = place.run(
            "sniff -q --read captures/seed/iflow/input.pcap && sniff -q --read \
                captures/seed/litserve-before-fix/input.pcap",
        );
        assert!(ok, "{said}");
        for block in blocks().iter().filter(|b| b.document == document && b.language == "sh") {
            if not_run(block) {
                continue;
            }
            ran += 1;
            let (said, ok) = place.run(&format!("set -e\n{}", block.text));
            if !ok {
                wrong.push(format!("{document}:{}: fails:\n{}{said}", block.line, block.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(ran > 0);
}

#[test]
fn the_table_of_blocks_that_are_not_run_is_no_longer_than_it_must_be() {
    for (document, begin, reason) in NOT_RUN {
        assert!(reason.len() > 10, "{document}: {begin}: why?");
        let fits = blocks()
            .iter()
            .filter(|b| b.document == *document && b.language == "sh" && b.text.starts_with(begin))
            .count();
        assert_eq!(fits, 1, "{document}: {fits} blocks begin with {begin:?}");
    }
}

#[test]
fn links_lead_somewhere() {
    let mut wrong = Vec::new();
    for (document, text) in documents() {
        let folder = root().join(&document).parent().expect("a folder").to_path_buf();
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split(')').next().unwrap_or_default();
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty() || file.contains("://") || file.contains(' ') || file.contains('`') {
                continue;
            }
            if !folder.join(file).exists() {
                wrong.push(format!("{document}: {target} is not there"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_readme_is_short() {
    let bytes = std::fs::metadata(root().join("README.md")).expect("README.md").len();
    assert!(bytes <= 10_000, "README.md has {bytes} bytes; reference belongs into docs/");
}

#[test]
fn the_table_of_clients_is_up_to_date() {
    const BEGIN: &str = "<!-- clients:begin -->\n";
    const END: &str = "<!-- clients:end -->";
    let path = root().join("docs/clients.md");
    let text = std::fs::read_to_string(&path).expect("docs/clients.md");
    let begin = text.find(BEGIN).expect("docs/clients.md lacks <!-- clients:begin -->") + BEGIN.len();
    let end = begin + text[begin..].find(END).expect("docs/clients.md lacks <!-- clients:end -->");
    let want = format!("\n{}\n", sniff::internal::clients::catalogue_table());
    if text[begin..end] == want {
        return;
    }
    assert!(std::env::var_os("BLESS").is_some(), "the table in docs/clients.md is stale; run this test with BLESS=1");
    std::fs::write(&path, format!("{}{want}{}", &text[..begin], &text[end..])).expect("docs/clients.md written");
}

#[test]
fn clients_have_names_for_people() {
    let mut titles = std::collections::BTreeMap::new();
    for client in sniff::internal::clients::catalogue() {
        assert!(
            !client.title.contains(", ") && client.title.len() >= 3,
            "{}: tables list names with commas: {:?}",
            client.name,
            client.title
        );
        assert!(
            client.about.len() > 10 && !client.about.ends_with('.'),
            "{}: {:?} is a part of a sentence",
            client.name,
            client.about
        );
        let other = titles.insert((client.title, client.dialect.name), client.name);
        assert!(other.is_none(), "{} and {other:?} are both called {}", client.name, client.title);
    }
}
