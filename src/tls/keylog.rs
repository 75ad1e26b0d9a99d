//! Secrets in the NSS key log format, as `SSLKEYLOGFILE` and pcapng Decryption Secrets Blocks hold them:
//! `LABEL client_random secret`, hex.

use crate::encoding::from_hex;
use std::collections::HashMap;

/// Which secret of a connection (labels of the format).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Label {
    /// TLS 1.2 and before: the master secret (`CLIENT_RANDOM`).
    Master,
    /// `CLIENT_EARLY_TRAFFIC_SECRET`
    ClientEarly,
    /// `CLIENT_HANDSHAKE_TRAFFIC_SECRET`
    ClientHandshake,
    /// `SERVER_HANDSHAKE_TRAFFIC_SECRET`
    ServerHandshake,
    /// `CLIENT_TRAFFIC_SECRET_0`
    ClientApplication,
    /// `SERVER_TRAFFIC_SECRET_0`
    ServerApplication,
}

impl Label {
    fn parse(s: &str) -> Option<Label> {
        Some(match s {
            "CLIENT_RANDOM" => Label::Master,
            "CLIENT_EARLY_TRAFFIC_SECRET" => Label::ClientEarly,
            "CLIENT_HANDSHAKE_TRAFFIC_SECRET" => Label::ClientHandshake,
            "SERVER_HANDSHAKE_TRAFFIC_SECRET" => Label::ServerHandshake,
            "CLIENT_TRAFFIC_SECRET_0" => Label::ClientApplication,
            "SERVER_TRAFFIC_SECRET_0" => Label::ServerApplication,
            _ => return None,
        })
    }
}

// ECH_SECRET and ECH_CONFIG (RFC 9849 section 12), EXPORTER_SECRET and others are lines of the format that nothing here
// needs: they are passed over.
/// Longest secret of TLS in bytes (SHA-384 gives 48).
const MAX_SECRET: usize = 64;

/// All secrets known so far. Grows while a live capture runs.
#[derive(Default)]
pub struct KeyLog {
    secrets: HashMap<([u8; 32], Label), Vec<u8>>,
    /// The last line without its end, from a file that is still being written.
    tail: Vec<u8>,
}

impl std::fmt::Debug for KeyLog {
    /// Never shows a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyLog({} secrets)", self.secrets.len())
    }
}

impl KeyLog {
    /// The next bytes of a key log; lines may be cut anywhere. Lines without a secret are skipped, as the
    /// format requires.
    pub fn push(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
        let text = std::mem::take(&mut self.tail);
        let whole = text.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        for line in text[..whole].split(|b| *b == b'\n') {
            self.line(line);
        }
        // A line of more than 4 KiB is not a line of a key log.
        if text.len() - whole <= 4096 {
            self.tail = text[whole..].to_vec();
        }
    }

    /// End of the source: take a last line without a line end too.
    pub fn finish(&mut self) {
        let tail = std::mem::take(&mut self.tail);
        self.line(&tail);
    }

    /// Number of secrets.
    pub fn len(&self) -> usize {
        self.secrets.len()
    }

    /// A secret of the connection with this client random.
    pub fn find(&self, client_random: &[u8; 32], label: Label) -> Option<&[u8]> {
        self.secrets.get(&(*client_random, label)).map(Vec::as_slice)
    }

    fn line(&mut self, line: &[u8]) {
        let Ok(line) = std::str::from_utf8(line) else { return };
        let mut words = line.split_ascii_whitespace();
        let (Some(label), Some(random), Some(secret)) = (words.next(), words.next(), words.next()) else { return };
        let Some(label) = Label::parse(label) else { return };
        let (Some(random), Some(secret)) = (from_hex(random), from_hex(secret)) else { return };
        if let Ok(random) = <[u8; 32]>::try_from(random)
            && secret.len() <= MAX_SECRET
        {
            self.secrets.insert((random, label), secret);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn lines_cut_anywhere() {
        let random = "ab".repeat(32);
        let text = format!(
            "# comment\r\nCLIENT_RANDOM {random} {}\r\nEXPORTER_SECRET {random} 00\nCLIENT_TRAFFIC_SECRET_0 {random} \
                0102",
            "cd".repeat(48)
        );
        let mut log = KeyLog::default();
        text.as_bytes().chunks(3).for_each(|c| log.push(c));
        assert_eq!(log.len(), 1);
        log.finish();
        assert_eq!(log.find(&[0xab; 32], Label::ClientApplication), Some(&[1u8, 2][..]));
        assert_eq!(log.find(&[0xab; 32], Label::Master).map(<[u8]>::len), Some(48));
        assert!(!format!("{log:?}").contains("cd"));
    }

    #[test]
    fn what_cannot_be_a_secret_is_not_kept() {
        let len = |random: usize, secret: usize| {
            let mut log = KeyLog::default();
            log.push(format!("CLIENT_RANDOM {} {}\n", "ab".repeat(random), "cd".repeat(secret)).as_bytes());
            log.len()
        };
        assert_eq!([(32, 48), (32, 64), (32, 65), (31, 48), (33, 48)].map(|(r, s)| len(r, s)), [1, 1, 0, 0, 0]);
    }

    /// A line without end is not kept to its last byte.
    #[test]
    fn a_long_line_is_let_go() {
        let mut log = KeyLog::default();
        log.push(&[b'x'; 4096]);
        assert_eq!(log.tail.len(), 4096);
        log.push(b"x");
        assert_eq!(log.tail.len(), 0);
    }
}
