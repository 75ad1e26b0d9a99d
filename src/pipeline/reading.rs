//! From decoded bytes to meaning: framing, the choice of the dialect, its reader, and the resulting answer.
//!
//! ```text
//!            first records                      Likely, or 16 records, or the end
//! Undecided ──────────────► Undecided{waiting} ─────────────────────────────────► Chosen{reader}
//!      ▲                                                                             │
//!      └─────────────────────── Framed::Revised ─────────────────────────────────────┘
//! ```

use super::Config;
use super::contributions::{Contributions, Observer};
use super::evidence::Recent;
use crate::body::Piece;
use crate::budget;
use crate::dialect::{self, Answer, Confidence, Dialect, Evidence, Meaning, Said, StreamReader};
use crate::exchange::{Delta, RecordInfo};
use crate::framing::websocket::Sender;
use crate::framing::{Framed, Framing, Record, Stream};
use crate::http::event::{Fields, RequestHead, ResponseHead};
use crate::oddity::{Delivery, Excerpt, Oddities, Oddity};
use crate::time::{Span, Timestamp};

/// Records that may wait for a dialect that knows them.
const UNDECIDED_RECORDS: usize = 16;
/// Messages of the client that may wait with them.
const UNDECIDED_MESSAGES: usize = 64;
/// Bytes of a body without records that are kept.
const TEXT_KEPT: usize = 16 << 20;

/// Bytes that judging an exchange takes for each delta: its span, and lists of spans and bursts in turn.
const JUDGED: usize = 3 * size_of::<Span>();
/// Bytes of the framing's own end that are kept.
const LAST_WORD: usize = 125;

/// Facts of the exchange, borrowed for each call.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) request: Option<&'a RequestHead>,
    pub(super) request_body: &'a [u8],
    pub(super) response: Option<&'a ResponseHead>,
}

/// Reads one response body.
pub(super) struct Reading {
    stream: Stream,
    found: Found,
    recent: Recent,
}

/// The state that a revision of the framing discards.
#[derive(Default)]
pub(super) struct Found {
    pub(super) choice: Choice,
    pub(super) answer: Answer,
    pub(super) oddities: Oddities,
    pub(super) deltas: Vec<Delta>,
    pub(super) records: Vec<RecordInfo>,
    pub(super) record_count: u64,
    pub(super) first_record_at: Option<Timestamp>,
    pub(super) last_record_at: Option<Timestamp>,
    /// Records that came in several deliveries.
    pub(super) split_records: u64,
    pub(super) terminator_at: Option<Timestamp>,
    /// Time of the last finish reason.
    pub(super) finish_at: Option<Timestamp>,
    /// Finish reasons until then.
    finishes: u64,
    pub(super) comments: u64,
    pub(super) text: Vec<u8>,
    /// The framing closed the stream: when, and how the last frame's payload begins.
    last_word: Option<(Timestamp, Vec<u8>)>,
    /// The end of the framing that came before a dialect was chosen, with its payload.
    closed: Option<Vec<u8>>,
    /// A document outside of the records says that the answer failed: nothing is missing after it.
    failed_outside: bool,
    /// Keep `records`.
    keep_records: bool,
    /// Records are only counted from here on: the body decodes to too much.
    counting: bool,
    /// Bytes of memory of records that wait for the choice, and of the events' names in `records`.
    waiting_bytes: usize,
    names: usize,
    observer: Option<Box<Observer>>,
}

/// Which dialect reads the records.
pub(super) enum Choice {
    /// `said`: messages of the client on a WebSocket, each with the number of records before it.
    Undecided {
        waiting: Vec<Waiting>,
        said: Vec<(usize, Said)>,
        asked: usize,
    },
    Chosen {
        dialect: Option<&'static Dialect>,
        why: String,
        reader: Option<StreamReader>,
    },
}

impl Default for Choice {
    fn default() -> Self {
        Choice::Undecided { waiting: Vec::new(), said: Vec::new(), asked: 0 }
    }
}

/// A record that waits for the choice of a reader, with its bytes.
pub(super) struct Waiting {
    info: RecordInfo,
    data: Vec<u8>,
    exception: bool,
    id: Box<str>,
}

