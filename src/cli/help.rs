//! Help: what `-h` shows and what only `--help` shows, `sniff help COMMAND`, completions, manual pages.

use super::Cli;
use super::common::{Common, say};
use super::output::{Output, unless_closed};
use anyhow::{Context, Result};
use clap::{Args, Command, CommandFactory, FromArgMatches, ValueEnum};
use clap_complete::aot;
use std::ffi::OsString;
use std::path::PathBuf;

/// Options under these headings are shown by `--help` only.
const LONG_HEADINGS: [&str; 3] = ["Rules", "Reassembly", "Thresholds"];
/// Single options that are shown by `--help` only.
const LONG_ONLY: &[&str] = &[
    "duration",
    "filter",
    "promiscuous",
    "snaplen",
    "buffer",
    "immediate",
    "store_secrets",
    "color",
    "verbose",
    "upstream_ca",
    "insecure",
    "seed",
    "allow_gaps",
    "ignore",
    "answer",
    "tls_cert",
    "tls_key",
    "normalize",
    "once",
    "again",
    "jitter",
    "first_delay",
    "until",
    "framing",
];

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sniff completions bash > ~/.local/share/bash-completion/completions/sniff
  sniff completions zsh > ~/.zfunc/_sniff
  sniff completions fish > ~/.config/fish/completions/sniff.fish")]
pub(super) struct CompletionsArgs {
    /// Shell that reads the script
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Write manual pages to a folder
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sniff man ~/.local/share/man/man1 && man sniff-report")]
pub(super) struct ManArgs {
    /// Folder for the pages; it is created if missing
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// The command line. The short help of a command ends with the number of further options; the long help has them
/// and examples.
pub(super) fn command() -> Command {
    let command = shortened(Cli::command());
    // Only a built command knows the global options that it inherits.
    let mut built = command.clone();
    built.build();
    closed(command, &built, "sniff")
}

/// Marks the options that only the long help shows.
fn shortened(command: Command) -> Command {
    let long_only = |a: &clap::Arg| {
        a.get_help_heading().is_some_and(|h| LONG_HEADINGS.contains(&h)) || LONG_ONLY.contains(&a.get_id().as_str())
    };
    command.mut_args(|a| if long_only(&a) { a.hide_short_help(true) } else { a }).mut_subcommands(shortened)
}

/// Adds the last lines of both helps.
fn closed(command: Command, built: &Command, path: &str) -> Command {
    let more = built.get_arguments().filter(|a| a.is_hide_short_help_set()).count();
    let long = command.get_after_long_help().or(command.get_after_help()).cloned();
    let footer = match more {
        0 => format!("Examples: {path} --help"),
        1 => format!("1 more option and examples: {path} --help"),
        n => format!("{n} more options and examples: {path} --help"),
    };
    let mut command = command.after_help(footer);
    if let Some(text) = long {
        command = command.after_long_help(text);
    }
    command.mut_subcommands(|sub| {
        let path = format!("{path} {}", sub.get_name());
        let built = built.find_subcommand(sub.get_name()).unwrap_or(built);
        closed(sub, built, &path)
    })
}

/// Parses a command line, program name first.
pub(super) fn parse(words: Vec<OsString>) -> Result<Cli, clap::Error> {
    Cli::from_arg_matches(&command().try_get_matches_from(super::report::compare::second_db(asked_help(words)))?)
}

/// Makes `sniff help report latency` equal to `sniff report latency --help`: the last word need not be a command.
fn asked_help(mut words: Vec<OsString>) -> Vec<OsString> {
    if words.get(1).is_some_and(|w| w == "help") {
        words.remove(1);
        words.push("--help".into());
    }
    words
}

pub(super) fn completions(args: &CompletionsArgs, common: &Common) -> Result<u8> {
    let mut script = Vec::new();
    let shell = match args.shell {
        Shell::Bash => aot::Shell::Bash,
        Shell::Zsh => aot::Shell::Zsh,
        Shell::Fish => aot::Shell::Fish,
    };
    aot::generate(shell, &mut command(), "sniff", &mut script);
    let mut out = Output::open(common)?;
    unless_closed(out.writer().write_all(&script).map_err(Into::into).and_then(|()| out.finish()))?;
    Ok(0)
}

pub(super) fn man(args: &ManArgs, common: &Common) -> Result<u8> {
    let shown = args.folder.display();
    std::fs::create_dir_all(&args.folder).with_context(|| format!("cannot create the folder {shown}"))?;
    clap_mangen::generate_to(command(), &args.folder).with_context(|| format!("cannot write to {shown}"))?;
    if !common.quiet {
        say(&format!("sniff: manual pages are in {shown}"));
    }
    Ok(0)
}
