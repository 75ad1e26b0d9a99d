//! The verdict of each way to end an answer, and its reasons word for word.

use super::{ASK, DONE, ERROR, HEAD, LAST, STOP, WORD, exchange};
use crate::exchange::ending::{Ending, Party};
use crate::exchange::{Exchange, TlsInfo};
use crate::http::event::{EndSignal, MessageEnd, Transfer};
use crate::time::Span;
use crate::verdict::Verdict::{
    self, CaptureIncomplete, ClientCancelled, Complete, ErrorInside200, GatewayTimeout, ServerTruncated,
};
use crate::verdict::facts::said_its_end;
use crate::verdict::{Kind, of, timeout};

/// Bytes of the body: one delta, the finish reason, the terminator.
const WORD_LEN: usize = 111;
const STOP_LEN: usize = 100;
const DONE_LEN: usize = 14;

const TERMINATOR: &str = "terminator [DONE] came";
const NO_TERMINATOR: &str = "terminator [DONE] never came";
const STOPPED: &str = "finish reason stop";
const NO_REASON: &str = "no finish reason";
const ZERO_CHUNK: &str = "the body ended with its zero chunk";

/// Wire parts, the verdict, its reasons.
fn check(parts: &[&str], verdict: Verdict, why: &[&str]) {
    let judged = of(&exchange(&[&[ASK, HEAD], parts].concat()));
    assert_eq!((judged.verdict, judged.why), (verdict, why.iter().map(|w| (*w).to_owned()).collect()), "{parts:?}");
}

#[test]
fn the_lengths_are_those_of_the_samples() {
    let body = |parts: &[&str]| exchange(&[&[ASK, HEAD], parts].concat()).response.unwrap().body.wire_bytes as usize;
    let lengths = [body(&[WORD, LAST]), body(&[STOP, LAST]), body(&[DONE, LAST])];
    assert_eq!(lengths, [WORD_LEN, STOP_LEN, DONE_LEN]);
}

#[test]
fn an_answer_that_said_its_end() {
    let cut_after = |who: &str, how: &str| {
        format!("{who} {how} after {} body bytes, no zero chunk", WORD_LEN + STOP_LEN + DONE_LEN)
    };
    check(&[WORD, STOP, DONE, LAST], Complete, &[TERMINATOR, STOPPED, ZERO_CHUNK]);
    check(&[WORD, STOP, LAST], Complete, &[NO_TERMINATOR, STOPPED, ZERO_CHUNK]);
    let whole = "the answer is whole nevertheless; strict clients raise";
    check(
        &[WORD, STOP, DONE, "!fin <\n"],
        Complete,
        &[TERMINATOR, STOPPED, &cut_after("the server", "closed (FIN)"), whole],
    );
    check(
        &[WORD, STOP, DONE, "!rst <\n"],
        Complete,
        &[TERMINATOR, STOPPED, &cut_after("the server", "reset the connection (RST)"), whole],
    );
    let left = cut_after("the client", "closed (FIN)");
    // A second parts a client that is content from one that waited in vain.
    let had_all = "the client had all: it closed 999 ms after the end of the answer, as openai-python does at [DONE]";
    check(&[WORD, STOP, DONE, "@ +999ms\n!fin >\n"], Complete, &[TERMINATOR, STOPPED, &left, had_all]);
    let gave_up = "the server left the body open: the client gave up 1.00 s after the end of the answer";
    check(&[WORD, STOP, DONE, "@ +1s\n!fin >\n"], Complete, &[TERMINATOR, STOPPED, &left, gave_up]);
    let open = "the body was still open 0 ns after the end of the answer";
    let ended = format!("the recording ended after {} body bytes, no zero chunk", WORD_LEN + STOP_LEN + DONE_LEN);
    check(&[WORD, STOP, DONE, "!end\n"], Complete, &[TERMINATOR, STOPPED, &ended, open]);
    check(&[WORD, STOP, DONE, "@ +999ms\n", LAST], Complete, &[TERMINATOR, STOPPED, ZERO_CHUNK]);
    let late = "the body stayed open for 1.00 s after the end of the answer";
    check(&[WORD, STOP, DONE, "@ +1s\n", LAST], Complete, &[TERMINATOR, STOPPED, ZERO_CHUNK, late]);
}

