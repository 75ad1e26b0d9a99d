//! What is read again of an exchange: how it ended, its interim heads, when its head was there; and what is said when
//! a database cannot be used.

use super::super::message::Message;
use super::super::{fault, write};
use super::{record, sample, temp};
use crate::analyzer::{Analyzed, Output};
use crate::exchange::ending::Ending;
use crate::http::event::{EndSignal, Fields, MessageEnd, ResponseHead};
use crate::store::{Bounds, Reader, Secrets, Selector, Writer};
use crate::time::Timestamp;
use rusqlite::{Connection, ffi};
use std::path::Path;

fn output(f: Analyzed) -> Output {
    Output::Exchange(Box::new(f))
}

#[test]
fn every_signal_of_an_end_comes_back_with_its_numbers() {
    let all = [
        EndSignal::NoBody,
        EndSignal::ZeroChunk,
        EndSignal::Length,
        EndSignal::EndStream,
        EndSignal::Close,
        EndSignal::CloseFrame,
        EndSignal::Fin,
        EndSignal::Reset,
        EndSignal::CloseNotify,
        EndSignal::RstStream(8),
        EndSignal::GoAway { last: 5, code: 7 },
        EndSignal::Idle,
        EndSignal::CaptureEnd,
        EndSignal::NotCaptured,
        EndSignal::Switched,
    ];
    let (_dir, path) = temp();
    let of = |(n, told): (u64, &EndSignal)| {
        let mut f = sample::finished(n, 100);
        f.exchange.ending = Ending { told: Some(*told), ..f.exchange.ending };
        output(f)
    };
    record(&path, (0..).zip(&all).map(of).collect());
    let reader = Reader::open(&path).unwrap();
    let told = |id: usize| reader.ending(id as i64).unwrap().unwrap().told;
    assert_eq!((1..=all.len()).map(told).collect::<Vec<_>>(), all.map(Some));
}

#[test]
fn every_end_of_both_messages_comes_back() {
    let all = [MessageEnd::Complete, MessageEnd::CutByClient, MessageEnd::CutByServer, MessageEnd::CutByCapture];
    let (_dir, path) = temp();
    let of = |n: usize| {
        let mut f = sample::finished(n as u64, 100);
        f.exchange.request.as_mut().unwrap().end = all[n];
        f.exchange.response.as_mut().unwrap().end = all[3 - n];
        output(f)
    };
    record(&path, (0..4).map(of).collect());
    let reader = Reader::open(&path).unwrap();
    for n in 0..4 {
        let x = reader.exchange(n as i64 + 1).unwrap();
        assert_eq!((x.request.unwrap().end, x.response.unwrap().end), (all[n], all[3 - n]));
    }
}

/// Heads come in several deliveries: the first byte and the last have their own times.
#[test]
fn a_head_is_there_with_its_last_byte() {
    let (_dir, path) = temp();
    let mut f = sample::finished(0, 100);
    let r = f.exchange.response.as_mut().unwrap();
    (r.head_at, r.head.as_mut().unwrap().first_at) = (Timestamp(117), Timestamp(111));
    let q = f.exchange.request.as_mut().unwrap();
    (q.head_at, q.head.first_at) = (Timestamp(104), Timestamp(101));
    record(&path, vec![output(f)]);
    let x = Reader::open(&path).unwrap().exchange(1).unwrap();
    let (q, r) = (x.request.unwrap(), x.response.unwrap());
    assert_eq!((q.head.first_at, q.head_at), (Timestamp(101), Timestamp(104)));
    assert_eq!((r.head.unwrap().first_at, r.head_at), (Timestamp(111), Timestamp(117)));
}

#[test]
fn fields_of_several_interim_heads_have_one_order() {
    let (_dir, path) = temp();
    let head = |status: u16, a: &str, b: &str| {
        let raw = format!("HTTP/1.1 {status} x\r\nA: {a}\r\nB: {b}\r\n\r\n").into_bytes();
        let list = vec![(16..17, 19..20), (22..23, 25..26)];
        let like = sample::finished(0, 100).exchange.response.unwrap().informational.remove(0);
        ResponseHead { status, fields: Fields::new(raw, list), ..like }
    };
    let mut f = sample::finished(0, 100);
    f.exchange.response.as_mut().unwrap().informational = vec![head(102, "1", "2"), head(103, "3", "4")];
    record(&path, vec![output(f)]);
    let db = Connection::open(&path).unwrap();
    let mut statement = db.prepare("SELECT n, name, value FROM field WHERE kind = 'interim' ORDER BY n").unwrap();
    let rows = statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).unwrap();
    let rows: Vec<(i64, String, String)> = rows.map(Result::unwrap).collect();
    let row = |n, name: &str, value: &str| (n, name.to_owned(), value.to_owned());
    assert_eq!(rows, [row(0, "A", "1"), row(1, "B", "2"), row(2, "A", "3"), row(3, "B", "4")]);
    let again = Reader::open(&path).unwrap().exchange(1).unwrap().response.unwrap().informational;
    assert_eq!(again.iter().map(|h| h.status).collect::<Vec<_>>(), [102, 103]);
}

