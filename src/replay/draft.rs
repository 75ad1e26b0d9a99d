//! Takes a script apart so that its bytes, units and times can be changed, and assembles it again.

use super::script::{Ending, Part, Script, Step, Unit, What};
use crate::exchange::{Exchange, Response};
use crate::http::event::{Fields, Transfer};
use crate::http::stored;
use crate::time::Span;
use std::ops::Range;

/// The place of one record in the body that is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    /// Its bytes in the body.
    pub(super) bytes: Range<usize>,
    /// Whether it is a terminator.
    pub(super) terminator: bool,
    /// Whether it is a delta.
    pub(super) delta: bool,
}

/// One delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Delivery {
    /// Time since the request's end.
    pub(super) at: Span,
    /// Its bytes in the body.
    pub(super) bytes: Range<usize>,
    /// Number of its transfer unit.
    pub(super) unit: u64,
}

/// A script that can be changed.
#[derive(Debug)]
pub(super) struct Draft {
    script: Script,
    /// The body without content coding.
    pub(super) body: Vec<u8>,
    /// Its deliveries in order, without holes.
    pub(super) deliveries: Vec<Delivery>,
    /// Its records in order.
    pub(super) records: Vec<Mark>,
    /// When the head is sent, since the request's end.
    pub(super) head_at: Span,
    /// When the end is sent, since the request's end.
    pub(super) end_at: Span,
    /// How the response ends.
    pub(super) ending: Ending,
    /// Size lines by unit; emptied as soon as the units change.
    lines: Vec<(u64, Vec<u8>)>,
    interim: Vec<Span>,
    changed: bool,
}

/// Replaces a range of the body by these bytes.
pub(super) type Edit = (Range<usize>, Vec<u8>);

impl Draft {
    /// The draft of a script and of the exchange that it comes from. A content coding is removed: faults change
    /// what clients read.
    pub(super) fn of(script: Script, exchange: &Exchange) -> Draft {
        let (mut deliveries, mut lines, mut interim) = (Vec::new(), Vec::new(), Vec::new());
        let (mut head_at, mut end_at, mut unit) = (Span(0), Span(0), 0);
        for step in &script.steps {
            match step.what {
                What::Interim(_) => interim.push(step.at),
                What::Head => head_at = step.at,
                What::End => end_at = step.at,
                What::Part(i) => {
                    let Some(part) = script.parts.get(i) else { continue };
                    if let Some(opens) = &part.opens {
                        unit += 1;
                        lines.extend(opens.line.clone().map(|line| (unit, line)));
                    }
                    deliveries.push(Delivery { at: step.at, bytes: part.bytes.clone(), unit });
                }
            }
        }
        let response = exchange.response.as_ref();
        let mark = |r: &crate::exchange::RecordInfo| Mark {
            bytes: r.start as usize..r.end as usize,
            terminator: r.meaning.terminator,
            delta: r.meaning.is_delta(),
        };
        let records = response.map(|r| r.records.iter().map(mark).collect()).unwrap_or_default();
        let (body, ending) = (script.body.clone(), script.ending);
        let mut draft =
            Draft { script, body, deliveries, records, head_at, end_at, ending, lines, interim, changed: false };
        if let Some(response) = response {
            draft.decode(response);
        }
        let len = draft.body.len();
        draft.records.retain(|r| r.bytes.end <= len && r.bytes.start < r.bytes.end);
        draft
    }

    /// Makes the body chunked, whatever its transfer framing was.
    pub(super) fn chunked(&mut self) {
        if matches!(self.script.head.transfer, Transfer::Length(_) | Transfer::Close) {
            self.set_field("content-length", None);
            self.set_field("transfer-encoding", Some("chunked"));
            self.script.head.transfer = Transfer::Chunked;
        }
    }

    /// A script whose head names a coding has the body as recorded.
    fn decode(&mut self, recorded: &Response) {
        if self.script.head.fields.content_codings().is_none() {
            return;
        }
        let decoded = recorded.decoded();
        self.deliveries.iter_mut().for_each(|d| d.bytes = decoded.delivered(&d.bytes));
        self.body = decoded.bytes;
        self.deliveries.retain(|d| !d.bytes.is_empty());
        self.lines.clear();
        self.changed = true;
        self.set_field("content-encoding", None);
    }

