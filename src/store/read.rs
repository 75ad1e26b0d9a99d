//! Reads while other processes may write: lists, one exchange with everything, times of deltas.
//!
//! A list is read in two steps: the ids in their order, which takes a few short columns or only an index, and then one
//! exchange after the other. So nothing long is sorted, and who wants ten exchanges reads ten.

use super::across::Across;
use super::columns;
use super::grep::Grep;
use super::open::{self, PATIENCE};
use super::order::Order;
use super::select::Selector;
use super::verdicts::Verdicts;
use super::{ending, migrate, runs, segment};
use crate::conformance::Level;
use crate::exchange::RecordInfo;
use crate::exchange::ending::Ending;
use crate::pipeline::BodyPart;
use crate::summary::detail::{Chunk, Detail, Noticed, Record};
use crate::summary::{FindingSummary, Header, Summary};
use anyhow::{Context, Result, anyhow, bail};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, Statement, params, params_from_iter};
use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;
use std::sync::LazyLock;

/// A database that is open for reading.
#[derive(Debug)]
pub struct Reader {
    pub(super) db: Connection,
    /// What was looked up about sessions; see [`Reader::secrets`].
    pub(super) sessions: RefCell<HashMap<i64, KeptSecrets>>,
    pub(super) verdicts: RefCell<Verdicts>,
}

/// What a session may have left of secrets in its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeptSecrets {
    /// None: this version of the program replaced them when it recorded.
    None,
    /// None that the version knew which recorded.
    ByAnother,
    /// All: the recording was told to keep them.
    All,
}

/// The row of one exchange.
pub(super) static ONE: LazyLock<String> = LazyLock::new(|| select("e.id = ?1"));

impl Reader {
    /// Opens a database for reading, while another process may be recording into it. Nothing is written, except
    /// that the schema of an older version is brought up to date first.
    pub fn open(path: &Path) -> Result<Reader> {
        let shown = path.display();
        if !path.exists() {
            bail!(
                "there is no database {shown}; record one first (sniff --read FILE, sniff --iface lo), or name \
                    another with --db"
            );
        }
        let reader = Reader::open_recorded(path)?;
        reader.ok_or_else(|| anyhow!("{shown} has no recording yet; record something into it first"))
    }

    /// The same; none if no recording has begun in it, or there is no file.
    pub fn open_recorded(path: &Path) -> Result<Option<Reader>> {
        let shown = path.display();
        if !path.exists() {
            return Ok(None);
        }
        let (db, version) = open::open(path)?;
        match version {
            0 => return Ok(None),
            version if version < migrate::MIGRATIONS.len() => {
                let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let bring = || -> Result<()> {
                    let mut db = Connection::open_with_flags(path, flags)?;
                    db.busy_timeout(PATIENCE)?;
                    migrate::up(&mut db, path)
                };
                bring().with_context(|| {
                    format!(
                        "{shown} is from an older sniff and cannot be brought up to date where it is; copy it to \
                            where it can be written"
                    )
                })?;
            }
            _ => {}
        }
        db.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -65536;")?;
        open::sort_beside(&db, path);
        Ok(Some(Reader::on(db)))
    }

