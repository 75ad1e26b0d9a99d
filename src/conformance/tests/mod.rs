//! Each check against exchanges built by hand; the samples of the rules run through the whole pipeline in
//! `tests/catalogue.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod advice;
mod build;
mod engine;
mod hop;
mod kinds;
mod unread;

use super::*;
use crate::dialect::{
    self, anthropic::kinds as anthropic, openai_chat::kinds as chat_kinds, openai_responses::kinds as responses,
};
use crate::framing::{Framing, aws, ndjson, sse};
use crate::http::event::{MessageEnd, Transfer};
use crate::http::h1;
use crate::oddity::Kind;
use build::{at, chat, deltas, half_chat, head, response, stream, with};
use std::collections::BTreeSet;

use Level::{Error, Info, Warning};

/// Codes and levels, without HTTP-001, which needs the table of dialects.
fn judged(exchange: &Exchange) -> Vec<(&'static str, Level)> {
    said(exchange).into_iter().map(|f| (f.rule, f.level.unwrap())).filter(|(code, _)| *code != "HTTP-001").collect()
}

/// The findings, with the ending that fits the message's end, unless a test made one.
fn said(exchange: &Exchange) -> Vec<Finding> {
    let mut exchange = exchange.clone();
    if let Some(r) = exchange.response.as_ref().filter(|_| exchange.ending.told.is_none()) {
        exchange.ending.by = r.end.into();
        exchange.ending.finish_at = r.deltas.last().map(|d| d.at).filter(|_| !r.answer.finish_reasons.is_empty());
    }
    judge(&exchange, &Metrics::default(), &Limits::default())
}

fn level_of(exchange: &Exchange, code: &str) -> Option<Level> {
    said(exchange).into_iter().find(|f| f.rule == code).and_then(|f| f.level)
}

#[test]
fn a_conforming_stream_has_no_findings() {
    assert_eq!(judged(&chat()), []);
}

