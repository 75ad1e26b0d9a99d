//! Recordings without content (`--content`): what of an exchange is stored for those who may not keep prompts and
//! answers. docs/database.md says what each level keeps.

use crate::conformance::by_code;
use crate::exchange::{Exchange, RecordInfo};
use crate::http::event::Fields;
use crate::http::stored;
use crate::summary::{FindingSummary, RequestSummary, ResponseSummary, Summary};
use serde_json::Value;

/// How much of an exchange is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Content {
    /// Times, counts, sizes, verdicts and findings.
    None,
    /// The same with the time and length of each delivery, chunk and record, the hashes of bodies, and the model's
    /// name.
    Lengths,
    /// Everything.
    #[default]
    Full,
}

/// Fields whose values steer the transfer and say nothing about its content. Other fields are not stored, not even
/// their names.
const KEPT: &[&str] = &[
    "accept-encoding",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "expect",
    "host",
    "keep-alive",
    "retry-after",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-accel-buffering",
    "sec-websocket-extensions",
    "sec-websocket-version",
    ":method",
    ":scheme",
    ":status",
    ":authority",
    ":protocol",
];
/// Reasons for which an answer finished, of any dialect, in lower case.
const REASONS: &[&str] = &[
    "stop",
    "length",
    "tool_calls",
    "function_call",
    "content_filter",
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "pause_turn",
    "refusal",
    "complete",
    "completed",
    "incomplete",
    "error",
    "eos_token",
    "unload",
    "load",
    "safety",
    "recitation",
    "malformed_function_call",
];
/// In place of an error's text.
const NOT_STORED: &str = "[not stored]";

impl Content {
    /// The level of this name.
    pub fn parse(name: &str) -> Option<Content> {
        [Content::None, Content::Lengths, Content::Full].into_iter().find(|c| c.as_str() == name)
    }

    /// Its name: that of the option, and in `session.options`.
    pub fn as_str(self) -> &'static str {
        match self {
            Content::None => "none",
            Content::Lengths => "lengths",
            Content::Full => "full",
        }
    }

    /// Takes the content out of a finished exchange and of its summary, which was made before.
    pub(super) fn strip(self, x: &mut Exchange, summary: &mut Summary) {
        if self == Content::Full {
            return;
        }
        if let Some(r) = &mut x.request {
            r.body.bytes = Vec::new();
            r.body.unit_lines.clear();
            let kept = stored::Kept {
                first_at: r.head.first_at,
                h2_stream: r.head.h2_stream,
                transfer: r.head.transfer.as_str(),
            };
            let raw = head(r.head.fields.raw());
            r.head.target = path(&r.head.target).to_owned();
            match stored::request(&raw, kept) {
                Some(head) => r.head = head,
                None => r.head.fields = Fields::default(),
            }
        }
        if let Some(r) = &mut x.response {
            r.body.bytes = Vec::new();
            r.body.unit_lines.clear();
            r.trailers = Fields::default();
            r.dialect_why.clear();
            for h in r.head.iter_mut().chain(&mut r.informational) {
                let kept = stored::Kept { first_at: h.first_at, h2_stream: h.h2_stream, transfer: h.transfer.as_str() };
                match stored::response(&head(h.fields.raw()), kept) {
                    Some(head) => *h = head,
                    None => h.fields = Fields::default(),
                }
            }
            self.records(&mut r.records);
        }
        x.oddities.each_found(String::clear);
        self.summary(summary);
    }

    /// Takes the names of events out of records.
    pub(super) fn records(self, records: &mut [RecordInfo]) {
        if self != Content::Full {
            records.iter_mut().for_each(|r| r.event = None);
        }
    }

    fn summary(self, s: &mut Summary) {
        s.verdict_why.clear();
        if let Some(r) = &mut s.request {
            let RequestSummary { method, authority, path: target, content_type, user_agent, model, .. } = r;
            for text in [&mut r.rpc_method, &mut r.rpc_name] {
                // The address of a resource may say what it holds.
                let is_name = |text: &String| is_name(text) && !text.contains(':');
                *text = text.take().filter(|text| self == Content::Lengths && is_name(text));
            }
            if !method.bytes().all(|b| b.is_ascii_uppercase()) || method.len() > 10 {
                "?".clone_into(method);
            }
            *target = path(target).to_owned();
            *authority = authority.as_deref().map(|a| a.rsplit('@').next().unwrap_or_default().to_owned());
            *content_type = content_type.as_deref().map(media_type);
            *user_agent = None;
            *model = model.take().filter(|m| self == Content::Lengths && is_name(m));
        }
        if let Some(r) = &mut s.response {
            strip(r);
        }
        for a in s.websocket.iter_mut().flat_map(|w| &mut w.answers) {
            (a.id, a.lane, a.text, a.reasoning, a.tool_arguments, a.reason) = Default::default();
            a.finish = a.finish.take().filter(|reason| known(reason));
            a.usage = a.usage.as_ref().and_then(counts);
            a.error = a.error.as_ref().map(|_| NOT_STORED.to_owned());
        }
        for FindingSummary { rule, message, excerpt, fix, .. } in &mut s.findings {
            *message = by_code(rule).map_or(String::new(), |r| r.summary.to_owned());
            *fix = FindingSummary::fix_of(rule);
            *excerpt = None;
        }
    }
}

