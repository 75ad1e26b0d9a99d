//! Tests of metrics and alerts.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::alert::Readers;
use super::*;
use crate::metrics::Metrics;
use crate::summary::Summary;
use crate::time::Timestamp;
use proptest::prelude::*;

fn readers() -> Readers {
    let span = |text: &str| {
        let units = [("ms", 1), ("s", 1000), ("m", 60_000)];
        let of = |(unit, ms): (&str, i64)| Some(Span::from_millis(text.strip_suffix(unit)?.parse::<i64>().ok()? * ms));
        units.into_iter().find_map(of).ok_or_else(|| format!("{text:?} is no duration"))
    };
    let status = |text: &str| match text {
        "5xx" => Ok(500..=599),
        _ => text.parse().map(|s| s..=s).map_err(|_| "no status".to_owned()),
    };
    Readers { span, status, rule: |name| name.to_uppercase() }
}

fn alert(text: &str) -> Alert {
    Alert::parse(text, &readers()).unwrap()
}

/// An exchange that ended at this second, with this TTFT in ms.
fn streamed(id: i64, second: i64, ttft: i64) -> Observation {
    let mut s = Summary { id, verdict: Some("complete".into()), ..Summary::template() };
    s.timing.t_response_end_ns = Some(second * 1_000_000_000);
    s.timing.ttft = Some(Span::from_millis(ttft));
    let request = s.request.get_or_insert_default();
    (request.authority, request.model) = (Some("api.example".into()), Some("m".into()));
    let response = s.response.get_or_insert_default();
    (response.framing, response.status) = ("sse".into(), Some(200));
    response.dialect = Some("openai.chat".into());
    Observation::new(&s, &Metrics { itl: vec![Span::from_millis(20); 3], output_tokens: Some(4), ..Metrics::default() })
}

fn failed(id: i64, second: i64) -> Observation {
    let at = Timestamp(second * 1_000_000_000);
    Observation { verdict: Some("server-truncated".into()), at, ..streamed(id, second, 1) }
}

/// The lines that these exchanges give, without the time.
fn lines(text: &str, all: &[Observation]) -> Vec<String> {
    let watch = Watch::new(vec![alert(text)], Span::from_secs(10), None);
    all.iter().flat_map(|o| watch.add(vec![o.clone()])).map(|line| line[13..].to_owned()).collect()
}

#[test]
fn an_alert_begins_and_ends_with_its_figures_and_the_worst_exchange() {
    let all = [streamed(1, 0, 900), streamed(2, 10, 2500), streamed(3, 20, 3000), streamed(4, 90, 100)];
    let said = lines("p99(ttft)>2s over 1m", &all);
    assert_eq!(said.len(), 2, "{said:?}");
    assert_eq!(said[0], "p99(ttft)>2s over 1m begins: 2.50 s (worst: exchange 2, 2.50 s)");
    // By then nothing is left in the window, whatever the next exchange is.
    assert_eq!(said[1], "p99(ttft)>2s over 1m ends: nothing more after 80.0 s (worst: exchange 3, 3.00 s)");
}

#[test]
fn each_function_compares_what_it_says() {
    let slow = [streamed(1, 0, 100), streamed(2, 1, 200), streamed(3, 2, 600)];
    let errors = [streamed(1, 0, 1), failed(2, 1), failed(3, 2), streamed(4, 3, 1)];
    for (text, all, fires) in [
        ("max(ttft)>599ms", &slow[..], true),
        ("max(ttft)>600ms", &slow, false),
        ("mean(ttft)>299ms", &slow, true),
        ("mean(ttft)>300ms", &slow, false),
        ("p50(ttft)<201ms over 5m", &slow, true),
        ("min(ttft)<100ms", &slow, false),
        ("p50(itl)>19ms", &slow, true),
        ("p50(itl)>20ms", &slow, false),
        ("count(errors)>1", &errors, true),
        ("count(errors)>2", &errors, false),
        ("count(verdict=truncated)>1 over 5m", &errors, true),
        ("count(verdict=server-truncated)>1", &errors, true),
        ("count(verdict=cancelled)>0", &errors, false),
        ("rate(errors)>1/m", &errors, true),
        ("rate(errors)>2/m", &errors, false),
        ("rate(errors)>66%", &errors, true),
        ("rate(errors)>67%", &errors, false),
        ("count(status=200)>3", &errors, true),
        ("count(status=5xx)>0", &errors, false),
        ("count(model=M)>3", &errors, true),
        ("count(host=api.example)>3", &errors, true),
        ("count(exchanges)>4", &errors, false),
        // Too few is not known before a whole window was watched.
        ("count(exchanges)<9", &errors, false),
    ] {
        let said = lines(text, all);
        assert_eq!(said.iter().any(|line| line.contains(" begins: ")), fires, "{text}: {said:?}");
    }
    let later = [streamed(1, 0, 1), streamed(2, 70, 1)];
    assert_eq!(lines("count(exchanges)<2", &later).len(), 1);
}

#[test]
fn an_alert_ends_when_time_passes_and_nothing_comes() {
    let watch = Watch::new(vec![alert("count(errors)>0 over 10s")], Span::from_secs(10), Some(MOST_SERIES));
    let firing =
        |watch: &Watch| watch.text(None).contains("sniff_alert_firing{sniff_alert=\"count(errors)>0 over 10s\"} 1");
    assert!(!firing(&watch));
    assert_eq!(watch.add(vec![failed(7, 100)]).len(), 1);
    assert!(firing(&watch) && watch.end().len() == 1);
    assert!(watch.tick(Timestamp(109_000_000_000)).is_empty());
    let said = watch.tick(Timestamp(110_000_000_000));
    assert!(said.len() == 1 && said[0].contains("ends: 0 exchanges after 10.0 s (last: exchange 7)"), "{said:?}");
    assert!(!firing(&watch) && watch.end().is_empty());
}

