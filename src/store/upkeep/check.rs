//! Whether a database is whole: by SQLite's own checks, by owners, and by what recordings promise.

use crate::store::Reader;
use crate::summary::database::Problem;
use rusqlite::Row;

/// Problems of one check that are named.
const NAMED: usize = 20;

/// An invariant: what is wrong about each row of the answer, and the question. A question counts only what recordings
/// with content finished.
const INVARIANTS: &[(&str, &str)] = &[
    (
        "deliveries are missing or doubled",
        "SELECT 'exchange ' || exchange_id || ', side ' || side || ', from ' || seq FROM
            (SELECT exchange_id, side, seq, sum(CASE WHEN json_valid(data) THEN json_array_length(data) ELSE -1 END)
                OVER (PARTITION BY exchange_id, side ORDER BY seq
                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS want
             FROM piece_run) WHERE seq <> coalesce(want, 0)",
    ),
    (
        "records are missing or doubled",
        "SELECT 'exchange ' || exchange_id || ', from ' || n FROM
            (SELECT exchange_id, n, sum(CASE WHEN json_valid(data) THEN json_array_length(data) ELSE -1 END)
                OVER (PARTITION BY exchange_id ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS want
             FROM record_run) WHERE n <> coalesce(want, 0)",
    ),
    (
        "a run is not readable",
        "SELECT 'deliveries of exchange ' || exchange_id FROM piece_run WHERE NOT json_valid(data)
            UNION ALL SELECT 'records of exchange ' || exchange_id FROM record_run WHERE NOT json_valid(data)",
    ),
    (
        "a body has more or fewer bytes than its deliveries",
        "WITH told AS (SELECT r.exchange_id, r.side, sum(j.value ->> 4) AS bytes FROM piece_run r, json_each(r.data) j
                WHERE json_valid(r.data) AND NOT (j.value ->> 5) GROUP BY 1, 2),
            kept AS (SELECT exchange_id, side, sum(length(data)) AS bytes FROM segment GROUP BY 1, 2)
         SELECT 'exchange ' || e.id || ', side ' || s.side || ': ' || coalesce(kept.bytes, 0) || ' of '
                || coalesce(told.bytes, 0)
            FROM exchange e JOIN session ON session.id = e.session
            JOIN (SELECT 0 AS side UNION SELECT 1) s
            LEFT JOIN told ON told.exchange_id = e.id AND told.side = s.side
            LEFT JOIN kept ON kept.exchange_id = e.id AND kept.side = s.side
            WHERE e.done AND coalesce(session.options ->> 'content', 'full') = 'full'
                AND coalesce(kept.bytes, 0) <> coalesce(told.bytes, 0)",
    ),
    (
        "an exchange has a number that will be given again",
        "SELECT 'exchange ' || max(id) FROM exchange
            HAVING max(id) > coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'exchange'), 0)",
    ),
];

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
        problems
    }

    /// The rows of an answer as texts; an error is one of them.
    fn rows(&self, sql: &str, text: impl FnMut(&Row<'_>) -> rusqlite::Result<String>) -> Vec<String> {
        let all = || self.db.prepare(sql)?.query_map([], text)?.collect::<rusqlite::Result<Vec<String>>>();
        all().unwrap_or_else(|e| vec![format!("cannot be read: {e}")])
    }
}
