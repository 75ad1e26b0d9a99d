//! `sniff list`: one line per exchange.

use super::table::{Cell, Column, Table};
use super::text::{Style, rate, span};
use super::zone::Zone;
use crate::conformance::Level;
use crate::exchange::redact;
use crate::summary::{FindingSummary, Summary};

/// Builds the table row by row, so that only the cells are in memory.
#[derive(Debug, Default)]
pub struct Rows {
    zone: Zone,
    /// When each exchange began, and its cells without that.
    rows: Vec<(Option<i64>, Vec<Cell>)>,
}

/// Where the time stands.
const TIME: usize = 1;

impl Rows {
    /// An empty table that shows times of this zone.
    pub fn new(zone: Zone) -> Rows {
        Rows { zone, rows: Vec::new() }
    }

    /// Adds an exchange.
    pub fn push(&mut self, s: &Summary) {
        self.rows.push((s.begun_ns(), row(s)));
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Turns the order round, and keeps the last `most` rows.
    pub fn reverse(&mut self, most: usize) {
        self.rows.truncate(most);
        self.rows.reverse();
    }

    /// The table.
    pub fn table(self) -> Table {
        let Rows { zone, rows } = self;
        let mut days = rows.iter().filter_map(|(begun, _)| *begun).map(|ns| zone.day(ns));
        let first = days.next();
        let one_day = days.all(|d| Some(d) == first);
        // At 80 columns time, server, model and how it ended stay; the path of a server is mostly the same.
        let columns = vec![
            Column::right("ID"),
            Column::left(zone.title("Time (UTC)")),
            Column::left("Client").spare(10),
            Column::left("Host").min(12).middle(),
            Column::left("Request").min(18).middle().spare(3),
            Column::right("Status"),
            Column::left("Framing").spare(9),
            Column::left("Dialect").min(12).spare(4),
            Column::left("Model").min(8).spare(1),
            Column::right("TTFT"),
            Column::right("Gap p50").spare(8),
            Column::right("Gap p99").spare(6),
            Column::right("Tokens").spare(7),
            Column::right("Duration").spare(5),
            Column::left("End").min(8),
            Column::left("Findings").min(8),
        ];
        let timed = |(begun, mut cells): (Option<i64>, Vec<Cell>)| {
            let shown = begun.map(|ns| zone.clock(ns, one_day)).unwrap_or_default();
            cells.insert(TIME, Cell::new(shown).style(Style::Dim));
            cells
        };
        Table { columns, rows: rows.into_iter().map(timed).collect() }
    }
}

/// The cells without that of the time.
fn row(s: &Summary) -> Vec<Cell> {
    let (request, response, t) = (s.request.as_ref(), s.response.as_ref(), &s.timing);
    vec![
        Cell::new(s.id.to_string()),
        Cell::new(std::net::SocketAddr::new(s.client_ip, s.client_port).to_string()),
        Cell::new(s.authority()),
        Cell::new([Some(request_line(s)), call(s)].into_iter().flatten().collect::<Vec<_>>().join(" ")),
        status(s),
        Cell::new(response.map_or("", |r| &r.framing)),
        Cell::new(response.and_then(|r| r.dialect.as_deref()).unwrap_or_default()),
        Cell::new(request.and_then(|r| r.model.as_deref()).unwrap_or_default()),
        Cell::new(span(t.ttft)),
        Cell::new(span(t.itl_p50)),
        Cell::new(span(t.itl_p99)),
        Cell::new(rate(t.tpot)),
        Cell::new(span(t.duration)),
        end(s),
        codes(&s.findings),
    ]
}

/// Method and target, with secrets replaced.
pub fn request_line(s: &Summary) -> String {
    match &s.request {
        Some(r) => format!("{} {}", r.method, redact::target(&r.path)),
        None => "(request not captured)".into(),
    }
}

/// The call of JSON-RPC: its method, and what it is called on.
pub fn call(s: &Summary) -> Option<String> {
    let request = s.request.as_ref()?;
    let parts = [&request.rpc_method, &request.rpc_name].into_iter().flatten();
    Some(parts.map(String::as_str).collect::<Vec<_>>().join(" ")).filter(|call| !call.is_empty())
}

/// Dialect with its variant.
pub fn dialect(s: &Summary) -> String {
    let Some(r) = &s.response else { return String::new() };
    match (&r.dialect, &r.variant) {
        (Some(d), Some(v)) if !d.starts_with(v.as_str()) => format!("{d} ({v})"),
        (Some(d), _) => d.clone(),
        (None, _) => String::new(),
    }
}

/// Status, in the colour of its class.
pub fn status(s: &Summary) -> Cell {
    let status = s.response.as_ref().and_then(|r| r.status);
    let style = match status {
        Some(500..) => Style::Red,
        Some(400..) => Style::Yellow,
        _ => Style::Plain,
    };
    Cell::new(status.map_or("-".into(), |n| n.to_string())).style(style)
}

/// The verdict by its name in JSON.
pub fn end(s: &Summary) -> Cell {
    let verdict = s.verdict.as_deref().unwrap_or("-");
    let style = match verdict {
        "complete" => Style::Dim,
        "client-cancelled" | "capture-incomplete" => Style::Yellow,
        "server-truncated" | "gateway-timeout" | "error-in-200" => Style::Red,
        _ => Style::Plain,
    };
    Cell::new(verdict).style(style)
}

/// The code of the worst finding, the number of other rules that are broken, in the colour of the worst. Findings
/// of level info are left out.
pub fn codes(findings: &[FindingSummary]) -> Cell {
    let mut codes: Vec<&str> = findings.iter().filter(|f| f.level > Level::Info).map(|f| f.rule.as_str()).collect();
    codes.dedup();
    let worst = findings.iter().map(|f| f.level).max();
    let text = match codes[..] {
        [] => String::new(),
        [one] => one.to_owned(),
        [first, ref more @ ..] => format!("{first} +{}", more.len()),
    };
    Cell::new(text).style(worst.map_or(Style::Plain, Style::of))
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::summary::ResponseSummary;

    #[test]
    fn a_variant_is_named_unless_the_dialect_begins_with_it() {
        for (name, variant, shown) in [
            (Some("openai.chat"), Some("vllm"), "openai.chat (vllm)"),
            (Some("openai.chat"), Some("openai"), "openai.chat"),
            (Some("openai.chat"), Some("chat"), "openai.chat (chat)"),
            (Some("openai.chat"), None, "openai.chat"),
            (None, Some("vllm"), ""),
            (None, None, ""),
        ] {
            let [name, variant] = [name, variant].map(|t| t.map(str::to_owned));
            let response = ResponseSummary { dialect: name, variant, ..Default::default() };
            assert_eq!(dialect(&Summary { response: Some(response), ..Summary::default() }), shown);
        }
        assert_eq!(dialect(&Summary::default()), "");
    }

    #[test]
    fn the_number_after_a_code_counts_other_rules() {
        let finding = |(rule, level): &(&str, Level)| FindingSummary {
            rule: (*rule).into(),
            level: *level,
            record: None,
            offset: None,
            message: String::new(),
            count: 1,
            t_ns: None,
            packet: None,
            chunk: None,
            excerpt: None,
            fix: None,
        };
        use Level::{Error, Info, Warning};
        for (findings, text, style) in [
            (&[][..], "", Style::Plain),
            (&[("A", Info)], "", Style::of(Info)),
            (&[("A", Warning)], "A", Style::of(Warning)),
            (&[("A", Error), ("A", Error)], "A", Style::of(Error)),
            (&[("A", Error), ("A", Error), ("B", Warning), ("B", Warning)], "A +1", Style::of(Error)),
            (&[("A", Error), ("B", Error), ("C", Warning), ("D", Info)], "A +2", Style::of(Error)),
        ] {
            let cell = codes(&findings.iter().map(finding).collect::<Vec<_>>());
            assert_eq!(cell, Cell::new(text).style(style), "{findings:?}");
        }
    }

    #[test]
    fn a_status_has_the_colour_of_its_class() {
        for (code, text, style) in [
            (None, "-", Style::Plain),
            (Some(200), "200", Style::Plain),
            (Some(399), "399", Style::Plain),
            (Some(400), "400", Style::Yellow),
            (Some(499), "499", Style::Yellow),
            (Some(500), "500", Style::Red),
            (Some(599), "599", Style::Red),
        ] {
            let response = ResponseSummary { status: code, ..Default::default() };
            let cell = status(&Summary { response: Some(response), ..Summary::default() });
            assert_eq!(cell, Cell::new(text).style(style));
        }
    }
}
