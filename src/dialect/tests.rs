//! Choosing a dialect, and bytes from outside through all readers.

use super::testing::{chosen, evidence, head, record};
use super::*;
use crate::http::event::ResponseHead;
use proptest::prelude::*;

const CHUNK: &str = r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[]}"#;

/// Choose for a record with or without a request.
fn choose_for(
    method: Option<&str>,
    target: Option<&str>,
    response: Option<&ResponseHead>,
    data: &str,
) -> Option<(&'static str, Confidence, String)> {
    let record = record(0, data);
    choose(&Evidence { method, target, response, ..evidence("/", &record) })
        .map(|(dialect, sure, why)| (dialect.name, sure, why))
}

/// Output without letters, and of types that no reference has: each has its time, and adds nothing to the text.
#[test]
fn what_has_no_letters_has_its_time() {
    let socket = Framing::WebSocket;
    let wrap = |part: &str| format!(r#"{{"candidates":[{{"content":{{"parts":[{part}]}}}}]}}"#);
    let chat = |delta: &str| {
        format!(r#"{{"id":"c","object":"chat.completion.chunk","choices":[{{"index":0,"delta":{delta}}}]}}"#)
    };
    let blob = r#"{"inlineData":{"mimeType":"image/png","data":"iVBO"}}"#;
    let update = r#"{"jsonrpc":"2.0","method":"session/update","params":{"update":{"sessionUpdate":"agent_message_chunk","content":{"type":"hologram"}}}}"#;
    let parts = r#"{"output":{"choices":[{"message":{"content":[{"audio":{"data":"AAAA"}}]}}]},"request_id":"r"}"#;
    let cases: [(&Dialect, Framing, &str, &str); 23] = [
        (&openai_chat::DIALECT, Framing::Sse, "", &chat(r#"{"audio":{"data":"AAAA"}}"#)),
        (&openai_chat::DIALECT, Framing::Sse, "", &chat(r#"{"images":[{"image_url":{"url":"data:"}}]}"#)),
        (&openai_chat::DIALECT, Framing::Sse, "", &chat(r#"{"content":[{"type":"document_url"}]}"#)),
        (&openai_responses::DIALECT, Framing::Sse, "", r#"{"type":"response.audio.delta","delta":"AAAA"}"#),
        (&openai_responses::DIALECT, Framing::Sse, "", r#"{"type":"response.song.delta","delta":"AAAA"}"#),
        (&openai_realtime::DIALECT, socket, "", r#"{"type":"response.output_audio.delta","delta":"AAAA"}"#),
        (&openai_realtime::DIALECT, socket, "", r#"{"type":"response.song.delta","delta":"AAAA"}"#),
        (&anthropic::DIALECT, Framing::Sse, "", r#"{"type":"content_block_start","content_block":{"type":"gallery"}}"#),
        (&anthropic::DIALECT, Framing::Sse, "", r#"{"type":"content_block_delta","delta":{"type":"pixel_delta"}}"#),
        (&gemini::DIALECT, Framing::Sse, "", &wrap(blob)),
        (&gemini::DIALECT, Framing::Sse, "", &wrap(r#"{"smell":{}}"#)),
        (&gemini_live::DIALECT, socket, "", &format!(r#"{{"serverContent":{{"modelTurn":{{"parts":[{blob}]}}}}}}"#)),
        (
            &gemini_interactions::DIALECT,
            Framing::Sse,
            "",
            r#"{"event_type":"step.delta","delta":{"type":"audio","data":"AAAA"}}"#,
        ),
        (&gemini_live::DIALECT, socket, "", r#"{"serverContent":{"audioChunks":[{"data":"AAAA"}]}}"#),
        (&acp::DIALECT, Framing::Sse, "", update),
        (&a2a::DIALECT, Framing::Sse, "", r#"{"artifactUpdate":{"artifact":{"parts":[{"kind":"hologram"}]}}}"#),
        (&ollama::CHAT, Framing::Ndjson, "", r#"{"message":{"content":"","images":["iVBO"]},"done":false}"#),
        (&dashscope::DIALECT, Framing::Sse, "", parts),
        (&bedrock::DIALECT, Framing::AwsEventStream, "contentBlockDelta", r#"{"delta":{"image":{"source":{}}}}"#),
        (&ai_sdk_ui::DIALECT, Framing::Sse, "", r#"{"type":"file","url":"data:"}"#),
        (&ai_sdk_data::DIALECT, Framing::CodedLines, "k", r#"{"data":"iVBO"}"#),
        (&cohere::DIALECT, Framing::Sse, "", r#"{"type":"image-delta","delta":{}}"#),
        (&lmstudio::DIALECT, Framing::Sse, "", r#"{"type":"image.delta"}"#),
    ];
    for (dialect, framing, event, data) in cases {
        let read = testing::read_as(dialect, framing, &[(event, data)]);
        let a = &read.answer;
        assert_eq!((a.content_deltas, a.media, read.text()), (1, 1, ""), "{}: {data}", dialect.name);
    }
}

#[test]
fn path_and_object_are_certain() {
    let got = choose_for(Some("POST"), Some("/v1/chat/completions?x=1"), None, CHUNK);
    assert_eq!(
        got,
        Some(("openai.chat", Confidence::Certain, "path /v1/chat/completions, object chat.completion.chunk".into()))
    );
}

#[test]
fn the_object_alone_will_do_and_outranks_a_path() {
    assert_eq!(
        choose_for(None, None, None, CHUNK),
        Some(("openai.chat", Confidence::Certain, "object chat.completion.chunk".into()))
    );
    assert_eq!(choose_for(Some("POST"), Some("/v1/messages"), None, CHUNK).map(|c| c.0), Some("openai.chat"));
}

#[test]
fn a_path_alone_will_do_for_errors_and_terminators() {
    for data in ["[DONE]", "", r#"{"error":{"message":"no"}}"#, "upstream error"] {
        let got = choose_for(Some("POST"), Some("/v1/chat/completions"), None, data);
        assert_eq!(got.map(|(name, sure, _)| (name, sure)), Some(("openai.chat", Confidence::Likely)), "{data}");
    }
    let refused = ResponseHead { status: 404, ..head(&[]) };
    let got = choose_for(Some("POST"), Some("/v1/chat/completions"), Some(&refused), r#"{"detail":"Not Found"}"#);
    assert_eq!(got.map(|(name, sure, _)| (name, sure)), Some(("openai.chat", Confidence::Likely)));
}

#[test]
fn an_unknown_object_on_a_path_leaves_it_open() {
    let got = choose_for(Some("POST"), Some("/v1/chat/completions"), None, r#"{"type":"ping"}"#);
    assert_eq!(got.map(|(name, sure, _)| (name, sure)), Some(("openai.chat", Confidence::Possible)));
}

#[test]
fn other_methods_have_no_dialect_by_path() {
    let first = record(0, r#"{"object":"list","data":[]}"#);
    for (method, target) in [("GET", "/v1/chat/completions"), ("GET", "/v1/models"), ("POST", "/v1/embeddings")] {
        let evidence =
            Evidence { method: Some(method), target: Some(target), framing: Framing::Json, ..evidence("/", &first) };
        assert!(choose(&evidence).is_none(), "{method} {target}");
    }
}

#[test]
fn paths_of_all_forms() {
    let r = record(0, "");
    for (target, want) in [
        ("/v1/chat/completions", "/v1/chat/completions"),
        ("/v1/chat/completions/?a=/b", "/v1/chat/completions"),
        ("http://h:80/v1/x?y", "/v1/x"),
        ("http://h", ""),
        ("/redirect?to=http://h/v1", "/redirect"),
        ("*", "*"),
    ] {
        assert_eq!(evidence(target, &r).path(), Some(want), "{target}");
    }
}

#[test]
fn text_on_every_path_of_the_table() {
    for (path, want) in [
        ("/v1/chat/completions", "openai.chat"),
        ("/openai/deployments/d/chat/completions", "openai.chat"),
        ("/v1/completions", "openai.completions"),
        ("/v1/responses", "openai.responses"),
        ("/v1/messages", "anthropic.messages"),
        ("/v1/projects/p/locations/l/publishers/anthropic/models/c:streamRawPredict", "anthropic.messages"),
        ("/v1beta/models/g:streamGenerateContent", "gemini.generate"),
        ("/model/a.b-c%3A0/converse-stream", "bedrock"),
        ("/model/a.b-c/invoke-with-response-stream", "bedrock"),
        ("/v2/chat", "cohere.chat"),
        ("/api/v1/services/aigc/text-generation/generation", "dashscope.generation"),
        ("/generate_stream", "tgi.generate"),
        ("/completion", "llamacpp.completion"),
        ("/infill", "llamacpp.completion"),
        ("/mcp", "mcp"),
        ("/v1/message:stream", "a2a"),
        ("/v1/tasks/t1:subscribe", "a2a"),
    ] {
        assert_eq!(chosen(path, Framing::Sse, "x"), Some(want), "{path}");
    }
    assert_eq!(chosen("/api/chat", Framing::Ndjson, "x"), Some("ollama.chat"));
    assert_eq!(chosen("/api/generate", Framing::Ndjson, "x"), Some("ollama.generate"));
    for path in ["/api/pull", "/api/push", "/api/create"] {
        assert_eq!(chosen(path, Framing::Ndjson, "x"), Some("ollama.status"));
    }
}

/// The order of the list decides nothing: if the records fit two dialects alike, the path decides, or neither claims.
#[test]
fn a_tie_is_decided_by_more_specific_evidence_or_not_at_all() {
    let both = r#"{"type":"message_start","object":"chat.completion.chunk","choices":[]}"#;
    assert_eq!(chosen("/x", Framing::Sse, both), Some("none"));
    assert_eq!(chosen("/v1/messages", Framing::Sse, both), Some("anthropic.messages"));
    assert_eq!(chosen("/v1/chat/completions", Framing::Sse, both), Some("openai.chat"));
    assert_eq!(chosen("/x", Framing::Json, both), None, "a document that two dialects claim");
}

/// LM Studio's own API, whose path ends as one of Cohere's.
#[test]
fn a_path_that_ends_alike_is_another() {
    let event = r#"{"token":"Hi"}"#;
    assert_eq!(chosen("/api/v1/chat", Framing::Sse, event), Some("none"));
    assert_eq!(chosen("/v1/chat", Framing::Sse, event), Some("cohere.chat"));
    let start = r#"{"type":"chat.start","model_instance_id":"m"}"#;
    for path in ["/api/v1/chat", "/v1/chat"] {
        assert_eq!(chosen(path, Framing::Sse, start), Some("lmstudio.chat"));
    }
}

/// The events of Realtime and of Responses over a WebSocket have the same words.
#[test]
fn events_over_a_websocket() {
    let (plain, numbered) = (r#"{"type":"response.created"}"#, r#"{"type":"response.created","sequence_number":0}"#);
    for (path, event, want) in [
        ("/v1/realtime?model=m", numbered, "openai.realtime"),
        ("/v1/responses", plain, "openai.responses"),
        ("/ws", plain, "openai.realtime"),
        ("/ws", numbered, "openai.responses"),
    ] {
        assert_eq!(chosen(path, Framing::WebSocket, event), Some(want), "{path} {event}");
    }
}

#[test]
fn names_are_the_contracts_and_none_is_last() {
    let names: Vec<_> = DIALECTS.iter().map(|d| d.name).collect();
    assert_eq!(names.last(), Some(&"none"));
    for name in [
        "openai.chat",
        "openai.completions",
        "openai.responses",
        "openai.realtime",
        "anthropic.messages",
        "anthropic.sessions",
        "gemini.generate",
        "ollama.chat",
        "ollama.generate",
        "bedrock",
        "cohere.chat",
        "litserve.plain",
        "workers-ai.run",
        "ollama.status",
        "dashscope.generation",
        "tgi.generate",
        "llamacpp.completion",
        "ai-sdk.ui",
        "ai-sdk.data",
        "ag-ui",
        "mcp",
        "acp",
        "a2a",
        "grpc",
        "xai.chat",
        "none",
    ] {
        assert_eq!(by_name(name).map(|d| d.name), Some(name));
    }
    assert!(by_name("").is_none());
}

/// JSON that looks like that of some dialect, with any value anywhere.
fn jsonish() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("\"\"".to_owned()),
        Just("\"stop\"".to_owned()),
        Just("\"\\ud800\"".to_owned()),
        any::<i64>().prop_map(|n| n.to_string()),
        Just("1.5".to_owned()),
        Just("1e999".to_owned()),
        "[a-z.]{1,8}".prop_map(|s| format!("{s:?}")),
        Just("\"response.completed\"".to_owned()),
        Just("\"content_block_delta\"".to_owned()),
    ];
    let keys = prop_oneof![
        Just("id"),
        Just("object"),
        Just("choices"),
        Just("delta"),
        Just("message"),
        Just("content"),
        Just("tool_calls"),
        Just("function"),
        Just("arguments"),
        Just("index"),
        Just("type"),
        Just("usage"),
        Just("error"),
        Just("candidates"),
        Just("parts"),
        Just("text"),
        Just("done"),
        Just("response"),
        Just("output"),
        Just("item"),
        Just("finish_reason"),
        Just("bytes"),
        Just("content_block"),
        Just("total_tokens"),
    ];
    leaf.prop_recursive(5, 48, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|v| format!("[{}]", v.join(","))),
            proptest::collection::vec((keys.clone(), inner), 0..6).prop_map(|v| format!(
                "{{{}}}",
                v.iter().map(|(k, v)| format!("{k:?}:{v}")).collect::<Vec<_>>().join(",")
            )),
        ]
    })
}

/// Every reader over the same payloads; what they count must agree with what they say of each record.
fn through_all(payloads: &[Vec<u8>]) {
    for framing in [Framing::Sse, Framing::Json, Framing::JsonArray, Framing::AwsEventStream, Framing::Grpc] {
        for dialect in DIALECTS {
            let empty = record(0, "");
            let mut reader = dialect.read(&Evidence { framing, ..evidence("/a/ModelStreamInfer", &empty) });
            let (mut answer, mut deltas) = (Answer::default(), (0, 0, 0));
            for (n, data) in payloads.iter().enumerate() {
                let event = ["", "chunk", "contentBlockDelta", "response.completed"][n % 4];
                let record = Record { data, event, ..record(n as u64, "") };
                let _ = choose(&Evidence { framing, ..evidence("/v1/chat/completions", &record) });
                let meaning = reader.read(&record, &mut answer, &mut |odd| {
                    assert!(odd.record == Some(n as u64) || odd.record < Some(n as u64))
                });
                deltas = (
                    deltas.0 + u64::from(meaning.content),
                    deltas.1 + u64::from(meaning.reasoning),
                    deltas.2 + u64::from(meaning.tool),
                );
                assert!(
                    answer.terminator.is_last_record == Some(false) || meaning.terminator,
                    "only a terminator can be the last record"
                );
            }
            reader.finish(true, &mut answer, &mut |_| {});
            assert_eq!(
                deltas,
                (answer.content_deltas, answer.reasoning_deltas, answer.tool_deltas),
                "{}",
                dialect.name
            );
        }
    }
}

proptest! {
    #[test]
    fn any_json_is_survived(payloads in proptest::collection::vec(jsonish().prop_map(String::into_bytes), 1..6)) {
        through_all(&payloads);
    }

    #[test]
    fn any_bytes_are_survived(payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 1..4)) {
        through_all(&payloads);
    }

    #[test]
    fn a_chunk_cut_anywhere_is_survived(at in 0usize..CHUNK.len()) {
        through_all(&[CHUNK.as_bytes()[..at].to_vec()]);
    }
}

/// What the module's documentation shows works as it says.
#[test]
fn the_smallest_whole_dialect() {
    let words =
        [("", r#"{"word":"Hi"}"#), ("", r#"{"word":" there"}"#), ("", r#"{"end":"stop"}"#), ("", "[]"), ("", "{")];
    let read = testing::read_as(&example::DIALECT, Framing::Sse, &words);
    assert_eq!(
        (read.text(), read.answer.content_deltas, read.answer.finish_reasons[&0].as_str()),
        ("Hi there", 2, "stop")
    );
    assert_eq!((read.answer.end, read.kinds()), (End::FinishReason, vec!["example.not-json", "example.not-object"]));
}
