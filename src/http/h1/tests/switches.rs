//! CONNECT and Upgrade: where HTTP/1 ends on a connection, and what comes after.

use super::On::Closed;
use super::{c, feed, s, trace, trace_of};
use crate::http::{Conn, Speaks};

#[test]
fn http_inside_a_tunnel() {
    let got = trace(&[
        c("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n"),
        s("HTTP/1.1 200 Connection established\r\n\r\n"),
        c("GET / HTTP/1.1\r\n\r\n"),
        s("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"),
    ]);
    let expected = [
        "0 > CONNECT a:80 1.1 None",
        "0 > Complete",
        "0 < 200 1.1 None",
        "0 < Complete",
        "1 > GET / 1.1 None",
        "1 > Complete",
        "1 < 200 1.1 Length(2)",
        "1 < data hi",
        "1 < Complete",
    ];
    assert_eq!(got, expected);
}

#[test]
fn tls_inside_a_tunnel_is_seen() {
    let mut conn = Conn::new(false);
    // The client does not wait for the answer.
    let got = trace_of(
        &mut conn,
        &[c("CONNECT a:443 HTTP/1.1\r\n\r\n"), c([0x16, 3, 1, 0, 9]), s("HTTP/1.1 200 OK\r\n\r\n")],
        false,
    );
    assert_eq!(got.len(), 4);
    assert_eq!(conn.speaks(), Speaks::Tls);
    assert_eq!(conn.tls().map(|(_, first)| first), Some(1), "exchanges inside are numbered on");
}

#[test]
fn refused_connect_goes_on_as_http() {
    let got = trace(&[
        c("CONNECT a:443 HTTP/1.1\r\n\r\n"),
        s("HTTP/1.1 407 Auth\r\nContent-Length: 0\r\n\r\n"),
        c("CONNECT a:443 HTTP/1.1\r\n"),
        c("Proxy-Authorization: x\r\n\r\n"),
        s("HTTP/1.1 200 OK\r\n\r\n"),
        c("opaque"),
        Closed,
    ]);
    assert_eq!(got[4..], ["1 > CONNECT a:443 1.1 None", "1 > Complete", "1 < 200 1.1 None", "1 < Complete"]);
}

#[test]
fn what_follows_a_websocket_upgrade_is_the_exchanges() {
    let mut conn = Conn::new(false);
    let happens = [
        c("GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
        c("early"),
        s("HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"),
        c("GET / HTTP/1.1\r\n\r\n"),
        Closed,
    ];
    let got = trace_of(&mut conn, &happens, false);
    let expected = [
        "0 > GET /ws 1.1 None",
        "0 > Complete",
        "0 < 101 1.1 None",
        "0 > data early",
        "0 < data HTTP/1.1 200 OK\\r\\n\\r\\n",
        "0 > data GET / HTTP/1.1\\r\\n\\r\\n",
        "0 > CutByCapture",
        "0 < CutByCapture",
    ];
    assert_eq!(got, expected);
    assert_eq!(conn.speaks(), Speaks::Http1);
}

#[test]
fn other_upgrades_end_http() {
    let mut conn = Conn::new(false);
    let happens = [
        c("GET /x HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: spdy\r\n\r\n"),
        s("HTTP/1.1 101 Switching Protocols\r\nUpgrade: spdy\r\n\r\n\x01\x05HTTP/"),
        c([0x81, 0x85, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        Closed,
    ];
    let got = trace_of(&mut conn, &happens, false);
    assert_eq!(got, ["0 > GET /x 1.1 None", "0 > Complete", "0 < 101 1.1 None", "0 < Complete"]);
    assert_eq!(conn.speaks(), Speaks::Other);
}

#[test]
fn h2c_upgrade_leaves_the_exchange_to_http2() {
    let mut conn = Conn::new(false);
    let happens = [
        c("GET / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: \r\n\r\n"),
        s("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n\0\0\0\x04\0\0\0\0\0"),
        c("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ];
    let got = trace_of(&mut conn, &happens, false);
    assert_eq!(got, ["0 > GET / 1.1 None", "0 > Complete", "0 < 101 1.1 None"], "its answer comes on stream 1");
    assert_eq!(conn.speaks(), Speaks::Http2);
}

#[test]
fn upgrade_that_is_not_taken() {
    let ask = "GET /1 HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    let got = trace(&[
        c(format!("{ask}{ask}GET /3 HTTP/1.1\r\n\r\n")),
        s("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nbHTTP/1.1 204 \
                x\r\n\r\n"),
    ]);
    let ends: Vec<_> =
        got.iter().filter(|l| l.contains("< data") || l.contains("204") || l.contains("> GET")).collect();
    assert_eq!(
        ends,
        [
            "0 > GET /1 1.1 None",
            "1 > GET /1 1.1 None",
            "0 < data a",
            "2 > GET /3 1.1 None",
            "1 < data b",
            "2 < 204 1.1 None"
        ]
    );
    // No response (only one direction captured): the requests are still read.
    let got = trace(&[c(format!("{ask}{ask}")), Closed]);
    assert_eq!(got, ["0 > GET /1 1.1 None", "0 > Complete", "1 > GET /1 1.1 None", "1 > Complete"]);
    let got = trace(&[c(ask.repeat(5000))]);
    assert!(got.len() > 9000, "{}", got.len());
}

#[test]
fn endless_switching_stops() {
    let mut conn = Conn::new(false);
    for _ in 0..100 {
        feed(&mut conn, &[c("CONNECT a:1 HTTP/1.1\r\n\r\n"), s("HTTP/1.1 200 OK\r\n\r\n")], &mut |_| ());
    }
    assert_eq!(conn.speaks(), Speaks::Other);
}
