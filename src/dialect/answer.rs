//! What all records of one response add up to. Everything kept is bounded; what exceeds a bound is counted and
//! reported.

use super::growth::{Growth, Repeats, Watch, loses};
use super::keys::{KEYS_LIMIT, slot, text_slot};
use super::rpc::Elsewhere;
use crate::budget::push_str;
use crate::time::{Span, Timestamp};
use std::collections::BTreeMap;

/// Text of all sorts kept for one response, in bytes.
pub const TEXT_LIMIT: usize = 16 << 20;
/// Bytes kept of an error, an id, a finish reason.
const SHORT_LIMIT: usize = 4096;

/// The terminator of a stream, seen or not.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Terminator {
    /// The terminator that the dialect promises at the end of such a stream; none if it has none.
    pub expected: Option<&'static str>,
    /// Any terminator was seen.
    pub seen: bool,
    /// The dialect's own terminator if it was seen, else a foreign one: `[DONE]`, `message_stop`, `done:true`. Of
    /// several the last.
    pub which: Option<String>,
    /// The dialect's own terminator was seen.
    pub own: bool,
    /// The last record was the one named in `which`; null without records.
    pub is_last_record: Option<bool>,
}

impl Terminator {
    /// Notes that a record came, of any kind. Call it before `saw`.
    pub fn record(&mut self) {
        self.is_last_record = Some(false);
    }

    /// Notes that the current record is a terminator. A foreign terminator after the dialect's own does not replace
    /// it.
    pub fn saw(&mut self, which: &str, own: bool) {
        if own || !self.own {
            self.which = Some(short(which));
            self.is_last_record = Some(true);
        }
        self.seen = true;
        self.own |= own;
    }
}

/// What all records of one response add up to.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// Visible text by choice (index).
    pub texts: BTreeMap<u32, String>,
    /// Reasoning text, all choices in order of arrival.
    pub reasoning_text: String,
    /// Arguments of tool calls by call: the call's index as text; `CHOICE.INDEX` for choices other than 0.
    pub tool_arguments: BTreeMap<String, String>,
    /// Names of tools called, same keys.
    pub tool_names: BTreeMap<String, String>,
    /// Finish reason by choice: the last of each.
    pub finish_reasons: BTreeMap<u32, String>,
    /// Finish reasons that came, repeated ones included.
    pub finishes: u64,
    /// Usage as sent; the last if several records have it, unless the dialect defines a merge.
    pub usage: Option<serde_json::Value>,
    /// Output tokens by the stream's own figure.
    pub output_tokens: Option<u64>,
    /// Output tokens up to the first delta, by the figure in that delta's own record; none if it has none.
    pub first_delta_tokens: Option<u64>,
    /// Records with usage so far.
    pub usage_reports: u64,
    /// Model named by the response.
    pub model: Option<String>,
    /// Models that took the answer over from that one, in order.
    pub successors: Vec<String>,
    /// Response id.
    pub id: Option<String>,
    /// Error object (JSON as sent) or text in the stream.
    pub error: Option<String>,
    /// The terminator.
    pub terminator: Terminator,
    /// How this stream ends, by its dialect.
    pub end: super::End,
    /// Parts without letters: speech, images, files, what is not known.
    pub media: u64,
    /// Records with text, or with such parts.
    pub content_deltas: u64,
    /// Records with reasoning.
    pub reasoning_deltas: u64,
    /// Records with tool calls.
    pub tool_deltas: u64,
    /// When reasoning first showed, with text or without.
    pub reasoning_sign: Option<Timestamp>,
    /// The model reasoned out of sight after the first delta: what came in that time can't be told.
    pub hidden_later: bool,
    /// Stages before the first token, as the stream shows them.
    pub stages: Stages,
    /// Log probabilities came.
    pub logprobs: bool,
    /// A value kept here has reached its limit; more came and is only counted.
    pub text_limited: bool,
    /// What the server's own clock says.
    pub server_clock: ServerClock,
    /// Provider variant of the dialect, if recognised: `iflow`, `dashscope`, `litserve`, …
    pub variant: Option<&'static str>,
    /// The mark by which the variant was recognised, for people: `host openrouter.ai`.
    pub variant_by: Option<String>,
    /// The answers of a conversation, in the order in which they were asked for or began; empty where the response is
    /// one answer. The text of each is that of the choice with its number.
    pub turns: Vec<super::Turn>,
    /// When the response of JSON-RPC came to the request of this exchange; to the last one, where it has several.
    pub rpc_answered: Option<Timestamp>,
    /// Responses of JSON-RPC to requests of other exchanges.
    pub rpc_elsewhere: Vec<Elsewhere>,
    /// Bytes of text, reasoning and tool arguments kept so far.
    pub kept_bytes: usize,
    /// Bytes of memory of what they are kept by: choices and calls, with names and finish reasons.
    pub keys: usize,
    /// How the deltas of texts, of reasoning and of arguments grow.
    pub growth: Grown,
}

