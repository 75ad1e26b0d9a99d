//! The row of an exchange. One list per part of the summary: each name in it is a column that is written, selected
//! and read.
//!
//! To add a column: a field and its value in `summary`, its name in the list here, and a migration.

use crate::exchange::Exchange;
use crate::exchange::ending::Party;
use crate::http::event::MessageEnd;
use crate::summary::{RequestSummary, ResponseSummary, Summary, TcpSummary, Timing, WebSocketSummary};
use crate::time::Span;
use rusqlite::types::{FromSql, FromSqlResult, Value, ValueRef};
use rusqlite::{Result, Row};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

/// The columns of a row that hold `Self`, in the order of [`Columns::NAMES`].
trait Columns: Sized {
    /// Names of the columns.
    const NAMES: &[&str];
    fn write(self, out: &mut Vec<Value>);
    fn read(cells: &mut Cells<'_, '_>) -> Result<Self>;
}

/// Implements [`Columns`] for a struct with [`Default`]: paths of fields. A column is called by a prefix and the
/// path, unless the list names it. The first field of a struct that may be absent as a whole (`Option<Self>`) is
/// never null.
macro_rules! columns {
    ($of:ty, $prefix:literal, $($first:ident $(.$rest:ident)* $(as $name:literal)?),+ $(,)?) => {
        impl Columns for $of {
            const NAMES: &[&str] = &[$(columns!(@name $prefix, $first $(.$rest)* $(, $name)?)),+];

            fn write(self, out: &mut Vec<Value>) {
                out.extend([$(self.$first $(.$rest)*.into_cell()),+]);
            }

            fn read(cells: &mut Cells<'_, '_>) -> Result<Self> {
                let mut of = <$of>::default();
                $(of.$first $(.$rest)* = cells.take()?;)+
                Ok(of)
            }
        }
    };
    (@name $prefix:literal, $first:ident $(.$rest:ident)*) => { concat!($prefix, stringify!($first) $(, "_", stringify!($rest))*) };
    (@name $prefix:literal, $first:ident $(.$rest:ident)*, $name:literal) => { $name };
}

columns!(
    Summary,
    "",
    id,
    session,
    stream,
    h2_stream,
    tls,
    sni,
    alpn,
    client_ip,
    client_port,
    server_ip,
    server_port,
    http_version,
    ech,
    websocket,
    verdict,
    verdict_why,
    delivery,
);
columns!(
    RequestSummary,
    "request_",
    method,
    scheme,
    authority,
    path,
    content_type,
    user_agent,
    body_bytes,
    body_sha256,
    model,
    stream,
    rpc_method,
    rpc_name,
);
columns!(
    ResponseSummary,
    "response_",
    framing,
    status,
    content_type,
    transfer,
    content_encoding,
    informational,
    wire_body_bytes,
    wire_body_sha256,
    decoded_bytes,
    decoded_sha256,
    chunks,
    trailers,
    dialect,
    variant,
    records,
    content_deltas,
    reasoning_deltas,
    tool_deltas,
    text,
    texts,
    reasoning_text,
    tool_arguments,
    finish_reason,
    finish_reasons,
    usage,
    terminator.expected,
    terminator.seen,
    terminator.which,
    terminator.own,
    terminator.is_last_record,
    error_in_stream,
    complete,
    cut_by,
    models,
);
columns!(
    Timing,
    "",
    t_request_start_ns,
    t_request_end_ns,
    t_response_start_ns,
    t_first_body_byte_ns,
    t_first_record_ns,
    t_first_delta_ns,
    t_last_delta_ns,
    t_response_end_ns,
    ttfb as "ttfb_ns",
    ttft as "ttft_ns",
    ttft_content as "ttft_content_ns",
    itl_p50 as "itl_p50_ns",
    itl_p99 as "itl_p99_ns",
    itl_max as "itl_max_ns",
    tpot as "tpot_ns",
    duration as "duration_ns",
    t_first_reasoning_sign_ns,
    ttfr as "ttfr_ns",
    load as "load_ns",
    prefill as "prefill_ns",
    first_token as "first_token_ns",
    rpc_answer as "rpc_answer_ns",
    rpc_first_delta as "rpc_first_delta_ns",
);
columns!(
    TcpSummary,
    "",
    handshake_seen,
    retransmitted_segments,
    out_of_order_segments,
    hole,
    client_fin,
    server_fin,
    client_rst,
    server_rst,
    rtt_client as "rtt_client_ns",
    rtt_server as "rtt_server_ns",
);

impl<T: Columns> Columns for Option<T> {
    const NAMES: &[&str] = T::NAMES;

    fn write(self, out: &mut Vec<Value>) {
        match self {
            Some(of) => of.write(out),
            None => out.extend(T::NAMES.iter().map(|_| Value::Null)),
        }
    }

    fn read(cells: &mut Cells<'_, '_>) -> Result<Self> {
        if cells.row.get_ref(cells.next)? == ValueRef::Null {
            cells.next += T::NAMES.len();
            return Ok(None);
        }
        T::read(cells).map(Some)
    }
}

/// Columns of `exchange` that a [`Summary`] fills, in the order of [`values`] and [`summary`].
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let parts = [Summary::NAMES, <Option<RequestSummary>>::NAMES, <Option<ResponseSummary>>::NAMES, Timing::NAMES];
    parts.into_iter().flatten().copied()
}

/// Columns of `connection` that become [`Summary::tcp`].
pub(super) const TCP: &[&str] = TcpSummary::NAMES;

