//! What is compared between the exchanges of one session, and the sentences that it gives. They are made when they
//! are read: a later exchange has something to say about an earlier one, and may have the response to its request.

use super::read::Reader;
use crate::conn::Endpoints;
use crate::delivery::across::{self, Lines, MOST, Outcome, Print, Seen, hash};
use crate::dialect::rpc::Elsewhere;
use crate::summary::Summary;
use crate::summary::across::add;
use crate::time::{Span, Timestamp};
use anyhow::Result;
use rusqlite::Row;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const SQL: &str = "SELECT e.id, e.stream, e.client_ip, e.client_port, e.server_ip, e.server_port, \
    e.t_request_start_ns, coalesce(n.t_ns, e.t_response_end_ns, e.t_request_end_ns, 0), e.request_method, \
    e.request_path, e.request_body_sha256, e.request_body_bytes, \
    e.request_model IS NOT NULL OR e.request_stream IS NOT NULL, e.response_decoded_sha256, \
    e.response_decoded_bytes, e.response_text, e.ttft_ns, e.itl_p50_ns, e.verdict, e.response_cut_by, \
    e.response_status, EXISTS (SELECT 1 FROM finding f WHERE f.exchange_id = e.id AND f.level = 'error') \
    FROM exchange e LEFT JOIN ending n ON n.exchange_id = e.id WHERE e.done AND e.session = ?1 ORDER BY e.id LIMIT ?2";

/// What several exchanges of a session show about one, by its id.
pub(super) struct Across {
    lines: Lines,
    answered: HashMap<i64, Answered>,
}

/// When a request was answered on the stream of another exchange: its first delta, and its response.
#[derive(Clone, Copy, Default)]
struct Answered {
    first_delta: Option<Span>,
    response: Option<Span>,
}

impl Reader {
    /// What the exchanges of a session show about each other.
    pub(super) fn across(&self, session: i64) -> Result<Across> {
        let mut statement = self.db.prepare_cached(SQL)?;
        let rows = statement.query_map([session, MOST as i64], seen)?;
        let lines = across::lines(&rows.collect::<rusqlite::Result<Vec<_>>>()?);
        Ok(Across { lines, answered: self.answered(session)? })
    }

    /// The requests that were answered elsewhere: joined by [`Rpc::key`](crate::dialect::rpc::Rpc::key).
    fn answered(&self, session: i64) -> Result<HashMap<i64, Answered>> {
        let mut all = HashMap::new();
        let sql = "SELECT rpc_answers FROM exchange WHERE done AND session = ?1 AND rpc_answers IS NOT NULL LIMIT ?2";
        let mut statement = self.db.prepare_cached(sql)?;
        let rows = statement.query_map([session, MOST as i64], |row| row.get::<_, String>(0))?;
        let mut answers: HashMap<i64, Vec<Stored>> = HashMap::new();
        for row in rows {
            let read = serde_json::from_str::<Vec<Stored>>(&row?).unwrap_or_default();
            read.into_iter().for_each(|answer| answers.entry(answer.0).or_default().push(answer));
        }
        if answers.is_empty() {
            return Ok(all);
        }
        let sql = "SELECT id, rpc_key, t_request_end_ns FROM exchange WHERE done AND session = ?1 AND rpc_key IS NOT \
            NULL AND t_request_end_ns IS NOT NULL LIMIT ?2";
        let mut statement = self.db.prepare_cached(sql)?;
        let rows = statement.query_map([session, MOST as i64], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?;
        for row in rows {
            let (id, key, asked): (i64, i64, i64) = row?;
            let since = |at: i64| Timestamp(at).elapsed(Timestamp(asked));
            let later = answers.get(&key).into_iter().flatten().filter(|(_, at, _)| *at >= asked);
            if let Some((_, at, first)) = later.min_by_key(|(_, at, _)| *at) {
                all.insert(id, Answered { first_delta: first.and_then(since), response: since(*at) });
            }
        }
        Ok(all)
    }
}

impl Across {
    /// Adds what is known about this exchange.
    pub(super) fn add(&mut self, s: &mut Summary) {
        add(s, &mut self.lines);
        if let Some(answered) = self.answered.get(&s.id) {
            s.timing.rpc_answer = s.timing.rpc_answer.or(answered.response);
            s.timing.rpc_first_delta = s.timing.rpc_first_delta.or(answered.first_delta);
        }
    }
}

/// A response to a request of another exchange, as it is stored: key, time, time of the first delta.
type Stored = (i64, i64, Option<i64>);

/// The value of the column `rpc_answers`; none without any.
pub(super) fn answers(all: &[Elsewhere]) -> Option<String> {
    let all: Vec<Stored> =
        all.iter().map(|e| (e.key as i64, e.at.nanos(), e.first_delta.map(Timestamp::nanos))).collect();
    serde_json::to_string(&all).ok().filter(|_| !all.is_empty())
}

fn seen(row: &Row<'_>) -> rusqlite::Result<Seen> {
    let address = |i: usize| -> rusqlite::Result<SocketAddr> {
        let ip: Option<IpAddr> = row.get::<_, Option<String>>(i)?.and_then(|ip| ip.parse().ok());
        Ok(SocketAddr::new(ip.unwrap_or(Ipv4Addr::UNSPECIFIED.into()), row.get::<_, Option<u16>>(i + 1)?.unwrap_or(0)))
    };
    let text = |i: usize| row.get::<_, Option<String>>(i);
    let number = |i: usize| row.get::<_, Option<i64>>(i);
    let body = text(10)?.map(|hex| hash(hex.as_str()));
    let (method, target) = (text(8)?.unwrap_or_default(), text(9)?.unwrap_or_default());
    let bytes = number(11)?.unwrap_or(0) as u64;
    let decoded = text(13)?.filter(|_| number(14).is_ok_and(|n| n > Some(0)));
    let print = Print { request: body, body: decoded.map(|hex| hash(hex.as_str())), ..Print::default() };
    Ok(Seen {
        id: row.get(0)?,
        ends: Endpoints { client: address(2)?, server: address(4)? },
        conn: row.get::<_, Option<u32>>(1)?.unwrap_or(0),
        begun: number(6)?.map(Timestamp),
        ended: Timestamp(row.get(7)?),
        asked: Seen::asks(&method, &target, body, bytes, row.get(12)?),
        print: print.with_text(text(15)?.as_deref()),
        pace: number(16)?.map(Span).zip(number(17)?.map(Span)),
        outcome: Outcome::of(text(18)?.as_deref(), text(19)?.as_deref(), row.get(20)?, row.get(21)?),
    })
}
