//! Rules about text-generation-inference's own protocol.

use crate::conformance::{Level, Rule};
use crate::dialect::tgi;

/// The rules of this family, in the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[&TGI_001];

/// TGI says that it is over.
pub static TGI_001: Rule = Rule {
    code: "TGI-001",
    name: "missing-generated-text",
    level: Level::Warning,
    summary: "The last event of `/generate_stream` has `generated_text`",
    why: "The protocol has no other terminator: a stream that ends without it broke off, with status 200.",
    source: "text-generation-inference, OpenAPI document: StreamResponse.generated_text",
    breaks: &["huggingface_hub text_generation(details=True)", "readers of generated_text"],
    fix: "Look for the cause in the server's log (an error event has `error` and `error_type`); pass the last event on.",
    bad: &["tgi; token; last"],
    good: &[
        r#"tgi; token
           data {"index":2,"token":{"id":2,"text":"</s>","logprob":-0.1,"special":true},"generated_text":"Hi","details":null}
           last"#,
        r#"tgi; token; data {"error":"Request failed during generation","error_type":"generation"}
           last"#,
    ],
    silenced_by: &["HTTP-006", "HTTP-007", "SSE-001"],
    needs_all_bytes: true,
    check: |case, push| case.tell_at_end(&tgi::DIALECT, tgi::NO_END, push, "the stream ends without generated_text"),
    ..Rule::DEFAULT
};
