//! Rules about Anthropic Messages streams.

use crate::conformance::case::many;
use crate::conformance::{Level, Rule, kinds};
use crate::http::event::MessageEnd;

/// One message from its start to its stop.
pub static ANT_001: Rule = Rule {
    code: "ANT-001",
    name: "broken-message-frame",
    level: Level::Error,
    summary: "`message_start` comes first and once, `message_stop` last and once",
    why: "SDKs build the message from these two: without message_start the first delta has nothing to be added to and helpers raise; without \
          message_stop the TypeScript helper raises at the end and a client can't tell a whole answer from a lost connection. An `event: error` in \
          the stream ends it too, and message_stop is not asked for then.",
    source: "Anthropic API documentation, streaming messages: event types",
    breaks: &["anthropic-python helper", "anthropic-typescript helper", "Claude Code"],
    fix: "Open with message_start (with usage), close with message_delta and message_stop, and send nothing behind it, no [DONE] either.",
    bad: &[
        concat!(messages!(), text_block!(), message_delta!(), message_stop!(), "<last\n"),
        concat!(messages!(), message_start!(), message_start!(), text_block!(), message_delta!(), message_stop!(), "<last\n"),
        concat!(messages!(), message_start!(), text_block!(), message_delta!(), "<last\n"),
        concat!(messages!(), message_start!(), text_block!(), message_delta!(), message_stop!(), text_block!(), "<last\n"),
    ],
    good: &[
        concat!(messages!(), message_start!(), text_block!(), message_delta!(), message_stop!(), "<last\n"),
        concat!(
            messages!(),
            message_start!(),
            "<chunk event: error\\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\\n\\n\n<last\n"
        ),
        concat!(messages!(), message_start!(), text_block!(), "!rst >\n"),
    ],
    silenced_by: &["HTTP-006", "HTTP-007", "SSE-001"],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = case.stream() else { return };
        case.tell(kinds::ANTHROPIC_NO_MESSAGE_START, None, push, |odd, _| {
            format!("the stream does not begin with message_start: {}", odd.found)
        });
        case.tell(kinds::ANTHROPIC_MESSAGE_START_REPEATED, None, push, |_, n| format!("message_start came {} times", n + 1));
        case.tell(kinds::ANTHROPIC_AFTER_MESSAGE_STOP, None, push, |odd, n| {
            format!("{} behind message_stop: {}", many(n, "event", "events"), odd.found)
        });
        // What did not come because of an error or a cut is no fault of its own.
        if response.end == MessageEnd::Complete && response.answer.error.is_none() {
            case.tell(kinds::ANTHROPIC_NO_MESSAGE_STOP, None, push, |_, _| "the stream ends without message_stop".into());
        }
    },
};
