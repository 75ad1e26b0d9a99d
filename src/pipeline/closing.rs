//! How a connection ends while its exchanges run: who closed it and when.

use crate::conn::Stamp;
use crate::conn::{ByteEvent, Direction, End, What};
use crate::exchange::ending::{Closing, Ending, Party};
use crate::http::event::{EndSignal, MessageEnd};
use crate::time::{Span, Timestamp};

/// Ends that are closer together may have crossed.
const CROSSED: Span = Span::from_millis(1_000);

/// The state of one connection so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Closings {
    /// Indexed by direction.
    sides: [Closing; 2],
    /// The direction that closed first.
    first: Option<Direction>,
    /// How the last direction ended, if one ended without closing.
    silent: Option<End>,
    /// Stamp of the last event of the connection.
    last: Stamp,
    /// Time of the newest packet of any connection.
    now: Timestamp,
}

impl Closings {
    /// Take note of an event.
    pub(super) fn note(&mut self, event: &ByteEvent<'_>) {
        let side = &mut self.sides[event.dir.index()];
        if matches!(event.what, What::End(how) if how.is_close()) {
            self.first.get_or_insert(event.dir);
        }
        match event.what {
            What::End(End::Fin | End::CloseNotify) => drop(side.fin.get_or_insert(event.at)),
            What::End(End::Reset) => drop(side.rst.get_or_insert(event.at)),
            What::End(how @ (End::Idle | End::Capture)) => self.silent = Some(how),
            What::Flip => self.flip(),
            _ => {}
        }
        self.last = Stamp::from(event);
    }

    /// The ends of client and server (`flipped`: the guess which end is the client was wrong), with the
    /// close_notify times of TLS.
    pub(super) fn seen(mut self, flipped: bool, close_notify: [Option<Timestamp>; 2], now: Timestamp) -> Closings {
        if flipped {
            self.flip();
        }
        for (side, at) in self.sides.iter_mut().zip(close_notify) {
            side.close_notify = at;
        }
        self.now = now;
        self
    }

    fn flip(&mut self) {
        self.sides.swap(0, 1);
        self.first = self.first.map(Direction::other);
    }

    /// The end of an exchange: by its messages, or by the connection if they have no end.
    pub(super) fn ending(&self, ended: Option<(MessageEnd, EndSignal, Stamp)>) -> Ending {
        let [client, server] = [Direction::ToServer, Direction::ToClient].map(|dir| self.sides[dir.index()]);
        let (by, told, stamp) = match ended {
            Some((how, told, stamp)) => (Party::from(how), told, stamp),
            None => self.without_message(),
        };
        Ending {
            told: Some(told),
            by,
            at: stamp.at,
            frame: stamp.frame,
            client,
            server,
            seen_until: self.now,
            ..Ending::default()
        }
    }

