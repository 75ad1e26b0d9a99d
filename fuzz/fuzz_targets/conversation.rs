//! One connection from the waist up: the input is cut into deliveries of both directions, with gaps and ends.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sniff::conn::{ByteEvent, ConnId, Direction, End, Endpoints, What};
use sniff::internal::pipeline::exchanges_of;
use sniff::time::Timestamp;

fuzz_target!(|data: &[u8]| {
    let exchanges = exchanges_of(|sink| {
        let endpoints = Endpoints { client: ([10, 0, 0, 1], 1).into(), server: ([10, 0, 0, 2], 2).into() };
        let mut at = 0;
        let mut say = |dir, what| {
            at += 1_000_000;
            sink(ByteEvent { at: Timestamp(at), frame: 1, conn: ConnId(0), dir, what });
        };
        let joined = data.first().is_some_and(|b| b & 1 == 1);
        say(Direction::ToServer, What::Open { endpoints, joined });
        // A control byte before each delivery: direction, gap, end, and how many bytes follow.
        let mut rest = data.get(1..).unwrap_or_default();
        while let Some((control, tail)) = rest.split_first() {
            let dir = if control & 0x80 == 0 { Direction::ToServer } else { Direction::ToClient };
            let (part, tail) = tail.split_at((usize::from(control & 0x3f) * 4).min(tail.len()));
            rest = tail;
            match (control & 0x40 != 0, part.is_empty()) {
                (true, true) => say(dir, What::End(End::Fin)),
                (true, false) => say(dir, What::Gap(part.len() as u64)),
                (false, false) => say(dir, What::Data(part)),
                (false, true) => {}
            }
        }
        say(Direction::ToServer, What::Closed(Box::default()));
    });
    for exchange in &exchanges {
        let metrics = sniff::metrics::of(exchange);
        let _ = sniff::conformance::judge(exchange, &metrics, &Default::default());
    }
});
