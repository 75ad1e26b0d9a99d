//! The handshake messages that a passive reader needs: ClientHello, ServerHello, EncryptedExtensions (RFC
//! 8446 section 4, RFC 5246 section 7.4).

/// Handshake types that matter here.
pub(super) mod handshake {
    pub(crate) const CLIENT_HELLO: u8 = 1;
    pub(crate) const SERVER_HELLO: u8 = 2;
    pub(crate) const END_OF_EARLY_DATA: u8 = 5;
    pub(crate) const ENCRYPTED_EXTENSIONS: u8 = 8;
    pub(crate) const FINISHED: u8 = 20;
    pub(crate) const KEY_UPDATE: u8 = 24;
}

/// The random of a HelloRetryRequest (RFC 8446 section 4.1.3): SHA-256 of that name.
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11,
    0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// Extension encrypted_client_hello (RFC 9849 section 11.1).
const ENCRYPTED_CLIENT_HELLO: usize = 0xfe0d;

/// Contents of a ClientHello.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ClientHello {
    pub(super) random: [u8; 32],
    /// Server name (RFC 6066 section 3).
    pub(crate) sni: Option<String>,
    /// It has encrypted_client_hello (RFC 9849 section 5), or a GREASE of it.
    pub(crate) ech: bool,
    /// Protocols offered (RFC 7301).
    pub(crate) alpn: Vec<String>,
}

/// Contents of a ServerHello.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ServerHello {
    pub(super) random: [u8; 32],
    pub(super) suite: u16,
    /// Negotiated version, `0x0304` for TLS 1.3.
    pub(super) version: u16,
    pub(super) alpn: Option<String>,
    pub(super) encrypt_then_mac: bool,
    pub(super) is_retry: bool,
}

/// Reads big-endian fields off the front; `None` past the end.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(head)
    }

    fn u8(&mut self) -> Option<usize> {
        self.take(1).map(|b| usize::from(b[0]))
    }

    fn u16(&mut self) -> Option<usize> {
        self.take(2).map(|b| usize::from(b[0]) << 8 | usize::from(b[1]))
    }

    fn vec8(&mut self) -> Option<&'a [u8]> {
        let n = self.u8()?;
        self.take(n)
    }

    fn vec16(&mut self) -> Option<&'a [u8]> {
        let n = self.u16()?;
        self.take(n)
    }
}

/// (type, body) of every extension in a list; stops where it is broken.
fn extensions(list: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut fields = Fields(list);
    std::iter::from_fn(move || Some((fields.u16()?, fields.vec16()?)))
}

impl ClientHello {
    /// From the body of the handshake message.
    pub(crate) fn parse(body: &[u8]) -> Option<ClientHello> {
        let mut f = Fields(body);
        f.take(2)?;
        let mut hello = ClientHello { random: f.take(32)?.try_into().ok()?, ..ClientHello::default() };
        f.vec8()?; // session id
        f.vec16()?; // cipher suites
        f.vec8()?; // compression methods
        for (kind, body) in extensions(f.vec16().unwrap_or_default()) {
            match kind {
                0 => hello.sni = server_name(body),
                16 => hello.alpn = protocols(body),
                ENCRYPTED_CLIENT_HELLO => hello.ech = true,
                _ => {}
            }
        }
        Some(hello)
    }
}

impl ServerHello {
    pub(super) fn parse(body: &[u8]) -> Option<ServerHello> {
        let mut f = Fields(body);
        let legacy = f.u16()? as u16;
        let random: [u8; 32] = f.take(32)?.try_into().ok()?;
        // Drafts of TLS 1.3 before the 22nd (0x7f16) had neither session id nor compression method.
        let draft = (0x7f00..0x7f16).contains(&legacy);
        if !draft {
            f.vec8()?; // session id
        }
        let suite = f.u16()? as u16;
        if !draft {
            f.u8()?; // compression method
        }
        let mut hello =
            ServerHello { random, suite, version: legacy, is_retry: random == RETRY, ..ServerHello::default() };
        for (kind, body) in extensions(f.vec16().unwrap_or_default()) {
            match (kind, body) {
                (16, _) => hello.alpn = protocols(body).into_iter().next(),
                (22, _) => hello.encrypt_then_mac = true,
                (43, [hi, lo]) => hello.version = u16::from(*hi) << 8 | u16::from(*lo),
                _ => {}
            }
        }
        Some(hello)
    }
}

