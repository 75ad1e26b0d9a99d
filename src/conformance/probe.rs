//! Checks of `sniff probe`: what only the one who asked can know. They have the texts of rules and are judged by
//! [`judge`], not by an exchange alone; everything that an exchange shows by itself is left to the rules.

use super::{Finding, Level, Rule};
use crate::dialect::asking::{Ask, NO_MODEL, STOP};

/// A request of a probe, and what came of it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// What was asked.
    pub ask: Ask,
    /// What the client saw.
    pub end: End,
    /// Status of the answer.
    pub status: Option<u16>,
    /// Codings of the body.
    pub coding: Option<&'a str>,
    /// Text of the answer.
    pub text: &'a str,
    /// The answer calls a tool.
    pub calls: bool,
    /// Tokens of the output, by the usage of the answer.
    pub tokens: Option<u64>,
    /// Most tokens that were asked for.
    pub limit: u64,
    /// The answer on the same connection before this one said that the connection is closed.
    pub closed_before: bool,
}

/// How a request ended for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It has an answer, whole or cut.
    Answered,
    /// Nothing came for this many seconds.
    Silent(u64),
    /// The connection ended before a head came.
    Dropped,
}

/// All checks.
pub const CHECKS: &[&Rule] = &[
    &NO_ANSWER,
    &MISTAKE_ACCEPTED,
    &MISTAKE_CRASHES,
    &UNKNOWN_MODEL,
    &NO_CALL,
    &STOP_IGNORED,
    &LIMIT_IGNORED,
    &CODING,
    &NOT_REUSED,
    &CANCEL_HANGS,
];

/// The findings of all checks.
pub fn judge(seen: &Seen<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut say = |rule: &Rule, message: String| found.push(Finding { rule: rule.code, ..Finding::new(message) });
    let name = seen.ask.text().0;
    let good = seen.status.is_some_and(|s| (200..300).contains(&s));
    match (seen.ask, seen.end) {
        (Ask::AfterCancel, End::Silent(s)) => {
            say(&CANCEL_HANGS, format!("after a client closed a stream, the next request had no answer for {s} s"));
        }
        (Ask::AfterCancel, End::Dropped) => {
            say(&CANCEL_HANGS, "after a client closed a stream, the next request had no answer".into());
        }
        (Ask::Reuse, End::Dropped) if !seen.closed_before => say(
            &NOT_REUSED,
            "the connection ended after the first answer, which has no `Connection: close`; the second request was lost"
                .into(),
        ),
        // The first answer said so, and a request was not sent.
        (Ask::Reuse, End::Dropped) => {}
        (_, End::Silent(s)) => say(&NO_ANSWER, format!("nothing came for {s} s")),
        (_, End::Dropped) => say(&NO_ANSWER, "the connection ended without an answer".into()),
        (_, End::Answered) => {}
    }
    if matches!(seen.ask, Ask::BadJson | Ask::BadField) {
        match seen.status {
            Some(s) if (200..300).contains(&s) => {
                say(&MISTAKE_ACCEPTED, format!("{} is answered with {s}", seen.ask.text().1));
            }
            // 502 to 504 speak of others, or of the moment.
            Some(s @ 500) => {
                say(
                    &MISTAKE_CRASHES,
                    format!("{} is answered with {s}, as if the server were at fault", seen.ask.text().1),
                );
            }
            _ => {}
        }
    }
    if !good {
        return found;
    }
    match seen.ask {
        Ask::UnknownModel => {
            say(&UNKNOWN_MODEL, format!("the model {} is answered as if it existed", NO_MODEL));
        }
        Ask::Tools if !seen.calls => say(&NO_CALL, "the answer calls no tool, which the request demands".into()),
        Ask::Stop if seen.text.contains(STOP) => {
            say(&STOP_IGNORED, format!("the text has {STOP:?}, before which it was to stop"));
        }
        Ask::Limit => match seen.tokens {
            Some(n) if n > seen.limit => say(
                &LIMIT_IGNORED,
                format!("{} at most were asked for, and by its usage the answer has {n}", tokens(seen.limit)),
            ),
            // Without a usage only what is beyond doubt: no token has several words.
            None if words(seen.text) > 4 * seen.limit => say(
                &LIMIT_IGNORED,
                format!("{} at most were asked for, and the answer has {} words", tokens(seen.limit), words(seen.text)),
            ),
            _ => {}
        },
        _ => {}
    }
    let codings = seen.coding.unwrap_or_default();
    let unasked = codings.split(',').map(str::trim).find(|c| {
        let gzip = seen.ask == Ask::Gzip && (c.eq_ignore_ascii_case("gzip") || c.eq_ignore_ascii_case("x-gzip"));
        !c.is_empty() && !c.eq_ignore_ascii_case("identity") && !gzip
    });
    if let Some(coding) = unasked {
        let accepts = if seen.ask == Ask::Gzip { "gzip" } else { "identity" };
        say(&CODING, format!("`{name}` accepts {accepts} only, and the answer is coded as {coding}"));
    }
    found
}

