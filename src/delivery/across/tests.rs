//! Each test builds exchanges and reads what is said about them.

use super::{Outcome, Print, Seen, hash, lines};
use crate::conn::Endpoints;
use crate::exchange::ending::Party;
use crate::time::{Span, Timestamp};

fn at(ms: i64) -> Timestamp {
    Timestamp(0).plus(Span::from_millis(ms))
}

fn ends(client: &str, server: &str) -> Endpoints {
    Endpoints { client: client.parse().unwrap(), server: server.parse().unwrap() }
}

/// A question to a model and its answer, from one host to one server, each on a connection of its own.
fn seen(id: i64, begun: i64, ended: i64) -> Seen {
    Seen {
        id,
        ends: ends(&format!("10.0.0.1:{}", 5000 + id), "10.0.0.2:80"),
        conn: id as u32,
        begun: Some(at(begun)),
        ended: at(ended),
        asked: Seen::asks("POST", "/v1/chat/completions", Some(hash("question")), 90, true),
        print: Print { request: Some(hash("question")), body: Some(hash("answer")), ..Print::default() }
            .with_text(Some("answer")),
        pace: None,
        outcome: Outcome::Good,
    }
}

fn said(all: &[Seen]) -> Vec<(i64, String)> {
    let mut said: Vec<(i64, String)> =
        lines(all).into_iter().flat_map(|(id, lines)| lines.into_iter().map(move |line| (id, line))).collect();
    said.sort();
    said
}

fn about(all: &[Seen], id: i64) -> String {
    lines(all).remove(&id).unwrap_or_default().join("\n")
}

const CUT: Outcome = Outcome::Cut(Party::Server);

#[test]
fn cuts_of_one_server_at_one_instant_are_told_together() {
    let cut = |id, ended| Seen { outcome: CUT, asked: None, ..seen(id, 0, ended) };
    let all = [cut(1, 1000), cut(2, 1001), cut(3, 1003), cut(4, 1500)];
    assert_eq!(
        about(&all, 1),
        "cut at the same instant as #2 and #3, within 3.00 ms: the server 10.0.0.2:80 left them all, so the cause is \
            there and not in one answer"
    );
    assert!(about(&all, 3).starts_with("cut at the same instant as #1 and #2, "));
    assert_eq!(about(&all, 4), "", "it was cut alone");
    let many: Vec<Seen> = (0..9).map(|id| cut(id, 1000)).collect();
    assert!(about(&many, 0).starts_with("cut at the same instant as #1, #2, #3 and 5 more, "));
    assert!(about(&many, 8).starts_with("cut at the same instant as #6, #7 and 6 more, "), "{}", about(&many, 8));
}

#[test]
fn cuts_of_different_ends_are_no_event() {
    let by = |id, outcome, server| Seen {
        outcome,
        asked: None,
        print: Print::default(),
        ends: ends("10.0.0.1:1", server),
        ..seen(id, 0, 1000)
    };
    let client = Outcome::Cut(Party::Client);
    assert_eq!(said(&[by(1, CUT, "10.0.0.2:80"), by(2, CUT, "10.0.0.2:81"), by(3, client, "10.0.0.2:80")]), []);
    let left = said(&[by(1, client, "10.0.0.2:80"), by(2, client, "10.0.0.3:80")]);
    assert!(left[0].1.ends_with("the client 10.0.0.1 left them all, so the cause is there"), "{left:?}");
    let one = |id| Seen { conn: 7, ..by(id, CUT, "10.0.0.2:80") };
    assert!(about(&[one(1), one(2)], 1).ends_with("their connection ended under all of them"));
}

/// 10.0.0.2 is a proxy that asks 10.0.0.3.
fn far(id: i64, begun: i64, ended: i64) -> Seen {
    Seen { ends: ends(&format!("10.0.0.2:{}", 6000 + id), "10.0.0.3:80"), ..seen(id, begun, ended) }
}

