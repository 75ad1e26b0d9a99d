//! `sniff db info` and `sniff db check`: tables.

use super::table::{Cell, Column, Table};
use super::text::{Style, bytes, count};
use crate::summary::database::{DatabaseInfo, Problem};

/// Size and contents of a database.
pub fn info(d: &DatabaseInfo) -> Table {
    let mut rows = Vec::new();
    let mut row = |what: &str, value: String| rows.push(vec![Cell::new(what).style(Style::Dim), Cell::new(value)]);
    row("File", format!("{}, {} of it free", bytes(d.file_bytes), bytes(d.free_bytes)));
    row("Write-ahead log", bytes(d.wal_bytes));
    row("Schema version", d.schema_version.to_string());
    row("Sessions", d.sessions.to_string());
    row("Exchanges", d.exchanges.to_string());
    let all: u64 = d.groups.iter().map(|g| g.bytes).sum();
    for group in &d.groups {
        let percent = (group.bytes * 100).checked_div(all).unwrap_or(0);
        row(&format!("  {}", group.name), format!("{} ({percent} %)", bytes(group.bytes)));
    }
    if let Some(g) = &d.growth {
        let (took, hourly) = (long(g.seconds), bytes((g.bytes_per_second * 3600.0) as u64));
        row("Growth", format!("session {}: {} in {took}, {hourly} an hour", g.session, bytes(g.bytes)));
    }
    let full = d.full_in_seconds.map(|s| format!("; full in {} at that rate", long(s))).unwrap_or_default();
    row("Disk", format!("{} free{full}", bytes(d.disk_free_bytes)));
    Table { columns: vec![Column::left("What"), Column::left("Value").min(20)], rows }
}

/// What is wrong with a database.
pub fn problems(all: &[Problem]) -> Table {
    let row = |p: &Problem| vec![Cell::new(p.check).style(Style::Red), Cell::new(&p.what)];
    Table { columns: vec![Column::left("Check"), Column::left("Problem").min(20)], rows: all.iter().map(row).collect() }
}

/// Seconds in the unit that suits a plan: seconds to years.
fn long(seconds: f64) -> String {
    let (one, many, value) = match seconds {
        s if s < 120.0 => ("second", "seconds", s),
        s if s < 7200.0 => ("minute", "minutes", s / 60.0),
        s if s < 172_800.0 => ("hour", "hours", s / 3600.0),
        s if s < 63_072_000.0 => ("day", "days", s / 86_400.0),
        s => ("year", "years", s / 31_536_000.0),
    };
    if value >= 1000.0 { format!("over 1000 {many}") } else { count(value.round() as u64, one, many) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_suit_a_plan() {
        let said: Vec<String> = [1.0, 119.0, 120.0, 7199.0, 7200.0, 172_800.0, 63_072_000.0, 1e12].map(long).into();
        let want =
            ["1 second", "119 seconds", "2 minutes", "120 minutes", "2 hours", "2 days", "2 years", "over 1000 years"];
        assert_eq!(said, want);
    }
}
