//! Environment variables that make a command use the proxy and trust it; each kind of client has its own.

use super::{java, node};
use crate::cli::proxy::args::DoorArgs;
use crate::proxy::{Roots, provider};
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

/// Variables for the proxy's URL, in both spellings.
const PROXY: &[&str] = &["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "GRPC_PROXY", "WS_PROXY", "WSS_PROXY"];
/// Variables for roots that replace the client's own: the bundle has the system's roots and ours.
const BUNDLE: &[&str] = &[
    "SSL_CERT_FILE",                    // OpenSSL, Go, Ruby, httpx (openai, anthropic), rustls-native-certs
    "REQUESTS_CA_BUNDLE",               // Python requests
    "CURL_CA_BUNDLE",                   // curl, also requests
    "GIT_SSL_CAINFO",                   // git
    "AWS_CA_BUNDLE",                    // AWS CLI, boto3
    "PIP_CERT",                         // pip
    "CARGO_HTTP_CAINFO",                // cargo
    "NIX_SSL_CERT_FILE",                // nix
    "HTTPLIB2_CA_CERTS",                // httplib2 (Google API client)
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", // gRPC
    "npm_config_cafile",                // npm
];
/// Variables for roots in addition to the client's own: ours would suffice, the bundle does no harm.
const EXTRA: &[&str] = &["NODE_EXTRA_CA_CERTS", "DENO_CERT"];

/// The variables and their values. The files that they name are created in `folder`.
pub(super) fn of(
    proxy: SocketAddr,
    door: &DoorArgs,
    certificate: &Path,
    folder: &Path,
) -> Result<Vec<(String, OsString)>> {
    let mut all = Roots::load(&door.upstream_ca, &provider())?.certificates().to_vec();
    let own =
        CertificateDer::from_pem_file(certificate).map_err(|e| anyhow::anyhow!("{}: {e}", certificate.display()))?;
    all.push(own);
    let bundle = folder.join("roots.pem");
    let text: String = all.iter().map(|c| pem(c)).collect();
    fs::write(&bundle, text).with_context(|| format!("cannot write {}", bundle.display()))?;
    let store = folder.join("roots.jks");
    fs::write(&store, java::trust_store(&all)).with_context(|| format!("cannot write {}", store.display()))?;

    let user = door.auth.as_deref().map(|a| format!("{}@", escaped(a))).unwrap_or_default();
    let url = format!("http://{user}{proxy}");
    let mut out: Vec<(String, OsString)> = Vec::new();
    for name in PROXY {
        out.extend([((*name).to_owned(), url.clone().into()), (name.to_lowercase(), url.clone().into())]);
    }
    // No host bypasses our proxy. It connects directly to the hosts of the old value, without the user's own proxy.
    out.extend(["NO_PROXY", "no_proxy"].map(|name| (name.to_owned(), OsString::new())));
    out.extend(BUNDLE.iter().chain(EXTRA).map(|name| ((*name).to_owned(), bundle.clone().into())));
    out.push(("NODE_USE_ENV_PROXY".into(), "1".into()));
    out.push(("NODE_OPTIONS".into(), node::options(folder, std::env::var_os("NODE_OPTIONS"))?));
    out.push(("JAVA_TOOL_OPTIONS".into(), java::options(proxy, &store, std::env::var_os("JAVA_TOOL_OPTIONS"))));
    Ok(out)
}

/// `user:password` escaped for a URL (RFC 3986 section 3.2.1).
fn escaped(words: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~:".contains(&b);
    words.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// A certificate in PEM (RFC 7468).
fn pem(der: &[u8]) -> String {
    pem::encode(&pem::Pem::new("CERTIFICATE", der))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_bundle_is_the_systems_roots_and_ours() {
        let home = tempfile::tempdir().unwrap();
        let certificate = crate::proxy::ca::create(&home.path().join("ca")).unwrap();
        let door = DoorArgs { auth: Some("a:b c".into()), ..DoorArgs::default() };
        let env = of("127.0.0.1:9".parse().unwrap(), &door, &certificate, home.path()).unwrap();
        let value = |name: &str| env.iter().find(|(n, _)| n == name).unwrap().1.to_string_lossy().into_owned();
        assert_eq!(value("HTTPS_PROXY"), "http://a:b%20c@127.0.0.1:9");
        for name in PROXY {
            assert_eq!(
                (value(name), value(&name.to_lowercase())),
                (value("HTTPS_PROXY"), value("HTTPS_PROXY")),
                "{name}"
            );
        }
        for name in BUNDLE.iter().chain(&["NODE_EXTRA_CA_CERTS", "DENO_CERT"]) {
            assert_eq!(value(name), home.path().join("roots.pem").to_string_lossy(), "{name}");
        }
        assert_eq!((value("NO_PROXY"), value("no_proxy")), (String::new(), String::new()));
        let bundle =
            CertificateDer::pem_file_iter(value("SSL_CERT_FILE")).unwrap().collect::<Result<Vec<_>, _>>().unwrap();
        let own = CertificateDer::from_pem_file(&certificate).unwrap();
        assert_eq!(bundle.last(), Some(&own));
        assert_eq!(bundle.len(), rustls_native_certs::load_native_certs().certs.len() + 1);
    }

    /// RFC 3986 section 3.2.1: what is neither unreserved nor the colon between name and password is escaped.
    #[test]
    fn words_of_a_user_are_escaped() {
        assert_eq!(escaped("aZ09-._~:"), "aZ09-._~:");
        assert_eq!(escaped("a@b/c?d#e%f ü[]!"), "a%40b%2Fc%3Fd%23e%25f%20%C3%BC%5B%5D%21");
    }
}
