//! Connections that are read while others pass: a list that grows as they are made.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Connections by the addresses of both ends. Clones share the list.
#[derive(Debug, Clone, Default)]
pub struct Chosen(Arc<Mutex<HashSet<(SocketAddr, SocketAddr)>>>);

/// Most connections on the list: a program that makes more has others left out.
const MOST: usize = 1 << 20;

impl Chosen {
    /// Adds the connection between these addresses. One that is added after its first packet loses what came before.
    pub fn add(&self, one: SocketAddr, other: SocketAddr) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < MOST {
            all.insert((one, other));
        }
    }

    /// Whether the connection is on the list, in either direction.
    pub(super) fn has(&self, src: SocketAddr, dst: SocketAddr) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.contains(&(src, dst)) || all.contains(&(dst, src))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_of_one_connection_and_no_other() {
        let [a, b, c] = [1, 2, 3].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let chosen = Chosen::default();
        chosen.clone().add(a, b);
        assert!(chosen.has(a, b) && chosen.has(b, a));
        assert!(!chosen.has(a, c) && !chosen.has(c, b) && !chosen.has(a, a));
    }
}
