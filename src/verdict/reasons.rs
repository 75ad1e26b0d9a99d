//! The reasons of a verdict as sentences.

use super::facts::{marked, unread_coding};
use super::{Facts, Kind, Limit, Race, Unseen, Verdict};
use crate::exchange::ending::Party;
use crate::exchange::{Exchange, Response};
use crate::http::event::{EndSignal, MessageEnd, Transfer};
use crate::http::incremental::{self, Refusal};
use crate::oddity::excerpt;
use crate::time::Span;

/// A Close frame without a code (RFC 6455 section 7.1.5).
const NO_CODE: u16 = 1005;
/// The status that opens a WebSocket.
const SWITCHED: u16 = 101;
/// Shorter spans show nothing about the intention.
const AT_ONCE: Span = Span::from_millis(1_000);

pub(super) fn of(x: &Exchange, facts: &Facts, verdict: Verdict, limit: Option<Limit>) -> Vec<String> {
    let mut why = Vec::new();
    if let Some(r) = &x.response {
        status(x, r, verdict, &mut why);
        why.extend(r.answer.error.as_ref().map(|e| format!("error in the stream: {}", excerpt(e.as_bytes()))));
        records(x, r, &mut why);
    }
    why.extend(facts.missing().map(str::to_owned));
    why.extend(unread_coding(x).map(|odd| format!("the body is coded with {}: what it holds was not read", odd.found)));
    // Who closed says nothing about an answer that was not seen.
    why.push(match (facts.unseen, facts.body) {
        (Some(Unseen::OneSided | Unseen::Unreadable | Unseen::Gap | Unseen::LimitReached), None)
            if facts.race.is_none() =>
        {
            "what the server sent is not known".into()
        }
        _ => transport(x),
    });
    why.extend(facts.race.map(race));
    let cancels = |x: &Exchange| x.request.as_ref().and_then(|r| r.rpc.as_ref()).is_some_and(|r| r.cancels_by_close);
    if verdict == Verdict::ClientCancelled && cancels(x) {
        why.push("to close is how a client of this protocol version cancels".into());
    }
    after_the_end(x, facts, &mut why);
    timing(x, facts, verdict, limit, &mut why);
    if facts.half_closed {
        why.push("the client had closed its own side only and went on reading".into());
    }
    tls(x, facts, &mut why);
    why.extend(facts.unseen.and_then(|unseen| unseen_by(unseen, facts)));
    why
}

fn race(race: Race) -> String {
    let again = "the server did not process it, and it may be sent again";
    match race {
        Race::Closed(before) => format!(
            "the server had closed the connection {before} before this request was sent (a keep-alive race): {again}"
        ),
        Race::GoAway(Some(before)) => {
            format!("the server had said GOAWAY {before} before this request was sent (a keep-alive race): {again}")
        }
        Race::GoAway(None) => format!("GOAWAY gives this request up: {again}"),
    }
}

/// The time-out that fits, with whose default it is, or the silence before the end.
fn timing(x: &Exchange, facts: &Facts, verdict: Verdict, limit: Option<Limit>, why: &mut Vec<String>) {
    let said = |span: Option<Span>| span.map(|s| s.to_string()).unwrap_or_default();
    if let Some(waited) = facts.waited {
        why.extend((waited >= AT_ONCE).then(|| match limit {
            Some(l) => {
                format!("the gateway answered {waited} after the request: {} s is the limit of {}", l.secs, l.of)
            }
            None => format!("the gateway answered {waited} after the request"),
        }));
        return;
    }
    match limit {
        Some(l) if l.kind == Kind::Idle => {
            let silence = said(facts.silence);
            why.push(match l.side {
                Party::Client => {
                    format!("silence of {silence} before the client closed: {} s is the limit of {}", l.secs, l.of)
                }
                _ => format!("silence of {silence} before the end: the limit of {} is {} s", l.of, l.secs),
            });
        }
        Some(l) => why.push(format!(
            "ended {} after the request, with bytes flowing: a total time-out of {} s is the default of {}",
            said(facts.total),
            l.secs,
            l.of
        )),
        None if matches!(verdict, Verdict::ServerTruncated | Verdict::ClientCancelled) => {
            why.extend(x.ending.silence().filter(|s| *s >= AT_ONCE).map(|s| format!("silence of {s} before the end")));
        }
        None => {}
    }
}