impl Reading {
    pub(super) fn new(declared: Option<&str>, config: &Config) -> Self {
        let observer = config.contributions.then(Box::default);
        let found = Found { keep_records: config.contents, observer, ..Found::default() };
        Reading { stream: Stream::new(declared), found, recent: Recent::default() }
    }

    /// A reading of what the server of a WebSocket sends.
    pub(super) fn websocket(extensions: Option<&str>, config: &Config) -> Self {
        Reading { stream: Stream::websocket(Sender::Server, extensions), ..Reading::new(None, config) }
    }

    /// What each record added, if [`Config::contributions`] is set.
    pub(super) fn observed(&mut self) -> Contributions {
        self.found.observer.take().map(|o| o.seen).unwrap_or_default()
    }

    /// Whether a message of the client on a WebSocket asks for an answer: the dialect decides; without a
    /// dialect every message does.
    pub(super) fn asks(&mut self, message: &Record<'_>) -> bool {
        let Found { choice, answer, waiting_bytes, .. } = &mut self.found;
        match choice {
            Choice::Chosen { reader: Some(reader), .. } => reader.asks(&Said::of(message), answer),
            Choice::Undecided { waiting, said, .. } if said.len() < UNDECIDED_MESSAGES => {
                *waiting_bytes += size_of::<Said>();
                said.push((waiting.len(), Said::of(message)));
                true
            }
            _ => true,
        }
    }

    /// What follows may make this hold this many bytes more.
    #[inline]
    pub(super) fn allow(&mut self, bytes: usize) {
        self.stream.allow(bytes);
    }

    /// More was needed than that.
    #[inline]
    pub(super) fn is_short(&self) -> bool {
        self.stream.is_short()
    }

    /// Bytes of memory in use, about. Takes constant time.
    pub(super) fn held(&self) -> usize {
        let Found { answer, deltas, records, text, waiting_bytes, names, .. } = &self.found;
        let lists = deltas.capacity() * (size_of::<Delta>() + JUDGED) + records.capacity() * size_of::<RecordInfo>();
        let kept = answer.held() + text.capacity() + waiting_bytes + names;
        self.stream.held() + self.recent.held() + lists + kept
    }

    /// The next decoded bytes, of this transfer unit. `swollen`: from here on records are only counted.
    pub(super) fn take_in(&mut self, piece: Piece<'_>, swollen: bool, unit: u64, around: Around<'_>) {
        self.found.counting |= swollen;
        self.push(piece, unit, around);
    }

    /// The next decoded bytes, of this transfer unit.
    fn push(&mut self, piece: Piece<'_>, unit: u64, around: Around<'_>) {
        let Reading { stream, found, recent } = self;
        recent.delivery = Delivery { frame: piece.frame, unit: Some(unit) };
        recent.push(piece.bytes);
        stream.push(piece, &mut |framed| found.on(framed, recent));
        self.decide(around, false);
    }

    pub(super) fn gap(&mut self, at: Timestamp, len: Option<u64>, around: Around<'_>) {
        let Reading { stream, found, recent } = self;
        stream.gap(at, len, &mut |framed| found.on(framed, recent));
        recent.gap(len);
        self.decide(around, false);
    }

    pub(super) fn finish(&mut self, at: Timestamp, complete: bool, trailers: &Fields, around: Around<'_>) {
        let Reading { stream, found, recent } = self;
        stream.finish(at, complete, &mut |framed| found.on(framed, recent));
        self.decide(around, true);
        self.found.finish(at, complete, trailers, &self.recent);
    }

    /// The end of the decoded body.
    pub(super) fn tail(&self) -> Option<Box<Excerpt>> {
        self.recent.tail()
    }

    pub(super) fn framing(&self) -> Framing {
        self.stream.framing()
    }

    pub(super) fn found(&mut self) -> &mut Found {
        &mut self.found
    }

    pub(super) fn into_found(self) -> Found {
        self.found
    }

