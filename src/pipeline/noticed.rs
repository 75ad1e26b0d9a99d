//! What the layers below noticed about a connection: kept once, however many exchanges are open on it.
//!
//! An oddity of the connection belongs to every exchange that is open when it comes. An exchange takes what is new
//! before its own next event and before its end, so that an event of the connection costs the same whether one
//! exchange is open or thousands are.

use crate::exchange::Exchange;
use crate::oddity::Oddity;

/// Entries after which the log is shortened.
const SHORTEN: usize = 128;

/// The gaps and oddities of one connection.
#[derive(Debug, Default)]
pub(super) struct Noticed {
    /// Number of gaps and oddities so far. An exchange remembers the number up to which it has taken them.
    count: u64,
    /// `count` after the last gap.
    last_gap: u64,
    /// The largest number that an exchange remembers.
    newest_taken: u64,
    /// Oddities in the order in which they came.
    log: Vec<Entry>,
    /// Length at which the log is shortened next.
    shorten_at: usize,
}

/// Oddities of one kind that no exchange can tell apart, because it takes all of them or none.
#[derive(Debug)]
struct Entry {
    /// `count` before the first of them.
    at: u64,
    /// The first of them, or the longest.
    oddity: Oddity,
    n: u64,
}

impl Noticed {
    /// Bytes of memory in use, about.
    pub(super) fn held(&self) -> usize {
        self.log.capacity() * size_of::<Entry>()
    }

    /// The number that a new exchange remembers.
    pub(super) fn begin(&mut self) -> u64 {
        self.newest_taken = self.count;
        self.count
    }

    /// Bytes of the connection are missing.
    pub(super) fn gap(&mut self) {
        self.count += 1;
        self.last_gap = self.count;
    }

    /// An oddity of the connection. `oldest` gives the smallest number that an open exchange remembers; without an
    /// open exchange nothing is kept.
    pub(super) fn oddity(&mut self, oddity: Oddity, oldest: impl FnOnce() -> Option<u64>) {
        let at = self.count;
        self.count += 1;
        let same = |e: &&mut Entry| e.oddity.kind == oddity.kind;
        let newest = self.log.iter_mut().rev().take_while(|e| e.at >= self.newest_taken).find(same);
        if let Some(entry) = newest {
            entry.n += 1;
            if oddity.span > entry.oddity.span {
                entry.oddity = oddity;
            }
            return;
        }
        self.log.push(Entry { at, oddity, n: 1 });
        if self.log.len() > self.shorten_at.max(SHORTEN) {
            self.shorten(oldest().unwrap_or(self.count));
        }
    }

    /// Give an exchange what came since it took the last. `taken`: the number that it remembers.
    #[inline]
    pub(super) fn give(&mut self, exchange: &mut Exchange, taken: &mut u64) {
        if *taken != self.count {
            self.give_new(exchange, taken);
        }
    }

    #[cold]
    fn give_new(&mut self, exchange: &mut Exchange, taken: &mut u64) {
        exchange.gap |= self.last_gap > *taken;
        let from = self.log.partition_point(|e| e.at < *taken);
        for Entry { oddity, n, .. } in &self.log[from..] {
            exchange.oddities.push_many(oddity.clone(), *n);
        }
        *taken = self.begin();
    }

