//! The server's side of one HTTP/2 connection (RFC 9113) that plays scripts. Input is the client's settings and
//! window updates, output is frames.
//!
//! Requests are read elsewhere (`http::Conn`); this module reads only the frames that limit what may be sent. A
//! recorded unit is one DATA frame if the client's frame limit and windows allow it; otherwise it is cut, and cuts
//! are counted.

mod encode;

pub use encode::request;

use super::script::{Ending, Part, Script, What};
use crate::http::h2::frame::{self, flag, kind};
use encode::{Pair, frame, frame_head, head, headers};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

const DEFAULT_WINDOW: i64 = 65_535;
const DEFAULT_FRAME: usize = 16_384;
/// Bytes that the client may send. Requests are prompts, which may be long. The window is replenished as it is
/// used.
const OUR_WINDOW: u32 = 16 << 20;

/// One connection.
#[derive(Debug)]
pub struct Server {
    reader: frame::Reader,
    /// Control frames that can be sent at once.
    control: Vec<u8>,
    window: i64,
    initial_window: i64,
    max_frame: usize,
    streams: BTreeMap<u32, Stream>,
    /// Streams that are being answered, in the order of their requests.
    answering: VecDeque<u32>,
    /// A DATA frame has begun and this many of its bytes are still to be sent: no other frame may come between.
    inside: Option<(u32, usize)>,
    /// Number of DATA frames that had to be cut.
    pub cut: u64,
    /// The connection has ended, or must end.
    over: bool,
}

#[derive(Debug)]
struct Stream {
    window: i64,
    answer: Option<Answer>,
}

/// A response that is being sent.
#[derive(Debug)]
struct Answer {
    script: Arc<Script>,
    /// When each step is due, monotonic ns.
    due: Vec<i64>,
    next: usize,
    /// Bytes of the current step's delivery that were sent.
    sent: usize,
}

/// The result of a call of [`Server::advance`].
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Advanced {
    /// Due times of the steps that were sent.
    pub went: Vec<i64>,
    /// The connection must be closed after everything was written.
    pub close: bool,
}

impl Default for Server {
    fn default() -> Self {
        let mut control = Vec::new();
        // Our SETTINGS frame is the first one (section 3.4).
        let window = [&[0, 4][..], &OUR_WINDOW.to_be_bytes()].concat();
        frame(&mut control, kind::SETTINGS, 0, 0, &window);
        frame(&mut control, kind::WINDOW_UPDATE, 0, 0, &(OUR_WINDOW - DEFAULT_WINDOW as u32).to_be_bytes());
        Server {
            reader: frame::Reader::new(true, false),
            control,
            window: DEFAULT_WINDOW,
            initial_window: DEFAULT_WINDOW,
            max_frame: DEFAULT_FRAME,
            streams: BTreeMap::new(),
            answering: VecDeque::new(),
            inside: None,
            cut: 0,
            over: false,
        }
    }
}

impl Server {
    /// Takes the client's next bytes; the first ones are the preface.
    pub fn push(&mut self, bytes: &[u8]) {
        let mut frames: Vec<(frame::Head, Vec<u8>)> = Vec::new();
        let mut read = 0;
        self.reader.push(bytes, &mut |step| match step {
            frame::Step::Frame(head, payload) => frames.push((head, payload.to_vec())),
            frame::Step::DataEnd(head) => {
                read += head.len;
                frames.push((head, Vec::new()));
            }
            _ => {}
        });
        for (head, payload) in frames {
            self.frame(head, &payload);
        }
        if read > 0 {
            frame(&mut self.control, kind::WINDOW_UPDATE, 0, 0, &read.to_be_bytes());
        }
    }

