//! QUIC connections are named and not read: what `list --connections` says of real ones, against tshark.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use serde_json::{Value, json};
use support::place::Place;

fn recorded(options: &[&str]) -> (Place, String) {
    let p = Place::new();
    let capture = support::real().join("quic-aioquic.pcap");
    let said = p.want(0, &[&["--read", capture.to_str().unwrap()], options].concat()).1;
    (p, said)
}

fn connections(p: &Place) -> Vec<Value> {
    p.json(&["list", "--connections", "--format", "json"]).as_array().unwrap().clone()
}

#[test]
fn connections_are_as_tshark_reads_them() {
    let truth = std::fs::read(support::real().join("quic-aioquic.truth.json")).unwrap();
    let truth: Value = serde_json::from_slice(&truth).unwrap();
    let (p, said) = recorded(&[]);
    let (have, want) = (connections(&p), truth["quic"].as_array().unwrap());
    assert_eq!((have.len(), want.len()), (4, 4));
    for (n, (have, want)) in have.iter().zip(want).enumerate() {
        let version = if want["version"] == 1 { "quic/1" } else { "quic/2" };
        let number = (1u64 << 31) + n as u64;
        for (field, value) in [
            ("stream", &json!(number)),
            ("speaks", &json!(version)),
            ("sni", &want["server_name"]),
            ("ech", &json!(false)),
            ("tls", &json!(true)),
            ("client_port", &want["client_port"]),
            ("server_port", &want["server_port"]),
            ("opened_ns", &want["opened_ns"]),
            ("closed_ns", &want["closed_ns"]),
            ("packets", &want["datagrams"]),
            ("client_bytes", &want["client_bytes"]),
            ("server_bytes", &want["server_bytes"]),
            ("exchanges", &json!(0)),
        ] {
            assert_eq!(&have[field], value, "{field} of connection {n}");
        }
        // Of 49 offered protocols 16 are kept.
        let offered = want["offered"].as_u64().unwrap().min(16);
        assert_eq!(have["alpn_offered"].as_array().unwrap().len() as u64, offered);
        assert_eq!(have["alpn_offered"][0], "h3");
    }
    // One of the hellos lies in several datagrams, and one connection has another version.
    assert!(want.iter().any(|c| c["initials_of_the_hello"] == 3) && want.iter().any(|c| c["version"] != 1));
    assert!(said.contains("not read: 4 TLS connections") && said.contains("QUIC: HTTP/3"), "{said}");
    let table = p.out(&["list", "--connections"]);
    assert!(table.contains("q3") && table.contains("retry.example"), "{table}");
}

/// The choice of ports holds for QUIC too.
#[test]
fn ports_choose_among_them() {
    let (p, _) = recorded(&["--port", "42844"]);
    let all = connections(&p);
    assert_eq!(all.iter().map(|c| c["sni"].as_str().unwrap()).collect::<Vec<_>>(), ["retry.example"]);
}
