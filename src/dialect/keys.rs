//! Entries of choices and of tool calls: bounded in number, and their bytes are counted.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Maximum of choices, and of tool calls, that are distinguished in one response.
pub(super) const KEYS_LIMIT: usize = 1024;
/// Bytes of memory of an entry in a map, and of the watch over its text.
const KEY: usize = 256;

/// Whether something was not kept, and the bytes of all keys.
pub(super) type Counts<'c> = (&'c mut bool, &'c mut usize);

/// The entry of a choice, unless there are too many.
pub(super) fn slot<'m>(
    map: &'m mut BTreeMap<u32, String>,
    key: u32,
    (limited, keys): Counts<'_>,
) -> Option<&'m mut String> {
    let full = map.len() >= KEYS_LIMIT;
    match map.entry(key) {
        Entry::Occupied(known) => Some(known.into_mut()),
        Entry::Vacant(_) if full => {
            *limited = true;
            None
        }
        Entry::Vacant(new) => {
            *keys += KEY;
            Some(new.insert(String::new()))
        }
    }
}

/// The entry of a call, unless there are too many. Allocates its key only once.
pub(super) fn text_slot<'m>(
    map: &'m mut BTreeMap<String, String>,
    key: &str,
    (limited, keys): Counts<'_>,
) -> Option<&'m mut String> {
    if !map.contains_key(key) {
        if map.len() >= KEYS_LIMIT {
            *limited = true;
            return None;
        }
        *keys += KEY + key.len();
        map.insert(key.to_owned(), String::new());
    }
    map.get_mut(key)
}
