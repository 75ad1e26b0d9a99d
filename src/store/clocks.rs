//! The named clocks of one exchange, from its rows. They need no body, so that `--content lengths` keeps them.

use super::read::Reader;
use super::{ending, runs};
use crate::delivery::{self, Stall};
use crate::exchange::PieceInfo;
use crate::metrics::clocks::{Arrivals, Clocks};
use crate::summary::Summary;
use crate::time::Timestamp;
use anyhow::Result;
use rusqlite::{OptionalExtension, params};
use std::collections::HashMap;

const EXCHANGE: &str = "SELECT e.t_request_start_ns, e.t_request_end_ns, e.t_response_start_ns, \
    e.t_first_body_byte_ns, e.t_first_record_ns, e.t_first_reasoning_sign_ns, e.t_first_delta_ns, e.t_last_delta_ns, \
    e.t_response_end_ns, (SELECT max(h.t_last_ns) FROM head h WHERE h.exchange_id = e.id AND h.side = 1 AND h.kind = \
    'head'), e.output_tokens FROM exchange e WHERE e.id = ?1";

const CHUNKS: &str = "SELECT r.unit, r.t_ns, r.frame, r.off, p.unit, p.t_ns, p.frame, p.off, p.len, p.gap \
    FROM piece_run r CROSS JOIN piece_row p ON p.id >= r.first_row AND p.id < r.first_row + r.rows \
    WHERE r.exchange_id = ?1 AND r.side = 1 ORDER BY r.seq, p.id";

const UNITS: &str = "SELECT r.unit + p.unit, r.t_ns + p.t_ns FROM piece_run r CROSS JOIN piece_row p ON \
    p.id >= r.first_row AND p.id < r.first_row + r.rows WHERE r.exchange_id = ?1 AND r.side = 1 ORDER BY r.seq, p.id";

const DELTAS: &str = "SELECT r.t_ns + p.t_ns FROM record_run r CROSS JOIN record_row p ON p.id >= r.first_row AND \
    p.id < r.first_row + r.rows WHERE r.exchange_id = ?1 AND p.carries & 7 ORDER BY r.n, p.id";

const HOPS: &str = "SELECT h.frame, h.t_client_ns FROM hop h JOIN exchange e ON e.session = h.session_id \
    WHERE e.id = ?1 AND h.frame BETWEEN ?2 AND ?3";

impl Reader {
    /// When each delivery of a recording of the proxy, from one number to another, crossed the client's side. Empty
    /// for packets.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn hops(&self, id: i64, first: u64, last: u64) -> Result<HashMap<u64, Timestamp>> {
        let mut statement = self.db.prepare_cached(HOPS)?;
        let range = params![id, first as i64, last as i64];
        let rows = statement.query_map(range, |r| Ok((r.get::<_, i64>(0)? as u64, Timestamp(r.get(1)?))))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// When the deltas and chunks of an exchange came. Reads less than [`Reader::clocks`].
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn arrivals(&self, id: i64) -> Result<Arrivals> {
        let tokens = "SELECT output_tokens FROM exchange WHERE id = ?1";
        let tokens = self.db.prepare_cached(tokens)?.query_row([id], |r| r.get::<_, Option<i64>>(0)).optional()?;
        let mut statement = self.db.prepare_cached(DELTAS)?;
        let deltas = statement.query_map([id], |r| Ok(Timestamp(r.get(0)?)))?.collect::<rusqlite::Result<_>>()?;
        let mut chunks = Last::default();
        let mut statement = self.db.prepare_cached(UNITS)?;
        let mut rows = statement.query([id])?;
        while let Some(row) = rows.next()? {
            chunks.push(row.get(0)?, Timestamp(row.get(1)?));
        }
        Ok(Arrivals { deltas, chunks: chunks.times, output_tokens: tokens.flatten().map(|n| n as u64) })
    }

    /// The pauses of an answer and their causes. The clocks are those of the same exchange. On a WebSocket the time
    /// until the client asked again is no pause.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn stalls(&self, s: &Summary, clocks: &Clocks) -> Result<Vec<Stall>> {
        let mut gap = self.db.prepare_cached("SELECT coalesce(gap, 0) FROM exchange WHERE id = ?1")?;
        let gap = gap.query_row([s.id], |r| r.get(0)).optional()?.unwrap_or_default();
        let deltas = clocks.records.iter().filter(|(_, m)| m.is_delta()).map(|(at, m)| (*at, m.turn));
        let mut all = delivery::stalls(deltas, &self.oddities(s.id)?, gap);
        let answers = s.websocket.iter().flat_map(|w| &w.answers);
        let asked: Vec<Timestamp> = answers.filter_map(|a| a.asked_at_ns.map(Timestamp)).collect();
        all.retain(|stall| !asked.iter().any(|at| stall.from < *at && *at <= stall.to));
        Ok(all)
    }

    /// The deliveries of the response's body, in order.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn pieces(&self, id: i64) -> Result<Vec<PieceInfo>> {
        let mut statement = self.db.prepare_cached(CHUNKS)?;
        Ok(statement.query_map(params![id], runs::piece)?.collect::<rusqlite::Result<_>>()?)
    }

    /// The named clocks of an exchange, its records and its chunks.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn clocks(&self, id: i64) -> Result<Clocks> {
        let mut clocks = self
            .db
            .prepare_cached(EXCHANGE)?
            .query_row([id], |r| {
                let at = |i: usize| Ok::<_, rusqlite::Error>(r.get::<_, Option<i64>>(i)?.map(Timestamp));
                Ok(Clocks {
                    request_start: at(0)?,
                    request_end: at(1)?,
                    head_start: at(2)?,
                    first_byte: at(3)?,
                    first_record: at(4)?,
                    reasoning_sign: at(5)?,
                    first_delta: at(6)?,
                    last_delta: at(7)?,
                    end: at(8)?,
                    head_end: at(9)?.filter(|_| at(2).is_ok_and(|start| start.is_some())),
                    output_tokens: r.get::<_, Option<i64>>(10)?.map(|n| n as u64),
                    ..Clocks::default()
                })
            })
            .optional()?
            .unwrap_or_default();
        if let Some(ending) = ending::read(&self.db, id)? {
            (clocks.finish, clocks.terminator) = (ending.finish_at, ending.terminator_at);
        }
        clocks.records = self.records(id)?.into_iter().map(|r| (r.at, r.meaning)).collect();
        // What was joined in the middle has no first delta, of no kind.
        let content = clocks.records.iter().find(|(_, meaning)| meaning.content).map(|(at, _)| *at);
        clocks.first_content = content.filter(|_| clocks.head_start.is_some());
        let mut statement = self.db.prepare_cached(CHUNKS)?;
        let mut rows = statement.query(params![id])?;
        let mut chunks = Last::default();
        while let Some(row) = rows.next()? {
            let piece = runs::piece(row)?;
            chunks.push(piece.unit as i64, piece.at);
        }
        clocks.chunks = chunks.times;
        Ok(clocks)
    }
}

/// The time of the last delivery of each chunk.
#[derive(Default)]
struct Last {
    unit: Option<i64>,
    times: Vec<Timestamp>,
}

impl Last {
    fn push(&mut self, unit: i64, at: Timestamp) {
        match self.times.last_mut().filter(|_| self.unit == Some(unit)) {
            Some(last) => *last = at,
            None => self.times.push(at),
        }
        self.unit = Some(unit);
    }
}