    /// A reader of an open database.
    pub(super) fn on(db: Connection) -> Reader {
        // Else SQLite prepares a statement again for each value that is bound to it, which takes longer than the rows.
        let _ = db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true);
        db.set_prepared_statement_cache_capacity(64);
        Reader { db, sessions: RefCell::default(), verdicts: RefCell::default() }
    }

    /// Passes every exchange that matches to `sink`, in order of the request's first byte.
    pub fn each(&self, selector: &Selector, sink: &mut dyn FnMut(Summary) -> Result<()>) -> Result<()> {
        self.each_in(selector, &Order::default(), sink)
    }

    /// The same in another order.
    pub fn each_in(
        &self,
        selector: &Selector,
        order: &Order,
        sink: &mut dyn FnMut(Summary) -> Result<()>,
    ) -> Result<()> {
        let mut across: HashMap<i64, Across> = HashMap::new();
        self.each_alone(selector, order, &mut |mut summary| {
            let across = match across.entry(summary.session) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(self.across(summary.session)?),
            };
            across.add(&mut summary);
            sink(summary)
        })
    }

    /// The same without what other exchanges show about each.
    pub fn each_alone(
        &self,
        selector: &Selector,
        order: &Order,
        sink: &mut dyn FnMut(Summary) -> Result<()>,
    ) -> Result<()> {
        let (mut one, mut findings) = (self.db.prepare(&ONE)?, self.db.prepare(FINDINGS)?);
        self.each_id(selector, order, &mut |id| {
            let mut summary = one.query_row([id], columns::summary)?;
            summary.findings = read_findings(&mut findings, id)?;
            sink(summary)
        })
    }

    /// The ids of the exchanges that match, in an order.
    pub fn each_id(&self, selector: &Selector, order: &Order, sink: &mut dyn FnMut(i64) -> Result<()>) -> Result<()> {
        self.known(selector)?;
        let (condition, values) = selector.sql();
        let sql = format!("SELECT e.id FROM exchange e WHERE {condition} ORDER BY {}", order.sql());
        let mut statement = self.db.prepare(&sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        let mut grep = selector.grep.as_deref().map(|text| Grep::new(self, text)).transpose()?;
        let mut left = order.limit.unwrap_or(u64::MAX);
        while left > 0
            && let Some(row) = rows.next()?
        {
            let id = row.get(0)?;
            if let Some(grep) = &mut grep
                && !grep.is_in(id)?
            {
                continue;
            }
            left -= 1;
            sink(id)?;
        }
        Ok(())
    }

    /// All exchanges that match, as [`Reader::each`] returns them.
    pub fn list(&self, selector: &Selector) -> Result<Vec<Summary>> {
        let mut all = Vec::new();
        self.each(selector, &mut |s| {
            all.push(s);
            Ok(())
        })?;
        Ok(all)
    }

    /// The id that `text` means: a number, the beginning of exactly one number, or `last`.
    pub fn id(&self, text: &str) -> Result<i64> {
        if text.eq_ignore_ascii_case("last") {
            let last: Option<i64> = self.db.query_row("SELECT max(id) FROM exchange WHERE done", [], |r| r.get(0))?;
            return last.ok_or_else(|| anyhow!("the database has no exchange"));
        }
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            bail!("{text:?} is not an exchange's id; ids are numbers (sniff list shows them), or `last`");
        }
        let exact = text.parse::<i64>().ok();
        let sql = "SELECT id FROM exchange WHERE done AND id = ?1";
        if let Some(id) = self.db.query_row(sql, [exact], |r| r.get(0)).optional()? {
            return Ok(id);
        }
        let mut statement =
            self.db.prepare("SELECT id FROM exchange WHERE done AND id GLOB ?1 || '*' ORDER BY id LIMIT 6")?;
        let found: Vec<i64> = statement.query_map([text], |r| r.get(0))?.collect::<rusqlite::Result<_>>()?;
        match found[..] {
            [id] => Ok(id),
            [] => bail!("there is no exchange {text}; sniff list shows those that exist"),
            _ => {
                let some: Vec<String> = found.iter().take(5).map(i64::to_string).collect();
                bail!(
                    "{text} is the beginning of several exchanges: {}{}",
                    some.join(", "),
                    if found.len() > 5 { ", …" } else { "" }
                )
            }
        }
    }

    /// One exchange as lists have it, without what others show about it.
    ///
    /// # Errors
    /// There is no exchange of this id.
    pub fn summary(&self, id: i64) -> Result<Summary> {
        let row = self.db.prepare_cached(&ONE)?.query_row([id], columns::summary).optional()?;
        let mut summary = row.ok_or_else(|| anyhow!("there is no exchange {id}"))?;
        summary.findings = self.findings(id)?;
        Ok(summary)
    }

    /// One exchange with its header fields, chunks and records.
    pub fn detail(&self, id: i64) -> Result<Detail> {
        let mut summary = self.summary(id)?;
        self.across(summary.session)?.add(&mut summary);
        if let Some(r) = &mut summary.request {
            r.headers = Some(self.headers(id, 0, "head")?);
        }
        if let Some(r) = &mut summary.response {
            r.headers = Some(self.headers(id, 1, "head")?);
        }
        let chunk = |r: &Row<'_>| {
            let (t_ns, gap, t_client_ns) = (r.get(1)?, r.get(4)?, r.get(5)?);
            Ok(Chunk { n: uint(r, 0)?, t_ns, offset: uint(r, 2)?, len: uint(r, 3)?, gap, t_client_ns })
        };
        let record = |r: &Row<'_>| {
            let (kind, event, delta) = (r.get(4)?, r.get(5)?, r.get(6)?);
            Ok(Record { n: uint(r, 0)?, t_ns: r.get(1)?, start: uint(r, 2)?, end: uint(r, 3)?, kind, event, delta })
        };
        let oddity = |r: &Row<'_>| {
            let place = |i| Ok::<_, rusqlite::Error>(r.get::<_, Option<i64>>(i)?.map(|n| n as u64));
            Ok(Noticed { kind: r.get(0)?, count: uint(r, 1)?, offset: place(2)?, record: place(3)?, found: r.get(4)? })
        };
        let records =
            "SELECT n, t_ns, start, \"end\", kind, event, delta FROM v_records WHERE exchange_id = ?1 ORDER BY n";
        Ok(Detail {
            request_body: None,
            request_body_base64: None,
            prompt: None,
            summary,
            dialect_why: self.db.query_row("SELECT dialect_why FROM exchange WHERE id = ?1", [id], |r| r.get(0))?,
            chunks: self.all(
                "SELECT n, t_ns, offset, len, gap, t_client_ns FROM v_chunks WHERE exchange_id = ?1 ORDER BY n",
                id,
                chunk,
            )?,
            records: self.all(records, id, record)?,
            ending: ending::read(&self.db, id)?,
            closed: ending::closed(&self.db, id)?,
            oddities: self.all(
                "SELECT kind, count, offset, record, found FROM oddity WHERE exchange_id = ?1 ORDER BY n",
                id,
                oddity,
            )?,
        })
    }

    /// How an exchange ended; none if it was recorded by a version that did not store it.
    pub fn ending(&self, id: i64) -> Result<Option<Ending>> {
        Ok(ending::read(&self.db, id)?)
    }

    /// A body; `side` 0 is the request's, 1 the response's.
    pub(super) fn body(&self, id: i64, side: u8) -> Result<BodyPart> {
        let mut body = BodyPart::default();
        let sql = "SELECT r.unit, r.t_ns, r.frame, r.off, p.unit, p.t_ns, p.frame, p.off, p.len, p.gap \
            FROM piece_run r CROSS JOIN piece_row p ON p.id >= r.first_row AND p.id < r.first_row + r.rows \
            WHERE r.exchange_id = ?1 AND r.side = ?2 ORDER BY r.seq, p.id";
        let mut statement = self.db.prepare_cached(sql)?;
        body.pieces = statement.query_map(params![id, side], runs::piece)?.collect::<rusqlite::Result<_>>()?;
        let sql = "SELECT data, coding FROM segment WHERE exchange_id = ?1 AND side = ?2 ORDER BY off, id";
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query(params![id, side])?;
        while let Some(r) = rows.next()? {
            segment::unpack(r.get_ref(0)?.as_blob()?, r.get_ref(1)?.as_str_or_null()?, &mut body.bytes)?;
        }
        let sql = "SELECT unit, line FROM unit_line WHERE exchange_id = ?1 AND side = ?2 ORDER BY unit";
        let mut statement = self.db.prepare_cached(sql)?;
        let lines = statement.query_map(params![id, side], |r| Ok((uint(r, 0)?, r.get(1)?)))?;
        body.unit_lines = lines.collect::<rusqlite::Result<_>>()?;
        Ok(body)
    }

    /// The records of the response, in order.
    pub fn records(&self, id: i64) -> Result<Vec<RecordInfo>> {
        let sql = "SELECT r.t_ns, r.frame, r.start, r.n + p.id - r.first_row, \
            p.t_ns, p.first_ns, p.frame, p.start, p.len, p.carries, p.event \
            FROM record_run r CROSS JOIN record_row p ON p.id >= r.first_row AND p.id < r.first_row + r.rows \
            WHERE r.exchange_id = ?1 ORDER BY r.n, p.id";
        let mut statement = self.db.prepare_cached(sql)?;
        Ok(statement.query_map([id], runs::record)?.collect::<rusqlite::Result<_>>()?)
    }

    pub(super) fn findings(&self, id: i64) -> Result<Vec<FindingSummary>> {
        read_findings(&mut *self.db.prepare_cached(FINDINGS)?, id)
    }

    fn headers(&self, id: i64, side: u8, kind: &str) -> Result<Vec<Header>> {
        let sql = "SELECT name, value FROM field WHERE exchange_id = ?1 AND side = ?2 AND kind = ?3 ORDER BY n";
        let mut statement = self.db.prepare_cached(sql)?;
        let rows =
            statement.query_map(params![id, side, kind], |r| Ok(Header { name: r.get(0)?, value: r.get(1)? }))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn all<T>(&self, sql: &str, id: i64, read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>) -> Result<Vec<T>> {
        let mut statement = self.db.prepare_cached(sql)?;
        Ok(statement.query_map([id], read)?.collect::<rusqlite::Result<_>>()?)
    }
}

