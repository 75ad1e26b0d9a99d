//! `sniff`: streamed HTTP answers, from packets to latency and conformance. The map, in pipeline order.

pub mod time;
pub mod encoding;
pub mod oddity;
pub mod conn;
pub mod wire;

pub mod capture;
pub mod net;
pub mod tcp;
pub mod tls;

pub mod http;
pub mod body;
pub mod framing;
pub mod dialect;

pub mod exchange;
pub mod pipeline;
pub mod metrics;
pub mod clients;
pub mod verdict;
pub mod delivery;
pub mod conformance;
pub mod analyzer;
pub mod summary;

pub mod store;
pub mod replay;
pub mod report;
pub mod interchange;
#[cfg(feature = "proxy")]
pub mod proxy;
pub mod cli;

pub use analyzer::{Analyzed, Analyzer};
