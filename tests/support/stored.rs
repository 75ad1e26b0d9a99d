//! What a database holds, as a search for bytes has to see it: stored bodies are compressed.

use rusqlite::Connection;
use std::path::Path;

/// The stored bodies of one side, segment by segment, with their exchange's id.
pub fn segments(db: &Connection, side: u8) -> Vec<(i64, Vec<u8>)> {
    let sql = "SELECT exchange_id, data, coding FROM segment WHERE side = ?1 ORDER BY exchange_id, off, id";
    let mut statement = db.prepare(sql).unwrap();
    let rows = statement.query_map([side], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).unwrap();
    let plain = |row: rusqlite::Result<(i64, Vec<u8>, Option<String>)>| match row.unwrap() {
        (id, data, None) => (id, data),
        (id, data, Some(coding)) => {
            assert_eq!(coding, "zstd");
            (id, zstd::stream::decode_all(data.as_slice()).unwrap())
        }
    };
    rows.map(plain).collect()
}

/// The bytes of the database's file, and behind them all bodies as they were sent.
pub fn bytes(path: impl AsRef<Path>) -> Vec<u8> {
    let mut bytes = std::fs::read(&path).unwrap();
    let db = Connection::open(path).unwrap();
    for side in [0, 1] {
        segments(&db, side).into_iter().for_each(|(_, data)| bytes.extend(data));
    }
    bytes
}