/// The values of the columns of [`names`], in their order. Long texts are moved there.
pub(super) fn values(s: Summary) -> Vec<Value> {
    let mut out = Vec::with_capacity(96);
    let Summary { request, response, timing, .. } = s;
    let own = Summary { request: None, response: None, timing: Timing::default(), ..s };
    own.write(&mut out);
    request.write(&mut out);
    response.write(&mut out);
    timing.write(&mut out);
    out
}

/// The summary, without findings, from a row that begins with the columns of [`names`] and continues with [`TCP`].
pub(super) fn summary(row: &Row<'_>) -> Result<Summary> {
    let cells = &mut Cells { row, next: 0 };
    let own = Summary::read(cells)?;
    let (request, response) = (Columns::read(cells)?, Columns::read(cells)?);
    let (timing, tcp) = (Columns::read(cells)?, Columns::read(cells)?);
    Ok(Summary { request, response, timing, tcp, ..own })
}

/// Computes the value of a column from a finished exchange.
type Of = fn(&Exchange) -> Value;

/// Columns that are not part of the summary.
pub(super) const EXTRA: &[(&str, Of)] = &[
    ("done", |_| true.into()),
    ("gap", |x| x.gap.into()),
    ("dialect_why", |x| opt(x.response.as_ref().map(|r| r.dialect_why.clone()))),
    ("comments", |x| x.response.as_ref().map(|r| r.comments).into_cell()),
    ("output_tokens", |x| x.response.as_ref().and_then(|r| r.answer.output_tokens).into_cell()),
    ("request_transfer", |x| opt(x.request.as_ref().map(|r| r.head.transfer.as_str().to_owned()))),
    ("request_complete", |x| opt(x.request.as_ref().map(|r| r.end == MessageEnd::Complete))),
    ("request_units", |x| x.request.as_ref().and_then(|r| r.body.units).into_cell()),
    ("request_cut_by", |x| {
        opt(x.request.as_ref().and_then(|r| Party::cutting(r.end)).map(|by| by.as_str().to_owned()))
    }),
    ("tls_version", |x| opt(x.tls.as_ref().and_then(|t| t.version.clone()))),
    ("tls_suite", |x| opt(x.tls.as_ref().and_then(|t| t.suite))),
    ("rpc_key", |x| x.request.as_ref().and_then(|r| r.rpc.as_ref()?.key).into_cell()),
    ("rpc_answers", |x| opt(x.response.as_ref().and_then(|r| super::across::answers(&r.answer.rpc_elsewhere)))),
];

/// Reads the cells of a row in order.
struct Cells<'r, 's> {
    row: &'r Row<'s>,
    next: usize,
}

impl Cells<'_, '_> {
    fn take<T: Cell>(&mut self) -> Result<T> {
        self.next += 1;
        self.row.get::<_, Read<T>>(self.next - 1).map(|read| read.0)
    }
}

/// The value of one column. Counts are SQLite's signed integers; compound values are JSON.
trait Cell: Sized {
    fn into_cell(self) -> Value;
    fn from_cell(cell: ValueRef<'_>) -> FromSqlResult<Self>;
}

struct Read<T>(T);

impl<T: Cell> FromSql for Read<T> {
    fn column_result(cell: ValueRef<'_>) -> FromSqlResult<Self> {
        T::from_cell(cell).map(Read)
    }
}

impl<T: Cell> Cell for Option<T> {
    fn into_cell(self) -> Value {
        self.map_or(Value::Null, T::into_cell)
    }

    fn from_cell(cell: ValueRef<'_>) -> FromSqlResult<Self> {
        if cell == ValueRef::Null { Ok(None) } else { T::from_cell(cell).map(Some) }
    }
}

impl Cell for u64 {
    fn into_cell(self) -> Value {
        int(self)
    }

    fn from_cell(cell: ValueRef<'_>) -> FromSqlResult<Self> {
        cell.as_i64().map(|n| n as u64)
    }
}

impl Cell for Span {
    fn into_cell(self) -> Value {
        self.0.into()
    }

    fn from_cell(cell: ValueRef<'_>) -> FromSqlResult<Self> {
        cell.as_i64().map(Span)
    }
}

impl Cell for IpAddr {
    fn into_cell(self) -> Value {
        self.to_string().into()
    }

    fn from_cell(cell: ValueRef<'_>) -> FromSqlResult<Self> {
        Ok(cell.as_str()?.parse().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
    }
}

/// Implements [`Cell`] for types that SQLite has.
macro_rules! plain {
    ($($of:ty),+) => {$(
        impl Cell for $of {
            fn into_cell(self) -> Value {
                self.into()
            }

            fn from_cell(cell: ValueRef<'_>) -> FromSqlResult<Self> {
                FromSql::column_result(cell)
            }
        }
    )+};
}
plain!(bool, i64, u16, u32, String);

/// Implements [`Cell`] for types that are stored as JSON; null is the empty value.
macro_rules! as_json {
    ($($of:ty),+) => {$(
        impl Cell for $of {
            fn into_cell(self) -> Value {
                serde_json::to_string(&self).unwrap_or_default().into()
            }

            fn from_cell(cell: ValueRef<'_>) -> FromSqlResult<Self> {
                Ok(cell.as_str_or_null()?.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default())
            }
        }
    )+};
}
as_json!(Vec<u16>, Vec<String>, BTreeMap<String, String>, serde_json::Value, Box<WebSocketSummary>);

pub(super) fn int(n: u64) -> Value {
    Value::Integer(n as i64)
}

pub(super) fn opt<T: Into<Value>>(value: Option<T>) -> Value {
    value.map_or(Value::Null, Into::into)
}
