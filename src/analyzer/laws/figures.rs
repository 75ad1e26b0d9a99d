//! Laws about figures, times, findings and words.

use super::{Law, Statements};
use crate::conformance;
use crate::delivery::COLLECTED;
use crate::dialect::{Meaning, by_name};
use crate::exchange::{Framing, Response};
use crate::http::event::Known;

pub(super) const LAWS: &[Law] = &[
    Law { name: "nothing generated: no delta, no TTFT", check: nothing_generated_has_no_times },
    Law { name: "counts are those of the deltas and records", check: counts_agree },
    Law { name: "records and deltas are in order of arrival", check: deltas_are_in_order },
    Law { name: "no time is before its cause", check: times_are_ordered },
    Law { name: "no duration is negative", check: durations },
    Law { name: "each finding has a rule, a level and a place that exists", check: findings_are_whole },
    Law { name: "collected before it was sent, or delivered one by one: not both", check: collected_or_not },
    Law { name: "a field that could not be read is neither absent nor wrong", check: unknown_is_unknown },
    Law { name: "a gap: no hash of the body, and findings say that they are unsure", check: gaps_are_gaps },
];

fn nothing_generated_has_no_times(s: &Statements<'_>) -> Option<String> {
    let m = s.metrics;
    let none = response(s).is_none_or(|r| r.deltas.is_empty());
    let times = m.first_delta.or(m.last_delta).is_some() || m.ttft.is_some() || m.ttft_content.is_some();
    if none && (times || !m.itl.is_empty() || m.tpot.is_some()) {
        return Some(format!("no delta, and TTFT {:?}, ITL {:?}, TPOT {:?}", m.ttft, m.itl, m.tpot));
    }
    // Each message of gRPC is a delta, and its fields have no names: their text is not known.
    let read = |r: &&Response| r.framing != Framing::Grpc && r.dialect.and_then(by_name).is_some_and(|d| !d.is_none());
    let r = response(s).filter(read).filter(|_| !none)?;
    let a = &r.answer;
    let text = a.texts.values().any(|t| !t.is_empty()) || !a.reasoning_text.is_empty();
    let called = !a.tool_arguments.is_empty() || !a.tool_names.is_empty();
    let other = a.media > 0 || a.text_limited;
    (!text && !called && !other).then(|| format!("{} deltas, and no text and no call", r.deltas.len()))
}

fn counts_agree(s: &Statements<'_>) -> Option<String> {
    let r = response(s)?;
    let of = |is: fn(&Meaning) -> bool| r.deltas.iter().filter(|d| is(&d.meaning)).count() as u64;
    let have = [of(|m| m.content), of(|m| m.reasoning), of(|m| m.tool)];
    let said = [r.answer.content_deltas, r.answer.reasoning_deltas, r.answer.tool_deltas];
    if have != said {
        return Some(format!("deltas with text, reasoning, tools: {have:?}, said {said:?}"));
    }
    let (deltas, records) = (r.deltas.len() as u64, r.record_count);
    let first_and_last = r.first_record_at.is_some() && r.last_record_at.is_some();
    (deltas > records || first_and_last != (records > 0))
        .then(|| format!("{deltas} deltas of {records} records, the first at {:?}", r.first_record_at))
}

fn deltas_are_in_order(s: &Statements<'_>) -> Option<String> {
    let r = response(s)?;
    let odd = r.deltas.windows(2).find(|w| w[0].record >= w[1].record || (s.orderly && w[0].at > w[1].at));
    let beyond = r.deltas.last().filter(|d| d.record >= r.record_count);
    odd.map(|w| format!("{:?} before {:?}", w[0], w[1])).or_else(|| beyond.map(|d| format!("{d:?} of no record")))
}

fn times_are_ordered(s: &Statements<'_>) -> Option<String> {
    let m = s.metrics;
    if !s.orderly {
        return None;
    }
    let chains: [&[(&str, Option<crate::time::Timestamp>)]; 2] = [
        &[("request start", m.request_start), ("request end", m.request_end)],
        &[
            ("response start", m.response_start),
            ("first body byte", m.first_body_byte),
            ("first record", m.first_record),
            ("first delta", m.first_delta),
            ("last delta", m.last_delta),
            ("response end", m.response_end),
        ],
    ];
    chains.iter().find_map(|chain| {
        let known: Vec<_> = chain.iter().filter_map(|(name, at)| Some((*name, (*at)?))).collect();
        let odd = known.windows(2).find(|w| w[0].1 > w[1].1)?;
        Some(format!("{} is {} after {}", odd[0].0, odd[0].1.since(odd[1].1), odd[1].0))
    })
}

fn durations(s: &Statements<'_>) -> Option<String> {
    // Also where a clock stepped back, and where a server answers before the request is whole: then there is none.
    let m = s.metrics;
    let stages = [m.ttfr, m.load, m.prefill, m.first_token];
    let all = [m.tpot, m.ttfb, m.ttft, m.ttft_content, m.duration].into_iter().chain(stages).flatten();
    let spans = m.itl.iter().copied().chain(all);
    spans.into_iter().find(|span| span.0 < 0).map(|span| format!("{span}"))
}

fn findings_are_whole(s: &Statements<'_>) -> Option<String> {
    let records = response(s).map_or(0, |r| r.record_count);
    let odd = s.findings?.iter().find(|f| {
        // What is pending at the end is the place of a record that never came.
        let known = conformance::by_code(f.rule).is_some_and(|rule| rule.code == f.rule);
        let placed = f.record.is_none_or(|n| n <= records);
        !known || f.level.is_none() || f.count == 0 || f.message.is_empty() || !placed
    });
    odd.map(|f| format!("{} at record {:?} of {records}: {}", f.rule, f.record, f.message))
}

fn collected_or_not(s: &Statements<'_>) -> Option<String> {
    let one_by_one = s.delivery.iter().find(|words| words.contains("one by one"))?;
    let collected = s.delivery.iter().any(|words| words.contains(COLLECTED))
        // Messages of other rules may quote captured bytes, and these may say anything.
        || s.findings.is_some_and(|all| all.iter().any(|f| f.rule == "HTTP-014" && f.message.contains(COLLECTED)));
    collected.then(|| format!("{one_by_one}, and {COLLECTED}"))
}

/// Rules about fields that must be there, or must have a value.
const ABOUT_FIELDS: &[&str] =
    &["HTTP-001", "HTTP-002", "HTTP-003", "HTTP-004", "HTTP-005", "HTTP-012", "HTTP-013", "HTTP-014"];

fn unknown_is_unknown(s: &Statements<'_>) -> Option<String> {
    let head = response(s)?.head.as_ref()?;
    if !matches!(head.fields.known("content-type"), Known::Unread) {
        return None;
    }
    s.findings?.iter().find(|f| ABOUT_FIELDS.contains(&f.rule)).map(|f| format!("{} {}", f.rule, f.message))
}

fn gaps_are_gaps(s: &Statements<'_>) -> Option<String> {
    let r = response(s)?;
    let lacks = r.body.pieces.iter().any(|p| p.gap);
    let hashed = r.body.wire_sha256.is_some() && r.framing != Framing::WebSocket;
    (lacks && (hashed || !s.exchange.gap)).then(|| format!("hash: {hashed}, gap: {}", s.exchange.gap))
}

fn response<'a>(s: &Statements<'a>) -> Option<&'a Response> {
    s.exchange.response.as_ref()
}
