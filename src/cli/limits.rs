//! Options for limits and thresholds: how packets are reassembled (for commands that read packets), and what rules
//! consider slow or late.

use super::policy::Limits as FileLimits;
use super::values;
use crate::analyzer::Budget;
use crate::time::Span;
use crate::{analyzer, conformance, tcp};
use anyhow::{Result, ensure};
use clap::Args;
use serde_json::{Value, json};

/// The memory of all that is held. For every command that reads exchanges as they come.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Memory")]
pub(super) struct MemoryArgs {
    /// Memory for all that captured bytes make sniff hold
    ///
    /// At the limit connections give way: first one that alone holds over a quarter, then those without progress that
    /// never finished an exchange, the oldest first, then the largest. Their verdicts say so.
    #[arg(long, value_name = "SIZE", default_value = "128M", value_parser = values::size, hide_short_help = true)]
    memory: usize,
}

impl Default for MemoryArgs {
    fn default() -> Self {
        MemoryArgs { memory: Budget::default().limit() }
    }
}

impl MemoryArgs {
    /// The budget of one recording.
    pub(super) fn budget(&self) -> Budget {
        Budget::new(self.memory)
    }

    /// Bytes that may wait between two threads, if `most` are wanted: at most a quarter, because what waits counts
    /// too.
    pub(super) fn queue(&self, most: usize) -> usize {
        most.min(self.memory / 4)
    }

