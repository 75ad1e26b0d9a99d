//! Packets in, judged exchanges out: the layers stacked, for recording and for `check` alike.

use super::values;
use crate::capture::Packet;
#[cfg(feature = "proxy")]
use crate::conn::ByteEvent;
use crate::store::Finished;
use crate::store::write::Message;
use crate::time::{Span, Timestamp};
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
    /// A gap between deltas of at least this is a stall …
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = values::span)]
    stall: Span,
    /// … if it is also so many times the median gap
    #[arg(long, value_name = "X", default_value_t = 20.0)]
    stall_times_median: f64,
    /// An answer that is complete within this after its first delta was buffered …
    #[arg(long, value_name = "TIME", default_value = "50ms", value_parser = values::span)]
    burst_window: Span,
    /// … if it has more deltas than this
    #[arg(long, value_name = "N", default_value_t = 20)]
    burst_min_deltas: usize,
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

    fn conformance(&self) -> conformance::Limits {
        conformance::Limits {
            stall: self.stall,
            stall_times_median: self.stall_times_median,
            burst_window: self.burst_window,
            burst_min_deltas: self.burst_min_deltas,
        }
    }
}

/// The layers of one session.
pub(super) struct Engine {
    net: net::Decoder,
    tcp: tcp::Table,
    pipeline: pipeline::Pipeline,
    limits: conformance::Limits,
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
            limits: limits.conformance(),
            ports: ports.to_vec(),
        }
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
    pub(super) fn tick(&mut self, now: Timestamp, sink: &mut Sink<'_>) -> Result<()> {
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
        let Engine { pipeline, limits, .. } = self;
        let mut result = Ok(());
        pipeline.drain(&mut |output| {
            if result.is_ok() {
                result = sink(judged(output, limits));
            }
        });
        result
    }
}

fn judged(output: pipeline::Output, limits: &conformance::Limits) -> Message {
    match output {
        pipeline::Output::Begun(id) => Message::Begun(id),
        pipeline::Output::Part(part) => Message::Part(part),
        pipeline::Output::Connection(connection) => Message::Connection(connection),
        pipeline::Output::Exchange(exchange) => {
            let metrics = metrics::of(&exchange);
            let findings = conformance::judge(&exchange, &metrics, limits);
            Message::Finished(Box::new(Finished { exchange, metrics, findings }))
        }
    }
}
