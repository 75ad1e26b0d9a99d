//! Rules about records of any dialect: what their payload is, and whether the protocol has it.

use crate::conformance::case::many;
use crate::conformance::{Case, Finding, Level, Rule};
use crate::dialect::{
    ai_sdk_data, anthropic::kinds as anthropic, gemini, koboldcpp, openai_chat::kinds as chat,
    openai_responses::kinds as responses,
};
use crate::oddity::Kind;

/// The rules of this family, in the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[&REC_001, &REC_002, &REC_003];

/// A payload has the shape that the protocol gives it.
pub static REC_001: Rule = Rule {
    code: "REC-001",
    name: "payload-without-shape",
    level: Level::Warning,
    summary: "The payload of each record is an object of its protocol, with the member that carries it",
    why: "Clients look up members of each payload. In an array, a string or `null` there are none, so they raise; in \
        an object without the member that carries the output the record is silently dropped.",
    source: "the event and message types of each vendor's API reference",
    breaks: &["clients with typed models", "clients that look up members"],
    fix: "Send one object of the protocol in each record, and comments as keep-alive.",
    bad: &["gemini; crlf data: $candidate
         crlf data: [1]
         wait 20ms; crlf data: $last-candidate
         last"],
    good: &["good-gemini", "good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        if case.dialect().is_none() || case.stream().is_none() {
            return;
        }
        for (ending, what) in [
            (".not-object", "not an object"),
            (".no-output", "without the member that carries output"),
            (".no-type", "without a type"),
        ] {
            tell(case, ending, push, |n, found| {
                format!("{} {what}: {found}", many(n, "payload that is", "payloads that are"))
            });
        }
        case.tell(anthropic::DELTA_MISSING, None, push, |odd, _| {
            format!("an event without the member that carries output: {}", odd.found)
        });
    },
    ..Rule::DEFAULT
};

/// The protocol has this record.
pub static REC_002: Rule = Rule {
    code: "REC-002",
    name: "record-outside-the-reference",
    level: Level::Info,
    summary: "Each record is of a type that the vendor's reference has",
    why: "Most clients skip what they don't know, so a new type is lawful. A client that raises at unknown types, or \
        a gateway that passes on its own records, shows here.",
    source: "the event and message types of each vendor's API reference",
    breaks: &["clients that raise at unknown types"],
    fix: "Nothing where the type is new; a gateway should not add records of its own.",
    bad: &[r#"gemini; crlf data: {"note":1}
           wait 20ms; crlf data: $last-candidate
           last"#],
    good: &["good-gemini", "good-message"],
    needs_all_bytes: false,
    check: |case, push| {
        if case.dialect().is_some() && case.stream().is_some() {
            tell(case, ".unknown-type", push, |n, found| {
                format!("{} outside the reference: {found}", many(n, "record", "records"))
            });
        }
    },
    ..Rule::DEFAULT
};

/// The terminator of another protocol.
pub static REC_003: Rule = Rule {
    code: "REC-003",
    name: "foreign-done",
    level: Level::Warning,
    summary: "A protocol that ends by its own record, or by its body, has no `[DONE]`",
    why: "`[DONE]` is OpenAI's. Clients of other protocols hand each payload to their JSON parser, which raises at \
        the end of a good answer. It comes from gateways that end every stream alike.",
    source: "the API references of Cohere, DashScope, Ollama, MCP, A2A, text-generation-inference, llama.cpp and the \
        AI SDK, none of which has it",
    breaks: &["clients that parse every payload"],
    fix: "Send `[DONE]` only on the OpenAI-compatible paths.",
    bad: &["cohere; cohere-text; cohere-end; done; last"],
    good: &["good-chat", "cohere; cohere-text; cohere-end; last"],
    needs_all_bytes: false,
    check: |case, push| {
        let Some(dialect) = case.dialect().filter(|_| case.stream().is_some()) else { return };
        tell(case, ".foreign-terminator", push, |_, _| format!("`[DONE]` in a stream of {}", dialect.name));
    },
    ..Rule::DEFAULT
};

/// Kinds that rules of their own dialect judge.
const OF_OTHERS: &[Kind] = &[
    chat::NOT_OBJECT,
    anthropic::UNKNOWN_TYPE,
    anthropic::FOREIGN_TERMINATOR,
    ai_sdk_data::UNKNOWN_TYPE,
    responses::FOREIGN_TERMINATOR,
    gemini::FOREIGN_TERMINATOR,
    koboldcpp::FOREIGN_TERMINATOR,
];

/// Pushes a finding for the first oddity whose kind ends so, whatever dialect noticed it: its count and text.
fn tell(case: &Case<'_>, ending: &str, push: &mut dyn FnMut(Finding), say: impl FnOnce(u64, &str) -> String) {
    if let Some((odd, n)) = case.exchange.oddities.ending_in(ending).filter(|(odd, _)| !OF_OTHERS.contains(&odd.kind)) {
        push(Finding::of(odd, n, say(n, &odd.found)));
    }
}
