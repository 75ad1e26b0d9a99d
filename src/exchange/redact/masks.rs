//! One exchange without its secrets: both bodies part by part, then everything that quotes them.

use super::coded::{Around, BodyMask};
use super::known::Known;
use super::socket::SocketMask;
use super::table::{self, Names};
use super::{Redactor, forms, target};
use crate::exchange::{Exchange, PieceInfo};
use crate::framing::websocket::Sender;
use crate::http::event::{Fields, RequestHead, ResponseHead, Side};
use std::ops::Range;

/// Bytes of a body that follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// Offset of the first one in the wire body.
    pub offset: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// The heads of an exchange that leaves in parts: what is secret in a body depends on them.
#[derive(Debug, Clone, Default)]
pub struct Heads {
    /// Of the request.
    pub request: Option<RequestHead>,
    /// The final one of the response.
    pub response: Option<ResponseHead>,
}

/// The masks of both bodies of one exchange, and the secrets that it has shown so far.
#[derive(Debug, Default)]
pub struct Masks {
    known: Known,
    /// The heads that `known` has.
    seen: [bool; 2],
    /// Of the request and the response.
    bodies: [Option<Mask>; 2],
    found: Vec<String>,
    /// The exchange leaves in parts.
    in_parts: bool,
    /// The response has a secret that its name gave away.
    response: bool,
    /// The texts of the answer have a known secret, perhaps record by record.
    spelled: bool,
}

#[derive(Debug)]
enum Mask {
    Body(Box<BodyMask>),
    Socket(Box<SocketMask>),
}

impl Masks {
    /// The secrets that were seen so far.
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// Whether the response's body has secrets that only their names gave away: a part of one cannot be recognised.
    pub fn hides_response(&self) -> bool {
        self.response
    }

    /// Whether the texts of the answer have a known secret, perhaps record by record.
    pub fn spells(&self) -> bool {
        self.spelled
    }

    /// The heads of an exchange of which a part comes, and the content codings of both bodies, before the part.
    pub fn part(&mut self, heads: &Heads, codings: &[Option<String>; 2], redactor: &Redactor) {
        self.in_parts = true;
        self.heads(heads.request.as_ref(), heads.response.as_ref(), redactor);
        if heads.request.is_none() {
            let mask = || Mask::Body(Box::new(BodyMask::new(codings[0].as_deref(), Names::Asked)));
            self.bodies[0].get_or_insert_with(mask);
        }
    }

    fn heads(&mut self, request: Option<&RequestHead>, response: Option<&ResponseHead>, redactor: &Redactor) {
        if let Some(head) = request.filter(|_| !self.seen[0]) {
            self.seen[0] = true;
            self.known.request(head, redactor);
        }
        if let Some(head) = response.filter(|_| !self.seen[1]) {
            self.seen[1] = true;
            self.known.fields(&head.fields, redactor);
        }
        let socket = response.is_some_and(|r| r.opens_websocket(request));
        let extensions = response.filter(|_| socket).and_then(|r| r.fields.text("sec-websocket-extensions"));
        let of = |sender, names| Mask::Socket(Box::new(SocketMask::new(sender, extensions.as_deref(), names)));
        // The client of a WebSocket sends nothing before the head of the response.
        if let Some(head) = request {
            self.bodies[0].get_or_insert_with(|| match socket {
                true => of(Sender::Client, Names::Asked),
                false => Mask::Body(Box::new(BodyMask::new(head.fields.content_codings().as_deref(), Names::Asked))),
            });
        }
        let known = response.is_some() || self.bodies[1].is_some();
        if known {
            self.bodies[1].get_or_insert_with(|| match (socket, response) {
                (true, _) => of(Sender::Server, Names::Plain),
                (false, head) => {
                    let kind = head.and_then(|h| h.fields.text("content-type")).unwrap_or_default();
                    let names = table::answer(request.map_or("", |r| &r.target), &kind);
                    let coding = head.and_then(|h| h.fields.content_codings());
                    Mask::Body(Box::new(BodyMask::new(coding.as_deref(), names)))
                }
            });
        }
    }

