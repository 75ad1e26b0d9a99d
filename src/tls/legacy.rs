//! Ciphers of old captures that no current service needs: RC4, AES-CCM, and the PRF of TLS 1.0 and 1.1. The
//! cryptographic library has none of them.
//!
//! Feature `legacy-tls`. Without it `legacy/absent.rs` replaces this file with the same functions, which
//! decrypt nothing.

use aes::{Aes128, Aes256};
use aws_lc_rs::hmac as sha_hmac;
use ccm::Ccm;
use ccm::aead::AeadInOut;
use ccm::consts::{U8, U12, U16};
use hmac::{Hmac, Mac};
use md5::Md5;
use rc4::{KeyInit, StreamCipher};

/// These ciphers are built in.
pub(super) const BUILT_IN: bool = true;

/// Decrypts in place: nonce, additional data, fragment with its tag.
pub(super) type OpenCcm = Box<dyn Fn(&[u8; 12], &[u8], &mut Vec<u8>) -> Option<()> + Send + Sync>;

/// A key stream and the position in it.
pub(super) type Rc4 = rc4::Rc4;

/// The key stream of this key.
pub(super) fn rc4(key: &[u8]) -> Option<Rc4> {
    rc4::Rc4::new_from_slice(key).ok()
}

/// Apply the next bytes of the key stream to `bytes`.
pub(super) fn apply(stream: &mut Rc4, bytes: &mut [u8]) {
    stream.apply_keystream(bytes);
}

/// The cipher of the key `bytes`; `key` and `tag` are lengths in octets.
pub(super) fn open_ccm(key: usize, tag: usize, bytes: &[u8]) -> Option<OpenCcm> {
    fn boxed<C>(cipher: C) -> OpenCcm
    where
        C: AeadInOut<NonceSize = U12> + Send + Sync + 'static,
    {
        Box::new(move |nonce, aad, out| cipher.decrypt_in_place(nonce.into(), aad, out).ok())
    }
    Some(match (key, tag) {
        (16, 16) => boxed(Ccm::<Aes128, U16, U12>::new_from_slice(bytes).ok()?),
        (16, _) => boxed(Ccm::<Aes128, U8, U12>::new_from_slice(bytes).ok()?),
        (_, 16) => boxed(Ccm::<Aes256, U16, U12>::new_from_slice(bytes).ok()?),
        (_, _) => boxed(Ccm::<Aes256, U8, U12>::new_from_slice(bytes).ok()?),
    })
}

/// P_MD5 of one half of the secret xor P_SHA-1 of the other (RFC 4346 section 5).
pub(super) fn old_prf(secret: &[u8], label: &[u8], seed: &[u8], len: usize) -> Option<Vec<u8>> {
    let seed = [label, seed].concat();
    let half = secret.len().div_ceil(2);
    let sha1 = sha_hmac::Key::new(sha_hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &secret[secret.len() - half..]);
    let mut out = p_hash(&seed, len, |parts| Some(md5_hmac(&secret[..half], parts)?.to_vec()))?;
    let other = p_hash(&seed, len, |parts| Some(sha_hmac::sign(&sha1, &parts.concat()).as_ref().to_vec()))?;
    out.iter_mut().zip(other).for_each(|(a, b)| *a ^= b);
    Some(out)
}

fn p_hash(seed: &[u8], len: usize, hmac: impl Fn(&[&[u8]]) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut a = hmac(&[seed])?;
    while out.len() < len {
        out.extend(hmac(&[&a, seed])?);
        a = hmac(&[&a])?;
    }
    out.truncate(len);
    Some(out)
}

/// HMAC-MD5, which the cryptographic library lacks.
pub(super) fn md5_hmac(key: &[u8], parts: &[&[u8]]) -> Option<[u8; 16]> {
    let mut mac = Hmac::<Md5>::new_from_slice(key).ok()?;
    parts.iter().for_each(|part| mac.update(part));
    Some(mac.finalize().into_bytes().into())
}