    /// Ask the dialects about the records that wait; the first that is sure takes them all. `last`: take the
    /// best guess.
    fn decide(&mut self, around: Around<'_>, last: bool) {
        let Choice::Undecided { waiting, said, asked } = &mut self.found.choice else { return };
        let asked_in_vain = self.stream.framing() == Framing::WebSocket && !said.is_empty();
        if last && waiting.is_empty() && (self.stream.framing() == Framing::Grpc || asked_in_vain) {
            return self.decide_by_framing(around);
        }
        if waiting.is_empty() || (*asked == waiting.len() && !last) {
            return;
        }
        let mut best: Option<(&'static Dialect, Confidence, String, usize)> = None;
        for (i, record) in waiting.iter().enumerate() {
            let record = record.view();
            let evidence = around.evidence(self.stream.framing(), &record);
            let Some((dialect, confidence, why)) = dialect::choose(&evidence) else { continue };
            if best.as_ref().is_none_or(|b| confidence > b.1) {
                best = Some((dialect, confidence, why, i));
            }
            if confidence >= Confidence::Likely {
                break;
            }
        }
        *asked = waiting.len();
        let sure = best.as_ref().is_some_and(|b| b.1 >= Confidence::Likely);
        if !sure && !last && waiting.len() < UNDECIDED_RECORDS {
            return;
        }
        let (waiting, said) = (std::mem::take(waiting), std::mem::take(said));
        self.found.waiting_bytes = 0;
        let (dialect, why, reader) = match best {
            Some((dialect, _, why, i)) => {
                let record = waiting[i].view();
                (Some(dialect), why, Some(dialect.read(&around.evidence(self.stream.framing(), &record))))
            }
            None => (None, String::new(), None),
        };
        self.found.choice = Choice::Chosen { dialect, why, reader };
        let mut said = said.into_iter().peekable();
        for (n, record) in waiting.iter().enumerate() {
            while let Some((_, said)) = said.next_if(|(before, _)| *before <= n) {
                self.found.hear(&said);
            }
            self.found.read(&record.view(), &self.recent);
        }
        said.for_each(|(_, said)| self.found.hear(&said));
        if let Some(said) = self.found.closed.take() {
            self.found.close(&said);
        }
    }

    /// A failed call has no message, but its status has to be read; what a client asked for may never come.
    fn decide_by_framing(&mut self, around: Around<'_>) {
        let nothing = Record::default();
        let evidence = around.evidence(self.stream.framing(), &nothing);
        let Some((dialect, _, why)) = dialect::choose(&evidence) else { return };
        let reader = Some(dialect.read(&evidence));
        let before = std::mem::replace(&mut self.found.choice, Choice::Chosen { dialect: Some(dialect), why, reader });
        if let Choice::Undecided { said, .. } = before {
            said.iter().for_each(|(_, said)| self.found.hear(said));
        }
        if let Some(said) = self.found.closed.take() {
            self.found.close(&said);
        }
    }
}

impl<'a> Around<'a> {
    fn evidence(&self, framing: Framing, record: &'a Record<'a>) -> Evidence<'a> {
        Evidence {
            method: self.request.map(|r| r.method.as_str()),
            target: self.request.map(|r| r.target.as_str()),
            authority: self.request.and_then(|r| r.authority.as_deref()),
            request: self.request,
            request_body: self.request_body,
            response: self.response,
            framing,
            record,
        }
    }
}

impl Found {
    /// Take out the records so far.
    pub(super) fn take_records(&mut self) -> Vec<RecordInfo> {
        self.names = 0;
        std::mem::take(&mut self.records)
    }

    /// The frame that closed the stream: its time, and how its payload begins.
    pub(super) fn last_word(&self) -> Option<(Timestamp, &[u8])> {
        self.last_word.as_ref().map(|(at, said)| (*at, said.as_slice()))
    }

    fn on(&mut self, framed: Framed<'_>, recent: &Recent) {
        match framed {
            Framed::Record(record) => {
                self.record_count += 1;
                self.split_records += u64::from(record.first_at != record.at);
                self.first_record_at.get_or_insert(record.at);
                self.last_record_at = Some(record.at);
                match &mut self.choice {
                    _ if self.counting => self.answer.text_limited = true,
                    Choice::Chosen { .. } => self.read(&record, recent),
                    Choice::Undecided { waiting, .. } => {
                        self.waiting_bytes += record.data.len() + size_of::<Waiting>();
                        waiting.push(Waiting::of(&record));
                    }
                }
            }
            Framed::Comment { .. } => self.comments += 1,
            Framed::Stray { text, .. } => {
                if let Some(error) = dialect::failure_outside(text) {
                    self.answer.fail(&error);
                    self.failed_outside = true;
                }
            }
            Framed::Text { .. } if self.counting => self.answer.text_limited = true,
            Framed::Text { bytes, .. } => {
                let room = TEXT_KEPT.saturating_sub(self.text.len());
                self.answer.text_limited |= room < bytes.len();
                self.text.extend_from_slice(&bytes[..room.min(bytes.len())]);
            }
            Framed::Oddity(oddity) => self.oddities.push_with(oddity, |o| recent.show(o)),
            Framed::Closed { at, said, .. } => {
                self.last_word.get_or_insert_with(|| (at, said.iter().take(LAST_WORD).copied().collect()));
                self.close(said);
                if self.answer.terminator.seen {
                    self.terminator_at.get_or_insert(at);
                }
            }
            Framed::Revised(_) => {
                let observer = self.observer.take().map(|_| Box::default());
                let Found { keep_records, counting, .. } = *self;
                *self = Found { keep_records, counting, observer, ..Found::default() };
            }
        }
    }

