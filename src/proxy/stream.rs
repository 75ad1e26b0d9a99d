//! Sockets that know when their bytes came: the kernel's receive time if it gives one, else the time right after the
//! read.

use super::clock::now;
use crate::conn::TlsFacts;
use crate::time::Timestamp;
use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;
use tokio_rustls::rustls::CommonState;

/// Bytes to read at once if the reader's buffer is small: TLS asks for only 4 KiB at a time.
const AHEAD: usize = 64 << 10;
/// A reader with at least this much room reads into its own buffer.
const ROOMY: usize = 16 << 10;

thread_local! {
    /// Buffer for reading ahead. All connections of a thread share it, so that quiet ones hold no memory.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; AHEAD].into());
}

/// A TCP connection.
#[derive(Debug)]
pub(super) struct Wire {
    tcp: TcpStream,
    /// Bytes read ahead; the reader has not taken those from `taken` on.
    ahead: Vec<u8>,
    taken: usize,
    at: Timestamp,
}

impl Wire {
    pub(super) fn new(tcp: TcpStream) -> Wire {
        // A relay must not wait to fill segments (RFC 896), and the kernel should stamp what comes. A failure of
        // either is ignored.
        let _ = tcp.set_nodelay(true);
        stamps::ask_for(&tcp);
        keep_alive::ask_for(&tcp);
        Wire { tcp, ahead: Vec::new(), taken: 0, at: now() }
    }

    pub(super) fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// When the last bytes read arrived.
    pub(super) fn at(&self) -> Timestamp {
        self.at
    }

    /// The connection is gone: its peer reset it, or answers no more probes. A direction that has ended says so only
    /// when it is asked, because nothing reads it any more.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self.tcp.take_error(), Ok(Some(_)) | Err(_)) || keep_alive::is_closed(&self.tcp)
    }

    /// Peeks at least `wanted` bytes without taking them; fewer if the stream ends first.
    pub(super) async fn peek(&mut self, wanted: usize) -> io::Result<&[u8]> {
        while self.ahead().len() < wanted {
            let more = |wire: &mut Wire, cx: &mut Context<'_>| {
                SCRATCH.with_borrow_mut(|scratch| {
                    let mut buf = ReadBuf::new(scratch);
                    ready!(wire.receive(cx, &mut buf))?;
                    wire.ahead.extend_from_slice(buf.filled());
                    Poll::Ready(io::Result::Ok(buf.filled().len()))
                })
            };
            if std::future::poll_fn(|cx| more(self, cx)).await? == 0 {
                break;
            }
        }
        Ok(self.ahead())
    }

    /// The bytes that were already read ahead.
    pub(super) fn ahead(&self) -> &[u8] {
        &self.ahead[self.taken..]
    }

    /// Takes this many of the peeked bytes.
    pub(super) fn take(&mut self, bytes: usize) -> Vec<u8> {
        let taken = self.ahead()[..bytes.min(self.ahead().len())].to_vec();
        self.skip(taken.len());
        taken
    }

    /// Drops bytes read ahead; frees the buffer with the last one.
    fn skip(&mut self, bytes: usize) {
        self.taken += bytes;
        if self.taken == self.ahead.len() {
            (self.ahead, self.taken) = (Vec::new(), 0);
        }
    }

    /// Closing sends RST instead of FIN, and drops what is not sent yet.
    pub(super) fn reset_on_close(&self) {
        let linger = libc::linger { l_onoff: 1, l_linger: 0 };
        stamps::set(&self.tcp, libc::SOL_SOCKET, libc::SO_LINGER, &linger);
    }

    /// Reads from the kernel, and notes when the bytes came.
    fn receive(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.tcp.poll_read_ready(cx))?;
            let (room, mut result) = (buf.remaining(), None);
            // Fewer bytes than there was room for: the socket is empty. Clearing its readiness here spares a call
            // that would find nothing; new bytes make the socket ready again.
            let drained = |stamp: &io::Result<Option<Timestamp>>, left: usize| stamp.is_ok() && left > 0 && left < room;
            let _ = self.tcp.try_io(Interest::READABLE, || {
                let stamp = stamps::receive(&self.tcp, buf);
                let drained = drained(&stamp, buf.remaining());
                let blocked = stamp.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::WouldBlock);
                result = Some(stamp);
                if drained || blocked { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
            });
            match result {
                Some(Ok(stamp)) => {
                    self.at = stamp.unwrap_or_else(now);
                    return Poll::Ready(Ok(()));
                }
                Some(Err(e)) if e.kind() != io::ErrorKind::WouldBlock => return Poll::Ready(Err(e)),
                _ => {}
            }
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.ahead.is_empty() {
            if buf.remaining() >= ROOMY {
                return this.receive(cx, buf);
            }
            return SCRATCH.with_borrow_mut(|scratch| {
                let mut all = ReadBuf::new(scratch);
                ready!(this.receive(cx, &mut all))?;
                let (now, later) = all.filled().split_at(all.filled().len().min(buf.remaining()));
                buf.put_slice(now);
                this.ahead.extend_from_slice(later);
                Poll::Ready(Ok(()))
            });
        }
        let n = this.ahead().len().min(buf.remaining());
        buf.put_slice(&this.ahead()[..n]);
        this.skip(n);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().tcp).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().tcp).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_shutdown(cx)
    }
}