    fn frame(&mut self, head: frame::Head, payload: &[u8]) {
        const PING: u8 = 6;
        match head.kind {
            kind::SETTINGS if !head.has(flag::ACK) => {
                payload.chunks_exact(6).for_each(|s| {
                    self.setting(u16::from_be_bytes([s[0], s[1]]), u32::from_be_bytes([s[2], s[3], s[4], s[5]]))
                });
                frame(&mut self.control, kind::SETTINGS, flag::ACK, 0, &[]);
            }
            PING if !head.has(flag::ACK) && payload.len() == 8 => frame(&mut self.control, PING, flag::ACK, 0, payload),
            kind::WINDOW_UPDATE => {
                let by = payload.first_chunk::<4>().map_or(0, |b| i64::from(u32::from_be_bytes(*b) & 0x7fff_ffff));
                match self.streams.get_mut(&head.stream) {
                    _ if head.stream == 0 => self.window += by,
                    Some(stream) => stream.window += by,
                    None => {}
                }
            }
            kind::DATA if head.len > 0 && !head.has(flag::END_STREAM) => {
                frame(&mut self.control, kind::WINDOW_UPDATE, 0, head.stream, &head.len.to_be_bytes());
            }
            kind::HEADERS => {
                let window = self.initial_window;
                self.streams.entry(head.stream).or_insert(Stream { window, answer: None });
            }
            kind::RST_STREAM => self.forget(head.stream),
            kind::GOAWAY => self.over = true,
            _ => {}
        }
    }

    fn setting(&mut self, id: u16, value: u32) {
        match id {
            4 => {
                let by = i64::from(value) - self.initial_window;
                self.initial_window = i64::from(value);
                self.streams.values_mut().for_each(|s| s.window += by);
            }
            5 => self.max_frame = (value as usize).clamp(DEFAULT_FRAME, (1 << 24) - 1),
            _ => {}
        }
    }

    /// Answers this stream; `due`: when each step is to be sent, monotonic ns.
    pub fn answer(&mut self, stream: u32, script: Arc<Script>, due: Vec<i64>) {
        let window = self.initial_window;
        let entry = self.streams.entry(stream).or_insert(Stream { window, answer: None });
        entry.answer = Some(Answer { script, due, next: 0, sent: 0 });
        self.answering.push_back(stream);
    }

    /// Whether no response is being sent.
    pub fn is_idle(&self) -> bool {
        self.answering.is_empty()
    }

    /// When the next step is due that the windows allow; `i64::MIN` if control frames wait.
    pub fn due(&self) -> Option<i64> {
        if !self.control.is_empty() && self.inside.is_none() {
            return Some(i64::MIN);
        }
        let due = |s: &Stream| s.answer.as_ref().and_then(|a| a.due.get(a.next).copied());
        match self.inside {
            Some((id, _)) => self.streams.get(&id).and_then(due),
            None => self.streams.values().filter(|s| self.may_send(s)).filter_map(due).min(),
        }
    }

    /// Writes everything that is due and that the windows allow. Call it again when the next step is due, or after
    /// input from the client.
    pub fn advance(&mut self, now: i64, out: &mut Vec<u8>) -> Advanced {
        let mut done = Advanced::default();
        loop {
            if self.inside.is_none() {
                out.append(&mut self.control);
            }
            // A stream that is inside a frame continues; otherwise the step that has been due longest is next.
            let ready =
                |s: &Stream| s.answer.as_ref().and_then(|a| a.due.get(a.next).copied()).filter(|due| *due <= now);
            let next = match self.inside {
                Some((id, _)) => self.streams.get(&id).and_then(ready).map(|due| (due, id)),
                None => self
                    .streams
                    .iter()
                    .filter(|(_, s)| self.may_send(s))
                    .filter_map(|(id, s)| Some((ready(s)?, *id)))
                    .min(),
            };
            let Some((due, id)) = next else { break };
            match self.step(id, out) {
                Went::Whole => done.went.push(due),
                Went::Part => {}
                Went::Nothing => break,
            }
        }
        done.close = self.over && self.answering.is_empty();
        done
    }

    /// Whether the windows allow the next step: it is not DATA, or a part of it fits.
    fn may_send(&self, stream: &Stream) -> bool {
        let Some(answer) = &stream.answer else { return false };
        match answer.script.steps.get(answer.next).map(|s| s.what) {
            Some(What::Part(i)) => {
                answer.script.parts.get(i).is_some_and(|p| p.bytes.is_empty()) || stream.window.min(self.window) > 0
            }
            _ => true,
        }
    }

    fn step(&mut self, id: u32, out: &mut Vec<u8>) -> Went {
        let Some(answer) = self.streams.get(&id).and_then(|s| s.answer.as_ref()) else { return Went::Nothing };
        let script = answer.script.clone();
        let Some(step) = script.steps.get(answer.next).copied() else { return Went::Nothing };
        match step.what {
            What::Interim(i) => {
                script.interim.get(i).into_iter().for_each(|h| headers(id, &head(h), false, self.max_frame, out))
            }
            What::Head => {
                let ends = script.parts.is_empty() && ends_with(&script, answer.next + 1);
                headers(id, &head(&script.head), ends, self.max_frame, out);
                if ends {
                    self.forget(id);
                    return Went::Whole;
                }
            }
            What::Part(i) => match script.parts.get(i) {
                Some(part) => return self.data(id, &script, part, out),
                None => return Went::Nothing,
            },
            What::End => {
                self.end(id, &script, out);
                return Went::Whole;
            }
        }
        self.stepped(id);
        Went::Whole
    }

