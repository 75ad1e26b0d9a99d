//! TLS on both sides: the client gets what upstream chose; refusals and failures reach the peer that they concern.

use crate::door::{Door, PATIENCE, read_head, server};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A test authority, and a server certificate of it for this machine and `api.example.test`, as PEM files in a
/// folder.
pub struct Identity {
    pub ca: String,
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
}

impl Identity {
    pub fn new() -> Identity {
        let ca_key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "authority of a test");
        let ca = params.self_signed(&ca_key).unwrap();
        let key = KeyPair::generate().unwrap();
        let names = ["localhost", "127.0.0.1", "::1", "api.example.test"].map(str::to_owned);
        let leaf = CertificateParams::new(names).unwrap().signed_by(&key, &Issuer::new(params, ca_key)).unwrap();
        Identity { ca: pem(ca.der()), chain: vec![leaf.der().clone()], key }
    }

    /// A server's certificate that signs itself and says that it is an authority, as `openssl req -x509` makes it.
    pub fn of_openssl(name: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let own = params.self_signed(&key).unwrap();
        Identity { ca: pem(own.der()), chain: vec![own.der().clone()], key }
    }

    /// A folder with `upstream-ca.pem`, and `key.pem` and `cert.pem` for servers in other languages.
    pub fn folder(&self) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let key = ["PRIVATE KEY".to_owned(), base64(&self.key.serialize_der())];
        std::fs::write(folder.path().join("upstream-ca.pem"), &self.ca).unwrap();
        std::fs::write(folder.path().join("cert.pem"), pem(&self.chain[0])).unwrap();
        std::fs::write(
            folder.path().join("key.pem"),
            format!("-----BEGIN {0}-----\n{1}-----END {0}-----\n", key[0], key[1]),
        )
        .unwrap();
        folder
    }

    pub fn server(&self, alpn: &[&str]) -> Arc<ServerConfig> {
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der());
        let mut config =
            ServerConfig::builder().with_no_client_auth().with_single_cert(self.chain.clone(), key.into()).unwrap();
        config.alpn_protocols = alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}

fn pem(der: &[u8]) -> String {
    format!("-----BEGIN CERTIFICATE-----\n{}-----END CERTIFICATE-----\n", base64(der))
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = bytes.chunks(3).flat_map(|three| {
        let bits = three.iter().fold(0_u32, |bits, &b| bits << 8 | u32::from(b)) << (8 * (3 - three.len()));
        (0..4).map(move |n| if n <= three.len() { DIGITS[(bits >> (18 - 6 * n) & 63) as usize] } else { b'=' })
    });
    let all: Vec<u8> = digits.collect();
    all.chunks(64).map(|line| format!("{}\n", String::from_utf8_lossy(line))).collect()
}

/// A TLS server that passes each connection to `serve`.
pub fn tls_server(
    config: Arc<ServerConfig>,
    serve: impl Fn(StreamOwned<ServerConnection, TcpStream>) + Send + Sync + 'static,
) -> SocketAddr {
    server(move |tcp| serve(StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), tcp)))
}

pub fn answer(mut stream: StreamOwned<ServerConnection, TcpStream>) {
    read_head(&mut stream);
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\ndata: [DONE]\n\n");
    stream.conn.send_close_notify();
    let _ = stream.flush();
}

/// A client that trusts these certificates and offers these protocols.
pub fn client(
    trusted: &[&Path],
    alpn: &[&str],
    tcp: TcpStream,
    name: &str,
) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    for path in trusted {
        roots.add(CertificateDer::from_pem_file(path).unwrap()).unwrap();
    }
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), tcp)
}

