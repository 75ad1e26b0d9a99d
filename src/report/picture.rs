//! One exchange drawn on one axis of time: its marks, its phases, how its records are spread, its pauses with their
//! causes, and its findings at their place.

use super::Terminal;
use super::text::{Style, clip, span, width};
use crate::delivery::{Cause, Stall};
use crate::metrics::clocks::{Clocks, Phase};
use crate::summary::detail::Detail;
use crate::time::{Span, Timestamp};

/// What is drawn beside the exchange itself.
#[derive(Debug, Clone, Default)]
pub struct Drawn {
    /// Its clocks.
    pub clocks: Clocks,
    /// Its pauses.
    pub stalls: Vec<Stall>,
    /// Only characters of ASCII, for a terminal that has no others.
    pub ascii: bool,
}

/// Columns before the picture, for the names of its rows.
const MARGIN: usize = 10;
/// Most rows of labels above and below.
const ROWS: usize = 4;

/// Characters of a picture.
struct Glyphs {
    mark: char,
    from: char,
    levels: &'static [char],
    request: char,
    head: char,
    first_token: char,
    tokens: char,
    tail: char,
    pause: char,
    tick: char,
    line: char,
}

const UNICODE: Glyphs = Glyphs {
    mark: '▾',
    from: '▴',
    levels: &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
    request: '╌',
    head: '░',
    first_token: '▒',
    tokens: '█',
    tail: '╌',
    pause: '━',
    tick: '┴',
    line: '─',
};

const ASCII: Glyphs = Glyphs {
    mark: 'v',
    from: '^',
    levels: &['.', ':', '-', '=', '+', '*', '%', '#'],
    request: '.',
    head: '-',
    first_token: '=',
    tokens: '#',
    tail: '.',
    pause: '~',
    tick: '+',
    line: '-',
};

/// The axis: which column a time has.
struct Axis {
    from: Timestamp,
    ns: i64,
    columns: usize,
}

impl Axis {
    fn column(&self, at: Timestamp) -> usize {
        let share = i128::from(at.since(self.from).0.max(0)) * self.columns as i128 / i128::from(self.ns.max(1));
        usize::try_from(share).unwrap_or(usize::MAX).min(self.columns - 1)
    }
}

/// The picture, each line with its end; empty if no time passed.
pub fn text(d: &Detail, drawn: &Drawn, terminal: &Terminal) -> String {
    let clocks = &drawn.clocks;
    let phases = clocks.phases();
    let marks = marks(d, clocks);
    let times = phases.iter().flat_map(|p| [p.from, p.to]).chain(marks.iter().map(|m| m.0));
    let (from, to) = times.fold((None, None), |(from, to): (Option<Timestamp>, Option<Timestamp>), t| {
        (Some(from.map_or(t, |f| f.min(t))), Some(to.map_or(t, |f| f.max(t))))
    });
    let Some(ns) = to.zip(from).and_then(|(to, from)| to.elapsed(from)).map(|s| s.0).filter(|ns| *ns > 0) else {
        return String::new();
    };
    let columns = terminal.width.saturating_sub(MARGIN + 1).max(20);
    let axis = Axis { from: from.unwrap_or_default(), ns, columns };
    let glyphs = if drawn.ascii { &ASCII } else { &UNICODE };
    let row = |name: &str, line: String| {
        format!("{}{}\n", Style::Dim.paint(&format!("{name:<MARGIN$}"), terminal.color), line.trim_end())
    };
    let mut out = String::new();
    let labels = marks.iter().map(|(at, name)| (axis.column(*at), name.clone(), Style::Plain)).collect();
    for line in placed(labels, glyphs.mark, columns, terminal.color).into_iter().rev() {
        out += &row("", line);
    }
    out += &row("phases", of_phases(&phases, &axis, glyphs, terminal.color));
    let density = density(clocks.records.iter().map(|(at, _)| *at), &axis, glyphs);
    out += &row("records", Style::Blue.paint(density.trim_end(), terminal.color));
    let mut lines = pauses(&drawn.stalls, &axis, glyphs, terminal.color).into_iter();
    out += &lines.next().map(|line| row("pauses", line)).unwrap_or_default();
    lines.for_each(|line| out += &row("", line));
    let end = Timestamp(axis.from.0.saturating_add(ns));
    let found = d.summary.findings.iter().map(|f| {
        let at = f.t_ns.map_or(end, Timestamp);
        (axis.column(at), f.rule.clone(), Style::of(f.level))
    });
    for (n, line) in placed(found.collect(), glyphs.from, columns, terminal.color).into_iter().enumerate() {
        out += &row(if n == 0 { "findings" } else { "" }, line);
    }
    let zero = d.summary.timing.t_request_end_ns.map_or(axis.from, Timestamp);
    let [ticks, numbers] = scale(&axis, zero, glyphs);
    out + &row("", Style::Dim.paint(&ticks, terminal.color)) + &row("", Style::Dim.paint(&numbers, terminal.color))
}