    /// The client has said this before the dialect was chosen.
    fn hear(&mut self, said: &Said) {
        if let Choice::Chosen { reader: Some(reader), .. } = &mut self.choice {
            reader.asks(said, &mut self.answer);
        }
    }

    fn read(&mut self, record: &Record<'_>, recent: &Recent) {
        let Found { choice, answer, oddities, .. } = self;
        let meaning = match choice {
            Choice::Chosen { reader: Some(reader), .. } => {
                reader.read(record, answer, &mut |o| oddities.push_with(o, |o| recent.show_in(record, o)))
            }
            _ => Meaning::default(),
        };
        if let Some(observer) = &mut self.observer {
            observer.record(record, meaning, &self.answer);
        }
        // What ends one answer of a conversation leaves it open for the next.
        if meaning.terminator && self.answer.turns.is_empty() {
            self.terminator_at.get_or_insert(record.at);
        }
        if self.answer.finishes > self.finishes {
            (self.finish_at, self.finishes) = (Some(record.at), self.answer.finishes);
        }
        if meaning.is_delta() {
            budget::push(&mut self.deltas, Delta { at: record.at, record: record.n, meaning });
        }
        if self.keep_records {
            self.names += record.event.len();
            budget::push(&mut self.records, info(record, meaning));
        }
    }

    /// The framing itself closed the stream (`]` of a JSON array, the last frame of gRPC-Web).
    fn close(&mut self, said: &[u8]) {
        let Found { choice, answer, closed, .. } = self;
        match choice {
            Choice::Chosen { reader: Some(reader), .. } => {
                reader.closed(answer);
                if !said.is_empty() {
                    reader.last_frame(said);
                }
            }
            Choice::Chosen { .. } => {}
            Choice::Undecided { .. } => *closed = Some(said.to_vec()),
        }
    }

    fn finish(&mut self, at: Timestamp, complete: bool, trailers: &Fields, recent: &Recent) {
        let Found { choice, answer, oddities, text, record_count, failed_outside, .. } = self;
        let none = *record_count == 0;
        if let Choice::Chosen { reader: Some(reader), .. } = choice {
            if !trailers.is_empty() {
                reader.trailers(trailers);
            }
            // Without a record the only place of an oddity is the end.
            let place = |o: Oddity| if none { Oddity { at, offset: None, record: None, ..o } } else { o };
            reader.finish(complete && !*failed_outside, answer, &mut |o| {
                oddities.push_with(place(o), |o| recent.show_bytes(o))
            });
        }
        if !text.is_empty() {
            answer.texts.insert(0, String::from_utf8_lossy(text).into_owned());
        }
    }
}

impl Waiting {
    fn of(record: &Record<'_>) -> Self {
        Waiting {
            info: info(record, Meaning::default()),
            data: record.data.to_vec(),
            exception: record.exception,
            id: record.id.into(),
        }
    }

    fn view(&self) -> Record<'_> {
        let RecordInfo { n, at, first_at, frame, start, end, ref event, .. } = self.info;
        let event = event.as_deref().unwrap_or("");
        Record { n, at, first_at, frame, start, end, data: &self.data, event, exception: self.exception, id: &self.id }
    }
}

fn info(record: &Record<'_>, meaning: Meaning) -> RecordInfo {
    let event = (!record.event.is_empty()).then(|| record.event.into());
    let Record { n, at, first_at, frame, start, end, .. } = *record;
    RecordInfo { n, at, first_at, frame, start, end, event, meaning }
}
