//! `sniff list --connections`: one line per TCP or QUIC connection, and notices about TLS that could not be decrypted.

use super::table::{Cell, Column, Table};
use super::text::{Style, bytes, clean, count};
use super::zone::{Zone, iso};
use crate::quic;
use crate::summary::connection::ConnectionSummary;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// The connections as a table.
pub fn table(all: &[ConnectionSummary], zone: Zone) -> Table {
    let columns = vec![
        Column::left("Session").spare(9),
        Column::right("Stream"),
        Column::left(zone.title("Time (UTC)")).spare(3).exact("opened_at"),
        Column::left("Client").spare(8),
        Column::left("Server").min(14),
        Column::left("Speaks"),
        Column::left("TLS"),
        Column::left("SNI").min(12),
        Column::left("ALPN").min(8).spare(1),
        Column::right("Exchanges").spare(2),
        Column::right("Packets").spare(7),
        Column::right("Sent").spare(6).exact("sent_bytes"),
        Column::right("Received").spare(5).exact("received_bytes"),
        Column::left("Not read").min(10),
    ];
    Table { columns, rows: all.iter().map(|c| row(c, zone)).collect() }
}

fn row(c: &ConnectionSummary, zone: Zone) -> Vec<Cell> {
    vec![
        Cell::new(c.session.to_string()),
        Cell::new(number(c)),
        Cell::new(zone.clock(c.opened_ns, false)).style(Style::Dim).exact(iso(c.opened_ns)),
        Cell::new(SocketAddr::new(c.client_ip, c.client_port).to_string()),
        Cell::new(SocketAddr::new(c.server_ip, c.server_port).to_string()),
        Cell::new(&c.speaks),
        Cell::new(c.tls_version.as_deref().unwrap_or(if c.tls { "?" } else { "" })),
        Cell::new(name(c)),
        Cell::new(alpn(c)),
        Cell::new(c.exchanges.to_string()),
        Cell::new(c.packets.to_string()),
        Cell::new(bytes(c.client_bytes)).exact(c.client_bytes.to_string()),
        Cell::new(bytes(c.server_bytes)).exact(c.server_bytes.to_string()),
        Cell::new(c.unread.as_deref().map_or("", short)).style(Style::Yellow),
    ]
}

/// TCP connections count from 0, QUIC connections from q0: their numbers are far above.
fn number(c: &ConnectionSummary) -> String {
    match c.stream.checked_sub(quic::FIRST) {
        Some(n) => format!("q{n}"),
        None => c.stream.to_string(),
    }
}

/// The server name as the hello has it; with Encrypted Client Hello it may be the outer one.
fn name(c: &ConnectionSummary) -> String {
    let name = c.sni.clone().unwrap_or_default();
    if c.ech == Some(true) { format!("{name} (ECH)").trim_start().to_owned() } else { name }
}

/// The reason without the advice, which [`Unread`] prints once.
fn short(why: &str) -> &str {
    why.split_once(':').map_or(why, |(short, _)| short)
}

/// The ALPN protocol that was agreed on, or in brackets those that were offered.
fn alpn(c: &ConnectionSummary) -> String {
    match &c.alpn {
        Some(agreed) => agreed.clone(),
        None if c.alpn_offered.is_empty() => String::new(),
        None => format!("({})", c.alpn_offered.join(", ")),
    }
}

/// One line about connections whose server names may be outer ones, if there are any.
pub fn outer_names(all: &[ConnectionSummary], color: bool) -> Option<String> {
    let n = all.iter().filter(|c| c.ech == Some(true)).count() as u64;
    let line = format!(
        "{} with encrypted_client_hello (ECH): the server name may be the outer one, which many servers share, so that \
            nothing is grouped by it",
        count(n, "TLS connection", "TLS connections")
    );
    (n > 0).then(|| Style::Yellow.paint(&line, color))
}

/// Names that one line shows; it only counts the others.
const NAMES: usize = 3;
/// Different connections that are listed one by one; the rest is one number.
const KINDS: usize = 1000;

/// TLS connections that could not be decrypted, grouped by the reason.
#[derive(Debug, Default)]
pub struct Unread(BTreeMap<String, BTreeMap<String, u64>>);

impl Unread {
    /// Adds a connection, if it could not be decrypted.
    pub fn add(&mut self, c: &ConnectionSummary) {
        let Some(why) = &c.unread else { return };
        let address = || SocketAddr::new(c.server_ip, c.server_port).to_string();
        let mut facts = vec![c.own_name().map_or_else(address, str::to_owned)];
        facts.extend(c.tls_version.as_ref().map(|v| format!("TLS {v}")));
        facts.extend(Some(alpn(c)).filter(|a| !a.is_empty()));
        let of_reason = self.0.entry(why.clone()).or_default();
        let what = if of_reason.len() < KINDS { facts.join(" ") } else { "others".into() };
        *of_reason.entry(what).or_default() += 1;
    }

    /// The notices for all connections.
    pub fn of(all: &[ConnectionSummary]) -> Unread {
        let mut unread = Unread::default();
        all.iter().for_each(|c| unread.add(c));
        unread
    }

