//! Each test describes what happened on the wire and how the answer ended.

mod facts;
mod reasons;

use super::{Judgement, Verdict, of};
use crate::conn::ConnId;
use crate::exchange::Exchange;
use crate::pipeline::exchanges_of;

const ASK: &str = "> POST /v1/chat/completions HTTP/1.1\n> Host: h\n>json {\"model\":\"m\",\"stream\":true}\n\n";
const HEAD: &str =
    "@ +100ms\n< HTTP/1.1 200 OK\n< Content-Type: text/event-stream\n< Transfer-Encoding: chunked\n<\n\n";
const WORD: &str = "@ +20ms\n<chunk data: \
    {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\\n\\n\n";
const STOP: &str = "@ +20ms\n<chunk data: \
    {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\\n\\n\n";
const DONE: &str = "<chunk data: [DONE]\\n\\n\n";
const ERROR: &str = "<chunk data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\"}}\\n\\n\n";
const LAST: &str = "<last\n";

fn exchange(parts: &[&str]) -> Exchange {
    let transcript = crate::wire::parse(&parts.concat()).unwrap();
    exchanges_of(|sink| transcript.replay(ConnId(0), sink)).remove(0)
}

fn judged(parts: &[&str]) -> Judgement {
    of(&exchange(parts))
}

fn verdict(parts: &[&str]) -> Verdict {
    judged(&[&[ASK, HEAD], parts].concat()).verdict
}

#[test]
fn whole_answers() {
    assert_eq!(verdict(&[WORD, STOP, DONE, LAST]), Verdict::Complete);
    assert_eq!(verdict(&[WORD, STOP, LAST]), Verdict::Complete, "no [DONE], but finished and ended");
    assert_eq!(verdict(&[WORD, STOP, DONE, "!fin <\n"]), Verdict::Complete, "no zero chunk, but all was said");
    assert_eq!(verdict(&[WORD, STOP, DONE, "!end\n"]), Verdict::Complete, "the capture saw the terminator");
}

#[test]
fn a_client_that_closes_at_done_has_all() {
    let j = judged(&[ASK, HEAD, WORD, STOP, DONE, "@ +1ms\n!fin >\n"]);
    assert_eq!(j.verdict, Verdict::Complete);
    assert!(
        j.why.iter().any(|w| w.contains("closed 1.00 ms after the end") && w.contains("openai-python")),
        "{:?}",
        j.why
    );
    let hang = judged(&[ASK, HEAD, WORD, STOP, DONE, "@ +45s\n!fin >\n"]);
    assert_eq!(hang.verdict, Verdict::Complete);
    assert!(hang.why.iter().any(|w| w.contains("gave up 45.0 s after")), "{:?}", hang.why);
}

#[test]
fn who_cut() {
    assert_eq!(verdict(&[WORD, "!rst >\n"]), Verdict::ClientCancelled);
    assert_eq!(verdict(&[WORD, "!fin >\n"]), Verdict::ClientCancelled);
    assert_eq!(verdict(&[WORD, "!rst <\n"]), Verdict::ServerTruncated);
    assert_eq!(verdict(&[WORD, "!fin <\n"]), Verdict::ServerTruncated);
    assert_eq!(verdict(&[WORD, LAST]), Verdict::ServerTruncated, "ended in good order in the middle of the answer");
    assert_eq!(verdict(&[WORD, "!end\n"]), Verdict::CaptureIncomplete);
    assert_eq!(verdict(&[WORD, "!gap < 50\n", LAST]), Verdict::CaptureIncomplete, "the end may be in the gap");
    let half_closed = [WORD, "!fin >\n", "@ +5s\n", WORD, "!fin <\n"];
    assert_eq!(verdict(&half_closed), Verdict::ServerTruncated, "the client went on reading");
}

#[test]
fn silence_as_long_as_a_limit_is_a_time_out() {
    let j = judged(&[ASK, HEAD, WORD, "@ +60s\n!fin <\n"]);
    assert_eq!((j.verdict, j.limit.map(|l| l.secs)), (Verdict::GatewayTimeout, Some(60)));
    assert_eq!(verdict(&[WORD, "@ +300s\n!rst <\n"]), Verdict::GatewayTimeout);
    assert_eq!(verdict(&[WORD, "@ +42s\n!fin <\n"]), Verdict::ServerTruncated);
    assert_eq!(verdict(&[WORD, STOP, DONE, "@ +60s\n!fin <\n"]), Verdict::Complete, "nothing was lost");
    assert_eq!(judged(&[ASK, "@ +30s\n!rst <\n"]).verdict, Verdict::GatewayTimeout, "before any answer");
    let status = "@ +7s\n< HTTP/1.1 504 Gateway Time-out\n< Content-Length: 0\n<\n";
    assert_eq!(judged(&[ASK, status]).verdict, Verdict::GatewayTimeout);
}

#[test]
fn errors_inside_success() {
    assert_eq!(verdict(&[WORD, ERROR, LAST]), Verdict::ErrorInside200);
    assert_eq!(verdict(&[WORD, ERROR, "!rst <\n"]), Verdict::ErrorInside200);
    let told = "< HTTP/1.1 429 Too Many Requests\n< Content-Type: application/json\n< Content-Length: 33\n<\n<| \
        {\"error\":{\"message\":\"slow down\"}}\n";
    let j = judged(&[ASK, told]);
    assert_eq!((j.verdict, j.why.first().map(String::as_str)), (Verdict::Complete, Some("status 429")));
}

#[test]
fn every_verdict_shows_its_reasons() {
    for parts in [&[WORD, LAST][..], &[WORD, "!rst >\n"], &[STOP, DONE, LAST], &[WORD, "!end\n"], &[ERROR, LAST]] {
        let j = judged(&[&[ASK, HEAD], parts].concat());
        assert!(j.why.len() >= 2, "{j:?}");
    }
    assert_eq!(Verdict::ALL.len(), 6);
}
