//! Rules about multipart bodies that are streamed.

use crate::conformance::{Level, Rule};
use crate::framing::multipart;
use crate::http::event::MessageEnd;

/// The rules of this family, in the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[&MPART_001];

/// The last part is over.
pub static MPART_001: Rule = Rule {
    code: "MPART-001",
    name: "missing-close-delimiter",
    level: Level::Warning,
    summary: "A multipart stream ends with its closing delimiter, `--boundary--`",
    why: "A reader knows that a part is over by the delimiter after it, and that there are no more by the closing \
        one. Without it the last part may be lost, or the stream is taken for cut off.",
    source: "RFC 2046 section 5.1.1; GraphQL over HTTP, incremental delivery",
    breaks: &["Apollo Client", "meros", "clients that read part by part"],
    fix: "Write the closing delimiter after the last part: CRLF, two hyphens, the boundary, two hyphens, CRLF.",
    bad: &[
        r#"multipart; <chunk ---\r\nContent-Type: application/json\r\n\r\n{"hasNext":true}\r\n
           wait 20ms; <chunk ---\r\nContent-Type: application/json\r\n\r\n{"hasNext":false}\r\n
           last"#,
        r#"multipart; <chunk ---\r\nContent-Type: application/json\r\n\r\n{"hasNext":true}\r\n
           wait 20ms; <chunk ---\r\n
           last"#,
    ],
    good: &[r#"multipart; <chunk ---\r\nContent-Type: application/json\r\n\r\n{"hasNext":true}\r\n---\r\n
           wait 20ms; <chunk Content-Type: application/json\r\n\r\n{"hasNext":false}\r\n-----\r\n
           last"#],
    needs_all_bytes: true,
    check: |case, push| {
        if case.stream().is_some_and(|r| r.end == MessageEnd::Complete) {
            case.tell(multipart::NO_CLOSE, None, push, |_, _| {
                "the stream ends without the closing delimiter".to_owned()
            });
        }
    },
    ..Rule::DEFAULT
};
