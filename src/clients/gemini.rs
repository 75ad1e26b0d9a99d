//! How clients of Gemini read a stream and put an answer together.

use super::json::Json;
use super::reader::{Got, Join, Tool};
use super::records::Accumulator;
use super::shape::Shape::{self, Either, Empty, List, Number, Object, Text};
use super::shape::{must, nullish};
use super::sse::{Event, Parts, Take};
use serde_json::Value;
use std::ops::ControlFlow;

/// One record's share in what the server meant to say.
pub(super) fn meant(chunk: &Value, got: &mut Got) {
    // A generous reading never raises.
    let _ = Collect { errors: Errors::Pass, provider: false, blocked: false }.chunk(chunk, got);
}

/// Candidates, parts, finish reasons.
#[derive(Debug, Clone, Copy)]
pub(super) struct Collect {
    /// Which error objects are exceptions.
    pub(super) errors: Errors,
    /// The AI SDK's: a reason without a name becomes `other`, and a blocked prompt ends the answer.
    pub(super) provider: bool,
    /// The prompt was blocked.
    pub(super) blocked: bool,
}

/// Which error objects are exceptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errors {
    /// None.
    Pass,
    /// Those whose `code` is a status of failure.
    ByCode,
    /// All.
    Raise,
    /// All, null too.
    RaiseNull,
}

const KNOWN: &[&str] = &[
    "STOP",
    "MAX_TOKENS",
    "SAFETY",
    "RECITATION",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "IMAGE_SAFETY",
    "MALFORMED_FUNCTION_CALL",
];

impl Accumulator for Collect {
    fn chunk(&mut self, chunk: &Value, got: &mut Got) -> Result<(), String> {
        let error = chunk.get("error").filter(|e| !e.is_null());
        let failed = error.and_then(|e| e.get("code")).and_then(Value::as_i64).is_some_and(|c| (400..600).contains(&c));
        match self.errors {
            Errors::Raise | Errors::RaiseNull if error.is_some() => {
                return Err("the error in the stream is raised".into());
            }
            Errors::RaiseNull if chunk.get("error").is_some() => {
                return Err("`\"error\": null` is taken for an error".into());
            }
            Errors::ByCode if failed => return Err("the error in the stream is raised".into()),
            _ => {}
        }
        if self.provider
            && chunk.pointer("/promptFeedback/blockReason").and_then(Value::as_str).is_some_and(|r| !r.is_empty())
        {
            (self.blocked, got.finished) = (true, true);
        }
        if self.blocked {
            got.lose(|| "the prompt counts as blocked, and the rest is ignored".into());
            return Ok(());
        }
        for candidate in chunk.get("candidates").and_then(Value::as_array).into_iter().flatten() {
            let n = super::reader::index(candidate).unwrap_or(0);
            for part in candidate.pointer("/content/parts").and_then(Value::as_array).into_iter().flatten() {
                if let Some(call) = part.get("functionCall") {
                    let place = got.tools.len() as i64;
                    let name = call.get("name").and_then(Value::as_str).unwrap_or_default().to_string();
                    let arguments = call.get("args").map(Value::to_string).unwrap_or_default();
                    got.tools.insert(
                        (n, place),
                        Tool { id: Some(String::new()), kind: Some(String::new()), name, arguments },
                    );
                }
                got.other |= ["inlineData", "fileData", "executableCode"].iter().any(|key| part.get(key).is_some());
                if part.get("thought").and_then(Value::as_bool) != Some(true) {
                    Join::Dropped.add(got, n, part.get("text"))?;
                }
            }
            if let Some(reason) = candidate.get("finishReason").and_then(Value::as_str) {
                if !self.provider || KNOWN.contains(&reason) {
                    got.finished = true;
                } else {
                    got.lose(|| format!("finish reason {reason:?} becomes \"other\""));
                }
            }
        }
        Ok(())
    }
}

