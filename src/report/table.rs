//! Tables for a terminal: no rules, aligned columns, numbers to the right, cut to the terminal's width.

use super::Terminal;
use super::text::{Style, clip, clip_middle, width, wrap};

/// A table.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// Columns from left to right.
    pub columns: Vec<Column>,
    /// Rows; each has one cell per column.
    pub rows: Vec<Vec<Cell>>,
}

/// One column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Title.
    pub title: &'static str,
    /// Align to the right, for numbers.
    pub right: bool,
    /// The column may be cut down to this width; 0: it is never cut.
    pub min: usize,
    /// Cut in the middle instead of at the end.
    pub middle: bool,
    /// Order in which columns are left out if space is short, the highest first; 0: never. Columns with [`COMFORT`]
    /// or more are left out before others are cut hard.
    pub spare: u8,
    /// A text that is too long goes on in the next line, and is not cut.
    pub wraps: bool,
    /// CSV has another column of this name, with the exact values: numbers, with the unit in the name, and times.
    pub exact: Option<&'static str>,
}

/// One cell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cell {
    /// Text without control characters.
    pub text: String,
    /// Style of the text.
    pub style: Style,
    /// The exact value, in a column with [`Column::exact`].
    pub exact: Option<String>,
}

impl Column {
    /// A column of text that is never cut.
    pub const fn left(title: &'static str) -> Column {
        Column { title, right: false, min: 0, middle: false, spare: 0, wraps: false, exact: None }
    }

    /// A column of numbers with their units.
    pub const fn right(title: &'static str) -> Column {
        Column { right: true, ..Column::left(title) }
    }

    /// The column may be cut to `min` columns.
    #[must_use]
    pub const fn min(self, min: usize) -> Column {
        Column { min, ..self }
    }

    /// The column is cut in the middle.
    #[must_use]
    pub const fn middle(self) -> Column {
        Column { middle: true, ..self }
    }

    /// The column may be left out; the highest `order` goes first.
    #[must_use]
    pub const fn spare(self, spare: u8) -> Column {
        Column { spare, ..self }
    }

    /// A long text goes on in the next line.
    #[must_use]
    pub const fn wraps(self) -> Column {
        Column { wraps: true, ..self }
    }

    /// CSV has another column of this name, with the exact values.
    #[must_use]
    pub const fn exact(self, name: &'static str) -> Column {
        Column { exact: Some(name), ..self }
    }
}

impl Cell {
    /// A cell with this text. Control characters of captured text are escaped.
    pub fn new(text: impl AsRef<str>) -> Cell {
        Cell { text: super::text::clean(text.as_ref()), ..Cell::default() }
    }

    /// A cell with this text in a style.
    #[must_use]
    pub fn style(mut self, style: Style) -> Cell {
        self.style = style;
        self
    }

    /// The exact value of what the text rounds.
    #[must_use]
    pub fn exact(mut self, value: impl Into<String>) -> Cell {
        self.exact = Some(value.into());
        self
    }
}

/// Space between columns.
const GAP: usize = 2;
/// See [`Column::spare`].
pub const COMFORT: u8 = 3;

/// The table as text, each line with its line end.
pub fn render(table: &Table, terminal: &Terminal) -> String {
    let (shown, widths) = fit(table, terminal.width);
    let mut out = String::new();
    let title = |c: &Column| Cell { text: c.title.into(), style: Style::Dim, exact: None };
    let head: Vec<Cell> = table.columns.iter().map(title).collect();
    for row in std::iter::once(&head).chain(&table.rows) {
        // What a column that wraps has for each line of this row.
        let parts: Vec<Vec<String>> = shown.iter().zip(&widths).map(|(&i, &w)| parts(table, row, i, w)).collect();
        for n in 0..parts.iter().map(Vec::len).max().unwrap_or(1) {
            let mut line = String::new();
            let mut pending = 0;
            for ((&i, &w), parts) in shown.iter().zip(&widths).zip(&parts) {
                let text = parts.get(n).map(String::as_str).unwrap_or_default();
                let pad = w.saturating_sub(width(text));
                let (before, after) = if table.columns[i].right { (pad, 0) } else { (0, pad) };
                if !text.is_empty() {
                    line.push_str(&" ".repeat(pending + before));
                    let style = row.get(i).map(|c| c.style).unwrap_or_default();
                    line.push_str(&style.paint(text, terminal.color));
                    pending = after + GAP;
                } else {
                    pending += w + GAP;
                }
            }
            out.push_str(&line);
            out.push('\n');
        }
    }
    out
}

