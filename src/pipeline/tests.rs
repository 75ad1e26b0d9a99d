//! Times and counts of an exchange, each from a transcript whose deliveries are apart.

mod bodies;
mod connections;
mod places;
mod sockets;
mod stored;

use super::closing::Closings;
use super::work::Work;
use super::{Config, exchanges_of};
use crate::conn::{ByteEvent, ConnId, Direction, Endpoints, What};
use crate::exchange::Exchange;
use crate::framing::Framing;
use crate::http::event::{EndSignal, HttpEvent, HttpWhat, MessageEnd, Side};
use crate::time::Span;

const ASK: &str = "> POST /v1/chat/completions HTTP/1.1\n> Host: h\n>json {\"model\":\"m\",\"stream\":true}\n\n";
const HEAD: &str = "@ +100ms\n< HTTP/1.1 200 OK\n< Content-Type: text/event-stream\n<\n\n";

fn exchange(parts: &[&str]) -> Exchange {
    let transcript = crate::wire::parse(&parts.concat()).unwrap();
    exchanges_of(|sink| transcript.replay(ConnId(0), sink)).remove(0)
}

/// Milliseconds since the transcript began.
fn ms(at: Option<crate::time::Timestamp>) -> Option<i64> {
    Some(at?.since(crate::wire::START).0 / Span::from_millis(1).0)
}

#[test]
fn a_record_is_there_with_its_last_byte() {
    let first =
        "@ +20ms\n<| data: {\"choices\":[{\"index\":0,\"delta\":{\"cont\n\n@ +50ms\n<| ent\":\"a\"}}]}\\n\\n\n\n";
    let whole = "@ +30ms\n<| data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"b\"}}]}\\n\\n\n\n";
    let x = exchange(&[ASK, HEAD, first, whole, "@ +5ms\n!fin <\n"]);
    let r = x.response.unwrap();
    assert_eq!((ms(r.first_record_at), ms(r.last_record_at), r.record_count), (Some(170), Some(200), 2));
    assert_eq!(r.deltas.iter().map(|d| ms(Some(d.at)).unwrap()).collect::<Vec<_>>(), [170, 200]);
    assert_eq!(
        r.records.iter().map(|r| (ms(Some(r.first_at)), ms(Some(r.at)))).collect::<Vec<_>>(),
        [(Some(120), Some(170)), (Some(200), Some(200))]
    );
    assert_eq!((r.body.arrival.split_records, r.body.arrival.deliveries), (1, 3));
    assert_eq!((ms(Some(r.head_at)), ms(r.body.first_at), ms(Some(r.last_at))), (Some(100), Some(120), Some(200)));
    assert_eq!((ms(x.ending.last_byte_at), ms(Some(x.ending.at))), (Some(200), Some(205)));
    // The longest silence before the first delta: from the head to the first byte 20 ms, then 50 ms.
    assert_eq!(
        r.body.arrival.quiet.map(|(span, until)| (span, ms(Some(until)))),
        Some((Span::from_millis(50), Some(170)))
    );
}

#[test]
fn the_terminator_of_an_array_is_its_closing_bracket() {
    let ask = "> POST /v1beta/models/m:streamGenerateContent HTTP/1.1\n> Host: h\n>json {}\n\n";
    let head = "@ +100ms\n< HTTP/1.1 200 OK\n< Content-Type: application/json\n<\n\n";
    let part = |text: &str, more: &str| {
        format!("{{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":\"{text}\"}}]}}{more}}}]}}")
    };
    let (one, two) = (part("a", ""), part("b", ",\"finishReason\":\"STOP\""));
    let x = exchange(&[
        ask,
        head,
        &format!("@ +10ms\n<| [{one}\n\n@ +20ms\n<| ,{two}\n\n@ +40ms\n<| ]\n\n@ +7ms\n!fin <\n"),
    ]);
    let r = x.response.as_ref().unwrap();
    assert_eq!((r.dialect, r.record_count, r.answer.texts[&0].as_str()), (Some("gemini.generate"), 2, "ab"));
    assert_eq!((ms(x.ending.finish_at), ms(x.ending.terminator_at)), (Some(130), Some(170)));
    assert_eq!((ms(r.first_record_at), ms(r.last_record_at)), (Some(110), Some(130)));
}

