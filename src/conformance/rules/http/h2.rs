//! Rules about HTTP/2 messages.

use super::transfer;
use crate::conformance::case::answered;
use crate::conformance::{Finding, Level, Rule};
use crate::http::event::{MessageEnd, Transfer, Version};
use crate::http::h2;

/// Fields that mean the connection, not the message.
const OF_THE_CONNECTION: &[&str] = &["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];

/// Streams end, they are not reset.
pub static HTTP_015: Rule = Rule {
    code: "HTTP-015",
    name: "stream-reset",
    level: Level::Error,
    summary: "An HTTP/2 answer ends with END_STREAM, not with RST_STREAM or a lost connection",
    why: "A reset stream is a truncated answer. Its code says why: INTERNAL_ERROR and ENHANCE_YOUR_CALM are the server's, CANCEL is often a \
          gateway's timeout. A client that cancels is another matter and no finding.",
    source: "RFC 9113 sections 5.1, 6.4 and 8.1",
    breaks: &["openai-python (http2)", "Go net/http", "every client, in the middle of the answer"],
    fix: "Look at the server and the gateway at the time given; send an error event and end the stream properly where the model fails.",
    bad: &[H2_RESET],
    good: &[good_chat!(), H2_WHOLE],
    silenced_by: &[],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = case.response() else { return };
        if transfer(response) != Some(Transfer::H2) || response.end != MessageEnd::CutByServer {
            return;
        }
        let how = case
            .exchange
            .oddities
            .find(h2::RESET)
            .map_or("the connection closed".to_owned(), |(odd, _)| format!("RST_STREAM, {}", odd.found));
        let whole = if case.stream().is_some_and(answered) { "; the answer was complete" } else { "" };
        push(Finding { at: Some(case.exchange.ending.at), ..Finding::new(format!("the server cut the stream: {how}{whole}")) });
    },
};

/// No fields of the connection in HTTP/2.
pub static HTTP_016: Rule = Rule {
    code: "HTTP-016",
    name: "connection-field-in-h2",
    level: Level::Error,
    summary: "HTTP/2 messages have no connection-specific fields: Connection, Keep-Alive, Proxy-Connection, Transfer-Encoding, Upgrade",
    why: "They mean nothing in HTTP/2 and make the message malformed: libraries reset the stream. They come from handlers that set `Connection: \
          keep-alive` on event streams by hand, which is harmless until the server is put behind HTTP/2.",
    source: "RFC 9113 section 8.2.2",
    breaks: &["nghttp2", "hyper", "Safari", "Go net/http"],
    fix: "Leave these fields to the server; for event streams only Content-Type and Cache-Control are yours.",
    bad: &[H2_CONNECTION_FIELD],
    good: &[good_chat!(), H2_WHOLE],
    silenced_by: &[],
    needs_all_bytes: false,
    check: |case, push| {
        let exchange = case.exchange;
        let request =
            exchange.request.as_ref().filter(|r| r.head.version == Version::H2).map(|r| ("request", &r.head.fields, r.head.first_at));
        let response =
            case.response().and_then(|r| r.head.as_ref()).filter(|h| h.version == Version::H2).map(|h| ("response", &h.fields, h.first_at));
        for (side, fields, at) in request.into_iter().chain(response) {
            let named = |n: &[u8]| OF_THE_CONNECTION.iter().any(|c| n.eq_ignore_ascii_case(c.as_bytes()));
            let te = |n: &[u8], v: &[u8]| n.eq_ignore_ascii_case(b"te") && !v.eq_ignore_ascii_case(b"trailers");
            let found: Vec<String> =
                fields.iter().filter(|(n, v)| named(n) || te(n, v)).map(|(n, _)| String::from_utf8_lossy(n).into_owned()).collect();
            if !found.is_empty() {
                push(Finding { at: Some(at), ..Finding::new(format!("the {side} has {}", found.join(", "))) });
            }
        }
    },
};

/// The same in HTTP/2, prior knowledge: whole.
const H2_WHOLE: &str = concat!(
    ">| PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n\\0\\0\\0\\x04\\0\\0\\0\\0\\0\n",
    "<| \\0\\0\\0\\x04\\0\\0\\0\\0\\0\\0\\0\\0\\x04\\x01\\0\\0\\0\\0\n",
    ">| \\0\\0\\0\\x04\\x01\\0\\0\\0\\0\\0\\0o\\x01\\x04\\0\\0\\0\\x01\\0\\x07:method\\x04POST\\0\\x07:scheme\\x04http\\0\\x05:path",
    "\\x14/v1/chat/completions\\0\\n:authority\\x0bapi.example\\0\\x0ccontent-type\\x10application/json\\0\\0)\\0\\x01\\0\\0\\0\\x01{",
    "\"model\":\"m\",\"stream\":true,\"messages\":[]}\n",
    "@ +150ms\n",
    "<| \\0\\0E\\x01\\x04\\0\\0\\0\\x01\\0\\x07:status\\x03200\\0\\x0ccontent-type\\x11text/event-stream\\0\\rcache-control\\x08no-ca",
    "che\n",
    "@ +20ms\n",
    "<| \\0\\0\\xc7\\0\\0\\0\\0\\0\\x01data: {\"id\":\"chatcmpl-152e4edf8b024db393e7\",\"object\":\"chat.completion.chunk\",\"created",
    "\":1764124490,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":nu",
    "ll}]}\\n\\n\n",
    "@ +20ms\n",
    "<| \\0\\0\\xb9\\0\\0\\0\\0\\0\\x01data: {\"id\":\"chatcmpl-152e4edf8b024db393e7\",\"object\":\"chat.completion.chunk\",\"created",
    "\":1764124490,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"word \"},\"finish_reason\":null}]}\\n\\n\n",
    "@ +20ms\n",
    "<| \\0\\0\\xaa\\0\\0\\0\\0\\0\\x01data: {\"id\":\"chatcmpl-152e4edf8b024db393e7\",\"object\":\"chat.completion.chunk\",\"created",
    "\":1764124490,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\\n\\n\n",
    "@ +20ms\n",
    "<| \\0\\0\\x0e\\0\\x01\\0\\0\\0\\x01data: [DONE]\\n\\n\n",
);

