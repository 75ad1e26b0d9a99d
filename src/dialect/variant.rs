//! Which provider's server speaks a dialect: marks in request and response that only one provider has
//! (docs/dialects.md a.0 and a.4 to a.21).
//!
//! To add one more: a line in [`MARKS`].

use super::Evidence;
use std::fmt;

/// Where a provider leaves its mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// The authority is this host or one below it.
    Host(&'static str),
    /// The request path contains this.
    Path(&'static str),
    /// A response header field's name begins so.
    Header(&'static str),
    /// The `Server` field begins so.
    Server(&'static str),
    /// A field of a record: `name` at the top level, `choice.name` in a choice, `delta.name` in a delta.
    Field(&'static str),
    /// The response id begins so.
    Id(&'static str),
    /// `system_fingerprint` is this.
    Fingerprint(&'static str),
}

/// A provider and one of its marks.
#[derive(Debug)]
pub(super) struct Variant {
    /// As `list` shows it.
    pub(super) name: &'static str,
    /// What gives it away.
    pub(super) mark: Mark,
}

/// One line of the table.
const fn v(name: &'static str, mark: Mark) -> Variant {
    Variant { name, mark }
}

/// Of several marks the earliest line wins, so that a gateway (which adds its own header) comes before the servers
/// behind it.
static MARKS: &[Variant] = &[
    v("litellm", Mark::Header("x-litellm-")),
    v("openrouter", Mark::Host("openrouter.ai")),
    v("openrouter", Mark::Header("x-generation-id")),
    v("azure", Mark::Path("/openai/deployments/")),
    v("azure", Mark::Host("openai.azure.com")),
    v("azure", Mark::Host("cognitiveservices.azure.com")),
    v("azure", Mark::Header("apim-request-id")),
    v("azure", Mark::Header("x-ms-region")),
    v("azure", Mark::Host("services.ai.azure.com")),
    // Not its path: `/openai/v1/` and `/anthropic/v1/` are those of others too.
    v("bedrock", Mark::Header("x-amzn-bedrock-")),
    v("bedrock", Mark::Host("api.aws")),
    v("vertex", Mark::Host("aiplatform.googleapis.com")),
    v("vertex", Mark::Path("/publishers/google/models/")),
    v("vertex", Mark::Path("/publishers/anthropic/models/")),
    v("gemini", Mark::Path("/v1beta/openai/")),
    v("iflow", Mark::Host("iflow.cn")),
    v("dashscope", Mark::Host("dashscope.aliyuncs.com")),
    v("dashscope", Mark::Host("dashscope-intl.aliyuncs.com")),
    v("dashscope", Mark::Path("/compatible-mode/")),
    v("dashscope", Mark::Header("x-dashscope-")),
    v("deepseek", Mark::Host("deepseek.com")),
    v("deepseek", Mark::Header("x-ds-trace-id")),
    v("moonshot", Mark::Host("moonshot.cn")),
    v("moonshot", Mark::Host("moonshot.ai")),
    v("moonshot", Mark::Host("kimi.com")),
    v("groq", Mark::Host("groq.com")),
    v("mistral", Mark::Host("mistral.ai")),
    v("tgi", Mark::Header("x-compute-type")),
    v("tgi", Mark::Header("x-compute-characters")),
    v("llama.cpp", Mark::Server("llama.cpp")),
    v("iflow", Mark::Field("extend_fields")),
    v("groq", Mark::Field("x_groq")),
    v("azure", Mark::Field("prompt_filter_results")),
    v("azure", Mark::Field("prompt_annotations")),
    v("azure", Mark::Field("choice.content_filter_results")),
    v("openrouter", Mark::Field("choice.native_finish_reason")),
    v("openrouter", Mark::Id("gen-")),
    v("moonshot", Mark::Field("choice.usage")),
    v("llama.cpp", Mark::Field("timings")),
    v("llama.cpp", Mark::Field("__verbose")),
    v("ollama", Mark::Fingerprint("fp_ollama")),
    v("sglang", Mark::Field("choice.matched_stop")),
    v("litserve", Mark::Field("delta.tool_call_id")),
    v("vllm", Mark::Field("prompt_token_ids")),
    v("vllm", Mark::Field("prompt_logprobs")),
    v("vllm", Mark::Field("kv_transfer_params")),
    v("vllm", Mark::Field("choice.token_ids")),
    v("vllm", Mark::Field("choice.stop_reason")),
];

impl fmt::Display for Mark {
    /// For people: `host openrouter.ai`, `field extend_fields`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, mark) = match self {
            Mark::Host(mark) => ("host", mark),
            Mark::Path(mark) => ("path with", mark),
            Mark::Header(mark) => ("header", mark),
            Mark::Server(mark) => ("server", mark),
            Mark::Field(mark) => ("field", mark),
            Mark::Id(mark) => ("id that begins with", mark),
            Mark::Fingerprint(mark) => ("fingerprint", mark),
        };
        write!(f, "{what} {mark}")
    }
}

/// The variant by request and response head.
pub(super) fn by_heads(evidence: &Evidence<'_>) -> Option<&'static Variant> {
    let host = evidence.authority.map(|a| a.rsplit_once(':').map_or(a, |(host, _)| host).to_ascii_lowercase());
    let fields = evidence.response.map(|r| &r.fields);
    let holds = |mark: &Mark| match *mark {
        Mark::Host(name) => {
            host.as_deref().is_some_and(|h| h == name || h.strip_suffix(name).is_some_and(|rest| rest.ends_with('.')))
        }
        Mark::Path(part) => evidence.path().is_some_and(|p| p.contains(part)),
        Mark::Header(start) => fields.is_some_and(|f| f.iter().any(|(name, _)| starts_with(name, start))),
        Mark::Server(start) => fields.is_some_and(|f| f.all("server").any(|value| starts_with(value, start))),
        Mark::Field(_) | Mark::Id(_) | Mark::Fingerprint(_) => false,
    };
    MARKS.iter().find(|v| holds(&v.mark))
}

/// The variant by the name of a field seen (`choice.` or `delta.` before it for those below).
pub(super) fn by_field(name: &str) -> Option<&'static Variant> {
    MARKS.iter().find(|v| matches!(v.mark, Mark::Field(f) if f == name))
}

/// The variant by response id and fingerprint.
pub(super) fn by_values(id: Option<&str>, fingerprint: Option<&str>) -> Option<&'static Variant> {
    let holds = |mark: &Mark| match *mark {
        Mark::Id(start) => id.is_some_and(|id| id.starts_with(start)),
        Mark::Fingerprint(value) => fingerprint == Some(value),
        _ => false,
    };
    MARKS.iter().find(|v| holds(&v.mark))
}

/// `bytes` begins with `start`, without case.
fn starts_with(bytes: &[u8], start: &str) -> bool {
    bytes.get(..start.len()).is_some_and(|b| b.eq_ignore_ascii_case(start.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{evidence, head, record};
    use super::*;

    fn name(variant: Option<&'static Variant>) -> Option<&'static str> {
        variant.map(|v| v.name)
    }

    #[test]
    fn hosts_headers_and_fields() {
        let r = record(0, "{}");
        let with = |authority| {
            name(by_heads(&Evidence { authority: Some(authority), ..evidence("/v1/chat/completions", &r) }))
        };
        assert_eq!(with("apis.iflow.cn"), Some("iflow"));
        assert_eq!(with("DASHSCOPE.aliyuncs.com:443"), Some("dashscope"));
        assert_eq!(with("notiflow.cn"), None);
        assert_eq!(with("127.0.0.1:8000"), None);
        let gateway = head(&[("X-LiteLLM-Version", "1")]);
        let both = Evidence { response: Some(&gateway), authority: Some("openrouter.ai"), ..evidence("/", &r) };
        assert_eq!(name(by_heads(&both)), Some("litellm"), "what answers is the gateway");
        assert_eq!(name(by_field("extend_fields")), Some("iflow"));
        assert_eq!(name(by_field("choice.stop_reason")), Some("vllm"));
        assert_eq!(name(by_field("usage")), None);
        assert_eq!(name(by_values(Some("gen-17"), None)), Some("openrouter"));
        assert_eq!(name(by_values(Some("chatcmpl-1"), Some("fp_ollama"))), Some("ollama"));
    }

    #[test]
    fn azure_by_path() {
        let r = record(0, "{}");
        let azure = by_heads(&evidence("/openai/deployments/d/chat/completions?api-version=1", &r));
        assert_eq!(azure.map(|v| v.mark.to_string()).as_deref(), Some("path with /openai/deployments/"));
        let vertex =
            by_heads(&evidence("/v1/projects/p/locations/l/publishers/anthropic/models/c:streamRawPredict", &r));
        assert_eq!(name(vertex), Some("vertex"));
    }
}
