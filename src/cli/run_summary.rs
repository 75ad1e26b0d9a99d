//! Counts of a recording for its last lines, and the check that a capture was not empty.

use crate::analyzer::{Analyzed, Connection};
use crate::capture::Counts;
use crate::conformance::Level;
use crate::net::NetStats;
use crate::report::connections::Unread;
use crate::report::text::{Style, bytes, count};
use crate::summary::FindingSummary;
use crate::summary::connection::ConnectionSummary;
use anyhow::{Result, bail};

/// Where the bytes of a recording come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Door {
    /// Packets, live or from a file.
    #[default]
    Packets,
    /// A proxy, which has no packets.
    #[cfg(feature = "proxy")]
    Proxy,
    /// A `.wire` transcript, which has no packets.
    Transcript,
}

/// What a recording contained.
#[derive(Debug, Default)]
pub(super) struct RunSummary {
    door: Door,
    pub(super) connections: u64,
    pub(super) exchanges: u64,
    /// Number of findings by level: info, warning, error.
    findings: [u64; 3],
    unread: Unread,
    /// The disk had no room for all of it.
    pub(super) disk_full: bool,
}

impl RunSummary {
    /// The exit code of a recording that came to its end.
    pub(super) fn code(&self) -> u8 {
        if self.disk_full { 2 } else { 0 }
    }

    /// Starts at zero.
    pub(super) fn new(door: Door) -> RunSummary {
        RunSummary { door, ..RunSummary::default() }
    }

    pub(super) fn exchange(&mut self, analyzed: &Analyzed) {
        self.exchanges += 1;
        analyzed.findings.iter().for_each(|f| self.findings[FindingSummary::new(f).level as usize] += 1);
    }

    pub(super) fn connection(&mut self, c: &Connection) {
        self.connections += 1;
        self.unread.add(&ConnectionSummary::from(c));
    }

    /// Notices about TLS that could not be decrypted, and what helps.
    pub(super) fn unread(&self, color: bool) -> Vec<String> {
        self.unread.lines(color)
    }

    /// The last lines of a recording.
    pub(super) fn lines(&self, counts: &Counts, net: &NetStats, color: bool) -> Vec<String> {
        let read = match self.door {
            #[cfg(feature = "proxy")]
            Door::Proxy => format!("{} relayed", bytes(counts.bytes)),
            Door::Transcript => format!("a transcript of {}", bytes(counts.bytes)),
            Door::Packets => format!("{} ({})", count(counts.packets, "packet", "packets"), bytes(counts.bytes)),
        };
        let mut lines = vec![format!(
            "{read}, {}, {}",
            count(self.connections, "connection", "connections"),
            count(self.exchanges, "exchange", "exchanges"),
        )];
        let [info, warning, error] = self.findings;
        if self.exchanges > 0 {
            let worst = [(error, Level::Error), (warning, Level::Warning), (info, Level::Info)]
                .into_iter()
                .find(|(n, _)| *n > 0);
            let style = worst.map_or(Style::Green, |(_, level)| Style::of(level));
            let said = [count(error, "error", "errors"), count(warning, "warning", "warnings"), format!("{info} info")]
                .join(", ");
            lines.push(style.paint(&format!("findings: {said}"), color));
        }
        for (n, who) in
            [(counts.dropped_kernel, "the kernel (buffer full: try --buffer)"), (counts.dropped_device, "the device")]
        {
            if let Some(n @ 1..) = n {
                let dropped = count(n, "packet was", "packets were");
                lines.push(
                    Style::Red.paint(&format!("DROPPED: {dropped} dropped by {who}; exchanges may have holes"), color),
                );
            }
        }
        let odd = [
            (
                net.unknown_link,
                format!("of link type {}, which sniff does not read", net.unknown_link_type.unwrap_or_default()),
            ),
            (net.malformed, "with broken headers".into()),
            (net.bad_checksum, "with wrong checksums".into()),
            (net.lost_fragments, "IP fragments that were never completed".into()),
        ];
        for (n, what) in odd.iter().filter(|(n, _)| *n > 0) {
            lines.push(Style::Yellow.paint(&format!("not read: {} {what}", count(*n, "packet", "packets")), color));
        }
        lines.extend(self.unread(color));
        lines
    }
}

/// A file without packets, or without readable ones, is an error: an empty result must not look like a clean one.
pub(super) fn readable(name: &str, counts: &Counts, net: &NetStats) -> Result<()> {
    if counts.packets == 0 {
        bail!("{name} contains no packets");
    }
    if net.packets > 0 && net.unknown_link == net.packets {
        let link = net.unknown_link_type.unwrap_or_default();
        bail!(
            "{name}: all {} have link type {link}, which sniff does not read",
            count(net.packets, "packet", "packets")
        );
    }
    Ok(())
}