#[test]
fn a_finish_reason_ends_the_answer_unless_a_delta_follows() {
    let cut = |n| format!("the server closed (FIN) after {n} body bytes, no zero chunk");
    let whole = "the answer is whole nevertheless; strict clients raise";
    check(&[WORD, STOP, "!fin <\n"], Complete, &[NO_TERMINATOR, STOPPED, &cut(WORD_LEN + STOP_LEN), whole]);
    check(&[STOP, WORD, "!fin <\n"], ServerTruncated, &[NO_TERMINATOR, STOPPED, &cut(WORD_LEN + STOP_LEN)]);
    check(
        &[STOP, WORD, DONE, "!fin <\n"],
        Complete,
        &[TERMINATOR, STOPPED, &cut(WORD_LEN + STOP_LEN + DONE_LEN), whole],
    );
    // Both in one delivery: the delta is as old as the finish reason, so nothing follows it.
    let together = WORD.replace("\"finish_reason\":null", "\"finish_reason\":\"stop\"");
    check(&[&together, "!fin <\n"], Complete, &[NO_TERMINATOR, STOPPED, &cut(WORD_LEN + 2), whole]);
}

#[test]
fn an_answer_that_was_cut() {
    let after = |who: &str, how: &str, n: usize| format!("{who} {how} after {n} body bytes, no zero chunk");
    let (fin, rst) = ("closed (FIN)", "reset the connection (RST)");
    let open = [NO_TERMINATOR, NO_REASON];
    for (then, verdict, who, how) in [
        ("!fin >\n", ClientCancelled, "the client", fin),
        ("!rst >\n", ClientCancelled, "the client", rst),
        ("!fin <\n", ServerTruncated, "the server", fin),
        ("!rst <\n", ServerTruncated, "the server", rst),
    ] {
        check(&[WORD, then], verdict, &[open[0], open[1], &after(who, how, WORD_LEN)]);
    }
    check(
        &[WORD, "!end\n"],
        CaptureIncomplete,
        &[open[0], open[1], &format!("the recording ended after {WORD_LEN} body bytes, no zero chunk")],
    );
    let idle = format!(
        "neither end closed, and nothing came for longer than the idle limit after {WORD_LEN} body bytes, no zero chunk"
    );
    check(&[WORD, "!idle <\n!idle >\n"], CaptureIncomplete, &[open[0], open[1], &idle]);
    check(&[WORD, LAST], ServerTruncated, &[open[0], open[1], ZERO_CHUNK]);
    check(
        &[WORD, ERROR, LAST],
        ErrorInside200,
        &[
            "error in the stream: {\"message\":\"overloaded\",\"type\":\"server_error\"}",
            NO_TERMINATOR,
            NO_REASON,
            ZERO_CHUNK,
        ],
    );
    // Nothing was begun, though an event stream was declared.
    check(&[LAST], ServerTruncated, &["no event came", ZERO_CHUNK]);
    check(&["!fin <\n"], ServerTruncated, &["no event came", "the server closed (FIN) before any body byte"]);
    check(
        &[WORD, "!gap < 50\n", LAST],
        CaptureIncomplete,
        &[NO_TERMINATOR, NO_REASON, ZERO_CHUNK, "the capture lacks bytes of this exchange"],
    );
}

#[test]
fn silence_before_a_cut_is_told_from_a_second_on() {
    let cut = format!("the server closed (FIN) after {WORD_LEN} body bytes, no zero chunk");
    check(&[WORD, "@ +999ms\n!fin <\n"], ServerTruncated, &[NO_TERMINATOR, NO_REASON, &cut]);
    check(
        &[WORD, "@ +1s\n!fin <\n"],
        ServerTruncated,
        &[NO_TERMINATOR, NO_REASON, &cut, "silence of 1.00 s before the end"],
    );
    let left = format!("the client closed (FIN) after {WORD_LEN} body bytes, no zero chunk");
    check(
        &[WORD, "@ +7s\n!fin >\n"],
        ClientCancelled,
        &[NO_TERMINATOR, NO_REASON, &left, "silence of 7.00 s before the end"],
    );
    check(
        &[WORD, "@ +5s\n", LAST],
        ServerTruncated,
        &[NO_TERMINATOR, NO_REASON, ZERO_CHUNK, "silence of 5.00 s before the end"],
    );
}

