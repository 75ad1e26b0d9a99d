#!/usr/bin/env python3
"""Attacks a live recording on the loopback device while honest answers pass beside the attack (takes root).

    python3 tests/tools/attack.py --sniff target/release/sniff -n 5
    python3 tests/tools/attack.py --attack requests --rate 20000 --seconds 5
    python3 tests/tools/attack.py --attack none --minutes 20      # one long run: its memory must not grow

Honest: many connections at once, each a stream of small events; together RATE packets a second, acknowledgements counted.
Attack (all of them in turn, or one): `requests` sends 50,000 pipelined requests that get no answer, again and again;
`heads` leaves 300 heads of 200 kB unfinished; `bombs` serves bodies that decode to 60 MB without a line end. `none`, only if it is named, is the honest traffic alone.

Shown for each run: packets dropped, honest exchanges stored whole, time from SIGINT to the exit, resident memory
without the kernel's buffer of packets, whose size --buffer sets.
Exit status 0: no packet was dropped, every honest exchange is whole, the median of the exits is at most one second, and
memory stayed within --memory and 64 MiB more (with --minutes: the last within 2 MiB of that after two minutes).
"""
import argparse, gzip, os, re, select, signal, socket, sqlite3, statistics, subprocess, sys, tempfile, threading, time

EVENT = b'data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":' \
        b'{"content":"word "},"finish_reason":null}]}\n\n'
DONE = b'data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},' \
       b'"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
ASK = b"POST /honest HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 27\r\n\r\n" \
      b'{"model":"m","stream":true}'


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def listen():
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", 0))
    server.listen(1024)
    return server


def pair(server):
    """A connection to the server: its two ends."""
    client = socket.create_connection(server.getsockname())
    peer, _ = server.accept()
    for end in (client, peer):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client, peer


def honest(server, rate, seconds, streams, events):
    """Streams of this many events, as many at once, RATE packets a second together. Returns how many ended."""
    open_, ended, sent = [], 0, 0
    begin = time.time()
    while True:
        now = time.time()
        if now - begin < seconds:
            while len(open_) < streams:
                client, peer = pair(server)
                client.sendall(ASK)
                peer.recv(4096)
                peer.sendall(HEAD)
                open_.append([client, peer, 0])
        elif not open_:
            return ended
        for one in open_:
            client, peer, n = one
            if n < events:
                peer.sendall(chunk(EVENT))
            else:
                peer.sendall(chunk(DONE) + b"0\r\n\r\n")
            client.recv(65536)
            one[2] += 1
            sent += 2
        for one in [one for one in open_ if one[2] > events]:
            one[1].close()
            one[0].close()
            open_.remove(one)
            ended += 1
        ahead = sent / rate - (time.time() - begin)
        if ahead > 0:
            time.sleep(ahead)


def requests(server, stop):
    block = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 50
    while not stop.is_set():
        client, peer = pair(server)
        for _ in range(1000):
            client.sendall(block)
            while select.select([peer], [], [], 0)[0] and peer.recv(1 << 20):
                pass
            if stop.is_set():
                break
            time.sleep(0.002)
        client.close()
        peer.close()


def heads(server, stop):
    kept = []
    while not stop.is_set():
        client, peer = pair(server)
        client.sendall(ASK)
        peer.recv(4096)
        peer.sendall(b"HTTP/1.1 200 OK\r\nX-Big: ")
        for _ in range(4):
            peer.sendall(b"b" * 50_000)
            left = 50_000
            while left > 0:
                left -= len(client.recv(1 << 20))
        kept.append((client, peer))
        if len(kept) > 300:
            [end.close() for end in kept.pop(0)]
        time.sleep(0.005)
    [end.close() for ends in kept for end in ends]


def bombs(server, stop):
    body = gzip.compress(b"data: " + b"a" * (60 << 20), 9)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n\r\n"
    kept = []
    while not stop.is_set():
        client, peer = pair(server)
        client.sendall(ASK)
        peer.recv(4096)
        peer.sendall(head + body)
        left = len(head) + len(body)
        while left > 0:
            left -= len(client.recv(1 << 20))
        kept.append((client, peer))
        if len(kept) > 300:
            [end.close() for end in kept.pop(0)]
        time.sleep(0.5)
    [end.close() for ends in kept for end in ends]


def none(server, stop):
    stop.wait()


