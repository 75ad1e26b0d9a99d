//! Hand-made records and heads for the tests of all dialects.

use super::{Answer, Dialect, Evidence, Meaning, choose};
use crate::framing::{Framing, Record};
use crate::http::event::{Fields, ResponseHead, Transfer, Version};
use crate::oddity::{Kind, Oddities};
use crate::time::Timestamp;

/// The `n`th record with this payload.
pub(super) fn record(n: u64, data: &str) -> Record<'_> {
    let at = Timestamp(n as i64 * 1000);
    let start = n * 100;
    Record {
        n,
        at,
        first_at: at,
        frame: n + 1,
        start,
        end: start + data.len() as u64,
        data: data.as_bytes(),
        event: "",
        id: "",
        exception: false,
    }
}

/// Evidence of a POST of `target` answered with SSE, first record `record`.
pub(super) fn evidence<'a>(target: &'a str, record: &'a Record<'a>) -> Evidence<'a> {
    Evidence {
        method: Some("POST"),
        target: Some(target),
        authority: None,
        request: None,
        request_body: b"",
        response: None,
        framing: Framing::Sse,
        record,
    }
}

/// A response head with these fields.
pub(super) fn head(fields: &[(&str, &str)]) -> ResponseHead {
    let (mut raw, mut list) = (Vec::new(), Vec::new());
    for (name, value) in fields {
        let mut put = |text: &str| {
            let start = raw.len() as u32;
            raw.extend_from_slice(text.as_bytes());
            start..raw.len() as u32
        };
        list.push((put(name), put(value)));
    }
    ResponseHead {
        first_at: Timestamp(0),
        status: 200,
        reason: b"OK".to_vec(),
        version: Version::H11,
        transfer: Transfer::Chunked,
        h2_stream: None,
        fields: Fields::new(raw, list),
    }
}

/// What a reader made of a stream.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) answer: Answer,
    pub(super) odd: Oddities,
    pub(super) meanings: Vec<Meaning>,
}

impl Read {
    /// What was found of a kind, the first.
    pub(super) fn found(&self, kind: Kind) -> Option<&str> {
        self.odd.find(kind).map(|(o, _)| o.found.as_ref())
    }

    /// Kinds noticed, sorted.
    pub(super) fn kinds(&self) -> Vec<&'static str> {
        let mut kinds: Vec<_> = self.odd.iter().map(|(o, _)| o.kind.0).collect();
        kinds.sort_unstable();
        kinds
    }

    /// Visible text of choice 0.
    pub(super) fn text(&self) -> &str {
        self.answer.texts.get(&0).map_or("", String::as_str)
    }
}

/// Read a whole, complete stream of (SSE event type, payload) with a dialect. The head was seen.
pub(super) fn read_as(dialect: &Dialect, framing: Framing, records: &[(&str, &str)]) -> Read {
    read_asked(dialect, framing, b"", records)
}

/// The same as the answer to this request body.
pub(super) fn read_asked(dialect: &Dialect, framing: Framing, request_body: &[u8], records: &[(&str, &str)]) -> Read {
    let (event, data) = records.first().copied().unwrap_or_default();
    let first = Record { event, ..record(0, data) };
    let head = head(&[]);
    let evidence = Evidence { framing, request_body, response: Some(&head), ..evidence("/", &first) };
    let mut reader = dialect.read(&evidence);
    let mut read = Read::default();
    let Read { answer, odd, meanings } = &mut read;
    for (n, (event, data)) in records.iter().enumerate() {
        let record = Record { event, exception: event.ends_with("Exception"), ..record(n as u64, data) };
        meanings.push(reader.read(&record, answer, &mut |o| odd.push(o)));
    }
    if framing == Framing::JsonArray {
        reader.closed(answer);
    }
    reader.finish(true, answer, &mut |o| odd.push(o));
    read
}

/// The name of the dialect chosen for a record.
pub(super) fn chosen(target: &str, framing: Framing, data: &str) -> Option<&'static str> {
    let record = record(0, data);
    choose(&Evidence { framing, ..evidence(target, &record) }).map(|(dialect, ..)| dialect.name)
}
