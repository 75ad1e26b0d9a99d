//! How to ask an API: path, fields and bodies of the requests that a probe sends. Every request is small.

mod anthropic;
mod ollama;
mod openai;

use serde_json::{Value, json};

/// The APIs that a probe can ask.
pub const APIS: &[&Api] = &[&openai::CHAT, &openai::RESPONSES, &anthropic::MESSAGES, &ollama::CHAT];

/// A model that no endpoint has.
pub const NO_MODEL: &str = "sniff-no-such-model";
/// The text before which an answer has to stop.
pub const STOP: &str = "7";

/// What every answer counts: long enough for a stream, the same at every model.
const COUNT: &str = "Count from 1 to 20 in digits, separated by spaces. Write nothing else.";
/// A long answer, which is given up.
const COUNT_ON: &str = "Count from 1 to 300 in digits, separated by spaces. Write nothing else.";
/// A question that the tool answers.
const WEATHER: &str = "What is the weather in Paris?";

/// One API.
#[derive(Debug)]
pub struct Api {
    /// Name on the command line.
    pub name: &'static str,
    /// Path where the URL has none.
    pub path: &'static str,
    /// First folder of the paths, such as `/v1`.
    version: &'static str,
    /// The vendor's clients put the version before the rest of the path where the base URL does not end with it.
    adds_version: bool,
    /// Last part of the path of the list of models.
    models: &'static str,
    /// Where that list is, and what its entries call their names.
    listed: (&'static str, &'static str),
    /// Variable of the environment that holds the key.
    pub key: Option<&'static str>,
    /// Field that carries the key, and what stands before it.
    pub key_field: (&'static str, &'static str),
    /// Fields of every request.
    pub fields: &'static [(&'static str, &'static str)],
    /// Member of the usage that counts the tokens of the output.
    pub tokens: &'static str,
    /// The least limit of tokens that the API takes.
    pub least: u64,
    /// The body of a request; none where the API has no such request.
    make: fn(Ask, &Words<'_>) -> Option<Value>,
}

/// What a probe asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ask {
    /// A whole answer.
    Plain,
    /// The same on the connection of another one.
    Reuse,
    /// A stream.
    Stream,
    /// A stream that ends with the usage.
    Usage,
    /// A call of a tool, as a stream.
    Tools,
    /// A sequence that ends the answer.
    Stop,
    /// The fewest tokens.
    Limit,
    /// A stream, compressed.
    Gzip,
    /// A stream over HTTP/2.
    Http2,
    /// JSON that breaks off.
    BadJson,
    /// A member of the wrong type.
    BadField,
    /// A model that no endpoint has.
    UnknownModel,
    /// A stream that the client gives up.
    Cancel,
    /// A whole answer after that.
    AfterCancel,
}

impl Ask {
    /// All of them, in the order in which they are sent.
    pub const ALL: &'static [Ask] = &[
        Ask::Plain,
        Ask::Reuse,
        Ask::Stream,
        Ask::Usage,
        Ask::Tools,
        Ask::Stop,
        Ask::Limit,
        Ask::Gzip,
        Ask::Http2,
        Ask::BadJson,
        Ask::BadField,
        Ask::UnknownModel,
        Ask::Cancel,
        Ask::AfterCancel,
    ];

    /// Its name on the command line and in reports, and what is asked.
    pub fn text(self) -> (&'static str, &'static str) {
        match self {
            Ask::Plain => ("plain", "one JSON document"),
            Ask::Reuse => ("reuse", "a second request on the connection of the first"),
            Ask::Stream => ("stream", "a stream"),
            Ask::Usage => ("usage", "a stream with its usage (include_usage)"),
            Ask::Tools => ("tools", "a stream that has to call a tool"),
            Ask::Stop => ("stop", "an answer that stops before a sequence"),
            Ask::Limit => ("limit", "the fewest tokens"),
            Ask::Gzip => ("gzip", "a stream to a client that accepts gzip"),
            Ask::Http2 => ("http2", "a stream over HTTP/2"),
            Ask::BadJson => ("bad-json", "a body that is no JSON"),
            Ask::BadField => ("bad-field", "a number in place of the messages"),
            Ask::UnknownModel => ("unknown-model", "a model that does not exist"),
            Ask::Cancel => ("cancel", "a stream that the client closes in its middle"),
            Ask::AfterCancel => ("after-cancel", "an answer after that"),
        }
    }

    /// The request is in order: it should be answered with a status of success.
    pub fn is_good(self) -> bool {
        !matches!(self, Ask::BadJson | Ask::BadField | Ask::UnknownModel)
    }

    /// The request asks for a stream.
    pub fn streams(self) -> bool {
        matches!(self, Ask::Stream | Ask::Usage | Ask::Tools | Ask::Gzip | Ask::Http2 | Ask::Cancel)
    }
}

/// The parts of a body that do not depend on what is asked.
#[derive(Debug, Clone)]
pub struct Words<'m> {
    /// The model.
    pub model: &'m str,
    /// The endpoint knows `max_completion_tokens` only.
    pub newer_limit: bool,
}