ATTACKS = {"requests": requests, "heads": heads, "bombs": bombs, "none": none}


def resident(pid):
    """MiB that the program holds. The kernel's buffer of packets (--buffer, 64 MiB) is mapped as a file, as the program itself is."""
    text = open("/proc/%d/status" % pid).read()
    return int(re.search(r"RssAnon:\s+(\d+)", text)[1]) / 1024


def run(args, attack, folder):
    """One recording: (dropped, honest that ended, honest that are whole, seconds to the exit, resident MiB by time)."""
    ours, theirs = listen(), listen()
    ports = "%d,%d" % (ours.getsockname()[1], theirs.getsockname()[1])
    db = os.path.join(folder, "a.db")
    [os.path.exists(db + end) and os.remove(db + end) for end in ("", "-wal", "-shm")]
    command = [args.sniff, "--iface", "lo", "--port", ports, "--db", db, "--memory", "%dM" % args.memory, "--no-sandbox"]
    sniff = subprocess.Popen(command, stderr=open(os.path.join(folder, "err"), "w+"), stdout=subprocess.DEVNULL)
    said = lambda: open(os.path.join(folder, "err")).read()
    while "recording on" not in said():
        if sniff.poll() is not None:
            sys.exit("sniff ended: " + said())
        time.sleep(0.05)
    time.sleep(0.3)
    stop, memory, done = threading.Event(), [], []
    # The attack is a process of its own, so that it does not take the time of the honest traffic.
    attacker = os.fork()
    if attacker == 0:
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
        try:
            ATTACKS[attack](theirs, stop)
        finally:
            os._exit(0)
    seconds = args.minutes * 60 or args.seconds

    def watch():
        while not stop.is_set():
            memory.append((time.time(), resident(sniff.pid)))
            stop.wait(0.2)

    watching = threading.Thread(target=watch)
    watching.start()
    ended = honest(ours, args.rate, seconds, args.streams, args.events)
    os.kill(attacker, signal.SIGTERM)
    os.waitpid(attacker, 0)
    time.sleep(1)
    stop.set()
    watching.join()
    asked = time.time()
    sniff.send_signal(signal.SIGINT)
    code = sniff.wait()
    took = time.time() - asked
    base = sqlite3.connect(db)
    dropped = base.execute("SELECT coalesce(dropped_kernel, 0) FROM session").fetchone()[0]
    whole = base.execute("SELECT count(*) FROM exchange WHERE response_text = ?", ("word " * args.events,)).fetchone()[0]
    if code:
        print("exit status", code, said()[-500:])
    return dropped, ended, whole, took, memory


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sniff", default="target/release/sniff")
    parser.add_argument("--attack", choices=list(ATTACKS), action="append")
    parser.add_argument("-n", type=int, default=1, help="runs of each attack")
    parser.add_argument("--rate", type=int, default=20_000, help="honest packets a second")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--minutes", type=float, default=0, help="one long run instead")
    parser.add_argument("--streams", type=int, default=46)
    parser.add_argument("--events", type=int, default=170)
    parser.add_argument("--memory", type=int, default=128, help="MiB")
    args = parser.parse_args()
    args.sniff = os.path.abspath(args.sniff)
    wrong, exits = [], []
    with tempfile.TemporaryDirectory() as folder:
        for attack in args.attack or [name for name in ATTACKS if name != "none"]:
            for n in range(1 if args.minutes else args.n):
                dropped, ended, whole, took, memory = run(args, attack, folder)
                peak = max(m for _, m in memory)
                print("%s: %d dropped, %d of %d honest exchanges whole, exit after %.2f s, %.0f MiB at most" % (
                    attack, dropped, whole, ended, took, peak), flush=True)
                exits.append(took)
                if dropped or whole < ended or not ended:
                    wrong.append("%s: packets or exchanges are missing" % attack)
                if peak > args.memory + 64:
                    wrong.append("%s: %.0f MiB" % (attack, peak))
                late = [m for at, m in memory if at - memory[0][0] >= 120]
                if args.minutes and late and memory[-1][1] > late[0] + 2:
                    wrong.append("%s: grew from %.0f to %.0f MiB" % (attack, late[0], memory[-1][1]))
    if statistics.median(exits) > 1:
        wrong.append("exits took %.2f s" % statistics.median(exits))
    print("\n".join(wrong) or "all well")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
