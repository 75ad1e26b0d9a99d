//! Loads one whole exchange as the pipeline produced it: what was received comes from the rows, the rest is
//! computed again by the same parsers.

use super::Content;
use super::read::{KeptSecrets, Reader, uint};
use crate::conn::{ConnId, Endpoints};
use crate::exchange::ending::Party;
use crate::exchange::redact::{Heads, Masks, Redactor};
use crate::exchange::{Exchange, ExchangeId, TlsInfo};
use crate::http::event::{Fields, MessageEnd, Side};
use crate::http::stored;
use crate::oddity::{Delivery, Kind, Oddities, Oddity};
use crate::pipeline::{Contributions, StoredExchange, StoredMessage};
use crate::summary::Summary;
use crate::time::{Span, Timestamp};
use anyhow::{Result, anyhow, bail};
use rusqlite::{OptionalExtension, Row};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::LazyLock;

/// Most bytes of bodies in memory when an exchange is loaded (1 GiB).
const MAX_BODIES: u64 = 1 << 30;

const COLUMNS: &str = "stream, client_ip, client_port, server_ip, server_port, tls, sni, alpn, tls_version, tls_suite, gap,
    request_method, request_transfer, request_units, request_complete, request_cut_by, t_request_end_ns, coalesce(request_body_bytes, 0),
    response_framing, response_transfer, response_chunks, response_complete, response_cut_by, t_response_end_ns,
    coalesce(response_wire_body_bytes, 0), ech";

static ROW: LazyLock<String> = LazyLock::new(|| format!("SELECT {COLUMNS} FROM exchange WHERE id = ?1 AND done"));

/// The columns of `exchange` that are needed here.
struct Stored {
    conn: ConnId,
    endpoints: Endpoints,
    tls: Option<TlsInfo>,
    gap: bool,
    request: Option<Message>,
    response: Option<Message>,
}

struct Message {
    transfer: String,
    units: Option<u64>,
    end: MessageEnd,
    last_at: Timestamp,
    bytes: u64,
}

/// One row of `head`.
struct Head {
    raw: Vec<u8>,
    first_at: Option<i64>,
    last_at: Option<i64>,
    h2_stream: Option<u32>,
}

impl Reader {
    /// Loads a whole exchange. Its [`Exchange::id`] is the database's.
    ///
    /// # Errors
    /// No exchange has this id, or its bodies are too large for memory.
    pub fn exchange(&self, id: i64) -> Result<Exchange> {
        let row = self.row(id)?;
        self.has_content(id)?;
        let bytes: u64 = [&row.request, &row.response].into_iter().flatten().map(|m| m.bytes).sum();
        if bytes > MAX_BODIES {
            bail!(
                "the bodies of exchange {id} have {bytes} bytes, more than the {MAX_BODIES} that sniff loads at once"
            );
        }
        Ok(self.stored(id, row)?.read())
    }

    /// What each record of the exchange added to the answer.
    ///
    /// # Errors
    /// There is no exchange of this id.
    pub fn contributions(&self, id: i64) -> Result<Contributions> {
        if self.content(id)? != Content::Full {
            return Ok(Contributions::default());
        }
        Ok(self.stored(id, self.row(id)?)?.contributions())
    }

