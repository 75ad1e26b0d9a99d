//! Rules about the field `Incremental` (RFC 10036), with which a message asks every hop to pass it on as it comes.

use super::intermediaries::{is_cacheable, proxy_named};
use crate::conformance::{Finding, Level, Rule};
use crate::framing::Framing;
use crate::http::event::Fields;
use crate::http::incremental::{Declared, FIELD};
use crate::oddity::excerpt;

/// A streamed answer tells the hops on its way that it is one.
pub static HTTP_029: Rule = Rule {
    code: "HTTP-029",
    name: "incremental-not-declared",
    level: Level::Info,
    summary: "Where a proxy is on the way, the request says it, or no other field speaks to hops, an event stream says \
        `Incremental: ?1`",
    why: "A hop may hold a message back, and cannot know which one it should not. This field is the standard's way to \
        say it, to every hop and to the HTTP libraries of both ends; X-Accel-Buffering is nginx's own. It counts for \
        one message, so the request's does not speak for the response. Few hops act on it yet, and none is harmed \
        by it. A stream that says how caches are to treat it (HTTP-012) has a finding only with a sign of a hop: Via, \
        Forwarded, X-Forwarded-For, X-Real-IP, or Incremental in the request.",
    source: "RFC 10036 (Incremental Forwarding of HTTP Messages)",
    breaks: &[],
    fix: "Send `Incremental: ?1` with each stream, beside the switches of the hops that do not know it.",
    bad: &[
        // The request's field does not count for the response.
        r#"> POST /v1/chat/completions HTTP/1.1
           > Host: api.example
           > Incremental: ?1
           >json {"model":"m","stream":true,"messages":[]}
           events-now; role; word; stop; done; last"#,
        r#"> POST /v1/chat/completions HTTP/1.1
           > Host: api.example
           > Via: 1.1 edge
           >json {"model":"m","stream":true,"messages":[]}
           < HTTP/1.1 200 OK
           < Content-Type: text/event-stream
           < X-Accel-Buffering: no
           no-cache; chunked; role; word; stop; done; last"#,
        "ask; < HTTP/1.1 200 OK
         < Content-Type: text/event-stream
         chunked; role; word; stop; done; last",
    ],
    good: &[
        "good-chat",
        "incremental; role; word; stop; done; last",
        r#"> POST /v1/chat/completions HTTP/1.1
           > Host: api.example
           > Via: 1.1 edge
           > Incremental: ?1
           >json {"model":"m","stream":true,"messages":[]}
           < HTTP/1.1 200 OK
           < Content-Type: text/event-stream
           < X-Accel-Buffering: no
           < Incremental: ?1
           no-cache; chunked; role; word; stop; done; last"#,
    ],
    needs_all_bytes: false,
    check: |case, push| {
        let Some((response, head)) = case.llm_stream().and(case.stream_head()) else { return };
        // As with the fields against caches: other framings belong to protocols that have their own demands on a hop.
        if response.framing != Framing::Sse || Declared::of(&head.fields) != Declared::Absent {
            return;
        }
        let Some(request) = &case.exchange.request else { return };
        let why = match proxy_named(&request.head) {
            _ if Declared::of(&request.head.fields) == Declared::Yes => "the request says Incremental: ?1".to_owned(),
            Some(field) => format!("the request came through a proxy ({field})"),
            // Said beside HTTP-012: the answer tells no hop anything.
            None if is_cacheable(head) => "no field speaks to hops".to_owned(),
            None => return,
        };
        let message = format!("{why}, and the answer does not say Incremental: ?1");
        push(Finding { at: Some(head.first_at), ..Finding::new(message) });
    },
    ..Rule::DEFAULT
};

/// The field has its one value.
pub static HTTP_030: Rule = Rule {
    code: "HTTP-030",
    name: "incremental-without-meaning",
    level: Level::Warning,
    summary: "The field Incremental has the value `?1`, once",
    why: "The field is a boolean of structured fields, and true is its only meaning. `true`, `1`, `?0` and a value in \
        two lines are ignored: the sender believes that no hop holds the message back, and every hop may. Parameters \
        are allowed.",
    source: "RFC 10036; RFC 9651 sections 3.3.6 and 4.2 (booleans, several lines of one field)",
    breaks: &["hops that forward incrementally when they are asked to"],
    fix: "Send `Incremental: ?1` in one line, or leave the field out.",
    bad: &[
        "ask; ok
         < Content-Type: text/event-stream
         < Cache-Control: no-cache
         < Incremental: true
         chunked; role; word; stop; done; last",
        "ask; ok
         < Content-Type: text/event-stream
         < Cache-Control: no-cache
         < Incremental: ?0
         chunked; role; word; stop; done; last",
        "ask; ok
         < Content-Type: text/event-stream
         < Cache-Control: no-cache
         < Incremental: ?1
         < Incremental: ?1
         chunked; role; word; stop; done; last",
        "> GET /v1/models HTTP/1.1
         > Host: api.example
         > Incremental: yes
         >
         < HTTP/1.1 200 OK
         <json {\"object\":\"list\",\"data\":[]}",
    ],
    good: &[
        "good-chat",
        "ask; ok
         < Content-Type: text/event-stream
         < Cache-Control: no-cache
         < incremental: ?1; hint=2
         chunked; role; word; stop; done; last",
    ],
    needs_all_bytes: false,
    check: |case, push| {
        let request = case.exchange.request.as_ref().map(|r| ("request", &r.head.fields));
        let response = case.response().and_then(|r| r.head.as_ref()).map(|h| ("response", &h.fields));
        for (message, fields) in request.into_iter().chain(response) {
            if Declared::of(fields) == Declared::Other {
                push(Finding::in_head(fields, FIELD, format!("the {message} says {}", said(fields))));
            }
        }
    },
    ..Rule::DEFAULT
};

/// The lines of the field in words.
fn said(fields: &Fields) -> String {
    let all: Vec<_> = fields.all(FIELD).map(|value| format!("Incremental: {}", excerpt(value))).collect();
    match all.as_slice() {
        [one] => format!("{one}, which means nothing: only ?1 does"),
        [first, .., last] => format!("{first} to {last} in {} lines, which is no value", all.len()),
        [] => String::new(),
    }
}
