//! How an exchange ended, as facts: the signal of the end, the party that caused it, and the state of the
//! connection at that time. Enough to judge it and to end a replay the same way.

use crate::http::event::{EndSignal, MessageEnd};
use crate::time::{Span, Timestamp};

/// The end of the answer, or of the request if no answer began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ending {
    /// The signal that ended it.
    pub told: Option<EndSignal>,
    /// The party that ended it.
    pub by: Party,
    /// Time of the end: of the last byte of a whole message, of the FIN or frame that cut it, or of the last
    /// packet if silence or the capture ended it.
    pub at: Timestamp,
    /// Number of that packet; 0 without packets.
    pub frame: u64,
    /// Time of the last byte of the answer's body.
    pub last_byte_at: Option<Timestamp>,
    /// Time of the first terminator of the dialect, for example `[DONE]`.
    pub terminator_at: Option<Timestamp>,
    /// Time of the last finish reason: a provider may repeat it.
    pub finish_at: Option<Timestamp>,
    /// What the client had done to the connection when the exchange was over. Later events are in the
    /// connection's facts.
    pub client: Closing,
    /// The same of the server.
    pub server: Closing,
    /// Time of the newest packet of any connection when the exchange was over: how long silence is known to
    /// have lasted.
    pub seen_until: Timestamp,
}

/// The party that ended an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Party {
    /// The client closed, reset or cancelled.
    Client,
    /// The server ended it, complete or not.
    Server,
    /// No party was seen to end it: the capture ended, lost the bytes, or dropped the silent connection.
    #[default]
    Capture,
}

/// How one end closed the connection: the time of the first of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Closing {
    /// FIN.
    #[serde(rename = "fin_ns")]
    pub fin: Option<Timestamp>,
    /// RST.
    #[serde(rename = "rst_ns")]
    pub rst: Option<Timestamp>,
    /// TLS close_notify, if it could be decrypted.
    #[serde(rename = "close_notify_ns")]
    pub close_notify: Option<Timestamp>,
}

impl Ending {
    /// How long the body stayed open after the terminator; `None` without a terminator.
    pub fn open_after_terminator(&self) -> Option<Span> {
        let until = if self.by == Party::Capture { self.seen_until.max(self.at) } else { self.at };
        self.terminator_at.map(|t| until.since(t))
    }

    /// Silence between the last body byte and the end.
    pub fn silence(&self) -> Option<Span> {
        let until = if self.by == Party::Capture { self.seen_until.max(self.at) } else { self.at };
        self.last_byte_at.map(|t| until.since(t))
    }
}

impl Party {
    /// `client`, `server`, `capture`.
    pub fn as_str(self) -> &'static str {
        match self {
            Party::Client => "client",
            Party::Server => "server",
            Party::Capture => "capture",
        }
    }

    /// The party of this name; [`Party::Capture`] for any other name.
    pub fn parse(name: &str) -> Party {
        [Party::Client, Party::Server].into_iter().find(|p| p.as_str() == name).unwrap_or_default()
    }

    /// The name for people.
    pub fn in_words(self) -> &'static str {
        match self {
            Party::Client => "the client",
            Party::Server => "the server",
            Party::Capture => "the end of the capture",
        }
    }

    /// The party that cut a message short; `None` if it is whole.
    pub fn cutting(end: MessageEnd) -> Option<Party> {
        (end != MessageEnd::Complete).then(|| end.into())
    }

    /// The end of a message that this party cut short.
    pub fn cut(self) -> MessageEnd {
        match self {
            Party::Client => MessageEnd::CutByClient,
            Party::Server => MessageEnd::CutByServer,
            Party::Capture => MessageEnd::CutByCapture,
        }
    }
}

impl From<MessageEnd> for Party {
    /// The end of a whole answer, which its sender ended.
    fn from(end: MessageEnd) -> Party {
        match end {
            MessageEnd::Complete | MessageEnd::CutByServer => Party::Server,
            MessageEnd::CutByClient => Party::Client,
            MessageEnd::CutByCapture => Party::Capture,
        }
    }
}

impl Closing {
    /// Time of the first sign that this end closed the connection.
    pub fn first(&self) -> Option<(EndSignal, Timestamp)> {
        let all =
            [(EndSignal::CloseNotify, self.close_notify), (EndSignal::Fin, self.fin), (EndSignal::Reset, self.rst)];
        all.into_iter().filter_map(|(told, at)| Some((told, at?))).min_by_key(|(_, at)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_lasts_as_long_as_the_capture_watched() {
        let at = |s| Timestamp(0).plus(Span::from_secs(s));
        let by = |by| Ending {
            by,
            at: at(3),
            last_byte_at: Some(at(2)),
            terminator_at: Some(at(1)),
            seen_until: at(60),
            ..Ending::default()
        };
        assert_eq!(by(Party::Client).silence(), Some(Span::from_secs(1)));
        assert_eq!(by(Party::Capture).silence(), Some(Span::from_secs(58)));
        assert_eq!(by(Party::Capture).open_after_terminator(), Some(Span::from_secs(59)));
        assert_eq!(Ending::default().open_after_terminator(), None);
    }

    #[test]
    fn the_first_sign_counts() {
        let closing = Closing { fin: Some(Timestamp(5)), rst: Some(Timestamp(9)), close_notify: Some(Timestamp(5)) };
        assert_eq!(closing.first(), Some((EndSignal::CloseNotify, Timestamp(5))));
        assert_eq!(Closing::default().first(), None);
    }

    #[test]
    fn whose_doing_an_end_was() {
        let all = [MessageEnd::Complete, MessageEnd::CutByServer, MessageEnd::CutByClient, MessageEnd::CutByCapture];
        assert_eq!(all.map(Party::from), [Party::Server, Party::Server, Party::Client, Party::Capture]);
        assert_eq!(all.map(Party::cutting), [None, Some(Party::Server), Some(Party::Client), Some(Party::Capture)]);
        let parties = [Party::Client, Party::Server, Party::Capture];
        assert_eq!(
            parties.map(Party::cut),
            [MessageEnd::CutByClient, MessageEnd::CutByServer, MessageEnd::CutByCapture]
        );
        assert_eq!(parties.map(|p| Party::parse(p.as_str())), parties);
    }
}