#[test]
fn each_oddity_becomes_its_rule_with_place_and_count() {
    let cases: &[(Kind, &str, Level)] = &[
        (h1::CHUNK_SIZE, "HTTP-009", Error),
        (h1::CHUNK_END, "HTTP-009", Error),
        (h1::CHUNK_LINE, "HTTP-009", Warning),
        (sse::PENDING_AT_END, "SSE-001", Error),
        (sse::DATA_WITHOUT_SPACE, "SSE-002", Warning),
        (sse::EXTRA_SPACE, "SSE-003", Warning),
        (sse::RAW_NEWLINE, "SSE-004", Error),
        (sse::MULTIPLE_DATA_LINES, "SSE-005", Warning),
        (sse::MERGED_EVENTS, "SSE-006", Error),
        (dialect::SECOND_VALUE, "SSE-007", Error),
        (sse::UNKNOWN_FIELD, "SSE-008", Warning),
        (sse::NOT_A_FIELD_LINE, "SSE-009", Warning),
        (chat_kinds::EVENT_FIELD, "SSE-010", Warning),
        (anthropic::NO_EVENT, "SSE-011", Error),
        (anthropic::EVENT_DIFFERS_FROM_TYPE, "SSE-011", Error),
        (responses::EVENT_DIFFERS_FROM_TYPE, "SSE-011", Error),
        (sse::BLOCK_WITHOUT_DATA, "SSE-012", Warning),
        (sse::EMPTY_DATA, "SSE-013", Error),
        (sse::ID_FIELD, "SSE-014", Info),
        (sse::BLANK_WITH_ID, "SSE-014", Warning),
        (sse::BOM, "SSE-015", Warning),
        (sse::BOM_INSIDE, "SSE-015", Error),
        (sse::INVALID_UTF8, "SSE-016", Error),
        (sse::CRLF, "SSE-017", Info),
        (sse::CR, "SSE-017", Info),
        (sse::LINE_ENDS, "SSE-017", Info),
        (sse::RAW_LINE_SEPARATOR, "SSE-018", Warning),
        (sse::FIELD_NAME_CASE, "SSE-019", Warning),
        (sse::BAD_RETRY, "SSE-020", Info),
        (sse::LONG_LINE, "SSE-022", Warning),
        (sse::HUGE_LINE, "SSE-022", Error),
        (chat_kinds::NOT_JSON, "SSE-023", Error),
        (dialect::LONE_SURROGATE, "SSE-024", Warning),
        (dialect::COMMENT_AS_DATA, "SSE-025", Warning),
        (dialect::FIELD_IN_DATA, "SSE-027", Error),
        (chat_kinds::TERMINATOR_SPELLING, "OAI-CHAT-002", Info),
        (chat_kinds::DUPLICATE_TERMINATOR, "OAI-CHAT-003", Warning),
        (chat_kinds::DATA_AFTER_TERMINATOR, "OAI-CHAT-004", Error),
        (chat_kinds::FINISH_REASON_REPEATED, "OAI-CHAT-005", Warning),
        (chat_kinds::NO_FINISH_REASON_KEY, "OAI-CHAT-006", Warning),
        (chat_kinds::FINISH_REASON_EMPTY, "OAI-CHAT-007", Warning),
        (chat_kinds::FINISH_REASON_UNKNOWN, "OAI-CHAT-008", Warning),
        (chat_kinds::CONTENT_AFTER_FINISH, "OAI-CHAT-009", Error),
        (chat_kinds::CHOICES_MISSING, "OAI-CHAT-011", Error),
        (chat_kinds::CHOICE_TYPE, "OAI-CHAT-011", Error),
        (chat_kinds::NOT_A_CHUNK, "OAI-CHAT-011", Error),
        (chat_kinds::NOT_OBJECT, "OAI-CHAT-011", Error),
        (chat_kinds::CHOICES_EMPTY, "OAI-CHAT-012", Info),
        (chat_kinds::CHOICE_INDEX_MISSING, "OAI-CHAT-013", Error),
        (chat_kinds::ANNOTATION_WITHOUT_DELTA, "OAI-CHAT-014", Info),
        (chat_kinds::DELTA_MISSING, "OAI-CHAT-014", Warning),
        (chat_kinds::ROLE_MISSING, "OAI-CHAT-015", Warning),
        (chat_kinds::ROLE_REPEATED, "OAI-CHAT-016", Info),
        (chat_kinds::ROLE_EMPTY, "OAI-CHAT-016", Info),
        (chat_kinds::CONTENT_TYPE, "OAI-CHAT-017", Warning),
        (chat_kinds::ID_MISSING, "OAI-CHAT-018", Warning),
        (chat_kinds::ID_CHANGES, "OAI-CHAT-019", Warning),
        (chat_kinds::ID_SHORT, "OAI-CHAT-020", Warning),
        (chat_kinds::CREATED_TYPE, "OAI-CHAT-021", Warning),
        (chat_kinds::CREATED_CHANGES, "OAI-CHAT-021", Warning),
        (chat_kinds::OBJECT_WRONG, "OAI-CHAT-022", Warning),
        (chat_kinds::MODEL_MISSING, "OAI-CHAT-023", Info),
        (chat_kinds::MODEL_CHANGES, "OAI-CHAT-023", Info),
        (chat_kinds::UNKNOWN_FIELD, "OAI-CHAT-024", Info),
        (chat_kinds::ERROR_NULL, "OAI-CHAT-025", Error),
        (chat_kinds::ERROR_SHAPE, "OAI-CHAT-026", Error),
        (chat_kinds::USAGE_IN_CHOICE, "OAI-CHAT-030", Warning),
        (chat_kinds::USAGE_ELSEWHERE, "OAI-CHAT-030", Info),
        (chat_kinds::USAGE_TYPE, "OAI-CHAT-031", Warning),
        (chat_kinds::USAGE_ARITHMETIC, "OAI-CHAT-031", Warning),
        (chat_kinds::TOOL_INDEX_MISSING, "OAI-CHAT-032", Error),
        (chat_kinds::TOOL_START_INCOMPLETE, "OAI-CHAT-033", Warning),
        (chat_kinds::TOOL_NAME_REPEATED, "OAI-CHAT-033", Warning),
        (chat_kinds::TOOL_IDENTITY_EMPTY, "OAI-CHAT-033", Warning),
        (chat_kinds::TWO_CALLS, "OAI-CHAT-042", Error),
        (chat_kinds::TOOL_ID_CHANGES, "OAI-CHAT-042", Warning),
        (chat_kinds::TOOL_ARGUMENTS_TYPE, "OAI-CHAT-034", Error),
        (chat_kinds::REASONING_FIELD, "OAI-CHAT-035", Info),
        (chat_kinds::EMPTY_DELTAS_RUN, "OAI-CHAT-036", Info),
        (chat_kinds::FINISH_WITH_DELTA, "OAI-CHAT-037", Info),
        (anthropic::NO_MESSAGE_START, "ANT-001", Error),
        (anthropic::MESSAGE_START_REPEATED, "ANT-001", Error),
        (anthropic::NO_MESSAGE_STOP, "ANT-001", Error),
        (anthropic::AFTER_MESSAGE_STOP, "ANT-001", Error),
        (ndjson::NOT_JSON, "NDJSON-001", Error),
        (ndjson::SEVERAL_VALUES, "NDJSON-001", Error),
        (ndjson::BLANK_LINE, "NDJSON-002", Warning),
        (ndjson::BOM, "NDJSON-002", Warning),
        (ndjson::NO_FINAL_NEWLINE, "NDJSON-003", Info),
        (dialect::ollama::NO_DONE, "OLLAMA-001", Error),
        (dialect::ollama::AFTER_DONE, "OLLAMA-001", Error),
        (dialect::ollama::NO_DONE_REASON, "OLLAMA-001", Error),
        (aws::BAD_PRELUDE_CRC, "AWS-001", Error),
        (aws::BAD_MESSAGE_CRC, "AWS-001", Error),
        (aws::BAD_LENGTH, "AWS-001", Error),
        (dialect::grpc::STATUS, "GRPC-001", Error),
        (dialect::CUMULATIVE, "LLM-001", Error),
        (dialect::WHOLE_AGAIN, "LLM-001", Error),
        (dialect::openai_chat::kinds::MESSAGE_FOR_DELTA, "OAI-CHAT-043", Error),
        (dialect::TWICE, "LLM-010", Error),
        (dialect::FOREIGN_ERROR, "LLM-002", Error),
        (dialect::grpc::NO_STATUS, "GRPC-001", Error),
    ];
    // OAI-CHAT-002 is a warning by itself; the profile openai-compatible makes it info.
    for (kind, code, level) in cases {
        let exchange = with(with(chat(), *kind), *kind);
        assert_eq!(judged(&exchange), [(*code, *level)], "{kind:?}");
        let finding = said(&exchange).into_iter().find(|f| f.rule == *code).unwrap();
        assert_eq!(
            (finding.record, finding.offset, finding.at, finding.count),
            (Some(2), Some(77), Some(at(30)), 2),
            "{kind:?}"
        );
    }
    let used: BTreeSet<Kind> = cases.iter().map(|(kind, ..)| *kind).collect();
    for name in declared() {
        assert!(used.iter().any(|kind| kind.0 == name) || UNJUDGED.contains(&name), "no rule listens for {name}");
    }
}

