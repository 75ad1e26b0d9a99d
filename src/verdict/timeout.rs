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

/// Defaults, each with the document that states it.
const LIMITS: &[Limit] = &[
    // Amazon CloudFront API reference, OriginReadTimeout: 30 s. Gcore, CDN timeouts: proxy_read_timeout 30 s.
    idle(30, "CloudFront and Gcore, waiting for the origin"),
    // HAProxy has no default and warns without one; 50 s is in the haproxy.cfg of Debian's and Ubuntu's package.
    idle(50, "HAProxy as Debian packages it"),
    // nginx.org, ngx_http_proxy_module, proxy_read_timeout: 60 s between two reads. AWS Elastic Load Balancing user
    // guide, Application Load Balancer, connection idle timeout: 60 s.
    idle(60, "nginx proxy_read_timeout, AWS ALB"),
    // Cloudflare's pages on error 524 and on connection limits, Proxy Read Timeout: 100 s until September 2025, then
    // 120 s (cloudflare-docs pull request 25614), since July 2026 125 s (32243). Bifrost,
    // stream_idle_timeout_in_seconds: 120 s (issue 5010).
    idle(100, "Cloudflare until 2025"),
    idle(120, "Cloudflare until July 2026, Bifrost"),
    idle(125, "Cloudflare"),
    // Microsoft's answers about Azure App Service: 230 s without a response (its load balancer's four minutes).
    idle(230, "Azure App Service"),
    // Envoy, FAQ on timeouts: stream_idle_timeout 5 minutes.
    idle(300, "Envoy's stream idle limit"),
    // AWS Elastic Load Balancing user guide, Network Load Balancer, idle timeout of TCP flows and TLS listeners: 350
    // s.
    idle(350, "AWS NLB"),
    // Envoy, FAQ on timeouts: route timeout 15 s, until the response is complete. MuleSoft's gateways keep it.
    total(15, "Envoy's routes"),
    // AWS, Amazon API Gateway, integration timeout: 29 s unless raised (announcement of June 2024).
    total(29, "AWS API Gateway"),
    // Google Compute Engine, BackendService.timeoutSec: 30 s. gunicorn, settings, timeout: 30 s (sync workers).
    total(30, "Google Cloud load balancers' backends and gunicorn's workers"),
    // Google Cloud Functions, function timeout (1st gen): 60 s.
    total(60, "Google Cloud Functions (first generation)"),
    // Google Cloud Run, request timeout: 300 s. Vercel, maximum duration of functions: 300 s. aiohttp, ClientTimeout:
    // 300 s.
    total(300, "Google Cloud Run, Vercel's functions and gateways on aiohttp"),
    // AWS Lambda developer guide, function timeout: at most 900 s.
    total(900, "AWS Lambda (its maximum)"),
    // python-httpx.org, timeouts: 5 s of inactivity.
    client(idle(5, "httpx")),
    // OkHttp 5, OkHttpClient.readTimeoutMillis: 10 s.
    client(idle(10, "OkHttp")),
    client(idle(30, "CloudFront and Gcore, as the server's client")),
    // MCP's TypeScript SDK gives a request 60 s, unless progress resets it (python-sdk issue 1374).
    client(idle(60, "nginx and AWS ALB, as the server's client, and MCP's TypeScript SDK")),
    client(idle(100, "Cloudflare until 2025, as the server's client")),
    client(idle(120, "Cloudflare until July 2026 and Bifrost, as the server's client")),
    client(idle(125, "Cloudflare, as the server's client")),
    // undici, Client options, headersTimeout and bodyTimeout: 300 s (Node.js issue 46706).
    client(idle(300, "undici (Node's fetch), and Envoy as the server's client")),
    // openai-python and openai-node, README, timeouts: 10 minutes. The Anthropic SDKs, ClientOptions.timeout: 10
    // minutes.
    client(idle(600, "the OpenAI and Anthropic SDKs")),
    // Microsoft, HttpClient.Timeout: 100 s.
    client(total(100, "HttpClient of .NET")),
    // aiohttp, ClientTimeout.total: 300 s (issue 7274).
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
