//! One stream at two taps: before and behind a gateway, or at both hops of the proxy. The records are paired by their
//! content, so that it shows for how long each was held, and which were merged, rewritten, dropped or moved.

use crate::delivery::across::{Print, is_behind};
use crate::exchange::Exchange;
use crate::exchange::redact;
use crate::metrics::{self, Metrics};
use crate::pipeline::{Contributions, StoredExchange};
use crate::time::{Span, Timestamp};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// A stream as one tap saw it.
#[derive(Debug, Clone)]
pub struct Tap {
    /// Id of the exchange, or its number in the capture.
    pub id: i64,
    /// The client's and the server's address.
    pub ends: crate::conn::Endpoints,
    /// Its figures.
    pub metrics: Metrics,
    /// Its records.
    pub records: Vec<TapRecord>,
    print: Print,
}

/// A record at one tap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TapRecord {
    /// Number, from 0.
    pub n: u64,
    /// Time of its last byte.
    pub at: Timestamp,
    /// Packet, or delivery of the proxy, of its last byte.
    pub frame: u64,
    /// Bytes in the decoded body.
    pub len: u64,
    /// What it brings: text of a delta, else an excerpt. It may have secrets.
    pub brings: String,
    /// The same for people.
    pub shown: String,
    /// Whether it is a delta.
    pub delta: bool,
    /// Hash of its bytes.
    hash: u64,
}

/// What became of a record on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// It came as it was.
    Same,
    /// It came as it was, in another place.
    Reordered,
    /// It came with other bytes and the same text.
    Rewritten,
    /// Its text came in a record with that of others.
    Merged,
    /// Its text came in several records.
    Split,
    /// It did not come.
    Dropped,
    /// It came and was not sent.
    Added,
}

/// A record before the hop and behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed {
    /// Its index before the hop.
    pub up: Option<usize>,
    /// Its index behind it.
    pub down: Option<usize>,
    /// What became of it.
    pub fate: Fate,
}

impl Tap {
    /// The tap of a whole exchange; `added` is what each record added to the answer.
    pub fn new(id: i64, x: &Exchange, added: &Contributions) -> Option<Tap> {
        let response = x.response.as_ref()?;
        let decoded = response.decoded();
        // Read again without the secrets: one that lies over several records is in none of them.
        let hidden = StoredExchange::from(&redact::exchange(x)).contributions();
        let record = |r: &crate::exchange::RecordInfo| TapRecord {
            n: r.n,
            at: r.at,
            frame: r.frame,
            len: r.end.saturating_sub(r.start),
            brings: added.get(r.n).unwrap_or_default().to_owned(),
            shown: hidden.get(r.n).unwrap_or_default().to_owned(),
            delta: r.meaning.is_delta(),
            hash: crate::delivery::across::hash(decoded.at(r.start, r.end)),
        };
        Some(Tap {
            id,
            ends: x.endpoints,
            metrics: metrics::of(x),
            records: response.records.iter().map(record).collect(),
            print: Print::of(x.request.as_ref(), x.response.as_ref()),
        })
    }

    /// The same stream behind the proxy: `crossed` tells when a delivery left on the client's side.
    #[must_use]
    pub fn behind_the_proxy(&self, crossed: &HashMap<u64, Timestamp>) -> Option<Tap> {
        let mut tap = self.clone();
        for r in &mut tap.records {
            r.at = *crossed.get(&r.frame)?;
        }
        let first = tap.records.iter().find(|r| r.delta).map(|r| r.at);
        tap.metrics.first_delta = first;
        tap.metrics.ttft = first.zip(tap.metrics.request_end).and_then(|(at, asked)| at.elapsed(asked));
        Some(tap)
    }

    /// Whether this is what `up`, before a hop, sent through it: it begins during this exchange, asked by the server
    /// that answers here, and brings the same.
    pub fn is_behind(&self, up: &Tap) -> bool {
        let (mine, other) = (&self.metrics, &up.metrics);
        let within = mine.request_start < other.request_start && other.request_start < mine.response_end;
        within && is_behind(&self.ends, &up.ends) && self.print.is_same(&up.print)
    }

    /// How well two taps fit: the same request and answer, the same request, the same answer; none if nothing agrees.
    fn fits(&self, other: &Tap) -> Option<u8> {
        let same = |a: Option<u64>, b: Option<u64>| a.is_some() && a == b;
        let asked = same(self.print.request, other.print.request);
        let answered = same(self.print.text, other.print.text) || same(self.print.body, other.print.body);
        match (asked, answered) {
            (true, true) => Some(3),
            (true, false) => Some(2),
            (false, true) => Some(1),
            (false, false) => None,
        }
    }
}

