//! Writes the rows of one transaction: exchanges, their parts, connections.

use super::columns::{self, int, opt};
use super::ending;
use super::hide::Hide;
use super::progress::Progress;
use super::segment::{Packer, SEGMENT};
use super::{Content, Hop, runs};
use crate::analyzer::{Analyzed, BodyPart, Connection as TcpConnection, Part};
use crate::exchange::redact::{Masks, Stretch, stretches};
use crate::exchange::{Body, ExchangeId, PieceInfo, RecordInfo};
use crate::http::event::{Fields, Side};
use crate::summary::Summary;
use crate::time::Timestamp;
use anyhow::Result;
use rusqlite::types::Value;
use rusqlite::{Transaction, params, params_from_iter};
use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

/// Writes the row of a finished exchange: a new row, or an update if its id already has one.
static UPSERT: LazyLock<String> = LazyLock::new(|| {
    let names: Vec<&str> = columns::names().chain(columns::EXTRA.iter().map(|(name, _)| *name)).collect();
    let marks = "?, ".repeat(names.len() - 1) + "?";
    let sets: Vec<String> = names.iter().skip(2).map(|n| format!("{n} = excluded.{n}")).collect();
    format!(
        "INSERT INTO exchange ({}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {}",
        names.join(", "),
        sets.join(", ")
    )
});

/// One exchange whose begin was written and whose end was not.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) id: i64,
    /// The next `piece.seq` of the request and of the response.
    seq: [u64; 2],
    /// Where secrets are in its bodies.
    masks: Masks,
    /// The next `record.n`.
    record: u64,
}

/// One transaction in progress.
pub(super) struct Step<'b> {
    pub(super) tx: &'b Transaction<'b>,
    pub(super) session: i64,
    /// The highest id given; the write lock keeps other processes from giving the same.
    pub(super) last: i64,
    pub(super) first: &'b mut Option<i64>,
    pub(super) running: &'b mut HashMap<ExchangeId, Running>,
    /// Ids given in this transaction that have no row yet. Most exchanges begin and end within one batch and need
    /// only one insert.
    pub(super) bare: BTreeSet<i64>,
    pub(super) hide: Option<&'b Hide>,
    pub(super) content: Content,
    pub(super) packer: &'b mut Packer,
    /// Exchanges stored so far.
    pub(super) exchanges: &'b mut u64,
    pub(super) progress: &'b mut dyn Progress,
}

