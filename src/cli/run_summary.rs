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
    /// Number of the session.
    pub(super) session: i64,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn said(door: Door, color: bool) -> Vec<String> {
        let summary = RunSummary { connections: 1, exchanges: 2, findings: [4, 1, 3], ..RunSummary::new(door) };
        let counts = Counts { packets: 11, bytes: 1500, dropped_kernel: Some(5), dropped_device: Some(1) };
        let net = NetStats {
            unknown_link: 6,
            unknown_link_type: Some(147),
            malformed: 7,
            bad_checksum: 8,
            lost_fragments: 1,
            ..NetStats::default()
        };
        summary.lines(&counts, &net, color)
    }

    #[test]
    fn each_count_is_said_with_its_own_name() {
        assert_eq!(
            said(Door::Packets, false),
            [
                "11 packets (1.50 kB), 1 connection, 2 exchanges",
                "findings: 3 errors, 1 warning, 4 info",
                "DROPPED: 5 packets were dropped by the kernel (buffer full: try --buffer); exchanges may have holes",
                "DROPPED: 1 packet was dropped by the device; exchanges may have holes",
                "not read: 6 packets of link type 147, which sniff does not read",
                "not read: 7 packets with broken headers",
                "not read: 8 packets with wrong checksums",
                "not read: 1 packet IP fragments that were never completed",
            ]
        );
        let first = |door| said(door, false).remove(0);
        assert_eq!(first(Door::Transcript), "a transcript of 1.50 kB, 1 connection, 2 exchanges");
        #[cfg(feature = "proxy")]
        assert_eq!(first(Door::Proxy), "1.50 kB relayed, 1 connection, 2 exchanges");
    }

    #[test]
    fn what_is_none_is_not_said() {
        let none = RunSummary::default().lines(&Counts::default(), &NetStats::default(), false);
        assert_eq!(none, ["0 packets (0 B), 0 connections, 0 exchanges"]);
        let counts = Counts { dropped_kernel: Some(0), ..Counts::default() };
        assert_eq!(RunSummary::default().lines(&counts, &NetStats::default(), false).len(), 1);
    }

    /// The colour of the worst level: red 31, yellow 33, blue 34, and green 32 without a finding (ECMA-48, SGR).
    #[test]
    fn findings_have_the_colour_of_their_worst_level() {
        for (findings, code) in [([4, 1, 3], 31), ([4, 1, 0], 33), ([4, 0, 0], 34), ([0; 3], 32)] {
            let summary = RunSummary { exchanges: 1, findings, ..RunSummary::default() };
            let lines = summary.lines(&Counts::default(), &NetStats::default(), true);
            assert!(lines[1].starts_with(&format!("\x1b[{code}mfindings: ")), "{lines:?}");
        }
    }

    #[test]
    fn a_recording_without_room_for_all_of_it_has_failed() {
        assert_eq!(RunSummary::default().code(), 0);
        assert_eq!(RunSummary { disk_full: true, ..RunSummary::default() }.code(), 2);
    }

    #[test]
    fn a_file_is_readable_if_one_of_its_packets_is() {
        let of = |packets, unknown_link| {
            let counts = Counts { packets, ..Counts::default() };
            let net = NetStats { packets, unknown_link, unknown_link_type: Some(147), ..NetStats::default() };
            readable("a.pcap", &counts, &net).map_err(|e| e.to_string())
        };
        assert_eq!(of(0, 0), Err("a.pcap contains no packets".to_owned()));
        assert_eq!(of(2, 2), Err("a.pcap: all 2 packets have link type 147, which sniff does not read".to_owned()));
        assert_eq!((of(2, 1), of(2, 0)), (Ok(()), Ok(())));
        let counts = Counts { packets: 1, ..Counts::default() };
        assert!(readable("a.wire", &counts, &NetStats::default()).is_ok(), "no layer below saw a packet");
    }
}
