//! What real clients would make of an exchange: executable models of their parsers, small enough to read.
//!
//! ```text
//! Stream ─► Transport (status, type, charset, end) ─► Framing (parser with its deviations) ─► Reader (JSON, schema,
//! accumulation) ─► Outcome
//! ```
//!
//! A client is one static value in `roster/`, composed of such parts. It knows nothing of particular servers or
//! faults: what it does with bytes follows from how it reads them. To add one more: a value in its family's file.

mod alike;
mod anthropic;
mod chat;
mod coding;
mod framing;
mod gemini;
mod head;
mod heard;
mod json;
mod meant;
mod ollama;
mod packed;
mod parsed;
mod reader;
mod records;
mod responses;
mod roster;
mod shape;
mod sse;
mod stream;
mod table;

#[cfg(test)]
mod tests;

pub use coding::Coding;
pub use packed::{VERSION, pack, unpack};
pub use stream::{BodyEnd, MAX_BODY, MAX_PIECES, Stream, Unfit};
pub use table::catalogue_table;

use crate::dialect::Dialect;
use framing::Framing;
use head::{CutBody, Transport};
use heard::{Reached, Shared};
use reader::Got;
use records::Records;
use serde::Serialize;
use std::borrow::Cow;
use std::sync::Arc;

/// One client, as data.
#[derive(Debug)]
pub struct Client {
    /// The laboratory's name: `client` in JSON, and the key in `captures/lab/variants.json`. It never changes.
    pub name: &'static str,
    /// Name for people: product, version, and the language if there are several.
    pub title: &'static str,
    /// What the client is and which of its interfaces is modelled; part of a sentence.
    pub about: &'static str,
    /// The dialect that it speaks.
    pub dialect: &'static Dialect,
    /// What the model rests on.
    pub evidence: Evidence,
    transport: &'static Transport,
    framing: &'static Framing,
    records: &'static Records,
}

/// What a model rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// The program was run against many streams, and the model agrees.
    Measured(&'static str),
    /// The program's source was read.
    Source(&'static str),
}

impl Evidence {
    /// `measured with openai 6.49 (npm)`, `by source: …`.
    pub fn text(self) -> String {
        match self {
            Evidence::Measured(what) => format!("measured with {what}"),
            Evidence::Source(what) => format!("by source: {what}"),
        }
    }
}

/// What happens to the answer, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The application gets the answer as it was meant, with its finish reason.
    Fine,
    /// No exception, but a part of the answer is lost or different.
    Changed,
    /// An exception.
    Raises,
    /// The client waits until a time-out ends it.
    Hangs,
}

impl Outcome {
    /// All, from best to worst.
    pub const ALL: [Outcome; 4] = [Outcome::Fine, Outcome::Changed, Outcome::Raises, Outcome::Hangs];

    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Fine => "fine",
            Outcome::Changed => "changed",
            Outcome::Raises => "raises",
            Outcome::Hangs => "hangs",
        }
    }
}

/// What one client makes of one exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The client, by the laboratory's name.
    pub client: &'static str,
    /// The client, by its name for people.
    pub name: &'static str,
    /// What happens to the answer.
    pub outcome: Outcome,
    /// Why; empty if the outcome is fine.
    pub why: String,
    /// What the model rests on.
    pub evidence: String,
    /// Text that the application has, if nothing raises and nothing hangs.
    #[serde(skip)]
    pub text: Option<Arc<str>>,
}

/// Every model, by dialect and in the roster's order; some clients have a model for more than one dialect.
pub fn catalogue() -> impl Iterator<Item = &'static Client> {
    roster::clients()
}

/// The verdict of every client that speaks the stream's dialect, in the roster's order; empty if none does. Clients
/// are compared with what the server meant to say.
pub fn judge(stream: &Stream) -> Vec<Verdict> {
    judge_against(stream, None)
}

/// [`judge`] against a text that is known to be the right answer, for example because the prompt or a mock fixes it.
/// If the server says something else, or only calls a tool, the answer is changed for every client that reads it
/// well.
pub fn judge_against(stream: &Stream, answer: Option<&str>) -> Vec<Verdict> {
    let Some(meant) = meant_by(stream, answer) else { return Vec::new() };
    let shared = Shared::new(stream, &meant);
    roster::clients().filter(|c| c.dialect.name == stream.dialect).map(|c| c.verdict(&shared)).collect()
}

