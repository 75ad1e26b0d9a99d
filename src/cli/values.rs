//! Values on the command line: durations, sizes, instants. Also the command line's only use of the wall clock.

use crate::time::{Span, Timestamp};
use std::path::PathBuf;

/// The time of this machine's clock.
pub(super) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// Parses `10s`, `250ms`, `1.5m`, `2h`, `1d`; a bare number is seconds.
pub(super) fn span(text: &str) -> Result<Span, String> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let scale = match unit.trim() {
        "ns" => 1e0,
        "us" | "µs" => 1e3,
        "ms" => 1e6,
        "" | "s" => 1e9,
        "m" | "min" => 60e9,
        "h" => 3600e9,
        "d" => 86_400e9,
        _ => return Err("expected a duration such as 250ms, 10s, 5m, 2h or 1d".into()),
    };
    let ns = number.parse::<f64>().map_err(|_| "expected a duration such as 250ms, 10s, 5m, 2h or 1d")? * scale;
    if ns < 9.2e18 { Ok(Span(ns.round() as i64)) } else { Err("too long".into()) }
}

/// Parses `65536`, `64k`, `64M`, `1GiB`; units are powers of 1024.
pub(super) fn size(text: &str) -> Result<usize, String> {
    let wrong = || "expected a size such as 65536, 512k, 64M or 1G".to_owned();
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let shift = match unit.trim().to_ascii_lowercase().trim_end_matches("ib").trim_end_matches('b') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        _ => return Err(wrong()),
    };
    number.parse::<usize>().map_err(|_| wrong())?.checked_mul(1 << shift).ok_or_else(|| "too large".into())
}

/// Parses the path of a database. SQLite gives other meanings to some names, by which nothing would be kept.
pub(super) fn database(text: &std::ffi::OsStr) -> Result<PathBuf, String> {
    let name = text.to_string_lossy();
    if name.is_empty() {
        return Err("the name of a file is needed, such as sniff.db".into());
    }
    if name == ":memory:" || name.starts_with("file:") {
        return Err(format!(
            "the path of a file is needed, such as sniff.db: a database in memory would be gone with the command, and \
                URIs are not understood (a file of this name: ./{name})"
        ));
    }
    Ok(text.into())
}

/// Parses RFC 3339, a date, a date and time (UTC), or a duration before now.
pub(super) fn instant(text: &str) -> Result<Timestamp, String> {
    use chrono::{DateTime, NaiveDate, NaiveDateTime};
    let ns = |t: DateTime<chrono::Utc>| t.timestamp_nanos_opt().map(Timestamp).ok_or_else(|| "out of range".to_owned());
    if let Ok(t) = DateTime::parse_from_rfc3339(text) {
        return ns(t.to_utc());
    }
    for format in ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"] {
        if let Ok(t) = NaiveDateTime::parse_from_str(text, format) {
            return ns(t.and_utc());
        }
    }
    if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return ns(day.and_time(chrono::NaiveTime::MIN).and_utc());
    }
    match span(text) {
        Ok(s) if text.ends_with(|c: char| c.is_ascii_alphabetic()) => Ok(now().plus(Span(-s.0))),
        _ => Err(
            "expected a time such as 2026-11-22T10:00:00Z, 2026-11-22 10:00 (UTC), 2026-11-22, or how long ago: 10m, \
            2h, 1d"
                .into(),
        ),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes() {
        assert_eq!(span("250ms"), Ok(Span::from_millis(250)));
        assert_eq!(span("10"), Ok(Span::from_secs(10)));
        assert_eq!(span("1.5m"), Ok(Span::from_secs(90)));
        assert!(span("10 parsecs").is_err() && span("").is_err() && span("1e99s").is_err());
        assert_eq!(size("64MiB"), Ok(64 << 20));
        assert_eq!(size("4k"), Ok(4096));
        assert!(size("-1").is_err() && size("99999999999G").is_err());
    }

    #[test]
    fn instants() {
        // date -u -d '2026-11-22 23:31:16' +%s
        assert_eq!(instant("2026-11-22 23:31:16").unwrap(), Timestamp(1_795_390_276_000_000_000));
        assert_eq!(instant("2026-11-23T00:31:16+01:00").unwrap(), Timestamp(1_795_390_276_000_000_000));
        assert_eq!(instant("2026-11-22").unwrap().0 % 86_400_000_000_000, 0);
        let before = instant("2h").unwrap();
        assert!(now().since(before).0 >= 7_200_000_000_000);
        assert!(instant("12").is_err() && instant("yesterday").is_err());
    }

    #[test]
    fn a_database_is_a_file() {
        let db = |text: &str| database(text.as_ref());
        for wrong in ["", ":memory:", "file:x?mode=memory", "file::memory:?cache=shared", "file:x.db"] {
            assert!(db(wrong).is_err(), "{wrong}");
        }
        for right in ["sniff.db", "./:memory:", "./file:x", "/a b/x?mode=memory"] {
            assert_eq!(db(right), Ok(right.into()));
        }
    }

    #[test]
    fn every_unit_of_a_duration() {
        for (text, ns) in [
            ("7ns", 7),
            ("7us", 7_000),
            ("7µs", 7_000),
            ("7ms", 7_000_000),
            ("7", 7_000_000_000),
            ("7s", 7_000_000_000),
            ("7 s", 7_000_000_000),
            ("7m", 420_000_000_000),
            ("7min", 420_000_000_000),
            ("7h", 25_200_000_000_000),
            ("7d", 604_800_000_000_000),
            ("0", 0),
            ("0.0000000005", 1),
        ] {
            assert_eq!(span(text), Ok(Span(ns)), "{text}");
        }
        // About 292 years fit into 64 bits of nanoseconds.
        assert_eq!(span("106000d"), Ok(Span(9_158_400_000_000_000_000)));
        assert_eq!(span("107000d"), Err("too long".into()));
        for wrong in ["7S", "7w", "s", "1.2.3s", "-7s", "7s7"] {
            assert!(span(wrong).is_err_and(|e| e.starts_with("expected a duration")), "{wrong}");
        }
    }

    #[test]
    fn every_unit_of_a_size() {
        for (unit, bytes) in [("", 7), ("k", 7 << 10), ("m", 7 << 20), ("g", 7 << 30)] {
            for suffix in ["", "b", "B", "iB"] {
                assert_eq!(size(&format!("7{unit}{suffix}")), Ok(bytes), "{unit}{suffix}");
                assert_eq!(size(&format!("7 {}{suffix}", unit.to_uppercase())), Ok(bytes), "{unit}{suffix}");
            }
        }
        assert_eq!(size("99999999999G"), Err("too large".into()));
        for wrong in ["", "k", "7t", "1.5k", "7kk"] {
            assert!(size(wrong).is_err_and(|e| e.starts_with("expected a size")), "{wrong}");
        }
    }
}
