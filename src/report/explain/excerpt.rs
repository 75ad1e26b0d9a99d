//! What matters of a bad and a good sample: the lines in which they differ, with one around them, and a mark under what differs.

use super::lines::{self, Line, Who};
use crate::conformance::{Rule, sample};
use crate::report::text::{clip, width};

/// Lines of one side that are shown between those around them.
const MOST: usize = 5;
/// What each chunk of the samples has alike: it is shown as `…`, unless the mark is in it.
const ALIKE: &str = "\"id\":\"chatcmpl-152e4edf8b024db393e7\",\"object\":\"chat.completion.chunk\",\"created\":1764124490,\"model\":\"m\",";

/// One sample, as far as it is shown.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Excerpt {
    /// Lines in order.
    pub(super) lines: Vec<Shown>,
    /// There is more before the first line, and behind the last.
    pub(super) more: (bool, bool),
}

/// One line of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) line: Line,
    /// Columns (from, length; 0: between two columns) of what is wrong, and what is said of it.
    pub(super) mark: Option<(usize, usize, String)>,
}

/// The bad and the good one of a rule.
pub(super) fn of(rule: &Rule) -> (Excerpt, Excerpt) {
    let Some(bad) = rule.bad.first() else { return Default::default() };
    let b = lines::of(bad);
    // The good one that is nearest tells most.
    let near = |sample: &&&str| alike(&b, &lines::of(sample));
    let g = rule.good.iter().max_by_key(near).map(|s| lines::of(s)).unwrap_or_default();
    let said = sample::finding(rule, bad).map(|f| f.message).unwrap_or_default();
    let (before, behind) = common(&b, &g);
    let (mid_b, mid_g) = (before..b.len() - behind, before..g.len() - behind);
    let at = mid_b.clone().find(|i| !b[*i].text.is_empty()).or(mid_b.clone().next());
    let mark = match at {
        Some(i) => (i, span(&b[i], twin(&b, i, &g[mid_g.clone()]))),
        // Something is missing: behind the line before it.
        None => {
            let i = before.saturating_sub(1);
            (i, (width(&b.get(i).map(|l| l.text.clone()).unwrap_or_default()), 0))
        }
    };
    let mark = |i: usize| (i == mark.0).then(|| (mark.1.0, mark.1.1, said.clone()));
    (cut(&b, mid_b, mark), cut(&g, mid_g, |_| None))
}

/// Lines from the start and from the end that both have.
fn common(a: &[Line], b: &[Line]) -> (usize, usize) {
    let before = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let behind = a[before..].iter().rev().zip(b[before..].iter().rev()).take_while(|(x, y)| x == y).count();
    (before, behind)
}

fn alike(a: &[Line], b: &[Line]) -> usize {
    let (before, behind) = common(a, b);
    before + behind
}

/// The line of the good sample that says the same otherwise, if one does.
fn twin<'a>(b: &[Line], i: usize, good: &'a [Line]) -> Option<&'a Line> {
    let alike = |g: &Line| b[i].text.chars().zip(g.text.chars()).take_while(|(x, y)| x == y).count();
    let nearest = good.iter().filter(|g| g.who == b[i].who && !g.text.is_empty()).max_by_key(|g| alike(g))?;
    (alike(nearest) >= 4).then_some(nearest)
}

/// What differs from the twin; the whole line without one. In columns.
fn span(line: &Line, twin: Option<&Line>) -> (usize, usize) {
    let Some(twin) = twin else { return (0, width(&line.text)) };
    let (a, b): (Vec<char>, Vec<char>) = (line.text.chars().collect(), twin.text.chars().collect());
    let before = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let behind = a[before..].iter().rev().zip(b[before..].iter().rev()).take_while(|(x, y)| x == y).count();
    let columns = |chars: &[char]| width(&chars.iter().collect::<String>());
    (columns(&a[..before]), columns(&a[before..a.len() - behind]))
}

/// The lines in `middle` and one on each side.
fn cut(lines: &[Line], middle: std::ops::Range<usize>, mark: impl Fn(usize) -> Option<(usize, usize, String)>) -> Excerpt {
    // A blank line says nothing of its surroundings: the one before it then.
    let mut from = middle.start.saturating_sub(1);
    if lines.get(from).is_some_and(|l| l.text.is_empty()) {
        from = from.saturating_sub(1);
    }
    let full = middle.end.min(middle.start + MOST);
    let to = if full < middle.end { full } else { (full + 1).min(lines.len()) };
    let shown = (from..to).map(|i| shown(&lines[i], mark(i))).collect();
    Excerpt { lines: shown, more: (from > 0, to < lines.len()) }
}

/// A line with what all have alike left out, unless the mark is in it.
fn shown(line: &Line, mark: Option<(usize, usize, String)>) -> Shown {
    let Some(at) = line.text.find(ALIKE).filter(|_| line.who == Who::Body) else { return Shown { line: line.clone(), mark } };
    let gone = ALIKE.len() - 1;
    let text = line.text.replacen(ALIKE, "…", 1);
    match mark {
        Some((from, len, _)) if from < at + ALIKE.len() && from + len > at && (from, len) != (0, width(&line.text)) => {
            Shown { line: line.clone(), mark }
        }
        Some((0, len, said)) if len > gone => Shown { line: Line { who: line.who, text }, mark: Some((0, len - gone, said)) },
        Some((from, len, said)) => {
            let from = if from >= at + ALIKE.len() { from - gone } else { from };
            Shown { line: Line { who: line.who, text }, mark: Some((from, len, said)) }
        }
        None => Shown { line: Line { who: line.who, text }, mark: None },
    }
}

impl Shown {
    /// The line within so many columns, so that the mark can be seen, and the line with the mark.
    pub(super) fn within(&self, columns: usize) -> (String, Option<String>) {
        let text = match self.line.who {
            Who::Note => format!("({})", self.line.text),
            _ => self.line.text.clone(),
        };
        let Some((from, len, said)) = &self.mark else { return (clip(&text, columns), None) };
        let (mut text, mut from) = (text, *from + usize::from(self.line.who == Who::Note));
        // What is wrong lies too far right: what is left of it gives way.
        if from + (*len).min(12) + 1 > columns {
            let skip = from.saturating_sub(columns / 3);
            text = format!("…{}", text.chars().skip(skip + 1).collect::<String>());
            from -= skip;
        }
        let len = (*len).min(columns.saturating_sub(from)).max(1);
        (clip(&text, columns), Some(format!("{}{} {said}", " ".repeat(from), "^".repeat(len))))
    }
}
