//! Rules about A2A streams.

use crate::conformance::{Level, Rule};
use crate::dialect::a2a;

/// The rules of this family, in the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[&A2A_001];

/// The stream ends with the task.
pub static A2A_001: Rule = Rule {
    code: "A2A-001",
    name: "stream-outlives-task",
    level: Level::Error,
    summary: "The stream ends with a terminal task state (or one that waits for the user, or a single message), and \
        nothing follows",
    why: "The client takes the end of the stream for the end of the task. If the stream ends earlier, no client \
        follows the task to its end. Events after the terminal state contradict it: a task can't leave that state.",
    source: "A2A specification, streaming: the stream MUST close when the task reaches a terminal state",
    breaks: &["a2a-python", "a2a-js"],
    fix: "Send the last status update when the task is over, then end the body; make sure that no proxy's idle \
        time-out ends it earlier.",
    bad: &["task; last", "task; state COMPLETED; state WORKING; last"],
    good: &["task; state COMPLETED; last", "task; state INPUT_REQUIRED; last", "task; !rst >"],
    // A client that gives up in the middle is reported as info.
    also: &[("DLV-010", Level::Info)],
    silenced_by: &["HTTP-006", "HTTP-007", "SSE-001"],
    needs_all_bytes: true,
    check: |case, push| {
        case.tell_of(&a2a::DIALECT, a2a::AFTER_END, push, |found| format!("after the end of the task: {found}"));
        case.tell_at_end(&a2a::DIALECT, a2a::NO_TERMINAL_STATE, push, "the stream ends while the task continues");
    },
    ..Rule::DEFAULT
};
