//! Finds chunk boundaries in bytes whose beginning is missing. A size line counts if the bytes that it
//! announces end as they should.

use crate::http::backlog::{Backlog, Edge};

/// Longest size line that is accepted here.
const LINE: usize = 256;
/// Candidates that wait for more bytes.
const PENDING: usize = 8;

/// Looks for the first provable chunk boundary of a [`Backlog`] that grows.
#[derive(Debug, Default)]
pub(in crate::http) struct Boundaries {
    scanned: u64,
    pending: Vec<Candidate>,
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    start: u64,
    /// The backlog must reach this offset before another attempt is useful.
    need: u64,
}

enum Proof {
    Proven,
    NotYet(u64),
    Refuted,
}

impl Boundaries {
    /// Bytes of memory in use.
    pub(in crate::http) fn held(&self) -> usize {
        self.pending.capacity() * size_of::<Candidate>()
    }

    /// Offset of a chunk-size line, once one is proven. Call after each delivery put into `backlog`.
    pub(in crate::http) fn search(&mut self, backlog: &Backlog) -> Option<u64> {
        self.pending.retain(|c| c.start >= backlog.start());
        let known: Vec<Candidate> = std::mem::take(&mut self.pending);
        for candidate in known {
            if candidate.need > backlog.end() {
                self.pending.push(candidate);
            } else if self.examine(backlog, candidate.start) {
                return Some(candidate.start);
            }
        }
        let mut at = self.scanned.max(backlog.start());
        self.scanned = backlog.end();
        while at < backlog.end() {
            // A delivery often starts with a size line; inside a delivery a size line comes after CRLF.
            if self.examine(backlog, at) {
                return Some(at);
            }
            let (bytes, edge) = backlog.visible(at, usize::MAX);
            for lf in memchr::memchr_iter(b'\n', bytes) {
                let next = at + lf as u64 + 1;
                if next < backlog.end() && self.examine(backlog, next) {
                    return Some(next);
                }
            }
            match edge {
                Edge::Gap(end) => at = end,
                Edge::More | Edge::Frontier => break,
            }
        }
        None
    }

    fn examine(&mut self, backlog: &Backlog, start: u64) -> bool {
        match prove(backlog, start) {
            Proof::Proven => true,
            Proof::NotYet(need) => {
                if self.pending.len() < PENDING {
                    self.pending.push(Candidate { start, need });
                }
                false
            }
            Proof::Refuted => false,
        }
    }
}

/// A size line at `start`, its data, CRLF, and then another size line or nothing yet.
fn prove(backlog: &Backlog, start: u64) -> Proof {
    let (bytes, edge) = backlog.visible(start, LINE);
    let Some((size, line)) = size_line(bytes) else {
        let open = bytes.len() < LINE && edge == Edge::Frontier && could_be_size_line(bytes);
        return if open { Proof::NotYet(backlog.end() + 1) } else { Proof::Refuted };
    };
    let Some(end) = size.checked_add(start + line as u64) else { return Proof::Refuted };
    if backlog.end() < end.saturating_add(2) {
        return Proof::NotYet(end.saturating_add(2));
    }
    let (bytes, edge) = backlog.visible(end, LINE);
    let next = match (bytes, edge) {
        ([b'\r', b'\n', rest @ ..], _) => rest,
        ([b'\r'], Edge::Gap(to)) if to == end + 2 => backlog.visible(to, LINE).0,
        ([], Edge::Gap(to)) if to == end + 1 => match backlog.visible(to, LINE).0 {
            [b'\n', rest @ ..] => rest,
            _ => return Proof::Refuted,
        },
        // The line end itself was not captured: only a complete size line after it is proof.
        ([], Edge::Gap(to)) if to == end + 2 => {
            let (bytes, edge) = backlog.visible(to, LINE);
            return match size_line(bytes) {
                Some(_) => Proof::Proven,
                None if edge == Edge::Frontier && could_be_size_line(bytes) => Proof::NotYet(backlog.end() + 1),
                None => Proof::Refuted,
            };
        }
        _ => return Proof::Refuted,
    };
    // The last chunk ends the message; what follows it is another message.
    if size == 0 || could_be_size_line(next) { Proof::Proven } else { Proof::Refuted }
}

/// The size and the length of a complete, well-formed size line.
fn size_line(bytes: &[u8]) -> Option<(u64, usize)> {
    let digits = bytes.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    if !(1..=8).contains(&digits) {
        return None;
    }
    let size = u64::from_str_radix(std::str::from_utf8(&bytes[..digits]).ok()?, 16).ok()?;
    let lf = memchr::memchr(b'\n', bytes)?;
    let between = bytes.get(digits..lf)?;
    (between == b"\r" || (between.starts_with(b";") && between.ends_with(b"\r"))).then_some((size, lf + 1))
}

fn could_be_size_line(bytes: &[u8]) -> bool {
    let digits = bytes.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    match bytes.get(digits) {
        None => digits <= 8,
        Some(b'\r') => (1..=8).contains(&digits) && matches!(bytes.get(digits + 1), None | Some(b'\n')),
        Some(b';') => (1..=8).contains(&digits),
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conn::Stamp;
    use crate::http::backlog::Item;

    fn found(items: &[Item<'_>]) -> Option<u64> {
        let (mut backlog, mut finder) = (Backlog::default(), Boundaries::default());
        items.iter().enumerate().find_map(|(n, item)| {
            backlog.push(n as u64, Stamp::default(), *item);
            finder.search(&backlog)
        })
    }

    #[test]
    fn a_boundary_is_proven_by_the_end_of_its_chunk() {
        assert_eq!(found(&[Item::Data(b"5\r\nhello\r\n")]), Some(0));
        assert_eq!(found(&[Item::Data(b"tail\r\n5\r\nhello\r\n0\r\n")]), Some(6));
        assert_eq!(found(&[Item::Data(b"5\r\nhel"), Item::Data(b"lo\r\n")]), Some(0));
        assert_eq!(found(&[Item::Data(b"5;a=b\r\nhello\r\n6")]), Some(0));
        assert_eq!(found(&[Item::Data(b"0\r\n\r\n")]), Some(0));
        assert_eq!(found(&[Item::Data(b"5\r\nhello, world\r\n")]), None);
        assert_eq!(found(&[Item::Data(b"data: 5\r\nhello\r\n")]), None);
        assert_eq!(found(&[Item::Data(b"5\r\nhello\r\nno size")]), None);
    }

    #[test]
    fn holes_inside_chunks_do_not_hide_boundaries() {
        assert_eq!(found(&[Item::Data(b"5\r\nh"), Item::Gap(6), Item::Data(b"3\r\n")]), Some(0));
        assert_eq!(found(&[Item::Data(b"5\r\nh"), Item::Gap(4), Item::Data(b"\r\n3")]), Some(0));
        assert_eq!(found(&[Item::Data(b"5\r\nh"), Item::Gap(5), Item::Data(b"\n3")]), Some(0));
        assert_eq!(found(&[Item::Data(b"5\r\nh"), Item::Gap(7), Item::Data(b"3\r\nabc\r\n")]), Some(11));
    }

    #[test]
    fn cut_anywhere_the_same_boundary() {
        let bytes = b"rest of a chunk\r\n1a\r\nabcdefghijklmnopqrstuvwxyz\r\n3\r\nabc\r\n";
        for cut in 1..bytes.len() {
            // A delivery that starts inside the data may contain a boundary only after CRLF.
            let got = found(&[Item::Data(&bytes[..cut]), Item::Data(&bytes[cut..])]);
            assert!(matches!(got, Some(17)), "cut at {cut}: {got:?}");
        }
    }
}
