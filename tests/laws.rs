//! The laws between the statements about one exchange (docs/verdicts.md), over all captures, all transcripts, all
//! samples of rules, and what a seeded generator makes of them.
//!
//! `SNIFF_LAWS_INPUTS` sets the number of damaged inputs: 2000 if it is not set; 1000000 take about half an hour in a
//! debug build on two cores. `SNIFF_LAWS_SEED` sets the first seed: a failure names the seed of its input, and
//! `SNIFF_LAWS_INPUTS=1` with that seed makes the same input again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod support;

use sniff::analyzer::{Analyzed, Analyzer, Options, Output};
use sniff::capture::Packet;
use sniff::conformance::{RULES, sample};
use sniff::conn::ConnId;
use sniff::internal::analyzer::{Heard, broken};
use sniff::internal::tls;
use sniff::internal::wire::Transcript;
use std::panic::{AssertUnwindSafe, catch_unwind};
use support::damage::{Chance, Input, Kept, damaged};

/// The laws that this input breaks. In a debug build the analyzer looks itself, and panics.
fn broken_by(input: &Input) -> Vec<String> {
    let mut found = Vec::new();
    let mut analyzed: Vec<Box<Analyzed>> = Vec::new();
    let read = catch_unwind(AssertUnwindSafe(|| {
        let keys = tls::Keys::default();
        keys.push(&input.keys);
        keys.finish();
        let mut analyzer = Analyzer::new(Options { keys: keys.clone(), ..Options::whole() });
        let mut keep = |output| {
            if let Output::Exchange(one) = output {
                analyzed.push(one);
            }
        };
        match &input.kept {
            Kept::Wires(wires) => {
                for (n, wire) in wires.iter().enumerate() {
                    wire.replay(ConnId(n as u32), &mut |event| analyzer.event(&event, &mut keep));
                }
            }
            Kept::Packets(packets) => {
                for (n, p) in packets.iter().enumerate() {
                    let (frame, wire_len) = (n as u64 + 1, p.data.len() as u32);
                    let packet = Packet { at: p.at, frame, link: p.link, device: 0, wire_len, data: &p.data };
                    analyzer.packet(&packet, &mut keep);
                }
            }
        }
        analyzer.finish(&mut keep);
    }));
    if let Err(panic) = read {
        let said =
            panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).into()));
        found.push(said.unwrap_or_else(|| "a panic".into()));
    }
    if !cfg!(debug_assertions) {
        let heard = Heard { all_findings: true, orderly: input.is_orderly() };
        found.extend(analyzed.iter().flat_map(|one| broken(one, heard)));
    }
    found
}

/// Every capture below `captures`, every transcript, every sample of a rule.
fn inputs() -> Vec<Input> {
    let mut all: Vec<Input> =
        support::damage::files(&support::captures()).iter().filter_map(|f| Input::read(f)).collect();
    for rule in RULES {
        for (n, text) in rule.bad.iter().chain(rule.good).enumerate() {
            let wires: Vec<Transcript> = sample::transcripts(text).unwrap_or_else(|e| panic!("{}: {e}", rule.code));
            all.push(Input::of_wires(format!("sample {n} of {}", rule.code), wires));
        }
    }
    all
}

fn demand(wrong: &[String], of: usize) {
    let shown = wrong.iter().take(20).map(String::as_str).collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} of {of} inputs break laws:\n{shown}", wrong.len());
}

/// Panics are counted, not printed.
fn in_silence<T>(run: impl FnOnce() -> T) -> T {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let result = run();
    std::panic::set_hook(hook);
    result
}

#[test]
fn laws_hold() {
    let all = inputs();
    let captures = all.iter().filter(|input| matches!(input.kept, Kept::Packets(_))).count();
    assert!(captures > 300 && all.len() > 1000, "{captures} captures, {} inputs", all.len());
    let said = |name: &str, broken: Vec<String>| (!broken.is_empty()).then(|| format!("{name}: {}", broken.join("; ")));
    let (wrong, damaged) = in_silence(|| {
        let wrong: Vec<String> = all.iter().filter_map(|input| said(&input.name, broken_by(input))).collect();
        (wrong, damaged_inputs(&all))
    });
    demand(&wrong, all.len());
    demand(&damaged.1, damaged.0);
    println!("{} inputs and {} damaged ones keep the laws", all.len(), damaged.0);
}

/// Number of damaged inputs, and what they break.
fn damaged_inputs(all: &[Input]) -> (usize, Vec<String>) {
    let number = |name, usual| std::env::var(name).map_or(usual, |n| n.parse().expect("a number"));
    let (count, first): (u64, u64) = (number("SNIFF_LAWS_INPUTS", 2000), number("SNIFF_LAWS_SEED", 1));
    // Long captures take long and show no more.
    let small: Vec<&Input> = all.iter().filter(|input| input.bytes() < 24 << 10).collect();
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let part = |thread: u64| {
        let mut wrong = Vec::new();
        for seed in (first + thread..first + count).step_by(threads as usize) {
            let mut chance = Chance::of(seed);
            let input = damaged(&small, &mut chance);
            let found = broken_by(&input);
            if !found.is_empty() {
                if count == 1 {
                    input.show();
                }
                wrong.push(format!("seed {seed}, {}: {}", input.name, found.join("; ")));
            }
        }
        wrong
    };
    let wrong = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || part(thread))).collect();
        running.into_iter().flat_map(|thread| thread.join().expect("a thread")).collect()
    });
    (count as usize, wrong)
}
