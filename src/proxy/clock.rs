//! The wall clock, with which packets are stamped too.

use crate::time::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};

/// The time now.
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_parts(since.as_secs() as i64, i64::from(since.subsec_nanos()))
}
