//! Chunks that differ from an earlier one in the text of their delta only: they are not parsed again.

use super::super::json::{Boxed, Hole, Obj};
use super::chunk::{Choice, Chunk, Delta};
use crate::dialect::json::Text;
use std::borrow::Cow;

/// Chunks in a row that were unlike the one before; from then on few of a stream are kept for comparison.
const UNLIKE: u32 = 16;
/// … every 256th.
const SELDOM: u64 = 256;

/// The last chunk with a text, if chunks like it may follow.
#[derive(Debug, Default)]
pub(super) struct Alike {
    kept: Option<Box<Kept>>,
    unlike: u32,
}

/// One chunk, and the JSON around the text of its delta.
#[derive(Debug)]
pub(super) struct Kept {
    hole: Hole,
    member: Member,
    chunk: Chunk<'static>,
}

/// The member that holds the text.
#[derive(Debug, Clone, Copy)]
enum Member {
    Content,
    ReasoningContent,
    Reasoning,
    Text,
}

impl Member {
    const ALL: [Member; 4] = [Member::Content, Member::ReasoningContent, Member::Reasoning, Member::Text];

    fn of<'c, 'a>(self, choice: &'c Choice<'a>) -> Option<&'c Text<'a>> {
        let delta = choice.delta.here();
        match self {
            Member::Content => delta.map(|d| &d.content),
            Member::ReasoningContent => delta.map(|d| &d.reasoning_content),
            Member::Reasoning => delta.map(|d| &d.reasoning),
            Member::Text => Some(&choice.text),
        }
    }

    fn of_mut<'c, 'a>(self, choice: &'c mut Choice<'a>) -> Option<&'c mut Text<'a>> {
        if let Member::Text = self {
            return Some(&mut choice.text);
        }
        let Obj::Here(delta) = &mut choice.delta else { return None };
        Some(match self {
            Member::Content => &mut delta.content,
            Member::ReasoningContent => &mut delta.reasoning_content,
            Member::Reasoning | Member::Text => &mut delta.reasoning,
        })
    }
}

impl Alike {
    /// The chunk that `text` is, if it is like the one kept. It is taken out: [`Alike::put_back`] it.
    pub(super) fn take(&mut self, text: &str) -> Option<Box<Kept>> {
        let mut kept = self.kept.take()?;
        if kept.fill(text) {
            self.unlike = 0;
            return Some(kept);
        }
        self.kept = Some(kept);
        None
    }

    /// The chunk that was taken.
    pub(super) fn put_back(&mut self, kept: Box<Kept>) {
        self.kept = Some(kept);
    }

    /// The `n`th record was parsed as this chunk, without a repair.
    pub(super) fn parsed(&mut self, n: u64, text: &str, chunk: &Chunk<'_>) {
        self.unlike = self.unlike.saturating_add(1);
        if self.unlike <= UNLIKE || n.is_multiple_of(SELDOM) {
            self.kept = Kept::of(text, chunk).map(Box::new).or(self.kept.take());
        }
    }
}

impl Kept {
    /// The chunk.
    pub(super) fn chunk(&self) -> &Chunk<'static> {
        &self.chunk
    }

    fn of(text: &str, chunk: &Chunk<'_>) -> Option<Kept> {
        let Obj::Here(choice) = chunk.choices.only()? else { return None };
        let full = |member: &Member| member.of(choice).is_some_and(|text| text.full().is_some());
        let member = Member::ALL.into_iter().find(full)?;
        let hole = Hole::around(text, member.of(choice)?)?;
        Some(Kept { hole, member, chunk: owned(chunk, owned_choice(choice)?)? })
    }

    fn fill(&mut self, text: &str) -> bool {
        let Kept { hole, member, chunk } = self;
        let Some(Obj::Here(choice)) = chunk.choices.only_mut() else { return false };
        match member.of_mut(choice) {
            Some(Text::Str(Cow::Owned(string))) => hole.fill(text, string),
            _ => false,
        }
    }
}

/// A copy that borrows nothing, unless it has what a chunk of text has not.
fn owned(c: &Chunk<'_>, choice: Choice<'static>) -> Option<Chunk<'static>> {
    Some(Chunk {
        id: c.id.owned(),
        object: c.object.owned(),
        created: c.created,
        model: c.model.owned(),
        system_fingerprint: c.system_fingerprint.owned(),
        choices: c.choices.with_only(Obj::Here(Boxed::new(choice)))?,
        usage: c.usage.nothing()?,
        error: c.error.nothing()?,
        base_resp: c.base_resp.nothing()?,
        x_groq: c.x_groq.nothing()?,
        prompt_filter: c.prompt_filter,
        timings: c.timings.nothing()?,
        unknown: c.unknown.iter().map(|name| Cow::Owned(name.clone().into_owned())).collect(),
    })
}

fn owned_choice(c: &Choice<'_>) -> Option<Choice<'static>> {
    Some(Choice {
        index: c.index,
        delta: match &c.delta {
            Obj::Here(delta) => Obj::Here(Boxed::new(owned_delta(delta)?)),
            other => other.nothing()?,
        },
        message: c.message.nothing()?,
        text: c.text.owned(),
        finish_reason: c.finish_reason.owned(),
        logprobs: c.logprobs.nothing()?,
        usage: c.usage.nothing()?,
        stop_reason: c.stop_reason,
        token_ids: c.token_ids,
        matched_stop: c.matched_stop,
        native_finish_reason: c.native_finish_reason,
        content_filter_results: c.content_filter_results,
    })
}

fn owned_delta(d: &Delta<'_>) -> Option<Delta<'static>> {
    Some(Delta {
        role: d.role.owned(),
        content: d.content.owned(),
        refusal: d.refusal.owned(),
        reasoning_content: d.reasoning_content.owned(),
        reasoning: d.reasoning.owned(),
        tool_calls: d.tool_calls.nothing()?,
        function_call: d.function_call.nothing()?,
        audio: d.audio.nothing()?,
        images: d.images.nothing()?,
        tool_call_id: d.tool_call_id,
    })
}
