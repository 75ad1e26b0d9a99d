//! Names of servers: authorities, upstream URLs, patterns of hosts, and which other proxy leads to which server.

use anyhow::{Context, Result, bail};
use std::fmt;
use std::net::IpAddr;

/// `http` or `https`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// In clear.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    pub(super) fn parse(text: &str) -> Option<Scheme> {
        match text.to_ascii_lowercase().as_str() {
            "http" | "ws" => Some(Scheme::Http),
            "https" | "wss" => Some(Scheme::Https),
            _ => None,
        }
    }

    pub(super) fn port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

/// Host and port. The host is a name in lower case or an address without brackets.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Authority {
    pub(super) host: String,
    pub(super) port: u16,
}

impl Authority {
    /// `host`, `host:port`, `[address]:port`.
    pub(super) fn parse(text: &str, default_port: u16) -> Option<Authority> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, after) = rest.split_once(']')?;
                host.parse::<std::net::Ipv6Addr>().ok()?;
                (host, after.strip_prefix(':').or(after.is_empty().then_some("")))
            }
            None => match text.rsplit_once(':') {
                // More than one colon without brackets: an IPv6 address without a port.
                Some((host, _)) if host.contains(':') => (text, Some("")),
                Some((host, port)) => (host, Some(port)),
                None => (text, Some("")),
            },
        };
        let port = match port? {
            "" => default_port,
            port => port.parse().ok()?,
        };
        let fine = |b: u8| b.is_ascii_alphanumeric() || b".-_:%~".contains(&b);
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        (!host.is_empty() && host.bytes().all(fine)).then_some(Authority { host, port })
    }

    /// The value of a `Host` field.
    pub(super) fn host_field(&self, scheme: Scheme) -> String {
        let text = self.to_string();
        if self.port == scheme.port() { text[..text.len() - format!(":{}", self.port).len()].to_owned() } else { text }
    }

    /// The host as an address, if it is one.
    pub(super) fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// The server that a reverse proxy replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    pub(super) scheme: Scheme,
    pub(super) authority: Authority,
    /// Prefix of every path; no slash at its end.
    base: String,
}

impl Upstream {
    /// Parses a URL such as `https://api.example.com` or `http://127.0.0.1:8000/base`.
    pub fn parse(url: &str) -> Result<Upstream> {
        let wrong = || {
            let such = "a URL such as https://api.example.com or http://127.0.0.1:8000";
            format!("{url:?} is not an upstream; expected {such}")
        };
        let (scheme, rest) = url.split_once("://").with_context(wrong)?;
        let scheme = Scheme::parse(scheme).with_context(wrong)?;
        let split = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, base) = rest.split_at(split);
        if base.contains(['?', '#']) {
            bail!("{url:?}: an upstream has no query");
        }
        let authority = Authority::parse(authority, scheme.port()).with_context(wrong)?;
        Ok(Upstream { scheme, authority, base: base.trim_end_matches('/').to_owned() })
    }

    /// The upstream has a path, which is put before the paths of requests.
    pub(super) fn has_base(&self) -> bool {
        !self.base.is_empty()
    }

    pub(super) fn path_to(&self, target: &str) -> String {
        if target.starts_with('/') { format!("{}{target}", self.base) } else { target.to_owned() }
    }
}

/// Hosts by pattern: `api.example.com`, `*.example.com`, `.example.com` (the domain and all below), `host:port`, `*`.
#[derive(Debug, Clone, Default)]
pub struct Hosts(Vec<(String, Option<u16>)>);

impl Hosts {
    /// One pattern for each text.
    pub fn parse<'p>(patterns: impl IntoIterator<Item = &'p str>) -> Hosts {
        let one = |p: &str| {
            let (host, port) = match p.rsplit_once(':') {
                Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port.parse().ok()),
                _ => (p, None),
            };
            (host.trim_matches(['[', ']']).to_ascii_lowercase(), port)
        };
        Hosts(patterns.into_iter().map(str::trim).filter(|p| !p.is_empty()).map(one).collect())
    }

    pub(super) fn contain(&self, host: &str, port: u16) -> bool {
        let host = host.to_ascii_lowercase();
        self.0.iter().any(|(pattern, at)| {
            let below = |domain: &str| host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
            let same = match pattern.strip_prefix("*.") {
                Some(domain) => below(domain),
                None => match pattern.strip_prefix('.') {
                    Some(domain) => host == domain || below(domain),
                    None => pattern == "*" || *pattern == host,
                },
            };
            same && at.is_none_or(|at| at == port)
        })
    }

    /// There are no patterns.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The proxies between this one and the servers, as the environment names them.
#[derive(Debug, Clone, Default)]
pub struct Beyond {
    http: Option<Parent>,
    https: Option<Parent>,
    /// Hosts that are reached without another proxy. A plain name in `NO_PROXY` means the domain and all below it.
    directly: Hosts,
}

/// Another proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parent {
    pub(super) authority: Authority,
    /// `Basic …`
    pub(super) credentials: Option<String>,
}

