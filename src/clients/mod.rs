//! What real clients would make of an exchange: executable models of their parsers, small enough to read.
//!
//! ```text
//! Stream ─► Transport (status, type, charset, end) ─► Framing (parser with its deviations) ─► Reader (JSON, schema,
//! accumulation) ─► Outcome
//! ```
//!
//! A client is one static value in `roster/`, composed of such parts. It knows nothing of particular servers or
//! faults: what it does with bytes follows from how it reads them. To add one more: a value in its family's file.

mod anthropic;
mod chat;
mod coding;
mod framing;
mod gemini;
mod head;
mod json;
mod meant;
mod ollama;
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
pub use stream::{BodyEnd, MAX_BODY, MAX_PIECES, Stream, Unfit};
pub use table::catalogue_table;

use crate::dialect::Dialect;
use framing::Framing;
use head::{CutBody, Transport};
use parsed::Parsed;
use reader::{Got, Step};
use records::Records;
use serde::Serialize;
use std::ops::ControlFlow;
use std::rc::Rc;

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
    pub text: Option<String>,
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
    let parsed = Rc::default();
    roster::clients().filter(|c| c.dialect.name == stream.dialect).map(|c| c.verdict(stream, &meant, &parsed)).collect()
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

/// How far a client got in the body.
enum Reached {
    /// It read everything and waits for more.
    All,
    /// It had its answer and closed.
    Closed,
    /// It raised.
    Raised(String),
}

impl Client {
    /// What it makes of a stream, compared with what was meant.
    fn verdict(&self, stream: &Stream, meant: &Got, parsed: &Rc<Parsed>) -> Verdict {
        let (outcome, why, text) = match self.run(stream, parsed) {
            Err((outcome, why)) => (outcome, why, None),
            Ok(got) => {
                let lack = got.lacks(meant).map(|lack| match &stream.coding {
                    Coding::Undeclared { name, .. } => {
                        format!("the body is coded with {name}, which Content-Encoding does not say: {lack}")
                    }
                    Coding::AsDeclared | Coding::Broken { .. } => lack,
                });
                let outcome = if lack.is_some() { Outcome::Changed } else { Outcome::Fine };
                (outcome, lack.unwrap_or_default(), Some(got.text()))
            }
        };
        Verdict { client: self.name, name: self.title, outcome, why, evidence: self.evidence.text(), text }
    }

    /// What the application gets; the error is the outcome without a whole answer, and why.
    fn run(&self, stream: &Stream, parsed: &Rc<Parsed>) -> Result<Got, (Outcome, String)> {
        if let Some(why) = self.transport.refuses(stream) {
            return Err((Outcome::Raises, why));
        }
        let (body, undecodable) = self.transport.decoded(stream);
        let delivered = match self.transport.block {
            Some(block) if stream.blocks && stream.end != BodyEnd::Complete => body.len() / block * block,
            _ => body.len(),
        };
        let mut reader = self.records.reader(parsed.clone());
        let (mut reached, mut events, mut drains) = (Reached::All, 0u64, false);
        let cut_unseen = stream.end == BodyEnd::Cut && self.transport.overlooks_cut(stream);
        let complete = (stream.end == BodyEnd::Complete || cut_unseen) && undecodable.is_none();
        self.framing.read(stream, &body[..delivered], complete, &mut |said| {
            events += 1;
            let step = match said {
                Ok(event) => reader.event(event),
                Err(why) => Step::Raise(why),
            };
            match step {
                Step::On => return ControlFlow::Continue(()),
                Step::Drain => {
                    drains = true;
                    return ControlFlow::Continue(());
                }
                Step::Close => reached = Reached::Closed,
                Step::Raise(why) => reached = Reached::Raised(why),
            }
            ControlFlow::Break(())
        });
        if let (Reached::All, Some(why)) = (&reached, undecodable) {
            return Err((Outcome::Raises, why));
        }
        let at_end = match (reached, stream.end) {
            (Reached::Raised(why), _) => return Err((Outcome::Raises, why)),
            (Reached::Closed, _) | (Reached::All, BodyEnd::Complete) => None,
            (Reached::All, BodyEnd::Cut) if cut_unseen => None,
            (Reached::All, end) => self.at_end(end, drains, stream.blocks),
        };
        if let Some(end) = at_end {
            return Err(end);
        }
        if self.transport.needs_event && events == 0 {
            return Err((Outcome::Raises, "the body ends before any event".into()));
        }
        match reader.finish() {
            Err(why) => Err((Outcome::Raises, why)),
            Ok(()) => Ok(std::mem::take(reader.got())),
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
