//! Encrypted Client Hello (RFC 9849): the server name that is seen may be the outer one, which many servers share. The
//! hellos are those of rustls, with a GREASE of the extension, which only the server can tell from the real one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use serde_json::{Value, json};
use sniff::conn::Direction::{ToClient, ToServer};
use support::packets::Talk;
use support::place::{Place, talk};
use support::sealed::Ends;

const ASK: &[u8] = b"GET /v1/models HTTP/1.1\r\nHost: api.example:8000\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// One request and its answer through TLS 1.3 from this port, and the key log.
fn sealed(client: u16, ends: &Ends) -> (Talk, String) {
    let mut tunnel = ends.connect();
    tunnel.settle();
    tunnel.send(ToServer, ASK);
    tunnel.send(ToClient, ANSWER);
    let wire = tunnel.take();
    let steps: Vec<_> = wire.iter().enumerate().map(|(n, (dir, bytes))| (n as i64, *dir, &bytes[..])).collect();
    (talk(client, &steps), ends.log.text())
}

fn ends() -> Ends {
    Ends::new(&[&rustls::version::TLS13])
}

/// Records these packets with this key log; what the recording said.
fn record(p: &Place, talks: &[&Talk], keys: &str) -> String {
    let mut frames: Vec<_> = talks.iter().flat_map(|t| t.frames.clone()).collect();
    frames.sort_by_key(|(at, _)| *at);
    p.write("a.pcap", support::packets::pcap(&frames)).write("a.keys", keys);
    p.want(0, &["--read", "a.pcap", "--keylog", "a.keys"]).1
}

/// Every place that shows the name says so, and lines of the key log for ECH are passed over.
#[test]
fn a_name_that_may_be_the_outer_one_is_marked() {
    let p = Place::new();
    let (talk, keys) = sealed(1, &ends().greased());
    let random = "ab".repeat(32);
    let other = format!("ECH_SECRET {random} {}\nECH_CONFIG {random} {}\n", "cd".repeat(32), "fe0d".repeat(90));
    let said = record(&p, &[&talk], &format!("{other}{keys}{other}"));
    assert!(!said.contains("warning:") && !said.contains("ECH_"), "{said}");
    let listed = &p.json(&["list", "--format", "json"])[0];
    assert_eq!((&listed["ech"], &listed["sni"]), (&json!(true), &json!("api.example")), "{listed:#}");
    assert_eq!(p.json(&["list", "--connections", "--format", "json"])[0]["ech"], true);
    let (table, notice) = p.want(0, &["list", "--connections"]);
    assert!(table.contains("api.example (ECH)"), "{table}");
    let line = "1 TLS connection with encrypted_client_hello (ECH): the server name may be the outer one, which many \
        servers share, so that nothing is grouped by it";
    assert!(notice.contains(line), "{notice}");
    let shown = p.out(&["show", "1"]);
    assert!(
        shown.contains("encrypted_client_hello (ECH): the server name api.example may be the outer one"),
        "{shown}"
    );
    let ech: Option<bool> = p.db().query_row("SELECT ech FROM v_exchanges", [], |r| r.get(0)).unwrap();
    assert_eq!(ech, Some(true));
}

/// Connections that are not read are counted by address, not by a name that many servers have.
#[test]
fn nothing_is_grouped_by_an_outer_name() {
    for (greased, name) in [(true, "2 × 10.0.0.2:8000 TLS 1.3"), (false, "2 × api.example TLS 1.3")] {
        let p = Place::new();
        let ends = if greased { ends().greased() } else { ends() };
        let [(one, _), (two, _)] = [1, 2].map(|client| sealed(client, &ends));
        let said = record(&p, &[&one, &two], "");
        assert!(said.contains(&format!("not read: 2 TLS connections: {name}")), "{said}");
    }
}

/// A hello without the extension says that the name is the server's own; without TLS there is no hello.
#[test]
fn other_connections_have_no_mark() {
    let p = Place::new();
    let (plain, (tls, keys)) = (talk(2, &[(0, ToServer, ASK), (1, ToClient, ANSWER)]), sealed(1, &ends()));
    record(&p, &[&tls, &plain], &keys);
    let mut all: Vec<Value> = p.json(&["list", "--format", "json"]).as_array().unwrap().clone();
    all.sort_by_key(|e| e["tls"] == false);
    assert_eq!((&all[0]["ech"], &all[1]["ech"]), (&json!(false), &Value::Null), "{all:#?}");
    let (table, notice) = p.want(0, &["list", "--connections"]);
    assert!(!table.contains("ECH") && !notice.contains("ECH"), "{table}{notice}");
}
