//! Selects exchanges: the selectors, which are the same for every command, as SQL.

use crate::conformance::Level;
use crate::framing::Framing;
use crate::time::Timestamp;
use rusqlite::types::Value;
use std::ops::RangeInclusive;

/// Conditions on exchanges; an empty selector matches all. Names are compared without case; `*` and `?` in them are
/// wildcards.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selector {
    /// The session.
    pub session: Option<SessionIs>,
    /// The exchange began at this time or later.
    pub since: Option<Timestamp>,
    /// The exchange began before this time.
    pub until: Option<Timestamp>,
    /// The host in the request, with or without port; the TLS server name; or the server's address.
    pub host: Option<String>,
    /// The beginning of the request's target.
    pub path: Option<String>,
    /// The model in the request.
    pub model: Option<String>,
    /// The method of JSON-RPC in the request.
    pub rpc_method: Option<String>,
    /// What that method is called on.
    pub rpc_name: Option<String>,
    /// The dialect.
    pub dialect: Option<String>,
    /// The framing.
    pub framing: Option<String>,
    /// True: only streamed answers; false: only others.
    pub streaming: Option<bool>,
    /// The status is within one of these ranges; empty: any.
    pub status: Vec<RangeInclusive<u16>>,
    /// The verdict.
    pub verdict: Option<String>,
    /// It has a finding of this rule.
    pub rule: Option<String>,
    /// It has a finding of this level or a worse one.
    pub level: Option<Level>,
    /// Prompt, answer or a header field has this text.
    pub grep: Option<String>,
}

/// A session's number or name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionIs {
    /// The newest session in the database.
    Last,
    /// The session with this number.
    Number(i64),
    /// The session with this name.
    Named(String),
}

impl SessionIs {
    /// A condition on the column that has a session's number.
    fn on(&self, column: &str, w: &mut Where) {
        match self {
            SessionIs::Last => w.and(&format!("{column} = (SELECT max(id) FROM session)"), []),
            SessionIs::Number(n) => w.and(&format!("{column} = ?"), [(*n).into()]),
            SessionIs::Named(name) => {
                w.and(&format!("{column} = (SELECT id FROM session WHERE name = ?)"), [name.clone().into()]);
            }
        }
    }
}

impl Selector {
    /// A condition on `exchange e`, and the values of its parameters.
    pub(super) fn sql(&self) -> (String, Vec<Value>) {
        let mut w = Where { sql: "e.done".into(), values: Vec::new() };
        self.session.iter().for_each(|session| session.on("e.session", &mut w));
        if let Some(t) = self.since {
            w.and(&format!("{BEGUN} >= ?"), [t.nanos().into()]);
        }
        if let Some(t) = self.until {
            w.and(&format!("{BEGUN} < ?"), [t.nanos().into()]);
        }
        if let Some(host) = &self.host {
            let p = pattern(host, false);
            let with_port = format!("{p}:*");
            // The host as sent, the host without its port, and the host with the server's port if none was sent:
            // whatever `list` shows can be selected.
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
            ("e.request_rpc_method", &self.rpc_method),
            ("e.request_rpc_name", &self.rpc_name),
            ("e.response_dialect", &self.dialect),
            ("e.response_framing", &self.framing),
            ("e.verdict", &self.verdict),
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
        if !self.status.is_empty() {
            let within = vec!["e.response_status BETWEEN ? AND ?"; self.status.len()].join(" OR ");
            w.and(&format!("({within})"), []);
            w.values.extend(self.status.iter().flat_map(|r| [Value::from(*r.start()), Value::from(*r.end())]));
        }
        if let Some(rule) = &self.rule {
            w.and(&format!("{FINDING} lower(f.rule) GLOB ?)"), [pattern(rule, false).into()]);
        }
        if let Some(level) = self.level {
            let levels = [Level::Info, Level::Warning, Level::Error].into_iter().filter(|l| *l >= level);
            let names: Vec<String> = levels.map(|l| format!("'{}'", l.as_str())).collect();
            w.and(&format!("{FINDING} f.level IN ({}))", names.join(", ")), []);
        }
        (w.sql, w.values)
    }
}

/// The beginning of the condition that an exchange has a certain finding.
const FINDING: &str = "EXISTS (SELECT 1 FROM finding f WHERE f.exchange_id = e.id AND";

impl Selector {
    /// Whether connections can satisfy it: it has no condition that only exchanges meet.
    pub fn is_of_connections(&self) -> bool {
        let Selector { path, model, rpc_method, rpc_name, dialect, framing, verdict, rule, grep, .. } = self;
        let names = [path, model, rpc_method, rpc_name, dialect, framing, verdict, rule, grep];
        let others = self.streaming.is_none() && self.status.is_empty() && self.level.is_none();
        others && names.iter().all(|s| s.is_none())
    }

    /// A condition on `session s`: its number, and that it was recorded within the times.
    pub(super) fn sessions_sql(&self) -> (String, Vec<Value>) {
        let mut w = Where { sql: "true".into(), values: Vec::new() };
        self.session.iter().for_each(|session| session.on("s.id", &mut w));
        if let Some(t) = self.since {
            w.and("(s.ended_ns IS NULL OR s.ended_ns >= ?)", [t.nanos().into()]);
        }
        if let Some(t) = self.until {
            w.and("s.started_ns < ?", [t.nanos().into()]);
        }
        (w.sql, w.values)
    }

    /// A condition on `connection c`: its session, whether it was open within the times, its host.
    pub(super) fn connections_sql(&self) -> (String, Vec<Value>) {
        let mut w = Where { sql: "true".into(), values: Vec::new() };
        self.session.iter().for_each(|session| session.on("c.session_id", &mut w));
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

/// When an exchange begins: its request's first byte, else the first captured byte of its response.
pub(super) const BEGUN: &str = "coalesce(e.t_request_start_ns, e.t_response_start_ns, e.t_first_body_byte_ns)";

/// The server's address as in a URL.
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

/// A GLOB pattern in lower case. `[` is literal, because addresses contain it.
fn pattern(text: &str, beginning: bool) -> String {
    let mut p = text.to_lowercase().replace('[', "[[]");
    if beginning && !p.ends_with('*') {
        p.push('*');
    }
    p
}
