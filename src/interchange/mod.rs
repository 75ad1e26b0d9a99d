//! Reads and writes exchanges in the formats of other tools. The caller has removed secrets
//! (`exchange::redact::exchange`); nothing is hidden here.
//!
//! To add a format: one file here, one arm in `cli/export.rs` or `cli/import.rs`.

pub mod curl;
pub mod har;
pub mod pcapng;
pub mod records;
pub mod trace;
pub mod transcript;
pub mod vcr;
pub mod wiremock;

use crate::exchange::Exchange;
use crate::http::event::Fields;

/// Header fields as pairs of text.
fn pairs(fields: &Fields) -> impl Iterator<Item = (String, String)> {
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    fields.iter().map(move |(name, value)| (text(name), text(value)))
}

/// The URL of the request.
fn url(exchange: &Exchange) -> String {
    let Some(request) = &exchange.request else { return "about:unknown".into() };
    let head = &request.head;
    if head.target.contains("://") {
        return head.target.clone();
    }
    let scheme = head.scheme.as_deref().unwrap_or(if exchange.tls.is_some() { "https" } else { "http" });
    let authority = head.authority.clone().unwrap_or_else(|| exchange.endpoints.server.to_string());
    format!("{scheme}://{authority}{}", head.target)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    use crate::conn::ConnId;
    use crate::exchange::TlsInfo;
    use crate::http::event::Version;

    /// An exchange over plain TCP; `fields` are lines of the response's head.
    fn exchange(fields: &str) -> Exchange {
        let text =
            format!("> GET / HTTP/1.1\n> Host: h\n>\n< HTTP/1.1 200 OK\n{fields}< Content-Length: 2\n<\n<| ok\n");
        let transcript = crate::wire::parse(&text).unwrap();
        crate::pipeline::exchanges_of(|sink| transcript.replay(ConnId(0), sink)).remove(0)
    }

    #[test]
    fn a_url_has_the_scheme_of_its_connection_and_the_server_of_its_request() {
        for (target, scheme, authority, tls, want) in [
            ("/a", None, Some("h"), false, "http://h/a"),
            ("/a", None, Some("h"), true, "https://h/a"),
            ("/a", Some("http"), Some("h:81"), true, "http://h:81/a"),
            ("/a", Some("https"), Some("h"), false, "https://h/a"),
            ("/a", None, None, false, "http://10.0.0.2:8000/a"),
            ("/a", None, None, true, "https://10.0.0.2:8000/a"),
            ("http://p/a", None, Some("h"), true, "http://p/a"),
        ] {
            let mut x = exchange("");
            x.tls = tls.then(TlsInfo::default);
            x.endpoints.client = ([10, 0, 0, 1], 40_000).into();
            x.endpoints.server = ([10, 0, 0, 2], 8000).into();
            let head = &mut x.request.as_mut().unwrap().head;
            head.target = target.into();
            (head.scheme, head.authority) = (scheme.map(str::to_owned), authority.map(str::to_owned));
            assert_eq!(url(&x), want, "{target} {scheme:?} {authority:?} {tls}");
        }
        assert_eq!(url(&Exchange { request: None, ..exchange("") }), "about:unknown");
    }

    #[test]
    fn curl_speaks_the_version_that_was_spoken() {
        for (version, tls, want) in [
            (Version::H11, false, "curl -gN 'http://h/'\n"),
            (Version::H11, true, "curl -gN 'https://h/'\n"),
            (Version::H2, false, "curl -gN 'http://h/' --http2-prior-knowledge\n"),
            (Version::H2, true, "curl -gN 'https://h/' --http2\n"),
        ] {
            let mut x = exchange("");
            x.tls = tls.then(TlsInfo::default);
            x.request.as_mut().unwrap().head.version = version;
            assert_eq!(curl::command(&x).as_deref(), Ok(want));
        }
        assert_eq!(curl::command(&Exchange { request: None, ..exchange("") }), Err(curl::Refused::NotCaptured));
    }

    #[test]
    fn a_body_is_coded_if_a_coding_changes_its_bytes() {
        for (fields, coded) in [
            ("", false),
            ("< Content-Encoding: identity\n", false),
            ("< Content-Encoding: IDENTITY\n", false),
            ("< Content-Encoding: gzip\n", true),
            ("< Content-Encoding: identity\n< Content-Encoding: gzip\n", true),
        ] {
            let archive = har::archive(&[exchange(fields)]);
            let content = &archive["log"]["entries"][0]["response"]["content"];
            assert_eq!(content.get("compression").is_some(), coded, "{fields:?}: {content}");
        }
    }
}
