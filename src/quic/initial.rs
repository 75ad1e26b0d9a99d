//! Initial packets (RFC 9000 section 17.2.2) and their protection (RFC 9001 section 5; RFC 9369 for version 2).

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey, quic};
use aws_lc_rs::hkdf;

/// Longest connection identifier in bytes (RFC 9000 section 17.2).
const LONGEST_ID: usize = 20;
/// Longest packet that is decrypted, in bytes: Initial packets fit a path's datagrams.
const LONGEST: usize = 16 << 10;
/// Length of the AEAD's tag.
const TAG: usize = 16;

/// A version of QUIC whose Initial packets are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// RFC 9000.
    V1,
    /// RFC 9369.
    V2,
}

impl Version {
    /// For people and JSON.
    pub(super) fn speaks(self) -> &'static str {
        match self {
            Version::V1 => "quic/1",
            Version::V2 => "quic/2",
        }
    }

    /// RFC 9001 section 5.2; RFC 9369 section 3.3.1.
    fn salt(self) -> &'static [u8] {
        match self {
            Version::V1 => b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a",
            Version::V2 => b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9",
        }
    }

    /// Labels of key, IV and header protection (RFC 9001 section 5.1; RFC 9369 section 3.3.2).
    fn labels(self) -> [&'static str; 3] {
        match self {
            Version::V1 => ["quic key", "quic iv", "quic hp"],
            Version::V2 => ["quicv2 key", "quicv2 iv", "quicv2 hp"],
        }
    }
}

/// The version of a datagram that begins with an Initial packet.
pub(super) fn version(datagram: &[u8]) -> Option<Version> {
    let head: &[u8; 5] = datagram.first_chunk()?;
    // Long header, fixed bit (RFC 9000 section 17.2).
    if head[0] & 0xc0 != 0xc0 {
        return None;
    }
    let kind = head[0] >> 4 & 3;
    match (&head[1..], kind) {
        ([0, 0, 0, 1], 0) => Some(Version::V1),
        // RFC 9369 sections 3.1 and 3.2.
        ([0x6b, 0x33, 0x43, 0xcf], 1) => Some(Version::V2),
        _ => None,
    }
}

/// One Initial packet, still protected.
#[derive(Debug, Clone, Copy)]
pub(super) struct Initial<'a> {
    bytes: &'a [u8],
    version: Version,
    to: &'a [u8],
    /// Offset of the packet number.
    number_at: usize,
}

/// The Initial packet at the front of a datagram, and what follows it there.
pub(super) fn split(datagram: &[u8]) -> Option<(Initial<'_>, &[u8])> {
    let version = version(datagram)?;
    let mut rest = datagram.get(5..)?;
    let to = identifier(&mut rest)?;
    identifier(&mut rest)?;
    let token = varint(&mut rest)?;
    rest = rest.get(usize::try_from(token).ok()?..)?;
    let len = usize::try_from(varint(&mut rest)?).ok()?;
    let number_at = datagram.len() - rest.len();
    // A packet that the capture cut cannot be decrypted.
    let (bytes, more) = datagram.split_at_checked(number_at.checked_add(len)?)?;
    Some((Initial { bytes, version, to, number_at }, more))
}

fn identifier<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (len, after) = rest.split_first()?;
    let (id, after) = after.split_at_checked(usize::from(*len).min(LONGEST_ID + 1))?;
    *rest = after;
    (id.len() <= LONGEST_ID).then_some(id)
}

/// RFC 9000 section 16.
pub(super) fn varint(rest: &mut &[u8]) -> Option<u64> {
    let len = 1 << (rest.first()? >> 6);
    let (bytes, after) = rest.split_at_checked(len)?;
    *rest = after;
    let value = bytes.iter().fold(0, |value, b| value << 8 | u64::from(*b));
    Some(value & (u64::MAX >> (66 - 8 * len)))
}

impl<'a> Initial<'a> {
    pub(super) fn version(&self) -> Version {
        self.version
    }

    /// The connection identifier that it goes to.
    pub(super) fn to(&self) -> &'a [u8] {
        self.to
    }

    /// Its frames, if these are its keys.
    pub(super) fn open(&self, keys: &Keys) -> Option<Vec<u8>> {
        if self.bytes.len() > LONGEST || keys.version != self.version {
            return None;
        }
        // RFC 9001 section 5.4.2: the sample is where a packet number of four bytes would end.
        let sample = self.bytes.get(self.number_at + 4..self.number_at + 4 + 16)?;
        let mask = keys.header.new_mask(sample).ok()?;
        let mut head = self.bytes.get(..self.number_at + 4)?.to_vec();
        head[0] ^= mask[0] & 0x0f;
        let number_len = usize::from(head[0] & 3) + 1;
        head.truncate(self.number_at + number_len);
        let mut number = 0u64;
        for (byte, mask) in head[self.number_at..].iter_mut().zip(&mask[1..]) {
            *byte ^= mask;
            number = number << 8 | u64::from(*byte);
        }
        // RFC 9001 section 5.3. Numbers of Initial packets are small, so that none is abbreviated.
        let mut nonce = keys.iv;
        nonce[4..].iter_mut().zip(number.to_be_bytes()).for_each(|(iv, n)| *iv ^= n);
        let mut body = self.bytes.get(head.len()..)?.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let plain = keys.packet.open_in_place(nonce, Aad::from(&head), &mut body).ok()?.len();
        debug_assert_eq!(plain + TAG, body.len());
        body.truncate(plain);
        Some(body)
    }
}

/// What protects the Initial packets of a client.
pub(super) struct Keys {
    version: Version,
    packet: LessSafeKey,
    iv: [u8; 12],
    header: quic::HeaderProtectionKey,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({:?})", self.version)
    }
}

impl Keys {
    /// Of the client that sent its first packet to this identifier (RFC 9001 section 5.2).
    pub(super) fn of_client(version: Version, to: &[u8]) -> Option<Keys> {
        let [key, iv, header] = secrets(version, to)?;
        Some(Keys {
            version,
            packet: LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).ok()?),
            iv: iv.try_into().ok()?,
            header: quic::HeaderProtectionKey::new(&quic::AES_128, &header).ok()?,
        })
    }
}

/// Key, IV and key of the header protection.
pub(super) fn secrets(version: Version, to: &[u8]) -> Option<[Vec<u8>; 3]> {
    let initial = hkdf::Salt::new(hkdf::HKDF_SHA256, version.salt()).extract(to);
    let client = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, &expand(&initial, "client in", 32)?);
    let [key, iv, header] = version.labels();
    Some([expand(&client, key, 16)?, expand(&client, iv, 12)?, expand(&client, header, 16)?])
}

/// Length of HKDF output in bytes.
struct Len(usize);

impl hkdf::KeyType for Len {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand-Label with an empty context (RFC 8446 section 7.1).
fn expand(secret: &hkdf::Prk, label: &str, len: usize) -> Option<Vec<u8>> {
    let info = [&(len as u16).to_be_bytes()[..], &[6 + label.len() as u8], b"tls13 ", label.as_bytes(), &[0]].concat();
    let mut out = vec![0; len];
    secret.expand(&[&info], Len(len)).ok()?.fill(&mut out).ok()?;
    Some(out)
}
