//! Exchanges made by hand, with figures worked out by hand from docs/contract.md (Times).

use super::*;
use crate::conn::{ConnId, Endpoints};
use crate::dialect::{Answer, Meaning};
use crate::exchange::clock::{OUT_OF_RANGE, STEPPED_BACK, oddities};
use crate::exchange::{Body, Delta, ExchangeId, Request, Response};
use crate::framing::Framing;
use crate::http::event::{Fields, MessageEnd, RequestHead, ResponseHead, Transfer, Version};
use crate::oddity::Oddities;

const CONTENT: Meaning =
    Meaning { content: true, reasoning: false, tool: false, terminator: false, error: false, turn: 0 };
const REASONING: Meaning =
    Meaning { content: false, reasoning: true, tool: false, terminator: false, error: false, turn: 0 };
const TOOL: Meaning =
    Meaning { content: false, reasoning: false, tool: true, terminator: false, error: false, turn: 0 };

/// Milliseconds as an instant.
fn at(ms: i64) -> Timestamp {
    Timestamp(ms * 1_000_000)
}

/// Milliseconds as a span.
fn ms(ms: i64) -> Span {
    Span::from_millis(ms)
}

/// Request from 0 to 10 ms, response head at 50, first body byte at 55, deltas as given, end at 500.
fn exchange(deltas: &[(i64, Meaning)], output_tokens: Option<u64>) -> Exchange {
    let end = "127.0.0.1:1".parse().expect("an address");
    let request = Request {
        head: RequestHead {
            first_at: at(0),
            method: "POST".into(),
            target: "/v1/chat/completions".into(),
            version: Version::H11,
            scheme: None,
            authority: None,
            transfer: Transfer::None,
            h2_stream: None,
            fields: Fields::default(),
        },
        last_at: at(10),
        body: Body::default(),
        model: None,
        stream: None,
        asked: None,
        rpc: None,
        head_at: Timestamp(0),
        end: MessageEnd::Complete,
    };
    let response = Response {
        head: Some(ResponseHead {
            first_at: at(50),
            status: 200,
            reason: Vec::new(),
            version: Version::H11,
            transfer: Transfer::Chunked,
            h2_stream: None,
            fields: Fields::default(),
        }),
        first_at: at(50),
        last_at: at(500),
        informational: Vec::new(),
        body: Body { first_at: Some(at(55)), ..Body::default() },
        trailers: Fields::default(),
        framing: Framing::Sse,
        dialect: Some("openai.chat"),
        dialect_why: String::new(),
        head_at: Timestamp(0),
        record_count: 0,
        first_record_at: Some(at(56)),
        last_record_at: Some(at(490)),
        comments: 0,
        deltas: deltas
            .iter()
            .enumerate()
            .map(|(n, (t, meaning))| Delta { at: at(*t), record: n as u64, meaning: *meaning })
            .collect(),
        answer: Answer { output_tokens, ..Answer::default() },
        records: Vec::new(),
        end: MessageEnd::Complete,
    };
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

#[test]
fn spans_of_a_stream_that_thinks_first() {
    let m = of(&exchange(&[(110, REASONING), (130, CONTENT), (160, CONTENT), (200, TOOL)], Some(4)));
    assert_eq!(
        (m.ttfb, m.ttft, m.ttft_content, m.duration),
        (Some(ms(40)), Some(ms(100)), Some(ms(120)), Some(ms(490)))
    );
    assert_eq!(m.itl, [ms(20), ms(30), ms(40)]);
    assert_eq!(m.itl_p50(), Some(ms(30)));
    assert_eq!(m.tpot, Some(ms(30)), "(200 − 110) ÷ 3");
    assert_eq!((m.request_start, m.request_end), (Some(at(0)), Some(at(10))));
    assert_eq!((m.response_start, m.first_body_byte, m.first_record), (Some(at(50)), Some(at(55)), Some(at(56))));
    assert_eq!((m.first_delta, m.last_delta, m.response_end), (Some(at(110)), Some(at(200)), Some(at(500))));
}

#[test]
fn tpot_is_never_guessed() {
    for tokens in [None, Some(0), Some(1)] {
        let m = of(&exchange(&[(110, CONTENT), (130, CONTENT)], tokens));
        assert_eq!((m.tpot, m.itl.len()), (None, 1), "{tokens:?}");
    }
    assert_eq!(of(&exchange(&[], Some(5))).tpot, None);
    assert_eq!(of(&exchange(&[(110, CONTENT)], Some(5))).tpot, None, "five tokens in one record");
    assert_eq!(of(&exchange(&[(1, CONTENT), (2, CONTENT)], Some(u64::MAX))).tpot, Some(Span(0)));
}

#[test]
fn tokens_of_the_first_delta_and_tokens_that_were_not_sent_do_not_count() {
    let deltas = [(100, CONTENT), (260, CONTENT), (420, CONTENT), (580, CONTENT)];
    let with = |first: Option<u64>, usage: serde_json::Value| {
        let mut x = exchange(&deltas, Some(64));
        let answer = &mut x.response.as_mut().expect("a response").answer;
        (answer.first_delta_tokens, answer.usage) = (first, Some(usage));
        of(&x).tpot
    };
    let plain = || serde_json::json!({"completion_tokens": 64});
    assert_eq!(with(None, plain()), Some(Span(480_000_000 / 63)));
    assert_eq!(with(Some(16), plain()), Some(ms(10)), "480 ms for the 48 tokens after the first delta");
    for no_figure in [0, 64, 99] {
        assert_eq!(with(Some(no_figure), plain()), Some(Span(480_000_000 / 63)), "{no_figure} of 64");
    }
    let hidden = |n: u64, total: u64| {
        serde_json::json!({"prompt_tokens": 9, "completion_tokens": 64, "total_tokens": total,
            "completion_tokens_details": {"reasoning_tokens": n}})
    };
    assert_eq!(with(None, hidden(43, 73)), Some(ms(24)), "480 ms for 20 tokens");
    assert_eq!(with(None, hidden(63, 73)), None, "one token was sent");
    assert_eq!(with(None, hidden(43, 73 + 43)), Some(Span(480_000_000 / 63)), "counted beside the 64");
    assert_eq!(with(Some(59), hidden(43, 73)), Some(ms(96)), "what the first delta says includes the reasoning");
    let mut seen = exchange(&[(100, REASONING), (580, CONTENT)], Some(64));
    let answer = &mut seen.response.as_mut().expect("a response").answer;
    (answer.reasoning_deltas, answer.usage) = (1, Some(hidden(43, 73)));
    assert_eq!(of(&seen).tpot, Some(Span(480_000_000 / 63)), "reasoning that was sent counts");
}

#[test]
fn records_that_are_no_deltas_do_not_count() {
    let end = Meaning { terminator: true, ..Meaning::default() };
    let m = of(&exchange(&[(100, Meaning::default()), (110, CONTENT), (300, end)], None));
    assert_eq!((m.ttft, m.last_delta, m.itl.len()), (Some(ms(100)), Some(at(110)), 0));
    assert_eq!(m.itl_p50(), None);
}

#[test]
fn without_a_request_there_is_nothing_to_count_from() {
    let mut x = exchange(&[(110, CONTENT), (130, CONTENT)], Some(3));
    x.request = None;
    let m = of(&x);
    assert_eq!((m.ttfb, m.ttft, m.ttft_content, m.duration), (None, None, None, None));
    assert_eq!((m.itl.as_slice(), m.tpot), (&[ms(20)][..], Some(ms(10))));
}

#[test]
fn a_response_joined_in_the_middle_has_no_first_anything() {
    let mut x = exchange(&[(110, CONTENT), (130, CONTENT)], Some(3));
    x.response.as_mut().expect("a response").head = None;
    let m = of(&x);
    assert_eq!((m.response_start, m.first_body_byte, m.first_record, m.first_delta), (None, None, None, None));
    assert_eq!((m.ttfb, m.ttft, m.ttft_content, m.tpot), (None, None, None, None));
    assert_eq!((m.itl.as_slice(), m.last_delta, m.response_end), (&[ms(20)][..], Some(at(130)), Some(at(500))));
    x.response = None;
    assert_eq!(of(&x), Metrics { request_start: Some(at(0)), request_end: Some(at(10)), ..Metrics::default() });
}

#[test]
fn a_clock_that_steps_back_gives_no_negative_span() {
    let m = of(&exchange(&[(110, CONTENT), (105, CONTENT), (5, CONTENT), (25, CONTENT)], Some(3)));
    assert_eq!(m.itl, [ms(20)]);
    assert_eq!((m.itl_p50(), m.tpot), (Some(ms(20)), None));
    assert_eq!(of(&exchange(&[(5, CONTENT)], None)).ttft, None);
}

#[test]
fn times_outside_of_the_calendar_give_no_span() {
    let mut x = exchange(&[(110, CONTENT), (130, CONTENT)], Some(3));
    x.request.as_mut().expect("a request").last_at = Timestamp(i64::MAX);
    let m = of(&x);
    assert_eq!((m.ttfb, m.ttft, m.duration, m.itl.as_slice()), (None, None, None, &[ms(20)][..]));
    let odd = oddities(&x);
    assert_eq!(odd.iter().map(|o| o.kind).collect::<Vec<_>>(), [OUT_OF_RANGE]);
}

#[test]
fn a_step_back_is_told_with_its_size() {
    let steps = |deltas: &[(i64, Meaning)]| -> Vec<(Option<Span>, Timestamp)> {
        oddities(&exchange(deltas, None)).into_iter().map(|o| (o.span, o.at)).collect()
    };
    assert_eq!(steps(&[(110, CONTENT), (130, CONTENT)]), []);
    // The largest of several, once.
    assert_eq!(steps(&[(110, CONTENT), (105, CONTENT), (60, CONTENT), (59, CONTENT)]), [(Some(ms(45)), at(60))]);
    // An answer may begin before its request has ended, and not before it began.
    let mut x = exchange(&[], None);
    x.response.as_mut().expect("a response").first_at = at(3);
    assert_eq!(oddities(&x), []);
    x.response.as_mut().expect("a response").first_at = at(-3);
    assert_eq!(oddities(&x).first().and_then(|o| o.span), Some(ms(3)));
    x.response = None;
    x.request.as_mut().expect("a request").last_at = at(-7);
    assert_eq!(oddities(&x).first().map(|o| (o.kind, o.span)), Some((STEPPED_BACK, Some(ms(7)))));
}

#[test]
fn nearest_rank() {
    // the textbook's example: 15, 20, 35, 40, 50
    let five = [15, 20, 35, 40, 50].map(Span);
    for (p, want) in
        [(0.0, 15), (5.0, 15), (30.0, 20), (40.0, 20), (50.0, 35), (100.0, 50), (101.0, 50), (-1.0, 15), (f64::NAN, 15)]
    {
        assert_eq!(percentile(&five, p), Some(Span(want)), "p{p}");
    }
    let hundred: Vec<_> = (1..=100).map(Span).collect();
    for p in 1..=100 {
        assert_eq!(percentile(&hundred, f64::from(p)), Some(Span(i64::from(p))));
    }
    assert_eq!(percentile::<Span>(&[], 50.0), None);
}

#[test]
fn on_a_websocket_latency_counts_from_the_question_that_was_last() {
    let figures = |asks: &[i64]| {
        let mut x = exchange(&[(110, CONTENT), (130, CONTENT), (200, CONTENT)], Some(3));
        let asks = asks.iter().map(|ms| at(*ms)).collect();
        let (opened_at, client_close, server_close) = (at(50), None, None);
        let socket =
            crate::exchange::WebSocket { opened_at, client_messages: 2, asks, client_close, server_close, close: None };
        x.websocket = Some(Box::new(socket));
        let m = of(&x);
        (m.ttft, m.itl, m.tpot)
    };
    let all = vec![ms(20), ms(70)];
    assert_eq!(figures(&[]), (Some(ms(100)), all.clone(), Some(ms(45))), "from the request");
    assert_eq!(figures(&[60]), (Some(ms(50)), all.clone(), Some(ms(45))));
    assert_eq!(figures(&[110]), (Some(ms(0)), all, Some(ms(45))), "one at the delta's own time asked for it");
    assert_eq!(figures(&[60, 150]), (Some(ms(50)), vec![ms(20)], None), "no span bridges two answers");
    assert_eq!(
        figures(&[111]),
        (Some(ms(100)), vec![ms(70)], None),
        "a question after the first delta did not ask for it"
    );
}