    /// The same for the `--buffer` that the user chose.
    ///
    /// # Errors
    /// A `--buffer` over the default one and over a quarter of the memory: a smaller one would lose what the user
    /// wants kept.
    pub(super) fn buffer(&self, wanted: usize) -> Result<usize> {
        let room = self.queue(wanted);
        let most_unasked = Budget::default().limit() / 4;
        ensure!(
            room == wanted || wanted <= most_unasked,
            "--buffer {}M is over a quarter of --memory: set --memory to {}M or more",
            wanted.div_ceil(1 << 20),
            wanted.saturating_mul(4).div_ceil(1 << 20)
        );
        Ok(room)
    }
}

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
    /// The limits for the analyzer. Half of the memory may wait behind holes: beyond it a hole is given up, which costs
    /// less than a connection.
    pub(super) fn limits(&self, memory: &MemoryArgs) -> tcp::Limits {
        tcp::Limits {
            hole_acked: self.hole_acked,
            hole: self.hole_timeout,
            hole_bytes: self.hole_bytes,
            hole_segments: self.hole_segments,
            idle: self.idle,
            memory: memory.memory / 2,
            connections: self.connections,
            ..tcp::Limits::default()
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
        "memory": options.budget.limit(),
    });
    let reassembly = json!({
        "hole_acked_ms": ms(r.hole_acked), "hole_timeout_ms": ms(r.hole), "hole_bytes": r.hole_bytes, "hole_segments": r.hole_segments,
        "idle_ms": ms(r.idle), "connections": r.connections, "verify_checksums": options.verify_checksums,
    });
    if let (true, Value::Object(all), Value::Object(reassembly)) = (packets, &mut all, reassembly) {
        all.extend(reassembly);
    }
    all
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        reassembly: ReassemblyArgs,
        #[command(flatten)]
        thresholds: ThresholdArgs,
        #[command(flatten)]
        memory: MemoryArgs,
    }

    fn line(options: &str) -> Line {
        Line::try_parse_from(["sniff"].into_iter().chain(options.split_whitespace())).unwrap()
    }

    const OPTIONS: [&str; 10] = [
        "--stall 11s",
        "--stall-times-median 12",
        "--burst-window 13ms",
        "--burst-min-deltas 14",
        "--block-deltas 15",
        "--keep-alive 16s",
        "--late-head 17s",
        "--tail 18s",
        "--transport-stall 19ms",
        "--tokens-per-delta 1.25",
    ];
    const FILE: [&str; 10] = [
        "stall = '21s'",
        "stall-times-median = 22.0",
        "burst-window = '23ms'",
        "burst-min-deltas = 24",
        "block-deltas = 25",
        "keep-alive = '26s'",
        "late-head = '27s'",
        "tail = '28s'",
        "transport-stall = '29ms'",
        "tokens-per-delta = 2.25",
    ];

    /// The thresholds in the order of the options; times in ms.
    fn values(t: &conformance::Limits) -> [f64; 10] {
        let ms = Span::as_millis_f64;
        [
            ms(t.stall),
            t.stall_times_median,
            ms(t.burst_window),
            t.burst_min_deltas as f64,
            t.block_deltas as f64,
            ms(t.keep_alive),
            ms(t.late_head),
            ms(t.tail),
            ms(t.transport_stall),
            t.tokens_per_delta,
        ]
    }

    #[test]
    fn each_threshold_is_that_of_the_option_else_of_the_file_else_the_default() {
        // As the help says.
        let usual = [10_000.0, 20.0, 50.0, 20.0, 8.0, 15_000.0, 5000.0, 1000.0, 200.0, 1.5];
        let of_options = [11_000.0, 12.0, 13.0, 14.0, 15.0, 16_000.0, 17_000.0, 18_000.0, 19.0, 1.25];
        let of_file = [21_000.0, 22.0, 23.0, 24.0, 25.0, 26_000.0, 27_000.0, 28_000.0, 29.0, 2.25];
        let judged = |options: &str, file: &str| {
            values(&line(options).thresholds.limits(&toml::from_str::<FileLimits>(file).unwrap()))
        };
        let (options, file) = (OPTIONS.join(" "), FILE.join("\n"));
        assert_eq!(judged("", ""), usual);
        assert_eq!(judged(&options, ""), of_options);
        assert_eq!(judged("", &file), of_file);
        assert_eq!(judged(&options, &file), of_options);
        // One alone changes no other.
        for n in 0..10 {
            let only =
                |all: [f64; 10], other: [f64; 10]| std::array::from_fn(|i| if i == n { all[i] } else { other[i] });
            let (option, line) = (OPTIONS[n], FILE[n]);
            assert_eq!(judged(option, ""), only(of_options, usual), "{option}");
            assert_eq!(judged("", line), only(of_file, usual), "{line}");
            assert_eq!(judged(option, &file), only(of_options, of_file), "{option}");
        }
    }

    const REASSEMBLY: &str = "--hole-acked 31ms --hole-timeout 32ms --hole-bytes 33 --hole-segments 34 --idle 35ms \
        --memory 36 --connections 37";

    #[test]
    fn each_limit_of_reassembly_has_its_option() {
        let told = |options: &str| {
            let line = line(options);
            let r = line.reassembly.limits(&line.memory);
            let times = [r.hole_acked, r.hole, r.idle].map(Span::as_millis_f64);
            (times, [r.hole_bytes, r.hole_segments, r.memory, r.connections])
        };
        assert_eq!(told(REASSEMBLY), ([31.0, 32.0, 35.0], [33, 34, 18, 37]));
        assert_eq!(told(""), ([1000.0, 60_000.0, 600_000.0], [4 << 20, 4096, 64 << 20, 100_000]));
    }

    #[test]
    fn each_limit_is_recorded_under_the_name_of_its_option() {
        let given = line(&format!("{} {REASSEMBLY}", OPTIONS.join(" ")));
        let options = analyzer::Options {
            budget: given.memory.budget(),
            reassembly: given.reassembly.limits(&given.memory),
            thresholds: given.thresholds.limits(&FileLimits::default()),
            verify_checksums: true,
            ..analyzer::Options::default()
        };
        let mut want = json!({
            "stall_ms": 11_000.0, "stall_times_median": 12.0, "burst_window_ms": 13.0, "burst_min_deltas": 14,
            "block_deltas": 15, "keep_alive_ms": 16_000.0, "late_head_ms": 17_000.0, "tail_ms": 18_000.0,
            "transport_stall_ms": 19.0, "tokens_per_delta": 1.25, "memory": 36,
        });
        assert_eq!(recorded(&options, false), want, "without packets");
        let of_packets = json!({
            "hole_acked_ms": 31.0, "hole_timeout_ms": 32.0, "hole_bytes": 33, "hole_segments": 34, "idle_ms": 35.0,
            "connections": 37, "verify_checksums": true,
        });
        want.as_object_mut().unwrap().extend(of_packets.as_object().unwrap().clone());
        assert_eq!(recorded(&options, true), want);
    }
}
