//! Both sides of one proxy in one recording: the same answer twice, and what the hop did to its times (DLV-011 judges by the same).

use crate::conformance::hop::Leg;
use crate::conn::Endpoints;
use crate::summary::Summary;
use crate::time::{Span, Timestamp};
use std::net::SocketAddr;

/// Of a stream with text, two deltas or more, and its times.
pub fn leg(s: &Summary) -> Option<Leg> {
    let (t, r) = (&s.timing, s.response.as_ref()?);
    let text = r.text.clone().filter(|text| !text.is_empty())?;
    let (begun, ended) = (Timestamp(t.t_request_start_ns?), Timestamp(t.t_response_end_ns?));
    let ends = Endpoints { client: SocketAddr::new(s.client_ip, s.client_port), server: SocketAddr::new(s.server_ip, s.server_port) };
    Some(Leg { id: s.id, session: s.session, ends, begun, ended, text, ttft: t.ttft?, gap: t.itl_p50? })
}

/// A sentence for each exchange whose other side is among them: (id, sentence).
pub fn sentences(legs: &[Leg]) -> Vec<(i64, String)> {
    let mut legs: Vec<&Leg> = legs.iter().collect();
    legs.sort_by_key(|leg| leg.begun);
    let mut out = Vec::new();
    for (i, near) in legs.iter().enumerate() {
        // The nearest hop is the one that was asked first.
        let mut later = legs[i + 1..].iter().take_while(|far| far.begun < near.ended);
        let Some(far) = later.find(|far| near.has_inside(far)) else { continue };
        let verdict = match () {
            () if near.holds_back(far) => ": the hop holds deltas back and sends them together (DLV-011)",
            () if near.is_late(far) => ": the hop holds the first delta back",
            () => "",
        };
        let added = near.ttft.0.saturating_sub(far.ttft.0).max(0);
        out.push((
            near.id,
            format!(
                "#{} is the far side of the same answer: TTFT {} there, {} here (+{}), gap p50 {} there, {} here{verdict}",
                far.id,
                far.ttft,
                near.ttft,
                Span(added),
                far.gap,
                near.gap
            ),
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On the host of a hop: what it asks of port 9000, it was asked on port 8000.
    fn leg(id: i64, far: bool, begun: i64, ttft: i64, gap: i64) -> Leg {
        let at = |ms| Timestamp(0).plus(Span::from_millis(ms));
        let (ttft, gap) = (Span::from_millis(ttft), Span::from_millis(gap));
        let at_host = |n, port| SocketAddr::from(([192, 0, 2, n], port));
        let (client, server) = if far { (at_host(2, 50000), at_host(9, 9000)) } else { (at_host(1, 40000), at_host(2, 8000)) };
        let ends = Endpoints { client, server };
        Leg { id, session: 1, ends, begun: at(begun), ended: at(5000), text: "same".into(), ttft, gap }
    }

    #[test]
    fn a_hop_that_buffers_is_told_from_one_that_passes_on() {
        let held = sentences(&[leg(1, false, 0, 287, 1), leg(2, true, 5, 22, 5)]);
        assert_eq!(held.len(), 1);
        assert!(held[0].0 == 1 && held[0].1.contains("DLV-011") && held[0].1.contains("TTFT 22.0 ms there"), "{held:?}");
        let passed = sentences(&[leg(1, false, 0, 25, 5), leg(2, true, 2, 22, 5)]);
        assert!(passed[0].1.ends_with("5.00 ms here"), "{passed:?}");
    }

    #[test]
    fn other_answers_and_the_same_connection_are_no_hop() {
        assert_eq!(sentences(&[leg(1, false, 0, 25, 5), leg(2, false, 2, 22, 5)]), []);
        assert_eq!(sentences(&[leg(1, false, 0, 25, 5), Leg { text: "other".into(), ..leg(2, true, 2, 22, 5) }]), []);
        assert_eq!(sentences(&[leg(1, false, 6000, 25, 5), leg(2, true, 2, 22, 5)]), []);
    }
}
