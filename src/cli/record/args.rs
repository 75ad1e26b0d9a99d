//! Options of a recording from devices or capture files.

use super::storage::StorageArgs;
use crate::analyzer;
use crate::cli::limits::{MemoryArgs, ReassemblyArgs, ThresholdArgs};
use crate::cli::policy::PolicyArgs;
use crate::cli::privileges::PrivilegeArgs;
use crate::cli::values;
use crate::cli::watch::WatchArgs;
use crate::time::Span;
use crate::tls::Keys;
use anyhow::Result;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Record from devices or capture files
#[derive(Debug, Args)]
#[command(
    next_help_heading = "Recording",
    after_help = "\
Examples:
  sniff record --iface lo --port 8000
  sniff record --iface eth0 --keylog keys.txt --duration 10m
  sniff record --read monday.pcap tuesday.pcapng.zst
Each file becomes its own session, in the order given. `sniff --iface …` and `sniff --read …` do the same without the word record."
)]
pub(in crate::cli) struct RecordArgs {
    /// Capture from this device (repeatable; any: all devices)
    #[arg(long, short, value_name = "DEVICE", conflicts_with = "read")]
    pub(in crate::cli) iface: Vec<String>,
    /// Read files (pcap, pcapng, .wire; gzip, zstd), -: stdin
    #[arg(long, short, value_name = "FILE", num_args = 1..)]
    pub(in crate::cli) read: Vec<String>,
    /// Only TCP to or from these ports
    #[arg(long, short, value_name = "N,N", value_delimiter = ',')]
    pub(in crate::cli) port: Vec<u16>,
    /// Only packets that match this BPF expression (live)
    #[arg(long, value_name = "BPF", requires = "iface")]
    pub(in crate::cli) filter: Option<String>,
    /// Stop after this long (live)
    #[arg(long, value_name = "TIME", value_parser = values::span, requires = "iface")]
    pub(in crate::cli) duration: Option<Span>,
    /// Capture packets for other hosts too (live)
    #[arg(long, requires = "iface")]
    pub(in crate::cli) promiscuous: bool,
    /// Bytes captured of each packet; too few cause holes (live)
    #[arg(long, value_name = "SIZE", value_parser = values::size, default_value = "256k")]
    pub(in crate::cli) snaplen: usize,
    /// Kernel buffer per device (live)
    #[arg(long, value_name = "SIZE", value_parser = values::size, default_value = "64M")]
    pub(in crate::cli) buffer: usize,
    /// Deliver each packet at once; loses packets under load (live)
    #[arg(long, requires = "iface")]
    pub(in crate::cli) immediate: bool,
    /// TLS key log (NSS format)
    #[arg(long, value_name = "FILE", env = "SSLKEYLOGFILE")]
    pub(in crate::cli) keylog: Option<PathBuf>,
    /// Store keys, tokens and cookies unchanged, not as salted hashes
    #[arg(long)]
    pub(in crate::cli) store_secrets: bool,
    #[command(flatten)]
    pub(in crate::cli) privileges: PrivilegeArgs,
    #[command(flatten)]
    pub(in crate::cli) storage: StorageArgs,
    #[command(flatten)]
    pub(in crate::cli) watch: WatchArgs,
    #[command(flatten)]
    pub(in crate::cli) policy: PolicyArgs,
    #[command(flatten)]
    pub(in crate::cli) memory: MemoryArgs,
    #[command(flatten)]
    pub(in crate::cli) reassembly: ReassemblyArgs,
    #[command(flatten)]
    pub(in crate::cli) thresholds: ThresholdArgs,
}

impl RecordArgs {
    pub(in crate::cli) fn has_source(&self) -> bool {
        !self.read.is_empty() || !self.iface.is_empty()
    }

    /// Options of the analyzer. The error is a mistake in the configuration file.
    pub(super) fn analyzer(&self, keys: &Keys) -> Result<analyzer::Options> {
        let judge = self.policy.judge()?;
        Ok(analyzer::Options {
            budget: self.memory.budget(),
            reassembly: self.reassembly.limits(&self.memory),
            verify_checksums: self.reassembly.verify_checksums,
            ports: self.port.clone(),
            keys: keys.clone(),
            thresholds: self.thresholds.limits(&judge.limits),
            policy: judge.policy,
            ..analyzer::Options::default()
        })
    }

    /// The gap between deltas that is a stall. The error is a mistake in the configuration file.
    pub(super) fn stall(&self) -> Result<Span> {
        Ok(self.thresholds.limits(&self.policy.judge()?.limits).stall)
    }

    /// The options that the session's row stores.
    pub(super) fn options(&self, source: &str) -> serde_json::Value {
        let file = self.read.iter().find(|path| *path == source).map_or("-", String::as_str);
        let read = if self.read.is_empty() { None } else { Some(file) };
        json!({
            "iface": self.iface, "read": read, "port": self.port, "filter": self.filter,
            "duration_ms": self.duration.map(Span::as_millis_f64), "promiscuous": self.promiscuous, "snaplen": self.snaplen,
            "buffer": self.buffer, "immediate": self.immediate, "keylog": self.keylog,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        record: RecordArgs,
    }

    fn args(options: &str) -> RecordArgs {
        Line::try_parse_from(["sniff"].into_iter().chain(options.split_whitespace())).unwrap().record
    }

    #[test]
    fn a_session_keeps_each_option_under_its_own_name() {
        let live = "--iface lo --iface eth0 --port 1,2 --filter tcp --duration 90s --snaplen 3k --buffer 4M \
            --immediate --keylog k.txt";
        let want = json!({
            "iface": ["lo", "eth0"], "read": null, "port": [1, 2], "filter": "tcp", "duration_ms": 90_000.0,
            "promiscuous": false, "snaplen": 3072, "buffer": 4 << 20, "immediate": true, "keylog": "k.txt",
        });
        assert_eq!(args(live).options("lo,eth0"), want);
        assert_eq!(args("--iface lo --promiscuous").options("lo")["promiscuous"], true);
        let files = args("--read a.pcap b.pcap -");
        let read = |source: &str| files.options(source)["read"].clone();
        assert_eq!([read("a.pcap"), read("b.pcap"), read("standard input")], ["a.pcap", "b.pcap", "-"]);
        assert_eq!(files.options("a.pcap")["duration_ms"], serde_json::Value::Null);
    }
}
