//! How an exchange ended, as `show` prints it: [`Ending`] in JSON with times in ns since 1970 UTC and spans in ms.

use crate::exchange::ending::Ending;
use crate::http::event::EndSignal;
use crate::time::Span;
use serde::ser::{Serialize, SerializeStruct, Serializer};

impl Serialize for Ending {
    /// `kind` of whole messages: `no-body`, `zero-chunk`, `length`, `end-stream`, `close`; of cut ones: `fin`,
    /// `reset`, `close-notify`, `rst-stream`, `goaway`, `idle`, `capture-end`, `not-captured`, `switched`. `by`:
    /// `client`, `server`, `capture`. `client`, `server`: what that side had done to the connection by then.
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let ms = |s: Option<Span>| s.map(Span::as_millis_f64);
        let (code, last_stream) = codes(self.told);
        let mut s = s.serialize_struct("Ending", 14)?;
        s.serialize_field("kind", self.told.map_or("", EndSignal::as_str))?;
        s.serialize_field("by", self.by.as_str())?;
        s.serialize_field("t_ns", &self.at)?;
        s.serialize_field("frame", &self.frame)?;
        s.serialize_field("code", &code)?;
        s.serialize_field("last_stream", &last_stream)?;
        s.serialize_field("last_byte_ns", &self.last_byte_at)?;
        s.serialize_field("silence_ms", &ms(self.silence()))?;
        s.serialize_field("terminator_ns", &self.terminator_at)?;
        s.serialize_field("open_after_terminator_ms", &ms(self.open_after_terminator()))?;
        s.serialize_field("finish_ns", &self.finish_at)?;
        s.serialize_field("client", &self.client)?;
        s.serialize_field("server", &self.server)?;
        s.serialize_field("seen_until_ns", &self.seen_until)?;
        s.end()
    }
}

/// The error code of RST_STREAM or GOAWAY, and the last stream that GOAWAY names.
pub fn codes(told: Option<EndSignal>) -> (Option<u32>, Option<u32>) {
    match told {
        Some(EndSignal::RstStream(code)) => (Some(code), None),
        Some(EndSignal::GoAway { last, code }) => (Some(code), Some(last)),
        _ => (None, None),
    }
}