/// Pairs of two lists of taps, by content: indexes of `up` and `down`. Of equal ones those that began first belong
/// together; a single stream on each side is a pair in any case.
pub fn pairs(up: &[Tap], down: &[Tap]) -> Vec<(usize, usize)> {
    if let ([_], [_]) = (up, down) {
        return vec![(0, 0)];
    }
    let mut free: Vec<bool> = vec![true; up.len()];
    let mut of_down = vec![None; down.len()];
    for least in [3, 2, 1] {
        for (d, tap) in down.iter().enumerate().filter(|(d, _)| of_down[*d].is_none()).collect::<Vec<_>>() {
            let found = up.iter().enumerate().find(|(u, other)| free[*u] && tap.fits(other) >= Some(least));
            if let Some((u, _)) = found {
                (free[u], of_down[d]) = (false, Some(u));
            }
        }
    }
    of_down.iter().enumerate().filter_map(|(d, u)| Some(((*u)?, d))).collect()
}

/// What became of each record.
pub fn passed(up: &[TapRecord], down: &[TapRecord]) -> Vec<Passed> {
    let (mut to_down, mut to_up) = (vec![None; up.len()], vec![None; down.len()]);
    let mut link = |to_down: &mut Vec<Option<(usize, Fate)>>, u: usize, d: usize, fate| {
        to_down[u] = Some((d, fate));
        to_up[d].get_or_insert(u);
    };
    // Equal bytes: each record goes with the first equal one that is free.
    let mut free: HashMap<u64, VecDeque<usize>> = HashMap::new();
    down.iter().enumerate().for_each(|(d, r)| free.entry(r.hash).or_default().push_back(d));
    let equal: Vec<(usize, usize)> =
        up.iter().enumerate().filter_map(|(u, r)| Some((u, free.get_mut(&r.hash)?.pop_front()?))).collect();
    let in_order = longest_ascending(&equal);
    for (n, (u, d)) in equal.iter().enumerate() {
        link(&mut to_down, *u, *d, if in_order.contains(&n) { Fate::Same } else { Fate::Reordered });
    }
    // Other bytes: deltas by where their text is in the whole, the rest by their order and kind.
    let (text_up, text_down) = (texts(up), texts(down));
    let by_end: BTreeMap<usize, usize> =
        text_down.iter().enumerate().filter(|(d, _)| down[*d].delta).map(|(d, range)| (range.1, d)).collect();
    let whole = |of: &[TapRecord]| of.iter().filter(|r| r.delta).map(|r| r.brings.as_str()).collect::<String>();
    let (all_up, all_down) = (whole(up), whole(down));
    for u in 0..up.len() {
        if to_down[u].is_some() || !up[u].delta || up[u].brings.is_empty() {
            continue;
        }
        let (start, end) = text_up[u];
        // Up to here both texts have to agree: a text that was changed is found nowhere.
        if all_up.get(..end).is_none() || all_up.get(..end) != all_down.get(..end) {
            continue;
        }
        let Some((_, &d)) = by_end.range(end..).next() else { continue };
        let fate = match text_down[d] {
            range if range == (start, end) => Fate::Rewritten,
            (from, to) if from <= start && end <= to => Fate::Merged,
            _ => Fate::Split,
        };
        link(&mut to_down, u, d, fate);
    }
    let mut at = 0;
    for u in 0..up.len() {
        match to_down[u] {
            Some((d, _)) => at = at.max(d + 1),
            None => {
                let bound = to_down[u..].iter().flatten().map(|(d, _)| *d).filter(|d| *d >= at).min();
                let mut open = at..bound.unwrap_or(down.len());
                let alike = |d: &usize| to_up[*d].is_none() && down[*d].delta == up[u].delta;
                if let Some(d) = open.find(alike) {
                    to_down[u] = Some((d, Fate::Rewritten));
                    to_up[d] = Some(u);
                    at = d + 1;
                }
            }
        }
    }
    // Parts of a text that was split belong to the record that it was.
    let starts: Vec<(usize, usize)> =
        (0..up.len()).filter(|u| to_down[*u].is_some_and(|f| f.1 == Fate::Split)).map(|u| text_up[u]).collect();
    let is_part = |d: usize| down[d].delta && starts.iter().any(|(s, e)| *s <= text_down[d].0 && text_down[d].1 <= *e);
    let mut all: Vec<Passed> = (0..up.len())
        .map(|u| match to_down[u] {
            Some((d, fate)) => Passed { up: Some(u), down: Some(d), fate },
            None => Passed { up: Some(u), down: None, fate: Fate::Dropped },
        })
        .collect();
    let added = (0..down.len()).filter(|d| to_up[*d].is_none() && !is_part(*d));
    all.extend(added.map(|d| Passed { up: None, down: Some(d), fate: Fate::Added }));
    all
}

/// Where the text of each record is in the whole: begin and end.
fn texts(records: &[TapRecord]) -> Vec<(usize, usize)> {
    let mut end = 0;
    let place = |r: &TapRecord| {
        let start = end;
        end += if r.delta { r.brings.len() } else { 0 };
        (start, end)
    };
    records.iter().map(place).collect()
}

/// Indexes of the longest part of `pairs` whose second numbers ascend (by patience sorting).
fn longest_ascending(pairs: &[(usize, usize)]) -> std::collections::HashSet<usize> {
    let mut piles: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = vec![None; pairs.len()];
    for (n, (_, d)) in pairs.iter().enumerate() {
        let pile = piles.partition_point(|top| pairs[*top].1 < *d);
        before[n] = pile.checked_sub(1).map(|left| piles[left]);
        match piles.get_mut(pile) {
            Some(top) => *top = n,
            None => piles.push(n),
        }
    }
    std::iter::successors(piles.last().copied(), |n| before[*n]).collect()
}

