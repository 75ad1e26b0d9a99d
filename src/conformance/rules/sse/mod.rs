//! Rules about server-sent events (WHATWG HTML, section 9.2): blocks, lines, and what the lines carry.

mod blocks;
mod lines;
mod names;
mod payload;

pub use blocks::*;
pub use lines::*;
pub use names::*;
pub use payload::*;

use crate::conformance::{Case, Level};

/// A warning in a stream of a language model, a remark in any other: the same habit upsets the readers of the one and
/// not those of the other.
fn in_llm_streams(case: &Case<'_>) -> Option<Level> {
    Some(if case.llm_stream().is_some() { Level::Warning } else { Level::Info })
}
