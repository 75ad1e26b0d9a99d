//! How clients of Gemini read a stream and put an answer together.

use super::json::Json;
use super::reader::{Got, Join, Tool};
use super::records::Accumulator;
use super::shape::Shape::{self, List, Number, Object, Text};
use super::shape::{kind, must, nullish};
use super::sse::{Event, Take};
use serde_json::Value;
use std::ops::ControlFlow;

/// One record's share in what the server meant to say.
pub(super) fn meant(chunk: &Value, got: &mut Got) {
    // Nothing that is generous raises.
    let _ = Collect { errors_raise: false, known_reasons: false }.chunk(chunk, got);
}

/// Candidates, parts, finish reasons.
#[derive(Debug, Clone, Copy)]
pub(super) struct Collect {
    /// An error object is an exception.
    pub(super) errors_raise: bool,
    /// Finish reasons without a name in the client become `other`.
    pub(super) known_reasons: bool,
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
        if self.errors_raise && !chunk.is_object() {
            return Err(format!("an event is {}, not an object", kind(chunk)));
        }
        if self.errors_raise && chunk.get("error").is_some_and(|e| !e.is_null()) {
            return Err("the error in the stream is raised".into());
        }
        for candidate in chunk.get("candidates").and_then(Value::as_array).into_iter().flatten() {
            let n = super::reader::index(candidate).unwrap_or(0);
            for part in candidate.pointer("/content/parts").and_then(Value::as_array).into_iter().flatten() {
                if let Some(call) = part.get("functionCall") {
                    let place = got.tools.len() as i64;
                    let name = call.get("name").and_then(Value::as_str).unwrap_or_default().to_string();
                    let arguments = call.get("args").map(Value::to_string).unwrap_or_default();
                    got.tools.insert((n, place), Tool { id: Some(String::new()), kind: Some(String::new()), name, arguments });
                }
                if part.get("thought").and_then(Value::as_bool) != Some(true) {
                    Join::Raises.add(got, n, part.get("text"))?;
                }
            }
            if let Some(reason) = candidate.get("finishReason").and_then(Value::as_str) {
                if !self.known_reasons || KNOWN.contains(&reason) {
                    got.finished = true;
                } else {
                    got.lose(|| format!("finish reason {reason:?} becomes \"other\""));
                }
            }
        }
        Ok(())
    }
}

/// Lines as google-genai for Python reads them: `data: ` with its space; any other line must be JSON, over as many lines as its braces need.
pub(super) fn lines(body: &[u8], complete: bool, take: &mut Take<'_>) -> ControlFlow<()> {
    let text = String::from_utf8_lossy(body);
    let (mut data, mut raw): (Option<String>, String) = (None, String::new());
    let mut say = |data: String| take(Ok(Event { name: None, data: Some(data) }));
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
            if balanced(&raw) {
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

/// As many braces close as open, those inside strings not counted.
fn balanced(text: &str) -> bool {
    let (mut depth, mut quoted, mut escaped) = (0i64, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' if !quoted => depth += 1,
            b'}' if !quoted => depth -= 1,
            _ => {}
        }
    }
    depth <= 0
}

/// Blocks as `@google/genai` reads them: between double line ends, trimmed, and only those that begin with `data:`; something left at the end raises.
pub(super) fn blocks(body: &[u8], complete: bool, take: &mut Take<'_>) -> ControlFlow<()> {
    let text = String::from_utf8_lossy(body);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut rest = text;
    while let Some((at, len)) = ["\n\n", "\r\r", "\r\n\r\n"].iter().filter_map(|d| Some((rest.find(d)?, d.len()))).min() {
        let block = rest[..at].trim();
        rest = &rest[at + len..];
        if let Some(data) = block.strip_prefix("data:") {
            take(Ok(Event { name: None, data: Some(data.trim().to_string()) }))?;
        } else if Json::Script.read(block).is_ok_and(|v| v.get("error").is_some()) {
            take(Err("an error outside of any event is raised".into()))?;
        }
    }
    if complete && !rest.trim().is_empty() { take(Err("the last event is not ended by a blank line".into())) } else { ControlFlow::Continue(()) }
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
