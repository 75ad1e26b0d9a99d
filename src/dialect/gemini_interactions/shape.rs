//! The JSON of events, steps and deltas of Interactions. Source: google-genai 3.6.1, `types/interactions`.

use super::super::json::{List, Num, Obj, Raw, Text};

/// A frame of the WebSocket with several events.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Frame<'a> {
    #[serde(borrow)]
    pub(super) events: List<Obj<Event<'a>>>,
}

/// Any event; `event_type` tells which fields it has. A whole interaction has its fields at the top.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Event<'a> {
    #[serde(borrow)]
    pub(super) event_type: Text<'a>,
    #[serde(borrow)]
    pub(super) interaction_id: Text<'a>,
    #[serde(borrow)]
    pub(super) interaction: Obj<Interaction<'a>>,
    pub(super) index: Num,
    #[serde(borrow)]
    pub(super) step: Obj<Step<'a>>,
    /// The older form's block.
    #[serde(borrow)]
    pub(super) content: Obj<Step<'a>>,
    #[serde(borrow)]
    pub(super) delta: Obj<Data<'a>>,
    #[serde(borrow)]
    pub(super) metadata: Obj<Metadata<'a>>,
    #[serde(borrow)]
    pub(super) usage: Raw<'a>,
    /// Of an update a word; of the end over a WebSocket an object with a code.
    #[serde(borrow)]
    pub(super) status: Raw<'a>,
    #[serde(borrow)]
    pub(super) error: Raw<'a>,
    /// What the client asks.
    #[serde(borrow)]
    pub(super) input: Raw<'a>,
    #[serde(borrow)]
    pub(super) object: Text<'a>,
    #[serde(borrow)]
    pub(super) id: Text<'a>,
}

impl Event<'_> {
    /// The status of an end that failed: an object with a code other than 0 (`google.rpc.Status`).
    pub(super) fn failure(&self) -> Option<&str> {
        let json = self.status.json().filter(|json| json.starts_with('{'))?;
        let code = serde_json::from_str::<Code>(json).ok()?.code;
        (code.int() != Some(0) && code != Num::Absent).then_some(json)
    }
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Code {
    code: Num,
}

/// An interaction, whole or in part.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Interaction<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) model: Text<'a>,
    #[serde(borrow)]
    pub(super) status: Text<'a>,
    #[serde(borrow)]
    pub(super) usage: Raw<'a>,
    #[serde(borrow)]
    pub(super) error: Raw<'a>,
    #[serde(borrow)]
    pub(super) steps: List<Obj<Step<'a>>>,
    /// The older form of `steps`.
    #[serde(borrow)]
    pub(super) outputs: List<Obj<Step<'a>>>,
}

/// A step of an interaction, or a block of the older form.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Step<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) content: List<Obj<Part<'a>>>,
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    /// Of media: base64, or where they are.
    #[serde(borrow)]
    pub(super) data: Text<'a>,
    #[serde(borrow)]
    pub(super) uri: Text<'a>,
    #[serde(borrow)]
    pub(super) summary: List<Obj<Part<'a>>>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) arguments: Raw<'a>,
}

/// A part of a step's content, of a summary.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Part<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) text: Text<'a>,
}

impl Part<'_> {
    /// It has no letters: media, or something of a type that the reference does not have.
    pub(super) fn is_media(&self) -> bool {
        self.kind.full().is_some_and(|kind| kind != "text")
    }
}

/// `delta`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Data<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    /// Of media: base64, or where they are.
    #[serde(borrow)]
    pub(super) data: Text<'a>,
    #[serde(borrow)]
    pub(super) uri: Text<'a>,
    /// Of a thought's summary.
    #[serde(borrow)]
    pub(super) content: Obj<Part<'a>>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) arguments: Raw<'a>,
    #[serde(borrow)]
    pub(super) partial_arguments: Raw<'a>,
}

/// `metadata` of a delta.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Metadata<'a> {
    #[serde(borrow)]
    pub(super) total_usage: Raw<'a>,
}

/// `usage`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Usage {
    pub(super) total_output_tokens: Num,
    pub(super) total_thought_tokens: Num,
}