#[test]
fn silence_as_long_as_a_limit() {
    let cut = format!("the server closed (FIN) after {WORD_LEN} body bytes, no zero chunk");
    let limit = "silence of 60.0 s before the end: the limit of nginx proxy_read_timeout, AWS ALB is 60 s";
    check(&[WORD, "@ +60s\n!fin <\n"], GatewayTimeout, &[NO_TERMINATOR, NO_REASON, &cut, limit]);
    let left = format!("the client closed (FIN) after {WORD_LEN} body bytes, no zero chunk");
    // The client that closed first has its own time-out, and no gateway in front of it cut anything.
    let whose = "silence of 60.0 s before the client closed: 60 s is the limit of nginx and AWS ALB, as the server's \
        client, and MCP's TypeScript SDK";
    check(&[WORD, "@ +60s\n!fin >\n"], ClientCancelled, &[NO_TERMINATOR, NO_REASON, &left, whose]);
    // Before any answer the silence counts from the request; after a head, from the head.
    let judged = of(&exchange(&[ASK, "@ +30s\n!rst <\n"]));
    let said = "silence of 30.0 s before the end: the limit of CloudFront and Gcore, waiting for the origin is 30 s";
    assert_eq!(
        (judged.verdict, judged.why),
        (GatewayTimeout, vec!["the server reset the connection (RST) before any answer".into(), said.into()])
    );
    let judged = of(&exchange(&[ASK, "@ +7s\n!rst <\n"]));
    assert_eq!((judged.verdict, judged.limit, judged.why.len()), (ServerTruncated, None, 1));
    let judged = of(&exchange(&[ASK, "@ +5s\n", HEAD, "@ +30s\n!fin <\n"]));
    assert_eq!((judged.verdict, judged.limit.map(|l| l.secs)), (GatewayTimeout, Some(30)));
}

#[test]
fn statuses_of_gateways() {
    let status = |code: u16| of(&exchange(&[ASK, &format!("@ +7s\n< HTTP/1.1 {code} X\n< Content-Length: 0\n<\n")]));
    for (code, verdict, first) in [
        (504, GatewayTimeout, "status 504: a gateway waited for the server in vain"),
        (524, GatewayTimeout, "status 524: Cloudflare waited for the origin in vain"),
        (503, Complete, "status 503"),
        (522, Complete, "status 522"),
        (199, Complete, "status 199"),
        (300, Complete, "status 300"),
    ] {
        let judged = status(code);
        let no_body = if code == 199 { continue } else { "the answer has no body" };
        let waited = (verdict == GatewayTimeout).then(|| "the gateway answered 7.00 s after the request".to_owned());
        let why: Vec<String> = [first.to_owned(), no_body.to_owned()].into_iter().chain(waited).collect();
        assert_eq!((judged.verdict, judged.limit, judged.why), (verdict, None, why), "{code}");
    }
    assert_eq!(status(299).why, ["no event came", "the answer has no body"]);
}

#[test]
fn an_error_counts_under_a_status_of_success_only() {
    let with_status = |code: &str| of(&exchange(&[ASK, &HEAD.replace("200 OK", code), ERROR, LAST])).verdict;
    assert_eq!(
        ["200 OK", "299 X", "300 X", "400 X", "500 X"].map(with_status),
        [ErrorInside200, ErrorInside200, Complete, Complete, Complete]
    );
    let mut x = exchange(&[ASK, HEAD, ERROR, LAST]);
    x.response.as_mut().unwrap().head = None;
    assert_eq!(of(&x).verdict, ErrorInside200, "a status that was not seen promises nothing else");
}

/// An answer of one delta, ended as stated 5 s after it.
pub(super) fn ended(told: EndSignal, by: Party) -> Exchange {
    let mut x = exchange(&[ASK, HEAD, WORD, "@ +5s\n!fin <\n"]);
    x.ending = Ending { told: Some(told), by, client: Default::default(), server: Default::default(), ..x.ending };
    x.response.as_mut().unwrap().end = by.cut();
    x
}

