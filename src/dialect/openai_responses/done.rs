//! What `.done` events and finished items have, against what the deltas brought. If none came, it is taken: a server
//! that sends its answer whole has sent it.

use super::super::json::{self, Obj, Text};
use super::super::remarks::Remarks;
use super::super::{Answer, Meaning};
use super::kinds::{DONE_DIFFERS, UNKNOWN_TYPE};
use super::shape::{Action, Event, Item, STREAMED_CALLS};
use super::{ITEMS_LIMIT, Responses};
use std::borrow::Cow;

impl Responses {
    /// The text of a part that is over, against what its deltas brought. If none came, it is the text.
    pub(super) fn compare(
        &mut self,
        index: u32,
        told: &Text<'_>,
        event: &Event<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        let part = (index, event.content_index.index().unwrap_or(0));
        let begins = self.parts.get(&part).copied();
        let kept = answer.texts.get(&index).and_then(|text| text.get(begins.unwrap_or(0)..)).unwrap_or_default();
        let Some(told) = told.str().filter(|told| *told != kept && !self.joined && !answer.text_limited) else {
            return Meaning::default();
        };
        remarks.note(DONE_DIFFERS, || {
            format!("text of output_index {index}: {} bytes, the deltas brought {}", told.len(), kept.len())
        });
        let late = kept.is_empty();
        if late && begins.is_none() && self.parts.len() < ITEMS_LIMIT {
            self.parts.insert(part, answer.texts.get(&index).map_or(0, String::len));
        }
        Meaning { content: late && answer.add_text(index, told), ..Meaning::default() }
    }

    /// A part that is over, against what its deltas brought. If it has not said its text itself, nothing is compared.
    pub(super) fn part_done(
        &mut self,
        index: u32,
        event: &Event<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        match event.part.here().map(|part| &part.text) {
            Some(text) if text.str().is_some() => self.compare(index, text, event, answer, remarks),
            _ => Meaning::default(),
        }
    }

    /// The arguments of a call that is over, against what its deltas brought. If none came, they are the arguments.
    pub(super) fn arguments_done(
        &self,
        index: u32,
        told: Option<&str>,
        event: &Event<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        let key = index.to_string();
        let kept = answer.tool_arguments.get(&key).map_or("", String::as_str);
        let Some(told) = told.filter(|told| *told != kept && !self.joined && !answer.text_limited) else {
            return Meaning::default();
        };
        remarks.note(DONE_DIFFERS, || {
            format!("arguments of output_index {index}: {} bytes, the deltas brought {}", told.len(), kept.len())
        });
        if !kept.is_empty() {
            return Meaning::default();
        }
        if let Some(name) = event.name.full() {
            answer.name_tool(&key, name);
        }
        answer.add_arguments(&key, told);
        Meaning { tool: true, ..Meaning::default() }
    }

    /// The reasoning of an item that is over. If no delta came, it is the reasoning.
    pub(super) fn reasoning_done(
        &mut self,
        index: u32,
        told: Option<&str>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        let Some(told) = told.filter(|_| !self.joined && !self.reasoned.contains(&index)) else {
            return Meaning::default();
        };
        // Each part of a summary is over by itself; those of one item that came whole are all taken.
        remarks.note(DONE_DIFFERS, || format!("reasoning of output_index {index}: no delta brought it"));
        Meaning { reasoning: answer.add_reasoning(told), ..Meaning::default() }
    }

    /// Reasoning of this item came in deltas.
    pub(super) fn reasons(&mut self, index: u32) {
        if self.reasoned.len() < ITEMS_LIMIT {
            self.reasoned.insert(index);
        }
    }

    /// An item that is over: what neither deltas nor other events brought of it.
    pub(super) fn item_done(
        &self,
        index: u32,
        item: &Obj<Item<'_>>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        let mut meaning = Meaning::default();
        let Some(item) = item.here().filter(|_| !self.joined && !answer.text_limited) else { return meaning };
        let key = index.to_string();
        if item.kind.str() == Some("message") {
            match answer.texts.get(&index).filter(|text| !text.is_empty()) {
                None => meaning.content = answer.add_text(index, &item.text()),
                Some(kept) => {
                    let told = item.text();
                    // Some servers give every item the same index: the last one ends the text.
                    let differs = told.is_empty() || !kept.ends_with(&told);
                    remarks.note_if(differs, DONE_DIFFERS, || {
                        format!("item of output_index {index}: {} bytes, the deltas brought {}", told.len(), kept.len())
                    });
                }
            }
        }
        let none_came = answer.tool_arguments.get(&key).is_none_or(String::is_empty);
        if let Some(name) = item.called().filter(|_| none_came) {
            answer.name_tool(&key, name);
            let told = item.told();
            answer.add_arguments(&key, &told);
            meaning.tool = !told.is_empty();
        }
        let whole = item.kind.str().is_some_and(|kind| item.is_call() && !STREAMED_CALLS.contains(&kind));
        remarks.note_if(meaning.is_delta() && !whole, DONE_DIFFERS, || {
            format!("output_index {index}: no delta brought what the finished item has")
        });
        remarks.note_if(item.is_unknown(), UNKNOWN_TYPE, || format!("item {}", item.kind.show()));
        meaning.content |= answer.add_media(item.is_unknown() || item.result.full().is_some());
        meaning
    }
}

impl Item<'_> {
    /// The arguments of a call, or the commands that it runs, one a line, or what else it has in their place.
    pub(super) fn told(&self) -> Cow<'_, str> {
        let commands = || -> Option<Cow<'_, str>> {
            let action = serde_json::from_str::<Obj<Action<'_>>>(self.action.json()?).ok()?;
            let all: Vec<&str> = action.here()?.commands.iter().filter_map(Text::full).collect();
            (!all.is_empty()).then(|| all.join("\n").into())
        };
        let others = [self.code, self.operation, self.queries, self.actions, self.action];
        let other = || others.iter().find_map(json::Raw::text);
        self.arguments.text().or_else(|| self.input.text()).or_else(commands).or_else(other).unwrap_or_default()
    }
}

/// A command of a shell call: it may come whole in its first or last event, or in deltas.
pub(super) fn commands(kind: &str, index: u32, event: &Event<'_>, answer: &mut Answer) -> Meaning {
    let (key, which) = (index.to_string(), event.command_index.index().unwrap_or(0));
    let kept = answer.tool_arguments.get(&key).map_or("", String::as_str);
    let new = match kind.rsplit('.').next() {
        Some("added") if which > 0 && !kept.is_empty() => format!("\n{}", event.command.str().unwrap_or_default()),
        Some("done") if !kept.is_empty() => String::new(),
        Some("delta") => event.delta.str().unwrap_or_default().to_owned(),
        _ => event.command.str().unwrap_or_default().to_owned(),
    };
    answer.add_arguments(&key, &new);
    Meaning { tool: !new.is_empty(), ..Meaning::default() }
}

/// No text came.
pub(super) fn all_empty<'t>(mut texts: impl Iterator<Item = &'t String>) -> bool {
    texts.all(String::is_empty)
}
