//! `sniff show`: one exchange chunk by chunk: request and response, times, findings, and what each chunk contained.

use super::Terminal;
use super::bytes::{self, Bodies, dump};
use super::finding::{self, RenderOptions};
use super::list::{call, dialect, end, request_line};
use super::picture::{self, Drawn};
use super::table::{Cell, Column, Table, render};
use super::text::{Style, bytes, clean, clip, count, level, rate, span, width, wrap};
use super::zone::Zone;
use crate::exchange::redact;
use crate::metrics::percentile;
use crate::pipeline::Contributions;
use crate::summary::detail::{Chunk, Detail, Record};
use crate::summary::{Header, Summary};
use crate::time::{Span, Timestamp};

/// Replaces secrets in header fields and in the request's target.
pub fn redact(detail: &mut Detail) {
    let s = &mut detail.summary;
    s.redact();
    let headers =
        [s.request.as_mut().and_then(|r| r.headers.as_mut()), s.response.as_mut().and_then(|r| r.headers.as_mut())];
    for h in headers.into_iter().flatten().flatten() {
        h.value = redact::value(&h.name, &h.value).into_owned();
    }
}

/// What is shown of it, and how.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shown<'b> {
    /// Zone of its time.
    pub zone: Zone,
    /// Long texts to their end.
    pub all: bool,
    /// Bodies as bytes, in place of records.
    pub dump: Option<&'b Bodies>,
    /// What its picture needs.
    pub drawn: Option<&'b Drawn>,
}

/// The exchange for a terminal.
pub fn text(d: &Detail, added: &Contributions, shown: &Shown<'_>, terminal: &Terminal) -> String {
    let s = &d.summary;
    let mut out = head(s, terminal);
    facts(&mut out, d, shown.zone, terminal);
    let picture = shown.drawn.map(|drawn| picture::text(d, drawn, terminal)).unwrap_or_default();
    if !picture.is_empty() {
        out += &format!("\n{}\n{picture}", Style::Bold.paint("Timeline", terminal.color));
    }
    if !s.findings.is_empty() {
        out += &format!("\n{}\n", Style::Bold.paint("Findings", terminal.color));
    }
    let code_width = s.findings.iter().map(|f| f.rule.len()).max().unwrap_or(0);
    for f in &s.findings {
        out += &finding::text(f, RenderOptions { code_width, zero_ns: s.timing.t_request_end_ns, fix: true }, terminal);
    }
    let request = s.request.as_ref().and_then(|r| r.headers.as_deref());
    let response = s.response.as_ref().and_then(|r| r.headers.as_deref());
    for (title, list) in [("Request headers", request), ("Response headers", response)] {
        headers(&mut out, title, list.unwrap_or_default(), terminal);
    }
    if let Some(bodies) = shown.dump {
        return out + &dump(d, bodies, terminal);
    }
    out += &bytes::request(d, shown.all, terminal);
    if !d.chunks.is_empty() {
        out += &format!("\n{}\n", Style::Bold.paint("Chunks", terminal.color));
        let since = if s.timing.t_request_end_ns.is_some() { "request's end" } else { "the first captured byte" };
        out += &render(&timeline(d, added), terminal);
        out += &format!(
            "{}\n",
            Style::Dim.paint(&format!("Times since {since}; gap: since the previous chunk."), terminal.color)
        );
    }
    out
}

/// The exchange as Markdown.
pub fn markdown(d: &Detail, added: &Contributions) -> String {
    let s = &d.summary;
    let mut out = format!("## Exchange {}: {}\n\n", s.id, super::markdown::escape(&clean(&request_line(s))));
    for f in &s.findings {
        out += &format!("- **{}** ({}): {}\n", f.rule, level(f.level), super::markdown::escape(&f.message));
    }
    out += &format!("\n{}", super::markdown::render(&timeline(d, added)));
    out
}

/// One row per chunk, with the records that it completed. A chunk that completed several records has several rows.
pub fn timeline(d: &Detail, added: &Contributions) -> Table {
    let columns = vec![
        Column::right("#"),
        Column::right("Time").exact("time_ms"),
        Column::right("Gap").spare(2).exact("gap_ms"),
        Column::right("Bytes").exact("chunk_bytes"),
        Column::right("Record"),
        Column::left("Kind").spare(1),
        Column::left("Event").min(8).spare(3),
        Column::left("Brings").min(20),
    ];
    let zero = d.summary.timing.t_request_end_ns.or(d.chunks.first().map(|c| c.t_ns)).unwrap_or_default();
    let mut rows = Vec::new();
    let mut records = d.records.iter().peekable();
    let identity = d.summary.response.as_ref().is_none_or(|r| r.content_encoding.is_none());
    let mut before: Option<i64> = None;
    for (i, chunk) in d.chunks.iter().enumerate() {
        let last = i + 1 == d.chunks.len();
        let gap = before.and_then(|t| Timestamp(chunk.t_ns).elapsed(Timestamp(t)));
        before = Some(chunk.t_ns);
        let mut begin = Some([
            Cell::new(chunk.n.to_string()).style(Style::Dim),
            Cell::new(moment(chunk.t_ns, zero)).exact(millis(Some(Timestamp(chunk.t_ns).since(Timestamp(zero))))),
            Cell::new(span(gap)).exact(millis(gap)),
            if chunk.gap {
                Cell::new(format!("{} lost", chunk.len)).style(Style::Red)
            } else {
                Cell::new(chunk.len.to_string())
            }
            .exact(chunk.len.to_string()),
        ]);
        while let Some(record) = records.next_if(|r| last || belongs(r, chunk, identity)) {
            let start = begin.take().unwrap_or_default();
            rows.push(start.into_iter().chain(record_cells(record, added)).collect());
        }
        if let Some(start) = begin {
            rows.push(start.into_iter().chain(std::iter::repeat_n(Cell::default(), 4)).collect());
        }
    }
    Table { columns, rows }
}

