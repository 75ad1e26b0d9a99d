//! Finds the recording that answers a request.

use super::canonical::Content;
use super::h1::{self, After, Sent};
use super::masked;
use super::script::Script;
use crate::exchange::redact;
use serde_json::json;
use std::sync::{Arc, OnceLock};

/// Members of JSON bodies that change from one call to the next and do not affect what is requested.
pub const VOLATILE: &[&str] = &[
    "user",
    "id",
    "tool_call_id",
    "request_id",
    "session_id",
    "metadata",
    "timestamp",
    "created",
    "created_at",
    "safety_identifier",
    "prompt_cache_key",
    "nonce",
];

/// What a request and a recording must have in common. Authorization is never compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MatchBy {
    /// Method, target and body; in JSON bodies the members of [`VOLATILE`] are ignored.
    #[default]
    Body,
    /// Method and path without the query.
    Path,
    /// Nothing: the recordings answer in order.
    Sequence,
    /// Method, target and body, byte by byte.
    Exact,
}

/// What happens after all recordings of a request have answered once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Repeat {
    /// The last recording answers again.
    #[default]
    Last,
    /// They start again with the first one.
    Loop,
    /// Further requests get no recording.
    Once,
}

/// A request, recorded or received.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Method.
    pub method: String,
    /// Request target.
    pub target: String,
    /// Body after transfer decoding.
    pub body: Vec<u8>,
}

/// A script with its HTTP/1 encoding, which is computed once.
#[derive(Debug)]
pub struct Recording {
    /// The script.
    pub script: Arc<Script>,
    writes: OnceLock<(Vec<Sent>, After)>,
}

impl Recording {
    /// The script as HTTP/1.1 writes.
    pub fn writes(&self) -> &(Vec<Sent>, After) {
        self.writes.get_or_init(|| h1::encode(&self.script))
    }
}

impl From<Script> for Recording {
    fn from(script: Script) -> Recording {
        Recording { script: Arc::new(script), writes: OnceLock::new() }
    }
}

/// All recordings, and how often each has answered.
#[derive(Debug)]
pub struct Book {
    entries: Vec<Entry>,
    by: MatchBy,
    repeat: Repeat,
    ignore: Vec<String>,
    /// Number of answers given; for `sequence`.
    turn: usize,
}

#[derive(Debug)]
struct Entry {
    asked: Asked,
    path: String,
    query: Vec<String>,
    content: Content,
    recording: Arc<Recording>,
    /// How often it has answered.
    answered: u64,
}

/// The result for a request.
#[derive(Debug)]
pub enum Found {
    /// This recording answers, for the `n`th time (from 0).
    Answer(Arc<Recording>, u64),
    /// No recording answers: a JSON document that names the nearest one and its differences.
    Nothing(String),
}

impl Book {
    /// An empty book. `ignore`: names of JSON members that are not compared.
    pub fn new(by: MatchBy, repeat: Repeat, ignore: Vec<String>) -> Book {
        Book { entries: Vec::new(), by, repeat, ignore, turn: 0 }
    }

    /// Adds a recording; recordings answer in the order in which they are added.
    pub fn add(&mut self, asked: Asked, script: Script) {
        let (path, query) = split(&asked.target);
        let content = Content::of(&asked.body, &self.ignore);
        self.entries.push(Entry { path, query, content, asked, recording: Arc::new(script.into()), answered: 0 });
    }

    /// Number of recordings.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Length of the longest recorded request body, in bytes; none: bodies of requests are not compared.
    pub fn longest_body(&self) -> Option<usize> {
        let compared = matches!(self.by, MatchBy::Body | MatchBy::Exact);
        compared.then(|| self.entries.iter().map(|e| e.asked.body.len()).max().unwrap_or(0))
    }