/// Kinds that are noticed but are not a finding by themselves: another rule says more, or the request or the end of the
/// connection decides.
const UNJUDGED: &[&str] =
    &["chat.list-limited", "chat.usage-null", "chat.usage-with-choices", "ndjson.pending-at-end", "sse.waiting-at-end"];

/// The kinds that the layers of these families declare.
fn declared() -> impl Iterator<Item = &'static str> {
    let files = [
        include_str!("../../framing/sse/kinds.rs"),
        include_str!("../../framing/ndjson.rs"),
        include_str!("../../dialect/openai_chat/kinds.rs"),
    ];
    files.into_iter().flat_map(|f| f.split("Kind(\"").skip(1)).filter_map(|rest| rest.split('"').next())
}

#[test]
fn outside_of_model_streams_event_stream_habits_are_no_fault() {
    let plain = || stream(Framing::Sse, Some("none"), "text/event-stream");
    assert_eq!(judged(&with(plain(), sse::DATA_WITHOUT_SPACE)), [("SSE-002", Info)]);
    assert_eq!(judged(&with(plain(), sse::BLOCK_WITHOUT_DATA)), [("SSE-012", Info)]);
    assert_eq!(judged(&with(plain(), sse::EMPTY_DATA)), []);
    assert_eq!(judged(&with(plain(), sse::PENDING_AT_END)), [("SSE-001", Error)]);
}

