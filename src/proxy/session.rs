//! One client's connection: what it asks for, whether it may, and the relay for it.
//!
//! ```text
//! Opening ──0x05 (SOCKS5)───▶ Tunnel          Tunnel ──TLS hello────▶ Opened: TLS on both sides
//!    ├──CONNECT─────────────▶ Tunnel             ├──named by --passthrough─▶ relayed unseen
//!    ├──http://host/…───────▶ Requests           └──anything else, or the server speaks first─▶ relayed as it is
//!    ├──/… and --upstream───▶ Requests
//!    ├──TLS and --upstream──▶ TLS with the client, then Requests
//!    └──anything else───────▶ an answer that says what to do
//! ```

use super::connect::{self, Failure};
use super::head::{self, Head, Parsed, Wants};
use super::refuse::{self, H2Reason, alert, refusal, refuse};
use super::relay::{Over, relay};
use super::requests::{Editor, ORIGIN, Rewrite};
use super::socks::{self, Reply};
use super::stream::{Side, Wire};
use super::target::{Authority, Scheme, Upstream};
use super::{Around, tee::Tap};
use crate::conn::{Direction, Endpoints};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::rustls::AlertDescription;
use tokio_rustls::rustls::server::Acceptor;
use tokio_rustls::{LazyConfigAcceptor, TlsStream};

/// HTTP/2's first bytes (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Time limit of each step of an opening: the first request's head, SOCKS, a TLS handshake. A client that sends nothing
/// at all has as much. What is open after that is never cut for its silence.
const OPENING: Duration = Duration::from_secs(30);

/// Serves one connection to its end. An error means that the client is gone, so no answer is possible.
pub(super) async fn serve(tcp: std::net::TcpStream, peer: SocketAddr, around: Arc<Around>) {
    let Ok(tcp) = TcpStream::from_std(tcp) else { return };
    let session = Session { peer, around };
    let _ = session.open(Wire::new(tcp)).await;
}

struct Session {
    peer: SocketAddr,
    around: Arc<Around>,
}

impl Session {
    async fn open(&self, mut wire: Wire) -> io::Result<()> {
        let config = &self.around.config;
        let first = in_time(wire.peek(1)).await?.first().copied();
        match (first, &config.upstream) {
            (None, _) => Ok(()),
            (Some(socks::VERSION), None) => self.socks(wire).await,
            (Some(0x16), Some(upstream)) => self.reverse_tls(wire, upstream).await,
            (Some(0x16), None) => {
                self.around.notice(format!(
                    "{}: TLS to the proxy itself is not supported; name it as http://…",
                    self.peer.ip()
                ));
                alert(&mut wire, AlertDescription::HandshakeFailure.into()).await
            }
            (Some(_), upstream) => match upstream {
                Some(upstream) => {
                    let h2 = PREFACE.starts_with(in_time(wire.peek(3)).await?.get(..3).unwrap_or(b"-"));
                    self.reverse(Side::Plain(wire), upstream, h2).await
                }
                None => self.forward(wire).await,
            },
        }
    }

    async fn forward(&self, mut wire: Wire) -> io::Result<()> {
        let head = match tokio::time::timeout(OPENING, first_head(&mut wire)).await {
            Ok(read) => match read? {
                Ok(head) => head,
                Err(why) => return refuse(&mut Side::Plain(wire), 400, "Bad Request", why, "").await,
            },
            Err(_) => return self.too_slow(Side::Plain(wire)).await,
        };
        let mut client = Side::Plain(wire);
        if let Some(credentials) = &self.around.config.credentials
            && !credentials.admit(head.credentials.as_deref())
        {
            let ask = "Proxy-Authenticate: Basic realm=\"sniff\"\r\n";
            return refuse(
                &mut client,
                407,
                "Proxy Authentication Required",
                "this proxy requires a user and a password",
                ask,
            )
            .await;
        }
        let Side::Plain(mut wire) = client else { return Ok(()) };
        match head.wants {
            Wants::Tunnel(server) => {
                wire.take(head.len);
                match connect::tcp(&self.around.config, Scheme::Https, &server).await {
                    Ok(upstream) => {
                        wire.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
                        self.tunnel(wire, upstream, &server).await
                    }
                    Err(failure) => self.unreached(Side::Plain(wire), &server, &failure).await,
                }
            }
            Wants::Absolute { scheme, authority, .. } => {
                let input = wire.take(usize::MAX);
                let editor = Editor::new(self.rewrite(scheme, &authority), Some((scheme, authority.clone())), input);
                let editor = editor.strict(self.around.config.strict);
                self.absolute(Side::Plain(wire), editor, scheme, authority).await
            }
            Wants::Origin => refuse(&mut Side::Plain(wire), 400, "Bad Request", ORIGIN, "").await,
        }
    }

