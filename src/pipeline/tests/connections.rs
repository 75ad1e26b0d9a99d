//! What is said about a connection, and what exchanges learn from it.

use super::super::closing::Closings;
use super::super::{Config, Connection, MAX_OPEN, Output, Pipeline, exchanges_of};
use crate::conn::{ByteEvent, ClosedAt, ConnFacts, ConnId, Direction, End, Endpoints, Stamp, What};
use crate::exchange::Exchange;
use crate::exchange::ending::Party;
use crate::http::event::{EndSignal, MessageEnd};
use crate::oddity::{Delivery, Kind, Oddity};
use crate::time::{Span, Timestamp};
use crate::wire;

fn event(at: i64, conn: u32, dir: Direction, what: What<'_>) -> ByteEvent<'_> {
    ByteEvent { at: Timestamp(at), frame: at as u64, conn: ConnId(conn), dir, what }
}

const CLIENT: Direction = Direction::ToServer;
const SERVER: Direction = Direction::ToClient;
const ASK: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";

fn opened() -> What<'static> {
    let end = |last| std::net::SocketAddr::from(([192, 0, 2, last], 80));
    What::Open { endpoints: Endpoints { client: end(1), server: end(2) }, joined: false }
}

fn fed(events: &[ByteEvent<'_>]) -> (Vec<Exchange>, Vec<Connection>) {
    let mut pipeline = Pipeline::new(Config::default());
    events.iter().for_each(|event| pipeline.feed(event));
    pipeline.finish();
    let (mut exchanges, mut connections) = (Vec::new(), Vec::new());
    pipeline.drain(&mut |output| match output {
        Output::Exchange(x) => exchanges.push(*x),
        Output::Connection(c) => connections.push(*c),
        Output::Begun(_) | Output::Part(_) => {}
    });
    (exchanges, connections)
}

#[test]
fn a_connection_counts_its_exchanges_and_ends_with_its_last_event() {
    let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
    let (exchanges, connections) = fed(&[
        event(1, 0, CLIENT, opened()),
        event(2, 0, CLIENT, What::Data(ASK)),
        event(3, 0, SERVER, What::Data(answer)),
        event(4, 0, CLIENT, What::Data(ASK)),
        event(5, 0, SERVER, What::Data(answer)),
        event(9, 0, CLIENT, What::Closed(Box::default())),
    ]);
    let of = |c: &Connection| (c.opened_at.0, c.closed_at.0, c.exchanges, c.speaks);
    assert_eq!((exchanges.len(), connections.iter().map(of).collect::<Vec<_>>()), (2, vec![(1, 9, 2, "http/1")]));
}

#[test]
fn facts_are_those_of_client_and_server_as_the_bytes_showed_them() {
    let at = |n| Some(Timestamp(n));
    let closed = ClosedAt { client_fin: at(11), server_fin: at(12), client_rst: at(13), server_rst: at(14) };
    let facts = ConnFacts {
        handshake_seen: true,
        retransmitted_segments: 1,
        out_of_order_segments: 2,
        hole: true,
        client_fin: true,
        server_fin: false,
        client_rst: false,
        server_rst: true,
        closed,
        packets: 3,
        client_bytes: 4,
        server_bytes: 5,
        rtt_client: Some(Span(6)),
        rtt_server: Some(Span(7)),
    };
    let of = |client, server| {
        fed(&[
            event(1, 0, CLIENT, opened()),
            event(2, 0, client, What::Data(ASK)),
            event(3, 0, server, What::Data(b"HTTP/1.1 204 No Content\r\n\r\n")),
            event(4, 0, CLIENT, What::Closed(Box::new(facts))),
        ])
        .1
        .remove(0)
    };
    let (right, wrong) = (of(CLIENT, SERVER), of(SERVER, CLIENT));
    assert_eq!((right.facts, right.endpoints.client.to_string()), (facts, "192.0.2.1:80".to_owned()));
    let closed = ClosedAt { client_fin: at(12), server_fin: at(11), client_rst: at(14), server_rst: at(13) };
    let swapped = ConnFacts {
        client_fin: false,
        server_fin: true,
        client_rst: true,
        server_rst: false,
        closed,
        client_bytes: 5,
        server_bytes: 4,
        rtt_client: Some(Span(7)),
        rtt_server: Some(Span(6)),
        ..facts
    };
    assert_eq!((wrong.facts, wrong.endpoints.client.to_string()), (swapped, "192.0.2.2:80".to_owned()));
}

#[test]
fn an_open_exchange_was_watched_until_the_newest_packet_of_any_connection() {
    let (exchanges, _) = fed(&[
        event(1, 0, CLIENT, opened()),
        event(2, 0, CLIENT, What::Data(ASK)),
        event(3, 1, CLIENT, opened()),
        event(70, 1, CLIENT, What::Data(ASK)),
        event(5, 0, CLIENT, What::Closed(Box::default())),
    ]);
    assert_eq!(exchanges[0].ending.seen_until, Timestamp(70));
    let mut closings = Closings::default();
    closings.note(&event(4, 0, CLIENT, What::Data(b"x")));
    assert_eq!(closings.seen(false, [None; 2], Timestamp(8)).ending(None).seen_until, Timestamp(8));
}

#[test]
fn the_end_of_an_exchange_has_the_packet_that_told_it() {
    let told = (MessageEnd::Complete, EndSignal::Length, Stamp { at: Timestamp(6), frame: 7 });
    let e = Closings::default().ending(Some(told));
    assert_eq!((e.told, e.by, e.at, e.frame), (Some(EndSignal::Length), Party::Server, Timestamp(6), 7));
}

#[test]
fn the_first_of_several_ends_of_a_side_counts() {
    let mut closings = Closings::default();
    for (at, dir, end) in
        [(1, CLIENT, End::Fin), (2, CLIENT, End::CloseNotify), (3, SERVER, End::Reset), (4, SERVER, End::Reset)]
    {
        closings.note(&event(at, 0, dir, What::End(end)));
    }
    let e = closings.ending(None);
    assert_eq!((e.client.fin, e.client.rst), (Some(Timestamp(1)), None));
    assert_eq!((e.server.fin, e.server.rst), (None, Some(Timestamp(3))));
}

#[test]
fn what_tcp_noticed_has_its_packet_and_no_unit() {
    let odd = Oddity::new(Kind("tcp.x"), Timestamp(3), "");
    let (exchanges, _) = fed(&[
        event(1, 0, CLIENT, opened()),
        event(2, 0, CLIENT, What::Data(ASK)),
        event(3, 0, SERVER, What::Oddity(odd)),
        event(4, 0, SERVER, What::Data(b"HTTP/1.1 204 No Content\r\n\r\n")),
    ]);
    let found = exchanges[0].oddities.find(Kind("tcp.x")).unwrap().0;
    assert_eq!(found.delivery, Some(Delivery { frame: 3, unit: None }));
}

#[test]
fn a_new_connection_may_have_any_number_once_none_is_open() {
    let of = |first: u32, second: u32| {
        let close = || What::Closed(Box::default());
        let (exchanges, _) = fed(&[
            event(1, first, CLIENT, opened()),
            event(2, first, CLIENT, What::Data(ASK)),
            event(3, first, CLIENT, close()),
            event(4, second, CLIENT, opened()),
            event(5, second, CLIENT, What::Data(ASK)),
            event(6, second, CLIENT, close()),
        ]);
        exchanges.iter().map(|x| x.conn.0).collect::<Vec<_>>()
    };
    assert_eq!(of(3, 7), [3, 7]);
    assert_eq!(of(7, 3), [7, 3]);
}

/// One answer has begun, and more requests wait than are followed: those without an answer are given up first.
#[test]
fn an_exchange_whose_answer_has_begun_is_not_given_up() {
    let ask = "> GET / HTTP/1.1\n> Host: h\n>\n\n";
    let head = "< HTTP/1.1 200 OK\n< Content-Length: 5\n<\n<| a\n\n";
    let text = [ask, head, &ask.repeat(MAX_OPEN + 1)].concat();
    let transcript = wire::parse(&text).unwrap();
    let all = exchanges_of(|sink| transcript.replay(ConnId(0), sink));
    let given_up: Vec<u64> = all
        .iter()
        .filter(|x| x.oddities.find(crate::pipeline::work::TOO_MANY_OPEN).is_some())
        .map(|x| x.id.0)
        .collect();
    assert_eq!(given_up, [1, 2]);
}

/// The answer to the first request was not captured, so that it is open when TLS begins in the tunnel.
#[test]
fn what_was_asked_before_a_tunnel_was_not_asked_in_tls() {
    let mut hello = b"\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x03".to_vec();
    hello.extend([7; 32]);
    hello.extend(b"\x00\x00\x02\x13\x01\x01\x00");
    let connect = b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n";
    let (exchanges, connections) = fed(&[
        event(1, 0, CLIENT, opened()),
        event(2, 0, CLIENT, What::Data(ASK)),
        event(3, 0, SERVER, What::Gap(40)),
        event(4, 0, CLIENT, What::Data(connect)),
        event(5, 0, SERVER, What::Data(b"HTTP/1.1 200 OK\r\n\r\n")),
        event(6, 0, CLIENT, What::Data(&hello)),
    ]);
    assert!(connections[0].tls.is_some(), "{connections:?}");
    let first = exchanges.iter().find(|x| x.request.as_ref().is_some_and(|r| r.head.method == "GET")).unwrap();
    assert_eq!((&first.tls, first.gap), (&None, true));
}

/// The end of a chunked request was not captured, and another request begins.
#[test]
fn a_request_whose_end_was_not_captured_says_so() {
    let ask = "> POST /a HTTP/1.1\n> Host: h\n> Transfer-Encoding: chunked\n>\n>chunk abc\n\n";
    let text = [ask, "!gap > 500\n> GET /b HTTP/1.1\n> Host: h\n>\n\n@ +1s\n!fin >\n"].concat();
    let transcript = wire::parse(&text).unwrap();
    let all = exchanges_of(|sink| transcript.replay(ConnId(0), sink));
    let of = |x: &Exchange| (x.ending.told, x.ending.by);
    assert_eq!(of(&all[0]), (Some(EndSignal::NotCaptured), Party::Capture));
    assert_eq!(of(&all[1]), (Some(EndSignal::Fin), Party::Client));
}
