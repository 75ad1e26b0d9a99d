//! Several writers and readers that open one new database at the same time: the second one finds a database of
//! ours, at whatever step it is.

use super::super::{Reader, migrate, write};
use super::temp;
use std::sync::{Arc, Barrier};

const ROUNDS: usize = 40;

#[test]
fn several_threads_open_a_new_database_at_once() {
    for round in 0..ROUNDS {
        let (_dir, path) = temp();
        let gate = Arc::new(Barrier::new(4));
        let open = |_| {
            let (path, gate) = (path.clone(), gate.clone());
            std::thread::spawn(move || {
                gate.wait();
                write::open(&path).map(|_| ())
            })
        };
        let threads: Vec<_> = (0..4).map(open).collect();
        for thread in threads {
            thread.join().unwrap().unwrap_or_else(|e| panic!("round {round}: {e:#}"));
        }
        assert_eq!(migrate::check(&Reader::open(&path).unwrap().db, &path).unwrap(), migrate::MIGRATIONS.len());
    }
}

/// A reader that runs one statement after the other would see the version of one state and the tables of the next.
#[test]
fn what_a_database_is_is_seen_at_one_moment() {
    let (_dir, path) = temp();
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (theirs, ended) = (path.clone(), stop.clone());
    // Empty, ours, empty, and so on: each in one transaction.
    let change = std::thread::spawn(move || {
        let mut db = rusqlite::Connection::open(&theirs).unwrap();
        db.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
        db.execute_batch("PRAGMA synchronous = OFF").unwrap();
        while !ended.load(std::sync::atomic::Ordering::Relaxed) {
            for (sql, id, version) in [("CREATE TABLE t (x)", migrate::APPLICATION_ID, 102), ("DROP TABLE t", 0, 0)] {
                let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
                tx.execute_batch(sql).unwrap();
                tx.pragma_update(None, "application_id", id).unwrap();
                tx.pragma_update(None, "user_version", version).unwrap();
                tx.commit().unwrap();
            }
        }
    });
    let db = rusqlite::Connection::open(&path).unwrap();
    db.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    let wrong: Vec<String> =
        (0..2000).filter_map(|_| migrate::check(&db, &path).err()).map(|e| format!("{e:#}")).collect();
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    change.join().unwrap();
    assert!(wrong.is_empty(), "{} times: {}", wrong.len(), wrong[0]);
}
