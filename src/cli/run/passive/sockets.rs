//! Sockets of other processes: a copy of one, its addresses, and the name of the program.

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;

/// A connection that the command makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli::run) struct Made {
    pub(in crate::cli::run) local: SocketAddr,
    pub(in crate::cli::run) remote: SocketAddr,
    /// Name of the program, with zeros at the end.
    pub(in crate::cli::run) name: [u8; 16],
}

impl Made {
    /// Bytes in the pipe.
    pub(super) const LEN: usize = 2 * 18 + 16;

    pub(super) fn bytes(&self) -> [u8; Made::LEN] {
        let mut out = [0; Made::LEN];
        for (n, address) in [self.local, self.remote].into_iter().enumerate() {
            let ip = match address.ip() {
                IpAddr::V4(ip) => ip.to_ipv6_mapped(),
                IpAddr::V6(ip) => ip,
            };
            out[n * 18..][..16].copy_from_slice(&ip.octets());
            out[n * 18 + 16..][..2].copy_from_slice(&address.port().to_be_bytes());
        }
        out[36..].copy_from_slice(&self.name);
        out
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Made> {
        let address = |at: usize| {
            let ip: [u8; 16] = bytes.get(at..at + 16)?.try_into().ok()?;
            let port = bytes.get(at + 16..at + 18)?.try_into().ok()?;
            Some(SocketAddr::new(Ipv6Addr::from(ip).to_canonical(), u16::from_be_bytes(port)))
        };
        Some(Made { local: address(0)?, remote: address(18)?, name: bytes.get(36..52)?.try_into().ok()? })
    }

    /// The name of the program as text.
    pub(in crate::cli::run) fn program(&self) -> String {
        let end = self.name.iter().position(|b| *b == 0).unwrap_or(16);
        String::from_utf8_lossy(&self.name[..end]).into_owned()
    }
}

/// Sends a descriptor through a Unix socket. Async-signal-safe.
pub(super) fn send(through: RawFd, fd: RawFd) -> io::Result<()> {
    let mut byte = [1_u8];
    let mut control = [0_u64; 4];
    // SAFETY: the message points to the byte and the control buffer, which live through the call; the buffer is aligned
    // and has room for one descriptor.
    let n = unsafe {
        let mut part = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 1 };
        let mut message: libc::msghdr = zeroed();
        (message.msg_iov, message.msg_iovlen) = (&raw mut part, 1);
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = libc::CMSG_SPACE(size_of::<RawFd>() as u32) as _;
        let head = libc::CMSG_FIRSTHDR(&raw const message);
        ((*head).cmsg_level, (*head).cmsg_type) = (libc::SOL_SOCKET, libc::SCM_RIGHTS);
        (*head).cmsg_len = libc::CMSG_LEN(size_of::<RawFd>() as u32) as _;
        libc::CMSG_DATA(head).cast::<RawFd>().write_unaligned(fd);
        libc::sendmsg(through, &raw const message, libc::MSG_NOSIGNAL)
    };
    if n == 1 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Receives such a descriptor.
pub(super) fn receive(through: RawFd) -> io::Result<OwnedFd> {
    let mut byte = [0_u8];
    let mut control = [0_u64; 4];
    // SAFETY: as in `send`; the header is looked at only if the kernel wrote one.
    unsafe {
        let mut part = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 1 };
        let mut message: libc::msghdr = zeroed();
        (message.msg_iov, message.msg_iovlen) = (&raw mut part, 1);
        (message.msg_control, message.msg_controllen) = (control.as_mut_ptr().cast(), size_of::<[u64; 4]>() as _);
        if libc::recvmsg(through, &raw mut message, libc::MSG_CMSG_CLOEXEC) < 1 {
            return Err(io::Error::last_os_error());
        }
        let head = libc::CMSG_FIRSTHDR(&raw const message);
        if head.is_null() || (*head).cmsg_type != libc::SCM_RIGHTS {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(OwnedFd::from_raw_fd(libc::CMSG_DATA(head).cast::<RawFd>().read_unaligned()))
    }
}

/// The address that a process gives to connect(2): IPv4 or IPv6.
pub(super) fn address_of(pid: u32, at: u64, len: u64) -> Option<SocketAddr> {
    let mut bytes = [0; 28];
    let len = usize::try_from(len).ok()?.min(bytes.len());
    let memory = std::fs::File::open(format!("/proc/{pid}/mem")).ok()?;
    memory.read_exact_at(bytes.get_mut(..len)?, at).ok()?;
    // sockaddr_in and sockaddr_in6: the family in the order of the machine, the rest in that of the network.
    let port = u16::from_be_bytes([bytes[2], bytes[3]]);
    match i32::from(u16::from_ne_bytes([bytes[0], bytes[1]])) {
        libc::AF_INET if len >= 16 => {
            let ip: [u8; 4] = bytes[4..8].try_into().ok()?;
            Some(SocketAddr::new(Ipv4Addr::from(ip).into(), port))
        }
        libc::AF_INET6 if len >= 24 => {
            let ip: [u8; 16] = bytes[8..24].try_into().ok()?;
            Some(SocketAddr::new(Ipv6Addr::from(ip).to_canonical(), port))
        }
        _ => None,
    }
}

/// A copy of a socket of the process to which this thread belongs.
pub(super) fn copy(thread: u32, socket: RawFd) -> Option<OwnedFd> {
    let status = std::fs::read_to_string(format!("/proc/{thread}/status")).ok()?;
    let process: i32 = status.lines().find_map(|l| l.strip_prefix("Tgid:"))?.trim().parse().ok()?;
    // SAFETY: plain numbers; what the calls return is ours.
    unsafe {
        let process = libc::syscall(libc::SYS_pidfd_open, process, 0);
        let process = (process >= 0).then(|| OwnedFd::from_raw_fd(process as RawFd))?;
        let copy = libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), socket, 0);
        (copy >= 0).then(|| OwnedFd::from_raw_fd(copy as RawFd))
    }
}

/// The local address of a TCP or UDP socket, once it has one.
pub(super) fn local(socket: &OwnedFd) -> Option<SocketAddr> {
    let socket = std::net::UdpSocket::from(socket.try_clone().ok()?);
    let address = socket.local_addr().ok()?;
    let ip = address.ip().to_canonical();
    (address.port() != 0 && !ip.is_unspecified()).then(|| SocketAddr::new(ip, address.port()))
}

/// The name of a program, as the kernel keeps it.
pub(super) fn name_of(pid: u32) -> [u8; 16] {
    let mut name = [0; 16];
    let text = std::fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    for (to, from) in name.iter_mut().zip(text.split(|b| *b == b'\n').next().unwrap_or_default()) {
        *to = *from;
    }
    name
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_as_it_was_written() {
        for (local, remote) in [("127.0.0.1:1", "10.0.0.1:65535"), ("[::1]:2", "[2001:db8::1]:443")] {
            let mut name = [0; 16];
            name[..4].copy_from_slice(b"curl");
            let made = Made { local: local.parse().unwrap(), remote: remote.parse().unwrap(), name };
            assert_eq!(Made::read(&made.bytes()), Some(made));
            assert_eq!(made.program(), "curl");
        }
    }

    #[test]
    fn a_descriptor_goes_through_a_socket() {
        let (one, other) = std::os::unix::net::UnixStream::pair().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        send(one.as_raw_fd(), listener.as_raw_fd()).unwrap();
        let copy = receive(other.as_raw_fd()).unwrap();
        assert_eq!(local(&copy), Some(listener.local_addr().unwrap()));
    }
}
