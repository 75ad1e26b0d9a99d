//! Arguments of the selectors.
#![no_main]

#[path = "../bodies/mod.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    bodies::TARGETS.iter().filter(|t| t.0 == "selectors").for_each(|t| t.1(data));
});
