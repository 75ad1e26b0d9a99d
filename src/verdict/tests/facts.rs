//! One test for each kind of fault that a verdict once had: see docs/verdicts.md.

use super::reasons::ended;
use super::{ASK, DONE, HEAD, LAST, STOP, WORD, exchange};
use crate::conn::ConnId;
use crate::exchange::ending::Party;
use crate::exchange::{Answer, Close, Exchange, WebSocket};
use crate::http::event::EndSignal;
use crate::verdict::Verdict::{
    CaptureIncomplete, ClientCancelled, Complete, ErrorInside200, GatewayTimeout, ServerTruncated,
};
use crate::verdict::of;

/// A WebSocket of records that promise nothing, closed with this frame. `asks`: the client asked after the last one.
fn socket(by: Party, code: u16, asks: bool) -> Exchange {
    let mut x = ended(EndSignal::CloseFrame, by);
    let close = Some(Close { by, code, reason: "why".into() });
    let asks = if asks { vec![x.ending.at] } else { Vec::new() };
    x.websocket = Some(Box::new(WebSocket { close, asks, ..WebSocket::default() }));
    x.response.as_mut().unwrap().answer = Answer::default();
    x
}

#[test]
fn the_code_of_a_close_frame_tells_whether_all_is_well() {
    use Party::{Client, Server};
    for (by, code, asks, verdict) in [
        (Client, 1000, false, Complete),
        (Server, 1000, true, Complete),
        (Server, 1005, false, Complete),
        (Client, 1001, true, Complete),
        (Server, 1001, false, Complete),
        (Server, 1001, true, ServerTruncated),
        (Server, 1011, false, ServerTruncated),
        (Server, 4000, false, ServerTruncated),
        (Client, 1006, false, ClientCancelled),
        (Client, 1002, false, ClientCancelled),
    ] {
        assert_eq!(of(&socket(by, code, asks)).verdict, verdict, "{by:?} {code} {asks}");
    }
    let said = |code| of(&socket(Server, code, false)).why[0].clone();
    assert_eq!(said(1011), "the server sent a Close frame (WebSocket): 1011 why");
    assert_eq!(said(1005), "the server sent a Close frame (WebSocket) why");
    // In the middle of an answer that marks its end, a normal code changes nothing.
    let mut x = socket(Server, 1000, false);
    x.response.as_mut().unwrap().answer.end = crate::dialect::End::Terminator("response.done");
    assert_eq!(of(&x).verdict, ServerTruncated);
}

#[test]
fn an_error_on_a_websocket_is_no_success_however_politely_it_is_closed() {
    let mut x = socket(Party::Server, 1000, false);
    x.response.as_mut().unwrap().head.as_mut().unwrap().status = 101;
    assert_eq!(of(&x).verdict, Complete);
    x.response.as_mut().unwrap().answer.error = Some("{\"code\":\"quota\"}".into());
    assert_eq!(of(&x).verdict, ErrorInside200);
    // The handshake itself was refused: the status says so already.
    x.websocket = None;
    x.response.as_mut().unwrap().head.as_mut().unwrap().status = 429;
    assert_ne!(of(&x).verdict, ErrorInside200);
}

/// Heads of answers to the same request, and what their bodies must have to be whole.
#[test]
fn the_end_of_a_body_is_the_end_only_where_nothing_more_is_promised() {
    let answer = |ask: &str, kind: &str, body: &str| {
        let head = format!("@ +10ms\n< HTTP/1.1 200 OK\n< Content-Type: {kind}\n< Transfer-Encoding: chunked\n<\n\n");
        of(&exchange(&[ask, &head, body, LAST])).verdict
    };
    let plain = "> POST /x HTTP/1.1\n> Host: h\n>json {\"q\":1}\n\n";
    let get = "> GET /events HTTP/1.1\n> Host: h\n>\n\n";
    let (ping, blank) = ("@ +1s\n<chunk : ping\\n\\n\n", "@ +1s\n<chunk \\n\n");
    let (event, document) = ("@ +1s\n<chunk data: 1\\n\\n\n", "@ +1s\n<chunk {\"a\":1}\n");
    let (cut, text, page) = ("@ +1s\n<chunk {\"a\":\n", "@ +1s\n<chunk sorry\n", "@ +1s\n<chunk <html>\n");
    for (ask, kind, body, verdict) in [
        (ASK, "text/event-stream", ping, ServerTruncated),
        (ASK, "text/event-stream", "", ServerTruncated),
        (plain, "text/event-stream", ping, ServerTruncated),
        (plain, "text/event-stream", text, ServerTruncated),
        (plain, "text/event-stream", event, Complete),
        // A subscription has no last event, and may have none.
        (get, "text/event-stream", ping, Complete),
        (plain, "application/json", blank, ServerTruncated),
        (plain, "application/json; charset=utf-8", cut, ServerTruncated),
        (plain, "application/problem+json", blank, ServerTruncated),
        (plain, "application/json", document, Complete),
        (plain, "application/json", "", Complete),
        (ASK, "application/json", "", ServerTruncated),
        (ASK, "application/json", document, Complete),
        (ASK, "text/plain", text, Complete),
        (ASK, "text/html", page, ServerTruncated),
        (plain, "text/html", page, Complete),
        (plain, "text/plain", blank, Complete),
    ] {
        assert_eq!(answer(ask, kind, body), verdict, "{kind} {body:?}");
    }
}

