//! Alerts inside TLS: close_notify ends a direction; any other alert gives a reason and ends nothing by itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use rustls::version::TLS13;
use sniff::conn::Direction::{self, ToClient, ToServer};
use sniff::conn::{ByteEvent, ConnId, End, What};
use sniff::internal::tls::{Info, Keys, Session};
use sniff::time::Timestamp;
use support::sealed::Ends;

/// How each direction ended, in order, and the facts of the connection.
fn ends(log: &str, wire: &[(Direction, Vec<u8>)]) -> (Vec<(Direction, End)>, Info) {
    let keys = Keys::default();
    keys.expect();
    keys.push(log.as_bytes());
    let mut session = Session::new(ConnId(0), keys);
    let mut out = Vec::new();
    let ends = [ToServer, ToClient].map(|dir| (dir, What::End(End::Fin)));
    let all = wire.iter().map(|(dir, bytes)| (*dir, What::Data(bytes))).chain(ends);
    for (n, (dir, what)) in all.enumerate() {
        session.push(&ByteEvent { at: Timestamp(n as i64), frame: 0, conn: ConnId(0), dir, what }, &mut |event| {
            if let What::End(end) = event.what {
                out.push((event.dir, end));
            }
        });
    }
    (out, session.info().clone())
}

#[test]
fn a_client_that_does_not_trust_the_certificate_closes_nothing() {
    let mut stranger = Ends::new(&[&TLS13]);
    stranger.client.key_log = stranger.log.clone();
    let other = Ends::new(&[&TLS13]);
    // The server of another pair: this client does not know its certificate.
    stranger.server = other.server;
    let mut tunnel = stranger.connect();
    let mut wire = Vec::new();
    let mut hello = Vec::new();
    while tunnel.client.wants_write() {
        tunnel.client.write_tls(&mut hello).unwrap();
    }
    tunnel.server.read_tls(&mut &hello[..]).unwrap();
    tunnel.server.process_new_packets().unwrap();
    let mut flight = Vec::new();
    while tunnel.server.wants_write() {
        tunnel.server.write_tls(&mut flight).unwrap();
    }
    tunnel.client.read_tls(&mut &flight[..]).unwrap();
    assert!(tunnel.client.process_new_packets().is_err(), "the certificate is unknown");
    let mut alert = Vec::new();
    while tunnel.client.wants_write() {
        tunnel.client.write_tls(&mut alert).unwrap();
    }
    assert!(alert.len() > 20, "a sealed record: {alert:?}");
    wire.extend([(ToServer, hello), (ToClient, flight), (ToServer, alert)]);
    let (ended, info) = ends(&stranger.log.text(), &wire);
    assert_eq!(ended, [(ToServer, End::Fin), (ToClient, End::Fin)]);
    assert_eq!(info.close_notify, [None, None]);
}

#[test]
fn a_close_notify_ends_its_direction_once() {
    let all = Ends::new(&[&TLS13]);
    let mut tunnel = all.connect();
    tunnel.settle();
    tunnel.send(ToServer, b"question");
    tunnel.close(ToClient);
    let wire = tunnel.take();
    let (ended, info) = ends(&all.log.text(), &wire);
    assert_eq!(ended, [(ToClient, End::CloseNotify), (ToServer, End::Fin)]);
    let at = wire.len() as i64 - 1;
    assert_eq!(info.close_notify, [None, Some(Timestamp(at))]);
}
