//! Tests: packets built with etherparse's builder, the corpus against tshark's streams, random bytes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod built;
mod corpus;
mod fragments;
mod hostile;
mod values;

use super::{Decoder, NetStats, Segment};
use crate::capture::Packet;
use crate::time::Timestamp;
use std::net::SocketAddr;

/// A segment that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owned {
    pub(super) frame: u64,
    pub(super) src: SocketAddr,
    pub(super) dst: SocketAddr,
    pub(super) realm: u64,
    pub(super) device: Option<u32>,
    pub(super) ident: u32,
    pub(super) seq: u32,
    pub(super) flags: u8,
    pub(super) payload: Vec<u8>,
    pub(super) missing: u32,
}

impl Owned {
    pub(super) fn from(s: &Segment<'_>) -> Owned {
        Owned {
            frame: s.frame,
            src: s.src,
            dst: s.dst,
            realm: s.realm,
            device: s.device,
            ident: s.ident,
            seq: s.seq,
            flags: s.flags,
            payload: s.payload.to_vec(),
            missing: s.missing,
        }
    }
}

/// Packets of one link type, one a second.
#[derive(Default)]
pub(super) struct Feed {
    pub(super) decoder: Decoder,
    pub(super) out: Vec<Owned>,
    frame: u64,
}

impl Feed {
    /// A whole packet.
    pub(super) fn push(&mut self, link: u32, data: &[u8]) -> &mut Self {
        self.push_cut(link, data, data.len() as u32)
    }

    /// A packet that was longer on the wire.
    pub(super) fn push_cut(&mut self, link: u32, data: &[u8], wire_len: u32) -> &mut Self {
        let at = Timestamp::from_parts(self.frame as i64, 0);
        self.push_at(at, link, data, wire_len)
    }

    pub(super) fn push_at(&mut self, at: Timestamp, link: u32, data: &[u8], wire_len: u32) -> &mut Self {
        self.frame += 1;
        let packet = Packet { at, frame: self.frame, link, device: 3, wire_len, data };
        let out = &mut self.out;
        self.decoder.push(&packet, &mut |s| out.push(Owned::from(s)));
        self
    }

    pub(super) fn stats(&self) -> NetStats {
        let s = self.decoder.stats();
        assert_eq!(s.packets, s.tcp + s.other + s.malformed + s.bad_checksum + s.unknown_link + s.fragments);
        s
    }
}

/// The segments of one packet.
pub(super) fn one(link: u32, data: &[u8]) -> Vec<Owned> {
    let mut feed = Feed::default();
    feed.push(link, data);
    feed.out
}
