//! Rules about server-sent events (WHATWG HTML, section 9.2): blocks, lines, and what the lines carry.

mod blocks;
mod lines;
mod names;
mod payload;

pub use blocks::*;
pub use lines::*;
pub use names::*;
pub use payload::*;

use crate::conformance::{Case, Level, Rule};

/// The rules of this family, in the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[
    &SSE_001, &SSE_002, &SSE_003, &SSE_004, &SSE_005, &SSE_006, &SSE_007, &SSE_008, &SSE_009, &SSE_010, &SSE_011,
    &SSE_012, &SSE_013, &SSE_014, &SSE_015, &SSE_016, &SSE_017, &SSE_018, &SSE_019, &SSE_020, &SSE_021, &SSE_022,
    &SSE_023, &SSE_024, &SSE_025, &SSE_026, &SSE_027,
];

/// A warning in a stream of a language model, info in any other: the readers of language models fail on this, others
/// do not.
fn in_llm_streams(case: &Case<'_>) -> Option<Level> {
    Some(if case.llm_stream().is_some() { Level::Warning } else { Level::Info })
}
