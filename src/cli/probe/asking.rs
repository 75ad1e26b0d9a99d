//! The requests of a probe, one after another: what is sent, on which connection, and what the client saw.

use super::client::{Answer, Connection, Lost, Read, Way};
use crate::dialect::asking::{Api, Ask, Words};
use crate::exchange::redact::Known;
use crate::report::text::{clean, clip};
use anyhow::{Context, Result, bail};
use hyper::Request;
use serde_json::Value;

/// Names of models that are listed where one has to be chosen.
const NAMES: usize = 8;
/// Columns of a message of the server.
const MESSAGE: usize = 200;

/// What a probe sends.
pub(super) struct Asking {
    pub(super) api: &'static Api,
    pub(super) way: Way,
    pub(super) model: Option<String>,
    /// The name of its variable, and the key.
    pub(super) key: Option<(String, String)>,
    pub(super) asks: Vec<Ask>,
    /// Called before each request.
    pub(super) before: fn(Ask),
}

/// One request, and what the client saw of it.
pub(super) struct Sent {
    pub(super) ask: Ask,
    /// The connection's port on this side, and how many requests were sent on it before.
    pub(super) at: Option<(u16, usize)>,
    pub(super) seen: Seen,
    /// The answer before it on the same connection said that the connection is closed.
    pub(super) closed_before: bool,
}

/// What the client saw.
pub(super) enum Seen {
    /// A status, a media type, and the message of an error.
    Answer {
        status: u16,
        kind: String,
        message: Option<String>,
        gave_up: bool,
    },
    Lost(Lost),
    /// It could not be sent, for this reason.
    NotSent(&'static str),
    /// The answer was over before the client closed.
    Over,
    /// The client closed in the middle.
    Closed,
}

/// All that was sent, and the model that was asked for.
pub(super) struct Done {
    pub(super) sent: Vec<Sent>,
    pub(super) model: String,
}

impl Asking {
    /// Sends all requests.
    ///
    /// # Errors
    /// The endpoint cannot be reached, refuses the key, or is none of this API.
    pub(super) async fn run(self) -> Result<Done> {
        let model = match &self.model {
            Some(model) => model.clone(),
            None => self.only_model().await?,
        };
        let mut done = Done { sent: Vec::new(), model };
        let mut newer_limit = false;
        let mut kept: Option<(Connection, bool)> = None;
        let mut answered = false;
        for ask in self.asks.clone() {
            (self.before)(ask);
            let words = Words { model: &done.model, newer_limit };
            let mut sent = self.one(ask, &words, &mut kept).await?;
            if let Seen::Answer { status: 400, message: Some(message), .. } = &sent.seen
                && !answered
                && message.contains("max_completion_tokens")
            {
                newer_limit = true;
                let words = Words { model: &done.model, newer_limit };
                sent = self.one(ask, &words, &mut kept).await?;
            }
            if ask.is_good() && !answered {
                self.is_an_endpoint(&sent)?;
                answered = matches!(sent.seen, Seen::Answer { status: 200..=299, .. } | Seen::Closed | Seen::Over);
            }
            done.sent.push(sent);
        }
        Ok(done)
    }

    /// The model of an endpoint that has one.
    async fn only_model(&self) -> Result<String> {
        let path = self.api.models_path(&self.way.target.base);
        let url = self.way.target.url(&path);
        let mut connection = self.way.open(false).await?.context("the endpoint cannot be reached")?;
        let request = self.request("GET", &path, Ask::Plain, String::new())?;
        let answer = connection.ask(request, Read::ToItsEnd, self.way.patience).await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(_) => bail!("{url} did not answer; name the model with --model"),
        };
        self.is_admitted(answer.status, &answer)?;
        match self.api.names(&answer.body) {
            Some(names) if names.len() == 1 => Ok(names.into_iter().next().unwrap_or_default()),
            Some(names) if names.is_empty() => bail!("{url} lists no model; name one with --model"),
            Some(names) => {
                let more = if names.len() > NAMES { ", …" } else { "" };
                let first: Vec<String> = names.iter().take(NAMES).map(|n| clip(&clean(n), 60)).collect();
                bail!("the endpoint has {} models; name one with --model: {}{more}", names.len(), first.join(", "))
            }
            None => bail!("{url} is no list of models (status {}); name the model with --model", answer.status),
        }
    }

