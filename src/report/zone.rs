//! In which time zone tables show times. JSON and CSV have UTC always.

use crate::time::Timestamp;
use chrono::{DateTime, Datelike, FixedOffset, Local, TimeZone, Utc};

/// A time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Zone {
    /// UTC.
    #[default]
    Utc,
    /// That of the machine (`TZ`, `/etc/localtime`).
    Local,
    /// This many seconds east of UTC.
    #[cfg(test)]
    East(i32),
}

impl Zone {
    /// The zone of the machine; UTC if it is the same at this time and half a year later.
    pub fn of_machine(now: Timestamp) -> Zone {
        const HALF_A_YEAR: i64 = 182 * 86_400_000_000_000;
        let is_utc = |ns: i64| Zone::Local.at(ns).offset().local_minus_utc() == 0;
        let all = [now.nanos(), now.nanos().saturating_add(HALF_A_YEAR)].into_iter().all(is_utc);
        if all { Zone::Utc } else { Zone::Local }
    }

    fn at(self, ns: i64) -> DateTime<FixedOffset> {
        let utc = DateTime::from_timestamp_nanos(ns);
        match self {
            Zone::Utc => utc.fixed_offset(),
            Zone::Local => utc.with_timezone(&Local).fixed_offset(),
            #[cfg(test)]
            Zone::East(seconds) => match FixedOffset::east_opt(seconds) {
                Some(zone) => utc.with_timezone(&zone),
                None => utc.fixed_offset(),
            },
        }
    }

    /// Time of day with milliseconds, or month, day and time of day.
    pub fn clock(self, ns: i64, time_only: bool) -> String {
        let format = if time_only { "%H:%M:%S%.3f" } else { "%m-%d %H:%M:%S" };
        self.at(ns).format(format).to_string()
    }

    /// A number for the day.
    pub fn day(self, ns: i64) -> i32 {
        self.at(ns).num_days_from_ce()
    }

    /// Date and time with all digits and the distance from UTC (RFC 3339).
    pub fn full(self, ns: i64) -> String {
        match self {
            Zone::Utc => iso(ns),
            _ => self.at(ns).format("%Y-%m-%dT%H:%M:%S%.9f%:z").to_string(),
        }
    }

    /// The title of a column that is called `utc` if it shows UTC.
    pub fn title(self, utc: &'static str) -> &'static str {
        match self {
            Zone::Utc => utc,
            _ => utc.strip_suffix(" (UTC)").unwrap_or(utc),
        }
    }
}

/// Date and time in UTC with nine digits after the second (ISO 8601, RFC 3339).
pub fn iso(ns: i64) -> String {
    Utc.timestamp_nanos(ns).format("%Y-%m-%dT%H:%M:%S%.9fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_where_the_zone_says() {
        // 2026-11-29 23:30:00.5 UTC.
        let ns = 1_795_995_000_500_000_000;
        let east = Zone::East(5 * 3600 + 1800);
        assert_eq!(
            (Zone::Utc.clock(ns, true).as_str(), east.clock(ns, true).as_str()),
            ("23:30:00.500", "05:00:00.500")
        );
        assert_eq!(
            (Zone::Utc.clock(ns, false), east.clock(ns, false)),
            ("11-29 23:30:00".into(), "11-30 05:00:00".into())
        );
        assert_eq!(east.day(ns) - Zone::Utc.day(ns), 1);
        assert_eq!(Zone::Utc.full(ns), "2026-11-29T23:30:00.500000000Z");
        assert_eq!(east.full(ns), "2026-11-30T05:00:00.500000000+05:30");
        assert_eq!((Zone::Utc.title("Time (UTC)"), east.title("Time (UTC)")), ("Time (UTC)", "Time"));
    }
}
