#!/usr/bin/env python3
"""Ends recordings at random moments and compares what was printed with what is in the database.

    python3 tests/tools/kill.py --sniff target/release/sniff -n 200
    python3 tests/tools/kill.py --door file --door live -n 20

For each door (file: a capture that comes through a pipe; live: the loopback device, which takes root; proxy: reverse
mode) the recording is killed (SIGKILL) N times while exchanges end. Then: the database opens, its integrity check is
ok, no printed exchange is missing, and of those that had ended one second before at least 95 % had been printed.

Then each door once: SIGHUP ends it as SIGINT does; a deleted database ends it with 2, with --full-disk a full disk too
(a small tmpfs, which takes root); a proxy goes on relaying and exits with 2 at its end.

Exit status 0: all of that holds. The figures are printed.
"""
import argparse, http.client, http.server, os, random, re, signal, sqlite3, struct, subprocess, sys
import tempfile, threading, time

BODY = "".join('data: {"choices":[{"index":0,"delta":{"content":"word %d "}}]}\n\n' % n for n in range(20)) \
    + 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
PRINTED = re.compile(r"/k/(\d{6})")


class Server(http.server.ThreadingHTTPServer):
    """Answers each request with one small stream."""
    daemon_threads = True

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            body = BODY.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            half = len(body) // 2
            self.wfile.write(body[:half])
            self.wfile.flush()
            self.wfile.write(body[half:])

        def log_message(self, *_):
            pass

    def handle_error(self, *_):
        """A client that is killed resets its connection."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Server.Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Load:
    """Requests /k/NNNNNN one after the other, on two connections, and notes when each answer was whole."""

    def __init__(self, port, pause=0.004):
        self.ended, self.failed, self.stop = {}, 0, False
        self.threads = [threading.Thread(target=self.run, args=(port, pause, n), daemon=True) for n in (0, 1)]
        [t.start() for t in self.threads]

    def run(self, port, pause, n):
        number, connection = n * 500000, None
        while not self.stop:
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", "/k/%06d" % number)
                connection.getresponse().read()
                self.ended[number] = time.time()
            except (OSError, http.client.HTTPException):
                self.failed, connection = self.failed + 1, None
                time.sleep(0.02)
            number += 1
            time.sleep(pause * random.uniform(0.2, 1.8))

    def close(self):
        self.stop = True
        [t.join(10) for t in self.threads]


class Feed:
    """Writes a capture of such exchanges into a pipe, at the same pace."""

    def __init__(self, pipe, pause=0.003):
        self.ended, self.stop, self.pipe, self.pause = {}, False, pipe, pause
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def packet(self, to_server, seq, ack, flags, data=b""):
        ends = (40000, 8000) if to_server else (8000, 40000)
        hosts = (b"\x0a\0\0\x01", b"\x0a\0\0\x02") if to_server else (b"\x0a\0\0\x02", b"\x0a\0\0\x01")
        tcp = struct.pack("!HHIIBBHHH", *ends, seq & 0xffffffff, ack & 0xffffffff, 5 << 4, flags, 65535, 0, 0)
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 40 + len(data), 0, 0, 64, 6, 0) + hosts[0] + hosts[1]
        frame = b"\2" * 12 + b"\x08\0" + ip + tcp + data
        now = time.time()
        return struct.pack("<IIII", int(now), int(now % 1 * 1e6), len(frame), len(frame)) + frame

    def run(self):
        answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n" % len(BODY)
        answer += BODY.encode()
        client, server, number = 1001, 5001, 0
        try:
            self.pipe.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
            self.pipe.write(self.packet(True, 1000, 0, 2) + self.packet(False, 5000, 1001, 18)
                            + self.packet(True, 1001, 5001, 16))
            while not self.stop:
                request = b"GET /k/%06d HTTP/1.1\r\nHost: h\r\n\r\n" % number
                self.pipe.write(self.packet(True, client, server, 24, request))
                client += len(request)
                for part in (answer[:700], answer[700:]):
                    self.pipe.write(self.packet(False, server, client, 24, part))
                    server += len(part)
                self.pipe.write(self.packet(True, client, server, 16))
                self.pipe.flush()
                self.ended[number] = time.time()
                number += 1
                time.sleep(self.pause * random.uniform(0.2, 1.8))
        except OSError:
            pass

    def close(self):
        self.stop = True
        self.thread.join(10)
        try:
            self.pipe.close()
        except OSError:
            pass


class Recording:
    """One run of the program by one door, with exchanges that end all the time."""

    def __init__(self, sniff, door, folder, server, *more):
        self.db, self.log, self.door = os.path.join(folder, "k.db"), os.path.join(folder, "said"), door
        port = server.server_address[1]
        command = {"file": ["--read", "-"], "live": ["--iface", "lo", "--port", str(port)],
                   "proxy": ["proxy", "--listen", "127.0.0.1:0", "--upstream", "http://127.0.0.1:%d" % port]}[door]
        environment = dict(os.environ, HOME=folder)
        self.program = subprocess.Popen([sniff, *command, "-v", "--db", self.db, "--color", "never", *more],
                                        stdin=subprocess.PIPE, stderr=open(self.log, "w"), env=environment)
        if door == "file":
            self.load = Feed(self.program.stdin)
        else:
            says = re.compile(r"on http://127.0.0.1:(\d+)" if door == "proxy" else r"recording on (lo)")
            self.load = Load(int(self.wait_for(says)) if door == "proxy" else self.wait_for(says) and port)

    def wait_for(self, pattern, seconds=30):
        until = time.time() + seconds
        while time.time() < until:
            found = pattern.search(self.said())
            if found:
                return found.group(found.lastindex or 0)
            if self.program.poll() is not None and not pattern.search(self.said()):
                raise SystemExit("%s ended with %s:\n%s" % (self.door, self.program.returncode, self.said()))
            time.sleep(0.02)
        raise SystemExit("%s never said %s:\n%s" % (self.door, pattern.pattern, self.said()))

    def said(self):
        return open(self.log, errors="replace").read()

    def printed(self):
        return {int(n) for n in PRINTED.findall(self.said())}

    def end(self, with_signal):
        """Sends the signal; returns the exit code, the printed exchanges and the moment."""
        at = time.time()
        self.program.send_signal(with_signal)
        code = self.program.wait(60)
        self.load.close()
        return code, self.printed(), at


def stored(db):
    """The integrity check's answer, and the exchanges in the database."""
    connection = sqlite3.connect(db)
    check = connection.execute("PRAGMA integrity_check").fetchone()[0]
    paths = [row[0] for row in connection.execute("SELECT request_path FROM v_exchanges")]
    connection.close()
    return check, {int(PRINTED.search(path).group(1)) for path in paths if path}