/// Reset by the server in the middle, INTERNAL_ERROR.
const H2_RESET: &str = concat!(
    ">| PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n\\0\\0\\0\\x04\\0\\0\\0\\0\\0\n",
    "<| \\0\\0\\0\\x04\\0\\0\\0\\0\\0\\0\\0\\0\\x04\\x01\\0\\0\\0\\0\n",
    ">| \\0\\0\\0\\x04\\x01\\0\\0\\0\\0\\0\\0o\\x01\\x04\\0\\0\\0\\x01\\0\\x07:method\\x04POST\\0\\x07:scheme\\x04http\\0\\x05:path",
    "\\x14/v1/chat/completions\\0\\n:authority\\x0bapi.example\\0\\x0ccontent-type\\x10application/json\\0\\0)\\0\\x01\\0\\0\\0\\x01{",
    "\"model\":\"m\",\"stream\":true,\"messages\":[]}\n",
    "@ +150ms\n",
    "<| \\0\\0E\\x01\\x04\\0\\0\\0\\x01\\0\\x07:status\\x03200\\0\\x0ccontent-type\\x11text/event-stream\\0\\rcache-control\\x08no-ca",
    "che\n",
    "@ +20ms\n",
    "<| \\0\\0\\xc7\\0\\0\\0\\0\\0\\x01data: {\"id\":\"chatcmpl-152e4edf8b024db393e7\",\"object\":\"chat.completion.chunk\",\"created",
    "\":1764124490,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":nu",
    "ll}]}\\n\\n\n",
    "@ +20ms\n",
    "<| \\0\\0\\xb9\\0\\0\\0\\0\\0\\x01data: {\"id\":\"chatcmpl-152e4edf8b024db393e7\",\"object\":\"chat.completion.chunk\",\"created",
    "\":1764124490,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"word \"},\"finish_reason\":null}]}\\n\\n\n",
    "@ +20ms\n",
    "<| \\0\\0\\x04\\x03\\0\\0\\0\\0\\x01\\0\\0\\0\\x02\n",
);

/// With a field of the connection.
const H2_CONNECTION_FIELD: &str = concat!(
    ">| PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n\\0\\0\\0\\x04\\0\\0\\0\\0\\0\n",
    "<| \\0\\0\\0\\x04\\0\\0\\0\\0\\0\\0\\0\\0\\x04\\x01\\0\\0\\0\\0\n",
    ">| \\0\\0\\0\\x04\\x01\\0\\0\\0\\0\\0\\0o\\x01\\x04\\0\\0\\0\\x01\\0\\x07:method\\x04POST\\0\\x07:scheme\\x04http\\0\\x05:path",
    "\\x14/v1/chat/completions\\0\\n:authority\\x0bapi.example\\0\\x0ccontent-type\\x10application/json\\0\\0)\\0\\x01\\0\\0\\0\\x01{",
    "\"model\":\"m\",\"stream\":true,\"messages\":[]}\n",
    "@ +150ms\n",
    "<| \\0\\0\\\\\\x01\\x04\\0\\0\\0\\x01\\0\\x07:status\\x03200\\0\\x0ccontent-type\\x11text/event-stream\\0\\rcache-control\\x08no",
    "-cache\\0\\nconnection\\nkeep-alive\n",
    "@ +20ms\n",
    "<| \\0\\x028\\0\\x01\\0\\0\\0\\x01data: {\"id\":\"chatcmpl-152e4edf8b024db393e7\",\"object\":\"chat.completion.chunk\",\"created",
    "\":1764124490,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":nu",
    "ll}]}\\n\\ndata: {\"id\":\"chatcmpl-152e4edf8b024db393e7\",\"object\":\"chat.completion.chunk\",\"created\":1764124490,\"model\"",
    ":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"word \"},\"finish_reason\":null}]}\\n\\ndata: {\"id\":\"chatcmpl-152e4",
    "edf8b024db393e7\",\"object\":\"chat.completion.chunk\",\"created\":1764124490,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta",
    "\":{},\"finish_reason\":\"stop\"}]}\\n\\ndata: [DONE]\\n\\n\n",
);
