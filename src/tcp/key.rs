//! Which connection a segment belongs to, and a fast hash of it that a sender cannot force to collide.

use crate::net::Segment;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{IpAddr, SocketAddr};

/// The four-tuple and realm, the same for both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    low: u128,
    high: u128,
    ports: u32,
    realm: u64,
}

impl Key {
    /// The key, and the side that sent the segment: 0 for the lower endpoint, 1 for the higher.
    pub(super) fn of(seg: &Segment<'_>) -> (Key, usize) {
        let (src, dst) = (end(&seg.src), end(&seg.dst));
        let side = usize::from(src > dst);
        let (low, high) = if side == 0 { (src, dst) } else { (dst, src) };
        let ports = u32::from(low.1) << 16 | u32::from(high.1);
        (Key { low: low.0, high: high.0, ports, realm: seg.realm }, side)
    }

    /// The same endpoints without a realm.
    pub(super) fn ends(self) -> Key {
        Key { realm: 0, ..self }
    }
}

/// An endpoint as numbers; IPv4 as its IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2).
fn end(address: &SocketAddr) -> (u128, u16) {
    let ip = match address.ip() {
        IpAddr::V4(ip) => u128::from(ip.to_ipv6_mapped()),
        IpAddr::V6(ip) => u128::from(ip),
    };
    (ip, address.port())
}

/// Multiply-and-fold hashing from a random start: a few cycles per word, and a sender that chooses ports and
/// addresses cannot make them collide. The order of a table is never visible in what it emits.
#[derive(Debug, Clone)]
pub(super) struct Fold(u64);

impl Default for Fold {
    fn default() -> Self {
        Fold(RandomState::new().hash_one(0_u8))
    }
}

impl BuildHasher for Fold {
    type Hasher = Folded;

    fn build_hasher(&self) -> Folded {
        Folded { state: self.0, secret: self.0.rotate_left(32) | 1 }
    }
}

/// The hash so far.
#[derive(Debug)]
pub(super) struct Folded {
    state: u64,
    secret: u64,
}

impl Hasher for Folded {
    fn write_u64(&mut self, word: u64) {
        let wide = u128::from(self.state ^ word).wrapping_mul(u128::from(self.secret ^ 0x9e37_79b9_7f4a_7c15));
        self.state = (wide as u64) ^ (wide >> 64) as u64 ^ word.rotate_left(23);
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(u64::from(word));
    }

    fn write_u128(&mut self, word: u128) {
        self.write_u64(word as u64);
        self.write_u64((word >> 64) as u64);
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&b| self.write_u64(u64::from(b)));
    }

    fn finish(&self) -> u64 {
        self.state
    }
}
