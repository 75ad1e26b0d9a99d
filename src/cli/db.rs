//! `sniff db`: the upkeep of a database.

use super::common::{Common, say};
use super::output::{Output, unless_closed};
use super::sandbox::{Sandbox, SandboxArgs};
use super::session::no_data;
use super::values;
use crate::report::text::{bytes, count};
use crate::report::{Format, database, json, sessions, table};
use crate::store::upkeep::held;
use crate::store::{Reader, Selector, Upkeep};
use crate::time::{Span, Timestamp};
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use serde_json::json;

/// Database upkeep: size, check, prune, vacuum, forget
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sniff db info                            size, contents, when the disk is full
  sniff db check                           exit code 1 if something is wrong
  sniff db prune --older-than 7d --dry-run
  sniff db prune --older-than 7d && sniff db vacuum
  sniff db forget 12                       nothing of exchange 12 stays in the files")]
pub(super) struct DbArgs {
    #[command(subcommand)]
    command: DbCommand,
}

#[derive(Debug, Subcommand)]
enum DbCommand {
    /// Show size, contents and growth (table, json)
    Info {
        #[command(flatten)]
        sandbox: SandboxArgs,
    },
    /// Check that the database is whole (table, json)
    ///
    /// By SQLite's own check, by owners, and by what recordings promise. The exit code is 1 if something is wrong.
    Check {
        #[command(flatten)]
        sandbox: SandboxArgs,
    },
    /// Make the file as small as its contents
    Vacuum {
        /// Also with a session without an end whose process cannot be seen
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        sandbox: SandboxArgs,
    },
    /// Delete exchanges and every byte of them
    Forget(ForgetArgs),
    /// Delete old sessions
    Prune {
        /// Sessions that ended longer ago, as 12h, 7d
        #[arg(long, value_name = "TIME", value_parser = values::span)]
        older_than: Span,
        /// Delete nothing, and list what would go
        #[arg(long)]
        dry_run: bool,
        /// Also a session without an end whose process cannot be seen
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        sandbox: SandboxArgs,
    },
}

/// Exchanges to delete without a trace.
#[derive(Debug, Args)]
struct ForgetArgs {
    /// Numbers of exchanges (see sniff list), or last
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    /// Also with a session without an end whose process cannot be seen
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    sandbox: SandboxArgs,
}

pub(super) fn run(args: &DbArgs, common: &Common) -> Result<u8> {
    let (DbCommand::Info { sandbox }
    | DbCommand::Check { sandbox }
    | DbCommand::Vacuum { sandbox, .. }
    | DbCommand::Prune { sandbox, .. }
    | DbCommand::Forget(ForgetArgs { sandbox, .. })) = &args.command;
    if matches!(args.command, DbCommand::Vacuum { .. } | DbCommand::Forget(_)) {
        no_data("sniff db info", common)?;
    }
    Sandbox::of_database(sandbox, common).enter()?;
    match &args.command {
        DbCommand::Info { .. } => info(common),
        DbCommand::Check { .. } => check(common),
        DbCommand::Vacuum { force, .. } => vacuum(*force, common),
        DbCommand::Prune { older_than, dry_run, force, .. } => prune(*older_than, *dry_run, *force, common),
        DbCommand::Forget(args) => forget(args, common),
    }
}

/// The format of what is one table and one document.
fn format(common: &Common) -> Result<Format> {
    common.format.as_deref().map_or(Ok(Format::Table), |f| Format::parse(f, &[Format::Table, Format::Json]))
}

fn info(common: &Common) -> Result<u8> {
    let format = format(common)?;
    let info = Reader::open(&common.db)?.info(&common.db, values::now())?;
    let mut out = Output::open(common)?;
    let written = match format {
        Format::Json => json::document(&info, out.writer()),
        _ => out.text(&table::render(&database::info(&info), &out.terminal)),
    };
    unless_closed(written.and_then(|()| out.finish()))?;
    Ok(0)
}

