//! `InvokeModelWithResponseStream`: each `chunk` wraps one event of the model's own dialect, which is recognised and
//! read as anywhere else.

use super::super::json::{self, Repair, Text};
use super::super::payload::{object, text_of};
use super::super::reader::Reader;
use super::super::remarks::Remarks;
use super::super::{Answer, Confidence, End, Evidence, Meaning, choose};
use super::shape::Foreign;
use super::{BAD_PAYLOAD, Bedrock, DIALECT, NO_BYTES, NOT_BASE64};
use crate::encoding::from_base64;
use crate::framing::{Framing, Record};
use crate::oddity::excerpt;
use std::borrow::Cow;

/// What Bedrock adds to the model's last event.
const METRICS: &str = "amazon-bedrock-invocationMetrics";

/// Reads chunks.
pub(super) struct Invoke {
    inner: Box<dyn Reader>,
    /// How the stream ends: as Converse does if the dialect inside has its own end.
    end: End,
    /// The events inside are those of Converse, each under its name (Amazon Nova).
    named: bool,
    /// The dialect inside.
    dialect: Option<&'static str>,
}

impl Invoke {
    /// A reader for this stream, whose inner dialect shows in the record at hand.
    pub(super) fn new(evidence: &Evidence<'_>) -> Self {
        let bytes = match unwrapped(evidence.record) {
            Wrapped::Bytes(bytes) => bytes,
            Wrapped::Bare => evidence.record.data.to_vec(),
            Wrapped::NotBase64(_) | Wrapped::NotObject => Vec::new(),
        };
        if converse_event(&bytes).is_some() {
            let inner = Box::new(Bedrock::default());
            return Invoke { inner, end: DIALECT.end, named: true, dialect: None };
        }
        let record = Record { event: "", data: &bytes, ..*evidence.record };
        let inside = Evidence { method: None, target: None, framing: Framing::Ndjson, record: &record, ..*evidence };
        let own = choose(&inside)
            .filter(|(dialect, sure, _)| *sure > Confidence::No && dialect.generates && dialect.name != DIALECT.name);
        let Some((dialect, ..)) = own else {
            return Invoke { inner: Box::new(Others), end: End::Body, named: false, dialect: None };
        };
        let inner = (dialect.reader)(&inside);
        let end = match inner.end().unwrap_or(dialect.end) {
            End::Terminator(_) => DIALECT.end,
            other => other,
        };
        Invoke { inner, end, named: false, dialect: Some(dialect.name) }
    }
}

impl Reader for Invoke {
    fn end(&self) -> Option<End> {
        Some(self.end)
    }

    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        if record.exception {
            return super::exception(record, answer, remarks);
        }
        let bytes = match unwrapped(record) {
            Wrapped::Bytes(bytes) => Cow::Owned(bytes),
            Wrapped::Bare => {
                remarks.note(NO_BYTES, || excerpt(record.data));
                Cow::Borrowed(record.data)
            }
            Wrapped::NotBase64(shown) => {
                remarks.note(NOT_BASE64, || shown);
                return Meaning::default();
            }
            Wrapped::NotObject => {
                return object(record, answer, remarks, BAD_PAYLOAD, |text, repair, _, _| {
                    json::parse::<Chunk<'_>>(text, repair).map(|_| Meaning::default())
                });
            }
        };
        let (event, data) = if self.named { converse_event(&bytes).unwrap_or(("", &bytes)) } else { ("", &*bytes) };
        let meaning = self.inner.record(&Record { event, data, ..*record }, answer, remarks);
        if answer.variant.is_none() {
            answer.variant = self.dialect;
            answer.variant_by = self.dialect.map(|_| "what its chunks wrap".to_owned());
        }
        if answer.usage.is_none() {
            metrics(&bytes, answer);
        }
        meaning
    }

    fn finish(&mut self, complete: bool, answer: &mut Answer, remarks: &mut Remarks<'_>) {
        if answer.error.is_none() {
            self.inner.finish(complete, answer, remarks);
        }
    }
}

/// The payload of a chunk.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Chunk<'a> {
    #[serde(borrow)]
    bytes: Text<'a>,
}

/// What a chunk has.
enum Wrapped {
    /// The model's event, which `bytes` wraps.
    Bytes(Vec<u8>),
    /// No `bytes`, and other members: the model's event itself.
    Bare,
    /// `bytes` is something else.
    NotBase64(String),
    NotObject,
}

/// What this chunk has.
fn unwrapped(record: &Record<'_>) -> Wrapped {
    let text = text_of(record);
    let mut repair = Repair::default();
    let Ok(chunk) = json::parse::<Chunk<'_>>(&text, &mut repair) else { return Wrapped::NotObject };
    if chunk.bytes == Text::Absent && text.contains(':') {
        return Wrapped::Bare;
    }
    match chunk.bytes.str().and_then(from_base64) {
        Some(bytes) => Wrapped::Bytes(bytes),
        None => Wrapped::NotBase64(chunk.bytes.show()),
    }
}

/// `{"contentBlockDelta": {…}}`: the event's name and its payload.
fn converse_event(json: &[u8]) -> Option<(&'static str, &[u8])> {
    const NAMES: &[&str] =
        &["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"];
    let event = serde_json::from_slice::<std::collections::BTreeMap<&str, &serde_json::value::RawValue>>(json).ok()?;
    NAMES.iter().find_map(|name| event.get(name).map(|payload| (*name, payload.get().as_bytes())))
}

/// Usage as Bedrock itself counts it, where the model's events have none.
fn metrics(json: &[u8], answer: &mut Answer) {
    if memchr::memmem::find(json, METRICS.as_bytes()).is_none() {
        return;
    }
    let event = serde_json::from_slice::<serde_json::Value>(json).unwrap_or_default();
    if let Some(counts) = event.get(METRICS) {
        answer.report_usage(Some(counts.clone()), counts.get("outputTokenCount").and_then(serde_json::Value::as_u64));
    }
}

/// Reads events of models whose dialect is spoken nowhere else: Llama, Titan, Mistral.
struct Others;

impl Reader for Others {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        object(record, answer, remarks, BAD_PAYLOAD, |text, repair, answer, _| {
            Ok(json::parse::<Foreign<'_>>(text, repair)?.take(answer))
        })
    }
}
