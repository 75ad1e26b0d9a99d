//! Which certificates of upstream are trusted: those of the platform's roots and the user's, and any certificate at
//! all for hosts that the user named.

use anyhow::{Context, Result, bail};
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::{WebPkiServerVerifier, verify_server_name};
use tokio_rustls::rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError};
use tokio_rustls::rustls::{RootCertStore, SignatureScheme};

/// Root certificates, and the TLS configurations for connections to upstream.
#[derive(Debug, Clone)]
pub struct Roots {
    /// Certificates that are trusted, the platform's and the user's.
    trusted: Vec<CertificateDer<'static>>,
    pub(super) verified: Arc<ClientConfig>,
    pub(super) unverified: Arc<ClientConfig>,
}

impl Roots {
    /// Loads the platform's roots and those of these PEM files.
    pub fn load(extra: &[impl AsRef<Path>], provider: &Arc<CryptoProvider>) -> Result<Roots> {
        let mut trusted = rustls_native_certs::load_native_certs().certs;
        let platform = trusted.len();
        for path in extra {
            let path = path.as_ref();
            let wrong = || format!("{} holds no certificates in PEM form", path.display());
            let certificates =
                CertificateDer::pem_file_iter(path).map_err(|e| anyhow::anyhow!("{}: {e}", path.display()))?;
            let certificates: Vec<_> = certificates.collect::<Result<_, _>>().ok().with_context(wrong)?;
            if certificates.is_empty() {
                bail!("{}", wrong());
            }
            trusted.extend(certificates);
        }
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(trusted.iter().cloned());
        if store.is_empty() {
            // Slim containers have no roots of their own.
            store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        let builder = || ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
        let by_roots = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider.clone()).build()?;
        let own = trusted.get(platform..).unwrap_or_default().to_vec();
        let named = Arc::new(Named { by_roots, own });
        let verified = builder()?.dangerous().with_custom_certificate_verifier(named).with_no_client_auth();
        let anyone = Arc::new(Anyone(provider.clone()));
        let unverified = builder()?.dangerous().with_custom_certificate_verifier(anyone).with_no_client_auth();
        Ok(Roots { trusted, verified: Arc::new(verified), unverified: Arc::new(unverified) })
    }

    /// All trusted certificates.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.trusted
    }
}

/// Verifies as usual; and a server may present a certificate itself that the user named as trusted, as `openssl req
/// -x509` makes it: it says that it is an authority, for which it is no server's certificate by RFC 5280. Its times and
/// its names count all the same.
#[derive(Debug)]
struct Named {
    by_roots: Arc<WebPkiServerVerifier>,
    /// The certificates of the user's files.
    own: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let usual = self.by_roots.verify_server_cert(end_entity, intermediates, name, ocsp, now);
        // This fault is found after those of the certificate's times.
        match &usual {
            Err(Error::InvalidCertificate(CertificateError::Other(other))) if is_authority(other) => {}
            _ => return usual,
        }
        if !self.own.iter().any(|own| own.as_ref() == end_entity.as_ref()) {
            return usual;
        }
        verify_server_name(&ParsedCertificate::try_from(end_entity)?, name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.by_roots.verify_tls12_signature(message, cert, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.by_roots.verify_tls13_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.by_roots.supported_verify_schemes()
    }
}

/// webpki's error for an authority's certificate in a server's place. `rustls` hands it on as text only.
fn is_authority(other: &OtherError) -> bool {
    other.to_string().contains("CaUsedAsEndEntity")
}

/// Accepts every certificate. The handshake's own signature is still checked: the server holds the key of its
/// certificate.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
