//! Options for limits and thresholds: how packets are reassembled (for commands that read packets), and what rules
//! consider slow or late.

use super::policy::Limits as FileLimits;
use super::values;
use crate::time::Span;
use crate::{analyzer, conformance, tcp};
use clap::Args;
use serde_json::{Value, json};

/// Limits of reassembly. Only for commands that read packets.
#[derive(Debug, Args)]
#[command(next_help_heading = "Reassembly")]
pub(super) struct ReassemblyArgs {
    /// Time to wait for lost bytes the receiver already acknowledged
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = values::span)]
    hole_acked: Span,
    /// Time to wait for lost bytes that may be retransmitted
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = values::span)]
    hole_timeout: Span,
    /// Bytes buffered behind a hole before it is given up
    #[arg(long, value_name = "SIZE", default_value = "4M", value_parser = values::size)]
    hole_bytes: usize,
    /// Segments buffered behind a hole before it is given up
    #[arg(long, value_name = "N", default_value_t = 4096)]
    hole_segments: usize,
    /// Time without packets after which a connection is over
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = values::span)]
    idle: Span,
    /// Bytes buffered behind holes, all connections together
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = values::size)]
    memory: usize,
    /// Connections followed at once
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    connections: usize,
    /// Drop packets with a wrong IPv4 or TCP checksum
    ///
    /// Not for captures taken on the sending machine: its network card fills in the checksums later.
    #[arg(long)]
    pub(super) verify_checksums: bool,
}

impl ReassemblyArgs {
    /// The limits for the analyzer.
    pub(super) fn limits(&self) -> tcp::Limits {
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
}

/// Thresholds of rules.
#[derive(Debug, Args)]
#[command(next_help_heading = "Thresholds")]
pub(super) struct ThresholdArgs {
    /// Minimum gap between deltas that is a stall [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = values::span)]
    stall: Option<Span>,
    /// Minimum multiple of the median gap that is a stall [default: 20]
    #[arg(long, value_name = "X")]
    stall_times_median: Option<f64>,
    /// Time from first delta to end of a buffered answer [default: 50ms]
    #[arg(long, value_name = "TIME", value_parser = values::span)]
    burst_window: Option<Span>,
    /// Deltas above which such an answer was buffered [default: 20]
    #[arg(long, value_name = "N")]
    burst_min_deltas: Option<usize>,
    /// Deltas arriving together that count as a block [default: 8]
    #[arg(long, value_name = "N")]
    block_deltas: Option<u64>,
    /// Silence before the first delta that needs a keep-alive [default: 15s]
    #[arg(long, value_name = "TIME", value_parser = values::span)]
    keep_alive: Option<Span>,
    /// Delay of a head sent with the first delta that is late [default: 5s]
    #[arg(long, value_name = "TIME", value_parser = values::span)]
    late_head: Option<Span>,
    /// Report a body left open this long after its terminator [default: 1s]
    #[arg(long, value_name = "TIME", value_parser = values::span)]
    tail: Option<Span>,
    /// Minimum transport-caused pause that is a warning [default: 200ms]
    #[arg(long, value_name = "TIME", value_parser = values::span)]
    transport_stall: Option<Span>,
    /// Tokens per delta above which gaps are not per-token times [default: 1.5]
    #[arg(long, value_name = "X")]
    tokens_per_delta: Option<f64>,
}

impl ThresholdArgs {
    /// The thresholds: options win over the file, the file wins over the defaults.
    pub(super) fn limits(&self, file: &FileLimits) -> conformance::Limits {
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

/// The limits that applied, as JSON for the session's row: members are named like the options, times are in ms.
/// Sources without packets have no reassembly limits.
pub(super) fn recorded(options: &analyzer::Options, packets: bool) -> Value {
    let (r, t) = (&options.reassembly, &options.thresholds);
    let ms = Span::as_millis_f64;
    let mut all = json!({
        "stall_ms": ms(t.stall), "stall_times_median": t.stall_times_median,
        "burst_window_ms": ms(t.burst_window), "burst_min_deltas": t.burst_min_deltas, "block_deltas": t.block_deltas,
        "keep_alive_ms": ms(t.keep_alive), "late_head_ms": ms(t.late_head), "tail_ms": ms(t.tail),
        "transport_stall_ms": ms(t.transport_stall), "tokens_per_delta": t.tokens_per_delta,
    });
    let reassembly = json!({
        "hole_acked_ms": ms(r.hole_acked), "hole_timeout_ms": ms(r.hole), "hole_bytes": r.hole_bytes, "hole_segments": r.hole_segments,
        "idle_ms": ms(r.idle), "memory": r.memory, "connections": r.connections, "verify_checksums": options.verify_checksums,
    });
    if let (true, Value::Object(all), Value::Object(reassembly)) = (packets, &mut all, reassembly) {
        all.extend(reassembly);
    }
    all
}
