//! Tests of reading files: files built by hand in `formats` and `damage`, the corpus in `corpus`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod corpus;
mod damage;
mod formats;
mod values;

use super::Item;
use super::file::Reader;
use crate::time::Timestamp;
use std::io::{self, Read};

/// The result of a reading.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct All {
    pub(super) packets: Vec<Owned>,
    pub(super) secrets: Vec<Vec<u8>>,
    pub(super) notices: Vec<String>,
    pub(super) error: Option<String>,
}

/// An owned copy of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owned {
    pub(super) at: Timestamp,
    pub(super) frame: u64,
    pub(super) link: u32,
    pub(super) device: u32,
    pub(super) wire_len: u32,
    pub(super) data: Vec<u8>,
}

/// Read to the end.
pub(super) fn drain(reader: &mut Reader) -> All {
    let mut all = All::default();
    loop {
        match reader.next() {
            Ok(None) => return all,
            Ok(Some(Item::Packet(p))) => {
                let data = p.data.to_vec();
                all.packets.push(Owned {
                    at: p.at,
                    frame: p.frame,
                    link: p.link,
                    device: p.device,
                    wire_len: p.wire_len,
                    data,
                });
            }
            Ok(Some(Item::Secrets(s))) => all.secrets.push(s.to_vec()),
            Ok(Some(Item::Notice(n))) => all.notices.push(n),
            Err(e) => {
                all.error = Some(format!("{e:#}"));
                assert!(matches!(reader.next(), Ok(None)), "an error is the end");
                return all;
            }
        }
    }
}

/// Read bytes to the end.
pub(super) fn read(bytes: &[u8]) -> All {
    drain(&mut Reader::new(Box::new(io::Cursor::new(bytes.to_vec())), "test"))
}

/// Gives bytes in pieces of `n`.
pub(super) struct Drip {
    pub(super) bytes: Vec<u8>,
    pub(super) at: usize,
    pub(super) n: usize,
}

impl Read for Drip {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.n.min(into.len()).min(self.bytes.len() - self.at);
        into[..n].copy_from_slice(&self.bytes[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}
