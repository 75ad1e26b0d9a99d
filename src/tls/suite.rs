//! Cipher suites that can be undone, and the keys of each (RFC 8446 section 7, RFC 5246 section 6.3).

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Algorithm, CHACHA20_POLY1305};
use aws_lc_rs::{hkdf, tls_prf};

/// How records are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protection {
    /// AEAD of TLS 1.3, or ChaCha20 of TLS 1.2: nonce = IV xor sequence number.
    Aead(&'static Algorithm),
    /// GCM of TLS 1.2: 4 octets of salt, 8 explicit.
    GcmExplicit(&'static Algorithm),
    /// AES-CBC with HMAC of this many octets.
    Cbc { key: usize, mac: usize },
}

/// A suite: protection and hash.
#[derive(Debug, Clone, Copy)]
pub(super) struct Suite {
    pub(super) protection: Protection,
    /// SHA-384 instead of SHA-256 for the key schedule or the PRF.
    sha384: bool,
}

/// The suite with this number; `None` for those that are not read.
pub(super) fn suite(id: u16) -> Option<Suite> {
    use Protection::{Aead, Cbc, GcmExplicit};
    let (protection, sha384) = match id {
        0x1301 => (Aead(&AES_128_GCM), false),
        0x1302 => (Aead(&AES_256_GCM), true),
        0x1303 => (Aead(&CHACHA20_POLY1305), false),
        // RSA, DHE_RSA, DHE_DSS, ECDHE_ECDSA, ECDHE_RSA, and their PSK forms (RFC 5288, 5289, 5487, 8442)
        0x009c | 0x009e | 0x00a0 | 0x00a2 | 0x00a4 | 0x00a6 | 0x00a8 | 0x00aa | 0x00ac | 0xc02b | 0xc02d | 0xc02f | 0xc031 | 0xd001 => {
            (GcmExplicit(&AES_128_GCM), false)
        }
        0x009d | 0x009f | 0x00a1 | 0x00a3 | 0x00a5 | 0x00a7 | 0x00a9 | 0x00ab | 0x00ad | 0xc02c | 0xc02e | 0xc030 | 0xc032 | 0xd002 => {
            (GcmExplicit(&AES_256_GCM), true)
        }
        0xcca8..=0xccae => (Aead(&CHACHA20_POLY1305), false),
        0x002f..=0x0034 | 0xc004 | 0xc009 | 0xc00e | 0xc013 | 0xc018 => (Cbc { key: 16, mac: 20 }, false),
        0x0035..=0x003a | 0xc005 | 0xc00a | 0xc00f | 0xc014 | 0xc019 => (Cbc { key: 32, mac: 20 }, false),
        0x003c | 0x003e..=0x0040 | 0x0067 | 0xc023 | 0xc025 | 0xc027 | 0xc029 => (Cbc { key: 16, mac: 32 }, false),
        0x003d | 0x0068..=0x006b => (Cbc { key: 32, mac: 32 }, false),
        0xc024 | 0xc026 | 0xc028 | 0xc02a => (Cbc { key: 32, mac: 48 }, true),
        _ => return None,
    };
    Some(Suite { protection, sha384 })
}

/// Octets of the hkdf output asked for.
struct Len(usize);

impl hkdf::KeyType for Len {
    fn len(&self) -> usize {
        self.0
    }
}

/// Key and IV of one direction.
#[derive(Clone)]
pub(super) struct KeyAndIv {
    pub(super) key: Vec<u8>,
    pub(super) iv: Vec<u8>,
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
    pub(super) fn traffic_keys(self, secret: &[u8]) -> Option<KeyAndIv> {
        let Protection::Aead(algorithm) = self.protection else { return None };
        Some(KeyAndIv { key: self.expand(secret, "key", algorithm.key_len())?, iv: self.expand(secret, "iv", 12)? })
    }

    /// The secret after a KeyUpdate (section 7.2).
    pub(super) fn next_secret(self, secret: &[u8]) -> Option<Vec<u8>> {
        self.expand(secret, "traffic upd", if self.sha384 { 48 } else { 32 })
    }

    /// Keys of both directions from a TLS 1.2 master secret: client's, server's.
    pub(super) fn key_block(self, master: &[u8], client_random: &[u8], server_random: &[u8]) -> Option<[KeyAndIv; 2]> {
        let (mac, key, iv) = match self.protection {
            Protection::Aead(a) => (0, a.key_len(), 12),
            Protection::GcmExplicit(a) => (0, a.key_len(), 4),
            Protection::Cbc { key, mac } => (mac, key, 0), // the IV is explicit since TLS 1.1
        };
        let prf = if self.sha384 { &tls_prf::P_SHA384 } else { &tls_prf::P_SHA256 };
        let seed = [server_random, client_random].concat();
        let block = tls_prf::Secret::new(prf, master).ok()?.derive(b"key expansion", &seed, 2 * (mac + key + iv)).ok()?;
        let block = block.as_ref();
        let keys = |i: usize| -> Option<KeyAndIv> {
            let at = 2 * mac + i * key;
            let iv_at = 2 * mac + 2 * key + i * iv;
            Some(KeyAndIv { key: block.get(at..at + key)?.to_vec(), iv: block.get(iv_at..iv_at + iv)?.to_vec() })
        };
        Some([keys(0)?, keys(1)?])
    }
}
