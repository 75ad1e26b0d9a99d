//! The field `Incremental` (RFC 10036): its sender asks every hop to pass the message on as it comes, and a hop that
//! cannot do so refuses. It counts for one message: a request's does not speak for its response.

use super::event::{Fields, ResponseHead};
use super::structured::{Bare, item, list};

/// Name of the field, in lower case.
pub const FIELD: &str = "incremental";
/// Status of a refusal (RFC 10036: Not Implemented).
pub const REFUSED: u16 = 501;
/// The error type with which a hop refuses to pass a message on as it comes.
pub const REFUSAL: &str = "incremental_refused";
/// The error type of a hop that has as many such connections as it can hold (RFC 9209 section 2.3.12).
pub const OVERLOADED: &str = "connection_limit_reached";

/// What a head says of incremental forwarding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Declared {
    /// Every field was read, and this one was not sent.
    Absent,
    /// It may have been sent and could not be read.
    Unread,
    /// `?1`, with or without parameters: no hop may hold the message back.
    Yes,
    /// Another value, which means nothing.
    Other,
}

impl Declared {
    /// What these fields say.
    pub fn of(fields: &Fields) -> Declared {
        let unread = fields.has_unread() || fields.raw().trim_ascii().is_empty();
        if fields.all(FIELD).any(|value| value == Fields::UNREAD) {
            return Declared::Unread;
        }
        if fields.all(FIELD).next().is_none() {
            return if unread { Declared::Unread } else { Declared::Absent };
        }
        match item(fields.all(FIELD)).map(|item| item.bare) {
            Some(Bare::Boolean(true)) => Declared::Yes,
            _ => Declared::Other,
        }
    }
}

/// Who refused, and why: a member of `Proxy-Status` (RFC 9209).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The intermediary's name for itself.
    pub by: String,
    /// It cannot pass any message on as it comes; else it has too many of them now.
    pub never: bool,
    /// Its own words.
    pub details: Option<String>,
}

/// The refusal of a hop to pass the message on as it comes, if this response is one.
pub fn refusal(head: &ResponseHead) -> Option<Refusal> {
    if head.status < 400 {
        return None;
    }
    list(head.fields.all("proxy-status"))?.into_iter().find_map(|member| {
        let never = match member.text("error")? {
            REFUSAL => true,
            OVERLOADED => false,
            _ => return None,
        };
        let by = match &member.bare {
            Bare::Token(name) | Bare::String(name) => name.clone(),
            Bare::Boolean(_) | Bare::Other => return None,
        };
        Some(Refusal { by, never, details: member.text("details").map(str::to_owned) })
    })
}
