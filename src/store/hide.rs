//! Secrets on their way to the disk: heads, targets, known places of request bodies, and what the layers quoted of them.

use super::Finished;
use crate::exchange::redact::{BodyMask, Redactor};
use crate::http::event::Fields;
use anyhow::{Context, Result};
use rusqlite::Connection;
use std::borrow::Cow;

/// A shorter secret is no key, and would be found inside of innocent words.
const QUOTED: usize = 8;

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

    /// A finished exchange, in place; its fields apart, which pass through [`Hide::head`] and [`Hide::value`].
    pub(super) fn exchange(&self, mask: &mut BodyMask, f: &mut Finished) {
        let x = &mut *f.exchange;
        let mut quoted: Vec<(String, String)> = Vec::new();
        if let Some(r) = &mut x.request {
            self.body(mask, &mut r.body.bytes);
            if let Cow::Owned(hidden) = self.redactor.target(&r.head.target) {
                quoted.push((std::mem::replace(&mut r.head.target, hidden.clone()), hidden));
            }
            self.secrets(&r.head.fields, &mut quoted);
        }
        if let Some(head) = x.response.as_ref().and_then(|r| r.head.as_ref()) {
            self.secrets(&head.fields, &mut quoted);
        }
        if !quoted.is_empty() {
            f.findings.iter_mut().for_each(|finding| unquote(&mut finding.message, &quoted));
            x.oddities.each_found(|found| unquote(found, &quoted));
        }
    }

    pub(super) fn head<'h>(&self, raw: &'h [u8]) -> Cow<'h, [u8]> {
        self.redactor.head(raw)
    }

    pub(super) fn value(&self, name: &str, value: &str) -> String {
        self.redactor.value(name, value).into_owned()
    }

    /// Secrets in these fields and what stands in for them, for places that quote them.
    fn secrets(&self, fields: &Fields, out: &mut Vec<(String, String)>) {
        for (name, value) in fields.iter() {
            let [name, value] = [name, value].map(String::from_utf8_lossy);
            let Cow::Owned(hidden) = self.redactor.value(&name, &value) else { continue };
            if let (Some((_, secret)), Some((_, mark))) = (value.split_once(' '), hidden.split_once(' ')) {
                out.push((secret.to_owned(), mark.to_owned()));
            }
            out.push((value.into_owned(), hidden));
        }
    }
}

fn unquote(text: &mut String, quoted: &[(String, String)]) {
    for (secret, mark) in quoted.iter().filter(|(secret, _)| secret.len() >= QUOTED) {
        if text.contains(secret.as_str()) {
            *text = text.replace(secret.as_str(), mark);
        }
    }
}
