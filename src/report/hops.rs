//! Both sides of one proxy in one recording: the same answer twice, and how the proxy changed its times. Rule
//! DLV-011 compares the same figures.

use crate::conformance::hop::Side;
use crate::conn::Endpoints;
use crate::summary::Summary;
use crate::time::{Span, Timestamp};
use std::net::SocketAddr;

/// One side of an exchange with its times; none unless it is a stream with text in at least two deltas.
pub fn side(s: &Summary) -> Option<Side> {
    let (t, r) = (&s.timing, s.response.as_ref()?);
    let text = r.text.clone().filter(|text| !text.is_empty())?;
    let (begun, ended) = (Timestamp(t.t_request_start_ns?), Timestamp(t.t_response_end_ns?));
    let ends = Endpoints {
        client: SocketAddr::new(s.client_ip, s.client_port),
        server: SocketAddr::new(s.server_ip, s.server_port),
    };
    Some(Side { id: s.id, session: s.session, ends, begun, ended, text, ttft: t.ttft?, gap: t.itl_p50? })
}

/// One sentence per exchange whose upstream side is among `sides`: (id, sentence).
pub fn sentences(sides: &[Side]) -> Vec<(i64, String)> {
    let mut sides: Vec<&Side> = sides.iter().collect();
    sides.sort_by_key(|side| side.begun);
    let mut out = Vec::new();
    for (i, downstream) in sides.iter().enumerate() {
        // Several proxies may be in a row. The next one in order of the requests is the nearest hop.
        let mut later = sides[i + 1..].iter().take_while(|upstream| upstream.begun < downstream.ended);
        let Some(upstream) = later.find(|upstream| downstream.has_inside(upstream)) else { continue };
        let verdict = match () {
            () if downstream.holds_back(upstream) => ": the hop holds deltas back and sends them together (DLV-011)",
            () if downstream.is_late(upstream) => ": the hop holds the first delta back",
            () => "",
        };
        let added = downstream.ttft.0.saturating_sub(upstream.ttft.0).max(0);
        out.push((
            downstream.id,
            format!(
                "#{} is the upstream side of the same answer: TTFT {} there, {} here (+{}), gap p50 {} there, {} \
                    here{verdict}",
                upstream.id,
                upstream.ttft,
                downstream.ttft,
                Span(added),
                upstream.gap,
                downstream.gap
            ),
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A proxy that listens on port 8000 and sends its requests to port 9000 of the same host.
    fn side(id: i64, upstream: bool, begun: i64, ttft: i64, gap: i64) -> Side {
        let at = |ms| Timestamp(0).plus(Span::from_millis(ms));
        let (ttft, gap) = (Span::from_millis(ttft), Span::from_millis(gap));
        let at_host = |n, port| SocketAddr::from(([192, 0, 2, n], port));
        let (client, server) =
            if upstream { (at_host(2, 50000), at_host(9, 9000)) } else { (at_host(1, 40000), at_host(2, 8000)) };
        let ends = Endpoints { client, server };
        Side { id, session: 1, ends, begun: at(begun), ended: at(5000), text: "same".into(), ttft, gap }
    }

    #[test]
    fn a_hop_that_buffers_is_told_from_one_that_passes_on() {
        let held = sentences(&[side(1, false, 0, 287, 1), side(2, true, 5, 22, 5)]);
        assert_eq!(held.len(), 1);
        assert!(
            held[0].0 == 1 && held[0].1.contains("DLV-011") && held[0].1.contains("TTFT 22.0 ms there"),
            "{held:?}"
        );
        let passed = sentences(&[side(1, false, 0, 25, 5), side(2, true, 2, 22, 5)]);
        assert!(passed[0].1.ends_with("5.00 ms here"), "{passed:?}");
    }

    #[test]
    fn other_answers_and_the_same_connection_are_no_hop() {
        assert_eq!(sentences(&[side(1, false, 0, 25, 5), side(2, false, 2, 22, 5)]), []);
        assert_eq!(
            sentences(&[side(1, false, 0, 25, 5), Side { text: "other".into(), ..side(2, true, 2, 22, 5) }]),
            []
        );
        assert_eq!(sentences(&[side(1, false, 6000, 25, 5), side(2, true, 2, 22, 5)]), []);
    }

    #[test]
    fn the_nearest_hop_is_the_next_request_whichever_answer_ends_first() {
        // Two proxies in a row on one host, each with a port of its own: 8000, then 8001, then the model at 9000.
        let port = |n| SocketAddr::from(([192, 0, 2, 2], n));
        let ended = |ms| Timestamp(0).plus(Span::from_millis(ms));
        let outer = Side { ended: ended(4000), ..side(1, false, 0, 40, 5) };
        let mut middle = Side { ended: ended(3000), ..side(2, true, 5, 30, 5) };
        middle.ends.server = port(8001);
        for last in [2000, 3500, 6000] {
            let inner = Side { ended: ended(last), ..side(3, true, 10, 20, 5) };
            let all = sentences(&[inner, outer.clone(), middle.clone()]);
            let begin = |id, upstream| (id, format!("#{upstream} is the upstream side of the same answer: "));
            let have: Vec<_> = all.iter().map(|(id, text)| (*id, text[..begin(0, 0).1.len()].to_owned())).collect();
            assert_eq!(have, [begin(1, 2), begin(2, 3)], "the model's answer ends at {last} ms");
        }
    }
}
