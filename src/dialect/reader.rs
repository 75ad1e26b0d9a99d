//! What the readers of all dialects share: the record's place, the terminator's books, the count of deltas, the variant.

use super::note::{Notes, Place, Say};
use super::variant::{self, Variant};
use super::{Answer, Evidence, Meaning, Reader};
use crate::framing::{Framing, Record};
use crate::http::event::Fields;
use crate::oddity::Oddity;

/// One dialect's part of a reader.
pub(super) trait Events: Send + 'static {
    /// One record.
    fn event(&mut self, record: &Record<'_>, answer: &mut Answer, say: &mut Say<'_>) -> Meaning;

    /// The body is over; `say` stands at the last record.
    fn over(&mut self, complete: bool, answer: &mut Answer, say: &mut Say<'_>) {
        let _ = (complete, answer, say);
    }

    /// A message of the client on a WebSocket; see [`Reader::asks`].
    fn asks(&mut self, message: &Record<'_>) -> bool {
        let _ = message;
        true
    }

    /// The frame that ends the stream.
    fn last_frame(&mut self, said: &[u8]) {
        let _ = said;
    }

    /// The trailer section.
    fn trailers(&mut self, fields: &Fields) {
        let _ = fields;
    }

    /// The JSON array of the body was closed.
    fn closed(&mut self, answer: &mut Answer) {
        let _ = answer;
    }
}

/// A reader around a dialect's part.
pub(super) struct Common<E> {
    events: E,
    notes: Notes,
    last: Place,
    expected: Option<&'static str>,
    variant: Option<&'static Variant>,
}

impl<E: Events> Common<E> {
    /// A reader for this stream; `terminator` is what the dialect promises at the end of streams (whole documents have none).
    pub(super) fn boxed(evidence: &Evidence<'_>, terminator: Option<&'static str>, events: E) -> Box<dyn Reader> {
        let expected = terminator.filter(|_| evidence.framing != Framing::Json);
        Box::new(Common { events, notes: Notes::default(), last: Place::default(), expected, variant: variant::by_heads(evidence) })
    }
}

impl<E: Events> Reader for Common<E> {
    fn read(&mut self, record: &Record<'_>, answer: &mut Answer, odd: &mut dyn FnMut(Oddity)) -> Meaning {
        self.last = record.into();
        answer.terminator.expected = self.expected;
        answer.terminator.record();
        answer.recognise(self.variant);
        let mut say = Say { place: self.last, notes: &mut self.notes, odd };
        let meaning = self.events.event(record, answer, &mut say);
        answer.count(meaning);
        meaning
    }

    fn asks(&mut self, message: &Record<'_>) -> bool {
        self.events.asks(message)
    }

    fn closed(&mut self, answer: &mut Answer) {
        self.events.closed(answer);
    }

    fn last_frame(&mut self, said: &[u8]) {
        self.events.last_frame(said);
    }

    fn trailers(&mut self, fields: &Fields) {
        self.events.trailers(fields);
    }

    fn finish(&mut self, complete: bool, answer: &mut Answer, odd: &mut dyn FnMut(Oddity)) {
        let mut say = Say { place: self.last, notes: &mut self.notes, odd };
        self.events.over(complete, answer, &mut say);
    }
}
