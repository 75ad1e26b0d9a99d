//! Who deletes a session or an exchange deletes all of it, in steps, and nothing else.

use super::super::select::SessionIs;
use super::super::upkeep::{Owned, held, is_name};
use super::super::{Hop, Reader, Secrets, Selector, Upkeep, Writer, write};
use super::{sample, session, temp};
use crate::analyzer::Output;
use crate::capture::Counts;
use crate::exchange::ExchangeId;
use crate::summary::session::State;
use crate::time::Timestamp;
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::path::Path;

/// A session with rows in every table: two exchanges, one of which came in parts, a connection and a hop.
pub(super) fn full_session(path: &Path) -> i64 {
    let mut writer = Writer::start(path, session("full"), Secrets::Hide).unwrap();
    writer.send(Output::Begun(ExchangeId(0))).unwrap();
    writer.send(Output::Part(Box::new(sample::part(0, vec![sample::piece(1, 0, 0, 3)], b"abc")))).unwrap();
    for n in 0..2 {
        writer.send(Output::Exchange(Box::new(sample::finished(n, 100)))).unwrap();
    }
    writer.send(Output::Connection(Box::new(sample::connection(0)))).unwrap();
    for frame in 0..4 {
        writer.hop(Hop { frame, client_at: Timestamp(5) }).unwrap();
    }
    let session = writer.finish(Timestamp(9), Counts::default()).unwrap().session;
    let reader = Reader::open(path).unwrap();
    for s in reader.list(&Selector::default()).unwrap() {
        reader.keep_client_verdicts(s.id, "1", None);
    }
    session
}

/// Rows of each table that recordings fill.
pub(super) fn rows(db: &Connection) -> BTreeMap<String, i64> {
    let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'salt'";
    let mut names = db.prepare(sql).unwrap();
    let names = names.query_map([], |r| r.get::<_, String>(0)).unwrap().map(Result::unwrap);
    let count = |name: &String| db.query_row(&format!("SELECT count(*) FROM {name}"), [], |r| r.get(0)).unwrap();
    names.map(|name| (name.clone(), count(&name))).collect()
}

#[test]
fn a_session_goes_with_all_of_it_and_no_other() {
    let (_dir, path) = temp();
    full_session(&path);
    let one = rows(&Connection::open(&path).unwrap());
    assert!(one.len() > 12 && one.values().all(|n| *n > 0), "the session has a row in every table: {one:?}");
    full_session(&path);
    let mut upkeep = Upkeep::open(&path).unwrap();
    let deleted = upkeep.delete_session(1).unwrap();
    assert_eq!((deleted.sessions, deleted.exchanges), (1, 2));
    assert_eq!(rows(&upkeep.reader().db), one);
    let left = upkeep.reader().list(&Selector::default()).unwrap();
    assert_eq!(left.iter().map(|s| (s.session, s.id)).collect::<Vec<_>>(), [(2, 3), (2, 4)]);
    upkeep.delete_session(2).unwrap();
    assert!(rows(&upkeep.reader().db).values().all(|n| *n == 0));
}

/// Deliveries and connections belong to several exchanges: they go with the last one.
#[test]
fn what_exchanges_share_is_forgotten_with_the_last() {
    let (_dir, path) = temp();
    full_session(&path);
    let mut upkeep = Upkeep::open(&path).unwrap();
    let left = |upkeep: &Upkeep| {
        let rows = rows(&upkeep.reader().db);
        (rows["exchange"], rows["connection"], rows["hop"])
    };
    upkeep.forget(&[1]).unwrap();
    assert_eq!(left(&upkeep), (1, 1, 4));
    assert!(upkeep.forget(&[2, 3]).unwrap_err().to_string().contains("there is no exchange 3"));
    assert_eq!(left(&upkeep), (1, 1, 4));
    upkeep.forget(&[2]).unwrap();
    assert_eq!(left(&upkeep), (0, 0, 3), "the deliveries of the exchanges are number 3");
}

