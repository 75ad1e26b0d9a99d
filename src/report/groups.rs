//! What reports group exchanges by (`--by`), and how a group is called.

use super::table::Column;
use crate::summary::Summary;
use serde::Serialize;
use std::net::SocketAddr;

/// A fact by which exchanges are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Host in the request, with its port unless that is the scheme's own.
    Host,
    /// Address and port of the server.
    Server,
    /// Model in the request.
    Model,
    /// Dialect of the answer.
    Dialect,
    /// Path of the request, without its query.
    Path,
    /// Status of the response.
    Status,
    /// Address of the client.
    Client,
    /// Number of the session.
    Session,
}

impl By {
    /// All of them.
    pub const ALL: [By; 8] =
        [By::Host, By::Server, By::Model, By::Dialect, By::Path, By::Status, By::Client, By::Session];

    /// The column of a table that has it.
    pub fn column(self) -> Column {
        let title = match self {
            By::Host => "Host",
            By::Server => "Server",
            By::Model => "Model",
            By::Dialect => "Dialect",
            By::Path => "Path",
            By::Status => "Status",
            By::Client => "Client",
            By::Session => "Session",
        };
        Column::left(title)
    }

    /// Its name on the command line and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            By::Host => "host",
            By::Server => "server",
            By::Model => "model",
            By::Dialect => "dialect",
            By::Path => "path",
            By::Status => "status",
            By::Client => "client",
            By::Session => "session",
        }
    }
}

/// What the exchanges of one group have in common: null is what they are not grouped by, or do not have.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Key {
    /// Dialect; null also for answers without records.
    pub dialect: Option<String>,
    /// Model that the request names.
    pub model: Option<String>,
    /// Host that the request names.
    pub host: Option<String>,
    /// Address and port of the server.
    pub server: Option<String>,
    /// Path of the request, without its query.
    pub path: Option<String>,
    /// Status of the response.
    pub status: Option<u16>,
    /// Address of the client.
    pub client: Option<String>,
    /// Number of the session.
    pub session: Option<i64>,
}

impl Key {
    /// The key of an exchange.
    pub fn of(s: &Summary, by: &[By]) -> Key {
        let mut key = Key::default();
        let (request, response) = (s.request.as_ref(), s.response.as_ref());
        for by in by {
            match by {
                By::Host => key.host = Some(s.authority()).filter(|host| !host.is_empty()),
                By::Server => key.server = Some(SocketAddr::new(s.server_ip, s.server_port).to_string()),
                By::Model => key.model = request.and_then(|r| r.model.clone()),
                By::Dialect => key.dialect = response.and_then(|r| r.dialect.clone()),
                By::Path => key.path = request.map(|r| r.path.split('?').next().unwrap_or_default().to_owned()),
                By::Status => key.status = response.and_then(|r| r.status),
                By::Client => key.client = Some(s.client_ip.to_string()),
                By::Session => key.session = Some(s.session),
            }
        }
        key
    }

    /// Each part, in the order of `by`; empty for what the exchanges do not have.
    pub fn cells(&self, by: &[By]) -> Vec<String> {
        let text = |by: &By| match by {
            By::Host => self.host.clone(),
            By::Server => self.server.clone(),
            By::Model => self.model.clone(),
            By::Dialect => self.dialect.clone(),
            By::Path => self.path.clone(),
            By::Status => self.status.map(|status| status.to_string()),
            By::Client => self.client.clone(),
            By::Session => self.session.map(|session| session.to_string()),
        };
        by.iter().map(|by| text(by).unwrap_or_default()).collect()
    }

    /// Each part for people.
    pub fn parts(&self, by: &[By]) -> Vec<String> {
        let said = |(by, text): (&By, String)| match (by, text.as_str()) {
            (_, "") => format!("(no {})", by.as_str()),
            (By::Session, _) => format!("session {text}"),
            _ => text,
        };
        by.iter().zip(self.cells(by)).map(said).collect()
    }

    /// The parts as one line.
    pub fn name(&self, by: &[By]) -> String {
        self.parts(by).join(" · ")
    }
}

/// The name under which exchanges are counted that have no status, verdict or finish reason.
pub const NONE: &str = "none";

/// Whether the answer was streamed: its body has records, and is not one document.
pub fn is_streamed(s: &Summary) -> bool {
    let plain = ["json", "text", "binary", "empty"];
    s.response.as_ref().is_some_and(|r| !plain.contains(&r.framing.as_str()))
}

/// Whether the exchange failed for the one who asked: an error status, or an end that is not complete. What the capture
/// lacks is no failure.
pub fn has_failed(s: &Summary) -> bool {
    let refused = s.response.as_ref().and_then(|r| r.status).is_some_and(|status| status >= 400);
    refused || !matches!(s.verdict.as_deref(), None | Some("complete" | "capture-incomplete"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_fact_has_its_place() {
        let mut s = Summary::template();
        (s.server_ip, s.server_port, s.session) = ([10, 0, 0, 2].into(), 8001, 4);
        s.client_ip = [10, 0, 0, 1].into();
        let (q, r) = (s.request.as_mut().unwrap(), s.response.as_mut().unwrap());
        (q.path, q.model, q.authority) = ("/v1/x?key=1".into(), Some("m".into()), Some("api.example:8001".into()));
        (r.status, r.dialect) = (Some(429), Some("d".into()));
        let key = Key::of(&s, &By::ALL);
        let want = ["api.example:8001", "10.0.0.2:8001", "m", "d", "/v1/x", "429", "10.0.0.1", "session 4"];
        assert_eq!(key.parts(&By::ALL), want);
        let json = serde_json::to_value(&key).unwrap();
        assert!(By::ALL.iter().all(|by| !json[by.as_str()].is_null()), "{json}");
        assert_eq!(Key::of(&s, &[By::Model]).name(&[By::Model, By::Status]), "m · (no status)");
        assert_eq!(Key::of(&Summary::default(), &By::ALL[..1]).host.as_deref(), Some("0.0.0.0:0"));
    }

    #[test]
    fn a_failure_is_one_of_the_status_or_of_the_end() {
        let failed = |status: u16, verdict: &str| {
            let mut s = Summary::template();
            s.response.as_mut().unwrap().status = Some(status);
            s.verdict = Some(verdict.into());
            has_failed(&s)
        };
        assert!(failed(429, "complete") && failed(200, "error-in-200") && failed(200, "client-cancelled"));
        assert!(!failed(200, "complete") && !failed(200, "capture-incomplete") && !has_failed(&Summary::default()));
    }
}
