//! Which exchanges: the selectors, the same for every command, as SQL.

use crate::framing::Framing;
use crate::time::Timestamp;
use rusqlite::types::Value;

/// What an exchange must be to be shown. Empty: all of them. Names compare without case; `*` and `?` in them are
/// wildcards.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selector {
    /// Session by number.
    pub session: Option<SessionIs>,
    /// Begun at or after.
    pub since: Option<Timestamp>,
    /// Begun before.
    pub until: Option<Timestamp>,
    /// Host asked for, with or without port; TLS server name; or server address.
    pub host: Option<String>,
    /// Beginning of the request target.
    pub path: Option<String>,
    /// Model of the request.
    pub model: Option<String>,
    /// Dialect.
    pub dialect: Option<String>,
    /// Framing.
    pub framing: Option<String>,
    /// Streamed answers only, or others only.
    pub streaming: Option<bool>,
}

/// A session's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionIs {
    /// The newest in the database.
    Last,
    /// This one.
    Number(i64),
}

impl Selector {
    /// A condition on `exchange e` and the values of its marks.
    pub(super) fn sql(&self) -> (String, Vec<Value>) {
        let mut w = Where { sql: "e.done".into(), values: Vec::new() };
        match self.session {
            Some(SessionIs::Last) => w.sql.push_str(" AND e.session = (SELECT max(id) FROM session)"),
            Some(SessionIs::Number(n)) => w.and("e.session = ?", [n.into()]),
            None => {}
        }
        if let Some(t) = self.since {
            w.and(&format!("{BEGUN} >= ?"), [t.nanos().into()]);
        }
        if let Some(t) = self.until {
            w.and(&format!("{BEGUN} < ?"), [t.nanos().into()]);
        }
        if let Some(host) = &self.host {
            let p = pattern(host, false);
            let with_port = format!("{p}:*");
            // As sent, without its port, and with the server's port where none was sent: what `list` shows can be asked
            // for.
            let sql = format!(
                "(lower(e.request_authority) GLOB ? OR lower(e.request_authority) GLOB ? OR lower(e.sni) GLOB ? OR lower(e.server_ip) GLOB ?
                 OR lower(e.request_authority) || ':' || e.server_port GLOB ? OR lower(e.sni) || ':' || e.server_port GLOB ? OR {SERVER} GLOB ?)"
            );
            w.and(
                &sql,
                [
                    p.clone().into(),
                    with_port.into(),
                    p.clone().into(),
                    p.clone().into(),
                    p.clone().into(),
                    p.clone().into(),
                    p.into(),
                ],
            );
        }
        if let Some(path) = &self.path {
            w.and("lower(e.request_path) GLOB ?", [pattern(path, true).into()]);
        }
        for (column, wanted) in [
            ("e.request_model", &self.model),
            ("e.response_dialect", &self.dialect),
            ("e.response_framing", &self.framing),
        ] {
            if let Some(wanted) = wanted {
                w.and(&format!("lower({column}) GLOB ?"), [pattern(wanted, false).into()]);
            }
        }
        if let Some(streaming) = self.streaming {
            let names: Vec<String> =
                Framing::ALL.iter().filter(|f| f.is_stream()).map(|f| format!("'{}'", f.as_str())).collect();
            w.and(&format!("(coalesce(e.response_framing, '') IN ({})) = ?", names.join(", ")), [streaming.into()]);
        }
        (w.sql, w.values)
    }
}

impl Selector {
    /// It asks for nothing that only an exchange has.
    pub fn is_of_connections(&self) -> bool {
        [&self.path, &self.model, &self.dialect, &self.framing].iter().all(|s| s.is_none()) && self.streaming.is_none()
    }

    /// A condition on `connection c`: of the session, open within the times, with the host.
    pub(super) fn connections_sql(&self) -> (String, Vec<Value>) {
        let mut w = Where { sql: "true".into(), values: Vec::new() };
        match self.session {
            Some(SessionIs::Last) => w.sql.push_str(" AND c.session_id = (SELECT max(id) FROM session)"),
            Some(SessionIs::Number(n)) => w.and("c.session_id = ?", [n.into()]),
            None => {}
        }
        if let Some(t) = self.since {
            w.and("c.closed_ns >= ?", [t.nanos().into()]);
        }
        if let Some(t) = self.until {
            w.and("c.opened_ns < ?", [t.nanos().into()]);
        }
        if let Some(host) = &self.host {
            let p = pattern(host, false);
            let sql = format!(
                "(lower(c.sni) GLOB ? OR lower(c.server_ip) GLOB ? OR lower(c.sni) || ':' || c.server_port GLOB ? OR \
                    {} GLOB ?)",
                SERVER.replace("e.", "c.")
            );
            w.and(&sql, [p.clone().into(), p.clone().into(), p.clone().into(), p.into()]);
        }
        (w.sql, w.values)
    }
}

/// When an exchange begins: its request's first byte, or what was seen first of its response.
pub(super) const BEGUN: &str = "coalesce(e.t_request_start_ns, e.t_response_start_ns, e.t_first_body_byte_ns)";

/// The server's address as a URL has it.
const SERVER: &str = "CASE WHEN instr(e.server_ip, ':') THEN '[' || lower(e.server_ip) || ']' ELSE e.server_ip END || \
    ':' || e.server_port";

struct Where {
    sql: String,
    values: Vec<Value>,
}

impl Where {
    fn and<const N: usize>(&mut self, sql: &str, values: [Value; N]) {
        self.sql.push_str(" AND ");
        self.sql.push_str(sql);
        self.values.extend(values);
    }
}

/// GLOB pattern in lower case. `[` is literal: addresses have it.
fn pattern(text: &str, beginning: bool) -> String {
    let mut p = text.to_lowercase().replace('[', "[[]");
    if beginning && !p.ends_with('*') {
        p.push('*');
    }
    p
}
