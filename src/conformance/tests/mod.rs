//! Each check against exchanges built by hand; the samples of the rules run through the whole pipeline in `tests/catalogue.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod build;

use super::*;
use crate::framing::Framing;
use crate::http::event::{MessageEnd, Transfer};
use crate::oddity::Kind;
use build::{at, chat, deltas, half_chat, head, response, stream, with};
use std::collections::BTreeSet;

use Level::{Error, Info, Warning};

/// Codes and levels, without HTTP-001, which needs the table of dialects.
fn judged(exchange: &Exchange) -> Vec<(&'static str, Level)> {
    said(exchange).into_iter().map(|f| (f.rule, f.level.unwrap())).filter(|(code, _)| *code != "HTTP-001").collect()
}

fn said(exchange: &Exchange) -> Vec<Finding> {
    judge(exchange, &Metrics::default(), &Limits::default())
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
        (kinds::SSE_PENDING_AT_END, "SSE-001", Error),
        (kinds::SSE_DATA_WITHOUT_SPACE, "SSE-002", Warning),
        (kinds::SSE_NOT_A_FIELD_LINE, "SSE-004", Error),
        (kinds::SSE_BLOCK_WITHOUT_DATA, "SSE-012", Warning),
        (kinds::SSE_EMPTY_DATA, "SSE-013", Error),
        (kinds::SSE_INVALID_UTF8, "SSE-016", Error),
        (kinds::CHAT_DUPLICATE_TERMINATOR, "OAI-CHAT-003", Warning),
        (kinds::CHAT_DATA_AFTER_TERMINATOR, "OAI-CHAT-004", Error),
        (kinds::CHAT_FINISH_REASON_REPEATED, "OAI-CHAT-005", Warning),
        (kinds::CHAT_NO_FINISH_REASON_KEY, "OAI-CHAT-006", Warning),
        (kinds::CHAT_ID_SHORT, "OAI-CHAT-020", Warning),
        (kinds::CHAT_UNKNOWN_FIELD, "OAI-CHAT-024", Info),
        (kinds::CHAT_USAGE_ARITHMETIC, "OAI-CHAT-031", Warning),
        (kinds::CHAT_EMPTY_DELTAS_RUN, "OAI-CHAT-036", Info),
        (kinds::ANTHROPIC_NO_MESSAGE_START, "ANT-001", Error),
        (kinds::ANTHROPIC_MESSAGE_START_REPEATED, "ANT-001", Error),
        (kinds::ANTHROPIC_NO_MESSAGE_STOP, "ANT-001", Error),
        (kinds::ANTHROPIC_AFTER_MESSAGE_STOP, "ANT-001", Error),
        (kinds::NDJSON_NOT_JSON, "NDJSON-001", Error),
        (kinds::NDJSON_SEVERAL_VALUES, "NDJSON-001", Error),
        (kinds::OLLAMA_NO_DONE, "OLLAMA-001", Error),
        (kinds::OLLAMA_AFTER_DONE, "OLLAMA-001", Error),
        (kinds::OLLAMA_NO_DONE_REASON, "OLLAMA-001", Error),
        (kinds::AWS_BAD_PRELUDE_CRC, "AWS-001", Error),
        (kinds::AWS_BAD_MESSAGE_CRC, "AWS-001", Error),
        (kinds::AWS_BAD_LENGTH, "AWS-001", Error),
        (kinds::GRPC_STATUS, "GRPC-001", Error),
        (kinds::GRPC_NO_STATUS, "GRPC-001", Error),
    ];
    for (kind, code, level) in cases {
        let exchange = with(with(chat(), *kind), *kind);
        assert_eq!(judged(&exchange), [(*code, *level)], "{kind:?}");
        let finding = said(&exchange).into_iter().find(|f| f.rule == *code).unwrap();
        assert_eq!((finding.record, finding.offset, finding.at, finding.count), (Some(2), Some(77), Some(at(30)), 2), "{kind:?}");
    }
    let used: BTreeSet<Kind> = cases.iter().map(|(kind, ..)| *kind).collect();
    assert_eq!(used, kinds::ALL.iter().copied().collect(), "every kind has its rule");
}

