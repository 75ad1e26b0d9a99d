//! Checks the project's rules that a machine can check: ranks, file sizes, first lines, clocks, SQL.
#![allow(clippy::expect_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// Modules by rank, lowest first. A module may use modules of earlier lines, never one of its own line. A change of
/// this list is a change of the architecture, so make it on purpose.
const RANKS: &[&[&str]] = &[
    &["time", "encoding"],
    &["oddity"],
    &["conn"],
    &["capture", "wire", "budget"],
    &["net"],
    &["tcp", "tls"],
    &["http", "quic"],
    &["body"],
    &["framing"],
    &["dialect"],
    &["exchange"],
    &["pipeline", "metrics", "clients", "verdict", "delivery"],
    &["conformance"],
    &["analyzer"],
    &["summary"],
    &["store", "replay", "report", "proxy"],
    &["interchange", "watch"],
    &["cli"],
];

/// `proxy` knows only the waist: what it relays must not depend on what is read from it.
const ONLY: &[(&str, &[&str])] = &[("proxy", &["conn", "encoding", "time"])];

/// Files that may read a clock.
const CLOCKS: &[&str] = &["src/capture/live", "src/proxy/", "src/replay/serve", "src/cli/"];

/// Files in which a word that is also a dialect's name has another meaning.
const NOT_A_DIALECT: &[(&str, &str, &str)] = &[
    ("src/capture/live/devices.rs", "none", "no capture device"),
    ("src/http/event.rs", "none", "no transfer coding: a message without a body"),
    ("src/interchange/har/read.rs", "none", "no transfer coding"),
    ("src/report/groups.rs", "none", "a count of what has no name"),
    ("src/cli/watch/otlp.rs", "none", "a value of a variable: no exporter"),
    ("src/store/load.rs", "none", "no transfer coding"),
    ("src/store/content.rs", "none", "a level of --content"),
    ("src/framing/mod.rs", "grpc", "the framing"),
    ("src/framing/classify/declared.rs", "grpc", "a media type"),
    ("src/wire/message.rs", "grpc", "a sort of line in transcripts"),
    ("src/report/explain/lines.rs", "grpc", "a sort of line in transcripts"),
    ("src/conformance/policy.rs", "mcp", "the profile"),
];

const MAX_LINES: usize = 450;

/// Every Rust file below this folder, with its text.
fn below(dir: &Path) -> Vec<(PathBuf, String)> {
    fn walk(dir: &Path, out: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(dir).expect("src is readable") {
            let path = entry.expect("entry").path();
            if path.is_dir() {
                walk(&path, out);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).expect("utf-8");
                out.push((path, text));
            }
        }
    }
    let mut out = Vec::new();
    walk(dir, &mut out);
    out
}

/// Every file of `src`, by its path in the project.
fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    below(&root.join("src"))
        .into_iter()
        .map(|(p, t)| (p.strip_prefix(root).expect("below root").to_path_buf(), t))
        .collect()
}

fn rank(module: &str) -> Option<usize> {
    RANKS.iter().position(|r| r.contains(&module))
}

/// `src/http/h1/conn.rs` → `http`; `src/time.rs` → `time`; lib, main and internal are above all others.
fn module_of(path: &Path) -> Option<String> {
    let part = path.components().nth(1)?.as_os_str().to_str()?.trim_end_matches(".rs").to_string();
    (!["lib", "main", "internal"].contains(&part.as_str())).then_some(part)
}

/// Names after every `crate::` in the code (without comment lines), including groups in braces.
fn uses(text: &str) -> Vec<String> {
    let code: String = text.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut out = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let ident = |s: &str| s.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        match rest.strip_prefix('{') {
            Some(group) => {
                let mut depth = 0;
                let mut piece = String::new();
                for c in group.chars() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => out.push(ident(&std::mem::take(&mut piece))),
                        _ => {}
                    }
                    if depth == 0 && c != ',' {
                        piece.push(c);
                    }
                }
                out.push(ident(&piece));
            }
            None => out.push(ident(rest)),
        }
    }
    out
}

