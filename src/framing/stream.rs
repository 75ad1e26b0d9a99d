//! One message body: classify, keep what may have to be read again, cut into records.

use super::classify::{Classifier, LIMIT};
use super::websocket::{Frames, Sender};
use super::{Framed, Framer, Framing, Placed, Sink};
use crate::body::Piece;
use crate::time::Timestamp;

/// Maximum of deliveries kept while the class may change; a body in more pieces keeps its first class.
const MAX_HELD: usize = 64 << 10;
/// Size of a framer, about.
const FRAMER: usize = 512;

/// One message body from its first byte to its last: classifies, cuts into records, revises while fewer than 64 KiB
/// have been seen.
///
/// Every result but the times is the same however the body is cut into pieces (one exception: `Record::end`).
#[derive(Debug)]
pub struct Stream {
    classifier: Classifier,
    framer: Option<(Framing, Box<dyn Framer>)>,
    held: Held,
    /// Offset of the next byte.
    offset: u64,
    finished: bool,
}

/// What was read while the class may still change, kept for another framer.
#[derive(Debug, Default)]
struct Held {
    bytes: Vec<u8>,
    deliveries: Vec<Delivery>,
}

/// One kept delivery.
#[derive(Debug, Clone, Copy)]
enum Delivery {
    /// The next `len` of the kept bytes.
    Piece { at: Timestamp, frame: u64, len: usize },
    /// Missing bytes.
    Gap { at: Timestamp, len: Option<u64> },
}

impl Default for Stream {
    fn default() -> Self {
        Stream::new(None)
    }
}

impl Stream {
    /// A body whose head declares this content type. The declaration only breaks ties that the bytes leave open.
    pub fn new(declared: Option<&str>) -> Self {
        Stream {
            classifier: Classifier::new(declared),
            framer: None,
            held: Held::default(),
            offset: 0,
            finished: false,
        }
    }

    /// What one end of a WebSocket sends; `extensions` as in the response's `Sec-WebSocket-Extensions`.
    pub fn websocket(sender: Sender, extensions: Option<&str>) -> Self {
        let framer: Box<dyn Framer> = Box::new(Frames::new(sender, extensions));
        Stream {
            classifier: Classifier::settled(Framing::WebSocket),
            framer: Some((Framing::WebSocket, framer)),
            ..Stream::new(None)
        }
    }

    /// The next decoded bytes.
    pub fn push(&mut self, piece: Piece<'_>, sink: &mut Sink<'_>) {
        if piece.bytes.is_empty() || self.finished {
            return;
        }
        if !self.classifier.is_settled() {
            let before = self.held.bytes.len();
            if before == 0 {
                self.classifier.push(piece.bytes); // the first bytes of most bodies decide: nothing is copied
            } else {
                let room = LIMIT.saturating_sub(before).min(piece.bytes.len());
                self.held.bytes.extend_from_slice(&piece.bytes[..room]);
                self.classifier.push(&self.held.bytes);
                self.held.bytes.truncate(before);
            }
            self.follow_class(sink);
        }
        if let Some((_, framer)) = &mut self.framer {
            framer.push(Placed::new(piece, self.offset), sink);
        }
        self.offset = self.offset.saturating_add(piece.bytes.len() as u64);
        if !self.classifier.is_settled() {
            self.held.bytes.extend_from_slice(piece.bytes);
            self.hold(Delivery::Piece { at: piece.at, frame: piece.frame, len: piece.bytes.len() });
        }
    }

    /// `len` bytes are missing here (`None`: unknown number). The record that they belong to is lost; reading
    /// continues at the next boundary.
    pub fn gap(&mut self, at: Timestamp, len: Option<u64>, sink: &mut Sink<'_>) {
        if self.finished {
            return;
        }
        if !self.classifier.is_settled() {
            self.classifier.gap();
            self.follow_class(sink);
        }
        if let Some((_, framer)) = &mut self.framer {
            framer.gap(at, self.offset, len, sink);
        }
        self.offset = self.offset.saturating_add(len.unwrap_or(0));
        if !self.classifier.is_settled() {
            self.hold(Delivery::Gap { at, len });
        }
    }

    /// No more bytes. `complete`: the message ended properly, so a pending record may count as complete.
    pub fn finish(&mut self, at: Timestamp, complete: bool, sink: &mut Sink<'_>) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        if !self.classifier.is_settled() {
            self.classifier.finish();
            self.follow_class(sink);
        }
        if let Some((_, framer)) = &mut self.framer {
            framer.finish(at, self.offset, complete, sink);
        }
    }

    /// The classification so far; final after `finish`.
    pub fn framing(&self) -> Framing {
        self.framer.as_ref().map_or_else(|| self.classifier.guess(), |(class, _)| *class)
    }

    /// What follows may make this hold this many bytes more: a message of a WebSocket may inflate to very many.
    #[inline]
    pub fn allow(&mut self, bytes: usize) {
        if let Some((Framing::WebSocket, framer)) = &mut self.framer {
            framer.allow(bytes);
        }
    }

    /// More was needed than that: what came was not read.
    #[inline]
    pub fn is_short(&self) -> bool {
        matches!(&self.framer, Some((Framing::WebSocket, framer)) if framer.is_short())
    }

    /// Bytes of memory that the body makes this hold, about.
    pub fn held(&self) -> usize {
        let again = self.held.bytes.capacity() + self.held.deliveries.capacity() * size_of::<Delivery>();
        again + self.framer.as_ref().map_or(0, |(_, framer)| FRAMER + framer.held())
    }

    /// SSE: the last valid `retry`, in milliseconds.
    pub fn retry(&self) -> Option<u64> {
        self.framer.as_ref().and_then(|(_, framer)| framer.retry())
    }

    /// Changes to the framer of the class and reads the kept bytes (again).
    fn follow_class(&mut self, sink: &mut Sink<'_>) {
        let Some(class) = self.classifier.class() else { return };
        let current = self.framer.as_ref().map(|(current, _)| *current);
        if current != Some(class) {
            if current.is_some() {
                sink(Framed::Revised(class));
            }
            let mut framer = class.framer();
            self.held.replay(framer.as_mut(), sink);
            self.framer = Some((class, framer));
        }
        if self.classifier.is_settled() {
            self.held = Held::default();
        }
    }

    fn hold(&mut self, delivery: Delivery) {
        self.held.deliveries.push(delivery);
        if self.held.deliveries.len() >= 2 * MAX_HELD {
            self.classifier.finish(); // only gaps without bytes between them reach this number
            self.held = Held::default();
        }
    }
}

impl Held {
    fn replay(&self, framer: &mut dyn Framer, sink: &mut Sink<'_>) {
        let (mut from, mut offset) = (0usize, 0u64);
        for delivery in &self.deliveries {
            match *delivery {
                Delivery::Piece { at, frame, len } => {
                    let bytes = self.bytes.get(from..from + len).unwrap_or_default();
                    framer.push(Placed { at, frame, offset, bytes }, sink);
                    from += len;
                    offset = offset.saturating_add(len as u64);
                }
                Delivery::Gap { at, len } => {
                    framer.gap(at, offset, len, sink);
                    offset = offset.saturating_add(len.unwrap_or(0));
                }
            }
        }
    }
}