/// The most bytes that the hop held at one moment: come in before it and not yet gone out behind it.
pub fn most_held(up: &[TapRecord], down: &[TapRecord], passed: &[Passed]) -> u64 {
    let mut steps: BTreeMap<Timestamp, i64> = BTreeMap::new();
    for p in passed {
        let (Some(u), Some(d)) = (p.up, p.down) else { continue };
        *steps.entry(up[u].at).or_default() += up[u].len as i64;
        *steps.entry(down[d].at.max(up[u].at)).or_default() -= up[u].len as i64;
    }
    let held = steps.values().scan(0_i64, |held, step| {
        *held += step;
        Some(*held)
    });
    held.max().unwrap_or(0).max(0) as u64
}

/// In how many deliveries the records came, and the most in one.
pub fn deliveries(records: &[TapRecord]) -> (u64, u64) {
    let runs = records.chunk_by(|a, b| a.at == b.at).map(|run| run.len() as u64);
    runs.fold((0, 0), |(n, most), len| (n + 1, most.max(len)))
}

/// For how long a record was held; negative if the clocks of both taps differ.
pub fn held(up: &TapRecord, down: &TapRecord) -> Span {
    down.at.since(up.at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(of: &[(i64, &str, &str)]) -> Vec<TapRecord> {
        let record = |(n, (ms, bytes, text)): (usize, &(i64, &str, &str))| TapRecord {
            n: n as u64,
            at: Timestamp(ms * 1_000_000),
            frame: 0,
            len: bytes.len() as u64,
            brings: if text.is_empty() { (*bytes).into() } else { (*text).into() },
            shown: String::new(),
            delta: !text.is_empty(),
            hash: crate::delivery::across::hash(bytes),
        };
        of.iter().enumerate().map(record).collect()
    }

    fn fates(up: &[(i64, &str, &str)], down: &[(i64, &str, &str)]) -> Vec<(Option<usize>, Option<usize>, Fate)> {
        passed(&records(up), &records(down)).into_iter().map(|p| (p.up, p.down, p.fate)).collect()
    }

    #[test]
    fn what_becomes_of_a_record() {
        let up = [(0, "role", ""), (10, "A!", "A"), (20, "B!", "B"), (30, "C!", "C"), (40, "done", "")];
        let all = |of: &[(usize, usize, Fate)]| of.iter().map(|(u, d, f)| (Some(*u), Some(*d), *f)).collect::<Vec<_>>();
        use Fate::{Added, Dropped, Merged, Reordered, Rewritten, Same, Split};
        let same = [(0, 0, Same), (1, 1, Same), (2, 2, Same), (3, 3, Same), (4, 4, Same)];
        assert_eq!(fates(&up, &up), all(&same));
        // Moved: C before A.
        let moved = [(0, "role", ""), (0, "C!", "C"), (0, "A!", "A"), (0, "B!", "B"), (0, "done", "")];
        assert_eq!(
            fates(&up, &moved),
            all(&[(0, 0, Same), (1, 2, Same), (2, 3, Same), (3, 1, Reordered), (4, 4, Same)])
        );
        // Every record rewritten; B and C in one.
        let anew = [(0, "Role", ""), (10, "a?", "A"), (30, "bc", "BC"), (40, "Done", "")];
        assert_eq!(
            fates(&up, &anew),
            all(&[(0, 0, Rewritten), (1, 1, Rewritten), (2, 2, Merged), (3, 2, Merged), (4, 3, Rewritten)])
        );
        // In smaller parts, and a ping that was not sent.
        let parts = [(0, "AB", "AB"), (9, "done", "")];
        let mut want = all(&[(0, 1, Split), (1, 3, Same)]);
        want.push((None, Some(2), Added));
        assert_eq!(fates(&parts, &[(0, "a", "A"), (5, "b", "B"), (6, "ping", ""), (9, "done", "")]), want);
        // One is missing.
        let mut want = all(&[(0, 0, Same), (1, 1, Same), (3, 2, Same), (4, 3, Same)]);
        want.insert(2, (Some(2), None, Dropped));
        assert_eq!(fates(&up, &[up[0], up[1], up[3], up[4]]), want);
    }

    #[test]
    fn bytes_are_held_between_both_sides() {
        let up = records(&[(0, "1234", "a"), (10, "12", "b"), (20, "123", "c")]);
        let down = records(&[(20, "1234", "a"), (20, "12", "b"), (25, "123", "c")]);
        let passed = passed(&up, &down);
        assert_eq!(most_held(&up, &down, &passed), 6);
        assert_eq!((deliveries(&up), deliveries(&down)), ((3, 1), (2, 2)));
        assert_eq!(held(&up[0], &down[0]), Span::from_millis(20));
        assert_eq!(most_held(&up, &up, &passed), 0);
    }
}
