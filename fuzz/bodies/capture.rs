//! A whole capture file: every reader, link layer, TCP, and all above.

use sniff::analyzer::{Analyzer, Options};
use sniff::capture::{Item, file::Reader};

/// A whole capture file: every reader, link layer, TCP, and all above.
pub fn run(data: &[u8]) {
    let mut reader = Reader::new(Box::new(std::io::Cursor::new(data.to_vec())), "fuzz");
    let mut analyzer = Analyzer::new(Options::default());
    while let Ok(Some(item)) = reader.next() {
        if let Item::Packet(packet) = item {
            analyzer.packet(&packet, &mut drop);
        }
    }
    analyzer.finish(&mut drop);
}
