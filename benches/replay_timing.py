"""Timing of `sniff replay` on the wire: tcpdump hears every replay, and each delivery's offset from its request is compared with the recording.

    python3 benches/replay_timing.py [--sniff PATH] [--capture FILE] [--times N] [--together N]

One client after the other (--times), then N at once (--together). Root is needed for tcpdump. Figures: error of each delivery's last byte in
microseconds, by size; beside them what the pacer itself counted as late."""

import argparse
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

TOP = pathlib.Path(__file__).resolve().parent.parent
RECORDED = TOP / "captures/seed/iflow/input.pcap"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ask(port, method, path):
    """Read an answer to its end as it comes."""
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.sendall(f"{method} {path} HTTP/1.1\r\nHost: bench\r\nContent-Length: 0\r\n\r\n".encode())
        tail = b""
        while True:
            data = s.recv(1 << 16)
            tail = (tail + data)[-5:]
            if not data or tail == b"0\r\n\r\n":
                return


def chunks(sniff, db, exchange):
    shown = json.loads(subprocess.check_output([sniff, "--db", db, "show", str(exchange), "--format", "json"]))
    return shown["timing"]["t_request_end_ns"], shown["chunks"]


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, max(0, -(-len(values) * p // 100) - 1))]


def measure(sniff, work, name, capture, runs, port_of=None):
    db = str(work / f"{name}.db")
    subprocess.run([sniff, "-q", "--db", db, "--read", str(capture)], check=True)
    listed = json.loads(subprocess.check_output([sniff, "--db", db, "list", "--format", "json"]))[0]
    asked, wanted = chunks(sniff, db, listed["id"])
    wanted = [(c["t_ns"] - asked) / 1e3 for c in wanted]
    port = free_port()
    pcap = work / f"{name}.pcap"
    dump = subprocess.Popen(
        ["tcpdump", "-i", "lo", "-U", "-s", "0", "-w", str(pcap), "-B", "65536", "--time-stamp-precision=nano", "tcp", "port", str(port)],
        stderr=subprocess.PIPE,
    )
    while b"listening on" not in dump.stderr.readline():
        pass
    command = [sniff, "--db", db, "replay", str(listed["id"]), "--match", "sequence", "--listen", f"127.0.0.1:{port}"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    server.stderr.readline()
    method, path = listed["request"]["method"], listed["request"]["path"]
    for together in runs:
        threads = [threading.Thread(target=ask, args=(port, method, path)) for _ in range(together)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    # The kernel hands the last packets over with its next block.
    time.sleep(1.5)
    server.send_signal(signal.SIGINT)
    said = server.stderr.read().strip().splitlines()[-1]
    dump.send_signal(signal.SIGINT)
    dump.wait()
    heard = str(work / f"{name}-heard.db")
    subprocess.run([sniff, "-q", "--db", heard, "--read", str(pcap)], check=True)
    errors = []
    for e in json.loads(subprocess.check_output([sniff, "--db", heard, "list", "--format", "json"])):
        asked, got = chunks(sniff, heard, e["id"])
        assert len(got) == len(wanted), (len(got), len(wanted))
        errors += [abs((c["t_ns"] - asked) / 1e3 - w) for c, w in zip(got, wanted)]
    return errors, said


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--sniff", default=str(TOP / "target/release/sniff"))
    args.add_argument("--capture", default=str(RECORDED))
    args.add_argument("--times", type=int, default=40)
    args.add_argument("--together", type=int, default=50)
    a = args.parse_args()
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        for name, runs in [("alone", [1] * a.times), (f"{a.together} at once", [a.together] * 4)]:
            errors, said = measure(a.sniff, work, name.replace(" ", "-"), a.capture, runs)
            p50, p99, worst = percentile(errors, 50), percentile(errors, 99), max(errors)
            print(f"{name:12}  {len(errors):6} deliveries  p50 {p50:7.1f} us  p99 {p99:8.1f} us  max {worst:9.1f} us   load {os.getloadavg()[0]:.1f}")
            print(f"{'':12}  {said}")
            sys.stdout.flush()


main()
