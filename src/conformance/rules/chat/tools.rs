//! Rules about tool calls.

use super::{at_end, choice_of, tell};
use crate::conformance::case::many;
use crate::conformance::{Level, Rule};
use crate::dialect::openai_chat::{self, kinds as odd};
use crate::http::event::MessageEnd;
use crate::oddity::excerpt;

/// Tool calls have numbers.
pub static OAI_CHAT_032: Rule = Rule {
    code: "OAI-CHAT-032",
    name: "missing-tool-index",
    level: Level::Error,
    summary: "Each entry of `tool_calls` has an integer `index`",
    why: "The index says which call a fragment belongs to. Without it helpers raise, and others join the arguments of \
        all calls into one.",
    source: "OpenAI OpenAPI document, CreateChatCompletionStreamResponse: tool_calls.index, required; openai-python \
        issue 2806",
    breaks: &["openai-python helper", "openai-node helper", "ai-sdk", "langchain", "Zed"],
    fix: "Number the calls of a response from 0 and write the number into each fragment.",
    bad: &[r#"chat; role; tool {"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"}}
           tool-stop; done; last"#],
    good: &[TOOL_CHAT],
    argued: &[(
        "langchain",
        "The laboratory has no stream without the index, so the client model was never compared \
        on one.",
    )],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, odd::TOOL_INDEX_MISSING, push, |_, n| {
            format!("{} without an integer index", many(n, "tool call fragment", "tool call fragments"))
        });
    },
    ..Rule::DEFAULT
};

/// A call begins with its name and does not repeat it.
pub static OAI_CHAT_033: Rule = Rule {
    code: "OAI-CHAT-033",
    name: "odd-tool-start",
    level: Level::Warning,
    summary: "The first fragment of a tool call has `id`, `type` and `function.name`; later ones do not repeat the name",
    why: "Clients append strings: a name in each fragment becomes `fff`, and the agent looks for a tool of that \
        name. Without `type` or `id` helpers raise, or the result can't be matched to its call. Clients that take each \
        id for the start of a call, empty ones too, make a call of each fragment. Mistral sends name and id in each \
        fragment by design; that is reported as info only.",
    source: "OpenAI OpenAPI document, CreateChatCompletionStreamResponse: tool_calls; \
          docs/laboratory.md, runs `tool_repeat`, `tool_notype`, `tool_noid`",
    breaks: &[
        "openai-python",
        "litellm",
        "langchain",
        "groq-python",
        "huggingface_hub",
        "openai-node helper (no type)",
        "most clients (no id)",
    ],
    fix: "Send id, type and name once, then only `function.arguments`.",
    bad: &[
        r#"chat; role; tool-call; tool {"index":0,"function":{"name":"f","arguments":""}}
           tool-stop; done; last"#,
        r#"chat; role; tool {"index":0,"function":{"name":"f","arguments":"{}"}}
           tool-stop; done; last"#,
        r#"chat; role; tool-call; tool {"index":0,"id":"","type":"function","function":{"name":"","arguments":""}}
           tool-stop; done; last"#,
    ],
    good: &[TOOL_CHAT],
    needs_all_bytes: false,
    check: |case, push| {
        let Some(response) = case.stream_of(&openai_chat::DIALECT) else { return };
        let level = (response.answer.variant == Some("mistral")).then_some(Level::Info);
        case.tell(odd::TOOL_START_INCOMPLETE, level, push, |odd, _| {
            format!("the first fragment of a tool call {}", odd.found)
        });
        case.tell(odd::TOOL_NAME_REPEATED, level, push, |odd, n| {
            format!(
                "the name comes again in {}, and most clients append it: {}",
                many(n, "fragment", "fragments"),
                odd.found
            )
        });
        case.tell(odd::TOOL_IDENTITY_EMPTY, level, push, |odd, n| {
            format!("{} an empty {}; leave it out", many(n, "later fragment has", "later fragments have"), odd.found)
        });
    },
    ..Rule::DEFAULT
};

