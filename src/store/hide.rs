//! Replaces secrets before they are written, by hashes with the database's own salt.

use crate::analyzer::{Analyzed, Part};
use crate::exchange::redact::{Masks, Redactor, Stretch};
use crate::http::event::Side;
use anyhow::{Context, Result};
use rusqlite::Connection;

/// Knows the database's salt.
#[derive(Debug)]
pub(super) struct Hide {
    pub(super) redactor: Redactor,
}

impl Hide {
    pub(super) fn new(db: &Connection) -> Result<Hide> {
        let salt: Vec<u8> =
            db.query_row("SELECT value FROM salt", [], |r| r.get(0)).context("the database has lost its salt")?;
        Ok(Hide { redactor: Redactor::salted(salt) })
    }

    /// Replaces secrets in a part of an exchange, and returns what of its bodies can be stored.
    pub(super) fn part(&self, masks: &mut Masks, part: &mut Part) -> [Vec<Stretch>; 2] {
        masks.part(&part.heads, &part.codings, &self.redactor);
        let out = [(Side::Request, &mut part.request), (Side::Response, &mut part.response)].map(|(side, body)| {
            masks.unit_lines(&mut body.unit_lines);
            masks.body(side, &body.pieces, std::mem::take(&mut body.bytes), false, &self.redactor)
        });
        masks.records(&mut part.records);
        out
    }

    /// Replaces secrets in a finished exchange, in place, and returns the rest of its bodies. Its heads are not
    /// changed: they pass through [`Masks::head`] and [`Masks::value`].
    pub(super) fn exchange(&self, masks: &mut Masks, f: &mut Analyzed) -> [Vec<Stretch>; 2] {
        masks.exchange(&mut f.exchange, &self.redactor)
    }
}
