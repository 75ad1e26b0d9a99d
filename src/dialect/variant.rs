//! Whose server it is that speaks a dialect: marks in request and response that only one provider has (DIALECTS.md a.0 and a.4 to a.21).
//!
//! To add one more: a line in [`MARKS`].

use super::Evidence;

/// Where a provider leaves its mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
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

/// Variant and mark; of several the earliest line wins, so that a gateway (which adds its own header) comes before the servers behind it.
static MARKS: &[(&str, Mark)] = &[
    ("litellm", Mark::Header("x-litellm-")),
    ("openrouter", Mark::Host("openrouter.ai")),
    ("openrouter", Mark::Header("x-generation-id")),
    ("azure", Mark::Path("/openai/deployments/")),
    ("azure", Mark::Host("openai.azure.com")),
    ("azure", Mark::Host("cognitiveservices.azure.com")),
    ("azure", Mark::Header("apim-request-id")),
    ("azure", Mark::Header("x-ms-region")),
    ("iflow", Mark::Host("iflow.cn")),
    ("dashscope", Mark::Host("dashscope.aliyuncs.com")),
    ("dashscope", Mark::Host("dashscope-intl.aliyuncs.com")),
    ("dashscope", Mark::Path("/compatible-mode/")),
    ("dashscope", Mark::Header("x-dashscope-")),
    ("deepseek", Mark::Host("deepseek.com")),
    ("deepseek", Mark::Header("x-ds-trace-id")),
    ("moonshot", Mark::Host("moonshot.cn")),
    ("moonshot", Mark::Host("moonshot.ai")),
    ("moonshot", Mark::Host("kimi.com")),
    ("groq", Mark::Host("groq.com")),
    ("mistral", Mark::Host("mistral.ai")),
    ("tgi", Mark::Header("x-compute-type")),
    ("tgi", Mark::Header("x-compute-characters")),
    ("llama.cpp", Mark::Server("llama.cpp")),
    ("iflow", Mark::Field("extend_fields")),
    ("groq", Mark::Field("x_groq")),
    ("azure", Mark::Field("prompt_filter_results")),
    ("azure", Mark::Field("prompt_annotations")),
    ("azure", Mark::Field("choice.content_filter_results")),
    ("openrouter", Mark::Field("choice.native_finish_reason")),
    ("openrouter", Mark::Id("gen-")),
    ("moonshot", Mark::Field("choice.usage")),
    ("llama.cpp", Mark::Field("timings")),
    ("llama.cpp", Mark::Field("__verbose")),
    ("ollama", Mark::Fingerprint("fp_ollama")),
    ("sglang", Mark::Field("choice.matched_stop")),
    ("litserve", Mark::Field("delta.tool_call_id")),
    ("vllm", Mark::Field("prompt_token_ids")),
    ("vllm", Mark::Field("prompt_logprobs")),
    ("vllm", Mark::Field("kv_transfer_params")),
    ("vllm", Mark::Field("choice.token_ids")),
    ("vllm", Mark::Field("choice.stop_reason")),
];

/// The variant by request and response head.
pub(super) fn by_heads(evidence: &Evidence<'_>) -> Option<&'static str> {
    let host = evidence.authority.map(|a| a.rsplit_once(':').map_or(a, |(host, _)| host).to_ascii_lowercase());
    let fields = evidence.response.map(|r| &r.fields);
    let holds = |mark: &Mark| match *mark {
        Mark::Host(name) => host.as_deref().is_some_and(|h| h == name || h.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'))),
        Mark::Path(part) => evidence.path().is_some_and(|p| p.contains(part)),
        Mark::Header(start) => fields.is_some_and(|f| f.iter().any(|(name, _)| starts_with(name, start))),
        Mark::Server(start) => fields.is_some_and(|f| f.all("server").any(|value| starts_with(value, start))),
        Mark::Field(_) | Mark::Id(_) | Mark::Fingerprint(_) => false,
    };
    MARKS.iter().find(|(_, mark)| holds(mark)).map(|(variant, _)| *variant)
}

/// The variant by the name of a field seen (`choice.` or `delta.` before it for those below).
pub(super) fn by_field(name: &str) -> Option<&'static str> {
    MARKS.iter().find(|(_, mark)| matches!(mark, Mark::Field(f) if *f == name)).map(|(variant, _)| *variant)
}

/// The variant by response id and fingerprint.
pub(super) fn by_values(id: Option<&str>, fingerprint: Option<&str>) -> Option<&'static str> {
    let holds = |mark: &Mark| match *mark {
        Mark::Id(start) => id.is_some_and(|id| id.starts_with(start)),
        Mark::Fingerprint(value) => fingerprint == Some(value),
        _ => false,
    };
    MARKS.iter().find(|(_, mark)| holds(mark)).map(|(variant, _)| *variant)
}

/// `bytes` begins with `start`, without case.
fn starts_with(bytes: &[u8], start: &str) -> bool {
    bytes.get(..start.len()).is_some_and(|b| b.eq_ignore_ascii_case(start.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{evidence, head, record};
    use super::*;

    #[test]
    fn hosts_headers_and_fields() {
        let r = record(0, "{}");
        let with = |authority| by_heads(&Evidence { authority: Some(authority), ..evidence("/v1/chat/completions", &r) });
        assert_eq!(with("apis.iflow.cn"), Some("iflow"));
        assert_eq!(with("DASHSCOPE.aliyuncs.com:443"), Some("dashscope"));
        assert_eq!(with("notiflow.cn"), None);
        assert_eq!(with("127.0.0.1:8000"), None);
        let gateway = head(&[("X-LiteLLM-Version", "1")]);
        let both = Evidence { response: Some(&gateway), authority: Some("openrouter.ai"), ..evidence("/", &r) };
        assert_eq!(by_heads(&both), Some("litellm"), "what answers is the gateway");
        assert_eq!(by_field("extend_fields"), Some("iflow"));
        assert_eq!(by_field("choice.stop_reason"), Some("vllm"));
        assert_eq!(by_field("usage"), None);
        assert_eq!(by_values(Some("gen-17"), None), Some("openrouter"));
        assert_eq!(by_values(Some("chatcmpl-1"), Some("fp_ollama")), Some("ollama"));
    }

    #[test]
    fn azure_by_path() {
        let r = record(0, "{}");
        assert_eq!(by_heads(&evidence("/openai/deployments/d/chat/completions?api-version=1", &r)), Some("azure"));
    }
}