#[test]
fn dependencies_run_downward() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        // A module's tests may use higher ranks: they bring its results into a form that can be compared.
        let Some(module) = module_of(&path).filter(|_| !path.to_string_lossy().contains("tests")) else { continue };
        let Some(own) = rank(&module) else {
            wrong.push(format!("{}: module `{module}` has no rank; give it one in RANKS", path.display()));
            continue;
        };
        for used in uses(&text) {
            let Some(other) = rank(&used) else { continue };
            if used != module && other >= own {
                wrong
                    .push(format!("{}: `{module}` uses `crate::{used}`, which is not of a lower rank", path.display()));
            }
            if let Some((_, allowed)) = ONLY.iter().find(|(m, _)| *m == module)
                && used != module
                && !allowed.contains(&used.as_str())
            {
                wrong.push(format!("{}: `{module}` may use {allowed:?} only, not `{used}`", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_use_scanner_sees_through_groups() {
    assert_eq!(
        uses("use crate::{conn::{A, B}, time, tcp::C};\nlet x = crate::http::f();"),
        ["conn", "time", "tcp", "http"]
    );
    assert!(uses("// crate::cli\n/// [`crate::cli`]").is_empty());
}

#[test]
fn files_are_small_and_say_what_they_are() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let lines = text.lines().count();
        if lines > MAX_LINES {
            wrong.push(format!("{}: {lines} lines, more than {MAX_LINES}", path.display()));
        }
        if !text.starts_with("//! ") {
            wrong.push(format!("{}: no `//!` first line", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn clocks_are_read_at_the_edges_only() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        if CLOCKS.iter().any(|c| path.starts_with(c.trim_end_matches('/')) || path.to_string_lossy().starts_with(c)) {
            continue;
        }
        for (n, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if ["SystemTime::now", "Instant::now", "Utc::now", "Local::now", "clock_gettime"]
                .iter()
                .any(|c| code.contains(c))
            {
                wrong.push(format!("{}:{}: reads a clock", path.display(), n + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The text without comments, and without tests, which may name what they are about.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(n, line)| (n + 1, line));
    lines.take_while(|(_, line)| *line != "mod tests {").filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// What is true of one dialect only is a field of `Dialect`, and a rule for one dialect refers to its static: so a
/// new dialect is one file.
#[test]
fn dialects_are_named_in_their_folder_only() {
    // Every dialect states its name in a field of its static.
    let of_dialects = sources().into_iter().filter(|(path, _)| path.starts_with("src/dialect"));
    let says = |text: &str| -> Vec<String> {
        let statics = text.split(": Dialect = Dialect {\n    name: \"").skip(1);
        statics.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
    };
    let names: Vec<String> = of_dialects.flat_map(|(_, text)| says(&text)).collect();
    assert!(names.len() > 20 && names.iter().any(|name| name == "ollama.generate"), "{names:?}");
    let mut wrong = Vec::new();
    let mut met = Vec::new();
    for (path, text) in sources() {
        let path = path.to_string_lossy().into_owned();
        if path.starts_with("src/dialect") || path.contains("tests") {
            continue;
        }
        for (n, line) in code(&text) {
            for name in names.iter().filter(|name| line.contains(&format!("\"{name}\""))) {
                match NOT_A_DIALECT.iter().position(|(file, word, _)| *file == path && *word == name.as_str()) {
                    Some(excepted) => met.push(excepted),
                    None => wrong.push(format!(
                        "{path}:{n}: names the dialect {name}; make it a field of `Dialect`, or refer to its static"
                    )),
                }
            }
        }
    }
    let left = NOT_A_DIALECT.iter().enumerate().filter(|(i, _)| !met.contains(i));
    wrong.extend(left.map(|(_, (file, word, _))| format!("{file}: \"{word}\" is gone, take it out of NOT_A_DIALECT")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn sql_lives_in_the_store() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        if path.starts_with("src/store") {
            continue;
        }
        if text.contains("rusqlite") {
            wrong.push(format!("{}: SQL outside store/", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Files that may combine layers: each layer itself with its tests, and the analyzer. `pipeline::exchanges_of` also
/// makes a `Pipeline`.
const STACKED: &[(&str, &str, &[&str])] = &[
    ("net::Decoder", "Decoder::new(", &["src/net/", "src/analyzer/"]),
    ("tcp::Table", "Table::new(", &["src/tcp/", "src/analyzer/"]),
    ("Pipeline", "Pipeline::new(", &["src/pipeline/", "src/analyzer/"]),
];

/// If a file does not import the type, equal names belong to other layers.
fn stacks(path: &str, text: &str) -> Vec<String> {
    let code: Vec<&str> = text.lines().filter(|l| !l.trim_start().starts_with("//")).collect();
    let module = |name: &str| name.split_once("::").map(|(module, _)| module.to_owned());
    let mut wrong = Vec::new();
    for (name, call, _) in STACKED.iter().filter(|(_, _, homes)| !homes.iter().any(|home| path.starts_with(home))) {
        let (full, short) = (format!("{name}::new("), call.trim_end_matches("::new("));
        let imported = match module(name) {
            None => true,
            Some(module) => {
                let uses = code.join(" ");
                uses.split("use ").skip(1).filter_map(|u| u.split(';').next()).any(|u| {
                    u.split_once(&format!("{module}::")).is_some_and(|(before, rest)| {
                        let inside = rest.starts_with('{') || rest.starts_with(short);
                        before.ends_with("::")
                            && inside
                            && rest.split(|c: char| !c.is_alphanumeric()).any(|word| word == short)
                    })
                })
            }
        };
        for line in code
            .iter()
            .filter(|l| l.contains(&full) || imported && l.contains(call) && !l.contains(&format!("::{call}")))
        {
            wrong.push(format!("{path}: builds {name} ({}); use sniff::Analyzer or analyzer::Reassembly", line.trim()));
        }
    }
    wrong
}

#[test]
fn only_the_analyzer_stacks_the_layers() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wrong = Vec::new();
    for folder in ["src", "tests", "benches", "fuzz/fuzz_targets", "fuzz/bodies"] {
        for (path, text) in below(&root.join(folder)) {
            let path = path.strip_prefix(root).expect("below root").display().to_string();
            // The capture tests read the packets of the loopback device.
            if path != "src/capture/live/tests.rs" && path != "tests/tidy.rs" {
                wrong.extend(stacks(&path, &text));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What reads a body: its type, the calls that make one, and the modules that may: its own and those listed. `pipeline`
/// always may: it reads stored exchanges too, so what a report says of a record is from the machines that judged it.
const BODY_READERS: &[(&str, &[&str], &[&str])] = &[
    // `Body::decoded` for a body that is there. The redaction hides secrets in a delivery before the next one comes.
    ("body::Decoder", &["new"], &["src/body/", "src/exchange/decoded.rs", "src/exchange/redact/coded.rs"]),
    ("framing::Stream", &["new", "websocket", "default"], &["src/framing/"]),
    ("dialect::StreamReader", &["new"], &["src/dialect/"]),
    ("dialect::Dialect", &["read"], &["src/dialect/"]),
];

/// The readers that a file makes although its module may not. A type counts where the file names its module: `Decoder`
/// and `Stream` are names of other layers too.
fn reads_bodies(path: &str, text: &str) -> Vec<String> {
    let may = |homes: &[&str]| homes.iter().chain(&["src/pipeline/"]).any(|home| path.starts_with(home));
    let code: Vec<(usize, &str)> = code(text).collect();
    let all: String = code.iter().flat_map(|(_, line)| [line.trim(), " "]).collect();
    let mut wrong = Vec::new();
    for (name, calls, _) in BODY_READERS.iter().filter(|(_, _, homes)| !may(homes)) {
        let (module, short) = name.split_once("::").expect("module::Type");
        // `use crate::body::Decoder;`, in a group, or another name for it.
        let names: Vec<&str> = (all.split("use ").skip(1).filter_map(|u| u.split(';').next()))
            .filter(|u| u.contains(&format!("::{module}::")) || u.contains(&format!("{{{module}::")))
            .flat_map(|u| u.split(['{', '}', ',']))
            .filter_map(|part| match part.trim().rsplit("::").next()?.split_once(" as ") {
                Some((of, alias)) => (of == short).then_some(alias),
                None => part.trim().rsplit("::").next().filter(|last| *last == short),
            })
            .collect();
        for (n, line) in &code {
            let makes = |call: &&str| {
                let named = |name: &&str| {
                    line.match_indices(&format!("{name}::{call}")).any(|(at, _)| !line[..at].ends_with("::"))
                };
                line.contains(&format!("{module}::{short}::{call}")) || names.iter().any(named)
            };
            // `dialect.read(&evidence)` needs no name of the type.
            let by_evidence = *name == "dialect::Dialect" && line.contains(".read(&") && line.contains("evidence");
            if calls.iter().any(makes) || by_evidence {
                wrong.push(format!(
                    "{path}:{n}: reads a body by {name} ({}); use Body::decoded, or what `pipeline` gives",
                    line.trim()
                ));
            }
        }
    }
    wrong
}

#[test]
fn only_the_pipeline_reads_bodies() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let path = path.to_string_lossy().into_owned();
        if !path.contains("tests") {
            wrong.extend(reads_bodies(&path, &text));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_scanner_of_body_readers_knows_whose_decoder_it_is() {
    let seen = |text: &str| reads_bodies("src/report/x.rs", text).len();
    assert_eq!(seen("use crate::body::Decoder;\nlet d = Decoder::new(None);"), 1);
    assert_eq!(seen("use crate::body::{self, Decoder as Codings};\nlet d = Codings::new(None);"), 1);
    assert_eq!(seen("let d = crate::body::Decoder::new(None);"), 1);
    assert_eq!(seen("use crate::framing::{Framed, Framing,\n    Stream};\nlet s = Stream::websocket(a, b);"), 1);
    assert_eq!(seen("use crate::{framing::Stream, time::Span};\nlet s = Stream::new(None);"), 1);
    assert_eq!(seen("let r = dialect.read(&around.evidence(framing, &record));\nlet r = d.read(&evidence);"), 2);
    assert_eq!(seen("use crate::net::Decoder;\nlet d = Decoder::new();\nlet h = hpack::Decoder::new(true);"), 0);
    assert_eq!(seen("use crate::body::Decoder;\nlet h = hpack::Decoder::new(true);"), 0);
    assert_eq!(seen("use super::Stream;\nlet s = Stream::new(id, window);"), 0);
    assert!(reads_bodies("src/pipeline/x.rs", "let s = framing::Stream::new(None);").is_empty());
}

#[test]
fn the_scanner_of_stacks_knows_whose_decoder_it_is() {
    let seen = |text: &str| stacks("tests/x.rs", text).len();
    assert_eq!(seen("use sniff::net::{self, Decoder};\nlet d = Decoder::new();"), 1);
    assert_eq!(seen("let d = net::Decoder::new().verify_checksums(true);"), 1);
    assert_eq!(seen("use crate::tcp::{Limits, Table};\nlet t = Table::new(Limits::default());"), 1);
    assert_eq!(seen("let p = Pipeline::new(Config::default());\nlet q = pipeline::Pipeline::new(c);"), 2);
    assert_eq!(seen("use crate::body::Decoder;\nlet d = Decoder::new(coding);\nlet h = hpack::Decoder::new(true);"), 0);
    assert!(stacks("src/analyzer/mod.rs", "let p = Pipeline::new(c);").is_empty());
}
