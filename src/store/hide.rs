//! Replaces secrets before they are written: in heads, targets, known places of bodies, and in texts that quote
//! these.

use crate::analyzer::Analyzed;
use crate::exchange::PieceInfo;
use crate::exchange::redact::{BodyMask, Redactor};
use crate::http::event::{Fields, Side};
use crate::oddity::Of;
use anyhow::{Context, Result};
use rusqlite::Connection;
use std::borrow::Cow;

/// A secret shorter than this many bytes occurs inside of harmless words: it is replaced only as a whole word.
const QUOTED: usize = 8;
/// A secret shorter than this many bytes is replaced only at its own place.
const WORD: usize = 3;

/// Secrets of one exchange with their replacements, for texts that quote them, perhaps cut short.
#[derive(Debug, Default)]
pub(super) struct Quoted(Vec<(String, String)>);

/// The masks of both bodies of one exchange, and the secrets that they found.
#[derive(Debug, Default)]
pub(super) struct Masks {
    /// Of the request and the response, once their content codings are known.
    bodies: [Option<BodyMask>; 2],
    found: Vec<String>,
    /// A part of the response was overwritten.
    response: bool,
}

/// Replaces secrets by hashes with the database's own salt.
#[derive(Debug)]
pub(super) struct Hide {
    redactor: Redactor,
}

impl Hide {
    pub(super) fn new(db: &Connection) -> Result<Hide> {
        let salt: Vec<u8> =
            db.query_row("SELECT value FROM salt", [], |r| r.get(0)).context("the database has lost its salt")?;
        Ok(Hide { redactor: Redactor::salted(salt) })
    }

    /// Replaces secrets in a part of a body with this content coding, in place.
    pub(super) fn body(
        &self,
        masks: &mut Masks,
        side: Side,
        coding: Option<&str>,
        pieces: &[PieceInfo],
        bytes: &mut [u8],
    ) {
        let mask = masks.bodies[side as usize].get_or_insert_with(|| BodyMask::new(coding));
        let changed = mask.apply(bytes, &self.redactor, &mut masks.found);
        masks.response |= changed && side == Side::Response;
        if pieces.iter().any(|p| p.gap) {
            mask.gap();
        }
    }

    /// Replaces secrets in a finished exchange, in place, and returns them. Its fields are not changed: they pass
    /// through [`Hide::head`] and [`Hide::value`] with the returned secrets.
    pub(super) fn exchange(&self, masks: &mut Masks, f: &mut Analyzed) -> Quoted {
        let x = &mut *f.exchange;
        let mut quoted = Quoted::default();
        if let Some(r) = &mut x.response {
            let coding = r.head.as_ref().and_then(|h| h.fields.content_codings());
            self.body(masks, Side::Response, coding.as_deref(), &r.body.pieces, &mut r.body.bytes);
        }
        if let Some(r) = &mut x.request {
            self.body(
                masks,
                Side::Request,
                r.head.fields.content_codings().as_deref(),
                &r.body.pieces,
                &mut r.body.bytes,
            );
            if let Cow::Owned(hidden) = self.redactor.target(&r.head.target) {
                quoted.0.push((std::mem::replace(&mut r.head.target, hidden.clone()), hidden));
            }
            self.secrets(&r.head.fields, &mut quoted);
        }
        if let Some(head) = x.response.as_ref().and_then(|r| r.head.as_ref()) {
            self.secrets(&head.fields, &mut quoted);
        }
        masks.bodies.iter_mut().flatten().for_each(|mask| mask.finish(&mut masks.found));
        quoted.0.extend(masks.found.drain(..).map(|secret| (secret, "[redacted]".to_owned())));
        quoted.0.retain(|(secret, _)| secret.len() >= WORD);
        if !quoted.0.is_empty() || masks.response {
            x.oddities.each_found(|found| quoted.hide(found));
            for finding in &mut f.findings {
                quoted.hide(&mut finding.message);
                let Some(excerpt) = &mut finding.excerpt else { continue };
                let cut = masks.response && excerpt.of == Of::Body;
                for text in [&mut excerpt.before, &mut excerpt.marked, &mut excerpt.after] {
                    // A secret that is cut at the mark cannot be found.
                    if cut { text.clear() } else { quoted.hide(text) }
                }
            }
        }
        if masks.response
            && let Some(r) = &mut x.response
        {
            let answer = &mut r.answer;
            let texts = answer.texts.values_mut().chain(answer.tool_arguments.values_mut()).chain(&mut answer.error);
            texts.chain([&mut answer.reasoning_text]).for_each(|text| quoted.hide(text));
        }
        // In heads a short secret is only in its own field.
        quoted.0.retain(|(secret, _)| secret.len() >= QUOTED);
        quoted
    }

