//! What rules ask of an exchange, so that each check is a few lines and all mean the same by "a stream", "cut" and
//! "whole".

use super::{Case, Finding, Level};
use crate::dialect::{self, Dialect};
use crate::exchange::Response;
use crate::framing::Framing;
use crate::http::event::{MessageEnd, ResponseHead};
use crate::http::incremental;
use crate::oddity::{Kind, Oddity};
use crate::time::{Span, Timestamp};
use crate::verdict;

/// A client that leaves within this after its answer had enough; one that waits longer gives up.
pub const PATIENCE: Span = Span::from_secs(1);

impl<'a> Case<'a> {
    /// The response, whatever its status.
    pub fn response(&self) -> Option<&'a Response> {
        self.exchange.response.as_ref()
    }

    /// The response if it is a stream by its bytes and succeeded (or its status was not seen, or not read).
    pub fn stream(&self) -> Option<&'a Response> {
        let response = self.response()?;
        let ok = response.head.as_ref().is_none_or(|h| h.status == 0 || (200..300).contains(&h.status));
        (ok && response.framing.is_stream()).then_some(response)
    }

    /// [`Case::stream`] with its head, for rules about the head. None for a WebSocket: what follows its head has no
    /// media type.
    pub fn stream_head(&self) -> Option<(&'a Response, &'a ResponseHead)> {
        let response = self.stream().filter(|r| r.framing != Framing::WebSocket)?;
        Some((response, response.head.as_ref()?))
    }

    /// The response with its head, if its status says success. None for a WebSocket.
    pub fn succeeded_head(&self) -> Option<(&'a Response, &'a ResponseHead)> {
        let response = self.response().filter(|r| r.framing != Framing::WebSocket)?;
        let head = response.head.as_ref().filter(|h| (200..300).contains(&h.status))?;
        Some((response, head))
    }

    /// The body has a coding that is not read here, or not without a dictionary: what it holds is not known.
    pub fn is_unread_coding(&self) -> bool {
        verdict::unread_coding(self.exchange).is_some()
    }

    /// After this the client waited longer than [`PATIENCE`]: it gave up on a body that was left open.
    pub fn gave_up_after(&self, last: Option<Timestamp>) -> bool {
        last.is_some_and(|last| self.exchange.ending.at.since(last) > PATIENCE)
    }

    /// A hop refused to pass the message on as it comes, as RFC 10036 demands of one that cannot: 501, and a
    /// Proxy-Status that says so. The refusal is the hop's and not the API's.
    pub fn is_refused_by_hop(&self) -> bool {
        let head = self.response().and_then(|r| r.head.as_ref()).filter(|h| h.status == incremental::REFUSED);
        head.and_then(incremental::refusal).is_some_and(|refusal| refusal.never)
    }

    /// The dialect of the response, unless it is `none`.
    pub fn dialect(&self) -> Option<&'static Dialect> {
        self.response()?.dialect.and_then(dialect::by_name).filter(|d| !d.is_none())
    }

    /// The response if it is a stream of this dialect.
    pub fn stream_of(&self, dialect: &Dialect) -> Option<&'a Response> {
        self.stream().filter(|r| r.dialect == Some(dialect.name))
    }

    /// What came over a WebSocket, if it is of this dialect.
    pub fn conversation_of(&self, dialect: &Dialect) -> Option<&'a Response> {
        self.response().filter(|r| self.exchange.websocket.is_some() && r.dialect == Some(dialect.name))
    }

    /// The response if it is a stream of generated text.
    pub fn llm_stream(&self) -> Option<&'a Response> {
        self.stream().filter(|r| r.dialect.and_then(dialect::by_name).is_some_and(|d| d.generates))
    }

    /// Some choice finished with one of these reasons and called no tool.
    pub fn reason_without_call(&self, dialect: &Dialect, reasons: &[&str]) -> Option<(&'a Response, &'a str)> {
        let response = self.stream_of(dialect).filter(|r| r.answer.tool_arguments.is_empty())?;
        let mut finished = response.answer.finish_reasons.values();
        Some((response, finished.find(|reason| reasons.contains(&reason.as_str()))?))
    }

    /// Some choice called a tool and finished with one of these reasons, after which no agent runs it.
    pub fn call_without_reason(&self, dialect: &Dialect, reasons: &[&str]) -> Option<(&'a Response, &'a str)> {
        let response = self.stream_of(dialect).filter(|r| !r.answer.tool_arguments.is_empty())?;
        let mut finished = response.answer.finish_reasons.values();
        Some((response, finished.find(|reason| reasons.contains(&reason.as_str()))?))
    }

    /// Several answers come on one stream, each asked for while it is open: over a WebSocket, or by other exchanges.
    pub fn is_conversation(&self) -> bool {
        self.exchange.websocket.is_some() || self.response().is_some_and(|r| !r.answer.turns.is_empty())
    }

    /// Closing the stream is how the client of this protocol cancels.
    pub fn cancels_by_close(&self) -> bool {
        self.exchange.request.as_ref().and_then(|r| r.rpc.as_ref()).is_some_and(|rpc| rpc.cancels_by_close)
    }

    /// Bytes of this exchange were not captured: findings that need all of it are unsure.
    pub fn lacks_bytes(&self) -> bool {
        self.exchange.gap || self.response().is_some_and(|r| r.head.is_none())
    }

    /// Pushes a finding for the first oddity of this kind, with its place and count; `level` if it is not the rule's
    /// own.
    pub fn tell(
        &self,
        kind: Kind,
        level: Option<Level>,
        push: &mut dyn FnMut(Finding),
        say: impl FnOnce(&Oddity, u64) -> String,
    ) {
        if let Some((odd, count)) = self.exchange.oddities.find(kind) {
            push(Finding { level, ..Finding::of(odd, count, say(odd, count)) });
        }
    }

    /// [`Case::tell`] at the rule's own level, for streams of this dialect.
    pub fn tell_of(
        &self,
        dialect: &Dialect,
        kind: Kind,
        push: &mut dyn FnMut(Finding),
        say: impl FnOnce(&str) -> String,
    ) {
        if self.stream_of(dialect).is_some() {
            self.tell(kind, None, push, |odd, _| say(&odd.found));
        }
    }

    /// Pushes a finding about what is missing at the end of a stream of this dialect that was not cut.
    pub fn tell_at_end(&self, dialect: &Dialect, kind: Kind, push: &mut dyn FnMut(Finding), message: &str) {
        if self.stream_of(dialect).is_some_and(|r| r.end == MessageEnd::Complete) {
            self.tell(kind, None, push, |_, _| message.to_owned());
        }
    }
}

/// The answer is complete by its dialect, however the transport ended: its terminator came, or its finish reason if the
/// dialect has no terminator.
pub(crate) fn answered(response: &Response) -> bool {
    let answer = &response.answer;
    if !answer.turns.is_empty() {
        return answer.turns.iter().all(|turn| turn.ended.is_some());
    }
    answer.terminator.seen || (answer.terminator.expected.is_none() && !answer.finish_reasons.is_empty())
}

/// A number with its noun: `1 line`, `3 lines`.
pub(crate) fn many(n: u64, one: &str, several: &str) -> String {
    match n {
        1 => format!("1 {one}"),
        n => format!("{n} {several}"),
    }
}