#[test]
fn both_sides_of_a_proxy_name_each_other() {
    let all = [seen(1, 0, 1000), far(2, 5, 995)];
    assert_eq!(about(&all, 1), "#2 is the upstream side of the same answer");
    assert_eq!(about(&all, 2), "#1 is the downstream side of the same answer: 10.0.0.2:80 passed it on");
    let pace = |ttft, gap| Some((Span::from_millis(ttft), Span::from_millis(gap)));
    let held = [Seen { pace: pace(287, 1), ..seen(1, 0, 1000) }, Seen { pace: pace(22, 5), ..far(2, 5, 995) }];
    let line = about(&held, 1);
    assert!(line.contains("TTFT 22.0 ms there, 287 ms here (+265 ms)") && line.ends_with("(DLV-011)"), "{line}");
    let passed = [Seen { pace: pace(25, 5), ..seen(1, 0, 1000) }, Seen { pace: pace(22, 5), ..far(2, 5, 995) }];
    assert!(about(&passed, 1).ends_with("5.00 ms here"));
}

#[test]
fn other_bytes_are_another_stream_whatever_the_times_are() {
    let print = seen(1, 0, 0).print;
    let long = "word ".repeat(40);
    for (what, other, same) in [
        ("another text and body", Print { body: Some(1), ..print.with_text(Some("no")) }, false),
        ("another request, a short text", Print { request: Some(1), ..print }, false),
        ("no request was captured", Print { request: None, ..print }, false),
        ("nothing is known", Print::default(), false),
        ("the body was written anew", Print { body: Some(1), ..print }, true),
    ] {
        assert_eq!(print.is_same(&other), same, "{what}");
        let all = [seen(1, 0, 1000), Seen { print: other, ..far(2, 5, 995) }];
        assert_eq!(!said(&all).is_empty(), same, "{what}");
    }
    let (a, b) = (print.with_text(Some(&long)), Print { request: Some(1), ..print.with_text(Some(&long)) });
    assert!(a.is_same(&b), "a gateway wrote the request anew, and the text is long");
    assert!(!Print::default().is_same(&Print::default()));
}

#[test]
fn equal_bytes_of_other_ends_or_times_are_not_passed_on() {
    assert_eq!(said(&[seen(1, 0, 1000), seen(2, 5, 995)]), [], "two clients of one server");
    assert_eq!(said(&[seen(1, 0, 1000), far(2, 1005, 1900)]), [], "asked later");
    let elsewhere = Seen { ends: ends("10.0.0.9:1", "10.0.0.3:80"), ..seen(2, 5, 995) };
    assert_eq!(said(&[seen(1, 0, 1000), elsewhere]), [], "asked by another host");
}

#[test]
fn the_nearest_hop_is_the_next_request() {
    let middle = Seen { ends: ends("127.0.0.1:7000", "10.0.0.2:8001"), ..seen(2, 5, 990) };
    let all = [seen(1, 0, 1000), middle, Seen { ends: ends("127.0.0.1:7001", "10.0.0.2:9000"), ..seen(3, 10, 980) }];
    assert!(about(&all, 1).starts_with("#2 is the upstream side"));
    assert!(about(&all, 2).contains("#3 is the upstream side") && about(&all, 2).contains("#1 is the downstream side"));
}

#[test]
fn both_sides_of_an_address_translation_name_each_other() {
    let inside = seen(1, 0, 1000);
    let outside = Seen { ends: ends("203.0.113.7:5001", "10.0.0.2:80"), ..seen(2, 1, 1001) };
    let all = [inside.clone(), outside.clone()];
    assert_eq!(
        about(&all, 1),
        "#2 is the same stream, captured on the other side of an address translation: 203.0.113.7:5001 → 10.0.0.2:80"
    );
    assert!(about(&all, 2).starts_with("#1 is the same stream"));
    let target = Seen { ends: ends("10.0.0.1:5001", "172.17.0.2:8000"), ..outside.clone() };
    assert_eq!(said(&[inside.clone(), target]).len(), 2, "the target's address was translated");
    for (what, other) in [
        ("another port", Seen { ends: ends("203.0.113.7:5002", "10.0.0.2:80"), ..outside.clone() }),
        ("later", seen(2, 60, 1060)),
        ("another body", Seen { print: Print { body: Some(1), ..inside.print }, ..outside.clone() }),
        ("no request", Seen { print: Print { request: None, ..inside.print }, ..outside.clone() }),
    ] {
        assert_eq!(said(&[inside.clone(), other]), [], "{what}");
    }
}

