//! Rules about gRPC, gRPC-Web and Connect streams.

use crate::conformance::{Case, Finding, Level, Rule};
use crate::dialect::grpc;
use crate::framing::grpc as odd;
use crate::http::event::MessageEnd;
use crate::oddity::{Excerpt, Of};

/// The rules of this family, in the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[&GRPC_001, &GRPC_002];

/// Every call ends with a status, and that is 0.
pub static GRPC_001: Rule = Rule {
    code: "GRPC-001",
    name: "grpc-status-not-ok",
    level: Level::Error,
    summary: "Every call ends with `grpc-status: 0`, in the trailers (gRPC) or in the last frame (gRPC-Web; Connect: \
        without `error`)",
    why: "The HTTP status of a gRPC call is 200 even if the call failed; only the trailers say so. A proxy without \
        HTTP/2 to its backend may drop the trailers. The stream then looks whole by its bytes, and clients raise \
        UNKNOWN or INTERNAL after the last message.",
    source: "gRPC over HTTP2 (Responses); gRPC Web (trailers frame); Connect protocol (end of stream)",
    breaks: &["grpc-python", "grpc-go", "grpc-node", "grpc-web", "connect-es", "tritonclient"],
    fix: "Read `grpc-message` for the cause; if no status arrives, let trailers pass through every proxy (nginx: \
        grpc_pass, not proxy_pass).",
    bad: &[
        r#"grpc-web; <chunk/grpc+trailers grpc-status:14\r\ngrpc-message:no%20node\r\n
           last"#,
        "grpc-web; last",
        // It failed before the first message.
        r#"connect; <chunk/grpc+end {"error":{"code":"unavailable"}}
           last"#,
    ],
    good: &[
        r#"grpc-web; <chunk/grpc+trailers grpc-status:0\r\n
           last"#,
        // The call is still running when the client has had enough.
        "grpc-web; !end",
        r#"connect; <chunk/grpc {"sentence":"Hi"}
           <chunk/grpc+end {}
           last"#,
    ],
    // The end of the recording proves nothing against the server; it is reported as info.
    also: &[("DLV-015", Level::Info)],
    needs_all_bytes: true,
    check: |case, push| {
        case.tell(grpc::STATUS, None, &mut |finding| push(failed(case, finding)), |odd, _| {
            format!("the call failed: {}", odd.found)
        });
        if !case.ended.lacks_status {
            return;
        }
        case.tell(grpc::NO_STATUS, None, &mut |finding| push(Finding { fix: Some(LOST), ..finding }), |_, _| {
            "the call ends without a status: the trailers are missing".to_owned()
        });
    },
    ..Rule::DEFAULT
};

/// Messages by the grammar.
pub static GRPC_002: Rule = Rule {
    code: "GRPC-002",
    name: "bad-grpc-message",
    level: Level::Error,
    summary: "Every message has its prefix of five bytes, is whole, and nothing follows the last frame",
    why: "The prefix says how long a message is. A wrong flag or length, or base64 that is damaged, leaves a reader \
        at the wrong place: it raises INTERNAL, and everything after that place is lost.",
    source: "gRPC over HTTP2 (Length-Prefixed-Message); gRPC Web (message framing, grpc-web-text); Connect protocol",
    breaks: &["grpc-python", "grpc-go", "grpc-node", "grpc-web", "connect-es"],
    fix: "Let the library write messages; look for a proxy that changes or cuts the body.",
    bad: &[
        r#"grpc-web; <chunk \0\0\0\0\x09\n
           last"#,
        r#"grpc-web; <chunk/grpc+trailers grpc-status:0\r\n
           <chunk more
           last"#,
    ],
    good: &[r#"grpc-web; <chunk/grpc+trailers grpc-status:0\r\n
           last"#],
    silenced_by: &["HTTP-006", "HTTP-007", "HTTP-015"],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = case.stream() else { return };
        let whole = response.end == MessageEnd::Complete;
        for (kind, what, asked) in [
            (odd::TRUNCATED, "the body ends inside a message", whole),
            (odd::BAD_FLAGS, "a message with unknown flags", true),
            (odd::BAD_BASE64, "the body is not base64", true),
            (odd::AFTER_END, "bytes after the last frame", true),
        ] {
            if asked {
                case.tell(kind, None, push, |odd, _| format!("{what}: {}", odd.found));
            }
        }
    },
    ..Rule::DEFAULT
};

/// Advice if the status arrived.
const FAILED: &str = "The status arrived, so nothing on the way is at fault: `grpc-message` and the server's log \
    give the cause. Retry only if the status allows it (UNAVAILABLE, and RESOURCE_EXHAUSTED after a wait).";
/// Advice if no status arrived.
const LOST: &str = "Let trailers pass through every proxy (nginx: grpc_pass, not proxy_pass; HTTP/2 to the backend).";

/// The finding with the place of the status: the trailers, or the head of an answer that has nothing else. In
/// gRPC-Web and Connect the status is in the body.
fn failed(case: &Case<'_>, finding: Finding) -> Finding {
    let finding = Finding { fix: Some(FAILED), ..finding };
    let Some(response) = &case.exchange.response else { return finding };
    let in_trailers =
        Excerpt::of_field(response.trailers.raw(), STATUS_FIELD).map(|e| Excerpt { of: Of::Trailers, ..e });
    let in_head = || Excerpt::of_field(response.head.as_ref()?.fields.raw(), STATUS_FIELD);
    match in_trailers.or_else(in_head) {
        Some(excerpt) => {
            let (at, excerpt) = (Some(response.last_at), Some(Box::new(excerpt)));
            Finding { at, excerpt, record: None, offset: None, chunk: None, frame: None, ..finding }
        }
        None => finding,
    }
}

const STATUS_FIELD: &str = "grpc-status";