    /// Two lines per reason: the number of connections with their names, and what helps.
    pub fn lines(&self, color: bool) -> Vec<String> {
        let mut lines = Vec::new();
        for (why, kinds) in &self.0 {
            let mut kinds: Vec<_> = kinds.iter().collect();
            kinds.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
            let all: u64 = kinds.iter().map(|(_, n)| **n).sum();
            let shown: Vec<String> = kinds
                .iter()
                .take(NAMES)
                .map(|(what, n)| if **n > 1 { format!("{n} × {what}") } else { (*what).clone() })
                .collect();
            let rest: u64 = kinds.iter().skip(NAMES).map(|(_, n)| **n).sum();
            let more = if rest > 0 { format!("; {rest} more") } else { String::new() };
            let head = format!(
                "not read: {}: {}{more}",
                count(all, "TLS connection", "TLS connections"),
                clean(&shown.join("; "))
            );
            lines.push(Style::Yellow.paint(&head, color));
            lines.push(format!("  {why}"));
        }
        lines
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn unread(sni: Option<&str>, version: Option<&str>, offered: &[&str]) -> ConnectionSummary {
        ConnectionSummary {
            session: 1,
            stream: 0,
            opened_ns: 0,
            closed_ns: 0,
            client_ip: "10.0.0.1".parse().unwrap(),
            client_port: 40_000,
            server_ip: "10.0.0.2".parse().unwrap(),
            server_port: 443,
            speaks: "tls".into(),
            tls: true,
            sni: sni.map(str::to_owned),
            ech: None,
            alpn: None,
            alpn_offered: offered.iter().map(|s| (*s).to_owned()).collect(),
            tls_version: version.map(str::to_owned),
            tls_suite: None,
            unread: Some("no secrets".into()),
            exchanges: 0,
            packets: 9,
            client_bytes: 1,
            server_bytes: 2,
        }
    }

    #[test]
    fn many_connections_are_few_lines() {
        let api = unread(Some("api.example"), Some("1.3"), &["h2", "http/1.1"]);
        let mut all = vec![api.clone(), api, unread(None, None, &[])];
        all.extend(["a", "b", "c"].map(|name| unread(Some(name), Some("1.2"), &[])));
        all.push(ConnectionSummary { unread: None, ..unread(Some("read"), Some("1.3"), &[]) });
        let lines = Unread::of(&all).lines(false);
        assert_eq!(
            lines,
            [
                "not read: 6 TLS connections: 2 × api.example TLS 1.3 (h2, http/1.1); 10.0.0.2:443; a TLS 1.2; 2 more",
                "  no secrets"
            ]
        );
        assert!(Unread::of(&all[6..]).lines(false).is_empty());
    }

    #[test]
    fn the_rest_counts_connections_not_their_kinds() {
        let mut all = Vec::new();
        for (name, times) in [("a", 5), ("b", 4), ("c", 3), ("d", 2), ("e", 1)] {
            all.extend(vec![unread(Some(name), None, &[]); times]);
        }
        let lines = Unread::of(&all).lines(false);
        assert_eq!(lines[0], "not read: 15 TLS connections: 5 × a; 4 × b; 3 × c; 3 more");
        let lines = Unread::of(&all[..12]).lines(false);
        assert_eq!(lines[0], "not read: 12 TLS connections: 5 × a; 4 × b; 3 × c");
    }

    #[test]
    fn every_column_has_its_own_value() {
        let c = ConnectionSummary {
            session: 11,
            stream: 12,
            speaks: "h2".into(),
            alpn: Some("agreed".into()),
            unread: Some("no secrets: get them".into()),
            exchanges: 13,
            packets: 14,
            client_bytes: 1500,
            server_bytes: 16,
            ..unread(Some("name.example"), Some("1.3"), &["offered"])
        };
        let row = |c: ConnectionSummary| {
            table(&[c], Zone::Utc).rows.remove(0).into_iter().map(|c| c.text).collect::<Vec<_>>()
        };
        let (shown, titles) = (row(c.clone()), table(&[], Zone::Utc).columns);
        let want = [
            ("Session", "11"),
            ("Stream", "12"),
            ("Time (UTC)", "01-01 00:00:00"),
            ("Client", "10.0.0.1:40000"),
            ("Server", "10.0.0.2:443"),
            ("Speaks", "h2"),
            ("TLS", "1.3"),
            ("SNI", "name.example"),
            ("ALPN", "agreed"),
            ("Exchanges", "13"),
            ("Packets", "14"),
            ("Sent", "1.50 kB"),
            ("Received", "16 B"),
            ("Not read", "no secrets"),
        ];
        let have: Vec<(&str, &str)> = titles.iter().map(|c| c.title).zip(shown.iter().map(String::as_str)).collect();
        assert_eq!(have, want);
        for (tls, version, told) in
            [(true, Some("1.2"), "1.2"), (true, None, "?"), (false, None, ""), (false, Some("1.1"), "1.1")]
        {
            let c = ConnectionSummary { tls, tls_version: version.map(str::to_owned), ..c.clone() };
            assert_eq!(row(c)[6], told, "{tls} {version:?}");
        }
        for (agreed, offered, told) in [(Some("h2"), &["x"][..], "h2"), (None, &["x", "y"], "(x, y)"), (None, &[], "")]
        {
            let alpn_offered = offered.iter().map(|s| (*s).to_owned()).collect();
            let c = ConnectionSummary { alpn: agreed.map(str::to_owned), alpn_offered, ..c.clone() };
            assert_eq!(row(c)[8], told, "{agreed:?} {offered:?}");
        }
    }
}
