//! Rules about the frames of a WebSocket.

use crate::conformance::{Level, Rule};
use crate::framing::websocket as odd;

/// The rules of this family, in the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[&WS_001];

/// Frames by the grammar.
pub static WS_001: Rule = Rule {
    code: "WS-001",
    name: "bad-websocket-frame",
    level: Level::Error,
    summary: "Frames of a WebSocket follow the grammar: the client masks, the server does not, messages are whole, \
        control frames are short (a warning for what follows a Close frame, and for a message that is cut)",
    why: "An endpoint that receives a frame which breaks the grammar must close the connection, with code 1002 or \
        1007. The session is lost, whatever the frame carried.",
    source: "RFC 6455 sections 5.1, 5.2, 5.4, 5.5 and 7.1.7; RFC 7692 section 7.2.2",
    breaks: &["every WebSocket client and server"],
    fix: "Let the WebSocket library write frames; look for a proxy that changes bytes or joins connections.",
    bad: &[r#"socket; <| \x81\x82\0\0\0\0Hi
           wait 20ms; <| \x88\x02\x03\xe8
           !fin <"#],
    good: &[r#"socket; <| \x81\x02Hi
           wait 20ms; <| \x88\x02\x03\xe8
           !fin <"#],
    needs_all_bytes: true,
    check: |case, push| {
        for (kind, level, what) in [
            (odd::MASK, Level::Error, "masked by the server, or not masked by the client"),
            (odd::RESERVED, Level::Error, "a reserved bit, or an unknown opcode"),
            (odd::CONTROL, Level::Error, "a control frame that is too long or in fragments"),
            (odd::FRAGMENTS, Level::Error, "fragments that don't belong together"),
            (odd::BROKEN, Level::Error, "a compressed message that can't be decompressed"),
            (odd::AFTER_CLOSE, Level::Warning, "a frame after the Close frame"),
            (odd::TRUNCATED, Level::Warning, "the connection ends inside a message"),
        ] {
            case.tell(kind, Some(level), push, |odd, _| format!("{what}: {}", odd.found));
        }
    },
    ..Rule::DEFAULT
};
