//! Tool calls, usage and errors as single providers send them.

use super::super::super::testing::read_as;
use super::super::*;

/// Two whole calls under one index are two calls; a new id alone is a fault of the id.
#[test]
fn an_index_belongs_to_one_call() {
    let chunk = |call: &str| {
        format!(
            r#"{{"id":"chatcmpl-abc123","object":"chat.completion.chunk","created":1,"model":"m","choices":[{{"index":0,"delta":{{"role":"assistant","tool_calls":[{call}]}},"finish_reason":null}}]}}"#
        )
    };
    let calls = |fragments: &[&str]| {
        let chunks: Vec<String> = fragments.iter().map(|call| chunk(call)).collect();
        let events: Vec<_> = chunks.iter().map(|chunk| ("", chunk.as_str())).collect();
        let read = read_as(&DIALECT, Framing::Sse, &events);
        let kinds: Vec<_> =
            read.kinds().into_iter().filter(|kind| kind.contains("tool") || kind.contains("two")).collect();
        let names: Vec<String> = read.answer.tool_names.values().cloned().collect();
        let arguments: Vec<String> = read.answer.tool_arguments.values().cloned().collect();
        (kinds, names, arguments)
    };
    let a = r#"{"index":0,"id":"call_a","type":"function","function":{"name":"f","arguments":"1"}}"#;
    let b = r#"{"index":0,"id":"call_b","type":"function","function":{"name":"g","arguments":"2"}}"#;
    let more = r#"{"index":0,"function":{"arguments":"3"}}"#;
    let second = r#"{"index":1,"id":"call_c","type":"function","function":{"name":"h","arguments":"4"}}"#;
    assert_eq!(
        calls(&[a, b, more]),
        (vec!["chat.two-calls-one-index"], vec!["f".into(), "g".into()], vec!["1".into(), "23".into()])
    );
    assert_eq!(calls(&[a, b, second]).2, ["1", "2", "4"]);
    assert_eq!(calls(&[a, second, more]), (vec![], vec!["f".into(), "h".into()], vec!["13".into(), "4".into()]));
    let renamed = r#"{"index":0,"id":"call_b","function":{"arguments":"5"}}"#;
    assert_eq!(calls(&[a, renamed]), (vec!["chat.tool-id-changes"], vec!["f".into()], vec!["15".into()]));
    let again = r#"{"index":0,"id":"call_a","function":{"arguments":"6"}}"#;
    assert_eq!(calls(&[a, again]).0, [""; 0]);
    let empty = r#"{"index":0,"id":"","type":"function","function":{"name":"","arguments":"7"}}"#;
    assert_eq!(calls(&[a, empty]), (vec!["chat.tool-identity-empty"], vec!["f".into()], vec!["17".into()]));
}

/// Usage and errors in the places where single providers put them.
#[test]
fn providers_own_places() {
    let chunk = |members: &str| {
        format!(
            r#"{{"id":"chatcmpl-abc123","object":"chat.completion.chunk","created":1,"model":"m","choices":[{{"index":0,"delta":{{"role":"assistant"}},"finish_reason":"stop"}}],{members}}}"#
        )
    };
    let read = |members: &[&str]| {
        let chunks: Vec<String> = members.iter().map(|members| chunk(members)).collect();
        let events: Vec<_> = chunks.iter().map(|chunk| ("", chunk.as_str())).collect();
        read_as(&DIALECT, Framing::Sse, &events)
    };
    let groq = r#""x_groq":{"id":"r","usage":{"prompt_tokens":23,"completion_tokens":6,"total_tokens":29}}"#;
    let timings = r#""timings":{"prompt_n":5,"predicted_n":7,"predicted_ms":10.5}"#;
    let usage = r#""usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}"#;
    for (members, tokens, place) in [
        (vec![groq], Some(6), Some("x_groq.usage")),
        (vec![r#""timings":{"prompt_n":5,"predicted_n":1}"#, timings], Some(7), Some("timings")),
        (vec![timings, usage], Some(2), None),
        (vec![usage, timings], Some(2), None),
        (vec![r#""x_groq":{"id":"r"}"#, r#""timings":{"predicted_ms":1.5}"#], None, None),
    ] {
        let read = read(&members);
        assert_eq!((read.answer.output_tokens, read.found(USAGE_ELSEWHERE)), (tokens, place), "{members:?}");
    }
    let failed = |members: &str| read(&[members]).answer.error;
    assert_eq!(
        failed(r#""base_resp":{"status_code":1027,"status_msg":"no"}"#).as_deref(),
        Some(r#"{"status_code":1027,"status_msg":"no"}"#)
    );
    assert_eq!(failed(r#""base_resp":{"status_code":0,"status_msg":""}"#), None);
    assert_eq!(failed(r#""x_groq":{"error":"over capacity"}"#).as_deref(), Some("over capacity"));
    for odd in [
        r#"{"error_code":336100,"error_msg":"no"}"#,
        r#"{"success":false}"#,
        r#"{"message":"no"}"#,
        r#"{"detail":"no"}"#,
    ] {
        let read = read_as(&DIALECT, Framing::Sse, &[("", odd)]);
        assert_eq!((read.answer.error.as_deref(), read.kinds()), (Some(odd), vec!["chat.error-shape"]));
    }
    let read = read_as(&DIALECT, Framing::Sse, &[("", &chunk(r#""error":false"#))]);
    assert_eq!((read.answer.error.as_deref(), read.found(ERROR_NULL)), (None, Some("false")));
}
