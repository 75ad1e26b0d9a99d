//! A whole exchange without secrets, fit to be shared.

use super::{BodyMask, Redactor};
use crate::exchange::Exchange;
use crate::http::event::{Fields, RequestHead, ResponseHead};
use crate::http::stored;

/// An exchange without the secrets of its heads and of the known places of its bodies.
pub fn exchange(x: &Exchange) -> Exchange {
    let redactor = Redactor::default();
    let mut x = x.clone();
    if let Some(r) = &mut x.request {
        let kept =
            stored::Kept { first_at: r.head.first_at, h2_stream: r.head.h2_stream, transfer: r.head.transfer.as_str() };
        // A head that no longer parses is left out.
        r.head = stored::request(&redactor.head(r.head.fields.raw()), kept).unwrap_or_else(|| RequestHead {
            target: redactor.target(&r.head.target).into_owned(),
            fields: Fields::default(),
            ..r.head.clone()
        });
        let coding = r.head.fields.content_codings();
        BodyMask::new(coding.as_deref()).apply(&mut r.body.bytes, &redactor, &mut Vec::new());
    }
    if let Some(r) = &mut x.response {
        let coding = r.head.as_ref().and_then(|h| h.fields.content_codings());
        BodyMask::new(coding.as_deref()).apply(&mut r.body.bytes, &redactor, &mut Vec::new());
        for h in r.head.iter_mut().chain(&mut r.informational) {
            let kept = stored::Kept { first_at: h.first_at, h2_stream: h.h2_stream, transfer: h.transfer.as_str() };
            let raw = redactor.head(h.fields.raw()).into_owned();
            *h =
                stored::response(&raw, kept).unwrap_or_else(|| ResponseHead { fields: Fields::default(), ..h.clone() });
        }
    }
    x
}
