//! The named clocks of one exchange, and the spans between them that its other figures lack. docs/times.md defines
//! each.

use crate::dialect::Meaning;
use crate::time::{Span, Timestamp};

/// When what happened in one exchange; none where the capture or the stream has no such moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clocks {
    /// First byte of the request.
    pub request_start: Option<Timestamp>,
    /// Last byte of the request.
    pub request_end: Option<Timestamp>,
    /// First byte of the final status line.
    pub head_start: Option<Timestamp>,
    /// Last byte of the final head.
    pub head_end: Option<Timestamp>,
    /// First byte of the body.
    pub first_byte: Option<Timestamp>,
    /// Last byte of the first record.
    pub first_record: Option<Timestamp>,
    /// First sign of reasoning, shown or hidden.
    pub reasoning_sign: Option<Timestamp>,
    /// First delta of any channel.
    pub first_delta: Option<Timestamp>,
    /// First delta with text.
    pub first_content: Option<Timestamp>,
    /// Last delta.
    pub last_delta: Option<Timestamp>,
    /// Last finish reason.
    pub finish: Option<Timestamp>,
    /// First terminator of the dialect.
    pub terminator: Option<Timestamp>,
    /// Last byte of the response.
    pub end: Option<Timestamp>,
    /// Every record: the time of its last byte, and what it carries.
    pub records: Vec<(Timestamp, Meaning)>,
    /// Every chunk: the time of its last byte.
    pub chunks: Vec<Timestamp>,
    /// Output tokens that the stream reports.
    pub output_tokens: Option<u64>,
}

impl Clocks {
    /// Each clock by its name in JSON.
    pub fn named(&self) -> [(&'static str, Option<Timestamp>); 13] {
        [
            ("t_request_start_ns", self.request_start),
            ("t_request_end_ns", self.request_end),
            ("t_response_start_ns", self.head_start),
            ("t_head_end_ns", self.head_end),
            ("t_first_body_byte_ns", self.first_byte),
            ("t_first_record_ns", self.first_record),
            ("t_first_reasoning_sign_ns", self.reasoning_sign),
            ("t_first_delta_ns", self.first_delta),
            ("t_first_content_ns", self.first_content),
            ("t_last_delta_ns", self.last_delta),
            ("t_finish_ns", self.finish),
            ("t_terminator_ns", self.terminator),
            ("t_response_end_ns", self.end),
        ]
    }

    /// From the last delta to the last byte: what a client waits after the last token.
    pub fn tail(&self) -> Option<Span> {
        self.end?.elapsed(self.last_delta?)
    }

    /// From one chunk to the next, whatever they carry.
    pub fn chunk_gaps(&self) -> Vec<Span> {
        gaps(&self.chunks)
    }
}

/// The spans between successive times; none where the clock stepped back.
pub fn gaps(times: &[Timestamp]) -> Vec<Span> {
    times.windows(2).filter_map(|pair| pair[1].elapsed(pair[0])).collect()
}
