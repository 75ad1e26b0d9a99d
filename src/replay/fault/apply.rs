//! Applies each fault to a script.

use super::super::draft::{Draft, Edit};
use super::super::script::{Ending, INTERNAL_ERROR, Script};
use super::{Fault, FaultError};
use crate::exchange::Exchange;
use crate::framing::Framing;
use crate::time::Span;

/// Distance between pieces of what was one delivery: long enough for a client to read them one by one.
const APART: Span = Span(500_000);

/// Applies the faults in order.
///
/// # Errors
/// A fault is not possible in this recording; the text says which and why.
pub fn apply(script: Script, exchange: &Exchange, faults: &[Fault]) -> Result<Script, FaultError> {
    if faults.is_empty() {
        return Ok(script);
    }
    let framing = exchange.response.as_ref().map_or(Framing::Empty, |r| r.framing);
    let mut draft = Draft::of(script, exchange);
    let mut honest = true;
    for fault in faults {
        one(&mut draft, framing, fault)
            .map_err(|why| FaultError(format!("{fault} does not fit exchange {}: {why}", exchange.id.0)))?;
        honest &= !matches!(fault, Fault::Truncate(_) | Fault::Reset(_) | Fault::InjectError);
    }
    Ok(draft.done(honest))
}

fn one(draft: &mut Draft, framing: Framing, fault: &Fault) -> Result<(), &'static str> {
    let only_sse = || if framing == Framing::Sse { Ok(()) } else { Err("it is not an event stream") };
    match fault {
        Fault::DropTerminator => {
            let edits: Vec<Edit> = terminators(draft).map(|range| (range, Vec::new())).collect();
            some(&edits, "it has no terminator")?;
            draft.splice(&edits);
        }
        Fault::DuplicateTerminator => {
            let last = terminators(draft).last().ok_or("it has no terminator")?;
            let again = draft.body.get(last.clone()).unwrap_or_default().to_vec();
            draft.splice(&[(last.end..last.end, again)]);
        }
        Fault::Truncate(bytes) => cut(draft, *bytes, Ending::Cut)?,
        Fault::Reset(bytes) => cut(draft, *bytes, Ending::Reset(INTERNAL_ERROR))?,
        Fault::Stall(record, pause) => {
            let from = draft.records.get(*record).ok_or("it has fewer records")?.bytes.end;
            let late = |at: Span| Span(at.0.saturating_add(pause.0));
            draft.deliveries.iter_mut().filter(|d| d.bytes.end > from).for_each(|d| d.at = late(d.at));
            draft.end_at = late(draft.end_at);
        }
        Fault::Coalesce(n) => {
            let ends: Vec<usize> = draft.records.chunks(*n).filter_map(|run| run.last()).map(|r| r.bytes.end).collect();
            if ends.is_empty() {
                return Err("it has no records");
            }
            let ends = ends.into_iter().chain([draft.body.len()]);
            let deliveries: Vec<_> = ends.map(|end| (draft.time_of(end), end)).collect();
            draft.deliver(deliveries);
        }
        Fault::Split(n) => {
            let cuts: Vec<_> = draft.deliveries.iter().flat_map(|d| pieces(d.at, d.bytes.clone(), *n)).collect();
            draft.deliver(cuts);
        }
        Fault::SplitUtf8 => {
            // After the first byte of every multi-byte character.
            let inside: Vec<usize> =
                (1..draft.body.len()).filter(|i| draft.body[i - 1] >= 0xc0 && draft.body[*i] & 0xc0 == 0x80).collect();
            if inside.is_empty() {
                return Err("it has no multi-byte character");
            }
            let mut ends = Vec::new();
            for d in &draft.deliveries {
                let cuts = inside.iter().filter(|i| d.bytes.contains(i)).copied().chain([d.bytes.end]);
                ends.extend(cuts.zip(0..).map(|(end, n)| (Span(d.at.0 + n * APART.0), end)));
            }
            draft.deliver(ends);
        }
        Fault::Buffer => {
            let at = draft.end_at.max(draft.deliveries.last().map_or(Span(0), |d| d.at));
            draft.deliveries.iter_mut().for_each(|d| d.at = at);
        }
        Fault::ContentType(value) => draft.set_field("content-type", Some(value)),
        Fault::NoSpace => {
            only_sse()?;
            let lines = line_starts(&draft.body).filter(|at| draft.body[*at..].starts_with(b"data: "));
            let edits: Vec<Edit> = lines.map(|at| (at + 5..at + 6, Vec::new())).collect();
            some(&edits, "it has no space after data: already")?;
            draft.splice(&edits);
        }
        Fault::Crlf => {
            only_sse()?;
            let bare =
                |at: &usize| draft.body[*at] == b'\n' && at.checked_sub(1).is_none_or(|b| draft.body[b] != b'\r');
            let edits: Vec<Edit> = (0..draft.body.len()).filter(bare).map(|at| (at..at, b"\r".to_vec())).collect();
            some(&edits, "its lines end with CRLF already")?;
            draft.splice(&edits);
        }
        Fault::Bom => {
            only_sse()?;
            draft.splice(&[(0..0, b"\xef\xbb\xbf".to_vec())]);
        }
        Fault::InjectError => inject(draft, framing)?,
        Fault::KeepaliveComments => {
            only_sse()?;
            let edits: Vec<Edit> =
                draft.records.iter().map(|r| (r.bytes.end..r.bytes.end, b": keep-alive\n\n".to_vec())).collect();
            // No comment follows the last event.
            draft.splice(edits.split_last().ok_or("it has no events")?.1);
        }
        Fault::Hang => draft.ending = Ending::Open,
    }
    Ok(())
}

