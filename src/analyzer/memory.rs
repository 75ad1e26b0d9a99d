//! The memory of all connections: when it is short, some give way.

use super::{Analyzer, Output, drain, feed};
use crate::budget::{self, Budget, Holder};

/// The budget, and when to look at it again.
#[derive(Debug)]
pub(super) struct Memory {
    budget: Budget,
    /// Bytes that could not be freed the last time, and some: below them another look would free no more.
    stuck: usize,
}

impl Memory {
    pub(super) fn new(budget: Budget) -> Memory {
        Memory { budget, stuck: 0 }
    }
}

impl Analyzer {
    /// Connections give way while too much is held.
    #[inline]
    pub(super) fn relieve(&mut self, sink: &mut dyn FnMut(Output)) {
        let held = self.held();
        if self.memory.budget.is_over(held) && held > self.memory.stuck {
            self.relieve_now(sink);
        }
    }

    /// Bytes of memory in use, about: what the budget counts.
    fn held(&self) -> usize {
        self.reassembly.held() + self.pipeline.held()
    }

    #[cold]
    fn relieve_now(&mut self, sink: &mut dyn FnMut(Output)) {
        let mut holders = self.pipeline.holders();
        let below = self.reassembly.holders();
        let slot = |holder: &Holder| {
            below.binary_search_by_key(&holder.conn, |(conn, ..)| *conn).ok().map(|i| (below[i].1, below[i].2))
        };
        let rest = self.held() - holders.iter().map(|h| h.held).sum::<usize>();
        let mut waiting = 0;
        for holder in &mut holders {
            let more = slot(holder).map_or(0, |(_, held)| held);
            holder.held += more;
            waiting += more;
        }
        let target = self.memory.budget.target().saturating_sub(rest.saturating_sub(waiting));
        for holder in budget::give_way(holders, target, self.pipeline.events()) {
            let Analyzer { reassembly, pipeline, judge, .. } = self;
            pipeline.give_way(holder.conn);
            drain(pipeline, judge, sink);
            if let Some((slot, _)) = slot(&holder) {
                reassembly.give_way(slot, &mut |event| feed(&event, pipeline, judge, sink));
            }
        }
        self.reassembly.trim();
        let held = self.held();
        self.memory.stuck = if self.memory.budget.is_over(held) { held + self.memory.budget.limit() / 16 } else { 0 };
    }
}