/// The signal of the end, as a sentence.
fn transport(x: &Exchange) -> String {
    of(x).why[2].clone()
}

#[test]
fn what_told_the_end_word_for_word() {
    use Party::{Capture, Client, Server};
    let place = " after 111 body bytes, no zero chunk";
    let go_away = EndSignal::GoAway { last: 7, code: 11 };
    for (told, by, said, placed) in [
        (EndSignal::NoBody, Server, "the answer has no body", false),
        (EndSignal::ZeroChunk, Server, "the body ended with its zero chunk", false),
        (EndSignal::Length, Server, "the body has the length that Content-Length announced", false),
        (EndSignal::EndStream, Server, "the stream ended with END_STREAM", false),
        (EndSignal::Close, Server, "the body lasted until the server closed: nothing else marked its end", false),
        (EndSignal::Fin, Client, "the client closed (FIN)", true),
        (EndSignal::Fin, Server, "the server closed (FIN)", true),
        (EndSignal::Reset, Capture, "nobody reset the connection (RST)", true),
        (EndSignal::CloseNotify, Server, "the server closed (TLS close_notify)", true),
        (EndSignal::CloseFrame, Client, "the client sent a Close frame (WebSocket)", false),
        (EndSignal::RstStream(8), Client, "the client reset the stream (RST_STREAM, CANCEL)", true),
        (go_away, Server, "the server gave the stream up (GOAWAY, last stream 7, ENHANCE_YOUR_CALM)", true),
        (EndSignal::Idle, Capture, "neither end closed, and nothing came for longer than the idle limit", true),
        (EndSignal::CaptureEnd, Capture, "the recording ended", true),
        (EndSignal::NotCaptured, Capture, "the bytes that show the end were not captured", false),
        (EndSignal::Switched, Server, "the server switched the connection to another protocol", false),
    ] {
        assert_eq!(transport(&ended(told, by)), format!("{said}{}", if placed { place } else { "" }), "{told:?}");
    }
    let mut x = ended(EndSignal::Fin, Server);
    x.ending.told = None;
    assert_eq!(transport(&x), "how it ended was not recorded");
}

#[test]
fn what_the_transport_still_owed() {
    let lacks = |transfer: Transfer, end| {
        let mut x = ended(EndSignal::Fin, Party::Server);
        let r = x.response.as_mut().unwrap();
        (r.head.as_mut().unwrap().transfer, r.end) = (transfer, end);
        transport(&x)
    };
    let cut = MessageEnd::CutByServer;
    assert_eq!(lacks(Transfer::Chunked, cut), "the server closed (FIN) after 111 body bytes, no zero chunk");
    assert_eq!(lacks(Transfer::Length(500), cut), "the server closed (FIN) after 111 body bytes of 500");
    assert_eq!(lacks(Transfer::H2, cut), "the server closed (FIN) after 111 body bytes, no END_STREAM");
    assert_eq!(lacks(Transfer::Close, cut), "the server closed (FIN) after 111 body bytes");
    assert_eq!(lacks(Transfer::Chunked, MessageEnd::Complete), "the server closed (FIN) after 111 body bytes");
}

/// RFC 9113 section 7.
#[test]
fn error_codes_of_http2_by_name() {
    let names = [
        "NO_ERROR",
        "PROTOCOL_ERROR",
        "INTERNAL_ERROR",
        "FLOW_CONTROL_ERROR",
        "SETTINGS_TIMEOUT",
        "STREAM_CLOSED",
        "FRAME_SIZE_ERROR",
        "REFUSED_STREAM",
        "CANCEL",
        "COMPRESSION_ERROR",
        "CONNECT_ERROR",
        "ENHANCE_YOUR_CALM",
        "INADEQUATE_SECURITY",
        "HTTP_1_1_REQUIRED",
        "code 14",
    ];
    for (code, name) in (0..).zip(names) {
        let said = transport(&ended(EndSignal::RstStream(code), Party::Server));
        assert_eq!(
            said,
            format!("the server reset the stream (RST_STREAM, {name}) after 111 body bytes, no zero chunk")
        );
    }
}

