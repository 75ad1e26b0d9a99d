//! A capture file through all layers of the library, with what is left in the tables when it is over.

use sniff::capture::{Item, file::Reader};
use sniff::exchange::Exchange;
use sniff::pipeline::{Config, Connection, Output, Pipeline};
use sniff::{net, tcp, tls};
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
    let config = Config { part_bytes: usize::MAX, part_items: usize::MAX, keys: keys.clone(), ..Config::default() };
    let (mut net, mut table, mut pipeline) = (net::Decoder::new(), tcp::Table::new(tcp::Limits::default()), Pipeline::new(config));
    let mut seen = Seen::default();
    match Reader::open(&path.display().to_string()) {
        Ok(mut reader) => loop {
            match reader.next() {
                Ok(Some(Item::Packet(packet))) => {
                    net.push(&packet, &mut |segment| table.push(segment, &mut |event| pipeline.feed(&event)));
                }
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
    table.finish(&mut |event| pipeline.feed(&event));
    pipeline.finish();
    pipeline.drain(&mut |output| match output {
        Output::Exchange(e) => seen.exchanges.push(*e),
        Output::Connection(c) => seen.connections.push(*c),
        Output::Begun(_) | Output::Part(_) => {}
    });
    seen.exchanges.sort_by_key(|e| e.id);
    seen.net = net.stats();
    seen.left = table.len() + usize::from(pipeline.has_output());
    seen
}