/// An index belongs to one call.
pub static OAI_CHAT_042: Rule = Rule {
    code: "OAI-CHAT-042",
    name: "shared-tool-index",
    level: Level::Error,
    summary: "Each tool call has an index of its own, and one id (a warning if only the id changes)",
    why: "The index says which call a fragment belongs to. Clients join what has the same index: of two calls they \
        make one, whose id, name and arguments are those of both one after the other, and which no tool has. If the id \
        changes from fragment to fragment, it becomes all of them in a row, or each fragment a call.",
    source: "OpenAI OpenAPI document, CreateChatCompletionStreamResponse: tool_calls.index; pi issue 8861",
    breaks: &["openai-python helper", "litellm", "langchain", "most clients"],
    fix: "Count the calls of a response, and write the number and the id of a call into its own fragments only.",
    bad: &[
        r#"chat; role
           tool {"index":0,"id":"call_a","type":"function","function":{"name":"f","arguments":"{}"}}
           tool {"index":0,"id":"call_b","type":"function","function":{"name":"g","arguments":"{}"}}
           tool-stop; done; last"#,
        r#"chat; role
           tool {"index":0,"id":"call_a","type":"function","function":{"name":"f","arguments":"{"}}
           tool {"index":0,"id":"call_b","function":{"arguments":"}"}}
           tool-stop; done; last"#,
        r#"chat; role
           tool {"index":0,"id":"call_a","type":"function","function":{"name":"f","arguments":""}}
           tool {"index":0,"function":{"arguments":"{}"}}
           tool {"index":0,"id":"call_b","type":"function","function":{"name":"g","arguments":""}}
           tool {"index":0,"function":{"arguments":"{}"}}
           tool-stop; done; last"#,
    ],
    good: &[
        TOOL_CHAT,
        r#"chat; role
           tool {"index":0,"id":"call_a","type":"function","function":{"name":"f","arguments":"{}"}}
           tool {"index":1,"id":"call_b","type":"function","function":{"name":"g","arguments":"{}"}}
           tool-stop; done; last"#,
    ],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, odd::TWO_CALLS, push, |odd, _| {
            format!("two calls share one index, and clients make one of them: {}", odd.found)
        });
        if case.stream_of(&openai_chat::DIALECT).is_some() {
            case.tell(odd::TOOL_ID_CHANGES, Some(Level::Warning), push, |odd, _| {
                format!("the id of a call changes between its fragments: {}", odd.found)
            });
        }
    },
    ..Rule::DEFAULT
};

/// The joined arguments are JSON.
pub static OAI_CHAT_034: Rule = Rule {
    code: "OAI-CHAT-034",
    name: "bad-tool-arguments",
    level: Level::Error,
    summary: "`function.arguments` are strings that join to one JSON document (a warning if they join to nothing)",
    why: "The agent parses the joined strings. An object in place of a string prints as `[object Object]` or raises; \
        joined fragments that are not JSON fail when the agent runs the tool. An answer that was cut at its length \
        limit is not judged.",
    source: "OpenAI OpenAPI document, CreateChatCompletionStreamResponse: function.arguments, a string; \
        docs/laboratory.md, run `tool_obj`",
    breaks: &["most clients (an object)", "ai-sdk", "langchain", "every agent", "Zed"],
    fix: "Serialise the arguments once and cut the string, not the object; for no arguments send `{}`.",
    bad: &[
        r#"chat; role
           tool {"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":{"a":1}}}
           tool-stop; done; last"#,
        r#"chat; role; tool-call; tool {"index":0,"function":{"arguments":"{\\"a\\":"}}
           tool-stop; done; last"#,
    ],
    good: &[TOOL_CHAT],
    silenced_by: &["HTTP-006", "HTTP-007", "HTTP-015", "SSE-001", "SSE-004", "SSE-016"],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = case.stream_of(&openai_chat::DIALECT) else { return };
        case.tell(odd::TOOL_ARGUMENTS_TYPE, None, push, |odd, _| format!("arguments are not a string: {}", odd.found));
        let answer = &response.answer;
        if answer.text_limited
            || response.end != MessageEnd::Complete
            || case.exchange.oddities.find(odd::TOOL_ARGUMENTS_TYPE).is_some()
        {
            return;
        }
        for (call, arguments) in &answer.tool_arguments {
            // Arguments that were cut at a limit, or failed, need not be JSON.
            let whole = answer
                .finish_reasons
                .get(&choice_of(call))
                .is_some_and(|r| matches!(&**r, "tool_calls" | "stop" | "function_call"));
            if whole && serde_json::from_str::<serde::de::IgnoredAny>(arguments).is_err() {
                let finding = at_end(
                    response,
                    format!("the arguments of call {call} are not JSON: {:?}", excerpt(arguments.as_bytes())),
                );
                push(if arguments.is_empty() { finding.level(Level::Warning) } else { finding });
            }
        }
    },
    ..Rule::DEFAULT
};

/// A whole answer with a tool call in two fragments.
const TOOL_CHAT: &str = "good-tool-chat";
