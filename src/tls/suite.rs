//! Cipher suites that can be decrypted, by their numbers (the IANA registry; RFC 5246, 5288, 5289, 5487,
//! 6655, 7251, 7905, 8446).

use super::legacy;
use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Algorithm, CHACHA20_POLY1305};

/// How records are protected. Lengths in octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protection {
    /// AEAD of the cryptographic library.
    Aead(&'static Algorithm, Nonce),
    /// AES-CCM with a tag of this length.
    Ccm { key: usize, tag: usize, nonce: Nonce },
    /// AES-CBC with an HMAC.
    Cbc { key: usize, mac: usize },
    /// RC4 with an HMAC.
    Rc4 { mac: usize },
}

/// Where the nonce of a record comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nonce {
    /// 12 octets of IV xor the sequence number: TLS 1.3, ChaCha20 of TLS 1.2.
    Counted,
    /// 4 octets of salt, 8 octets before the fragment: GCM and CCM of TLS 1.2.
    Explicit,
}

impl Nonce {
    /// Octets of the IV that the key derivation gives.
    pub(super) fn iv(self) -> usize {
        match self {
            Nonce::Counted => 12,
            Nonce::Explicit => 4,
        }
    }
}

/// A suite: protection and hash.
#[derive(Debug, Clone, Copy)]
pub(super) struct Suite {
    pub(super) protection: Protection,
    /// SHA-384 instead of SHA-256 for the key schedule or the PRF of TLS 1.2.
    pub(super) sha384: bool,
}

/// The suite with this number; `None` if it is unsupported, as CCM and RC4 are without the feature
/// `legacy-tls`.
pub(super) fn suite(id: u16) -> Option<Suite> {
    use Nonce::{Counted, Explicit};
    use Protection::{Aead, Cbc, Ccm, Rc4};
    let ccm = |key, tag| Ccm { key, tag, nonce: if id >> 8 == 0x13 { Counted } else { Explicit } };
    let (protection, sha384) = match id {
        0x1301 => (Aead(&AES_128_GCM, Counted), false),
        0x1302 => (Aead(&AES_256_GCM, Counted), true),
        0x1303 => (Aead(&CHACHA20_POLY1305, Counted), false),
        0x1304 => (ccm(16, 16), false),
        0x1305 => (ccm(16, 8), false),
        // RSA, DHE_RSA, DHE_DSS, ECDHE_ECDSA, ECDHE_RSA, and their PSK forms
        0x009c | 0x009e | 0x00a0 | 0x00a2 | 0x00a4 | 0x00a6 | 0x00a8 | 0x00aa | 0x00ac | 0xc02b | 0xc02d | 0xc02f
        | 0xc031 | 0xd001 => (Aead(&AES_128_GCM, Explicit), false),
        0x009d | 0x009f | 0x00a1 | 0x00a3 | 0x00a5 | 0x00a7 | 0x00a9 | 0x00ab | 0x00ad | 0xc02c | 0xc02e | 0xc030
        | 0xc032 | 0xd002 => (Aead(&AES_256_GCM, Explicit), true),
        0xcca8..=0xccae => (Aead(&CHACHA20_POLY1305, Counted), false),
        0xc09c | 0xc09e | 0xc0a4 | 0xc0a6 | 0xc0ac | 0xd005 => (ccm(16, 16), false),
        0xc09d | 0xc09f | 0xc0a5 | 0xc0a7 | 0xc0ad => (ccm(32, 16), false),
        0xc0a0 | 0xc0a2 | 0xc0a8 | 0xc0aa | 0xc0ae | 0xd003 => (ccm(16, 8), false),
        0xc0a1 | 0xc0a3 | 0xc0a9 | 0xc0ab | 0xc0af => (ccm(32, 8), false),
        0x002f..=0x0034 | 0x008c | 0x0090 | 0x0094 | 0xc004 | 0xc009 | 0xc00e | 0xc013 | 0xc018 | 0xc035 => {
            (Cbc { key: 16, mac: 20 }, false)
        }
        0x0035..=0x003a | 0x008d | 0x0091 | 0x0095 | 0xc005 | 0xc00a | 0xc00f | 0xc014 | 0xc019 | 0xc036 => {
            (Cbc { key: 32, mac: 20 }, false)
        }
        0x003c | 0x003e..=0x0040 | 0x0067 | 0x00ae | 0x00b2 | 0x00b6 | 0xc023 | 0xc025 | 0xc027 | 0xc029 | 0xc037 => {
            (Cbc { key: 16, mac: 32 }, false)
        }
        0x003d | 0x0068..=0x006b => (Cbc { key: 32, mac: 32 }, false),
        0x00af | 0x00b3 | 0x00b7 | 0xc024 | 0xc026 | 0xc028 | 0xc02a | 0xc038 => (Cbc { key: 32, mac: 48 }, true),
        0x0004 | 0x0018 => (Rc4 { mac: 16 }, false),
        0x0005 | 0x008a | 0x008e | 0x0092 | 0xc002 | 0xc007 | 0xc00c | 0xc011 | 0xc016 | 0xc033 => {
            (Rc4 { mac: 20 }, false)
        }
        _ => return None,
    };
    let opens = legacy::BUILT_IN || !matches!(protection, Ccm { .. } | Rc4 { .. });
    opens.then_some(Suite { protection, sha384 })
}