    /// Replaces secrets in a head or trailer section; lines that are not fields may hold secrets too.
    pub(super) fn head<'h>(&self, raw: &'h [u8], quoted: &Quoted) -> Cow<'h, [u8]> {
        let hidden = self.redactor.head(raw);
        match quoted.0.iter().any(|(secret, _)| find(&hidden, secret.as_bytes()).is_some()) {
            false => hidden,
            true => Cow::Owned(quoted.hide_bytes(&hidden)),
        }
    }

    pub(super) fn value(&self, name: &str, value: &str, quoted: &Quoted) -> String {
        let mut hidden = self.redactor.value(name, value).into_owned();
        quoted.hide(&mut hidden);
        hidden
    }

    /// Adds the secrets of these fields to `out`.
    fn secrets(&self, fields: &Fields, out: &mut Quoted) {
        for (name, value) in fields.iter() {
            let [name, value] = [name, value].map(String::from_utf8_lossy);
            let Cow::Owned(hidden) = self.redactor.value(&name, &value) else { continue };
            if let (Some((_, secret)), Some((_, mark))) = (value.split_once(' '), hidden.split_once(' ')) {
                out.0.push((secret.to_owned(), mark.to_owned()));
            }
            out.0.push((value.into_owned(), hidden));
        }
    }
}

impl Quoted {
    fn hide(&self, text: &mut String) {
        for (secret, mark) in &self.0 {
            if secret.len() >= QUOTED {
                if text.contains(secret.as_str()) {
                    *text = text.replace(secret.as_str(), mark);
                }
                cut(text, secret, mark);
                continue;
            }
            let mut from = 0;
            while let Some(at) = text.get(from..).and_then(|rest| rest.find(secret.as_str())).map(|at| at + from) {
                let end = at + secret.len();
                let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
                let word = !inside(text[..at].chars().next_back()) && !inside(text[end..].chars().next());
                if word {
                    text.replace_range(at..end, mark);
                }
                from = at + if word { mark.len() } else { secret.len() };
            }
        }
    }

    fn hide_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        let mut out = bytes.to_vec();
        for (secret, mark) in &self.0 {
            let (mut next, mut rest) = (Vec::with_capacity(out.len()), out.as_slice());
            while let Some(at) = find(rest, secret.as_bytes()) {
                next.extend_from_slice(&rest[..at]);
                next.extend_from_slice(mark.as_bytes());
                rest = &rest[at + secret.len()..];
            }
            next.extend_from_slice(rest);
            out = next;
        }
        out
    }
}

/// Replaces the beginning of a secret at the end of the text or before an ellipsis.
fn cut(text: &mut String, secret: &str, mark: &str) {
    // Most targets are not secret.
    let Some(begin) = secret.get(..QUOTED).filter(|b| !b.contains('/')) else { return };
    while let Some(at) = text.find(begin) {
        let same: usize =
            text[at..].chars().zip(secret.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
        let rest = &text[at + same..];
        if !(rest.is_empty() || rest.starts_with(['…', '.', '"', '\'', '`'])) || mark.contains(begin) {
            return;
        }
        text.replace_range(at..at + same, mark);
    }
}

fn find(bytes: &[u8], secret: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, secret)
}
