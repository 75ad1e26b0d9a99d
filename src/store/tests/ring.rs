//! A database with a limit stays under it, under any load and beside readers, and the recording goes on.

use super::super::{Bounds, Ended, Gone, Progress, Reader, Secrets, Selector, Written};
use super::upkeep::full_session;
use super::{sample, session, temp, write};
use crate::analyzer::Output;
use crate::capture::Counts;
use crate::exchange::ExchangeId;
use crate::store::ring::LEAST;
use crate::store::{Hop, Writer};
use crate::summary::Summary;
use crate::time::Timestamp;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Notices of the writer's thread; an end of storing fails the test.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Progress for Told {
    fn written(&mut self, _: &Summary) {}
    fn committed(&mut self) {}
    fn notice(&mut self, text: &str) {
        self.0.lock().unwrap().push(text.into());
    }
    fn ended(&mut self, why: &Ended<'_>) {
        self.0.lock().unwrap().push(format!("ended: {why:?}"));
    }
}

fn start(path: &Path, told: &Told) -> Writer {
    let bounds = Bounds { max_db: Some(LEAST), ..Bounds::default() };
    Writer::start_with(path, session("ring"), Secrets::Keep, bounds, Box::new(told.clone())).unwrap()
}

/// Bytes that no page can share.
fn noise(n: u64, len: usize) -> Vec<u8> {
    let mut x = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x as u8
    };
    (0..len).map(|_| next()).collect()
}

/// Exchange `n` with a body of this many bytes, on a connection of its own.
fn exchange(n: u64, len: usize) -> Output {
    let mut f = sample::finished(n, 100 + n as i64 * 100);
    f.exchange.conn = crate::conn::ConnId(n as u32);
    f.exchange.request.as_mut().unwrap().body.pieces.iter_mut().for_each(|p| p.frame = n);
    let body = &mut f.exchange.response.as_mut().unwrap().body;
    body.bytes = noise(n, len);
    body.unit_lines.clear();
    body.pieces = vec![crate::exchange::PieceInfo { frame: n, ..sample::piece(110, 0, 0, len as u32) }];
    Output::Exchange(Box::new(f))
}

