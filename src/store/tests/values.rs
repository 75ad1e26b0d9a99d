//! A different number in every place: each value is in the column of its name, as any SQLite shell shows it.

use super::{sample, session, temp};
use crate::analyzer::Output;
use crate::capture::Counts;
use crate::conformance::{Finding, Level};
use crate::conn::{ClosedAt, ConnFacts};
use crate::exchange::TlsInfo;
use crate::oddity::{Delivery, Kind, Oddities, Oddity};
use crate::store::Hop;
use crate::store::{Reader, Secrets, Writer};
use crate::time::{Span, Timestamp};
use rusqlite::Connection;
use rusqlite::types::Value;
use std::path::Path;

/// The columns of a row, by name.
fn row(path: &Path, sql: &str) -> Vec<(String, Value)> {
    let db = Connection::open(path).unwrap();
    let mut statement = db.prepare(sql).unwrap();
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    statement.query_row([], |r| (0..names.len()).map(|i| Ok((names[i].clone(), r.get(i)?))).collect()).unwrap()
}

fn int(name: &str, n: i64) -> (String, Value) {
    (name.into(), Value::Integer(n))
}

fn text(name: &str, t: &str) -> (String, Value) {
    (name.into(), Value::Text(t.into()))
}

#[test]
fn a_session_keeps_what_was_counted_apart() {
    let (_dir, path) = temp();
    let mut writer = Writer::start(&path, session("src"), Secrets::Hide).unwrap();
    writer.hop(Hop { frame: 21, client_at: Timestamp(22) }).unwrap();
    writer
        .finish(Timestamp(11), Counts { packets: 12, bytes: 13, dropped_kernel: Some(14), dropped_device: Some(15) })
        .unwrap();
    let have =
        row(&path, "SELECT source, started_ns, ended_ns, packets, bytes, dropped_kernel, dropped_device FROM session");
    let counts = [
        ("started_ns", 7),
        ("ended_ns", 11),
        ("packets", 12),
        ("bytes", 13),
        ("dropped_kernel", 14),
        ("dropped_device", 15),
    ];
    let want: Vec<_> = [text("source", "src")].into_iter().chain(counts.map(|(name, n)| int(name, n))).collect();
    assert_eq!(have, want);
    assert_eq!(row(&path, "SELECT * FROM hop"), [int("session_id", 1), int("frame", 21), int("t_client_ns", 22)]);
}

#[test]
fn a_finding_and_an_oddity_keep_each_place_apart() {
    let (_dir, path) = temp();
    let mut f = sample::finished(0, 100);
    f.findings = vec![Finding {
        rule: "HTTP-001",
        level: Some(Level::Warning),
        record: Some(21),
        offset: Some(22),
        at: Some(Timestamp(23)),
        count: 24,
        frame: Some(25),
        chunk: Some(26),
        ..Finding::new("wrong")
    }];
    let mut all = Oddities::default();
    let odd = || {
        let mut odd = Oddity::new(Kind("test.odd"), Timestamp(31), "found").offset(32).record(33).span(Span(34));
        odd.delivery = Some(Delivery { frame: 35, unit: Some(36) });
        odd
    };
    (0..37).for_each(|_| all.push(odd()));
    f.exchange.oddities = all;
    super::record(&path, vec![Output::Exchange(Box::new(f))]);
    let have = row(&path, "SELECT rule, level, record, offset, t_ns, count, message, packet, chunk FROM finding");
    let place = [int("record", 21), int("offset", 22), int("t_ns", 23), int("count", 24)];
    let want: Vec<_> = [text("rule", "HTTP-001"), text("level", "warning")].into_iter().chain(place).collect();
    assert_eq!(have[..6], want);
    assert_eq!(have[6..], [text("message", "wrong"), int("packet", 25), int("chunk", 26)]);
    let summary = Reader::open(&path).unwrap().list(&crate::store::Selector::default()).unwrap().remove(0);
    let f = &summary.findings[0];
    assert_eq!(
        (f.record, f.offset, f.t_ns, f.count, f.packet, f.chunk),
        (Some(21), Some(22), Some(23), 24, Some(25), Some(26))
    );
    let have = row(&path, "SELECT kind, t_ns, offset, record, count, found, span_ns, frame, unit FROM oddity");
    let numbers = [("t_ns", 31), ("offset", 32), ("record", 33), ("count", 37)].map(|(name, n)| int(name, n));
    assert_eq!((&have[0], &have[1..5], &have[5]), (&text("kind", "test.odd"), &numbers[..], &text("found", "found")));
    assert_eq!(have[6..], [int("span_ns", 34), int("frame", 35), int("unit", 36)]);
}

#[test]
fn a_connection_keeps_each_count_flag_and_time_apart() {
    let names = ["handshake_seen", "hole", "client_fin", "server_fin", "client_rst", "server_rst"];
    for set in 0..names.len() {
        let (_dir, path) = temp();
        let is = |n: usize| n == set;
        let mut c = sample::connection(3);
        c.facts = ConnFacts {
            handshake_seen: is(0),
            hole: is(1),
            client_fin: is(2),
            server_fin: is(3),
            client_rst: is(4),
            server_rst: is(5),
            packets: 41,
            client_bytes: 42,
            server_bytes: 43,
            retransmitted_segments: 44,
            out_of_order_segments: 45,
            closed: ClosedAt {
                client_fin: Some(Timestamp(51)),
                server_fin: Some(Timestamp(52)),
                client_rst: Some(Timestamp(53)),
                server_rst: Some(Timestamp(54)),
            },
            rtt_client: Some(Span(55)),
            rtt_server: Some(Span(56)),
        };
        c.exchanges = 46;
        let t = |s: &str| Some(s.to_owned());
        c.tls = Some(TlsInfo {
            sni: t("sni"),
            ech: Some(true),
            alpn: t("alpn"),
            version: t("ver"),
            suite: Some(47),
            unread: Some("why"),
        });
        super::record(&path, vec![Output::Connection(Box::new(c))]);
        let have = row(&path, "SELECT * FROM connection");
        let value =
            |name: &str| have.iter().find(|(n, _)| n == name).unwrap_or_else(|| panic!("{name}: {have:?}")).1.clone();
        for (n, name) in names.iter().enumerate() {
            assert_eq!(value(name), Value::Integer(is(n).into()), "{name}");
        }
        for (name, n) in [
            ("stream", 3),
            ("client_port", 5000),
            ("server_port", 80),
            ("opened_ns", 90),
            ("closed_ns", 190),
            ("packets", 41),
            ("ech", 1),
            ("client_bytes", 42),
            ("server_bytes", 43),
            ("retransmitted_segments", 44),
            ("out_of_order_segments", 45),
            ("exchanges", 46),
            ("tls_suite", 47),
            ("rtt_client_ns", 55),
            ("rtt_server_ns", 56),
        ] {
            assert_eq!(value(name), Value::Integer(n), "{name}");
        }
        for (name, t) in [
            ("client_ip", "10.0.0.1"),
            ("server_ip", "10.0.0.2"),
            ("sni", "sni"),
            ("alpn", "alpn"),
            ("tls_version", "ver"),
            ("unread", "why"),
        ] {
            assert_eq!(value(name), Value::Text(t.into()), "{name}");
        }
        let times: Vec<Value> = have
            .iter()
            .filter(|(n, _)| n.ends_with("_fin_ns") || n.ends_with("_rst_ns"))
            .map(|(_, v)| v.clone())
            .collect();
        assert_eq!(times, [51, 52, 53, 54].map(Value::Integer), "{have:?}");
    }
}