#[test]
fn the_first_terminator_and_the_last_finish_reason_count() {
    let chunk = |finish: &str| {
        format!(
            "@ +10ms\n<| data: \
                {{\"object\":\"chat.completion.chunk\",\"choices\":[{{\"index\":0,\"delta\":{{}},\"finish_reason\":{finish}}}]}}\\n\\n\n\n"
        )
    };
    let done = "@ +10ms\n<| data: [DONE]\\n\\n\n\n";
    let x = exchange(&[ASK, HEAD, &chunk("null"), &chunk("\"stop\""), &chunk("\"length\""), done, done, "!fin <\n"]);
    assert_eq!((ms(x.ending.finish_at), ms(x.ending.terminator_at)), (Some(130), Some(140)));
    assert_eq!(x.response.unwrap().record_count, 5);
}

#[test]
fn what_is_counted_and_what_is_kept() {
    let delta = |ms: u32, delta: &str| {
        format!(
            "@ +{ms}ms\n<| data: \
                {{\"object\":\"chat.completion.chunk\",\"choices\":[{{\"index\":0,\"delta\":{delta}}}]}}\\n\\n\n\n"
        )
    };
    let tool = "{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}";
    let parts = [
        delta(10, "{}"),
        delta(30, "{\"reasoning_content\":\"h\"}"),
        delta(400, tool),
        "@ +1ms\n<| : a\\n: b\\n\\n\n\n".into(),
    ];
    let x = exchange(&[ASK, HEAD, &parts.concat(), "!fin <\n"]);
    let r = x.response.unwrap();
    assert_eq!((r.record_count, r.records.len(), r.deltas.len(), r.comments), (3, 3, 2, 2));
    assert_eq!(
        r.records.iter().map(|r| r.meaning.delta()).collect::<Vec<_>>(),
        [None, Some("reasoning"), Some("tool")]
    );
    assert_eq!(
        r.body.arrival.quiet.map(|(span, _)| span),
        Some(Span::from_millis(30)),
        "a silence after the first delta is a pause"
    );
}

#[test]
fn an_interim_head_alone_is_no_gap() {
    let x = exchange(&[ASK, "< HTTP/1.1 100 Continue\n<\n\n!fin <\n"]);
    assert_eq!((x.gap, x.response.map(|r| r.informational.len())), (false, Some(1)));
}

#[test]
fn an_answer_that_can_have_no_body_is_empty_whatever_it_declares() {
    let framing = |status: &str| {
        exchange(&[ASK, &HEAD.replace("200 OK", status), "!fin <\n"]).response.map(|r| (r.framing, r.dialect))
    };
    assert_eq!(framing("204 No Content"), Some((Framing::Empty, None)));
    assert_eq!(framing("200 OK"), Some((Framing::Sse, Some("none"))), "an event stream without an event");
}

#[test]
fn a_status_without_a_message_has_no_place_but_the_end() {
    let ask =
        "> POST /greet.Greeter/SayHello HTTP/1.1\n> Host: h\n> Content-Type: application/grpc-web+proto\n>| x\n\n";
    let head =
        "@ +20ms\n< HTTP/1.1 200 OK\n< Content-Type: application/grpc-web+proto\n< Transfer-Encoding: chunked\n<\n\n";
    let frame =
        |message: &str, ms: u32| format!("@ +{ms}ms\n<chunk {message}\\x80\\x00\\x00\\x00\\x10grpc-status: 8\\r\\n\n");
    let place = |message: &str| {
        let x = exchange(&[ask, head, &frame(message, 10), "@ +5ms\n<last\n"]);
        let odd = x.oddities.find(crate::dialect::grpc::STATUS).map(|(o, _)| o.clone()).unwrap();
        (ms(Some(odd.at)), odd.record, odd.offset, odd.found)
    };
    let (_, record, offset, found) = place("\\x00\\x00\\x00\\x00\\x01a");
    assert_eq!((record, offset, found.as_ref()), (Some(0), Some(0), "grpc-status 8 RESOURCE_EXHAUSTED"));
    let (at, record, offset, _) = place("");
    assert_eq!((at, record, offset), (Some(35), None, None));
}

