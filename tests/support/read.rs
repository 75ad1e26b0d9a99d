//! A capture file through all layers of the library, with what is left in the tables when it is over.

use sniff::analyzer::{Analyzer, Connection, Options, Output};
use sniff::capture::{Item, file::Reader};
use sniff::exchange::Exchange;
use sniff::internal::{net, tls};
use std::path::{Path, PathBuf};

/// What came out of a capture.
#[derive(Default)]
pub struct Seen {
    pub exchanges: Vec<Exchange>,
    pub connections: Vec<Connection>,
    /// What the packets were.
    pub net: net::NetStats,
    /// Where the file cannot be read, why.
    pub error: Option<String>,
    /// Connections that some table still holds although everything was finished: none.
    pub left: usize,
}

/// Whole exchanges, nothing handed on in parts. A key log next to the capture (`NAME.pcap.keys`, `NAME.keys`) is used.
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
