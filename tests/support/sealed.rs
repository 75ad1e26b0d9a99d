//! Conversations that rustls encrypts, client and server in one process, with the key log that they write.

use rustls::client::{EchGreaseConfig, EchMode};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, KeyLog, RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion,
};
use sniff::conn::Direction;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex};

/// Collects secrets as `SSLKEYLOGFILE` does.
#[derive(Debug, Default)]
pub struct Log(Mutex<String>);

impl KeyLog for Log {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let hex = |bytes: &[u8]| bytes.iter().fold(String::new(), |mut s, b| write!(s, "{b:02x}").map(|()| s).unwrap());
        writeln!(self.0.lock().unwrap(), "{label} {} {}", hex(client_random), hex(secret)).unwrap();
    }
}

impl Log {
    pub fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }
}

/// Configurations of both ends that trust each other, and the key log of the client.
pub struct Ends {
    pub client: ClientConfig,
    pub server: ServerConfig,
    pub log: Arc<Log>,
    roots: RootCertStore,
}

impl Ends {
    /// All cipher suites of these versions.
    pub fn new(versions: &[&'static SupportedProtocolVersion]) -> Ends {
        Ends::with(rustls::crypto::aws_lc_rs::default_provider(), versions)
    }

    /// The provider's cipher suites of these versions.
    pub fn with(provider: rustls::crypto::CryptoProvider, versions: &[&'static SupportedProtocolVersion]) -> Ends {
        let provider = Arc::new(provider);
        let own = rcgen::generate_simple_self_signed(["api.example".to_owned()]).unwrap();
        let cert: CertificateDer<'static> = own.cert.der().clone();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
        let mut roots = RootCertStore::empty();
        roots.add(cert.clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(provider.clone()).with_protocol_versions(versions).unwrap();
        let mut client = builder.with_root_certificates(roots.clone()).with_no_client_auth();
        let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
        let server = builder.with_no_client_auth().with_single_cert(vec![cert], key).unwrap();
        let log = Arc::new(Log::default());
        client.key_log = log.clone();
        Ends { client, server, log, roots }
    }

    /// The same with a client that sends a GREASE of Encrypted Client Hello (RFC 9849 section 6.2): TLS 1.3 only.
    pub fn greased(mut self) -> Ends {
        let suite = rustls::crypto::aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_AES_128;
        let (key, _) = rustls::crypto::hpke::Hpke::generate_key_pair(suite).unwrap();
        let mode = EchMode::Grease(EchGreaseConfig::new(suite, key));
        let builder = ClientConfig::builder_with_provider(self.client.crypto_provider().clone());
        let builder = builder.with_ech(mode).unwrap().with_root_certificates(self.roots.clone());
        self.client = builder.with_no_client_auth();
        self.client.key_log = self.log.clone();
        self
    }

    /// Offers only this suite.
    pub fn of_suite(suite: rustls::SupportedCipherSuite) -> Ends {
        let provider = rustls::crypto::CryptoProvider {
            cipher_suites: vec![suite],
            ..rustls::crypto::aws_lc_rs::default_provider()
        };
        Ends::with(provider, &[suite.version()])
    }

    /// One connection; nothing is sent yet.
    pub fn connect(&self) -> Tunnel {
        let name = ServerName::try_from("api.example").unwrap();
        Tunnel {
            client: ClientConnection::new(Arc::new(self.client.clone()), name).unwrap(),
            server: ServerConnection::new(Arc::new(self.server.clone())).unwrap(),
            wire: Vec::new(),
        }
    }
}

/// One connection with everything that was sent, one element per flight.
pub struct Tunnel {
    pub client: ClientConnection,
    pub server: ServerConnection,
    pub wire: Vec<(Direction, Vec<u8>)>,
}

impl Tunnel {
    /// Passes on what both ends have to send until neither has more.
    pub fn settle(&mut self) {
        loop {
            let mut moved = false;
            for dir in [Direction::ToServer, Direction::ToClient] {
                let mut flight = Vec::new();
                match dir {
                    Direction::ToServer => {
                        while self.client.wants_write() && self.client.write_tls(&mut flight).unwrap() > 0 {}
                    }
                    Direction::ToClient => {
                        while self.server.wants_write() && self.server.write_tls(&mut flight).unwrap() > 0 {}
                    }
                }
                if flight.is_empty() {
                    continue;
                }
                moved = true;
                let mut rest = &flight[..];
                while !rest.is_empty() {
                    match dir {
                        Direction::ToServer => {
                            self.server.read_tls(&mut rest).unwrap();
                            self.server.process_new_packets().unwrap();
                        }
                        Direction::ToClient => {
                            self.client.read_tls(&mut rest).unwrap();
                            self.client.process_new_packets().unwrap();
                        }
                    }
                }
                self.wire.push((dir, flight));
            }
            if !moved {
                return;
            }
        }
    }

    /// Application data in one direction. The peer must read the same bytes.
    pub fn send(&mut self, dir: Direction, bytes: &[u8]) {
        // Less than the buffers of rustls at a time.
        for part in bytes.chunks(8 << 10) {
            let mut got = vec![0; part.len()];
            match dir {
                Direction::ToServer => self.client.writer().write_all(part).unwrap(),
                Direction::ToClient => self.server.writer().write_all(part).unwrap(),
            }
            self.settle();
            match dir {
                Direction::ToServer => self.server.reader().read_exact(&mut got).unwrap(),
                Direction::ToClient => self.client.reader().read_exact(&mut got).unwrap(),
            }
            assert_eq!(got, part, "the peer reads what was sent");
        }
    }

    /// Sends close_notify.
    pub fn close(&mut self, dir: Direction) {
        match dir {
            Direction::ToServer => self.client.send_close_notify(),
            Direction::ToClient => self.server.send_close_notify(),
        }
        self.settle();
    }

    /// What was sent since the last call.
    pub fn take(&mut self) -> Vec<(Direction, Vec<u8>)> {
        std::mem::take(&mut self.wire)
    }
}
