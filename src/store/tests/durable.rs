//! What is reported as durable is in the database, soon; and what happens when the database cannot be written.

use super::super::select::SessionIs;
use super::super::{Bounds, Ended, Process, Progress, Reader, Secrets, Selector, Session, Stop, Writer};
use super::{sample, session, temp};
use crate::analyzer::Output;
use crate::capture::Counts;
use crate::summary::Summary;
use crate::time::Timestamp;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// A report of the writer's thread.
#[derive(Debug, PartialEq)]
enum Said {
    /// Exchanges that were reported as durable, and those that another connection sees at that moment.
    Committed(Vec<i64>, Vec<i64>),
    Notice(String),
    Failed(String),
    Stopped(Stop),
}

struct Witness {
    path: PathBuf,
    pending: Vec<i64>,
    to: Sender<Said>,
}

impl Progress for Witness {
    fn written(&mut self, exchange: &Summary) {
        self.pending.push(exchange.id);
    }
    fn committed(&mut self) {
        let seen = Reader::open(&self.path).and_then(|r| r.list(&Selector::default())).unwrap();
        let seen = seen.iter().map(|s| s.id).collect();
        self.to.send(Said::Committed(std::mem::take(&mut self.pending), seen)).unwrap();
    }
    fn notice(&mut self, text: &str) {
        self.to.send(Said::Notice(text.into())).unwrap();
    }
    fn ended(&mut self, why: &Ended<'_>) {
        let said = match why {
            Ended::Failed(e) => Said::Failed(format!("{e:#}")),
            Ended::Stopped(stop) => Said::Stopped(*stop),
        };
        self.to.send(said).unwrap();
    }
}

fn start(path: &Path, bounds: Bounds) -> (Writer, Receiver<Said>) {
    let (to, said) = channel();
    let witness = Witness { path: path.to_path_buf(), pending: Vec::new(), to };
    (Writer::start_with(path, session("test"), Secrets::Hide, bounds, Box::new(witness)).unwrap(), said)
}

fn exchange(n: u64) -> Output {
    Output::Exchange(Box::new(sample::finished(n, 100)))
}

fn next(said: &Receiver<Said>) -> Said {
    said.recv_timeout(Duration::from_secs(30)).unwrap()
}

#[test]
fn an_exchange_is_reported_when_others_can_read_it_and_soon() {
    let (_dir, path) = temp();
    let (mut writer, said) = start(&path, Bounds { durable: true, ..Bounds::default() });
    let mut soon = 0;
    for n in 0..5 {
        writer.send(exchange(n)).unwrap();
        let report = said.recv_timeout(Duration::from_millis(500));
        soon += u32::from(report.is_ok());
        let Said::Committed(reported, seen) = report.unwrap_or_else(|_| next(&said)) else { panic!("no commit") };
        assert_eq!(reported, [n as i64 + 1]);
        assert!(reported.iter().all(|id| seen.contains(id)), "{reported:?} {seen:?}");
    }
    // The promise is half a second. One of five must meet it on any machine, however busy.
    assert!(soon > 0);
    assert_eq!(writer.finish(Timestamp(9), Counts::default()).unwrap().exchanges, 5);
}

#[test]
fn a_database_that_was_deleted_is_missed_though_nothing_comes() {
    let (_dir, path) = temp();
    let (mut writer, said) = start(&path, Bounds::default());
    writer.send(exchange(0)).unwrap();
    assert!(matches!(next(&said), Said::Committed(..)));
    std::fs::remove_file(&path).unwrap();
    let Said::Failed(why) = next(&said) else { panic!("not missed") };
    assert!(why.contains("a b.db was deleted"), "{why}");
    assert!(writer.check().is_err());
}

#[test]
fn a_deleted_database_is_missed_at_the_end_too() {
    let (_dir, path) = temp();
    let (mut writer, _said) = start(&path, Bounds::default());
    writer.send(exchange(0)).unwrap();
    std::fs::remove_file(&path).unwrap();
    let e = writer.finish(Timestamp(9), Counts::default()).unwrap_err();
    assert!(format!("{e:#}").contains("was deleted"), "{e:#}");
}

