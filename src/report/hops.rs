//! Both sides of one proxy in one recording: the same answer twice, and what the hop did to its times (DLV-011 needs two exchanges, so it is told here
//! and is no rule).

use crate::summary::Summary;
use crate::time::Span;

/// One exchange as far as it is compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Leg {
    id: i64,
    session: i64,
    stream: u32,
    begun: i64,
    ended: i64,
    text: String,
    ttft: Span,
    gap: Span,
}

impl Leg {
    /// Of a stream with text, two deltas or more, and its times.
    pub fn new(s: &Summary) -> Option<Leg> {
        let (t, r) = (&s.timing, s.response.as_ref()?);
        let text = r.text.clone().filter(|text| !text.is_empty())?;
        let (begun, ended) = (t.t_request_start_ns?, t.t_response_end_ns?);
        Some(Leg { id: s.id, session: s.session, stream: s.stream, begun, ended, text, ttft: t.ttft?, gap: t.itl_p50? })
    }

    /// The same answer, asked for within this exchange on another connection: the far side of whatever answered here.
    fn has_inside(&self, other: &Leg) -> bool {
        let apart = self.session == other.session && self.stream != other.stream;
        apart && self.begun < other.begun && other.begun < self.ended && self.text == other.text
    }
}

/// A sentence for each exchange whose other side is among them: (id, sentence). Gaps that shrink while the first token comes later are the mark of a
/// buffer on the hop (DLV-011).
pub fn sentences(legs: &[Leg]) -> Vec<(i64, String)> {
    let mut legs: Vec<&Leg> = legs.iter().collect();
    legs.sort_by_key(|leg| leg.begun);
    let mut out = Vec::new();
    for (i, near) in legs.iter().enumerate() {
        // The nearest hop is the one that was asked first.
        let mut later = legs[i + 1..].iter().take_while(|far| far.begun < near.ended);
        let Some(far) = later.find(|far| near.has_inside(far)) else { continue };
        let verdict = match () {
            () if near.ttft.0 > 2 * far.ttft.0 && 2 * near.gap.0 < far.gap.0 => {
                ": the hop holds deltas back and sends them together (DLV-011)"
            }
            () if near.ttft.0 > 2 * far.ttft.0 + Span::from_millis(20).0 => ": the hop holds the first delta back",
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

    fn leg(id: i64, stream: u32, begun: i64, ttft: i64, gap: i64) -> Leg {
        let ms = |n| n * 1_000_000;
        let (ttft, gap) = (Span::from_millis(ttft), Span::from_millis(gap));
        Leg { id, session: 1, stream, begun: ms(begun), ended: ms(5000), text: "same".into(), ttft, gap }
    }

    #[test]
    fn a_hop_that_buffers_is_told_from_one_that_passes_on() {
        let held = sentences(&[leg(1, 0, 0, 287, 1), leg(2, 1, 5, 22, 5)]);
        assert_eq!(held.len(), 1);
        assert!(held[0].0 == 1 && held[0].1.contains("DLV-011") && held[0].1.contains("TTFT 22.0 ms there"), "{held:?}");
        let passed = sentences(&[leg(1, 0, 0, 25, 5), leg(2, 1, 2, 22, 5)]);
        assert!(passed[0].1.ends_with("5.00 ms here"), "{passed:?}");
    }

    #[test]
    fn other_answers_and_the_same_connection_are_no_hop() {
        assert_eq!(sentences(&[leg(1, 0, 0, 25, 5), leg(2, 0, 2, 22, 5)]), []);
        assert_eq!(sentences(&[leg(1, 0, 0, 25, 5), Leg { text: "other".into(), ..leg(2, 1, 2, 22, 5) }]), []);
        assert_eq!(sentences(&[leg(1, 0, 6000, 25, 5), leg(2, 1, 2, 22, 5)]), []);
    }
}
