//! Sends recorded responses again: the same bytes in the same pieces at the same times.
//!
//! ```text
//! Exchange ─► Script (steps in time, any HTTP version) ─┬► h1: bytes as recorded ──┐
//!               ▲ fault, normalise: bend it               └► h2: frames of a stream ─┤
//! request ─► Book (which recording answers it) ─────────────────────────────────────►│ serve: sockets, one pacer
//! ```
//! Everything but `serve` is pure: no socket, no clock, time is an argument.

mod draft;
pub mod fault;
pub mod h1;
pub mod h2;
pub mod matching;
pub mod normalize;
pub mod pace;
pub mod script;
pub mod serve;
pub mod verify;

mod canonical;
mod masked;

pub use matching::{Book, MatchBy};
pub use pace::Pace;
pub use script::Script;
