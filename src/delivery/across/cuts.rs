//! Several exchanges that one end cut at one instant: a server or gateway that was restarted, a client program that
//! ended. It says that the cause is not in the answers.

use super::{Outcome, SHOWN, Seen, names};
use crate::exchange::ending::Party;
use crate::time::Span;
use std::collections::HashMap;
use std::net::SocketAddr;

/// Cuts with less than this between neighbours are one event.
const INSTANT: Span = Span::from_millis(50);

/// The end that cut: a server with its port, a client's host (each of its connections has a port of its own).
fn cutter(seen: &Seen) -> Option<(Party, SocketAddr)> {
    match seen.outcome {
        Outcome::Cut(Party::Server) => Some((Party::Server, seen.ends.server)),
        Outcome::Cut(Party::Client) => Some((Party::Client, SocketAddr::new(seen.ends.client.ip(), 0))),
        _ => None,
    }
}

/// One sentence for each exchange that was not cut alone.
pub(super) fn say(all: &[&Seen], say: &mut impl FnMut(i64, String)) {
    let mut by_cutter: HashMap<_, Vec<&Seen>> = HashMap::new();
    for seen in all {
        if let Some(end) = cutter(seen) {
            by_cutter.entry(end).or_default().push(seen);
        }
    }
    for ((party, end), mut cut) in by_cutter {
        cut.sort_by_key(|seen| (seen.ended, seen.id));
        for group in cut.chunk_by(|a, b| b.ended.since(a.ended) < INSTANT).filter(|group| group.len() > 1) {
            together(party, end, group, say);
        }
    }
}

fn together(party: Party, end: SocketAddr, group: &[&Seen], say: &mut impl FnMut(i64, String)) {
    let [first, .., last] = group else { return };
    let within = last.ended.since(first.ended);
    let one = group.iter().all(|seen| seen.conn == first.conn);
    let who = match (party, one) {
        (_, true) => "their connection ended under all of them".to_owned(),
        (Party::Client, _) => format!("the client {} left them all, so the cause is there", end.ip()),
        _ => format!("the server {end} left them all, so the cause is there and not in one answer"),
    };
    for (i, seen) in group.iter().enumerate() {
        // The nearest ones in time: all of them for each of them would be quadratic.
        let near = group[i.saturating_sub(SHOWN - 1)..].iter().filter(|other| other.id != seen.id);
        let near: Vec<i64> = near.take(SHOWN).map(|other| other.id).collect();
        let others = names(&near, group.len() - 1);
        say(seen.id, format!("cut at the same instant as {others}, within {within}: {who}"));
    }
}
