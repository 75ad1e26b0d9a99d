//! A whole exchange without secrets, fit to be shared.

use super::{Masks, Redactor, Stretch};
use crate::exchange::Exchange;
use crate::http::event::{Fields, RequestHead, ResponseHead};
use crate::http::stored;

/// An exchange without the secrets of its heads, trailers, bodies and texts.
pub fn exchange(x: &Exchange) -> Exchange {
    let (redactor, mut masks) = (Redactor::default(), Masks::default());
    let mut x = x.clone();
    let [request, response] = masks.exchange(&mut x, &redactor);
    let joined = |parts: Vec<Stretch>| parts.into_iter().flat_map(|s| s.bytes).collect();
    if let Some(r) = &mut x.request {
        r.body.bytes = joined(request);
        let kept =
            stored::Kept { first_at: r.head.first_at, h2_stream: r.head.h2_stream, transfer: r.head.transfer.as_str() };
        // A head that no longer parses is left out.
        r.head = stored::request(&masks.head(r.head.fields.raw(), &redactor), kept)
            .unwrap_or_else(|| RequestHead { fields: Fields::default(), ..r.head.clone() });
    }
    if let Some(r) = &mut x.response {
        r.body.bytes = joined(response);
        let stream = r.head.as_ref().and_then(|h| h.h2_stream);
        if !r.trailers.raw().is_empty() {
            r.trailers = stored::trailers(&masks.head(r.trailers.raw(), &redactor), stream);
        }
        for h in r.head.iter_mut().chain(&mut r.informational) {
            let kept = stored::Kept { first_at: h.first_at, h2_stream: h.h2_stream, transfer: h.transfer.as_str() };
            let raw = masks.head(h.fields.raw(), &redactor);
            *h =
                stored::response(&raw, kept).unwrap_or_else(|| ResponseHead { fields: Fields::default(), ..h.clone() });
        }
    }
    x
}