    async fn one(&self, ask: Ask, words: &Words<'_>, kept: &mut Option<(Connection, bool)>) -> Result<Sent> {
        let (mut connection, closed_before) = match (ask, kept.take()) {
            (Ask::Reuse, Some((connection, closes))) => (connection, closes),
            (Ask::Reuse, None) => {
                // Without `plain` before it, it needs a first request of its own.
                let first = Box::pin(self.one(Ask::Plain, words, kept)).await?;
                match (kept.take(), first) {
                    (Some((connection, closes)), _) => (connection, closes),
                    (None, first) => return Ok(Sent { ask, ..first }),
                }
            }
            (Ask::Http2, _) if !self.way.target.tls => return Ok(Sent::not(ask, "HTTP/2 is tested over TLS only")),
            (ask, _) => match self.way.open(ask == Ask::Http2).await? {
                Some(connection) => (connection, false),
                None => return Ok(Sent::not(ask, "the server does not offer HTTP/2 (ALPN)")),
            },
        };
        if ask == Ask::Reuse && closed_before {
            return Ok(Sent::not(ask, "the server closes after each answer, and says so"));
        }
        let at = Some((connection.port, connection.sent));
        let body = self.api.body(ask, words).context("the API has no such request")?;
        let path = self.api.path(&self.way.target.base);
        let request = self.request("POST", &path, ask, String::from_utf8_lossy(&body).into_owned())?;
        let read = if ask == Ask::Cancel { Read::Begin } else { Read::ToItsEnd };
        let answer = connection.ask(request, read, self.way.patience).await;
        let seen = match &answer {
            Err(lost) => Seen::Lost(*lost),
            Ok(a) if ask == Ask::Cancel && a.status == 200 && !a.gave_up => {
                if a.whole {
                    Seen::Over
                } else {
                    Seen::Closed
                }
            }
            Ok(a) => {
                Seen::Answer { status: a.status, kind: a.kind.clone(), message: self.message(a), gave_up: a.gave_up }
            }
        };
        if ask == Ask::Plain
            && let Ok(answer) = &answer
            && answer.whole
        {
            *kept = Some((connection, answer.closes));
        }
        Ok(Sent { ask, at, seen, closed_before })
    }

    fn request(&self, method: &str, path: &str, ask: Ask, body: String) -> Result<Request<String>> {
        let mut request = Request::builder().method(method);
        request = match ask {
            Ask::Http2 => request.uri(self.way.target.url(path)),
            _ => request.uri(path).header("host", self.way.target.host_field()),
        };
        request = request.header("user-agent", concat!("sniff-probe/", env!("CARGO_PKG_VERSION")));
        // As the vendors' clients send it, whether they ask for a stream or not.
        request = request.header("accept", "application/json");
        request = request.header("accept-encoding", if ask == Ask::Gzip { "gzip" } else { "identity" });
        for (name, value) in self.api.fields {
            request = request.header(*name, *value);
        }
        if let Some((_, key)) = &self.key {
            let (name, before) = self.api.key_field;
            request = request.header(name, format!("{before}{key}"));
        }
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        request.body(body).context("cannot make a request of this URL")
    }

    /// The message of an error, without the key.
    fn message(&self, answer: &Answer) -> Option<String> {
        let body: Value = serde_json::from_slice(&answer.body).ok().filter(|_| answer.status >= 400)?;
        let error = body.get("error").unwrap_or(&body);
        let text = match error {
            Value::String(text) => text.clone(),
            error => match ["message", "detail", "msg"].iter().find_map(|name| error.get(*name)) {
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => error.to_string(),
            },
        };
        let mut text = text;
        if let Some((_, key)) = &self.key {
            let mut known = Known::default();
            known.found(key);
            known.quote(&mut text);
            text = text.replace(key, "…");
        }
        Some(clip(&clean(&text), MESSAGE))
    }

    /// # Errors
    /// The endpoint wants another key.
    fn is_admitted(&self, status: u16, answer: &Answer) -> Result<()> {
        match (status, &self.key) {
            (401 | 403, Some((name, _))) => bail!(
                "the endpoint refuses the key of {name} ({status}{})",
                self.message(answer).map(|m| format!(": {m}")).unwrap_or_default()
            ),
            (401 | 403, None) => bail!(
                "the endpoint asks for a key ({status}); put it into {} or name a variable with --key-env",
                self.api.key.unwrap_or("a variable of the environment")
            ),
            _ => Ok(()),
        }
    }

    /// # Errors
    /// The first answer shows that a probe makes no sense.
    fn is_an_endpoint(&self, sent: &Sent) -> Result<()> {
        let Seen::Answer { status, kind, message, .. } = &sent.seen else { return Ok(()) };
        let url = self.way.target.url(&self.api.path(&self.way.target.base));
        let said = message.as_ref().map(|m| format!(": {m}")).unwrap_or_default();
        let key = match &self.key {
            Some((name, _)) => format!("the key of {name} is refused"),
            None => format!(
                "a key is needed, in {} or in a variable that --key-env names",
                self.api.key.unwrap_or("a variable of the environment")
            ),
        };
        match status {
            401 | 403 => bail!("{url} answers {status}{said}; {key}"),
            404 | 405 => bail!("{url} answers {status}{said}; is it the right URL, --api and --model?"),
            402 | 429 => bail!("{url} answers {status}{said}; the endpoint takes no requests now"),
            200..=299 if kind == "text/html" => bail!("{url} answers with a page (text/html); is it the right URL?"),
            400..=499 => bail!("{url} refuses a plain request with {status}{said}; is --model right?"),
            _ => Ok(()),
        }
    }
}

impl Sent {
    fn not(ask: Ask, why: &'static str) -> Sent {
        Sent { ask, at: None, seen: Seen::NotSent(why), closed_before: false }
    }
}
