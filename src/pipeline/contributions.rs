//! What each record added to the answer, for those who show records one by one.

use crate::dialect::{Answer, Meaning};
use crate::framing::Record;
use crate::oddity::excerpt;
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// What the records of an answer contributed.
#[derive(Debug, Clone, Default)]
pub struct Contributions {
    added: BTreeMap<u64, String>,
    /// Of each delta whose own record reports usage: its time, and the output tokens so far.
    pub told: Vec<(Timestamp, u64)>,
}

impl Contributions {
    /// The reasoning, text and tool arguments that the record of this number added to the answer; an excerpt of its
    /// data if it added none. Speech and images add nothing, and have none.
    pub fn get(&self, record: u64) -> Option<&str> {
        self.added.get(&record).map(String::as_str)
    }

    /// Records that were read.
    pub fn len(&self) -> usize {
        self.added.len()
    }

    /// Whether no record was read, or nothing was stored to read.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty()
    }
}

/// Observes a reading. A live one has no observer.
#[derive(Default)]
pub(super) struct Observer {
    pub(super) seen: Contributions,
    /// Lengths of what the answer held before the next record.
    texts: BTreeMap<u32, usize>,
    tools: BTreeMap<String, usize>,
    reasoning: usize,
    media: u64,
    usages: u64,
}

impl Observer {
    /// A record was read into the answer.
    pub(super) fn record(&mut self, record: &Record<'_>, meaning: Meaning, answer: &Answer) {
        let mut added = String::new();
        let mut take = |text: &str, before: &mut usize| {
            added += text.get(*before..).unwrap_or_default();
            *before = text.len();
        };
        take(&answer.reasoning_text, &mut self.reasoning);
        for (choice, text) in &answer.texts {
            take(text, self.texts.entry(*choice).or_default());
        }
        for (call, text) in &answer.tool_arguments {
            match self.tools.get_mut(call) {
                Some(before) => take(text, before),
                None => take(text, self.tools.entry(call.clone()).or_default()),
            }
        }
        // Content without letters (speech, an image) is content, and adds nothing to the text.
        let media = answer.media > self.media && meaning.delta() == Some("content");
        self.media = answer.media;
        let adds = meaning.is_delta() && (media || !added.is_empty());
        let added = if adds { added } else { excerpt(record.data) };
        self.seen.added.insert(record.n, added);
        let reported = answer.usage_reports > self.usages;
        self.usages = answer.usage_reports;
        if let Some(tokens) = answer.output_tokens.filter(|_| reported && meaning.is_delta()) {
            self.seen.told.push((record.at, tokens));
        }
    }
}