    /// Drop what every open exchange has taken. If that is not enough, fold the older half by kind: an exchange that
    /// waited through all of it still gets it whole.
    fn shorten(&mut self, oldest: u64) {
        self.log.retain(|e| e.at >= oldest);
        if self.log.len() > SHORTEN {
            let newer = self.log.split_off(self.log.len() / 2);
            let mut folded: Vec<Entry> = Vec::new();
            for entry in self.log.drain(..) {
                match folded.iter_mut().find(|e| e.oddity.kind == entry.oddity.kind) {
                    Some(kept) => {
                        (kept.at, kept.n) = (entry.at, kept.n + entry.n);
                        if entry.oddity.span > kept.oddity.span {
                            kept.oddity = entry.oddity;
                        }
                    }
                    None => folded.push(entry),
                }
            }
            folded.sort_by_key(|e| e.at);
            self.log = folded;
            self.log.extend(newer);
        }
        self.shorten_at = (2 * self.log.len()).min(2 * SHORTEN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conn::{ConnId, Endpoints};
    use crate::exchange::ExchangeId;
    use crate::exchange::ending::Ending;
    use crate::oddity::{Kind, Oddities};
    use crate::time::{Span, Timestamp};

    const KINDS: [Kind; 3] = [Kind("tcp.a"), Kind("tcp.b"), Kind("tcp.c")];

    fn exchange() -> Exchange {
        let addr = std::net::SocketAddr::from(([0, 0, 0, 0], 0));
        Exchange {
            id: ExchangeId(0),
            conn: ConnId(0),
            endpoints: Endpoints { client: addr, server: addr },
            tls: None,
            request: None,
            response: None,
            websocket: None,
            ending: Ending::default(),
            oddities: Oddities::default(),
            gap: false,
        }
    }

    fn oddity(n: i64) -> Oddity {
        let oddity = Oddity::new(KINDS[(n * 7 % 3) as usize], Timestamp(n), "");
        if n % 5 == 0 { oddity.span(Span(n * 31 % 17)) } else { oddity }
    }

    proptest::proptest! {
        /// The oracle gives each oddity to each open exchange at once.
        #[test]
        fn an_exchange_gets_what_it_would_get_at_once(steps in proptest::collection::vec((0_u8..9, 0_usize..6), 1..200)) {
            let mut noticed = Noticed::default();
            let mut open: Vec<(Exchange, u64, Exchange)> = Vec::new();
            for (n, (step, which)) in (0..).zip(steps) {
                match step {
                    0 if open.len() < 6 => open.push((exchange(), noticed.begin(), exchange())),
                    1 => {
                        noticed.gap();
                        open.iter_mut().for_each(|(_, _, now)| now.gap = true);
                    }
                    2..=5 => {
                        noticed.oddity(oddity(n), || open.iter().map(|o| o.1).min());
                        open.iter_mut().for_each(|(_, _, now)| now.oddities.push(oddity(n)));
                    }
                    6 if which < open.len() => {
                        let (mut late, mut taken, now) = open.remove(which);
                        noticed.give(&mut late, &mut taken);
                        proptest::prop_assert_eq!((late.gap, late.oddities), (now.gap, now.oddities));
                    }
                    _ => if let Some((late, taken, now)) = open.get_mut(which) {
                        noticed.give(late, taken);
                        proptest::prop_assert_eq!((late.gap, &late.oddities), (now.gap, &now.oddities));
                    }
                }
            }
        }
    }

    #[test]
    fn the_log_stays_short_and_the_first_exchange_gets_the_whole_count() {
        let (mut noticed, mut first, mut second) = (Noticed::default(), exchange(), exchange());
        let (mut start, mut taken) = (noticed.begin(), noticed.begin());
        for n in 0..10_000 {
            noticed.oddity(oddity(n), || Some(start));
            noticed.give(&mut second, &mut taken);
            assert!(noticed.log.len() <= 2 * SHORTEN, "{n}");
        }
        noticed.give(&mut first, &mut start);
        let counts = |x: &Exchange| -> Vec<u64> { x.oddities.iter().map(|(_, n)| n).collect() };
        assert_eq!(counts(&first).iter().sum::<u64>(), 10_000);
        assert_eq!(counts(&first), counts(&second));
        noticed.oddity(oddity(0), || None);
        noticed.log.clear();
        for n in 0..10_000 {
            noticed.begin();
            noticed.oddity(oddity(n), || None);
        }
        assert!(noticed.log.len() <= 2 * SHORTEN, "nothing is kept without an exchange");
    }
}