/// The bytes of the database's files at their most, looked at all the time.
struct Watch {
    most: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Watch {
    fn begin(path: &Path) -> Watch {
        let (most, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let files: [PathBuf; 2] = [path.to_path_buf(), crate::store::open::beside(path, "-wal")];
        let (theirs, ended) = (most.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                let bytes = files.iter().map(|file| std::fs::metadata(file).map_or(0, |m| m.len())).sum();
                theirs.fetch_max(bytes, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        Watch { most, stop, thread }
    }

    fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        self.most.load(Ordering::Relaxed)
    }
}

fn finish(writer: Writer) -> Written {
    writer.finish(Timestamp(9), Counts::default()).unwrap()
}

fn whole(path: &Path) -> Vec<Summary> {
    let reader = Reader::open(path).unwrap();
    assert_eq!(reader.problems(), []);
    let mut all = reader.list(&Selector::default()).unwrap();
    all.sort_by_key(|s| s.id);
    all
}

/// 96 MiB through 16, with a hop and a connection for each exchange, while another thread lists all the time.
#[test]
fn the_oldest_go_under_a_steady_load_and_readers_read() {
    let (_dir, path) = temp();
    drop(write::open(&path).unwrap());
    let (watch, told) = (Watch::begin(&path), Told::default());
    let reading = watch.stop.clone();
    let theirs = path.clone();
    let reader = std::thread::spawn(move || {
        let mut times = 0;
        while !reading.load(Ordering::Relaxed) {
            let all = Reader::open(&theirs).and_then(|r| r.list(&Selector::default())).unwrap();
            assert!(all.windows(2).all(|w| w[0].id + 1 == w[1].id), "without a hole");
            times += 1;
        }
        times
    });
    let mut writer = start(&path, &told);
    let total = 1536;
    for n in 0..total {
        writer.send(exchange(n, 64 << 10)).unwrap();
        writer.hop(Hop { frame: n, client_at: Timestamp(1) }).unwrap();
        let mut connection = sample::connection(n as u32);
        connection.closed_at = Timestamp(150 + n as i64 * 100);
        writer.send(Output::Connection(Box::new(connection))).unwrap();
    }
    let written = finish(writer);
    let most = watch.end();
    assert!(most <= LEAST && most > LEAST / 2, "{most} of {LEAST}");
    assert!(reader.join().unwrap() > 3);
    assert!(told.0.lock().unwrap().is_empty(), "{:?}", told.0.lock().unwrap());
    let left = whole(&path);
    let Gone { deleted, missed } = written.gone;
    assert_eq!((written.exchanges, written.stopped, missed), (total, None, 0));
    assert_eq!(deleted + left.len() as u64, total);
    assert_eq!(left.last().unwrap().id as u64, total, "the newest is there");
    assert!(left.len() as u64 * (64 << 10) > LEAST / 4, "{} are left", left.len());
    // What belonged to those that went, went too. The last deletion may be half done.
    let db = Connection::open(&path).unwrap();
    for (table, what) in [("hop", "*"), ("connection", "*"), ("segment", "DISTINCT exchange_id")] {
        let owners: i64 = db.query_row(&format!("SELECT count({what}) FROM {table}"), [], |r| r.get(0)).unwrap();
        assert!((owners - left.len() as i64).abs() <= 2, "{table}: {owners} of {}", left.len());
    }
}

#[test]
fn one_exchange_larger_than_the_limit_ends_itself_alone() {
    let (_dir, path) = temp();
    drop(write::open(&path).unwrap());
    let (watch, told) = (Watch::begin(&path), Told::default());
    let mut writer = start(&path, &told);
    writer.send(exchange(0, 1000)).unwrap();
    for n in 0..80 {
        let len = 256 << 10;
        let pieces = vec![sample::piece(n, n as u64, n as u64 * len as u64, len as u32)];
        writer.send(Output::Part(Box::new(sample::part(1, pieces, &noise(n as u64, len))))).unwrap();
    }
    writer.send(exchange(1, 10)).unwrap();
    // One that comes whole and is too large for any transaction.
    writer.send(exchange(2, 12 << 20)).unwrap();
    writer.send(exchange(3, 1000)).unwrap();
    let written = finish(writer);
    let most = watch.end();
    assert!(most <= LEAST, "{most}");
    assert_eq!(written.gone.missed, 2, "{written:?}");
    let last = whole(&path).pop().unwrap();
    assert_eq!(last.response.unwrap().wire_body_bytes, 10, "as the sample says");
    assert!(told.0.lock().unwrap().is_empty());
}

#[test]
fn a_reader_that_stays_costs_exchanges_and_not_the_recording() {
    let (_dir, path) = temp();
    full_session(&path);
    let (watch, told) = (Watch::begin(&path), Told::default());
    let mut writer = start(&path, &told);
    let mut reader = Connection::open(&path).unwrap();
    let snapshot = reader.transaction().unwrap();
    let of = |db: &Connection| db.query_row("SELECT count(*) FROM exchange", [], |r| r.get::<_, i64>(0)).unwrap();
    assert_eq!(of(&snapshot), 2);
    for n in 0..512 {
        writer.send(exchange(n, 64 << 10)).unwrap();
    }
    // What was sent is written, or passed over, when the writer says nothing for longer than it waits.
    for _ in 0..6000 {
        if !told.0.lock().unwrap().is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(of(&snapshot), 2, "it reads on");
    std::thread::sleep(Duration::from_millis(6500));
    drop(snapshot);
    drop(reader);
    for n in 512..520 {
        writer.send(exchange(n, 64 << 10)).unwrap();
    }
    let written = finish(writer);
    let most = watch.end();
    assert!(most <= LEAST, "{most}");
    let told = told.0.lock().unwrap().clone();
    assert!(told.len() == 1 && told[0].contains("another process reads the database"), "{told:?}");
    assert!(written.gone.missed > 100 && written.gone.missed < 512, "{written:?}");
    assert_eq!(written.exchanges + written.gone.missed, 520);
    let left = whole(&path);
    assert_eq!(left.iter().rev().take(8).filter(|s| s.stream >= 512).count(), 8, "and those after it are stored");
}

#[test]
fn a_database_that_is_too_large_is_made_smaller_first() {
    let (_dir, path) = temp();
    let mut writer = Writer::start(&path, session("old"), Secrets::Keep).unwrap();
    for n in 0..400 {
        writer.send(exchange(n, 64 << 10)).unwrap();
    }
    writer.send(Output::Begun(ExchangeId(400))).unwrap();
    drop(writer); // no end: it may still be recorded, so what runs stays
    assert!(std::fs::metadata(&path).unwrap().len() > LEAST);
    let told = Told::default();
    let mut writer = start(&path, &told);
    assert!(std::fs::metadata(&path).unwrap().len() < LEAST * 5 / 8);
    writer.send(exchange(0, 1000)).unwrap();
    let written = finish(writer);
    assert!(written.gone.deleted > 100 && written.stopped.is_none(), "{written:?}");
    let left = whole(&path);
    assert_eq!(left.len() as u64, 401 - written.gone.deleted);
    assert_eq!(left.last().map(|s| s.session), Some(2));
    let running = "SELECT count(*) FROM exchange WHERE NOT done AND session = 1";
    assert_eq!(Connection::open(&path).unwrap().query_row(running, [], |r| r.get::<_, i64>(0)).unwrap(), 1);
}

/// Sessions that are over go when their last exchange has gone.
#[test]
fn an_empty_session_goes() {
    let (_dir, path) = temp();
    full_session(&path);
    let told = Told::default();
    let mut writer = start(&path, &told);
    for n in 0..400 {
        writer.send(exchange(n, 64 << 10)).unwrap();
    }
    assert_eq!(finish(writer).session, 2);
    let reader = Reader::open(&path).unwrap();
    let ids: Vec<i64> = reader.sessions(&Selector::default()).unwrap().iter().map(|s| s.id).collect();
    assert_eq!(ids, [2]);
    assert_eq!(reader.problems(), []);
}
