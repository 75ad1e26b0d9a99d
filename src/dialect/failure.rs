//! An object that reports a failure, in the form of any vendor, and is no part of an answer.
//!
//! Every dialect asks here about an object that is not its own: gateways pass on the error objects of the servers
//! behind them, whatever API they offer.
//!
//! Source: error pages of OpenAI, Anthropic, Google, AWS, MiniMax (`base_resp`), Baidu (`error_code`), iFlow and Zhipu
//! (`status` or `code` with `msg`), Cloudflare (`success` with `errors`), Spark (`header.code`); FastAPI's `detail`;
//! RFC 9457.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Names of an error code.
const CODES: &[&str] = &["error_code", "errorCode", "err_code", "errcode"];
/// Names of a message that only an error has.
const ERROR_MESSAGES: &[&str] =
    &["error_msg", "errorMsg", "error_message", "errorMessage", "err_msg", "errmsg", "errorText"];
/// Names of a message that other objects have too.
const MESSAGES: &[&str] = &["msg", "message", "Message", "detail", "title"];
/// Members that only an answer has. An object with one of them is an error only if it names an error.
const OF_ANSWERS: &[&str] =
    &["choices", "content", "delta", "text", "response", "output", "result", "candidates", "done", "generated_text"];
/// Members beside the `message` of an error that has no other sign.
const BESIDE_MESSAGE: &[&str] = &[
    "code",
    "type",
    "__type",
    "param",
    "status",
    "statusCode",
    "request_id",
    "requestId",
    "RequestId",
    "trace_id",
    "id",
    "timestamp",
    "path",
];

/// The failure that this object, or the only object in this array, reports: the error as JSON or text. None if it
/// reports none.
pub(super) fn told(payload: &str) -> Option<String> {
    let value = serde_json::from_str::<Value>(payload).ok()?;
    let object = match &value {
        Value::Object(object) => object,
        Value::Array(list) if list.len() == 1 => list[0].as_object()?,
        _ => return None,
    };
    part(object).or_else(|| whole(object).then(|| payload.trim().to_owned()))
}

/// The first failure that one of these JSON documents reports, whatever dialect the stream around them has.
pub fn failure_outside(documents: &[u8]) -> Option<String> {
    let documents = serde_json::Deserializer::from_slice(documents).into_iter::<&RawValue>();
    documents.map_while(Result::ok).find_map(|document| told(document.get()))
}

/// The JSON text of an `error` member says that there is an error: it is not null, false or empty.
pub(super) fn says_one(json: &str) -> bool {
    !matches!(json, "null" | "false" | "\"\"" | "{}" | "[]" | "0")
}

/// This `base_resp` (JSON) reports a failure.
pub(super) fn refused(base: &str) -> bool {
    serde_json::from_str::<Value>(base).is_ok_and(|base| base.get("status_code").is_some_and(refuses))
}

/// The member that holds the whole error.
fn part(object: &Map<String, Value>) -> Option<String> {
    let error = ["error", "errors", "fault"].iter().find_map(|name| object.get(*name)).filter(|e| is_full(e));
    match error {
        Some(Value::String(error)) if object.len() == 1 => Some(error.clone()),
        Some(error @ Value::Object(_)) => Some(error.to_string()),
        _ => {
            let base = object.get("base_resp").filter(|base| base.get("status_code").is_some_and(refuses))?;
            Some(base.to_string())
        }
    }
}

/// The object as a whole is an error.
fn whole(object: &Map<String, Value>) -> bool {
    let any = |names: &[&str], holds: fn(&Value) -> bool| names.iter().any(|name| object.get(*name).is_some_and(holds));
    if any(&["error", "errors", "fault"], is_full)
        || any(CODES, refuses)
        || any(ERROR_MESSAGES, is_text)
        || object.get("success") == Some(&Value::Bool(false))
        || object.get("header").and_then(|h| h.get("code")).is_some_and(refuses)
    {
        return true;
    }
    if OF_ANSWERS.iter().any(|name| object.get(*name).is_some_and(is_full)) {
        return false;
    }
    let fine = object.get("code").is_some_and(|code| code.is_number() && !refuses(code));
    let says = !fine && any(MESSAGES, is_full);
    let named = |name: &str| matches!(object.get(name), Some(Value::String(s)) if s == "error");
    // A record with another type is an event of its own.
    let typed = object.get("type").and_then(Value::as_str).is_some_and(|kind| {
        let kind = kind.to_ascii_lowercase();
        !kind.is_empty() && !["error", "exception", ":"].iter().any(|part| kind.contains(part))
    });
    let alone = object.keys().all(|key| MESSAGES.contains(&key.as_str()) || BESIDE_MESSAGE.contains(&key.as_str()));
    named("type")
        || named("object")
        || (says && !typed && object.get("code").is_some_and(refuses))
        || (says && !typed && object.get("status").is_some_and(is_failure))
        || (says && !typed && alone)
}

