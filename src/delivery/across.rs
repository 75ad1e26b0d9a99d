//! What several exchanges show together and one alone cannot: several cut at one instant, one stream seen on both
//! sides of a proxy or of an address translation, the same request sent again after a failure. The result is one
//! sentence for each exchange that is hit, which names the others by their ids.
//!
//! Two exchanges are the same stream only if their bytes agree: those of the request and those of the answer
//! ([`Print`]). Equal times alone never pair. All searches go through hash maps and look at a bounded number of
//! candidates, so the cost is linear; beyond [`MOST`] exchanges the rest is not compared.

mod cuts;
mod retries;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod twice;

pub use retries::Retry;
pub use twice::{holds_back, is_late};

use crate::conn::Endpoints;
use crate::exchange::ending::Party;
use crate::exchange::{Request, Response};
use crate::time::{Span, Timestamp};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Exchanges that are compared with each other.
pub const MOST: usize = 1 << 16;
/// A text of this many bytes is not given twice by chance.
const LONG: u64 = 128;
/// A request of this many bytes is not sent twice by chance, whatever it asks for.
const LARGE: u64 = 256;

/// The sentences by id of the exchange.
pub type Lines = HashMap<i64, Vec<String>>;

/// What the bytes of an exchange are, as hashes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Print {
    /// Of the request's body; none without one, or if bytes are missing.
    pub request: Option<u64>,
    /// Of the answer's decoded body; none if bytes are missing or nothing keeps hashes.
    pub body: Option<u64>,
    /// Of the answer's text; none without text.
    pub text: Option<u64>,
    /// Bytes of that text.
    pub text_bytes: u64,
}

impl Print {
    /// From the messages of an exchange.
    pub fn of(request: Option<&Request>, response: Option<&Response>) -> Print {
        let body = request.filter(|r| r.body.wire_bytes > 0).and_then(|r| r.body.wire_sha256);
        let decoded = response.filter(|r| r.body.decoded_bytes > 0).and_then(|r| r.body.decoded_sha256);
        let text = response.and_then(|r| r.answer.texts.values().next()).map(String::as_str);
        Print { request: body.map(hash), body: decoded.map(hash), ..Print::default() }.with_text(text)
    }

    /// With the text of the answer.
    pub fn with_text(self, text: Option<&str>) -> Print {
        let text = text.filter(|text| !text.is_empty());
        Print { text: text.map(hash), text_bytes: text.map_or(0, |text| text.len() as u64), ..self }
    }

    /// Both exchanges carry the same answer to the same request. A gateway may write both anew: then the text tells,
    /// if it is long.
    pub fn is_same(&self, other: &Print) -> bool {
        let same = |a: Option<u64>, b| a.is_some() && a == b;
        let text = same(self.text, other.text);
        let answer = text || same(self.body, other.body);
        answer && (same(self.request, other.request) || text && self.text_bytes >= LONG)
    }
}

/// A hash of a value; equal within one run of the program and between two of them.
pub fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// How the answer of an exchange ended, as far as it matters to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Whole, and no finding speaks against it.
    Good,
    /// Whole, and a finding of level error says that clients may not take it.
    Doubtful,
    /// An error, or an end in good order without what was promised.
    Failed,
    /// This party cut it, or gave up before it began.
    Cut(Party),
    /// The capture does not show it.
    Unknown,
}

impl Outcome {
    /// From the verdict, the party that cut the transfer, the status (none: no response) and whether there is a
    /// finding of level error.
    pub fn of(verdict: Option<&str>, cut_by: Option<&str>, status: Option<u16>, errors: bool) -> Outcome {
        let cut = cut_by.map(Party::parse);
        match (verdict, status) {
            (Some("complete"), Some(408 | 409 | 425 | 429 | 500..)) => Outcome::Failed,
            (Some("complete"), _) if errors => Outcome::Doubtful,
            (Some("complete"), _) => Outcome::Good,
            (Some("client-cancelled"), _) => Outcome::Cut(Party::Client),
            (Some("gateway-timeout"), Some(504 | 524)) | (Some("error-in-200"), _) => Outcome::Failed,
            (Some("gateway-timeout"), _) => Outcome::Cut(Party::Server),
            (Some("server-truncated"), None) => Outcome::Cut(Party::Server),
            (Some("server-truncated"), _) if cut == Some(Party::Server) => Outcome::Cut(Party::Server),
            (Some("server-truncated"), _) => Outcome::Failed,
            _ => Outcome::Unknown,
        }
    }
}

/// What is compared of one exchange. Of constant size.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Its id: that of the store, or the number within the capture.
    pub id: i64,
    /// Addresses of its connection.
    pub ends: Endpoints,
    /// Number of its connection.
    pub conn: u32,
    /// First byte of its request.
    pub begun: Option<Timestamp>,
    /// When it ended: the last byte of a whole message, or what cut it.
    pub ended: Timestamp,
    /// Hash of method, target and body of a request that a client may repeat: one to a model, or a large one. Equal
    /// short requests are usual otherwise: health checks, polling.
    pub asked: Option<u64>,
    /// Its bytes.
    pub print: Print,
    /// TTFT and median ITL, of a stream with two deltas or more.
    pub pace: Option<(Span, Span)>,
    /// How it ended.
    pub outcome: Outcome,
}

impl Seen {
    /// The value of `asked`: `body` is the body's hash, and `of_model` says that the request names a model or asks for
    /// a stream.
    pub fn asks(method: &str, target: &str, body: Option<u64>, bytes: u64, of_model: bool) -> Option<u64> {
        body.filter(|_| of_model || bytes >= LARGE).map(|body| hash((method, target, body)))
    }
}

/// The server that answers at `near` (or its host) asked at `far`, another server: what goes through a proxy. Equal
/// questions of one client to one server do not.
pub fn is_behind(near: &Endpoints, far: &Endpoints) -> bool {
    let asker = far.client.ip();
    (asker == near.server.ip() || asker.is_loopback()) && far.server != near.server
}

/// Each request that was sent again after it failed.
pub fn retries(all: &[Seen]) -> Vec<Retry> {
    retries::links(&in_order(all))
}

/// Those that are compared, in order of time.
fn in_order(all: &[Seen]) -> Vec<&Seen> {
    let mut all: Vec<&Seen> = all.iter().take(MOST).collect();
    all.sort_by_key(|seen| (seen.begun.unwrap_or(seen.ended), seen.id));
    all
}

/// All sentences.
pub fn lines(all: &[Seen]) -> Lines {
    let all = in_order(all);
    let mut lines = Lines::new();
    let mut say = |id: i64, line: String| lines.entry(id).or_default().push(line);
    cuts::say(&all, &mut say);
    twice::say(&all, &mut say);
    retries::say(&all, &mut say);
    lines
}

/// Other exchanges that a sentence names.
const SHOWN: usize = 3;

/// The first of `all` other exchanges by name: `#1`, `#1 and #2`, `#1, #2, #3 and 4 more`.
fn names(ids: &[i64], all: usize) -> String {
    let mut shown: Vec<String> = ids.iter().take(SHOWN).map(|id| format!("#{id}")).collect();
    let last = match all.saturating_sub(shown.len()) {
        0 => shown.pop().unwrap_or_default(),
        more => format!("{more} more"),
    };
    if shown.is_empty() { last } else { format!("{} and {last}", shown.join(", ")) }
}