impl Beyond {
    /// Reads `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, in upper or lower case. `get` reads a variable.
    pub fn from_env(get: impl Fn(&str) -> Option<String>) -> Result<Beyond> {
        let either =
            |name: &str| get(&name.to_ascii_lowercase()).or_else(|| get(name)).filter(|v| !v.trim().is_empty());
        let parent =
            |name| either(name).or_else(|| either("ALL_PROXY")).map(|url| Parent::parse(url.trim())).transpose();
        let no_proxy = either("NO_PROXY").unwrap_or_default();
        let names: Vec<String> =
            no_proxy.split([',', ' ']).map(str::trim).filter(|n| !n.is_empty()).map(domain).collect();
        let directly = Hosts::parse(names.iter().map(String::as_str));
        Ok(Beyond { http: parent("HTTP_PROXY")?, https: parent("HTTPS_PROXY")?, directly })
    }

    /// The proxy before this server, if there is one.
    pub(super) fn before(&self, scheme: Scheme, server: &Authority) -> Option<&Parent> {
        let parent = match scheme {
            Scheme::Http => self.http.as_ref(),
            Scheme::Https => self.https.as_ref(),
        };
        let local = server.host == "localhost" || server.ip().is_some_and(|ip| ip.is_loopback());
        parent.filter(|_| !local && !self.directly.contain(&server.host, server.port))
    }
}

/// `example.com` of `NO_PROXY` as a pattern: the domain and all below it. Addresses and patterns stay unchanged.
fn domain(name: &str) -> String {
    let plain = name.parse::<IpAddr>().is_err() && !name.starts_with(['*', '.', '[']) && name != "localhost";
    if plain { format!(".{name}") } else { name.to_owned() }
}

impl Parent {
    fn parse(url: &str) -> Result<Parent> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        if !scheme.eq_ignore_ascii_case("http") {
            bail!(
                "the next proxy (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY) must be http://HOST:PORT; {scheme}:// is not \
                    supported"
            );
        }
        let rest = rest.split(['/', '?']).next().unwrap_or_default();
        let (user, authority) = rest.rsplit_once('@').map_or((None, rest), |(u, a)| (Some(u), a));
        let authority = Authority::parse(authority, 80)
            .context("the proxy named in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY has no host")?;
        Ok(Parent { authority, credentials: user.map(|u| super::auth::basic(&unescaped(u))) })
    }
}

/// `%41` → `A` (RFC 3986 section 2.1).
fn unescaped(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&b) = bytes.get(at) {
        let hex = (b == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
        match hex.and_then(|h| u8::from_str_radix(std::str::from_utf8(h).ok()?, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(b);
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn authorities() {
        let say = |text| Authority::parse(text, 443).map(|a| a.to_string());
        assert_eq!(say("API.example.com").as_deref(), Some("api.example.com:443"));
        assert_eq!(say("h:8080").as_deref(), Some("h:8080"));
        assert_eq!(say("[::1]:8443").as_deref(), Some("[::1]:8443"));
        assert_eq!(say("2001:db8::1").as_deref(), Some("[2001:db8::1]:443"));
        assert!(["", ":80", "a b", "h:99999", "[::1", "[x]:1", "h\n:1"].iter().all(|t| say(t).is_none()));
        assert_eq!(Authority::parse("[::1]", 443).unwrap().host_field(Scheme::Https), "[::1]");
        assert_eq!(Authority::parse("h:1", 443).unwrap().host_field(Scheme::Https), "h:1");
    }

    #[test]
    fn patterns_of_hosts() {
        let hosts = Hosts::parse(["a.example.com", "*.b.org", ".c.net", "d.io:8443", "[::1]:9"]);
        for (host, port, wanted) in [
            ("A.example.com", 1, true),
            ("x.a.example.com", 1, false),
            ("x.b.org", 1, true),
            ("b.org", 1, false),
            ("c.net", 1, true),
            ("x.y.c.net", 1, true),
            ("ac.net", 1, false),
            ("d.io", 8443, true),
            ("d.io", 443, false),
            ("::1", 9, true),
        ] {
            assert_eq!(hosts.contain(host, port), wanted, "{host}:{port}");
        }
    }

    #[test]
    fn proxies_beyond() {
        let env = |name: &str| match name {
            "https_proxy" => Some("http://us%65r:p@proxy.example:3128/".to_owned()),
            "NO_PROXY" => Some("example.com, 10.0.0.1".to_owned()),
            _ => None,
        };
        let beyond = Beyond::from_env(env).unwrap();
        let before = |scheme, host: &str| beyond.before(scheme, &Authority::parse(host, 443).unwrap());
        let parent = before(Scheme::Https, "api.openai.com").unwrap();
        // base64 of "user:p"
        assert_eq!(
            (parent.authority.to_string().as_str(), parent.credentials.as_deref()),
            ("proxy.example:3128", Some("Basic dXNlcjpw"))
        );
        for host in ["example.com", "x.example.com", "10.0.0.1", "localhost", "127.0.0.1"] {
            assert!(before(Scheme::Https, host).is_none(), "{host}");
        }
        assert!(before(Scheme::Http, "api.openai.com").is_none());
        assert!(Beyond::from_env(|n| (n == "ALL_PROXY").then(|| "socks5://h:1".to_owned())).is_err());
    }
}
