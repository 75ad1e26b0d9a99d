//! A whole capture file: every reader, link layer, TCP, and all above.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sniff::capture::{Item, file::Reader};
use sniff::pipeline::exchanges_of;

fuzz_target!(|data: &[u8]| {
    let mut reader = Reader::new(Box::new(std::io::Cursor::new(data.to_vec())), "fuzz");
    let mut net = sniff::net::Decoder::new();
    let mut table = sniff::tcp::Table::new(sniff::tcp::Limits::default());
    let exchanges = exchanges_of(|sink| {
        while let Ok(Some(item)) = reader.next() {
            if let Item::Packet(packet) = item {
                net.push(&packet, &mut |segment| table.push(segment, sink));
            }
        }
        table.finish(sink);
    });
    judge(&exchanges);
});

fn judge(exchanges: &[sniff::exchange::Exchange]) {
    for exchange in exchanges {
        let metrics = sniff::metrics::of(exchange);
        let _ = sniff::conformance::judge(exchange, &metrics, &Default::default());
    }
}
