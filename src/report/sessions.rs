//! `sniff session list` and `sniff list --sessions`: one line per session, and a notice about those that were killed.

use super::list::clock;
use super::table::{Cell, Column, Table};
use super::text::{Style, bytes, clean};
use crate::summary::session::{SessionSummary, State};

/// The sessions as a table.
pub fn table(all: &[SessionSummary]) -> Table {
    let columns = vec![
        Column::right("Session"),
        Column::left("Name").min(8),
        Column::left("Started (UTC)"),
        Column::left("Ended (UTC)"),
        Column::left("State"),
        Column::right("Exchanges"),
        Column::right("Packets").spare(2),
        Column::right("Bytes").spare(1),
        Column::left("Source").min(12),
        Column::left("Stopped because").min(12).spare(3),
        Column::left("Note").min(12),
    ];
    Table { columns, rows: all.iter().map(row).collect() }
}

fn row(s: &SessionSummary) -> Vec<Cell> {
    let style = match s.state {
        State::Killed | State::Failed => Style::Red,
        State::Running => Style::Green,
        State::Ended | State::Unknown => Style::Plain,
    };
    vec![
        Cell::new(s.id.to_string()),
        Cell::new(s.name.as_deref().unwrap_or_default()),
        Cell::new(clock(s.started_ns, false)).style(Style::Dim),
        Cell::new(s.ended_ns.map(|ns| clock(ns, false)).unwrap_or_default()).style(Style::Dim),
        Cell::new(s.state.as_str()).style(style),
        Cell::new(s.exchanges.to_string()),
        Cell::new(s.packets.map(|n| n.to_string()).unwrap_or_default()),
        Cell::new(s.bytes.map(bytes).unwrap_or_default()),
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
