//! What one framing finds in a body, for all models that read it so; and what they make of it, once for all that read
//! alike.

use super::alike::{Alike, PATIENCE};
use super::framing::{Framing, OfPlain, plain};
use super::json::Json;
use super::parsed::{Parsed, Payload};
use super::reader::{Got, Step};
use super::records::Records;
use super::sse::{Event, Said};
use super::stream::Stream;
use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::ops::{ControlFlow, Range};
use std::rc::Rc;
use std::sync::Arc;

/// The events of a body.
pub(super) struct Heard<'b> {
    said: Vec<Said<'b>>,
    runs: OnceCell<Vec<Run>>,
}

/// Events without a name whose chunks differ in their text only.
struct Run {
    events: Range<usize>,
    /// Stands for all but the first.
    joined: Rc<Payload>,
}

/// How far a client got in the body.
#[derive(Debug, Clone)]
pub(super) enum Reached {
    /// It read everything and waits for more.
    All,
    /// It had its answer and closed.
    Closed,
    /// It raised.
    Raised(String),
}

/// What the part of a client above its framing made of the events.
pub(super) struct Read {
    pub(super) reached: Reached,
    /// It took events.
    pub(super) events: bool,
    /// It has its answer and reads on.
    pub(super) drains: bool,
    /// What the application has at the end of the stream, or the exception.
    pub(super) got: Result<Got, String>,
    lacks: OnceCell<Option<String>>,
    text: OnceCell<Arc<str>>,
}

impl Read {
    /// See [`Got::lacks`]; `meant` is the same each time.
    pub(super) fn lacks(&self, got: &Got, meant: &Got) -> Option<String> {
        self.lacks.get_or_init(|| got.lacks(meant)).clone()
    }

    /// See [`Got::text`].
    pub(super) fn text(&self, got: &Got) -> Arc<str> {
        self.text.get_or_init(|| got.text().into()).clone()
    }
}

