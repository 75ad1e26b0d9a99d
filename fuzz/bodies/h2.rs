//! HTTP/2: the input makes frames of both directions with whole headers, so that it gets behind the framing.

use sniff::conn::{ByteEvent, ConnId, Direction, Endpoints, What};
use sniff::internal::pipeline::exchanges_of;
use sniff::time::Timestamp;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Tells the pipeline one thing after the other, a millisecond apart.
struct Teller<'s> {
    sink: &'s mut dyn FnMut(ByteEvent<'_>),
    at: i64,
}

impl Teller<'_> {
    fn say(&mut self, dir: Direction, what: What<'_>) {
        self.at += 1_000_000;
        (self.sink)(ByteEvent { at: Timestamp(self.at), frame: 1, conn: ConnId(0), dir, what });
    }
}

/// HTTP/2: the input makes frames of both directions with whole headers, so that it gets behind the framing.
pub fn run(data: &[u8]) {
    let exchanges = exchanges_of(|sink| {
        let endpoints = Endpoints { client: ([10, 0, 0, 1], 1).into(), server: ([10, 0, 0, 2], 2).into() };
        let mut teller = Teller { sink, at: 0 };
        let joined = data.first().is_some_and(|b| b & 1 == 1);
        teller.say(Direction::ToServer, What::Open { endpoints, joined });
        if !joined {
            teller.say(Direction::ToServer, What::Data(PREFACE));
        }
        // Three bytes before each frame: direction, a gap instead, cut, type; flags; stream and length.
        let mut rest = data.get(1..).unwrap_or_default();
        while let [control, flags, size, tail @ ..] = rest {
            let dir = if control & 0x80 == 0 { Direction::ToServer } else { Direction::ToClient };
            let (payload, tail) = tail.split_at(usize::from(size & 0x3f).min(tail.len()));
            rest = tail;
            if control & 0x40 != 0 {
                teller.say(dir, What::Gap(payload.len() as u64 + 1));
                continue;
            }
            let mut frame = vec![0, 0, payload.len() as u8, control & 0x0f, *flags, 0, 0, 0, size >> 6];
            frame.extend_from_slice(payload);
            let (first, second) = frame.split_at(if control & 0x20 == 0 { frame.len() } else { frame.len() / 2 });
            [first, second]
                .into_iter()
                .filter(|part| !part.is_empty())
                .for_each(|part| teller.say(dir, What::Data(part)));
        }
        teller.say(Direction::ToServer, What::Closed(Box::default()));
    });
    for exchange in &exchanges {
        let metrics = sniff::metrics::of(exchange);
        let _ = sniff::conformance::judge(exchange, &metrics, &Default::default());
    }
}
