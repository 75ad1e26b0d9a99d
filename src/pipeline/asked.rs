//! What the JSON body of a request asks for.

use crate::exchange::Asked;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The keys that are read; each is read separately, so that one of a wrong type does not hide the others.
#[derive(Deserialize)]
struct Keys<'a> {
    #[serde(borrow, default)]
    model: Option<&'a RawValue>,
    #[serde(borrow, default)]
    stream: Option<&'a RawValue>,
    #[serde(borrow, default)]
    stream_options: Option<&'a RawValue>,
    #[serde(borrow, default)]
    n: Option<&'a RawValue>,
    #[serde(borrow, default)]
    logprobs: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tool_choice: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tools: Option<&'a RawValue>,
    #[serde(borrow, default)]
    jsonrpc: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<&'a RawValue>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
}

/// `stream_options`
#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: Option<bool>,
}

/// The model and the other parameters; `None` if the body is not a JSON object or was not kept completely.
pub(super) fn read(body: &[u8]) -> Option<(Option<String>, Asked)> {
    if body.iter().find(|b| !b.is_ascii_whitespace()) != Some(&b'{') {
        return None;
    }
    let keys: Keys<'_> = serde_json::from_slice(body).ok()?;
    let asked = Asked {
        stream: value(keys.stream),
        usage: value::<StreamOptions>(keys.stream_options).and_then(|o| o.include_usage),
        choices: value(keys.n),
        // Legacy completions take a number here.
        logprobs: keys.logprobs.is_some_and(|v| !matches!(v.get(), "null" | "false")),
        forced_tool: keys.tool_choice.is_some_and(|v| v.get().starts_with('{')),
        tools: keys.tools.is_some_and(|v| v.get().starts_with('[') && v.get().contains('{')),
        notifies: keys.jsonrpc.is_some()
            && keys.id.is_none()
            && keys.method.is_some_and(|v| v.get().starts_with("\"notifications/")),
    };
    Some((value(keys.model), asked))
}

fn value<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_chat_request() {
        let body = br#" {"model":"m","stream":true,"stream_options":{"include_usage":true},"n":2,"logprobs":true,"messages":[],
            "tools":[{"type":"function"}],"tool_choice":{"type":"function","function":{"name":"f"}}}"#;
        let (model, asked) = read(body).unwrap();
        assert_eq!(model.as_deref(), Some("m"));
        assert_eq!(
            asked,
            Asked {
                stream: Some(true),
                usage: Some(true),
                choices: Some(2),
                logprobs: true,
                forced_tool: true,
                tools: true,
                ..Asked::default()
            }
        );
    }

    #[test]
    fn a_notification_has_no_id() {
        let notifies = |body: &str| read(body.as_bytes()).unwrap().1.notifies;
        assert!(notifies(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#));
        assert!(!notifies(r#"{"jsonrpc":"2.0","id":1,"method":"notifications/initialized"}"#));
        assert!(!notifies(r#"{"jsonrpc":"2.0","method":"tools/list"}"#));
        assert!(!notifies(r#"{"method":"notifications/initialized"}"#));
    }

    #[test]
    fn a_wrong_type_hides_nothing_else() {
        let (model, asked) =
            read(br#"{"model":7,"stream":"yes","n":-1,"tool_choice":"auto","logprobs":null,"stream_options":[]}"#)
                .unwrap();
        assert_eq!((model, asked), (None, Asked::default()));
        assert_eq!(read(br#"{"model":"m","stream":true"#), None);
        assert_eq!(read(b"[1]"), None);
        assert_eq!(read(br#"{"logprobs":false}"#).unwrap().1, Asked::default());
        assert!(read(br#"{"logprobs":5}"#).unwrap().1.logprobs, "legacy completions");
    }
}
