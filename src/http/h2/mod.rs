//! HTTP/2 (RFC 9113) as seen by a listener.
pub(crate) mod hpack;