const FINDINGS: &str = "SELECT rule, level, record, offset, message, count, t_ns, packet, chunk, excerpt, fix FROM \
    finding WHERE exchange_id = ?1 ORDER BY n";

fn read_findings(statement: &mut Statement<'_>, id: i64) -> Result<Vec<FindingSummary>> {
    let read = |r: &Row<'_>| {
        let level = Level::parse(r.get_ref(1)?.as_str()?).unwrap_or(Level::Info);
        let place = |i| Ok::<_, rusqlite::Error>(r.get::<_, Option<i64>>(i)?.map(|n| n as u64));
        let (rule, message, t_ns): (String, _, _) = (r.get(0)?, r.get(4)?, r.get(6)?);
        let excerpt = r.get::<_, Option<String>>(9)?.and_then(|text| serde_json::from_str(&text).ok());
        let (fix, packet, chunk) =
            (r.get::<_, Option<String>>(10)?.or_else(|| FindingSummary::fix_of(&rule)), place(7)?, place(8)?);
        let (record, offset, count) = (place(2)?, place(3)?, uint(r, 5)?);
        Ok(FindingSummary { rule, level, record, offset, message, count, t_ns, packet, chunk, excerpt, fix })
    };
    Ok(statement.query_map([id], read)?.collect::<rusqlite::Result<_>>()?)
}

fn select(condition: &str) -> String {
    let columns: Vec<String> =
        columns::names().map(|c| format!("e.{c}")).chain(columns::TCP.iter().map(|c| format!("c.{c}"))).collect();
    let join = "LEFT JOIN connection c ON c.session_id = e.session AND c.stream = e.stream";
    format!("SELECT {} FROM exchange e {join} WHERE {condition}", columns.join(", "))
}

pub(super) fn uint(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(index).map(|n| n as u64)
}