/// Lines as google-genai for Python reads them: `data: ` with its space; any other line must be JSON, over as many
/// lines as its braces need.
pub(super) fn lines<'b>(body: &'b [u8], complete: bool, take: &mut Take<'_, 'b>) -> ControlFlow<()> {
    let text = String::from_utf8_lossy(body);
    let (mut data, mut raw, mut braces) = (None::<String>, String::new(), Braces::default());
    let mut say = |data: String| take(Ok(Event { name: None, data: Some(data.into()) }));
    let last = text.len() - text.rsplit(['\n', '\r']).next().map_or(0, str::len);
    let end = if complete { text.len() } else { last };
    for line in text[..end].lines().flat_map(|l| l.split('\r')) {
        if line.is_empty() {
            if let Some(data) = data.take() {
                say(data)?;
            }
        } else if let Some(value) = line.strip_prefix("data: ") {
            match &mut data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                none => *none = Some(value.to_string()),
            }
        } else {
            raw.push_str(line);
            if braces.balanced_by(line) {
                braces = Braces::default();
                say(std::mem::take(&mut raw))?;
            }
        }
    }
    if complete {
        if !raw.is_empty() {
            say(raw)?;
        }
        if let Some(data) = data {
            say(data)?;
        }
    }
    ControlFlow::Continue(())
}

/// Open braces; braces inside strings are not counted.
#[derive(Debug, Default)]
struct Braces {
    open: i64,
    quoted: bool,
    escaped: bool,
}

impl Braces {
    /// Takes more text. True: every open brace is closed.
    fn balanced_by(&mut self, text: &str) -> bool {
        for byte in text.bytes() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.quoted => self.escaped = true,
                b'"' => self.quoted = !self.quoted,
                b'{' if !self.quoted => self.open += 1,
                b'}' if !self.quoted => self.open -= 1,
                _ => {}
            }
        }
        self.open <= 0
    }
}

/// Blocks as `@google/genai` reads them: between double line ends, trimmed, and only those that begin with `data:`. A
/// rest at the end raises.
pub(super) fn blocks<'b>(body: &'b [u8], complete: bool, take: &mut Take<'_, 'b>) -> ControlFlow<()> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let mut parts = Parts { rest: body, separators: &[b"\n\n", b"\r\r", b"\r\n\r\n"] };
    for (block, _) in parts.by_ref() {
        let block = String::from_utf8_lossy(block);
        let block = block.trim();
        if let Some(data) = block.strip_prefix("data:") {
            take(Ok(Event { name: None, data: Some(data.trim().to_owned().into()) }))?;
        } else if Json::Script.read(block).is_ok_and(|v| v.get("error").is_some()) {
            take(Err("an error outside of any event is raised".into()))?;
        }
    }
    let left = complete && !parts.rest.trim_ascii().is_empty();
    if left { take(Err("no blank line ends the last event".into())) } else { ControlFlow::Continue(()) }
}

const PART: Shape = Object(&[nullish("text", Text), nullish("functionCall", Object(&[must("name", Text)]))]);

/// The schema of `@ai-sdk/google`.
pub(super) static AI: Shape = Object(&[
    nullish("responseId", Text),
    nullish(
        "candidates",
        List(&Object(&[nullish("content", Object(&[nullish("parts", List(&PART))])), nullish("finishReason", Text)])),
    ),
    nullish("usageMetadata", Object(&[nullish("promptTokenCount", Number), nullish("totalTokenCount", Number)])),
]);

/// What google-genai for Python validates; values that Python takes for false are not validated.
pub(super) static PYTHON: Shape = Either(&[AI_PYTHON, Empty]);

const AI_PYTHON: Shape = Object(&[
    nullish("responseId", Text),
    nullish("modelVersion", Text),
    nullish(
        "candidates",
        List(&Object(&[
            nullish("content", Object(&[nullish("parts", List(&PART)), nullish("role", Text)])),
            nullish("finishReason", Text),
        ])),
    ),
    nullish("usageMetadata", Object(&[])),
]);
