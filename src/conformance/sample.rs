//! What a rule says of one of its own samples.

use super::{Finding, Limits, Rule, judge};
use crate::conn::ConnId;

/// The first finding of this rule on this transcript; none where it is no transcript, or a good one.
pub fn finding(rule: &Rule, sample: &str) -> Option<Finding> {
    let transcript = crate::wire::parse(sample).ok()?;
    let exchanges = crate::pipeline::exchanges_of(|sink| transcript.replay(ConnId(0), sink));
    let judged = |e: &crate::exchange::Exchange| judge(e, &crate::metrics::of(e), &Limits::default());
    exchanges.iter().flat_map(judged).find(|f| f.rule == rule.code)
}
