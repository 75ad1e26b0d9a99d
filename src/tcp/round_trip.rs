//! Round-trip times between the capture point and each end of a connection: from bytes (or a SYN) to the
//! acknowledgement that covers them. One sample at a time, as the timer of RFC 6298 takes them, and none of bytes that
//! were sent twice (Karn's algorithm). The least of all is kept, because acknowledgements may be delayed.

use crate::net::{Segment, flags};
use crate::time::{Span, Timestamp};

/// The round-trip times of one connection; index 0 and 1 are its sides.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RoundTrip {
    /// Per sender: the end of the bytes that wait for an acknowledgement, and when they passed.
    waits: [Option<(u32, Timestamp)>; 2],
    /// Per sender: the end of all that it has sent.
    furthest: [Option<u32>; 2],
    /// Per side that acknowledges: the least time that it took.
    least: [Option<Span>; 2],
}

impl RoundTrip {
    /// A segment of one side passed.
    #[inline]
    pub(super) fn segment(&mut self, side: usize, seg: &Segment<'_>) {
        if seg.flags & flags::RST != 0 {
            return;
        }
        if let Some((end, passed)) = self.waits[1 - side]
            && seg.flags & flags::ACK != 0
            && reaches(seg.ack, end)
        {
            self.waits[1 - side] = None;
            if let Some(took) = seg.at.elapsed(passed) {
                self.least[side] = Some(self.least[side].map_or(took, |least| least.min(took)));
            }
        }
        let syn = seg.flags & flags::SYN != 0;
        let len = (seg.payload.len() as u32).wrapping_add(seg.missing).wrapping_add(u32::from(syn));
        if len == 0 {
            return;
        }
        let end = seg.seq.wrapping_add(len);
        let again = self.furthest[side].is_some_and(|furthest| reaches(furthest, end));
        match self.waits[side] {
            // The acknowledgement could be of either copy.
            Some((waiting, _)) if again && !reaches(seg.seq, waiting) => self.waits[side] = None,
            None if !again => self.waits[side] = Some((end, seg.at)),
            _ => {}
        }
        if !again {
            self.furthest[side] = Some(end);
        }
    }

    /// The least round-trip time between the capture point and this side.
    pub(super) fn to(&self, side: usize) -> Option<Span> {
        self.least[side]
    }
}

/// Whether position `at` is at `end` or beyond it.
fn reaches(at: u32, end: u32) -> bool {
    at.wrapping_sub(end) as i32 >= 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: usize = 0;
    const SERVER: usize = 1;

    const MS: i64 = 1_000_000;

    /// A segment at a time in milliseconds.
    fn seg(at: i64, seq: u32, ack: u32, flags: u8, payload: &[u8]) -> Segment<'_> {
        let end = std::net::SocketAddr::from(([192, 0, 2, 1], 1));
        Segment {
            at: Timestamp(at * MS),
            frame: 1,
            src: end,
            dst: end,
            realm: 0,
            device: None,
            ident: 0,
            seq,
            ack,
            flags,
            window: 0,
            payload,
            missing: 0,
        }
    }

    /// The least times to client and server, in milliseconds.
    fn least(all: &[(usize, Segment<'_>)]) -> (Option<i64>, Option<i64>) {
        let mut rtt = RoundTrip::default();
        all.iter().for_each(|(side, seg)| rtt.segment(*side, seg));
        (rtt.to(CLIENT).map(|s| s.0 / MS), rtt.to(SERVER).map(|s| s.0 / MS))
    }

    #[test]
    fn a_handshake_gives_both() {
        let all = [
            (CLIENT, seg(0, 99, 0, flags::SYN, b"")),
            (SERVER, seg(30, 499, 100, flags::SYN | flags::ACK, b"")),
            (CLIENT, seg(32, 100, 500, flags::ACK, b"")),
        ];
        assert_eq!(least(&all), (Some(2), Some(30)));
    }

    #[test]
    fn the_least_of_all_acknowledgements_counts() {
        let all = [
            (CLIENT, seg(0, 100, 0, flags::ACK, b"ask")),
            (SERVER, seg(70, 500, 103, flags::ACK, b"answer")),
            (CLIENT, seg(112, 103, 506, flags::ACK, b"")), // a delayed acknowledgement
            (SERVER, seg(113, 506, 103, flags::ACK, b"more")),
            (SERVER, seg(114, 510, 103, flags::ACK, b"more")), // the timer still runs for the bytes before
            (CLIENT, seg(116, 103, 514, flags::ACK, b"")),
        ];
        assert_eq!(least(&all), (Some(3), Some(70)));
    }

    #[test]
    fn bytes_that_were_sent_twice_give_no_sample() {
        let syns = [
            (CLIENT, seg(0, 99, 0, flags::SYN, b"")),
            (CLIENT, seg(1000, 99, 0, flags::SYN, b"")),
            (SERVER, seg(1030, 499, 100, flags::SYN | flags::ACK, b"")),
        ];
        assert_eq!(least(&syns), (None, None));
        let bytes = [
            (CLIENT, seg(0, 100, 0, flags::ACK, b"ask")),
            (CLIENT, seg(200, 100, 0, flags::ACK, b"ask")),
            (SERVER, seg(230, 500, 103, flags::ACK, b"")),
            (CLIENT, seg(300, 103, 500, flags::ACK, b"again")),
            (SERVER, seg(340, 500, 108, flags::ACK, b"")),
        ];
        assert_eq!(least(&bytes), (None, Some(40)));
    }

    #[test]
    fn an_acknowledgement_of_a_part_ends_nothing_and_numbers_wrap() {
        let all = [
            (CLIENT, seg(0, u32::MAX - 1, 0, flags::ACK, b"ask")),
            (SERVER, seg(10, 500, 0, flags::ACK, b"")), // two of three bytes
            (SERVER, seg(50, 500, 1, flags::ACK, b"")),
        ];
        assert_eq!(least(&all), (None, Some(50)));
    }

    #[test]
    fn a_clock_that_steps_back_gives_no_sample() {
        let all = [(CLIENT, seg(5, 100, 0, flags::ACK, b"ask")), (SERVER, seg(4, 500, 103, flags::ACK, b""))];
        assert_eq!(least(&all), (None, None));
    }
}
