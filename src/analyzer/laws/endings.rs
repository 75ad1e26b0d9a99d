//! Laws about how an answer ended, who ended it, and what the reasons and findings say of it.

use super::{Law, Statements};
use crate::conformance::{Finding, Level};
use crate::exchange::ending::{Closing, Party};
use crate::exchange::{Exchange, MessageEnd, Response};
use crate::http::event::EndSignal;
use crate::time::Span;
use crate::verdict::{Kind, Promise, Unseen, Verdict};

pub(super) const LAWS: &[Law] = &[
    Law { name: "complete: something of the promised end was seen", check: complete_has_its_end },
    Law { name: "complete: no finding says that the end never came", check: complete_has_no_missing_end },
    Law { name: "not complete: something says what is missing, or who cut it", check: incomplete_says_why },
    Law { name: "each choice with text has its own finish reason", check: each_choice_finishes },
    Law { name: "an error in a success is the verdict, and no other exchange has it", check: errors_are_told },
    Law { name: "who closed has closed, and the other had not done so before", check: the_closer_closed_first },
    Law { name: "cut by the client: the client left, and what the server had sent is there", check: client_left },
    Law { name: "not captured: no reason speaks of who closed", check: not_captured_blames_none },
    Law { name: "a default time-out is named for the side that ended the answer", check: limits_have_their_side },
    Law { name: "a time-out in all is named where bytes were flowing", check: totals_flow },
    Law { name: "a request that came too late is said to have", check: late_requests },
    Law { name: "a Close frame ends a WebSocket well, or the answer is not complete", check: closed_well },
    Law { name: "a message is whole if, and only if, its end came", check: whole_messages_have_ends },
];

/// Rules whose findings say that an answer was cut.
const CUT: &[&str] = &["DLV-006", "DLV-010", "DLV-016"];
/// What findings say of an answer whose end never came, whatever its API calls it.
const NEVER_CAME: &str = "ends without";
/// Ends that are closer together may be in either order.
const CROSSED: Span = Span::from_millis(1_000);

fn complete_has_its_end(s: &Statements<'_>) -> Option<String> {
    if s.judged.verdict != Verdict::Complete {
        return None;
    }
    let ended_well = s.facts.body == Some(MessageEnd::Complete) || s.facts.closed.is_some_and(|c| c.well);
    (!(s.facts.said_end || (ended_well && s.facts.kept())))
        .then(|| format!("promised {:?}, came {:?}", s.facts.promise, s.facts.came))
}

fn complete_has_no_missing_end(s: &Statements<'_>) -> Option<String> {
    if s.judged.verdict != Verdict::Complete {
        return None;
    }
    // A refusal is no answer, so its end is that of its body. A finish reason, or a terminator of another API, may have
    // said the end: then a rule may still miss its own.
    let success = succeeded(s);
    let says = |f: &&Finding| {
        let never = f.level == Some(Level::Error) && f.message.contains(NEVER_CAME) && success && !s.facts.said_end;
        CUT.contains(&f.rule) || never
    };
    s.findings?.iter().find(says).map(|f| format!("{} {}", f.rule, f.message))
}

fn incomplete_says_why(s: &Statements<'_>) -> Option<String> {
    let success = succeeded(s);
    let found = |codes: &[&str]| s.findings.is_none_or(|all| all.iter().any(|f| codes.contains(&f.rule)));
    let cut = s.facts.body.is_none_or(|end| end != MessageEnd::Complete) || s.facts.closed.is_some();
    let told = match s.judged.verdict {
        Verdict::Complete => true,
        Verdict::CaptureIncomplete => s.facts.unseen.is_some() || s.facts.by == Party::Capture,
        Verdict::GatewayTimeout => s.judged.limit.is_some() || s.says("status 504") || s.says("status 524"),
        Verdict::ErrorInside200 => s.says("error in the stream"),
        // In good order, and yet not whole: only a finding can say what is missing.
        Verdict::ServerTruncated if !cut => !success || found(&["DLV-010"]),
        Verdict::ServerTruncated => s.says("the server") || s.facts.half_closed,
        Verdict::ClientCancelled => s.says("the client"),
    };
    (!told).then(|| format!("{} by these reasons: {:?}", s.judged.verdict.as_str(), s.judged.why))
}

fn each_choice_finishes(s: &Statements<'_>) -> Option<String> {
    let answer = &response(s)?.answer;
    // An answer of a conversation has a last event of its own, with a reason or without.
    let by_reasons = s.facts.said_end && !answer.terminator.seen && answer.turns.is_empty();
    let without = answer.texts.keys().find(|choice| !answer.finish_reasons.contains_key(choice))?;
    by_reasons.then(|| format!("the end was said, and choice {without} has no finish reason"))
}

/// A status of success, which the 101 of a WebSocket is, or none seen.
fn succeeded(s: &Statements<'_>) -> bool {
    s.exchange.websocket.is_some() || status(s.exchange).is_none_or(|status| (200..300).contains(&status))
}

fn errors_are_told(s: &Statements<'_>) -> Option<String> {
    let success = succeeded(s);
    let failed = response(s).is_some_and(|r| match r.answer.turns.as_slice() {
        [] => success && r.answer.error.is_some(),
        turns => turns.iter().any(|turn| turn.error.is_some()),
    });
    let told = s.judged.verdict == Verdict::ErrorInside200;
    (failed != told).then(|| format!("an error under success: {failed}, and the verdict is {:?}", s.judged.verdict))
}

