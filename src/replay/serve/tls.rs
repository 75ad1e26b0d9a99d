//! TLS on the server's side with rustls: HTTP/2 or HTTP/1.1, as the client chooses (ALPN).

use super::{NewSeal, Seal};
use anyhow::{Context, Result};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

/// TLS connections with this certificate chain and key (PEM files).
///
/// # Errors
/// A file cannot be read, or certificate and key do not match.
pub fn with_files(certificates: &Path, key: &Path) -> Result<NewSeal> {
    let (shown, key_shown) = (certificates.display(), key.display());
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificates)
        .and_then(Iterator::collect)
        .with_context(|| format!("cannot read certificates from {shown}"))?;
    let key =
        PrivateKeyDer::from_pem_file(key).with_context(|| format!("cannot read a private key from {key_shown}"))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let config = builder.with_no_client_auth().with_single_cert(chain, key);
    let mut config =
        config.with_context(|| format!("{shown} and {key_shown} are not a certificate and its key for a server"))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(with(Arc::new(config)))
}

/// TLS connections with the given configuration.
pub fn with(config: Arc<ServerConfig>) -> NewSeal {
    Arc::new(move || match ServerConnection::new(config.clone()) {
        Ok(mut connection) => {
            // The pace of the script bounds what waits, one write after the other.
            connection.set_buffer_limit(None);
            Box::new(Sealed(connection))
        }
        Err(e) => refused(e.to_string()),
    })
}

/// A connection that is refused, for this reason.
pub fn refused(why: String) -> Box<dyn Seal> {
    Box::new(Refused(why))
}

struct Sealed(ServerConnection);

impl Seal for Sealed {
    fn open(&mut self, mut sealed: &[u8], plain: &mut Vec<u8>) -> io::Result<()> {
        while !sealed.is_empty() {
            self.0.read_tls(&mut sealed)?;
            let state = self.0.process_new_packets().map_err(io::Error::other)?;
            let mut buffer = vec![0; state.plaintext_bytes_to_read()];
            self.0.reader().read_exact(&mut buffer)?;
            plain.append(&mut buffer);
            if state.peer_has_closed() {
                break;
            }
        }
        Ok(())
    }

    fn seal(&mut self, plain: &[u8]) {
        // Writing into memory without a limit cannot fail.
        let _ = self.0.writer().write_all(plain);
    }

    fn close(&mut self) {
        self.0.send_close_notify();
    }

    fn take(&mut self, out: &mut Vec<u8>) {
        while self.0.wants_write() {
            if self.0.write_tls(out).is_err() {
                return;
            }
        }
    }
}

/// A certificate resolver that accepts no client.
struct Refused(String);

impl Seal for Refused {
    fn open(&mut self, _: &[u8], _: &mut Vec<u8>) -> io::Result<()> {
        Err(io::Error::other(self.0.clone()))
    }

    fn seal(&mut self, _: &[u8]) {}

    fn close(&mut self) {}

    fn take(&mut self, _: &mut Vec<u8>) {}
}
