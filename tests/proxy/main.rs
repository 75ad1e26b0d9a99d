//! The proxy door: `sniff proxy` and `sniff run` between real peers on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![cfg(feature = "proxy")]

mod abuse;
#[allow(unreachable_pub)]
mod clients;
#[path = "../support/door.rs"]
#[allow(dead_code, unreachable_pub)] // the bench asks for more
mod door;
mod plain;
mod policy;
mod run;
#[allow(unreachable_pub)]
mod tls;
#[path = "../support/tools.rs"]
#[allow(unreachable_pub)]
mod tools;
mod ways;