/// Something is there: not null, false, 0 or empty.
fn is_full(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) => true,
        Value::Number(n) => n.as_f64() != Some(0.0),
        Value::String(s) => !s.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

/// A message of an error: not empty, and no word of success.
fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|s| !s.is_empty() && !is_success(s))
}

fn is_success(word: &str) -> bool {
    ["ok", "success", "succeeded", "successful", "none"].iter().any(|good| word.eq_ignore_ascii_case(good))
}

/// A code of failure: a number other than 0 and those of HTTP's successes, or a word that does not name success.
fn refuses(code: &Value) -> bool {
    let bad = |n: i64| n != 0 && !(200..300).contains(&n);
    match code {
        Value::Number(n) => n.as_i64().is_none_or(bad),
        Value::String(s) => match s.parse::<i64>() {
            Ok(n) => bad(n),
            Err(_) => is_text(code),
        },
        _ => false,
    }
}

/// A status of failure: a number from 400 on, or a word that says so. Other words are states of work.
fn is_failure(status: &Value) -> bool {
    match status {
        Value::Number(n) => n.as_i64().is_some_and(|n| n >= 400),
        Value::String(s) => {
            s.parse::<i64>().is_ok_and(|n| n >= 400)
                || ["error", "fail", "failed", "failure"].iter().any(|word| s.eq_ignore_ascii_case(word))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_many_vendors() {
        for (payload, want) in [
            (r#"{"error":{"message":"no","code":1}}"#, r#"{"code":1,"message":"no"}"#),
            (r#"{"error":"boom"}"#, "boom"),
            (r#"[{"error":{"code":503}}]"#, r#"{"code":503}"#),
            (
                r#"{"id":"0","choices":null,"base_resp":{"status_code":1002,"status_msg":"rate limit"}}"#,
                r#"{"status_code":1002,"status_msg":"rate limit"}"#,
            ),
        ] {
            assert_eq!(told(payload).as_deref(), Some(want), "{payload}");
        }
        for payload in [
            r#"{"error":true,"message":"no"}"#,
            r#"{"error_code":336100,"error_msg":"try again"}"#,
            r#"{"errorMessage":"no"}"#,
            r#"{"success":false,"errors":[{"code":7003,"message":"no"}],"result":null}"#,
            r#"{"success":false}"#,
            r#"{"detail":"Not Found"}"#,
            r#"{"detail":[{"loc":["body"],"msg":"field required"}]}"#,
            r#"{"message":"Unauthorized"}"#,
            r#"{"Message":"no","__type":"AccessDenied"}"#,
            r#"{"code":"Throttling","message":"slow down","request_id":"r"}"#,
            r#"{"code":1305,"msg":"overloaded","data":null}"#,
            r#"{"status":"439","msg":"token expired","body":null}"#,
            r#"{"status":"error","message":"no","data":null}"#,
            r#"{"type":"about:blank","title":"Too many","status":429,"detail":"slow"}"#,
            r#"{"object":"error","message":"no","code":400}"#,
            r#"{"header":{"code":10013,"message":"no"}}"#,
        ] {
            assert_eq!(told(payload).as_deref(), Some(payload));
        }
    }

    #[test]
    fn failures_outside_of_records() {
        let told = |documents: &str| failure_outside(documents.as_bytes());
        assert_eq!(told("{\n \"error\": \"boom\"\n}\n").as_deref(), Some("boom"));
        assert_eq!(told("{\"a\":1}\n{\"error\":\"boom\"}\n").as_deref(), Some("boom"), "the second document");
        assert_eq!(told("{\"a\":1}\n"), None);
        assert_eq!(told("{\"error\": \"bo"), None, "cut");
    }

    #[test]
    fn what_is_no_error() {
        for payload in [
            "",
            "[]",
            "7",
            "[1,2]",
            "{}",
            r#"{"error":null,"errors":[],"fault":{}}"#,
            r#"{"error":false,"content":"Hi"}"#,
            r#"{"error":"","token":"Hi"}"#,
            r#"{"base_resp":{"status_code":0,"status_msg":""},"choices":[]}"#,
            r#"{"success":true,"result":{"response":"Hi"}}"#,
            r#"{"code":0,"msg":"success","data":{"text":"Hi"}}"#,
            r#"{"code":200,"message":"ok"}"#,
            r#"{"error_code":0,"error_msg":"","result":"Hi"}"#,
            r#"{"status":"running","message":"step 1","step":1}"#,
            r#"{"message":{"role":"assistant"},"done":false,"content":"Hi"}"#,
            r#"{"type":"ping"}"#,
            r#"{"type":"status","message":"searching"}"#,
            r#"{"text":"Hi","message":"x"}"#,
        ] {
            assert_eq!(told(payload), None, "{payload}");
        }
    }
}