#[test]
fn outside_of_model_streams_event_stream_habits_are_no_fault() {
    let plain = || stream(Framing::Sse, Some("none"), "text/event-stream");
    assert_eq!(judged(&with(plain(), kinds::SSE_DATA_WITHOUT_SPACE)), [("SSE-002", Info)]);
    assert_eq!(judged(&with(plain(), kinds::SSE_BLOCK_WITHOUT_DATA)), [("SSE-012", Info)]);
    assert_eq!(judged(&with(plain(), kinds::SSE_EMPTY_DATA)), []);
    assert_eq!(judged(&with(plain(), kinds::SSE_PENDING_AT_END)), [("SSE-001", Error)]);
}

#[test]
fn the_type_is_compared_without_case_and_parameters() {
    let wrong = |declared: Option<&str>, promised: &[&str]| {
        rules::http::wrong_type(&head(200, declared, Transfer::Chunked), "openai.chat", promised).map(|f| f.message)
    };
    let sse = &["text/event-stream"];
    assert_eq!(wrong(Some("Text/Event-Stream ; charset=utf-8"), sse), None);
    assert_eq!(wrong(None, sse), None, "absence is HTTP-003's");
    assert_eq!(wrong(Some("application/grpc+proto"), &["application/grpc"]), None);
    assert_eq!(wrong(Some("anything"), &[]), None);
    let said = wrong(Some("application/x-ndjson"), sse).unwrap();
    assert_eq!(said, "Content-Type is application/x-ndjson; openai.chat promises text/event-stream");
    assert!(wrong(Some("text/event-streams"), sse).is_some());
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
        (Framing::Json, "text/event-stream", true),
        (Framing::Text, "text/event-stream", true),
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
    // In the middle: HTTP says that, delivery what is missing, the dialect nothing more.
    assert_eq!(judged(&half_chat(MessageEnd::CutByServer)), [("HTTP-006", Error), ("DLV-010", Warning)]);
    assert_eq!(judged(&half_chat(MessageEnd::CutByClient)), [("DLV-010", Info)]);
    assert_eq!(judged(&half_chat(MessageEnd::CutByCapture)), [("DLV-015", Info)]);
    // Behind [DONE]: whole.
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
    assert_eq!(message, "truncated by the server after 5 records: the transport was cut, no terminator ([DONE]), no finish reason");
}

#[test]
fn a_cut_without_chunks_is_no_matter_of_the_last_chunk() {
    let mut exchange = half_chat(MessageEnd::CutByServer);
    response(&mut exchange).head = Some(head(200, Some("text/event-stream"), Transfer::H2));
    assert_eq!(judged(&exchange), [("DLV-010", Warning)]);
    response(&mut exchange).head = Some(head(200, Some("text/event-stream"), Transfer::Length(500)));
    assert_eq!(judged(&exchange), [("HTTP-007", Error), ("DLV-010", Warning)]);
    assert!(said(&exchange).iter().any(|f| f.message.contains("after 300 of 500 bytes")));
}

#[test]
fn who_promises_no_end_is_not_truncated_at_a_proper_one() {
    let plain = |dialect| judged(&stream(Framing::Sse, Some(dialect), "text/event-stream"));
    assert_eq!(plain("none"), []);
    assert_eq!(plain("litserve.plain"), []);
    assert_eq!(plain("gemini.generate"), [("DLV-010", Warning)], "no finish reason came");
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
    assert_eq!(level_of(&no_done(MessageEnd::CutByClient), "OAI-CHAT-001"), Some(Error));
    assert_eq!(level_of(&no_done(MessageEnd::CutByCapture), "OAI-CHAT-001"), None);
    let neither = half_chat(MessageEnd::Complete);
    assert_eq!(judged(&neither), [("OAI-CHAT-001", Error), ("OAI-CHAT-005", Error), ("DLV-010", Warning)]);
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
    let mut exchange = with(stream(Framing::Sse, Some("anthropic.messages"), "text/event-stream"), kinds::ANTHROPIC_NO_MESSAGE_STOP);
    response(&mut exchange).answer.error = Some("overloaded_error".into());
    assert_eq!(judged(&exchange), []);
}

