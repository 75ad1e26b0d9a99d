//! One configuration for whatever name a client asks for: servers that answer in the place of others, on one port.

use super::Authority;
use anyhow::Result;
use std::sync::Arc;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

impl Authority {
    /// A server that shows a certificate for the name that the client says. A client that says none (one that was given
    /// an address does not) gets one
    /// for these names and addresses.
    ///
    /// # Errors
    /// They cannot stand in a certificate.
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
