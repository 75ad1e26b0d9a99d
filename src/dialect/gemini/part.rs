//! A part of Gemini's content: text, media, a call, code that the server runs, a result.
//!
//! Source: google-genai 3.6.1, `Part`.

use super::super::Answer;
use super::super::answer::call_key;
use super::super::json::{Flag, List, Obj, Raw, Text};
use super::call;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// `content`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(in crate::dialect) struct Content<'a> {
    #[serde(borrow)]
    pub(in crate::dialect) parts: List<Obj<Part<'a>>>,
}

/// One part.
#[derive(Debug, Default)]
pub(in crate::dialect) struct Part<'a> {
    pub(in crate::dialect) text: Text<'a>,
    pub(in crate::dialect) thought: Flag,
    pub(in crate::dialect) thought_signature: Raw<'a>,
    pub(super) function_call: Obj<call::Call<'a>>,
    /// Code that the server runs: `code`, `language`.
    executable_code: Obj<Code<'a>>,
    /// A call of one of the server's own tools.
    tool_call: Obj<ToolCall<'a>>,
    /// What speech says.
    audio_transcription: Obj<Transcript<'a>>,
    /// It has media: `inlineData`, `fileData`.
    media: bool,
    /// The member that the reference does not have.
    pub(in crate::dialect) unknown: Option<Cow<'a, str>>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Code<'a> {
    #[serde(borrow)]
    code: Text<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ToolCall<'a> {
    #[serde(borrow)]
    tool_type: Text<'a>,
    #[serde(borrow)]
    args: Raw<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Transcript<'a> {
    #[serde(borrow)]
    text: Text<'a>,
}

/// Members that say something of the part, and results of tools, which the model did not generate.
const BESIDE: &[&str] = &[
    "codeExecutionResult",
    "functionResponse",
    "toolResponse",
    "mediaResolution",
    "videoMetadata",
    "partMetadata",
    "mediaProcessing",
    "speechMetadata",
    "documentMetadata",
    "spreadsheetMetadata",
    "audioMetadata",
];

impl Part<'_> {
    /// Output for a person: visible text of this choice, or media, or something of a kind that is not known.
    pub(in crate::dialect) fn shown(&self, choice: u32, answer: &mut Answer) -> bool {
        let text = self.text.full().filter(|_| self.thought != Flag::Bool(true));
        let spoken = self.audio_transcription.here().and_then(|transcript| transcript.text.full());
        let mut shown = answer.add_media(self.media || self.unknown.is_some());
        for text in text.into_iter().chain(spoken) {
            shown |= answer.add_text(choice, text);
        }
        shown
    }

    /// The thought that it is.
    pub(in crate::dialect) fn thinks(&self, answer: &mut Answer) -> bool {
        let text = self.text.full().filter(|_| self.thought == Flag::Bool(true));
        text.is_some_and(|text| answer.add_reasoning(text))
    }

    /// Code that the server runs, or a call of one of its own tools, as the call with this number. True if it is one.
    pub(in crate::dialect) fn runs(&self, choice: u32, number: &mut u32, answer: &mut Answer) -> bool {
        let code =
            self.executable_code.here().map(|code| ("executableCode", code.code.str().unwrap_or_default().into()));
        let called = self
            .tool_call
            .here()
            .map(|call| (call.tool_type.full().unwrap_or("toolCall"), call.args.text().unwrap_or_default()));
        let Some((name, arguments)) = code.or(called) else { return false };
        let key = call_key(choice, *number);
        *number = number.saturating_add(1);
        answer.name_tool(&key, name);
        answer.add_arguments(&key, &arguments);
        true
    }
}

impl<'a, 'de: 'a> Deserialize<'de> for Part<'a> {
    /// By hand, so that a member of another name is noticed.
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Part<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Part<'de>, A::Error> {
                let mut part = Part::default();
                while let Some(Text::Str(key)) = map.next_key::<Text<'de>>()? {
                    match key.as_ref() {
                        "text" => part.text = map.next_value()?,
                        "thought" => part.thought = map.next_value()?,
                        "thoughtSignature" => part.thought_signature = map.next_value()?,
                        "functionCall" => part.function_call = map.next_value()?,
                        "executableCode" => part.executable_code = map.next_value()?,
                        "toolCall" => part.tool_call = map.next_value()?,
                        "audioTranscription" => part.audio_transcription = map.next_value()?,
                        "inlineData" | "fileData" => part.media |= map.next_value::<Option<IgnoredAny>>()?.is_some(),
                        beside if BESIDE.contains(&beside) => drop(map.next_value::<IgnoredAny>()?),
                        _ => {
                            if map.next_value::<Option<IgnoredAny>>()?.is_some() {
                                part.unknown = Some(key);
                            }
                        }
                    }
                }
                Ok(part)
            }
        }
        d.deserialize_map(V)
    }
}