/// ALPN of a TLS 1.3 server.
pub(super) fn encrypted_extensions(body: &[u8]) -> Option<String> {
    let list = Fields(body).vec16()?;
    extensions(list).find(|(kind, _)| *kind == 16).and_then(|(_, body)| protocols(body).into_iter().next())
}

/// RFC 6066 section 3.
fn server_name(body: &[u8]) -> Option<String> {
    let mut list = Fields(Fields(body).vec16()?);
    loop {
        let (kind, name) = (list.u8()?, list.vec16()?);
        if kind == 0 {
            return Some(String::from_utf8_lossy(name).into_owned());
        }
    }
}

/// A value that means nothing and is offered to keep servers tolerant (RFC 8701 section 3.1).
fn is_grease(name: &[u8]) -> bool {
    matches!(name, [a, b] if a == b && a & 0x0f == 0x0a)
}

/// RFC 7301 section 3.1.
fn protocols(body: &[u8]) -> Vec<String> {
    let mut list = Fields(Fields(body).vec16().unwrap_or_default());
    let names = std::iter::from_fn(|| list.vec8()).filter(|name| !is_grease(name));
    names.map(|p| String::from_utf8_lossy(p).into_owned()).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn vec16(body: &[u8]) -> Vec<u8> {
        [&(body.len() as u16).to_be_bytes()[..], body].concat()
    }

    fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
        [&kind.to_be_bytes()[..], &vec16(body)].concat()
    }

    /// What browsers send in addition: GREASE in suites, extensions and ALPN, and an encrypted hello whose
    /// outer name is public.
    #[test]
    fn grease_and_encrypted_hellos_do_not_confuse() {
        let sni = [&[0][..], &vec16(b"public.example")].concat();
        let extensions = [
            extension(0x3a3a, &[]),
            extension(0xfe0d, &[0; 40]), // encrypted_client_hello (RFC 9849)
            extension(0, &vec16(&sni)),
            extension(16, &vec16(b"\x02\x2a\x2a\x02h2\x08http/1.1")),
            extension(43, &[5, 0x7a, 0x7a, 3, 4]),
            extension(0xbaba, &[0]),
        ]
        .concat();
        let suites = vec16(&[0x1a, 0x1a, 0x13, 1]);
        let hello = [&[3, 3][..], &[7; 32], &[0], &suites, &[1, 0], &vec16(&extensions)].concat();
        let read = ClientHello::parse(&hello).unwrap();
        assert_eq!(
            (read.sni.as_deref(), read.ech, read.alpn),
            (Some("public.example"), true, vec!["h2".to_owned(), "http/1.1".to_owned()])
        );
        // The last but one byte of the extension's number: another extension.
        let mut other = hello.clone();
        let at = other.windows(2).position(|b| b == [0xfe, 0x0d]).unwrap();
        other[at + 1] = 0x0c;
        assert_eq!(ClientHello::parse(&other).map(|h| h.ech), Some(false));
        for cut in 0..hello.len() {
            let _ = ClientHello::parse(&hello[..cut]);
            let _ = ServerHello::parse(&hello[..cut]);
        }
    }

    /// RFC 8701 section 2: GREASE has two equal bytes, the lower half of each 0xA. Other names of two letters are
    /// names.
    #[test]
    fn only_grease_is_no_protocol() {
        let names = |list: &[u8]| protocols(&vec16(list));
        assert_eq!(names(b"\x02hh\x02\x0a\x0a\x02\xfa\xfa\x02ZZ\x02\x1a\x2a"), ["hh", "\x1a*"]);
    }

    /// Drafts before the 22nd had no session id; the 22nd has one.
    #[test]
    fn a_draft_has_its_own_form_of_a_hello() {
        let hello = |version: u16, id: &[u8], compression: &[u8]| {
            let suite = [0x13, 0x01];
            let body = [&version.to_be_bytes()[..], &[7; 32], id, &suite, compression, &vec16(&[])].concat();
            ServerHello::parse(&body).map(|h| (h.version, h.suite, h.is_retry))
        };
        assert_eq!(hello(0x7f15, &[], &[]), Some((0x7f15, 0x1301, false)));
        for version in [0x7f16, 0x7f1c, 0x0303] {
            assert_eq!(hello(version, &[2, 9, 9], &[0]), Some((version, 0x1301, false)));
        }
    }
}