    /// What of the exchange was stored.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn content(&self, id: i64) -> Result<Content> {
        let sql = "SELECT json_extract(s.options, '$.content') FROM exchange e JOIN session s ON s.id = e.session WHERE \
            e.id = ?1";
        let name =
            self.db.prepare_cached(sql)?.query_row([id], |r| r.get::<_, Option<String>>(0)).optional()?.flatten();
        Ok(name.and_then(|name| Content::parse(&name)).unwrap_or_default())
    }

    fn has_content(&self, id: i64) -> Result<()> {
        match self.content(id)? {
            Content::Full => Ok(()),
            less => bail!(
                "exchange {id} was recorded with --content {}: its bodies are not in the database, so that it can \
                    neither be replayed nor exported",
                less.as_str()
            ),
        }
    }

    /// Replaces secrets in a summary of this database. What this version recorded without them has none; another
    /// version may have known fewer kinds.
    pub fn hide(&self, s: &mut Summary) -> Result<()> {
        let kept = self.secrets(s.session)?;
        if kept == KeptSecrets::None {
            return Ok(());
        }
        let (redactor, mut masks) = (Redactor::default(), Masks::default());
        if kept == KeptSecrets::All {
            let request = self.heads(s.id, Side::Request, "head")?.pop();
            let response = self.heads(s.id, Side::Response, "head")?.pop();
            let kept =
                |h: &Head| stored::Kept { first_at: Timestamp::default(), h2_stream: h.h2_stream, transfer: "none" };
            let heads = Heads {
                request: request.and_then(|h| stored::request(&h.raw, kept(&h))),
                response: response.and_then(|h| stored::response(&h.raw, kept(&h))),
            };
            masks.part(&heads, &[None, None], &redactor);
        }
        s.hide(&masks, &redactor);
        Ok(())
    }

    /// What the rows of a session may have of secrets. Looked up once for each.
    fn secrets(&self, session: i64) -> Result<KeptSecrets> {
        if let Some(known) = self.sessions.borrow().get(&session) {
            return Ok(*known);
        }
        let sql = "SELECT json_extract(options, '$.store_secrets'), version FROM session WHERE id = ?1";
        let row = self.db.query_row(sql, [session], |r| Ok((r.get::<_, Option<bool>>(0)?, r.get::<_, String>(1)?)));
        let kept = match row.optional()? {
            Some((Some(true), _)) => KeptSecrets::All,
            Some((Some(false), version)) if version == env!("CARGO_PKG_VERSION") => KeptSecrets::None,
            _ => KeptSecrets::ByAnother,
        };
        self.sessions.borrow_mut().insert(session, kept);
        Ok(kept)
    }

    fn row(&self, id: i64) -> Result<Stored> {
        let row = self.db.prepare_cached(&ROW)?.query_row([id], Stored::read).optional()?;
        row.ok_or_else(|| anyhow!("there is no exchange {id}"))
    }

    fn stored(&self, id: i64, row: Stored) -> Result<StoredExchange> {
        let request = match row.request {
            Some(m) => Some(self.message(id, Side::Request, m, stored::request)?),
            None => None,
        };
        let response = match row.response {
            Some(m) => Some(self.message(id, Side::Response, m, stored::response)?),
            None => None,
        };
        let interim = self.heads(id, Side::Response, "interim")?;
        let informational =
            interim.iter().filter_map(|h| stored::response(&h.raw, h.kept("none", Timestamp::default()))).collect();
        let (conn, endpoints, tls, gap) = (row.conn, row.endpoints, row.tls, row.gap);
        let (ending, oddities) = (self.ending(id)?, self.oddities(id)?);
        let id = ExchangeId(id as u64);
        Ok(StoredExchange { id, conn, endpoints, tls, request, response, informational, ending, oddities, gap })
    }

    fn message<H>(
        &self,
        id: i64,
        side: Side,
        m: Message,
        parse: impl Fn(&[u8], stored::Kept<'_>) -> Option<H>,
    ) -> Result<StoredMessage<H>> {
        let body = self.body(id, side as u8)?;
        let head = self.heads(id, side, "head")?.pop();
        let head_at = head.as_ref().and_then(|h| h.last_at.or(h.first_at)).map_or(m.last_at, Timestamp);
        let head = head.and_then(|h| parse(&h.raw, h.kept(&m.transfer, m.last_at)));
        let trailers =
            self.heads(id, side, "trailer")?.pop().map_or(Fields::default(), |h| stored::trailers(&h.raw, h.h2_stream));
        Ok(StoredMessage { head, head_at, body, units: m.units, trailers, last_at: m.last_at, end: m.end })
    }

    fn heads(&self, id: i64, side: Side, kind: &str) -> Result<Vec<Head>> {
        let sql = "SELECT raw, t_first_ns, h2_stream, t_last_ns FROM head WHERE exchange_id = ?1 AND side = ?2 AND \
            kind = ?3 ORDER BY id";
        let mut statement = self.db.prepare_cached(sql)?;
        let head =
            |r: &Row<'_>| Ok(Head { raw: r.get(0)?, first_at: r.get(1)?, h2_stream: r.get(2)?, last_at: r.get(3)? });
        let heads = statement.query_map(rusqlite::params![id, side as u8, kind], head)?;
        Ok(heads.collect::<rusqlite::Result<_>>()?)
    }

    pub(super) fn oddities(&self, id: i64) -> Result<Oddities> {
        let mut all = Oddities::default();
        let sql = "SELECT kind, t_ns, offset, record, count, found, span_ns, frame, unit FROM oddity WHERE \
            exchange_id = ?1 ORDER BY n";
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query([id])?;
        while let Some(r) = rows.next()? {
            let place = |i| Ok::<_, rusqlite::Error>(r.get::<_, Option<i64>>(i)?.map(|n| n as u64));
            let kind = Kind::named(r.get_ref(0)?.as_str()?);
            let (at, found, span) =
                (Timestamp(r.get(1)?), r.get::<_, String>(5)?, r.get::<_, Option<i64>>(6)?.map(Span));
            let delivery =
                place(7)?.map(|frame| Ok::<_, rusqlite::Error>(Delivery { frame, unit: place(8)? })).transpose()?;
            let oddity =
                Oddity { offset: place(2)?, record: place(3)?, span, delivery, ..Oddity::new(kind, at, found) };
            all.push_many(oddity, uint(r, 4)?);
        }
        Ok(all)
    }
}

