#!/usr/bin/env python3
"""Make the cases of this folder: one HTTP exchange (or two) inside TLS by OpenSSL, or by tlslite-ng where OpenSSL no longer can, both ends in one
process, packets and key log written as pcapng.

    python3 -m venv v && v/bin/pip install pyOpenSSL tlslite-ng && v/bin/python captures/tls/make.py

What is expected is stated from the plaintext that was sent. Keys and bytes differ from run to run; nothing in them is secret.
"""
import hashlib, json, pathlib, socket, struct, threading
from OpenSSL import SSL, crypto
import tlslite

HERE = pathlib.Path(__file__).parent
REQUEST_BODY = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"Hello"}]}'
REQUEST = (b"POST /v1/chat/completions HTTP/1.1\r\nHost: api.example\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
           % len(REQUEST_BODY)) + REQUEST_BODY
WORDS = ["Sealed", " and", " read."]
NO_EXTENDED_MASTER_SECRET, NO_ENCRYPT_THEN_MAC = 0x1, 0x80000


def events():
    def chunk(delta, finish=None):
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        body = {"id": "chatcmpl-7Qz", "object": "chat.completion.chunk", "created": 1767225600, "model": "m", "choices": [choice]}
        return b"data: " + json.dumps(body, separators=(",", ":")).encode() + b"\n\n"
    return [chunk({"content": w}) for w in WORDS] + [chunk({}, "stop"), b"data: [DONE]\n\n"]


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
ANSWER = [HEAD] + [b"%x\r\n%s\r\n" % (len(e), e) for e in events()] + [b"0\r\n\r\n"]


class Capture:
    """pcapng with one secrets block: Ethernet, IPv4, TCP."""

    def __init__(self):
        self.packets, self.now, self.port, self.secrets = [], 1767225600_000_000, 40000, b""

    def connect(self):
        self.port += 1
        self.seq = [1000, 5000]
        self.packet(0, 2)
        self.packet(1, 18)
        self.packet(0, 16)

    def packet(self, way, flags, payload=b""):
        ends = [(b"\x0a\0\0\1", self.port), (b"\x0a\0\0\2", 443)]
        (src, sport), (dst, dport) = ends[way], ends[1 - way]
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40 + len(payload), 1, 0x4000, 64, 6, 0, src, dst)
        tcp = struct.pack("!HHIIBBHHH", sport, dport, self.seq[way], self.seq[1 - way], 0x50, flags, 65535, 0, 0)
        self.packets.append((self.now, bytes(12) + b"\x08\0" + ip + tcp + payload))
        self.seq[way] += len(payload) + (1 if flags & 3 else 0)
        self.now += 100

    def data(self, way, payload):
        self.now += 10_000
        for at in range(0, len(payload), 1448):
            self.packet(way, 24, payload[at:at + 1448])

    def close(self):
        self.packet(0, 17)
        self.packet(1, 17)

    def write(self, path):
        def block(kind, body):
            body += bytes(-len(body) % 4)
            return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)
        out = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) + block(1, struct.pack("<HHI", 1, 0, 262144))
        out += block(10, struct.pack("<II", 0x544C534B, len(self.secrets)) + self.secrets)
        for at, frame in self.packets:
            out += block(6, struct.pack("<IIIII", 0, at >> 32, at & 0xFFFFFFFF, len(frame), len(frame)) + frame)
        path.write_bytes(out)


def certificate():
    key = crypto.PKey()
    key.generate_key(crypto.TYPE_RSA, 2048)
    cert = crypto.X509()
    cert.get_subject().CN = "api.example"
    cert.set_serial_number(1)
    cert.gmtime_adj_notBefore(0)
    cert.gmtime_adj_notAfter(10**9)
    cert.set_issuer(cert.get_subject())
    cert.set_pubkey(key)
    cert.sign(key, "sha256")
    return key, cert


KEY, CERT = certificate()


