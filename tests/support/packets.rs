//! Packets made by hand: Ethernet, IPv4 and TCP, enough to send a transcript through the packet door in every
//! difficult way.

use sniff::conn::Direction;

/// One side's position in the sequence space.
#[derive(Clone, Copy)]
pub struct Peer {
    pub ip: [u8; 4],
    pub port: u16,
    pub seq: u32,
}

/// A frame with its time in nanoseconds.
pub type Frame = (i64, Vec<u8>);

pub const FIN: u8 = 1;
pub const SYN: u8 = 2;
pub const RST: u8 = 4;
pub const ACK: u8 = 16;

/// Ethernet + IPv4 + TCP + payload.
pub fn frame(from: Peer, to: Peer, flags: u8, ident: u16, payload: &[u8]) -> Vec<u8> {
    let mut f = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    let total = 40 + payload.len();
    f.extend([0x45, 0]);
    f.extend((total as u16).to_be_bytes());
    f.extend(ident.to_be_bytes());
    f.extend([0x40, 0, 64, 6, 0, 0]);
    f.extend(from.ip);
    f.extend(to.ip);
    f.extend(from.port.to_be_bytes());
    f.extend(to.port.to_be_bytes());
    f.extend(from.seq.to_be_bytes());
    f.extend(to.seq.to_be_bytes());
    f.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    f.extend(payload);
    f
}

/// A conversation in progress; it keeps both sequence numbers.
pub struct Talk {
    pub client: Peer,
    pub server: Peer,
    pub frames: Vec<Frame>,
    pub now: i64,
    ident: u16,
}

impl Talk {
    /// A connection after its handshake. The server's sequence numbers wrap soon.
    pub fn open(now: i64) -> Self {
        let client = Peer { ip: [10, 0, 0, 1], port: 40_000, seq: 1_000 };
        let server = Peer { ip: [10, 0, 0, 2], port: 8_000, seq: u32::MAX - 50 };
        let mut t = Talk { client, server, frames: Vec::new(), now, ident: 1 };
        let nobody = Peer { seq: 0, ..t.server };
        t.push(frame(t.client, nobody, SYN, 1, b""));
        t.client.seq += 1;
        t.push(frame(t.server, t.client, SYN | ACK, 1, b""));
        t.server.seq = t.server.seq.wrapping_add(1);
        t.push(frame(t.client, t.server, ACK, 2, b""));
        t
    }

    fn push(&mut self, frame: Vec<u8>) {
        self.frames.push((self.now, frame));
    }

    fn peers(&self, dir: Direction) -> (Peer, Peer) {
        match dir {
            Direction::ToServer => (self.client, self.server),
            Direction::ToClient => (self.server, self.client),
        }
    }

    fn advance(&mut self, dir: Direction, n: u32) {
        let peer = match dir {
            Direction::ToServer => &mut self.client,
            Direction::ToClient => &mut self.server,
        };
        peer.seq = peer.seq.wrapping_add(n);
    }

    /// Payload in segments of at most `mss` bytes.
    pub fn data(&mut self, dir: Direction, bytes: &[u8], mss: usize) {
        for part in bytes.chunks(mss.max(1)) {
            let (from, to) = self.peers(dir);
            self.ident = self.ident.wrapping_add(1);
            let frame = frame(from, to, ACK, self.ident, part);
            self.push(frame);
            self.advance(dir, part.len() as u32);
        }
    }

    /// Sends FIN.
    pub fn fin(&mut self, dir: Direction) {
        let (from, to) = self.peers(dir);
        let frame = frame(from, to, FIN | ACK, 0, b"");
        self.push(frame);
        self.advance(dir, 1);
    }

    /// Sends RST.
    pub fn rst(&mut self, dir: Direction) {
        let (from, to) = self.peers(dir);
        let frame = frame(from, to, RST | ACK, 0, b"");
        self.push(frame);
    }
}

/// A pcap file of Ethernet frames with nanosecond times.
pub fn pcap(frames: &[Frame]) -> Vec<u8> {
    let mut out = Vec::new();
    for v in [0xa1b2_3c4d_u32, 0x0004_0002, 0, 0, 262_144, 1] {
        out.extend(v.to_le_bytes());
    }
    for (at, f) in frames {
        out.extend(((at / 1_000_000_000) as u32).to_le_bytes());
        out.extend(((at % 1_000_000_000) as u32).to_le_bytes());
        out.extend((f.len() as u32).to_le_bytes());
        out.extend((f.len() as u32).to_le_bytes());
        out.extend(f);
    }
    out
}
