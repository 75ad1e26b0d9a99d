//! The store by itself: written data is read back unchanged, migrations, refusals, readers beside the writer, a
//! full disk.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod again;
mod durable;
mod hidden;
mod opening;
mod ring;
mod runs;
pub(super) mod sample;
mod upkeep;
mod values;

use super::progress::Silent;
use super::select::SessionIs;
use super::write;
use super::{Bounds, Reader, Secrets, Selector, Session, Writer, migrate};
use crate::analyzer::Output;
use crate::capture::Counts;
use crate::exchange::ExchangeId;
use crate::metrics::clocks::gaps;
use crate::summary::Summary;
use crate::summary::connection::ConnectionSummary;
use crate::time::{Span, Timestamp};
use rusqlite::Connection;
use std::path::PathBuf;

fn session(source: &str) -> Session {
    let (started, options) = (Timestamp(7), serde_json::json!({"port": [1]}));
    Session { source: source.into(), started, options, process: None }
}

fn temp() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a b.db");
    (dir, path)
}

fn record(path: &std::path::Path, messages: Vec<Output>) -> i64 {
    let mut writer = Writer::start(path, session("test"), Secrets::Hide).unwrap();
    messages.into_iter().for_each(|m| writer.send(m).unwrap());
    let session = writer
        .finish(Timestamp(9), Counts { packets: 3, bytes: 99, dropped_kernel: Some(0), dropped_device: None })
        .unwrap()
        .session;
    // The writer itself ensures that every row has its exchange; SQLite does not check each row.
    let orphans: i64 = Connection::open(path)
        .unwrap()
        .query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |r| r.get(0))
        .unwrap();
    assert_eq!(orphans, 0);
    session
}

#[test]
fn what_goes_in_comes_out() {
    let (_dir, path) = temp();
    let finished = sample::finished(0, 100);
    let facts = sample::connection(0).facts;
    let wanted = Summary::new(1, 1, &finished.exchange, &finished.metrics, &finished.findings, Some(&facts));
    let raw = finished.exchange.request.as_ref().unwrap().head.fields.raw().to_vec();
    let messages = vec![
        Output::Begun(ExchangeId(0)),
        Output::Exchange(Box::new(finished)),
        Output::Connection(Box::new(sample::connection(0))),
    ];
    assert_eq!(record(&path, messages), 1);
    let reader = Reader::open(&path).unwrap();
    let all = reader.list(&Selector::default()).unwrap();
    assert_eq!(all, [wanted]);
    assert_eq!(reader.exchange(1).unwrap().request.unwrap().head.fields.raw(), raw);
    let detail = reader.detail(1).unwrap();
    let ending = sample::finished(0, 100).exchange.ending;
    assert_eq!(reader.ending(1).unwrap(), Some(ending));
    assert_eq!(detail.ending, Some(ending));
    let headers = detail.summary.request.unwrap().headers.unwrap();
    assert_eq!((headers[0].name.as_str(), headers[0].value.as_str()), ("HOST", "h:80"));
    assert_eq!(headers[1].value, "caf\u{fffd}"); // the byte outside UTF-8 is in the raw head only
    let chunks: Vec<_> = detail.chunks.iter().map(|c| (c.n, c.t_ns, c.offset, c.len)).collect();
    // Two deliveries form chunk 0; its time is that of the last byte.
    assert_eq!(chunks, [(0, 130, 0, 6), (1, 140, 6, 4)]);
    assert_eq!(detail.records.iter().map(|r| r.kind.as_str()).collect::<Vec<_>>(), ["delta", "delta", "terminator"]);
    assert_eq!(gaps(&reader.arrivals(1).unwrap().deltas), [Span(10)]);
    let body = reader.body(1, 1).unwrap();
    assert_eq!((body.bytes.as_slice(), body.unit_lines), (&b"0123456789"[..], vec![(1, b"04;x".to_vec())]));
}

