//! Reads connections.

use super::Reader;
use super::select::Selector;
use crate::summary::connection::ConnectionSummary;
use anyhow::{Context, Result};
use rusqlite::{Row, params_from_iter};

const COLUMNS: &str = "session_id, stream, opened_ns, closed_ns, client_ip, client_port, server_ip, server_port, \
    speaks, tls, sni, alpn, alpn_offered, tls_version, tls_suite, unread, exchanges, packets, client_bytes, \
    server_bytes, ech";

impl Reader {
    /// Connections that have ended, in order of their first packet. Of the selector only session, times and host
    /// apply to them.
    pub fn connections(&self, selector: &Selector) -> Result<Vec<ConnectionSummary>> {
        self.known(selector)?;
        let (condition, values) = selector.connections_sql();
        let sql =
            format!("SELECT {COLUMNS} FROM connection c WHERE {condition} ORDER BY opened_ns, session_id, stream");
        let mut statement = self.db.prepare(&sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(connection(row)?);
        }
        Ok(all)
    }
}

fn connection(r: &Row<'_>) -> Result<ConnectionSummary> {
    let address = |i| r.get_ref(i)?.as_str()?.parse().context("the database holds an invalid address");
    let number = |i| Ok::<_, rusqlite::Error>(r.get::<_, i64>(i)? as u64);
    let offered: Option<String> = r.get(12)?;
    Ok(ConnectionSummary {
        session: r.get(0)?,
        stream: r.get(1)?,
        opened_ns: r.get(2)?,
        closed_ns: r.get(3)?,
        client_ip: address(4)?,
        client_port: r.get(5)?,
        server_ip: address(6)?,
        server_port: r.get(7)?,
        speaks: r.get(8)?,
        tls: r.get(9)?,
        sni: r.get(10)?,
        alpn: r.get(11)?,
        alpn_offered: offered
            .map_or(Ok(Vec::new()), |list| serde_json::from_str(&list))
            .context("alpn_offered is not a JSON list")?,
        tls_version: r.get(13)?,
        tls_suite: r.get(14)?,
        unread: r.get(15)?,
        exchanges: number(16)?,
        packets: number(17)?,
        client_bytes: number(18)?,
        server_bytes: number(19)?,
        ech: r.get(20)?,
    })
}
