//! Transcripts in, traces out: each test reads like what happened on the wire and what should be reported
//! about it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod cases;
mod ends;
mod holes;
mod messages;
mod property;
mod switches;
mod values;

use crate::conn::{ByteEvent, ConnId, Direction, End, What};
use crate::http::Conn;
use crate::http::event::{HttpEvent, HttpWhat, Side};
use crate::time::Timestamp;

/// One thing that happens.
#[derive(Debug, Clone)]
pub(in crate::http) enum On {
    C(Vec<u8>),
    S(Vec<u8>),
    CGap(u64),
    SGap(u64),
    CEnd(End),
    SEnd(End),
    Flip,
    Closed,
}

pub(in crate::http) fn c(text: impl AsRef<[u8]>) -> On {
    On::C(text.as_ref().to_vec())
}

pub(in crate::http) fn s(text: impl AsRef<[u8]>) -> On {
    On::S(text.as_ref().to_vec())
}

/// Feeds the connection; event n happens at time n (from 1).
pub(in crate::http) fn feed(conn: &mut Conn, happens: &[On], sink: &mut dyn FnMut(HttpEvent<'_>)) {
    happens.iter().enumerate().for_each(|(n, on)| feed_at(conn, n as u64 + 1, on, sink));
}

/// Feeds one event at this time.
pub(in crate::http) fn feed_at(conn: &mut Conn, at: u64, on: &On, sink: &mut dyn FnMut(HttpEvent<'_>)) {
    let (dir, what) = match on {
        On::C(bytes) => (Direction::ToServer, What::Data(bytes)),
        On::S(bytes) => (Direction::ToClient, What::Data(bytes)),
        On::CGap(len) => (Direction::ToServer, What::Gap(*len)),
        On::SGap(len) => (Direction::ToClient, What::Gap(*len)),
        On::CEnd(end) => (Direction::ToServer, What::End(*end)),
        On::SEnd(end) => (Direction::ToClient, What::End(*end)),
        On::Flip => (Direction::ToServer, What::Flip),
        On::Closed => (Direction::ToServer, What::Closed(Box::default())),
    };
    conn.push(&ByteEvent { at: Timestamp(at as i64), frame: at, conn: ConnId(0), dir, what }, sink);
}

/// One line per event, `exchange side what`, runs of data joined; `>` is the request, `<` the response.
#[derive(Default)]
pub(in crate::http) struct Trace {
    pub(in crate::http) lines: Vec<String>,
    pub(in crate::http) timed: bool,
    open: Option<(u64, Side)>,
}

impl Trace {
    pub(in crate::http) fn add(&mut self, event: &HttpEvent<'_>) {
        assert_eq!(event.at.0 as u64, event.frame, "time and packet belong together");
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        let what = match &event.what {
            HttpWhat::Request(head) => {
                format!(
                    "{} {} {} {:?}{}",
                    head.method,
                    head.target,
                    head.version.as_str(),
                    head.transfer,
                    self.first(head.first_at)
                )
            }
            HttpWhat::Response(head) => {
                format!("{} {} {:?}{}", head.status, head.version.as_str(), head.transfer, self.first(head.first_at))
            }
            HttpWhat::UnitStart { len, line: [] } => format!("unit {len}"),
            HttpWhat::UnitStart { len, line } => format!("unit {len} [{}]", text(line)),
            HttpWhat::Data(bytes) => {
                assert!(!bytes.is_empty(), "data is never empty");
                let key = Some((event.exchange, event.side));
                if self.open == key && !self.timed {
                    let line = self.lines.last_mut().unwrap();
                    line.push_str(&text(bytes));
                    return;
                }
                self.line(event, &format!("data {}", text(bytes)));
                self.open = key;
                return;
            }
            HttpWhat::UnitEnd => "unit end".to_owned(),
            HttpWhat::Gap(Some(len)) => format!("gap {len}"),
            HttpWhat::Gap(None) => "gap".to_owned(),
            HttpWhat::Trailers(fields) => {
                format!(
                    "trailers {}",
                    fields.iter().map(|(n, v)| format!("{}={}", text(n), text(v))).collect::<Vec<_>>().join(" ")
                )
            }
            HttpWhat::End(end, _) => format!("{end:?}"),
            HttpWhat::Oddity(oddity) => format!("! {}", oddity.kind.0),
        };
        self.open = None;
        self.line(event, &what);
    }

    fn first(&self, at: Timestamp) -> String {
        if self.timed { format!(" since {}", at.0) } else { String::new() }
    }

    fn line(&mut self, event: &HttpEvent<'_>, what: &str) {
        let side = if event.side == Side::Request { '>' } else { '<' };
        let at = if self.timed { format!("@{} ", event.at.0) } else { String::new() };
        self.lines.push(format!("{at}{} {side} {what}", event.exchange));
    }
}

pub(in crate::http) fn trace_of(conn: &mut Conn, happens: &[On], timed: bool) -> Vec<String> {
    let mut trace = Trace { timed, ..Trace::default() };
    feed(conn, happens, &mut |event| trace.add(&event));
    trace.lines
}

/// The trace of a connection seen from its start.
pub(in crate::http) fn trace(happens: &[On]) -> Vec<String> {
    trace_of(&mut Conn::new(false), happens, false)
}

/// The trace of a connection joined under way.
pub(in crate::http) fn joined(happens: &[On]) -> Vec<String> {
    trace_of(&mut Conn::new(true), happens, false)
}
