//! What could not be read is neither absent nor wrong.

use super::build::{chat, head, response};
use super::{Warning, judged};
use crate::exchange::Exchange;
use crate::http::event::{ResponseHead, Transfer};
use crate::http::stored;

/// A whole chat stream over HTTP/2 under this head.
fn under(raw: &str, status: u16) -> Exchange {
    let mut exchange = chat();
    let fields = stored::trailers(raw.as_bytes(), Some(1));
    response(&mut exchange).head = Some(ResponseHead { fields, ..head(status, None, Transfer::H2) });
    exchange
}

#[test]
fn rules_about_fields_are_silent_where_fields_could_not_be_read() {
    let names_unread = "?: ?\r\nx: y\r\n\r\n";
    let values_unread = "content-type: ?\r\ncache-control: ?\r\ncontent-encoding: ?\r\n\r\n";
    let cut_in_the_middle = "content-type: text/event-stream\r\n?: ?\r\n\r\n";
    for raw in [names_unread, values_unread, cut_in_the_middle, ""] {
        for status in [0, 200] {
            assert_eq!(judged(&under(raw, status)), [], "{status} {raw}");
        }
    }
    let found = judged(&under("cache-control: no-cache\r\n\r\n", 200));
    assert_eq!(found, [("HTTP-003", Warning)], "a field that was read and not found is absent");
}