class Judge:
    def __init__(self):
        self.wrong = 0

    def want(self, what, holds, detail=""):
        if not holds:
            self.wrong += 1
            print("  WRONG: %s %s" % (what, detail), flush=True)


def kills(judge, sniff, door, n, server, seconds, wanted):
    all_printed = late = due = missing = damaged = 0
    for _ in range(n):
        with tempfile.TemporaryDirectory() as folder:
            r = Recording(sniff, door, folder, server)
            # What waits in the pipe while the program starts has not ended for it.
            end, begun = time.time() + random.uniform(0.05, seconds), None
            while time.time() < end:
                if begun is None and (door != "file" or os.path.exists(r.db + "-wal")):
                    begun = time.time()
                time.sleep(0.01)
            _, printed, at = r.end(signal.SIGKILL)
            check, there = stored(r.db) if os.path.exists(r.db) and os.path.getsize(r.db) else ("ok", set())
            damaged += check != "ok"
            missing += len(printed - there)
            all_printed += len(printed)
            in_time = {k for k, t in r.load.ended.items() if (begun or at) <= t < at - 1}
            due += len(in_time)
            late += len(in_time - printed)
    share = 100 * (1 - late / due) if due else 100.0
    print("%s: %d kills, %d databases damaged, %d exchanges printed, %d of them missing; of %d that had ended 1 s before "
          "%.2f %% were printed" % (door, n, damaged, all_printed, missing, due, share), flush=True)
    judge.want(door, damaged == 0 and missing == 0 and share >= wanted)
    judge.want(door, all_printed > 0, "nothing was printed: the runs are too short")


def hangup(judge, sniff, door, server):
    with tempfile.TemporaryDirectory() as folder:
        r = Recording(sniff, door, folder, server)
        r.wait_for(PRINTED)
        code, printed, _ = r.end(signal.SIGHUP)
        check, there = stored(r.db)
        ended = sqlite3.connect(r.db).execute("SELECT ended_ns IS NOT NULL FROM session").fetchone()
        print("%s: SIGHUP: exit %s, %d printed, %d stored" % (door, code, len(printed), len(there)), flush=True)
        judge.want("SIGHUP", code == 0 and check == "ok" and printed == there and ended == (1,))


def deleted(judge, sniff, door, server):
    with tempfile.TemporaryDirectory() as folder:
        r = Recording(sniff, door, folder, server)
        r.wait_for(PRINTED)
        os.remove(r.db)
        failing(judge, r, "deleted", re.compile("was deleted"))


def full(judge, sniff, door, server):
    folder = tempfile.mkdtemp()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3M", "kill", folder], check=True)
    try:
        r = Recording(sniff, door, folder, server, "--reserve", "0")
        failing(judge, r, "full disk", re.compile("the disk is full"))
        check, there = stored(r.db)
        judge.want("full disk", check == "ok" and not r.printed() - there, check)
    finally:
        subprocess.run(["umount", folder], check=True)
        os.rmdir(folder)


def failing(judge, r, what, says):
    """The recording says what is wrong and ends with 2, at once; a proxy relays on until it is ended."""
    begun = time.time()
    r.wait_for(says, 60)
    took = time.time() - begun
    if r.door == "proxy":
        before = len(r.load.ended)
        time.sleep(0.3)
        judge.want(what, len(r.load.ended) > before and r.load.failed == 0, "the proxy has stopped to relay")
        code = r.end(signal.SIGINT)[0]
    else:
        code = r.program.wait(30)
        r.load.close()
    print("%s: %s: said after %.1f s, exit %d" % (r.door, what, took, code), flush=True)
    judge.want(what, code == 2, "exit %d" % code)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sniff", default="target/release/sniff")
    parser.add_argument("-n", type=int, default=200, help="kills of each door")
    parser.add_argument("--door", action="append", choices=["file", "live", "proxy"])
    parser.add_argument("--full-disk", action="store_true", help="a full disk too (takes root)")
    parser.add_argument("--seconds", type=float, default=2.5, help="longest life of a recording")
    parser.add_argument("--share", type=float, default=95, help="per cent that must have been printed after 1 s")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    random.seed(args.seed)
    server, judge = Server(), Judge()
    for door in args.door or ["file", "proxy"] + ["live"] * (os.geteuid() == 0):
        kills(judge, args.sniff, door, args.n, server, args.seconds, args.share)
        hangup(judge, args.sniff, door, server)
        deleted(judge, args.sniff, door, server)
        if args.full_disk:
            full(judge, args.sniff, door, server)
    sys.exit(1 if judge.wrong else 0)


if __name__ == "__main__":
    main()