/// Whether this chunk completed the record: by offset if the wire body is the decoded body, else by time.
fn belongs(r: &Record, c: &Chunk, identity: bool) -> bool {
    if identity { r.end <= c.offset + c.len } else { r.t_ns <= c.t_ns }
}

fn record_cells(r: &Record, added: &Contributions) -> [Cell; 4] {
    let (kind, style) = match (r.kind.as_str(), &r.delta) {
        ("error", _) => ("error", Style::Red),
        (_, Some(delta)) => (delta.as_str(), Style::Plain),
        (kind, None) => (kind, Style::Dim),
    };
    let brings = added.get(r.n).unwrap_or_default();
    [
        Cell::new(r.n.to_string()).style(Style::Dim),
        Cell::new(kind).style(style),
        Cell::new(r.event.as_deref().unwrap_or_default()).style(Style::Dim),
        Cell::new(brings).style(if r.delta.is_some() { Style::Plain } else { style }),
    ]
}

/// Milliseconds with microseconds, so that rows compare at a glance.
pub(super) fn moment(ns: i64, zero: i64) -> String {
    format!("{:+.3} ms", Timestamp(ns).since(Timestamp(zero)).as_millis_f64())
}

/// Milliseconds as a number; empty if they are not known.
fn millis(span: Option<Span>) -> String {
    span.map(|s| s.as_millis_f64().to_string()).unwrap_or_default()
}

fn head(s: &Summary, terminal: &Terminal) -> String {
    let status = s.response.as_ref().and_then(|r| r.status).map_or("no status".into(), |n| n.to_string());
    let version = s.http_version.as_ref().map(|v| format!("HTTP/{v}")).unwrap_or_default();
    let title = clip(&clean(&format!("{}  →  {status}", request_line(s))), terminal.width);
    let end = end(s);
    let mut place = format!("exchange {}, session {}, stream {}", s.id, s.session, s.stream);
    s.h2_stream.iter().for_each(|n| place += &format!(".{n}"));
    let ends = [(s.client_ip, s.client_port), (s.server_ip, s.server_port)]
        .map(|(ip, port)| std::net::SocketAddr::new(ip, port));
    let ends = format!("{} → {}", ends[0], ends[1]);
    let protocol = format!("{version}{}", if s.tls { " over TLS" } else { "" });
    let mut out = format!("{}\n", Style::Bold.paint(&title, terminal.color));
    let mut column = 0;
    let authority = Some(clean(&s.authority())).filter(|a| !ends.ends_with(a.as_str())).unwrap_or_default();
    let plain = [place, ends, authority, protocol].map(|part| (part, Style::Plain));
    for (part, style) in plain.into_iter().chain([(end.text, end.style)]).filter(|(part, _)| !part.trim().is_empty()) {
        let breaks = column > 0 && column + 2 + width(&part) > terminal.width;
        out += if breaks { "\n" } else { ["", "  "][usize::from(column > 0)] };
        column = if breaks || column == 0 { width(&part) } else { column + 2 + width(&part) };
        out += &style.paint(&part, terminal.color);
    }
    out + "\n"
}

