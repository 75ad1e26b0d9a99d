//! Checks the command line: every option and command against help, completions, manual pages and documents.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use clap::{Arg, Command};
use std::collections::BTreeMap;
use std::path::Path;

/// Commands as a user types them, beginning with `sniff` itself; clap's own `help` is left out.
fn commands() -> Vec<(String, Command)> {
    fn walk(path: &str, command: &Command, out: &mut Vec<(String, Command)>) {
        out.push((path.to_owned(), command.clone()));
        for sub in command.get_subcommands().filter(|s| s.get_name() != "help") {
            walk(&format!("{path} {}", sub.get_name()), sub, out);
        }
    }
    let mut root = sniff::internal::cli::command();
    root.build();
    let mut out = Vec::new();
    walk("sniff", &root, &mut out);
    out
}

fn options(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|a| !a.is_positional())
}

fn sniff(args: &[&str], columns: &str) -> String {
    let out =
        std::process::Command::new(env!("CARGO_BIN_EXE_sniff")).args(args).env("COLUMNS", columns).output().unwrap();
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn help_of_an_option_is_one_plain_line() {
    for (path, command) in commands() {
        for arg in command.get_arguments() {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            let at = format!("{path} {}: {help:?}", arg.get_id());
            assert!(help.starts_with(|c: char| c.is_uppercase()), "{at}");
            assert!(help.chars().count() <= 79 && !help.contains('\n'), "{at}");
            assert!(!help.contains('…') && !help.ends_with('.') && !help.ends_with(" after"), "{at}");
            // Either clap states the default or the text does, not both.
            let by_clap = !arg.get_default_values().is_empty() && !arg.is_hide_default_value_set();
            assert!(!(by_clap && help.contains("[default")), "{at}");
        }
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        assert!(
            about.starts_with(|c: char| c.is_uppercase()) && about.len() <= 60 && !about.ends_with('.'),
            "{path}: {about:?}"
        );
    }
}

#[test]
fn global_options_are_under_their_own_heading_and_nothing_else_is() {
    let global = ["db", "format", "output", "color", "utc", "quiet", "verbose", "help", "version"];
    for (path, command) in commands() {
        for arg in options(&command) {
            let heading = arg.get_help_heading().unwrap_or("Options");
            let is_global = global.contains(&arg.get_id().as_str());
            assert_eq!(heading == "Global options", is_global, "{path} {}: {heading}", arg.get_id());
            let known = [
                "Options",
                "Recording",
                "Global options",
                "Rules",
                "Reassembly",
                "Thresholds",
                "Selectors",
                "Times",
                "Security",
                "Storage",
                "Monitoring",
                "Memory",
            ];
            assert!(known.contains(&heading), "{path}: {heading}");
        }
    }
}

/// The heading of a group of options must not apply to options that are declared after the group.
#[test]
fn positional_arguments_are_always_shown() {
    for (path, command) in commands() {
        for arg in command.get_positionals() {
            assert!(arg.get_help_heading().is_none() && !arg.is_hide_short_help_set(), "{path} {}", arg.get_id());
        }
    }
}

#[test]
fn a_short_option_means_one_thing() {
    let mut meaning: BTreeMap<char, String> = BTreeMap::new();
    for (path, command) in commands() {
        for arg in options(&command) {
            let Some(short) = arg.get_short() else { continue };
            let id = arg.get_id().to_string();
            let first = meaning.entry(short).or_insert_with(|| id.clone());
            assert_eq!(*first, id, "{path}: -{short}");
        }
    }
    assert!(meaning.len() >= 6, "{meaning:?}");
}

#[test]
fn what_has_no_packets_has_no_reassembly() {
    for (path, command) in commands() {
        let has = options(&command).any(|a| a.get_help_heading() == Some("Reassembly"));
        assert_eq!(has, ["sniff", "sniff record", "sniff check"].contains(&path.as_str()), "{path}");
    }
}

/// Words of a shell line up to a pipe or redirection, without quotes.
fn words(line: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '\'' | '"' => quoted = !quoted,
            '|' | '>' | '&' if !quoted => break,
            ' ' if !quoted => out.push(String::new()),
            c => out.last_mut().unwrap().push(c),
        }
    }
    out.retain(|w| !w.is_empty());
    out
}

#[test]
fn every_command_has_examples_that_parse() {
    for (path, command) in commands() {
        if path.split(' ').count() > 2 {
            continue;
        }
        let help = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
        let lines: Vec<&str> = help
            .lines()
            .filter_map(|l| l.find("sniff ").map(|at| &l[at..]))
            .filter(|_| help.contains("Examples:"))
            .collect();
        let mut own = 0;
        for line in help.lines().skip_while(|l| *l != "Examples:").skip(1).take_while(|l| l.starts_with("  ")) {
            let Some(command_line) = line.split(" | ").map(str::trim).find(|l| l.starts_with("sniff ")) else {
                continue;
            };
            // The text after two blanks is a remark.
            let command_line = command_line.split("  ").next().unwrap();
            sniff::internal::cli::parses(&words(command_line))
                .unwrap_or_else(|e| panic!("{path}: {command_line}: {e}"));
            own += usize::from(command_line.starts_with(&path));
        }
        assert!(own > 0, "{path} has no example of itself: {lines:?}");
    }
}

