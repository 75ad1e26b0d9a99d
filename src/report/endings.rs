//! `sniff report endings`: how the answers of each server ended, by verdict.

use super::reports::{self, Collect, Report, Source};
use super::table::{Cell, Column, Table, render};
use super::{Format, Terminal};
use crate::summary::Summary;
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;

/// The exchanges of one server that have the same verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ending {
    /// The server's host, with the port unless it is the scheme's default.
    pub server: String,
    /// Verdict as in `list`; null if none was reached.
    pub verdict: Option<String>,
    /// Exchanges with this verdict.
    pub exchanges: u64,
    /// All exchanges of the server.
    pub of: u64,
    /// Id of the first exchange with this verdict.
    pub first: i64,
}

/// The verdicts of every server: the server with the most exchanges first, then the most frequent verdict.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Endings {
    rows: Vec<Ending>,
    #[serde(skip)]
    seen: BTreeMap<(String, Option<String>), (u64, i64)>,
}

impl Collect for Endings {
    fn add(&mut self, s: &Summary, _: &dyn Source) -> Result<()> {
        let (count, first) = self.seen.entry((s.authority(), s.verdict.clone())).or_insert((0, s.id));
        *count += 1;
        *first = s.id.min(*first);
        Ok(())
    }

    fn write(mut self: Box<Self>, format: Format, terminal: &Terminal, out: &mut dyn Write) -> Result<()> {
        let mut all: BTreeMap<String, u64> = BTreeMap::new();
        for ((server, _), (count, _)) in &self.seen {
            *all.entry(server.clone()).or_default() += count;
        }
        for ((server, verdict), (exchanges, first)) in std::mem::take(&mut self.seen) {
            self.rows.push(Ending { of: all[&server], server, verdict, exchanges, first });
        }
        self.rows.sort_by(|a, b| (b.of, &a.server, b.exchanges, a.first).cmp(&(a.of, &b.server, a.exchanges, b.first)));
        reports::write(&*self, format, terminal, out)
    }
}

impl Report for Endings {
    fn text(&self, terminal: &Terminal) -> String {
        render(&table(&self.rows), terminal)
    }

    fn table(&self) -> Result<Table> {
        Ok(table(&self.rows))
    }

    fn lines(&self, out: &mut dyn Write) -> Result<()> {
        reports::lines(&self.rows, out)
    }
}

fn table(rows: &[Ending]) -> Table {
    let columns = vec![
        Column::left("Server").min(12).middle(),
        Column::left("Verdict"),
        Column::right("Exchanges"),
        Column::right("Of"),
        Column::right("First id"),
    ];
    let row = |e: &Ending| {
        vec![
            Cell::new(&e.server),
            Cell::new(e.verdict.as_deref().unwrap_or("-")),
            Cell::new(e.exchanges.to_string()),
            Cell::new(e.of.to_string()),
            Cell::new(e.first.to_string()),
        ]
    };
    Table { columns, rows: rows.iter().map(row).collect() }
}
