//! `sniff check`: findings of capture files, for people and CI. The figures are those of [`super::compliance`].

use super::Look;
use super::compliance::{Case, Compliance, case_text};
use crate::conformance::Level;
use serde::Serialize;

/// One finding on its own, with all that is needed to act on it.
#[derive(Debug, Serialize)]
pub struct Line<'c> {
    /// Capture file.
    pub file: Option<&'c str>,
    /// Exchange within the file, from 0 (within the database where findings come from there).
    pub exchange: i64,
    /// Method and target.
    pub request: &'c str,
    /// Host.
    pub host: &'c str,
    /// Status.
    pub status: Option<u16>,
    /// Dialect with variant.
    pub dialect: &'c str,
    /// Code.
    pub rule: &'c str,
    /// Level.
    pub level: Level,
    /// Record, where one can be named.
    pub record: Option<u64>,
    /// Byte offset in the decoded body, where one can be named.
    pub offset: Option<u64>,
    /// How often in this exchange.
    pub count: u64,
    /// What is wrong.
    pub message: &'c str,
}

/// The findings of one exchange.
pub fn lines(case: &Case) -> impl Iterator<Item = Line<'_>> {
    case.findings.iter().map(move |f| Line {
        file: case.file.as_deref(),
        exchange: case.exchange,
        request: &case.request,
        host: &case.host,
        status: case.status,
        dialect: &case.dialect,
        rule: &f.rule,
        level: f.level,
        record: f.record,
        offset: f.offset,
        count: f.count,
        message: &f.message,
    })
}

/// For a terminal: every exchange with findings in the order of the files, then the verdict.
pub fn text(c: &Compliance, look: &Look) -> String {
    let mut out: String = c.cases.iter().map(|case| case_text(case, look)).collect();
    let (verdict, style) = c.verdict();
    out += &format!("{}\n", style.paint(&verdict, look.color));
    out
}
