//! What a client demands of the response's head and of the body's end, below any framing.

use super::coding::Coding;
use super::stream::Stream;
use std::borrow::Cow;

/// The transport of one client.
#[derive(Debug)]
pub(super) struct Transport {
    /// The check of `Content-Type`.
    pub(super) kind: Kind,
    /// Statuses under which it reads a stream.
    pub(super) status: Status,
    /// The `charset` parameter is honoured.
    pub(super) charset: bool,
    /// What happens if the connection closes before the body is whole.
    pub(super) cut: CutBody,
    /// Bodies without transfer units are read in blocks of this many bytes; a rest that does not fill a block waits
    /// for the end.
    pub(super) block: Option<usize>,
    /// An end before any event is an error.
    pub(super) needs_event: bool,
    /// Content codings that it undoes; bytes in others are passed on as they came.
    pub(super) undoes: &'static [&'static str],
    /// Bytes after the end of a coding raise.
    pub(super) strict_end: bool,
}

/// A check of `Content-Type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// None.
    Any,
    /// It begins with `text/event-stream`, in exactly this case.
    Begins,
    /// `text/event-stream` is somewhere before the parameters, in exactly this case.
    Holds,
    /// Its essence is `text/event-stream`, in any case.
    Essence,
}

/// Which statuses are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// 2xx; others raise.
    Success,
    /// 200; others raise.
    Exactly200,
    /// Every status.
    Any,
}

/// What the client does about a body that is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CutBody {
    /// Raises.
    Raises,
    /// Raises if chunks end without the last one; waits for ever if Content-Length is not reached.
    RaisesOrWaits,
    /// As undici, the `fetch` of Node: raises. But if the connection was to close after the body, any end of it (a
    /// reset too) ends the body.
    AsUndici,
    /// It looks like any other end.
    Unnoticed,
}

/// Content codings that `fetch` of Node.js undoes.
pub(super) const NODE: &[&str] = &["gzip", "x-gzip", "deflate", "br"];

/// What most clients do.
pub(super) const USUAL: Transport = Transport {
    kind: Kind::Any,
    status: Status::Success,
    charset: false,
    cut: CutBody::Raises,
    block: None,
    needs_event: false,
    undoes: &["gzip", "x-gzip", "deflate"],
    strict_end: false,
};

impl Transport {
    /// A body that breaks off looks to the client like any other end.
    pub(super) fn overlooks_cut(&self, stream: &Stream) -> bool {
        match self.cut {
            CutBody::Unnoticed => true,
            CutBody::AsUndici => stream.closes,
            CutBody::Raises | CutBody::RaisesOrWaits => false,
        }
    }

    /// Why the client refuses the head; none if it accepts it.
    pub(super) fn refuses(&self, stream: &Stream) -> Option<String> {
        let taken = match self.status {
            Status::Success => (200..300).contains(&stream.status),
            Status::Exactly200 => stream.status == 200,
            Status::Any => true,
        };
        if !taken {
            return Some(format!("status {} is raised", stream.status));
        }
        let sent = stream.content_type.as_deref().unwrap_or_default();
        let essence = sent.split(';').next().unwrap_or_default().trim();
        let fits = match self.kind {
            Kind::Any => true,
            Kind::Begins => sent.starts_with("text/event-stream"),
            Kind::Holds => essence.contains("text/event-stream"),
            Kind::Essence => essence.eq_ignore_ascii_case("text/event-stream"),
        };
        if self.charset && sent.to_ascii_lowercase().contains("charset=utf-16") {
            return Some("the declared charset is UTF-16, but the bytes are not".into());
        }
        let what = if sent.is_empty() { "missing".into() } else { essence.chars().take(48).collect::<String>() };
        (!fits).then(|| format!("Content-Type is {what}, not text/event-stream"))
    }

    /// The body as the client decodes it; and why it then raises, if the content coding can't be undone.
    pub(super) fn decoded<'b>(&self, stream: &'b Stream) -> (Cow<'b, [u8]>, Option<String>) {
        match &stream.coding {
            Coding::Broken { trailing: true, .. } if !self.strict_end => (self.charset(stream, &stream.body), None),
            Coding::Broken { declared, decoded, trailing, .. }
                if declared.iter().any(|c| self.undoes.contains(&c.as_str())) =>
            {
                let why = match decoded {
                    _ if *trailing => "bytes after the end of the coded body: decoding fails".into(),
                    0 => format!("the body is declared {} and is not: decoding fails", declared.join(", ")),
                    _ => format!("the {} coding is damaged: decoding fails", declared.join(", ")),
                };
                (self.charset(stream, &stream.body[..(*decoded).min(stream.body.len())]), Some(why))
            }
            Coding::Broken { wire, .. } => (self.charset(stream, wire), None),
            Coding::AsDeclared | Coding::Undeclared { .. } => (self.charset(stream, &stream.body), None),
        }
    }

    /// These bytes in UTF-8, if the client honours a declared charset that is another.
    fn charset<'b>(&self, stream: &Stream, body: &'b [u8]) -> Cow<'b, [u8]> {
        let sent = stream.content_type.as_deref().unwrap_or_default().to_ascii_lowercase();
        let charset = sent
            .split("charset=")
            .nth(1)
            .map(|c| c.trim_matches(['"', ' ', '\'']).split([';', '"', ' ']).next().unwrap_or_default());
        match charset {
            Some("iso-8859-1" | "latin-1" | "latin1" | "iso8859-1" | "l1" | "windows-1252" | "cp1252")
                if self.charset =>
            {
                Cow::Owned(body.iter().map(|b| char::from(*b)).collect::<String>().into_bytes())
            }
            Some("us-ascii" | "ascii") if self.charset => {
                let ascii = |b: &u8| if b.is_ascii() { char::from(*b) } else { '\u{fffd}' };
                Cow::Owned(body.iter().map(ascii).collect::<String>().into_bytes())
            }
            _ => Cow::Borrowed(body),
        }
    }
}
