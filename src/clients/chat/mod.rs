//! How clients of `chat/completions` put an answer together.

mod collect;
mod python;
mod script;
pub(super) mod shapes;
mod vercel;

use super::reader::{Got, Join};
use super::records::Accumulator;
use serde_json::Value;

pub(super) use collect::{Calls, Collect};
pub(super) use python::{HelperPython, LangChainPython, LiteLlm};
pub(super) use script::HelperScript;
pub(super) use vercel::Vercel;

/// One record's share in what the server meant to say.
pub(super) fn meant(chunk: &Value, got: &mut Got) {
    let generous = Collect {
        join: Join::Parts,
        object_only: false,
        needs_delta: false,
        joins_names: false,
        first_only: false,
        calls: Calls::Meant,
    };
    // A generous reading never raises.
    let _ = { generous }.chunk(chunk, got);
}
