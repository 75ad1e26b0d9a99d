//! Both sides of one proxy in one capture: the same answer twice, and what the hop did to its times. One exchange
//! alone cannot show that; the upstream side does.

use crate::conn::Endpoints;
use crate::delivery::across::{self, Print};
use crate::exchange::Exchange;
use crate::metrics::Metrics;
use crate::time::{Span, Timestamp};
use std::collections::VecDeque;

/// What is compared of one stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Side {
    /// Addresses of its connection.
    pub ends: Endpoints,
    /// When the request began.
    pub begun: Timestamp,
    /// When the response ended.
    pub ended: Timestamp,
    /// Its bytes.
    pub print: Print,
    /// Time to first token.
    pub ttft: Span,
    /// Median ITL.
    pub gap: Span,
}

impl Side {
    /// From a stream with text, two deltas or more, and their times; none for other exchanges.
    pub fn new(x: &Exchange, m: &Metrics) -> Option<Side> {
        let print = Print::of(x.request.as_ref(), x.response.as_ref());
        print.text?;
        let (begun, ended) = (m.request_start?, m.response_end?);
        Some(Side { ends: x.endpoints, begun, ended, print, ttft: m.ttft?, gap: m.itl_p50()? })
    }

    /// `other` is the upstream side of a hop whose downstream side this is: the same bytes, requested during this
    /// exchange by the server that answers here (or its host), from another server. (Equal questions of one client to
    /// one server are not a hop.)
    pub fn has_inside(&self, other: &Side) -> bool {
        let within = self.begun < other.begun && other.begun < self.ended;
        within && across::is_behind(&self.ends, &other.ends) && self.print.is_same(&other.print)
    }

    /// The hop between this side and `upstream` holds deltas back: the first comes later here, and the ITL is
    /// shorter.
    pub fn holds_back(&self, upstream: &Side) -> bool {
        self.is_late(upstream) && across::holds_back(self.gap, upstream.gap)
    }

    /// The first delta comes much later on this side.
    pub fn is_late(&self, upstream: &Side) -> bool {
        across::is_late(self.ttft, upstream.ttft)
    }
}

/// Recent streams, among which upstream sides are searched: the upstream side of an answer ends before the downstream
/// one.
#[derive(Debug, Default)]
pub struct RecentStreams(VecDeque<Side>);

impl RecentStreams {
    const MOST: usize = 256;

    /// The upstream side of this stream, if it is among the recent ones. The stream itself joins them.
    pub fn upstream_of(&mut self, x: &Exchange, m: &Metrics) -> Option<Side> {
        let downstream = Side::new(x, m)?;
        // The nearest hop is the one that was asked first.
        let upstream = self.0.iter().filter(|side| downstream.has_inside(side)).min_by_key(|side| side.begun).cloned();
        if self.0.len() >= Self::MOST {
            self.0.pop_front();
        }
        self.0.push_back(downstream);
        upstream
    }
}
