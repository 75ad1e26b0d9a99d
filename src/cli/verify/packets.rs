//! The traffic between the replay and its client, captured with libpcap on the loopback device.

use crate::analyzer::{Analyzer, Options as AnalyzerOptions, Output};
use crate::capture::live::{Live, LiveItem, Options, port_filter};
use crate::exchange::Exchange;
use anyhow::Result;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// The loopback device.
const DEVICE: &str = if cfg!(target_os = "linux") { "lo" } else { "lo0" };

/// A capture of one port.
pub(super) struct LoopbackCapture(Live);

impl LoopbackCapture {
    /// # Errors
    /// The device cannot be opened; usually the user lacks the permission.
    pub(super) fn open(port: u16) -> Result<LoopbackCapture> {
        let options = Options { filter: Some(port_filter(&[port], None)), immediate: true, ..Options::default() };
        Live::open(&[DEVICE.to_owned()], &options).map(LoopbackCapture)
    }

    /// Captures until `stop` is set; returns the first exchange if all of it was captured.
    pub(super) fn listen(mut self, stop: &AtomicBool) -> Option<Exchange> {
        let mut analyzer = Analyzer::new(AnalyzerOptions::whole());
        let mut all = Vec::new();
        let mut keep = |output| {
            if let Output::Exchange(analyzed) = output {
                all.push(*analyzed.exchange);
            }
        };
        let heard = self.0.run(stop, Duration::from_millis(50), &mut |item| {
            if let LiveItem::Packet(packet) = item {
                analyzer.packet(&packet, &mut keep);
            }
        });
        analyzer.finish(&mut keep);
        all.sort_by_key(|e| e.id);
        heard.ok().and_then(|()| all.into_iter().find(|e| e.request.is_some() && !e.gap))
    }
}