    async fn socks(&self, mut wire: Wire) -> io::Result<()> {
        let Some(server) = in_time(socks::ask(&mut wire, self.around.config.credentials.as_ref())).await? else {
            return Ok(());
        };
        match connect::tcp(&self.around.config, Scheme::Https, &server).await {
            Ok(upstream) => {
                socks::reply(&mut wire, Reply::Succeeded).await?;
                self.tunnel(wire, upstream, &server).await
            }
            Err(failure) => {
                self.tell(&server, &failure);
                let reply = match &failure {
                    Failure::Loop | Failure::NotAllowed(_) => Reply::NotAllowed,
                    f if f.is_refused() => Reply::ConnectionRefused,
                    _ => Reply::HostUnreachable,
                };
                socks::reply(&mut wire, reply).await
            }
        }
    }

    /// The tunnel to `server` is open on both sides: finds out what goes through it.
    async fn tunnel(&self, mut client: Wire, server: Wire, authority: &Authority) -> io::Result<()> {
        let config = &self.around.config;
        if config.passthrough.contain(&authority.host, authority.port) {
            return self.join(Side::Plain(client), Side::Plain(server), None, None, false).await;
        }
        // Either side may speak first: in some protocols the server does.
        let (mut one, mut other) = ([0], [0]);
        let client_first = !client.ahead().is_empty()
            || tokio::select! {
                biased;
                there = client.tcp().peek(&mut one) => { there?; true }
                there = server.tcp().peek(&mut other) => { there?; false }
            };
        // The proxy waits for more than the first byte only if it may be TLS.
        if !client_first || client.peek(1).await?.first() != Some(&0x16) || !is_hello(in_time(client.peek(6)).await?) {
            return self.join(Side::Plain(client), Side::Plain(server), None, None, true).await;
        }
        self.opened(client, server, authority).await
    }

    /// TLS on both sides: with upstream first, then the client is offered what upstream chose.
    async fn opened(&self, client: Wire, server: Wire, authority: &Authority) -> io::Result<()> {
        let config = &self.around.config;
        let mut acceptor = LazyConfigAcceptor::new(Acceptor::default(), client);
        let Ok(start) = tokio::time::timeout(OPENING, &mut acceptor).await else { return Ok(()) };
        let start = start?;
        let (sni, alpn) = {
            let hello = start.client_hello();
            let alpn = hello.alpn().map(|list| list.map(<[u8]>::to_vec).collect::<Vec<_>>());
            (hello.server_name().map(str::to_owned), alpn.unwrap_or_default())
        };
        let name = sni.clone().unwrap_or_else(|| authority.host.clone());
        if config.insecure.contain(&name, authority.port) {
            self.around.notice(format!("{name}: the certificate of this host is NOT VERIFIED (--insecure)"));
        }
        let server = match connect::tls(config, server, &name, authority.port, alpn).await {
            Ok(server) => server,
            Err(failure) => {
                self.tell(&Authority { host: name, port: authority.port }, &failure);
                let mut io = start.io;
                return alert(&mut io, failure.alert()).await;
            }
        };
        let facts = server.facts(sni);
        let chosen = facts.as_ref().and_then(|f| f.alpn.clone());
        let accept = match config.authority.config(&name, chosen.as_deref().map(str::as_bytes)) {
            Ok(accept) => accept,
            Err(e) => {
                self.around.notice(format!("{name}: cannot make a certificate: {e:#}"));
                let mut io = start.io;
                return alert(&mut io, AlertDescription::InternalError.into()).await;
            }
        };
        match tokio::time::timeout(OPENING, start.into_stream(accept)).await {
            Ok(Ok(tls)) => self.join(Side::Tls(Box::new(TlsStream::Server(tls))), server, facts, None, true).await,
            Ok(Err(e)) => {
                self.around.notice(refusal(&name, &e));
                Ok(())
            }
            Err(_) => Ok(()),
        }
    }

    /// Requests in absolute-form: to one server after another, as the requests name them.
    async fn absolute(
        &self,
        mut client: Side,
        mut editor: Editor,
        mut scheme: Scheme,
        mut authority: Authority,
    ) -> io::Result<()> {
        loop {
            let mut server = match self.reach(scheme, &authority, vec![b"http/1.1".to_vec()]).await {
                Ok(server) => server,
                Err(failure) => return self.unreached(client, &authority, &failure).await,
            };
            let mut tap = self.tap(&server, true);
            if let Some(facts) = server.facts(Some(authority.host.clone()).filter(|_| authority.ip().is_none())) {
                tap.tls(facts);
            }
            match relay(&mut client, &mut server, &mut tap, Some(&mut editor)).await {
                Over::Ended => return Ok(()),
                Over::Refused(why) => return refuse(&mut client, 400, "Bad Request", why, "").await,
                Over::Turned => {
                    tap.end(Direction::ToServer, crate::conn::End::Fin);
                    let Some(next) = editor.turn(|scheme, authority| self.rewrite(scheme, authority)) else {
                        return Ok(());
                    };
                    (scheme, authority) = next;
                }
            }
        }
    }

