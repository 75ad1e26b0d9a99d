//! From secrets to keys: HKDF-Expand-Label of TLS 1.3 (RFC 8446 section 7), the PRFs of TLS 1.2 (RFC 5246
//! section 5) and before (RFC 4346 section 5).

use super::legacy;
use super::suite::{Protection, Suite};
use super::version::Version;
use aws_lc_rs::{hkdf, tls_prf};

/// Keys of one direction.
#[derive(Clone, Default)]
pub(super) struct Keys {
    pub(super) key: Vec<u8>,
    pub(super) iv: Vec<u8>,
    /// Key of the HMAC; empty if the suite has none.
    pub(super) mac: Vec<u8>,
}

/// Length of the HKDF output in octets.
struct Len(usize);

impl hkdf::KeyType for Len {
    fn len(&self) -> usize {
        self.0
    }
}

impl Suite {
    /// HKDF-Expand-Label with an empty context (RFC 8446 section 7.1).
    fn expand(self, secret: &[u8], label: &str, len: usize) -> Option<Vec<u8>> {
        let algorithm = if self.sha384 { hkdf::HKDF_SHA384 } else { hkdf::HKDF_SHA256 };
        let mut info = (len as u16).to_be_bytes().to_vec();
        info.push(6 + label.len() as u8);
        info.extend_from_slice(b"tls13 ");
        info.extend_from_slice(label.as_bytes());
        info.push(0);
        let mut out = vec![0; len];
        hkdf::Prk::new_less_safe(algorithm, secret).expand(&[&info], Len(len)).ok()?.fill(&mut out).ok()?;
        Some(out)
    }

    /// Traffic keys of a TLS 1.3 secret (section 7.3).
    pub(super) fn traffic_keys(self, secret: &[u8]) -> Option<Keys> {
        let key = match self.protection {
            Protection::Aead(algorithm, _) => algorithm.key_len(),
            Protection::Ccm { key, .. } => key,
            Protection::Cbc { .. } | Protection::Rc4 { .. } => return None,
        };
        Some(Keys { key: self.expand(secret, "key", key)?, iv: self.expand(secret, "iv", 12)?, mac: Vec::new() })
    }

    /// The secret after a KeyUpdate (section 7.2).
    pub(super) fn next_secret(self, secret: &[u8]) -> Option<Vec<u8>> {
        self.expand(secret, "traffic upd", if self.sha384 { 48 } else { 32 })
    }

    /// Keys of both directions from a master secret of TLS 1.2 or before: client's, server's (RFC 5246 section 6.3).
    pub(super) fn key_block(
        self,
        version: Version,
        master: &[u8],
        client_random: &[u8],
        server_random: &[u8],
    ) -> Option<[Keys; 2]> {
        let (mac, key, iv) = match self.protection {
            Protection::Aead(algorithm, nonce) => (0, algorithm.key_len(), nonce.iv()),
            Protection::Ccm { key, nonce, .. } => (0, key, nonce.iv()),
            Protection::Cbc { key, mac } => (mac, key, if version.has_explicit_iv() { 0 } else { 16 }),
            Protection::Rc4 { mac } => (mac, 16, 0),
        };
        let seed = [server_random, client_random].concat();
        let len = 2 * (mac + key + iv);
        let block = match version.has_one_prf() {
            true => {
                let prf = if self.sha384 { &tls_prf::P_SHA384 } else { &tls_prf::P_SHA256 };
                tls_prf::Secret::new(prf, master).ok()?.derive(b"key expansion", &seed, len).ok()?.as_ref().to_vec()
            }
            false => legacy::old_prf(master, b"key expansion", &seed, len)?,
        };
        let mut rest = &block[..];
        let mut pair = |n: usize| {
            let (both, more) = rest.split_at_checked(2 * n)?;
            rest = more;
            Some((both[..n].to_vec(), both[n..].to_vec()))
        };
        let ((client_mac, server_mac), (client_key, server_key), (client_iv, server_iv)) =
            (pair(mac)?, pair(key)?, pair(iv)?);
        Some([
            Keys { key: client_key, iv: client_iv, mac: client_mac },
            Keys { key: server_key, iv: server_iv, mac: server_mac },
        ])
    }
}
