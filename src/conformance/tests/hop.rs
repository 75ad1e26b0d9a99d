//! Which stream is the upstream side of which, and what the hop did to it.

use super::build::{at, chat};
use crate::conformance::hop::{RecentStreams, Side};
use crate::conn::Endpoints;
use crate::delivery::across::Print;
use crate::exchange::Exchange;
use crate::metrics::Metrics;
use crate::time::Span;

fn ends(client: &str, server: &str) -> Endpoints {
    Endpoints { client: client.parse().unwrap(), server: server.parse().unwrap() }
}

/// What the client of a proxy sees, and what the proxy itself gets.
fn downstream() -> Side {
    let ends = ends("10.0.0.1:5000", "10.0.0.2:80");
    let (begun, ended) = (at(0), at(1000));
    Side {
        ends,
        begun,
        ended,
        print: Print { request: Some(1), ..Print::default() }.with_text(Some("a")),
        ttft: Span::from_millis(300),
        gap: Span::from_millis(10),
    }
}

fn upstream() -> Side {
    Side { ends: ends("10.0.0.2:6000", "10.0.0.3:80"), begun: at(10), ended: at(990), ..downstream() }
}

#[test]
fn the_far_side_was_asked_by_the_server_within_the_near_one() {
    assert!(downstream().has_inside(&upstream()));
    for (what, other) in [
        ("another text", Side { print: downstream().print.with_text(Some("b")), ..upstream() }),
        ("another request", Side { print: Print { request: Some(2), ..downstream().print }, ..upstream() }),
        ("begun at once", Side { begun: at(0), ..upstream() }),
        ("begun at the end", Side { begun: at(1000), ..upstream() }),
        ("asked by another client", Side { ends: ends("10.0.0.9:6000", "10.0.0.3:80"), ..upstream() }),
        ("asked of the same server", Side { ends: ends("10.0.0.2:6000", "10.0.0.2:80"), ..upstream() }),
    ] {
        assert!(!downstream().has_inside(&other), "{what}");
    }
    assert!(downstream().has_inside(&Side { begun: at(999), ended: at(2000), ..upstream() }), "its beginning counts");
    assert!(
        downstream().has_inside(&Side { ends: ends("127.0.0.1:6000", "10.0.0.3:80"), ..upstream() }),
        "asked on the host itself"
    );
    assert!(
        downstream().has_inside(&Side { ends: ends("10.0.0.2:6000", "10.0.0.2:81"), ..upstream() }),
        "another port of the host"
    );
}

#[test]
fn a_hop_holds_back_where_the_first_delta_is_late_and_the_gaps_shrink() {
    let ms = Span::from_millis;
    let side = |ttft, gap| Side { ttft: ms(ttft), gap: ms(gap), ..downstream() };
    let upstream = side(100, 100);
    assert_eq!([220, 221].map(|ttft| side(ttft, 0).is_late(&upstream)), [false, true], "twice as late and 20 ms");
    assert_eq!([49, 50].map(|gap| side(221, gap).holds_back(&upstream)), [true, false]);
    assert!(!side(220, 0).holds_back(&upstream));
}

fn exchange(ends: Endpoints) -> Exchange {
    let mut x = Exchange { endpoints: ends, ..chat() };
    // Long enough to tell without a request.
    x.response.as_mut().unwrap().answer.texts.insert(0, "word ".repeat(30));
    x
}

fn metrics(begun: i64, ended: i64) -> Metrics {
    let ms = Span::from_millis;
    Metrics {
        request_start: Some(at(begun)),
        response_end: Some(at(ended)),
        ttft: Some(ms(5)),
        itl: vec![ms(1), ms(2), ms(3)],
        ..Metrics::default()
    }
}

#[test]
fn the_nearest_hop_was_asked_first() {
    let mut sides = RecentStreams::default();
    let (one, two) = (ends("10.0.0.2:1", "10.0.0.3:80"), ends("10.0.0.2:2", "10.0.0.4:80"));
    assert_eq!(sides.upstream_of(&exchange(two), &metrics(20, 900)), None);
    assert_eq!(sides.upstream_of(&exchange(one), &metrics(10, 950)), None);
    let found = sides.upstream_of(&exchange(downstream().ends), &metrics(0, 1000)).unwrap();
    assert_eq!((found.ends, found.begun, found.ended, found.gap), (one, at(10), at(950), Span::from_millis(2)));
    assert_eq!((found.ttft, found.print.text_bytes), (Span::from_millis(5), 150));
    let lacking = [
        Metrics { ttft: None, ..metrics(0, 1) },
        Metrics { itl: vec![], ..metrics(0, 1) },
        Metrics { request_start: None, ..metrics(0, 1) },
    ];
    assert!(lacking.iter().all(|m| Side::new(&exchange(one), m).is_none()));
}