impl Head {
    /// Without a time of its first byte, as trailers are, it begins at `otherwise`.
    fn kept<'k>(&self, transfer: &'k str, otherwise: Timestamp) -> stored::Kept<'k> {
        stored::Kept { first_at: self.first_at.map_or(otherwise, Timestamp), h2_stream: self.h2_stream, transfer }
    }
}

impl Stored {
    fn read(r: &Row<'_>) -> rusqlite::Result<Stored> {
        let address = |ip, port| Ok::<_, rusqlite::Error>(SocketAddr::new(parse_ip(r.get(ip)?), r.get(port)?));
        let tls = match r.get(5)? {
            true => {
                let (sni, alpn, version, suite, ech) = (r.get(6)?, r.get(7)?, r.get(8)?, r.get(9)?, r.get("ech")?);
                Some(TlsInfo { sni, ech, alpn, version, suite, unread: None })
            }
            false => None,
        };
        let message = |seen: usize, from: usize| match r.get::<_, Option<String>>(seen)? {
            None => Ok::<_, rusqlite::Error>(None),
            Some(_) => Ok(Some(Message {
                transfer: r.get::<_, Option<String>>(from)?.unwrap_or_default(),
                units: r.get::<_, Option<i64>>(from + 1)?.map(|n| n as u64),
                end: end(
                    r.get::<_, Option<bool>>(from + 2)?.unwrap_or_default(),
                    r.get::<_, Option<String>>(from + 3)?.as_deref(),
                ),
                last_at: Timestamp(r.get::<_, Option<i64>>(from + 4)?.unwrap_or_default()),
                bytes: uint(r, from + 5)?,
            })),
        };
        Ok(Stored {
            conn: ConnId(r.get(0)?),
            endpoints: Endpoints { client: address(1, 2)?, server: address(3, 4)? },
            tls,
            gap: r.get::<_, Option<bool>>(10)?.unwrap_or_default(),
            request: message(11, 12)?,
            response: message(18, 19)?,
        })
    }
}

fn end(complete: bool, cut_by: Option<&str>) -> MessageEnd {
    if complete { MessageEnd::Complete } else { Party::parse(cut_by.unwrap_or_default()).cut() }
}

fn parse_ip(text: String) -> IpAddr {
    text.parse().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}