fn strip(r: &mut ResponseSummary) {
    r.content_type = r.content_type.as_deref().map(media_type);
    r.content_encoding = r.content_encoding.take().filter(|c| c.split(',').all(|c| is_name(c.trim())));
    r.trailers.clear();
    (r.text, r.texts, r.reasoning_text, r.tool_arguments, r.models) = (None, None, None, None, None);
    r.finish_reason = r.finish_reason.take().filter(|reason| known(reason));
    if let Some(all) = &mut r.finish_reasons {
        all.retain(|_, reason| known(reason));
    }
    r.usage = r.usage.as_ref().and_then(counts);
    r.error_in_stream = r.error_in_stream.as_ref().map(|_| NOT_STORED.to_owned());
    r.terminator.which = r.terminator.which.take().filter(|w| r.terminator.expected.as_ref() == Some(w));
}

/// Whether this is a reason that some dialect has.
fn known(reason: &str) -> bool {
    REASONS.contains(&reason.to_ascii_lowercase().as_str())
}

/// The numbers of a usage object, under names that speak of tokens.
fn counts(usage: &Value) -> Option<Value> {
    match usage {
        Value::Number(_) => Some(usage.clone()),
        Value::Object(all) => {
            let kept = all.iter().filter(|(name, _)| name.to_ascii_lowercase().contains("token") && is_name(name));
            let kept: serde_json::Map<_, _> = kept.filter_map(|(n, v)| Some((n.clone(), counts(v)?))).collect();
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
        _ => None,
    }
}

/// A head with the fields of [`KEPT`] and nothing else: no query, no reason phrase, no other name.
fn head(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut put = |line: &str| out.extend([line.as_bytes(), b"\r\n"].concat());
    for (n, line) in raw.split(|b| *b == b'\n').enumerate() {
        let Ok(line) = std::str::from_utf8(line.trim_ascii_end()) else { continue };
        let colon = line.bytes().skip(1).position(|b| b == b':').map(|i| i + 1);
        match colon.map(|at| (line[..at].to_ascii_lowercase(), line[at + 1..].trim())) {
            Some((name, value)) if name == ":path" => put(&format!("{name}: {}", path(value))),
            Some((name, value)) if name == "content-type" => put(&format!("{name}: {}", media_type(value))),
            Some((name, value)) if KEPT.contains(&name.as_str()) => put(&format!("{name}: {}", host(value))),
            _ if n == 0 && line.starts_with("HTTP/") => put(&line.chars().take(12).collect::<String>()),
            _ if n == 0 => {
                let words: Vec<&str> = line.split(' ').collect();
                if let [method, target, version] = words[..] {
                    put(&format!("{method} {} {version}", path(target)));
                }
            }
            _ => {}
        }
    }
    put("");
    out
}

/// A target without query and fragment, and without userinfo.
fn path(target: &str) -> &str {
    let end = target.find(['?', '#', ';', ' ', '\t']).unwrap_or(target.len());
    match target[..end].find("://") {
        Some(_) if target[..end].contains('@') => target[..end].rsplit('@').next().unwrap_or_default(),
        _ => &target[..end],
    }
}

fn host(value: &str) -> &str {
    value.rsplit('@').next().unwrap_or_default()
}

/// A media type without parameters (RFC 9110 section 8.3.1).
fn media_type(value: &str) -> String {
    value.split(';').next().map(str::trim).filter(|t| is_name(t)).unwrap_or("?").to_owned()
}

/// Whether a text has the form of a name: no words.
fn is_name(text: &str) -> bool {
    text.len() <= 128 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./:+@*".contains(&b))
}