    async fn reverse_tls(&self, mut wire: Wire, upstream: &Upstream) -> io::Result<()> {
        let own = wire.tcp().local_addr()?.ip().to_string();
        if !is_hello(in_time(wire.peek(6)).await?) {
            return Ok(());
        }
        let mut acceptor = LazyConfigAcceptor::new(Acceptor::default(), wire);
        let Ok(start) = tokio::time::timeout(OPENING, &mut acceptor).await else { return Ok(()) };
        let start = start?;
        let hello = start.client_hello();
        let name = hello.server_name().map_or(own, str::to_owned);
        let offered: Vec<&[u8]> = hello.alpn().into_iter().flatten().collect();
        // The proxy edits heads here, which it can't do with HTTP/2: it offers HTTP/2 to clients that speak only
        // that.
        let alpn = [b"http/1.1".as_slice(), b"h2"].into_iter().find(|p| offered.contains(p));
        let h2 = alpn == Some(b"h2");
        let Ok(accept) = self.around.config.authority.config(&name, alpn) else { return Ok(()) };
        match tokio::time::timeout(OPENING, start.into_stream(accept)).await {
            Ok(Ok(tls)) => self.reverse(Side::Tls(Box::new(TlsStream::Server(tls))), upstream, h2).await,
            Ok(Err(e)) => {
                self.around.notice(refusal(&name, &e));
                Ok(())
            }
            Err(_) => Ok(()),
        }
    }

    /// `h2`: the client speaks HTTP/2, which passes unchanged or not at all.
    async fn reverse(&self, mut client: Side, upstream: &Upstream, h2: bool) -> io::Result<()> {
        let mut input = Vec::new();
        if let Some(credentials) = &self.around.config.credentials
            && !h2
        {
            let reading = async {
                match &mut client {
                    Side::Plain(wire) => first_head(wire).await,
                    tls => first_head_in(tls, &mut input).await,
                }
            };
            let Ok(head) = tokio::time::timeout(OPENING, reading).await else { return self.too_slow(client).await };
            if !head?.is_ok_and(|head| credentials.admit(head.credentials.as_deref())) {
                let ask = "Proxy-Authenticate: Basic realm=\"sniff\"\r\n";
                return refuse(
                    &mut client,
                    407,
                    "Proxy Authentication Required",
                    "Proxy-Authorization is required here",
                    ask,
                )
                .await;
            }
        }
        if h2 && let Some(why) = self.unfit_for_h2(upstream) {
            return self.refuse_h2(&mut client, H2Reason::Http11Required, format!("{why}: use HTTP/1.1")).await;
        }
        let alpn = if h2 { b"h2".to_vec() } else { b"http/1.1".to_vec() };
        let server = match self.reach(upstream.scheme, &upstream.authority, vec![alpn]).await {
            Ok(server) => server,
            Err(failure) if h2 => {
                let why = format!("cannot reach {} with HTTP/2: {failure}", upstream.authority);
                return self.refuse_h2(&mut client, H2Reason::InternalError, why).await;
            }
            Err(failure) => return self.unreached(client, &upstream.authority, &failure).await,
        };
        let facts = server.facts(Some(upstream.authority.host.clone()).filter(|_| upstream.authority.ip().is_none()));
        if h2 {
            if facts.as_ref().is_some_and(|f| f.alpn.as_deref() != Some("h2")) {
                let why = format!("{} does not speak HTTP/2: use HTTP/1.1", upstream.authority);
                return self.refuse_h2(&mut client, H2Reason::Http11Required, why).await;
            }
            self.around.notice("HTTP/2 in reverse mode goes on as it is: upstream sees the client's :authority".into());
            return self.join(client, server, facts, None, true).await;
        }
        if let Side::Plain(wire) = &mut client {
            input = wire.take(usize::MAX);
        }
        let editor = Editor::new(Rewrite::To(upstream.clone()), None, input).strict(self.around.config.strict);
        self.join(client, server, facts, Some(editor), true).await
    }

    /// Options that do not work with HTTP/2 in reverse mode, whose heads pass unchanged.
    fn unfit_for_h2(&self, upstream: &Upstream) -> Option<String> {
        match (&self.around.config.credentials, upstream.has_base()) {
            (Some(_), _) => Some("--auth is not supported with HTTP/2 in reverse mode".into()),
            (None, true) => Some("--upstream with a path is not supported with HTTP/2".into()),
            (None, false) => None,
        }
    }