#[test]
fn the_type_is_compared_without_case_and_parameters() {
    let wrong = |declared: Option<&str>, promised: &[&str]| {
        rules::http::wrong_type(&head(200, declared, Transfer::Chunked), "openai.chat", promised).map(|f| f.message)
    };
    let promised = &["text/event-stream"];
    assert_eq!(wrong(Some("Text/Event-Stream ; charset=utf-8"), promised), None);
    assert_eq!(wrong(None, promised), None, "absence is HTTP-003's");
    assert_eq!(wrong(Some("application/grpc+proto"), &["application/grpc"]), None);
    assert_eq!(wrong(Some("anything"), &[]), None);
    let said = wrong(Some("application/x-ndjson"), promised).unwrap();
    assert_eq!(said, "Content-Type is application/x-ndjson; openai.chat promises text/event-stream");
    assert!(wrong(Some("text/event-streams"), promised).is_some());
}

#[test]
fn declared_and_actual_framing() {
    let cases = [
        (Framing::Sse, "text/event-stream", true),
        (Framing::Sse, "application/x-ndjson", false),
        (Framing::Sse, "text/plain; charset=utf-8", false),
        (Framing::Ndjson, "application/x-ndjson", true),
        (Framing::Ndjson, "application/jsonl", true),
        (Framing::Ndjson, "application/stream+json", true),
        (Framing::Ndjson, "application/json", false),
        (Framing::Ndjson, "text/event-stream", false),
        (Framing::JsonArray, "application/json; charset=UTF-8", true),
        (Framing::JsonArray, "text/event-stream", false),
        (Framing::ConcatJson, "application/json", true),
        (Framing::ConcatJson, "application/x-ndjson", false),
        (Framing::JsonSeq, "application/json-seq", true),
        (Framing::JsonSeq, "application/geo+json-seq", true),
        (Framing::AwsEventStream, "application/vnd.amazon.eventstream", true),
        (Framing::AwsEventStream, "application/json", false),
        (Framing::Grpc, "application/grpc+proto", true),
        (Framing::Json, "text/event-stream", false),
        (Framing::Json, "application/x-ndjson", true),
        (Framing::Text, "text/event-stream", false),
        (Framing::Text, "text/plain", true),
        (Framing::Empty, "text/event-stream", true),
    ];
    for (framing, declared, agree) in cases {
        let want: &[(&str, Level)] = if agree { &[] } else { &[("HTTP-002", Error)] };
        let mut have = judged(&stream(framing, Some("none"), declared));
        have.retain(|(code, _)| code.starts_with("HTTP"));
        assert_eq!(have, want, "{framing:?} as {declared}");
    }
}

#[test]
fn no_type_at_all_is_a_warning_and_an_error_answer_is_no_stream() {
    let mut exchange = chat();
    response(&mut exchange).head = Some(head(200, None, Transfer::Chunked));
    assert_eq!(judged(&exchange), [("HTTP-003", Warning)]);
    response(&mut exchange).head = Some(head(500, None, Transfer::Chunked));
    assert_eq!(judged(&exchange), []);
}

#[test]
fn a_cut_is_told_by_who_cut_and_what_was_there() {
    // In the middle: HTTP reports the cut, delivery reports what is missing, the dialect adds nothing.
    assert_eq!(judged(&half_chat(MessageEnd::CutByServer)), [("HTTP-006", Error), ("DLV-010", Warning)]);
    assert_eq!(judged(&half_chat(MessageEnd::CutByClient)), [("DLV-010", Info)]);
    assert_eq!(judged(&half_chat(MessageEnd::CutByCapture)), [("DLV-015", Info)]);
    // After [DONE]: whole.
    let whole = |end| {
        let mut exchange = chat();
        response(&mut exchange).end = end;
        exchange
    };
    assert_eq!(judged(&whole(MessageEnd::CutByServer)), [("HTTP-006", Error)]);
    assert_eq!(judged(&whole(MessageEnd::CutByClient)), [("HTTP-006", Info)]);
    assert!(said(&whole(MessageEnd::CutByClient)).iter().any(|f| f.message.contains("complete, not truncated")));
    assert_eq!(judged(&whole(MessageEnd::CutByCapture)), [("DLV-015", Info)]);
    let message = &said(&half_chat(MessageEnd::CutByServer)).into_iter().find(|f| f.rule == "DLV-010").unwrap().message;
    assert_eq!(
        message,
        "truncated by the server after 5 records: the transport was cut, no terminator ([DONE]), no finish reason"
    );
}