fn words(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

fn tokens(n: u64) -> String {
    if n == 1 { "1 token".into() } else { format!("{n} tokens") }
}

static NO_ANSWER: Rule = Rule {
    code: "PROBE-001",
    name: "no-answer",
    level: Level::Error,
    summary: "Every request is answered",
    why: "A client waits until its own time limit and then tries again, which costs the server the same work again. \
        A connection that ends without an answer looks like a fault of the network.",
    source: "RFC 9110 section 15: a server answers each request",
    fix: "Answer with a status, and with an error object where the request cannot be served.",
    ..Rule::DEFAULT
};

static MISTAKE_ACCEPTED: Rule = Rule {
    code: "PROBE-002",
    name: "mistake-accepted",
    level: Level::Error,
    summary: "A request that is no request of the API is refused with 4xx",
    why: "Clients raise an error by the status. With 200 a broken request looks like an answer, and the mistake is \
        found far from where it was made.",
    source: "RFC 9110 section 15.5.1; error pages of OpenAI and Anthropic (invalid_request_error)",
    fix: "Check the body before the answer begins, and answer 400 with an error object of the API.",
    ..Rule::DEFAULT
};

static MISTAKE_CRASHES: Rule = Rule {
    code: "PROBE-003",
    name: "mistake-crashes",
    level: Level::Warning,
    summary: "The client's mistake is a 4xx, not a 5xx",
    why: "Clients of the vendors send a request again after 5xx, two times or more. The same mistake then fails each \
        time, and monitoring shows a fault of the server.",
    source: "RFC 9110 sections 15.5 and 15.6; openai-python and anthropic-python retry 5xx",
    breaks: &["openai-python", "openai-node", "anthropic-python"],
    fix: "Catch errors of parsing and validation, and answer 400 with an error object of the API.",
    ..Rule::DEFAULT
};

static UNKNOWN_MODEL: Rule = Rule {
    code: "PROBE-004",
    name: "any-model",
    level: Level::Info,
    summary: "A model that does not exist is refused",
    why: "A client with a misspelled model gets answers of another one, and does not learn of it. Servers of a single \
        model often do so on purpose.",
    source: "error pages of OpenAI (404, model_not_found), Anthropic (not_found_error) and Ollama (404)",
    fix: "Compare the name with those that are served, and answer 404 with an error object of the API.",
    ..Rule::DEFAULT
};

static NO_CALL: Rule = Rule {
    code: "PROBE-005",
    name: "demanded-call-missing",
    level: Level::Warning,
    summary: "An answer calls a tool where the request demands it",
    why: "Agents that demand a call read its arguments, and fail or loop when there are none. A server that cannot \
        call tools should refuse the request.",
    source: "OpenAI's reference, tool_choice `required`; Anthropic's, tool_choice `any`",
    fix: "Constrain the output to a call, or answer 400 where tools are not supported.",
    ..Rule::DEFAULT
};

static STOP_IGNORED: Rule = Rule {
    code: "PROBE-006",
    name: "stop-ignored",
    level: Level::Warning,
    summary: "The text ends before a stop sequence",
    why: "Clients take the end of the text as it is. What follows the sequence costs tokens, and parsers of the text \
        fail on it.",
    source: "OpenAI's reference, `stop`: the returned text will not contain it; Anthropic's, `stop_sequences`",
    fix: "End generation at the sequence and leave it out, or answer 400 where it is not supported.",
    ..Rule::DEFAULT
};

static LIMIT_IGNORED: Rule = Rule {
    code: "PROBE-007",
    name: "limit-ignored",
    level: Level::Warning,
    summary: "An answer has as many tokens as the request allows at most",
    why: "Clients bound costs and time by the limit. An answer beyond it costs more than was agreed to, and may not \
        fit where it is used.",
    source: "OpenAI's reference, `max_tokens`, `max_output_tokens`; Anthropic's, `max_tokens`; Ollama's, `num_predict`",
    fix: "Pass the limit on to the model, and finish with the reason that names it.",
    ..Rule::DEFAULT
};

static CODING: Rule = Rule {
    code: "PROBE-008",
    name: "coding-not-accepted",
    level: Level::Warning,
    summary: "A body is coded only in ways that the request accepts",
    why: "A client decodes what it offered. Another coding reaches its parser as bytes without meaning.",
    source: "RFC 9110 section 12.5.3",
    fix: "Compare Content-Encoding with the request's Accept-Encoding, also in the proxy before the server.",
    ..Rule::DEFAULT
};

static NOT_REUSED: Rule = Rule {
    code: "PROBE-009",
    name: "connection-not-kept",
    level: Level::Warning,
    summary: "A connection that ends after an answer is announced by `Connection: close`",
    why: "Clients keep connections and send the next request on them. One that ends without a word loses that request, \
        which clients may not send again if it is a POST.",
    source: "RFC 9112 section 9.6: a server should send `close` in its last response",
    fix: "Keep the connection open, or send `Connection: close` with the answer.",
    ..Rule::DEFAULT
};

static CANCEL_HANGS: Rule = Rule {
    code: "PROBE-010",
    name: "cancel-hangs",
    level: Level::Error,
    summary: "A server answers on after a client has closed a stream",
    why: "Users close streams all the time. A server that goes on generating for them, or never frees the place, is \
        soon out of places.",
    source: "RFC 9112 section 9.3: a client may close a connection at any time",
    fix: "Notice the closed connection and end generation: catch the handler's cancellation, and free what it holds.",
    ..Rule::DEFAULT
};

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: Seen<'_> = Seen {
        ask: Ask::Plain,
        end: End::Answered,
        status: Some(200),
        coding: None,
        text: "1 2 3",
        calls: false,
        tokens: None,
        limit: 1,
        closed_before: false,
    };

    fn codes(seen: Seen<'_>) -> Vec<&'static str> {
        judge(&seen).into_iter().map(|f| f.rule).collect()
    }

    #[test]
    fn each_check_has_its_texts() {
        for (n, check) in CHECKS.iter().enumerate() {
            assert_eq!(check.code, format!("PROBE-{:03}", n + 1));
            for text in [check.name, check.summary, check.why, check.source, check.fix] {
                assert!(!text.is_empty(), "{}", check.code);
            }
            assert!(super::super::RULES.iter().all(|r| r.name != check.name), "{}", check.name);
        }
    }

    #[test]
    fn what_is_answered_well_is_no_finding() {
        for ask in Ask::ALL.iter().filter(|ask| ask.is_good()) {
            let text = if *ask == Ask::Limit { "1" } else { "1 2 3" };
            assert_eq!(codes(Seen { ask: *ask, calls: true, text, ..FINE }), [""; 0], "{ask:?}");
        }
        for ask in [Ask::BadJson, Ask::BadField, Ask::UnknownModel] {
            assert_eq!(codes(Seen { ask, status: Some(400), text: "", ..FINE }), [""; 0], "{ask:?}");
        }
    }

    #[test]
    fn each_fault_is_its_own() {
        let of = |ask| Seen { ask, ..FINE };
        for (seen, code) in [
            (Seen { end: End::Silent(9), status: None, ..FINE }, "PROBE-001"),
            (Seen { end: End::Dropped, status: None, ..of(Ask::Stream) }, "PROBE-001"),
            (of(Ask::BadJson), "PROBE-002"),
            (of(Ask::BadField), "PROBE-002"),
            (Seen { status: Some(500), ..of(Ask::BadJson) }, "PROBE-003"),
            (of(Ask::UnknownModel), "PROBE-004"),
            (of(Ask::Tools), "PROBE-005"),
            (Seen { text: "6 7", ..of(Ask::Stop) }, "PROBE-006"),
            (Seen { tokens: Some(2), ..of(Ask::Limit) }, "PROBE-007"),
            (Seen { text: "1 2 3 4 5", ..of(Ask::Limit) }, "PROBE-007"),
            (Seen { coding: Some("br"), ..of(Ask::Gzip) }, "PROBE-008"),
            (Seen { coding: Some("gzip"), ..FINE }, "PROBE-008"),
            (Seen { end: End::Dropped, status: None, ..of(Ask::Reuse) }, "PROBE-009"),
            (Seen { end: End::Silent(9), status: None, ..of(Ask::AfterCancel) }, "PROBE-010"),
        ] {
            assert_eq!(codes(seen), [code], "{seen:?}");
        }
    }

    #[test]
    fn what_may_have_another_reason_is_no_finding() {
        let of = |ask| Seen { ask, ..FINE };
        for seen in [
            Seen { status: Some(400), ..of(Ask::Tools) },
            Seen { status: Some(503), ..of(Ask::BadJson) },
            Seen { tokens: Some(1), text: "1 2 3 4 5 6", ..of(Ask::Limit) },
            Seen { text: "1 2", ..of(Ask::Limit) },
            Seen { coding: Some("gzip"), ..of(Ask::Gzip) },
            Seen { coding: Some("identity"), ..FINE },
            Seen { end: End::Dropped, status: None, closed_before: true, ..of(Ask::Reuse) },
        ] {
            assert_eq!(codes(seen), [""; 0], "{seen:?}");
        }
    }
}
