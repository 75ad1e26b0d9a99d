//! Makes the file as small as its contents, and empties the log beside it.

use super::Upkeep;
use crate::store::fault;
use crate::store::open::beside;
use crate::store::place::Place;
use anyhow::{Result, bail};

impl Upkeep {
    /// Writes the database anew, without what was deleted, and empties its log. Returns the bytes of both before and
    /// after. No other process can write meanwhile.
    ///
    /// # Errors
    /// The disk has no room for a copy; another process writes, or reads for over ten seconds.
    pub fn vacuum(&mut self) -> Result<[u64; 2]> {
        self.room_for_a_copy()?;
        let before = self.bytes();
        // The copy of a large database does not fit into memory.
        let done = self.reader.db.execute_batch("PRAGMA temp_store = FILE; VACUUM;");
        done.map_err(|e| fault::writing(e.into(), &self.path))?;
        if !self.empty_log()? {
            bail!(
                "{0} is written anew, but another process still reads {0}-wal, where the old pages are; do it again \
                    when that process has ended",
                self.path.display()
            );
        }
        Ok([before, self.bytes()])
    }

    /// Moves the log into the file and cuts it to nothing; false if another process reads it for over ten seconds.
    pub(super) fn empty_log(&self) -> Result<bool> {
        let db = &self.reader.db;
        let busy: i64 = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |r| r.get(0))?;
        Ok(busy == 0)
    }

    /// While a database is written anew, a copy of its contents waits in a file, and another in the log.
    pub(super) fn room_for_a_copy(&self) -> Result<()> {
        let db = &self.reader.db;
        let number = |name: &str| db.pragma_query_value(None, name, |r| r.get::<_, i64>(0));
        let pages = number("page_count")?.saturating_sub(number("freelist_count")?).max(0) as u64;
        let needed = pages.saturating_mul(number("page_size")?.max(0) as u64).saturating_mul(2);
        let free = Place::of(&self.path)?.free()?;
        if free < needed {
            bail!(
                "the disk of {} has {free} bytes free, and {needed} are needed meanwhile: sniff db prune, or more room",
                self.path.display()
            );
        }
        Ok(())
    }

    /// Bytes of the database's file and its log.
    fn bytes(&self) -> u64 {
        let size = |path: &std::path::Path| std::fs::metadata(path).map_or(0, |meta| meta.len());
        size(&self.path) + size(&beside(&self.path, "-wal"))
    }
}
