//! The client of a probe: connections through our own proxy, and requests on them. It reads an answer to its end and
//! judges nothing; what the answer was is in the recording.

use super::target::Target;
use anyhow::{Context, Result, anyhow, bail};
use hyper::body::{Body, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Most bytes of an answer that are kept to look for a message.
const KEPT: usize = 64 << 10;
/// Bytes after which the client has read enough.
const MOST: u64 = 4 << 20;
const H2: &[u8] = b"h2";
const H1: &[u8] = b"http/1.1";

/// The way to the endpoint.
pub(super) struct Way {
    pub(super) target: Target,
    /// Our proxy.
    pub(super) proxy: SocketAddr,
    /// Trusts our proxy's authority only.
    tls: Arc<ClientConfig>,
    /// How long the client waits for the next bytes.
    pub(super) patience: Duration,
}

/// Why a request has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// Nothing came in time.
    Silent,
    /// The connection ended before a head came.
    Dropped,
}

/// An answer, as far as the client read it.
pub(super) struct Answer {
    pub(super) status: u16,
    /// Its media type.
    pub(super) kind: String,
    /// The beginning of the body.
    pub(super) body: Vec<u8>,
    /// The server closes the connection behind it, and says so.
    pub(super) closes: bool,
    /// The end of the body came.
    pub(super) whole: bool,
    /// The client gave up in the middle, because nothing came.
    pub(super) gave_up: bool,
}

/// How far an answer is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    ToItsEnd,
    /// Until the first bytes of the body.
    Begin,
}

/// One connection.
pub(super) struct Connection {
    sender: Sender,
    /// Its port on this side, by which the recording knows it.
    pub(super) port: u16,
    /// Requests that were sent on it.
    pub(super) sent: usize,
    task: tokio::task::JoinHandle<()>,
}

enum Sender {
    H1(http1::SendRequest<String>),
    H2(http2::SendRequest<String>),
}

impl Drop for Connection {
    fn drop(&mut self) {
        // The socket goes with the task.
        self.task.abort();
    }
}

impl Way {
    pub(super) fn new(target: Target, proxy: SocketAddr, roots: RootCertStore, patience: Duration) -> Result<Way> {
        let tls = ClientConfig::builder_with_provider(crate::proxy::provider())
            .with_safe_default_protocol_versions()
            .context("TLS cannot be used")?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Way { target, proxy, tls: Arc::new(tls), patience })
    }

    /// A connection to the endpoint. With `h2`: none if the server does not choose HTTP/2.
    ///
    /// # Errors
    /// The endpoint cannot be reached.
    pub(super) async fn open(&self, h2: bool) -> Result<Option<Connection>> {
        let server = self.target.authority();
        let mut tcp = TcpStream::connect(self.proxy).await.context("cannot reach the own proxy")?;
        let port = tcp.local_addr().context("cannot read the local address")?.port();
        tunnel(&mut tcp, &server).await?;
        if !self.target.tls {
            return Ok(Some(Connection::h1(tcp, port).await?));
        }
        let name = ServerName::try_from(self.target.host.clone()).context("the host is no name for TLS")?;
        let offered = if h2 { vec![H2.to_vec(), H1.to_vec()] } else { vec![H1.to_vec()] };
        let handshake = TlsConnector::from(self.tls.clone()).with_alpn(offered).connect(name, tcp);
        let tls = timeout(self.patience, handshake)
            .await
            .map_err(|_| anyhow!("no TLS handshake within {} s", self.patience.as_secs()))
            .and_then(|done| done.map_err(anyhow::Error::from))
            .with_context(|| format!("TLS with {server} failed"))?;
        let chosen = tls.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        match (h2, chosen.as_deref() == Some(H2)) {
            (true, true) => Ok(Some(Connection::h2(tls, port).await?)),
            (true, false) => Ok(None),
            (false, _) => Ok(Some(Connection::h1(tls, port).await?)),
        }
    }
}