    /// Writes as much of a delivery as the windows allow.
    fn data(&mut self, id: u32, script: &Script, part: &Part, out: &mut Vec<u8>) -> Went {
        let Some(stream) = self.streams.get_mut(&id) else { return Went::Nothing };
        let Some(answer) = stream.answer.as_mut() else { return Went::Nothing };
        let bytes = script.bytes(part).get(answer.sent..).unwrap_or_default();
        let room = usize::try_from(stream.window.min(self.window)).unwrap_or(0);
        let inside = match self.inside {
            Some((_, left)) => left,
            None => {
                // The whole unit if it fits in one frame; otherwise this delivery, as far as the window allows.
                let unit = part.opens.as_ref().filter(|_| answer.sent == 0).map_or(bytes.len(), |u| u.len);
                let whole = unit <= self.max_frame.min(room);
                self.cut += u64::from(!whole);
                let len = if whole { unit } else { bytes.len().min(self.max_frame).min(room) };
                if len == 0 && !bytes.is_empty() {
                    return Went::Nothing;
                }
                let last = len == bytes.len() && part.closes && ends_with(script, answer.next + 1);
                frame_head(out, len, kind::DATA, if last { flag::END_STREAM } else { 0 }, id);
                stream.window -= len as i64;
                self.window -= len as i64;
                if last {
                    out.extend_from_slice(bytes);
                    self.forget(id);
                    return Went::Whole;
                }
                len
            }
        };
        let take = inside.min(bytes.len());
        out.extend_from_slice(&bytes[..take]);
        self.inside = (inside > take).then_some((id, inside - take));
        answer.sent += take;
        if take < bytes.len() {
            return Went::Part;
        }
        self.stepped(id);
        Went::Whole
    }

    fn end(&mut self, id: u32, script: &Script, out: &mut Vec<u8>) {
        match script.ending {
            Ending::Clean if script.trailers.is_empty() => frame(out, kind::DATA, flag::END_STREAM, id, &[]),
            Ending::Clean => {
                let fields: Vec<Pair> =
                    script.trailers.iter().map(|(n, v)| (n.to_ascii_lowercase(), v.to_vec())).collect();
                headers(id, &fields, true, self.max_frame, out);
            }
            Ending::Reset(code) => frame(out, kind::RST_STREAM, 0, id, &code.to_be_bytes()),
            // To close the connection would end the other streams too.
            Ending::Cut => frame(out, kind::RST_STREAM, 0, id, &super::script::INTERNAL_ERROR.to_be_bytes()),
            Ending::Open => {
                self.stepped(id);
                self.answering.retain(|s| *s != id);
                return;
            }
        }
        self.forget(id);
    }

    fn stepped(&mut self, id: u32) {
        if let Some(answer) = self.streams.get_mut(&id).and_then(|s| s.answer.as_mut()) {
            answer.next += 1;
            answer.sent = 0;
        }
    }

    fn forget(&mut self, id: u32) {
        // A frame that was begun must be completed before any other frame: zeros do no harm on a stream that was
        // reset.
        if let Some((_, left)) = self.inside.take_if(|(inside, _)| *inside == id) {
            self.control.splice(0..0, std::iter::repeat_n(0, left));
        }
        self.streams.remove(&id);
        self.answering.retain(|s| *s != id);
    }
}

/// How far a step was sent.
enum Went {
    Whole,
    Part,
    Nothing,
}

/// Whether the end of the stream is sent with the step before `next`: both were received at the same time, and the
/// end is only a flag.
fn ends_with(script: &Script, next: usize) -> bool {
    let [before, end] = script.steps.get(next.wrapping_sub(1)..=next).unwrap_or_default() else { return false };
    let bodiless = script.parts.is_empty() && !script.has_units();
    end.what == What::End
        && script.ending == Ending::Clean
        && script.trailers.is_empty()
        && (before.at == end.at || bodiless)
}