#[test]
fn attempts_after_failures_are_counted() {
    let all = [
        Seen { outcome: CUT, ..seen(1, 0, 100) },
        Seen { outcome: Outcome::Failed, ..seen(2, 600, 700) },
        seen(3, 1700, 1900),
    ];
    assert_eq!(
        said(&all),
        [
            (1, "the client sent the same request again as #2, 500 ms after this one failed".to_owned()),
            (2, "attempt 2 of the same request: sent again 500 ms after the end of #1, which failed".to_owned()),
            (2, "the client sent the same request again as #3, 1.00 s after this one failed".to_owned()),
            (3, "attempt 3 of the same request: sent again 1.00 s after the end of #2, which failed".to_owned()),
        ]
    );
    let refused = [Seen { outcome: Outcome::Doubtful, ..seen(1, 0, 100) }, seen(2, 600, 700)];
    assert!(about(&refused, 1).ends_with("as #2, 500 ms after this whole answer"));
    assert!(about(&refused, 2).ends_with("a whole answer that the client may have refused (see its findings)"));
}

#[test]
fn equal_requests_are_no_retries_without_a_failure_or_a_question() {
    let failed = Seen { outcome: CUT, ..seen(1, 0, 100) };
    let other_host = Seen { ends: ends("10.0.0.8:1", "10.0.0.2:80"), ..seen(2, 600, 700) };
    let short = Seen::asks("POST", "/health", Some(hash("{\"ok\":true}")), 11, false);
    for (what, first, second) in [
        ("a good answer", seen(1, 0, 100), seen(2, 600, 700)),
        ("an end that was not captured", Seen { outcome: Outcome::Unknown, ..seen(1, 0, 100) }, seen(2, 600, 700)),
        ("at the same time", failed.clone(), seen(2, 50, 700)),
        ("much later", failed.clone(), seen(2, 300_101, 300_200)),
        ("another host", failed.clone(), other_host),
        ("another question", failed.clone(), Seen { asked: Some(1), ..seen(2, 600, 700) }),
        ("a health check", Seen { asked: short, ..failed.clone() }, Seen { asked: short, ..seen(2, 600, 700) }),
    ] {
        assert_eq!(said(&[first, second]), [], "{what}");
    }
    assert!(Seen::asks("POST", "/", Some(1), 300, false).is_some() && Seen::asks("GET", "/", None, 0, true).is_none());
}

#[test]
fn parallel_equal_questions_have_one_repetition_each() {
    let failed = |id, ended| Seen { outcome: CUT, ..seen(id, 0, ended) };
    let all = [failed(1, 100), failed(2, 300), seen(3, 200, 250), seen(4, 400, 450)];
    assert!(about(&all, 3).contains("after the end of #1,") && about(&all, 4).contains("after the end of #2,"));
}

#[test]
fn outcomes_of_verdicts() {
    let of = |verdict, cut, status| Outcome::of(Some(verdict), cut, status, false);
    assert_eq!(of("complete", None, Some(200)), Outcome::Good);
    assert_eq!(Outcome::of(Some("complete"), None, Some(200), true), Outcome::Doubtful);
    assert_eq!(
        [429, 503, 404].map(|s| of("complete", None, Some(s))),
        [Outcome::Failed, Outcome::Failed, Outcome::Good]
    );
    assert_eq!(of("server-truncated", Some("server"), Some(200)), CUT);
    assert_eq!(of("server-truncated", None, Some(200)), Outcome::Failed, "the transfer was whole");
    assert_eq!([of("server-truncated", None, None), of("gateway-timeout", Some("server"), Some(200))], [CUT, CUT]);
    assert_eq!(of("gateway-timeout", None, Some(504)), Outcome::Failed);
    assert_eq!(of("client-cancelled", Some("client"), Some(200)), Outcome::Cut(Party::Client));
    assert_eq!(of("capture-incomplete", None, None), Outcome::Unknown);
}
