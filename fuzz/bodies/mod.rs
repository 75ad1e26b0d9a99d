//! The bodies of the fuzz targets. `tests/fuzz.rs` runs each over its corpus and a number of mutations; `tests/fuzz.sh`
//! runs them with libFuzzer for longer.

pub mod body;
pub mod capture;
pub mod conversation;
pub mod exchanges;
pub mod h2;
pub mod oracles;
#[cfg(feature = "proxy")]
pub mod proxy;
pub mod sealed;
#[path = "../../tests/support/shape.rs"]
pub mod shape;
pub mod texts;

/// Name of a target, what it runs, and the folder of `fuzz/corpus/` that it begins with.
pub type Target = (&'static str, fn(&[u8]), &'static str);

/// All targets.
pub const TARGETS: &[Target] = &[
    ("again", oracles::again, "conversation"),
    ("body", body::run, "body"),
    ("capture", capture::run, "capture"),
    ("clients", exchanges::clients, "conversation"),
    ("config", texts::config, "config"),
    ("conversation", conversation::run, "conversation"),
    ("cuts", oracles::cuts, "conversation"),
    ("exports", exchanges::exports, "conversation"),
    ("h2", h2::run, "h2"),
    ("har", texts::har, "har"),
    ("keylog", texts::keylog, "keylog"),
    #[cfg(feature = "proxy")]
    ("proxy", proxy::run, "proxy"),
    ("redaction", exchanges::redaction, "conversation"),
    ("sealed", sealed::run, "sealed"),
    ("selectors", texts::selectors, "selectors"),
    ("wire", texts::wire, "conversation"),
];