/// One side of a relay: in clear, or TLS.
#[derive(Debug)]
pub(super) enum Side {
    Plain(Wire),
    Tls(Box<TlsStream<Wire>>),
}

impl Side {
    pub(super) fn wire(&self) -> &Wire {
        match self {
            Side::Plain(wire) => wire,
            Side::Tls(tls) => tls.get_ref().0,
        }
    }

    /// When the last bytes read arrived; for TLS, the bytes that completed the record.
    pub(super) fn at(&self) -> Timestamp {
        self.wire().at()
    }

    /// More bytes that arrived together with the last ones can be read.
    pub(super) fn has_more(&self) -> bool {
        match self {
            Side::Plain(wire) => !wire.ahead().is_empty(),
            Side::Tls(tls) => {
                let (wire, state) = tls.get_ref();
                !state.wants_read() || !wire.ahead().is_empty()
            }
        }
    }

    /// What TLS agreed on; none for a plain side.
    pub(super) fn facts(&self, sni: Option<String>) -> Option<TlsFacts> {
        let Side::Tls(tls) = self else { return None };
        let state: &CommonState = tls.get_ref().1;
        Some(TlsFacts {
            sni,
            alpn: state.alpn_protocol().map(|p| String::from_utf8_lossy(p).into_owned()),
            version: state.protocol_version().map(u16::from),
            suite: state.negotiated_cipher_suite().map(|s| u16::from(s.suite())),
        })
    }

    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Side::Plain(wire) => Pin::new(wire).poll_read(cx, buf),
            Side::Tls(tls) => Pin::new(tls.as_mut()).poll_read(cx, buf),
        }
    }

    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Side::Plain(wire) => Pin::new(wire).poll_write(cx, bytes),
            Side::Tls(tls) => Pin::new(tls.as_mut()).poll_write(cx, bytes),
        }
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Side::Plain(wire) => Pin::new(wire).poll_flush(cx),
            Side::Tls(tls) => Pin::new(tls.as_mut()).poll_flush(cx),
        }
    }

    /// This side gets no more bytes. `clean`: TLS says so too (close_notify); else the bare FIN that the other side
    /// sent is passed on.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>, clean: bool) -> Poll<io::Result<()>> {
        match self {
            Side::Plain(wire) => Pin::new(wire).poll_shutdown(cx),
            Side::Tls(tls) if clean => Pin::new(tls.as_mut()).poll_shutdown(cx),
            Side::Tls(tls) => Pin::new(tls.get_mut().0).poll_shutdown(cx),
        }
    }
}

/// Probes of quiet connections (RFC 9293 section 3.8.4): they are never cut for their silence, but a peer that is gone
/// is found.
mod keep_alive {
    use super::{TcpStream, stamps::set};

    /// Silence before the first probe, time between probes, in seconds; probes without an answer that end a connection.
    #[cfg(target_os = "linux")]
    const TIMES: [(i32, i32); 3] = [(libc::TCP_KEEPIDLE, 30), (libc::TCP_KEEPINTVL, 15), (libc::TCP_KEEPCNT, 4)];