/// The text of a cell in its width: one line, or several in a column that wraps.
fn parts(table: &Table, row: &[Cell], i: usize, w: usize) -> Vec<String> {
    let text = row.get(i).map(|c| c.text.as_str()).unwrap_or_default();
    match &table.columns[i] {
        Column { wraps: true, .. } if width(text) > w => wrap(text, w).iter().map(|line| clip(line, w)).collect(),
        Column { middle: true, .. } => vec![clip_middle(text, w)],
        _ => vec![clip(text, w)],
    }
}

/// Which columns are shown and how wide: spare columns are left out until the rest fits at minimum width, then the
/// remaining space is shared.
fn fit(table: &Table, width_max: usize) -> (Vec<usize>, Vec<usize>) {
    let natural = |i: usize| {
        let cells = table.rows.iter().filter_map(|r| r.get(i)).map(|c| width(&c.text)).max().unwrap_or(0);
        // A column in which all cells are empty is not shown.
        if cells == 0 && table.columns[i].spare > 0 && !table.rows.is_empty() {
            0
        } else {
            cells.max(width(table.columns[i].title))
        }
    };
    let mut shown: Vec<(usize, usize)> =
        (0..table.columns.len()).map(|i| (i, natural(i))).filter(|&(_, w)| w > 0).collect();
    let least = |(i, w): (usize, usize)| match table.columns[i].min {
        0 => w,
        min => w.min(min.max(width(table.columns[i].title))),
    };
    let total = |shown: &[(usize, usize)], w: &dyn Fn((usize, usize)) -> usize| {
        shown.iter().map(|&c| w(c) + GAP).sum::<usize>().saturating_sub(GAP)
    };
    let wanted = |(i, w): (usize, usize)| w.min(least((i, w)) * 3 / 2);
    for (from, width_of) in [(COMFORT, &wanted as &dyn Fn((usize, usize)) -> usize), (1, &least)] {
        while total(&shown, width_of) > width_max {
            let spare = |s: usize| table.columns[shown[s].0].spare;
            let Some(at) = (0..shown.len()).filter(|&s| spare(s) >= from).max_by_key(|&s| spare(s)) else { break };
            shown.remove(at);
        }
    }
    let mut widths: Vec<usize> = shown.iter().map(|&(_, w)| w).collect();
    let mut over = total(&shown, &|c| c.1).saturating_sub(width_max);
    // The column that is furthest over its minimum loses one character at a time, first down to comfort: long texts
    // are cut before short ones.
    for floor in [&wanted as &dyn Fn((usize, usize)) -> usize, &least] {
        while over > 0 {
            let spare = |s: usize| widths[s].saturating_sub(floor(shown[s]));
            let Some(s) = (0..widths.len()).filter(|&s| spare(s) > 0).max_by_key(|&s| spare(s)) else { break };
            widths[s] -= 1;
            over -= 1;
        }
    }
    (shown.into_iter().map(|(i, _)| i).collect(), widths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let columns = vec![
            Column::right("ID"),
            Column::left("Path").min(6).middle(),
            Column::left("Host").spare(1),
            Column::right("TTFT"),
        ];
        let row = |id: &str, path: &str, host: &str, t: &str| [id, path, host, t].map(Cell::new).to_vec();
        Table {
            columns,
            rows: vec![row("1", "/v1/chat/completions", "example.com", "20.1 ms"), row("12", "/x", "b", "1.50 s")],
        }
    }

    #[test]
    fn wide_enough_shows_all_aligned() {
        let out = render(&table(), &Terminal { width: 80, color: false });
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines[0], "ID  Path                  Host            TTFT");
        assert_eq!(lines[1], " 1  /v1/chat/completions  example.com  20.1 ms");
        assert_eq!(lines[2], "12  /x                    b             1.50 s");
    }

    #[test]
    fn narrow_drops_spare_columns_then_cuts() {
        let out = render(&table(), &Terminal { width: 22, color: false });
        assert!(out.lines().all(|l| width(l) <= 22), "{out}");
        assert!(!out.contains("Host") && out.contains('…') && out.contains("20.1 ms"), "{out}");
    }

    #[test]
    fn a_column_that_wraps_loses_nothing() {
        let mut t = table();
        t.columns[1] = Column::left("Path").min(6).wraps();
        t.rows[0][1] = Cell::new("one two three four");
        let out = render(&t, &Terminal { width: 28, color: false });
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines[1..4], [" 1  one two three    20.1 ms", "    four", "12  /x                1.50 s"], "{out}");
    }

    #[test]
    fn colours_do_not_shift_columns() {
        let mut t = table();
        t.rows[0][1].style = Style::Red;
        let painted = render(&t, &Terminal { width: 80, color: true });
        let plain: String = painted.replace("\x1b[31m", "").replace("\x1b[2m", "").replace("\x1b[0m", "");
        assert_eq!(plain, render(&t, &Terminal { width: 80, color: false }));
    }
}