impl Step<'_> {
    pub(super) fn begun(&mut self, id: ExchangeId) {
        let running = self.running(id);
        self.running.insert(id, running);
    }

    /// Takes the state of an exchange out of the list; the caller puts it back if the exchange continues.
    fn running(&mut self, exchange: ExchangeId) -> Running {
        self.running.remove(&exchange).unwrap_or_else(|| {
            self.last += 1;
            self.bare.insert(self.last);
            self.first.get_or_insert(self.last);
            Running { id: self.last, seq: [0, 0], masks: Masks::default(), record: 0 }
        })
    }

    pub(super) fn part(&mut self, mut part: Part) -> Result<()> {
        let mut running = self.running(part.id);
        if self.bare.remove(&running.id) {
            self.bare_row(running.id)?;
        }
        self.content.records(&mut part.records);
        let [request, response] = match self.hide {
            _ if self.content != Content::Full => {
                part.request.unit_lines.clear();
                part.response.unit_lines.clear();
                [Bytes::Own(Vec::new()), Bytes::Own(Vec::new())]
            }
            Some(hide) => hide.part(&mut running.masks, &mut part).map(Bytes::Hidden),
            None => [&mut part.request, &mut part.response].map(Bytes::of),
        };
        let BodyPart { pieces, unit_lines, .. } = &part.request;
        self.body(&mut running, Side::Request, pieces, &request, unit_lines)?;
        let BodyPart { pieces, unit_lines, .. } = &part.response;
        self.body(&mut running, Side::Response, pieces, &response, unit_lines)?;
        self.records(&mut running, &part.records)?;
        self.running.insert(part.id, running);
        Ok(())
    }

    pub(super) fn finished(&mut self, mut f: Box<Analyzed>) -> Result<()> {
        let mut running = self.running(f.exchange.id);
        let hidden = self.hide.map(|hide| hide.exchange(&mut running.masks, &mut f).map(Bytes::Hidden));
        let x = &mut f.exchange;
        let own = |body: Option<&mut Body>| {
            let bytes = body.map(|b| std::mem::take(&mut b.bytes)).unwrap_or_default();
            Bytes::Own(bytes)
        };
        let [request, response] = match hidden {
            Some(hidden) => hidden,
            None => [own(x.request.as_mut().map(|r| &mut r.body)), own(x.response.as_mut().map(|r| &mut r.body))],
        };
        self.bare.remove(&running.id);
        let id = running.id;
        let mut summary = Summary::new(self.session, id, &f.exchange, &f.metrics, &f.findings, None);
        if let Some(hide) = self.hide {
            summary.hide(&running.masks, &hide.redactor);
        }
        self.content.strip(&mut f.exchange, &mut summary);
        let [request, response] = match self.content {
            Content::Full => [request, response],
            Content::None | Content::Lengths => [Bytes::Own(Vec::new()), Bytes::Own(Vec::new())],
        };
        // From here on a long text is in memory once, where it is bound twice: it passes from place to place.
        if let Some(r) = &mut f.exchange.response {
            (r.deltas, r.answer.texts, r.answer.tool_arguments) = Default::default();
            r.answer.reasoning_text = String::new();
        }
        self.progress.figures(&summary, &f.metrics);
        f.metrics.itl = Vec::new();
        let x = &f.exchange;
        self.progress.written(&summary);
        *self.exchanges += 1;
        let findings = std::mem::take(&mut summary.findings);
        let mut values = columns::values(summary);
        values.extend(columns::EXTRA.iter().map(|(_, of)| of(x)));
        self.tx.prepare_cached(&UPSERT)?.execute(params_from_iter(values))?;
        if let Some(r) = &x.request {
            self.head(
                (id, &running.masks),
                (Side::Request, "head"),
                &r.head.fields,
                (Some((r.head.first_at, r.head_at)), r.head.h2_stream),
                0,
            )?;
            self.body(&mut running, Side::Request, &r.body.pieces, &request, &r.body.unit_lines)?;
        }
        if let Some(r) = &x.response {
            let stream = r.head.as_ref().and_then(|h| h.h2_stream);
            // The fields of several interim heads have one numbering.
            let mut next = 0;
            for head in &r.informational {
                self.head(
                    (id, &running.masks),
                    (Side::Response, "interim"),
                    &head.fields,
                    (Some((head.first_at, head.first_at)), head.h2_stream),
                    next,
                )?;
                next += head.fields.len();
            }
            if let Some(head) = &r.head {
                self.head(
                    (id, &running.masks),
                    (Side::Response, "head"),
                    &head.fields,
                    (Some((head.first_at, r.head_at)), head.h2_stream),
                    0,
                )?;
            }
            // A section may have lines of which none is a field.
            if !r.trailers.raw().trim_ascii().is_empty() {
                self.head((id, &running.masks), (Side::Response, "trailer"), &r.trailers, (None, stream), 0)?;
            }
            self.body(&mut running, Side::Response, &r.body.pieces, &response, &r.body.unit_lines)?;
            self.records(&mut running, &r.records)?;
        }
        ending::write(self.tx, id, &x.ending)?;
        let mut insert = self
            .tx
            .prepare_cached("INSERT INTO finding VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)")?;
        for (n, (f, own_fix)) in findings.iter().zip(f.findings.iter().map(|f| f.fix)).enumerate() {
            let place = [f.record, f.offset, f.packet, f.chunk].map(|v| v.map(|v| v as i64));
            let excerpt = f.excerpt.as_ref().and_then(|e| serde_json::to_string(e).ok());
            let (n, count, level) = (n as i64, f.count as i64, f.level.as_str());
            insert.execute(params![
                id, n, f.rule, level, place[0], place[1], f.t_ns, count, f.message, place[2], place[3], excerpt,
                own_fix
            ])?;
        }
        let mut insert =
            self.tx.prepare_cached("INSERT INTO oddity VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")?;
        for (n, (o, count)) in x.oddities.iter().enumerate() {
            let place = [o.offset, o.record].map(|v| v.map(|v| v as i64));
            insert.execute(params![
                id,
                n as i64,
                o.kind.0,
                o.at.nanos(),
                place[0],
                place[1],
                count as i64,
                o.found,
                o.span.map(|s| s.0),
                o.delivery.map(|d| d.frame as i64),
                o.delivery.and_then(|d| d.unit).map(|n| n as i64),
            ])?;
        }
        Ok(())
    }

    pub(super) fn connection(&mut self, c: &TcpConnection) -> Result<()> {
        let (f, tls) = (&c.facts, c.tls.as_ref());
        let mut values: Vec<Value> = vec![self.session.into(), c.id.0.into()];
        values.extend(
            [c.endpoints.client, c.endpoints.server].iter().flat_map(|e| [e.ip().to_string().into(), e.port().into()]),
        );
        values.extend([
            c.opened_at.nanos().into(),
            c.closed_at.nanos().into(),
            c.speaks.to_owned().into(),
            tls.is_some().into(),
        ]);
        values.extend([opt(tls.and_then(|t| t.sni.clone())), opt(tls.and_then(|t| t.alpn.clone()))]);
        values.extend([c.exchanges, f.packets, f.client_bytes, f.server_bytes].map(int));
        values.extend([
            f.handshake_seen.into(),
            int(f.retransmitted_segments),
            int(f.out_of_order_segments),
            f.hole.into(),
        ]);
        values.extend([f.client_fin, f.server_fin, f.client_rst, f.server_rst].map(Value::from));
        let t = &f.closed;
        values.extend([t.client_fin, t.server_fin, t.client_rst, t.server_rst].map(|t| opt(t.map(Timestamp::nanos))));
        values.extend([f.rtt_client, f.rtt_server].map(|span| opt(span.map(|span| span.0))));
        let offered = Some(&c.offered).filter(|o| !o.is_empty()).and_then(|o| serde_json::to_string(o).ok());
        values.extend([opt(tls.and_then(|t| t.version.clone())), opt(tls.and_then(|t| t.suite)), opt(offered)]);
        values.push(opt(tls.and_then(|t| t.unread).map(str::to_owned)));
        values.push(opt(tls.and_then(|t| t.ech)));
        let sql = format!("INSERT OR REPLACE INTO connection VALUES (?{})", ", ?".repeat(values.len() - 1));
        self.tx.prepare_cached(&sql)?.execute(params_from_iter(values))?;
        Ok(())
    }

    pub(super) fn hop(&mut self, hop: Hop) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO hop VALUES (?1, ?2, ?3)";
        self.tx.prepare_cached(sql)?.execute([self.session, hop.frame as i64, hop.client_at.nanos()])?;
        Ok(())
    }

    /// Writes rows for exchanges that continue after this transaction, so that no other exchange gets their ids.
    pub(super) fn keep_ids(&mut self) -> Result<()> {
        for id in std::mem::take(&mut self.bare) {
            self.bare_row(id)?;
        }
        Ok(())
    }

    fn bare_row(&self, id: i64) -> Result<()> {
        self.tx.prepare_cached("INSERT INTO exchange (id, session) VALUES (?1, ?2)")?.execute([id, self.session])?;
        Ok(())
    }

    /// Writes a head. `begun`: times of its first and last byte, and the HTTP/2 stream. `next`: number of its first
    /// field.
    fn head(
        &self,
        (id, masks): (i64, &Masks),
        (side, kind): (Side, &str),
        fields: &Fields,
        begun: (Option<(Timestamp, Timestamp)>, Option<u32>),
        next: usize,
    ) -> Result<()> {
        let sql = "INSERT INTO head (exchange_id, side, kind, raw, t_first_ns, h2_stream, t_last_ns) VALUES (?1, ?2, \
            ?3, ?4, ?5, ?6, ?7)";
        let raw = self.hide.map_or(fields.raw().into(), |h| masks.head(fields.raw(), &h.redactor));
        let (first, last) = (begun.0.map(|t| t.0.nanos()), begun.0.map(|t| t.1.nanos()));
        self.tx.prepare_cached(sql)?.execute(params![id, side as u8, kind, raw, first, begun.1, last])?;
        let mut insert = self.tx.prepare_cached("INSERT INTO field VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
        for (n, (name, value)) in fields.iter().enumerate() {
            let [name, value] = [name, value].map(String::from_utf8_lossy);
            let value = self.hide.map(|h| masks.value(&name, &value, &h.redactor)).map_or(value, Into::into);
            insert.execute(params![id, side as u8, kind, (next + n) as i64, name, value])?;
        }
        Ok(())
    }

    fn body(
        &mut self,
        running: &mut Running,
        side: Side,
        pieces: &[PieceInfo],
        bytes: &Bytes,
        lines: &[(u64, Vec<u8>)],
    ) -> Result<()> {
        let sql = "INSERT INTO piece_run (exchange_id, side, seq, first_row, rows, unit, t_ns, frame, off) \
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        let mut insert = self.tx.prepare_cached(sql)?;
        let seq = &mut running.seq[side as usize];
        for run in pieces.chunks(runs::RUN) {
            let (base, first) = runs::write_pieces(self.tx, run)?;
            let runs::Base { unit, t_ns, frame, offset } = base;
            let (id, rows) = (running.id, run.len() as i64);
            insert.execute(params![id, side as u8, *seq as i64, first, rows, unit, t_ns, frame, offset])?;
            *seq += run.len() as u64;
        }
        let sql = "INSERT INTO segment (exchange_id, side, off, data, coding) VALUES (?1, ?2, ?3, ?4, ?5)";
        let mut insert = self.tx.prepare_cached(sql)?;
        for (offset, data) in bytes.stretches(pieces) {
            for (i, data) in data.chunks(SEGMENT).enumerate() {
                let offset = (offset as usize + i * SEGMENT) as i64;
                match self.packer.pack(data)? {
                    Some((packed, coding)) => {
                        insert.execute(params![running.id, side as u8, offset, packed, coding])?
                    }
                    None => insert.execute(params![running.id, side as u8, offset, data, None::<&str>])?,
                };
            }
        }
        let mut insert = self.tx.prepare_cached("INSERT OR REPLACE INTO unit_line VALUES (?1, ?2, ?3, ?4)")?;
        for (unit, line) in lines {
            insert.execute(params![running.id, side as u8, *unit as i64, line])?;
        }
        Ok(())
    }

    fn records(&self, running: &mut Running, records: &[RecordInfo]) -> Result<()> {
        let Some(first) = records.first() else { return Ok(()) };
        if first.n < running.record {
            // The framing was revised: the records from this number on are written again.
            let sql = "DELETE FROM record_run WHERE exchange_id = ?1 AND n >= ?2";
            self.tx.prepare_cached(sql)?.execute([running.id, first.n as i64])?;
        }
        let sql = "INSERT INTO record_run (exchange_id, n, first_row, rows, t_ns, frame, start) \
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let mut insert = self.tx.prepare_cached(sql)?;
        for run in records.chunks(runs::RUN) {
            let (runs::Base { t_ns, frame, offset, .. }, first) = runs::write_records(self.tx, run)?;
            running.record = run[0].n + run.len() as u64;
            let (n, rows) = (run[0].n as i64, run.len() as i64);
            insert.execute(params![running.id, n, first, rows, t_ns, frame, offset])?;
        }
        Ok(())
    }
}

/// The bytes of a body that are written now.
enum Bytes {
    /// As they came, for the deliveries that are written with them.
    Own(Vec<u8>),
    /// Without secrets. The last ones may follow later.
    Hidden(Vec<Stretch>),
}

impl Bytes {
    fn of(part: &mut BodyPart) -> Bytes {
        Bytes::Own(std::mem::take(&mut part.bytes))
    }

    /// Runs of bytes without a gap: (offset in the wire body, bytes).
    fn stretches<'b>(&'b self, pieces: &[PieceInfo]) -> Vec<(u64, &'b [u8])> {
        match self {
            Bytes::Own(bytes) => {
                stretches(pieces).into_iter().filter_map(|(at, range)| bytes.get(range).map(|b| (at, b))).collect()
            }
            Bytes::Hidden(all) => all.iter().map(|s| (s.offset, s.bytes.as_slice())).collect(),
        }
    }
}
