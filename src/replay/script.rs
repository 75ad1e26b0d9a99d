//! A recorded response as steps in time, independent of the HTTP version that will carry it.

use crate::exchange::{Body, Exchange, PieceInfo, Response};
use crate::http::event::{EndSignal, Fields, MessageEnd, ResponseHead, Transfer};
use crate::http::stored;
use crate::time::{Span, Timestamp};
use std::fmt;
use std::ops::Range;

/// One response, ready to be sent.
#[derive(Debug, Clone)]
pub struct Script {
    /// Number of the exchange.
    pub id: u64,
    /// Interim heads in order.
    pub interim: Vec<ResponseHead>,
    /// The final head.
    pub head: ResponseHead,
    /// Body after transfer decoding, as recorded.
    pub body: Vec<u8>,
    /// The body's deliveries in order.
    pub parts: Vec<Part>,
    /// The trailer section.
    pub trailers: Fields,
    /// All steps in the order in which they were sent; times never decrease.
    pub steps: Vec<Step>,
    /// What happens after all steps.
    pub ending: Ending,
    /// Whether the request expects 100, which a server that plays the script sends before the body.
    pub asked_to_continue: bool,
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Time since the request's last byte.
    pub at: Span,
    /// What the step sends.
    pub what: What,
}

/// What a step sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// An interim head, by index in [`Script::interim`].
    Interim(usize),
    /// The final head.
    Head,
    /// A delivery, by index in [`Script::parts`].
    Part(usize),
    /// The end, as [`Script::ending`] defines.
    End,
}

/// One delivery of body bytes inside one transfer unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its bytes in [`Script::body`].
    pub bytes: Range<usize>,
    /// The unit that it begins; none if it continues one.
    pub opens: Option<Unit>,
    /// Whether it completes its unit.
    pub closes: bool,
}

/// A transfer unit: a chunk or a DATA frame; a delivery if the recording has no units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Number of its bytes.
    pub len: usize,
    /// Size line of the chunk if it is not plain lower-case hex of `len`, without its line end.
    pub line: Option<Vec<u8>>,
}

/// How the response ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Completely, as its framing announces.
    Clean,
    /// The server closes although more was announced (HTTP/2: RST_STREAM).
    Cut,
    /// The server resets the connection (HTTP/2: RST_STREAM with this code).
    Reset(u32),
    /// Nothing more is sent, and the connection stays open until the client closes it.
    Open,
}

/// INTERNAL_ERROR (RFC 9113 section 7): the code for a reset stream whose recording has no code.
pub const INTERNAL_ERROR: u32 = 2;

/// Why an exchange cannot be played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unplayable {
    /// There is no response, or its head was not captured.
    NoHead,
    /// Bytes of the response are missing.
    Gap,
    /// The capture ended before the response.
    CutByCapture,
    /// The connection was switched to another protocol.
    Switched,
}

impl fmt::Display for Unplayable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unplayable::NoHead => "its response head was not captured",
            Unplayable::Gap => {
                "bytes of the response are missing from the capture (--allow-gaps plays what was captured)"
            }
            Unplayable::CutByCapture => {
                "the capture ended before the response did (--allow-gaps plays what was captured and leaves the \
                    connection open)"
            }
            Unplayable::Switched => "the connection was switched to another protocol",
        })
    }
}

impl Script {
    /// The script of an exchange. `gaps`: also make one of a response that is not complete.
    ///
    /// # Errors
    /// The exchange cannot be played; the value says why.
    pub fn new(exchange: &Exchange, gaps: bool) -> Result<Script, Unplayable> {
        let response = exchange.response.as_ref().ok_or(Unplayable::NoHead)?;
        let head = response.head.clone().ok_or(Unplayable::NoHead)?;
        let tunnel = exchange.request.as_ref().is_some_and(|r| r.head.method == "CONNECT") && head.status / 100 == 2;
        if head.status == 101 || tunnel {
            return Err(Unplayable::Switched);
        }
        let holes = response.body.pieces.iter().any(|p| p.gap);
        if !gaps && holes {
            return Err(Unplayable::Gap);
        }
        if !gaps && response.end == MessageEnd::CutByCapture {
            return Err(Unplayable::CutByCapture);
        }
        let from = exchange.request.as_ref().map_or(response.first_at, |r| r.last_at);
        let parts = parts(&response.body, holes);
        // A client that expects 100 gets it before it sends the body, not from the script.
        let expected = exchange.request.as_ref().is_some_and(|r| r.head.fields.all("expect").next().is_some());
        let mut script = Script {
            id: exchange.id.0,
            interim: response.informational.iter().filter(|h| !(expected && h.status == 100)).cloned().collect(),
            body: response.body.bytes.clone(),
            trailers: response.trailers.clone(),
            steps: Vec::new(),
            ending: ending(response, exchange.ending.told, holes),
            asked_to_continue: expected,
            parts,
            head,
        };
        // A cut is sent at its recorded time; the end of a complete body is at its last byte.
        let cut = matches!(response.end, MessageEnd::CutByServer | MessageEnd::CutByClient);
        let end = if cut { exchange.ending.at } else { response.last_at };
        script.steps = steps(response, &script, from, end);
        Ok(script)
    }

