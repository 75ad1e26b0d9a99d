//! The wire between the replay and its client, as libpcap hears it on the loopback device.

use crate::capture::live::{Live, LiveItem, Options, port_filter};
use crate::exchange::Exchange;
use crate::net::Decoder;
use crate::pipeline::{Config, Output, Pipeline};
use crate::tcp::{Limits, Table};
use anyhow::Result;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// The loopback device.
const DEVICE: &str = if cfg!(target_os = "linux") { "lo" } else { "lo0" };

/// A capture of one port.
pub(super) struct Ear(Live);

impl Ear {
    /// # Errors
    /// The device cannot be opened; mostly this takes a right that the user lacks.
    pub(super) fn open(port: u16) -> Result<Ear> {
        let options = Options { filter: Some(port_filter(&[port], None)), immediate: true, ..Options::default() };
        Live::open(&[DEVICE.to_owned()], &options).map(Ear)
    }

    /// Listens until `stop` is set; the first exchange, where all of it was heard.
    pub(super) fn listen(mut self, stop: &AtomicBool) -> Option<Exchange> {
        let config = Config { part_bytes: usize::MAX, part_items: usize::MAX, ..Config::default() };
        let (mut net, mut table, mut pipeline) = (Decoder::new(), Table::new(Limits::default()), Pipeline::new(config));
        let heard = self.0.run(stop, Duration::from_millis(50), &mut |item| {
            if let LiveItem::Packet(packet) = item {
                net.push(&packet, &mut |segment| table.push(segment, &mut |event| pipeline.feed(&event)));
            }
        });
        table.finish(&mut |event| pipeline.feed(&event));
        pipeline.finish();
        let mut all = Vec::new();
        pipeline.drain(&mut |output| {
            if let Output::Exchange(exchange) = output {
                all.push(*exchange);
            }
        });
        all.sort_by_key(|e| e.id);
        heard.ok().and_then(|()| all.into_iter().find(|e| e.request.is_some() && !e.gap))
    }
}
