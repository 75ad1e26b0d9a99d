//! The door of the library: packets or byte events in, judged exchanges out.
//!
//! ```text
//! Packet ─► Reassembly (net ─► tcp) ─► ByteEvent ─► Pipeline ─► Exchange ─► metrics, conformance ─► Analyzed
//!                                          ▲
//!                  a proxy, a transcript ──┘
//! ```
//! No clock is read here: packets and events bring their times, and [`Analyzer::advance`] says that time passed without
//! any.

mod chosen;
pub(crate) mod laws;
mod memory;
mod reassembly;

pub use crate::budget::Budget;
pub use crate::conformance::Limits as Thresholds;
pub use crate::conformance::policy::Policy;
pub use crate::net::NetStats;
pub use crate::pipeline::{BodyPart, Connection, Part};
pub use crate::tcp::Limits as ReassemblyLimits;
pub use crate::tls::Keys;
pub use chosen::Chosen;
pub use reassembly::Reassembly;

use crate::capture::Packet;
use crate::conformance::hop::RecentStreams;
use crate::conformance::{self, Finding};
use crate::conn::ByteEvent;
use crate::exchange::{Exchange, TlsInfo};
use crate::metrics::{self, Metrics};
use crate::pipeline::{self, Pipeline};
use crate::quic::Quic;
use crate::time::Timestamp;
use memory::Memory;

/// What an [`Analyzer`] does. `Options::default()` reads every TCP connection and judges each exchange by its dialect.
#[derive(Debug, Clone)]
pub struct Options {
    /// Memory for all that captured bytes make this analyzer hold, with that of others who share the budget.
    pub budget: Budget,
    /// Bounds of TCP reassembly. No effect on [`Analyzer::event`].
    pub reassembly: ReassemblyLimits,
    /// Drop packets whose IPv4 or TCP checksum is wrong. Captures of the sending machine hold many of these: its
    /// network device fills in
    /// checksums later.
    pub verify_checksums: bool,
    /// Only packets to or from these ports of TCP and QUIC; empty: all. No effect on [`Analyzer::event`].
    pub ports: Vec<u16>,
    /// Only these connections of TCP and QUIC; none: all. No effect on [`Analyzer::event`].
    pub only: Option<Chosen>,
    /// Secrets that decrypt TLS. The list is shared: what is pushed to a clone of it later is used too.
    pub keys: Keys,
    /// Thresholds of the rules.
    pub thresholds: Thresholds,
    /// Profile, levels of rules, exceptions.
    pub policy: Policy,
    /// Keep body bytes, deliveries, records and hashes. Without them an exchange takes less memory, and its figures
    /// and findings are the same.
    pub contents: bool,
    /// Body bytes of one exchange that are held before they are passed on as a [`Part`].
    pub part_bytes: usize,
    /// Deliveries or records of one exchange that are held before they are passed on as a [`Part`].
    pub part_items: usize,
}

impl Default for Options {
    fn default() -> Self {
        let pipeline::Config { part_bytes, part_items, keys, contents, .. } = pipeline::Config::default();
        Options {
            budget: Budget::default(),
            reassembly: ReassemblyLimits::default(),
            verify_checksums: false,
            ports: Vec::new(),
            only: None,
            keys,
            thresholds: Thresholds::default(),
            policy: Policy::default(),
            contents,
            part_bytes,
            part_items,
        }
    }
}

impl Options {
    /// Every exchange comes whole, however long it is: none is passed on in parts. Memory grows with the longest
    /// exchange, without bound.
    pub fn whole() -> Self {
        Options {
            budget: Budget::new(usize::MAX),
            part_bytes: usize::MAX,
            part_items: usize::MAX,
            ..Options::default()
        }
    }
}

/// An exchange with its figures and findings.
#[derive(Debug)]
pub struct Analyzed {
    /// The exchange.
    pub exchange: Box<Exchange>,
    /// Its figures.
    pub metrics: Metrics,
    /// Its findings, worst first.
    pub findings: Vec<Finding>,
}

impl Analyzed {
    /// An exchange that did not come from an analyzer (an imported one), judged on its own by its dialect.
    pub fn new(exchange: Exchange, thresholds: &Thresholds) -> Analyzed {
        let metrics = metrics::of(&exchange);
        let findings = conformance::judge(&exchange, &metrics, thresholds);
        Analyzed { exchange: Box::new(exchange), metrics, findings }
    }
}

/// What comes out of an [`Analyzer`].
pub type Output = pipeline::Output<Analyzed>;

/// Reads packets or byte events and judges the exchanges in them.
///
/// Every method takes a `sink`, which gets what the input completed, in order.
#[derive(Debug)]
pub struct Analyzer {
    reassembly: Reassembly,
    pipeline: Pipeline,
    judge: Judge,
    memory: Memory,
}

/// The state for judging one exchange after another.
#[derive(Debug)]
struct Judge {
    thresholds: Thresholds,
    policy: Policy,
    /// Recent streams: one of them may be the same answer on the other side of a proxy.
    recent: RecentStreams,
    /// What is known of the statements, for the laws between them.
    heard: laws::Heard,
    /// Newest time that came in.
    newest: Timestamp,
}