#[test]
fn a_cancelled_stream_is_no_time_out_however_long_it_was_silent() {
    let after = |told, by, secs| {
        let mut x = ended(told, by);
        x.ending.at = x.ending.last_byte_at.unwrap().plus(Span::from_secs(secs));
        of(&x).verdict
    };
    assert_eq!(after(EndSignal::RstStream(8), Party::Client, 60), ClientCancelled);
    assert_eq!(after(EndSignal::RstStream(8), Party::Server, 60), ServerTruncated);
    assert_eq!(after(EndSignal::RstStream(2), Party::Server, 60), GatewayTimeout);
    assert_eq!(after(EndSignal::RstStream(2), Party::Server, 20), ServerTruncated);
    assert_eq!(after(EndSignal::Reset, Party::Client, 60), ClientCancelled, "no gateway of the server cut it");
}

#[test]
fn a_client_that_closed_its_own_side_and_went_on_reading() {
    let word_late =
        |ms: u32, then: &str| exchange(&[ASK, HEAD, WORD, "!fin >\n", &format!("@ +{}ms\n", ms - 20), WORD, then]);
    let went_on = "the client had closed its own side only and went on reading";
    let cut = of(&word_late(5_000, "!fin <\n"));
    assert_eq!(cut.verdict, ServerTruncated);
    // More than a second after its FIN; bytes in flight may take that long.
    let fins = |ms| {
        let mut x = word_late(ms, "!fin <\n");
        (x.ending.by, x.ending.told) = (Party::Client, Some(EndSignal::Fin));
        let judged = of(&x);
        (judged.verdict, judged.why.last().is_some_and(|w| w == went_on))
    };
    assert_eq!(fins(1_000), (ClientCancelled, false));
    assert_eq!(fins(1_001), (ServerTruncated, true));
    // A client that resets in the end has left, and so has one whose stream was reset.
    let mut x = word_late(5_000, "!fin <\n");
    (x.ending.by, x.ending.told, x.ending.client.rst) = (Party::Client, Some(EndSignal::Fin), Some(x.ending.at));
    let judged = of(&x);
    assert_eq!((judged.verdict, judged.why.contains(&went_on.to_owned())), (ClientCancelled, false));
    x.ending.client.rst = None;
    (x.ending.by, x.ending.told) = (Party::Client, Some(EndSignal::CloseNotify));
    assert_eq!(of(&x).verdict, ClientCancelled);
    (x.ending.by, x.ending.told) = (Party::Capture, Some(EndSignal::Fin));
    assert_eq!(of(&x).verdict, CaptureIncomplete);
}

#[test]
fn nothing_of_an_answer() {
    let of_ending = |by, told| {
        let mut x = exchange(&[ASK, "@ +7s\n!rst <\n"]);
        (x.ending.by, x.ending.told) = (by, Some(told));
        let judged = of(&x);
        (judged.verdict, judged.why[0].clone())
    };
    assert_eq!(
        of_ending(Party::Capture, EndSignal::CaptureEnd),
        (CaptureIncomplete, "the recording ended before any answer".into())
    );
    assert_eq!(
        of_ending(Party::Client, EndSignal::Fin),
        (ClientCancelled, "the client closed (FIN) before any answer".into())
    );
    let reset = "the server reset the connection (RST) before any answer";
    assert_eq!(of_ending(Party::Server, EndSignal::Reset), (ServerTruncated, reset.into()));
}

#[test]
fn tls_that_ends_without_close_notify_could_have_been_cut() {
    let words = |told, by, notify: bool, tls: bool| {
        let mut x = ended(told, by);
        x.tls = tls.then(TlsInfo::default);
        x.ending.server.close_notify = notify.then_some(x.ending.at);
        of(&x).why.iter().any(|w| w == "no close_notify: an intermediary could have cut the answer here")
    };
    for (told, by, notify, tls, said) in [
        (EndSignal::Fin, Party::Server, false, true, true),
        (EndSignal::Close, Party::Server, false, true, true),
        (EndSignal::Fin, Party::Server, true, true, false),
        (EndSignal::Fin, Party::Server, false, false, false),
        (EndSignal::Fin, Party::Client, false, true, false),
        (EndSignal::Reset, Party::Server, false, true, false),
        (EndSignal::ZeroChunk, Party::Server, false, true, false),
    ] {
        assert_eq!(words(told, by, notify, tls), said, "{told:?} {by:?} {notify} {tls}");
    }
}