impl<'b> Heard<'b> {
    /// What a framing makes of a body.
    pub(super) fn new(framing: &Framing, stream: &Stream, body: &'b [u8], complete: bool) -> Heard<'b> {
        let mut said = Vec::new();
        framing.read(stream, body, complete, &mut |event| {
            let over = event.is_err();
            said.push(event);
            if over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        Heard { said, runs: OnceCell::new() }
    }

    #[cfg(test)]
    pub(super) fn said(&self) -> &[Said<'b>] {
        &self.said
    }

    fn of_payloads(payloads: impl Iterator<Item = &'b str>) -> Heard<'b> {
        let event = |data| Ok(Event { name: None, data: Some(Cow::Borrowed(data)) });
        Heard { said: payloads.map(event).collect(), runs: OnceCell::new() }
    }

    /// What a client makes of it. `joins`: like chunks may be taken together.
    pub(super) fn read(&self, records: &'static Records, parsed: &Rc<Parsed>, joins: bool) -> Read {
        let mut reader = records.reader(parsed.clone());
        let joins = joins && reader.joins_texts();
        let (mut reached, mut events, mut drains) = (Reached::All, false, false);
        let mut runs = if joins { self.runs(parsed) } else { &[] }.iter().peekable();
        let mut n = 0;
        while let Some(said) = self.said.get(n) {
            let run = runs.next_if(|run| run.events.start == n);
            let step = match said {
                Ok(event) => reader.event(event),
                Err(why) => Step::Raise(why.clone()),
            };
            let step = match (step, run) {
                (Step::On, Some(run)) => {
                    n = run.events.end - 1;
                    reader.joined(&run.joined)
                }
                (step, _) => step,
            };
            n += 1;
            events = true;
            match step {
                Step::On => {}
                Step::Drain => drains = true,
                Step::Close => {
                    reached = Reached::Closed;
                    break;
                }
                Step::Raise(why) => {
                    reached = Reached::Raised(why);
                    break;
                }
            }
        }
        let got = reader.finish().map(|()| std::mem::take(reader.got()));
        Read { reached, events, drains, got, lacks: OnceCell::new(), text: OnceCell::new() }
    }

    fn runs(&self, parsed: &Parsed) -> &[Run] {
        self.runs.get_or_init(|| {
            let (mut runs, mut alike) = (Vec::new(), None);
            let (mut n, mut misses) = (0, 0);
            while n + 1 < self.said.len() && misses < PATIENCE {
                match self.run(n, parsed, &mut alike) {
                    Some(run) => {
                        n = run.events.end;
                        misses = 0;
                        runs.push(run);
                    }
                    None => {
                        n += 1;
                        misses += 1;
                    }
                }
            }
            runs
        })
    }

    /// The run that begins with this event; none if the next one is not like it. `alike` is the last chunk that was
    /// compared with others.
    fn run(&self, from: usize, parsed: &Parsed, alike: &mut Option<Alike>) -> Option<Run> {
        let first = self.payload(from)?;
        if alike.as_ref().is_none_or(|alike| alike.text_in(first).is_none()) {
            *alike = Alike::of(first, &parsed.read(Json::Strict, first).ok()?.value);
        }
        let alike = alike.as_mut()?;
        let (mut text, mut end) = (String::new(), from + 1);
        while let Some(more) = self.payload(end).and_then(|json| alike.text_in(json)) {
            text.push_str(&more);
            end += 1;
        }
        (end > from + 1).then(|| Run { events: from..end, joined: Payload::new(alike.with(&text).clone()) })
    }

    /// The data of an event without a name.
    fn payload(&self, n: usize) -> Option<&str> {
        match self.said.get(n) {
            Some(Ok(Event { name: None, data: Some(data) })) => Some(data),
            _ => None,
        }
    }
}

/// What the models of one stream share.
pub(super) struct Shared<'s> {
    pub(super) stream: &'s Stream,
    /// What the server meant to say.
    pub(super) meant: &'s Got,
    parsed: Rc<Parsed>,
    /// The payloads, if the body is [`plain`].
    plain: OnceCell<Option<Vec<&'s str>>>,
    /// Each body as it was delivered, by framing. Equal events are there once.
    heard: RefCell<Vec<(Delivered, Rc<Heard<'s>>)>>,
    read: RefCell<Vec<(*const Heard<'s>, &'static Records, Rc<Read>)>>,
    /// Each client reads each event by itself.
    apart: bool,
}

/// What was read how: the framing, the bytes by address and length, whether the body was complete.
type Delivered = (*const Framing, usize, usize, bool);

impl<'s> Shared<'s> {
    pub(super) fn new(stream: &'s Stream, meant: &'s Got) -> Shared<'s> {
        let (heard, read) = (RefCell::default(), RefCell::default());
        Shared {
            stream,
            meant,
            parsed: Rc::new(Parsed::of(&stream.body)),
            plain: OnceCell::new(),
            heard,
            read,
            apart: false,
        }
    }

    /// For one client, without any short cut.
    #[cfg(test)]
    pub(super) fn apart(stream: &'s Stream, meant: &'s Got) -> Shared<'s> {
        Shared { apart: true, parsed: Rc::default(), ..Shared::new(stream, meant) }
    }

    /// What a client makes of a body, which is the stream's or was made for this client.
    pub(super) fn read(
        &self,
        framing: &'static Framing,
        records: &'static Records,
        body: Result<&'s [u8], &[u8]>,
        complete: bool,
    ) -> Rc<Read> {
        let body = match body {
            Ok(body) => body,
            Err(own) => {
                return Rc::new(Heard::new(framing, self.stream, own, complete).read(records, &self.parsed, false));
            }
        };
        let heard = self.heard(framing, body, complete);
        let known =
            |(of, by, _): &&(*const Heard<'s>, &Records, _)| std::ptr::eq(*of, &*heard) && std::ptr::eq(*by, records);
        if let Some((_, _, read)) = self.read.borrow().iter().find(known) {
            return read.clone();
        }
        let read = Rc::new(heard.read(records, &self.parsed, !self.apart));
        self.read.borrow_mut().push((&*heard, records, read.clone()));
        read
    }

    pub(super) fn heard(&self, framing: &'static Framing, body: &'s [u8], complete: bool) -> Rc<Heard<'s>> {
        let key: Delivered = (framing, body.as_ptr() as usize, body.len(), complete);
        let mut all = self.heard.borrow_mut();
        if let Some((_, known)) = all.iter().find(|(of, _)| *of == key) {
            return known.clone();
        }
        let plain = || (!self.apart && body.len() == self.stream.body.len()).then(|| self.plain(body)).flatten();
        let heard = match (framing.of_plain(), plain()) {
            (OfPlain::Payloads, Some(payloads)) => Heard::of_payloads(payloads.iter().copied()),
            (OfPlain::Spaced, Some(payloads)) => Heard::of_payloads(payloads.iter().filter_map(|p| spaced(body, p))),
            _ => Heard::new(framing, self.stream, body, complete),
        };
        let same = all.iter().find(|(_, other)| other.said == heard.said).map(|(_, other)| other.clone());
        let heard = same.unwrap_or_else(|| Rc::new(heard));
        all.push((key, heard.clone()));
        heard
    }

    fn plain(&self, body: &'s [u8]) -> Option<&Vec<&'s str>> {
        let is_own = std::ptr::eq(body.as_ptr(), self.stream.body.as_ptr());
        self.plain.get_or_init(|| plain(&self.stream.body)).as_ref().filter(|_| is_own)
    }
}

/// The payload with the space before it.
fn spaced<'b>(body: &'b [u8], payload: &str) -> Option<&'b str> {
    let from = (payload.as_ptr() as usize).checked_sub(body.as_ptr() as usize + 1)?;
    std::str::from_utf8(body.get(from..from + 1 + payload.len())?).ok()
}