fn the_closer_closed_first(s: &Statements<'_>) -> Option<String> {
    let e = &s.exchange.ending;
    let (own, other) = match e.by {
        Party::Client => (&e.client, &e.server),
        Party::Server => (&e.server, &e.client),
        Party::Capture => return None,
    };
    let signal = |side: &Closing| match e.told {
        Some(EndSignal::Fin | EndSignal::Close) => side.fin.or(side.close_notify),
        Some(EndSignal::Reset) => side.rst,
        Some(EndSignal::CloseNotify) => side.close_notify,
        _ => None,
    };
    match e.told {
        Some(EndSignal::Fin | EndSignal::Close | EndSignal::Reset | EndSignal::CloseNotify) => {}
        _ => return None,
    }
    let Some(at) = signal(own) else { return Some(format!("{} closed, and it did not", e.by.as_str())) };
    // An end behind packets that are missing is known late.
    let known = s.orderly && !s.exchange.gap;
    // Packets that crossed, or were swapped, differ by acknowledgement; a client that closed its own side and read
    // on has not ended the answer.
    let (_, before) = other.first().filter(|(_, first)| known && at.since(*first) > CROSSED)?;
    let half_closed = e.by == Party::Server && response(s).is_some_and(|r| r.last_at >= before);
    (!half_closed).then(|| format!("{} closed {} after the other end", e.by.as_str(), at.since(before)))
}

fn client_left(s: &Statements<'_>) -> Option<String> {
    if s.judged.verdict != Verdict::ClientCancelled {
        return None;
    }
    let e = &s.exchange.ending;
    let left = e.client.first().is_some()
        || matches!(e.told, Some(EndSignal::RstStream(_) | EndSignal::GoAway { .. } | EndSignal::CloseFrame));
    let lost = s.facts.closed.is_none() && s.facts.unseen.is_some_and(|unseen| unseen != Unseen::Ended);
    (!left || lost).then(|| format!("{:?} by {:?}, not seen: {:?}", e.told, e.by, s.facts.unseen))
}

fn not_captured_blames_none(s: &Statements<'_>) -> Option<String> {
    let lost = matches!(s.facts.unseen, Some(Unseen::OneSided | Unseen::Unreadable | Unseen::Gap));
    if !lost || s.facts.body.is_some() || s.facts.race.is_some() {
        return None;
    }
    let blames =
        ["the client closed", "the server closed", "the client reset", "the server reset", "before any answer"];
    blames.into_iter().find(|words| s.says(words)).map(|words| format!("not captured, and a reason says “{words}”"))
}

fn limits_have_their_side(s: &Statements<'_>) -> Option<String> {
    let limit = s.judged.limit?;
    // A gateway that answered 504 itself has given up, whatever became of its page.
    let side = if s.facts.waited.is_some() { Party::Server } else { s.facts.by };
    let of_side = limit.side == side && side != Party::Capture;
    let cut = matches!(s.judged.verdict, Verdict::GatewayTimeout | Verdict::ServerTruncated | Verdict::ClientCancelled);
    let named = s.says(limit.of);
    (!of_side || !cut || !named).then(|| format!("{limit:?}, ended by {:?}: {:?}", s.facts.by, s.judged.verdict))
}

fn totals_flow(s: &Statements<'_>) -> Option<String> {
    /// The longest silence of a stream that flows.
    const FLOWS: i64 = 10_000_000_000;
    s.judged.limit.filter(|limit| limit.kind == Kind::Total)?;
    s.facts.silence.filter(|silence| silence.0 >= FLOWS).map(|silence| format!("bytes were flowing, silence {silence}"))
}

fn late_requests(s: &Statements<'_>) -> Option<String> {
    s.facts.race?;
    let decided = s.judged.verdict == Verdict::ServerTruncated || s.facts.unseen == Some(Unseen::OneSided);
    let said = s.says("may be sent again");
    (!decided || !said).then(|| format!("{:?}, {:?}", s.judged.verdict, s.judged.why))
}

fn closed_well(s: &Statements<'_>) -> Option<String> {
    let closed = s.facts.closed?;
    let complete = s.judged.verdict == Verdict::Complete;
    (complete && !closed.well && !s.facts.said_end).then(|| format!("closed {closed:?} and complete"))
}

fn whole_messages_have_ends(s: &Statements<'_>) -> Option<String> {
    let (whole, told) = (s.facts.body? == MessageEnd::Complete, s.exchange.ending.told?);
    let ends = match told {
        EndSignal::NoBody | EndSignal::ZeroChunk | EndSignal::Length | EndSignal::EndStream | EndSignal::Close => true,
        EndSignal::Fin
        | EndSignal::Reset
        | EndSignal::CloseNotify
        | EndSignal::RstStream(_)
        | EndSignal::GoAway { .. }
        | EndSignal::Idle
        | EndSignal::CaptureEnd => false,
        EndSignal::CloseFrame | EndSignal::NotCaptured | EndSignal::Switched => return None,
    };
    let promised = matches!(s.facts.promise, Promise::Marked(_));
    (ends != whole).then(|| format!("whole: {whole}, told by {told:?}, the end is marked: {promised}"))
}

fn response<'a>(s: &Statements<'a>) -> Option<&'a Response> {
    s.exchange.response.as_ref()
}

fn status(x: &Exchange) -> Option<u16> {
    Some(x.response.as_ref()?.head.as_ref()?.status)
}
