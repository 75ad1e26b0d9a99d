//! Reads sessions.

use super::Reader;
use super::process::Process;
use super::select::{Selector, SessionIs};
use super::upkeep::no_such_name;
use crate::summary::session::{SessionSummary, State};
use anyhow::Result;
use rusqlite::{Connection, Row, params_from_iter};

impl Reader {
    /// The sessions, oldest first. Of the selector only session and times apply to them.
    pub fn sessions(&self, selector: &Selector) -> Result<Vec<SessionSummary>> {
        self.known(selector)?;
        select(&self.db, selector, "true")
    }

    /// Those of the sessions that have no end.
    pub fn sessions_without_end(&self, selector: &Selector) -> Result<Vec<SessionSummary>> {
        self.known(selector)?;
        without_end(&self.db, selector)
    }
    /// Fails if the selector names a session that does not exist: a name that was mistyped selects nothing by mistake.
    pub(super) fn known(&self, selector: &Selector) -> Result<()> {
        let Some(SessionIs::Named(name)) = &selector.session else { return Ok(()) };
        let sql = "SELECT EXISTS (SELECT 1 FROM session WHERE name = ?1)";
        if self.db.query_row(sql, [name], |r| r.get(0))? { Ok(()) } else { Err(no_such_name(name)) }
    }
}

/// The sessions without an end.
pub(super) fn without_end(db: &Connection, selector: &Selector) -> Result<Vec<SessionSummary>> {
    select(db, selector, "ended_ns IS NULL")
}

fn select(db: &Connection, selector: &Selector, condition: &str) -> Result<Vec<SessionSummary>> {
    let (selected, values) = selector.sessions_sql();
    let sql = format!(
        "SELECT id, source, started_ns, ended_ns, stopped, pid, pid_start, boot_id, pid_space, packets, bytes,
                version, (SELECT count(*) FROM exchange e WHERE e.session = s.id AND e.done), name, note FROM session s
             WHERE {condition} AND {selected} ORDER BY id"
    );
    let mut statement = db.prepare(&sql)?;
    let rows = statement.query_map(params_from_iter(values), session)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn session(r: &Row<'_>) -> rusqlite::Result<SessionSummary> {
    let number = |i| Ok::<_, rusqlite::Error>(r.get::<_, Option<i64>>(i)?.map(|n| n as u64));
    let (ended_ns, stopped, pid): (Option<i64>, Option<String>, Option<i64>) = (r.get(3)?, r.get(4)?, r.get(5)?);
    let process = match (pid, r.get(6)?, r.get(7)?, r.get(8)?) {
        (Some(pid), Some(start), Some(boot), Some(space)) => Some(Process { pid, start, boot, space }),
        _ => None,
    };
    let state = match (ended_ns, &stopped, process.and_then(|p| p.runs())) {
        (Some(_), _, _) => State::Ended,
        (None, Some(_), _) => State::Failed,
        (None, None, Some(true)) => State::Running,
        (None, None, Some(false)) => State::Killed,
        (None, None, None) => State::Unknown,
    };
    Ok(SessionSummary {
        id: r.get(0)?,
        source: r.get(1)?,
        started_ns: r.get(2)?,
        ended_ns,
        state,
        stopped,
        pid,
        exchanges: number(12)?.unwrap_or(0),
        packets: number(9)?,
        bytes: number(10)?,
        version: r.get(11)?,
        name: r.get(13)?,
        note: r.get(14)?,
    })
}