#[test]
fn a_cut_without_chunks_is_no_matter_of_the_last_chunk() {
    let mut exchange = half_chat(MessageEnd::CutByServer);
    response(&mut exchange).head = Some(head(200, Some("text/event-stream"), Transfer::H2));
    assert_eq!(judged(&exchange), [("HTTP-015", Error), ("DLV-010", Warning)]);
    response(&mut exchange).head = Some(head(200, Some("text/event-stream"), Transfer::Length(500)));
    assert_eq!(judged(&exchange), [("HTTP-007", Error), ("HTTP-010", Warning), ("DLV-010", Warning)]);
    assert!(said(&exchange).iter().any(|f| f.message.contains("after 300 of 500 bytes")));
}

#[test]
fn who_promises_no_end_is_not_truncated_at_a_proper_one() {
    let plain = |dialect| judged(&stream(Framing::Sse, Some(dialect), "text/event-stream"));
    assert_eq!(plain("none"), []);
    assert_eq!(plain("litserve.plain"), []);
    assert_eq!(plain("gemini.generate"), [("DLV-010", Warning)], "no finish reason came");
    assert_eq!(plain("dashscope.generation"), [("DLV-010", Warning)], "no finish reason came");
    let mut cut = stream(Framing::Sse, Some("none"), "text/event-stream");
    response(&mut cut).end = MessageEnd::CutByServer;
    assert_eq!(judged(&cut), [("HTTP-006", Error), ("DLV-010", Warning)]);
}

#[test]
fn missing_done_is_a_warning_and_worse_where_more_is_missing() {
    let no_done = |end| {
        let mut exchange = half_chat(end);
        response(&mut exchange).answer.finish_reasons.insert(0, "stop".into());
        exchange
    };
    assert_eq!(judged(&no_done(MessageEnd::Complete)), [("OAI-CHAT-001", Warning)]);
    let gave_up = |after: i64| {
        let mut exchange = no_done(MessageEnd::CutByClient);
        exchange.ending.at = at(after);
        level_of(&exchange, "OAI-CHAT-001")
    };
    assert_eq!(gave_up(30_000), Some(Error), "left open");
    assert_eq!(gave_up(60), None, "a client that stops at the finish reason");
    assert_eq!(level_of(&no_done(MessageEnd::CutByCapture), "OAI-CHAT-001"), None);
    let neither = half_chat(MessageEnd::Complete);
    // The missing finish reason is shown at the last delta, the missing [DONE] at the end.
    assert_eq!(judged(&neither), [("OAI-CHAT-005", Error), ("OAI-CHAT-001", Error), ("DLV-010", Warning)]);
}

#[test]
fn every_choice_needs_its_finish_reason() {
    let mut exchange = chat();
    response(&mut exchange).answer.texts.insert(1, "b".into());
    assert_eq!(judged(&exchange), [("OAI-CHAT-005", Error)]);
    assert!(said(&exchange).iter().any(|f| f.message == "no finish_reason for choice 1"));
}

#[test]
fn an_error_in_the_stream_is_an_end() {
    let mut exchange = half_chat(MessageEnd::Complete);
    response(&mut exchange).answer.error = Some("overloaded".into());
    assert_eq!(judged(&exchange), []);
    let mut exchange =
        with(stream(Framing::Sse, Some("anthropic.messages"), "text/event-stream"), anthropic::NO_MESSAGE_STOP);
    response(&mut exchange).answer.error = Some("overloaded_error".into());
    assert_eq!(judged(&exchange), []);
}

#[test]
fn a_lower_layer_explains_the_higher_ones_away() {
    let pending = with(half_chat(MessageEnd::Complete), sse::PENDING_AT_END);
    assert_eq!(judged(&pending), [("SSE-001", Error), ("DLV-010", Warning)]);
    for rule in RULES {
        for by in rule.silenced_by {
            let position = |code: &str| {
                RULES.iter().position(|r| r.code == code).unwrap_or_else(|| panic!("{}: no rule {code}", rule.code))
            };
            assert!(
                position(by) < position(rule.code),
                "{} is silenced by {by}, which is not a lower layer",
                rule.code
            );
        }
    }
}