/// Inserts an error object, in the form of the dialect's family, in the middle of the output; the connection is cut
/// after it.
fn inject(draft: &mut Draft, framing: Framing) -> Result<(), &'static str> {
    const ERROR: &str =
        r#"{"error":{"message":"injected by sniff replay","type":"server_error","param":null,"code":null}}"#;
    let error = match framing {
        Framing::Sse => format!("data: {ERROR}\n\n"),
        Framing::Ndjson => format!("{ERROR}\n"),
        _ => return Err("only event streams and NDJSON have a place for it"),
    };
    let deltas: Vec<_> = draft.records.iter().filter(|r| r.delta).collect();
    let middle = deltas.get(deltas.len() / 2).ok_or("it has no output")?.bytes.end;
    draft.end_at = draft.time_of(middle);
    draft.splice(&[(middle..draft.body.len(), error.into_bytes())]);
    draft.ending = Ending::Cut;
    Ok(())
}

fn cut(draft: &mut Draft, bytes: usize, ending: Ending) -> Result<(), &'static str> {
    let len = draft.body.len();
    if bytes >= len {
        return Err("its body is not longer than that");
    }
    draft.end_at = draft.time_of(bytes.max(1));
    draft.splice(&[(bytes..len, Vec::new())]);
    draft.ending = ending;
    Ok(())
}

fn terminators(draft: &Draft) -> impl Iterator<Item = std::ops::Range<usize>> {
    draft.records.iter().filter(|r| r.terminator).map(|r| r.bytes.clone())
}

fn line_starts(body: &[u8]) -> impl Iterator<Item = usize> {
    std::iter::once(0).chain(memchr::memchr_iter(b'\n', body).map(|at| at + 1)).filter(|at| *at < body.len())
}

fn pieces(at: Span, bytes: std::ops::Range<usize>, n: usize) -> impl Iterator<Item = (Span, usize)> {
    let end = bytes.end;
    bytes.step_by(n).zip(0..).map(move |(from, i)| (Span(at.0 + i * APART.0), (from + n).min(end)))
}

fn some(edits: &[Edit], why: &'static str) -> Result<(), &'static str> {
    if edits.is_empty() { Err(why) } else { Ok(()) }
}
