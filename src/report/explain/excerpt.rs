//! The relevant lines of a bad and a good sample: those that differ, one line around them, and a mark under the
//! difference.

use super::lines::{self, Line, Who};
use crate::conformance::{Rule, sample};
use crate::report::text::{clip, width};
use std::ops::Range;

/// Most lines of one sample that are shown between the lines around them.
const MOST: usize = 5;
/// Members that all chunks of the samples share: shown as `…`, unless the mark is in them.
const ALIKE: &str = "\"id\":\"chatcmpl-152e4edf8b024db393e7\",\"object\":\"chat.completion.chunk\",\"created\":1764124490,\"model\":\"m\",";

/// The excerpt of one sample.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Excerpt {
    /// Lines in order.
    pub(super) lines: Vec<Shown>,
    /// Index of the first line within the sample.
    first: usize,
    /// Whether the sample has lines before the first one and after the last one.
    pub(super) more: (bool, bool),
    /// Where lines are missing: index of the shown line before which they belong, and the remark about them.
    pub(super) missing: Option<(usize, String)>,
}

/// One line of an excerpt.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) line: Line,
    /// Columns (start, length; 0: between two columns) of the fault, and the remark about it.
    pub(super) mark: Option<(usize, usize, String)>,
}

/// The excerpts of the bad sample and of the good sample of a rule.
pub(super) fn of(rule: &Rule) -> (Excerpt, Excerpt) {
    let Some(bad) = rule.bad.first() else { return Default::default() };
    let lines_of = |script: &str| lines::of(&sample::text(script).unwrap_or_default());
    let b = lines_of(bad);
    // The good sample that is most similar explains best.
    let goods = rule.good.iter().map(|s| lines_of(s));
    let g = goods.min_by_key(|g| b.len() + g.len() - 2 * anchors(&b, g).len()).unwrap_or_default();
    let finding = sample::finding(rule, bad);
    let wanted = finding.as_ref().map_or(Place::Unknown, |f| match (f.offset, f.record) {
        (Some(offset), _) => {
            b.iter().rposition(|l| l.offset.is_some_and(|o| o <= offset)).map_or(Place::Unknown, Place::Line)
        }
        (None, Some(_)) => Place::End,
        (None, None) => Place::Unknown,
    });
    let said = finding.map(|f| f.message).unwrap_or_default();
    let (mid_b, mid_g) = difference(&b, &g, wanted);
    let full = |i: &usize| !b[*i].text.is_empty();
    let at = match wanted {
        Place::Line(i) if mid_b.contains(&i) && full(&i) => Some(i),
        _ => mid_b.clone().find(full),
    };
    let mark = at.map(|i| (i, span(&b[i], twin(&b[i], &g[mid_g.clone()]))));
    let mark_at = |i: usize| mark.filter(|(at, _)| *at == i).map(|(_, (from, len))| (from, len, said.clone()));
    let mut shown = cut(&b, mid_b.clone(), mark_at);
    if mark.is_none() {
        shown.missing = Some((mid_b.start.saturating_sub(shown.first), said));
    }
    (shown, cut(&g, mid_g, |_| None))
}

