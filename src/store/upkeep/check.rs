//! Whether a database is whole: by SQLite's own checks, by owners, and by what recordings promise.

use crate::store::{Reader, segment};
use crate::summary::database::Problem;
use anyhow::Result;
use rusqlite::Row;

/// Problems of one check that are named.
const NAMED: usize = 20;

/// An invariant: what is wrong about each row of the answer, and the question. A question counts only what recordings
/// with content finished.
const INVARIANTS: &[(&str, &str)] = &[
    (
        "deliveries are missing or doubled",
        "SELECT 'exchange ' || exchange_id || ', side ' || side || ', from ' || seq FROM
            (SELECT exchange_id, side, seq, sum(rows) OVER (PARTITION BY exchange_id, side ORDER BY seq
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS want
             FROM piece_run) WHERE seq <> coalesce(want, 0)",
    ),
    (
        "records are missing or doubled",
        "SELECT 'exchange ' || exchange_id || ', from ' || n FROM
            (SELECT exchange_id, n, sum(rows) OVER (PARTITION BY exchange_id ORDER BY n
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS want
             FROM record_run) WHERE n <> coalesce(want, 0)",
    ),
    (
        "rows of a run are missing",
        "SELECT 'deliveries of exchange ' || exchange_id FROM piece_run r WHERE rows <>
                (SELECT count(*) FROM piece_row p WHERE p.id >= r.first_row AND p.id < r.first_row + r.rows)
            UNION ALL SELECT 'records of exchange ' || exchange_id FROM record_run r WHERE rows <>
                (SELECT count(*) FROM record_row p WHERE p.id >= r.first_row AND p.id < r.first_row + r.rows)",
    ),
    (
        "rows belong to no run, or to several",
        "SELECT 'deliveries: ' || n || ' of ' || want FROM (SELECT (SELECT count(*) FROM piece_row) AS n,
                (SELECT coalesce(sum(rows), 0) FROM piece_run) AS want) WHERE n <> want
            UNION ALL SELECT 'records: ' || n || ' of ' || want FROM (SELECT (SELECT count(*) FROM record_row) AS n,
                (SELECT coalesce(sum(rows), 0) FROM record_run) AS want) WHERE n <> want",
    ),
    (
        "an exchange has a number that will be given again",
        "SELECT 'exchange ' || max(id) FROM exchange
            HAVING max(id) > coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'exchange'), 0)",
    ),
];

/// Bytes that the deliveries of each finished body promise: exchange, side, bytes.
const PROMISED: &str = "SELECT e.id, s.side, coalesce((SELECT sum(len) FROM piece p
        WHERE p.exchange_id = e.id AND p.side = s.side AND NOT p.gap), 0)
    FROM exchange e JOIN session ON session.id = e.session JOIN (SELECT 0 AS side UNION SELECT 1) s
    WHERE e.done AND coalesce(session.options ->> 'content', 'full') = 'full'";

impl Reader {
    /// What is wrong with the database; empty if it is whole. Reads all of it. What cannot be read is a problem too.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let integrity = format!("PRAGMA integrity_check({NAMED})");
        let found = self.rows(&integrity, |r| r.get(0));
        let found = found.into_iter().filter(|what| what != "ok");
        problems.extend(found.map(|what| Problem { check: "integrity", what }));
        let owners = "SELECT \"table\", count(*), parent FROM pragma_foreign_key_check GROUP BY 1, 3 ORDER BY 1, 3";
        let found = self.rows(owners, |r| {
            let (table, n, parent): (String, i64, String) = (r.get(0)?, r.get(1)?, r.get(2)?);
            Ok(format!("{table}: {n} rows belong to no {parent}"))
        });
        problems.extend(found.into_iter().map(|what| Problem { check: "owners", what }));
        for (what, sql) in INVARIANTS {
            let found = self.rows(sql, |r| r.get(0));
            let more = found.len().saturating_sub(NAMED);
            let named = found.into_iter().take(NAMED).map(|place| format!("{what}: {place}"));
            let rest = (more > 0).then(|| format!("{what}: {more} more"));
            problems.extend(named.chain(rest).map(|what| Problem { check: "contents", what }));
        }
        let bodies = self.bodies().unwrap_or_else(|e| vec![format!("cannot be read: {e:#}")]);
        let named = bodies.into_iter().take(NAMED).map(|what| format!("a body differs from its deliveries: {what}"));
        problems.extend(named.map(|what| Problem { check: "contents", what }));
        problems
    }

    /// Bodies that cannot be read, or have more or fewer bytes than their deliveries. One segment is in memory at a
    /// time.
    fn bodies(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        let mut promised = self.db.prepare(PROMISED)?;
        let mut bodies = promised.query([])?;
        while let Some(r) = bodies.next()? {
            let (id, side, promised): (i64, i64, i64) = (r.get(0)?, r.get(1)?, r.get(2)?);
            let sql = "SELECT data, coding FROM segment WHERE exchange_id = ?1 AND side = ?2";
            let mut segments = self.db.prepare_cached(sql)?;
            let mut segments = segments.query([id, side])?;
            let (mut kept, mut bytes) = (0, Vec::new());
            let mut damage = None;
            while let Some(r) = segments.next()? {
                bytes.clear();
                let read = segment::unpack(r.get_ref(0)?.as_blob()?, r.get_ref(1)?.as_str_or_null()?, &mut bytes);
                damage = damage.or(read.err());
                kept += bytes.len() as i64;
            }
            match damage {
                Some(e) => found.push(format!("exchange {id}, side {side}: {e:#}")),
                None if kept != promised => {
                    found.push(format!("exchange {id}, side {side}: {kept} of {promised} bytes"))
                }
                None => {}
            }
        }
        Ok(found)
    }

    /// The rows of an answer as texts; an error is one of them.
    fn rows(&self, sql: &str, text: impl FnMut(&Row<'_>) -> rusqlite::Result<String>) -> Vec<String> {
        let all = || self.db.prepare(sql)?.query_map([], text)?.collect::<rusqlite::Result<Vec<String>>>();
        all().unwrap_or_else(|e| vec![format!("cannot be read: {e}")])
    }
}