fn check(common: &Common) -> Result<u8> {
    let format = format(common)?;
    let problems = Reader::open(&common.db)?.problems();
    let mut out = Output::open(common)?;
    let written = match format {
        Format::Json => json::document(&json!({"ok": problems.is_empty(), "problems": problems}), out.writer()),
        _ if problems.is_empty() => Ok(()),
        _ => out.text(&table::render(&database::problems(&problems), &out.terminal)),
    };
    unless_closed(written.and_then(|()| out.finish()))?;
    if format == Format::Table && !common.quiet {
        match problems.len() as u64 {
            0 => say("the database is whole"),
            n => say(&format!(
                "{}: copy what you need, and record into another database",
                count(n, "problem", "problems")
            )),
        }
    }
    Ok(u8::from(!problems.is_empty()))
}

fn vacuum(force: bool, common: &Common) -> Result<u8> {
    let mut upkeep = Upkeep::open(&common.db)?;
    refuse_beside_a_recording(&upkeep, "it would be locked out", force)?;
    let [before, after] = upkeep.vacuum()?;
    if !common.quiet {
        say(&format!("{} before, {} now", bytes(before), bytes(after)));
    }
    Ok(0)
}

fn forget(args: &ForgetArgs, common: &Common) -> Result<u8> {
    let mut upkeep = Upkeep::open(&common.db)?;
    // The beginning of a number is not enough for what cannot be undone.
    let id = |text: &String| match text.parse::<i64>() {
        Ok(id) => Ok(id),
        Err(_) => upkeep.reader().id(text),
    };
    let mut ids: Vec<i64> = args.ids.iter().map(id).collect::<Result<_>>()?;
    ids.sort_unstable();
    ids.dedup();
    refuse_beside_a_recording(&upkeep, "its log cannot be emptied meanwhile", args.force)?;
    upkeep.forget(&ids)?;
    if !common.quiet {
        say(&format!("{} deleted, and the file written anew", count(ids.len() as u64, "exchange", "exchanges")));
    }
    Ok(0)
}

/// Refuses what takes the database for itself while a session may be recorded. `why` says what would become of it.
fn refuse_beside_a_recording(upkeep: &Upkeep, why: &str, force: bool) -> Result<()> {
    let open = upkeep.reader().sessions_without_end(&Selector::default())?;
    match open.iter().find_map(|session| held(session, force)) {
        Some(held) => bail!("{held} ({why})"),
        None => Ok(()),
    }
}

fn prune(older_than: Span, dry_run: bool, force: bool, common: &Common) -> Result<u8> {
    let format = common.format.as_deref().map_or(Ok(Format::Table), |f| Format::parse(f, Format::ALL))?;
    let before = Timestamp(values::now().nanos().saturating_sub(older_than.0));
    let mut upkeep = Upkeep::open(&common.db)?;
    let mut old = upkeep.reader().sessions_before(before)?;
    let kept: Vec<String> = old.iter().filter_map(|session| held(session, force)).collect();
    old.retain(|session| held(session, force).is_none());
    let exchanges: u64 = old.iter().map(|session| session.exchanges).sum();
    if !dry_run {
        for session in &old {
            upkeep.delete_session(session.id)?;
        }
    }
    if format != Format::Table || !old.is_empty() {
        let mut out = Output::open(common)?;
        let written = super::list::write_rows(&old, &sessions::table(&old, common.zone(format)), format, &mut out);
        unless_closed(written.and_then(|()| out.finish()))?;
    }
    if !common.quiet {
        kept.iter().for_each(|why| say(&format!("kept: {why}")));
        let what = format!(
            "{} with {}",
            count(old.len() as u64, "session", "sessions"),
            count(exchanges, "exchange", "exchanges")
        );
        say(&match (dry_run, old.is_empty()) {
            (true, _) => format!("would delete {what}"),
            (false, true) => format!("deleted {what}"),
            (false, false) => {
                format!("deleted {what}; the file is filled again, and sniff db vacuum makes it smaller")
            }
        });
    }
    Ok(0)
}
