//! The clients that `breaks` names: which versions were examined, and how their behaviour is known. One table, so
//! that rules need not repeat it.

/// How a client's behaviour is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Known {
    /// It ran against the stream, over loopback.
    Measured,
    /// Its source was read.
    Source,
    /// Its issue tracker reports it.
    Reported,
}

impl Known {
    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Known::Measured => "measured",
            Known::Source => "by source",
            Known::Reported => "reported",
        }
    }
}

/// A client that was examined.
#[derive(Debug)]
pub struct Client {
    /// As `breaks` names it; what follows in a name there (a version, a remark in parentheses) is about that rule.
    pub name: &'static str,
    /// Versions; empty if the source was read as a stored file.
    pub versions: &'static str,
    /// How its behaviour is known.
    pub known: Known,
    /// Names of its client models (`crate::clients`); empty if it has no model.
    pub models: &'static [&'static str],
}

impl Client {
    /// `breaks` means this client when it names `other`: it is that one, or a kind of it (`ai-sdk` means
    /// `ai-sdk openrouter` too).
    pub fn is_meant_by(&self, other: &Client) -> bool {
        self.name.strip_prefix(other.name).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    }
}

/// The client that this name begins with; of several the longest.
pub fn named(name: &str) -> Option<&'static Client> {
    let begins = |c: &&Client| name.strip_prefix(c.name).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
    CLIENTS.iter().filter(begins).max_by_key(|c| c.name.len())
}

type Models = &'static [&'static str];

const fn measured(name: &'static str, versions: &'static str, models: Models) -> Client {
    Client { name, versions, known: Known::Measured, models }
}

const fn source(name: &'static str, versions: &'static str, models: Models) -> Client {
    Client { name, versions, known: Known::Source, models }
}

const fn reported(name: &'static str) -> Client {
    Client { name, versions: "", known: Known::Reported, models: &[] }
}

/// All clients that were examined.
pub static CLIENTS: &[Client] = &[
    measured("openai-python", "2.54.0, 3.54.0", &["openai-python 2.54", "openai-python 3.54"]),
    measured("openai-python helper", "2.54.0, 3.54.0", &["openai-python 2.54 helper", "openai-python 3.54 helper"]),
    measured("openai-node", "4.104, 6.49, 7.57", &["openai-node 4.104", "openai-node 6.49", "openai-node 7.57"]),
    measured("openai-node helper", "4.104, 6.49, 7.57", &["openai-node 6.49 helper", "openai-node 7.57 helper"]),
    measured("openai-node 4", "4.104", &["openai-node 4.104"]),
    measured("openai-node 4 and 6", "4.104, 6.49", &["openai-node 4.104", "openai-node 6.49"]),
    measured("openai-node 6", "6.49", &["openai-node 6.49"]),
    measured("openai-node 7", "7.57", &["openai-node 7.57"]),
    measured("groq-python", "1.7", &["groq-python 1.7"]),
    measured("groq-js", "1.6", &["groq-js 1.6"]),
    measured("litellm", "1.106", &["litellm 1.106"]),
    measured("langchain", "langchain-openai 1.7.3", &["langchain-openai-python 1.7.3"]),
    measured("langchain-js", "@langchain/openai 6", &["langchain-js", "langchain"]),
    measured("mistral-python", "3.7.0", &["mistral-python 3.7"]),
    measured("mistral-js", "2.7.0", &["mistral-js 2.7"]),
    measured("huggingface_hub", "1.33", &["huggingface_hub 1.33"]),
    measured("hf-js", "@huggingface/inference 4.13", &["hf-js 4.13"]),
    measured("ai-sdk", "@ai-sdk/openai 3.0, 4.0", &["ai-sdk openai", "ai_openai"]),
    measured("ai-sdk openai-compatible", "2.0, 3.0", &["ai-sdk openai-compatible", "ai_compat"]),
    measured("ai-sdk openrouter", "@openrouter/ai-sdk-provider", &["ai-sdk openrouter", "ai_openrouter"]),
    measured("httpx-sse", "0.4.3", &["httpx-sse 0.4.3"]),
    measured("sseclient-py", "1.9", &["sseclient-py 1.9"]),
    measured("fetch-event-source", "2.0.1", &["ms_fes", "fortaine_fes"]),
    measured("eventsource", "4.1", &["eventsource4"]),
    measured("anthropic-python", "2.12", &["py.a_raw", "py.a_helper"]),
    measured("anthropic-typescript", "1.12", &["js.a_raw", "js.a_helper"]),
    measured("google-genai", "python 3.4.0", &["py.g_genai"]),
    measured("google-genai js", "2.32", &["js.g_genai"]),
    measured("ollama-python", "", &["py.o_ollama"]),
    measured("ollama-js", "", &["js.o_ollama"]),
    source("reqwest-eventsource", "0.6 (eventsource-stream 0.2.3)", &["reqwest-eventsource"]),
    source("okhttp-sse", "", &["okhttp-sse"]),
    source("openai-go", "before 3.51.0 in part", &["openai-go"]),
    source("go-openai", "", &["go-openai"]),
    source("openai-java", "", &["openai-java"]),
    source("MacPaw/OpenAI", "", &["macpaw-openai"]),
    source("Open WebUI", "0.12.4", &["open-webui"]),
    source("NextChat", "", &["nextchat"]),
    source("Continue", "", &[]),
    source("Zed", "", &["zed"]),
    source("Copilot Chat", "", &[]),
    source("Dify plugins", "", &["dify-gitee-ai"]),
    source("vLLM bench", "", &["vllm-bench"]),
    source("HF inference-benchmarker", "", &["hf-inference-benchmarker"]),
    reported("AnythingLLM"),
    reported("LibreChat"),
    reported("alfred-openai-workflow"),
    reported("Claude Code"),
];
