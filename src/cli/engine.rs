//! Packets in, judged exchanges out: the layers stacked, for recording and for `check` alike.

use super::policy::{Judge, Limits as FileLimits};
use super::values;
use crate::capture::Packet;
use crate::conformance::hop::Legs;
use crate::conformance::policy::Policy;
#[cfg(feature = "proxy")]
use crate::conn::ByteEvent;
use crate::store::Finished;
use crate::store::write::Message;
use crate::time::Span;
use crate::tls::Keys;
use crate::{conformance, metrics, net, pipeline, tcp};
use anyhow::Result;
use clap::Args;

/// Bounds and thresholds.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitArgs {
    /// Give up lost bytes that the receiver has acknowledged after
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = values::span)]
    hole_acked: Span,
    /// Give up lost bytes that a retransmission may still bring after
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = values::span)]
    hole_timeout: Span,
    /// … or when so many bytes wait behind them
    #[arg(long, value_name = "SIZE", default_value = "4M", value_parser = values::size)]
    hole_bytes: usize,
    /// … or so many segments
    #[arg(long, value_name = "N", default_value_t = 4096)]
    hole_segments: usize,
    /// A connection without packets for so long is over
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = values::span)]
    idle: Span,
    /// Bytes that wait behind losses, all connections together
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = values::size)]
    memory: usize,
    /// Connections followed at once
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    connections: usize,
    /// Drop packets whose IPv4 or TCP checksum is wrong. Not for captures of the sender, whose device fills them in later
    #[arg(long)]
    verify_checksums: bool,
    /// A gap between deltas of at least this is a stall … [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = values::span)]
    stall: Option<Span>,
    /// … if it is also so many times the median gap [default: 20]
    #[arg(long, value_name = "X")]
    stall_times_median: Option<f64>,
    /// An answer that is complete within this after its first delta was buffered … [default: 50ms]
    #[arg(long, value_name = "TIME", value_parser = values::span)]
    burst_window: Option<Span>,
    /// … if it has more deltas than this [default: 20]
    #[arg(long, value_name = "N")]
    burst_min_deltas: Option<usize>,
    /// Deltas that come together before it counts as delivery in blocks [default: 8]
    #[arg(long, value_name = "N")]
    block_deltas: Option<u64>,
    /// Silence before the first delta that wants a keep-alive [default: 15s]
    #[arg(long, value_name = "TIME", value_parser = values::span)]
    keep_alive: Option<Span>,
    /// A head that comes so late, together with the first delta, was held back [default: 5s]
    #[arg(long, value_name = "TIME", value_parser = values::span)]
    late_head: Option<Span>,
    /// A body that stays open for so long behind its terminator is remarked on [default: 1s]
    #[arg(long, value_name = "TIME", value_parser = values::span)]
    tail: Option<Span>,
    /// A pause that the transport caused is worth a warning from this on [default: 200ms]
    #[arg(long, value_name = "TIME", value_parser = values::span)]
    transport_stall: Option<Span>,
    /// Tokens per delta from which on the gap between deltas is no time per token [default: 1.5]
    #[arg(long, value_name = "X")]
    tokens_per_delta: Option<f64>,
}

impl LimitArgs {
    fn tcp(&self) -> tcp::Limits {
        tcp::Limits {
            hole_acked: self.hole_acked,
            hole: self.hole_timeout,
            hole_bytes: self.hole_bytes,
            hole_segments: self.hole_segments,
            idle: self.idle,
            memory: self.memory,
            connections: self.connections,
        }
    }

    /// Options first, then the file, then what is usual.
    fn conformance(&self, file: &FileLimits) -> conformance::Limits {
        let usual = conformance::Limits::default();
        conformance::Limits {
            stall: self.stall.or(file.stall).unwrap_or(usual.stall),
            stall_times_median: self.stall_times_median.or(file.stall_times_median).unwrap_or(usual.stall_times_median),
            burst_window: self.burst_window.or(file.burst_window).unwrap_or(usual.burst_window),
            burst_min_deltas: self.burst_min_deltas.or(file.burst_min_deltas).unwrap_or(usual.burst_min_deltas),
            block_deltas: self.block_deltas.or(file.block_deltas).unwrap_or(usual.block_deltas),
            keep_alive: self.keep_alive.or(file.keep_alive).unwrap_or(usual.keep_alive),
            late_head: self.late_head.or(file.late_head).unwrap_or(usual.late_head),
            tail: self.tail.or(file.tail).unwrap_or(usual.tail),
            transport_stall: self.transport_stall.or(file.transport_stall).unwrap_or(usual.transport_stall),
            tokens_per_delta: self.tokens_per_delta.or(file.tokens_per_delta).unwrap_or(usual.tokens_per_delta),
        }
    }
}