pub fn ask(stream: &mut (impl Read + Write)) -> Result<String, std::io::Error> {
    stream.write_all(b"GET /v1 HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let mut all = String::new();
    stream.read_to_string(&mut all)?;
    Ok(all)
}

/// A proxy that trusts `identity` upstream.
fn door(identity: &Identity, options: &[&str]) -> Door {
    let folder = identity.folder();
    Door::open_in(folder, &[&["--upstream-ca", "upstream-ca.pem"], options].concat())
}

#[test]
fn the_client_gets_the_protocol_that_upstream_chose() {
    let identity = Identity::new();
    let door = door(&identity, &[]);
    for (offered, spoken, chosen) in [
        (&["h2", "http/1.1"][..], &["http/1.1"][..], Some("http/1.1")),
        (&["h2", "http/1.1"], &["h2", "http/1.1"], Some("h2")),
        (&["http/1.1"], &[], None),
        (&[], &["http/1.1"], None),
    ] {
        let upstream = tls_server(identity.server(spoken), |mut stream| drop(stream.read(&mut [0])));
        let (status, tcp) = door.tunnel(&format!("localhost:{}", upstream.port()));
        assert!(status.contains(" 200 "), "{status}");
        let mut stream = client(&[&door.ca()], offered, tcp, "localhost");
        stream.write_all(b"x").unwrap();
        stream.flush().unwrap();
        assert_eq!(
            stream.conn.alpn_protocol().map(String::from_utf8_lossy).as_deref(),
            chosen,
            "{offered:?} at {spoken:?}"
        );
    }
}

#[test]
fn names_addresses_and_facts() {
    let identity = Identity::new();
    let upstream = tls_server(identity.server(&["http/1.1"]), answer);
    let door = door(&identity, &[]);
    for name in ["localhost", "127.0.0.1"] {
        let (_, tcp) = door.tunnel(&format!("{name}:{}", upstream.port()));
        let mut stream = client(&[&door.ca()], &["http/1.1"], tcp, name);
        assert!(ask(&mut stream).unwrap().ends_with("[DONE]\n\n"));
    }
    let list = door.close();
    assert_eq!(list.len(), 2);
    for (e, sni) in list.iter().zip([Some("localhost"), None]) {
        assert_eq!((e["tls"].as_bool(), e["sni"].as_str(), e["alpn"].as_str()), (Some(true), sni, Some("http/1.1")));
        assert_eq!(
            (&e["request"]["scheme"], &e["response"]["records"], &e["response"]["complete"]),
            (&"https".into(), &2.into(), &true.into())
        );
    }
}

#[test]
fn an_end_without_close_notify_stays_one() {
    let identity = Identity::new();
    let upstream = tls_server(identity.server(&[]), |mut stream| {
        read_head(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\ncut").unwrap();
    });
    let door = door(&identity, &[]);
    let (_, tcp) = door.tunnel(&format!("localhost:{}", upstream.port()));
    let mut stream = client(&[&door.ca()], &[], tcp, "localhost");
    assert_eq!(ask(&mut stream).unwrap_err().kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn a_client_that_does_not_trust_us_is_told_of_and_can_be_passed_through() {
    let identity = Identity::new();
    let upstream = tls_server(identity.server(&[]), answer);
    let to = format!("localhost:{}", upstream.port());
    let theirs = |door: &Door| door.home().join("upstream-ca.pem");
    let looks = door(&identity, &[]);
    let mut stream = client(&[&theirs(&looks)], &[], looks.tunnel(&to).1, "localhost");
    assert!(ask(&mut stream).is_err());
    looks.wait_for("localhost: the client does not accept our certificate");
    looks.wait_for("--passthrough localhost");
    assert!(looks.close().is_empty());

    let passes = door(&identity, &["--passthrough", "localhost"]);
    let mut stream = client(&[&theirs(&passes)], &[], passes.tunnel(&to).1, "localhost");
    assert!(ask(&mut stream).unwrap().ends_with("[DONE]\n\n"));
    assert!(passes.close().is_empty(), "nothing of it was looked at");
}

#[test]
fn upstream_must_be_trusted_unless_it_is_named() {
    let identity = Identity::new();
    let upstream = tls_server(identity.server(&[]), answer);
    let to = format!("localhost:{}", upstream.port());
    let strict = Door::open(&[]);
    let mut stream = client(&[&strict.ca()], &[], strict.tunnel(&to).1, "localhost");
    let refused = ask(&mut stream).unwrap_err();
    assert!(refused.to_string().contains("HandshakeFailure"), "{refused}");
    strict.wait_for("its certificate is not trusted");
    strict.wait_for("--upstream-ca FILE");

    let lax = Door::open(&["--insecure", "localhost"]);
    let mut stream = client(&[&lax.ca()], &[], lax.tunnel(&to).1, "localhost");
    assert!(ask(&mut stream).unwrap().ends_with("[DONE]\n\n"));
    lax.wait_for("NOT VERIFIED");
}

#[test]
fn reverse_mode_speaks_tls_to_clients_that_do() {
    let identity = Identity::new();
    let upstream = tls_server(identity.server(&["h2", "http/1.1"]), answer);
    let door = door(&identity, &["--upstream", &format!("https://localhost:{}", upstream.port())]);
    let mut plain = door.connect();
    assert!(ask(&mut plain).unwrap().ends_with("[DONE]\n\n"));
    let mut sealed = client(&[&door.ca()], &["h2", "http/1.1"], door.connect(), "localhost");
    assert!(ask(&mut sealed).unwrap().ends_with("[DONE]\n\n"));
    assert_eq!(sealed.conn.alpn_protocol(), Some(b"http/1.1".as_slice()));
    let list = door.close();
    assert!(list.len() == 2 && list.iter().all(|e| e["tls"] == true && e["alpn"] == "http/1.1"), "{list:#?}");
}

#[test]
fn another_proxy_may_stand_between() {
    let identity = Identity::new();
    let upstream = tls_server(identity.server(&[]), answer);
    let parent = Door::open(&["--auth", "user:pass word"]);
    let folder = identity.folder();
    let url = format!("http://user:pass%20word@{}", parent.address);
    // Loopback is always reached directly: this server has a name that only the parent can resolve to it.
    let child = Door::open_with(folder, &["--upstream-ca", "upstream-ca.pem"], &[("HTTPS_PROXY", &url)]);
    let (status, _) = child.tunnel(&format!("no-such-host.invalid:{}", upstream.port()));
    assert!(status.starts_with("HTTP/1.1 502"), "{status}");
    parent.wait_for("cannot reach no-such-host.invalid");
    child.wait_for("the next proxy (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY) answered: HTTP/1.1 502");
    let direct = child.tunnel(&format!("localhost:{}", upstream.port()));
    assert!(ask(&mut client(&[&child.ca()], &[], direct.1, "localhost")).unwrap().ends_with("[DONE]\n\n"));
}

#[test]
fn many_streams_at_once_lose_nothing() {
    const STREAMS: usize = 200;
    let identity = Identity::new();
    let upstream = tls_server(identity.server(&[]), |mut stream| {
        read_head(&mut stream);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n\r\n")
            .unwrap();
        for n in 0..50 {
            let event = format!("data: {{\"n\":{n}}}\n\n");
            write!(stream, "{:x}\r\n{event}\r\n", event.len()).unwrap();
            stream.flush().unwrap();
            std::thread::sleep(Duration::from_millis(10));
        }
        stream.write_all(b"0\r\n\r\n").unwrap();
        let _ = stream.flush();
    });
    let door = door(&identity, &[]);
    std::thread::scope(|scope| {
        for _ in 0..STREAMS {
            scope.spawn(|| {
                let (_, tcp) = door.tunnel(&format!("localhost:{}", upstream.port()));
                tcp.set_read_timeout(Some(PATIENCE)).unwrap();
                let mut stream = client(&[&door.ca()], &[], tcp, "localhost");
                stream.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
                let mut all = Vec::new();
                while !all.ends_with(b"\r\n0\r\n\r\n") {
                    let mut part = [0; 4096];
                    let n = stream.read(&mut part).unwrap();
                    assert!(n > 0);
                    all.extend_from_slice(&part[..n]);
                }
            });
        }
    });
    assert!(door.peak_memory() < 300, "{} MiB", door.peak_memory());
    let list = door.close();
    assert_eq!(list.len(), STREAMS);
    assert!(
        list.iter().all(|e| e["response"]["records"] == 50 && e["response"]["complete"] == true),
        "a stream lost something"
    );
}