#[test]
fn bodies_are_loaded_up_to_a_gibibyte_together() {
    let (_dir, path) = temp();
    record(&path, vec![output(sample::finished(0, 100))]);
    let loads = |request: i64, response: i64| {
        let sql = "UPDATE exchange SET request_body_bytes = ?1, response_wire_body_bytes = ?2";
        Connection::open(&path).unwrap().execute(sql, [request, response]).unwrap();
        Reader::open(&path).unwrap().exchange(1).map(drop).map_err(|e| e.to_string())
    };
    assert_eq!(loads(1 << 29, 1 << 29), Ok(()));
    assert!(
        loads(1 << 29, (1 << 29) + 1).is_err_and(|e| e.contains("have 1073741825 bytes, more than the 1073741824"))
    );
}

/// The exchange that began last has not ended; an exchange of a killed session never will.
#[test]
fn the_last_exchange_is_one_that_is_whole() {
    let (_dir, path) = temp();
    record(&path, vec![output(sample::finished(0, 100)), Output::Begun(crate::exchange::ExchangeId(7))]);
    assert_eq!(Reader::open(&path).unwrap().id("last").unwrap(), 1);
}

#[test]
fn five_exchanges_that_a_number_may_mean_are_all_named() {
    let said = |n: u64| {
        let (_dir, path) = temp();
        record(&path, (0..n).map(|n| output(sample::finished(n, 100))).collect());
        let db = Connection::open(&path).unwrap();
        db.execute_batch("PRAGMA foreign_keys = OFF; UPDATE exchange SET id = id + 19").unwrap();
        Reader::open(&path).unwrap().id("2").unwrap_err().to_string()
    };
    assert!(said(5).ends_with("several exchanges: 20, 21, 22, 23, 24"), "{}", said(5));
    assert!(said(6).ends_with("several exchanges: 20, 21, 22, 23, 24, …"), "{}", said(6));
}

/// Authorities with a port, without one, and of another host that begins so.
#[test]
fn a_host_without_port_selects_any_port_and_no_longer_name() {
    let (_dir, path) = temp();
    record(&path, (0..3).map(|n| output(sample::finished(n, 100))).collect());
    let db = Connection::open(&path).unwrap();
    for (id, authority) in [(1, "api.example"), (2, "api.example:8000"), (3, "api.example.org")] {
        let sql = "UPDATE exchange SET request_authority = ?1, sni = NULL WHERE id = ?2";
        db.execute(sql, rusqlite::params![authority, id]).unwrap();
    }
    let reader = Reader::open(&path).unwrap();
    let ids = |host: &str| {
        let selector = Selector { host: Some(host.into()), ..Selector::default() };
        reader.list(&selector).unwrap().iter().map(|s| s.id).collect::<Vec<_>>()
    };
    assert_eq!(ids("api.example"), [1, 2]);
    assert_eq!((ids("api.example:8000"), ids("api.example:80")), (vec![2], vec![1]));
    assert_eq!(ids("api.*"), [1, 2, 3]);
}

/// Records exchanges with this many bytes each under this limit; whether storing stopped.
fn stops(path: &Path, limit: u64, bytes: usize) -> bool {
    let bounds = Bounds { session: Some(limit), ..Bounds::default() };
    let session = super::session("test");
    let mut writer = Writer::start_with(path, session, Secrets::Keep, bounds, Box::new(super::Silent)).unwrap();
    for n in 0..4 {
        let mut f = sample::finished(n, 100);
        let body = &mut f.exchange.response.as_mut().unwrap().body;
        body.bytes = sample::noise(bytes);
        body.pieces = vec![sample::piece(120, 0, 0, bytes as u32)];
        body.unit_lines.clear();
        writer.send(output(f)).unwrap();
    }
    writer.finish(Timestamp(9), Default::default()).unwrap().stopped.is_some()
}

/// What counts is by how much the database has grown: not its size, and not only by what the file has grown.
#[test]
fn a_limit_is_one_of_growth() {
    let (_dir, path) = temp();
    assert!(!stops(&path, 8 << 20, 1 << 20));
    assert!(!stops(&path, 1 << 20, 1000), "a large database has room for a small session");
    // Its pages are free now, and the next session fills them: the file does not grow.
    let db = write::open(&path).unwrap();
    db.execute_batch("DELETE FROM segment").unwrap();
    drop(db);
    assert!(stops(&path, 1 << 20, 1 << 20));
}