/// A table that is added later names its owner by a foreign key, or its rows would stay for ever.
#[test]
fn every_table_has_an_owner() {
    let (_dir, path) = temp();
    let db = write::open(&path).unwrap();
    let sql = "SELECT m.name FROM sqlite_master m WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
        AND NOT EXISTS (SELECT 1 FROM pragma_foreign_key_list(m.name) k
            WHERE k.\"table\" IN ('session', 'exchange') AND k.on_delete = 'CASCADE') ORDER BY name";
    let mut alone = db.prepare(sql).unwrap();
    let alone: Vec<String> = alone.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect();
    // Rows of a run go with it: by triggers, which `a_session_goes_with_all_of_it_and_no_other` tests.
    assert_eq!(alone, ["piece_row", "record_row", "salt", "session"]);
}

#[test]
fn a_step_is_small_and_what_is_half_deleted_is_not_listed() {
    let (_dir, path) = temp();
    full_session(&path);
    let db = write::open(&path).unwrap();
    let owned = Owned::of(&db).unwrap();
    let before: i64 = rows(&db).values().sum();
    let (mut steps, mut listed) = (1, Vec::new());
    while !owned.session(&db, 1, 2).unwrap() {
        steps += 1;
        listed.push(Reader::open(&path).unwrap().list(&Selector::default()).unwrap().len());
    }
    assert!(i64::from(steps) > before / 4, "{steps} steps for {before} rows");
    assert!(listed.first() == Some(&1) && listed.is_sorted_by(|a, b| a >= b), "{listed:?}");
    assert!(rows(&db).values().all(|n| *n == 0));
}

#[test]
fn a_name_is_of_one_session_and_selects_it() {
    let (_dir, path) = temp();
    full_session(&path);
    full_session(&path);
    let mut upkeep = Upkeep::open(&path).unwrap();
    upkeep.name(1, Some("one")).unwrap();
    upkeep.name(1, Some("one")).unwrap();
    assert!(upkeep.name(2, Some("one")).unwrap_err().to_string().contains("session 1 has that name"));
    let named = |name: &str| Selector { session: Some(SessionIs::Named(name.into())), ..Selector::default() };
    let reader = Reader::open(&path).unwrap();
    assert!(reader.list(&named("one")).unwrap().iter().all(|s| s.session == 1));
    assert_eq!(reader.connections(&named("one")).unwrap().len(), 1);
    assert_eq!(reader.session(&SessionIs::Named("one".into())).unwrap().id, 1);
    for name in ["two", "One", "one "] {
        assert!(reader.list(&named(name)).unwrap_err().to_string().contains("no session has the name"), "{name}");
        assert!(reader.connections(&named(name)).is_err() && reader.sessions(&named(name)).is_err());
    }
    upkeep.name(1, None).unwrap();
    upkeep.name(2, None).unwrap();
    assert!(reader.list(&named("one")).is_err());
}

#[test]
fn numbers_and_last_are_no_names() {
    for wrong in ["", " ", "1", "-1", "+1", "last", "LAST", "a\n", " a", "a\u{1b}[0m", &"x".repeat(65)] {
        assert!(!is_name(wrong), "{wrong:?}");
    }
    assert!(["a", "1a", "nightly 2026-11-29", "größe", &"x".repeat(64)].iter().all(|name| is_name(name)));
}

#[test]
fn what_may_still_be_recorded_is_held() {
    let (_dir, path) = temp();
    full_session(&path);
    let mut about = Reader::open(&path).unwrap().session(&SessionIs::Last).unwrap();
    for (state, without, with) in [
        (State::Ended, false, false),
        (State::Killed, false, false),
        (State::Failed, false, false),
        (State::Running, true, true),
        (State::Unknown, true, false),
    ] {
        about.state = state;
        assert_eq!((held(&about, false).is_some(), held(&about, true).is_some()), (without, with), "{state:?}");
    }
}