class OpenSSL:
    """Both ends by OpenSSL through memory."""

    def __init__(self, version, ciphers=None, options=0, groups=None, capture=None):
        self.capture = capture or Capture()
        self.contexts = []
        for server in (False, True):
            context = SSL.Context(SSL.TLS_METHOD)
            context.set_min_proto_version(version)
            context.set_max_proto_version(version)
            if version == SSL.TLS1_3_VERSION and ciphers:
                context.set_tls13_ciphersuites(ciphers.encode())
            elif ciphers:
                context.set_cipher_list(f"{ciphers}:@SECLEVEL=0".encode())
            context.set_options(options)
            if server:
                context.use_privatekey(KEY)
                context.use_certificate(CERT)
                context.set_session_id(b"sniff")
            else:
                context.set_keylog_callback(self.keylog)
            self.contexts.append(context)

    def keylog(self, _, line):
        self.capture.secrets += line + b"\n"

    def connect(self, session=None):
        self.capture.connect()
        self.ends = [SSL.Connection(context, None) for context in self.contexts]
        self.ends[0].set_tlsext_host_name(b"api.example")
        self.ends[0].set_connect_state()
        self.ends[1].set_accept_state()
        if session:
            self.ends[0].set_session(session)
        self.shake()

    def shake(self):
        for _ in range(8):
            for end in self.ends:
                try:
                    end.do_handshake()
                except SSL.WantReadError:
                    pass
                self.move()

    def move(self):
        for way in (0, 1):
            try:
                flight = self.ends[way].bio_read(1 << 20)
            except SSL.WantReadError:
                continue
            self.capture.data(way, flight)
            self.ends[1 - way].bio_write(flight)

    def send(self, way, payload):
        self.ends[way].send(payload)
        self.move()
        assert self.ends[1 - way].recv(1 << 16) == payload

    def exchange(self):
        self.send(0, REQUEST)
        for part in ANSWER:
            self.send(1, part)

    def close(self):
        for end in self.ends:
            try:
                end.shutdown()
            except SSL.Error:
                pass
            self.move()
        self.capture.close()


def tlslite_rc4():
    """RSA with RC4 and SHA-1, by tlslite-ng over a pair of sockets; the key log line is made of its session."""
    capture = Capture()
    capture.connect()
    left, right = socket.socketpair()
    taps = []

    class Tap:
        def __init__(self, sock, way):
            self.sock, self.way = sock, way

        def send(self, data):
            taps.append((self.way, bytes(data)))
            return self.sock.send(data)

        def sendall(self, data):
            taps.append((self.way, bytes(data)))
            return self.sock.sendall(data)

        def __getattr__(self, name):
            return getattr(self.sock, name)

    settings = tlslite.HandshakeSettings()
    settings.cipherNames, settings.macNames = ["rc4"], ["sha"]
    settings.minVersion = settings.maxVersion = (3, 3)
    settings.keyExchangeNames = ["rsa"]
    pem = crypto.dump_privatekey(crypto.FILETYPE_PEM, KEY).decode()
    chain = tlslite.X509CertChain()
    chain.parsePemList(crypto.dump_certificate(crypto.FILETYPE_PEM, CERT).decode())
    client, server = tlslite.TLSConnection(Tap(left, 0)), tlslite.TLSConnection(Tap(right, 1))
    key = tlslite.parsePEMKey(pem, private=True)
    thread = threading.Thread(target=lambda: server.handshakeServer(certChain=chain, privateKey=key, settings=settings))
    thread.start()
    client.handshakeClientCert(settings=settings, serverName="api.example")
    thread.join()
    client.sendall(REQUEST)
    assert server.read(min=len(REQUEST), max=len(REQUEST)) == REQUEST
    for part in ANSWER:
        server.sendall(part)
        assert client.read(min=len(part), max=len(part)) == part
    for way, data in taps:
        capture.data(way, data)
    capture.close()
    capture.secrets = b"CLIENT_RANDOM %s %s\n" % (bytes(client._clientRandom).hex().encode(), bytes(client.session.masterSecret).hex().encode())
    return capture


def sealed(version, ciphers=None, options=0):
    tls = OpenSSL(version, ciphers, options)
    tls.connect()
    tls.exchange()
    tls.close()
    return tls.capture


def renegotiated():
    tls = OpenSSL(SSL.TLS1_2_VERSION, "ECDHE-RSA-AES128-GCM-SHA256")
    tls.connect()
    tls.exchange()
    tls.ends[1].renegotiate()
    tls.ends[1].do_handshake()
    tls.move()
    for _ in range(6):
        for end in tls.ends:
            try:
                end.recv(1)
            except SSL.WantReadError:
                pass
            tls.move()
    assert tls.ends[1].total_renegotiations() == 1
    tls.exchange()
    tls.close()
    return tls.capture


def resumed(version):
    tls = OpenSSL(version)
    tls.connect()
    tls.exchange()
    session = tls.ends[0].get_session()
    tls.close()
    tls.connect(session)
    tls.exchange()
    tls.close()
    return tls.capture


