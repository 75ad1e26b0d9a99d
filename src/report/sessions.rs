//! `sniff session list` and `sniff list --sessions`: one line per session, and a notice about those that were killed.

use super::table::{Cell, Column, Table};
use super::text::{Style, bytes, clean};
use super::zone::{Zone, iso};
use crate::summary::session::{SessionSummary, State};

/// The sessions as a table.
pub fn table(all: &[SessionSummary], zone: Zone) -> Table {
    let columns = vec![
        Column::right("Session"),
        Column::left("Name").min(8),
        Column::left(zone.title("Started (UTC)")).exact("started_at"),
        Column::left(zone.title("Ended (UTC)")).exact("ended_at"),
        Column::left("State"),
        Column::right("Exchanges"),
        Column::right("Packets").spare(2),
        Column::right("Bytes").spare(1).exact("packet_bytes"),
        Column::left("Source").min(12),
        Column::left("Stopped because").min(12).spare(3),
        Column::left("Note").min(12),
    ];
    Table { columns, rows: all.iter().map(|s| row(s, zone)).collect() }
}

fn row(s: &SessionSummary, zone: Zone) -> Vec<Cell> {
    let style = match s.state {
        State::Killed | State::Failed => Style::Red,
        State::Running => Style::Green,
        State::Ended | State::Unknown => Style::Plain,
    };
    vec![
        Cell::new(s.id.to_string()),
        Cell::new(s.name.as_deref().unwrap_or_default()),
        Cell::new(zone.clock(s.started_ns, false)).style(Style::Dim).exact(iso(s.started_ns)),
        Cell::new(s.ended_ns.map(|ns| zone.clock(ns, false)).unwrap_or_default())
            .style(Style::Dim)
            .exact(s.ended_ns.map(iso).unwrap_or_default()),
        Cell::new(s.state.as_str()).style(style),
        Cell::new(s.exchanges.to_string()),
        Cell::new(s.packets.map(|n| n.to_string()).unwrap_or_default()),
        Cell::new(s.bytes.map(bytes).unwrap_or_default()).exact(s.bytes.map(|n| n.to_string()).unwrap_or_default()),
        Cell::new(&s.source),
        Cell::new(s.stopped.as_deref().unwrap_or_default()),
        Cell::new(s.note.as_deref().unwrap_or_default()),
    ]
}

/// Notices about sessions that have no end though nothing records them any more, one for each state.
pub fn without_end(all: &[SessionSummary], color: bool) -> Vec<String> {
    let notice = |state: State, what: &str| {
        let ids: Vec<String> = all.iter().filter(|s| s.state == state).map(|s| s.id.to_string()).collect();
        let named = match ids.len() {
            0 => return None,
            1 => format!("session {} was", ids[0]),
            2..=8 => format!("sessions {} were", ids.join(", ")),
            n => format!("{n} sessions, the last of them {}, were", ids[n - 1]),
        };
        Some(Style::Yellow.paint(&clean(&format!("{named} {what}")), color))
    };
    let lines = [
        notice(State::Killed, "killed: exchanges that were open then are missing"),
        notice(State::Failed, "given up: the database could not be written (sniff list --sessions says why)"),
    ];
    lines.into_iter().flatten().collect()
}