/// How the deltas of all texts of one response grow.
#[derive(Debug, Clone, Default)]
pub struct Grown {
    texts: Growth<u32>,
    reasoning: Watch,
    arguments: Growth<String>,
    /// A delta has shown that those of its text may not be increments.
    pub(super) suspected: bool,
    /// The latest record has lost characters ([`loses`]).
    pub(super) lost: bool,
}

/// Times that the server sent along: Ollama's `created_at` and durations, llama.cpp's `timings`, LM Studio's `stats`.
/// Its clock may be off by any amount, so only differences are reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ServerClock {
    /// How much later than the fastest record the slowest one came, by the time stamps in them.
    pub lag_spread: Option<Span>,
    /// How long the server says that it generated.
    pub generating: Option<Span>,
    /// How long the server says that it read the prompt.
    pub reading: Option<Span>,
    /// How long the server says that it loaded the model for this request.
    pub loading: Option<Span>,
    /// How long the first token took, as the server says.
    pub first_token: Option<Span>,
}

/// When stages before the first token began and ended, where a stream has records that say so. Of several the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stages {
    /// The model is loaded.
    pub loading: Stage,
    /// The prompt is read.
    pub prefill: Stage,
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stage {
    /// Its first record came.
    pub began: Option<Timestamp>,
    /// Its last record came.
    pub ended: Option<Timestamp>,
}

impl Stage {
    /// It begins.
    pub(super) fn begin(&mut self, at: Timestamp) {
        self.began.get_or_insert(at);
    }

    /// It ends.
    pub(super) fn end(&mut self, at: Timestamp) {
        self.ended.get_or_insert(at);
    }

    /// How long it took.
    pub fn took(self) -> Option<Span> {
        self.ended?.elapsed(self.began?)
    }
}

impl Answer {
    /// Adds visible text of a choice. True if it was not empty.
    pub fn add_text(&mut self, choice: u32, text: &str) -> bool {
        if !text.is_empty() {
            let text = self.admit(text);
            if let Some(kept) = slot(&mut self.texts, choice, (&mut self.text_limited, &mut self.keys)) {
                self.growth.suspected |= self.growth.texts.of(&choice).is_some_and(|watch| watch.see(kept, text));
                self.growth.lost |= loses(kept, text);
                push_str(kept, text);
            }
        }
        !text.is_empty()
    }

    /// Output without letters came (`came`) for a person: speech, an image, a file, a part of a kind that is not known.
    /// Nothing of it is kept; its record counts as one with content, and has its time. Returns `came`.
    pub fn add_media(&mut self, came: bool) -> bool {
        self.media += u64::from(came);
        came
    }

    /// Bytes of memory in use, about. Texts grow by a quarter.
    pub fn held(&self) -> usize {
        self.kept_bytes + self.kept_bytes / 4 + self.keys
    }

    /// Adds reasoning. True if it was not empty.
    pub fn add_reasoning(&mut self, text: &str) -> bool {
        let kept = self.admit(text);
        self.growth.suspected |= self.growth.reasoning.see(&self.reasoning_text, kept);
        self.growth.lost |= loses(&self.reasoning_text, kept);
        push_str(&mut self.reasoning_text, kept);
        !text.is_empty()
    }

    /// Reasoning goes on at this time, and its text stays hidden.
    pub fn reasons_unseen(&mut self, at: Timestamp) {
        self.reasons(at);
        self.hidden_later |= self.content_deltas + self.tool_deltas > 0;
    }

    /// From here on another model answers.
    pub fn hand_over(&mut self, model: &str) {
        if self.successors.len() < KEYS_LIMIT {
            self.successors.push(short(model));
        }
    }

    /// Reasoning shows at this time: it begins, goes on or is signed, with text or without. The first time stays.
    pub fn reasons(&mut self, at: Timestamp) {
        self.reasoning_sign.get_or_insert(at);
    }

