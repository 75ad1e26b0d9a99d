//! Exchanges made by hand: what the times of their deltas mean, at each threshold and next to it.

use super::*;
use crate::conn::{ConnId, Endpoints};
use crate::dialect::{Answer, Meaning};
use crate::exchange::{Body, ExchangeId};
use crate::framing::Framing;
use crate::http::event::{Fields, MessageEnd, RequestHead, ResponseHead, Transfer, Version};
use crate::oddity::Oddities;

fn at(ms: i64) -> Timestamp {
    Timestamp(0).plus(Span::from_millis(ms))
}

fn deltas(times: &[i64]) -> Vec<Delta> {
    let meaning = Meaning { content: true, ..Meaning::default() };
    times.iter().zip(0..).map(|(ms, record)| Delta { at: at(*ms), record, meaning }).collect()
}

/// A stream with deltas at these milliseconds. The request ended at 0, the head came at 10 ms.
fn stream(times: &[i64]) -> Exchange {
    let head = ResponseHead {
        first_at: at(10),
        status: 200,
        reason: Vec::new(),
        version: Version::H11,
        transfer: Transfer::Chunked,
        h2_stream: None,
        fields: Fields::default(),
    };
    let response = Response {
        head: Some(head),
        head_at: at(10),
        first_at: at(10),
        last_at: at(times.last().copied().unwrap_or(10)),
        informational: Vec::new(),
        body: Body::default(),
        trailers: Fields::default(),
        framing: Framing::Sse,
        dialect: Some("openai.chat"),
        dialect_why: String::new(),
        record_count: times.len() as u64,
        first_record_at: None,
        last_record_at: None,
        comments: 0,
        deltas: deltas(times),
        answer: Answer::default(),
        records: Vec::new(),
        end: MessageEnd::Complete,
    };
    let request = crate::exchange::Request {
        head: RequestHead {
            first_at: at(0),
            method: "POST".into(),
            target: "/".into(),
            version: Version::H11,
            scheme: None,
            authority: None,
            transfer: Transfer::None,
            h2_stream: None,
            fields: Fields::default(),
        },
        head_at: at(0),
        last_at: at(0),
        body: Body::default(),
        model: None,
        stream: Some(true),
        asked: None,
        rpc: None,
        end: MessageEnd::Complete,
    };
    let end = std::net::SocketAddr::from(([127, 0, 0, 1], 80));
    Exchange {
        id: ExchangeId(0),
        conn: ConnId(0),
        endpoints: Endpoints { client: end, server: end },
        tls: None,
        request: Some(request),
        response: Some(response),
        ending: crate::exchange::ending::Ending::default(),
        oddities: Oddities::default(),
        websocket: None,
        gap: false,
    }
}

fn answer(x: &mut Exchange) -> &mut Response {
    x.response.as_mut().unwrap()
}

const WINDOW: Kind = TRANSPORT_STALLS[0].0;
const LOSS: Kind = TRANSPORT_STALLS[1].0;
const FLOW: Kind = TRANSPORT_STALLS[2].0;

const SHUT: &str = "the client did not read: its TCP window was closed";
const LOST: &str = "packets were lost and sent again";
const NOTHING: &str = "the server sent nothing: it was thinking, busy, or held back";

