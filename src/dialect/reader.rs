//! Reading the records of one response: the part that each dialect implements, and the part that all of them share.

use super::growth::CHARACTERS_LOST;
use super::payload::FOREIGN_ERROR;
use super::remarks::{Place, Remarked, Remarks};
use super::variant::{self, Variant};
use super::{Answer, Dialect, End, Evidence, Meaning, Said};
use crate::framing::{Framing, Record};
use crate::http::event::Fields;
use crate::oddity::Oddity;

/// What a dialect makes of the records of one response, in order. One value per response.
pub(super) trait Reader: Send {
    /// Reads one record: adds its contents to `answer`, reports oddities to `remarks`, and returns what it carries.
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning;

    /// How this stream ends, if that differs from [`Dialect::end`]. Called once, before the first record.
    fn end(&self) -> Option<End> {
        None
    }

    /// A message of the client on a WebSocket. True: it asks for an answer, and the next delta's latency counts from
    /// its end.
    fn asks(&mut self, said: &Said, answer: &mut Answer) -> bool {
        let _ = (said, answer);
        true
    }

    /// The JSON array that is the body was closed by its `]`. Called after the last record, before `finish`.
    fn closed(&mut self, answer: &mut Answer) {
        let _ = answer;
    }

    /// The frame that ends the stream, if the framing has one with a payload (gRPC-Web, Connect). Called after the
    /// last record.
    fn last_frame(&mut self, payload: &[u8]) {
        let _ = payload;
    }

    /// The message's trailer section. Called after everything else of the body, before `finish`.
    fn trailers(&mut self, fields: &Fields) {
        let _ = fields;
    }

    /// The body is over (`complete`: its framing ended properly). Last remarks that need the whole stream; their place
    /// is the last record.
    fn finish(&mut self, complete: bool, answer: &mut Answer, remarks: &mut Remarks<'_>) {
        let _ = (complete, answer, remarks);
    }
}

/// Reads the records of one response in order: a dialect's [`Reader`] and what all dialects share (the record's place,
/// the terminator, the number of
/// deltas, the provider's variant).
pub struct StreamReader {
    reader: Box<dyn Reader>,
    before: Remarked,
    last: Place,
    end: End,
    variant: Option<&'static Variant>,
    /// The dialect's deltas are increments of generated text.
    generates: bool,
    /// The record that first showed that deltas may not be increments.
    repeats_at: Option<Place>,
}

impl std::fmt::Debug for StreamReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamReader").field("end", &self.end).field("last", &self.last).finish_non_exhaustive()
    }
}

impl StreamReader {
    /// A reader of this dialect for the stream that `evidence` is of.
    pub(super) fn new(dialect: &Dialect, evidence: &Evidence<'_>) -> Self {
        let reader = (dialect.reader)(evidence);
        // A whole document ends with its body.
        let end = if evidence.framing == Framing::Json { End::Body } else { reader.end().unwrap_or(dialect.end) };
        StreamReader {
            reader,
            before: Remarked::default(),
            last: Place::default(),
            end,
            variant: variant::by_heads(evidence),
            generates: dialect.generates && evidence.framing != Framing::Json,
            repeats_at: None,
        }
    }

    /// Reads one record: adds its contents to `answer`, passes oddities to `odd`, and returns what it carries.
    pub fn read(&mut self, record: &Record<'_>, answer: &mut Answer, odd: &mut dyn FnMut(Oddity)) -> Meaning {
        self.last = record.into();
        answer.end = self.end;
        answer.terminator.expected = self.end.terminator();
        answer.terminator.record();
        answer.recognise(self.variant);
        let mut remarks = Remarks { place: self.last, before: &mut self.before, odd };
        let reports = answer.usage_reports;
        let meaning = self.reader.record(record, answer, &mut remarks);
        if std::mem::take(&mut answer.growth.lost) {
            remarks.note(CHARACTERS_LOST, String::new);
        }
        answer.count(meaning, answer.usage_reports > reports);
        if meaning.reasoning {
            answer.reasons(record.at);
        }
        if answer.growth.suspected && self.repeats_at.is_none() {
            self.repeats_at = Some(self.last);
        }
        meaning
    }

    /// A message of the client on a WebSocket. True: it asks for an answer, and the next delta's latency counts from
    /// its end.
    pub fn asks(&mut self, said: &Said, answer: &mut Answer) -> bool {
        self.reader.asks(said, answer)
    }

    /// The JSON array that is the body was closed by its `]`.
    pub fn closed(&mut self, answer: &mut Answer) {
        self.reader.closed(answer);
    }

    /// The payload of the frame that ends the stream (gRPC-Web, Connect).
    pub fn last_frame(&mut self, payload: &[u8]) {
        self.reader.last_frame(payload);
    }

    /// The message's trailer section.
    pub fn trailers(&mut self, fields: &Fields) {
        self.reader.trailers(fields);
    }

    /// The body is over (`complete`: its framing ended properly).
    pub fn finish(&mut self, complete: bool, answer: &mut Answer, odd: &mut dyn FnMut(Oddity)) {
        let mut remarks = Remarks { place: self.last, before: &mut self.before, odd };
        // An error in another dialect's words is an end too: nothing is missing after it.
        let complete = complete && !remarks.had(FOREIGN_ERROR);
        self.reader.finish(complete, answer, &mut remarks);
        if let (Some(place), true, Some((which, found))) = (self.repeats_at, self.generates, answer.repeats()) {
            remarks.note_at(place, found.kind, || {
                format!("{which}, {} bytes at last, {} deltas", found.bytes, found.deltas)
            });
        }
    }
}
