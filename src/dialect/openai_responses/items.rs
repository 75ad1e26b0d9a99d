//! Items of a response, and whole responses.

use super::super::json::{Obj, Raw};
use super::super::payload::foreign_error;
use super::super::remarks::Remarks;
use super::super::{Answer, Meaning};
use super::done;
use super::shape::{BESIDE, CALLS, Event, Item, Response, Usage};
use crate::framing::Record;

impl Response<'_> {
    /// What came before and the output does not have: a message, or a call.
    pub(super) fn lacks(&self, in_lane: bool, answer: &Answer) -> Option<String> {
        // Without the key the event is not the API's, and says nothing about the output. On a WebSocket Codex's server
        // leaves it empty.
        if self.output.kind == "absent" || (in_lane && self.output.is_array() && self.output.is_empty()) {
            return None;
        }
        let has = |is: fn(&Item<'_>) -> bool| self.output.iter().filter_map(Obj::here).any(is);
        let texts = !done::all_empty(answer.texts.values()) && !has(|item| item.kind.str() == Some("message"));
        let calls = !answer.tool_arguments.is_empty() && !has(|item| item.is_call());
        let what = match (texts, calls) {
            (true, _) => "text",
            (_, true) => "a call",
            _ => return None,
        };
        Some(match self.output.is_array() {
            true => format!("{what} came, and the output has none"),
            false => format!("{what} came, and the output is {}", self.output.kind),
        })
    }
}

impl Item<'_> {
    /// A tool call.
    pub(super) fn is_call(&self) -> bool {
        self.kind.str().is_some_and(|kind| CALLS.contains(&kind) || kind.ends_with("_call") && !self.is_image())
    }

    /// The name of the tool that is called; of a call that has none its type.
    pub(super) fn called(&self) -> Option<&str> {
        let kind = self.kind.full().filter(|_| self.is_call())?;
        let named = matches!(kind, "function_call" | "custom_tool_call" | "mcp_call" | "mcp_approval_request");
        Some(self.name.full().unwrap_or(if named { "" } else { kind }))
    }

    /// An image that was made.
    pub(super) fn is_image(&self) -> bool {
        self.kind.str() == Some("image_generation_call")
    }

    /// Something of a kind that is not known: output came.
    pub(super) fn is_unknown(&self) -> bool {
        let known = |kind: &str| matches!(kind, "message" | "reasoning") || BESIDE.contains(&kind);
        !self.is_call() && !self.is_image() && self.kind.full().is_some_and(|kind| !known(kind))
    }

    /// The text of a message's parts.
    pub(super) fn text(&self) -> String {
        self.content
            .iter()
            .filter_map(Obj::here)
            .filter_map(|part| part.text.full().or_else(|| part.refusal.full()))
            .collect()
    }

    /// An item of a whole response.
    fn take(&self, index: u32, answer: &mut Answer) -> Meaning {
        let mut meaning = Meaning::default();
        let reasons = self.kind.str() == Some("reasoning");
        for part in self.summary.iter().chain(self.content.iter()).filter_map(Obj::here) {
            for text in [part.text.full(), part.refusal.full()].into_iter().flatten() {
                if reasons {
                    meaning.reasoning |= answer.add_reasoning(text);
                } else {
                    meaning.content |= answer.add_text(index, text);
                }
            }
        }
        if let Some(name) = self.called() {
            let key = index.to_string();
            answer.name_tool(&key, name);
            answer.add_arguments(&key, &self.told());
            meaning.tool = true;
        }
        meaning.content |= answer.add_media(self.is_unknown() || self.result.full().is_some());
        meaning
    }
}

/// A whole response, or an error instead of one.
pub(super) fn whole(
    event: &Event<'_>,
    text: &str,
    record: &Record<'_>,
    answer: &mut Answer,
    remarks: &mut Remarks<'_>,
) -> Meaning {
    if event.object.str() != Some("response") {
        return match event.error.told() {
            Some(error) => {
                answer.fail(&error);
                Meaning { error: true, ..Meaning::default() }
            }
            None => foreign_error(record, answer, remarks).unwrap_or_default(),
        };
    }
    let response = serde_json::from_str::<Obj<Response<'_>>>(text).unwrap_or_default();
    let mut all = Meaning { error: head(&response, answer), ..Meaning::default() };
    let Obj::Here(response) = response else { return all };
    if let Some(status) = response.status.full() {
        answer.finish(0, status);
    }
    for (index, item) in response.output.iter().enumerate() {
        if let Obj::Here(item) = item {
            let meaning = item.take(index as u32, answer);
            all.content |= meaning.content;
            all.reasoning |= meaning.reasoning;
            all.tool |= meaning.tool;
        }
    }
    all
}

/// What every embedded response may tell. True if it holds an error.
pub(super) fn head(response: &Obj<Response<'_>>, answer: &mut Answer) -> bool {
    let Obj::Here(response) = response else { return false };
    answer.identify(response.model.full(), response.id.full());
    take_usage(&response.usage, answer);
    let error = response.error.told();
    if let Some(error) = &error {
        answer.fail(error);
    }
    error.is_some()
}

/// Takes `usage`, if it is not null.
fn take_usage(usage: &Raw<'_>, answer: &mut Answer) {
    if let Some(text) = usage.json() {
        let output = serde_json::from_str::<Usage>(text).ok().and_then(|u| u.output_tokens.count());
        answer.report_usage(usage.value(), output);
    }
}
