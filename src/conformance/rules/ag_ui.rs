//! Rules about the streams of AG-UI.

use crate::conformance::{Level, Rule};
use crate::dialect::ag_ui;

/// The rules of this family, in the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[&AGUI_001];

/// A run has its beginning, an order and its end.
pub static AGUI_001: Rule = Rule {
    code: "AGUI-001",
    name: "broken-agent-run",
    level: Level::Warning,
    summary: "A run of AG-UI begins with `RUN_STARTED`, starts messages and calls before their deltas, and ends with \
        `RUN_FINISHED` or `RUN_ERROR`",
    why: "The client checks the order of the events and gives the run up at the first that can't be there. Without \
        its last event the run stays open: the user waits, and cannot send the next message.",
    source: "AG-UI documentation, events; @ag-ui/client, verify.ts",
    breaks: &["@ag-ui/client"],
    fix: "Send RUN_STARTED before anything else and RUN_FINISHED last; catch what the agent raises and send \
        RUN_ERROR in its place. Another run on the same stream begins with RUN_STARTED.",
    bad: &[
        "run; run-start; run-text; last",
        "run; run-text; run-end; last",
        "run; run-start; run-delta; run-end; last",
        "run; run-start; run-text; run-end; run-text; last",
    ],
    good: &[
        "run; run-start; run-text; run-end; last",
        "run; run-start; run-end; run-start; run-text; run-end; last",
        r#"run; run-start; data {"type":"RUN_ERROR","message":"overloaded"}
           last"#,
    ],
    silenced_by: &["HTTP-006", "HTTP-007", "SSE-001"],
    needs_all_bytes: true,
    check: |case, push| {
        case.tell_of(&ag_ui::DIALECT, ag_ui::NO_START, push, |found| format!("the first event is {found}"));
        case.tell_of(&ag_ui::DIALECT, ag_ui::DELTA_WITHOUT_START, push, |found| {
            format!("a delta for what was not started: {found}")
        });
        case.tell_of(&ag_ui::DIALECT, ag_ui::AFTER_END, push, |found| format!("after the end of the run: {found}"));
        case.tell_at_end(
            &ag_ui::DIALECT,
            ag_ui::NO_END,
            push,
            "the stream ends without RUN_FINISHED and without RUN_ERROR",
        );
    },
    ..Rule::DEFAULT
};