    /// No answer came: the side that closed first gave up.
    fn without_message(&self) -> (Party, EndSignal, Stamp) {
        let closed = |dir: Direction| Some((dir, self.sides[dir.index()].first()?));
        let first = self.first.and_then(closed);
        // An end behind packets that are missing is reported late, with the time at which it came. Of ends that crossed
        // the order of the packets says which was first.
        let other = self.first.map(Direction::other).and_then(closed);
        let earlier = |(_, (_, at)): (Direction, (EndSignal, Timestamp))| {
            other.filter(|(_, (_, before))| at.since(*before) > CROSSED)
        };
        match first.and_then(earlier).or(first) {
            Some((Direction::ToServer, (told, at))) => (Party::Client, told, Stamp { at, frame: 0 }),
            Some((Direction::ToClient, (told, at))) => (Party::Server, told, Stamp { at, frame: 0 }),
            None => (Party::Capture, self.silent.map_or(EndSignal::CaptureEnd, EndSignal::of), self.last),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{ByteEvent, Closings, Direction, End, What};
    use crate::conn::ConnId;
    use crate::exchange::ending::{Ending, Party};
    use crate::http::event::EndSignal;
    use crate::pipeline::exchanges_of;
    use crate::time::Span;

    /// A chunked chat answer including `[DONE]`, and what happens after it.
    fn ending(head: &str, then: &str) -> Ending {
        let text = format!(
            "> POST /v1/chat/completions HTTP/1.1\n> Host: h\n>json {{\"stream\":true}}\n\n< HTTP/1.1 200 OK\n< \
                Content-Type: text/event-stream\n{head}<\n\n{then}"
        );
        let transcript = crate::wire::parse(&text).unwrap();
        exchanges_of(|sink| transcript.replay(ConnId(0), sink))[0].ending
    }

    const CHUNKED: &str = "< Transfer-Encoding: chunked\n";
    const DONE: &str = "@ +20ms\n<chunk data: \
        {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\\n\\n\n@ +1ms\n<chunk data: \
        [DONE]\\n\\n\n";

    fn told(head: &str, then: &str) -> (Option<EndSignal>, Party) {
        let e = ending(head, then);
        (e.told, e.by)
    }

    #[test]
    fn what_told_the_end_and_whose_doing_it_was() {
        let done = |then: &str| told(CHUNKED, &format!("{DONE}{then}"));
        assert_eq!(done("<last\n"), (Some(EndSignal::ZeroChunk), Party::Server));
        assert_eq!(done("!fin >\n"), (Some(EndSignal::Fin), Party::Client));
        assert_eq!(done("!rst <\n"), (Some(EndSignal::Reset), Party::Server));
        assert_eq!(done("!idle <\n!idle >\n"), (Some(EndSignal::Idle), Party::Capture));
        assert_eq!(done("!end\n"), (Some(EndSignal::CaptureEnd), Party::Capture));
        assert_eq!(told("< Content-Length: 3\n", "<| abc\n"), (Some(EndSignal::Length), Party::Server));
        assert_eq!(told("< Content-Length: 0\n", ""), (Some(EndSignal::NoBody), Party::Server));
        assert_eq!(told("", "<| abc\n!fin <\n"), (Some(EndSignal::Close), Party::Server));
        assert_eq!(told("< Content-Length: 30\n", "<| abc\n!fin <\n"), (Some(EndSignal::Fin), Party::Server));
    }

    #[test]
    fn a_body_left_open_behind_its_terminator_is_known_by_its_times() {
        let e = ending(CHUNKED, &format!("{DONE}@ +30s\n!fin >\n@ +1ms\n!rst <\n"));
        assert_eq!(e.open_after_terminator(), Some(Span::from_millis(30_001)));
        assert_eq!(e.terminator_at.unwrap().since(e.finish_at.unwrap()), Span::from_millis(1));
        assert_eq!((e.client.fin, e.server.rst), (Some(e.at.plus(Span::from_millis(-1))), Some(e.at)));
    }

    #[test]
    fn without_an_answer_the_connection_tells() {
        let ask = "> GET / HTTP/1.1\n> Host: h\n>\n\n@ +60s\n";
        let of = |then: &str| {
            let transcript = crate::wire::parse(&format!("{ask}{then}")).unwrap();
            let e = exchanges_of(|sink| transcript.replay(ConnId(0), sink))[0].ending;
            (e.told, e.by)
        };
        assert_eq!(of("!fin <\n!fin >\n"), (Some(EndSignal::Fin), Party::Server));
        assert_eq!(of("!idle <\n!idle >\n"), (Some(EndSignal::Idle), Party::Capture));
        assert_eq!(of("!end\n"), (Some(EndSignal::CaptureEnd), Party::Capture));
        assert_eq!(of("!rst >\n"), (Some(EndSignal::Reset), Party::Client));
        assert_eq!(of("!end\n"), (Some(EndSignal::CaptureEnd), Party::Capture));
    }

    #[test]
    fn an_end_that_is_reported_late_has_the_time_at_which_it_came() {
        let event = |ms: i64, dir| {
            let at = crate::wire::START.plus(Span::from_millis(ms));
            ByteEvent { at, frame: 0, conn: ConnId(0), dir, what: What::End(End::Fin) }
        };
        for (server, client, by) in [(15_000, 0, Party::Client), (900, 0, Party::Server), (0, 15_000, Party::Server)] {
            let mut closings = Closings::default();
            closings.note(&event(server, Direction::ToClient));
            closings.note(&event(client, Direction::ToServer));
            let e = closings.ending(None);
            assert_eq!(
                (e.by, e.at),
                (by, crate::wire::START.plus(Span::from_millis(if by == Party::Client { client } else { server })))
            );
        }
    }

    #[test]
    fn who_closed_first_is_still_known_when_the_guess_of_who_is_who_was_wrong() {
        let event = |ms: i64, dir, what| {
            let at = crate::wire::START.plus(Span::from_millis(ms));
            ByteEvent { at, frame: 0, conn: ConnId(0), dir, what }
        };
        let mut closings = Closings::default();
        closings.note(&event(1, Direction::ToServer, What::End(End::Fin)));
        closings.note(&event(2, Direction::ToClient, What::End(End::Reset)));
        let by = |closings: &Closings| {
            let e = closings.ending(None);
            (e.by, e.told, e.client.fin.is_some(), e.server.fin.is_some())
        };
        let (client, server) =
            ((Party::Client, Some(EndSignal::Fin), true, false), (Party::Server, Some(EndSignal::Fin), false, true));
        assert_eq!(by(&closings), client);
        assert_eq!(by(&closings.seen(true, [None; 2], closings.now)), server);
        assert_eq!(by(&closings.seen(false, [None; 2], closings.now)), client);
        closings.note(&event(3, Direction::ToServer, What::Flip));
        assert_eq!(by(&closings), server);
    }
}
