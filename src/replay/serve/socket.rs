//! What the standard library's sockets lack: writes that never block, resets, and the kernel's time of received
//! bytes.

use super::clock;
use std::io;
use std::net::TcpStream;
use std::os::fd::{AsRawFd, RawFd};

/// Asks the kernel to stamp what arrives. Sockets accepted by a listener inherit it: what clients send before they
/// are accepted is stamped too.
pub(super) fn stamp_arrivals(socket: &impl AsRawFd) {
    #[cfg(target_os = "linux")]
    {
        let on: libc::c_int = 1;
        let len = size_of::<libc::c_int>() as libc::socklen_t;
        // SAFETY: the option's value is an int that is valid during the call. If the call fails, the time of the
        // read is used.
        unsafe {
            libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, (&raw const on).cast(), len)
        };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = socket;
}

/// Reads; returns the number of bytes and the time at which the last of them arrived (monotonic ns). 0 bytes: the
/// peer has closed.
pub(super) fn receive(socket: &TcpStream, buffer: &mut [u8]) -> io::Result<(usize, i64)> {
    // Aligned for cmsghdr.
    let mut control = [0u64; 16];
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: an all-zero msghdr is valid; the buffers that it points to are valid until the call returns, and
    // their lengths are correct.
    let (n, message) = unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = size_of_val(&control) as _;
        (libc::recvmsg(socket.as_raw_fd(), &raw mut message, 0), message)
    };
    let now = clock::now();
    match usize::try_from(n) {
        Ok(n) => Ok((n, arrival(&message).filter(|at| *at <= now).unwrap_or(now))),
        Err(_) => Err(io::Error::last_os_error()),
    }
}

#[cfg(target_os = "linux")]
fn arrival(message: &libc::msghdr) -> Option<i64> {
    // SAFETY: recvmsg filled the message and its control buffer is still valid; CMSG_FIRSTHDR and CMSG_NXTHDR stay
    // inside it.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(message);
        while !header.is_null() {
            if (*header).cmsg_level == libc::SOL_SOCKET && (*header).cmsg_type == libc::SCM_TIMESTAMPNS {
                let t: libc::timespec = std::ptr::read_unaligned(libc::CMSG_DATA(header).cast());
                let wall = t.tv_sec.wrapping_mul(1_000_000_000).wrapping_add(t.tv_nsec);
                // A socket that was never stamped has the time zero, which is ignored.
                return (wall > 0).then(|| wall.wrapping_sub(clock::wall_ahead()));
            }
            header = libc::CMSG_NXTHDR(message, header);
        }
    }
    None
}

#[cfg(not(target_os = "linux"))]
fn arrival(_: &libc::msghdr) -> Option<i64> {
    None
}

/// Writes as much as the kernel accepts without blocking.
pub(super) fn send(socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    #[cfg(target_os = "linux")]
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    #[cfg(not(target_os = "linux"))]
    let flags = libc::MSG_DONTWAIT;
    // SAFETY: pointer and length are those of a slice that is valid during the call.
    let n = unsafe { libc::send(socket.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), flags) };
    match usize::try_from(n) {
        Ok(n) => Ok(n),
        Err(_) => match io::Error::last_os_error() {
            e if e.kind() == io::ErrorKind::WouldBlock => Ok(0),
            e => Err(e),
        },
    }
}

/// Sends an RST at once, even if another thread is reading.
pub(super) fn reset(socket: &TcpStream) {
    let fd: RawFd = socket.as_raw_fd();
    // SAFETY: both calls take pointers to values on this stack and their sizes. To connect to AF_UNSPEC aborts the
    // connection with an RST.
    unsafe {
        let linger = libc::linger { l_onoff: 1, l_linger: 0 };
        libc::setsockopt(
            fd,
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size_of::<libc::linger>() as libc::socklen_t,
        );
        let mut nowhere: libc::sockaddr = std::mem::zeroed();
        nowhere.sa_family = libc::AF_UNSPEC as libc::sa_family_t;
        libc::connect(fd, &raw const nowhere, size_of::<libc::sockaddr>() as libc::socklen_t);
    }
}