    /// A fragment of a tool call's arguments; an empty one still makes the call known.
    pub fn add_arguments(&mut self, call: &str, fragment: &str) {
        let fragment = self.admit(fragment);
        if let Some(kept) = text_slot(&mut self.tool_arguments, call, (&mut self.text_limited, &mut self.keys)) {
            self.growth.suspected |= self.growth.arguments.of(call).is_some_and(|watch| watch.see(kept, fragment));
            self.growth.lost |= loses(kept, fragment);
            push_str(kept, fragment);
        }
    }

    /// The text that was meant, if each delta of this choice had all of it so far: the last delta. The joined deltas
    /// repeat it.
    pub fn cumulative_text(&self, choice: u32) -> Option<&str> {
        let (_, watch) = self.growth.texts.iter().find(|(key, _)| **key == choice)?;
        let kept = self.texts.get(&choice)?;
        kept.get(kept.len().checked_sub(watch.meant()?)?..)
    }

    /// The first text whose deltas are not increments, in words, and how they repeat.
    pub(super) fn repeats(&self) -> Option<(String, Repeats)> {
        let texts = self.growth.texts.iter().map(|(choice, watch)| (format!("text of choice {choice}"), watch));
        let reasoning = std::iter::once(("reasoning".to_owned(), &self.growth.reasoning));
        let arguments = self.growth.arguments.iter().map(|(call, watch)| (format!("arguments of call {call}"), watch));
        texts.chain(reasoning).chain(arguments).find_map(|(which, watch)| Some((which, watch.repeats()?)))
    }

    /// Sets the name of the called tool; the first one stays. False if the call already had a name.
    pub fn name_tool(&mut self, call: &str, name: &str) -> bool {
        match text_slot(&mut self.tool_names, call, (&mut self.text_limited, &mut self.keys)) {
            Some(kept) if kept.is_empty() => {
                *kept = short(name);
                self.keys += kept.len();
            }
            Some(_) => return false,
            None => {}
        }
        true
    }

    /// The finish reason of a choice; of several the last.
    pub fn finish(&mut self, choice: u32, reason: &str) {
        self.finishes += 1;
        self.stand(choice, reason);
    }

    /// How a choice stands, where its dialect says so before the end: kept in the place of a finish reason, but it is
    /// none.
    pub fn stand(&mut self, choice: u32, reason: &str) {
        if let Some(kept) = slot(&mut self.finish_reasons, choice, (&mut self.text_limited, &mut self.keys))
            && kept != reason
        {
            self.keys -= kept.len();
            *kept = short(reason);
            self.keys += kept.len();
        }
    }

    /// Usage as sent, with its figure of output tokens. Null and absent ones change nothing.
    pub fn report_usage(&mut self, usage: Option<serde_json::Value>, output_tokens: Option<u64>) {
        if usage.is_some() {
            self.usage = usage;
            self.usage_reports += 1;
            self.output_tokens = output_tokens.or(self.output_tokens);
        }
    }

    /// Output tokens that can have come as deltas: all of them, or those without reasoning if usage counts reasoning
    /// tokens and no delta brought any reasoning. None where media came: an image of one record is hundreds of tokens.
    pub fn streamed_tokens(&self) -> Option<u64> {
        let tokens = self.output_tokens.filter(|_| self.media == 0)?;
        let hidden = self.usage.as_ref().filter(|_| self.reasoning_deltas == 0).and_then(reasoning_tokens);
        Some(hidden.and_then(|hidden| tokens.checked_sub(hidden)).unwrap_or(tokens))
    }

    /// An error in the stream; the first one stays.
    pub fn fail(&mut self, error: &str) {
        self.error.get_or_insert_with(|| short(error));
    }

    /// The response to a request of another exchange.
    pub fn answers_elsewhere(&mut self, found: Elsewhere) {
        match self.rpc_elsewhere.len() < KEYS_LIMIT {
            true => {
                self.kept_bytes += size_of::<Elsewhere>();
                self.rpc_elsewhere.push(found);
            }
            false => self.text_limited = true,
        }
    }

    /// The model and the response id; the first non-empty ones stay.
    pub fn identify(&mut self, model: Option<&str>, id: Option<&str>) {
        let keep = |kept: &mut Option<String>, said: Option<&str>| {
            if kept.is_none() {
                *kept = said.filter(|s| !s.is_empty()).map(short);
            }
        };
        keep(&mut self.model, model);
        keep(&mut self.id, id);
    }

