//! What is compared between the exchanges of one session, and the sentences that it gives. They are made when they
//! are read: a later exchange has something to say about an earlier one.

use super::read::Reader;
use crate::conn::Endpoints;
use crate::delivery::across::{self, Lines, MOST, Outcome, Print, Seen, hash};
use crate::time::{Span, Timestamp};
use anyhow::Result;
use rusqlite::Row;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const SQL: &str = "SELECT e.id, e.stream, e.client_ip, e.client_port, e.server_ip, e.server_port, \
    e.t_request_start_ns, coalesce(n.t_ns, e.t_response_end_ns, e.t_request_end_ns, 0), e.request_method, \
    e.request_path, e.request_body_sha256, e.request_body_bytes, \
    e.request_model IS NOT NULL OR e.request_stream IS NOT NULL, e.response_decoded_sha256, \
    e.response_decoded_bytes, e.response_text, e.ttft_ns, e.itl_p50_ns, e.verdict, e.response_cut_by, \
    e.response_status, EXISTS (SELECT 1 FROM finding f WHERE f.exchange_id = e.id AND f.level = 'error') \
    FROM exchange e LEFT JOIN ending n ON n.exchange_id = e.id WHERE e.done AND e.session = ?1 ORDER BY e.id LIMIT ?2";

impl Reader {
    /// The sentences across the exchanges of a session.
    pub(super) fn across(&self, session: i64) -> Result<Lines> {
        let mut statement = self.db.prepare_cached(SQL)?;
        let rows = statement.query_map([session, MOST as i64], seen)?;
        Ok(across::lines(&rows.collect::<rusqlite::Result<Vec<_>>>()?))
    }
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
