//! An exchange that is read again from what is stored of it. The oracle is the live reading of the same transcript.

use super::super::StoredExchange;
use super::sockets::OPEN;
use super::{ASK, HEAD, exchange};
use crate::exchange::Exchange;

#[test]
fn it_is_the_same_when_it_is_read_again() {
    let chunked = HEAD.replace("<\n\n", "< Transfer-Encoding: chunked\n<\n\n");
    let event = "data: {\\\"choices\\\":[{\\\"index\\\":0,\\\"delta\\\":{\\\"content\\\":\\\"a\\\"}}]}\\n\\n"
        .replace("\\\"", "\"");
    let chunk = format!("@ +10ms\n<chunk {event}\n");
    let open = OPEN;
    let client_close = ">| \\x88\\x82\\0\\0\\0\\0\\x03\\xe9\n\n";
    let server = "@ +5ms\n<| \\x81\\x02hi\n\n";
    let upload = "> POST /x HTTP/1.1\n> Host: h\n> Transfer-Encoding: chunked\n>\n>chunk ab\n@ +3ms\n>chunk;x=1 c\n";
    let cases: Vec<String> = [
        // Chunks, the last of them cut; trailers; a size line with an extension; a gap between and inside.
        [ASK, &chunked, &chunk, &chunk, "@ +1ms\n<last X-T: v\n"].concat(),
        [ASK, &chunked, &chunk, "<| 1f\\r\\ndata:\n!fin <\n"].concat(),
        [
            ASK,
            &chunked,
            "<chunk;n=1 data: {}\\n\\n\n<| 20\\r\\nda\n\n!gap < 10\n<| ta: 5678901234567890\\r\\n\n<last\n",
        ]
        .concat(),
        [ASK, &chunked, &chunk, "!gap < 900\n", &chunk, &chunk, "<last\n"].concat(),
        // A request that was cut later than its head, and one with a hole in its head.
        [upload, "@ +9ms\n!rst >\n"].concat(),
        [upload, ">last\n\n@ +1ms\n< HTTP/1.1 100 Continue\n<\n\n< HTTP/1.1 204 No Content\n<\n"].concat(),
        // Bytes of the connection are missing outside of both bodies.
        [ASK, "< HTTP/1.1 100 Continue\n<\n\n!gap < 7\n!fin <\n"].concat(),
        // WebSockets: who closed, and when.
        [open, server, "@ +5ms\n", client_close, "@ +5ms\n!fin <\n"].concat(),
        [open, client_close, server, "@ +5ms\n!rst >\n"].concat(),
        [open, server, "@ +5ms\n<| \\x88\\x02\\x03\\xe8\n\n@ +5ms\n", client_close, "!fin <\n"].concat(),
    ]
    .into();
    for text in cases {
        let live = exchange(&[&text]);
        let again = StoredExchange::from(&live).read();
        assert_eq!((again.id, again.gap, again.ending), (live.id, live.gap, live.ending), "{text}");
        assert_eq!(again.websocket, live.websocket, "{text}");
        let asked = |x: &Exchange| x.request.as_ref().map(|r| (r.head_at, r.last_at, r.end, r.body.clone(), r.asked));
        assert_eq!(format!("{:?}", asked(&again)), format!("{:?}", asked(&live)), "{text}");
        let answered = |x: &Exchange| {
            x.response.as_ref().map(|r| {
                let times = (r.first_at, r.head_at, r.last_at, r.first_record_at, r.last_record_at);
                (times, r.end, r.body.clone(), r.records.clone(), r.trailers.clone(), r.informational.len())
            })
        };
        assert_eq!(format!("{:?}", answered(&again)), format!("{:?}", answered(&live)), "{text}");
        assert_eq!(again.oddities, live.oddities, "{text}");
    }
}
