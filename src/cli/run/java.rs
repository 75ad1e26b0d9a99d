//! Java reads neither `HTTPS_PROXY` nor PEM files: it needs system properties, and a trust store in its old format
//! (JKS, version 2).

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;

/// It protects nothing: the content is public.
const PASSWORD: &str = "changeit";

/// The value of `JAVA_TOOL_OPTIONS`, appended to the old value.
pub(super) fn options(proxy: SocketAddr, store: &Path, before: Option<OsString>) -> OsString {
    let mut out = before.filter(|b| !b.is_empty()).map(|mut b| {
        b.push(" ");
        b
    });
    let out = out.get_or_insert_default();
    for scheme in ["http", "https"] {
        out.push(format!("-D{scheme}.proxyHost={} -D{scheme}.proxyPort={} ", proxy.ip(), proxy.port()));
    }
    // Empty: by default Java bypasses the proxy for loopback addresses.
    out.push(format!(
        "-Dhttp.nonProxyHosts= -Djavax.net.ssl.trustStorePassword={PASSWORD} -Djavax.net.ssl.trustStore="
    ));
    out.push(store);
    std::mem::take(out)
}

/// Entries of trusted certificates, and a digest over everything (as `sun.security.provider.JavaKeyStore` reads
/// them).
pub(super) fn trust_store(certificates: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut out = Vec::new();
    for word in [0xfeed_feed, 2, certificates.len() as u32] {
        out.extend(word.to_be_bytes());
    }
    let text = |out: &mut Vec<u8>, text: &str| {
        out.extend((text.len() as u16).to_be_bytes());
        out.extend(text.as_bytes());
    };
    for (n, der) in certificates.iter().enumerate() {
        out.extend(2_u32.to_be_bytes()); // a trusted certificate
        text(&mut out, &format!("root{n}"));
        out.extend(0_u64.to_be_bytes()); // its date, which is never read
        text(&mut out, "X.509");
        out.extend((der.as_ref().len() as u32).to_be_bytes());
        out.extend(der.as_ref());
    }
    let mut digest = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    let password: Vec<u8> = PASSWORD.encode_utf16().flat_map(u16::to_be_bytes).collect();
    digest.update(&password);
    digest.update(b"Mighty Aphrodite");
    digest.update(&out);
    out.extend(digest.finish().as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::to_hex;

    /// Made by another program after the description of the format: two entries, and SHA-1 over password, phrase and
    /// entries.
    #[test]
    fn a_trust_store_is_what_java_reads() {
        let want = concat!(
            "feedfeed0000000200000002000000020005726f6f743000000000000000000005582e3530390000",
            "0003300100000000020005726f6f743100000000000000000005582e3530390000000130",
        );
        let digest = "021a17fab7e4c6b438161fd5c0f0189e5ed17938";
        let store = trust_store(&[&[0x30, 1, 0][..], &[0x30]]);
        let (entries, end) = store.split_at(store.len() - 20);
        assert_eq!((to_hex(entries), to_hex(end)), (want.to_owned(), digest.to_owned()));
    }

    #[test]
    fn the_options_come_after_those_that_were_there() {
        let of = |before: Option<&str>| {
            let proxy = SocketAddr::from(([127, 0, 0, 1], 9));
            options(proxy, Path::new("/t/roots.jks"), before.map(OsString::from)).to_string_lossy().into_owned()
        };
        let own = "-Dhttp.proxyHost=127.0.0.1 -Dhttp.proxyPort=9 -Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=9 \
            -Dhttp.nonProxyHosts= -Djavax.net.ssl.trustStorePassword=changeit -Djavax.net.ssl.trustStore=/t/roots.jks";
        assert_eq!((of(None), of(Some(""))), (own.to_owned(), own.to_owned()));
        assert_eq!(of(Some("-Xmx1g")), format!("-Xmx1g {own}"));
    }
}
