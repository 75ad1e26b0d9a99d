//! Content codings and framings on any bytes, in any pieces.
#![no_main]

#[path = "../bodies/mod.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    bodies::TARGETS.iter().filter(|t| t.0 == "body").for_each(|t| t.1(data));
});