#[test]
fn parts_and_gaps_keep_every_byte_at_its_offset() {
    let (_dir, path) = temp();
    let mut last = sample::finished(0, 100);
    let response = last.exchange.response.as_mut().unwrap();
    response.body.pieces = vec![sample::piece(150, 2, 15, 3)];
    response.body.bytes = b"abc".to_vec();
    response.body.unit_lines.clear();
    response.records.clear();
    let gap = crate::exchange::PieceInfo { gap: true, ..sample::piece(145, 2, 10, 5) };
    let part = sample::part(0, vec![sample::piece(120, 0, 0, 4), sample::piece(130, 0, 4, 6), gap], b"0123456789");
    record(&path, vec![Output::Begun(ExchangeId(0)), Output::Part(Box::new(part)), Output::Exchange(Box::new(last))]);
    let reader = Reader::open(&path).unwrap();
    let body = reader.body(1, 1).unwrap();
    assert_eq!(body.bytes, b"0123456789abc");
    assert_eq!(
        body.pieces.iter().map(|p| (p.offset, p.len, p.gap)).collect::<Vec<_>>(),
        [(0, 4, false), (4, 6, false), (10, 5, true), (15, 3, false)]
    );
    let db = Connection::open(&path).unwrap();
    let segments: Vec<(i64, Vec<u8>)> = {
        let mut s = db.prepare("SELECT off, data FROM segment WHERE side = 1 ORDER BY off").unwrap();
        s.query_map([], |r| Ok((r.get(0)?, r.get(1)?))).unwrap().map(Result::unwrap).collect()
    };
    assert_eq!(segments, [(0, b"0123456789".to_vec()), (15, b"abc".to_vec())]);
}

#[test]
fn ids_count_over_sessions_in_order_of_begin() {
    let (_dir, path) = temp();
    let two = || {
        // The exchange that begins second ends first.
        let begun = [0, 1].map(|n| Output::Begun(ExchangeId(n)));
        begun
            .into_iter()
            .chain([1, 0].map(|n| Output::Exchange(Box::new(sample::finished(n, 100 + n as i64)))))
            .collect::<Vec<_>>()
    };
    assert_eq!((record(&path, two()), record(&path, two())), (1, 2));
    let reader = Reader::open(&path).unwrap();
    let ids = |selector: &Selector| reader.list(selector).unwrap().iter().map(|s| s.id).collect::<Vec<_>>();
    // Order is by time: both sessions have the same times.
    assert_eq!(ids(&Selector::default()), [1, 3, 2, 4]);
    assert_eq!(ids(&Selector { session: Some(SessionIs::Last), ..Selector::default() }), [3, 4]);
}

#[test]
fn selectors_select() {
    let (_dir, path) = temp();
    record(
        &path,
        vec![
            Output::Exchange(Box::new(sample::finished(0, 100))),
            Output::Exchange(Box::new(sample::finished(1, 200))),
        ],
    );
    let reader = Reader::open(&path).unwrap();
    let count = |s: Selector| reader.list(&s).unwrap().len();
    let base = Selector::default;
    let text = |t: &str| Some(t.to_owned());
    assert_eq!(count(Selector { host: text("H"), ..base() }), 2);
    assert_eq!(count(Selector { host: text("h:80"), ..base() }), 2);
    assert_eq!(count(Selector { host: text("10.0.0.2"), ..base() }), 2);
    assert_eq!(
        count(Selector { host: text("10.0.0.2:80"), ..base() }),
        2,
        "what list shows where the request names no host"
    );
    assert_eq!(count(Selector { host: text("10.0.0.2:81"), ..base() }), 0);
    assert_eq!(count(Selector { host: text("0.0.0.2"), ..base() }), 0);
    assert_eq!(count(Selector { path: text("/v1/chat"), ..base() }), 2);
    assert_eq!(count(Selector { path: text("*/completions"), ..base() }), 2);
    assert_eq!(count(Selector { path: text("/v2"), ..base() }), 0);
    assert_eq!(count(Selector { model: text("m-*"), ..base() }), 2);
    assert_eq!(count(Selector { dialect: text("openai.chat"), framing: text("SSE"), ..base() }), 2);
    assert_eq!(count(Selector { streaming: Some(false), ..base() }), 0);
    assert_eq!(count(Selector { since: Some(Timestamp(200)), ..base() }), 1);
    assert_eq!(count(Selector { until: Some(Timestamp(200)), ..base() }), 1);
}

#[test]
fn ids_by_number_prefix_and_last() {
    let (_dir, path) = temp();
    record(&path, (0..21).map(|n| Output::Exchange(Box::new(sample::finished(n, 100)))).collect());
    let reader = Reader::open(&path).unwrap();
    assert_eq!(reader.id("2").unwrap(), 2); // exact wins over 20, 21
    assert_eq!(reader.id("last").unwrap(), 21);
    let said = |text| reader.id(text).unwrap_err().to_string();
    assert!(
        said("22").contains("no exchange 22")
            && said("x").contains("ids are numbers")
            && said("").contains("not an exchange")
    );
}