/// A status that has no content promises nothing, unless a stream comes under it.
#[test]
fn a_stream_under_202_has_the_end_of_its_dialect() {
    let accepted = HEAD.replace("200 OK", "202 Accepted");
    assert_eq!(of(&exchange(&[ASK, &accepted, WORD, LAST])).verdict, ServerTruncated);
    assert_eq!(of(&exchange(&[ASK, &accepted, WORD, STOP, DONE, LAST])).verdict, Complete);
    assert_eq!(of(&exchange(&[ASK, &accepted, LAST])).verdict, Complete);
}

#[test]
fn a_stream_that_begins_without_a_delta_is_no_whole_answer() {
    let role = "@ +20ms\n<chunk data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":\
        {\"role\":\"assistant\"},\"finish_reason\":null}]}\\n\\n\n";
    assert_eq!(of(&exchange(&[ASK, HEAD, role, LAST])).verdict, ServerTruncated);
    assert_eq!(of(&exchange(&[ASK, HEAD, role, STOP, LAST])).verdict, Complete);
}

/// A Gemini stream of these (text, finish reason) for choice 0, ended in good order.
fn gemini(choices: &[(&str, &str)]) -> Exchange {
    let ask = "> POST /v1beta/models/m:streamGenerateContent?alt=sse HTTP/1.1\n> Host: h\n>json {}\n\n";
    let part = |(text, reason): &(&str, &str)| {
        let parts = if text.is_empty() { String::new() } else { format!("{{\"text\":\"{text}\"}}") };
        let reason = if reason.is_empty() { String::new() } else { format!(",\"finishReason\":\"{reason}\"") };
        format!("@ +20ms\n<chunk data: {{\"candidates\":[{{\"content\":{{\"parts\":[{parts}]}}{reason}}}]}}\\n\\n\n")
    };
    let body: String = choices.iter().map(part).collect();
    exchange(&[ask, HEAD, &body, LAST])
}

#[test]
fn of_several_finish_reasons_the_last_counts() {
    assert_eq!(of(&gemini(&[("", "STOP"), ("a", ""), ("b", "STOP")])).verdict, Complete);
    assert_eq!(of(&gemini(&[("a", "STOP"), ("b", "STOP")])).verdict, Complete);
    assert_eq!(of(&gemini(&[("a", "STOP"), ("b", "")])).verdict, ServerTruncated, "text without a reason follows");
    let x = gemini(&[("", "STOP"), ("b", "STOP")]);
    assert_eq!(x.ending.finish_at, x.response.unwrap().last_record_at);
}

#[test]
fn a_prompt_that_was_refused_has_no_finish_reason_to_wait_for() {
    let ask = "> POST /v1beta/models/m:streamGenerateContent?alt=sse HTTP/1.1\n> Host: h\n>json {}\n\n";
    let blocked = "@ +20ms\n<chunk data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}\\n\\n\n";
    assert_eq!(of(&exchange(&[ask, HEAD, blocked, LAST])).verdict, Complete);
}

#[test]
fn every_choice_that_has_text_needs_its_reason() {
    let choice = |index: u32, text: &str, reason: &str| {
        format!(
            "@ +20ms\n<chunk data: {{\"object\":\"chat.completion.chunk\",\"choices\":[{{\"index\":{index},\"delta\":\
                {{\"content\":\"{text}\"}},\"finish_reason\":{reason}}}]}}\\n\\n\n"
        )
    };
    let (a, b, stop) = (choice(0, "a", "null"), choice(1, "b", "null"), choice(0, "c", "\"stop\""));
    assert_eq!(of(&exchange(&[ASK, HEAD, &a, &b, &stop, LAST])).verdict, ServerTruncated);
    assert_eq!(of(&exchange(&[ASK, HEAD, &a, &b, &stop, &choice(1, "", "\"stop\""), LAST])).verdict, Complete);
}

/// A body that only the close ends, of these chunks of text.
fn until_close(then: &[&str]) -> Exchange {
    let head = "@ +100ms\n< HTTP/1.1 200 OK\n< Content-Type: text/event-stream\n<\n\n";
    let data = |chunk: &str| chunk.replace("<chunk ", "<| ");
    let parts: Vec<String> = then.iter().map(|part| data(part)).collect();
    exchange(&[ASK, head, &parts.concat()])
}

#[test]
fn who_ended_a_body_that_lasts_until_the_close() {
    let ended = |then: &[&str]| {
        let x = until_close(then);
        (of(&x).verdict, x.ending.by, x.ending.told.unwrap())
    };
    let fins = "@ +30s\n!fin >\n@ +1ms\n!fin <\n";
    assert_eq!(ended(&[WORD, STOP, DONE, fins]), (Complete, Party::Client, EndSignal::Fin));
    assert_eq!(ended(&[WORD, fins]), (ClientCancelled, Party::Client, EndSignal::Fin));
    let server_first = "@ +7s\n!fin <\n@ +1ms\n!fin >\n";
    assert_eq!(ended(&[WORD, STOP, DONE, server_first]), (Complete, Party::Server, EndSignal::Close));
    assert_eq!(ended(&[WORD, server_first]), (ServerTruncated, Party::Server, EndSignal::Close));
    // A client that closed its own side and went on reading has not ended it.
    let half = ["!fin >\n", "@ +3s\n", WORD, STOP, "!fin <\n"];
    assert_eq!(ended(&half), (Complete, Party::Server, EndSignal::Close));
    let said = of(&until_close(&[WORD, STOP, DONE, fins])).why.join("\n");
    assert!(said.contains("the client gave up 30.0 s after the end of the answer"), "{said}");
}

#[test]
fn what_was_not_captured_is_nobodys_doing() {
    let asked = |then: &str| {
        let judged = of(&exchange(&[ASK, then]));
        (judged.verdict, judged.why.join("; "))
    };
    let (verdict, why) = asked("!gap < 500\n!fin >\n");
    assert_eq!(verdict, CaptureIncomplete);
    assert!(!why.contains("closed") && why.contains("the capture lacks"), "{why}");
    let mut x = exchange(&[ASK, "!fin >\n!fin <\n"]);
    assert_eq!(of(&x).verdict, ClientCancelled);
    for (kind, says) in [(crate::tcp::ONE_SIDED, "one end only"), (crate::tls::UNREADABLE, "could not be decrypted")] {
        x.oddities = Default::default();
        x.oddities.push(crate::oddity::Oddity::new(kind, x.ending.at, ""));
        let judged = of(&x);
        assert_eq!((judged.verdict, judged.why.len()), (CaptureIncomplete, 2), "{judged:?}");
        assert!(judged.why[1].contains(says), "{judged:?}");
    }
    // What was read to its end needs no other byte.
    let mut x = exchange(&[ASK, HEAD, WORD, STOP, DONE, LAST]);
    x.oddities.push(crate::oddity::Oddity::new(crate::tls::UNREADABLE, x.ending.at, ""));
    assert_eq!(of(&x).verdict, Complete);
}

#[test]
fn a_total_time_out_is_named_only_for_the_side_that_ended_it_and_only_while_bytes_flow() {
    let flowing = |then: &str| {
        let words: String = (0..6).map(|_| format!("@ +9s\n{}", WORD.replace("@ +20ms\n", ""))).collect();
        let judged = of(&exchange(&[ASK, HEAD, &words, then]));
        (judged.verdict, judged.limit.map(|l| l.secs), judged.why.last().unwrap().clone())
    };
    let (verdict, secs, why) = flowing("@ +5900ms\n!fin <\n");
    assert_eq!((verdict, secs), (ServerTruncated, Some(60)));
    assert!(why.starts_with("ended 60.0 s after the request") && why.contains("total time-out of 60 s"), "{why}");
    assert_eq!(flowing("@ +5900ms\n!fin >\n").1, None, "the client closed first");
    assert_eq!(flowing("@ +3s\n!fin <\n").1, None);
    let silent = of(&exchange(&[ASK, HEAD, WORD, "@ +59880ms\n!fin <\n"]));
    assert_eq!((silent.verdict, silent.limit.map(|l| l.secs)), (GatewayTimeout, Some(60)), "that is an idle limit");
}

#[test]
fn a_request_into_a_closed_connection_says_so() {
    let first = [ASK, HEAD, WORD, STOP, DONE, LAST].concat();
    let text = format!("{first}\n@ +5s\n!fin <\n@ +1ms\n{ASK}@ +1ms\n!fin >\n");
    let transcript = crate::wire::parse(&text).unwrap();
    let all = crate::pipeline::exchanges_of(|sink| transcript.replay(ConnId(0), sink));
    let judged: Vec<_> = all.iter().map(of).collect();
    assert_eq!(judged.iter().map(|j| j.verdict).collect::<Vec<_>>(), [Complete, ServerTruncated]);
    let said = judged[1].why.join("; ");
    assert!(said.contains("closed the connection 1.00 ms before this request was sent (a keep-alive race)"), "{said}");
}

/// An HTTP/2 request on this stream, after the server's GOAWAY (last stream 1) or before it.
fn given_up(before: bool, stream: u32) -> Exchange {
    let ask = |id: u32| {
        format!(
            "@ +1ms\n>h2 headers+end {id} :method: POST | :scheme: http | :path: /v1/chat/completions | :authority: h\n"
        )
    };
    let answer = "@ +1ms\n<h2 headers+end 1 :status: 204\n";
    let goaway = "@ +1ms\n<h2 goaway 1 NO_ERROR\n";
    let (first, second) = if before { (ask(stream), goaway.to_owned()) } else { (goaway.to_owned(), ask(stream)) };
    let text = format!(">h2 preface\n>h2 settings\n{}{answer}{first}{second}@ +1ms\n!fin <\n", ask(1));
    let transcript = crate::wire::parse(&text).unwrap();
    crate::pipeline::exchanges_of(|sink| transcript.replay(ConnId(0), sink)).remove(1)
}

#[test]
fn a_request_that_goaway_gives_up_says_so() {
    for (before, says) in
        [(true, "GOAWAY gives this request up"), (false, "had said GOAWAY 1.00 ms before this request")]
    {
        let judged = of(&given_up(before, 3));
        assert_eq!(judged.verdict, ServerTruncated, "{judged:?}");
        assert!(judged.why.iter().any(|w| w.contains(says) && w.contains("may be sent again")), "{judged:?}");
    }
}

/// What the memory limit cut says so, and no party is blamed; an answer that had said its end is whole.
#[test]
fn a_connection_that_gave_way_is_not_known_to_its_end() {
    let gave_way = |parts: &[&str]| {
        let mut x = exchange(parts);
        x.oddities.push(crate::oddity::Oddity::new(crate::budget::LIMIT_REACHED, x.ending.at, ""));
        of(&x)
    };
    let cut = gave_way(&[ASK, HEAD, WORD, "@ +5s\n!fin <\n"]);
    assert_eq!(cut.verdict, CaptureIncomplete);
    assert!(cut.why.iter().any(|why| why.starts_with("the memory limit (--memory) was reached")), "{:?}", cut.why);
    assert_eq!(gave_way(&[ASK, HEAD, WORD, STOP, DONE, LAST]).verdict, Complete);
}

/// A gateway's own 504 tells how long it waited: the limit that fits is named, idle or in all.
#[test]
fn a_gateway_that_answers_itself_names_how_long_it_waited() {
    let why = |ms: i64, status: &str| {
        let wait = format!("@ +{ms}ms\n");
        let head = format!("< HTTP/1.1 {status}\n< Content-Type: text/html\n< Content-Length: 2\n<\n<| no\n");
        let judged = crate::verdict::of(&exchange(&[ASK, &wait, &head]));
        assert_eq!(judged.verdict, GatewayTimeout, "{status} after {ms} ms");
        (judged.limit.map(|l| l.secs), judged.why.join("; "))
    };
    for (ms, status, secs, of) in [
        (60_003, "504 Gateway Time-out", 60, "60 s is the limit of nginx"),
        (29_010, "504 Gateway Timeout", 29, "29 s is the limit of AWS API Gateway"),
        (125_020, "524 A Timeout Occurred", 125, "125 s is the limit of Cloudflare"),
        (15_001, "504 Gateway Timeout", 15, "15 s is the limit of Envoy's routes"),
    ] {
        let (limit, said) = why(ms, status);
        assert_eq!(limit, Some(secs), "{said}");
        assert!(said.contains(of) && said.contains("the gateway answered"), "{said}");
    }
    let (limit, said) = why(7_000, "504 Gateway Timeout");
    assert_eq!(limit, None);
    assert!(said.contains("the gateway answered 7.00 s after the request"), "{said}");
    assert!(!why(20, "504 Gateway Timeout").1.contains("the gateway answered"));
}