/// What the server meant to say, or this text if the right answer is known. None if no client speaks the dialect.
fn meant_by(stream: &Stream, answer: Option<&str>) -> Option<Got> {
    let mut meant = roster::meant(stream.dialect)?.read(stream.coding.meant().unwrap_or(&stream.body));
    if let Some(text) = answer {
        meant.texts = [(0, text.to_string())].into();
        meant.known = true;
    }
    Some(meant)
}

impl Client {
    /// What it makes of a stream, compared with what was meant.
    fn verdict(&self, shared: &Shared<'_>) -> Verdict {
        let (outcome, why, text) = match self.run(shared) {
            Err((outcome, why)) => (outcome, why, None),
            Ok((lack, text)) => {
                let lack = lack.map(|lack| match &shared.stream.coding {
                    Coding::Undeclared { name, .. } => {
                        format!("the body is coded with {name}, which Content-Encoding does not say: {lack}")
                    }
                    Coding::AsDeclared | Coding::Broken { .. } => lack,
                });
                let outcome = if lack.is_some() { Outcome::Changed } else { Outcome::Fine };
                (outcome, lack.unwrap_or_default(), Some(text))
            }
        };
        self.says(outcome, why, text)
    }

    /// A verdict of this model.
    fn says(&self, outcome: Outcome, why: String, text: Option<Arc<str>>) -> Verdict {
        let evidence = self.evidence.text();
        Verdict { client: self.name, name: self.title, outcome, why, evidence, text }
    }

    /// What the application lacks, if anything, and the text that it gets; the error is the outcome without a whole
    /// answer, and why.
    fn run(&self, shared: &Shared<'_>) -> Result<(Option<String>, Arc<str>), (Outcome, String)> {
        let stream = shared.stream;
        if let Some(why) = self.transport.refuses(stream) {
            return Err((Outcome::Raises, why));
        }
        let (body, undecodable) = self.transport.decoded(stream);
        let delivered = match self.transport.block {
            Some(block) if stream.blocks && stream.end != BodyEnd::Complete => body.len() / block * block,
            _ => body.len(),
        };
        let cut_unseen = stream.end == BodyEnd::Cut && self.transport.overlooks_cut(stream);
        let complete = (stream.end == BodyEnd::Complete || cut_unseen) && undecodable.is_none();
        let body = match &body {
            Cow::Borrowed(body) => Ok(&body[..delivered]),
            Cow::Owned(own) => Err(&own[..delivered]),
        };
        let read = shared.read(self.framing, self.records, body, complete);
        if let (Reached::All, Some(why)) = (&read.reached, undecodable) {
            return Err((Outcome::Raises, why));
        }
        let at_end = match (&read.reached, stream.end) {
            (Reached::Raised(why), _) => return Err((Outcome::Raises, why.clone())),
            (Reached::Closed, _) | (Reached::All, BodyEnd::Complete) => None,
            (Reached::All, BodyEnd::Cut) if cut_unseen => None,
            (Reached::All, end) => self.at_end(end, read.drains, stream.blocks),
        };
        if let Some(end) = at_end {
            return Err(end);
        }
        if self.transport.needs_event && !read.events {
            return Err((Outcome::Raises, "the body ends before any event".into()));
        }
        match &read.got {
            Err(why) => Err((Outcome::Raises, why.clone())),
            Ok(got) => Ok((read.lacks(got, shared.meant), read.text(got))),
        }
    }

    /// What the client does if it still reads and the body does not end as it should; none if it does not notice.
    fn at_end(&self, end: BodyEnd, drains: bool, by_length: bool) -> Option<(Outcome, String)> {
        let after = if drains { "reads on after [DONE], and " } else { "" };
        match (end, self.transport.cut) {
            (BodyEnd::Complete, _) => None,
            (BodyEnd::Cut, CutBody::RaisesOrWaits) if by_length => {
                Some((Outcome::Hangs, format!("{after}waits for the rest of Content-Length")))
            }
            (BodyEnd::Cut, _) => Some((Outcome::Raises, format!("{after}the body breaks off"))),
            (BodyEnd::Open, _) => Some((Outcome::Hangs, format!("{after}the body stays open"))),
        }
    }
}