impl Api {
    /// The API with this name; the error lists the names.
    pub fn parse(name: &str) -> Result<&'static Api, String> {
        let names = || APIS.iter().map(|a| a.name).collect::<Vec<_>>().join(", ");
        let found = APIS.iter().copied().find(|a| a.name == name);
        found.ok_or_else(|| format!("unknown API {name:?}; expected one of {}", names()))
    }

    /// The API has such a request.
    pub fn has(&self, ask: Ask) -> bool {
        self.body(ask, &Words { model: "", newer_limit: false }).is_some()
    }

    /// The body of a request; none where the API has no such request.
    pub fn body(&self, ask: Ask, words: &Words<'_>) -> Option<Vec<u8>> {
        match ask {
            // An API that has no model has none that is unknown.
            Ask::UnknownModel => (self.make)(Ask::Plain, &Words { model: NO_MODEL, ..words.clone() }),
            Ask::BadJson => {
                let mut body = (self.make)(Ask::Limit, words)?.to_string().into_bytes();
                body.pop();
                return Some(body);
            }
            ask => (self.make)(ask, words),
        }
        .map(|body| body.to_string().into_bytes())
    }

    /// The path of the API behind this one of a base URL, as the vendor's clients make it.
    pub fn path(&self, base: &str) -> String {
        self.path_to(base, self.path.strip_prefix(self.version).unwrap_or(self.path))
    }

    /// The path of the list of models.
    pub fn models_path(&self, base: &str) -> String {
        let tail = self.path.strip_prefix(self.version).unwrap_or(self.path);
        self.path_to(base.trim_end_matches('/').strip_suffix(tail).unwrap_or(base), self.models)
    }

    fn path_to(&self, base: &str, tail: &str) -> String {
        let base = base.trim_end_matches('/');
        if base.ends_with(tail) {
            base.to_owned()
        } else if base.is_empty() || (self.adds_version && !base.ends_with(self.version)) {
            format!("{base}{}{tail}", self.version)
        } else {
            format!("{base}{tail}")
        }
    }

    /// The names in a list of models; none if it is no such list.
    pub fn names(&self, list: &[u8]) -> Option<Vec<String>> {
        let list: Value = serde_json::from_slice(list).ok()?;
        let names = list.get(self.listed.0)?.as_array()?;
        Some(names.iter().filter_map(|m| m.get(self.listed.1)?.as_str()).map(str::to_owned).collect())
    }
}

/// The text that is asked.
fn prompt(ask: Ask) -> &'static str {
    match ask {
        Ask::Tools => WEATHER,
        Ask::Cancel => COUNT_ON,
        _ => COUNT,
    }
}

/// Most tokens of an answer.
fn most(ask: Ask, least: u64) -> u64 {
    match ask {
        Ask::Limit => least,
        Ask::Cancel => 512,
        Ask::Tools => 128,
        Ask::Plain | Ask::Reuse | Ask::AfterCancel | Ask::BadField => 32,
        _ => 64,
    }
}

/// The messages of a chat.
fn messages(ask: Ask) -> Value {
    match ask {
        Ask::BadField => json!(42),
        ask => json!([{ "role": "user", "content": prompt(ask) }]),
    }
}

/// What the tool takes.
fn parameters() -> Value {
    json!({ "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"] })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The paths that the vendors' clients ask for, given these base URLs.
    #[test]
    fn paths_are_those_of_the_vendors_clients() {
        for (api, base, path, models) in [
            (&openai::CHAT, "", "/v1/chat/completions", "/v1/models"),
            (&openai::CHAT, "/", "/v1/chat/completions", "/v1/models"),
            (&openai::CHAT, "/v1", "/v1/chat/completions", "/v1/models"),
            (&openai::CHAT, "/api/v3/", "/api/v3/chat/completions", "/api/v3/models"),
            (&openai::CHAT, "/x/chat/completions", "/x/chat/completions", "/x/models"),
            (&openai::RESPONSES, "/v1", "/v1/responses", "/v1/models"),
            (&anthropic::MESSAGES, "", "/v1/messages", "/v1/models"),
            (&anthropic::MESSAGES, "/anthropic", "/anthropic/v1/messages", "/anthropic/v1/models"),
            (&anthropic::MESSAGES, "/v1", "/v1/messages", "/v1/models"),
            (&ollama::CHAT, "", "/api/chat", "/api/tags"),
            (&ollama::CHAT, "/api", "/api/chat", "/api/tags"),
        ] {
            assert_eq!((api.path(base), api.models_path(base)), (path.into(), models.into()), "{} {base}", api.name);
        }
    }

    #[test]
    fn every_api_asks_for_an_answer_and_a_stream() {
        for api in APIS {
            for ask in [Ask::Plain, Ask::Stream, Ask::Limit, Ask::BadJson, Ask::BadField, Ask::UnknownModel] {
                assert!(api.has(ask), "{} {ask:?}", api.name);
            }
            let words = Words { model: "m", newer_limit: false };
            for ask in Ask::ALL.iter().filter(|ask| api.has(**ask)) {
                let body = api.body(*ask, &words).unwrap();
                let json: Result<Value, _> = serde_json::from_slice(&body);
                assert_eq!(json.is_ok(), *ask != Ask::BadJson, "{} {ask:?}", api.name);
                if let Ok(json) = json {
                    assert_eq!(json["stream"], ask.streams(), "{} {ask:?}", api.name);
                    assert_eq!(json["model"], if *ask == Ask::UnknownModel { NO_MODEL } else { "m" });
                }
            }
        }
    }

    #[test]
    fn names_of_models() {
        let list = br#"{"object":"list","data":[{"id":"a"},{"id":"b"},{"name":"c"}]}"#;
        assert_eq!(openai::CHAT.names(list), Some(vec!["a".into(), "b".into()]));
        assert_eq!(ollama::CHAT.names(br#"{"models":[{"name":"x","model":"x:1"}]}"#), Some(vec!["x:1".into()]));
        assert_eq!(openai::CHAT.names(b"<html>"), None);
        assert!(Api::parse("openai.chat").is_ok() && Api::parse("x").unwrap_err().contains("ollama"));
    }
}
