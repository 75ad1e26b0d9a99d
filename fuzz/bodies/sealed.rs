//! TLS with its keys at hand: packets of real connections, harmed as the input says, read to the end.

use sniff::analyzer::{Analyzer, Options};
use sniff::capture::{Item, Packet, file::Reader};
use sniff::internal::tls;
use sniff::time::Timestamp;
use std::sync::LazyLock;

type Recorded = (Vec<u8>, Vec<Vec<u8>>);

/// Key log and frames of each capture.
static CAPTURES: LazyLock<Vec<Recorded>> = LazyLock::new(|| {
    let files: [&'static [u8]; 8] = [
        include_bytes!("../../captures/tls/tls10-cbc/input.pcapng"),
        include_bytes!("../../captures/tls/tls12-cbc-encrypt-then-mac/input.pcapng"),
        include_bytes!("../../captures/tls/tls12-cbc-mac-then-encrypt/input.pcapng"),
        include_bytes!("../../captures/tls/tls12-ccm8/input.pcapng"),
        include_bytes!("../../captures/tls/tls12-chacha20/input.pcapng"),
        include_bytes!("../../captures/tls/tls12-rc4/input.pcapng"),
        include_bytes!("../../captures/tls/tls12-renegotiation/input.pcapng"),
        include_bytes!("../../captures/tls/tls13-resumption/input.pcapng"),
    ];
    files.into_iter().map(recorded).collect()
});

fn recorded(file: &'static [u8]) -> Recorded {
    let mut reader = Reader::new(Box::new(std::io::Cursor::new(file)), "capture");
    let (mut keys, mut frames) = (Vec::new(), Vec::new());
    while let Ok(Some(item)) = reader.next() {
        match item {
            Item::Packet(packet) => frames.push(packet.data.to_vec()),
            Item::Secrets(lines) => keys.extend_from_slice(lines),
            Item::Notice(_) => {}
        }
    }
    (keys, frames)
}

/// TLS with its keys at hand: packets of real connections, harmed as the input says, read to the end.
pub fn run(data: &[u8]) {
    let Some((which, harm)) = data.split_first() else { return };
    let (log, frames) = &CAPTURES[usize::from(*which) % CAPTURES.len()];
    let mut frames = frames.clone();
    // Four bytes a harm: which frame, what is done to it, where, with what.
    let mut late = false;
    for bytes in harm.chunks_exact(4) {
        let at = usize::from(bytes[0]) % frames.len();
        let place = 54 + usize::from(bytes[2]) * 6;
        match bytes[1] % 7 {
            0 => frames[at].truncate(place),
            1 => frames[at].clear(),
            2 => {
                let other = usize::from(bytes[2]) % frames.len();
                frames.swap(at, other);
            }
            3 => late = true,
            4 => {
                let copy = frames[at].clone();
                frames.insert(at, copy);
            }
            _ => {
                if let Some(byte) = frames[at].get_mut(place) {
                    *byte ^= bytes[3];
                }
            }
        }
    }
    let keys = tls::Keys::default();
    keys.expect();
    if !late {
        keys.push(log);
    }
    let mut analyzer = Analyzer::new(Options { keys: keys.clone(), ..Options::default() });
    for (n, frame) in frames.iter().enumerate().filter(|(_, f)| !f.is_empty()) {
        if late && n == frames.len() * 2 / 3 {
            keys.push(log);
        }
        let at = Timestamp(n as i64 * 1_000_000);
        let packet = Packet { at, frame: n as u64 + 1, link: 1, device: 0, wire_len: frame.len() as u32, data: frame };
        analyzer.packet(&packet, &mut drop);
    }
    analyzer.finish(&mut drop);
}
