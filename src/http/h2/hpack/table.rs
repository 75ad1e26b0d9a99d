//! The static and the dynamic table (RFC 7541 section 2.3, appendix A).

use super::Field;
use std::collections::VecDeque;

/// Appendix A.
#[rustfmt::skip]
const STATIC: [(&str, &str); 61] = [
    (":authority", ""), (":method", "GET"), (":method", "POST"), (":path", "/"), (":path", "/index.html"), (":scheme", "http"),
    (":scheme", "https"), (":status", "200"), (":status", "204"), (":status", "206"), (":status", "304"), (":status", "400"),
    (":status", "404"), (":status", "500"), ("accept-charset", ""), ("accept-encoding", "gzip, deflate"), ("accept-language", ""),
    ("accept-ranges", ""), ("accept", ""), ("access-control-allow-origin", ""), ("age", ""), ("allow", ""), ("authorization", ""),
    ("cache-control", ""), ("content-disposition", ""), ("content-encoding", ""), ("content-language", ""), ("content-length", ""),
    ("content-location", ""), ("content-range", ""), ("content-type", ""), ("cookie", ""), ("date", ""), ("etag", ""), ("expect", ""),
    ("expires", ""), ("from", ""), ("host", ""), ("if-match", ""), ("if-modified-since", ""), ("if-none-match", ""), ("if-range", ""),
    ("if-unmodified-since", ""), ("last-modified", ""), ("link", ""), ("location", ""), ("max-forwards", ""), ("proxy-authenticate", ""),
    ("proxy-authorization", ""), ("range", ""), ("referer", ""), ("refresh", ""), ("retry-after", ""), ("server", ""), ("set-cookie", ""),
    ("strict-transport-security", ""), ("transfer-encoding", ""), ("user-agent", ""), ("vary", ""), ("via", ""), ("www-authenticate", ""),
];

/// Initial size (section 6.5.2 of RFC 9113), and the largest size that is kept whatever a peer announces.
const INITIAL: usize = 4096;
const LARGEST: usize = 1 << 20;

/// The dynamic table. Indices count from the newest entry, so a reader that joined late knows every index of
/// an entry that it saw.
#[derive(Debug)]
pub(crate) struct Table {
    entries: VecDeque<Field>,
    size: usize,
    limit: usize,
    /// Entries older than the oldest one held may exist.
    unknown_past: bool,
}

impl Table {
    pub(crate) fn new(joined: bool) -> Self {
        // Without the beginning the limit is unknown too. Evicting late does no harm: the sender never refers
        // to what it evicted.
        Table { entries: VecDeque::new(), size: 0, limit: if joined { LARGEST } else { INITIAL }, unknown_past: joined }
    }

    /// Bytes of memory in use, about.
    pub(crate) fn held(&self) -> usize {
        self.size + self.entries.len() * size_of::<Field>()
    }

    /// Entry by index, static ones first; `None` if no such entry can exist.
    pub(crate) fn get(&self, index: usize) -> Option<Field> {
        let at = index.checked_sub(1)?;
        if let Some((name, value)) = STATIC.get(at) {
            let (name, value) = (name.as_bytes().to_vec(), value.as_bytes().to_vec());
            return Some(Field { name, value, unknown_name: false, unknown_value: false });
        }
        let at = at - STATIC.len();
        match self.entries.get(at) {
            Some(field) => Some(field.clone()),
            None if self.unknown_past && at < LARGEST / 32 => {
                Some(Field { name: Vec::new(), value: Vec::new(), unknown_name: true, unknown_value: true })
            }
            None => None,
        }
    }

    pub(crate) fn insert(&mut self, field: Field) {
        self.size += cost(&field);
        self.entries.push_front(field);
        self.evict();
    }

    /// Dynamic table size update (section 6.3).
    pub(crate) fn resize(&mut self, limit: usize) {
        self.limit = limit.min(LARGEST);
        if limit == 0 {
            self.unknown_past = false; // all older entries are gone
        }
        self.evict();
    }

    /// A block was not seen: what it inserted is unknown, and so are all positions.
    pub(crate) fn forget(&mut self) {
        self.entries.clear();
        self.size = 0;
        self.unknown_past = true;
    }

    fn evict(&mut self) {
        while self.size > self.limit {
            let Some(old) = self.entries.pop_back() else { break };
            self.size -= cost(&old);
        }
    }
}

/// Size of an entry (section 4.1).
fn cost(field: &Field) -> usize {
    field.name.len() + field.value.len() + 32
}

#[cfg(test)]
impl Table {
    pub(super) fn size_and_count(&self) -> (usize, usize) {
        (self.size, self.entries.len())
    }
}
