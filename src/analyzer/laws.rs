//! Laws between the statements about one exchange: what no two of them may say together. Debug builds check each
//! exchange that an [`super::Analyzer`] judges; `tests/laws.rs` checks captures, samples and damaged inputs. Which
//! fault broke which law is in docs/verdicts.md.

mod endings;
mod figures;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;

use super::Analyzed;
use crate::conformance::Finding;
use crate::delivery;
use crate::exchange::Exchange;
use crate::metrics::Metrics;
use crate::verdict::{self, Facts, Judgement};

/// One law.
#[derive(Debug, Clone, Copy)]
pub struct Law {
    /// Its name.
    pub name: &'static str,
    /// What contradicts what, if the law is broken.
    check: fn(&Statements<'_>) -> Option<String>,
}

/// All that is said about one exchange.
#[derive(Debug, Clone)]
struct Statements<'a> {
    exchange: &'a Exchange,
    metrics: &'a Metrics,
    /// None if a policy may have taken some away or changed their levels.
    findings: Option<&'a [Finding]>,
    facts: Facts,
    judged: Judgement,
    /// How the stream was delivered, in words.
    delivery: Vec<String>,
    /// The clock of the capture never stepped back.
    orderly: bool,
}

impl<'a> Statements<'a> {
    fn of(analyzed: &'a Analyzed, heard: Heard) -> Statements<'a> {
        let exchange: &Exchange = &analyzed.exchange;
        Statements {
            exchange,
            metrics: &analyzed.metrics,
            findings: heard.all_findings.then_some(&analyzed.findings[..]),
            facts: Facts::of(exchange),
            judged: verdict::of(exchange),
            delivery: delivery::words(exchange),
            orderly: heard.orderly,
        }
    }

    /// Some reason of the verdict has these words.
    fn says(&self, words: &str) -> bool {
        self.judged.why.iter().any(|reason| reason.contains(words))
    }

    /// The laws that these statements break.
    fn broken(&self) -> Vec<String> {
        let broken = |law: &Law| (law.check)(self).map(|how| format!("{}: {how}", law.name));
        all().filter_map(broken).collect()
    }
}

/// What is known of the statements as a whole.
#[derive(Debug, Clone, Copy)]
pub struct Heard {
    /// No policy has changed the findings.
    pub all_findings: bool,
    /// The times that came in never stepped back.
    pub orderly: bool,
}

/// All laws.
pub fn all() -> impl Iterator<Item = &'static Law> {
    endings::LAWS.iter().chain(figures::LAWS)
}

/// The laws that the statements about this exchange break, with how they do: empty, unless this program has a fault.
pub fn broken(analyzed: &Analyzed, heard: Heard) -> Vec<String> {
    Statements::of(analyzed, heard).broken()
}