/// Pairs of equal lines, in order: the longest common subsequence.
fn anchors(a: &[Line], b: &[Line]) -> Vec<(usize, usize)> {
    let mut best = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for (i, x) in a.iter().enumerate().rev() {
        for (j, y) in b.iter().enumerate().rev() {
            best[i][j] = if x.says_the_same(y) { best[i + 1][j + 1] + 1 } else { best[i + 1][j].max(best[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut out) = (0, 0, Vec::new());
    while i < a.len() && j < b.len() {
        match () {
            () if a[i].says_the_same(&b[j]) => {
                out.push((i, j));
                (i, j) = (i + 1, j + 1);
            }
            () if best[i + 1][j] >= best[i][j + 1] => i += 1,
            () => j += 1,
        }
    }
    out
}

/// Where the finding says the fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In this line.
    Line(usize),
    /// At the end of the stream.
    End,
    /// The finding names no place.
    Unknown,
}

/// The lines in which the bad sample differs from the good one. Of several places it is the one that the finding
/// names, else the first. If the bad sample only lacks lines, it is the place where they belong.
fn difference(b: &[Line], g: &[Line], wanted: Place) -> (Range<usize>, Range<usize>) {
    let mut anchors = anchors(b, g);
    anchors.push((b.len(), g.len()));
    let mut places = Vec::new();
    let mut from = (0, 0);
    for (i, j) in anchors {
        if (from.0, from.1) != (i, j) {
            places.push((from.0..i, from.1..j));
        }
        from = (i + 1, j + 1);
    }
    let full = |place: &&(Range<usize>, Range<usize>)| b[place.0.clone()].iter().any(|l| !l.text.is_empty());
    let meant = match wanted {
        Place::Line(line) => places.iter().find(|p| p.0.contains(&line)),
        Place::End => places.last(),
        Place::Unknown => None,
    };
    meant.or_else(|| places.iter().find(full)).or(places.first()).cloned().unwrap_or((0..0, 0..0))
}

/// The line of the good sample that corresponds to `bad`, if one does.
fn twin<'a>(bad: &Line, good: &'a [Line]) -> Option<&'a Line> {
    let alike = |g: &Line| bad.text.chars().zip(g.text.chars()).take_while(|(x, y)| x == y).count();
    let nearest = good.iter().filter(|g| g.who == bad.who && !g.text.is_empty()).max_by_key(|g| alike(g))?;
    (alike(nearest) >= 4).then_some(nearest)
}

/// Columns in which the line differs from its twin; the whole line if it has none.
fn span(line: &Line, twin: Option<&Line>) -> (usize, usize) {
    let Some(twin) = twin else { return (0, width(&line.text)) };
    let (a, b): (Vec<char>, Vec<char>) = (line.text.chars().collect(), twin.text.chars().collect());
    let before = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let behind = a[before..].iter().rev().zip(b[before..].iter().rev()).take_while(|(x, y)| x == y).count();
    let columns = |chars: &[char]| width(&chars.iter().collect::<String>());
    (columns(&a[..before]), columns(&a[before..a.len() - behind]))
}

/// The lines in `middle` and one on each side. Blank lines are skipped: they show nothing of their surroundings.
fn cut(lines: &[Line], middle: Range<usize>, mark: impl Fn(usize) -> Option<(usize, usize, String)>) -> Excerpt {
    let says = |i: &usize| !lines[*i].text.is_empty();
    let first = (0..middle.start).rev().find(says).unwrap_or(middle.start);
    let end = middle.end.min(middle.start + MOST);
    let last = if end < middle.end { end } else { (end..lines.len()).find(says).map_or(lines.len(), |i| i + 1) };
    let shown = (first..last).map(|i| shown(&lines[i], mark(i))).collect();
    Excerpt { lines: shown, first, more: (first > 0, last < lines.len()), missing: None }
}

/// A line without the members that all chunks share, unless the mark is in them.
fn shown(line: &Line, mark: Option<(usize, usize, String)>) -> Shown {
    let Some(at) = line.text.find(ALIKE).filter(|_| line.who == Who::Body) else {
        return Shown { line: line.clone(), mark };
    };
    let gone = ALIKE.len() - 1;
    let text = line.text.replacen(ALIKE, "…", 1);
    match mark {
        Some((from, len, _)) if from < at + ALIKE.len() && from + len > at && (from, len) != (0, width(&line.text)) => {
            Shown { line: line.clone(), mark }
        }
        Some((0, len, said)) if len > gone => {
            Shown { line: Line { text, ..line.clone() }, mark: Some((0, len - gone, said)) }
        }
        Some((from, len, said)) => {
            let from = if from >= at + ALIKE.len() { from - gone } else { from };
            Shown { line: Line { text, ..line.clone() }, mark: Some((from, len, said)) }
        }
        None => Shown { line: Line { text, ..line.clone() }, mark: None },
    }
}

impl Shown {
    /// The line within `columns` columns such that the mark is visible, and the line of the mark.
    pub(super) fn within(&self, columns: usize) -> (String, Option<String>) {
        let text = match self.line.who {
            Who::Note => format!("({})", self.line.text),
            _ => self.line.text.clone(),
        };
        let Some((from, len, said)) = &self.mark else { return (clip(&text, columns), None) };
        let (mut text, mut from) = (text, *from + usize::from(self.line.who == Who::Note));
        // The fault is too far to the right: the text left of it is cut.
        if from + (*len).min(12) + 1 > columns {
            let skip = from.saturating_sub(columns / 3);
            text = format!("…{}", text.chars().skip(skip + 1).collect::<String>());
            from -= skip;
        }
        let len = (*len).min(columns.saturating_sub(from)).max(1);
        (clip(&text, columns), Some(format!("{}{} {said}", " ".repeat(from), "^".repeat(len))))
    }
}