#[test]
fn what_is_left_of_a_stream_whose_answer_never_began() {
    let end = std::net::SocketAddr::from(([127, 0, 0, 1], 80));
    let of = |how: MessageEnd| {
        let mut work = Box::new(Work::new(0, ConnId(0), Endpoints { client: end, server: end }, 0));
        let what = HttpWhat::End(how, EndSignal::Reset);
        work.on(
            HttpEvent { at: crate::wire::START, frame: 1, exchange: 0, side: Side::Response, what },
            &Config::default(),
            usize::MAX,
        );
        let x = work.finish(Endpoints { client: end, server: end }, &Closings::default());
        (x.response.is_some(), x.gap)
    };
    // A reset ended it: nothing is missing. Otherwise its head was not captured.
    assert_eq!([MessageEnd::CutByClient, MessageEnd::CutByServer].map(of), [(false, false); 2]);
    assert_eq!([MessageEnd::Complete, MessageEnd::CutByCapture].map(of), [(true, true); 2]);
}

/// Requests without an answer, more than are followed: each is reported once, and those that came first say why they
/// have no answer.
#[test]
fn exchanges_beyond_those_that_may_be_open_are_given_up() {
    let ask = "> GET / HTTP/1.1\n> Host: h\n>\n\n";
    let transcript = crate::wire::parse(&ask.repeat(super::MAX_OPEN + 30)).unwrap();
    let all = exchanges_of(|sink| transcript.replay(ConnId(0), sink));
    assert_eq!(all.len(), super::MAX_OPEN + 30);
    let given_up: Vec<u64> = all
        .iter()
        .filter(|x| x.oddities.find(super::work::TOO_MANY_OPEN).is_some())
        .map(|x| {
            assert_eq!(x.ending.told, Some(EndSignal::NotCaptured));
            x.id.0
        })
        .collect();
    assert_eq!(given_up, (0..30).collect::<Vec<_>>());
}

/// A body that decodes to far more than was sent: its records are counted to the end, and kept no longer.
#[test]
fn records_of_a_swollen_body_are_counted() {
    use std::io::Write;
    let line = format!("{{\"a\":\"{}\"}}\n", "a".repeat(2 << 20));
    let mut body = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    (0..16).for_each(|_| body.write_all(line.as_bytes()).unwrap());
    let body = body.finish().unwrap();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let said = [head.as_bytes(), &body].concat();
    let end = std::net::SocketAddr::from(([127, 0, 0, 1], 80));
    let all = exchanges_of(|sink| {
        let mut say = |dir, what| sink(ByteEvent { at: crate::wire::START, frame: 1, conn: ConnId(0), dir, what });
        say(Direction::ToServer, What::Open { endpoints: Endpoints { client: end, server: end }, joined: false });
        say(Direction::ToServer, What::Data(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
        said.chunks(1400).for_each(|part| say(Direction::ToClient, What::Data(part)));
    });
    let response = all[0].response.as_ref().unwrap();
    assert_eq!((response.record_count, response.body.decoded_bytes), (16, 16 * line.len() as u64));
    assert!((7..16).contains(&response.records.len()), "{}", response.records.len());
    assert_eq!(all[0].oddities.find(crate::body::BOMB).map(|(_, n)| n), Some(1));
    assert!(response.body.decoded_sha256.is_some(), "the hash is of all that was decoded");
}