    pub(super) fn ask_for(tcp: &TcpStream) {
        set(tcp, libc::SOL_SOCKET, libc::SO_KEEPALIVE, &1_i32);
        #[cfg(target_os = "linux")]
        TIMES.iter().for_each(|(name, value)| set(tcp, libc::IPPROTO_TCP, *name, value));
    }

    /// The kernel has closed the connection, though its error was already taken.
    #[cfg(target_os = "linux")]
    pub(super) fn is_closed(tcp: &TcpStream) -> bool {
        use std::os::fd::AsRawFd;
        /// `TCP_CLOSE` of the kernel's list of states (net/tcp_states.h).
        const CLOSED: u8 = 7;
        // The state is the first byte of `struct tcp_info`; the kernel writes no more than there is room for.
        let mut state = [0_u8; 8];
        let mut len = state.len() as libc::socklen_t;
        // SAFETY: the descriptor is open as long as `tcp` is; both pointers are to live values, and `len` is the
        // length.
        let result = unsafe {
            libc::getsockopt(
                tcp.as_raw_fd(),
                libc::IPPROTO_TCP,
                libc::TCP_INFO,
                state.as_mut_ptr().cast(),
                &raw mut len,
            )
        };
        result == 0 && len > 0 && state[0] == CLOSED
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn is_closed(_: &TcpStream) -> bool {
        false
    }
}

/// The kernel's receive times (Linux: `SO_TIMESTAMPNS`, socket(7); for TCP, the time of the segment whose bytes were
/// read last).
mod stamps {
    use super::{ReadBuf, TcpStream, Timestamp, io};
    use std::os::fd::AsRawFd;

    pub(super) fn set<T>(tcp: &TcpStream, level: i32, name: i32, value: &T) {
        // SAFETY: the descriptor is open as long as `tcp` is; the pointer and the length describe a live value that is
        // only read.
        unsafe {
            libc::setsockopt(
                tcp.as_raw_fd(),
                level,
                name,
                std::ptr::from_ref(value).cast(),
                size_of::<T>() as libc::socklen_t,
            )
        };
    }

    #[cfg(target_os = "linux")]
    pub(super) fn ask_for(tcp: &TcpStream) {
        set(tcp, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, &1_i32);
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn ask_for(_: &TcpStream) {}

    #[cfg(not(target_os = "linux"))]
    pub(super) fn receive(tcp: &TcpStream, buf: &mut ReadBuf<'_>) -> io::Result<Option<Timestamp>> {
        tcp.try_read_buf(buf).map(|_| None)
    }

    /// Reads the available bytes, with their time if the kernel gives one.
    #[cfg(target_os = "linux")]
    pub(super) fn receive(tcp: &TcpStream, buf: &mut ReadBuf<'_>) -> io::Result<Option<Timestamp>> {
        /// Room for one control message with a `timespec`, aligned as `cmsghdr` requires.
        #[repr(align(8))]
        struct Control([u8; 64]);
        let mut control = Control([0; 64]);
        // SAFETY: the spare capacity is only written to; recvmsg(2) gets pointers to live values with their true
        // lengths, and only as many bytes as it returns count as initialised. The control messages are walked with
        // the macros made for it, inside the length that the kernel has set.
        unsafe {
            let room = buf.unfilled_mut();
            let mut part = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() };
            let mut message: libc::msghdr = std::mem::zeroed();
            message.msg_iov = &raw mut part;
            message.msg_iovlen = 1;
            message.msg_control = control.0.as_mut_ptr().cast();
            message.msg_controllen = control.0.len() as _;
            let n = libc::recvmsg(tcp.as_raw_fd(), &raw mut message, 0);
            let Ok(n) = usize::try_from(n) else { return Err(io::Error::last_os_error()) };
            buf.assume_init(n);
            buf.advance(n);
            let mut head = libc::CMSG_FIRSTHDR(&raw const message);
            while !head.is_null() {
                if (*head).cmsg_level == libc::SOL_SOCKET && (*head).cmsg_type == libc::SCM_TIMESTAMPNS {
                    let t: libc::timespec = std::ptr::read_unaligned(libc::CMSG_DATA(head).cast());
                    return Ok(Some(Timestamp::from_parts(t.tv_sec, t.tv_nsec)));
                }
                head = libc::CMSG_NXTHDR(&raw const message, head);
            }
        }
        Ok(None)
    }
}