    /// Replaces secrets in the next part of a body. Returns what can be stored; the rest comes with a later part.
    /// `last`: no later part comes.
    pub fn body(
        &mut self,
        side: Side,
        pieces: &[PieceInfo],
        bytes: Vec<u8>,
        last: bool,
        redactor: &Redactor,
    ) -> Vec<Stretch> {
        let mask =
            self.bodies[side as usize].get_or_insert_with(|| Mask::Body(Box::new(BodyMask::new(None, Names::Plain))));
        let around = Around { redactor, known: &self.known };
        let (mut out, mut changed) = (Vec::new(), false);
        let gap = pieces.iter().any(|p| p.gap);
        let stretches = split(pieces, bytes);
        let count = stretches.len();
        for (n, part) in stretches.into_iter().enumerate() {
            let last = last || gap || n + 1 < count;
            changed |= match mask {
                Mask::Body(mask) => {
                    if self.in_parts && side == Side::Response {
                        mask.follow();
                    }
                    mask.push(part, last, around, &mut self.found, &mut out)
                }
                Mask::Socket(mask) => mask.push(part, last, around, &mut self.found, &mut out),
            };
        }
        if gap {
            match mask {
                Mask::Body(mask) => mask.gap(),
                Mask::Socket(mask) => mask.gap(),
            }
        }
        if last {
            changed |= match mask {
                Mask::Body(mask) => mask.finish(around, &mut self.found, &mut out),
                Mask::Socket(mask) => mask.finish(around, &mut self.found, &mut out),
            };
        }
        self.response |= changed && side == Side::Response;
        for secret in self.found.drain(..) {
            self.known.found(&secret);
        }
        out
    }

    /// Replaces secrets in the size lines of chunks, which may have extensions (RFC 9112 section 7.1.1).
    pub fn unit_lines(&mut self, lines: &mut [(u64, Vec<u8>)]) {
        for (_, line) in lines {
            let mut found = Vec::new();
            self.known.find(line, &mut found);
            forms::find(line, &mut found);
            if let Ok(text) = std::str::from_utf8(line) {
                found.extend(target::secrets(text));
            }
            for range in found {
                self.found.extend(std::str::from_utf8(&line[range.clone()]).map(str::to_owned));
                line[range].fill(b'*');
            }
        }
        for secret in self.found.drain(..) {
            self.known.found(&secret);
        }
    }

    /// Replaces secrets in a finished exchange, except in its heads and trailers; [`Masks::head`] and
    /// [`Masks::value`] do that. Returns the rest of both bodies, which it takes out.
    pub fn exchange(&mut self, x: &mut Exchange, redactor: &Redactor) -> [Vec<Stretch>; 2] {
        let head = x.response.as_ref().and_then(|r| r.head.as_ref());
        self.heads(x.request.as_ref().map(|r| &r.head), head, redactor);
        let mut rest = [Vec::new(), Vec::new()];
        if let Some(r) = &mut x.request {
            self.unit_lines(&mut r.body.unit_lines);
            rest[0] = self.body(Side::Request, &r.body.pieces, std::mem::take(&mut r.body.bytes), true, redactor);
            r.head.target = redactor.target(&r.head.target).into_owned();
        }
        if let Some(r) = &mut x.response {
            r.informational.iter().for_each(|head| self.known.fields(&head.fields, redactor));
            self.known.fields(&r.trailers, redactor);
            self.unit_lines(&mut r.body.unit_lines);
            let a = &r.answer;
            let texts = a.texts.values().chain(a.tool_arguments.values()).chain(&a.error).chain([&a.reasoning_text]);
            let mut texts = texts.peekable();
            if texts.any(|text| self.known.is_in(text))
                && let Some(Mask::Body(mask)) = &mut self.bodies[1]
            {
                mask.follow();
                self.spelled = true;
            }
            // Where bytes were not kept, no secret of theirs is known.
            let kept = r.body.bytes.len() as u64 == r.body.wire_bytes || self.in_parts;
            let kind = r.head.as_ref().and_then(|h| h.fields.text("content-type")).unwrap_or_default();
            let target = x.request.as_ref().map_or("", |r| r.head.target.as_str());
            self.response |= !kept && table::answer(target, &kind) == Names::Asked;
            rest[1] = self.body(Side::Response, &r.body.pieces, std::mem::take(&mut r.body.bytes), true, redactor);
        }
        self.texts(x);
        rest
    }