#[test]
fn connections_are_listed_whatever_was_read_of_them() {
    let (_dir, path) = temp();
    let all = [sample::connection(0), sample::unread(1)];
    record(&path, all.iter().map(|c| Output::Connection(Box::new(c.clone()))).collect());
    let reader = Reader::open(&path).unwrap();
    let want: Vec<_> = all.iter().map(|c| ConnectionSummary { session: 1, ..c.into() }).collect();
    assert_eq!(reader.connections(&Selector::default()).unwrap(), want);
    let of = |host: &str| reader.connections(&Selector { host: Some(host.into()), ..Selector::default() }).unwrap();
    assert_eq!(of("SNI"), want[1..]);
    assert_eq!(of(&format!("sni:{}", want[1].server_port)), want[1..]);
    assert!(of("sni:1").is_empty());
    assert!(of("other").is_empty());
    let since = |t| reader.connections(&Selector { since: Some(Timestamp(t)), ..Selector::default() }).unwrap().len();
    assert_eq!((since(190), since(191)), (2, 0), "open at that time");
}

#[test]
fn migrations_run_once_each_and_twice_to_no_effect() {
    let (_dir, path) = temp();
    let mut db = Connection::open(&path).unwrap();
    let steps = [("1", "CREATE TABLE a (x)"), ("2", "INSERT INTO a VALUES (1)")];
    for _ in 0..2 {
        migrate::migrate(&mut db, &path, &steps).unwrap();
        assert_eq!(db.query_row("SELECT count(*) FROM a", [], |r| r.get::<_, i64>(0)).unwrap(), 1);
    }
    assert!(migrate::migrate(&mut db, &path, &steps[..1]).unwrap_err().to_string().contains("newer"));
}

#[test]
fn a_failed_migration_leaves_nothing() {
    let (_dir, path) = temp();
    let mut db = Connection::open(&path).unwrap();
    let steps = [("1", "CREATE TABLE a (x)"), ("2", "CREATE TABLE b (x); nonsense")];
    assert!(migrate::migrate(&mut db, &path, &steps).is_err());
    let tables: String = db.query_row("SELECT group_concat(name) FROM sqlite_master", [], |r| r.get(0)).unwrap();
    assert_eq!(tables, "a");
    assert_eq!(db.pragma_query_value(None, "user_version", |r| r.get::<_, i64>(0)).unwrap(), 102);
}

#[test]
fn newer_and_foreign_databases_are_refused_untouched() {
    let (_dir, path) = temp();
    let spoil = |sql: &str| Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    let refused = |what: &str| {
        let before = std::fs::read(&path).unwrap();
        let errors = [Writer::start(&path, session("x"), Secrets::Hide).unwrap_err(), Reader::open(&path).unwrap_err()];
        for e in errors {
            assert!(format!("{e:#}").contains(what), "{e:#}");
        }
        assert_eq!(std::fs::read(&path).unwrap(), before);
    };
    spoil(&format!(
        "CREATE TABLE t (x); PRAGMA application_id = {}; PRAGMA user_version = 999",
        migrate::APPLICATION_ID
    ));
    refused("newer sniff");
    for version in [1, 16, 99, 101] {
        spoil(&format!("PRAGMA user_version = {version}"));
        refused("recorded by a development version");
    }
    spoil("PRAGMA application_id = 1; PRAGMA user_version = 0");
    refused("another program");
    std::fs::write(&path, "this is a text file, not a database, and it is long enough to have a header: ".repeat(10))
        .unwrap();
    refused("not a database of sniff");
}

#[test]
fn a_reader_sees_what_is_committed_while_the_writer_goes_on() {
    let (_dir, path) = temp();
    let mut writer = Writer::start(&path, session("live"), Secrets::Hide).unwrap();
    let mut seen = 0;
    for n in 0..3 {
        writer.send(Output::Exchange(Box::new(sample::finished(n, 100)))).unwrap();
        // It has no deadline of its own: the test runner has one.
        while seen <= n {
            std::thread::sleep(std::time::Duration::from_millis(20));
            let listed = Reader::open(&path).and_then(|r| r.list(&Selector::default())).map_or(0, |l| l.len() as u64);
            assert!(listed <= n + 1);
            seen = listed;
        }
    }
    let reader = Reader::open(&path).unwrap();
    writer.finish(Timestamp(9), Counts::default()).unwrap();
    assert_eq!(reader.list(&Selector::default()).unwrap().len(), 3);
}

