//! Reads sessions.

use super::Reader;
use super::process::Process;
use super::select::{Selector, SessionIs};
use crate::summary::session::{SessionSummary, State};
use crate::time::Timestamp;
use anyhow::Result;
use rusqlite::{Row, params};

impl Reader {
    /// The sessions, oldest first. Of the selector only session and times apply to them.
    pub fn sessions(&self, selector: &Selector) -> Result<Vec<SessionSummary>> {
        self.select_sessions(selector, "true")
    }

    /// Those of the sessions that have no end.
    pub fn sessions_without_end(&self, selector: &Selector) -> Result<Vec<SessionSummary>> {
        self.select_sessions(selector, "ended_ns IS NULL")
    }

    fn select_sessions(&self, selector: &Selector, condition: &str) -> Result<Vec<SessionSummary>> {
        let sql = format!(
            "SELECT id, source, started_ns, ended_ns, stopped, pid, pid_start, boot_id, pid_space, packets, bytes,
                version, (SELECT count(*) FROM exchange e WHERE e.session = s.id AND e.done) FROM session s
             WHERE {condition} AND (?1 IS NULL OR id = ?1) AND (NOT ?2 OR id = (SELECT max(id) FROM session))
                AND (?3 IS NULL OR ended_ns IS NULL OR ended_ns >= ?3) AND (?4 IS NULL OR started_ns < ?4) ORDER BY id"
        );
        let number = selector.session.and_then(|s| if let SessionIs::Number(n) = s { Some(n) } else { None });
        let is_last = selector.session == Some(SessionIs::Last);
        let [since, until] = [selector.since, selector.until].map(|t| t.map(Timestamp::nanos));
        let mut statement = self.db.prepare(&sql)?;
        let rows = statement.query_map(params![number, is_last, since, until], session)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
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
    })
}