    /// A short response that was not recorded, sent at once.
    pub fn of_text(status: u16, reason: &str, content_type: &str, text: &str) -> Option<Script> {
        let len = text.len();
        let raw =
            format!("HTTP/1.1 {status} {reason}\r\ncontent-type: {content_type}\r\ncontent-length: {len}\r\n\r\n");
        let kept = stored::Kept { first_at: Timestamp::default(), h2_stream: None, transfer: "length" };
        let steps = [What::Head, What::Part(0), What::End].map(|what| Step { at: Span(0), what });
        Some(Script {
            id: 0,
            interim: Vec::new(),
            head: stored::response(raw.as_bytes(), kept)?,
            body: text.as_bytes().to_vec(),
            parts: vec![Part { bytes: 0..len, opens: Some(Unit { len, line: None }), closes: true }],
            trailers: Fields::default(),
            steps: steps.to_vec(),
            ending: Ending::Clean,
            asked_to_continue: false,
        })
    }

    /// The bytes of a delivery.
    pub fn bytes(&self, part: &Part) -> &[u8] {
        self.body.get(part.bytes.clone()).unwrap_or_default()
    }

    /// Groups of steps that were sent at the same time: one write for each group.
    pub fn groups(&self) -> impl Iterator<Item = &[Step]> {
        self.steps.chunk_by(|a, b| a.at == b.at)
    }

    /// Whether the body was sent in chunks or DATA frames.
    pub fn has_units(&self) -> bool {
        matches!(self.head.transfer, Transfer::Chunked | Transfer::H2)
    }
}

fn ending(response: &Response, told: Option<EndSignal>, holes: bool) -> Ending {
    match (response.end, told) {
        // Less is sent than was announced.
        (MessageEnd::Complete, _)
            if holes && matches!(response.head.as_ref().map(|h| h.transfer), Some(Transfer::Length(_))) =>
        {
            Ending::Cut
        }
        (MessageEnd::Complete, _) => Ending::Clean,
        (MessageEnd::CutByServer, Some(EndSignal::RstStream(code))) => Ending::Reset(code),
        (MessageEnd::CutByServer, Some(EndSignal::Reset)) => Ending::Reset(INTERNAL_ERROR),
        (MessageEnd::CutByServer, _) => Ending::Cut,
        // The server would have continued.
        (MessageEnd::CutByClient | MessageEnd::CutByCapture, _) => Ending::Open,
    }
}

fn steps(response: &Response, script: &Script, from: Timestamp, end: Timestamp) -> Vec<Step> {
    let mut steps = Vec::with_capacity(script.parts.len() + 2);
    let interim = script.interim.iter().enumerate().map(|(i, h)| (h.first_at, What::Interim(i)));
    steps.extend(interim.chain([(response.first_at, What::Head)]));
    let there = response.body.pieces.iter().filter(|p| !p.gap);
    steps.extend(there.enumerate().map(|(i, p)| (p.at, What::Part(i))));
    steps.push((end, What::End));
    let mut last = Span(0);
    let step = |(at, what): (Timestamp, What)| {
        last = last.max(at.since(from));
        Step { at: last, what }
    };
    steps.into_iter().map(step).collect()
}

/// Every delivery with its place in its unit.
fn parts(body: &Body, holes: bool) -> Vec<Part> {
    let mut parts = Vec::with_capacity(body.pieces.len());
    let mut at = 0;
    let there: Vec<&PieceInfo> = body.pieces.iter().filter(|p| !p.gap).collect();
    for run in there.chunk_by(|a, b| a.unit == b.unit) {
        let len: usize = run.iter().map(|p| p.len as usize).sum();
        let line =
            run.first().and_then(|p| body.unit_lines.iter().find(|(n, _)| *n == p.unit)).map(|(_, line)| line.clone());
        // If bytes are missing, every unit is as long as its captured bytes.
        let line = line.filter(|_| !holes);
        let whole = line.as_ref().is_none_or(|l| declared(l).is_none_or(|n| n <= len as u64));
        for (i, piece) in run.iter().enumerate() {
            let end = at + piece.len as usize;
            let opens = (i == 0).then(|| Unit { len, line: line.clone() });
            parts.push(Part { bytes: at..end, opens, closes: whole && i + 1 == run.len() });
            at = end;
        }
    }
    parts
}

/// The size at the beginning of a chunk's size line.
fn declared(line: &[u8]) -> Option<u64> {
    let line = line.trim_ascii_start();
    let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    u64::from_str_radix(std::str::from_utf8(&line[..digits]).ok()?, 16).ok()
}