#[test]
fn what_is_wrong_with_a_condition_is_named() {
    for (text, said) in [
        ("", "is no condition"),
        ("ttft>2s", "is no condition"),
        ("p99(ttft)=2s", "is no condition"),
        ("p99(ttft)>2", "has no unit"),
        ("p0(ttft)>2s", "is no function"),
        ("p101(ttft)>2s", "is no function"),
        ("sum(ttft)>2s", "is no function"),
        ("p99(x)>2s", "is no figure"),
        ("p99(ttft)>2s over x", "is no duration"),
        ("p99(ttft)>2s over 0s", "longer than nothing"),
        ("count(x)>2", "cannot be counted"),
        ("count(x=1)>2", "cannot be counted"),
        ("count(level=x)>2", "is no level"),
        ("count(verdict=)>2", "has no value"),
        ("count(errors)>many", "is no number"),
        ("rate(errors)>1/d", "is no rate"),
    ] {
        let e = Alert::parse(text, &readers()).unwrap_err();
        assert!(e.contains(said), "{text}: {e}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// The percentile of each moment is that of a plain list of the last minute.
    #[test]
    fn quantiles_are_exact(all in prop::collection::vec((0_i64..30, 1_i64..1000), 1..60)) {
        let watch = Watch::new(vec![alert("p90(ttft)>500ms over 1m")], Span::from_secs(10), None);
        let (mut now, mut list, mut fires) = (0, Vec::new(), false);
        for (n, (step, ttft)) in all.into_iter().enumerate() {
            now += step;
            for line in watch.add(vec![streamed(n as i64, now, ttft)]) {
                fires = line.contains(" begins: ");
            }
            list.push((now, ttft));
            let mut last: Vec<i64> = list.iter().filter(|(at, _)| *at > now - 60).map(|(_, v)| *v).collect();
            last.sort_unstable();
            let rank = (last.len() * 9).div_ceil(10);
            prop_assert_eq!(fires, last[rank - 1] > 500, "at {}: {:?}", now, last);
        }
    }

    /// Whatever the names are: the format has its bound, and no name breaks a line.
    #[test]
    fn names_from_the_wire_break_nothing(names in prop::collection::vec(".{0,300}", 1..40)) {
        let watch = Watch::new(Vec::new(), Span::from_secs(10), Some(300));
        let with = |name: &String| {
            let mut o = streamed(1, 1, 1);
            (o.request_model, o.response_model, o.host) = (Some(name.clone()), Some(name.clone()), name.clone());
            o
        };
        watch.add(names.iter().map(with).collect());
        let text = watch.text(Some(1));
        let rows: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        prop_assert!(rows.len() <= 300, "{}", rows.len());
        for row in rows {
            let (name, value) = row.rsplit_once(' ').unwrap();
            prop_assert!(value.parse::<f64>().is_ok() && name.starts_with(|c: char| c.is_ascii_lowercase()), "{row}");
            prop_assert!(!row.chars().any(char::is_control), "{row:?}");
        }
    }
}

#[test]
fn what_has_no_room_counts_as_other() {
    let watch = Watch::new(Vec::new(), Span::from_secs(10), Some(MOST_SERIES));
    for n in 0..10_000_i64 {
        let mut o = streamed(n, n, 1);
        o.request_model = Some(format!("model {n}"));
        o.response_model = (n % 2 == 0).then(|| format!("answered {n}"));
        o.verdict = (n % 3 > 0).then(|| "server-truncated".into());
        watch.add(vec![o]);
    }
    let text = watch.text(Some(1));
    let rows: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(rows.len() <= MOST_SERIES, "{} series", rows.len());
    assert!(rows.len() > MOST_SERIES * 9 / 10, "only {} series", rows.len());
    let sum = |family: &str| -> f64 {
        let rows = rows.iter().filter(|row| row.starts_with(family)).collect::<Vec<_>>();
        assert_eq!(rows.iter().filter(|row| row.contains("\"other\"")).count(), 1, "{family}");
        rows.iter().map(|row| row.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum()
    };
    // Nothing is lost: every answer is under its own name or under other.
    assert_eq!(sum("gen_ai_client_token_usage_tokens_count"), 10_000.0);
    assert_eq!(sum("gen_ai_client_token_usage_tokens_sum"), 40_000.0);
    // The third that did not fail.
    assert_eq!(sum("gen_ai_server_time_to_first_token_seconds_count"), 3334.0);
}

#[test]
fn names_are_spelled_as_prometheus_does() {
    let spelled: Vec<String> = FAMILIES.iter().map(|family| family.spelled()).collect();
    for name in [
        "gen_ai_server_time_to_first_token_seconds",
        "gen_ai_server_time_per_output_token_seconds",
        "gen_ai_server_request_duration_seconds",
        "sniff_exchanges_total",
        "sniff_exchanges_in_flight",
        "sniff_database_size_bytes",
        "sniff_proxy_not_recorded_bytes_total",
    ] {
        assert!(spelled.iter().any(|s| s == name), "{name}: {spelled:?}");
    }
    let fixed: usize = FAMILIES.iter().map(|family| family.cost()).sum();
    assert!(fixed < 150, "{fixed} series are kept for what has no room");
}