    /// Whether there are no recordings.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Finds the answer to a request.
    pub fn find(&mut self, asked: &Asked) -> Found {
        let (path, query) = split(&asked.target);
        let content = Content::of(&asked.body, &self.ignore);
        let by = self.by;
        let fits = |e: &Entry| match by {
            MatchBy::Body => {
                e.asked.method == asked.method && e.path == path && e.query == query && e.content.fits(&content)
            }
            MatchBy::Path => e.asked.method == asked.method && e.path == path,
            MatchBy::Sequence => true,
            MatchBy::Exact => {
                e.asked.method == asked.method
                    && masked::target(&e.asked.target, &asked.target)
                    && masked::bytes(&e.asked.body, &asked.body)
            }
        };
        let fitting: Vec<usize> = (0..self.entries.len()).filter(|i| fits(&self.entries[*i])).collect();
        let given = match by {
            MatchBy::Sequence => self.turn,
            _ => fitting.iter().map(|i| self.entries[*i].answered as usize).sum(),
        };
        let place = match self.repeat {
            Repeat::Last => given.min(fitting.len().saturating_sub(1)),
            Repeat::Loop => given % fitting.len().max(1),
            Repeat::Once => given,
        };
        match fitting.get(place) {
            Some(i) => {
                self.turn += 1;
                let entry = &mut self.entries[*i];
                entry.answered += 1;
                Found::Answer(entry.recording.clone(), entry.answered - 1)
            }
            None if fitting.is_empty() => Found::Nothing(self.nearest(asked, &path, &query, &content)),
            None => {
                Found::Nothing(no_match("every recording of this request has answered once (--once)".into(), None, &[]))
            }
        }
    }

    fn nearest(&self, asked: &Asked, path: &str, query: &[String], content: &Content) -> String {
        let why = |e: &Entry| {
            let mut why = Vec::new();
            if e.asked.method != asked.method {
                why.push(format!("method: recorded {}, requested {}", e.asked.method, asked.method));
            }
            if e.path != path {
                why.push(format!("path: recorded {}, requested {path}", e.path));
            }
            if e.query != query && self.by != MatchBy::Path {
                why.push(format!("query: recorded {:?}, requested {:?}", e.query.join("&"), query.join("&")));
            }
            if self.by != MatchBy::Path {
                why.extend(e.content.differences(content));
            }
            if why.is_empty() && self.by == MatchBy::Exact {
                why.push("the same except for the order or spelling of its members; --match body accepts it".into());
            }
            why
        };
        // A wrong path weighs more than any difference of bodies.
        let distance = |e: &Entry, why: &[String]| {
            let common = e.path.bytes().zip(path.bytes()).take_while(|(a, b)| a == b).count();
            (
                e.path != path,
                e.asked.method != asked.method,
                if e.path == path { 0 } else { usize::MAX - common },
                why.len(),
            )
        };
        let all = self.entries.iter().map(|e| (e, why(e)));
        match all.min_by_key(|(e, why)| distance(e, why)) {
            Some((e, why)) => no_match(
                format!("no recording answers {} {}", asked.method, redact::target(&asked.target)),
                Some(e),
                &why,
            ),
            None => no_match("there are no recordings".into(), None, &[]),
        }
    }
}

/// An error object in the form that clients of language models show to their users.
fn no_match(what: String, nearest: Option<&Entry>, why: &[String]) -> String {
    let nearest_text = nearest
        .map(|e| format!("; nearest is exchange {}: {}", e.recording.script.id, why.join("; ")))
        .unwrap_or_default();
    let nearest = nearest
        .map(|e| json!({"exchange": e.recording.script.id, "method": e.asked.method, "path": e.path, "why": why}));
    let error =
        json!({"message": format!("sniff replay: {what}{nearest_text}"), "type": "no_recording", "nearest": nearest});
    format!("{}\n", json!({ "error": error }))
}

/// Path and query parameters of a target in any form, without parameters that carry secrets.
fn split(target: &str) -> (String, Vec<String>) {
    let origin = match target.split_once("://") {
        Some((_, rest)) if !target.starts_with('/') => rest.find(['/', '?']).map_or("/", |at| &rest[at..]),
        _ => target,
    };
    let (path, query) = origin.split_once('?').unwrap_or((origin, ""));
    let name = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
    let mut query: Vec<String> =
        query.split('&').filter(|p| !p.is_empty() && !redact::is_secret_parameter(&name(p))).map(Into::into).collect();
    query.sort();
    (path.to_owned(), query)
}
