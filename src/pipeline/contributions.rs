//! What each record added to the answer, for those who show records one by one.

use crate::dialect::{Answer, Meaning};
use crate::framing::Record;
use crate::oddity::excerpt;
use std::collections::BTreeMap;

/// By number of the record: the reasoning, text and tool arguments that it added to the answer; an excerpt of its data
/// if it added none. Speech and images add nothing, and have none.
pub type Contributions = BTreeMap<u64, String>;

/// Observes a reading. A live one has no observer.
#[derive(Default)]
pub(super) struct Observer {
    pub(super) seen: Contributions,
    /// Lengths of what the answer held before the next record.
    texts: BTreeMap<u32, usize>,
    tools: BTreeMap<String, usize>,
    reasoning: usize,
    media: u64,
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
        self.seen.insert(record.n, added);
    }
}
