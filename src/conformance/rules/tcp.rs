//! Rules about TCP: what makes the bytes themselves doubtful. Judged from packets only.

use crate::conformance::{Case, Finding, Level, Rule};
use crate::oddity::Kind;
use crate::tcp::{DATA_AFTER_FIN, OVERLAP_DIFFERS, RESET_IGNORED, URGENT};

/// The rules of this family, in the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[&TCP_001, &TCP_002, &TCP_003, &TCP_004];

/// Copies of the same bytes are equal.
pub static TCP_001: Rule = Rule {
    code: "TCP-001",
    name: "copies-differ",
    level: Level::Warning,
    summary: "Bytes that come twice (retransmitted, overlapping) are the same both times",
    why: "A sender repeats what it sent before. If two copies differ, a third party or a broken device wrote one of \
        them, and each receiver takes the copy that its TCP prefers. The copy that is shown here (the first) need \
        not be what the client read.",
    source: "RFC 9293 section 3.10.7.4 (segments are trimmed to what is new); Ptacek and Newsham 1998 on the policies \
        of receivers",
    breaks: &["analyses that trust the capture"],
    fix: "Capture on the receiving host itself; look for a device that injects or rewrites packets (compare TTL and \
        IP identification of both copies).",
    bad: &["chat; role; word; !tcp < overlap-differs; stop; done; last"],
    good: &["good-chat", "chat; role; word; !tcp < late; stop; done; last"],
    needs_all_bytes: false,
    check: |case, push| noticed(case, OVERLAP_DIFFERS, push),
    ..Rule::DEFAULT
};

/// A reset ends the connection.
pub static TCP_002: Rule = Rule {
    code: "TCP-002",
    name: "reset-ignored",
    level: Level::Warning,
    summary: "Nothing follows a reset: its sender has closed and its receiver accepts it",
    why: "Here the sender continued after its reset and the receiver acknowledged it, so either another device wrote \
        the reset (a firewall, an injector), or it had a sequence number that the receiver did not accept. Clients \
        behind such a device see streams that break without a cause on either end.",
    source: "RFC 9293 section 3.5.2 and RFC 5961 section 3 (which sequence number a reset must have to be accepted)",
    breaks: &["long streams through firewalls"],
    fix: "Find the device: compare TTL and IP identification of the reset with those of its alleged sender's other \
        packets.",
    bad: &["!join; chat; !tcp > reset-ignored; role; word; stop; done; last"],
    good: &["good-chat", "good-chat; !rst >"],
    needs_all_bytes: false,
    check: |case, push| noticed(case, RESET_IGNORED, push),
    ..Rule::DEFAULT
};

/// No urgent data.
pub static TCP_003: Rule = Rule {
    code: "TCP-003",
    name: "urgent-data",
    level: Level::Info,
    summary: "No byte of the stream is marked urgent",
    why: "Receivers without SO_OOBINLINE take the urgent byte out of the stream: for them chunk sizes and JSON shift \
        by one. Other receivers leave it in, and so does sniff.",
    source: "RFC 6093 section 4 (urgent data is delivered in line; new applications should not use it)",
    breaks: &[],
    fix: "Remove MSG_OOB from the sender; HTTP does not use it.",
    bad: &["chat; role; !tcp < urgent; word; stop; done; last"],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| noticed(case, URGENT, push),
    ..Rule::DEFAULT
};

/// A FIN ends its direction.
pub static TCP_004: Rule = Rule {
    code: "TCP-004",
    name: "bytes-behind-fin",
    level: Level::Warning,
    summary: "No bytes follow a FIN",
    why: "A sender sends nothing after its FIN (RFC 9293 section 3.6). No receiver reads bytes after it. If such \
        bytes are a part of an answer, the FIN was forged or the sender's stack is broken.",
    source: "RFC 9293 section 3.6",
    breaks: &["clients that wait for the rest"],
    fix: "Find who sent the FIN: compare TTL and IP identification with those of its alleged sender's other packets.",
    bad: &["chat; role; word; !tcp < data-after-fin; !fin <"],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| noticed(case, DATA_AFTER_FIN, push),
    ..Rule::DEFAULT
};

fn noticed(case: &Case<'_>, kind: Kind, push: &mut dyn FnMut(Finding)) {
    if let Some((odd, count)) = case.exchange.oddities.find(kind) {
        // The offset is TCP's, not the body's.
        push(Finding { offset: None, ..Finding::of(odd, count, odd.found.to_string()) });
    }
}
