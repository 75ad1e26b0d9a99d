//! IP fragments until their datagram is whole (RFC 791 section 3.2, RFC 8200 section 4.5). They may come in
//! any order; if bytes come twice the first copy wins. Bounded in bytes, datagrams and time.

use super::Outside;
use super::ip::{Datagram, Part};
use crate::time::{Span, Timestamp};
use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::Range;

/// Longest datagram: the length fields of both versions end here, and fragments cannot be jumbograms.
const MAX_DATAGRAM: usize = 65_535;
/// Datagrams that may wait at once.
const MAX_WAITING: usize = 1024;
/// Bytes that may wait at once, all datagrams together.
const MAX_BYTES: usize = 16 << 20;
/// How long a datagram may wait, by packet time. Linux uses the same for IPv4; RFC 8200 says 60 s for IPv6.
const WAIT: Span = Span::from_secs(60);

/// Which fragments belong together (RFC 791: source, destination, protocol, identification).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    realm: u64,
    src: IpAddr,
    dst: IpAddr,
    ident: u32,
    /// 0 for IPv6, where fragments may differ in it and the first fragment decides.
    protocol: u8,
    /// Copies seen on another device do not mix.
    device: Option<u32>,
}

/// A datagram that waits for more fragments.
#[derive(Debug, Default)]
struct Waiting {
    first: Timestamp,
    /// Order of arrival, to evict the oldest datagram.
    number: u64,
    /// From offset 0 to the furthest byte.
    bytes: Vec<u8>,
    /// Ranges of `bytes` that have come: ascending, never adjacent.
    have: Vec<Range<usize>>,
    /// Length of the datagram's payload, known once the last fragment came.
    len: Option<usize>,
    /// Protocol that the fragment at offset 0 names.
    protocol: u8,
    fragments: u64,
}

/// All datagrams that wait.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    waiting: HashMap<Key, Waiting>,
    bytes: usize,
    number: u64,
    lost: u64,
    /// Packet time of the last `sweep`.
    swept: Timestamp,
}

/// What a fragment led to.
pub(super) enum Pushed {
    /// The protocol and payload of the whole datagram.
    Whole(u8, Vec<u8>),
    /// The fragment was kept; its datagram is not whole yet.
    Kept,
    /// The fragment cannot be part of a datagram.
    Malformed,
}

impl Fragments {
    /// Bytes of memory in use.
    pub(super) fn held(&self) -> usize {
        self.bytes
    }

    /// Number of fragments whose datagram never became whole, including those that still wait.
    pub(super) fn lost(&self) -> u64 {
        self.lost + self.waiting.values().map(|w| w.fragments).sum::<u64>()
    }

    /// Take one fragment.
    pub(super) fn push(&mut self, d: &Datagram<'_>, part: Part, out: &Outside) -> Pushed {
        let len = d.payload.len();
        let end = part.offset + len;
        // all but the last carry multiples of 8 bytes
        if end > MAX_DATAGRAM || len == 0 || (part.more && !len.is_multiple_of(8)) {
            return Pushed::Malformed;
        }
        self.sweep(out.at);
        let protocol = if d.src.is_ipv4() { d.protocol } else { 0 };
        let key = Key { realm: out.realm, src: d.src, dst: d.dst, ident: d.ident, protocol, device: out.device };
        self.number += 1;
        let number = self.number;
        let waiting =
            self.waiting.entry(key).or_insert_with(|| Waiting { first: out.at, number, ..Waiting::default() });
        waiting.fragments += 1;
        let before = waiting.bytes.len();
        // if the capture cut the fragment, only its captured bytes count, and the datagram never becomes
        // whole
        waiting.insert(part.offset, d.payload.data);
        if part.offset == 0 && waiting.protocol == 0 {
            waiting.protocol = d.protocol;
        }
        if !part.more && waiting.len.is_none() {
            waiting.len = Some(end);
        }
        let whole = waiting.is_whole();
        self.bytes += waiting.bytes.len() - before;
        if whole {
            let Some(done) = self.waiting.remove(&key) else { return Pushed::Kept };
            self.bytes -= done.bytes.len();
            return Pushed::Whole(done.protocol, done.into_payload());
        }
        while self.bytes > MAX_BYTES || self.waiting.len() > MAX_WAITING {
            let Some(oldest) = self.waiting.iter().min_by_key(|(_, w)| w.number).map(|(k, _)| *k) else { break };
            self.lose(&oldest);
        }
        Pushed::Kept
    }

    /// Give up datagrams that have waited too long. Runs at most once per second of packet time.
    fn sweep(&mut self, now: Timestamp) {
        let apart = |a: Timestamp, b: Timestamp| Span(a.since(b).0.saturating_abs());
        if self.waiting.is_empty() || apart(now, self.swept) < Span::from_secs(1) {
            return;
        }
        self.swept = now;
        let old: Vec<Key> = self.waiting.iter().filter(|(_, w)| apart(now, w.first) > WAIT).map(|(k, _)| *k).collect();
        for key in &old {
            self.lose(key);
        }
    }

    fn lose(&mut self, key: &Key) {
        if let Some(gone) = self.waiting.remove(key) {
            self.bytes -= gone.bytes.len();
            self.lost += gone.fragments;
        }
    }
}

impl Waiting {
    /// Copy the new bytes of `data`.
    fn insert(&mut self, offset: usize, data: &[u8]) {
        if data.is_empty() {
            return;
        }
        let end = offset + data.len();
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        let mut at = offset; // everything before it is settled
        for have in &self.have {
            if at >= end || have.start >= end {
                break;
            }
            if have.start > at {
                self.bytes[at..have.start].copy_from_slice(&data[at - offset..have.start - offset]);
            }
            at = at.max(have.end);
        }
        if at < end {
            self.bytes[at..end].copy_from_slice(&data[at - offset..]);
        }
        // merge with the ranges that it touches
        let from = self.have.partition_point(|h| h.end < offset);
        let to = self.have.partition_point(|h| h.start <= end);
        let mut merged = offset..end;
        if from < to {
            merged = merged.start.min(self.have[from].start)..merged.end.max(self.have[to - 1].end);
        }
        self.have.splice(from..to, [merged]);
    }

    fn is_whole(&self) -> bool {
        matches!((self.len, &self.have[..]), (Some(len), [one]) if one.start == 0 && one.end >= len)
    }

    fn into_payload(mut self) -> Vec<u8> {
        self.bytes.truncate(self.len.unwrap_or(usize::MAX));
        self.bytes
    }
}
