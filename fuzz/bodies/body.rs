//! Content codings and framings on any bytes, in any pieces.

use sniff::internal::body::Decoder;
use sniff::internal::framing::Stream;
use sniff::time::Timestamp;

const CODINGS: [Option<&str>; 6] = [None, Some("gzip"), Some("deflate"), Some("br"), Some("zstd"), Some("gzip, br")];
const TYPES: [Option<&str>; 4] =
    [None, Some("text/event-stream"), Some("application/json"), Some("application/vnd.amazon.eventstream")];

/// Content codings and framings on any bytes, in any pieces.
pub fn run(data: &[u8]) {
    let Some((&[coding, kind, size], bytes)) = data.split_first_chunk::<3>() else { return };
    let mut decoder = Decoder::new(CODINGS[usize::from(coding) % CODINGS.len()]);
    let mut stream = Stream::new(TYPES[usize::from(kind) % TYPES.len()]);
    for part in bytes.chunks(usize::from(size).max(1)) {
        decoder.push(Timestamp(0), 0, part, &mut |piece| stream.push(piece, &mut |_| {}), &mut |_| {});
    }
    decoder.finish(Timestamp(0), &mut |_| {});
    stream.finish(Timestamp(0), size % 2 == 0, &mut |_| {});
}