#[test]
fn two_writers_share_a_database() {
    let (_dir, path) = temp();
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let path = path.clone();
            std::thread::spawn(move || {
                record(&path, (0..50).map(|n| Output::Exchange(Box::new(sample::finished(n, 100)))).collect())
            })
        })
        .collect();
    let sessions: Vec<i64> = threads.into_iter().map(|t| t.join().unwrap()).collect();
    assert_ne!(sessions[0], sessions[1]);
    let all = Reader::open(&path).unwrap().list(&Selector::default()).unwrap();
    assert_eq!(all.len(), 100);
    assert!(sessions.iter().all(|s| all.iter().filter(|x| x.session == *s).count() == 50));
}

#[test]
fn a_full_disk_reaches_the_caller_and_nothing_is_half_there() {
    let (_dir, path) = temp();
    let db = write::open(&path).unwrap();
    let pages: i64 = db.pragma_query_value(None, "page_count", |r| r.get(0)).unwrap();
    db.pragma_update(None, "max_page_count", pages + 8).unwrap();
    let mut writer = Writer::start_on(db, session("full"), Secrets::Hide, Bounds::default(), Box::new(Silent)).unwrap();
    let mut result = Ok(());
    for n in 0..10_000 {
        result = writer.send(Output::Exchange(Box::new(sample::finished(n, 100))));
        if result.is_err() {
            break;
        }
    }
    let error = result.and_then(|()| writer.finish(Timestamp(9), Counts::default()).map(|_| ())).unwrap_err();
    assert!(format!("{error:#}").contains("full"), "{error:#}");
    let db = Connection::open(&path).unwrap();
    let ended: i64 = db.query_row("SELECT count(*) FROM session WHERE ended_ns IS NOT NULL", [], |r| r.get(0)).unwrap();
    let half: i64 = db
        .query_row(
            "SELECT count(*) FROM exchange e WHERE done AND NOT EXISTS (SELECT 1 FROM record WHERE exchange_id = e.id)",
            [],
            |r| r.get(0),
        )
        .unwrap();
    assert_eq!((ended, half), (0, 0));
}

#[test]
fn an_exchange_cut_by_a_crash_leaves_its_parts() {
    let (_dir, path) = temp();
    let mut writer = Writer::start(&path, session("crash"), Secrets::Hide).unwrap();
    writer.send(Output::Part(Box::new(sample::part(0, vec![sample::piece(1, 0, 0, 3)], b"abc")))).unwrap();
    drop(writer); // no finish
    let reader = Reader::open(&path).unwrap();
    assert!(reader.list(&Selector::default()).unwrap().is_empty());
    assert_eq!(reader.body(1, 1).unwrap().bytes, b"abc");
    // The ids of the next session do not collide.
    record(&path, vec![Output::Exchange(Box::new(sample::finished(0, 100)))]);
    assert_eq!(Reader::open(&path).unwrap().id("last").unwrap(), 2);
}

#[test]
fn every_table_and_column_says_what_it_is_for() {
    let (_dir, path) = temp();
    let db = write::open(&path).unwrap();
    let mut statement = db
        .prepare("SELECT name, sql FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'")
        .unwrap();
    let all: Vec<(String, String)> =
        statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?))).unwrap().map(Result::unwrap).collect();
    assert!(all.len() > 10);
    for (name, sql) in all {
        assert!(sql.lines().nth(1).is_some_and(|l| l.trim_start().starts_with("--")), "{name} has no comment");
    }
    // The view promises the flat names of `list`, which are those of CSV (tests/cli.rs checks their order).
    let mut out = Vec::new();
    sample::flat_names(&mut out);
    let mut columns: Vec<String> = db
        .prepare("SELECT name FROM pragma_table_info('v_exchanges')")
        .unwrap()
        .query_map([], |r| r.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    columns.sort();
    out.sort();
    assert_eq!(columns, out);
}

/// An edited schema gets the next number, so that a database of the one before is not taken for one of this: the file's name, `DEVELOPMENT` in migrate.rs, and then this checksum.
#[test]
fn an_edited_schema_has_a_new_number() {
    use sha2::{Digest, Sha256};
    let [(name, sql)] = migrate::MIGRATIONS else { panic!("one, until 0.1.0 is tagged") };
    let sum: String = Sha256::digest(sql).iter().take(8).map(|b| format!("{b:02x}")).collect();
    assert_eq!((*name, sum.as_str()), ("0102_schema", "979d44c993fb02d1"));
}
