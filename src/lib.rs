//! `sniff` reads streamed HTTP answers, above all of language models, from captured packets. It gives each exchange
//! with the time of every
//! delivery, its figures (time to first token, gaps between deltas), and what breaks a rule of HTTP, of the framing or
//! of the vendor's dialect.
//! The program of the same name records, lists, reports and replays with it.
//!
//! The most important types:
//!
//! - [`Analyzer`] takes packets or byte events and gives what they complete. It reads no clock and opens nothing.
//! - [`analyzer::Options`] say what it does: bounds of reassembly, thresholds of rules, TLS secrets, what is kept of an
//!   exchange.
//! - [`Analyzed`] is a finished exchange with its figures and findings.
//! - [`exchange::Exchange`] is the exchange itself, as plain data: heads, deliveries, records, the answer's text, how
//!   it ended.
//! - [`conn::ByteEvent`] is what a source without packets gives: bytes of a connection, in order, each with its time.
//!
//! Packets come from a file with [`capture::file::Reader`], or from wherever the caller has them.
//!
//! ```
//! use sniff::analyzer::{Analyzer, Options, Output};
//! use sniff::capture::{Item, file::Reader};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut analyzed = Vec::new();
//! let mut keep = |output| {
//!     if let Output::Exchange(exchange) = output {
//!         analyzed.push(exchange);
//!     }
//! };
//! let mut analyzer = Analyzer::new(Options::default());
//! let mut capture = Reader::open("captures/seed/iflow/input.pcap")?;
//! while let Some(item) = capture.next()? {
//!     if let Item::Packet(packet) = item {
//!         analyzer.packet(&packet, &mut keep);
//!     }
//! }
//! analyzer.finish(&mut keep);
//!
//! for one in &analyzed {
//!     let ttft = one.metrics.ttft.expect("an answer with deltas");
//!     println!("time to first token: {:.0} ms", ttft.as_millis_f64());
//!     for finding in &one.findings {
//!         println!("{}: {}", finding.rule, finding.message);
//!     }
//!     assert_eq!(ttft.as_millis_f64().round(), 208.0);
//!     let broken = |rule| one.findings.iter().any(|finding| finding.rule == rule);
//!     assert!(broken("OAI-CHAT-001") && broken("OAI-CHAT-031") && !broken("OAI-CHAT-002"));
//! }
//! assert_eq!(analyzed.len(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! Features: `live` (capture from devices, takes libpcap), `proxy` (the intercepting proxy), `legacy-tls` (RC4,
//! AES-CCM, TLS 1.0 and 1.1 of old
//! captures), `otlp` (metrics to a collector); all four are on by default, and a library user needs none of them.

// The map, in pipeline order. What is `pub` is the face of the library; the rest is the program's. Whatever reads
// captured bytes has no `unsafe`; where devices, sockets and privileges are, the modules that read have none either.
#[forbid(unsafe_code)]
pub mod time;
#[forbid(unsafe_code)]
mod encoding;
#[forbid(unsafe_code)]
mod oddity;
#[forbid(unsafe_code)]
pub mod conn;
#[forbid(unsafe_code)]
mod wire;
#[forbid(unsafe_code)]
mod budget;

pub mod capture;
#[forbid(unsafe_code)]
mod net;
#[forbid(unsafe_code)]
mod tcp;
#[forbid(unsafe_code)]
mod tls;

#[forbid(unsafe_code)]
mod http;
#[forbid(unsafe_code)]
mod quic;
#[forbid(unsafe_code)]
mod body;
#[forbid(unsafe_code)]
mod framing;
#[forbid(unsafe_code)]
mod dialect;

#[forbid(unsafe_code)]
pub mod exchange;
#[forbid(unsafe_code)]
mod pipeline;
#[forbid(unsafe_code)]
pub mod metrics;
#[forbid(unsafe_code)]
mod clients;
#[forbid(unsafe_code)]
mod verdict;
#[forbid(unsafe_code)]
mod delivery;
#[forbid(unsafe_code)]
pub mod conformance;
#[forbid(unsafe_code)]
pub mod analyzer;
#[forbid(unsafe_code)]
mod summary;

#[forbid(unsafe_code)]
mod store;
mod replay;
#[forbid(unsafe_code)]
mod report;
#[forbid(unsafe_code)]
mod interchange;
#[forbid(unsafe_code)]
mod watch;
#[cfg(feature = "proxy")]
mod proxy;
mod cli;

#[doc(hidden)]
pub mod internal;

pub use analyzer::{Analyzed, Analyzer};
