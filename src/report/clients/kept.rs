//! The verdicts on an exchange of a database: kept ones, or computed and kept.

use super::{Case, case};
use crate::clients::{self, MAX_BODY, Unfit};
use crate::exchange::redact::{Masks, Redactor};
use crate::report::reports::Source;
use crate::summary::Summary;
use anyhow::Result;

/// The case of an exchange of a database, from the verdicts that were kept, or else computed and kept. The exchange is
/// loaded for this only, unless it is too large.
pub fn stored(
    file: Option<&str>,
    source: &dyn Source,
    summary: &Summary,
    answer: Option<&str>,
) -> Result<Option<Case>> {
    // Against an answer of the user's they are other verdicts.
    if answer.is_some() {
        return computed(file, source, summary, answer);
    }
    if let Some(kept) = source.kept_verdicts(summary.id, clients::VERSION)? {
        match kept.map(|packed| clients::unpack(&packed)) {
            None => return Ok(None),
            Some(Some(judged)) => return Ok(Some(Case::new(file, summary, judged))),
            Some(None) => {}
        }
    }
    let case = computed(file, source, summary, None)?;
    let packed = case.as_ref().map(|case| clients::pack(case.unfit.as_deref().map_or(Ok(&case.clients), Err)));
    source.keep_verdicts(summary.id, clients::VERSION, packed);
    Ok(case)
}

fn computed(file: Option<&str>, source: &dyn Source, summary: &Summary, answer: Option<&str>) -> Result<Option<Case>> {
    match summary.response.as_ref().map_or(0, |r| r.wire_body_bytes) {
        n if n > MAX_BODY => Ok(Some(Case::new(file, summary, Err(Unfit::TooLarge(n).text())))),
        _ if !source.has_content(summary.id)? => Ok(Some(Case::new(file, summary, Err(Unfit::NotKept.text())))),
        _ => {
            let mut exchange = source.exchange(summary.id)?;
            let mut case = case(file, summary, &exchange, answer);
            let mut masks = Masks::default();
            masks.exchange(&mut exchange, &Redactor::default());
            case.iter_mut().for_each(|case| case.hide(masks.known(), summary));
            Ok(case)
        }
    }
}