    async fn refuse_h2(&self, client: &mut Side, reason: H2Reason, why: String) -> io::Result<()> {
        self.around.notice(why.clone());
        refuse::h2(client, reason, &why).await
    }

    /// Connects to upstream, over TLS if its scheme says so.
    async fn reach(&self, scheme: Scheme, authority: &Authority, alpn: Vec<Vec<u8>>) -> Result<Side, Failure> {
        let config = &self.around.config;
        let wire = connect::tcp(config, scheme, authority).await?;
        match scheme {
            Scheme::Http => Ok(Side::Plain(wire)),
            Scheme::Https => {
                if config.insecure.contain(&authority.host, authority.port) {
                    self.around.notice(format!(
                        "{}: the certificate of this host is NOT VERIFIED (--insecure)",
                        authority.host
                    ));
                }
                connect::tls(config, wire, &authority.host, authority.port, alpn).await
            }
        }
    }

    /// RFC 9110 section 15.5.9: the request did not come in time.
    async fn too_slow(&self, mut client: Side) -> io::Result<()> {
        let why = format!("the request's head did not come within {} s", OPENING.as_secs());
        refuse(&mut client, 408, "Request Timeout", &why, "").await
    }

    /// Relays both sides to their end.
    async fn join(
        &self,
        mut client: Side,
        mut server: Side,
        facts: Option<crate::conn::TlsFacts>,
        mut editor: Option<Editor>,
        looks: bool,
    ) -> io::Result<()> {
        let mut tap = self.tap(&server, looks);
        if let Some(facts) = facts {
            tap.tls(facts);
        }
        match relay(&mut client, &mut server, &mut tap, editor.as_mut()).await {
            Over::Refused(why) => refuse(&mut client, 400, "Bad Request", why, "").await,
            Over::Ended | Over::Turned => Ok(()),
        }
    }

    fn tap(&self, server: &Side, looks: bool) -> Tap {
        let there = server.wire().tcp().peer_addr().unwrap_or(self.peer);
        self.around.tee.tap(Endpoints { client: self.peer, server: there }, looks)
    }

    fn rewrite(&self, scheme: Scheme, authority: &Authority) -> Rewrite {
        match self.around.config.beyond.before(scheme, authority) {
            Some(parent) if scheme == Scheme::Http => Rewrite::Keep { credentials: parent.credentials.clone() },
            _ => Rewrite::Origin,
        }
    }

    async fn unreached(&self, mut client: Side, server: &Authority, failure: &Failure) -> io::Result<()> {
        self.tell(server, failure);
        let (status, reason) = failure.status();
        refuse(&mut client, status, reason, &format!("cannot reach {server}: {failure}"), "").await
    }

    fn tell(&self, server: &Authority, failure: &Failure) {
        let help = match failure {
            f if f.is_untrusted() => {
                let host = &server.host;
                format!("; --upstream-ca FILE trusts another authority, --insecure {host} accepts any certificate")
            }
            Failure::NotAllowed(_) => format!("; --allow-target {server} allows it"),
            _ => String::new(),
        };
        self.around.notice(format!("cannot reach {server}: {failure}{help}"));
    }
}

/// The result of a step of the opening; an error if it takes longer than [`OPENING`].
async fn in_time<T>(step: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(OPENING, step).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// The first request's head, which stays at the front; or what is wrong with it.
async fn first_head(wire: &mut Wire) -> io::Result<Result<Head, &'static str>> {
    let (mut wanted, mut search) = (1, head::Search::default());
    loop {
        let bytes = wire.peek(wanted).await?;
        match search.parse(bytes) {
            Parsed::Whole(head) => return Ok(Ok(head)),
            Parsed::Not(why) => return Ok(Err(why)),
            Parsed::More if bytes.len() < wanted => return Err(io::ErrorKind::UnexpectedEof.into()),
            Parsed::More => wanted = bytes.len() + 1,
        }
    }
}

/// The same inside TLS; `input` has all that was read.
async fn first_head_in(client: &mut Side, input: &mut Vec<u8>) -> io::Result<Result<Head, &'static str>> {
    let mut search = head::Search::default();
    loop {
        match search.parse(input) {
            Parsed::Whole(head) => return Ok(Ok(head)),
            Parsed::Not(why) => return Ok(Err(why)),
            Parsed::More => {}
        }
        let mut more = [0; 4096];
        let mut buf = tokio::io::ReadBuf::new(&mut more);
        std::future::poll_fn(|cx| client.poll_read(cx, &mut buf)).await?;
        if buf.filled().is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        input.extend_from_slice(buf.filled());
    }
}

/// A handshake record of TLS with a ClientHello at its front (RFC 8446 section 5.1).
fn is_hello(bytes: &[u8]) -> bool {
    matches!(bytes, [0x16, 3, 0..=4, _, _, 1, ..])
}
