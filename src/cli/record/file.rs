//! Records from a capture file, a `.wire` transcript, or standard input.

use super::args::RecordArgs;
use super::recording::Recording;
use super::status_line::StatusLine;
use crate::capture::{Item, file};
use crate::cli::common::Common;
use crate::cli::input::{self, Input};
use crate::cli::keylog::Follow;
use crate::cli::late_secrets::LateSecrets;
use crate::cli::run_summary::{self, Door};
use crate::cli::watch::Watching;
use crate::net::NetStats;
use crate::tls::Keys;
use crate::wire::Transcript;
use anyhow::{Context, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(super) fn run(
    path: &str,
    args: &RecordArgs,
    common: &Common,
    stop: &Arc<AtomicBool>,
    watching: &Watching,
) -> Result<u8> {
    let name = if path == "-" { "standard input" } else { path };
    let keys = Keys::default();
    Follow::start(args.keylog.as_deref(), &keys)?.finish()?;
    let mut reader = file::Reader::open(path)?;
    reader.stop_when(stop.clone());
    let mut status = StatusLine::new(common, true);
    status.bar(reader.progress().1);
    let mut reader = match Input::of(reader, path)? {
        Input::Transcript(told) => {
            keys.finish();
            return transcript(name, &told, args, common, status, &keys, watching);
        }
        Input::Capture(reader) => reader,
    };
    // The database is opened with the first packet, so that a file without packets leaves no trace.
    let mut recording = None;
    let mut status = Some(status);
    let mut packets = 0u64;
    let mut secrets = LateSecrets::new(path, &keys, stop);
    while !stop.load(Ordering::Relaxed) {
        match reader.next().with_context(|| if packets > 0 { "reading stopped" } else { "nothing was read" })? {
            None => break,
            Some(Item::Packet(packet)) => {
                packets += 1;
                let recording = match &mut recording {
                    Some(r) => r,
                    slot => {
                        let status = status.take().unwrap_or_else(|| StatusLine::new(common, true));
                        slot.insert(Recording::start(
                            name,
                            Door::Packets,
                            args,
                            common,
                            status,
                            &keys,
                            watching.watch(),
                        )?)
                    }
                };
                recording.step(|analyzer, sink| analyzer.packet(&packet, sink))?;
                secrets.after_packet(&reader);
            }
            Some(Item::Secrets(lines)) => keys.push_block(lines),
            Some(Item::Notice(text)) => match (&mut recording, &mut status) {
                (Some(r), _) => r.notice(&text),
                (None, Some(s)) => s.notice(&text),
                (None, None) => {}
            },
        }
        if packets.is_multiple_of(4096)
            && let Some(r) = &mut recording
        {
            r.position(reader.progress().0);
        }
    }
    let counts = reader.counts();
    let Some(mut recording) = recording else {
        // To be stopped by a signal before the first packet is a normal end; a file without packets is an error.
        return if stop.load(Ordering::Relaxed) {
            Ok(0)
        } else {
            run_summary::readable(name, &counts, &NetStats::default()).map(|()| 0)
        };
    };
    let net = recording.net_finish()?;
    run_summary::readable(name, &counts, &net)?;
    Ok(recording.finish(counts, &net)?.code())
}

/// Records the one connection of a transcript.
fn transcript(
    name: &str,
    told: &Transcript,
    args: &RecordArgs,
    common: &Common,
    status: StatusLine,
    keys: &Keys,
    watching: &Watching,
) -> Result<u8> {
    let mut recording = Recording::start(name, Door::Transcript, args, common, status, keys, watching.watch())?;
    recording.step(|analyzer, sink| input::replay(told, analyzer, sink))?;
    let net = recording.net_finish()?;
    Ok(recording.finish(input::counts(told), &net)?.code())
}