#[test]
fn a_lower_layer_explains_the_higher_ones_away() {
    let pending = with(half_chat(MessageEnd::Complete), kinds::SSE_PENDING_AT_END);
    assert_eq!(judged(&pending), [("SSE-001", Error), ("DLV-010", Warning)]);
    for rule in RULES {
        for by in rule.silenced_by {
            let position =
                |code: &str| RULES.iter().position(|r| r.code == code).unwrap_or_else(|| panic!("{}: no rule {code}", rule.code));
            assert!(position(by) < position(rule.code), "{} is silenced by {by}, which is no lower layer", rule.code);
        }
    }
}

#[test]
fn where_the_capture_lacks_bytes_verdicts_are_unsure() {
    let mut exchange = with(with(half_chat(MessageEnd::Complete), kinds::SSE_DATA_WITHOUT_SPACE), kinds::SSE_EMPTY_DATA);
    exchange.gap = true;
    for finding in said(&exchange) {
        let sure = ["SSE-002", "DLV-015"].contains(&finding.rule);
        assert!(finding.level <= Some(Warning), "{finding:?}");
        assert_eq!(finding.message.ends_with("(unsure: the capture lacks bytes of this exchange)"), !sure, "{finding:?}");
    }
    assert_eq!(level_of(&exchange, "DLV-015"), Some(Info));
    assert_eq!(level_of(&exchange, "SSE-013"), Some(Warning));
    let mut joined = chat();
    response(&mut joined).head = None;
    assert_eq!(judged(&joined), [("DLV-015", Info)]);
}

#[test]
fn single_documents_are_no_streams() {
    let mut document = with(with(half_chat(MessageEnd::Complete), kinds::CHAT_ID_SHORT), kinds::CHAT_UNKNOWN_FIELD);
    response(&mut document).framing = Framing::Json;
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
    assert_eq!(level((0..30).map(|i| 3000 + i).collect()), Some(Warning), "within 50 ms");
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
    let message = "12.0 s of silence before record 4 (the usual gap: 20.0 ms)".to_owned();
    assert_eq!(stalled(&[0, 20, 40, 12_040, 12_060]), Some((Some(4), 1, message)));
    assert_eq!(stalled(&[0, 20, 40, 10_040, 22_040, 22_060, 22_080]).map(|f| (f.0, f.1)), Some((Some(5), 2)), "the longest, and how many");
    assert_eq!(stalled(&[0, 20, 40, 9_000]), None, "under 10 s");
    assert_eq!(stalled(&[0, 11_000, 22_000, 33_000]), None, "slow throughout");
    assert_eq!(stalled(&[0, 60_000]), None, "nothing to compare with");
}

#[test]
fn worst_first_then_by_place() {
    let mut exchange = with(with(chat(), kinds::CHAT_UNKNOWN_FIELD), kinds::CHAT_ID_SHORT);
    exchange.oddities.push(crate::oddity::Oddity::new(kinds::CHAT_NO_FINISH_REASON_KEY, at(10), "").record(0));
    exchange = with(exchange, kinds::SSE_EMPTY_DATA);
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

#[test]
fn every_sample_is_a_transcript() {
    for rule in RULES {
        for sample in rule.bad.iter().chain(rule.good) {
            crate::wire::parse(sample).unwrap_or_else(|e| panic!("{}: {e}\n{sample}", rule.code));
        }
    }
}