impl Analyzer {
    /// An analyzer that has seen nothing.
    pub fn new(options: Options) -> Analyzer {
        let Options { budget, reassembly, verify_checksums, ports, only, keys, .. } = options;
        let Options { thresholds, policy, contents, part_bytes, part_items, .. } = options;
        let (memory, limit) = (Memory::new(budget.clone()), budget.limit());
        let config = pipeline::Config { part_bytes, part_items, keys, contents, budget, ..pipeline::Config::default() };
        Analyzer {
            reassembly: Reassembly::new(reassembly, verify_checksums, ports).within(limit).only(only),
            pipeline: Pipeline::new(config),
            judge: Judge::new(thresholds, policy),
            memory,
        }
    }

    /// The next packet of a capture.
    pub fn packet(&mut self, packet: &Packet<'_>, sink: &mut dyn FnMut(Output)) {
        let Analyzer { reassembly, pipeline, judge, .. } = self;
        judge.hear(packet.at);
        pipeline.below(reassembly.held());
        let mut over = Vec::new();
        reassembly.packet_or_quic(packet, &mut |event| feed(&event, pipeline, judge, sink), &mut |q| over.push(q));
        over.into_iter().for_each(|quic| sink(named(quic)));
        self.relieve(sink);
    }

    /// What happened to a connection, from a source that has no packets. One analyzer takes packets or events, not
    /// both: the numbers of
    /// connections would collide.
    pub fn event(&mut self, event: &ByteEvent<'_>, sink: &mut dyn FnMut(Output)) {
        self.judge.hear(event.at);
        feed(event, &mut self.pipeline, &mut self.judge, sink);
        self.relieve(sink);
    }

    /// Time passes without packets: holes that are old enough at `now` are given up, and idle connections end.
    pub fn advance(&mut self, now: Timestamp, sink: &mut dyn FnMut(Output)) {
        let Analyzer { reassembly, pipeline, judge, .. } = self;
        reassembly.advance(now, &mut |event| feed(&event, pipeline, judge, sink));
        reassembly.end_quic(Some(now), &mut |quic| sink(named(quic)));
    }

    /// The capture is over: every open connection ends here. Afterwards the analyzer is empty. Returns the counts of
    /// packets by kind.
    pub fn finish(&mut self, sink: &mut dyn FnMut(Output)) -> NetStats {
        let Analyzer { reassembly, pipeline, judge, .. } = self;
        let stats = reassembly.finish(&mut |event| feed(&event, pipeline, judge, sink));
        pipeline.finish();
        drain(pipeline, judge, sink);
        reassembly.end_quic(None, &mut |quic| sink(named(quic)));
        stats
    }

    /// Number of TCP connections that are held, including those that ended a few seconds ago.
    pub fn connections(&self) -> usize {
        self.reassembly.connections()
    }
}

/// A QUIC connection, which is named and not read.
fn named(quic: Quic) -> Output {
    let Quic { id, endpoints, opened_at, closed_at, speaks, sni, ech, offered, facts } = quic;
    let unread = Some(
        "QUIC: HTTP/3, or what else it carries, is not read; have the client use HTTP/2, for example by refusing UDP \
            to that port",
    );
    let tls = Some(TlsInfo { sni, ech, unread, ..TlsInfo::default() });
    let exchanges = 0;
    let c = Connection { id, endpoints, opened_at, closed_at, speaks, tls, offered, facts, exchanges };
    Output::Connection(Box::new(c))
}

/// One event, and at once what it completed: thousands of connections may end with one packet.
#[inline]
fn feed(event: &ByteEvent<'_>, pipeline: &mut Pipeline, judge: &mut Judge, sink: &mut dyn FnMut(Output)) {
    pipeline.feed(event);
    if pipeline.has_output() {
        drain(pipeline, judge, sink);
    }
}

fn drain(pipeline: &mut Pipeline, judge: &mut Judge, sink: &mut dyn FnMut(Output)) {
    pipeline.drain(&mut |output| sink(output.map(|exchange| judge.judge(exchange))));
}

impl Judge {
    fn new(thresholds: Thresholds, policy: Policy) -> Judge {
        let Policy { profile, levels, allow, .. } = &policy;
        let all_findings = profile.is_none() && levels.is_empty() && allow.is_empty();
        let heard = laws::Heard { all_findings, orderly: true };
        Judge { thresholds, policy, recent: RecentStreams::default(), heard, newest: Timestamp(i64::MIN) }
    }

    /// Something came at this time.
    fn hear(&mut self, at: Timestamp) {
        self.heard.orderly &= self.newest <= at;
        self.newest = self.newest.max(at);
    }

    fn judge(&mut self, exchange: Box<Exchange>) -> Box<Analyzed> {
        let metrics = metrics::of(&exchange);
        let upstream = self.recent.upstream_of(&exchange, &metrics);
        let findings = conformance::judge_with(&exchange, &metrics, &self.thresholds, &self.policy, upstream.as_ref());
        let analyzed = Box::new(Analyzed { exchange, metrics, findings });
        if cfg!(debug_assertions) {
            let broken = laws::broken(&analyzed, self.heard);
            assert!(broken.is_empty(), "exchange {} breaks laws: {broken:#?}", analyzed.exchange.id.0);
        }
        analyzed
    }
}
