//! Captures in and out of `sniff redact`.

use super::{Done, RedactArgs};
use crate::cli::common::Common;
use crate::cli::record;
use crate::exchange::Exchange;
use crate::exchange::redact::{Filler, share};
use crate::http::event::Transfer;
use crate::interchange::{pcapng, transcript};
use crate::replay::Script;
use crate::replay::script::Unplayable;
use crate::store::{Reader, Selector};
use anyhow::{Context, Result, bail};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Whether a file of this name is a capture.
pub(super) fn is_named(path: &Path) -> bool {
    let end = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    ["pcapng", "pcap", "cap"].contains(&end.as_str())
}

/// A database that is deleted when this value goes: it holds prompts that its user does not want to keep.
pub(super) struct Temporary(PathBuf);

impl Temporary {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        for end in ["", "-wal", "-shm"] {
            let mut name = self.0.clone().into_os_string();
            name.push(end);
            // It may not be there.
            let _ = std::fs::remove_file(name);
        }
    }
}

/// Records a capture into a database beside the copy.
pub(super) fn record(args: &RedactArgs, common: &Common) -> Result<Temporary> {
    let name = args.to.file_name().unwrap_or_default().to_string_lossy();
    let temporary = Temporary(args.to.with_file_name(format!(".{name}.{}.db", std::process::id())));
    super::create(&temporary.0)?;
    let common = Common { db: temporary.0.clone(), quiet: true, verbose: false, ..common.clone() };
    let code = record::one_file(&args.from, args.keylog.as_deref(), &common)?;
    if code != 0 {
        bail!("{} was not read to its end", args.from.display());
    }
    Ok(temporary)
}

/// Whether the response came in chunks or DATA frames. What is missing of them cannot be written: its boundaries are
/// not known.
fn has_units(x: &Exchange) -> bool {
    let head = x.response.as_ref().and_then(|r| r.head.as_ref());
    head.is_some_and(|head| matches!(head.transfer, Transfer::Chunked | Transfer::H2))
}

/// Writes the exchanges of a database as a capture (pcapng): each is one connection, in HTTP/1.1.
pub(super) fn write(from: &Path, args: &RedactArgs, done: &mut Done) -> Result<()> {
    let reader = Reader::open(from)?;
    let filler = args.text.then(Filler::new);
    let mut all = reader.list(&Selector::default())?;
    all.sort_by_key(|s| s.id);
    let mut told = Vec::with_capacity(all.len());
    for s in &all {
        let (exchange, decoded) = share(&reader.exchange(s.id)?, filler.as_ref());
        let transcript = match Script::new(&exchange, true) {
            Ok(script) => transcript::of(&exchange, &script),
            Err(Unplayable::NoHead) if exchange.request.is_some() => transcript::asked(&exchange),
            Err(Unplayable::Switched) if exchange.websocket.is_some() => transcript::socket(&exchange),
            Err(why) => {
                done.left_out
                    .push(format!("sniff: left out exchange {}: {why}; a database (OUT.db) can hold it", s.id));
                continue;
            }
        };
        done.add(s, decoded);
        let response = exchange.response.as_ref().map(|r| &r.body).filter(|_| has_units(&exchange));
        done.closed_up += u64::from(response.is_some_and(|body| body.pieces.iter().any(|p| p.gap)));
        told.push((exchange.endpoints, transcript));
    }
    if told.is_empty() {
        bail!("{} has no exchange that a capture can hold; write a database: OUT.db", args.from.display());
    }
    pcapng::own_ports(&mut told);
    let bytes = pcapng::file(told.iter().map(|(endpoints, transcript)| (*endpoints, transcript)));
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .open(&args.to)
        .with_context(|| format!("cannot write {}", args.to.display()))?;
    file.write_all(&bytes).with_context(|| format!("cannot write {}", args.to.display()))
}
