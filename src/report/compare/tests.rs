//! Draws from known distributions: a change is found, and none is found where none is.

use super::*;
use crate::metrics::resample::Random;
use crate::time::Span;
use std::f64::consts::PI;

/// A lognormal value of this median whose coefficient of variation is 0.2: σ² = ln(1 + 0.2²).
fn lognormal(random: &mut Random, median: f64) -> f64 {
    let sigma = 1.04_f64.ln().sqrt();
    let normal = (-2.0 * (1.0 - random.unit()).ln()).sqrt() * (2.0 * PI * random.unit()).cos();
    median * (sigma * normal).exp()
}

/// A stream of an answer with all figures; `factor` makes its first token later.
fn stream(random: &mut Random, factor: f64) -> Summary {
    let mut s = Summary::template();
    s.response.as_mut().unwrap().framing = "sse".into();
    s.verdict = Some(if random.below(20) == 0 { "client-cancelled" } else { "complete" }.into());
    let ms = |v: f64| Some(Span((v * 1e6) as i64));
    let (ttft, gap) = (factor * lognormal(random, 300.0), lognormal(random, 20.0));
    let tokens = 50 + random.below(100);
    let t = &mut s.timing;
    (t.ttfb, t.ttft, t.ttft_content) = (ms(lognormal(random, 5.0)), ms(ttft), ms(ttft));
    (t.itl_p50, t.itl_p99, t.itl_max) =
        (ms(gap), ms(gap * (2.0 + random.unit())), ms(gap * (4.0 + 9.0 * random.unit())));
    (t.tpot, t.duration) = (ms(gap), ms(ttft + gap * tokens as f64));
    s
}

fn run(random: &mut Random, n: usize, factor: f64) -> Run {
    let mut run = Run::new("a");
    (0..n).for_each(|_| run.add(&stream(random, factor)));
    run
}

fn verdict(report: &Report, metric: &str) -> &'static str {
    report.metrics.iter().find(|m| m.metric == metric).map_or("none", |m| m.verdict)
}

/// A TTFT that is 10 % longer, 200 answers each: found in at least 90 of 100 draws, among all the other figures.
#[test]
fn a_tenth_more_is_found() {
    let limit = Limit::parse("ttft.p50>5%", |_| Err(String::new())).unwrap();
    let mut random = Random::new(1);
    let (mut found, mut failed) = (0, 0);
    for _ in 0..100 {
        let (a, b) = (run(&mut random, 200, 1.0), run(&mut random, 200, 1.1));
        let report = compare_by(a, b, std::slice::from_ref(&limit), 200);
        found += u32::from(verdict(&report, "ttft") == "slower");
        failed += u32::from(report.fails());
    }
    assert!(found >= 90, "{found} of 100");
    assert!(failed >= 90, "{failed} of 100");
}

/// Halves of one run: no alarm of any figure in at least 95 of 100 draws.
#[test]
fn halves_of_one_run_do_not_differ() {
    let mut random = Random::new(2);
    let mut alarms = Vec::new();
    for n in 0..100 {
        let (a, b) = (run(&mut random, 100, 1.0), run(&mut random, 100, 1.0));
        let report = compare_by(a, b, &[], 1);
        let differ = report.metrics.iter().filter(|m| m.verdict != "same").map(|m| m.metric);
        let differ: Vec<&str> = differ.chain((report.failed.verdict != "same").then_some("failed")).collect();
        if !differ.is_empty() {
            alarms.push((n, differ));
        }
    }
    assert!(alarms.len() <= 5, "{alarms:?}");
}

#[test]
fn differences_and_findings_are_those_of_the_runs() {
    let finding = |rule: &str, level| crate::summary::FindingSummary {
        rule: rule.into(),
        level,
        record: None,
        offset: None,
        message: String::new(),
        count: 1,
        t_ns: None,
        packet: None,
        chunk: None,
        excerpt: None,
        fix: None,
    };
    let plain = |ms: i64, rules: &[&str]| {
        let mut s = Summary::template();
        s.response.as_mut().unwrap().framing = "json".into();
        (s.verdict, s.timing.duration) = (Some("complete".into()), Some(Span::from_millis(ms)));
        s.findings = rules.iter().map(|rule| finding(rule, Level::Warning)).collect();
        s
    };
    let (mut a, mut b) = (Run::new("session=1"), Run::new("session=2"));
    for ms in 1..=10 {
        a.add(&plain(ms, if ms == 1 { &["R-1", "R-2", "R-2"] } else { &["R-3"] }));
        b.add(&plain(ms + 100, if ms < 3 { &["R-4", "R-1"] } else { &["R-3"] }));
    }
    let limits = ["duration_plain.p50>50ms", "duration_plain.p90>5000%", "ttft.p50>1%", "failed>0%"]
        .map(|text| Limit::parse(text, |_| Ok(Span::from_millis(50))).unwrap());
    let report = compare(a, b, &limits);
    let m = &report.metrics[0];
    assert_eq!((report.metrics.len(), m.metric, m.verdict), (1, "duration_plain", "slower"));
    assert_eq!(m.slower_share, Some(1.0));
    let p50 = m.differences["p50"];
    assert_eq!((p50.ms, p50.percent, m.a.p50, m.b.p50), (100.0, Some(2000.0), Some(5.0), Some(105.0)));
    assert!(p50.low_ms.is_some_and(|low| (90.0..100.0).contains(&low)), "{p50:?}");
    let changed: Vec<_> = report.findings.iter().map(|c| (c.rule.as_str(), c.a, c.b, c.change)).collect();
    assert_eq!(changed, [("R-1", 1, 2, "more"), ("R-2", 1, 0, "gone"), ("R-3", 9, 8, "fewer"), ("R-4", 0, 2, "new")]);
    let judged: Vec<_> = report.limits.iter().map(|l| (l.grown_by, l.over, l.broken)).collect();
    let want = [
        (Some(100.0), true, true),
        (Some(100.0 / 9.0 * 100.0), false, false),
        (None, false, false),
        (Some(0.0), false, false),
    ];
    for (have, want) in judged.iter().zip(want) {
        assert_eq!((have.1, have.2), (want.1, want.2));
        assert!((have.0.unwrap_or(-1.0) - want.0.unwrap_or(-1.0)).abs() < 1e-9, "{have:?} {want:?}");
    }
    assert!(report.fails());
}

#[test]
fn few_values_raise_no_alarm() {
    let mut random = Random::new(3);
    let limit = Limit::parse("ttft.p50>1%", |_| Err(String::new())).unwrap();
    let report = compare(run(&mut random, 7, 1.0), run(&mut random, 7, 9.0), &[limit]);
    assert_eq!(verdict(&report, "ttft"), "too-few");
    assert!(report.limits[0].over && report.limits[0].may_be_chance && !report.fails());
}

#[test]
fn wrong_limits_are_named() {
    for text in ["", "ttft", "ttft>10%", "ttft.p98>10%", "load.p50>1%", "ttft.p50>10", "failed>5ms", "ttft.p50>x%"] {
        assert!(Limit::parse(text, |_| Err("no duration".into())).is_err(), "{text}");
    }
}