#[test]
fn a_pause_is_caused_by_what_ended_within_it_and_lasted_for_half_of_it() {
    // (kind, when the stall ended, how long it lasted) of a pause from 1000 to 2000 ms.
    type Stalls<'a> = &'a [(Kind, i64, Option<i64>)];
    let cases: &[(Stalls<'_>, &str)] = &[
        (&[], NOTHING),
        (&[(WINDOW, 1500, Some(500))], SHUT),
        (&[(WINDOW, 1500, Some(499))], NOTHING),
        (&[(WINDOW, 1500, None)], NOTHING),
        (&[(WINDOW, 1000, Some(900))], NOTHING),
        (&[(WINDOW, 1001, Some(900))], SHUT),
        (&[(WINDOW, 2000, Some(900))], SHUT),
        (&[(WINDOW, 2001, Some(900))], NOTHING),
        (&[(WINDOW, 900, Some(900))], NOTHING),
        (&[(LOSS, 1500, Some(600))], LOST),
        (&[(FLOW, 1500, Some(600))], "the client's HTTP/2 flow-control window was closed"),
        (&[(LOSS, 1500, Some(600)), (WINDOW, 1600, Some(600))], SHUT),
        (&[(LOSS, 1500, Some(600)), (WINDOW, 2500, Some(600))], LOST),
        (&[(Kind("tcp.other"), 1500, Some(900))], NOTHING),
    ];
    for (stalls, said) in cases {
        let mut x = stream(&[1000, 2000]);
        for (kind, ended, lasted) in *stalls {
            let odd = Oddity::new(*kind, at(*ended), "");
            x.oddities.push(Oddity { span: lasted.map(Span::from_millis), ..odd });
        }
        assert_eq!(cause(&x, at(1000), at(2000)).as_str(), *said, "{stalls:?}");
        x.gap = true;
        let unsure = if *said == NOTHING { "unknown: the capture lacks bytes" } else { said };
        assert_eq!(cause(&x, at(1000), at(2000)).as_str(), unsure, "{stalls:?}, and bytes are missing");
    }
}

#[test]
fn the_longest_pause_names_the_delta_behind_it() {
    let p = longest_pause(&stream(&[0, 100, 400, 500])).unwrap();
    assert_eq!((p.span, p.delta.record, p.delta.at, p.cause), (Span::from_millis(300), 2, at(400), Cause::Server));
    // Of equal pauses the last; none with one delta.
    assert_eq!(longest_pause(&stream(&[0, 100, 200])).map(|p| p.delta.record), Some(2));
    assert_eq!(longest_pause(&stream(&[5])), None);
    let mut x = stream(&[0, 100, 400, 500]);
    x.oddities.push(Oddity::new(WINDOW, at(390), "").span(Span::from_millis(280)));
    assert_eq!(longest_pause(&x).unwrap().cause, Cause::Transport(SHUT));
    x.response = None;
    assert_eq!(longest_pause(&x), None);
}

#[test]
fn nagle_coalesces_and_a_steady_model_does_not() {
    let held: Vec<i64> = (0..10).flat_map(|n| [n * 41, n * 41, n * 41]).collect();
    assert_eq!(delayed_acks(&deltas(&held)).map(|d| (d.timer, d.gaps, d.of)), Some((Span::from_millis(40), 9, 9)));
    let steady: Vec<i64> = (0..30).map(|n| n * 40).collect();
    assert_eq!(delayed_acks(&deltas(&steady)), None);
}

/// Pairs of deltas in deliveries with this time between them.
fn paired(gaps: &[i64]) -> Option<(Span, usize, usize)> {
    let mut times = vec![0, 0];
    for gap in gaps {
        let last = times[times.len() - 1];
        times.extend([last + gap, last + gap]);
    }
    delayed_acks(&deltas(&times)).map(|d| (d.timer, d.gaps, d.of))
}

#[test]
fn delayed_acknowledgements_at_their_limits() {
    let (linux, others) = (Span::from_millis(40), Span::from_millis(200));
    assert_eq!(paired(&[40; 5]), Some((linux, 5, 5)));
    assert_eq!(paired(&[40; 4]), None, "five gaps at least");
    assert_eq!([36, 44].map(|gap| paired(&[gap; 6])), [Some((linux, 6, 6)); 2]);
    assert_eq!([35, 45].map(|gap| paired(&[gap; 6])), [None; 2]);
    assert_eq!([180, 200, 220].map(|gap| paired(&[gap; 6])), [Some((others, 6, 6)); 3]);
    assert_eq!([179, 221].map(|gap| paired(&[gap; 6])), [None; 2]);
    // Three fifths of all gaps.
    assert_eq!(paired(&[40, 40, 40, 40, 40, 40, 9, 9, 9, 9]), Some((linux, 6, 10)));
    assert_eq!(paired(&[40, 40, 40, 40, 40, 40, 9, 9, 9, 9, 9]), None);
    assert_eq!(paired(&[200, 200, 200, 200, 200, 200, 40, 40, 40]), Some((others, 6, 9)));
    // 13 deltas in 10 deliveries are coalesced, 12 are not.
    let with = |extra: usize| {
        let mut times: Vec<i64> = (0..10).map(|n| n * 40).collect();
        times.extend(vec![0; extra]);
        times.sort_unstable();
        delayed_acks(&deltas(&times)).is_some()
    };
    assert_eq!([2, 3].map(with), [false, true]);
}

#[test]
fn how_many_come_together() {
    let d = deltas(&[0, 0, 0, 100, 100, 100, 100, 200]);
    assert_eq!(bursts(&d), [3, 4, 1]);
    assert_eq!(median_burst(&d), 3);
    assert_eq!(deltas_per_delivery(&d), Some(8.0 / 3.0));
    assert_eq!(deltas_per_delivery(&[]), None);
    assert_eq!((median_burst(&[]), bursts(&[]).len()), (0, 0));
    // A millisecond separates two bursts; any time at all separates two deliveries.
    let apart = |ns: i64| {
        let mut two = deltas(&[0, 0]);
        two[1].at = Timestamp(two[0].at.0 + ns);
        (bursts(&two).len(), deltas_per_delivery(&two))
    };
    assert_eq!([0, 1, 999_999, 1_000_000].map(apart), [(1, Some(2.0)), (1, Some(1.0)), (1, Some(1.0)), (2, Some(1.0))]);
}

#[test]
fn tokens_for_each_delta() {
    let mut x = stream(&[0, 1, 2, 3]);
    assert_eq!(tokens_per_delta(answer(&mut x)), None);
    answer(&mut x).answer.output_tokens = Some(10);
    assert_eq!(tokens_per_delta(answer(&mut x)), Some(2.5));
    answer(&mut x).deltas.clear();
    assert_eq!(tokens_per_delta(answer(&mut x)), None);
}

/// (bursts, deltas of the three largest, quiet in ms) of deltas at these milliseconds.
fn held(times: &[i64]) -> Option<(usize, usize, i64)> {
    held_back(&stream(times)).map(|h| (h.bursts, h.in_three, h.quiet.0 / 1_000_000))
}

#[test]
fn deltas_that_were_made_in_silence() {
    assert_eq!(held(&[300, 300, 300, 300]), Some((1, 4, 300)));
    assert_eq!(held(&[299, 299, 299, 299]), None, "who waits less than 0.3 s does not notice");
    assert_eq!(held(&[300, 320, 340, 360]), None, "one by one");
    assert_eq!(held(&[300]), None, "one delta is not a burst");
    // Two milliseconds to generate each.
    assert_eq!(held(&[400; 200]), Some((1, 200, 400)));
    assert_eq!(held(&[400; 201]), None);
    let four: Vec<i64> = [100; 2].into_iter().chain([200; 3]).chain([300; 4]).chain([400; 5]).collect();
    assert_eq!(held(&four), Some((4, 12, 400)), "the three largest have 5, 4 and 3");
    let mut x = stream(&[300; 4]);
    x.request = None;
    assert_eq!(held_back(&x), None, "from the response's first byte on it is 290 ms");
    answer(&mut x).first_at = at(0);
    assert_eq!(held_back(&x).map(|h| h.quiet), Some(Span::from_millis(300)));
    assert_eq!(held_back(&stream(&[])), None);
}

#[test]
fn the_time_within_bursts_decides_too() {
    // Ten deltas in one burst, each this many microseconds after the one before: packed if the ITL is below 200 µs.
    let packed = |us: i64| {
        let mut x = stream(&[1000; 10]);
        for (n, d) in answer(&mut x).deltas.iter_mut().enumerate() {
            d.at = Timestamp(d.at.0 + n as i64 * us * 1000);
        }
        held_back(&x).map(|h| (h.bursts, h.quiet.0))
    };
    assert_eq!(packed(199), Some((1, 1_000_000_000)), "the time inside the burst is not quiet");
    assert_eq!(packed(200), None);
}

// ---- in words

fn said(x: &Exchange) -> Vec<String> {
    words(x)
}

#[test]
fn nothing_is_said_of_what_is_no_stream() {
    assert_eq!(said(&stream(&[1])), [""; 0]);
    let mut x = stream(&[1, 2]);
    answer(&mut x).framing = Framing::Json;
    assert_eq!(said(&x), [""; 0]);
    x.response = None;
    assert_eq!(said(&x), [""; 0]);
}

#[test]
fn one_by_one_or_several_at_once() {
    assert_eq!(said(&stream(&[20, 30]))[0], "2 deltas, one by one");
    assert_eq!(said(&stream(&[20, 20, 30, 40, 50]))[0], "5 deltas, 1.2 per delivery on average");
    assert_eq!(said(&stream(&[20, 20, 30, 30]))[0], "4 deltas in bursts of 2 (median)");
    let mut spread: Vec<i64> = (0..20).map(|n| 20 + n * 10).collect();
    spread.push(20);
    spread.sort_unstable();
    assert_eq!(said(&stream(&spread))[0], "21 deltas, 1.1 per delivery on average", "1.05 is not one by one");
    let all = |n: usize, spread: i64| {
        let mut times = vec![20; n - 1];
        times.push(20 + spread);
        said(&stream(&times))[0].clone()
    };
    assert_eq!(all(6, 4), "all 6 deltas came within 4.00 ms: the answer was collected before it was sent");
    assert_eq!(all(6, 5), "6 deltas in bursts of 5 (median)");
    assert_eq!(all(5, 0), "5 deltas in bursts of 5 (median)");
}

#[test]
fn pauses_are_told_from_a_quarter_of_a_second_or_with_their_cause() {
    let pause = |x: &Exchange| said(x).into_iter().find(|w| w.starts_with("longest"));
    assert_eq!(pause(&stream(&[20, 269])), None);
    assert_eq!(pause(&stream(&[20, 270])), Some(format!("longest pause 250 ms before record 1: {NOTHING}")));
    let mut x = stream(&[20, 120]);
    x.oddities.push(Oddity::new(LOSS, at(110), "").span(Span::from_millis(80)));
    assert_eq!(pause(&x), Some(format!("longest pause 100 ms before record 1: {LOST}")));
    let mut x = stream(&[20, 120]);
    x.gap = true;
    assert_eq!(pause(&x), None, "a short one without an explanation");
}

#[test]
fn the_head_against_the_first_delta() {
    let head = |head: i64, first: i64| {
        let mut x = stream(&[first, first + 10]);
        answer(&mut x).first_at = at(head);
        said(&x).into_iter().find(|w| w.starts_with("head"))
    };
    assert_eq!(head(10, 49), None);
    assert_eq!(head(10, 50), Some("head after 10.0 ms, first delta after 50.0 ms".into()));
    assert_eq!(head(90, 100), Some("head after 90.0 ms, first delta after 100 ms".into()));
    assert_eq!(head(99, 100), Some("head after 99.0 ms, first delta after 100 ms".into()));
    let mut x = stream(&[100, 110]);
    x.request = None;
    assert!(!said(&x).iter().any(|w| w.starts_with("head")));
}

#[test]
fn cuts_tokens_and_clocks_in_words() {
    let mut x = stream(&[20, 30]);
    let none = said(&x).len();
    let r = answer(&mut x);
    (r.body.arrival.split_records, r.record_count) = (2, 7);
    assert_eq!(said(&x).last().unwrap(), "2 of 7 records came in several deliveries");
    answer(&mut x).body.arrival.split_characters = 3;
    answer(&mut x).body.arrival.split_line_ends = 4;
    assert_eq!(
        said(&x).last().unwrap(),
        "2 of 7 records came in several deliveries, 3 cuts inside a character, 4 between CR and LF"
    );
    let mut x = stream(&[20, 30]);
    answer(&mut x).answer.output_tokens = Some(3);
    assert_eq!(said(&x).last().unwrap(), "1.5 tokens per delta: the ITL is not the time per token");
    answer(&mut x).answer.output_tokens = Some(2);
    assert_eq!(said(&x).len(), none);
    let clock = |set: fn(&mut Response, Span), ms: i64| {
        let mut x = stream(&[20, 30]);
        set(answer(&mut x), Span::from_millis(ms));
        said(&x).split_off(none).pop()
    };
    let lag = "compared with the server's own time stamps, deltas came up to 50.0 ms later than the fastest one";
    assert_eq!(
        [49, 50].map(|ms| clock(|r, v| r.answer.server_clock.lag_spread = Some(v), ms)),
        [None, Some(lag.into())]
    );
    let read = "the server says that it read the prompt for 50.0 ms";
    assert_eq!([49, 50].map(|ms| clock(|r, v| r.answer.server_clock.reading = Some(v), ms)), [None, Some(read.into())]);
    let made = "the server says that it generated for 7.00 ms; the deltas came over 10.0 ms";
    assert_eq!(clock(|r, v| r.answer.server_clock.generating = Some(v), 7), Some(made.into()));
    let nagle: Vec<i64> = (0..7).flat_map(|n| [20 + n * 40; 2]).collect();
    let delayed = "6 of 6 pauses between deliveries last 40.0 ms: small segments wait for delayed acknowledgements (Nagle; TCP_NODELAY is off)";
    assert!(said(&stream(&nagle)).iter().any(|w| w == delayed), "{:?}", said(&stream(&nagle)));
}

#[test]
fn cuts_and_blocks_that_something_on_the_way_makes() {
    let mut x = stream(&[20, 30]);
    (answer(&mut x).record_count, answer(&mut x).body.arrival.split_line_ends) = (2, 1);
    assert_eq!(said(&x).last().unwrap(), "0 of 2 records came in several deliveries, 1 between CR and LF");
    for (size, kib) in [(4096, 4), (8192, 8), (16384, 16), (32768, 32)] {
        let mut x = stream(&[20, 30]);
        for n in 0..4 {
            answer(&mut x).body.arrival.push(at(n * 10), n as u64, &vec![b'x'; size]);
        }
        let told = format!("3 of 3 bursts are about {kib} KiB: something on the way fills a buffer before it sends");
        assert_eq!(said(&x)[1], told);
    }
}
