//! `sniff session`: the sessions of a database, their names and notes; deletes them.

use super::common::{Common, say};
use super::output::{Output, unless_closed};
use super::sandbox::{Sandbox, SandboxArgs};
use super::selectors;
use crate::report::text::count;
use crate::report::{Format, sessions};
use crate::store::select::SessionIs;
use crate::store::upkeep::{held, is_name};
use crate::store::{Reader, Selector, Upkeep};
use crate::summary::session::SessionSummary;
use anyhow::{Result, bail};
use clap::{Args, Subcommand};

/// List, name and delete sessions
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sniff session list
  sniff session name last baseline
  sniff session note baseline 'before the upgrade'
  sniff report latency --session baseline
  sniff session rm 3 baseline
Formats of list: table, json, jsonl, csv, markdown")]
pub(super) struct SessionArgs {
    #[command(subcommand)]
    command: SessionCommand,
}

#[derive(Debug, Subcommand)]
enum SessionCommand {
    /// List sessions, and which of them were killed
    List {
        #[command(flatten)]
        sandbox: SandboxArgs,
    },
    /// Give a session a name, for --session
    Name {
        /// Session (number, name, or last)
        #[arg(value_name = "SESSION", value_parser = selectors::session)]
        session: SessionIs,
        /// Its name; '' takes the name away
        #[arg(value_name = "NAME", value_parser = name)]
        name: String,
        #[command(flatten)]
        sandbox: SandboxArgs,
    },
    /// Note something about a session
    Note {
        /// Session (number, name, or last)
        #[arg(value_name = "SESSION", value_parser = selectors::session)]
        session: SessionIs,
        /// The note; '' takes the note away
        #[arg(value_name = "TEXT")]
        text: String,
        #[command(flatten)]
        sandbox: SandboxArgs,
    },
    /// Delete sessions with all of their exchanges
    Rm {
        /// Sessions (number, name, or last)
        #[arg(value_name = "SESSION", value_parser = selectors::session, required = true)]
        sessions: Vec<SessionIs>,
        /// Also a session without an end whose process cannot be seen
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        sandbox: SandboxArgs,
    },
}

/// A name for a session, or nothing.
fn name(text: &str) -> Result<String, String> {
    match text.is_empty() || is_name(text) {
        true => Ok(text.into()),
        false => Err("expected a name of 1 to 64 characters that is no number and not `last`".into()),
    }
}

pub(super) fn run(args: &SessionArgs, common: &Common) -> Result<u8> {
    let (SessionCommand::List { sandbox }
    | SessionCommand::Name { sandbox, .. }
    | SessionCommand::Note { sandbox, .. }
    | SessionCommand::Rm { sandbox, .. }) = &args.command;
    if !matches!(args.command, SessionCommand::List { .. }) {
        no_data("sniff session list", common)?;
    }
    Sandbox::of_database(sandbox, common).enter()?;
    let done = match &args.command {
        SessionCommand::List { .. } => return list(common),
        SessionCommand::Name { session, name, .. } => {
            let mut upkeep = Upkeep::open(&common.db)?;
            let id = upkeep.reader().session(session)?.id;
            upkeep.name(id, Some(name.as_str()).filter(|name| !name.is_empty()))?;
            vec![if name.is_empty() { format!("session {id} has no name") } else { format!("session {id} is {name}") }]
        }
        SessionCommand::Note { session, text, .. } => {
            let mut upkeep = Upkeep::open(&common.db)?;
            let id = upkeep.reader().session(session)?.id;
            upkeep.note(id, Some(text.as_str()).filter(|text| !text.is_empty()))?;
            vec![format!("session {id} has {} note", if text.is_empty() { "no" } else { "a" })]
        }
        SessionCommand::Rm { sessions, force, .. } => remove(sessions, *force, common)?,
    };
    if !common.quiet {
        done.iter().for_each(|line| say(&crate::report::text::clean(line)));
    }
    Ok(0)
}

/// Refuses the options of data for a command that prints none. `instead` is one that does.
pub(super) fn no_data(instead: &str, common: &Common) -> Result<()> {
    if common.format.is_some() || common.output.is_some() {
        bail!("this command prints no data; --format and --output belong to one that does: {instead}");
    }
    Ok(())
}

fn list(common: &Common) -> Result<u8> {
    let format = common.format.as_deref().map_or(Ok(Format::Table), |f| Format::parse(f, Format::ALL))?;
    let all = Reader::open(&common.db)?.sessions(&Selector::default())?;
    let mut out = Output::open(common)?;
    let written = super::list::write_rows(&all, &sessions::table(&all, common.zone(format)), format, &mut out);
    unless_closed(written.and_then(|()| out.finish()))?;
    Ok(0)
}

/// Deletes all of these sessions, or none if one of them has to stay.
fn remove(which: &[SessionIs], force: bool, common: &Common) -> Result<Vec<String>> {
    let mut upkeep = Upkeep::open(&common.db)?;
    let mut all: Vec<SessionSummary> = Vec::new();
    for session in which {
        let session = upkeep.reader().session(session)?;
        if let Some(why) = held(&session, force) {
            bail!("cannot delete it: {why}");
        }
        if all.iter().all(|other| other.id != session.id) {
            all.push(session);
        }
    }
    let mut done = Vec::new();
    for session in &all {
        let deleted = upkeep.delete_session(session.id)?;
        let name = session.name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
        let exchanges = count(deleted.exchanges, "exchange", "exchanges");
        done.push(format!("deleted session {}{name}: {exchanges}", session.id));
    }
    done.push("the file keeps its size and is filled again; sniff db vacuum makes it smaller".into());
    Ok(done)
}
