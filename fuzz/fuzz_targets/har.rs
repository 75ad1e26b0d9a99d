//! An archive of a browser.
#![no_main]

#[path = "../bodies/mod.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    bodies::TARGETS.iter().filter(|t| t.0 == "har").for_each(|t| t.1(data));
});
