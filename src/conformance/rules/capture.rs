//! Rules about the capture itself: what makes its times doubtful.

use crate::conformance::{Finding, Level, Rule};
use crate::exchange::clock::{OUT_OF_RANGE, SKEW, STEPPED_BACK};

/// The rules of this family, in the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[&CAP_001];

/// The clock runs forward.
pub static CAP_001: Rule = Rule {
    code: "CAP-001",
    name: "clock-steps-back",
    level: Level::Warning,
    summary: "The capture's clock runs forward: no byte is over 50 ms earlier than one before it, none lies after 2262",
    why: "The clock of the capturing machine was set back in the middle of the exchange, or the file was put together \
        from captures with different clocks. Times from before to after that moment mean nothing: they are left out, \
        and nothing is said about delivery.",
    source: "pcapng (draft-ietf-opsawg-pcapng) section 4.3, time stamps of packets; clock_settime(2)",
    breaks: &["every figure of time"],
    fix: "Let NTP slew the clock while you capture (chrony: no makestep); merge captures with their offsets \
        (editcap -t).",
    bad: &["chat; role; word; @ -2s; word; stop; done; last"],
    good: &["good-chat", "chat; role; word; @ -49ms; word*3; stop; done; last"],
    needs_all_bytes: false,
    check: |case, push| {
        let stepped = case.exchange.oddities.find(STEPPED_BACK).filter(|(o, _)| o.span.is_some_and(|s| s > SKEW));
        for (oddity, count) in stepped.into_iter().chain(case.exchange.oddities.find(OUT_OF_RANGE)) {
            push(Finding::of(oddity, count, oddity.found.to_string()));
        }
    },
    ..Rule::DEFAULT
};
