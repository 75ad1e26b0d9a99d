//! Time-outs after which parties and intermediaries close by default: after a silence, or after a time in all.

use crate::exchange::ending::Party;
use crate::time::Span;

/// One default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Length in seconds.
    pub secs: i64,
    /// The product whose default it is.
    pub of: &'static str,
    /// What it bounds.
    pub kind: Kind,
    /// The end of the connection that closes when it is reached: a gateway is the client of the server behind it.
    pub side: Party,
}

/// What a time-out bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The time without a byte.
    Idle,
    /// The time from the request to the end, however many bytes come.
    Total,
}

const fn idle(secs: i64, of: &'static str) -> Limit {
    Limit { secs, of, kind: Kind::Idle, side: Party::Server }
}

const fn total(secs: i64, of: &'static str) -> Limit {
    Limit { secs, of, kind: Kind::Total, side: Party::Server }
}

const fn client(limit: Limit) -> Limit {
    Limit { side: Party::Client, ..limit }
}

/// Defaults according to their vendors' documentation.
const LIMITS: &[Limit] = &[
    idle(30, "Google Cloud load balancers, CloudFront's origin"),
    idle(50, "HAProxy's usual configuration"),
    idle(60, "nginx proxy_read_timeout, AWS ALB"),
    idle(100, "Cloudflare, formerly"),
    idle(120, "Cloudflare, Bifrost"),
    idle(125, "Cloudflare"),
    idle(300, "Envoy's stream idle limit"),
    idle(350, "AWS NLB"),
    total(15, "Envoy's routes"),
    total(29, "AWS API Gateway"),
    total(30, "Google Cloud load balancers' backends and gunicorn's workers"),
    total(60, "Google Cloud Functions (first generation); routes of Envoy and Istio are often given a minute"),
    total(100, "gateways on HttpClient of .NET"),
    total(230, "Azure App Service"),
    total(300, "Google Cloud Run, Vercel's functions and gateways on aiohttp"),
    total(600, "Google App Engine"),
    total(900, "AWS Lambda (its maximum)"),
    client(idle(5, "httpx")),
    client(idle(10, "OkHttp")),
    client(idle(30, "Google Cloud load balancers and CloudFront, as the server's client")),
    client(idle(60, "nginx and AWS ALB, as the server's client, and MCP's TypeScript SDK")),
    client(idle(100, "Cloudflare, formerly, as the server's client")),
    client(idle(120, "Cloudflare, as the server's client")),
    client(idle(125, "Cloudflare, as the server's client")),
    client(idle(300, "undici (Node's fetch), and Envoy as the server's client")),
    client(idle(600, "the OpenAI and Anthropic SDKs")),
    client(total(100, "HttpClient of .NET")),
    client(total(300, "aiohttp")),
];

/// The limit of this side and kind that fits this time: the time is at most as much shorter as clocks and the network
/// explain, and at most as much longer as a timer can be late.
pub fn reached(side: Party, kind: Kind, span: Span) -> Option<Limit> {
    let fits = |l: &&Limit| {
        let over = span.0 - Span::from_secs(l.secs).0;
        l.side == side && l.kind == kind && (-EARLY.0..=late(l).0).contains(&over)
    };
    LIMITS.iter().find(fits).copied()
}

const EARLY: Span = Span::from_millis(150);

/// Timers of a second's grain are late by up to one; half a percent is added. A total must fit better than a silence,
/// because what flows may end by chance at any time, and the timers of client libraries are exact.
fn late(limit: &Limit) -> Span {
    match (limit.kind, limit.side) {
        (Kind::Idle, Party::Server) => Span(Span::from_millis(1_000).0 + Span::from_millis(limit.secs * 5).0),
        _ => Span::from_millis(500),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_fits_a_limit_or_none() {
        let secs = |ms| reached(Party::Server, Kind::Idle, Span::from_millis(ms)).map(|l| l.secs);
        assert_eq!([29_900, 30_000, 31_050].map(secs), [Some(30); 3]);
        assert_eq!([60_003, 61_200].map(secs), [Some(60); 2]);
        assert_eq!([119_990, 125_100, 300_500, 350_002].map(secs), [Some(120), Some(125), Some(300), Some(350)]);
        assert_eq!([5_000, 29_000, 31_500, 45_000, 62_000, 600_000].map(secs), [None; 6]);
    }

    #[test]
    fn a_total_fits_closely() {
        let secs = |side, ms| reached(side, Kind::Total, Span::from_millis(ms)).map(|l| l.secs);
        let server = |ms| secs(Party::Server, ms);
        assert_eq!([59_849, 59_850, 60_500, 60_501].map(server), [None, Some(60), Some(60), None]);
        assert_eq!(secs(Party::Client, 60_000), None, "a limit of the other side");
        assert_eq!(secs(Party::Client, 300_000), Some(300));
    }

    #[test]
    fn no_default_is_the_captures() {
        assert!(LIMITS.iter().all(|l| l.side != Party::Capture && l.secs > 0));
        assert_eq!(reached(Party::Capture, Kind::Idle, Span::from_secs(60)), None);
    }
}