fn unseen_by(unseen: Unseen, facts: &Facts) -> Option<String> {
    Some(match unseen {
        Unseen::OneSided => "the capture has the packets of one end only: the server's direction is missing".into(),
        Unseen::Unreadable => "TLS records came that could not be decrypted: what they hold is not known".into(),
        Unseen::LimitReached => {
            "the memory limit (--memory) was reached, and this connection gave way: the rest was not read".into()
        }
        Unseen::Gap if facts.body.is_none() => {
            "the client acknowledges bytes of the server, or sent some itself, that the capture lacks".into()
        }
        Unseen::Gap => "the capture lacks bytes of this exchange".into(),
        Unseen::Ended => return None,
    })
}

fn status(x: &Exchange, r: &Response, verdict: Verdict, why: &mut Vec<String>) {
    if let Some(status) = r.head.as_ref().map(|h| h.status).filter(|s| !(200..300).contains(s) && *s != SWITCHED) {
        why.push(match (verdict, status) {
            (Verdict::GatewayTimeout, 524) => "status 524: Cloudflare waited for the origin in vain".into(),
            (Verdict::GatewayTimeout, _) => format!("status {status}: a gateway waited for the server in vain"),
            (_, 426) if upgrades(x) => {
                "status 426: no WebSocket here, which is no fault; clients ask again over HTTP (Codex: with \
                    server-sent events)"
                    .into()
            }
            _ => format!("status {status}"),
        });
        why.extend(r.head.as_ref().and_then(incremental::refusal).map(|refusal| refused(&refusal)));
    }
}

/// A hop refused to pass the message on as it comes (RFC 10036).
fn refused(refusal: &Refusal) -> String {
    let by = excerpt(refusal.by.as_bytes());
    let said = refusal.details.as_ref().map(|d| format!(": {}", excerpt(d.as_bytes()))).unwrap_or_default();
    match refusal.never {
        true => format!(
            "the hop {by} refuses to pass messages on as they come, which is its right (Proxy-Status \
                error=incremental_refused){said}"
        ),
        false => format!("the hop {by} has too many connections (Proxy-Status error=connection_limit_reached){said}"),
    }
}

/// The request offers to become a WebSocket.
fn upgrades(x: &Exchange) -> bool {
    let offered = x.request.as_ref().and_then(|q| q.head.fields.text("upgrade"));
    offered.is_some_and(|to| to.to_ascii_lowercase().contains("websocket"))
}

/// What the records show about their end.
fn records(x: &Exchange, r: &Response, why: &mut Vec<String>) {
    let a = &r.answer;
    if !a.turns.is_empty() {
        let ended = a.turns.iter().filter(|turn| turn.ended.is_some()).count();
        let what = if a.turns.len() == 1 { "answer" } else { "answers" };
        why.push(format!("{ended} of {} {what} came to an end", a.turns.len()));
        return;
    }
    if x.websocket.is_some() && r.deltas.is_empty() && a.terminator.which.is_none() {
        return;
    }
    match (&a.terminator.which, a.terminator.expected) {
        (Some(which), _) => why.push(format!("terminator {which} came")),
        (None, Some(expected)) if r.framing.is_stream() => why.push(format!("terminator {expected} never came")),
        _ => {}
    }
    match a.finish_reasons.values().next() {
        Some(reason) => why.push(format!("finish reason {}", excerpt(reason.as_bytes()))),
        None if marked(r).is_some() && !r.deltas.is_empty() => why.push("no finish reason".into()),
        None => {}
    }
}