    /// Replaces secrets in the texts of an exchange that quote its bytes.
    fn texts(&self, x: &mut Exchange) {
        let known = &self.known;
        x.oddities.each_found(|found| known.quote(found));
        x.oddities.each_excerpt(|excerpt| known.excerpt(excerpt));
        if let Some(close) = x.websocket.as_mut().and_then(|w| w.close.as_mut()) {
            known.text(&mut close.reason);
        }
        if let Some(model) = x.request.as_mut().and_then(|r| r.model.as_mut()) {
            known.text(model);
        }
        let Some(r) = &mut x.response else { return };
        let a = &mut r.answer;
        let texts = a.texts.values_mut().chain(a.tool_arguments.values_mut()).chain(&mut a.error);
        texts.chain([&mut a.reasoning_text]).for_each(|text| known.text(text));
        self.records(&mut r.records);
        if let Some(tail) = &mut r.body.tail {
            known.excerpt(tail);
        }
    }

    /// Replaces secrets in the names of events.
    pub fn records(&self, records: &mut [crate::exchange::RecordInfo]) {
        for event in records.iter_mut().filter_map(|r| r.event.as_mut()) {
            let mut text = event.to_string();
            self.known.text(&mut text);
            if *text != **event {
                *event = text.into();
            }
        }
    }

    /// A head or trailer section without secrets; lines that are not fields may hold secrets too.
    pub fn head<'h>(&self, raw: &'h [u8], redactor: &Redactor) -> std::borrow::Cow<'h, [u8]> {
        let hidden = redactor.head(raw);
        match self.known.head(&hidden) {
            Some(again) => again.into(),
            None => hidden,
        }
    }

    /// The value of a field without secrets.
    pub fn value(&self, name: &str, value: &str, redactor: &Redactor) -> String {
        let mut hidden = redactor.value(name, value).into_owned();
        self.known.value(&mut hidden);
        hidden
    }

    /// Fields without secrets, for what shows them by name.
    pub fn fields(&self, fields: &Fields, redactor: &Redactor) -> Fields {
        let (mut raw, mut list) = (Vec::new(), Vec::new());
        let mut put = |bytes: &[u8]| {
            let from = raw.len() as u32;
            raw.extend_from_slice(bytes);
            from..raw.len() as u32
        };
        for (name, value) in fields.iter() {
            let [text, shown] = [name, value].map(String::from_utf8_lossy);
            let name = put(name);
            put(b": ");
            list.push((name, put(self.value(&text, &shown, redactor).as_bytes())));
            put(b"\r\n");
        }
        Fields::new(raw, list)
    }
}

/// Runs of bytes without a gap.
fn split(pieces: &[PieceInfo], bytes: Vec<u8>) -> Vec<Stretch> {
    let mut all = stretches(pieces);
    if let [(offset, range)] = all.as_slice()
        && *range == (0..bytes.len())
    {
        return vec![Stretch { offset: *offset, bytes }];
    }
    all.retain(|(_, range)| range.end <= bytes.len());
    all.into_iter().map(|(offset, range)| Stretch { offset, bytes: bytes[range].to_vec() }).collect()
}

/// Runs of bytes without a gap: offset in the wire body, and range in the bytes that were captured.
pub fn stretches(pieces: &[PieceInfo]) -> Vec<(u64, Range<usize>)> {
    let mut all: Vec<(u64, Range<usize>)> = Vec::new();
    let mut at = 0;
    for p in pieces.iter().filter(|p| !p.gap && p.len > 0) {
        let end = at + p.len as usize;
        match all.last_mut() {
            Some((offset, range)) if *offset + range.len() as u64 == p.offset => range.end = end,
            _ => all.push((p.offset, at..end)),
        }
        at = end;
    }
    all
}