    /// Sets the provider's variant, unless it is known.
    pub(super) fn recognise(&mut self, variant: Option<&'static super::variant::Variant>) {
        if let (None, Some(variant)) = (self.variant, variant) {
            self.variant = Some(variant.name);
            self.variant_by = Some(variant.mark.to_string());
        }
    }

    /// Count the deltas of one record, which reported usage or did not.
    pub fn count(&mut self, meaning: super::Meaning, reported: bool) {
        if meaning.is_delta() && self.content_deltas + self.reasoning_deltas + self.tool_deltas == 0 {
            self.first_delta_tokens = self.output_tokens.filter(|_| reported);
        }
        self.content_deltas += u64::from(meaning.content);
        self.reasoning_deltas += u64::from(meaning.reasoning);
        self.tool_deltas += u64::from(meaning.tool);
    }

    /// The beginning of `text` that still fits the limit.
    pub(super) fn admit<'t>(&mut self, text: &'t str) -> &'t str {
        let room = TEXT_LIMIT.saturating_sub(self.kept_bytes);
        let kept = if text.len() <= room { text } else { &text[..text.floor_char_boundary(room)] };
        self.text_limited |= kept.len() < text.len();
        self.kept_bytes += kept.len();
        kept
    }
}

/// Reasoning tokens among the output tokens, by the names that services give them. None where the sum shows that they
/// are counted beside the output tokens (xAI).
fn reasoning_tokens(usage: &serde_json::Value) -> Option<u64> {
    let at = |pointer: &str| usage.pointer(pointer).and_then(serde_json::Value::as_u64);
    let places = [
        "/completion_tokens_details/reasoning_tokens",
        "/output_tokens_details/reasoning_tokens",
        "/output_tokens_details/thinking_tokens",
        "/thoughtsTokenCount",
        "/reasoning_output_tokens",
        "/total_thought_tokens",
    ];
    let reasoning = places.into_iter().find_map(at).filter(|n| *n > 0)?;
    let sum = |parts: &[&str]| parts.iter().try_fold(reasoning, |sum, part| sum.checked_add(at(part)?));
    let beside = sum(&["/prompt_tokens", "/completion_tokens"]).is_some_and(|sum| at("/total_tokens") == Some(sum));
    (!beside).then_some(reasoning)
}

/// The key of a tool call in [`Answer::tool_arguments`].
pub(super) fn call_key(choice: u32, index: u32) -> String {
    if choice == 0 { index.to_string() } else { format!("{choice}.{index}") }
}

/// At most [`SHORT_LIMIT`] bytes; `…` marks a cut.
pub(super) fn short(text: &str) -> String {
    if text.len() <= SHORT_LIMIT {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(SHORT_LIMIT)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_terminator_outranks_a_foreign_one_behind_it() {
        // as gateways were seen to do: [DONE] appended after response.completed
        let mut t = Terminator::default();
        for (which, own) in [("response.completed", true), ("[DONE]", false)] {
            t.record();
            t.saw(which, own);
        }
        assert_eq!((t.which.as_deref(), t.own, t.is_last_record), (Some("response.completed"), true, Some(false)));
    }

    #[test]
    fn foreign_terminator_alone_is_named() {
        let mut t = Terminator::default();
        t.record();
        t.saw("[DONE]", false);
        assert_eq!((t.which.as_deref(), t.seen, t.own, t.is_last_record), (Some("[DONE]"), true, false, Some(true)));
        t.record();
        assert_eq!(t.is_last_record, Some(false));
    }

    #[test]
    fn text_beyond_the_limit_is_said() {
        let mut a = Answer::default();
        let part = "é".repeat(1 << 20);
        for _ in 0..9 {
            assert!(a.add_text(0, &part));
        }
        assert!(a.text_limited);
        assert_eq!(a.texts[&0].len(), TEXT_LIMIT);
    }

    #[test]
    fn choices_are_bounded() {
        let mut a = Answer::default();
        for n in 0..5000 {
            a.add_text(n, "x");
            a.finish(n, "stop");
            a.add_arguments(&call_key(n, 0), "{}");
        }
        assert!(a.text_limited);
        assert!(
            a.texts.len() <= KEYS_LIMIT && a.finish_reasons.len() <= KEYS_LIMIT && a.tool_arguments.len() <= KEYS_LIMIT
        );
    }
}
