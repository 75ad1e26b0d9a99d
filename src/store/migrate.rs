//! Migrations: each file of `migrations/` runs once, in order, in its own transaction. `user_version` is the number
//! of the last one that ran.

use anyhow::{Context, Result, bail};
use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use std::path::Path;

/// All migrations in order. Until 0.1.0 is tagged there is one, which may be edited: each edit gives it, and
/// [`DEVELOPMENT`], the next number. From then on they are never changed; new ones are appended.
pub const MIGRATIONS: &[(&str, &str)] = &[("0102_schema", include_str!("../../migrations/0102_schema.sql"))];

/// The highest number of a schema that no release had. The number of the first migration follows it.
const DEVELOPMENT: i64 = 101;

/// `snif` in ASCII, which distinguishes our databases from others (SQLite `PRAGMA application_id`).
pub const APPLICATION_ID: i64 = 0x736e_6966;

/// Brings a database up to date. A database of another program, or of a newer version, is refused and not changed.
pub fn up(db: &mut Connection, path: &Path) -> Result<()> {
    migrate(db, path, MIGRATIONS)
}

/// How many migrations have run on a database that this program can read; the error says why it cannot be read.
pub fn check(db: &Connection, path: &Path) -> Result<usize> {
    snapshot(db, path, MIGRATIONS.len())
}

pub(super) fn migrate(db: &mut Connection, path: &Path, migrations: &[(&str, &str)]) -> Result<()> {
    let mut version = snapshot(db, path, migrations.len())?;
    while let Some((name, sql)) = migrations.get(version) {
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another process may have migrated while this one waited for the lock.
        let now = look(&tx, path, migrations.len())?;
        if now == version {
            tx.execute_batch(sql)
                .with_context(|| format!("{}: migration {name} failed; the database is unchanged", path.display()))?;
            tx.pragma_update(None, "application_id", APPLICATION_ID)?;
            tx.pragma_update(None, "user_version", DEVELOPMENT + version as i64 + 1)?;
            tx.commit()?;
        }
        version = now.max(version + usize::from(now == version));
    }
    Ok(())
}

/// The version at one moment. Another process may be migrating: its first step must be seen completely or not at
/// all.
fn snapshot(db: &Connection, path: &Path, known: usize) -> Result<usize> {
    let tx = db.unchecked_transaction().with_context(|| format!("cannot read {}", path.display()))?;
    look(&tx, path, known)
}

/// The version, read within a transaction.
fn look(db: &Connection, path: &Path, known: usize) -> Result<usize> {
    let path = path.display();
    let number = |pragma: &str| -> rusqlite::Result<i64> { db.pragma_query_value(None, pragma, |row| row.get(0)) };
    let id = match number("application_id") {
        Err(e) if e.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
            bail!("{path} is not a database of sniff; choose another with --db")
        }
        other => other.with_context(|| format!("cannot read {path}"))?,
    };
    let version = number("user_version")?;
    let tables: i64 = db
        .query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))
        .with_context(|| format!("cannot read {path}"))?;
    match (id, version) {
        (0, 0) if tables == 0 => Ok(0),
        (APPLICATION_ID, v @ 1..=DEVELOPMENT) => {
            bail!(
                "{path} was recorded by a development version of sniff (database version {v}): read the capture \
                    again, into another database (--db)"
            )
        }
        (APPLICATION_ID, v) => match usize::try_from(v - DEVELOPMENT) {
            Ok(ran) if ran <= known => Ok(ran),
            _ => bail!(
                "{path} was written by a newer sniff (database version {v}; this one knows up to {}); it is left \
                    untouched. Update sniff, or choose another database with --db",
                DEVELOPMENT + known as i64
            ),
        },
        _ => bail!("{path} is a database of another program; choose another with --db"),
    }
}
