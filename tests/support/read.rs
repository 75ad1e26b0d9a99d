//! Reads a capture file through all layers of the library, and counts what is left in the tables at the end.

use sniff::analyzer::{Analyzer, Connection, Options, Output};
use sniff::capture::{Item, file::Reader};
use sniff::exchange::Exchange;
use sniff::internal::{net, tls};
use std::path::{Path, PathBuf};

/// The result of a capture.
#[derive(Default)]
pub struct Seen {
    pub exchanges: Vec<Exchange>,
    pub connections: Vec<Connection>,
    /// Counters of the packets.
    pub net: net::NetStats,
    /// The error, if the file cannot be read.
    pub error: Option<String>,
    /// Connections that some table still has after everything was finished: must be none.
    pub left: usize,
}

/// Complete exchanges, no parts. A key log next to the capture (`NAME.pcap.keys`, `NAME.keys`) is used.
pub fn read(path: &Path) -> Seen {
    let keys = tls::Keys::default();
    let beside = [PathBuf::from(format!("{}.keys", path.display())), path.with_extension("keys")];
    if let Some(log) = beside.iter().find_map(|p| std::fs::read(p).ok()) {
        keys.push(&log);
        keys.finish();
    }
    let mut analyzer = Analyzer::new(Options { keys: keys.clone(), ..Options::whole() });
    let (mut seen, mut exchanges, mut connections) = (Seen::default(), Vec::new(), Vec::new());
    let mut sink = |output| match output {
        Output::Exchange(analyzed) => exchanges.push(*analyzed.exchange),
        Output::Connection(c) => connections.push(*c),
        Output::Begun(_) | Output::Part(_) => {}
    };
    match Reader::open(&path.display().to_string()) {
        Ok(mut reader) => loop {
            match reader.next() {
                Ok(Some(Item::Packet(packet))) => analyzer.packet(&packet, &mut sink),
                Ok(Some(Item::Secrets(lines))) => keys.push(lines),
                Ok(Some(Item::Notice(_))) => {}
                Ok(None) => break,
                Err(e) => {
                    seen.error = Some(format!("{e:#}"));
                    break;
                }
            }
        },
        Err(e) => seen.error = Some(format!("{e:#}")),
    }
    seen.net = analyzer.finish(&mut sink);
    exchanges.sort_by_key(|e| e.id);
    Seen { exchanges, connections, left: analyzer.connections(), ..seen }
}
