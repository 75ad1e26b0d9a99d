//! Rules about DashScope's own protocol.

use crate::conformance::{Level, Rule};
use crate::dialect::dashscope;

/// A DashScope request with these parameters.
macro_rules! dashscope {
    ($parameters:literal) => {
        concat!(
            "> POST /api/v1/services/aigc/text-generation/generation HTTP/1.1\n> Host: api.example\n> X-DashScope-SSE: enable\n",
            ">json {\"model\":\"m\",\"input\":{\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]},\"parameters\":",
            $parameters,
            "}\n@ +150ms\n< HTTP/1.1 200 OK\n< Content-Type: text/event-stream;charset=UTF-8\n< Cache-Control: no-cache\n< Transfer-Encoding: chunked\n<\n\n"
        )
    };
}

/// One event of it: text and finish reason.
macro_rules! result {
    ($n:literal, $text:literal, $reason:literal) => {
        concat!(
            "@ +20ms\n<chunk id:",
            $n,
            "\\nevent:result\\n:HTTP_STATUS/200\\ndata:{\"output\":{\"choices\":[{\"message\":{\"content\":\"",
            $text,
            "\",\"role\":\"assistant\"},\"finish_reason\":\"",
            $reason,
            "\"}]},\"usage\":{\"total_tokens\":3,\"input_tokens\":1,\"output_tokens\":2},\"request_id\":\"4e2b4ab9\"}\\n\\n\n"
        )
    };
}

/// DashScope repeats itself.
pub static DASH_001: Rule = Rule {
    code: "DASH-001",
    name: "whole-text-each-time",
    level: Level::Info,
    summary: "DashScope is asked for pieces: `parameters.incremental_output: true`",
    why: "Without it every event of the native protocol repeats the whole text so far. A client that joins them shows each word many times over, and the \
          bytes grow with the square of the answer.",
    source: "Model Studio API reference, DashScope form: incremental_output, default false",
    breaks: &["clients that join events", "slow links"],
    fix: "Set `parameters.incremental_output` to true, or show the last event instead of the sum.",
    bad: &[concat!(dashscope!("{\"result_format\":\"message\"}"), result!("1", "Hi", "null"), result!("2", "Hi there", "stop"), "<last\n")],
    good: &[concat!(
        dashscope!("{\"result_format\":\"message\",\"incremental_output\":true}"),
        result!("1", "Hi", "null"),
        result!("2", " there", "stop"),
        "<last\n"
    )],
    silenced_by: &[],
    needs_all_bytes: false,
    check: |case, push| {
        case.tell_of("dashscope.generation", dashscope::REPEATS_TEXT, push, |found| {
            format!("events repeat the whole text so far (first: {found})")
        });
    },
};

/// DashScope says why it stopped.
pub static DASH_002: Rule = Rule {
    code: "DASH-002",
    name: "dashscope-without-finish-reason",
    level: Level::Warning,
    summary: "A `finish_reason` other than \"null\" comes before the stream ends, or an error",
    why: "The native protocol has no terminator: the finish reason of the last event (the string \"null\" until then) is all that tells a whole answer from \
          one that broke off.",
    source: "Model Studio API reference, DashScope form: finish_reason",
    breaks: &["clients that wait for stop", "agents"],
    fix: "Pass the last event on; a relay must not take the string \"null\" for a reason, nor drop the event that has one.",
    bad: &[concat!(dashscope!("{\"incremental_output\":true}"), result!("1", "Hi", "null"), "<last\n")],
    good: &[concat!(dashscope!("{\"incremental_output\":true}"), result!("1", "Hi", "null"), result!("2", " there", "stop"), "<last\n")],
    silenced_by: &["HTTP-006", "HTTP-007", "SSE-001"],
    needs_all_bytes: true,
    check: |case, push| {
        case.tell_at_end("dashscope.generation", dashscope::NO_FINISH_REASON, push, "the stream ends without a finish reason");
    },
};
