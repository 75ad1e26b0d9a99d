//! The door in the path: `sniff proxy` and `sniff run` between real peers on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![cfg(feature = "proxy")]

mod clients;
#[path = "../support/door.rs"]
#[allow(unreachable_pub)]
mod door;
mod plain;
#[allow(unreachable_pub)]
mod tls;
