//! Follows a database: the exchanges that are there, then each that is finished later, by whichever process.
//!
//! No read transaction is open between two looks, so a recorder can fold its log and delete what is old.

use super::Reader;
use super::grep::Grep;
use super::order::Order;
use super::select::Selector;
use super::{columns, read};
use crate::summary::Summary;
use anyhow::Result;
use rusqlite::{OptionalExtension, params_from_iter};
use std::collections::BTreeSet;

/// Ids that one statement looks at.
const AT_ONCE: i64 = 4096;

/// A database that is followed.
#[derive(Debug)]
pub struct Follow {
    reader: Reader,
    selector: Selector,
    /// The highest id that was looked at; ids are never used again.
    seen: i64,
    /// Exchanges up to there that are not finished, or whose recording was killed.
    open: BTreeSet<i64>,
    /// Changes with each commit of another connection.
    version: Option<i64>,
}

impl Follow {
    /// Begins to follow. Returns the last exchanges that match now, at most `most` of them, in the order of `list`.
    pub fn begin(reader: Reader, selector: Selector, most: Option<u64>) -> Result<(Follow, Vec<i64>)> {
        let mut follow = Follow { reader, selector, seen: 0, open: BTreeSet::new(), version: None };
        // All of it from one state of the database.
        let tx = follow.reader.db.unchecked_transaction()?;
        follow.reader.known(&follow.selector)?;
        follow.version = Some(version(&tx)?);
        follow.seen = tx.query_row("SELECT coalesce(max(id), 0) FROM exchange", [], |r| r.get(0))?;
        let mut unfinished = tx.prepare("SELECT id FROM exchange WHERE NOT done")?;
        follow.open = unfinished.query_map([], |r| r.get(0))?.collect::<rusqlite::Result<_>>()?;
        drop(unfinished);
        let mut ids = Vec::new();
        if most != Some(0) {
            let last = Order { reverse: true, limit: most, ..Order::default() };
            follow.reader.each_id(&follow.selector, &last, &mut |id| {
                ids.push(id);
                Ok(())
            })?;
            ids.reverse();
        }
        tx.finish()?;
        Ok((follow, ids))
    }

    /// The exchanges that match and were finished since the last look, by their ids.
    pub fn look(&mut self) -> Result<Vec<i64>> {
        let now = version(&self.reader.db)?;
        if self.version == Some(now) {
            return Ok(Vec::new());
        }
        let mut done = self.finished()?;
        let mut added =
            self.reader.db.prepare_cached("SELECT id, done FROM exchange WHERE id > ?1 ORDER BY id LIMIT ?2")?;
        loop {
            let mut rows = added.query([self.seen, AT_ONCE])?;
            let mut any = false;
            while let Some(row) = rows.next()? {
                any = true;
                self.seen = row.get(0)?;
                if row.get(1)? {
                    done.push(self.seen);
                } else {
                    self.open.insert(self.seen);
                }
            }
            if !any {
                break;
            }
        }
        drop(added);
        self.version = Some(now);
        self.matching(&done)
    }

    /// Those that were open and are finished now. What was deleted is forgotten.
    fn finished(&mut self) -> Result<Vec<i64>> {
        let open: Vec<i64> = self.open.iter().copied().collect();
        let mut left = BTreeSet::new();
        let mut done = Vec::new();
        let mut look = self
            .reader
            .db
            .prepare_cached("SELECT id, done FROM exchange WHERE id IN (SELECT value FROM json_each(?1))")?;
        for some in open.chunks(AT_ONCE as usize) {
            let mut rows = look.query([serde_json::to_string(some)?])?;
            while let Some(row) = rows.next()? {
                let id = row.get(0)?;
                if row.get(1)? {
                    done.push(id);
                } else {
                    left.insert(id);
                }
            }
        }
        self.open = left;
        done.sort_unstable();
        Ok(done)
    }

    /// Those of the ids that match, in their order.
    fn matching(&self, ids: &[i64]) -> Result<Vec<i64>> {
        let (condition, values) = self.selector.sql();
        // A parameter after those of the condition, which have no numbers.
        let sql = format!(
            "SELECT e.id FROM exchange e WHERE {condition} AND e.id IN (SELECT value FROM json_each(?)) ORDER BY e.id"
        );
        let mut statement = self.reader.db.prepare_cached(&sql)?;
        let mut grep = self.selector.grep.as_deref().map(|text| Grep::new(&self.reader, text)).transpose()?;
        let mut matching = Vec::new();
        for some in ids.chunks(AT_ONCE as usize) {
            let values = values.iter().cloned().chain([serde_json::to_string(some)?.into()]);
            let found = statement.query_map(params_from_iter(values), |r| r.get(0))?;
            for id in found.collect::<rusqlite::Result<Vec<i64>>>()? {
                if grep.as_mut().map_or(Ok(true), |grep| grep.is_in(id))? {
                    matching.push(id);
                }
            }
        }
        Ok(matching)
    }

    /// One exchange without secrets and without what others show about it; none if it was deleted meanwhile.
    pub fn exchange(&self, id: i64) -> Result<Option<Summary>> {
        let tx = self.reader.db.unchecked_transaction()?;
        let one = tx.prepare_cached(&read::ONE)?.query_row([id], columns::summary).optional()?;
        let Some(mut summary) = one else { return Ok(None) };
        summary.findings = self.reader.findings(id)?;
        self.reader.hide(&mut summary)?;
        tx.finish()?;
        Ok(Some(summary))
    }
}

fn version(db: &rusqlite::Connection) -> Result<i64> {
    Ok(db.pragma_query_value(None, "data_version", |row| row.get(0))?)
}
