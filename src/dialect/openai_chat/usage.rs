//! Token counts of the OpenAI family.

use super::chunk::{Chunk, Usage};
use super::kinds::{USAGE_ARITHMETIC, USAGE_TYPE};
use crate::dialect::answer::Answer;
use crate::dialect::json::{self, Num, Raw, Repair};
use crate::dialect::remarks::Remarks;

/// Take over `usage`, unless it is absent or null, and check its sums. Tells whether there was any.
pub(in crate::dialect) fn take(usage: &Raw<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> bool {
    let Some(text) = usage.json() else { return false };
    let mut repair = Repair::default();
    let figures = match json::parse::<Usage>(text, &mut repair) {
        Ok(figures) => figures,
        Err(_) => {
            remarks.note(USAGE_TYPE, || crate::oddity::excerpt(text.as_bytes()));
            Usage::default()
        }
    };
    check(&figures, remarks);
    answer.report_usage(usage.value(), figures.completion_tokens.count());
    true
}

/// `x_groq` of a chunk of Groq.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(in crate::dialect) struct Groq<'a> {
    /// `usage`, in the last chunk.
    #[serde(borrow)]
    usage: Raw<'a>,
    /// `error`: why the stream was stopped early.
    #[serde(borrow)]
    pub(in crate::dialect) error: Raw<'a>,
}

impl<'a> Groq<'a> {
    /// The member, if it is an object.
    pub(in crate::dialect) fn of(member: &Raw<'a>) -> Option<Self> {
        serde_json::from_str(member.json()?).ok()
    }
}

/// `timings` of a chunk of llama.cpp.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Timings {
    prompt_n: Num,
    predicted_n: Num,
}

/// Takes the counts of a provider that puts them elsewhere. Returns their place, if there were any.
pub(in crate::dialect) fn take_elsewhere(
    chunk: &Chunk<'_>,
    answer: &mut Answer,
    remarks: &mut Remarks<'_>,
) -> Option<&'static str> {
    if let Some(groq) = Groq::of(&chunk.x_groq)
        && take(&groq.usage, answer, remarks)
    {
        return Some("x_groq.usage");
    }
    let timings = serde_json::from_str::<Timings>(chunk.timings.json()?).ok()?;
    let (prompt, predicted) = (timings.prompt_n.count()?, timings.predicted_n.count()?);
    answer.report_usage(Some(serde_json::json!({ "prompt_n": prompt, "predicted_n": predicted })), Some(predicted));
    Some("timings")
}

/// Sums and parts.
fn check(usage: &Usage, remarks: &mut Remarks<'_>) {
    let details = (usage.prompt_tokens_details.here(), usage.completion_tokens_details.here());
    let cached = details.0.map_or(Num::Absent, |d| d.cached_tokens);
    let reasoning = details.1.map_or(Num::Absent, |d| d.reasoning_tokens);
    for (name, figure) in [
        ("prompt_tokens", usage.prompt_tokens),
        ("completion_tokens", usage.completion_tokens),
        ("total_tokens", usage.total_tokens),
        ("cached_tokens", cached),
        ("reasoning_tokens", reasoning),
    ] {
        match figure {
            Num::Absent | Num::Null => {}
            Num::Int(n) => remarks.note_if(n < 0, USAGE_TYPE, || format!("{name} {n}")),
            Num::Float(n) => remarks.note(USAGE_TYPE, || format!("{name} {n}, which is not an integer")),
            Num::Other(kind) => remarks.note(USAGE_TYPE, || format!("{name} is a {kind}")),
        }
    }
    let figures = [usage.prompt_tokens, usage.completion_tokens, usage.total_tokens];
    remarks.note_if(figures.iter().all(|f| *f == Num::Absent), USAGE_TYPE, || "none of its three figures".into());
    if let (Some(prompt), Some(completion), Some(total)) =
        (usage.prompt_tokens.int(), usage.completion_tokens.int(), usage.total_tokens.int())
    {
        let wrong = prompt.checked_add(completion) != Some(total);
        remarks.note_if(wrong, USAGE_ARITHMETIC, || {
            format!("total_tokens {total} ≠ prompt_tokens {prompt} + completion_tokens {completion}")
        });
    }
    for (part, part_name, whole, whole_name) in [
        (cached, "cached_tokens", usage.prompt_tokens, "prompt_tokens"),
        (reasoning, "reasoning_tokens", usage.completion_tokens, "completion_tokens"),
    ] {
        if let (Some(part), Some(whole)) = (part.int(), whole.int()) {
            remarks.note_if(part > whole, USAGE_ARITHMETIC, || format!("{part_name} {part} > {whole_name} {whole}"));
        }
    }
}
