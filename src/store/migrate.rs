//! Migrations: each file of `migrations/` runs once, in order, in its own transaction. `user_version` is the number
//! of migrations that ran.

use anyhow::{Context, Result, bail};
use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use std::path::Path;

/// All migrations in order. They are never changed; new ones are appended.
pub const MIGRATIONS: &[(&str, &str)] = &[
    ("0001_initial", include_str!("../../migrations/0001_initial.sql")),
    ("0002_runs", include_str!("../../migrations/0002_runs.sql")),
    ("0003_whole_exchange", include_str!("../../migrations/0003_whole_exchange.sql")),
    ("0004_ending", include_str!("../../migrations/0004_ending.sql")),
    ("0005_tls", include_str!("../../migrations/0005_tls.sql")),
    ("0006_websocket", include_str!("../../migrations/0006_websocket.sql")),
    ("0007_proxy", include_str!("../../migrations/0007_proxy.sql")),
    ("0008_verdict", include_str!("../../migrations/0008_verdict.sql")),
    ("0009_where", include_str!("../../migrations/0009_where.sql")),
    ("0010_fix", include_str!("../../migrations/0010_fix.sql")),
    ("0011_process", include_str!("../../migrations/0011_process.sql")),
    ("0012_reasoning", include_str!("../../migrations/0012_reasoning.sql")),
    ("0013_ech", include_str!("../../migrations/0013_ech.sql")),
    ("0014_rpc", include_str!("../../migrations/0014_rpc.sql")),
    ("0015_session_name", include_str!("../../migrations/0015_session_name.sql")),
    ("0016_rows", include_str!("../../migrations/0016_rows.sql")),
];

/// `snif` in ASCII, which distinguishes our databases from others (SQLite `PRAGMA application_id`).
pub const APPLICATION_ID: i64 = 0x736e_6966;

/// Brings a database up to date. A database of another program, or of a newer version, is refused and not changed.
pub fn up(db: &mut Connection, path: &Path) -> Result<()> {
    migrate(db, path, MIGRATIONS)
}

/// The version of a database that this program can read; the error says why it cannot be read.
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
            tx.pragma_update(None, "user_version", version as i64 + 1)?;
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
        (APPLICATION_ID, v) if usize::try_from(v).is_ok_and(|v| v <= known) => Ok(v as usize),
        (APPLICATION_ID, v) => {
            bail!(
                "{path} was written by a newer sniff (database version {v}; this one knows up to {known}); it is left \
                    untouched. Update sniff, or choose another database with --db"
            )
        }
        _ => bail!("{path} is a database of another program; choose another with --db"),
    }
}
