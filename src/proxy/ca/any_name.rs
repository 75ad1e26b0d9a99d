//! One TLS configuration for every name that a client asks for: servers that replace others, on one port.

use super::Authority;
use anyhow::Result;
use std::sync::Arc;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

impl Authority {
    /// The configuration of a server that presents a certificate for the name in the client's SNI. A client without
    /// SNI (it connects to an address) gets a certificate for the names and addresses in `unnamed`.
    ///
    /// # Errors
    /// If a name or address in `unnamed` cannot be in a certificate.
    pub fn any_name(self, unnamed: &[String], alpn: &[&[u8]]) -> Result<Arc<ServerConfig>> {
        let unnamed = Arc::new(self.sign(unnamed)?);
        let builder =
            ServerConfig::builder_with_provider(self.provider.clone()).with_safe_default_protocol_versions()?;
        let mut config =
            builder.with_no_client_auth().with_cert_resolver(Arc::new(ByName { authority: self, unnamed }));
        config.alpn_protocols = alpn.iter().map(|p| p.to_vec()).collect();
        Ok(Arc::new(config))
    }
}

#[derive(Debug)]
struct ByName {
    authority: Authority,
    unnamed: Arc<CertifiedKey>,
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, client: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        match client.server_name() {
            // Signing takes less than a millisecond, and clients of one server are few.
            Some(name) => self.authority.sign(&[name.to_owned()]).ok().map(Arc::new),
            None => Some(self.unnamed.clone()),
        }
    }
}