#[test]
fn an_error_of_sqlite_is_said_once_and_in_words() {
    let of = |code: i32| anyhow::Error::from(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
    let said = |e: anyhow::Error| fault::writing(e, Path::new("a.db")).to_string();
    assert_eq!(said(of(ffi::SQLITE_FULL)), "cannot write to the database a.db: the disk is full");
    let locked = "cannot write to the database a.db: another process has locked it for 10 seconds";
    assert_eq!([said(of(ffi::SQLITE_BUSY)), said(of(ffi::SQLITE_LOCKED))], [locked, locked]);
    let words = "attempt to write a readonly database";
    assert_eq!(said(of(ffi::SQLITE_READONLY)), format!("cannot write to the database a.db: {words}"));
    assert_eq!(said(of(ffi::SQLITE_FULL).context("outside")), said(of(ffi::SQLITE_FULL)));
    assert_eq!(said(anyhow::anyhow!("something else")), "something else");
    assert_eq!(fault::text(&of(ffi::SQLITE_READONLY).context("a").context("a").context("b")), format!("b: a: {words}"));
}

/// The queue is bounded by what waits in it, so each byte of a body counts, and each of its rows.
#[test]
fn an_exchange_costs_its_bodies_and_its_rows() {
    let of = |asked: usize, answered: usize| {
        let mut f = sample::finished(0, 100);
        let piece = sample::piece(120, 0, 0, 1);
        let x = &mut f.exchange;
        let body = &mut x.request.as_mut().unwrap().body;
        (body.bytes, body.pieces) = (Vec::with_capacity(asked), vec![piece; 2]);
        let body = &mut x.response.as_mut().unwrap().body;
        (body.bytes, body.pieces) = (Vec::with_capacity(answered), vec![piece; 3]);
        Message::Output(output(f)).cost()
    };
    let (empty, full) = (of(0, 0), of(1000, 20_000));
    assert_eq!((full.0 - empty.0, full.1, empty.1), (21_000, empty.1, full.1));
    assert_eq!(empty.1, 32 + 2 + 3 + sample::finished(0, 100).exchange.response.unwrap().records.len());
}

#[test]
fn a_database_with_tables_of_others_is_theirs() {
    let (_dir, path) = temp();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    let said = "is a database of another program";
    let e = Writer::start(&path, super::session("test"), Secrets::Hide).err().unwrap();
    assert!(e.to_string().contains(said), "{e:#}");
    assert!(Reader::open(&path).err().unwrap().to_string().contains(said));
}

/// A secret of two letters is in too many words; one of three is replaced where it is a word.
#[test]
fn a_secret_of_two_letters_is_hidden_in_its_own_place_alone() {
    let said = |secret: &str| {
        let (_dir, path) = temp();
        let mut f = sample::finished(0, 100);
        let body = &mut f.exchange.request.as_mut().unwrap().body;
        body.bytes = format!(r#"{{"password":"{secret}"}}"#).into_bytes();
        body.pieces = vec![sample::piece(100, 0, 0, body.bytes.len() as u32)];
        f.findings[0].message = format!("is {secret} or x{secret}");
        record(&path, vec![output(f)]);
        let db = Connection::open(&path).unwrap();
        let text = |sql: &str| db.query_row(sql, [], |r| r.get::<_, String>(0)).unwrap();
        (text("SELECT message FROM finding"), text("SELECT CAST(data AS TEXT) FROM segment WHERE side = 0"))
    };
    let (message, body) = said("qz");
    assert_eq!(message, "is qz or xqz");
    assert!(!body.contains("qz"), "{body}");
    assert_eq!(said("qzy").0, "is [redacted] or xqzy");
}

/// Nothing is sorted to list exchanges in the order of time, from either end.
#[test]
fn a_list_comes_from_an_index() {
    use super::super::{Order, Sort};
    let (_dir, path) = temp();
    super::upkeep::full_session(&path);
    let reader = Reader::open(&path).unwrap();
    let plan = |order: Order| {
        let sql = format!("EXPLAIN QUERY PLAN SELECT e.id FROM exchange e WHERE e.done ORDER BY {}", order.sql());
        let mut statement = reader.db.prepare(&sql).unwrap();
        let steps = statement.query_map([], |r| r.get::<_, String>(3)).unwrap().map(Result::unwrap);
        steps.collect::<Vec<_>>().join("; ")
    };
    for reverse in [false, true] {
        let by_time = plan(Order { reverse, ..Order::default() });
        assert!(by_time.contains("exchange_begun") && !by_time.contains("TEMP B-TREE"), "{by_time}");
    }
    let by_size = plan(Order { sort: Sort::Bytes, ..Order::default() });
    assert!(by_size.contains("TEMP B-TREE"), "the plan says where it sorts: {by_size}");
}
