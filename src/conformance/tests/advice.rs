//! Place, message and advice of findings of one rule in different cases.

use crate::conformance::{Finding, by_code, sample};
use crate::oddity::Of;

const ASK: &str = "> POST /v1/chat/completions HTTP/1.1\n> Host: api.example\n> Content-Type: \
    application/json\n>\n>json {\"model\":\"m\",\"stream\":true}\n\n@ +50ms\n\
    < HTTP/1.1 200 OK\n< Content-Type: text/event-stream\n< Transfer-Encoding: chunked\n<\n\n";

fn chunk(created: &str, rest: &str) -> String {
    format!(
        "<chunk data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":{created},\"model\":\"m\",\"choices\":[{{\"index\":0,{rest}}}]}}\\n\\n\n"
    )
}

fn word() -> String {
    chunk("1764124490", "\"delta\":{\"role\":\"assistant\",\"content\":\"a\"},\"finish_reason\":null")
}

fn of(code: &str, sample: &str) -> Finding {
    sample::finding(by_code(code).unwrap(), sample).unwrap_or_else(|| panic!("{code} says nothing"))
}

#[test]
fn a_number_is_shown_and_marked_as_it_was_sent() {
    let created = "1795881617.6168907";
    let found = of("OAI-CHAT-021", &format!("{ASK}{}<last\n", chunk(created, "\"delta\":{\"content\":\"a\"}")));
    assert!(found.message.contains(created), "{}", found.message);
    assert_eq!(found.excerpt.unwrap().marked, created);
}

#[test]
fn a_grpc_status_is_marked_where_it_was_sent() {
    let call = "> POST /echo.Echo/Stream HTTP/1.1\n> Host: api.example\n> Content-Type: application/grpc\n>\n\n@ \
        +50ms\n\
        < HTTP/1.1 200 OK\n< Content-Type: application/grpc\n< Transfer-Encoding: chunked\n<\n\n<chunk \
        \\0\\0\\0\\0\\x03\\n\\x01a\n";
    let failed = of("GRPC-001", &format!("{call}<last grpc-status: 8\n"));
    let excerpt = failed.excerpt.unwrap();
    assert_eq!((excerpt.of, excerpt.marked.as_str(), failed.record, failed.offset), (Of::Trailers, "8", None, None));
    assert!(failed.fix.unwrap().contains("The status arrived") && !failed.fix.unwrap().contains("nginx"));
    let lost = of("GRPC-001", &format!("{call}<last\n"));
    assert!(lost.fix.unwrap().contains("nginx"));
}

#[test]
fn who_ended_an_answer_decides_what_to_do() {
    let fix = |end: &str| of("DLV-010", &format!("{ASK}{}{end}\n", word())).fix.unwrap();
    assert!(fix("!rst >").contains("client") && !fix("!rst >").contains("worker"));
    assert!(fix("!rst <").contains("worker time-out of the server"));
    assert!(fix("<last").contains("terminator"));
}

#[test]
fn an_odd_error_loses_its_message_not_itself() {
    let message =
        of("OAI-CHAT-026", &format!("{ASK}{}<chunk data: {{\"error\":\"boom\"}}\\n\\n\n<last\n", word())).message;
    assert_eq!(message, "an error in a form that loses its message: boom");
}
