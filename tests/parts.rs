//! The parts that are passed on early add up to the whole, and what `check` leaves out changes no verdict.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use sniff::analyzer::{Analyzer, Options, Output, Part};
use sniff::conformance::{self, Limits};
use sniff::conn::ConnId;
use sniff::exchange::{Body, Exchange, ExchangeId};
use sniff::internal::pipeline;
use sniff::internal::wire::{self, Transcript};
use sniff::metrics;
use std::collections::HashMap;

fn transcripts() -> Vec<(String, Transcript)> {
    let cases = support::cases().into_iter();
    let read = cases
        .filter_map(|case| Some((case.display().to_string(), std::fs::read_to_string(case.join("input.wire")).ok()?)));
    let all: Vec<_> = read.map(|(name, text)| (name, wire::parse(&text).expect("a transcript"))).collect();
    assert!(all.len() >= 20, "only {} transcripts", all.len());
    all
}

/// The exchanges of a transcript, and the parts that were passed on before.
fn run(transcript: &Transcript, options: Options) -> (Vec<Exchange>, HashMap<ExchangeId, Vec<Part>>) {
    let mut analyzer = Analyzer::new(options);
    let (mut exchanges, mut parts): (Vec<Exchange>, HashMap<_, Vec<Part>>) = Default::default();
    let mut sink = |output| match output {
        Output::Exchange(analyzed) => exchanges.push(*analyzed.exchange),
        Output::Part(part) => parts.entry(part.id).or_default().push(*part),
        _ => {}
    };
    transcript.replay(ConnId(0), &mut |event| analyzer.event(&event, &mut sink));
    analyzer.finish(&mut sink);
    exchanges.sort_by_key(|e| e.id);
    (exchanges, parts)
}

fn verdicts(exchanges: &[Exchange]) -> String {
    let verdict = |e: &Exchange| {
        let figures = metrics::of(e);
        let response = e
            .response
            .as_ref()
            .map(|r| (&r.answer, r.body.wire_bytes, r.body.decoded_bytes, r.body.units, r.record_count));
        let request = e.request.as_ref().map(|r| (&r.model, r.body.wire_bytes, r.body.units));
        format!("{:?}\n{figures:?}\n{request:?}\n{response:?}\n", conformance::judge(e, &figures, &Limits::default()))
    };
    exchanges.iter().map(verdict).collect()
}

#[test]
fn without_contents_the_verdict_is_the_same() {
    for (name, transcript) in transcripts() {
        let (whole, _) = run(&transcript, Options::default());
        let (bare, parts) = run(&transcript, Options { contents: false, ..Options::default() });
        assert_eq!(verdicts(&bare), verdicts(&whole), "{name}");
        let kept = |b: &Body| b.pieces.len() + b.bytes.len() + b.unit_lines.len();
        let responses = bare.iter().filter_map(|e| e.response.as_ref()).map(|r| kept(&r.body) + r.records.len());
        let kept: usize = bare.iter().filter_map(|e| e.request.as_ref()).map(|r| kept(&r.body)).chain(responses).sum();
        assert_eq!((kept, parts.len()), (0, 0), "{name}");
    }
}

#[test]
fn parts_and_rest_are_the_whole() {
    let mut handed_on = 0;
    for (name, transcript) in transcripts() {
        let whole = pipeline::exchanges_of(|sink| transcript.replay(ConnId(0), sink));
        let (rests, mut parts) = run(&transcript, Options { part_bytes: 40, part_items: 2, ..Options::default() });
        assert_eq!(verdicts(&rests), verdicts(&whole), "{name}");
        for (rest, whole) in rests.iter().zip(&whole) {
            let parts = parts.remove(&rest.id).unwrap_or_default();
            handed_on += parts.len();
            let mut sides = vec![];
            if let (Some(rest), Some(whole)) = (&rest.request, &whole.request) {
                sides.push((parts.iter().map(|p| &p.request).collect::<Vec<_>>(), &rest.body, &whole.body));
            }
            if let (Some(rest), Some(whole)) = (&rest.response, &whole.response) {
                sides.push((parts.iter().map(|p| &p.response).collect(), &rest.body, &whole.body));
            }
            for (parts, rest, whole) in sides {
                let bytes: Vec<u8> = parts.iter().flat_map(|p| &p.bytes).chain(&rest.bytes).copied().collect();
                let pieces: Vec<_> = parts.iter().flat_map(|p| &p.pieces).chain(&rest.pieces).copied().collect();
                assert_eq!((bytes, pieces), (whole.bytes.clone(), whole.pieces.clone()), "{name}");
                let hashes = |b: &Body| (b.wire_sha256, b.decoded_sha256);
                assert_eq!(hashes(rest), hashes(whole), "{name}");
            }
        }
    }
    assert!(handed_on > 20, "only {handed_on} parts");
}