/// The layers of one session.
pub(super) struct Engine {
    net: net::Decoder,
    tcp: tcp::Table,
    pipeline: pipeline::Pipeline,
    limits: conformance::Limits,
    policy: Policy,
    /// Streams of late, for what a hop between two of them did.
    legs: Legs,
    /// Only these ports; empty: all.
    ports: Vec<u16>,
}

/// Takes what comes out; an error ends the session.
pub(super) type Sink<'s> = dyn FnMut(Message) -> Result<()> + 's;

impl Engine {
    /// `contents` as in [`pipeline::Config`].
    pub(super) fn new(limits: &LimitArgs, ports: &[u16], keys: &Keys, contents: bool) -> Engine {
        Engine {
            net: net::Decoder::new().verify_checksums(limits.verify_checksums),
            tcp: tcp::Table::new(limits.tcp()),
            pipeline: pipeline::Pipeline::new(pipeline::Config { keys: keys.clone(), contents, ..pipeline::Config::default() }),
            limits: limits.conformance(&FileLimits::default()),
            policy: Policy::default(),
            legs: Legs::default(),
            ports: ports.to_vec(),
        }
    }

    /// Exchanges are held whole, up to so many bytes or deliveries each; beyond, their bytes are handed on in parts.
    pub(super) fn holding(mut self, bytes: usize, items: usize, keys: &Keys) -> Engine {
        let config = pipeline::Config { part_bytes: bytes, part_items: items, keys: keys.clone(), ..pipeline::Config::default() };
        self.pipeline = pipeline::Pipeline::new(config);
        self
    }

    /// The same, held to the user's policy and to the limits of the file.
    pub(super) fn held_to(mut self, judge: &Judge, limits: &LimitArgs) -> Engine {
        self.policy = judge.policy.clone();
        self.limits = limits.conformance(&judge.limits);
        self
    }

    /// One packet.
    pub(super) fn packet(&mut self, packet: &Packet<'_>, sink: &mut Sink<'_>) -> Result<()> {
        let Engine { net, tcp, pipeline, ports, .. } = self;
        net.push(packet, &mut |segment| {
            if ports.is_empty() || ports.contains(&segment.src.port()) || ports.contains(&segment.dst.port()) {
                tcp.push(segment, &mut |event| pipeline.feed(&event));
            }
        });
        self.drain(sink)
    }

    /// What happened to a connection, from a door that has no packets.
    #[cfg(feature = "proxy")]
    pub(super) fn event(&mut self, event: &ByteEvent<'_>, sink: &mut Sink<'_>) -> Result<()> {
        self.pipeline.feed(event);
        self.drain(sink)
    }

    /// Time passes without packets.
    #[cfg(feature = "live")]
    pub(super) fn tick(&mut self, now: crate::time::Timestamp, sink: &mut Sink<'_>) -> Result<()> {
        let Engine { tcp, pipeline, .. } = self;
        tcp.advance(now, &mut |event| pipeline.feed(&event));
        self.drain(sink)
    }

    /// The capture is over.
    pub(super) fn finish(&mut self, sink: &mut Sink<'_>) -> Result<net::NetStats> {
        let Engine { tcp, pipeline, .. } = self;
        tcp.finish(&mut |event| pipeline.feed(&event));
        pipeline.finish();
        self.drain(sink)?;
        Ok(self.net.stats())
    }

    fn drain(&mut self, sink: &mut Sink<'_>) -> Result<()> {
        let Engine { pipeline, limits, policy, legs, .. } = self;
        let mut result = Ok(());
        pipeline.drain(&mut |output| {
            if result.is_ok() {
                result = sink(judged(output, limits, policy, legs));
            }
        });
        result
    }
}

fn judged(output: pipeline::Output, limits: &conformance::Limits, policy: &Policy, legs: &mut Legs) -> Message {
    match output {
        pipeline::Output::Begun(id) => Message::Begun(id),
        pipeline::Output::Part(part) => Message::Part(part),
        pipeline::Output::Connection(connection) => Message::Connection(connection),
        pipeline::Output::Exchange(exchange) => {
            let metrics = metrics::of(&exchange);
            let far = legs.far_side(&exchange, &metrics);
            let findings = conformance::judge_beside(&exchange, &metrics, limits, policy, far.as_ref());
            Message::Finished(Box::new(Finished { exchange, metrics, findings }))
        }
    }
}
