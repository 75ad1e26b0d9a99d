//! Chat streams written after OpenAI's document, and each way off it that docs/dialects.md names.

mod alike;
mod providers;

use super::super::testing::{Read, chosen, read_as};
use super::*;

const ROLE: &str = r#"{"id":"chatcmpl-abc123","object":"chat.completion.chunk","created":1764124490,"model":"m1","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#;
const TEXT: &str = r#"{"id":"chatcmpl-abc123","object":"chat.completion.chunk","created":1764124490,"model":"m1","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}"#;
const END: &str = r#"{"id":"chatcmpl-abc123","object":"chat.completion.chunk","created":1764124490,"model":"m1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;

fn sse(records: &[&str]) -> Read {
    let records: Vec<_> = records.iter().map(|r| ("", *r)).collect();
    read_as(&DIALECT, Framing::Sse, &records)
}

/// A chunk with these choices.
fn with(choices: &str) -> String {
    format!(
        r#"{{"id":"chatcmpl-abc123","object":"chat.completion.chunk","created":1764124490,"model":"m1","choices":{choices}}}"#
    )
}

/// A chunk of choice 0 with this delta.
fn delta(delta: &str) -> String {
    with(&format!(r#"[{{"index":0,"delta":{delta},"finish_reason":null}}]"#))
}

/// Kinds noticed when `record` is between the role and the end of a clean stream.
fn oddities(record: &str) -> Vec<&'static str> {
    sse(&[ROLE, record, END, "[DONE]"]).kinds()
}

#[test]
fn a_clean_stream() {
    let usage = r#"{"id":"chatcmpl-abc123","object":"chat.completion.chunk","created":1764124490,"model":"m1","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#;
    let read = sse(&[ROLE, TEXT, TEXT, END, usage, "[DONE]"]);
    assert_eq!((read.text(), read.answer.content_deltas, read.answer.finish_reasons[&0].as_str()), ("HiHi", 2, "stop"));
    assert_eq!(
        (read.answer.output_tokens, read.answer.usage.as_ref().map(|u| u["total_tokens"].clone())),
        (Some(2), Some(5.into()))
    );
    assert_eq!(
        (read.answer.id.as_deref(), read.answer.model.as_deref(), read.answer.variant),
        (Some("chatcmpl-abc123"), Some("m1"), None)
    );
    let t = &read.answer.terminator;
    assert_eq!(
        (t.expected, t.which.as_deref(), t.own, t.is_last_record),
        (Some("[DONE]"), Some("[DONE]"), true, Some(true))
    );
    let deltas: Vec<_> = read.meanings.iter().map(|m| m.delta()).collect();
    assert_eq!(deltas, [None, Some("content"), Some("content"), None, None, None]);
    assert!(read.kinds().is_empty(), "{:?}", read.kinds());
}

#[test]
fn what_counts_as_a_delta() {
    for (json, want) in [
        (r#"{"content":"a"}"#, Some("content")),
        (r#"{"content":""}"#, None),
        (r#"{"content":null}"#, None),
        (r#"{"refusal":"no"}"#, Some("content")),
        (r#"{"reasoning_content":"hm","content":null}"#, Some("reasoning")),
        (r#"{"reasoning":"hm"}"#, Some("reasoning")),
        (r#"{"reasoning_content":""}"#, None),
        (r#"{"tool_calls":[]}"#, None),
        (
            r#"{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":""}}]}"#,
            Some("tool"),
        ),
        (r#"{"function_call":{"name":"f","arguments":""}}"#, Some("tool")),
    ] {
        assert_eq!(sse(&[ROLE, &delta(json)]).meanings[1].delta(), want, "{json}");
    }
}

#[test]
fn tool_calls_are_put_together() {
    let start =
        delta(r#"{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":""}}]}"#);
    let part = delta(
        r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":"}},{"index":1,"id":"call_2","type":"function","function":{"name":"g","arguments":"{}"}}]}"#,
    );
    let rest = delta(r#"{"tool_calls":[{"index":0,"function":{"arguments":"\"Paris\"}"}}]}"#);
    let read = sse(&[ROLE, &start, &part, &rest]);
    assert_eq!(
        (read.answer.tool_arguments["0"].as_str(), read.answer.tool_arguments["1"].as_str()),
        ("{\"city\":\"Paris\"}", "{}")
    );
    assert_eq!(
        (read.answer.tool_names["0"].as_str(), read.answer.tool_names["1"].as_str(), read.answer.tool_deltas),
        ("f", "g", 3)
    );
    assert!(read.kinds().is_empty(), "{:?}", read.kinds());
    // Gemini's compatible endpoint: whole calls without an index
    let call = |id| {
        delta(&format!(
            r#"{{"tool_calls":[{{"id":"{id}","type":"function","function":{{"name":"f","arguments":"{{}}"}}}}]}}"#
        ))
    };
    let read = sse(&[ROLE, &call("a"), &call("b")]);
    assert_eq!((read.answer.tool_arguments.len(), read.kinds()), (2, vec!["chat.tool-index-missing"]));
}

#[test]
fn choices_are_kept_apart() {
    let both = with(
        r#"[{"index":0,"delta":{"role":"assistant","content":"red"},"finish_reason":"stop"},{"index":1,"delta":{"role":"assistant","content":"green"},"finish_reason":"length"}]"#,
    );
    let read = sse(&[&both, "[DONE]"]);
    assert_eq!(
        (read.answer.texts[&0].as_str(), read.answer.texts[&1].as_str(), read.answer.content_deltas),
        ("red", "green", 1)
    );
    assert_eq!((read.answer.finish_reasons[&1].as_str(), read.kinds()), ("length", vec!["chat.finish-with-delta"]));
}

#[test]
fn a_whole_answer() {
    let whole = r#"{"id":"chatcmpl-abc123","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#;
    let read = read_as(&DIALECT, Framing::Json, &[("", whole)]);
    assert_eq!((read.text(), read.answer.content_deltas, read.answer.tool_arguments["0"].as_str()), ("Hi", 1, "{}"));
    let t = &read.answer.terminator;
    assert_eq!((t.expected, t.seen, t.is_last_record, read.kinds()), (None, false, Some(false), vec![]));
    let read = read_as(&DIALECT, Framing::Json, &[("", r#"{"error":{"message":"Rate limit","code":429}}"#)]);
    assert_eq!(
        (read.answer.error.as_deref(), read.answer.content_deltas, read.kinds()),
        (Some(r#"{"message":"Rate limit","code":429}"#), 0, vec![])
    );
}

#[test]
fn oddities_of_one_record() {
    for (record, kinds) in [
        (with(r#"[{"index":0,"delta":{"content":"a"}}]"#), vec!["chat.no-finish-reason-key"]),
        (with(r#"[{"index":0,"delta":{"content":"a"},"finish_reason":""}]"#), vec!["chat.finish-reason-empty"]),
        (
            with(r#"[{"index":0,"delta":{"content":"a"},"finish_reason":"eos"}]"#),
            vec!["chat.finish-reason-repeated", "chat.finish-reason-unknown", "chat.finish-with-delta"],
        ),
        (with(r#"[{"delta":{"content":"a"},"finish_reason":null}]"#), vec!["chat.choice-index-missing"]),
        (with(r#"[{"index":0,"finish_reason":null}]"#), vec!["chat.delta-missing"]),
        (with(r#"[7]"#), vec!["chat.choice-type"]),
        (with("null"), vec!["chat.choices-missing"]),
        (with("[]"), vec!["chat.choices-empty"]),
        (delta(r#"{"role":"assistant","content":"a"}"#), vec!["chat.role-repeated"]),
        (delta(r#"{"role":null,"content":"a"}"#), vec!["chat.role-empty"]),
        (delta(r#"{"content":7}"#), vec!["chat.content-type"]),
        (delta(r#"{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}"#), vec!["chat.tool-start-incomplete"]),
        (
            delta(r#"{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":{}}}]}"#),
            vec!["chat.tool-arguments-type"],
        ),
        (TEXT.replace("\"choices\"", "\"extend_fields\":{},\"choices\""), vec!["chat.unknown-field"]),
        (TEXT.replace("\"choices\"", "\"error\":null,\"choices\""), vec!["chat.error-null"]),
        (TEXT.replace("1764124490", "1764124491"), vec!["chat.created-changes"]),
        (TEXT.replace("1764124490", "\"1764124490\""), vec!["chat.created-type"]),
        (TEXT.replace("1764124490", "1764124490000"), vec!["chat.created-type"]),
        (TEXT.replace("chatcmpl-abc123", "chatcmpl-abc124"), vec!["chat.id-changes"]),
        (TEXT.replace("\"chatcmpl-abc123\"", "null"), vec!["chat.id-missing"]),
        (TEXT.replace("chat.completion.chunk", "chat.completion"), vec!["chat.object-wrong"]),
        (TEXT.replace("\"m1\"", "\"m2\""), vec!["chat.model-changes"]),
        (TEXT.replace("\"index\":0", "\"index\":0,\"index\":0"), vec!["json.doubled-key"]),
        (TEXT.replace("Hi", "\\ud800"), vec!["json.lone-surrogate"]),
        (TEXT.replace("\"Hi\"", "NaN"), vec!["chat.not-json"]),
        ("{'a':1}".into(), vec!["chat.not-json"]),
        ("".into(), vec!["chat.not-json"]),
        ("[]".into(), vec!["chat.not-object"]),
        ("{}".into(), vec!["chat.not-a-chunk"]),
        (r#"{"type":"ping"}"#.into(), vec!["chat.not-a-chunk"]),
        ("upstream error".into(), vec!["chat.not-json"]),
        (": PROCESSING".into(), vec!["json.comment-as-data"]),
        ("{}{}".into(), vec!["json.second-value"]),
        (r#"{"error":"no"}"#.into(), vec!["chat.error-shape"]),
        (r#"{"detail":"no"}"#.into(), vec!["chat.error-shape"]),
        (r#"{"object":"error","message":"no"}"#.into(), vec!["chat.error-shape"]),
        (r#"{"error":{"message":"no"}}"#.into(), vec![]),
        ("[done]".into(), vec!["chat.data-after-terminator", "chat.duplicate-terminator", "chat.terminator-spelling"]),
    ] {
        assert_eq!(oddities(&record), kinds, "{record}");
    }
}

#[test]
fn broken_json_is_placed() {
    let read = sse(&[ROLE, "{\"id\": x}"]);
    let (odd, n) = read.odd.find(NOT_JSON).expect("noticed");
    assert_eq!((odd.record, odd.offset, n), (Some(1), Some(100), 1));
    assert!(odd.found.contains("line 1 column 8") && odd.found.contains("{\"id\": x}"), "{}", odd.found);
}

#[test]
fn order_of_roles_ends_and_terminators() {
    assert_eq!(sse(&[TEXT, END, "[DONE]"]).kinds(), ["chat.role-missing"]);
    assert_eq!(sse(&[ROLE, END, TEXT, "[DONE]"]).kinds(), ["chat.content-after-finish"]);
    assert_eq!(sse(&[ROLE, TEXT, END, "[DONE]", "[DONE]"]).kinds(), ["chat.duplicate-terminator"]);
    let read = sse(&[ROLE, END, "[DONE]", TEXT]);
    assert_eq!(read.kinds(), ["chat.content-after-finish", "chat.data-after-terminator"]);
    assert_eq!((read.answer.terminator.own, read.answer.terminator.is_last_record), (true, Some(false)));
    let read = sse(&[ROLE, END, "\"[DONE]\""]);
    assert_eq!(
        (read.kinds(), read.answer.terminator.seen, read.answer.terminator.own),
        (vec!["chat.terminator-spelling"], true, false)
    );
    assert!(sse(&[ROLE, END, "[DONE] "]).answer.terminator.own);
}

#[test]
fn empty_deltas_in_a_row() {
    let empty = delta(r#"{"content":""}"#);
    assert!(sse(&[ROLE, TEXT, &empty, END]).kinds().is_empty(), "a single one is not a run");
    let read = sse(&[ROLE, TEXT, &empty, &empty, &empty, END]);
    let (odd, n) = read.odd.find(EMPTY_DELTAS_RUN).expect("noticed");
    assert_eq!((odd.record, odd.found.as_ref(), n), (Some(2), "3 in a row", 1));
    assert_eq!(sse(&[ROLE, &empty, &empty]).kinds(), ["chat.empty-deltas-run"], "and at the end of the body");
}

#[test]
fn figures_that_cannot_be() {
    let usage = |figures: &str| sse(&[ROLE, &with(&format!(r#"[],"usage":{figures}"#))]);
    let read = usage(
        r#"{"prompt_tokens":21,"completion_tokens":10,"total_tokens":31,"prompt_tokens_details":{"cached_tokens":29}}"#,
    );
    assert_eq!(read.found(USAGE_ARITHMETIC), Some("cached_tokens 29 > prompt_tokens 21"));
    let read = usage(r#"{"prompt_tokens":1,"completion_tokens":2,"total_tokens":4}"#);
    assert_eq!(read.found(USAGE_ARITHMETIC), Some("total_tokens 4 ≠ prompt_tokens 1 + completion_tokens 2"));
    let read = usage(r#"{"completion_tokens":2,"completion_tokens_details":{"reasoning_tokens":3}}"#);
    assert_eq!(read.found(USAGE_ARITHMETIC), Some("reasoning_tokens 3 > completion_tokens 2"));
    assert_eq!(usage(r#"{"completion_tokens":"2"}"#).found(USAGE_TYPE), Some("completion_tokens is a string"));
    assert_eq!(usage(r#"{"completion_tokens":2.5}"#).kinds(), ["chat.usage-type"]);
    assert!(usage("null").answer.usage.is_none());
}

#[test]
fn usage_inside_a_choice() {
    let end = with(
        r#"[{"index":0,"delta":{},"finish_reason":"stop","usage":{"prompt_tokens":9,"completion_tokens":7,"total_tokens":16}}]"#,
    );
    let read = sse(&[ROLE, TEXT, &end]);
    assert_eq!(
        (read.kinds(), read.answer.output_tokens, read.answer.variant),
        (vec!["chat.usage-in-choice"], Some(7), Some("moonshot"))
    );
}

#[test]
fn ids_are_counted() {
    let records: Vec<_> = (0..5).map(|n| TEXT.replace("abc123", &format!("abc12{n}"))).collect();
    let records: Vec<_> = std::iter::once(ROLE).chain(records.iter().map(String::as_str)).collect();
    let read = sse(&records);
    let found = read.found(ID_CHANGES).expect("noticed");
    assert!(found.starts_with("5 distinct ids in 6 chunks: \"chatcmpl-abc123\", then \"chatcmpl-abc120\""), "{found}");
}

#[test]
fn typed_parts_of_content() {
    let parts = delta(
        r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"Hi"}]}"#,
    );
    let read = sse(&[ROLE, &parts]);
    assert_eq!(
        (read.text(), read.answer.reasoning_text.as_str(), read.kinds()),
        ("Hi", "hm", vec!["chat.content-type"])
    );
}

#[test]
fn azures_first_chunk_is_documented() {
    let first =
        r#"{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0}]}"#;
    let read = sse(&[first, ROLE, TEXT, END, "[DONE]"]);
    assert_eq!((read.kinds(), read.answer.variant), (vec![], Some("azure")));
    assert_eq!(chosen("/x", Framing::Sse, first), Some("openai.chat"));
}

#[test]
fn a_stream_joined_in_the_middle_lacks_nothing() {
    let record = super::super::testing::record(0, TEXT);
    let mut reader = DIALECT.read(&super::super::testing::evidence("/", &record));
    let mut odd = Vec::new();
    let meaning = reader.read(&record, &mut Answer::default(), &mut |o| odd.push(o));
    assert!(meaning.content && odd.is_empty(), "{odd:?}");
}

/// The ordinary stream of two calls at once: each fragment names its call and is alone in its chunk.
#[test]
fn fragments_of_parallel_calls_go_to_the_call_that_they_name() {
    let start = |index: u32, id: &str, name: &str| {
        delta(&format!(
            r#"{{"tool_calls":[{{"index":{index},"id":"{id}","type":"function","function":{{"name":"{name}","arguments":""}}}}]}}"#
        ))
    };
    let more = |index: u32, part: &str| {
        delta(&format!(r#"{{"tool_calls":[{{"index":{index},"function":{{"arguments":"{part}"}}}}]}}"#))
    };
    let records = [start(0, "a", "f"), start(1, "b", "g"), more(1, "{1"), more(0, "{0"), more(1, "}"), more(0, "}")];
    let records: Vec<&str> =
        [ROLE].into_iter().chain(records.iter().map(String::as_str)).chain([END, "[DONE]"]).collect();
    let read = sse(&records);
    let of = |map: &std::collections::BTreeMap<String, String>| {
        map.iter().map(|(k, v)| format!("{k} {v}")).collect::<Vec<_>>()
    };
    assert_eq!(
        (of(&read.answer.tool_names), of(&read.answer.tool_arguments)),
        (vec!["0 f".into(), "1 g".into()], vec!["0 {0}".into(), "1 {1}".into()])
    );
    assert_eq!((read.kinds(), read.answer.tool_deltas), (vec![], 6));
}

#[test]
fn fragments_of_calls_without_an_index() {
    let call = |fields: &str, part: &str| {
        delta(&format!(r#"{{"tool_calls":[{{{fields}"function":{{"arguments":"{part}"}}}}]}}"#))
    };
    let start = |id: &str| call(&format!(r#""id":"{id}","type":"function","#), "{");
    // A fragment that names no call continues the latest one; a known id continues its own call.
    let records = [start("a"), start("b"), call("", "b"), call(r#""id":"a","#, "a")];
    let records: Vec<&str> = [ROLE].into_iter().chain(records.iter().map(String::as_str)).collect();
    let arguments = sse(&records).answer.tool_arguments;
    assert_eq!(arguments.into_iter().map(|(k, v)| k + " " + &v).collect::<Vec<_>>(), ["0 {a", "1 {b"]);
}

#[test]
fn a_call_that_begins_without_its_name_is_incomplete_unless_the_beginning_was_not_captured() {
    let part = delta(r#"{"tool_calls":[{"index":0,"function":{"arguments":"{"}}]}"#);
    assert_eq!(sse(&[ROLE, &part]).found(TOOL_START_INCOMPLETE), Some("lacks id, type, name"));
    let record = super::super::testing::record(0, &part);
    let mut reader = DIALECT.read(&super::super::testing::evidence("/", &record));
    let mut odd = Vec::new();
    let meaning = reader.read(&record, &mut Answer::default(), &mut |o| odd.push(o.kind));
    assert_eq!((meaning.delta(), odd), (Some("tool"), vec![]));
}
