//! In which order exchanges are read, and how many.

use super::select::BEGUN;

/// An order, and where it ends. The usual one is that of the first bytes, from the oldest on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Order {
    /// What is compared.
    pub sort: Sort,
    /// The other way round.
    pub reverse: bool,
    /// At most this many exchanges; none: all.
    pub limit: Option<u64>,
}

/// What is compared. Of figures the largest comes first, because they are asked for to find the worst; what has none
/// comes last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sort {
    /// When the exchange began, the oldest first.
    #[default]
    Time,
    /// The number, the smallest first.
    Id,
    /// Time to the first token.
    Ttft,
    /// The longest gap between two deltas.
    Gap,
    /// Output tokens per second: the slowest first.
    Tokens,
    /// From the request's last byte to the response's.
    Duration,
    /// Bytes of the response's body.
    Bytes,
    /// Status.
    Status,
    /// Host, by the alphabet.
    Host,
    /// Model, by the alphabet.
    Model,
    /// Findings: those with the worst level first, then those with most.
    Findings,
}

impl Sort {
    /// All, by their names on the command line.
    pub const ALL: &[(&str, Sort)] = &[
        ("time", Sort::Time),
        ("id", Sort::Id),
        ("ttft", Sort::Ttft),
        ("gap", Sort::Gap),
        ("tokens", Sort::Tokens),
        ("duration", Sort::Duration),
        ("bytes", Sort::Bytes),
        ("status", Sort::Status),
        ("host", Sort::Host),
        ("model", Sort::Model),
        ("findings", Sort::Findings),
    ];
}

impl Order {
    /// The terms of `ORDER BY` for `exchange e`.
    pub(super) fn sql(&self) -> String {
        // What is compared, and whether the largest comes first.
        let (what, falls) = match self.sort {
            Sort::Time => (BEGUN, false),
            Sort::Id => ("e.id", false),
            Sort::Ttft => ("e.ttft_ns", true),
            Sort::Gap => ("e.itl_max_ns", true),
            Sort::Tokens => ("nullif(e.tpot_ns, 0)", true),
            Sort::Duration => ("e.duration_ns", true),
            Sort::Bytes => ("e.response_wire_body_bytes", true),
            Sort::Status => ("e.response_status", true),
            Sort::Host => ("lower(coalesce(e.request_authority, e.sni, e.server_ip))", false),
            Sort::Model => ("lower(e.request_model)", false),
            Sort::Findings => (
                "(SELECT nullif(sum(CASE f.level WHEN 'error' THEN 1000000000 WHEN 'warning' THEN 100000 ELSE 1 END), 0)
                    FROM finding f WHERE f.exchange_id = e.id)",
                true,
            ),
        };
        let way = |falls: bool| if falls != self.reverse { "DESC" } else { "ASC" };
        // Every exchange has a time, and an order of times without this addition comes from an index.
        let last = if self.sort == Sort::Time { "" } else { " NULLS LAST" };
        format!("{what} {}{last}, e.id {}", way(falls), way(false))
    }
}