#[test]
fn who_promises_an_end() {
    // Gemini has no terminator, only a finish reason; records without a dialect promise nothing.
    let dialect = |name: &'static str| {
        let mut x = exchange(&[ASK, HEAD, WORD, LAST]);
        let r = x.response.as_mut().unwrap();
        (r.dialect, r.answer.terminator.expected) = (Some(name), None);
        r.answer.end = crate::dialect::by_name(name).unwrap().end;
        of(&x)
    };
    assert_eq!((dialect("gemini.generate").verdict, dialect("none").verdict), (ServerTruncated, Complete));
    assert_eq!(dialect("none").why, [ZERO_CHUNK]);
    let mut x = exchange(&[ASK, HEAD, WORD, LAST]);
    x.response.as_mut().unwrap().framing = crate::framing::Framing::Json;
    assert_eq!((of(&x).verdict, of(&x).why), (Complete, vec![ZERO_CHUNK.to_owned()]), "a document is not a stream");
}

#[test]
fn the_end_is_said_by_terminator_or_finish_reason() {
    let mut x = exchange(&[ASK, HEAD, WORD, LAST]);
    let said = |x: &Exchange| said_its_end(x, x.response.as_ref().unwrap());
    assert!(!said(&x));
    x.ending.finish_at = x.response.as_ref().unwrap().deltas.last().map(|d| d.at);
    assert!(!said(&x), "the choice with text has no reason");
    x.response.as_mut().unwrap().answer.finish(0, "stop");
    assert!(said(&x));
    x.ending.finish_at = x.ending.finish_at.map(|at| at.plus(Span(-1)));
    assert!(!said(&x));
    x.response.as_mut().unwrap().deltas.clear();
    assert!(said(&x), "no delta follows");
}

#[test]
fn a_limit_is_hit_within_its_slack() {
    let near = |span| timeout::reached(Party::Server, Kind::Idle, span);
    let fits = |ms: i64| near(Span::from_millis(ms)).map(|l| l.secs);
    for secs in [30, 50, 60, 100, 120, 125, 230, 300, 350] {
        let (first, last) = (secs * 1000 - 150, secs * 1000 + 1000 + secs * 5);
        assert_eq!([first - 1, first, last, last + 1].map(fits), [None, Some(secs), Some(secs), None], "{secs} s");
    }
    let whose = |s| near(Span::from_secs(s)).map(|l| l.of);
    assert_eq!(whose(50), Some("HAProxy as Debian packages it"));
    assert_eq!(
        [100, 120, 125].map(whose),
        [Some("Cloudflare until 2025"), Some("Cloudflare until July 2026, Bifrost"), Some("Cloudflare")]
    );
    assert_eq!([300, 350].map(whose), [Some("Envoy's stream idle limit"), Some("AWS NLB")]);
}

#[test]
fn names_for_machines() {
    let names = Verdict::ALL.iter().map(|v| v.as_str()).collect::<Vec<_>>();
    assert_eq!(
        names,
        ["complete", "capture-incomplete", "client-cancelled", "error-in-200", "gateway-timeout", "server-truncated"]
    );
}

#[test]
fn the_end_of_the_answer_is_its_terminator_and_its_reason_that_of_the_first_choice() {
    let mut x = exchange(&[ASK, HEAD, WORD, STOP, "@ +500ms\n", DONE, "@ +600ms\n!fin >\n"]);
    let had_all = "the client had all: it closed 600 ms after the end of the answer, as openai-python does at [DONE]";
    assert_eq!(of(&x).why.last().unwrap(), had_all);
    x.response.as_mut().unwrap().answer.finish_reasons.insert(1, "length".into());
    assert_eq!(of(&x).why[1], STOPPED);
    (x.ending.by, x.ending.told) = (Party::Capture, Some(EndSignal::CaptureEnd));
    x.ending.seen_until = x.ending.terminator_at.unwrap().plus(Span::from_secs(5));
    x.response.as_mut().unwrap().end = MessageEnd::CutByCapture;
    assert_eq!(of(&x).why.last().unwrap(), "the body was still open 5.00 s after the end of the answer");
}