#[test]
fn short_help_is_short_and_says_how_much_more_there_is() {
    for (path, command) in commands() {
        let args: Vec<&str> = path.split(' ').skip(1).chain(["-h"]).collect();
        let short = sniff(&args, "80");
        let hidden = options(&command).filter(|a| a.is_hide_short_help_set()).count();
        assert!(short.lines().count() <= 40, "{path} has {} lines:\n{short}", short.lines().count());
        assert!(short.lines().all(|l| l.chars().count() <= 80), "{short}");
        let last = short.trim_end().lines().last().unwrap();
        assert!(last.ends_with(&format!("{path} --help")), "{last}");
        assert!(hidden == 0 || last.starts_with(&hidden.to_string()), "{path}: {last}");
        let args: Vec<&str> = path.split(' ').skip(1).chain(["--help"]).collect();
        let long = sniff(&args, "80");
        for option in options(&command).filter_map(Arg::get_long) {
            assert!(long.contains(&format!("--{option}")), "{path} --help lacks --{option}");
        }
    }
}

#[test]
fn help_takes_a_command_and_what_follows_it() {
    for words in [&["report"][..], &["report", "latency"], &["ca", "path"], &["record"], &[]] {
        let asked = sniff(&[&["help"], words].concat(), "80");
        let command = if words == ["report", "latency"] { &words[..1] } else { words };
        assert_eq!(asked, sniff(&[command, &["--help"]].concat(), "80"), "{words:?}");
    }
}

#[test]
fn completions_and_manual_pages_name_every_command_and_option() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("man1");
    sniff(&["man", place.to_str().unwrap()], "80");
    let scripts = ["bash", "zsh", "fish"].map(|shell| (shell, sniff(&["completions", shell], "80")));
    for (path, command) in commands() {
        let page = std::fs::read_to_string(place.join(format!("{}.1", path.replace(' ', "-"))))
            .unwrap_or_else(|e| panic!("{path}: {e}"));
        let page = page.replace('\\', "");
        for option in options(&command).filter_map(Arg::get_long) {
            assert!(page.contains(&format!("--{option}")), "the page of {path} lacks --{option}");
            for (shell, script) in &scripts {
                let written = if *shell == "fish" { format!("-l {option}") } else { format!("--{option}") };
                assert!(script.contains(&written), "{shell} lacks {path} --{option}");
            }
        }
        for (shell, script) in &scripts {
            assert!(script.contains(command.get_name()), "{shell} lacks {path}");
        }
    }
}

#[test]
fn options_that_documents_name_exist() {
    let known: Vec<String> = commands()
        .iter()
        .flat_map(|(_, c)| options(c).filter_map(Arg::get_long).map(|l| format!("--{l}")).collect::<Vec<_>>())
        .collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for document in ["README.md", "docs/cli.md"] {
        let text = std::fs::read_to_string(root.join(document)).unwrap();
        // In documents options of sniff are in backquotes alone, or after `sniff`.
        for quoted in text.split('`').skip(1).step_by(2).filter(|q| q.starts_with("--") || q.starts_with("sniff ")) {
            for word in quoted.split([' ', '=']).filter(|w| w.starts_with("--") && w.len() > 2) {
                seen += 1;
                assert!(known.iter().any(|k| k == word), "{document} names {word}");
            }
        }
    }
    assert!(seen > 20, "only {seen} options found");
}

#[test]
fn names_of_rules_and_clients_are_explained() {
    let text = sniff(&["explain", "ms_fes"], "80");
    assert!(text.starts_with("@microsoft/fetch-event-source 2.0.1\n") && text.contains("measured with"), "{text}");
    assert_eq!(text, sniff(&["explain", "@Microsoft/fetch-event-source 2.0.1"], "80"));
    let json: serde_json::Value =
        serde_json::from_str(&sniff(&["explain", "ms_fes", "--format", "json"], "80")).unwrap();
    assert_eq!((&json[0]["client"], &json[0]["dialect"]), (&"ms_fes".into(), &"openai.chat".into()));
    assert!(sniff(&["explain", "missing-done"], "80").contains("OAI-CHAT-001"));
    let wrong = |name: &str| {
        let out = std::process::Command::new(env!("CARGO_BIN_EXE_sniff")).args(["explain", name]).output().unwrap();
        assert_eq!(out.status.code(), Some(2));
        String::from_utf8(out.stderr).unwrap()
    };
    assert!(wrong("openai-node").contains("perhaps openai-node 4.104, "), "{}", wrong("openai-node"));
    assert!(wrong("nobody").contains("no rule or client is named \"nobody\""));
}
