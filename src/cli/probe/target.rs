//! The endpoint of a probe: its URL, and the key for it.

use crate::dialect::asking::Api;
use anyhow::{Context, Result, bail};

/// A server, and the path of its API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) tls: bool,
    /// A name or an address without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// Path of the URL that was given.
    pub(super) base: String,
}

impl Target {
    /// Reads `http://host:port/base`.
    ///
    /// # Errors
    /// It is another kind of URL, or has a user, a query or a fragment.
    pub(super) fn parse(url: &str) -> Result<Target> {
        let (scheme, rest) = url.split_once("://").context(SUCH)?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => bail!(SUCH),
        };
        let (authority, base) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if base.contains(['?', '#']) || base.bytes().any(|b| b <= b' ' || b >= 0x7f) {
            bail!("the URL has a query, a fragment or a blank; {SUCH}");
        }
        if authority.contains('@') {
            bail!("the URL has a user; the key comes from the environment (--key-env NAME)");
        }
        let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, after)) => (host, after.strip_prefix(':')),
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        let fine = |b: u8| b.is_ascii_alphanumeric() || b".-_:".contains(&b);
        if host.is_empty() || !host.bytes().all(fine) {
            bail!(SUCH);
        }
        let port = match port {
            Some(port) => port.parse().ok().context("the port is no number from 0 to 65535")?,
            None => {
                if tls {
                    443
                } else {
                    80
                }
            }
        };
        Ok(Target { tls, host: host.to_ascii_lowercase(), port, base: base.to_owned() })
    }

    /// Host and port, as CONNECT names them.
    pub(super) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The value of the field Host.
    pub(super) fn host_field(&self) -> String {
        let all = self.authority();
        let usual = if self.tls { ":443" } else { ":80" };
        all.strip_suffix(usual).map_or(all.clone(), str::to_owned)
    }

    /// The URL of this path.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", if self.tls { "https" } else { "http" }, self.host_field())
    }
}

const SUCH: &str = "expected a URL such as http://127.0.0.1:8000 or https://api.example.com/v1";

/// The key of the endpoint, from this variable of the environment, else from the API's own. It comes with the name of
/// its variable.
///
/// # Errors
/// The variable that was named is not set, or its value cannot stand in a field.
pub(super) fn key(api: &Api, named: Option<&str>) -> Result<Option<(String, String)>> {
    let value = |name: &str| std::env::var(name).ok().map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
    let found = match (named, api.key) {
        (Some(name), _) => {
            Some((name.to_owned(), value(name).with_context(|| format!("--key-env: {name} is not set"))?))
        }
        (None, Some(name)) => value(name).map(|key| (name.to_owned(), key)),
        (None, None) => None,
    };
    if let Some((name, _)) = found.as_ref().filter(|(_, key)| !key.bytes().all(|b| b.is_ascii_graphic())) {
        bail!("{name} has characters that no key has");
    }
    Ok(found)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_what_they_name() {
        for (url, tls, authority, field, base) in [
            ("http://127.0.0.1:8000", false, "127.0.0.1:8000", "127.0.0.1:8000", ""),
            ("https://API.example.com/v1", true, "api.example.com:443", "api.example.com", "/v1"),
            ("http://[::1]/", false, "[::1]:80", "[::1]", "/"),
            ("https://h:8443/a/b", true, "h:8443", "h:8443", "/a/b"),
        ] {
            let t = Target::parse(url).unwrap();
            assert_eq!(
                (t.tls, t.authority().as_str(), t.host_field().as_str(), t.base.as_str()),
                (tls, authority, field, base)
            );
        }
        for url in ["127.0.0.1:8000", "ftp://h", "http://", "http://h/?a", "http://u:p@h", "http://h:x", "http://h/a b"]
        {
            assert!(Target::parse(url).is_err(), "{url}");
        }
    }
}