fn facts(out: &mut String, d: &Detail, zone: Zone, terminal: &Terminal) {
    let s = &d.summary;
    let mut line = |title: &str, parts: Vec<String>| {
        let parts: Vec<String> = parts.into_iter().filter(|p| !p.is_empty()).collect();
        if !parts.is_empty() {
            let body = wrap(&clean(&parts.join(",  ")), terminal.width.saturating_sub(10).max(40)).join("\n          ");
            *out += &format!("{} {body}\n", Style::Dim.paint(&format!("{title:<9}"), terminal.color));
        }
    };
    if let Some(r) = &s.request {
        let stream = r.stream.map(|s| format!("stream: {s}")).unwrap_or_default();
        let model = r.model.as_ref().map(|m| format!("model {m}")).unwrap_or_default();
        line(
            "Request",
            vec![
                r.content_type.clone().unwrap_or_default(),
                bytes(r.body_bytes),
                model,
                stream,
                call(s).unwrap_or_default(),
            ],
        );
    }
    if let Some(r) = &s.response {
        let chunks =
            r.chunks.map(|n| format!("{} in {}", r.transfer.as_deref().unwrap_or("units"), count(n, "unit", "units")));
        line(
            "Response",
            vec![
                r.content_type.clone().unwrap_or("no content type".into()),
                r.content_encoding.clone().unwrap_or_default(),
                chunks.unwrap_or_else(|| r.transfer.clone().unwrap_or_default()),
                bytes(r.wire_body_bytes),
                if r.decoded_bytes == r.wire_body_bytes {
                    String::new()
                } else {
                    format!("{} decoded", bytes(r.decoded_bytes))
                },
            ],
        );
        let t = &r.terminator;
        let terminator = match (&t.which, &t.expected) {
            (Some(w), _) => format!("ended by {w}"),
            (None, Some(e)) => format!("{e} never came"),
            _ => String::new(),
        };
        let why = d.dialect_why.as_ref().filter(|w| !w.is_empty()).map(|w| format!(" ({w})")).unwrap_or_default();
        let reason = r.finish_reason.as_ref().map(|f| format!("finish reason {f}")).unwrap_or_default();
        line(
            "Framing",
            vec![
                r.framing.clone(),
                count(r.records, "record", "records"),
                format!("{}{why}", dialect(s)),
                terminator,
                reason,
            ],
        );
        line("Usage", vec![r.usage.as_ref().map(ToString::to_string).unwrap_or_default()]);
    }
    line("Verdict", s.verdict.iter().map(|v| format!("{v}: {}", s.verdict_why.join("; "))).collect());
    line("Delivery", vec![s.delivery.join("; ")]);
    let t = &s.timing;
    let named = |name: &str, value: String| if value.is_empty() { value } else { format!("{name} {value}") };
    let gaps = [t.itl_p50, t.itl_p99, t.itl_max].map(span);
    let gaps = if gaps[0].is_empty() {
        String::new()
    } else {
        format!("gaps p50 {}, p99 {}, max {}", gaps[0], gaps[1], gaps[2])
    };
    let begun = s.begun_ns().map(|ns| zone.full(ns)).unwrap_or_default();
    line("Begin", vec![begun]);
    // Where reasoning and the first delta are one, TTFT says it all.
    let reasoning = t.ttfr.filter(|_| t.ttfr != t.ttft);
    let stages = [("loading", t.load), ("prompt", t.prefill), ("then first token", t.first_token)];
    let spans = [("TTFB", t.ttfb), ("first reasoning", reasoning), ("TTFT", t.ttft), ("duration", t.duration)];
    let spans = spans.into_iter().chain([("TPOT", t.tpot)]).chain(stages);
    let spans = spans.chain([("first delta elsewhere", t.rpc_first_delta), ("response", t.rpc_answer)]);
    let mut parts: Vec<String> = spans.map(|(n, v): (&str, Option<Span>)| named(n, span(v))).collect();
    parts.extend([named("tokens", rate(t.tpot)), gaps]);
    line("Timing", parts);
    let mut hops: Vec<Span> =
        d.chunks.iter().filter_map(|c| Some(Timestamp(c.t_client_ns?).since(Timestamp(c.t_ns)))).collect();
    hops.sort_unstable();
    if let (Some(half), Some(most)) = (percentile(&hops, 50.0), hops.last()) {
        line("Proxy", vec![format!("handed on within {half} (p50), {most} (max)")]);
    }
    if s.ech == Some(true) {
        let name = s.sni.as_ref().map_or("its server name".to_owned(), |sni| format!("the server name {sni}"));
        line("TLS", vec![format!("encrypted_client_hello (ECH): {name} may be the outer one")]);
    }
    if let Some(tcp) = &s.tcp {
        let some = |n: u64, what: &str| if n > 0 { format!("{n} {what}") } else { String::new() };
        let flag = |f: bool, what: &str| if f { what.to_owned() } else { String::new() };
        let trip = |rtt: Option<Span>, end: &str| match rtt {
            Some(_) => format!("RTT to {end} {}", span(rtt)),
            None => String::new(),
        };
        line(
            "TCP",
            vec![
                flag(!tcp.handshake_seen, "start not captured"),
                some(tcp.retransmitted_segments, "retransmitted"),
                some(tcp.out_of_order_segments, "out of order"),
                flag(tcp.hole, "bytes missing from the capture"),
                flag(tcp.client_rst, "reset by client"),
                flag(tcp.server_rst, "reset by server"),
                trip(tcp.rtt_client, "client"),
                trip(tcp.rtt_server, "server"),
            ],
        );
    }
    let noticed =
        d.oddities.iter().map(|o| if o.count > 1 { format!("{} ×{}", o.kind, o.count) } else { o.kind.clone() });
    line("Noticed", noticed.collect());
}

fn headers(out: &mut String, title: &str, list: &[Header], terminal: &Terminal) {
    if list.is_empty() {
        return;
    }
    *out += &format!("\n{}\n", Style::Bold.paint(title, terminal.color));
    for h in list {
        let name = clean(&h.name);
        let value = clip(&clean(&h.value), terminal.width.saturating_sub(width(&name) + 4).max(20));
        *out += &format!("  {}: {value}\n", Style::Dim.paint(&name, terminal.color));
    }
}
