//! The exchanges of a rule's samples, and what the rule says of them.

use super::hop::Leg;
use super::policy::Policy;
use super::{Finding, Limits, Rule, judge_beside};
use crate::conn::ConnId;
use crate::exchange::Exchange;
use crate::{metrics, pipeline, wire};

/// The line between two connections of one sample.
pub const NEXT: &str = "!next\n";

/// All findings on a sample; none where it is no transcript.
pub fn findings(sample: &str) -> Option<Vec<Finding>> {
    let exchanges = exchanges(sample)?;
    let legs: Vec<Leg> = exchanges.iter().filter_map(|e| Leg::new(e, &metrics::of(e))).collect();
    let judged = |e: &Exchange| {
        let metrics = metrics::of(e);
        let near = Leg::new(e, &metrics);
        let far = near.and_then(|near| legs.iter().find(|leg| near.has_inside(leg)));
        judge_beside(e, &metrics, &Limits::default(), &Policy::default(), far)
    };
    Some(exchanges.iter().flat_map(judged).collect())
}

/// The first finding of this rule on a sample; none where it is no transcript, or a good one.
pub fn finding(rule: &Rule, sample: &str) -> Option<Finding> {
    findings(sample)?.into_iter().find(|f| f.rule == rule.code)
}

/// The exchanges of a sample; none where it is no transcript. The server of one connection is the client of the next.
pub fn exchanges(sample: &str) -> Option<Vec<Exchange>> {
    let transcripts = sample.split(NEXT).map(|part| wire::parse(part).ok()).collect::<Option<Vec<_>>>()?;
    let mut all: Vec<Exchange> = Vec::new();
    for (n, transcript) in transcripts.iter().enumerate() {
        let mut exchanges = pipeline::exchanges_of(|sink| transcript.replay(ConnId(n as u32), sink));
        for exchange in &mut exchanges {
            let server = exchange.endpoints.server;
            exchange.endpoints.server.set_port(server.port().saturating_add(n as u16));
            if n > 0 {
                exchange.endpoints.client.set_ip(server.ip());
            }
        }
        all.append(&mut exchanges);
    }
    Some(all)
}
