//! `InvokeModelWithResponseStream`: each `chunk` wraps one event of the model's own dialect, which is recognised and read as anywhere else.

use super::super::json::{self, Again, Text};
use super::super::note::{Notes, Say, text_of};
use super::super::reader::{Common, Events};
use super::super::{Answer, Confidence, Evidence, Meaning, Reader, choose};
use super::shape::Foreign;
use super::{DIALECT, MESSAGE_STOP, NOT_BASE64, NOT_JSON, NOT_OBJECT};
use crate::encoding::from_base64;
use crate::framing::{Framing, Record};
use crate::oddity::Oddity;

/// What Bedrock adds to the model's last event.
const METRICS: &str = "amazon-bedrock-invocationMetrics";

/// Reads chunks.
pub(super) struct Invoke {
    notes: Notes,
    inner: Box<dyn Reader>,
    /// The events inside are those of Converse, each under its name (Amazon Nova).
    named: bool,
    /// The dialect inside.
    dialect: Option<&'static str>,
}

impl Invoke {
    /// A reader for this stream, whose inner dialect shows in the record at hand.
    pub(super) fn new(evidence: &Evidence<'_>) -> Self {
        let bytes = unwrapped(evidence.record).and_then(|bytes| bytes.ok()).unwrap_or_default();
        if let Some((event, data)) = converse_event(&bytes) {
            let record = Record { event, data, ..*evidence.record };
            let inner = super::converse(&Evidence { record: &record, ..*evidence }, false);
            return Invoke { notes: Notes::default(), inner, named: true, dialect: None };
        }
        let record = Record { event: "", data: &bytes, ..*evidence.record };
        let inside = Evidence { method: None, target: None, framing: Framing::Ndjson, record: &record, ..*evidence };
        let own = choose(&inside).filter(|(dialect, sure, _)| *sure > Confidence::No && dialect.generates && dialect.name != DIALECT.name);
        let (inner, dialect) = match own {
            Some((dialect, ..)) => ((dialect.reader)(&inside), Some(dialect.name)),
            None => (Common::boxed(&inside, None, Others), None),
        };
        Invoke { notes: Notes::default(), inner, named: false, dialect }
    }
}

impl Reader for Invoke {
    fn read(&mut self, record: &Record<'_>, answer: &mut Answer, odd: &mut dyn FnMut(Oddity)) -> Meaning {
        let mut say = Say { place: record.into(), notes: &mut self.notes, odd };
        if record.exception {
            answer.terminator.record();
            return super::exception(record, answer, &mut say);
        }
        let bytes = match unwrapped(record) {
            Some(Ok(bytes)) => bytes,
            Some(Err(shown)) => {
                say.note(NOT_BASE64, || shown);
                return Meaning::default();
            }
            None => {
                let text = text_of(record);
                if let Err(e) = json::parse::<Chunk<'_>>(&text, &mut Again::default()) {
                    say.unreadable(NOT_JSON, NOT_OBJECT, &e, record);
                }
                return Meaning::default();
            }
        };
        let (event, data) = if self.named { converse_event(&bytes).unwrap_or(("", &bytes)) } else { ("", bytes.as_slice()) };
        let meaning = self.inner.read(&Record { event, data, ..*record }, answer, odd);
        if answer.terminator.expected.is_some() {
            answer.terminator.expected = Some(MESSAGE_STOP);
        }
        if answer.variant.is_none() {
            answer.variant = self.dialect;
            answer.variant_by = self.dialect.map(|_| "what its chunks wrap".to_owned());
        }
        if answer.usage.is_none() {
            metrics(&bytes, answer);
        }
        meaning
    }

    fn finish(&mut self, complete: bool, answer: &mut Answer, odd: &mut dyn FnMut(Oddity)) {
        if answer.error.is_none() {
            self.inner.finish(complete, answer, odd);
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

/// The bytes that a chunk wraps, or what stands there instead; none where the payload is no object.
fn unwrapped(record: &Record<'_>) -> Option<Result<Vec<u8>, String>> {
    let text = text_of(record);
    let mut again = Again::default();
    let chunk = json::parse::<Chunk<'_>>(&text, &mut again).ok()?;
    Some(chunk.bytes.str().and_then(from_base64).ok_or_else(|| chunk.bytes.show()))
}

/// `{"contentBlockDelta": {…}}`: the event's name and its payload.
fn converse_event(json: &[u8]) -> Option<(&'static str, &[u8])> {
    const NAMES: &[&str] = &["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"];
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

impl Events for Others {
    fn event(&mut self, record: &Record<'_>, answer: &mut Answer, say: &mut Say<'_>) -> Meaning {
        let text = text_of(record);
        let mut again = Again::default();
        match json::parse::<Foreign<'_>>(&text, &mut again) {
            Ok(event) => event.take(answer),
            Err(e) => {
                say.unreadable(NOT_JSON, NOT_OBJECT, &e, record);
                Meaning::default()
            }
        }
    }
}