    /// Applies edits, which are in order and do not overlap. Deliveries and records grow and shrink with their
    /// bytes.
    pub(super) fn splice(&mut self, edits: &[Edit]) {
        if edits.is_empty() {
            return;
        }
        self.changed = true;
        let old = std::mem::take(&mut self.body);
        let mut at = 0;
        for (range, with) in edits {
            self.body.extend_from_slice(old.get(at..range.start).unwrap_or_default());
            self.body.extend_from_slice(with);
            at = range.end.max(at);
        }
        self.body.extend_from_slice(old.get(at..).unwrap_or_default());
        // A boundary keeps its place between the bytes around it; bytes that are inserted at a boundary belong to
        // what is before it.
        let mapped = |boundary: usize| {
            if boundary == 0 {
                return 0;
            }
            let before = edits.partition_point(|(range, _)| range.start < boundary || range.end <= boundary);
            let (mut gone, mut come) = (0, 0);
            for (range, with) in &edits[..before] {
                gone += range.end.min(boundary) - range.start;
                come += with.len();
            }
            boundary - gone + come
        };
        let map = |range: &Range<usize>| mapped(range.start)..mapped(range.end);
        self.deliveries.iter_mut().for_each(|d| d.bytes = map(&d.bytes));
        self.records.iter_mut().for_each(|r| r.bytes = map(&r.bytes));
        self.deliveries.retain(|d| !d.bytes.is_empty());
        self.records.retain(|r| !r.bytes.is_empty());
    }

    /// Replaces the deliveries: one for each of these (time, end in the body), each its own unit.
    pub(super) fn deliver(&mut self, ends: impl IntoIterator<Item = (Span, usize)>) {
        let mut start = 0;
        let mut unit = 0;
        let delivery = |(at, end): (Span, usize)| {
            unit += 1;
            Delivery { at, bytes: std::mem::replace(&mut start, end)..end, unit }
        };
        self.deliveries = ends.into_iter().map(delivery).filter(|d| !d.bytes.is_empty()).collect();
        self.changed = true;
    }

    /// The time at which the byte before this boundary is delivered.
    pub(super) fn time_of(&self, boundary: usize) -> Span {
        let delivery = self.deliveries.iter().find(|d| d.bytes.end >= boundary);
        delivery.or(self.deliveries.last()).map_or(self.head_at, |d| d.at)
    }

    /// Sets a header field, or removes it if `value` is none; a new field becomes the last one.
    pub(super) fn set_field(&mut self, name: &str, value: Option<&str>) {
        let head = &self.script.head;
        let h2 = head.h2_stream;
        let mut raw = Vec::new();
        let mut seen = false;
        // Lines as sent, including the start line (HTTP/2: pseudo-header fields).
        for line in head.fields.raw().split_inclusive(|b| *b == b'\n') {
            let text = line.trim_ascii_end();
            let named = text.get(..name.len()).is_some_and(|n| n.eq_ignore_ascii_case(name.as_bytes()))
                && text.get(name.len()) == Some(&b':');
            match (named, value) {
                (true, None) => {}
                (true, Some(_)) if std::mem::replace(&mut seen, true) => {}
                (true, Some(value)) => {
                    raw.extend_from_slice(&[&line[..name.len()], b": ", value.as_bytes(), b"\r\n"].concat())
                }
                (false, Some(value)) if text.is_empty() && !std::mem::replace(&mut seen, true) => {
                    raw.extend_from_slice(format!("{name}: {value}\r\n\r\n").as_bytes());
                }
                (false, _) => raw.extend_from_slice(line),
            }
        }
        let kept = stored::Kept { first_at: head.first_at, h2_stream: h2, transfer: head.transfer.as_str() };
        if let Some(head) = stored::response(&raw, kept) {
            self.script.head = head;
        }
    }

    /// The script with all changes. `honest`: a `Content-Length` is corrected to the new length.
    pub(super) fn done(mut self, honest: bool) -> Script {
        if honest && self.changed && matches!(self.script.head.transfer, Transfer::Length(_)) {
            let len = self.body.len();
            self.set_field("content-length", Some(&len.to_string()));
        }
        let mut parts = Vec::new();
        let mut steps: Vec<Step> =
            self.interim.iter().enumerate().map(|(i, at)| Step { at: *at, what: What::Interim(i) }).collect();
        steps.push(Step { at: self.head_at, what: What::Head });
        let whole = self.script.parts.last().is_none_or(|p| p.closes) || self.changed;
        let last_unit = self.deliveries.last().map(|d| d.unit);
        for run in self.deliveries.chunk_by(|a, b| a.unit == b.unit) {
            let len = run.iter().map(|d| d.bytes.len()).sum();
            let unit = run.first().map_or(0, |d| d.unit);
            let line = self.lines.iter().find(|(n, _)| *n == unit && !self.changed).map(|(_, line)| line.clone());
            for (i, d) in run.iter().enumerate() {
                let opens = (i == 0).then(|| Unit { len, line: line.clone() });
                let closes = i + 1 == run.len() && (whole || Some(unit) != last_unit);
                steps.push(Step { at: d.at, what: What::Part(parts.len()) });
                parts.push(Part { bytes: d.bytes.clone(), opens, closes });
            }
        }
        steps.push(Step { at: self.end_at, what: What::End });
        let mut last = Span(0);
        for step in &mut steps {
            last = last.max(step.at);
            step.at = last;
        }
        let trailers = if self.ending == Ending::Clean { self.script.trailers.clone() } else { Fields::default() };
        Script { body: self.body, parts, steps, ending: self.ending, trailers, ..self.script }
    }
}