/// The moments that have a name, in order of time.
fn marks(d: &Detail, clocks: &Clocks) -> Vec<(Timestamp, String)> {
    let named = [
        (clocks.request_end, "request's end"),
        (clocks.head_start, "head"),
        (clocks.first_delta, "first token"),
        (clocks.finish, "finish"),
        (clocks.terminator, "terminator"),
    ];
    let mut all: Vec<(Timestamp, String)> =
        named.into_iter().filter_map(|(at, name)| Some((at?, name.to_owned()))).collect();
    if let Some(ending) = &d.ending {
        let told = ending.told.map(|told| format!(": {}", told.as_str())).unwrap_or_default();
        all.push((ending.at, format!("end{told} by {}", ending.by.as_str())));
        let closed = [
            (ending.client.fin, "client's FIN"),
            (ending.client.rst, "client's RST"),
            (ending.server.fin, "server's FIN"),
            (ending.server.rst, "server's RST"),
        ];
        all.extend(closed.into_iter().filter_map(|(at, name)| Some((at?, name.to_owned()))));
    } else if let Some(at) = clocks.end {
        all.push((at, "end".to_owned()));
    }
    all.sort_by_key(|(at, _)| *at);
    all
}

/// Labels at their columns, in as few rows as they need; equal labels at one column are one. What has no room in the
/// last row is counted at its end.
fn placed(mut labels: Vec<(usize, String, Style)>, mark: char, columns: usize, color: bool) -> Vec<String> {
    labels.sort_by_key(|(at, ..)| *at);
    labels.dedup();
    // Of each row: what it has so far, and its width.
    let mut rows: Vec<(String, usize)> = Vec::new();
    let mut left = 0;
    for (at, name, style) in labels {
        let name = clip(&name, columns.saturating_sub(2));
        // Near the right edge the text stands before its mark.
        let (begin, text) = match at + 1 + width(&name) <= columns {
            true => (at, format!("{mark}{name}")),
            false => (at.saturating_sub(width(&name)), format!("{name}{mark}")),
        };
        let room = rows.iter().position(|(_, used)| *used == 0 || *used < begin);
        let n = match room {
            Some(n) => n,
            None if rows.len() < ROWS => {
                rows.push((String::new(), 0));
                rows.len() - 1
            }
            None => {
                left += 1;
                continue;
            }
        };
        let (line, used) = &mut rows[n];
        *line += &" ".repeat(begin - *used);
        *line += &style.paint(&text, color);
        *used = begin + width(&text);
    }
    let mut rows: Vec<String> = rows.into_iter().map(|(line, _)| line).collect();
    if left > 0 {
        rows.push(Style::Dim.paint(&format!("and {left} more"), color));
    }
    rows
}

fn of_phases(phases: &[Phase], axis: &Axis, glyphs: &Glyphs, color: bool) -> String {
    let mut cells: Vec<(char, Style)> = vec![(' ', Style::Plain); axis.columns];
    for phase in phases {
        let (glyph, style) = match phase.name {
            "request" => (glyphs.request, Style::Dim),
            "head" => (glyphs.head, Style::Dim),
            "first-token" => (glyphs.first_token, Style::Plain),
            "tokens" | "body" => (glyphs.tokens, Style::Blue),
            _ => (glyphs.tail, Style::Dim),
        };
        let (from, to) = (axis.column(phase.from), axis.column(phase.to));
        // A phase that is shorter than a column shows only where no other phase has the column.
        let to = if phase.to.since(axis.from).0 >= axis.ns { axis.columns } else { to };
        cells[from..to.max(from)].fill((glyph, style));
    }
    let runs = cells.chunk_by(|a, b| a == b);
    runs.map(|run| run[0].1.paint(&run.iter().map(|(c, _)| *c).collect::<String>(), color)).collect()
}

