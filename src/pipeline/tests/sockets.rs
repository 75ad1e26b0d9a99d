//! WebSockets: what each end said, and how it ended.

use super::super::messages;
use super::super::socket::Socket;
use super::exchange;
use crate::exchange::WebSocket;
use crate::exchange::ending::Party;
use crate::framing::websocket::Sender;
use crate::http::event::{EndSignal, MessageEnd};
use crate::time::Timestamp;

pub(super) const OPEN: &str = "> GET /chat HTTP/1.1\n> Host: h\n> Upgrade: websocket\n> Connection: Upgrade\n>\n\n\
    @ +10ms\n< HTTP/1.1 101 Switching Protocols\n< Upgrade: websocket\n< Connection: Upgrade\n<\n\n";

/// A frame of the client, masked with zeros: its first byte and its payload.
fn sent(first: u8, payload: &str) -> String {
    format!(
        ">| \\x{first:02x}\\x{:02x}\\0\\0\\0\\0{payload}\n\n",
        0x80 + payload.len() - 3 * payload.matches("\\x").count()
    )
}

fn socket(then: &str) -> WebSocket {
    *exchange(&[OPEN, then]).websocket.unwrap()
}

#[test]
fn messages_are_in_the_order_of_time_whoever_sent_them() {
    let then = [
        "@ +1ms\n<| \\x81\\x01a\n\n@ +1ms\n",
        &sent(0x81, "b"),
        "@ +1ms\n<| \\x82\\x01c\n\n@ +1ms\n",
        &sent(0x81, "d"),
    ];
    let x = exchange(&[OPEN, &then.concat(), "!fin <\n"]);
    let all: Vec<_> =
        messages::of(&x).into_iter().map(|m| (m.from, m.n, m.binary, String::from_utf8(m.data).unwrap())).collect();
    let of = |from, n, binary, text: &str| (from, n, binary, text.to_owned());
    assert_eq!(
        all,
        [
            of(Sender::Server, 0, false, "a"),
            of(Sender::Client, 0, false, "b"),
            of(Sender::Server, 1, true, "c"),
            of(Sender::Client, 1, false, "d"),
        ]
    );
}

/// A gap whose length is known lies within the first frame: the next one is read.
#[test]
fn a_message_after_missing_bytes_is_read() {
    let x = exchange(&[OPEN, "<| \\x81\\x08ab\n\n!gap < 4\n<| cd\\x81\\x02ef\n!fin <\n"]);
    let all: Vec<_> = messages::of(&x).into_iter().map(|m| String::from_utf8(m.data).unwrap()).collect();
    assert_eq!(all, ["ef"]);
}

#[test]
fn the_close_frame_that_came_first_is_the_close() {
    let of_client = |at: &str| format!("{at}{}", sent(0x88, "\\x03\\xe9"));
    let of_server = "@ +5ms\n<| \\x88\\x05\\x03\\xe8bye\n\n";
    let first = |then: &str| {
        let found = socket(then);
        (found.client_close, found.server_close, found.close.map(|c| (c.by, c.code, c.reason)))
    };
    let (one, other) =
        (first(&(of_server.to_owned() + &of_client("@ +9ms\n"))), first(&(of_client("@ +1ms\n") + of_server)));
    assert_eq!(one, (Some(1001), Some(1000), Some((Party::Server, 1000, "bye".into()))));
    assert_eq!(other, (Some(1001), Some(1000), Some((Party::Client, 1001, String::new()))));
    // Only the first Close frame of an end is one.
    let twice = of_client("") + &sent(0x88, "\\x03\\xe8");
    assert_eq!(first(&twice).0, Some(1001));
}

#[test]
fn a_close_frame_is_kept_to_its_last_byte() {
    // RFC 6455 section 5.5: at most 125 bytes, of which two are the code.
    let reason = "r".repeat(123);
    let found = socket(&format!("<| \\x88\\x7d\\x03\\xe8{reason}\n!fin <\n"));
    assert_eq!(found.close.map(|c| c.reason), Some(reason));
}

#[test]
fn messages_are_counted_beyond_those_whose_times_are_kept() {
    let many = WebSocket::MAX_ASKS + 3;
    let found = socket(&format!(">| {}\n!fin <\n", "\\x81\\x80\\0\\0\\0\\0".repeat(many)));
    assert_eq!((found.client_messages, found.asks.len()), (many as u64, WebSocket::MAX_ASKS));
}

/// RFC 8441: the request of a WebSocket over HTTP/2 ends with its stream.
#[test]
fn the_client_ends_a_stream_of_http2() {
    let open = ">h2 preface\n>h2 settings\n>h2 headers 1 :method: CONNECT | :protocol: websocket | :scheme: https | \
        :path: /chat | :authority: h\n@ +10ms\n<h2 settings\n<h2 headers 1 :status: 200\n";
    let end = |client: &str| {
        let x = exchange(&[open, client, "@ +1ms\n<h2 data+end 1 \\x88\\x02\\x03\\xe8\n@ +1s\n!end\n"]);
        assert!(x.websocket.is_some());
        x.request.unwrap().end
    };
    assert_eq!(end(">h2 data+end 1 \\x88\\x80\\0\\0\\0\\0\n"), MessageEnd::Complete);
    assert_eq!(end(">h2 rst 1 CANCEL\n"), MessageEnd::CutByClient);
    assert_eq!(end(""), MessageEnd::CutByCapture);
}

#[test]
fn without_a_close_frame_the_connection_tells_the_end() {
    let mut socket = Socket::new(None, Timestamp(0));
    let cut = (MessageEnd::CutByServer, EndSignal::Reset);
    assert_eq!(socket.server_ends(None, cut.0, cut.1), cut);
    assert_eq!(socket.into_found().close, None);
}