#[test]
fn where_the_capture_lacks_bytes_verdicts_are_unsure() {
    let mut exchange = with(with(half_chat(MessageEnd::Complete), sse::DATA_WITHOUT_SPACE), sse::EMPTY_DATA);
    exchange.gap = true;
    for finding in said(&exchange) {
        let sure = ["SSE-002", "DLV-015"].contains(&finding.rule);
        assert!(finding.level <= Some(Warning), "{finding:?}");
        assert_eq!(
            finding.message.ends_with("(unsure: the capture lacks bytes of this exchange)"),
            !sure,
            "{finding:?}"
        );
    }
    assert_eq!(level_of(&exchange, "DLV-015"), Some(Info));
    assert_eq!(level_of(&exchange, "SSE-013"), Some(Warning));
    let mut joined = chat();
    response(&mut joined).head = None;
    assert_eq!(judged(&joined), [("DLV-015", Info)]);
}

#[test]
fn single_documents_are_no_streams() {
    let mut document = with(with(half_chat(MessageEnd::Complete), chat_kinds::ID_SHORT), chat_kinds::UNKNOWN_FIELD);
    response(&mut document).framing = Framing::Json;
    assert_eq!(judged(&document), [("HTTP-002", Error)], "a document under text/event-stream");
    response(&mut document).head = Some(head(200, Some("application/json"), Transfer::Chunked));
    assert_eq!(judged(&document), []);
}

#[test]
fn buffering_is_many_deltas_in_few_bursts() {
    let level = |times: Vec<i64>| {
        let mut exchange = chat();
        let response = response(&mut exchange);
        response.last_at = at(times.last().copied().unwrap_or(0) + 1);
        response.deltas = deltas(&times);
        level_of(&exchange, "DLV-001")
    };
    assert_eq!(level(vec![3000; 30]), Some(Warning));
    assert_eq!(level((0..30).map(|i| 3000 + i).collect()), None, "a fast model after a long prompt");
    assert_eq!(level(vec![50; 30]), None, "no client waited");
    assert_eq!(level(vec![3000; 20]), None, "not more than 20 deltas");
    assert_eq!(level((0..30).map(|i| i * 20).collect()), None, "one by one");
    assert_eq!(level((0..60).map(|i| i / 20 * 1000).collect()), Some(Warning), "three bursts");
    assert_eq!(level((0..60).map(|i| i / 10 * 1000).collect()), None, "six bursts");
}

#[test]
fn a_stall_is_long_and_unusual() {
    let stalled = |times: &[i64]| {
        let mut exchange = chat();
        response(&mut exchange).deltas = deltas(times);
        said(&exchange).into_iter().find(|f| f.rule == "DLV-005").map(|f| (f.record, f.count, f.message))
    };
    let message = "12.0 s of silence before record 4 (median ITL: 20.0 ms)".to_owned();
    assert_eq!(stalled(&[0, 20, 40, 12_040, 12_060]), Some((Some(4), 1, message)));
    assert_eq!(
        stalled(&[0, 20, 40, 10_040, 22_040, 22_060, 22_080]).map(|f| (f.0, f.1)),
        Some((Some(5), 2)),
        "the longest, and how many"
    );
    assert_eq!(stalled(&[0, 20, 40, 9_000]), None, "under 10 s");
    assert_eq!(stalled(&[0, 11_000, 22_000, 33_000]), None, "slow throughout");
    assert_eq!(stalled(&[0, 60_000]), None, "nothing to compare with");
}

#[test]
fn worst_first_then_by_place() {
    let mut exchange = with(with(chat(), chat_kinds::UNKNOWN_FIELD), chat_kinds::ID_SHORT);
    exchange.oddities.push(crate::oddity::Oddity::new(chat_kinds::NO_FINISH_REASON_KEY, at(10), "").record(0));
    exchange = with(exchange, sse::EMPTY_DATA);
    let codes: Vec<_> = judged(&exchange).into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, ["SSE-013", "OAI-CHAT-006", "OAI-CHAT-020", "OAI-CHAT-024"]);
}

#[test]
fn rules_are_found_by_code_and_name_and_listed() {
    assert_eq!(by_code("oai-chat-001").map(|r| r.name), Some("missing-done"));
    assert_eq!(by_code("missing-done").map(|r| r.code), Some("OAI-CHAT-001"));
    assert!(by_code("nothing").is_none());
    let table = catalogue_table();
    assert_eq!(table.lines().count(), RULES.len() + 2);
    assert!(table.contains("\n| OAI-CHAT-001 | warning | missing-done | "));
}
