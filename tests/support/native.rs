//! The second opinion in the public corpus: what tshark's own dissector says of HTTP/1 where the oracle's strict
//! reader of byte streams could not decide (there only the order says which response answers which request) or
//! refused (a head without Host, or without its end).

use super::oracle::Wanted;
use serde_json::{Value, json};

/// Adds the second opinion. `blank` makes an empty exchange of a TCP stream.
pub fn correct(native: &Value, all: &mut Vec<Wanted>, blank: impl Fn(String, u64) -> Wanted) {
    let entries: Vec<Entry> =
        native.as_array().into_iter().flatten().enumerate().filter_map(|(n, v)| Entry::of(n, v)).collect();
    heads(&entries, all, blank);
    for entry in &entries {
        let Some(asked) = entry.request_in else { continue };
        let (Some(r), Some(q)) = (at(all, entry.tcp, entry.frame, response), at(all, entry.tcp, asked, request)) else {
            continue;
        };
        if r != q {
            let (answer, interim) = (all[r].response.take(), std::mem::take(&mut all[r].interim));
            all[r].response = std::mem::replace(&mut all[q].response, answer);
            all[r].interim = std::mem::replace(&mut all[q].interim, interim);
        }
    }
}

/// One message, in the frame that completes it.
struct Entry {
    n: usize,
    tcp: u64,
    frame: u64,
    method: Option<String>,
    target: Option<String>,
    status: Option<u64>,
    request_in: Option<u64>,
    response_in: Option<u64>,
}

impl Entry {
    /// Frames with several messages list values without their messages.
    fn of(n: usize, v: &Value) -> Option<Entry> {
        let text = |field: &str| v[field].as_str();
        let number = |field: &str| text(field).and_then(|s| s.parse().ok());
        if ["request.method", "response.code", "tcp.stream"].iter().any(|field| v[*field].is_array()) {
            return None;
        }
        Some(Entry {
            n,
            tcp: number("tcp.stream")?,
            frame: v["frame"].as_u64()?,
            method: text("request.method").filter(|m| *m != "PRI").map(str::to_owned),
            target: text("request.uri").map(str::to_owned),
            status: number("response.code"),
            request_in: number("request_in"),
            response_in: number("response_in"),
        })
    }
}

/// Messages of a stream of which the oracle lists fewer than sniff does.
fn heads(entries: &[Entry], all: &mut Vec<Wanted>, blank: impl Fn(String, u64) -> Wanted) {
    for entry in entries {
        let is_request = entry.method.is_some();
        let same =
            |e: &&Entry| e.tcp == entry.tcp && e.method.is_some() == is_request && (is_request || e.status.is_some());
        let of: fn(&Wanted) -> Option<&Value> = if is_request { request } else { response };
        let listed = all.iter().filter(|w| w.tcp == entry.tcp && of(w).is_some()).count();
        let known = at(all, entry.tcp, entry.frame, of).is_some();
        if known || listed >= entries.iter().filter(same).count() || !(is_request || entry.status.is_some()) {
            continue;
        }
        let other: fn(&Wanted) -> Option<&Value> = if is_request { response } else { request };
        let partner = if is_request { entry.response_in } else { entry.request_in };
        let partner = partner.and_then(|frame| at(all, entry.tcp, frame, other)).filter(|i| of(&all[*i]).is_none());
        let i = partner.unwrap_or_else(|| {
            all.push(blank(format!("native.{}", entry.n), entry.tcp));
            all.len() - 1
        });
        match is_request {
            true => {
                all[i].request = Some(json!({"method": entry.method, "target": entry.target, "end_frame": entry.frame}))
            }
            false => all[i].response = Some(json!({"status": entry.status, "end_frame": entry.frame})),
        }
    }
}

/// The exchange of this stream whose message or head ends in this frame; none if several do.
fn at(all: &[Wanted], tcp: u64, frame: u64, of: fn(&Wanted) -> Option<&Value>) -> Option<usize> {
    let ends = |v: &Value, field: &str| v[field].as_u64() == Some(frame);
    let find = |field: &str| {
        let mut found = all.iter().enumerate().filter(|(_, w)| w.tcp == tcp && of(w).is_some_and(|v| ends(v, field)));
        found.next().filter(|_| found.next().is_none()).map(|(i, _)| i)
    };
    find("end_frame").or_else(|| find("head_frame"))
}

fn request(w: &Wanted) -> Option<&Value> {
    w.request.as_ref()
}

fn response(w: &Wanted) -> Option<&Value> {
    w.response.as_ref()
}
