//! Rules about AWS event streams (`application/vnd.amazon.eventstream`).

use crate::conformance::{Level, Rule, kinds};

/// Frames are whole and sound.
pub static AWS_001: Rule = Rule {
    code: "AWS-001",
    name: "corrupt-frame",
    level: Level::Error,
    summary: "Every message has sane lengths and the right CRC-32, of its prelude and of the whole",
    why: "SDKs check both sums and abort the stream at the first wrong one. A wrong sum means that something between changed or cut the bytes, or that \
          a gateway built its frames wrongly. From a wrong length on nothing can be read at all.",
    source: "Smithy specification, Amazon event stream: wire format",
    breaks: &["boto3", "AWS SDKs"],
    fix: "Compute the prelude's CRC over the first 8 bytes and the message's over everything before it; don't let a proxy touch the body.",
    bad: &[concat!(converse!(), message_start_frame!(), bad_delta_frame!(), delta_frame!(), last_frames!(), "<last\n")],
    good: &[concat!(converse!(), message_start_frame!(), delta_frame!(), last_frames!(), "<last\n")],
    silenced_by: &[],
    needs_all_bytes: true,
    check: |case, push| {
        if case.stream().is_none() {
            return;
        }
        case.tell(kinds::AWS_BAD_PRELUDE_CRC, None, push, |odd, _| format!("wrong CRC of a prelude: {}", odd.found));
        case.tell(kinds::AWS_BAD_MESSAGE_CRC, None, push, |odd, _| format!("wrong CRC of a message: {}", odd.found));
        case.tell(kinds::AWS_BAD_LENGTH, None, push, |odd, _| format!("impossible length: {}", odd.found));
    },
};