/// One character a column, as high as its share of the fullest.
fn density(times: impl Iterator<Item = Timestamp>, axis: &Axis, glyphs: &Glyphs) -> String {
    let mut counts = vec![0_usize; axis.columns];
    times.for_each(|at| counts[axis.column(at)] += 1);
    let top = counts.iter().copied().max().unwrap_or_default().max(1);
    let level = |n: usize| glyphs.levels[((n * glyphs.levels.len()).div_ceil(top)).clamp(1, glyphs.levels.len()) - 1];
    counts.into_iter().map(|n| if n == 0 { ' ' } else { level(n) }).collect()
}

/// Bars of the pauses, each in the colour of its cause, and below them the longest in words.
fn pauses(stalls: &[Stall], axis: &Axis, glyphs: &Glyphs, color: bool) -> Vec<String> {
    const NAMED: usize = 6;
    if stalls.is_empty() {
        return Vec::new();
    }
    let mut cells: Vec<Option<Cause>> = vec![None; axis.columns];
    for stall in stalls {
        let (from, to) = (axis.column(stall.from), axis.column(stall.to));
        cells[from..to.max(from + 1).min(axis.columns)].fill(Some(stall.cause));
    }
    let runs = cells.chunk_by(|a, b| a == b);
    let bar = runs.map(|run| match run[0] {
        Some(cause) => style(cause).paint(&glyphs.pause.to_string().repeat(run.len()), color),
        None => " ".repeat(run.len()),
    });
    let mut all = vec![bar.collect()];
    let mut longest: Vec<&Stall> = stalls.iter().collect();
    longest.sort_by_key(|stall| std::cmp::Reverse(stall.span()));
    longest.truncate(NAMED);
    let label = |stall: &&Stall| {
        let text = format!("{} {}", stall.cause.name(), span(Some(stall.span())));
        (axis.column(stall.from), text, style(stall.cause))
    };
    all.extend(placed(longest.iter().map(label).collect(), glyphs.from, axis.columns, color));
    all
}

/// Whose doing it was: the server's yellow, the network's red, the client's blue.
fn style(cause: Cause) -> Style {
    match cause.name() {
        "server" => Style::Yellow,
        "loss" => Style::Red,
        "window" | "h2-window" => Style::Blue,
        _ => Style::Dim,
    }
}

/// The line with its ticks, and their times since `zero`, which is one of them if it is on the axis.
fn scale(axis: &Axis, zero: Timestamp, glyphs: &Glyphs) -> [String; 2] {
    let most = (axis.columns / 14).max(1) as i64;
    let mut step = 1_i64;
    let mut factors = [2, 5, 10].into_iter().cycle();
    let mut base = 1_i64;
    while axis.ns / step.max(1) > most {
        let factor = factors.next().unwrap_or(10);
        step = base.saturating_mul(factor);
        base = if factor == 10 { step } else { base };
    }
    let mut line: Vec<char> = vec![glyphs.line; axis.columns];
    let (mut numbers, mut used) = (String::new(), 0);
    let first = axis.from.since(zero).0.div_euclid(step);
    for n in first..=first.saturating_add(axis.ns / step + 1) {
        let at = zero.plus(Span(n.saturating_mul(step)));
        if at < axis.from || at.since(axis.from).0 > axis.ns {
            continue;
        }
        let column = axis.column(at);
        line[column] = glyphs.tick;
        let text = if n == 0 { "0".to_owned() } else { Span(n.saturating_mul(step)).to_string() };
        let begin = column.saturating_sub(width(&text) / 2).min(axis.columns.saturating_sub(width(&text)));
        if begin >= used + usize::from(used > 0) * 2 {
            numbers += &" ".repeat(begin - used);
            numbers += &text;
            used = begin + width(&text);
        }
    }
    [line.into_iter().collect(), numbers]
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
