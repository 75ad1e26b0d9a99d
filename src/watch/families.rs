//! The families of metrics: names, units and bounds. Those of `gen_ai` are from the semantic conventions of
//! OpenTelemetry 1.41.0 (docs/gen-ai/gen-ai-metrics.md), the last version that has them; the others are ours.

/// One family: a name, and what all its series share.
#[derive(Debug)]
pub struct Family {
    /// Name as OpenTelemetry spells it.
    pub name: &'static str,
    /// Unit (UCUM): `s`, `By`, or `{what}` for a number of things; empty: none.
    pub unit: &'static str,
    /// What it says, one sentence without its full stop.
    pub help: &'static str,
    /// How its values behave.
    pub kind: Kind,
}

/// How values behave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// They only grow.
    Counter,
    /// They rise and fall.
    Gauge,
    /// A distribution, with the upper bounds of its buckets.
    Histogram(&'static [f64]),
}

impl Kind {
    /// Its name in the text format of Prometheus.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        }
    }
}

impl Family {
    /// The name as Prometheus spells it: with the unit, and `_total` for a counter.
    pub fn spelled(&self) -> String {
        let unit = match self.unit {
            "s" => "_seconds",
            "By" => "_bytes",
            "{token}" => "_tokens",
            _ => "",
        };
        let total = if self.kind == Kind::Counter { "_total" } else { "" };
        format!("{}{unit}{total}", self.name.replace('.', "_"))
    }

    /// Series of Prometheus that one set of labels takes.
    pub fn cost(&self) -> usize {
        match self.kind {
            // One for each bound, the bucket without a bound, the sum and the count.
            Kind::Histogram(bounds) => bounds.len() + 3,
            Kind::Counter | Kind::Gauge => 1,
        }
    }

    /// The bounds of its buckets; empty if it has none.
    pub fn bounds(&self) -> &'static [f64] {
        match self.kind {
            Kind::Histogram(bounds) => bounds,
            Kind::Counter | Kind::Gauge => &[],
        }
    }

    /// A sum as it is kept (ns, or a number) in the family's unit, as a decimal number without rounding.
    pub fn sum(&self, raw: i128) -> String {
        if self.unit != "s" {
            return raw.to_string();
        }
        let (sign, raw) = (if raw < 0 { "-" } else { "" }, raw.unsigned_abs());
        format!("{sign}{}.{:09}", raw / 1_000_000_000, raw % 1_000_000_000)
    }

    /// A value as it is kept (ns, or a number) in the family's unit.
    pub fn shown(&self, raw: i64) -> f64 {
        if self.unit == "s" { raw as f64 / 1e9 } else { raw as f64 }
    }
}

const FIRST_TOKEN_S: &[f64] =
    &[0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
const PER_TOKEN_S: &[f64] = &[0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5];
const DURATION_S: &[f64] = &[0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const TOKENS_N: &[f64] = &[
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1024.0,
    4096.0,
    16384.0,
    65536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];

const fn family(name: &'static str, unit: &'static str, kind: Kind, help: &'static str) -> Family {
    Family { name, unit, help, kind }
}

pub(super) static FIRST_TOKEN: Family = family(
    "gen_ai.server.time_to_first_token",
    "s",
    Kind::Histogram(FIRST_TOKEN_S),
    "Last byte of the request to the first delta, of streams without an error",
);
pub(super) static PER_TOKEN: Family = family(
    "gen_ai.server.time_per_output_token",
    "s",
    Kind::Histogram(PER_TOKEN_S),
    "First to last delta, per output token after the first, of answers without an error",
);
pub(super) static DURATION: Family = family(
    "gen_ai.server.request.duration",
    "s",
    Kind::Histogram(DURATION_S),
    "Last byte of the request to the last byte of the response",
);
pub(super) static TOKENS: Family = family(
    "gen_ai.client.token.usage",
    "{token}",
    Kind::Histogram(TOKENS_N),
    "Output tokens, by the figure that the answer gives",
);
pub(super) static GAP: Family =
    family("sniff.delta.gap", "s", Kind::Histogram(PER_TOKEN_S), "Time between two successive deltas of an answer");
pub(super) static STALLS: Family =
    family("sniff.stalls", "{stall}", Kind::Counter, "Gaps between deltas of at least --stall");
pub(super) static EXCHANGES: Family =
    family("sniff.exchanges", "{exchange}", Kind::Counter, "Exchanges that were stored");
pub(super) static IN_FLIGHT: Family =
    family("sniff.exchanges.in_flight", "{exchange}", Kind::Gauge, "Exchanges that have begun and not ended");
pub(super) static FINDINGS: Family =
    family("sniff.findings", "{finding}", Kind::Counter, "Findings of the exchanges that were stored, each place once");
pub(super) static DROPPED: Family =
    family("sniff.packets.dropped", "{packet}", Kind::Counter, "Packets that were dropped before sniff saw them");
pub(super) static LOST: Family =
    family("sniff.proxy.not_recorded", "By", Kind::Counter, "Bytes that the proxy relayed and the recording missed");
pub(super) static DATABASE: Family =
    family("sniff.database.size", "By", Kind::Gauge, "Size of the database and its log");
pub(super) static FIRING: Family =
    family("sniff.alert.firing", "", Kind::Gauge, "1 while the condition of an --alert holds");
pub(super) static BUILD: Family = family("sniff.build.info", "", Kind::Gauge, "1; the version of sniff as a label");

/// All families.
pub static FAMILIES: &[&Family] = &[
    &FIRST_TOKEN,
    &PER_TOKEN,
    &DURATION,
    &TOKENS,
    &GAP,
    &STALLS,
    &EXCHANGES,
    &IN_FLIGHT,
    &FINDINGS,
    &DROPPED,
    &LOST,
    &DATABASE,
    &FIRING,
    &BUILD,
];
