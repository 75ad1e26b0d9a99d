//! The replay of the demo's recording to a built-in client, and the times of both.

use super::record::apart;
use crate::cli::common::Common;
use crate::cli::sandbox::{Sandbox, SandboxArgs};
use crate::exchange::Exchange;
use crate::replay::matching::{Asked, Repeat};
use crate::replay::serve::{self, Service, probe};
use crate::replay::verify::compare;
use crate::replay::{Book, MatchBy, Pace, Script};
use crate::time::Span;
use anyhow::{Context, Result, anyhow};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

/// A replay as its client received it.
pub(super) struct Replayed {
    /// For each chunk its time since the request's last byte: recorded, replayed.
    pub(super) times: Vec<(Span, Span)>,
    /// Whether bytes, chunks, head and end are equal.
    pub(super) is_equal: bool,
}

/// Serves the exchange on a port of its own and asks for it.
///
/// # Errors
/// It cannot be played, or no answer came.
pub(super) fn replay(exchange: &Exchange, common: &Common) -> Result<Replayed> {
    let script = Script::new(exchange, false).map_err(|e| anyhow!("{e}"))?;
    let pace = Pace { speed: 1.0, first_delay: None, jitter: Span(0), seed: 0 };
    let mut book = Book::new(MatchBy::Sequence, Repeat::Last, Vec::new());
    book.add(Asked::default(), script.clone());
    let recorded: Vec<Span> = script.steps.iter().map(|step| step.at).collect();
    let lasts = pace.times(&recorded, 0).last().copied().unwrap_or_default();
    let listener = serve::bind(&[(Ipv4Addr::LOCALHOST, 0).into()])?;
    let (address, stop) = (listener.local_addr()?, AtomicBool::new(false));
    let heard = std::thread::scope(|scope| -> Result<Option<Exchange>> {
        let sandbox = Sandbox::new(&SandboxArgs::default(), common).serves();
        let (listener, stop) = (&listener, &stop);
        let (started, is_ready) = mpsc::channel();
        let serving = scope.spawn(move || {
            apart(sandbox, || {
                let service = Service::start(book, pace, None, Box::new(|_| ()))?;
                let _ = started.send(());
                service.listen(listener, stop)?;
                service.finish();
                Ok(())
            })
        });
        // If it could not be started, its result says why.
        let heard = is_ready.recv().map_or(Ok(None), |()| probe::ask(address, exchange, lasts));
        stop.store(true, Ordering::Relaxed);
        // One more connection, so that the listener notices the stop at once.
        drop(TcpStream::connect(address));
        serving.join().map_err(|_| anyhow!("the replay ended early"))??;
        heard
    })?;
    let fidelity = compare(&script, &pace, 0, heard.as_ref());
    let heard = heard.context("the replay did not answer")?;
    let times = chunk_times(exchange).into_iter().zip(chunk_times(&heard)).collect();
    Ok(Replayed { times, is_equal: fidelity.is_equal() })
}

/// The time of each chunk's last byte since the request's.
fn chunk_times(exchange: &Exchange) -> Vec<Span> {
    let (Some(request), Some(response)) = (&exchange.request, &exchange.response) else { return Vec::new() };
    let chunks = response.body.pieces.chunk_by(|a, b| a.unit == b.unit);
    chunks.filter_map(|pieces| pieces.last()).map(|piece| piece.at.since(request.last_at)).collect()
}
