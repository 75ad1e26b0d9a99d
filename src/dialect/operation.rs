//! What a dialect asks for, as OpenTelemetry's semantic conventions 1.41.0 spell it: `gen_ai.operation.name` and
//! `gen_ai.provider.name`.

use super::by_name;

/// What a dialect is called there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// The operation.
    pub name: &'static str,
    /// Whose API it is. Another provider may speak it: the wire shows no more.
    pub provider: &'static str,
}

/// Families of dialects by the beginning of their names; the first that fits counts.
const NAMES: &[(&str, &str, &str)] = &[
    ("openai.completions", "text_completion", "openai"),
    ("openai.images", "generate_content", "openai"),
    ("openai.speech", "generate_content", "openai"),
    ("openai.transcription", "generate_content", "openai"),
    ("openai.", "chat", "openai"),
    ("anthropic.", "chat", "anthropic"),
    ("gemini.", "generate_content", "gcp.gemini"),
    ("bedrock", "chat", "aws.bedrock"),
    ("cohere.", "chat", "cohere"),
    ("mistral.", "chat", "mistral_ai"),
    ("xai.", "chat", "x_ai"),
    ("ollama.generate", "text_completion", "ollama"),
    ("ollama.", "chat", "ollama"),
    ("tgi.", "text_completion", "tgi"),
    ("llamacpp.", "text_completion", "llamacpp"),
    ("koboldcpp.", "text_completion", "koboldcpp"),
    ("lmstudio.", "chat", "lmstudio"),
    ("dashscope.", "chat", "dashscope"),
    ("workers-ai.", "chat", "workers-ai"),
    ("a2a", "invoke_agent", "a2a"),
    ("acp", "invoke_agent", "acp"),
    ("ag-ui", "invoke_agent", "ag-ui"),
    ("ai-sdk.", "chat", "ai-sdk"),
    ("litserve.", "text_completion", "litserve"),
];

/// What the dialect of this name asks for. None: it generates nothing, or there is no such dialect.
pub fn of(dialect: &str) -> Option<Operation> {
    by_name(dialect).filter(|d| d.generates && !d.is_none())?;
    let (_, name, provider) = NAMES.iter().find(|(begin, ..)| dialect.starts_with(begin))?;
    Some(Operation { name, provider })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::DIALECTS;
    use super::*;

    #[test]
    fn every_dialect_that_generates_is_an_operation() {
        let without: Vec<&str> =
            DIALECTS.iter().filter(|d| d.generates && !d.is_none() && of(d.name).is_none()).map(|d| d.name).collect();
        assert!(without.is_empty(), "{without:?} have no operation");
        assert_eq!(of("openai.completions").unwrap().name, "text_completion");
        assert_eq!(of("openai.chat"), Some(Operation { name: "chat", provider: "openai" }));
        assert_eq!((of("mcp"), of("no such")), (None, None));
    }
}