def expected(http_exchanges):
    body = b"".join(events())
    one = {
        "tls": True, "sni": "api.example", "http_version": "1.1",
        "request": {"method": "POST", "scheme": "https", "path": "/v1/chat/completions", "model": "m", "body_bytes": len(REQUEST_BODY),
                    "body_sha256": hashlib.sha256(REQUEST_BODY).hexdigest()},
        "response": {"status": 200, "transfer": "chunked", "framing": "sse", "dialect": "openai.chat", "chunks": len(events()),
                     "wire_body_bytes": len(body), "wire_body_sha256": hashlib.sha256(body).hexdigest(), "text": "".join(WORDS),
                     "complete": True},
    }
    return [one] * http_exchanges


CASES = {
    "tls10-cbc": (lambda: sealed(SSL.TLS1_VERSION, "ECDHE-RSA-AES128-SHA"),
                  1, "TLS 1.0, AES-128-CBC with SHA-1, encrypt-then-MAC: the IV of a record is the end of the one before, the PRF is MD5 and SHA-1."),
    "tls10-cbc-mac-then-encrypt": (lambda: sealed(SSL.TLS1_VERSION, "ECDHE-RSA-AES256-SHA", NO_ENCRYPT_THEN_MAC | NO_EXTENDED_MASTER_SECRET),
                  1, "TLS 1.0, AES-256-CBC, MAC inside: OpenSSL sends an empty record before each delivery."),
    "tls11-cbc": (lambda: sealed(SSL.TLS1_1_VERSION, "ECDHE-RSA-AES256-SHA"), 1, "TLS 1.1, AES-256-CBC: explicit IVs, the old PRF."),
    "tls12-cbc-encrypt-then-mac": (lambda: sealed(SSL.TLS1_2_VERSION, "ECDHE-RSA-AES128-SHA256"),
                  1, "TLS 1.2, AES-128-CBC with SHA-256, encrypt-then-MAC (RFC 7366), extended master secret (RFC 7627)."),
    "tls12-cbc-mac-then-encrypt": (lambda: sealed(SSL.TLS1_2_VERSION, "ECDHE-RSA-AES256-SHA384", NO_ENCRYPT_THEN_MAC | NO_EXTENDED_MASTER_SECRET),
                  1, "TLS 1.2, AES-256-CBC with SHA-384, the MAC inside, no extended master secret."),
    "tls12-ccm": (lambda: sealed(SSL.TLS1_2_VERSION, "DHE-RSA-AES128-CCM:AES128-CCM"), 1, "TLS 1.2, AES-128-CCM (RFC 6655)."),
    "tls12-ccm8": (lambda: sealed(SSL.TLS1_2_VERSION, "AES256-CCM8"), 1, "TLS 1.2, AES-256-CCM with a tag of 8 octets."),
    "tls12-gcm": (lambda: sealed(SSL.TLS1_2_VERSION, "ECDHE-RSA-AES256-GCM-SHA384"), 1, "TLS 1.2, AES-256-GCM."),
    "tls12-chacha20": (lambda: sealed(SSL.TLS1_2_VERSION, "ECDHE-RSA-CHACHA20-POLY1305"), 1, "TLS 1.2, ChaCha20-Poly1305 (RFC 7905)."),
    "tls12-rc4": (tlslite_rc4, 1, "TLS 1.2, RC4 with SHA-1, which RFC 7465 forbids and old captures hold."),
    "tls12-renegotiation": (renegotiated, 2, "TLS 1.2, renegotiated by the server between two exchanges: a handshake inside, then new keys."),
    "tls12-resumption": (lambda: resumed(SSL.TLS1_2_VERSION), 2, "TLS 1.2, two connections, the second resumes the first by its ticket (RFC 5077)."),
    "tls13-ccm": (lambda: sealed(SSL.TLS1_3_VERSION, "TLS_AES_128_CCM_SHA256"), 1, "TLS 1.3, AES-128-CCM."),
    "tls13-resumption": (lambda: resumed(SSL.TLS1_3_VERSION), 2, "TLS 1.3, two connections, the second by PSK."),
}

if __name__ == "__main__":
    for name, (make, exchanges, text) in CASES.items():
        folder = HERE / name
        folder.mkdir(exist_ok=True)
        make().write(folder / "input.pcapng")
        (folder / "expect.json").write_text(json.dumps(expected(exchanges), indent=1) + "\n")
        by = "tlslite-ng" if name == "tls12-rc4" else "OpenSSL"
        (folder / "README.md").write_text(f"# {name}\n\n{text}\nSealed by {by} (`../make.py`); the key log stands in the capture's secrets block.\n")
