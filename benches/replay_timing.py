"""Timing of `sniff replay` on the wire: tcpdump hears every replay, and each delivery's offset from its request is compared with the recording.

    python3 benches/replay_timing.py [--sniff PATH …] [--capture FILE] [--times N] [--together N] [--rounds N] [--no-peers]

One client after the other (--times), then N at once (--together). Root is needed for tcpdump. Figures: error of each recorded delivery's last byte in
microseconds, by size; the processor time of the server, in percent of one; beside them what the pacer itself counted as late. Several --sniff are
measured in turns (--rounds), so that what else the machine does meets all of them.

Beside them, where they are installed, peers that recorded the same stream through themselves: mitmproxy (target/venv/mitmproxy, or PATH) and aimock
(target/npm-exports, or PATH). Where their answer has other bytes, a delivery's place is its share of the body."""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

TOP = pathlib.Path(__file__).resolve().parent.parent
RECORDED = TOP / "captures/seed/iflow/input.pcap"
BODY = json.dumps({"model": "m", "stream": True, "messages": [{"role": "user", "content": "hello"}]})


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port, process):
    """Until somebody listens. (A program that starts in a slow interpreter takes its time.)"""
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[0]} has ended with {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise RuntimeError(f"{process.args[0]} does not listen")


def ask(port, method, path):
    """Read an answer to its end as it comes; its body as received."""
    with socket.create_connection(("127.0.0.1", port)) as s:
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
        s.sendall((head + BODY).encode())
        s.settimeout(60)
        got = b""
        while not got.endswith(b"\r\n0\r\n\r\n"):
            data = s.recv(1 << 16)
            if not data:
                break
            got += data
        return got


def at_once(port, method, path, n):
    threads = [threading.Thread(target=ask, args=(port, method, path)) for _ in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def stop(process):
    process.send_signal(signal.SIGINT)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()


class Recording:
    """The stream that is replayed: when each delivery came, and which share of the body it ended."""

    def __init__(self, sniff, db):
        self.sniff, self.db = sniff, db
        first = json.loads(subprocess.check_output([sniff, "--db", db, "list", "--format", "json"]))[0]
        self.id, self.method, self.path = first["id"], first["request"]["method"], first["request"]["path"]
        self.wanted = places(deliveries(sniff, db, self.id))


def deliveries(sniff, db, exchange):
    """(microseconds since the request, bytes) of each."""
    shown = json.loads(subprocess.check_output([sniff, "--db", db, "show", str(exchange), "--format", "json"]))
    asked = shown["timing"]["t_request_end_ns"]
    return [((c["t_ns"] - asked) / 1e3, c["len"]) for c in shown["chunks"]]


def places(all):
    """(share of the body, when it was there)."""
    total, sum_, out = sum(n for _, n in all), 0, []
    for at, n in all:
        sum_ += n
        out.append((sum_ / total, at))
    return out


def errors(wanted, got):
    """For each recorded delivery: how far from its time its last byte came."""
    return [abs(next(t for place, t in got if place >= share - 1e-9) - at) for share, at in wanted]


# ---- servers: each yields (port, process, what it says when it is done)


@contextlib.contextmanager
def of_sniff(recording, sniff=None):
    port = free_port()
    command = [sniff or recording.sniff, "--db", recording.db, "replay", str(recording.id), "--match", "sequence", "--listen", f"127.0.0.1:{port}"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    ready = server.stderr.readline()
    if "replaying" not in ready:
        raise RuntimeError(f"{command[0]}: {ready.strip()} (several programs read one database: they must know the same)")
    said = []
    try:
        yield port, server, said
    finally:
        stop(server)
        said.append(server.stderr.read().strip().splitlines()[-1])


@contextlib.contextmanager
def running(command, port):
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port, server)
        yield port, server, []
    finally:
        stop(server)


@contextlib.contextmanager
def of_mitmproxy(recording, work, program):
    flows, port = str(work / "flows"), free_port()
    with of_sniff(recording) as (origin, _, _):
        mode = ["--mode", f"reverse:http://127.0.0.1:{origin}", "--listen-port", str(port), "--listen-host", "127.0.0.1"]
        streams = ["--set", "stream_large_bodies=1", "--set", "store_streamed_bodies=true"]
        with running([program, *mode, *streams, "-w", flows], port):
            ask(port, recording.method, recording.path)
            time.sleep(1)
        replay = ["--server-replay", flows, "--set", "server_replay_reuse=true", "--set", "server_replay_refresh=false"]
        with running([program, *mode, *replay], port) as server:
            yield server


@contextlib.contextmanager
def of_aimock(recording, work, program):
    fixtures, port = work / "fixtures", free_port()
    fixtures.mkdir()
    command = [*program, "-p", str(port), "-f", str(fixtures), "--log-level", "silent"]
    with of_sniff(recording) as (origin, _, _), running([*command, "--record", "--provider-openai", f"http://127.0.0.1:{origin}"], port):
        ask(port, recording.method, recording.path)
        time.sleep(1)
    with running(command, port) as server:
        yield server


def peers():
    """Those that are here: (name, server); the others are said to be left out."""
    npm = TOP / "target/npm-exports/node_modules/@copilotkit/aimock/dist/cli.js"
    aimock = ["node", str(npm)] if npm.exists() else [p for p in [shutil.which("llmock")] if p]
    venv = TOP / "target/venv/mitmproxy/bin/mitmdump"
    mitmproxy = str(venv) if venv.exists() else shutil.which("mitmdump")
    for name, program, server in [("mitmproxy", mitmproxy, of_mitmproxy), ("aimock", aimock, of_aimock)]:
        if program:
            yield name, lambda r, w, server=server, program=program: server(r, w, program)
        else:
            print(f"left out: {name} is not installed", file=sys.stderr)


# ---- the measuring


def measure(recording, server, work, runs):
    """Errors of all deliveries; deliveries per answer; processor time in percent; what the server says."""
    with server(recording, work) as (port, process, said):
        # Compilers that work while a program runs are done after some answers.
        for _ in range(0 if process.args[0].endswith("sniff") else 5):
            ask(port, recording.method, recording.path)
        pcap = work / "heard.pcap"
        dump = subprocess.Popen(
            ["tcpdump", "-i", "lo", "-U", "-s", "0", "-w", str(pcap), "-B", "65536", "--time-stamp-precision=nano", "tcp", "port", str(port)],
            stderr=subprocess.PIPE,
        )
        while b"listening on" not in dump.stderr.readline():
            pass
        before, began = processor_time(process.pid), time.monotonic()
        for together in runs:
            at_once(port, recording.method, recording.path, together)
        busy = 100 * (processor_time(process.pid) - before) / (time.monotonic() - began)
        # The kernel hands the last packets over with its next block.
        time.sleep(1.5)
        stop(dump)
    heard = str(work / "heard.db")
    subprocess.run([recording.sniff, "-q", "--db", heard, "--read", str(pcap)], check=True)
    all, counts = [], []
    for e in json.loads(subprocess.check_output([recording.sniff, "--db", heard, "list", "--format", "json"])):
        got = deliveries(recording.sniff, heard, e["id"])
        if got:
            counts.append(len(got))
            all.append(errors(recording.wanted, places(got)))
    os.remove(heard)
    return all, counts, busy, said


def processor_time(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, max(0, -(-len(values) * p // 100) - 1))]


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--sniff", action="append")
    args.add_argument("--capture", default=str(RECORDED))
    args.add_argument("--times", type=int, default=40)
    args.add_argument("--together", type=int, default=50)
    args.add_argument("--rounds", type=int, default=4)
    args.add_argument("--no-peers", action="store_true")
    a = args.parse_args()
    programs = a.sniff or [str(TOP / "target/release/sniff")]
    with tempfile.TemporaryDirectory(prefix="replay-timing-") as work:
        os.chmod(work, 0o755)
        db = str(pathlib.Path(work) / "recorded.db")
        subprocess.run([programs[0], "-q", "--db", db, "--read", a.capture], check=True)
        recording = Recording(programs[0], db)
        rows = [(p, lambda r, w, p=p: of_sniff(r, p)) for p in programs] + ([] if a.no_peers else list(peers()))
        modes = [("alone", [1] * -(-a.times // a.rounds)), (f"{a.together} at once", [a.together])]
        found = {}
        for n in range(a.rounds):
            for row, server in rows:
                for mode, runs in modes:
                    folder = pathlib.Path(tempfile.mkdtemp(dir=work))
                    os.chmod(folder, 0o777)
                    found.setdefault((mode, row), []).append(measure(recording, server, folder, runs))
        wanted = len(recording.wanted)
        for mode, _ in modes:
            for row, _ in rows:
                measured = found[mode, row]
                all = [e for answers, *_ in measured for answer in answers for e in answer]
                counts = [c for _, counts, *_ in measured for c in counts]
                p50, p99, worst = percentile(all, 50), percentile(all, 99), max(all)
                print(f"{mode:12}  {row:24}  p50 {p50:9.1f} us  p99 {p99:9.1f} us  max {worst:9.1f} us   {len(counts):4} answers in "
                      f"{min(counts)}…{max(counts)} deliveries of {wanted}   CPU {percentile([m[2] for m in measured], 50):4.1f} %")
                for line in [line for *_, said in measured for line in said][-1:]:
                    print(f"{'':12}  {line}")
        print(f"load {os.getloadavg()[0]:.1f}")


main()
