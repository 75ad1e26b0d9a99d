//! The request of one exchange being read.

use super::Config;
use super::asked;
use super::intake::Intake;
use super::work::FIRM;
use crate::conn::Stamp;
use crate::dialect::rpc::{FIELDS_DISAGREE, Rpc};
use crate::exchange::{Asked, Exchange, Request};
use crate::http::event::{HttpWhat, MessageEnd, RequestHead};
use crate::oddity::{Kind, Oddities, Oddity};
use crate::time::Timestamp;

/// A message is longer than the part that is kept to read `model` and `stream`.
pub(super) const REQUEST_NOT_READ: Kind = Kind("pipeline.request-body-not-read");

/// A request, and the parsers that read it.
pub(super) struct RequestWork {
    pub(super) head: RequestHead,
    head_at: Timestamp,
    last_at: Timestamp,
    pub(super) intake: Intake,
    /// Decoded body, for `model`, `stream` and the dialects.
    pub(super) kept: Vec<u8>,
    model: Option<String>,
    asked: Option<Asked>,
    rpc: Option<Box<Rpc>>,
    pub(super) end: Option<MessageEnd>,
}

impl RequestWork {
    pub(super) fn new(head: RequestHead, at: Timestamp, config: &Config) -> Self {
        let intake = Intake::new(head.fields.content_codings().as_deref(), config.contents).hashed();
        RequestWork {
            head,
            head_at: at,
            last_at: at,
            intake,
            kept: Vec::new(),
            model: None,
            asked: None,
            rpc: None,
            end: None,
        }
    }

    pub(super) fn on(&mut self, stamp: Stamp, what: HttpWhat<'_>, exchange: &mut Exchange, config: &Config) {
        let RequestWork { intake, kept, .. } = self;
        match what {
            HttpWhat::UnitStart { len, line } => intake.unit_start(len, line),
            HttpWhat::Data(bytes) => {
                self.last_at = stamp.at;
                intake.data(stamp, bytes, &mut exchange.oddities, &mut |piece, _| {
                    let room = config.request_kept.saturating_sub(kept.len());
                    kept.extend_from_slice(&piece.bytes[..room.min(piece.bytes.len())]);
                });
            }
            HttpWhat::UnitEnd => intake.unit_end(stamp),
            HttpWhat::Gap(len) => {
                exchange.gap = true;
                intake.gap(stamp, len, &mut exchange.oddities);
            }
            HttpWhat::End(how, _) => {
                if how == MessageEnd::Complete {
                    self.last_at = stamp.at;
                }
                self.end = Some(how);
                intake.finish(stamp, &mut exchange.oddities);
                self.read_body(stamp, &mut exchange.oddities);
                // Enough to recognise the dialect.
                self.kept.truncate(FIRM as usize);
                self.kept.shrink_to_fit();
            }
            HttpWhat::Trailers(_) | HttpWhat::Request(_) | HttpWhat::Response(_) | HttpWhat::Oddity(_) => {}
        }
    }

    /// Read what a JSON body asks for.
    fn read_body(&mut self, stamp: Stamp, oddities: &mut Oddities) {
        if (self.kept.len() as u64) < self.intake.body.decoded_bytes {
            oddities.push(Oddity::new(
                REQUEST_NOT_READ,
                stamp.at,
                format!("request body of {} bytes", self.intake.body.decoded_bytes),
            ));
        }
        if let Some((model, asked)) = asked::read(&self.kept) {
            (self.model, self.asked) = (model, Some(asked));
        }
        if let Some((rpc, disagrees)) = Rpc::of(&self.head.fields, &self.kept) {
            self.rpc = Some(Box::new(rpc));
            if let Some(how) = disagrees {
                oddities.push(Oddity::new(FIELDS_DISAGREE, stamp.at, how));
            }
        }
    }

    pub(super) fn finish(mut self, oddities: &mut Oddities) -> Request {
        if self.end.is_none() {
            self.intake.finish(Stamp { at: self.last_at, frame: 0 }, oddities);
        }
        let RequestWork { head, head_at, last_at, intake, model, asked, rpc, end, .. } = self;
        let (stream, end) = (asked.and_then(|a| a.stream), end.unwrap_or(MessageEnd::CutByCapture));
        Request { head, head_at, last_at, body: intake.body, model, stream, asked, rpc, end }
    }
}
