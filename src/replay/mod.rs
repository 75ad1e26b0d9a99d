//! Sends recorded responses again: the same bytes in the same pieces at the same times.
//!
//! ```text
//! Exchange ─► Script (steps in time, any HTTP version) ─┬► h1: bytes as recorded ──┐
//!               ▲ fault, normalise: bend it               └► h2: frames of a stream ─┤
//! request ─► Book (which recording answers it) ─────────────────────────────────────►│ serve: sockets, one pacer
//! ```
//! Everything but `serve` is pure: no socket, no clock, time is an argument.

#[forbid(unsafe_code)]
mod draft;
#[forbid(unsafe_code)]
pub mod fault;
#[forbid(unsafe_code)]
pub mod h1;
#[forbid(unsafe_code)]
pub mod h2;
#[forbid(unsafe_code)]
pub mod matching;
#[forbid(unsafe_code)]
pub mod normalize;
#[forbid(unsafe_code)]
pub mod pace;
#[forbid(unsafe_code)]
pub mod script;
pub mod serve;
#[forbid(unsafe_code)]
pub mod verify;

#[forbid(unsafe_code)]
mod canonical;
#[forbid(unsafe_code)]
mod masked;

pub use matching::{Book, MatchBy};
pub use pace::Pace;
pub use script::Script;
