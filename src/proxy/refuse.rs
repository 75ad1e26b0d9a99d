//! Refusals: the answer to the client in its own protocol, and the notice for the user.

use super::connect::tls_error;
use super::stream::{Side, Wire};
use std::io;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio_rustls::rustls::{AlertDescription, Error as TlsError};

/// Time that the client has to read an error answer: closing with unread bytes would reset the connection and lose it.
const LINGER: Duration = Duration::from_secs(2);

/// Why an HTTP/2 connection goes away (RFC 9113 section 7).
#[derive(Debug, Clone, Copy)]
pub(super) enum H2Reason {
    InternalError = 2,
    Http11Required = 0xd,
}

/// Refuses a client that speaks HTTP/2: SETTINGS, and GOAWAY with the reason and the text (RFC 9113 sections 6.5 and
/// 6.8).
pub(super) async fn h2(client: &mut Side, reason: H2Reason, why: &str) -> io::Result<()> {
    let mut frames = vec![0, 0, 0, 4, 0, 0, 0, 0, 0];
    frames.extend_from_slice(&(8 + why.len() as u32).to_be_bytes()[1..]);
    frames.extend_from_slice(&[7, 0, 0, 0, 0, 0]);
    // The last stream that was served: none.
    frames.extend_from_slice(&0_u32.to_be_bytes());
    frames.extend_from_slice(&(reason as u32).to_be_bytes());
    frames.extend_from_slice(why.as_bytes());
    say_last(client, &frames).await
}

/// Sends a fatal alert in clear, as a server does before the handshake is done (RFC 8446 section 6.2).
pub(super) async fn alert(wire: &mut Wire, description: u8) -> io::Result<()> {
    wire.write_all(&[0x15, 3, 3, 0, 2, 2, description]).await?;
    wire.shutdown().await
}

/// Why a client broke off the handshake, in one line.
pub(super) fn refusal(name: &str, e: &io::Error) -> String {
    use AlertDescription as A;
    let help = format!("--passthrough {name} relays it without decrypting");
    match tls_error(e) {
        Some(TlsError::AlertReceived(
            A::UnknownCA | A::BadCertificate | A::CertificateUnknown | A::UnsupportedCertificate,
        )) => format!(
            "{name}: the client does not accept our certificate: it does not trust the authority (sniff ca \
                install-help), or it pins another certificate; {help}"
        ),
        None => format!("{name}: the client went away during the handshake: perhaps it pins its certificate; {help}"),
        Some(error) => format!("{name}: the TLS handshake with the client failed: {error}; {help}"),
    }
}

/// Sends an answer of the proxy itself, then ends the connection.
pub(super) async fn refuse(client: &mut Side, status: u16, reason: &str, why: &str, fields: &str) -> io::Result<()> {
    let body = format!("sniff: {why}\n");
    let len = body.len();
    let head = format!(
        "HTTP/1.1 {status} {reason}\r\n{fields}Content-Type: text/plain; charset=utf-8\r\nContent-Length: {len}\r\n"
    );
    let answer = format!("{head}Connection: close\r\n\r\n{body}");
    say_last(client, answer.as_bytes()).await
}

/// Sends these bytes and ends the connection; then reads and drops what the client still sends, for at most
/// [`LINGER`].
async fn say_last(client: &mut Side, answer: &[u8]) -> io::Result<()> {
    let mut sent = 0;
    while sent < answer.len() {
        match std::future::poll_fn(|cx| client.poll_write(cx, &answer[sent..])).await? {
            0 => return Ok(()),
            n => sent += n,
        }
    }
    std::future::poll_fn(|cx| client.poll_flush(cx)).await?;
    std::future::poll_fn(|cx| client.poll_end(cx, true)).await?;
    let drain = async {
        let mut rest = vec![0; 16 << 10];
        loop {
            let mut buf = tokio::io::ReadBuf::new(&mut rest);
            match std::future::poll_fn(|cx| client.poll_read(cx, &mut buf)).await {
                Ok(()) if !buf.filled().is_empty() => {}
                _ => return,
            }
        }
    };
    let _ = tokio::time::timeout(LINGER, drain).await;
    Ok(())
}
