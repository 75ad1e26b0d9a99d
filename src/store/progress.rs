//! What the writer's thread reports while it works: what is durable, and why it stops.

use super::message::Stop;
use crate::metrics::Metrics;
use crate::summary::Summary;

/// Receives the reports of the writer's thread, on that thread.
///
/// ```text
/// written, written, … committed     these exchanges are durable
/// written, …        ended           these are not: the transaction was given up
/// ```
pub trait Progress: Send {
    /// The transaction in progress has this exchange. It is durable with the next [`Progress::committed`].
    fn written(&mut self, exchange: &Summary);
    /// The figures of that exchange, before [`Progress::written`].
    fn figures(&mut self, _exchange: &Summary, _figures: &Metrics) {}
    /// Everything that was written survives the death of this process.
    fn committed(&mut self);
    /// Something that the user should know; the writer continues.
    fn notice(&mut self, text: &str);
    /// The writer stores no more.
    fn ended(&mut self, why: &Ended<'_>);
}

/// Why the writer stores no more although its session continues.
#[derive(Debug)]
pub enum Ended<'e> {
    /// It cannot write: the disk is full, the database is gone or locked.
    Failed(&'e anyhow::Error),
    /// A limit was reached.
    Stopped(Stop),
}

/// For callers that print nothing.
pub(super) struct Silent;

impl Progress for Silent {
    fn written(&mut self, _: &Summary) {}
    fn committed(&mut self) {}
    fn notice(&mut self, _: &str) {}
    fn ended(&mut self, _: &Ended<'_>) {}
}