/// What ended the message.
fn transport(x: &Exchange) -> String {
    let (e, r) = (&x.ending, x.response.as_ref());
    let who = match e.by {
        Party::Client => "the client",
        Party::Server => "the server",
        Party::Capture => "nobody",
    };
    let lacks = r.map(lacks).unwrap_or_default();
    let place = match r {
        None => " before any answer".to_owned(),
        Some(r) if r.body.wire_bytes == 0 => " before any body byte".to_owned(),
        Some(r) => format!(" after {} body bytes{lacks}", r.body.wire_bytes),
    };
    match e.told {
        Some(EndSignal::NoBody) => "the answer has no body".into(),
        Some(EndSignal::ZeroChunk) => "the body ended with its zero chunk".into(),
        Some(EndSignal::Length) => "the body has the length that Content-Length announced".into(),
        Some(EndSignal::EndStream) => "the stream ended with END_STREAM".into(),
        Some(EndSignal::Close) => "the body lasted until the server closed: nothing else marked its end".into(),
        Some(EndSignal::Fin) => format!("{who} closed (FIN){place}"),
        Some(EndSignal::Reset) => format!("{who} reset the connection (RST){place}"),
        Some(EndSignal::CloseNotify) => format!("{who} closed (TLS close_notify){place}"),
        Some(EndSignal::CloseFrame) => close_frame(x, who),
        Some(EndSignal::RstStream(code)) => format!("{who} reset the stream (RST_STREAM, {}){place}", h2_code(code)),
        Some(EndSignal::GoAway { last, code }) => {
            format!("{who} gave the stream up (GOAWAY, last stream {last}, {}){place}", h2_code(code))
        }
        Some(EndSignal::Idle) => format!("neither end closed, and nothing came for longer than the idle limit{place}"),
        Some(EndSignal::CaptureEnd) => format!("the recording ended{place}"),
        // The bytes are there, and nothing in them ends the body.
        Some(EndSignal::NotCaptured) if !x.gap && matches!(r.map(|r| r.end), Some(MessageEnd::CutByServer)) => {
            format!("the server broke the framing of the body, and another message follows{place}")
        }
        Some(EndSignal::NotCaptured) => "the bytes that show the end were not captured".into(),
        Some(EndSignal::Switched) => format!("{who} switched the connection to another protocol"),
        None => "how it ended was not recorded".into(),
    }
}

/// Who closed a WebSocket, with code and reason.
fn close_frame(x: &Exchange, who: &str) -> String {
    let Some(close) = x.websocket.as_ref().and_then(|w| w.close.as_ref()) else {
        return format!("{who} sent a Close frame (WebSocket)");
    };
    let code = if close.code == NO_CODE { String::new() } else { format!(": {}", close.code) };
    let reason = if close.reason.is_empty() { String::new() } else { format!(" {}", excerpt(close.reason.as_bytes())) };
    format!("{} sent a Close frame (WebSocket){code}{reason}", close.by.in_words())
}

/// What the transport did not send.
fn lacks(r: &Response) -> String {
    match r.head.as_ref().map(|h| h.transfer) {
        _ if r.end == MessageEnd::Complete => String::new(),
        Some(Transfer::Chunked) => ", no zero chunk".into(),
        Some(Transfer::Length(n)) => format!(" of {n}"),
        Some(Transfer::H2) => ", no END_STREAM".into(),
        _ => String::new(),
    }
}

/// The records ended the answer, and the transport did not, or not at once.
fn after_the_end(x: &Exchange, facts: &Facts, why: &mut Vec<String>) {
    // A conversation may stay open for the next question.
    let Some(r) = x.response.as_ref().filter(|r| facts.said_end && r.answer.turns.is_empty()) else { return };
    let Some(end) = x.ending.terminator_at.or(x.ending.finish_at) else { return };
    let until = if x.ending.by == Party::Capture { x.ending.seen_until.max(x.ending.at) } else { x.ending.at };
    let open = until.since(end);
    match (r.end, x.ending.by) {
        (MessageEnd::Complete, _) if open < AT_ONCE => {}
        (MessageEnd::Complete, _) => why.push(format!("the body stayed open for {open} after the end of the answer")),
        (_, Party::Client) if open < AT_ONCE => {
            why.push(format!(
                "the client had all: it closed {open} after the end of the answer, as openai-python does at [DONE]"
            ));
        }
        (_, Party::Client) => {
            why.push(format!("the server left the body open: the client gave up {open} after the end of the answer"))
        }
        (_, Party::Server) => why.push("the answer is whole nevertheless; strict clients raise".into()),
        (_, Party::Capture) => why.push(format!("the body was still open {open} after the end of the answer")),
    }
}

fn tls(x: &Exchange, facts: &Facts, why: &mut Vec<String>) {
    let by_close = matches!(x.ending.told, Some(EndSignal::Close | EndSignal::Fin)) && x.ending.by == Party::Server;
    if x.tls.is_some() && by_close && facts.race.is_none() && x.ending.server.close_notify.is_none() {
        why.push("no close_notify: an intermediary could have cut the answer here".into());
    }
}

/// Error codes of RFC 9113 section 7 by name.
fn h2_code(code: u32) -> String {
    crate::wire::H2_ERRORS.get(code as usize).map_or(format!("code {code}"), |name| (*name).to_owned())
}
