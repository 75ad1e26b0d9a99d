//! Secrets on their way to the disk: heads, targets, known places of request bodies, and what the layers quoted of them.

use super::Finished;
use crate::exchange::redact::{BodyMask, Redactor};
use crate::http::event::Fields;
use anyhow::{Context, Result};
use rusqlite::Connection;
use std::borrow::Cow;

/// A shorter secret is no key, and would be found inside of innocent words.
const QUOTED: usize = 8;

/// Secrets of one exchange and what stands in for them, for the places that quote them.
#[derive(Debug, Default)]
pub(super) struct Quoted(Vec<(String, String)>);

/// Hides secrets under the database's own salt.
#[derive(Debug)]
pub(super) struct Hide {
    redactor: Redactor,
}

impl Hide {
    pub(super) fn new(db: &Connection) -> Result<Hide> {
        let salt: Vec<u8> = db.query_row("SELECT value FROM salt", [], |r| r.get(0)).context("the database has lost its salt")?;
        Ok(Hide { redactor: Redactor::salted(salt) })
    }

    /// Bytes of a request's body, in place.
    pub(super) fn body(&self, mask: &mut BodyMask, bytes: &mut [u8]) {
        mask.apply(bytes, &self.redactor);
    }

    /// A finished exchange, in place; its fields apart, which pass through [`Hide::head`] and [`Hide::value`] with what this gives.
    pub(super) fn exchange(&self, mask: &mut BodyMask, f: &mut Finished) -> Quoted {
        let x = &mut *f.exchange;
        let mut quoted = Quoted::default();
        if let Some(r) = &mut x.request {
            self.body(mask, &mut r.body.bytes);
            if let Cow::Owned(hidden) = self.redactor.target(&r.head.target) {
                quoted.0.push((std::mem::replace(&mut r.head.target, hidden.clone()), hidden));
            }
            self.secrets(&r.head.fields, &mut quoted);
        }
        if let Some(head) = x.response.as_ref().and_then(|r| r.head.as_ref()) {
            self.secrets(&head.fields, &mut quoted);
        }
        quoted.0.retain(|(secret, _)| secret.len() >= QUOTED);
        if !quoted.0.is_empty() {
            f.findings.iter_mut().for_each(|finding| quoted.hide(&mut finding.message));
            x.oddities.each_found(|found| quoted.hide(found));
        }
        quoted
    }

    /// Head and trailer sections; lines that are no fields may hold secrets too.
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

    /// Those of these fields.
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
            if text.contains(secret.as_str()) {
                *text = text.replace(secret.as_str(), mark);
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

fn find(bytes: &[u8], secret: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, secret)
}