/// Opens a tunnel at our proxy (RFC 9110 section 9.3.6). Its refusals have a sentence as their body.
async fn tunnel(tcp: &mut TcpStream, server: &str) -> Result<()> {
    tcp.write_all(format!("CONNECT {server} HTTP/1.1\r\nHost: {server}\r\n\r\n").as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        // Byte by byte: what follows the head belongs to the tunnel.
        head.push(tcp.read_u8().await.context("the own proxy closed the connection")?);
    }
    if head.starts_with(b"HTTP/1.1 200 ") {
        return Ok(());
    }
    let mut why = Vec::new();
    let _ = tcp.take(KEPT as u64).read_to_end(&mut why).await;
    let why = String::from_utf8_lossy(&why);
    bail!("{}", why.trim().trim_start_matches("sniff: "))
}

impl Connection {
    async fn h1(io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, port: u16) -> Result<Connection> {
        let (sender, connection) = http1::handshake(TokioIo::new(io)).await?;
        let task = tokio::spawn(async { drop(connection.await) });
        Ok(Connection { sender: Sender::H1(sender), port, sent: 0, task })
    }

    async fn h2(io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, port: u16) -> Result<Connection> {
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(io)).await?;
        let task = tokio::spawn(async { drop(connection.await) });
        Ok(Connection { sender: Sender::H2(sender), port, sent: 0, task })
    }

    /// Sends a request and reads its answer.
    pub(super) async fn ask(
        &mut self,
        request: Request<String>,
        read: Read,
        patience: Duration,
    ) -> Result<Answer, Lost> {
        self.sent += 1;
        let answered = async {
            match &mut self.sender {
                Sender::H1(sender) => sender.send_request(request).await,
                Sender::H2(sender) => sender.send_request(request).await,
            }
        };
        match timeout(patience, answered).await {
            Err(_) => Err(Lost::Silent),
            // A head that is none has its findings in the recording.
            Ok(Err(e)) if e.is_parse() => Ok(Answer::unread()),
            Ok(Err(_)) => Err(Lost::Dropped),
            Ok(Ok(response)) => Ok(body(response, read, patience).await),
        }
    }
}

impl Answer {
    /// An answer whose head could not be read.
    fn unread() -> Answer {
        Answer { status: 0, kind: String::new(), body: Vec::new(), closes: true, whole: false, gave_up: false }
    }
}

/// The connection ends behind this answer, by its own word or by its form (RFC 9112 sections 6.3 and 9.3).
fn closes(response: &Response<Incoming>) -> bool {
    let has = |name: &str| response.headers().contains_key(name);
    let said = response.headers().get("connection").and_then(|v| v.to_str().ok()).unwrap_or_default();
    let said = said.to_ascii_lowercase();
    let older = response.version() <= Version::HTTP_10 && !said.contains("keep-alive");
    let until_close = response.version() <= Version::HTTP_11 && !has("content-length") && !has("transfer-encoding");
    said.contains("close") || older || until_close
}

async fn body(response: Response<Incoming>, read: Read, patience: Duration) -> Answer {
    let field = |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let mut answer = Answer {
        status: response.status().as_u16(),
        kind: field("content-type").split(';').next().unwrap_or_default().trim().to_ascii_lowercase(),
        closes: closes(&response),
        ..Answer::unread()
    };
    let mut body = response.into_body();
    let mut n = 0;
    loop {
        let frame = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx));
        match timeout(patience, frame).await {
            Err(_) => {
                answer.gave_up = true;
                break;
            }
            Ok(None) => {
                answer.whole = true;
                break;
            }
            // A body that is cut has its findings in the recording.
            Ok(Some(Err(_))) => break,
            Ok(Some(Ok(frame))) => {
                let Ok(data) = frame.into_data() else { continue };
                n += data.len() as u64;
                let room = KEPT.saturating_sub(answer.body.len());
                answer.body.extend(data.iter().take(room));
                if n > MOST || (read == Read::Begin && n > 0) {
                    break;
                }
            }
        }
    }
    answer
}
