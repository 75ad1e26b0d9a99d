//! The page of one rule for a terminal.

use super::excerpt::{self, Excerpt};
use super::lines::Who;
use super::{Breaker, breakers, related};
use crate::conformance::{Rule, causes};
use crate::report::Terminal;
use crate::report::text::{Style, level, width, wrap};

/// Columns of a title and the space after it.
const TITLE: usize = 10;
/// Columns that say how something is known.
const HOW: usize = 9;
/// Most columns of running text: longer lines are hard to read.
const PROSE: usize = 100;

/// The page of one rule.
pub fn text(rule: &'static Rule, terminal: &Terminal) -> String {
    let mut page = Page { out: String::new(), terminal };
    let head = format!("{}[{}]", level(rule.level), rule.code);
    page.line(&format!(
        "{}: {}",
        Style::of(rule.level).paint(&head, terminal.color),
        Style::Bold.paint(rule.name, terminal.color)
    ));
    for line in wrap(rule.summary, terminal.width.saturating_sub(2).min(PROSE + TITLE)) {
        page.line(&format!("  {line}"));
    }
    page.prose("why", rule.why);
    let (bad, good) = excerpt::of(rule);
    page.sample("bad", Style::Red, &bad);
    page.sample("good", Style::Green, &good);
    page.breakers(&breakers(rule));
    if let Some(cause) = causes::of(rule.code) {
        page.prose("how", &format!("{}. {}", capital(cause.title), cause.how));
    }
    page.prose("fix", rule.fix);
    if let Some(cause) = causes::of(rule.code) {
        page.fixes(cause.fixes);
    }
    page.prose("source", rule.source);
    let related = related(rule);
    if !related.is_empty() {
        let code = related.iter().map(|r| width(r.code)).max().unwrap_or(0);
        page.rows("related", related.iter().map(|r| format!("{:<code$}  {}", r.code, r.name)));
    }
    page.out
}

struct Page<'l> {
    out: String,
    terminal: &'l Terminal,
}

impl Page<'_> {
    fn line(&mut self, line: &str) {
        self.out.push_str(line.trim_end());
        self.out.push('\n');
    }

    /// Columns for the text after a title.
    fn room(&self) -> usize {
        self.terminal.width.saturating_sub(TITLE).max(24)
    }

    /// An empty line, then the rows; the title is before the first row.
    fn rows(&mut self, title: &str, rows: impl Iterator<Item = String>) {
        self.out.push('\n');
        for (i, row) in rows.enumerate() {
            let title = if i == 0 { title } else { "" };
            let title = Style::Dim.paint(&format!("  {title:<8}"), self.terminal.color);
            self.line(&format!("{title}{row}"));
        }
    }

    fn prose(&mut self, title: &str, text: &str) {
        let lines = wrap(text, self.room().min(PROSE));
        self.rows(title, lines.into_iter());
    }

    fn sample(&mut self, title: &str, style: Style, excerpt: &Excerpt) {
        if excerpt.lines.is_empty() {
            return;
        }
        let (color, columns) = (self.terminal.color, self.room().saturating_sub(2));
        let bar = |c: &str| Style::Dim.paint(c, color);
        let mut rows = Vec::new();
        if excerpt.more.0 {
            rows.push(bar("┊"));
        }
        let gap = |i: usize| excerpt.missing.as_ref().filter(|(at, _)| *at == i).map(|(_, said)| format!("^ {said}"));
        for (i, shown) in excerpt.lines.iter().enumerate() {
            let missing = gap(i).map(|mark| marked(&mark, 0, columns)).unwrap_or_default();
            rows.extend(missing.into_iter().map(|line| format!("{} {}", bar("│"), style.paint(&line, color))));
            let (text, mark) = shown.within(columns);
            let text = match shown.line.who {
                Who::Body | Who::Head => text,
                Who::Client | Who::Note => Style::Dim.paint(&text, color),
            };
            let side = match shown.line.who {
                Who::Client => ">",
                _ => "│",
            };
            rows.push(format!("{} {text}", bar(side)));
            if let Some(mark) = mark {
                let margin = mark.len() - mark.trim_start().len();
                for line in marked(&mark, margin, columns) {
                    rows.push(format!("{} {}", bar("│"), style.paint(&line, color)));
                }
            }
        }
        if excerpt.more.1 {
            rows.push(bar("┊"));
        }
        self.rows(title, rows.into_iter());
    }

    fn breakers(&mut self, all: &[Breaker]) {
        if all.is_empty() {
            return;
        }
        // A remark in parentheses comes last, so that the columns stay narrow.
        let parts = |b: &Breaker| {
            b.name.split_once(" (").map_or((b.name, String::new()), |(name, rest)| (name, format!("  ({rest}")))
        };
        let known: Vec<&Breaker> = all.iter().filter(|b| b.known.is_some()).collect();
        let name = known.iter().map(|b| width(parts(b).0)).max().unwrap_or(0);
        let versions = known.iter().filter_map(|b| b.versions).map(width).max().unwrap_or(0);
        let row = |b: &Breaker, versions: usize| {
            let (base, remark) = parts(b);
            let how = Style::Dim.paint(b.known.map_or("", |k| k.as_str()), self.terminal.color);
            format!("{base:<name$}  {:<versions$}  {how}{remark}", b.versions.unwrap_or_default())
        };
        let plain = |b: &&&Breaker| name + versions + width(&parts(b).1) + 2 * 2 + HOW > self.room();
        // Too narrow for columns: the versions come directly after the name.
        let versions = if known.iter().any(|b| plain(&b)) { 0 } else { versions };
        let mut rows: Vec<String> = known.iter().map(|b| row(b, versions)).collect();
        let others: Vec<&str> = all.iter().filter(|b| b.known.is_none()).map(|b| b.name).collect();
        rows.extend(wrap(&others.join(", "), self.room().min(PROSE)));
        self.rows("breaks", rows.into_iter());
    }

    /// What to write, by stack; below the stack's name if it does not fit on the line.
    fn fixes(&mut self, fixes: &[(&str, &str)]) {
        let stack = fixes.iter().map(|(s, _)| width(s)).max().unwrap_or(0);
        let room = self.room();
        let beside = fixes.iter().all(|(_, code)| stack + 2 + width(code) <= room);
        let mut rows = Vec::new();
        for (name, code) in fixes {
            if beside {
                rows.push(format!("{}  {code}", Style::Bold.paint(&format!("{name:<stack$}"), self.terminal.color)));
            } else {
                rows.push(Style::Bold.paint(name, self.terminal.color));
                rows.extend(wrap(code, room.saturating_sub(2)).into_iter().map(|l| format!("  {l}")));
            }
        }
        self.rows("", rows.into_iter());
    }
}

/// A line with carets and its remark: after the carets if it fits there, else below them.
fn marked(mark: &str, margin: usize, columns: usize) -> Vec<String> {
    let (carets, said) = mark.trim_start().split_once(' ').unwrap_or((mark.trim_start(), ""));
    let behind = margin + width(carets) + 1;
    if behind + width(said) <= columns {
        return vec![mark.trim_end().to_owned()];
    }
    let mut out = vec![format!("{}{carets}", " ".repeat(margin))];
    // If possible, one line that ends below the carets.
    let left = if width(said) <= columns { margin.min(columns - width(said)) } else { margin.min(columns / 3) };
    out.extend(wrap(said, columns - left).into_iter().map(|l| format!("{}{l}", " ".repeat(left))));
    out
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