#[test]
fn a_lock_of_another_process_is_said_and_waited_for() {
    let (_dir, path) = temp();
    let (mut writer, said) = start(&path, Bounds::default());
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    writer.send(exchange(0)).unwrap();
    let Said::Notice(text) = next(&said) else { panic!("not said") };
    assert!(text.contains("locked"), "{text}");
    other.execute_batch("ROLLBACK").unwrap();
    assert!(matches!(next(&said), Said::Committed(..)));
    // A lock that stays ends the recording, and what was not stored was not reported.
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    writer.send(exchange(1)).unwrap();
    assert!(matches!(next(&said), Said::Notice(_)));
    let Said::Failed(why) = next(&said) else { panic!("it waits for ever") };
    assert!(why.contains("another process has locked it"), "{why}");
    assert!(writer.check().is_err() && writer.finish(Timestamp(9), Counts::default()).is_err());
}

#[test]
fn a_session_ends_at_its_size() {
    let (_dir, path) = temp();
    let (mut writer, said) = start(&path, Bounds { session: Some(1 << 20), ..Bounds::default() });
    let before = std::fs::metadata(&path).unwrap().len();
    // Far more than fits; all sends succeed, because a proxy goes on.
    for n in 0..4000 {
        writer.send(exchange(n)).unwrap();
    }
    let mut reported = 0;
    let stop = loop {
        match next(&said) {
            Said::Committed(ids, _) => reported += ids.len() as u64,
            Said::Stopped(stop) => break stop,
            other => panic!("{other:?}"),
        }
    };
    writer.send(exchange(4000)).unwrap();
    writer.check().unwrap();
    let written = writer.finish(Timestamp(9), Counts::default()).unwrap();
    assert_eq!((stop, written.stopped), (Stop::Session(1 << 20), Some(stop)));
    assert_eq!(written.exchanges, reported);
    assert!(reported > 0 && reported < 4000, "{reported}");
    let grown = std::fs::metadata(&path).unwrap().len() - before;
    assert!(grown < (1 << 20) + (1 << 19), "{grown}");
    let db = rusqlite::Connection::open(&path).unwrap();
    let why: String = db.query_row("SELECT stopped FROM session WHERE ended_ns = 9", [], |r| r.get(0)).unwrap();
    assert!(why.contains("1048576 bytes"), "{why}");
}

#[test]
fn a_disk_without_its_reserve_is_not_written_to() {
    let (_dir, path) = temp();
    let (mut writer, said) = start(&path, Bounds { reserve: u64::MAX, ..Bounds::default() });
    writer.send(exchange(0)).unwrap();
    assert!(matches!(next(&said), Said::Stopped(Stop::Reserve { reserve: u64::MAX, .. })));
    assert_eq!(writer.finish(Timestamp(9), Counts::default()).unwrap().exchanges, 0);
}

#[test]
fn a_session_without_end_is_told_by_its_process() {
    use crate::summary::session::State;
    let (_dir, path) = temp();
    super::record(&path, vec![exchange(0)]);
    let about = Session { process: Process::current(), ..session("running") };
    let mut writer = Writer::start(&path, about, Secrets::Hide).unwrap();
    writer.send(exchange(0)).unwrap();
    drop(writer); // what was sent is written, and there is no end
    let states = |sql: &str| {
        rusqlite::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let all = Reader::open(&path).unwrap().sessions(&Selector::default()).unwrap();
        all.iter().map(|s| (s.id, s.state, s.exchanges)).collect::<Vec<_>>()
    };
    let with = |state| vec![(1, State::Ended, 1), (2, state, 1)];
    let change = "UPDATE session SET";
    assert_eq!(states(""), with(State::Running));
    assert_eq!(states(&format!("{change} pid_start = pid_start + 1 WHERE id = 2")), with(State::Killed));
    assert_eq!(states(&format!("{change} pid_space = 'pid:[1]' WHERE id = 2")), with(State::Unknown));
    assert_eq!(states(&format!("{change} boot_id = 'an older boot' WHERE id = 2")), with(State::Killed));
    assert_eq!(states(&format!("{change} stopped = 'the disk is full' WHERE id = 2")), with(State::Failed));
    assert_eq!(states(&format!("{change} stopped = NULL, pid = NULL WHERE id = 2")), with(State::Unknown));
    let reader = Reader::open(&path).unwrap();
    let last = Selector { session: Some(SessionIs::Last), ..Selector::default() };
    let ids = |all: Vec<crate::summary::session::SessionSummary>| all.iter().map(|s| s.id).collect::<Vec<_>>();
    assert_eq!(ids(reader.sessions(&last).unwrap()), [2]);
    assert_eq!(ids(reader.sessions_without_end(&Selector::default()).unwrap()), [2]);
    let first = Selector { session: Some(SessionIs::Number(1)), ..Selector::default() };
    assert!(reader.sessions_without_end(&first).unwrap().is_empty());
}
